/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

#define MINUTE 60000000000ull
#define RESOURCE(name, spans)                                                                                          \
    "{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'" name                                   \
    "'}}]},'scopeSpans':[{'spans':[" spans "]}]}"
#define SPAN(name) "{'name':'" name "','startTimeUnixNano':'1000000','endTimeUnixNano':'4000000'}"
#define REQUEST(resources) "{'resourceSpans':[" resources "]}"

extern const struct component span_metrics_connector;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &span_metrics_connector, SIGNAL_TRACES, SIGNAL_METRICS, yaml);
}

static void pass(uint64_t ns)
{
    processor_rig_settle(&rig, ns);
}

static void send_spans(unsigned from, unsigned n)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'a'}}]},"
                    "'scopeSpans':[{'spans':[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s{'name':'%u'}", i > 0 ? "," : "", from + i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(a_sum_begins_with_0_and_then_has_all)
{
    const char *out;

    begin("{}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x") "," SPAN("x"))));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    pass(MINUTE);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"asInt\":\"0\"") != NULL && strstr(out, "\"count\":\"2\"") != NULL, "%s", out);
    pass(MINUTE);
    ck_assert(strstr(processor_rig_out(&rig), "\"asInt\":\"2\"") != NULL);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(at_the_end_everything_is_sent_as_it_is)
{
    begin("{}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x"))));
    processor_rig_stop(&rig);
    for (unsigned i = 0; i < 5 && !rig.stopped; i++)
        processor_rig_pass(&rig, 0);
    ck_assert(strstr(processor_rig_out(&rig), "\"asInt\":\"1\"") != NULL);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(deltas_begin_where_the_one_before_ended)
{
    const char *out;

    begin("{aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x"))));
    pass(MINUTE);
    ck_assert(strstr(processor_rig_out(&rig), "\"timeUnixNano\":\"1700000060000000000\",\"asInt\":\"1\"") != NULL);
    pass(MINUTE);
    ck_assert_str_eq(processor_rig_out(&rig), "");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x") "," SPAN("x"))));
    pass(MINUTE);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"startTimeUnixNano\":\"1700000060000000000\",\"timeUnixNano\":\"1700000180000000000\","
                              "\"asInt\":\"2\"") != NULL &&
                      strstr(out, "\"count\":\"2\",\"sum\":6") != NULL,
                  "%s", out);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(of_deltas_few_series_are_remembered)
{
    begin("{aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA, metric_timestamp_cache_size: 2}");
    send_spans(0, 10);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_span_metrics_series", "connector", "span_metrics", NULL), 10);
    pass(MINUTE);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_span_metrics_series", "connector", "span_metrics", NULL), 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_is_too_much_is_one_series_and_the_attribute_is_named)
{
    const char *out;

    begin("{aggregation_cardinality_limit: 3}");
    send_spans(0, 10);
    send_spans(0, 3);
    pass(2 * MINUTE);
    (void)processor_rig_out(&rig);
    pass(MINUTE);
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(occurrences(out, "otel.metric.overflow"), 2);
    ck_assert_uint_eq(occurrences(out, "\"asInt\":\"2\""), 3);
    ck_assert_uint_eq(occurrences(out, "\"asInt\":\"7\""), 1);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_span_metrics_overflow_spans", "connector", "span_metrics",
                                     "metric", "traces.span.metrics.calls", "attribute", "span.name", NULL),
                     7);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(the_limit_of_deltas_is_for_each_interval)
{
    begin("{aggregation_cardinality_limit: 3, aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA}");
    send_spans(0, 3);
    pass(MINUTE);
    send_spans(10, 3);
    pass(MINUTE);
    ck_assert_ptr_null(strstr(processor_rig_out(&rig), "overflow"));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(series_and_resources_that_nobody_uses_expire)
{
    begin("{series_expiration: 90s, metrics_expiration: 200s}");
    send_spans(0, 2);
    pass(MINUTE);
    send_spans(0, 1);
    pass(MINUTE);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_span_metrics_series", "connector", "span_metrics", NULL), 1);
    pass(MINUTE);
    pass(MINUTE);
    (void)processor_rig_out(&rig);
    pass(MINUTE);
    ck_assert_str_eq(processor_rig_out(&rig), "");
    processor_rig_close(&rig);
}
END_TEST

START_TEST(of_too_many_resources_the_oldest_goes_after_it_was_sent)
{
    begin("{resource_metrics_cache_size: 1}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x")) "," RESOURCE("b", SPAN("x"))));
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"resource\":"), 2);
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"resource\":"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(without_memory_spans_are_counted_with_the_rest_or_not_at_all)
{
    begin("{}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x"))));
    rig.rig.budget.limit = 1;
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("y")) "," RESOURCE("b", SPAN("x"))));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_span_metrics_uncounted_spans", "connector", "span_metrics",
                                     "reason", "memory", NULL),
                     1);
    rig.rig.budget.limit = UINT64_MAX;
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "otel.metric.overflow"), 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(resources_without_a_service_are_not_counted)
{
    begin("{}");
    processor_rig_send(&rig, REQUEST("{'scopeSpans':[{'spans':[" SPAN("x") "]}]}"));
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_span_metrics_uncounted_spans", "connector", "span_metrics",
                                     "reason", "no_service_name", NULL),
                     1);
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.batches, 0);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(many_series_leave_in_slices)
{
    begin("{}");
    for (unsigned i = 0; i < 9; i++)
        send_spans(i * 1000, 1000);
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.items, 18000);
    ck_assert_uint_ge(rig.sink.batches, 4);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(series_that_are_made_while_others_are_sent_wait)
{
    begin("{aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA}");
    send_spans(0, 3);
    rig.sink.hold = true;
    processor_rig_pass(&rig, MINUTE);
    ck_assert_uint_eq(rig.sink.items, 6);
    send_spans(1, 4);
    sink_settle(&rig.sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    rig.sink.hold = false;
    pass(0);
    ck_assert_uint_eq(rig.sink.items, 6);
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.items, 14);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_refused_slice_is_no_end)
{
    begin("{}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    send_spans(0, 3);
    pass(MINUTE);
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.items, 12);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(deltas_that_are_refused_for_now_are_sent_again)
{
    begin("{aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x"))));
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.batches, 1);
    pass(MINUTE / 60);
    ck_assert_uint_eq(rig.sink.batches, 2);
    rig.sink.answer = (struct outcome){ 0 };
    processor_rig_out(&rig);
    pass(MINUTE / 30);
    ck_assert(strstr(processor_rig_out(&rig), "\"timeUnixNano\":\"1700000060000000000\",\"asInt\":\"1\"") != NULL);
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.batches, 3);
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_REJECT, .reason = "never" };
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x"))));
    pass(MINUTE);
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.batches, 4);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_waits_to_be_sent_again_is_tried_once_more_at_the_end)
{
    begin("{aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x"))));
    pass(MINUTE);
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("y"))));
    processor_rig_stop(&rig);
    for (unsigned i = 0; i < 5 && !rig.stopped; i++)
        processor_rig_pass(&rig, 0);
    ck_assert(rig.stopped);
    ck_assert_uint_eq(rig.sink.batches, 3);
    processor_rig_close(&rig);
}
END_TEST

