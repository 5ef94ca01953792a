/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/validate.h"

#include "codec/pb.h"
#include "otlp/fields.h"

#include <check.h>
#include <stdlib.h>

static struct buf b;
static struct validation v;

static void setup(void)
{
    b.len = 0;
}

static void teardown(void)
{
    buf_free(&b);
}

/* Open resource and scope of a request; `close3` closes them. */
static size_t marks[3];

static void open_scope(void)
{
    marks[0] = pb_begin(&b, 1);
    marks[1] = pb_begin(&b, 2);
}

static void close_scope(void)
{
    pb_end(&b, marks[1]);
    pb_end(&b, marks[0]);
}

static bool valid(enum signal s)
{
    return otlp_validate(s, buf_bytes(&b), &v);
}

START_TEST(spans_points_records_and_samples_are_counted)
{
    size_t m, g;

    open_scope();
    pb_put_str(&b, 2, "");
    pb_put_str(&b, 2, "");
    close_scope();
    ck_assert(valid(SIGNAL_TRACES) && v.items == 2);
    ck_assert(valid(SIGNAL_LOGS) && v.items == 2);
    b.len = 0;
    open_scope();
    for (unsigned field = 5; field <= 11; field++) {
        if (field == 6 || field == 8)
            continue;
        m = pb_begin(&b, 2);
        g = pb_begin(&b, field);
        pb_put_str(&b, 1, "");
        pb_put_str(&b, 1, "");
        pb_end(&b, g);
        pb_end(&b, m);
    }
    close_scope();
    ck_assert_msg(valid(SIGNAL_METRICS), "%s", v.fault);
    ck_assert_uint_eq(v.items, 10);
    b.len = 0;
    open_scope();
    m = pb_begin(&b, 2);
    pb_put_str(&b, 2, "");
    pb_end(&b, m);
    close_scope();
    ck_assert(valid(SIGNAL_PROFILES) && v.items == 1);
}
END_TEST

START_TEST(empty_requests_and_unknown_fields_are_valid)
{
    ck_assert(valid(SIGNAL_TRACES) && v.items == 0);
    pb_put_str(&b, 100, "unknown");
    pb_put_uint(&b, 9, 1);
    pb_put_fixed64(&b, 1000, 1);
    pb_put_fixed32(&b, 14, 1);
    ck_assert(valid(SIGNAL_TRACES) && v.items == 0);
}
END_TEST

static const struct {
    const char *what;
    uint32_t field;
    const char *bytes;
    size_t len;
    bool ok;
    const char *fault;
} span_cases[] = {
    { "a trace id of 16 bytes", 1, "0123456789abcdef", 16, true, NULL },
    { "an empty trace id", 1, "", 0, true, NULL },
    { "a trace id of 15 bytes", 1, "0123456789abcde", 15, false, "resource_spans[0].scope_spans[0].spans[0].trace_id" },
    { "a span id of 9 bytes", 2, "012345678", 9, false, "spans[0].span_id" },
    { "a parent id of 7 bytes", 4, "0123456", 7, false, "spans[0].parent_span_id" },
    { "a name in UTF-8", 5, "caf\xc3\xa9 \xf0\x9f\x98\x80", 10, true, NULL },
    { "a name in Latin-1", 5, "caf\xe9", 4, false, "spans[0].name: not valid UTF-8" },
    { "a surrogate", 5, "\xed\xa0\x80", 3, false, "not valid UTF-8" },
    { "an overlong form", 5, "\xc0\x80", 2, false, "not valid UTF-8" },
    { "a late fault in a long name", 5, "0123456789012345678901234567890123456789\xff", 41, false, "not valid UTF-8" },
    { "an embedded NUL", 5, "a\0b", 3, true, NULL },
    { "bytes where a number belongs", 6, "x", 1, false, "wrong wire type" },
    { "bytes where a fixed64 belongs", 7, "12345678", 8, false, "spans[0].start_time_unix_nano" },
};

