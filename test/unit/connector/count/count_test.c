/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

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

/* 200 records with a value of their own each, and a resource whose value of 64 KiB each point would have. */
static void send_many(const char *between)
{
    struct buf json = { 0 };

    budget_set_limit(&rig.rig.budget, 8 << 20);
    buf_printf(&json, "{'resourceLogs':[{'resource':{'attributes':[{'key':'big','value':{'stringValue':'%065536u'}}]},",
               0);
    buf_puts(&json, "'scopeLogs':[{'logRecords':[{}");
    for (unsigned i = 0; i < 200; i++)
        buf_printf(&json, "%s{'attributes':[{'key':'k','value':{'intValue':'%u'}}]}", i == 0 ? "," : between, i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(values_without_end_are_counted_in_a_point_that_says_so)
{
    const char *out;

    begin("{logs: {l: {attributes: [{key: k}, {key: big}]}}}");
    send_many(",");
    budget_set_limit(&rig.rig.budget, UINT64_MAX);
    out = processor_rig_out(&rig);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 201);
    ck_assert_uint_eq(rig.sink.items, 15);
    ck_assert_uint_lt(strlen(out), 2 << 20);
    ck_assert(strstr(out, "otel.metric.overflow") != NULL);
    ck_assert(strstr(out, "\"asInt\":\"186\"") != NULL);
    processor_rig_close(&rig);
}
END_TEST

/* 20,000 resources, of which each would have a point. */
START_TEST(a_request_of_resources_without_end_is_refused_whole)
{
    struct buf json = { 0 };

    begin("{logs: {l: {attributes: [{key: k}]}}}");
    budget_set_limit(&rig.rig.budget, 32 << 20);
    buf_puts(&json, "{'resourceLogs':[{}");
    for (unsigned i = 0; i < 20000; i++)
        buf_puts(&json, ",{'scopeLogs':[{'logRecords':[{'attributes':[{'key':'k','value':{'intValue':'1'}}]}]}]}");
    buf_puts(&json, "]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
    budget_set_limit(&rig.rig.budget, UINT64_MAX);
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_eq(rig.sink.batches, 0);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(values_are_those_of_the_scope_and_resource_that_an_item_is_in)
{
    const char *out;

    begin("{logs: {l: {attributes: [{key: a, default_value: none}]}}}");
    processor_rig_send(&rig, "{'resourceLogs':[{'resource':{'attributes':[{'key':'a','value':{'stringValue':'r'}}]},"
                             "'scopeLogs':[{'logRecords':[{},{}]},{'scope':{'attributes':[{'key':'a','value':"
                             "{'stringValue':'s'}}]},'logRecords':[{},{},{}]}]},{'scopeLogs':[{'logRecords':[{}]}]}]}");
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(rig.sink.items, 3);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(strstr(out, (const char *[]){ "\"r\"", "\"s\"", "\"none\"" }[i]) != NULL);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(strstr(out, (const char *[]){ "\"asInt\":\"1\"", "\"asInt\":\"2\"", "\"asInt\":\"3\"" }[i]) != NULL);
    processor_rig_close(&rig);
}
END_TEST

/* It would take minutes to look through the resource for each scope. */
START_TEST(a_large_resource_is_looked_through_once_for_all_of_its_scopes)
{
    struct buf json = { 0 };

    begin("{logs: {l: {attributes: [{key: a}]}}}");
    buf_puts(&json, "{'resourceLogs':[{'resource':{'attributes':[");
    for (unsigned i = 0; i < 40000; i++)
        buf_puts(&json, "{'key':'b','value':{'intValue':'1'}},");
    buf_puts(&json, "{'key':'a','value':{'stringValue':'r'}}]},'scopeLogs':[");
    for (unsigned i = 0; i < 40000; i++)
        buf_printf(&json, "%s{'logRecords':[{}]}", i > 0 ? "," : "");
    buf_puts(&json, "]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.items, 1);
    ck_assert(strstr(processor_rig_out(&rig), "\"asInt\":\"40000\"") != NULL);
    buf_free(&json);
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
    tcase_add_test(t, values_without_end_are_counted_in_a_point_that_says_so);
    tcase_add_test(t, a_request_of_resources_without_end_is_refused_whole);
    tcase_add_test(t, values_are_those_of_the_scope_and_resource_that_an_item_is_in);
    tcase_add_test(t, a_condition_that_cannot_be_told_refuses_the_request);
    tcase_add_test(t, a_large_resource_is_looked_through_once_for_all_of_its_scopes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