static int series(void)
{
    return (int)rig_metric(&rig.rig, "otelcd_span_metrics_series", "connector", "span_metrics", NULL);
}

/* The first slice is answered when time has passed and the spans have come again, new ones among them. */
START_TEST(series_used_between_slices_do_not_expire_and_new_ones_wait)
{
    begin("{series_expiration: 30s}");
    send_spans(0, 2000);
    send_spans(2000, 2500);
    rig.sink.hold = true;
    processor_rig_pass(&rig, MINUTE);
    ck_assert_uint_eq(rig.sink.held.n, 1);
    clock_advance(&rig.rig.loop.clock, 1000000000);
    send_spans(0, 2000);
    send_spans(2000, 2510);
    rig.sink.hold = false;
    sink_settle(&rig.sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    pass(0);
    ck_assert_uint_eq(rig.sink.items, 9000);
    ck_assert_int_eq(series(), 4510);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_sum_that_is_sent_only_once_has_all)
{
    begin("{resource_metrics_cache_size: 1}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("x")) "," RESOURCE("b", SPAN("x"))));
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"asInt\":\"1\""), 1);
    processor_rig_close(&rig);
    begin("{series_expiration: 30s}");
    send_spans(0, 1);
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"asInt\":\"1\""), 1);
    ck_assert_int_eq(series(), 0);
    processor_rig_close(&rig);
}
END_TEST