START_TEST(fields_of_a_span_are_checked)
{
    size_t span;

    open_scope();
    span = pb_begin(&b, 2);
    pb_put_bytes(&b, span_cases[_i].field, bytes_of(span_cases[_i].bytes, span_cases[_i].len));
    pb_end(&b, span);
    close_scope();
    ck_assert_msg(valid(SIGNAL_TRACES) == span_cases[_i].ok, "%s: %s", span_cases[_i].what, v.fault);
    if (!span_cases[_i].ok)
        ck_assert_msg(strstr(v.fault, span_cases[_i].fault) != NULL, "%s: %s", span_cases[_i].what, v.fault);
}
END_TEST

START_TEST(groups_and_field_zero_are_refused)
{
    static const char *const bad[] = {
        "\x0b", "\x0c", "\x03", "\x02", "\x0f", "\x83\x01", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!otlp_validate(SIGNAL_TRACES, bytes_str(bad[i]), &v), "%zu", i);
}
END_TEST

START_TEST(packed_and_unpacked_numbers_are_both_valid)
{
    size_t metric, histogram, point, packed;

    open_scope();
    metric = pb_begin(&b, 2);
    histogram = pb_begin(&b, 9);
    point = pb_begin(&b, 1);
    pb_put_fixed64(&b, 6, 1);
    packed = pb_begin(&b, 6);
    buf_append(&b, "0123456789abcdef", 16);
    pb_end(&b, packed);
    pb_end(&b, point);
    pb_end(&b, histogram);
    pb_end(&b, metric);
    close_scope();
    ck_assert_msg(valid(SIGNAL_METRICS), "%s", v.fault);
}
END_TEST

START_TEST(packed_numbers_that_do_not_fill_up_are_refused)
{
    size_t metric, histogram, point;

    open_scope();
    metric = pb_begin(&b, 2);
    histogram = pb_begin(&b, 9);
    point = pb_begin(&b, 1);
    pb_put_str(&b, 6, "0123456");
    pb_end(&b, point);
    pb_end(&b, histogram);
    pb_end(&b, metric);
    close_scope();
    ck_assert(!valid(SIGNAL_METRICS));
    ck_assert_msg(strstr(v.fault, "data_points[0].bucket_counts") != NULL, "%s", v.fault);
}
END_TEST

/* A log record whose body nests `levels` arrays. */
static void nest(unsigned levels)
{
    size_t *open = malloc((2 * levels + 2) * sizeof(*open));
    unsigned n = 0;

    open_scope();
    open[n++] = pb_begin(&b, 2);
    open[n++] = pb_begin(&b, 5);
    for (unsigned i = 0; i < levels; i++)
        open[n++] = pb_begin(&b, i % 2 == 0 ? 5 : 1); /* array_value, values */
    while (n > 0)
        pb_end(&b, open[--n]);
    close_scope();
    free(open);
}

START_TEST(values_may_nest_as_deep_as_the_limit_and_no_deeper)
{
    nest(VALIDATE_MAX_DEPTH - 5);
    ck_assert_msg(valid(SIGNAL_LOGS), "%s", v.fault);
    b.len = 0;
    nest(VALIDATE_MAX_DEPTH - 4);
    ck_assert(!valid(SIGNAL_LOGS));
    ck_assert_msg(strstr(v.fault, "nested too deep") != NULL, "%s", v.fault);
    b.len = 0;
    nest(1200);
    ck_assert(!valid(SIGNAL_LOGS));
}
END_TEST

/* Go keeps the last of them and forgets the points of the others; here nothing is counted that nobody keeps. */
START_TEST(a_metric_with_two_kinds_of_data_is_refused)
{
    static const unsigned second[] = { OTLP_METRIC_SUM, OTLP_METRIC_GAUGE };
    size_t metric, data;

    open_scope();
    metric = pb_begin(&b, 2);
    for (int i = 0; i < 2; i++) {
        data = pb_begin(&b, i == 0 ? OTLP_METRIC_SUM : second[_i]);
        pb_put_str(&b, OTLP_DATA_POINTS, "");
        pb_end(&b, data);
    }
    pb_put_str(&b, OTLP_METRIC_NAME, "m");
    pb_end(&b, metric);
    close_scope();
    ck_assert(!valid(SIGNAL_METRICS));
    ck_assert_msg(strstr(v.fault, _i == 0 ? "metrics[0].sum: a second kind of data" : "metrics[0].gauge: a second") !=
                      NULL,
                  "%s", v.fault);
}
END_TEST

