/* SPDX-License-Identifier: Apache-2.0 */
/* Messages byte by byte, as the specifications have them. */
#include "prom/remote_write/remote_write_message.h"

#include "base/mem.h"
#include "codec/compress.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_FIELD "\x0a\x0e\x0a\x08__name__\x12\x02up"
#define JOB_FIELD "\x0a\x08\x0a\x03job\x12\x01x"
#define ONE_AT_THAT_TIME "\x12\x10\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x80\xd0\x95\xff\xbc\x31"
#define THAT_TIME 1700000000000

static struct write_message message;
static struct buf fields;
static label_field_list labels;
static struct remote_metadata metadata;
static struct message_sample sample;

static void setup(void)
{
    message = (struct write_message){ 0 };
    fields = (struct buf){ 0 };
    labels.n = 0;
    metadata = (struct remote_metadata){ .type = REMOTE_UNKNOWN };
    sample = (struct message_sample){ .labels = &labels, .metadata = &metadata, .time = THAT_TIME, .bits = pb_bits(1) };
}

static void teardown(void)
{
    message_free(&message);
    buf_free(&fields);
    vec_free(&labels);
}

static void set_labels(const char *name, const char *label, const char *value)
{
    fields.len = labels.n = 0;
    label_field_put(&fields, bytes_str("__name__"), bytes_str(name));
    if (label != NULL)
        label_field_put(&fields, bytes_str(label), bytes_str(value));
    label_fields_list(&labels, buf_bytes(&fields));
}

static void begin(enum remote_write_version version)
{
    message.version = version;
    message_begin(&message, 3);
    message_unit(&message, true, 1);
}

static void is(struct bytes got, const void *wanted, size_t len)
{
    for (size_t i = 0; i < got.len && i < len; i++)
        ck_assert_msg(got.data[i] == ((const uint8_t *)wanted)[i], "byte %zu of %zu: %02x, not %02x", i, len,
                      got.data[i], ((const uint8_t *)wanted)[i]);
    ck_assert_uint_eq(got.len, len);
}

#define IS(got, wanted) is(got, wanted, sizeof(wanted) - 1)

START_TEST(version_1_is_labels_and_samples)
{
    struct remote_write_request *r;
    struct buf compressed = { 0 };

    begin(REMOTE_WRITE_1);
    set_labels("up", "job", "x");
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x0a\x2c" NAME_FIELD JOB_FIELD ONE_AT_THAT_TIME);
    ck_assert_uint_eq(r->shard, 3);
    ck_assert_uint_eq(r->items, 1);
    ck_assert_uint_eq(r->samples, 1);
    ck_assert_int_eq(r->newest, THAT_TIME);
    ck_assert_int_eq(deflate_buf(CODING_SNAPPY, 0, buf_bytes(&r->message), &compressed, NULL), 0);
    ck_assert_uint_eq(compressed.data[0], r->message.len); /* the block form: the length comes first */
    buf_free(&compressed);
    remote_write_request_free(r);
}
END_TEST

START_TEST(version_2_is_symbols_and_references)
{
    struct remote_write_request *r;

    begin(REMOTE_WRITE_2);
    set_labels("up", "job", "x");
    metadata = (struct remote_metadata){ .type = REMOTE_GAUGE, .family = BYTES_LIT("up"), .help = BYTES_LIT("Up?") };
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x22\x00"
                               "\x22\x03Up?"
                               "\x22\x08__name__"
                               "\x22\x02up"
                               "\x22\x03job"
                               "\x22\x01x"
                               "\x2a\x1e\x0a\x04\x02\x03\x04\x05" ONE_AT_THAT_TIME "\x2a\x04\x08\x02\x18\x01");
    remote_write_request_free(r);
}
END_TEST

START_TEST(version_2_has_each_symbol_once)
{
    struct remote_write_request *r;

    begin(REMOTE_WRITE_2);
    set_labels("up", "up", "job");
    message_put(&message, &sample);
    message_unit(&message, true, 1);
    set_labels("up", "job", "up");
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x22\x00"
                               "\x22\x08__name__"
                               "\x22\x02up"
                               "\x22\x03job"
                               "\x2a\x1a\x0a\x04\x01\x02\x02\x03" ONE_AT_THAT_TIME "\x2a\x00"
                               "\x2a\x1a\x0a\x04\x01\x02\x03\x02" ONE_AT_THAT_TIME "\x2a\x00");
    remote_write_request_free(r);
}
END_TEST

