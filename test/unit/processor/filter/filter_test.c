/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component filter_processor;

static struct processor_rig rig;

static double filtered(void)
{
    return rig_metric(&rig.rig, "otelcol_processor_filter_logs_filtered", "filter", "filter", NULL);
}

/* The second record fails a condition; its sender has both of them still, and sends the first again. */
START_TEST(what_a_rejected_batch_would_have_dropped_is_not_counted)
{
    static const char good[] = "{'severityNumber':9},{'severityNumber':10}";
    static const char bad[] = "{'severityNumber':9},{'severityNumber':11}";
    char json[200];

    processor_rig_init(&rig, &filter_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{error_mode: propagate, logs: {log_record: ['severity_number == 9', '1 / (severity_number - "
                       "11) == 7']}}");
    snprintf(json, sizeof(json), "{'resourceLogs':[{'scopeLogs':[{'logRecords':[%s]}]}]}", bad);
    processor_rig_send(&rig, json);
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_double_le(filtered(), 0);
    snprintf(json, sizeof(json), "{'resourceLogs':[{'scopeLogs':[{'logRecords':[%s]}]}]}", good);
    processor_rig_send(&rig, json);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_double_eq(filtered(), 1);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcd_processor_dropped_items", "processor", "filter", "condition",
                                   "severity_number == 9", NULL),
                        1);
    processor_rig_close(&rig);
}
END_TEST

/* Each event asks about its span, which has them all: twice 3 MB for each of 100,000, if it walked over them. */
START_TEST(events_without_end_do_not_each_walk_over_the_others)
{
    struct buf json = { 0 };

    processor_rig_init(
        &rig, &filter_processor, SIGNAL_TRACES, SIGNAL_TRACES,
        "{error_mode: propagate, traces: {spanevent: ['span.attributes[\"none\"] == nil and span.name == "
        "\"s\" and Len(span.events) == 100000 and event_index < 99999']}}");
    buf_puts(&json, "{'resourceSpans':[{'scopeSpans':[{'spans':[{'events':[");
    for (unsigned i = 0; i < 100000; i++)
        buf_printf(&json, "%s{'timeUnixNano':'%u','name':'a name of an event'}", i > 0 ? "," : "", i);
    buf_puts(&json, "],'name':'s'},{'name':'t','events':[{'name':'of another'}]}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_ptr_nonnull(strstr(processor_rig_out(&rig), "\"events\":[{\"timeUnixNano\":\"99999\","));
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

static void put_points(struct buf *json, const char *name, unsigned n)
{
    buf_printf(json, "{'name':'%s','unit':'u','sum':{'aggregationTemporality':2,'dataPoints':[", name);
    for (unsigned i = 0; i < n; i++)
        buf_printf(json, "%s{'timeUnixNano':'%u','asInt':'%u'}", i > 0 ? "," : "", i, i);
    buf_puts(json, "],'isMonotonic':true}}");
}

/* Each point asks about its metric, which has them all. */
START_TEST(points_without_end_do_not_each_walk_over_the_others)
{
    struct buf json = { 0 };

    processor_rig_init(
        &rig, &filter_processor, SIGNAL_METRICS, SIGNAL_METRICS,
        "{error_mode: propagate, metric_conditions: ['metric.aggregation_temporality == 2 and "
        "metric.is_monotonic == true and metric.type == METRIC_DATA_TYPE_SUM and metric.name == \"one\" and "
        "Len(metric.data_points) == 100000 and datapoint.value_int < 99999']}");
    buf_puts(&json, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[");
    put_points(&json, "one", 100000);
    buf_puts(&json, ",");
    put_points(&json, "two", 2);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "filtered"), 99999);
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

/* A resource with 20,000 attributes and 20,000 records, of which each asks for the last of them, and for the scope. */
START_TEST(records_of_a_long_resource_do_not_each_walk_over_it)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &filter_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{error_mode: propagate, log_conditions: ['resource.attributes[\"k19999\"] == \"v\" and "
                       "resource.attributes[\"none\"] == nil and scope.version == \"1\" and "
                       "resource.dropped_attributes_count == 7 and log.time_unix_nano > 0']}");
    buf_puts(&json, "{'resourceLogs':[{'resource':{'attributes':[");
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&json, "%s{'key':'k%u','value':{'stringValue':'v'}}", i > 0 ? "," : "", i);
    buf_puts(&json, "],'droppedAttributesCount':7},'scopeLogs':[{'scope':{'name':'");
    for (unsigned i = 0; i < 100000; i++)
        buf_puts(&json, "long");
    buf_puts(&json, "','version':'1'},'logRecords':[");
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&json, "%s{'timeUnixNano':'%u'}", i > 0 ? "," : "", i);
    buf_puts(&json, "]}]},{'scopeLogs':[{'logRecords':[{'timeUnixNano':'5'}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "filtered"), 19999);
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

#define SPLIT "Len(Split(body, \"a\"))"
#define SPLIT3 SPLIT " + " SPLIT " + " SPLIT

/* On each of 150 records the condition takes four fifths of the steps that one may take: there are not so many for all.
 */
START_TEST(what_a_batch_may_cost_is_limited_and_counted)
{
    static const char condition[] = SPLIT3 " + " SPLIT3 " + " SPLIT " + " SPLIT " > 0";
    struct buf json = { 0 };
    uint64_t dropped;
    double faults;

    processor_rig_init(&rig, &filter_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{error_mode: silent, logs: {log_record: ['" SPLIT3 " + " SPLIT3 " + " SPLIT " + " SPLIT
                       " > 0']}}");
    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[");
    for (unsigned i = 0; i < 150; i++) {
        buf_printf(&json, "%s{'body':{'stringValue':'", i > 0 ? "," : "");
        for (unsigned k = 0; k < 100000; k += 10)
            buf_puts(&json, "aaaaaaaaaa");
        buf_puts(&json, "'}}");
    }
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    dropped = processor_rig_dropped(&rig, "filtered");
    faults = rig_metric(&rig.rig, "otelcd_statement_faults", "component", "filter", "statement", condition, NULL);
    ck_assert_uint_gt(dropped, 0);
    ck_assert_double_gt(faults, 0);
    ck_assert_double_eq(faults + (double)dropped, 150);
    processor_rig_send(&rig, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'body':{'stringValue':'a'}}]}]}]}");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "filtered"), dropped + 1);
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

/* Two resources with two scopes each, of two records: one of the eight goes. */
START_TEST(each_item_is_asked_with_what_it_is_in)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &filter_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{error_mode: propagate, logs: {log_record: ['resource.attributes[\"r\"] == \"1\" and "
                       "scope.name == \"s0\" and severity_number == 2']}}");
    buf_puts(&json, "{'resourceLogs':[");
    for (unsigned r = 0; r < 2; r++) {
        buf_printf(&json, "%s{'resource':{'attributes':[{'key':'r','value':{'stringValue':'%u'}}]},'scopeLogs':[",
                   r > 0 ? "," : "", r);
        for (unsigned s = 0; s < 2; s++)
            buf_printf(&json, "%s{'scope':{'name':'s%u'},'logRecords':[{'severityNumber':1},{'severityNumber':2}]}",
                       s > 0 ? "," : "", s);
        buf_puts(&json, "]}");
    }
    buf_puts(&json, "]}");
    for (unsigned i = 1; i < 4; i++) {
        processor_rig_send(&rig, buf_cstr(&json));
        ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
        ck_assert_uint_eq(processor_rig_dropped(&rig, "filtered"), i);
    }
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

/* The evaluation goes from a span to its events, and on to the next span. */
START_TEST(a_span_behind_events_is_asked_as_itself)
{
    processor_rig_init(&rig, &filter_processor, SIGNAL_TRACES, SIGNAL_TRACES,
                       "{error_mode: propagate, traces: {span: ['name == \"b\" or kind.string == \"Server\"'], "
                       "spanevent: ['name == \"x\" and span.name == \"a\"']}}");
    processor_rig_send(&rig,
                       "{'resourceSpans':[{'scopeSpans':[{'spans':[{'name':'a','events':[{'name':'x'},{'name':'y'}"
                       "]},{'name':'b','events':[{'name':'x'}]},{'name':'c','kind':2},{'name':'d','events':[{"
                       "'name':'x'}]}]}]}]}");
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "filtered"), 2);
    ck_assert_str_eq(processor_rig_out(&rig),
                     "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"a\",\"events\":[{\"name\":\"y\"}]}"
                     ",{\"name\":\"d\",\"events\":[{\"name\":\"x\"}]}]}]}]}\n");
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("filter");
    TCase *t = tcase_create("filter");
    SRunner *runner;
    int failed;

    tcase_add_test(t, what_a_rejected_batch_would_have_dropped_is_not_counted);
    tcase_add_test(t, events_without_end_do_not_each_walk_over_the_others);
    tcase_add_test(t, points_without_end_do_not_each_walk_over_the_others);
    tcase_add_test(t, records_of_a_long_resource_do_not_each_walk_over_it);
    tcase_add_test(t, what_a_batch_may_cost_is_limited_and_counted);
    tcase_add_test(t, each_item_is_asked_with_what_it_is_in);
    tcase_add_test(t, a_span_behind_events_is_asked_as_itself);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