START_TEST(a_value_with_two_members_is_refused)
{
    size_t record, body;

    open_scope();
    record = pb_begin(&b, 2);
    body = pb_begin(&b, OTLP_LOG_BODY);
    pb_put_str(&b, OTLP_ANY_STRING, "x");
    if (_i == 1)
        pb_put_uint(&b, OTLP_ANY_INT, 1);
    if (_i == 2)
        pb_put_uint(&b, 99, 1); /* what nobody knows yet is no member */
    pb_end(&b, body);
    pb_end(&b, record);
    close_scope();
    ck_assert(valid(SIGNAL_LOGS) == (_i != 1));
    if (_i == 1)
        ck_assert_msg(strstr(v.fault, "body.int_value: a second value") != NULL, "%s", v.fault);
}
END_TEST

/* Numbers of fields of a record and what they hold, in the order that they are written. */
static const struct {
    const char *fields; /* t: time, n: severity_number, b: body, a: an attribute, u: one that nobody knows */
    bool ordered;
} orders[] = {
    { "", true },        { "t", true },     { "tnb", true }, { "tnbaaau", true }, { "tt", true }, { "nt", false },
    { "tnabaa", false }, { "aaat", false }, { "uu", true },  { "aua", false },    { "ba", true }, { "tbn", false },
};

static void put_field(char c)
{
    size_t m;

    switch (c) {
    case 't':
        pb_put_fixed64(&b, OTLP_LOG_TIME, 1);
        break;
    case 'n':
        pb_put_uint(&b, OTLP_LOG_SEVERITY_NUMBER, 9);
        break;
    case 'u':
        pb_put_uint(&b, 99, 1);
        break;
    default:
        m = pb_begin(&b, c == 'b' ? OTLP_LOG_BODY : OTLP_LOG_ATTRIBUTES);
        pb_put_str(&b, 1, "x");
        pb_end(&b, m);
    }
}

START_TEST(items_whose_fields_are_not_in_order_are_noticed)
{
    size_t record;

    for (unsigned i = 0; i < 2; i++) { /* among others, whose fields are in order */
        b.len = 0;
        open_scope();
        for (unsigned k = 0; k < 3; k++) {
            record = pb_begin(&b, 2);
            for (const char *c = k == i ? orders[_i].fields : "tnba"; *c != '\0'; c++)
                put_field(*c);
            pb_end(&b, record);
        }
        close_scope();
        ck_assert_msg(valid(SIGNAL_LOGS), "%s", v.fault);
        ck_assert_msg(v.ordered == orders[_i].ordered, "%s", orders[_i].fields);
    }
}
END_TEST

/* What items are in, and what is in an attribute. */
START_TEST(other_messages_are_looked_at_too)
{
    size_t resource, kv;

    for (unsigned i = 0; i < 4; i++) {
        b.len = 0;
        marks[0] = pb_begin(&b, 1);
        if (i == 1)
            pb_end(&b, pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES));
        resource = pb_begin(&b, OTLP_RESOURCE_GROUP_RESOURCE);
        if (i == 2)
            pb_put_uint(&b, 2, 7);
        kv = pb_begin(&b, OTLP_RESOURCE_ATTRIBUTES);
        if (i != 3)
            pb_put_str(&b, OTLP_KEY_VALUE_KEY, "k");
        pb_put_bytes(&b, OTLP_KEY_VALUE_VALUE, bytes_of("\x0a\x01x", 3));
        if (i == 3)
            pb_put_str(&b, OTLP_KEY_VALUE_KEY, "k");
        pb_end(&b, kv);
        pb_end(&b, resource);
        pb_put_str(&b, OTLP_RESOURCE_GROUP_SCHEMA_URL, "s");
        pb_end(&b, marks[0]);
        ck_assert_msg(valid(SIGNAL_LOGS), "%s", v.fault);
        ck_assert(v.ordered == (i == 0));
    }
}
END_TEST