START_TEST(a_native_histogram_is_spans_and_deltas)
{
    static const struct native_span spans[] = { { -1, 3 } };
    static const int64_t deltas[] = { 1, 13, -1 };
    static const struct native_histogram native = {
        .schema = 8,
        .zero_threshold = 1e-128,
        .zero_count = 30,
        .count = 58,
        .sum = 100,
        .positive_spans = spans,
        .n_positive_spans = 1,
        .positive_deltas = deltas,
        .n_positive_deltas = 3,
    };
    struct remote_write_request *r;

    begin(REMOTE_WRITE_2);
    set_labels("h", NULL, NULL);
    metadata.type = REMOTE_HISTOGRAM;
    sample.native = &native;
    sample.start = THAT_TIME - 10000;
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x22\x00"
                               "\x22\x08__name__"
                               "\x22\x01h"
                               "\x2a\x3c\x0a\x02\x01\x02"
                               "\x1a\x32\x08\x3a"
                               "\x19\x00\x00\x00\x00\x00\x00\x59\x40"
                               "\x20\x10"
                               "\x29\x9d\x97\x8c\xcf\x08\xba\x5b\x25"
                               "\x30\x1e"
                               "\x5a\x04\x08\x01\x10\x03"
                               "\x62\x03\x02\x1a\x01"
                               "\x78\x80\xd0\x95\xff\xbc\x31"
                               "\x88\x01\xf0\x81\x95\xff\xbc\x31"
                               "\x2a\x02\x08\x03");
    ck_assert_uint_eq(r->histograms, 1);
    ck_assert_uint_eq(r->samples, 0);
    remote_write_request_free(r);
}
END_TEST

START_TEST(a_stale_marker_is_one_certain_nan)
{
    struct remote_write_request *r;

    begin(REMOTE_WRITE_1);
    set_labels("up", NULL, NULL);
    sample.bits = STALE_NAN;
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message),
       "\x0a\x22" NAME_FIELD "\x12\x10\x09\x02\x00\x00\x00\x00\x00\xf0\x7f\x10\x80\xd0\x95\xff\xbc\x31");
    remote_write_request_free(r);
}
END_TEST

START_TEST(a_start_is_in_version_2_only)
{
    struct remote_write_request *r;

    sample.start = 1;
    begin(REMOTE_WRITE_1);
    set_labels("up", "job", "x");
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x0a\x2c" NAME_FIELD JOB_FIELD ONE_AT_THAT_TIME);
    remote_write_request_free(r);
    begin(REMOTE_WRITE_2);
    message_put(&message, &sample);
    r = message_end(&message);
    IS(bytes_skip(buf_bytes(&r->message), r->units.v[0].at),
       "\x2a\x1c\x0a\x04\x01\x02\x03\x04\x12\x12\x09\x00\x00\x00\x00"
       "\x00\x00\xf0\x3f\x10\x80\xd0\x95\xff\xbc\x31\x18\x01"
       "\x2a\x00");
    remote_write_request_free(r);
}
END_TEST

START_TEST(exemplars_stand_behind_their_sample)
{
    static const struct exemplar x = { BYTES_LIT("trace_id=\"ab\""), 2, 1700000000000000000 };
    static const struct exemplar timeless = { BYTES_LIT("trace_id=\"cd\""), 2, 0 };
    const struct exemplar *list[] = { &timeless, &x };
    struct remote_write_request *r;

    sample.exemplars = list;
    sample.n_exemplars = 2;
    begin(REMOTE_WRITE_1);
    set_labels("up", "job", "x");
    message_put(&message, &sample);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x0a\x4e" NAME_FIELD JOB_FIELD ONE_AT_THAT_TIME "\x1a\x20"
                               "\x0a\x0e\x0a\x08trace_id\x12\x02"
                               "ab\x11\x00\x00\x00\x00\x00\x00\x00\x40\x18\x80\xd0\x95\xff\xbc\x31");
    ck_assert_uint_eq(r->exemplars, 1);
    remote_write_request_free(r);
}
END_TEST

