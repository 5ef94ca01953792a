/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component transform_processor;

static struct processor_rig rig;

/* Only a stranger sends resources without items; their attributes are of interest to nobody, and harm nobody. */
START_TEST(a_batch_without_items_goes_through)
{
    processor_rig_init(
        &rig, &transform_processor, SIGNAL_LOGS, SIGNAL_LOGS,
        "{log_statements: [{context: resource, statements: ['set(attributes[\"a\"], 1)']}, {context: log, "
        "statements: ['set(body, \"x\")']}]}");
    processor_rig_send(&rig, "{'resourceLogs':[{'resource':{}},{'scopeLogs':[{}]}]}");
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.sink.items, 0);
    processor_rig_close(&rig);
}
END_TEST

#define POINTS "'dataPoints':[{'asInt':'1'},{'asInt':'2'}]"

START_TEST(a_statement_that_copies_whatever_it_sees_comes_to_an_end)
{
    processor_rig_init(&rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
                       "{metric_statements: [{context: metric, statements: ['copy_metric()']}]}");
    processor_rig_send_metric(&rig, "{'name':'m','gauge':{" POINTS "}}");
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.received, 22); /* and ten generations of copies */
    ck_assert_uint_eq(rig.ledger.delivered, 22);
    ck_assert_uint_eq(rig.sink.items, 22);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(copies_that_would_be_more_than_a_batch_may_get_are_not_made)
{
    struct buf json = { 0 };

    processor_rig_init(
        &rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
        "{metric_statements: [{context: metric, error_mode: silent, statements: ['copy_metric()', 'copy_metric()', "
        "'copy_metric()', 'copy_metric()', 'copy_metric()', 'copy_metric()']}]}");
    buf_puts(&json, "{'name':'m','description':'");
    for (unsigned i = 0; i < 1u << 16; i++)
        buf_puts(&json, "sixteen letters.");
    buf_puts(&json, "','gauge':{" POINTS "}}");
    processor_rig_send_metric(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.ledger.delivered, 128); /* 63 of 1 MiB and some bytes are less than 64 MiB */
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

START_TEST(data_points_without_end_change_their_metric_in_proportion)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
                       "{metric_statements: ['set(metric.description, String(datapoint.value_int))']}");
    buf_puts(&json, "{'name':'m','gauge':{'dataPoints':[");
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&json, "%s{'asInt':'%u'}", i > 0 ? "," : "", i);
    buf_puts(&json, "]}}");
    processor_rig_send_metric(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.ledger.delivered, 20000);
    ck_assert_ptr_nonnull(strstr(processor_rig_out(&rig), "\"description\":\"19999\""));
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

START_TEST(data_points_that_become_one_are_dropped_as_merged)
{
    processor_rig_init(&rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
                       "{metric_statements: [{context: metric, statements: ['copy_metric(name=\"n\")  where name == "
                       "\"m\"', 'aggregate_on_attributes(\"sum\", [])']}]}");
    processor_rig_send_metric(&rig, "{'name':'m','gauge':{" POINTS "}}");
    ck_assert_uint_eq(rig.ledger.received, 3); /* the copy has one point when it is counted */
    ck_assert_uint_eq(processor_rig_dropped(&rig, "merged"), 1);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    ck_assert_uint_eq(rig.sink.items, 2);
    processor_rig_close(&rig);
}
END_TEST

