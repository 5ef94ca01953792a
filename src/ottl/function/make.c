/* SPDX-License-Identifier: Apache-2.0 */
/* What functions make results with. A result is put together in a buf, whose size the caller has spent steps for, and
 * then moved into the arena of the call (ottl_give()). A pattern that is written is compiled when the statement is; one
 * that is computed when its text is another than last time, and kept.
 *
 * What can go wrong: bytes that are no UTF-8 in a text: they are replaced before it is given. A pattern that does not
 * compile, or a search that may take more steps than the statement has: the call fails, and says so. */
#include "ottl/function/make.h"

#include "base/mem.h"
#include "codec/regex_steps.h"
#include "codec/utf8.h"
#include "otlp/fields.h"
#include "ottl/ottl.h"

#include <stdarg.h>
#include <stdio.h>

struct bytes ottl_take(struct ottl_call *c, struct buf *b)
{
    struct bytes kept = { 0 };

    if (b->len > 0)
        kept = bytes_of(memcpy(arena_alloc_bytes(c->arena, b->len), b->data, b->len), b->len);
    buf_free(b);
    return kept;
}

bool ottl_give_text(struct ottl_call *c, struct buf *b, struct ottl_value *result)
{
    if (!utf8_valid(buf_bytes(b))) {
        struct buf repaired = { 0 };

        utf8_repair(buf_bytes(b), &repaired);
        buf_free(b);
        *b = repaired;
    }
    return ottl_give(c, b, OTTL_STRING, result);
}

bool ottl_give(struct ottl_call *c, struct buf *b, enum ottl_type type, struct ottl_value *result)
{
    *result = ottl_bytes(type, ottl_take(c, b));
    return true;
}

void ottl_put_element(struct buf *list, const struct ottl_value *v)
{
    size_t mark = pb_begin(list, OTLP_LIST_VALUES);

    ottl_value_put(list, v);
    pb_end(list, mark);
}

void ottl_put_string(struct buf *list, struct bytes text)
{
    struct ottl_value v = ottl_string(text);

    ottl_put_element(list, &v);
}

void ottl_put_pair(struct buf *map, struct bytes key, const struct ottl_value *v)
{
    size_t pair = pb_begin(map, OTLP_LIST_VALUES), value;

    pb_put_bytes(map, OTLP_KEY_VALUE_KEY, key);
    value = pb_begin(map, OTLP_KEY_VALUE_VALUE);
    ottl_value_put(map, v);
    pb_end(map, value);
    pb_end(map, pair);
}

void ottl_put_text_pair(struct buf *map, struct bytes key, struct bytes text)
{
    struct ottl_value v = ottl_string(text);

    ottl_put_pair(map, key, &v);
}

/* ---- what is read ---- */

bool ottl_next_pair(struct pb_reader *r, struct bytes *key, struct ottl_value *v)
{
    struct attribute a;

    if (!attribute_next(r, OTLP_LIST_VALUES, &a))
        return false;
    *key = a.key;
    *v = ottl_value_read(a.value);
    return true;
}

bool ottl_next_element(struct pb_reader *r, struct ottl_value *v)
{
    for (struct pb_field f; pb_next(r, &f);)
        if (f.number == 1 && f.wire == PB_LEN) {
            *v = ottl_value_read(f.bytes);
            return true;
        }
    return false;
}

const char *ottl_go_type(const struct ottl_value *v)
{
    static const char *const names[] = {
        [OTTL_NIL] = "nil",
        [OTTL_BOOL] = "bool",
        [OTTL_INT] = "int64",
        [OTTL_DOUBLE] = "float64",
        [OTTL_STRING] = "string",
        [OTTL_BYTES] = "[]uint8",
        [OTTL_LIST] = "pcommon.Slice",
        [OTTL_MAP] = "pcommon.Map",
        [OTTL_TIME] = "time.Time",
        [OTTL_DURATION] = "time.Duration",
        [OTTL_VALUES] = "[]interface {}",
        [OTTL_FUNCTION] = "function",
        [OTTL_OBJECTS] = "objects",
    };

    return names[v->type];
}

struct bytes ottl_text_or(const struct ottl_call *c, unsigned i, const char *otherwise)
{
    return ottl_given(c, i) ? c->args[i].bytes : bytes_str(otherwise);
}

bool ottl_bool_or(const struct ottl_call *c, unsigned i, bool otherwise)
{
    return ottl_given(c, i) ? c->args[i].boolean : otherwise;
}

bool ottl_refuse(struct ottl_prepare *p, unsigned i, const char *fmt, ...)
{
    char text[sizeof(p->err.text)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    p->at = i;
    error_set(&p->err, -1, "%s", text);
    return false;
}

/* ---- patterns ---- */

bool ottl_pattern_prepare_by(struct ottl_prepare *p, unsigned i, struct regex *(*compile)(struct bytes, struct error *))
{
    struct ottl_pattern *pattern = mem_zalloc(sizeof(*pattern));

    p->state = pattern;
    pattern->compile = compile;
    if (!ottl_known(p, i))
        return true;
    pattern->re = compile(p->args[i].bytes, &p->err);
    p->at = i;
    buf_put(&pattern->text, p->args[i].bytes);
    return pattern->re != NULL;
}

bool ottl_pattern_prepare(struct ottl_prepare *p, unsigned i)
{
    return ottl_pattern_prepare_by(p, i, regex_new_bytes);
}

void ottl_pattern_release(void *state)
{
    struct ottl_pattern *pattern = state;

    if (pattern == NULL)
        return;
    regex_free(pattern->re);
    buf_free(&pattern->text);
    free(pattern);
}

#define PATTERN_STEPS 2000 /* what it costs to compile one, more or less */

struct regex *ottl_pattern_of(struct ottl_call *c, unsigned i)
{
    struct ottl_pattern *pattern = c->state;
    struct bytes text = c->args[i].bytes;
    struct error err = { 0 };

    if (pattern->re != NULL && bytes_equal(buf_bytes(&pattern->text), text))
        return pattern->re;
    if (!ottl_spend(c, PATTERN_STEPS + text.len))
        return NULL;
    regex_free(pattern->re);
    pattern->text.len = 0;
    buf_put(&pattern->text, text);
    pattern->re = (*pattern->compile)(text, &err);
    if (pattern->re == NULL)
        ottl_fail(c, "%s", err.text);
    return pattern->re;
}

bool ottl_find(struct ottl_call *c, struct regex *re, struct bytes subject, size_t from, struct bytes *found,
               bool *matches)
{
    uint64_t steps;

    if (regex_price(re, subject, from, &steps)) {
        if (!ottl_spend_worst(c, steps))
            return false;
        *matches = found != NULL ? regex_find_from(re, subject, from, found) : regex_search(re, subject);
        return true;
    }
    if (steps > OTTL_MAX_STEPS)
        return ottl_fail(c, "a search of %zu bytes with a pattern of %u instructions may take more than %u steps",
                         subject.len - from, regex_size(re), OTTL_MAX_STEPS);
    *matches = regex_find_timed(re, subject, from, found, &steps);
    return ottl_spend(c, steps);
}

bool ottl_search(struct ottl_call *c, struct regex *re, struct bytes subject, bool *matches)
{
    return ottl_find(c, re, subject, 0, NULL, matches);
}