/* What is recognised by its shape must be the whole of the value. */
static const struct {
    const char *bytes;
    size_t len;
    bool ok;
} values[] = {
    { "\x0a\x01x", 3, true },
    { "\x0a\x00", 2, true },
    { "\x0a\x02x", 3, false },
    { "\x0a\x01x\x18\x01", 5, false },
    { "\x0a\x01\xff", 3, false },
    { "\x0a\x80\x00", 3, true },
    { "\x18\x7f", 2, true },
    { "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, true },
    { "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, false },
    { "\x18\x80", 2, false },
    { "\x18", 1, false },
    { "\x10\x01", 2, true },
    { "\x10\x01\x10\x01", 4, false },
    { "\x21"
      "12345678",
      9, true },
    { "\x21"
      "1234567",
      8, false },
    { "\x21"
      "12345678\x18\x01",
      11, false },
    { "\x20\x01", 2, false },
    { "\x1a\x01x", 3, false },
    { "", 0, true },
};

START_TEST(a_value_is_checked_to_its_end)
{
    static const char text[] = "behind the record stands more, for whole blocks to be read";
    size_t record, kv;

    for (unsigned i = 0; i < 3; i++) {
        b.len = 0;
        open_scope();
        record = pb_begin(&b, 2);
        if (i == 0) {
            pb_put_bytes(&b, OTLP_LOG_BODY, bytes_of(values[_i].bytes, values[_i].len));
        } else {
            for (unsigned k = 0; k < i; k++) { /* the second one follows a plain one */
                kv = pb_begin(&b, OTLP_LOG_ATTRIBUTES);
                pb_put_str(&b, 1, "key");
                pb_put_bytes(&b, 2, k + 1 < i ? bytes_of("\x0a\x01x", 3) : bytes_of(values[_i].bytes, values[_i].len));
                pb_end(&b, kv);
            }
        }
        pb_end(&b, record);
        pb_put_str(&b, 3, text);
        close_scope();
        ck_assert_msg(valid(SIGNAL_LOGS) == values[_i].ok, "%d, %u: %s", _i, i, v.fault);
    }
}
END_TEST

/* An attribute's value ends where its length says, whatever the text in it says. */
START_TEST(a_value_of_an_attribute_ends_with_its_own_length)
{
    static const char attributes[][10] = {
        "\x0a\x01k\x12\x04\x0a\x02xy", /* as it should be */
        "\x0a\x01k\x12\x03\x0a\x02xy",
        "\x0a\x01k\x12\x05\x0a\x02xy",
        "\x0a\x01k\x12\x03\x18\x80\x80\x01",
    };
    size_t record;

    b.len = 0;
    open_scope();
    record = pb_begin(&b, 2);
    pb_put_bytes(&b, OTLP_LOG_ATTRIBUTES, bytes_of(attributes[_i], 9));
    pb_end(&b, record);
    close_scope();
    ck_assert_msg(valid(SIGNAL_LOGS) == (_i == 0), "%d: %s", _i, v.fault);
}
END_TEST

/* A body of arrays, and in the innermost, which is at that depth, a string or a map of plain pairs. */
static void nest_plain(unsigned depth, bool map)
{
    size_t open[2 * VALIDATE_MAX_DEPTH], pair;
    unsigned n = 0;

    b.len = 0;
    open_scope();
    open[n++] = pb_begin(&b, 2);
    open[n++] = pb_begin(&b, OTLP_LOG_BODY);
    for (unsigned at = 5; at < depth; at += 2) {
        open[n++] = pb_begin(&b, OTLP_ANY_ARRAY);
        open[n++] = pb_begin(&b, OTLP_LIST_VALUES);
    }
    if (map) {
        open[n++] = pb_begin(&b, OTLP_ANY_MAP);
        for (unsigned i = 0; i < 2; i++) {
            pair = pb_begin(&b, OTLP_LIST_VALUES);
            pb_put_str(&b, OTLP_KEY_VALUE_KEY, "k");
            pb_put_bytes(&b, OTLP_KEY_VALUE_VALUE, bytes_of("\x0a\x01v", 3));
            pb_end(&b, pair);
        }
    } else {
        pb_put_str(&b, OTLP_ANY_STRING, "v");
    }
    while (n > 0)
        pb_end(&b, open[--n]);
    close_scope();
}

START_TEST(what_is_plain_may_not_be_deeper_either)
{
    nest_plain(VALIDATE_MAX_DEPTH - 1, false);
    ck_assert_msg(valid(SIGNAL_LOGS), "%s", v.fault);
    nest_plain(VALIDATE_MAX_DEPTH + 1, false);
    ck_assert(!valid(SIGNAL_LOGS));
    nest_plain(VALIDATE_MAX_DEPTH - 3, true); /* the values at the limit */
    ck_assert_msg(valid(SIGNAL_LOGS), "%s", v.fault);
    nest_plain(VALIDATE_MAX_DEPTH - 1, true);
    ck_assert(!valid(SIGNAL_LOGS));
    ck_assert_msg(strstr(v.fault, "nested too deep") != NULL, "%s", v.fault);
}
END_TEST

START_TEST(a_request_cut_short_is_refused_or_shorter_by_whole_fields)
{
    size_t span, kv, any, full;
    unsigned refused = 0;

    open_scope();
    span = pb_begin(&b, 2);
    pb_put_str(&b, 5, "name");
    kv = pb_begin(&b, 9);
    pb_put_str(&b, 1, "k");
    any = pb_begin(&b, 2);
    pb_put_str(&b, 1, "v");
    pb_end(&b, any);
    pb_end(&b, kv);
    pb_end(&b, span);
    close_scope();
    full = b.len;
    for (b.len = 1; b.len < full; b.len++) {
        uint8_t *exact = malloc(b.len); /* for the sanitizer: not a byte may be read behind it */

        memcpy(exact, b.data, b.len);
        refused += !otlp_validate(SIGNAL_TRACES, bytes_of(exact, b.len), &v);
        free(exact);
    }
    ck_assert_uint_eq(refused, full - 1);
}
END_TEST

START_TEST(random_bytes_never_lead_outside)
{
    uint64_t x = (uint64_t)_i * 0x9e3779b97f4a7c15ull + 1;

    for (int round = 0; round < 2000; round++) {
        size_t n = (size_t)(x >> 33) % 64;
        uint8_t *exact = malloc(n ? n : 1);

        for (size_t i = 0; i < n; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            exact[i] = i % 3 == 0 ? (uint8_t) "\x0a\x12\x08\x11\x1a\x4a\x05\x2a"[x & 7] : (uint8_t)(x >> 24 & 0x1f);
        }
        otlp_validate((enum signal)(round % SIGNAL_COUNT), bytes_of(exact, n), &v);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("validate");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, spans_points_records_and_samples_are_counted);
    tcase_add_test(tc, empty_requests_and_unknown_fields_are_valid);
    tcase_add_loop_test(tc, fields_of_a_span_are_checked, 0, sizeof(span_cases) / sizeof(*span_cases));
    tcase_add_test(tc, groups_and_field_zero_are_refused);
    tcase_add_test(tc, packed_and_unpacked_numbers_are_both_valid);
    tcase_add_test(tc, packed_numbers_that_do_not_fill_up_are_refused);
    tcase_add_test(tc, values_may_nest_as_deep_as_the_limit_and_no_deeper);
    tcase_add_loop_test(tc, a_metric_with_two_kinds_of_data_is_refused, 0, 2);
    tcase_add_loop_test(tc, a_value_with_two_members_is_refused, 0, 3);
    tcase_add_loop_test(tc, items_whose_fields_are_not_in_order_are_noticed, 0, sizeof(orders) / sizeof(*orders));
    tcase_add_test(tc, other_messages_are_looked_at_too);
    tcase_add_loop_test(tc, a_value_of_an_attribute_ends_with_its_own_length, 0, 4);
    tcase_add_loop_test(tc, a_value_is_checked_to_its_end, 0, sizeof(values) / sizeof(*values));
    tcase_add_test(tc, what_is_plain_may_not_be_deeper_either);
    tcase_add_test(tc, a_request_cut_short_is_refused_or_shorter_by_whole_fields);
    tcase_add_loop_test(tc, random_bytes_never_lead_outside, 0, 8);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
