/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component redaction_processor;

static struct processor_rig rig;

/* What becomes of a log record of these attributes and this body, of a resource `service.name`. */
static const char *redact(const char *yaml, const char *attributes, const char *body)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &redaction_processor, SIGNAL_LOGS, SIGNAL_LOGS, yaml);
    buf_printf(&json,
               "{'resourceLogs':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'s'}}]},"
               "'scopeLogs':[{'logRecords':[{'body':%s,'attributes':[%s]}]}]}]}",
               body, attributes);
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
    return processor_rig_out(&rig);
}

#define PAIR(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define CARD PAIR("card", "4111 1111, 4222 2222") "," PAIR("token", "abc") "," PAIR("id", "7")
#define TEXT "{'stringValue':'paid with 4111 1111'}"

/* {yaml, attributes, body, what must be there, what must not} */
// NOLINTBEGIN(bugprone-suspicious-missing-comma): texts are put together of macros
static const char *const cases[][5] = {
    { "{}", CARD, TEXT, "paid with", "key" },
    { "{allowed_keys: [id]}", CARD, TEXT, "\"id\"", "service.name" },
    { "{allow_all_keys: true, blocked_values: ['4[0-9]{3} [0-9]{4}']}", CARD, TEXT, "\"****, ****\"", "4111" },
    { "{allow_all_keys: true, blocked_values: ['^4']}", CARD, TEXT, "****111 1111, 4222 2222", "\"4" },
    { "{allow_all_keys: true, blocked_values: ['4'], allowed_values: ['^4111']}", CARD, TEXT, "4222 2222",
      "4111 1111\"}" },
    { "{allow_all_keys: true, blocked_key_patterns: [tok]}", CARD, TEXT, "{\"stringValue\":\"****\"}", "abc" },
    { "{allow_all_keys: true, blocked_key_patterns: [tok]}", PAIR("tok", "a\\nb\\n"), TEXT, "\"****\\n****\\n****\"",
      "a"
      "\\n" },
    { "{allow_all_keys: true, blocked_key_patterns: [tok], ignored_keys: [token]}", CARD, TEXT, "abc", "****" },
    { "{allow_all_keys: true, blocked_values: [b], hash_function: md5}", CARD, TEXT,
      "a92eb5ffee6ae2fec3ad71c777531578fc", "abc" },
    { "{allow_all_keys: true, blocked_values: [abc], hash_function: sha1}", CARD, TEXT,
      "a9993e364706816aba3e25717850c26c9cd0d89d", "abc" },
    { "{allow_all_keys: true, blocked_values: [abc], hash_function: sha3}", CARD, TEXT,
      "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532", "abc" },
    { "{allow_all_keys: true, blocked_values: [abc], hash_function: hmac-sha256, hmac_key: "
      "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk}",
      CARD, TEXT, "1", "abc" },
    { "{allow_all_keys: true, blocked_values: ['7']}", "{'key':'n','value':{'intValue':'7'}}", TEXT,
      "\"intValue\":\"7\"", "****" },
    { "{allow_all_keys: true, blocked_values: ['7'], redact_all_types: true}", "{'key':'n','value':{'intValue':'7'}}",
      TEXT, "****", "\"7\"" },
    { "{allow_all_keys: true, blocked_values: ['4111'], blocked_key_patterns: [pw]}", "",
      "{'kvlistValue':{'values':[{'key':'a','value':{'arrayValue':{'values':[{'stringValue':'4111'},{'intValue':'4111'}"
      "]}}},"
      "{'key':'pw','value':{'boolValue':true}}]}}",
      "{\"stringValue\":\"****\"},{\"stringValue\":\"****\"}", "true" },
    { "{allowed_keys: [a], summary: debug}", CARD,
      "{'kvlistValue':{'values':[{'key':'a','value':{'intValue':'1'}},{'key':'b','value':{'intValue':'1'}}]}}",
      "\"redaction.redacted.keys\",\"value\":{\"stringValue\":\"card,id,token\"}", "\"key\":\"b\"" },
    { "{allow_all_keys: true, blocked_values: [abc], summary: info}",
      CARD ",{'key':'redaction.masked.count','value':{'intValue':'4'}}", TEXT,
      "\"redaction.masked.count\",\"value\":{\"intValue\":\"5\"}", "keys" },
};
// NOLINTEND(bugprone-suspicious-missing-comma)

