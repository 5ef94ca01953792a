/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pb.h"
#include "prom/exposition/encoder.h"
#include "prom/exposition/protobuf_fields.h"
#include "support/rig/intake_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct intake_rig r;
static struct buf page;

static void setup(void)
{
    intake_rig_init(&r);
    page = (struct buf){ 0 };
}

static void teardown(void)
{
    buf_free(&page);
    intake_rig_close(&r);
}

#define SHOWS(shown) ck_assert_str_eq(intake_rig_take(&r, INTAKE_PROTOBUF, buf_bytes(&page)), shown)
#define GOOD() ck_assert_msg(r.result.error.code == 0, "%s", r.result.error.text)
#define BAD(text) ck_assert_msg(strstr(intake_rig_error(&r), text) != NULL, "%s", intake_rig_error(&r))

static const char trace[] = "trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"";

static void begin(struct encoder *e, const char *name, enum family_type type, const char *help)
{
    encoder_family_begin(e, bytes_str(name), type, bytes_str(help), bytes_str(""), false);
}

/* One of each, with starts and exemplars. */
static void write_page(enum encoder_format format)
{
    struct exemplar x = { bytes_str(trace), 0.75, 1700000001250000000 };
    struct sample_extra extra = { .exemplars = &x, .n_exemplars = 1, .start_ns = 1600000000500000000 };
    const double bounds[] = { 0.5, 1 };
    const uint64_t counts[] = { 1, 3 };
    const struct quantile quantiles[] = { { 0.5, 2 }, { 0.9, NAN } };
    struct classic_histogram h = { bounds, counts, 2, 6, 4.25, true };
    struct encoder e;

    encoder_init(&e, format, NAME_ESCAPE_NONE, &page);
    begin(&e, "c_total", FAMILY_COUNTER, "C \"and\" \\ more");
    encoder_value(&e, bytes_str("a=\"b\",c=\"\\\"d\\n\\\\\""), 3, &extra);
    encoder_value(&e, bytes_str("a=\"c\""), 1e9, NULL);
    encoder_family_end(&e);
    begin(&e, "g.h", FAMILY_GAUGE, "");
    encoder_value(&e, bytes_str("\"x.y\"=\"z\""), -1.5, NULL);
    encoder_family_end(&e);
    begin(&e, "h", FAMILY_HISTOGRAM, "H");
    encoder_histogram(&e, bytes_str("a=\"b\""), &h, &extra);
    encoder_family_end(&e);
    begin(&e, "s", FAMILY_SUMMARY, "S");
    encoder_summary(&e, bytes_str(""), quantiles, 2, 7, 8.5, NULL);
    encoder_family_end(&e);
    begin(&e, "u", FAMILY_UNKNOWN, "");
    encoder_value(&e, bytes_str(""), 5, NULL);
    encoder_family_end(&e);
    encoder_end(&e);
    encoder_free(&e);
}

static const char written[] =
    "# c_total counter: C \"and\" \\ more\n"
    "c_total{a=b,c=\"d\n\\} 3 from=1600000000500000000 {4bf92f3577b34da6a3ce929d0e0e4736=0.75@1700000001250}\n"
    "c_total{a=c} 1e+09\n# g.h gauge: \ng.h{x.y=z} -1.5\nu{} 5\n# h histogram: H\n"
    "h{a=b} count=6 sum=4.25 0.5:1 1:2 +Inf:3 from=1600000000500000000 "
    "{4bf92f3577b34da6a3ce929d0e0e4736=0.75@1700000001250}\n"
    "# s summary: S\ns{} count=7 sum=8.5 q0.5:2 q0.9:NaN\n";

START_TEST(payloads_of_nan_are_values_but_for_the_one_that_ends_a_series)
{
    static const uint64_t bits[] = { 0x7ff8000000000001, 0x7ff4000000000bad, 0xfff8000000000000, 0x7ff0000000000002,
                                     0x7ff0000000000003 };
    char name[2] = "a";
    struct encoder e;

    encoder_init(&e, ENCODER_PROTOBUF, NAME_ESCAPE_NONE, &page);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++, name[0]++) {
        begin(&e, name, FAMILY_GAUGE, "");
        encoder_value(&e, bytes_str(""), pb_double(bits[i]), NULL);
        encoder_family_end(&e);
    }
    encoder_end(&e);
    encoder_free(&e);
    for (unsigned i = 0; i < 2; i++)
        SHOWS("# a gauge: \na{} NaN\n# b gauge: \nb{} NaN\n# c gauge: \nc{} NaN\n# d gauge: \nd{} ended\n"
              "# e gauge: \ne{} NaN\n");
    GOOD();
}
END_TEST

