/* SPDX-License-Identifier: Apache-2.0 */
#include "support/processor_rig.h"

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
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
