/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

#define PAIR(k, v) "{'key':'" k "','value':{'" v "}}"
#define RECORD(attributes) "{'timeUnixNano':'5','attributes':[" attributes "]}"
#define LOGS(records)                                                                                                  \
    "{'resourceLogs':[{'resource':{'attributes':[{'key':'r','value':{'stringValue':'x'}}]},'scopeLogs':[{'logRecords'" \
    ":[" records "]}]}]}"

extern const struct component sum_connector;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &sum_connector, SIGNAL_LOGS, SIGNAL_METRICS, yaml);
}

START_TEST(numbers_of_every_type_are_summed_up)
{
    const char *out;

    begin("{logs: {paid: {source_attribute: amount, description: what was paid}}}");
    processor_rig_send(
        &rig,
        LOGS(RECORD(PAIR("amount", "intValue':'2'")) "," RECORD(PAIR("amount", "doubleValue':0.5")) "," RECORD(PAIR(
            "amount",
            "stringValue':'1.25'")) "," RECORD(PAIR("amount",
                                                    "stringValue':'x'")) "," RECORD(PAIR("amount",
                                                                                         "boolValue':true")) "," RECORD("")));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 6);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"name\":\"paid\",\"description\":\"what was paid\"") != NULL &&
                      strstr(out, "\"timeUnixNano\":\"1700000000000000000\",\"asDouble\":3.75") != NULL &&
                      strstr(out, "\"aggregationTemporality\":1,\"isMonotonic\":true") != NULL &&
                      strstr(out, "startTime") == NULL,
                  "%s", out);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(an_item_adds_once_whatever_it_is_told_apart_by)
{
    const char *out;

    begin("{logs: {paid: {source_attribute: amount, attributes: [{key: shop}, {key: till, default_value: none}]}}}");
    processor_rig_send(
        &rig,
        LOGS(RECORD(PAIR("amount", "intValue':'2'") "," PAIR("shop", "intValue':'7'")) "," RECORD(
            PAIR("amount", "intValue':'2'") "," PAIR(
                "shop",
                "stringValue':'7'")) "," RECORD(PAIR("amount",
                                                     "intValue':'8'") "," PAIR("shop",
                                                                               "intValue':'0'")) "," RECORD(PAIR("amoun"
                                                                                                                 "t",
                                                                                                                 "intVa"
                                                                                                                 "lue':"
                                                                                                                 "'8"
                                                                                                                 "'"))));
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(rig.sink.items, 1);
    ck_assert_msg(strstr(out, "\"asDouble\":4") != NULL &&
                      strstr(out, "{\"key\":\"shop\",\"value\":{\"stringValue\":\"7\"}}") != NULL &&
                      strstr(out, "{\"key\":\"till\",\"value\":{\"stringValue\":\"none\"}}") != NULL,
                  "%s", out);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_no_condition_is_true_of_adds_nothing)
{
    begin("{logs: {paid: {source_attribute: amount, conditions: ['attributes[\"amount\"] > 5']}}}");
    processor_rig_send(&rig, LOGS(RECORD(PAIR("amount", "intValue':'2'")) "," RECORD(PAIR("amount", "intValue':'8'"))));
    ck_assert(strstr(processor_rig_out(&rig), "\"asDouble\":8") != NULL);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(nothing_is_summed_up_unasked)
{
    begin("{spans: {s: {source_attribute: a}}}");
    processor_rig_send(&rig, LOGS(RECORD("")));
    ck_assert_uint_eq(rig.sink.batches, 0);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sum");
    TCase *t = tcase_create("sum");
    SRunner *runner;
    int failed;

    tcase_add_test(t, numbers_of_every_type_are_summed_up);
    tcase_add_test(t, an_item_adds_once_whatever_it_is_told_apart_by);
    tcase_add_test(t, what_no_condition_is_true_of_adds_nothing);
    tcase_add_test(t, nothing_is_summed_up_unasked);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
