/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

#define SECOND 1000000000ull
#define LOGS(records) "{'resourceLogs':[{'scopeLogs':[{'logRecords':[" records "]}]}]}"
#define TEXT(s) "'body':{'stringValue':'" s "'}"
#define PAIR(k, v) "{'key':'" k "','value':{'stringValue':'" v "'}}"

extern const struct component log_dedup_processor;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &log_dedup_processor, SIGNAL_LOGS, SIGNAL_LOGS, yaml);
}

START_TEST(equal_records_are_one_with_their_number_and_times)
{
    const char *out;

    begin("{}");
    processor_rig_send(&rig, LOGS("{'timeUnixNano':'1','severityText':'a'," TEXT(
                                 "x") "},{'timeUnixNano':'2','severityText':'a'," TEXT("x") "}"));
    processor_rig_pass(&rig, 3 * SECOND);
    processor_rig_send(
        &rig, LOGS("{'timeUnixNano':'3','severityText':'a'," TEXT("x") "},{'severityText':'b'," TEXT("x") "}"));
    ck_assert_uint_eq(rig.sink.batches, 0);
    ck_assert_uint_eq(rig.ledger.held, 2);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "deduplicated"), 2);
    processor_rig_pass(&rig, 7 * SECOND);
    ck_assert_uint_eq(rig.sink.items, 2);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "{\"key\":\"log_count\",\"value\":{\"intValue\":\"3\"}}") != NULL, "%s", out);
    ck_assert(strstr(out, "{\"key\":\"log_count\",\"value\":{\"intValue\":\"1\"}}") != NULL);
    ck_assert_uint_eq(occurrences(out, "first_observed_timestamp"), 2);
    ck_assert_uint_eq(occurrences(out, "Z\"}"), 4);
    processor_rig_pass(&rig, 10 * SECOND);
    ck_assert_uint_eq(rig.sink.batches, 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(the_times_are_in_the_zone)
{
    const char *out;

    begin("{timezone: Asia/Kolkata}");
    processor_rig_send(&rig, LOGS("{}"));
    processor_rig_stop(&rig);
    out = processor_rig_out(&rig);
    ck_assert_msg(occurrences(out, "+05:30\"}") == 2, "%s", out);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_is_excluded_is_not_compared_and_does_not_come_out)
{
    const char *out;

    begin("{exclude_fields: ['attributes.id\\.x', 'body.a.b', 'attributes.none.deep']}");
    processor_rig_send(
        &rig, LOGS("{'attributes':[" PAIR("id.x", "1") "," PAIR(
                  "k", "v") "],'body':{'kvlistValue':{'values':[{'key':'a','value':{"
                            "'kvlistValue':{'values':[" PAIR("b", "1") "," PAIR(
                                "c", "2") "]}}}]}}},"
                                          "{'attributes':[" PAIR("id.x", "2") "," PAIR(
                                              "k", "v") "],'body':{'kvlistValue':{'values':[{'key':'a','value':{"
                                                        "'kvlistValue':{'values':[" PAIR("b", "9") "," PAIR(
                                                            "c", "2") "]}}}]}}}"));
    ck_assert_uint_eq(rig.ledger.held, 1);
    processor_rig_stop(&rig);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "id.x") == NULL && strstr(out, "\"key\":\"b\"") == NULL, "%s", out);
    ck_assert(strstr(out, "\"key\":\"c\"") != NULL && strstr(out, "\"key\":\"k\"") != NULL);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(only_what_is_included_is_compared)
{
    begin("{include_fields: [attributes.id, body]}");
    processor_rig_send(
        &rig, LOGS("{'severityNumber':9,'attributes':[" PAIR("id", "1") "]},{'attributes':[" PAIR("id", "1") "," PAIR(
                  "o", "1") "]},"
                            "{'attributes':[" PAIR("id", "2") "]},{'severityNumber':9},{},"
                                                              "{" TEXT("x") "},{'severityNumber':9," TEXT("x") "}"));
    ck_assert_uint_eq(rig.ledger.held, 5);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(the_order_of_attributes_and_of_a_body_means_nothing)
{
    begin("{}");
    processor_rig_send(
        &rig,
        LOGS("{'attributes':[" PAIR("a", "1") "," PAIR("b", "2") "],'body':{'kvlistValue':{'values':[" PAIR(
            "c", "1") "," PAIR("d",
                               "2") "]}}},"
                                    "{'attributes':[" PAIR("b", "2") "," PAIR(
                                        "a",
                                        "1") "],'body':{'kvlistValue':{'values':[" PAIR("d",
                                                                                        "2") "," PAIR("c",
                                                                                                      "1") "]}}}"));
    ck_assert_uint_eq(rig.ledger.held, 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(resources_and_scopes_are_compared_and_schema_urls_are_not)
{
    begin("{}");
    processor_rig_send(
        &rig, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{}]},{'scope':{'name':'s'},'logRecords':[{}]}]},"
              "{'resource':{'attributes':[" PAIR("a", "1") "]},'scopeLogs':[{'logRecords':[{}]}]},"
                                                           "{'schemaUrl':'u','scopeLogs':[{'logRecords':[{}]}]}]}");
    ck_assert_uint_eq(rig.ledger.held, 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(records_that_no_condition_is_true_of_go_on_at_once)
{
    begin("{conditions: ['severity_number == 9', 'body == \"x\"']}");
    processor_rig_send(&rig, LOGS("{'severityNumber':9},{'severityNumber':13},{" TEXT("x") "}"));
    ck_assert_uint_eq(rig.sink.items, 1);
    ck_assert_uint_eq(rig.ledger.held, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_is_too_much_goes_on_at_once)
{
    begin("{max_records: 2}");
    processor_rig_send(&rig, LOGS("{" TEXT("a") "},{" TEXT("b") "},{" TEXT("c") "},{" TEXT("a") "}"));
    ck_assert_uint_eq(rig.ledger.held, 2);
    ck_assert_uint_eq(rig.sink.items, 1);
    processor_rig_pass(&rig, 10 * SECOND);
    processor_rig_send(&rig, LOGS("{" TEXT("c") "}"));
    ck_assert_uint_eq(rig.ledger.held, 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_record_that_was_counted_before_has_one_count)
{
    begin("{}");
    processor_rig_send(&rig, LOGS("{'attributes':[{'key':'log_count','value':{'intValue':'5'}}]}"));
    processor_rig_stop(&rig);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "log_count"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_cannot_be_sent_is_dropped_with_its_reason)
{
    begin("{}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    processor_rig_send(&rig, LOGS("{}"));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_stop(&rig);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "away"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(without_room_senders_come_again)
{
    begin("{}");
    budget_charge(&rig.rig.budget, 10000);
    rig.rig.budget.limit = 10001;
    processor_rig_send(&rig, LOGS("{}"));
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    budget_give(&rig.rig.budget, 10000);
    rig.rig.budget.limit = 10;
    processor_rig_send(&rig, LOGS("{}"));
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_eq(rig.ledger.held, 0);
    processor_rig_close(&rig);
}
END_TEST

#define THREE                                                                                                          \
    LOGS("{'severityNumber':9," TEXT("x") "},{'severityNumber':1," TEXT("y") "},{'severityNumber':9," TEXT("x") "}")

/* What is not wanted is refused for now; when its sender comes again all are counted for the first time. */
START_TEST(a_batch_that_comes_again_is_counted_once)
{
    const char *out;

    begin("{conditions: ['severity_number >= 9']}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full" };
    processor_rig_send(&rig, THREE);
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_uint_eq(rig.ledger.refused.v[0].items, 3);
    ck_assert_uint_eq(rig.ledger.held, 0);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "deduplicated"), 0);
    rig.sink.answer = (struct outcome){ 0 };
    processor_rig_send(&rig, THREE);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.held, 1);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "deduplicated"), 1);
    processor_rig_out(&rig);
    processor_rig_stop(&rig);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "{\"key\":\"log_count\",\"value\":{\"intValue\":\"2\"}}") != NULL, "%s", out);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_waits_for_the_rest_of_its_batch_has_its_room_already)
{
    const struct outcome safe = { 0 };
    uint64_t before;

    begin("{conditions: ['severity_number >= 9']}");
    processor_rig_pass(&rig, 0);
    before = rig.rig.budget.used;
    rig.sink.hold = true;
    rig.rig.budget.limit = before + 5000;
    for (unsigned i = 0; i < 4; i++)
        processor_rig_send(&rig, THREE);
    ck_assert_uint_ge(rig.sink.held.n, 1);
    ck_assert_uint_lt(rig.sink.held.n, 4);
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_uint_gt(rig.rig.budget.used, before + 3 * 512);
    ck_assert_uint_le(rig.rig.budget.used, rig.rig.budget.limit);
    rig.sink.hold = false;
    while (rig.sink.held.n > 0)
        sink_settle(&rig.sink, 0, &safe);
    processor_rig_pass(&rig, 0);
    ck_assert_uint_eq(rig.ledger.held, 1);
    processor_rig_stop(&rig);
    processor_rig_close(&rig);
}
END_TEST

