/* SPDX-License-Identifier: Apache-2.0 */
/* An exporter with a queue in memory, and the one that takes its place: each with a tap, a ledger and a sink. */
#include "queue/handover.h"

#include "pipeline/ledger/ledger_tap.h"
#include "queue/sender.h"
#include "support/client.h"
#include "support/queue_only.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>

#define MOST 64

struct side {
    struct ledger ledger;
    struct sink sink;
    struct sender_options options;
    struct node *node;
    struct consumer *tap;
};

static struct rig rig;
static struct side old, new;
static struct client clients[MOST];
static size_t n_clients;
static struct retry_config retries;
static bool stopped;

static const struct outcome safe = { .verdict = VERDICT_SAFE };
static const struct outcome refused = { .verdict = VERDICT_REJECT, .reason = "bad", .why = "no" };
static const struct outcome away = { .verdict = VERDICT_RETRY, .reason = "away", .why = "nobody there" };

static void begin_side(struct side *s)
{
    sink_init(&s->sink);
    s->sink.hold = true;
    ledger_init(&s->ledger, "exporter", "x", SIGNAL_LOGS);
    s->options.attempt = &s->sink.in;
    s->options.retry = &retries;
    s->node = rig_node(&rig, &queue_only, &s->options, SIGNAL_LOGS, &s->ledger, NULL);
    s->tap = ledger_tap_new(&rig.loop.turn, &s->ledger, &s->node->in);
}

static void begin(void)
{
    begin_side(&old);
    begin_side(&new);
}

static void end_side(struct side *s)
{
    rig_destroy(s->node);
    ledger_tap_free(s->tap);
    sink_close(&s->sink);
    ledger_free(&s->ledger);
}

static void setup(void)
{
    rig_init(&rig, 1);
    old = new = (struct side){ .options = { .queue_size = 100, .consumers = 1 } };
    retries = (struct retry_config){
        .enabled = true, .initial_interval = { 60 * NS_PER_S }, .max_interval = { 60 * NS_PER_S }, .multiplier = 1
    };
    n_clients = 0;
    stopped = false;
}

static void teardown(void)
{
    end_side(&old);
    end_side(&new);
    turn_run(&rig.loop.turn);
    rig_close(&rig);
}

static void send_items(uint64_t items)
{
    client_send(&clients[n_clients++], &rig, old.tap, rig_logs(&rig, 0, items));
    turn_run(&rig.loop.turn);
}

static void hand_and_stop(uint64_t seconds)
{
    old.node->hand_over(old.node, new.tap);
    rig_stop(old.node, clock_mono(&rig.loop.clock) + seconds * NS_PER_S, &stopped);
    turn_run(&rig.loop.turn);
}

static void answer(struct side *s, const struct outcome *o)
{
    ck_assert_uint_gt(s->sink.held.n, 0);
    sink_settle(&s->sink, 0, o);
    turn_run(&rig.loop.turn);
}

static void answer_all(struct side *s)
{
    while (s->sink.held.n > 0)
        answer(s, &safe);
}

static void wait(uint64_t seconds)
{
    clock_advance(&rig.loop.clock, seconds * NS_PER_S);
    turn_run(&rig.loop.turn);
}

/* Both sums hold, and each item is counted by one of both. */
static void expect_counts(uint64_t received, uint64_t delivered, uint64_t held)
{
    ck_assert(ledger_sums(&old.ledger) && ledger_sums(&new.ledger));
    ck_assert_uint_eq(old.ledger.received + new.ledger.received, received);
    ck_assert_uint_eq(old.ledger.delivered + new.ledger.delivered, delivered);
    ck_assert_uint_eq(old.ledger.held + new.ledger.held, held);
}

START_TEST(what_waits_is_delivered_by_the_heir_and_counted_once)
{
    begin();
    for (int i = 0; i < 40; i++)
        send_items(2);
    hand_and_stop(30);
    expect_counts(80, 0, 80);
    ck_assert(!stopped); /* one attempt is under way */
    answer(&old, &safe);
    ck_assert(stopped);
    answer_all(&new);
    ck_assert(!old.node->is_handing(old.node));
    expect_counts(80, 80, 0);
    ck_assert_uint_eq(old.ledger.received, 2);
}
END_TEST

START_TEST(what_the_last_try_does_not_deliver_is_handed_over_too)
{
    begin();
    send_items(3);
    hand_and_stop(30);
    answer(&old, &away);
    ck_assert(stopped);
    answer(&new, &safe);
    expect_counts(3, 3, 0);
}
END_TEST

START_TEST(what_waits_between_two_tries_is_handed_over_at_once)
{
    begin();
    send_items(3);
    answer(&old, &away);
    hand_and_stop(30);
    ck_assert(stopped);
    answer(&new, &safe);
    expect_counts(3, 3, 0);
}
END_TEST

