/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of test/data/ottl/functions, each on the record there, and what the Go collector made of it. A line of
 * differences.txt is a statement of which otelcd makes something else, and why; such a line must be true. */
#include "codec/base64.h"
#include "codec/json_scan.h"
#include "base/vec.h"
#include "otlp/fields.h"
#include "otlp/json.h"
#include "otlp/logs.pb-c.h"
#include "ottl/ottl.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "test/data/ottl/functions/"
#define NOW 1700000000000000000

static struct buf read_file(const char *name)
{
    struct buf text = { 0 };
    char path[200];
    FILE *in;
    size_t n;

    snprintf(path, sizeof(path), FOLDER "%s", name);
    in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s", path);
    while ((n = fread(buf_reserve(&text, 65536), 1, 65536, in)) > 0)
        text.len += n;
    fclose(in);
    return text;
}

/* ---- what is expected: a value as JSON has it, integers without a point ---- */

static void put_expected(struct json_scan *s, struct buf *out);

static void put_list(struct json_scan *s, struct buf *out)
{
    size_t mark = pb_begin(out, OTLP_ANY_ARRAY);

    for (s->p++; json_peek(s) != ']'; s->p += json_peek(s) == ',') {
        size_t element = pb_begin(out, 1);

        put_expected(s, out);
        pb_end(out, element);
    }
    s->p++;
    pb_end(out, mark);
}

/* {"$bytes": ...} and {"$double": ...} are what their names say. */
static void put_map(struct json_scan *s, struct buf *out)
{
    size_t begin = out->len, mark = pb_begin(out, OTLP_ANY_MAP);

    for (s->p++; json_peek(s) != '}'; s->p += json_peek(s) == ',') {
        struct bytes key, text;
        struct buf bytes = { 0 };
        size_t pair, value;

        ck_assert(json_string(s, &key));
        if (bytes_is(key, "$bytes") || bytes_is(key, "$double")) {
            bool is_bytes = bytes_is(key, "$bytes");

            json_expect(s, ':', "");
            json_space(s);
            ck_assert(json_string(s, &text));
            out->len = begin;
            if (is_bytes && base64_decode(text, &bytes))
                pb_put_bytes(out, OTLP_ANY_BYTES, buf_bytes(&bytes));
            else
                pb_put_double(out, OTLP_ANY_DOUBLE,
                              bytes_is(text, "NaN") ? NAN
                              : text.data[0] == '-' ? -HUGE_VAL
                                                    : HUGE_VAL);
            buf_free(&bytes);
            json_expect(s, '}', "");
            return;
        }
        pair = pb_begin(out, 1);
        pb_put_bytes(out, 1, key);
        value = pb_begin(out, 2);
        json_expect(s, ':', "");
        put_expected(s, out);
        pb_end(out, value);
        pb_end(out, pair);
    }
    s->p++;
    pb_end(out, mark);
}

static void put_expected(struct json_scan *s, struct buf *out)
{
    uint8_t c = json_peek(s);
    struct value v = { VALUE_EMPTY, .integer = 0 };
    struct bytes text;
    char number[64];

    if (c == '{' || c == '[') {
        (c == '{' ? put_map : put_list)(s, out);
    } else if (c == '"') {
        ck_assert(json_string(s, &text));
        pb_put_bytes(out, OTLP_ANY_STRING, text);
    } else if (c == 'n') {
        json_literal(s, "null");
    } else if (c == 't' || c == 'f') {
        v = (struct value){ VALUE_BOOL, .boolean = c == 't' };
        json_literal(s, c == 't' ? "true" : "false");
        value_put(out, &v);
    } else {
        ck_assert(json_number(s, &text));
        snprintf(number, sizeof(number), "%.*s", (int)text.len, (const char *)text.data);
        if (strpbrk(number, ".eE") != NULL)
            v = (struct value){ VALUE_DOUBLE, .number = strtod(number, NULL) };
        else
            v = (struct value){ VALUE_INT, .integer = strtoll(number, NULL, 10) };
        value_put(out, &v);
    }
}

