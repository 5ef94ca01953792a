/* SPDX-License-Identifier: Apache-2.0 */
/* Expositions against golden files in test/data/encoder/. With ENCODER_GOLDEN=write in the environment they are written
 * anew: look at the difference before it is committed. */
#include "prom/exposition/encoder.h"

#include "support/files.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "test/data/encoder/"

static struct bytes str(const char *s)
{
    return bytes_str(s);
}

static void begin(struct encoder *e, const char *name, enum family_type type, const char *help, const char *unit)
{
    encoder_family_begin(e, str(name), type, str(help), str(unit), false);
}

/* Prometheus' exposition formats. */
static void write_basic(struct encoder *e)
{
    struct exemplar traced[] = {
        { str("trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\""), 0.75, 1700000001250000000 },
        { str("trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\""), 1, 1700000002000000000 },
    };
    struct sample_extra of_h = { .exemplars = &traced[0], .n_exemplars = 1, .start_ns = 1700000000500000000 };
    struct sample_extra of_x = { .exemplars = &traced[1], .n_exemplars = 1, .start_ns = 1700000000500000000 };
    const double bounds[] = { 0.5, 1 };
    const uint64_t counts[] = { 1, 2 };
    struct classic_histogram h = { bounds, counts, 2, 3, 4.25, true };

    begin(e, "h", FAMILY_HISTOGRAM, "Help with \"quotes\" and a \\ backslash", "");
    encoder_histogram(e, str(""), &h, &of_h);
    encoder_family_end(e);
    begin(e, "x_total", FAMILY_COUNTER, "X", "");
    encoder_value(e, str("a=\"b\""), 3, &of_x);
    encoder_family_end(e);
}

static void write_numbers(struct encoder *e)
{
    static const double values[] = { 0, -0.0, 1e6, 1e-5, 9007199254740993.0, NAN, INFINITY, -INFINITY, 123456, 0.1 };

    begin(e, "numbers", FAMILY_GAUGE, "", "");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct buf labels = { 0 };
        char k[8];

        snprintf(k, sizeof(k), "%zu", i);
        labels_put(&labels, str("k"), str(k));
        encoder_value(e, buf_bytes(&labels), values[i], NULL);
        buf_free(&labels);
    }
    encoder_family_end(e);
}

static void write_types(struct encoder *e)
{
    struct sample_extra timed = { .timestamp_ms = 1700000000123, .start_ns = 1700000000500000000 };
    const double bounds[] = { 0.001, 1000000 };
    const uint64_t counts[] = { 1, 2000000 };
    struct classic_histogram h = { bounds, counts, 2, 3000000, 0, false };
    struct quantile q[] = { { 0.5, 1 }, { 1, NAN } };

    begin(e, "requests", FAMILY_COUNTER, "A counter whose name does not say so", "");
    encoder_value(e, str(""), 0, NULL);
    encoder_family_end(e);
    begin(e, "build_info", FAMILY_INFO, "Info", "");
    encoder_value(e, str("version=\"1\""), 1, NULL);
    encoder_family_end(e);
    begin(e, "state", FAMILY_STATESET, "Set", "");
    encoder_value(e, str("state=\"on\""), 1, NULL);
    encoder_family_end(e);
    begin(e, "who_knows", FAMILY_UNKNOWN, "Unknown", "");
    encoder_value(e, str(""), 4.5, &timed);
    encoder_family_end(e);
    begin(e, "io_bytes_total", FAMILY_COUNTER, "Unit", "bytes");
    encoder_value(e, str(""), 1e6, &timed);
    encoder_family_end(e);
    begin(e, "io_time", FAMILY_GAUGE, "A unit that is no suffix is left out", "seconds");
    encoder_value(e, str(""), 1, NULL);
    encoder_family_end(e);
    begin(e, "sumless", FAMILY_HISTOGRAM, "", "");
    encoder_histogram(e, str("a=\"b\""), &h, &timed);
    encoder_family_end(e);
    begin(e, "sizes_bytes", FAMILY_SUMMARY, "Two\nlines", "bytes");
    encoder_summary(e, str("z=\"1\""), q, 2, 3000000, 4.25, &timed);
    encoder_summary(e, str("z=\"2\""), NULL, 0, 0, 0, NULL);
    encoder_family_end(e);
}

