/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component interval_processor;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &interval_processor, SIGNAL_METRICS, SIGNAL_METRICS, yaml);
}

static void send_point(unsigned key, unsigned time, const char *more)
{
    char *json =
        mem_printf("{'name':'m','sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':["
                   "{'timeUnixNano':'%u','asInt':'%u'%s,'attributes':[{'key':'k','value':{'intValue':'%u'}}]}]}}",
                   time, time * 10, more, key);

    processor_rig_send_metric(&rig, json);
    free(json);
}

START_TEST(the_newest_point_of_each_stream_goes_on_once_an_interval)
{
    const char *out;

    begin("{interval: 30s}");
    send_point(0, 2, "");
    send_point(1, 2, "");
    send_point(0, 4, ",'exemplars':[{'asDouble':1}]");
    send_point(0, 3, "");
    ck_assert_uint_eq(rig.sink.batches, 0);
    ck_assert_uint_eq(rig.ledger.held, 2);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "superseded"), 2);
    processor_rig_pass(&rig, 30 * NS_PER_S);
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(rig.sink.items, 2);
    ck_assert(strstr(out, "\"asInt\":\"40\"") != NULL && strstr(out, "\"asInt\":\"20\"") != NULL);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_pass(&rig, 60 * NS_PER_S);
    ck_assert_uint_eq(rig.sink.batches, 1);
    send_point(0, 1, "");
    processor_rig_pass(&rig, 30 * NS_PER_S);
    ck_assert(strstr(processor_rig_out(&rig), "\"asInt\":\"10\"") != NULL);
    processor_rig_close(&rig);
}
END_TEST

#define GAUGE "{'name':'g','gauge':{'dataPoints':[{'asInt':'1'}]}}"
#define DELTA                                                                                                          \
    "{'name':'d','sum':{'aggregationTemporality':1,'isMonotonic':true,'dataPoints':[{'asInt':'1'},{'asInt':'2'}]}}"
#define SUMMARY "{'name':'s','summary':{'dataPoints':[{'count':'1'}]}}"

START_TEST(what_is_not_held_goes_on_at_once)
{
    begin("{}");
    processor_rig_send_metric(&rig, GAUGE "," DELTA "," SUMMARY);
    ck_assert_uint_eq(rig.sink.items, 2);
    ck_assert_uint_eq(rig.ledger.held, 2);
    processor_rig_close(&rig);
    begin("{pass_through: {gauge: true, summary: true}}");
    processor_rig_send_metric(&rig, GAUGE "," DELTA "," SUMMARY);
    ck_assert_uint_eq(rig.sink.items, 4);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_is_held_leaves_at_the_stop)
{
    begin("{}");
    send_point(0, 2, "");
    processor_rig_stop(&rig);
    turn_run(&rig.rig.loop.turn);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_send_that_fails_drops_what_it_had)
{
    begin("{}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    send_point(0, 2, "");
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_pass(&rig, 60 * NS_PER_S);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "away"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(while_a_send_is_out_the_next_one_waits)
{
    begin("{}");
    rig.sink.hold = true;
    send_point(0, 2, "");
    processor_rig_pass(&rig, 60 * NS_PER_S);
    send_point(0, 3, "");
    processor_rig_pass(&rig, 120 * NS_PER_S);
    ck_assert_uint_eq(rig.sink.batches, 1);
    ck_assert_uint_eq(rig.ledger.held, 2);
    rig.sink.hold = false;
    sink_settle(&rig.sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&rig.rig.loop.turn);
    turn_run(&rig.rig.loop.turn);
    ck_assert_uint_eq(rig.sink.batches, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(without_room_senders_come_again)
{
    begin("{}");
    send_point(0, 2, "");
    budget_charge(&rig.rig.budget, 10000);
    budget_set_limit(&rig.rig.budget, rig.rig.budget.used + 10);
    send_point(1, 2, "");
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_uint_eq(rig.ledger.held, 1);
    budget_give(&rig.rig.budget, 10000);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_there_could_never_be_room_for_is_refused_for_good)
{
    begin("{}");
    budget_set_limit(&rig.rig.budget, 512);
    send_point(1, 2, "");
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_eq(ledger_reasons_total(&rig.ledger.refused), 1);
    ck_assert_str_eq(rig.ledger.refused.v[0].reason, "too_large");
    ck_assert_uint_eq(rig.ledger.held, 0);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(points_are_admitted_by_what_they_take_however_small_they_are)
{
    struct buf json = { 0 };
    uint64_t used;

    begin("{}");
    used = rig.rig.budget.used;
    buf_puts(&json, "{'name':'m','gauge':{'dataPoints':[");
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&json, "%s{'asInt':'1','attributes':[{'key':'k','value':{'intValue':'%u'}}]}", i > 0 ? "," : "", i);
    buf_puts(&json, "]}}");
    budget_set_limit(&rig.rig.budget, used + 150000);
    processor_rig_send_metric(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    budget_set_limit(&rig.rig.budget, used + 800000);
    processor_rig_send_metric(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_gt(rig.rig.budget.used, used + 150000); /* so it would not have fitted */
    ck_assert_uint_lt(rig.rig.budget.used, used + 800000);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(data_that_other_data_stands_behind_is_dropped_and_counted)
{
    begin("{}");
    processor_rig_send_two_data(&rig, "x");
    processor_rig_pass(&rig, 60 * NS_PER_S);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "overwritten"), 1);
    ck_assert_uint_eq(rig.sink.items, 1);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("interval");
    TCase *t = tcase_create("interval");
    SRunner *runner;
    int failed;

    tcase_add_test(t, the_newest_point_of_each_stream_goes_on_once_an_interval);
    tcase_add_test(t, what_is_not_held_goes_on_at_once);
    tcase_add_test(t, what_is_held_leaves_at_the_stop);
    tcase_add_test(t, a_send_that_fails_drops_what_it_had);
    tcase_add_test(t, while_a_send_is_out_the_next_one_waits);
    tcase_add_test(t, without_room_senders_come_again);
    tcase_add_test(t, what_there_could_never_be_room_for_is_refused_for_good);
    tcase_add_test(t, points_are_admitted_by_what_they_take_however_small_they_are);
    tcase_add_test(t, data_that_other_data_stands_behind_is_dropped_and_counted);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
