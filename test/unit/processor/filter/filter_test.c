/* SPDX-License-Identifier: Apache-2.0 */
#include "support/processor_rig.h"

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

int main(void)
{
    Suite *s = suite_create("filter");
    TCase *t = tcase_create("filter");
    SRunner *runner;
    int failed;

    tcase_add_test(t, what_a_rejected_batch_would_have_dropped_is_not_counted);
    tcase_add_test(t, events_without_end_do_not_each_walk_over_the_others);
    tcase_set_timeout(t, 20);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