/* ---- a record as it came and as it is now ---- */

static bool find_attribute(struct bytes record, struct bytes key, struct bytes *value)
{
    struct pb_reader r = pb_reader(record);

    for (struct attribute a; attribute_next(&r, OTLP_LOG_ATTRIBUTES, &a);)
        if (bytes_equal(a.key, key)) {
            *value = a.value;
            return true;
        }
    return false;
}

static bool same_value(struct bytes a, struct bytes b)
{
    struct value x = value_read(a), y = value_read(b);

    if (x.type == VALUE_DOUBLE && y.type == VALUE_DOUBLE && x.number != x.number && y.number != y.number)
        return true;
    return value_equal(&x, &y);
}

struct expected {
    VEC(struct bytes) keys; /* of attributes that changed, in memory of their own */
};

static bool is_named(const struct expected *e, struct bytes key)
{
    for (size_t i = 0; i < e->keys.n; i++)
        if (bytes_equal(e->keys.v[i], key))
            return true;
    return false;
}

/* Is each attribute that `a` has and nobody named the same in `b`? */
static bool same_rest(const struct expected *e, struct bytes a, struct bytes b)
{
    struct pb_reader r = pb_reader(a);
    struct bytes value;

    for (struct attribute one; attribute_next(&r, OTLP_LOG_ATTRIBUTES, &one);)
        if (!is_named(e, one.key) && (!find_attribute(b, one.key, &value) || !same_value(one.value, value)))
            return false;
    return true;
}

static bool meets_change(struct json_scan *s, struct bytes key, struct bytes now)
{
    struct buf wanted = { 0 };
    struct bytes value;
    bool there = find_attribute(now, key, &value), good;

    if (json_peek(s) == '"' && s->end - s->p > 7 && memcmp(s->p, "\"$gone\"", 7) == 0) {
        json_skip(s);
        return !there;
    }
    put_expected(s, &wanted);
    good = there && same_value(value, buf_bytes(&wanted));
    buf_free(&wanted);
    return good;
}

/* The record is what it was, but for what `changed` says. */
static bool meets_changes(struct bytes changed, struct bytes was, struct bytes now)
{
    static const char prefix[] = "attributes ";
    struct json_scan s = { .p = changed.data, .end = bytes_end(changed) };
    struct expected e = { 0 };
    struct bytes key;
    bool good = true;

    for (s.p++; json_peek(&s) != '}'; s.p += json_peek(&s) == ',') {
        json_space(&s);
        ck_assert(json_string(&s, &key));
        json_expect(&s, ':', "");
        if (key.len < sizeof(prefix) || memcmp(key.data, prefix, sizeof(prefix) - 1) != 0) {
            json_skip(&s);
            continue;
        }
        key = bytes_skip(key, sizeof(prefix) - 1);
        *vec_push(&e.keys) = bytes_of(bytes_dup(key), key.len);
        key = e.keys.v[e.keys.n - 1];
        good = meets_change(&s, key, now) && good;
    }
    good = good && same_rest(&e, was, now) && same_rest(&e, now, was);
    for (size_t i = 0; i < e.keys.n; i++)
        free((void *)(uintptr_t)e.keys.v[i].data);
    vec_free(&e.keys);
    buf_free(&s.scratch);
    return good;
}

/* ---- cases ---- */

struct answer {
    struct buf statement;
    struct bytes changed; /* JSON, or nothing */
    bool refused, crashes;
};

/* {"changed": {...}, "statement": "..."} */
static bool read_answer(struct json_scan *s, struct answer *a)
{
    struct bytes key, text;

    a->statement.len = 0;
    a->changed = bytes_of(NULL, 0);
    a->refused = a->crashes = false;
    if (json_peek(s) == '[' || json_peek(s) == ',')
        s->p++;
    if (json_peek(s) != '{')
        return false;
    for (s->p++; json_peek(s) != '}'; s->p += json_peek(s) == ',') {
        const uint8_t *begin;
        bool is_statement, is_changed;

        json_space(s);
        ck_assert(json_string(s, &key));
        a->refused = a->refused || bytes_is(key, "refused");
        a->crashes = a->crashes || bytes_is(key, "crashes");
        is_statement = bytes_is(key, "statement");
        is_changed = bytes_is(key, "changed");
        json_expect(s, ':', "");
        json_space(s);
        begin = s->p;
        if (is_statement && json_string(s, &text))
            buf_put(&a->statement, text);
        else if (!is_statement)
            json_skip(s);
        if (is_changed)
            a->changed = bytes_of(begin, (size_t)(s->p - begin));
    }
    s->p++;
    return true;
}