START_TEST(metadata_is_a_unit_without_an_item)
{
    struct remote_write_request *r;

    metadata = (struct remote_metadata){ REMOTE_COUNTER, BYTES_LIT("a_total"), BYTES_LIT("What"), BYTES_LIT("s") };
    message.version = REMOTE_WRITE_1;
    message_begin(&message, 0);
    message_unit(&message, false, 1);
    message_put_metadata(&message, &metadata);
    metadata = (struct remote_metadata){ REMOTE_UNKNOWN, BYTES_LIT("b"), { 0 }, { 0 } };
    message_unit(&message, false, 1);
    message_put_metadata(&message, &metadata);
    r = message_end(&message);
    IS(buf_bytes(&r->message), "\x1a\x14\x08\x01\x12\x07"
                               "a_total\x22\x04What\x2a\x01s\x1a\x03\x12\x01"
                               "b");
    ck_assert_uint_eq(r->items, 0);
    ck_assert_uint_eq(r->metadata, 2);
    ck_assert_uint_eq(r->units.n, 2);
    ck_assert_uint_eq(r->units.v[0].items, 0);
    remote_write_request_free(r);
}
END_TEST

START_TEST(a_list_of_labels_is_merged_in_order_and_the_second_wins)
{
    struct buf a = { 0 }, b = { 0 };
    label_field_list x = { 0 }, y = { 0 }, both = { 0 };
    static const char *const wanted[] = { "a", "1", "b", "20", "c", "3", "d", "40" };

    label_field_put(&a, bytes_str("a"), bytes_str("1"));
    label_field_put(&a, bytes_str("b"), bytes_str("2"));
    label_field_put(&a, bytes_str("c"), bytes_str("3"));
    label_field_put(&b, bytes_str("b"), bytes_str("20"));
    label_field_put(&b, bytes_str("d"), bytes_str("40"));
    label_fields_list(&x, buf_bytes(&a));
    label_fields_list(&y, buf_bytes(&b));
    label_fields_merge(&both, &x, &y);
    ck_assert_uint_eq(both.n, 4);
    for (size_t i = 0; i < both.n; i++) {
        ck_assert(bytes_is(both.v[i].name, wanted[2 * i]));
        ck_assert(bytes_is(both.v[i].value, wanted[2 * i + 1]));
        ck_assert_uint_eq(both.v[i].field.len, label_field_size(both.v[i].name.len, both.v[i].value.len));
    }
    buf_free(&a);
    buf_free(&b);
    vec_free(&x);
    vec_free(&y);
    vec_free(&both);
}
END_TEST

START_TEST(rendered_labels_lose_their_escapes_and_empty_ones_go)
{
    struct buf out = { 0 };
    struct label_field f;
    struct bytes rest;

    label_fields_put(&out, bytes_str("a=\"x\\\\y\\\"z\\n\",b=\"\",\"c.d\"=\"e\""));
    rest = buf_bytes(&out);
    ck_assert(label_field_next(&rest, &f));
    ck_assert(bytes_is(f.name, "a") && bytes_is(f.value, "x\\y\"z\n"));
    ck_assert(label_field_next(&rest, &f));
    ck_assert(bytes_is(f.name, "c.d") && bytes_is(f.value, "e"));
    ck_assert(!label_field_next(&rest, &f));
    buf_free(&out);
}
END_TEST

START_TEST(long_labels_have_long_lengths)
{
    static const size_t sizes[] = { 0, 127, 128, 16383, 16384, 300000 };
    struct buf out = { 0 }, value = { 0 };
    struct label_field f;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct bytes rest;

        out.len = value.len = 0;
        memset(buf_reserve(&value, sizes[i] + 1), 'v', sizes[i]);
        value.len = sizes[i];
        label_field_put(&out, bytes_str("n"), buf_bytes(&value));
        ck_assert_uint_eq(out.len, label_field_size(1, sizes[i]));
        rest = buf_bytes(&out);
        ck_assert(label_field_next(&rest, &f));
        ck_assert(bytes_is(f.name, "n") && bytes_equal(f.value, buf_bytes(&value)));
        ck_assert_uint_eq(rest.len, 0);
    }
    buf_free(&out);
    buf_free(&value);
}
END_TEST

