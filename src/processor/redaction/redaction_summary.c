/* SPDX-License-Identifier: Apache-2.0 */
/* What was done to a message, as attributes of it: numbers, and for debugging the keys. Those that another redaction
 * left there are added to. */
#include "processor/redaction/redaction.h"

#include "otlp/any_value.h"
#include "otlp/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tally_count(const struct redaction *p, struct tally *t, enum fate fate, struct bytes key)
{
    if (fate == LEFT)
        return;
    t->n[fate]++;
    if (p->config->summary == SUMMARY_DEBUG && fate != IGNORED)
        *vec_push(&t->keys[fate]) = key;
}

void tally_clear(struct tally *t)
{
    for (unsigned i = 0; i < FATES; i++)
        t->n[i] = t->keys[i].n = 0;
}

static void put_string(struct buf *out, uint32_t number, struct bytes text)
{
    size_t mark = pb_begin(out, number);

    pb_put_bytes(out, OTLP_ANY_STRING, text);
    pb_end(out, mark);
}

void redaction_put_pair(struct buf *out, uint32_t number, struct bytes key, struct bytes text)
{
    size_t mark = pb_begin(out, number);

    pb_put_bytes(out, OTLP_KEY_VALUE_KEY, key);
    put_string(out, OTLP_KEY_VALUE_VALUE, text);
    pb_end(out, mark);
}

static int compare_keys(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Of those that another redaction left: the value of that key, and the message without it. */
static struct bytes take_own(struct redaction *p, size_t from, unsigned number, struct bytes key)
{
    struct pb_reader r = pb_reader(bytes_of(p->out.data + from, p->out.len - from));

    for (struct pb_field f; pb_next(&r, &f);) {
        struct attribute a;

        if (f.number != number || f.wire != PB_LEN)
            continue;
        a = attribute_of(f.bytes);
        if (!bytes_equal(a.key, key))
            continue;
        p->masked[1].len = 0;
        buf_put(&p->masked[1], a.value);
        memmove(p->out.data + (f.start - p->out.data), r.p, (size_t)(p->out.data + p->out.len - r.p));
        p->out.len -= (size_t)(r.p - f.start);
        return buf_bytes(&p->masked[1]);
    }
    return bytes_of(NULL, 0);
}

static void put_count(struct redaction *p, size_t from, unsigned number, const char *key, uint64_t n)
{
    struct value before = value_read(take_own(p, from, number, bytes_str(key)));
    size_t mark, value;

    n += before.type == VALUE_INT ? (uint64_t)before.integer : 0;
    mark = pb_begin(&p->out, number);
    pb_put_str(&p->out, OTLP_KEY_VALUE_KEY, key);
    value = pb_begin(&p->out, OTLP_KEY_VALUE_VALUE);
    pb_put_uint(&p->out, OTLP_ANY_INT, n);
    pb_end(&p->out, value);
    pb_end(&p->out, mark);
}

static void put_keys(struct redaction *p, size_t from, unsigned number, const char *name, struct tally *t,
                     enum fate fate)
{
    struct value before = value_read(take_own(p, from, number, bytes_str(name)));

    p->text.len = 0;
    if (before.type == VALUE_STRING && before.bytes.len > 0) {
        buf_put(&p->text, before.bytes);
        buf_putc(&p->text, ',');
    }
    qsort(t->keys[fate].v, t->keys[fate].n, sizeof(struct bytes), compare_keys);
    for (size_t i = 0; i < t->keys[fate].n; i++) {
        if (i > 0)
            buf_putc(&p->text, ',');
        buf_put(&p->text, t->keys[fate].v[i]);
    }
    redaction_put_pair(&p->out, number, bytes_str(name), buf_bytes(&p->text));
}

void redaction_summarize(struct redaction *p, size_t from, unsigned number, const char *prefix, struct tally *t)
{
    static const char *const words[FATES] = { "ignored", "redacted", "allowed", "masked" };
    char name[64];

    for (unsigned fate = 0; fate < FATES && p->config->summary != SUMMARY_SILENT; fate++) {
        if (t->n[fate] == 0)
            continue;
        snprintf(name, sizeof(name), "%s.%s.count", prefix, words[fate]);
        put_count(p, from, number, name, t->n[fate]);
        snprintf(name, sizeof(name), "%s.%s.keys", prefix, words[fate]);
        if (t->keys[fate].n > 0)
            put_keys(p, from, number, name, t, (enum fate)fate);
        p->changed = true;
    }
}