START_TEST(at_the_deadline_what_has_no_answer_is_handed_over)
{
    begin();
    send_items(3);
    hand_and_stop(1);
    wait(1);
    ck_assert(stopped);
    answer(&new, &safe);
    expect_counts(3, 3, 0);
}
END_TEST

START_TEST(what_the_heir_has_no_room_for_comes_again)
{
    new.options.queue_size = 2;
    begin();
    for (int i = 0; i < 10; i++)
        send_items(1);
    hand_and_stop(30);
    answer(&old, &safe);
    ck_assert(stopped && old.node->is_handing(old.node));
    for (int i = 0; i < 20 && old.node->is_handing(old.node); i++) {
        ck_assert(ledger_sums(&old.ledger) && ledger_sums(&new.ledger));
        answer_all(&new);
        wait(1);
    }
    answer_all(&new);
    ck_assert_uint_eq(old.ledger.delivered + new.ledger.delivered, 10);
    ck_assert_uint_eq(old.ledger.held + new.ledger.held, 0);
    ck_assert_uint_eq(old.ledger.dropped.n, 0);
}
END_TEST

START_TEST(what_the_heir_refuses_for_good_is_dropped_with_its_reason)
{
    new.options.queue_size = 1;
    new.options.sizer = SIZER_ITEMS;
    begin();
    send_items(1);
    send_items(3);
    hand_and_stop(30);
    answer(&old, &safe);
    ck_assert_uint_eq(old.ledger.dropped.v[0].items, 3);
    ck_assert_str_eq(old.ledger.dropped.v[0].reason, "too_large");
    ck_assert(ledger_sums(&old.ledger) && ledger_sums(&new.ledger));
}
END_TEST

START_TEST(who_waits_for_the_result_hears_the_heirs_answer)
{
    old.options.wait_for_result = new.options.wait_for_result = true;
    begin();
    send_items(1);
    send_items(3);
    hand_and_stop(30);
    answer(&old, &safe);
    ck_assert(clients[0].settled && !clients[1].settled);
    answer(&new, &refused);
    ck_assert(clients[1].settled);
    ck_assert_int_eq(clients[1].outcome.verdict, VERDICT_REJECT);
    expect_counts(4, 1, 0);
}
END_TEST

START_TEST(who_waits_for_room_waits_for_it_in_the_heir)
{
    old.options.queue_size = 1;
    old.options.block_on_overflow = true;
    begin();
    send_items(1);
    send_items(3);
    ck_assert(!clients[1].settled);
    hand_and_stop(30);
    ck_assert(clients[1].settled);
    ck_assert_int_eq(clients[1].outcome.verdict, VERDICT_SAFE);
    answer(&old, &safe);
    answer(&new, &safe);
    expect_counts(4, 4, 0);
}
END_TEST

START_TEST(without_an_heir_any_more_the_rest_is_dropped)
{
    begin();
    send_items(1);
    send_items(3);
    old.node->hand_over(old.node, new.tap);
    rig_stop(old.node, clock_mono(&rig.loop.clock) + NS_PER_S, &stopped);
    old.node->hand_over(old.node, NULL);
    turn_run(&rig.loop.turn);
    answer(&old, &safe);
    ck_assert_uint_eq(old.ledger.dropped.v[0].items, 3);
    ck_assert_str_eq(old.ledger.dropped.v[0].reason, "shutdown");
    expect_counts(4, 1, 0);
}
END_TEST

START_TEST(what_is_under_way_when_all_is_freed_is_forgotten)
{
    begin();
    for (int i = 0; i < 40; i++)
        send_items(2);
    old.node->hand_over(old.node, new.tap);
    rig_stop(old.node, clock_mono(&rig.loop.clock) + NS_PER_S, &stopped);
    ck_assert(old.node->is_handing(old.node));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handover");
    TCase *tc = tcase_create("handover");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_waits_is_delivered_by_the_heir_and_counted_once);
    tcase_add_test(tc, what_the_last_try_does_not_deliver_is_handed_over_too);
    tcase_add_test(tc, what_waits_between_two_tries_is_handed_over_at_once);
    tcase_add_test(tc, at_the_deadline_what_has_no_answer_is_handed_over);
    tcase_add_test(tc, what_the_heir_has_no_room_for_comes_again);
    tcase_add_test(tc, what_the_heir_refuses_for_good_is_dropped_with_its_reason);
    tcase_add_test(tc, who_waits_for_the_result_hears_the_heirs_answer);
    tcase_add_test(tc, who_waits_for_room_waits_for_it_in_the_heir);
    tcase_add_test(tc, without_an_heir_any_more_the_rest_is_dropped);
    tcase_add_test(tc, what_is_under_way_when_all_is_freed_is_forgotten);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
