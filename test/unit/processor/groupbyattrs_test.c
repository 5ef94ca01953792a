/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component groupbyattrs_processor;

static struct processor_rig rig;

START_TEST(an_item_goes_to_the_resource_with_its_attributes)
{
    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_LOGS, SIGNAL_LOGS, "{keys: [host, '', host]}");
    processor_rig_send(&rig,
                       "{'resourceLogs':[{'resource':{'attributes':[{'key':'host','value':{'stringValue':'a'}}]},"
                       "'scopeLogs':[{'logRecords':[{'severityText':'1','attributes':[{'key':'x','value':{"
                       "'intValue':'1'}},{'key':'host','value':{'stringValue':'b'}}]},{'severityText':'2'}]}]}]}");
    ck_assert_str_eq(processor_rig_out(&rig),
                     "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"host\",\"value\":{\"stringValue\":"
                     "\"b\"}}]},\"scopeLogs\":[{\"logRecords\":[{\"severityText\":\"1\",\"attributes\":[{\"key\":\"x\","
                     "\"value\":{\"intValue\":\"1\"}}]}]}]},{\"resource\":{\"attributes\":[{\"key\":\"host\",\"value\":"
                     "{\"stringValue\":\"a\"}}]},\"scopeLogs\":[{\"logRecords\":[{\"severityText\":\"2\"}]}]}]}\n");
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_processor_groupbyattrs_num_grouped_logs", NULL), 1);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_processor_groupbyattrs_num_non_grouped_logs", NULL), 1);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_processor_groupbyattrs_log_groups", NULL), 1);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

/* A thousand resources in one batch, and the answer of what is behind goes back to the sender. */
START_TEST(a_batch_may_have_any_number_of_groups)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_LOGS, SIGNAL_LOGS, "{keys: [k]}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{}");
    for (unsigned i = 0; i < 3000; i++)
        buf_printf(&json, ",{'attributes':[{'key':'k','value':{'intValue':'%u'}}]}", i % 1000);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.items, 3001);
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(points_stay_in_the_kind_of_data_that_they_are_of)
{
    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_METRICS, SIGNAL_METRICS, "{}");
    processor_rig_send_two_data(&rig, "m");
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

/* 200 items with a key's value of their own each, and a resource of 64 KiB. */
START_TEST(copies_of_a_large_resource_are_bounded_and_no_item_is_lost)
{
    struct buf json = { 0 };
    uint64_t limit;

    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_LOGS, SIGNAL_LOGS, "{keys: [k]}");
    limit = budget_limit(&rig.rig.budget);
    budget_set_limit(&rig.rig.budget, 8 << 20);
    buf_printf(&json, "{'resourceLogs':[{'resource':{'attributes':[{'key':'%065536u'}]},'scopeLogs':[{'logRecords':[{}",
               0);
    for (unsigned i = 0; i < 200; i++)
        buf_printf(&json,
                   ",{'attributes':[{'key':'k','value':{'intValue':'0'}},{'key':'k','value':{'intValue':'%u'}}]}", i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.items, 201);
    ck_assert_uint_lt(strlen(processor_rig_out(&rig)), 2 << 20);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_processor_groupbyattrs_num_grouped_logs", NULL), 15);
    budget_set_limit(&rig.rig.budget, limit);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

/* 20,000 items with a key's value of their own each, in a budget of 8 MiB: a group costs some hundred bytes. */
START_TEST(groups_of_small_resources_are_bounded_too)
{
    struct buf json = { 0 };
    uint64_t limit;
    double grouped;

    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_LOGS, SIGNAL_LOGS, "{keys: [k]}");
    limit = budget_limit(&rig.rig.budget);
    budget_set_limit(&rig.rig.budget, 8 << 20);
    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{}");
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&json, ",{'attributes':[{'key':'k','value':{'intValue':'%u'}}]}", i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.items, 20001);
    grouped = rig_metric(&rig.rig, "otelcol_processor_groupbyattrs_num_grouped_logs", NULL);
    ck_assert_double_ge(grouped, 1000);
    ck_assert_double_le(grouped, 10000);
    budget_set_limit(&rig.rig.budget, limit);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

/* The same with resources of their own, which nothing can be left out of. */
START_TEST(a_batch_of_too_many_resources_goes_on_as_it_came)
{
    struct buf json = { 0 };
    uint64_t limit;
    unsigned kept = 0;

    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_LOGS, SIGNAL_LOGS, "{keys: [k]}");
    limit = budget_limit(&rig.rig.budget);
    budget_set_limit(&rig.rig.budget, 1 << 20);
    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{}]}]}");
    for (unsigned i = 0; i < 5000; i++)
        buf_printf(&json,
                   ",{'resource':{'attributes':[{'key':'r','value':{'intValue':'%u'}}]},'scopeLogs':[{'logRecords':"
                   "[{'attributes':[{'key':'k','value':{'intValue':'1'}}]}]}]}",
                   i);
    buf_puts(&json, "]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.items, 5001);
    ck_assert_uint_eq(rig.ledger.delivered, 5001);
    for (const char *at = processor_rig_out(&rig); (at = strstr(at, "\"key\":\"k\"")) != NULL; at++)
        kept++;
    ck_assert_uint_eq(kept, 5000);
    ck_assert_double_lt(rig_metric(&rig.rig, "otelcol_processor_groupbyattrs_log_groups", NULL), 1);
    budget_set_limit(&rig.rig.budget, limit);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

/* 200,000 points of one metric, each of a group of its own: a look at all points for each would take minutes. */
START_TEST(a_metric_of_very_many_groups_is_looked_through_once)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &groupbyattrs_processor, SIGNAL_METRICS, SIGNAL_METRICS, "{keys: [k]}");
    buf_puts(&json, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'m','gauge':{'dataPoints':[{}");
    for (unsigned i = 0; i < 200000; i++)
        buf_printf(&json, ",{'attributes':[{'key':'k','value':{'intValue':'%u'}}]}", i);
    buf_puts(&json, "]}}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.items, 200001);
    ck_assert_uint_eq(rig.ledger.delivered, 200001);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("groupbyattrs");
    TCase *t = tcase_create("groupbyattrs");
    SRunner *runner;
    int failed;

    tcase_add_test(t, an_item_goes_to_the_resource_with_its_attributes);
    tcase_add_test(t, a_batch_may_have_any_number_of_groups);
    tcase_add_test(t, points_stay_in_the_kind_of_data_that_they_are_of);
    tcase_add_test(t, copies_of_a_large_resource_are_bounded_and_no_item_is_lost);
    tcase_add_test(t, groups_of_small_resources_are_bounded_too);
    tcase_add_test(t, a_batch_of_too_many_resources_goes_on_as_it_came);
    tcase_add_test(t, a_metric_of_very_many_groups_is_looked_through_once);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
