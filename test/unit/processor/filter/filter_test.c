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

int main(void)
{
    Suite *s = suite_create("filter");
    TCase *t = tcase_create("filter");
    SRunner *runner;
    int failed;

    tcase_add_test(t, what_a_rejected_batch_would_have_dropped_is_not_counted);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