static void write_native(struct encoder *e)
{
    static const struct native_span positive[] = { { 3, 2 }, { 4, 1 } }, negative[] = { { -1, 1 } };
    static const int64_t deltas[] = { 2, -1, 1 }, below[] = { 1 };
    struct exemplar traced[] = {
        { str("trace_id=\"1\""), 5, 1700000001250000000 },
        { str("trace_id=\"2\""), 5, 0 }, /* no time: cannot stand in a native histogram */
    };
    struct sample_extra x = { .start_ns = 1700000000000000000, .exemplars = traced, .n_exemplars = 2 };
    struct native_histogram h = { 0, 1e-128, 1, 7, 10.5, positive, negative, 2, 1, deltas, below, 3, 1, NULL, 0 };
    struct native_histogram none = { .schema = 3 };

    begin(e, "native", FAMILY_HISTOGRAM, "Native", "");
    encoder_native(e, str("a=\"b\""), &h, &x);
    encoder_native(e, str("a=\"c\""), &none, NULL);
    encoder_family_end(e);
}

static void write_utf8(struct encoder *e)
{
    struct exemplar dotted = { str("\"t.id\"=\"1\""), 0.5, 1700000001250000000 };
    struct sample_extra x = { .exemplars = &dotted, .n_exemplars = 1 };
    const double bounds[] = { 1 };
    const uint64_t counts[] = { 1 };
    struct classic_histogram h = { bounds, counts, 1, 1, 0.5, true };

    begin(e, "my.metric", FAMILY_GAUGE, "Dotted", "");
    encoder_value(e, str(""), 1, NULL);
    encoder_value(e, str("\"a.b\"=\"x\",c=\"y\""), 2, NULL);
    encoder_value(e, str("\"a\\\"b\"=\"3\",\"a-b\"=\"1\",a_b=\"2\",q=\"quote \\\" back \\\\ lf \\n\""), 3, NULL);
    encoder_family_end(e);
    begin(e, "my \"odd\" name_total", FAMILY_COUNTER, "Quoted", "");
    encoder_value(e, str("empty=\"\""), 1, &x);
    encoder_family_end(e);
    begin(e, "名前_seconds", FAMILY_HISTOGRAM, "Wide", "seconds");
    encoder_histogram(e, str("\"é\"=\"ü\""), &h, &x);
    encoder_family_end(e);
}

static void write_nothing(struct encoder *e)
{
    (void)e;
}

static const struct {
    const char *name;
    void (*write)(struct encoder *e);
    enum name_escaping escaping;
} sets[] = {
    { "basic", write_basic, NAME_ESCAPE_UNDERSCORES },      { "numbers", write_numbers, NAME_ESCAPE_UNDERSCORES },
    { "types", write_types, NAME_ESCAPE_UNDERSCORES },      { "native", write_native, NAME_ESCAPE_UNDERSCORES },
    { "underscores", write_utf8, NAME_ESCAPE_UNDERSCORES }, { "dots", write_utf8, NAME_ESCAPE_DOTS },
    { "values", write_utf8, NAME_ESCAPE_VALUES },           { "utf8", write_utf8, NAME_ESCAPE_NONE },
    { "nothing", write_nothing, NAME_ESCAPE_UNDERSCORES },
};

static const char *const suffixes[] = {
    [ENCODER_TEXT] = "txt", [ENCODER_OPENMETRICS] = "om", [ENCODER_PROTOBUF] = "pb"
};

