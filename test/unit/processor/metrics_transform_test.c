/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component metrics_transform_processor;

static struct processor_rig rig;

static void send_two(void)
{
    processor_rig_send_metric(&rig, "{'name':'m','sum':{'dataPoints':[{'asInt':'1','attributes':[{'key':'k','value':{"
                                    "'stringValue':'a'}}]},{'asInt':'2'}]}}");
}

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &metrics_transform_processor, SIGNAL_METRICS, SIGNAL_METRICS, yaml);
    send_two();
}

static void end_with(uint64_t received, uint64_t delivered, const char *reason, uint64_t dropped)
{
    ck_assert_uint_eq(rig.ledger.received, received);
    ck_assert_uint_eq(rig.ledger.delivered, delivered);
    ck_assert_uint_eq(processor_rig_dropped(&rig, reason), dropped);
    ck_assert_uint_eq(rig.sink.items, delivered);
    processor_rig_close(&rig);
}

START_TEST(points_that_are_made_are_received)
{
    begin("{transforms: [{include: m, action: insert, new_name: n}]}");
    end_with(4, 4, "deleted", 0);
}
END_TEST

START_TEST(points_that_become_one_are_dropped_as_merged)
{
    begin("{transforms: [{include: m, action: update, operations: [{action: aggregate_labels, aggregation_type: "
          "sum}]}]}");
    ck_assert(strstr(processor_rig_out(&rig), "\"asInt\":\"3\"") != NULL);
    end_with(2, 1, "merged", 1);
}
END_TEST

START_TEST(points_that_are_deleted_are_dropped_even_when_none_is_left)
{
    begin("{transforms: [{include: m, action: update, operations: [{action: delete_label_value, label: k, label_value: "
          "a}]}, {include: m, action: update, operations: [{action: add_label, new_label: k, new_value: b}, {action: "
          "delete_label_value, label: k, label_value: b}]}]}");
    ck_assert_uint_eq(rig.sink.batches, 0);
    end_with(2, 0, "deleted", 2);
}
END_TEST

static const struct batch *came;

static void note_batch(struct sink *s, const struct batch *b)
{
    (void)s;
    came = b;
}

START_TEST(what_no_transform_means_goes_on_as_the_batch_that_it_is)
{
    begin("{transforms: [{include: other, action: update, new_name: n}]}");
    rig.sink.on_batch = note_batch;
    rig.sink.hold = true;
    send_two();
    ck_assert_ptr_eq(came, rig.sink.held.v[0].batch);
    ck_assert_uint_eq(came->refs, 1);
    sink_settle(&rig.sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&rig.rig.loop.turn);
    end_with(4, 4, "deleted", 0);
}
END_TEST

/* One large resource with many scopes, each with a metric that is grouped. */
static void send_scopes(unsigned n, unsigned size)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'resourceMetrics':[{'resource':{'attributes':[{'key':'k','value':{'stringValue':'");
    for (unsigned i = 0; i < size; i++)
        buf_putc(&json, 'x');
    buf_puts(&json, "'}}]},'scopeMetrics':[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s{'metrics':[{'name':'m','gauge':{'dataPoints':[{'asInt':'1'}]}}]}", i > 0 ? "," : "");
    buf_puts(&json, "]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(a_resource_is_not_copied_for_each_of_its_scopes_without_bound)
{
    begin("{transforms: [{include: other, action: group, group_resource_labels: {a: b}}, {include: m, action: group, "
          "group_resource_labels: {a: b}}]}");
    send_scopes(1000, 10000);
    ck_assert_uint_lt(strlen(processor_rig_out(&rig)), 500000); /* as JSON; with a copy for each it is ten million */
    end_with(1002, 1002, "deleted", 0);
}
END_TEST

START_TEST(data_that_other_data_stands_behind_is_dropped_and_counted)
{
    begin("{transforms: [{include: x, action: update, new_name: n}, {include: y, action: update, operations: [{action: "
          "update_label, label: k, new_label: l}]}]}");
    processor_rig_send_two_data(&rig, "x");
    processor_rig_send_two_data(&rig, "y");
    end_with(6, 4, "overwritten", 2);
}
END_TEST

/* Each transform makes twice as much of what is there. */
#define DOUBLE "{include: m, action: insert, new_name: m}"
#define DOUBLE5 DOUBLE ", " DOUBLE ", " DOUBLE ", " DOUBLE ", " DOUBLE
#define ROOM ((uint64_t)4 << 20)

static void send_points(unsigned n)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'name':'m','gauge':{'dataPoints':[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s{'asInt':'%u'}", i > 0 ? "," : "", i);
    buf_puts(&json, "]}}");
    processor_rig_send_metric(&rig, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(what_would_take_more_than_half_of_the_budget_is_rejected)
{
    begin("{transforms: [" DOUBLE5 ", " DOUBLE5 "]}");
    budget_set_limit(&rig.rig.budget, ROOM);
    send_points(1000);
    ck_assert_int_eq(rig.verdict, VERDICT_REJECT);
    ck_assert_uint_le(rig.rig.budget.peak, ROOM);
    ck_assert_uint_le(rig.rig.budget.used, ROOM / 100);
    send_points(1);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_there_is_no_room_for_is_to_come_again)
{
    uint64_t used;

    begin("{transforms: [" DOUBLE5 "]}");
    budget_set_limit(&rig.rig.budget, 16 * ROOM);
    used = budget_room(&rig.rig.budget) - ROOM;
    budget_charge(&rig.rig.budget, used);
    send_points(1000);
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_uint_eq(rig.rig.budget.refusals, 1);
    budget_give(&rig.rig.budget, used);
    send_points(1000);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.sink.items, 2 * 32 + 1000 * 32);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metrics_transform");
    TCase *t = tcase_create("metrics_transform");
    SRunner *runner;
    int failed;

    tcase_add_test(t, points_that_are_made_are_received);
    tcase_add_test(t, points_that_become_one_are_dropped_as_merged);
    tcase_add_test(t, points_that_are_deleted_are_dropped_even_when_none_is_left);
    tcase_add_test(t, what_no_transform_means_goes_on_as_the_batch_that_it_is);
    tcase_add_test(t, a_resource_is_not_copied_for_each_of_its_scopes_without_bound);
    tcase_add_test(t, data_that_other_data_stands_behind_is_dropped_and_counted);
    tcase_add_test(t, what_would_take_more_than_half_of_the_budget_is_rejected);
    tcase_add_test(t, what_there_is_no_room_for_is_to_come_again);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
