/* SPDX-License-Identifier: Apache-2.0 */
/* An edge between a sender and two sinks. */
#include "pipeline/edge.h"

#include "support/rig/rig.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>

static struct rig rig;
static struct edge edge;
static struct sink first, second;
static struct request {
    struct ack ack;
    struct outcome answer;
} requests[4];
static int settled;

static void on_settled(struct ack *ack, const struct outcome *o)
{
    container_of(ack, struct request, ack)->answer = *o;
    settled++;
}

static void setup(void)
{
    rig_init(&rig, 1);
    edge_init(&edge);
    sink_init(&first);
    sink_init(&second);
    settled = 0;
}

static void teardown(void)
{
    edge_free(&edge);
    sink_close(&first);
    sink_close(&second);
    rig_close(&rig);
}

static void send_through(int i, uint64_t items)
{
    ack_init(&requests[i].ack, &rig.loop.turn, NULL, items, true, on_settled);
    consumer_send(&edge.in, rig_logs(&rig, 0, items), &requests[i].ack);
    turn_run(&rig.loop.turn);
}

START_TEST(what_comes_while_it_leads_nowhere_waits_and_goes_on_in_order)
{
    second.hold = true;
    send_through(0, 3);
    send_through(1, 5);
    ck_assert_int_eq(settled, 0);
    edge_lead(&edge, &second.in);
    send_through(2, 7);
    ck_assert_uint_eq(second.held.n, 3);
    for (uint64_t i = 0; i < 3; i++)
        ck_assert_uint_eq(second.held.v[i].batch->items, 3 + 2 * i);
}
END_TEST

START_TEST(a_turned_edge_leaves_what_is_under_way_where_it_is)
{
    static const struct outcome refused = { .verdict = VERDICT_REJECT, .reason = "failed" };

    first.hold = true;
    edge_lead(&edge, &first.in);
    send_through(0, 3);
    edge_lead(&edge, &second.in);
    send_through(1, 5);
    ck_assert_int_eq(settled, 1);
    ck_assert_uint_eq(second.items, 5);
    sink_settle(&first, 0, &refused);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(requests[0].answer.verdict, VERDICT_REJECT);
}
END_TEST

START_TEST(at_its_end_what_waits_and_what_comes_is_told_to_come_again)
{
    send_through(0, 3);
    edge_end(&edge);
    send_through(1, 5);
    ck_assert_int_eq(settled, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(requests[i].answer.verdict, VERDICT_RETRY);
        ck_assert_str_eq(requests[i].answer.reason, "shutdown");
    }
    edge_lead(&edge, &first.in);
    send_through(2, 7);
    ck_assert_uint_eq(first.items, 7);
}
END_TEST

START_TEST(what_waits_can_be_given_to_another_who_books_it)
{
    struct ledger ledger;

    ledger_init(&ledger, "exporter", "x", SIGNAL_LOGS);
    ledger_receive(&ledger, 3);
    ack_init(&requests[0].ack, &rig.loop.turn, &ledger, 3, true, on_settled);
    consumer_send(&edge.in, rig_logs(&rig, 0, 3), &requests[0].ack);
    edge_give(&edge, &second.in);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(settled, 1);
    ck_assert_uint_eq(second.items, 3);
    ck_assert_uint_eq(ledger.received + ledger.delivered + ledger.held, 0);
    ledger_free(&ledger);
}
END_TEST

START_TEST(what_waits_in_one_that_is_freed_is_forgotten)
{
    send_through(0, 3);
    edge_free(&edge);
    ck_assert_int_eq(settled, 0);
    edge_init(&edge);
}
END_TEST

/* Who looks: what he was called with, in order. */
static struct looker {
    struct edge_viewer viewer;
    uint64_t begun, ended, items;
    size_t behind; /* how many the sink had when it ended */
} lookers[2];

static void begin_look(struct edge_viewer *v, struct batch *b)
{
    struct looker *l = container_of(v, struct looker, viewer);

    l->begun++;
    l->items += b->items;
    ck_assert_uint_eq(l->begun, l->ended + 1);
}

static void end_look(struct edge_viewer *v)
{
    struct looker *l = container_of(v, struct looker, viewer);

    l->ended++;
    l->behind = first.held.n;
}

static struct looker *look(int i)
{
    lookers[i] = (struct looker){ .viewer = { .begin = begin_look, .end = end_look } };
    edge_view(&edge, &lookers[i].viewer);
    return &lookers[i];
}

START_TEST(who_looks_is_told_before_a_batch_goes_on_and_when_it_has)
{
    struct looker *l = look(0);

    first.hold = true;
    edge_lead(&edge, &first.in);
    send_through(0, 3);
    ck_assert_uint_eq(l->begun, 1);
    ck_assert_uint_eq(l->ended, 1);
    ck_assert_uint_eq(l->items, 3);
    ck_assert_uint_eq(l->behind, 1);
    edge_unview(&l->viewer);
    edge_unview(&l->viewer);
    send_through(1, 5);
    ck_assert_uint_eq(l->items, 3);
}
END_TEST

START_TEST(several_may_look_and_each_may_go)
{
    struct looker *one = look(0), *two = look(1);

    edge_lead(&edge, &first.in);
    send_through(0, 1);
    edge_unview(&one->viewer);
    send_through(1, 1);
    ck_assert_uint_eq(one->items, 1);
    ck_assert_uint_eq(two->items, 2);
    ck_assert_ptr_eq(two->viewer.edge, &edge);
}
END_TEST

START_TEST(who_looks_at_an_edge_that_goes_looks_at_none)
{
    struct looker *l = look(0);

    edge_free(&edge);
    ck_assert_ptr_null(l->viewer.edge);
    edge_unview(&l->viewer);
    edge_init(&edge);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge");
    TCase *tc = tcase_create("edge");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_comes_while_it_leads_nowhere_waits_and_goes_on_in_order);
    tcase_add_test(tc, a_turned_edge_leaves_what_is_under_way_where_it_is);
    tcase_add_test(tc, at_its_end_what_waits_and_what_comes_is_told_to_come_again);
    tcase_add_test(tc, what_waits_can_be_given_to_another_who_books_it);
    tcase_add_test(tc, what_waits_in_one_that_is_freed_is_forgotten);
    tcase_add_test(tc, who_looks_is_told_before_a_batch_goes_on_and_when_it_has);
    tcase_add_test(tc, several_may_look_and_each_may_go);
    tcase_add_test(tc, who_looks_at_an_edge_that_goes_looks_at_none);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