/* To find out that there is no room costs as much as to make a metric: it is found out once. */
START_TEST(after_the_first_copy_that_is_too_long_none_is_made)
{
    struct buf json = { 0 };

    processor_rig_init(
        &rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
        "{metric_statements: [{context: metric, error_mode: silent, statements: ['copy_metric()', 'copy_metric()']}]}");
    buf_puts(&json, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'m','description':'");
    for (unsigned i = 0; i < 1u << 19; i++)
        buf_puts(&json, "sixteen letters.");
    buf_puts(&json, "','gauge':{" POINTS "}}]},{'metrics':[{'name':'short','gauge':{" POINTS "}}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.ledger.delivered, 18); /* 7 copies of 8 MiB and more, and both that came: 2 points each */
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

/* A resource of so many bytes with so many records, whose bodies are numbers. */
static void send_records(unsigned bytes, unsigned n)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'resourceLogs':[{'resource':{'attributes':[{'key':'long','value':{'stringValue':'");
    for (unsigned i = 0; i < bytes / 16; i++)
        buf_puts(&json, "sixteen letters.");
    buf_puts(&json, "'}}]},'scopeLogs':[{'logRecords':[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s{'body':{'stringValue':'%u'}}", i > 0 ? "," : "", i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(a_long_resource_for_each_of_many_records_is_not_made)
{
    processor_rig_init(&rig, &transform_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{flatten_data: true, log_statements: ['set(resource.attributes[\"x\"], log.body)']}");
    send_records(64 << 10, 400);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 400);
    send_records(64 << 10, 600);
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_eq(rig.ledger.delivered, 400);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(items_without_end_that_change_a_long_resource_are_refused)
{
    processor_rig_init(&rig, &transform_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{log_statements: ['set(resource.attributes[\"x\"], log.body)']}");
    send_records(8 << 20, 130);
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_eq(rig.ledger.delivered, 0);
    processor_rig_close(&rig);
}
END_TEST

/* The bucket from 1 to what no double holds: of an endless range no share can be reckoned. */
START_TEST(a_bucket_without_end_is_spread_and_stays_what_it_counts)
{
    const char *out;

    processor_rig_init(&rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
                       "{metric_statements: [{context: metric, statements: "
                       "['convert_exponential_histogram_to_histogram(\"random\", [1.0, 10.0])']}]}");
    processor_rig_send_metric(&rig, "{'name':'m','exponentialHistogram':{'aggregationTemporality':1,'dataPoints':[{"
                                    "'count':'9','scale':-10,'positive':{'bucketCounts':['9']}}]}}");
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"bucketCounts\":[\"0\",\"4\",\"5\"]") != NULL ||
                      strstr(out, "\"bucketCounts\":[\"0\",\"5\",\"4\"]") != NULL,
                  "%s", out);
    processor_rig_close(&rig);
}
END_TEST

/* Every second of 50,000 points has exemplars, and each of these asks about the point and the metric. */
START_TEST(exemplars_of_many_points_do_not_each_walk_over_the_metric)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
                       "{metric_statements: [{context: exemplar, error_mode: propagate, statements: "
                       "['set(exemplar.filtered_attributes[\"of\"], metric.name) where metric.is_monotonic == true and "
                       "Len(metric.data_points) == 50000 and Len(datapoint.exemplars) == 2']}]}");
    buf_puts(&json, "{'name':'m','sum':{'isMonotonic':true,'dataPoints':[");
    for (unsigned i = 0; i < 50000; i++)
        buf_printf(&json, "%s{'asInt':'%u'%s}", i > 0 ? "," : "", i,
                   i % 2 == 0 ? ",'exemplars':[{'asInt':'1'},{'asInt':'2'}]" : "");
    buf_puts(&json, "]}}");
    processor_rig_send_metric(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"key\":\"of\""), 50000);
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

START_TEST(fields_of_profiles_are_read_and_set)
{
    const char *out;

    processor_rig_init(
        &rig, &transform_processor, SIGNAL_PROFILES, SIGNAL_PROFILES,
        "{profile_statements: ['set(profile.period, profile.period * 33)', 'set(profile.original_payload_format, "
        "Concat([profile.profile_id.string, String(profile.duration), scope.name], \"|\"))', "
        "'set(profile.original_payload, profile.profile_id)', 'set(profile.profile_id.string, "
        "\"0202030405060708090a0b0c0d0e0f10\")', 'set(resource.attributes[\"n\"], profile.period)']}");
    processor_rig_send(&rig, "{'resourceProfiles':[{'scopeProfiles':[{'scope':{'name':'s'},'profiles':[{'profileId':"
                             "'0102030405060708090a0b0c0d0e0f10','durationNano':'7','period':'3','samples':["
                             "{'values':['1']},{'values':['2']}]}]}]}],'dictionary':{'stringTable':['']}}");
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"period\":\"99\"") != NULL && strstr(out, "\"intValue\":\"99\"") != NULL &&
                      strstr(out, "\"0102030405060708090a0b0c0d0e0f10|7|s\"") != NULL &&
                      strstr(out, "\"AQIDBAUGBwgJCgsMDQ4PEA==\"") != NULL &&
                      strstr(out, "\"profileId\":\"0202030405060708090a0b0c0d0e0f10\"") != NULL,
                  "%s", out);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("transform");
    TCase *t = tcase_create("transform");
    SRunner *runner;
    int failed;

    tcase_add_test(t, a_batch_without_items_goes_through);
    tcase_add_test(t, a_statement_that_copies_whatever_it_sees_comes_to_an_end);
    tcase_add_test(t, copies_that_would_be_more_than_a_batch_may_get_are_not_made);
    tcase_add_test(t, data_points_without_end_change_their_metric_in_proportion);
    tcase_add_test(t, data_points_that_become_one_are_dropped_as_merged);
    tcase_add_test(t, after_the_first_copy_that_is_too_long_none_is_made);
    tcase_add_test(t, a_long_resource_for_each_of_many_records_is_not_made);
    tcase_add_test(t, items_without_end_that_change_a_long_resource_are_refused);
    tcase_add_test(t, a_bucket_without_end_is_spread_and_stays_what_it_counts);
    tcase_add_test(t, exemplars_of_many_points_do_not_each_walk_over_the_metric);
    tcase_add_test(t, fields_of_profiles_are_read_and_set);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