START_TEST(protobuf_says_what_openmetrics_says)
{
    write_page(ENCODER_PROTOBUF);
    SHOWS(written);
    GOOD();
    ck_assert_uint_eq(r.result.scraped, 13);
    SHOWS(written);
    ck_assert_uint_eq(r.result.added, 0);
    page.len = 0;
    write_page(ENCODER_OPENMETRICS);
    intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page));
    GOOD();
    ck_assert_msg(strstr(buf_cstr(&r.text), "ended") == NULL, "%s\n%s", buf_cstr(&r.text), buf_cstr(&page));
}
END_TEST

static void write_native(int32_t schema, const struct native_span *spans, size_t n, const int64_t *deltas,
                         size_t n_deltas)
{
    struct exemplar x = { bytes_str("a=\"b\""), 0.75, 1700000001250000000 };
    struct sample_extra extra = { .exemplars = &x, .n_exemplars = 1, .start_ns = 1600000000500000000 };
    struct native_histogram h = { .schema = schema,
                                  .zero_threshold = 0.001,
                                  .zero_count = 2,
                                  .count = 12,
                                  .sum = 30.5,
                                  .positive_spans = spans,
                                  .n_positive_spans = n,
                                  .positive_deltas = deltas,
                                  .n_positive_deltas = n_deltas,
                                  .negative_spans = spans,
                                  .n_negative_spans = 1,
                                  .negative_deltas = deltas,
                                  .n_negative_deltas = spans[0].length };
    struct encoder e;

    page.len = 0;
    encoder_init(&e, ENCODER_PROTOBUF, NAME_ESCAPE_NONE, &page);
    begin(&e, "n", FAMILY_HISTOGRAM, "N");
    encoder_native(&e, bytes_str("a=\"b\""), &h, &extra);
    encoder_family_end(&e);
    encoder_free(&e);
}

static const struct native_span spans[] = { { 3, 2 }, { 2, 1 } };
static const int64_t deltas[] = { 1, 2, -1 };

START_TEST(native_histograms_are_exponential_ones)
{
    r.rules.native_histograms = true;
    write_native(1, spans, 2, deltas, 3);
    SHOWS("# n histogram: N\nn{a=b} count=12 sum=30.5 scale=1 zero=2(0.001) +2:1,3,0,0,2 -2:1,3 "
          "from=1600000000500000000 {a=b=0.75@1700000001250}\n");
    GOOD();
    ck_assert_uint_eq(r.result.scraped, 1);
    page.len = 0;
    SHOWS("# n histogram: N\nn{a=b} ended\n");
}
END_TEST

START_TEST(native_histograms_are_classic_ones_unless_wanted)
{
    write_native(1, spans, 2, deltas, 3);
    SHOWS("# n histogram: N\nn{a=b} count=12 sum=30.5 +Inf:12 from=1600000000500000000\n");
    ck_assert_uint_eq(r.result.scraped, 3);
}
END_TEST

START_TEST(native_histograms_are_made_coarser_to_fit)
{
    r.rules.native_histograms = true;
    r.rules.max_schema = 0;
    write_native(1, spans, 2, deltas, 3);
    SHOWS("# n histogram: N\nn{a=b} count=12 sum=30.5 scale=0 zero=2(0.001) +1:4,0,2 -1:4 "
          "from=1600000000500000000 {a=b=0.75@1700000001250}\n");
    r.rules.max_schema = 8;
    r.rules.bucket_limit = 3;
    SHOWS("# n histogram: N\nn{a=b} count=12 sum=30.5 scale=0 zero=2(0.001) +1:4,0,2 -1:4 "
          "from=1600000000500000000 {a=b=0.75@1700000001250}\n");
    r.rules.bucket_limit = 1;
    SHOWS("# n histogram: N\nn{a=b} ended\n");
    BAD("histogram bucket limit exceeded");
}
END_TEST