static uint32_t nth(struct symbols *s, unsigned i)
{
    char text[16];

    return symbols_number(s, bytes_of(text, (size_t)snprintf(text, sizeof(text), "symbol %u", i)));
}

START_TEST(a_string_keeps_its_number_while_the_table_grows)
{
    struct symbols s = { 0 };

    symbols_clear(&s);
    ck_assert_uint_eq(symbols_number(&s, bytes_str("")), 0);
    for (unsigned i = 0; i < 5000; i++)
        ck_assert_uint_eq(nth(&s, i), i + 1);
    for (unsigned i = 0; i < 5000; i++)
        ck_assert_uint_eq(nth(&s, i), i + 1);
    ck_assert(bytes_is(symbols_text(&s, 1), "symbol 0"));
    ck_assert(bytes_is(symbols_text(&s, 5000), "symbol 4999"));
    symbols_clear(&s);
    ck_assert_uint_eq(nth(&s, 4999), 1);
    symbols_free(&s);
}
END_TEST

/* Three series, of which the middle one alone has the value "middle". */
static struct remote_write_request *three(enum remote_write_version version)
{
    static const char *const values[] = { "first", "middle", "last" };

    message.version = version;
    message_begin(&message, 3);
    for (size_t i = 0; i < 3; i++) {
        set_labels("up", "at", values[i]);
        message_unit(&message, i != 1, 1);
        sample.time = THAT_TIME + (int64_t)i;
        message_put(&message, &sample);
    }
    return message_end(&message);
}

START_TEST(a_request_is_cut_between_units)
{
    for (enum remote_write_version v = REMOTE_WRITE_1; v <= REMOTE_WRITE_2; v++) {
        struct remote_write_request *r = three(v), *tail = remote_write_cut(r, 1, 3),
                                    *one = remote_write_cut(tail, 0, 1);
        struct buf name = { 0 };

        ck_assert_uint_eq(r->items, 2);
        ck_assert_uint_eq(tail->items, 1);
        ck_assert_uint_eq(tail->samples, 2);
        ck_assert_uint_eq(one->items, 0);
        ck_assert_uint_eq(one->samples, 1);
        ck_assert_uint_eq(one->shard, 3);
        remote_write_name(&name, one, 0);
        ck_assert_str_eq(buf_cstr(&name), "up{at=\"middle\"}");
        name.len = 0;
        remote_write_name(&name, tail, 1);
        ck_assert_str_eq(buf_cstr(&name), "up{at=\"last\"}");
        ck_assert_ptr_null(memmem(one->message.data, one->message.len, "first", 5));
        ck_assert_ptr_null(memmem(one->message.data, one->message.len, "last", 4));
        buf_free(&name);
        remote_write_request_free(r);
        remote_write_request_free(tail);
        remote_write_request_free(one);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote_write_message");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, version_1_is_labels_and_samples);
    tcase_add_test(tc, version_2_is_symbols_and_references);
    tcase_add_test(tc, version_2_has_each_symbol_once);
    tcase_add_test(tc, a_native_histogram_is_spans_and_deltas);
    tcase_add_test(tc, a_stale_marker_is_one_certain_nan);
    tcase_add_test(tc, a_start_is_in_version_2_only);
    tcase_add_test(tc, exemplars_stand_behind_their_sample);
    tcase_add_test(tc, metadata_is_a_unit_without_an_item);
    tcase_add_test(tc, a_list_of_labels_is_merged_in_order_and_the_second_wins);
    tcase_add_test(tc, rendered_labels_lose_their_escapes_and_empty_ones_go);
    tcase_add_test(tc, long_labels_have_long_lengths);
    tcase_add_test(tc, a_string_keeps_its_number_while_the_table_grows);
    tcase_add_test(tc, a_request_is_cut_between_units);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