static void read_file(const char *path, struct buf *into)
{
    FILE *f = fopen(path, "rb");

    ck_assert_msg(f != NULL, "cannot open %s", path);
    while (!feof(f))
        into->len += fread(buf_reserve(into, 4096), 1, 4096, f);
    fclose(f);
}

static void check_set(int set, enum encoder_format format)
{
    struct buf out = { 0 }, want = { 0 };
    struct encoder e;
    char path[64];

    snprintf(path, sizeof(path), DATA "%s.%s", sets[set].name, suffixes[format]);
    encoder_init(&e, format, sets[set].escaping, &out);
    sets[set].write(&e);
    encoder_end(&e);
    if (getenv("ENCODER_GOLDEN") != NULL)
        file_put_bytes(path, buf_bytes(&out));
    read_file(path, &want);
    if (format == ENCODER_PROTOBUF)
        ck_assert_msg(bytes_equal(buf_bytes(&out), buf_bytes(&want)), "%s differs", path);
    else
        ck_assert_str_eq(buf_cstr(&out), buf_cstr(&want));
    encoder_free(&e);
    buf_free(&out);
    buf_free(&want);
}

START_TEST(expositions_are_the_golden_ones)
{
    check_set(_i, ENCODER_TEXT);
    check_set(_i, ENCODER_OPENMETRICS);
    check_set(_i, ENCODER_PROTOBUF);
}
END_TEST

/* The two examples of Prometheus' exposition formats, byte for byte (with the empty help that is always there). */
START_TEST(protobuf_is_what_the_reference_spells_out)
{
    static const uint8_t counter[] = { 0x23, 0x0a, 0x07, 'x',  '_',  't',  'o',  't',  'a',  'l', 0x12, 0x01,
                                       'X',  0x18, 0x00, 0x22, 0x13, 0x0a, 0x06, 0x0a, 0x01, 'a', 0x12, 0x01,
                                       'b',  0x1a, 0x09, 0x09, 0,    0,    0,    0,    0,    0,   0x08, 0x40 };
    static const uint8_t native[] = { 0x2b, 0x0a, 0x01, 'h',  0x12, 0x00, 0x18, 0x04, 0x22, 0x22, 0x3a,
                                      0x20, 0x08, 0x03, 0x11, 0,    0,    0,    0,    0,    0,    0x24,
                                      0x40, 0x28, 0x00, 0x31, 0x9d, 0x97, 0x8c, 0xcf, 0x08, 0xba, 0x5b,
                                      0x25, 0x38, 0x01, 0x62, 0x04, 0x08, 0x06, 0x10, 0x01, 0x68, 0x04 };
    static const struct native_span span = { 3, 1 };
    static const int64_t delta = 2;
    struct native_histogram h = { .zero_threshold = 1e-128,
                                  .zero_count = 1,
                                  .count = 3,
                                  .sum = 10,
                                  .positive_spans = &span,
                                  .n_positive_spans = 1,
                                  .positive_deltas = &delta,
                                  .n_positive_deltas = 1 };
    struct buf out = { 0 };
    struct encoder e;

    encoder_init(&e, ENCODER_PROTOBUF, NAME_ESCAPE_UNDERSCORES, &out);
    begin(&e, "x_total", FAMILY_COUNTER, "X", "");
    encoder_value(&e, str("a=\"b\""), 3, NULL);
    encoder_family_end(&e);
    ck_assert_uint_eq(out.len, sizeof(counter));
    ck_assert_mem_eq(out.data, counter, sizeof(counter));
    out.len = 0;
    begin(&e, "h", FAMILY_HISTOGRAM, "", "");
    encoder_native(&e, str(""), &h, NULL);
    encoder_family_end(&e);
    ck_assert_uint_eq(out.len, sizeof(native));
    ck_assert_mem_eq(out.data, native, sizeof(native));
    encoder_free(&e);
    buf_free(&out);
}
END_TEST