START_TEST(buckets_that_lie_far_apart_take_no_memory)
{
    const struct native_span far[] = { { 0, 1 }, { 2000000000, 2 } };

    r.rules.native_histograms = true;
    write_native(0, far, 2, deltas, 3);
    SHOWS("");
    BAD("message 1: histogram n: its buckets lie too far apart");
}
END_TEST

START_TEST(spans_do_not_go_back)
{
    const struct native_span back[] = { { 0, 1 }, { 2000000000, 1 }, { -2000000000, 1 } };

    r.rules.native_histograms = true;
    write_native(0, back, 3, deltas, 3);
    SHOWS("");
    BAD("message 1: histogram n: a span of its buckets begins before the end of the one before");
}
END_TEST

START_TEST(spans_have_as_many_buckets_as_there_are)
{
    r.rules.native_histograms = true;
    write_native(0, spans, 2, deltas, 2);
    SHOWS("");
    BAD("its spans are of another number of buckets than it has");
    write_native(0, spans, 1, deltas, 3);
    SHOWS("");
    BAD("its spans are of another number of buckets than it has");
    write_native(9, spans, 2, deltas, 3);
    SHOWS("");
    BAD("no such schema");
}
END_TEST

/* A family of that name and type with that metric in it. */
static void put_family(const char *name, uint64_t type, struct bytes metric)
{
    struct buf family = { 0 };

    pb_put_str(&family, PROTO_FAMILY_NAME, name);
    pb_put_uint(&family, PROTO_FAMILY_TYPE, type);
    pb_put_bytes(&family, PROTO_FAMILY_METRIC, metric);
    pb_put_varint(&page, family.len);
    buf_put(&page, buf_bytes(&family));
    buf_free(&family);
}

START_TEST(a_side_of_a_histogram_has_65536_buckets_at_most)
{
    static const struct native_span wide[] = { { 1, 65537 } };
    static int64_t many[65537] = { 1 };

    r.rules.native_histograms = true;
    write_native(8, wide, 1, many, 65537);
    SHOWS("");
    BAD("message 1: histogram n: it has more than 65536 buckets");
}
END_TEST

START_TEST(a_metric_has_200000_fields_at_most)
{
    struct buf histogram = { 0 }, metric = { 0 };

    for (unsigned i = 0; i < 200000; i++)
        pb_put_str(&histogram, PROTO_HISTOGRAM_POSITIVE_SPAN, "");
    pb_put_bytes(&metric, PROTO_METRIC_HISTOGRAM, buf_bytes(&histogram));
    put_family("h", PROTO_TYPE_HISTOGRAM, buf_bytes(&metric));
    SHOWS("");
    BAD("more than 200000 fields");
    buf_free(&histogram);
    buf_free(&metric);
}
END_TEST

START_TEST(each_large_metric_is_a_step_of_its_own)
{
    static const struct native_span wide[] = { { 1, 40000 } };
    static int64_t many[40000] = { 1 };
    struct buf all = { 0 };
    struct intake_scrape scrape = { .time_ms = INTAKE_RIG_TIME + 60000 };
    struct intake_result result;
    unsigned steps = 1;

    r.rules.native_histograms = true;
    SHOWS("");
    write_native(8, wide, 1, many, 40000);
    for (unsigned i = 0; i < 20; i++)
        buf_put(&all, buf_bytes(&page));
    intake_begin_page(r.intake, INTAKE_PROTOBUF, buf_bytes(&all), &scrape, &result);
    for (; !intake_work(r.store); steps++)
        ;
    ck_assert_uint_eq(result.error.code, 0);
    ck_assert_uint_eq(result.scraped, 20);
    ck_assert_uint_ge(steps, 20);
    intake_points_free(result.points);
    buf_free(&all);
}
END_TEST