START_TEST(a_record_comes_out_without_what_must_not_be_seen)
{
    const char *const *c = cases[_i], *out = redact(c[0], c[1], c[2]);

    ck_assert_msg(strstr(out, c[3]) != NULL, "%s\nof %s\nhas no %s", out, c[0], c[3]);
    ck_assert_msg(strstr(out, c[4]) == NULL, "%s\nof %s\nhas %s", out, c[0], c[4]);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(events_of_spans_and_their_spans_are_redacted_alike)
{
    const char *out;

    processor_rig_init(&rig, &redaction_processor, SIGNAL_TRACES, SIGNAL_TRACES,
                       "{allow_all_keys: true, blocked_values: [secret]}");
    processor_rig_send(&rig,
                       "{'resourceSpans':[{'scopeSpans':[{'spans':[{'name':'secret','attributes':[" PAIR(
                           "a", "secret") "],'events':[{'name':'e','attributes':[" PAIR("b", "my secret") "]}]}]}]}]}");
    out = processor_rig_out(&rig);
    ck_assert(strstr(out, "\"name\":\"secret\"") != NULL);
    ck_assert(strstr(out, "\"stringValue\":\"****\"") != NULL);
    ck_assert(strstr(out, "\"stringValue\":\"my ****\"") != NULL);
    processor_rig_close(&rig);
}
END_TEST

/* A span one of whose attributes takes all the steps that it has. */
static const char *redact_overspent(const char *yaml, const char *name)
{
    struct buf json = { 0 };

    processor_rig_init(&rig, &redaction_processor, SIGNAL_TRACES, SIGNAL_TRACES, yaml);
    buf_printf(&json,
               "{'resourceSpans':[{'scopeSpans':[{'spans':[{'kind':3,'name':'%s','attributes':[" PAIR(
                   "db.system.name", "redis") ",{'key':'long','value':{'stringValue':'",
               name);
    for (unsigned i = 0; i < 300000; i++)
        buf_putc(&json, 'a');
    buf_puts(&json, "'}},{'key':'pin','value':{'intValue':'4242'}}]}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
    return processor_rig_out(&rig);
}

#define TAKES_ALL "allow_all_keys: true, blocked_values: ['(a|b|c|d){100}[a-z]{200}x']"

START_TEST(a_number_whose_key_nobody_had_steps_to_look_at_is_masked)
{
    const char *out = redact_overspent("{" TAKES_ALL ", blocked_key_patterns: [pin]}", "s");

    ck_assert_msg(strstr(out, "\"key\":\"pin\",\"value\":{\"stringValue\":\"****\"}") != NULL, "%s", out);
    ck_assert(strstr(out, "4242") == NULL);
    processor_rig_close(&rig);
    out = redact_overspent("{" TAKES_ALL "}", "s"); /* no pattern looks at keys */
    ck_assert(strstr(out, "4242") != NULL);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_name_that_the_first_sanitizer_had_no_steps_for_is_masked_whole)
{
    const char *out = redact_overspent("{" TAKES_ALL ", url_sanitizer: {enabled: true}, db_sanitizer: {redis: "
                                       "{enabled: true}}}",
                                       "SET /users/a8271-7 v");

    ck_assert_msg(strstr(out, "\"name\":\"****\"") != NULL, "%s", out);
    ck_assert(strstr(out, "8271") == NULL);
    processor_rig_close(&rig);
}
END_TEST

/* `n` records, each with a text that its pattern takes long for, and one more that says who they are. */
static void send_slow(unsigned n, const char *name)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[");
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&json, "{'body':{'stringValue':'%s%u secret '},'attributes':[{'key':'long','value':{'stringValue':'",
                   name, i);
        for (unsigned k = 0; k < 6000; k++)
            buf_putc(&json, "abcd"[rig_random(&rig.rig, 4)]);
        buf_puts(&json, "'}}]},");
    }
    buf_puts(&json, "{'body':{'stringValue':'last secret'}}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

#define SLOW "(a|c)[a-z]{100}x" /* of letters by chance each is a state that was not there before */

START_TEST(a_batch_of_many_slow_items_is_gone_through_over_several_turns_and_the_next_one_waits)
{
    const char *out;
    unsigned turns = 0;

    processor_rig_init(&rig, &redaction_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{allow_all_keys: true, blocked_values: ['" SLOW "', secret], hash_function: md5}");
    send_slow(20, "first");
    ck_assert_uint_eq(rig.sink.batches, 0);
    send_slow(1, "second");
    while (rig.sink.batches < 2) {
        rig_step(&rig.rig, NS_PER_MS);
        turns++;
    }
    ck_assert_uint_ge(turns, 2);
    out = processor_rig_out(&rig);
    ck_assert(strstr(out, "secret") == NULL);
    ck_assert(strstr(out, "first19 5ebe2294ecd0e0f08eab7690d2a6ee69") != NULL);
    ck_assert(strstr(out, "second0 5ebe2294ecd0e0f08eab7690d2a6ee69") > strstr(out, "first19"));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_waits_at_the_deadline_of_a_stop_is_handed_back_and_not_settled_as_safe)
{
    uint64_t used;

    processor_rig_init(&rig, &redaction_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{allow_all_keys: true, blocked_values: ['" SLOW "', secret]}");
    used = rig.rig.budget.used;
    send_slow(20, "first");
    send_slow(1, "second");
    ck_assert_uint_eq(rig.answered, 0);
    ck_assert_uint_gt(rig.rig.budget.used, used);
    rig_stop(rig.node, clock_mono(&rig.rig.loop.clock), &rig.stopped);
    while (!rig.stopped)
        rig_step(&rig.rig, NS_PER_MS);
    turn_run(&rig.rig.loop.turn);
    ck_assert_uint_eq(rig.sink.batches, 0);
    ck_assert_uint_eq(rig.answered, 2);
    ck_assert_uint_eq(rig.retries, 2);
    ck_assert_uint_eq(rig.ledger.delivered, 0);
    ck_assert_uint_eq(rig.ledger.refused.n, 1);
    ck_assert_str_eq(rig.ledger.refused.v[0].reason, "shutdown");
    ck_assert_uint_eq(rig.ledger.refused.v[0].items, 21 + 2);
    ck_assert_uint_eq(rig.rig.budget.used, used);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(lines_without_end_are_masked_together_when_their_item_has_no_steps_left)
{
    struct buf body = { 0 };
    const char *out;

    buf_puts(&body, "{'kvlistValue':{'values':[{'key':'pw','value':{'stringValue':'");
    for (unsigned i = 0; i < 600000; i++)
        buf_puts(&body, "\\n");
    buf_puts(&body, "end'}}]}}");
    out = redact("{allow_all_keys: true, blocked_key_patterns: [pw], hash_function: md5}", "", buf_cstr(&body));
    ck_assert(strstr(out, "end") == NULL);
    ck_assert_uint_lt(strlen(out), 600000 * 33);
    processor_rig_close(&rig);
    buf_free(&body);
}
END_TEST

START_TEST(hashes_that_the_budget_has_no_room_for_are_refused_for_now_or_for_good)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[");
    for (unsigned i = 0; i < 300; i++)
        buf_printf(&json, "%s{'body':{'stringValue':'%0100u'}}", i > 0 ? "," : "", 0);
    buf_puts(&json, "]}]}]}");
    processor_rig_init(&rig, &redaction_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{allow_all_keys: true, blocked_values: ['0'], hash_function: sha1}");
    budget_set_limit(&rig.rig.budget, 20u << 20);
    budget_charge(&rig.rig.budget, 19u << 20);
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.batches, 0);
    while (rig.answered < 1)
        rig_step(&rig.rig, NS_PER_MS);
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_str_eq(rig.ledger.refused.v[0].reason, "memory_limit");
    budget_give(&rig.rig.budget, 19u << 20);
    budget_set_limit(&rig.rig.budget, 2u << 20);
    processor_rig_send(&rig, buf_cstr(&json));
    while (rig.answered < 2)
        rig_step(&rig.rig, NS_PER_MS);
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_str_eq(rig.ledger.refused.v[1].reason, "too_large");
    processor_rig_close(&rig);
    buf_free(&json);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("redaction");
    TCase *t = tcase_create("redaction");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(t, a_record_comes_out_without_what_must_not_be_seen, 0, sizeof(cases) / sizeof(*cases));
    tcase_add_test(t, events_of_spans_and_their_spans_are_redacted_alike);
    tcase_add_test(t, a_number_whose_key_nobody_had_steps_to_look_at_is_masked);
    tcase_add_test(t, a_name_that_the_first_sanitizer_had_no_steps_for_is_masked_whole);
    tcase_add_test(t, a_batch_of_many_slow_items_is_gone_through_over_several_turns_and_the_next_one_waits);
    tcase_add_test(t, what_waits_at_the_deadline_of_a_stop_is_handed_back_and_not_settled_as_safe);
    tcase_add_test(t, lines_without_end_are_masked_together_when_their_item_has_no_steps_left);
    tcase_add_test(t, hashes_that_the_budget_has_no_room_for_are_refused_for_now_or_for_good);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