static bool exemplar_written(const char *labels)
{
    struct exemplar one = { str(labels), 1, 0 };
    struct sample_extra x = { .exemplars = &one, .n_exemplars = 1 };
    struct buf out = { 0 };
    struct encoder e;
    bool written;

    encoder_init(&e, ENCODER_OPENMETRICS, NAME_ESCAPE_NONE, &out);
    begin(&e, "x_total", FAMILY_COUNTER, "", "");
    encoder_value(&e, str(""), 1, &x);
    written = strstr(buf_cstr(&out), " # {") != NULL;
    encoder_free(&e);
    buf_free(&out);
    return written;
}

START_TEST(an_exemplar_of_129_characters_is_left_out_whole)
{
    char labels[1024] = "a=\"";

    for (int i = 0; i < 127; i++)
        strcat(labels, i % 2 ? "é" : "\\n");
    ck_assert(exemplar_written(strcat(labels, "\"")));
    labels[strlen(labels) - 1] = 0;
    ck_assert(!exemplar_written(strcat(labels, "x\"")));
    ck_assert(!exemplar_written(""));
}
END_TEST

START_TEST(a_bucket_shows_its_newest_exemplar)
{
    struct exemplar all[] = {
        { str("t=\"1\""), 0.5, 10 }, { str("t=\"2\""), 0.25, 30 }, { str("t=\"3\""), 0.1, 20 },
        { str("t=\"4\""), 2, 5 },    { str("t=\"5\""), NAN, 50 },
    };
    struct sample_extra x = { .exemplars = all, .n_exemplars = 5 };
    const double bounds[] = { 0.5, 1 };
    const uint64_t counts[] = { 3, 3 };
    struct classic_histogram h = { bounds, counts, 2, 4, 0, true };
    struct buf out = { 0 };
    struct encoder e;

    encoder_init(&e, ENCODER_OPENMETRICS, NAME_ESCAPE_NONE, &out);
    begin(&e, "h", FAMILY_HISTOGRAM, "", "");
    out.len = 0;
    encoder_histogram(&e, str(""), &h, &x);
    ck_assert_str_eq(buf_cstr(&out), "h_bucket{le=\"0.5\"} 3 # {t=\"2\"} 0.25 0.00000003\n"
                                     "h_bucket{le=\"1.0\"} 3\n"
                                     "h_bucket{le=\"+Inf\"} 4 # {t=\"4\"} 2.0 0.000000005\n"
                                     "h_sum 0.0\n"
                                     "h_count 4\n");
    encoder_free(&e);
    buf_free(&out);
}
END_TEST

START_TEST(a_family_goes_on_without_its_head)
{
    struct buf out = { 0 };
    struct encoder e;

    encoder_init(&e, ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, &out);
    encoder_family_begin(&e, str("a.b"), FAMILY_GAUGE, str("H"), str(""), true);
    encoder_value(&e, str("x=\"1\""), 1, NULL);
    encoder_family_end(&e);
    ck_assert_str_eq(buf_cstr(&out), "a_b{x=\"1\"} 1\n");
    out.len = 0;
    encoder_free(&e);
    encoder_init(&e, ENCODER_PROTOBUF, NAME_ESCAPE_UNDERSCORES, &out);
    encoder_family_begin(&e, str("g"), FAMILY_GAUGE, str(""), str(""), true);
    encoder_family_end(&e);
    ck_assert_uint_eq(out.len, 8); /* length, name, help and type stand in every piece */
    encoder_free(&e);
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("encoder");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, expositions_are_the_golden_ones, 0, (int)(sizeof(sets) / sizeof(sets[0])));
    tcase_add_test(tc, protobuf_is_what_the_reference_spells_out);
    tcase_add_test(tc, an_exemplar_of_129_characters_is_left_out_whole);
    tcase_add_test(tc, a_bucket_shows_its_newest_exemplar);
    tcase_add_test(tc, a_family_goes_on_without_its_head);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