START_TEST(a_page_that_does_not_parse_is_left_out)
{
    write_page(ENCODER_PROTOBUF);
    page.len -= 3;
    SHOWS("");
    BAD("the page is cut short");
    page.len = 0;
    put_family("a", 9, bytes_str(""));
    SHOWS("");
    BAD("message 1: a family (`a`): no such type of a metric");
    page.len = 0;
    put_family("a", PROTO_TYPE_GAUGE, bytes_str("\x0a\x05x"));
    SHOWS("");
    BAD("message 1: a metric of a does not parse");
    page.len = 0;
    put_family("h", PROTO_TYPE_HISTOGRAM, bytes_str("\x3a\x04\x1a\x02\x08\xff"));
    SHOWS("");
    BAD("message 1: a metric of h does not parse");
    page.len = 0;
    put_family("\xff", PROTO_TYPE_GAUGE, bytes_str(""));
    SHOWS("");
    BAD("its name is missing, or not valid UTF-8");
    page.len = 0;
    put_family("a", PROTO_TYPE_GAUGE, bytes_str("\x0a\x06\x0a\x01z\x12\x01\xff"));
    SHOWS("");
    BAD("message 1: invalid metric name or label names: a");
}
END_TEST

START_TEST(a_metric_without_a_value_is_zero)
{
    put_family("a", PROTO_TYPE_GAUGE, bytes_str(""));
    put_family("h", PROTO_TYPE_HISTOGRAM, bytes_str(""));
    SHOWS("# a gauge: \na{} 0\n# h histogram: \nh{} count=0 sum=0 +Inf:0\n");
}
END_TEST

/* A label of that length, and a histogram of so many buckets. */
static void put_long_histogram(size_t length, unsigned n)
{
    struct buf metric = { 0 }, histogram = { 0 }, label = { 0 };

    pb_put_str(&label, PROTO_LABEL_NAME, "a");
    pb_put_tag(&label, PROTO_LABEL_VALUE, PB_LEN);
    pb_put_varint(&label, length);
    for (size_t i = 0; i < length; i++)
        buf_putc(&label, 'x');
    for (unsigned i = 0; i < n; i++) {
        size_t mark = pb_begin(&histogram, PROTO_HISTOGRAM_BUCKET);

        pb_put_double(&histogram, PROTO_BUCKET_BOUND, i);
        pb_end(&histogram, mark);
    }
    pb_put_bytes(&metric, PROTO_METRIC_LABEL, buf_bytes(&label));
    pb_put_bytes(&metric, PROTO_METRIC_HISTOGRAM, buf_bytes(&histogram));
    put_family("h", PROTO_TYPE_HISTOGRAM, buf_bytes(&metric));
    buf_free(&metric);
    buf_free(&histogram);
    buf_free(&label);
}

START_TEST(a_long_label_is_not_kept_for_each_bucket)
{
    put_long_histogram(100000, 1000);
    for (int i = 0; i < 2; i++) {
        intake_rig_take(&r, INTAKE_PROTOBUF, buf_bytes(&page));
        GOOD();
        ck_assert_uint_eq(r.result.scraped, 1003);
        ck_assert_uint_eq(r.result.added, i == 0 ? 1003 : 0);
    }
    ck_assert_uint_lt(r.rig.budget.used, 1000000);
}
END_TEST

START_TEST(a_long_label_is_not_read_for_any_number_of_buckets)
{
    put_long_histogram(100000, 2000);
    intake_rig_take(&r, INTAKE_PROTOBUF, buf_bytes(&page));
    BAD("message 1: there are too long labels for so many buckets");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("intake_protobuf");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, protobuf_says_what_openmetrics_says);
    tcase_add_test(tc, payloads_of_nan_are_values_but_for_the_one_that_ends_a_series);
    tcase_add_test(tc, native_histograms_are_exponential_ones);
    tcase_add_test(tc, native_histograms_are_classic_ones_unless_wanted);
    tcase_add_test(tc, native_histograms_are_made_coarser_to_fit);
    tcase_add_test(tc, buckets_that_lie_far_apart_take_no_memory);
    tcase_add_test(tc, spans_do_not_go_back);
    tcase_add_test(tc, spans_have_as_many_buckets_as_there_are);
    tcase_add_test(tc, a_side_of_a_histogram_has_65536_buckets_at_most);
    tcase_add_test(tc, a_metric_has_200000_fields_at_most);
    tcase_add_test(tc, each_large_metric_is_a_step_of_its_own);
    tcase_add_test(tc, a_page_that_does_not_parse_is_left_out);
    tcase_add_test(tc, a_metric_without_a_value_is_zero);
    tcase_add_test(tc, a_long_label_is_not_kept_for_each_bucket);
    tcase_add_test(tc, a_long_label_is_not_read_for_any_number_of_buckets);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