/* Does otelcd make of the statement what Go did? A crash of Go's must be a fault of ours. */
static bool meets_answer(struct ottl_evaluation *e, const struct answer *a, struct bytes record, const char **what)
{
    static char text[600];
    struct ottl_item item = { .item = record };
    struct ottl_fault fault;
    struct error err = { 0 };
    struct ottl_program *p;
    struct buf statement = { 0 };
    bool ran, good;

    buf_put(&statement, buf_bytes(&a->statement));
    p = ottl_parse_statement(buf_cstr(&statement), (struct ottl_reading){ .context = OTTL_LOG, .bare = true }, &fault);
    buf_free(&statement);
    *what = text;
    snprintf(text, sizeof(text), "refused: %s", p == NULL ? fault.text : "no");
    if (p == NULL)
        return a->refused || a->crashes;
    ottl_begin(e, &item, NOW);
    good = ottl_run(e, p, &ran, &err);
    snprintf(text, sizeof(text), "failed: %s", good ? "no" : err.text);
    if (a->refused || a->crashes)
        good = !good && a->crashes;
    else if (good)
        good = meets_changes(a->changed, record, ottl_item_now(e)->item);
    else
        good = bytes_is(a->changed, "{}");
    ottl_program_free(p);
    return good;
}

static bool is_listed(const struct buf *differences, struct bytes statement)
{
    const uint8_t *at;

    if (statement.data == NULL)
        return false;
    at = memmem(differences->data, differences->len, statement.data, statement.len);
    for (; at != NULL;
         at = memmem(at + 1, (size_t)(differences->data + differences->len - at) - 1, statement.data, statement.len))
        if (at[-1] == '\n' && at[statement.len] == '\n')
            return true;
    return false;
}

static const char *const names[] = { "editors", "encoding", "hash",  "lambdas",    "network", "parse",
                                     "strings", "time",     "types", "user_agent", "xml" };

START_TEST(statements_do_what_they_do_in_go)
{
    struct buf differences = read_file("differences.txt"), json = read_file("record.json"), record = { 0 }, file;
    struct ottl_evaluation *e = ottl_evaluation_new();
    struct json_scan s = { 0 };
    struct answer a = { 0 };
    struct error err = { 0 };
    size_t n = 0, wrong = 0;
    char name[40];

    ck_assert_msg(json_to_wire(&otlp__log_record__descriptor, buf_bytes(&json), 1 << 20, &record, &err) == 0, "%s",
                  err.text);
    snprintf(name, sizeof(name), "%s.json", names[_i]);
    file = read_file(name);
    s.p = file.data;
    s.end = file.data + file.len;
    for (; read_answer(&s, &a); n++) {
        const char *what;
        bool same = meets_answer(e, &a, buf_bytes(&record), &what),
             listed = is_listed(&differences, buf_bytes(&a.statement));

        if (same == listed) {
            fprintf(stderr, "%s: %s (%s)\n", listed ? "is listed but the same" : "differs", buf_cstr(&a.statement),
                    what);
            wrong++;
        }
    }
    ck_assert_uint_gt(n, 40);
    ck_assert_uint_eq(wrong, 0);
    buf_free(&a.statement);
    buf_free(&s.scratch);
    buf_free(&file);
    buf_free(&record);
    buf_free(&json);
    buf_free(&differences);
    ottl_evaluation_free(e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("function");
    TCase *tc = tcase_create("function");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, statements_do_what_they_do_in_go, 0, sizeof(names) / sizeof(*names));
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