static void put_letters(struct buf *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_putc(out, 'x');
}

START_TEST(a_slice_has_about_a_megabyte_of_points)
{
    struct buf json = { 0 };

    begin("{histogram: {disable: true}}");
    buf_puts(&json, "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'a'}}]},"
                    "'scopeSpans':[{'spans':[");
    for (unsigned i = 0; i < 6; i++) {
        buf_printf(&json, "%s{'name':'%u", i > 0 ? "," : "", i);
        put_letters(&json, 600000);
        buf_puts(&json, "'}");
    }
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    pass(MINUTE);
    ck_assert_uint_eq(rig.sink.items, 6);
    ck_assert_uint_eq(rig.sink.batches, 3);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

/* The value stands in the series' attributes once, and in no key: so no span of the resource copies it. */
START_TEST(a_large_value_of_a_resource_is_not_part_of_each_spans_key)
{
    struct buf json = { 0 };
    uint64_t before;

    begin("{dimensions: [{name: d}], histogram: {disable: true}}");
    before = rig.rig.budget.used;
    buf_puts(&json, "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'a'}},"
                    "{'key':'d','value':{'stringValue':'");
    put_letters(&json, 100000);
    buf_puts(&json, "'}}]},'scopeSpans':[{'spans':[{'name':'y'},{'name':'y'}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(series(), 1);
    /* the resource's attributes, and the series' */
    ck_assert_uint_lt(rig.rig.budget.used - before, 250000);
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(series(), 1);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("span_metrics");
    TCase *t = tcase_create("span_metrics");
    SRunner *runner;
    int failed;

    tcase_add_test(t, a_sum_begins_with_0_and_then_has_all);
    tcase_add_test(t, at_the_end_everything_is_sent_as_it_is);
    tcase_add_test(t, deltas_begin_where_the_one_before_ended);
    tcase_add_test(t, of_deltas_few_series_are_remembered);
    tcase_add_test(t, what_is_too_much_is_one_series_and_the_attribute_is_named);
    tcase_add_test(t, the_limit_of_deltas_is_for_each_interval);
    tcase_add_test(t, series_and_resources_that_nobody_uses_expire);
    tcase_add_test(t, of_too_many_resources_the_oldest_goes_after_it_was_sent);
    tcase_add_test(t, without_memory_spans_are_counted_with_the_rest_or_not_at_all);
    tcase_add_test(t, resources_without_a_service_are_not_counted);
    tcase_add_test(t, many_series_leave_in_slices);
    tcase_add_test(t, series_that_are_made_while_others_are_sent_wait);
    tcase_add_test(t, a_refused_slice_is_no_end);
    tcase_add_test(t, series_used_between_slices_do_not_expire_and_new_ones_wait);
    tcase_add_test(t, a_sum_that_is_sent_only_once_has_all);
    tcase_add_test(t, a_slice_has_about_a_megabyte_of_points);
    tcase_add_test(t, a_large_value_of_a_resource_is_not_part_of_each_spans_key);
    tcase_add_test(t, deltas_that_are_refused_for_now_are_sent_again);
    tcase_add_test(t, what_waits_to_be_sent_again_is_tried_once_more_at_the_end);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
