/* SPDX-License-Identifier: Apache-2.0 */
#include "support/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component count_connector;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &count_connector, SIGNAL_LOGS, SIGNAL_METRICS, yaml);
}

static void send_two(void)
{
    processor_rig_send(&rig,
                       "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'timeUnixNano':'7','body':{'stringValue':'x'"
                       "}},{'timeUnixNano':'5'}]}]}]}");
}

START_TEST(what_was_counted_is_delivered_when_the_count_is)
{
    begin("{}");
    send_two();
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    ck_assert_uint_eq(rig.sink.items, 1);
    ck_assert(strstr(processor_rig_out(&rig), "\"startTimeUnixNano\":\"5\",\"timeUnixNano\":\"7\",\"asInt\":\"2\"") !=
              NULL);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(the_answer_to_the_count_is_the_senders_and_its_losses_are_not)
{
    begin("{}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    send_two();
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_SAFE, .rejected = 1, .reason = "type" };
    send_two();
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(nothing_goes_on_when_nothing_is_counted)
{
    begin("{logs: {l: {conditions: ['body == \"y\"']}}}");
    send_two();
    ck_assert_uint_eq(rig.sink.batches, 0);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_condition_that_cannot_be_told_refuses_the_request)
{
    begin("{logs: {l: {conditions: ['time_unix_nano / (time_unix_nano - time_unix_nano) == 1']}}}");
    send_two();
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_eq(rig.sink.batches, 0);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("count");
    TCase *t = tcase_create("count");
    SRunner *runner;
    int failed;

    tcase_add_test(t, what_was_counted_is_delivered_when_the_count_is);
    tcase_add_test(t, the_answer_to_the_count_is_the_senders_and_its_losses_are_not);
    tcase_add_test(t, nothing_goes_on_when_nothing_is_counted);
    tcase_add_test(t, a_condition_that_cannot_be_told_refuses_the_request);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