/* The others wait for how that goes, also when all is to stop meanwhile. */
START_TEST(what_waits_when_all_stops_is_sent)
{
    const struct outcome safe = { 0 };

    begin("{conditions: ['severity_number >= 9']}");
    rig.sink.hold = true;
    processor_rig_send(&rig, THREE);
    ck_assert_uint_eq(rig.answered, 0);
    ck_assert_uint_eq(rig.ledger.held, 3);
    rig.sink.hold = false;
    sink_settle(&rig.sink, 0, &safe);
    processor_rig_pass(&rig, 0);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_stop(&rig);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_record_without_a_place_is_rejected_when_it_cannot_go_on)
{
    begin("{max_records: 1}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full" };
    processor_rig_send(&rig, LOGS("{" TEXT("x") "},{" TEXT("y") "},{" TEXT("x") "}"));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "deduplicated"), 1);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "queue_full"), 1);
    ck_assert_uint_eq(rig.ledger.held, 1);
    rig.sink.answer = (struct outcome){ 0 };
    processor_rig_stop(&rig);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log_dedup");
    TCase *t = tcase_create("log_dedup");
    SRunner *runner;
    int failed;

    tcase_add_test(t, equal_records_are_one_with_their_number_and_times);
    tcase_add_test(t, the_times_are_in_the_zone);
    tcase_add_test(t, what_is_excluded_is_not_compared_and_does_not_come_out);
    tcase_add_test(t, only_what_is_included_is_compared);
    tcase_add_test(t, the_order_of_attributes_and_of_a_body_means_nothing);
    tcase_add_test(t, resources_and_scopes_are_compared_and_schema_urls_are_not);
    tcase_add_test(t, records_that_no_condition_is_true_of_go_on_at_once);
    tcase_add_test(t, what_is_too_much_goes_on_at_once);
    tcase_add_test(t, a_record_that_was_counted_before_has_one_count);
    tcase_add_test(t, what_cannot_be_sent_is_dropped_with_its_reason);
    tcase_add_test(t, without_room_senders_come_again);
    tcase_add_test(t, what_waits_for_the_rest_of_its_batch_has_its_room_already);
    tcase_add_test(t, a_batch_that_comes_again_is_counted_once);
    tcase_add_test(t, what_waits_when_all_stops_is_sent);
    tcase_add_test(t, a_record_without_a_place_is_rejected_when_it_cannot_go_on);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
