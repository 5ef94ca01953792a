/* SPDX-License-Identifier: Apache-2.0 */
#include "processor/batch_shard.h"

#include "otlp/metadata.h"
#include "pipeline/ledger/ledger_tap.h"
#include "support/client.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>

extern const struct component batch_processor;

#define MS NS_PER_MS
#define CLIENTS 512

static struct rig rig;
static struct ledger ledger;
static struct sink sink;
static struct batch_config config;
static struct node *node;
static struct consumer *tap;
static struct client clients[CLIENTS];
static size_t n_clients;
static unsigned next_out; /* number of the item that must come out next */
static uint64_t next_in;  /* number of the item that comes in next */
static uint64_t largest;  /* batch that came out */

static const struct outcome safe = { .verdict = VERDICT_SAFE };
static const struct outcome retry = { .verdict = VERDICT_RETRY, .reason = "away", .why = "nobody there" };

/* Every item comes out once, and in the order it came in. */
static void check_order(struct sink *s, const struct batch *b)
{
    (void)s;
    ck_assert_uint_eq(client_logs_follow(b, next_out), b->items);
    next_out += (unsigned)b->items;
    if (b->items > largest)
        largest = b->items;
}

static void setup(void)
{
    rig_init(&rig, 1);
    ledger_init(&ledger, "pipeline", "logs", SIGNAL_LOGS);
    sink_init(&sink);
    sink.on_batch = check_order;
    config = (struct batch_config){ .timeout = { 200 * MS }, .send_batch_size = 8192 };
    n_clients = 0;
    next_out = 0;
    next_in = largest = 0;
}

static void begin(void)
{
    node = rig_node(&rig, &batch_processor, &config, SIGNAL_LOGS, &ledger, &sink.in);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &node->in);
}

static void teardown(void)
{
    ck_assert(ledger_sums(&ledger));
    rig_destroy(node);
    ledger_tap_free(tap);
    sink_close(&sink);
    turn_run(&rig.loop.turn);
    ledger_free(&ledger);
    rig_close(&rig);
}

static struct client *send_with(uint64_t items, struct metadata *m)
{
    struct client *s = &clients[n_clients++];
    struct batch *b = rig_logs(&rig, (unsigned)next_in, items);

    next_in += items;
    b->metadata = m;
    client_send(s, &rig, tap, b);
    return s;
}

static struct client *send_logs(uint64_t items)
{
    return send_with(items, NULL);
}

static void finish(void)
{
    bool stopped = false;

    sink.hold = false;
    rig_stop(node, UINT64_MAX, &stopped);
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
    ck_assert_uint_eq(ledger.held, 0);
}

START_TEST(a_batch_leaves_when_the_time_is_up)
{
    struct client *a, *b;

    begin();
    a = send_logs(3);
    clock_advance(&rig.loop.clock, 150 * MS);
    b = send_logs(4);
    turn_run(&rig.loop.turn);
    ck_assert(a->settled && b->settled);
    ck_assert_uint_eq(sink.batches, 0);
    ck_assert_uint_eq(ledger.held, 7);
    clock_advance(&rig.loop.clock, 49 * MS);
    ck_assert_uint_eq(sink.batches, 0);
    clock_advance(&rig.loop.clock, 1 * MS);
    ck_assert_uint_eq(sink.batches, 1);
    ck_assert_uint_eq(sink.items, 7);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 7);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_timeout_trigger_send", "processor", "batch", NULL),
                        1);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_metadata_cardinality", "processor", "batch", NULL),
                        1);
    ck_assert_uint_eq(clock_next(&rig.loop.clock), UINT64_MAX); /* an idle batcher wakes nobody */
}
END_TEST

START_TEST(a_batch_leaves_when_it_is_large_enough)
{
    config.send_batch_size = 10;
    begin();
    send_logs(6);
    ck_assert_uint_eq(sink.batches, 0);
    send_logs(6);
    ck_assert_uint_eq(sink.batches, 1);
    ck_assert_uint_eq(sink.items, 12);
    turn_run(&rig.loop.turn);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_batch_size_trigger_send", "processor", "batch", NULL),
                        1);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_batch_send_size", "processor", "batch", NULL), 1);
}
END_TEST

START_TEST(a_large_one_is_cut_at_the_maximum)
{
    config.send_batch_size = 10;
    config.send_batch_max_size = 10;
    begin();
    send_logs(34);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(sink.batches, 3);
    ck_assert_uint_eq(sink.items, 30);
    ck_assert_uint_eq(largest, 10);
    ck_assert_uint_eq(ledger.held, 4);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 34);
}
END_TEST

START_TEST(without_a_timer_each_batch_goes_on_at_once)
{
    if (_i == 0)
        config.timeout.ns = 0;
    else
        config.send_batch_size = 0;
    begin();
    send_logs(3);
    ck_assert_uint_eq(sink.batches, 1);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 3);
}
END_TEST

START_TEST(senders_wait_while_a_send_is_out_and_the_next_is_full)
{
    struct client *waits;

    config.send_batch_size = 10;
    sink.hold = true;
    begin();
    send_logs(10);
    send_logs(10);
    waits = send_logs(1);
    turn_run(&rig.loop.turn);
    ck_assert(clients[0].settled && clients[1].settled);
    ck_assert(!waits->settled);
    clock_advance(&rig.loop.clock, 1000 * MS);
    ck_assert_uint_eq(sink.batches, 1);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(sink.batches, 2);
    ck_assert(waits->settled);
    sink_settle(&sink, 0, &safe);
    finish();
}
END_TEST

START_TEST(what_was_answered_and_is_then_refused_for_good_is_dropped_with_its_reason)
{
    struct client *s;

    sink.answer = (struct outcome){ .verdict = VERDICT_REJECT, .reason = "bad", .why = "never" };
    begin();
    s = send_logs(5);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(s->outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(ledger.dropped.v[0].items, 5);
    ck_assert_str_eq(ledger.dropped.v[0].reason, "bad");
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_timeout_trigger_send", "processor", "batch", NULL),
                        -1);
}
END_TEST

/* A full queue, for instance. */
START_TEST(what_was_answered_and_is_then_refused_for_now_goes_again_until_it_is_taken)
{
    sink.answer = retry;
    sink.on_batch = NULL;
    begin();
    send_logs(5);
    clock_advance(&rig.loop.clock, 200 * MS);
    for (size_t i = 1; i <= 4; i++) {
        turn_run(&rig.loop.turn);
        ck_assert_uint_eq(sink.batches, i);
        ck_assert_uint_eq(ledger.held, 5);
        clock_advance(&rig.loop.clock, 999 * MS);
        ck_assert_uint_eq(sink.batches, i);
        clock_advance(&rig.loop.clock, 1 * MS);
    }
    turn_run(&rig.loop.turn);
    sink.answer = safe;
    clock_advance(&rig.loop.clock, 1000 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 5);
    ck_assert_uint_eq(ledger.dropped.n, 0);
    ck_assert_uint_eq(clock_next(&rig.loop.clock), UINT64_MAX);
}
END_TEST

START_TEST(while_a_batch_waits_to_go_again_one_more_is_filled_and_other_senders_are_told_to_come_again)
{
    struct client *filled, *waits, *late;

    config.send_batch_size = 10;
    sink.hold = true;
    sink.on_batch = NULL;
    begin();
    send_logs(10);
    filled = send_logs(10);
    waits = send_logs(1);
    turn_run(&rig.loop.turn);
    ck_assert(filled->settled && !waits->settled);
    sink_settle(&sink, 0,
                &(struct outcome){ .verdict = VERDICT_RETRY, .reason = "full", .retry_after_ms = 3000, .why = "no" });
    turn_run(&rig.loop.turn);
    late = send_logs(4);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(filled->outcome.verdict, VERDICT_SAFE);
    for (size_t i = 0; i < 2; i++) {
        const struct outcome *o = i == 0 ? &waits->outcome : &late->outcome;

        ck_assert_int_eq(o->verdict, VERDICT_RETRY);
        ck_assert_str_eq(o->why, "no");
        ck_assert_uint_eq(o->retry_after_ms, 3000);
    }
    ck_assert_uint_eq(ledger.held, 20);
    ck_assert_uint_eq(ledger.refused.v[0].items, 5);
    ck_assert_str_eq(ledger.refused.v[0].reason, "full");
    sink.hold = false;
    clock_advance(&rig.loop.clock, 3000 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 20);
    ck_assert_uint_eq(ledger.dropped.n, 0);
    ck_assert(send_logs(10)->settled == false);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 30);
}
END_TEST

START_TEST(what_another_branch_has_already_is_not_sent_again_and_again)
{
    sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "full", .partly = true };
    begin();
    send_logs(5);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    clock_advance(&rig.loop.clock, 5000 * MS);
    ck_assert_uint_eq(sink.batches, 1);
    ck_assert_uint_eq(ledger.dropped.v[0].items, 5);
    ck_assert_str_eq(ledger.dropped.v[0].reason, "full");
}
END_TEST

START_TEST(what_waits_to_go_again_is_tried_once_more_at_the_end)
{
    bool is_safe = _i == 1;

    sink.answer = retry;
    sink.on_batch = NULL;
    begin();
    send_logs(5);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    if (is_safe)
        sink.answer = safe;
    finish();
    ck_assert_uint_eq(sink.batches, 2);
    ck_assert_uint_eq(ledger.delivered, is_safe ? 5 : 0);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), is_safe ? 0 : 5);
    ck_assert_uint_eq(clock_next(&rig.loop.clock), UINT64_MAX);
}
END_TEST

START_TEST(what_is_refused_while_the_end_waits_for_it_is_no_send_until_it_is_taken)
{
    bool stopped = false;

    config.send_batch_size = 10;
    sink.hold = true;
    sink.on_batch = NULL;
    begin();
    send_logs(10);
    rig_stop(node, UINT64_MAX, &stopped);
    sink_settle(&sink, 0, &retry);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(sink.batches, 2);
    ck_assert_uint_eq(ledger.held, 10);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_batch_size_trigger_send", "processor", "batch", NULL),
                        -1);
    sink_settle(&sink, 0, _i == 1 ? &safe : &retry);
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
    ck_assert_uint_eq(ledger.delivered, _i == 1 ? 10 : 0);
    ck_assert_uint_eq(ledger.held, 0);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_batch_size_trigger_send", "processor", "batch", NULL),
                        _i == 1 ? 1 : -1);
}
END_TEST

START_TEST(who_comes_late_is_told_to_wait_for_what_is_left_of_the_time)
{
    struct client *late;

    config.send_batch_size = 10;
    sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "full", .retry_after_ms = 3600000 };
    sink.on_batch = NULL;
    begin();
    send_logs(10);
    turn_run(&rig.loop.turn);
    send_logs(10);
    clock_advance(&rig.loop.clock, 3590000 * MS);
    late = send_logs(1);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(late->outcome.verdict, VERDICT_RETRY);
    ck_assert_uint_eq(late->outcome.retry_after_ms, 10000);
}
END_TEST

START_TEST(what_waits_to_go_again_stays_in_the_ledger_as_held_when_there_is_no_time)
{
    sink.answer = retry;
    begin();
    send_logs(5);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.held, 5);
}
END_TEST

START_TEST(with_hold_ack_the_failure_goes_back_to_every_sender_of_the_batch)
{
    struct client *a, *b;

    config.hold_ack = HOLD_ACK_TRUE;
    sink.answer = retry;
    begin();
    a = send_logs(5);
    b = send_logs(6);
    turn_run(&rig.loop.turn);
    ck_assert(!a->settled && !b->settled);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(a->outcome.verdict, VERDICT_RETRY);
    ck_assert_int_eq(b->outcome.verdict, VERDICT_RETRY);
    ck_assert_str_eq(b->outcome.why, "nobody there");
    ck_assert_uint_eq(ledger.refused.v[0].items, 11);
}
END_TEST

START_TEST(with_hold_ack_a_sender_whose_batch_was_cut_hears_once_the_last_part_is_safe)
{
    struct client *s;

    config.hold_ack = HOLD_ACK_TRUE;
    config.send_batch_size = config.send_batch_max_size = 4;
    sink.hold = true;
    begin();
    s = send_logs(10);
    sink_settle(&sink, 0, &(struct outcome){ .rejected = 1, .reason = "x" });
    turn_run(&rig.loop.turn);
    sink_settle(&sink, 0, &(struct outcome){ .rejected = 2, .reason = "x" });
    turn_run(&rig.loop.turn);
    ck_assert(!s->settled);
    clock_advance(&rig.loop.clock, 200 * MS);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert(s->settled);
    ck_assert_int_eq(s->outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(s->outcome.rejected, 3);
    ck_assert_uint_eq(ledger.delivered, 7);
    ck_assert_uint_eq(ledger.dropped.v[0].items, 3);
}
END_TEST

START_TEST(rejected_items_are_told_to_senders_in_order_and_sum_up)
{
    config.hold_ack = HOLD_ACK_TRUE;
    sink.answer = (struct outcome){ .rejected = 6, .reason = "type_conflict" };
    begin();
    send_logs(4);
    send_logs(4);
    clock_advance(&rig.loop.clock, 200 * MS);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(clients[0].outcome.rejected, 4);
    ck_assert_uint_eq(clients[1].outcome.rejected, 2);
    ck_assert_uint_eq(ledger.delivered, 2);
}
END_TEST

static struct metadata *tenant(const char *name)
{
    struct metadata_entry e[] = { { BYTES_LIT("X-Tenant"), bytes_str(name) }, { BYTES_LIT("other"), BYTES_LIT("o") } };

    return metadata_new(e, 2);
}

static const char *keys[] = { "x-tenant" };
static struct metadata_entry seen[8];
static size_t n_seen;

static void note_tenant(struct sink *s, const struct batch *b)
{
    uint32_t at = 0;
    const struct metadata_entry *e;

    (void)s;
    if (b->metadata == NULL) {
        seen[n_seen++].value = (struct bytes){ 0 };
        return;
    }
    e = metadata_find(b->metadata, bytes_str("x-tenant"), &at);
    ck_assert_uint_eq(b->metadata->n, 1);
    seen[n_seen++].value = bytes_str(bytes_dup(e->value));
}

START_TEST(each_combination_of_metadata_is_batched_apart_and_only_the_keys_go_on)
{
    struct client *third;

    n_seen = 0;
    config.metadata_keys = (struct strings){ keys, 1 };
    config.metadata_cardinality_limit = 3;
    sink.on_batch = note_tenant;
    begin();
    send_with(1, tenant("a"));
    send_with(1, tenant("b"));
    send_with(1, tenant("a"));
    send_with(1, NULL);
    third = send_with(1, tenant("c"));
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(third->outcome.verdict, VERDICT_REJECT);
    ck_assert_str_eq(third->outcome.why, "too many batcher metadata-value combinations");
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_batch_metadata_cardinality", "processor", "batch", NULL),
                        3);
    clock_advance(&rig.loop.clock, 200 * MS);
    ck_assert_uint_eq(sink.batches, 3);
    ck_assert_uint_eq(sink.items, 4);
    ck_assert(bytes_is(seen[0].value, "a") || bytes_is(seen[1].value, "a") || bytes_is(seen[2].value, "a"));
    for (size_t i = 0; i < n_seen; i++)
        free((void *)(uintptr_t)seen[i].value.data);
    finish();
}
END_TEST

START_TEST(without_keys_no_metadata_goes_on)
{
    struct sink *s = &sink;

    n_seen = 0;
    s->on_batch = note_tenant;
    begin();
    send_with(1, tenant("a"));
    finish();
    ck_assert_uint_eq(n_seen, 1);
    ck_assert(seen[0].value.data == NULL);
}
END_TEST

START_TEST(what_is_left_at_the_deadline_stays_in_the_ledger_as_held)
{
    bool stopped = false;

    sink.hold = true;
    config.send_batch_size = 10;
    begin();
    send_logs(10);
    send_logs(10);
    send_logs(5);
    rig_stop(node, 0, &stopped);
    turn_run(&rig.loop.turn);
    ck_assert(!stopped);
    ck_assert_uint_eq(ledger.held, 25);
}
END_TEST

/* Arrivals, time and answers in any order, under any configuration: the ledger sums at each step, no batch is larger
 * than allowed, every item comes out once and in order, every sender hears once, nothing is held in the end. */
START_TEST(whatever_happens_the_ledger_sums)
{
    uint64_t told_refused = 0, told_rejected = 0;
    struct rig random = { .random = (uint64_t)_i * 2654435761u + 17 };

    config.hold_ack = HOLD_ACK_TRUE + (int)rig_random(&random, 2);
    config.timeout.ns = rig_random(&random, 4) ? (int64_t)(rig_random(&random, 300) * MS) : 0;
    config.send_batch_size = rig_random(&random, 30);
    config.send_batch_max_size = rig_random(&random, 2) ? config.send_batch_size + rig_random(&random, 5) : 0;
    begin();
    sink.hold = true;
    for (int step = 0; step < 600; step++) {
        uint64_t what = rig_random(&random, 5);

        if (what == 0 && n_clients < CLIENTS) {
            send_logs(1 + rig_random(&random, 25));
        } else if (what == 1) {
            clock_advance(&rig.loop.clock, rig_random(&random, 150) * MS);
        } else if (what <= 3 && sink.held.n > 0) {
            struct outcome o = { .verdict = (enum verdict)(rig_random(&random, 6) / 3), .reason = "why" };

            o.rejected = rig_random(&random, 4) == 0 ? rig_random(&random, sink.held.v[0].batch->items + 1) : 0;
            sink_settle(&sink, 0, &o);
        } else {
            turn_run(&rig.loop.turn);
        }
        ck_assert_uint_le(sink.held.n, 1);
        ck_assert(ledger_sums(&ledger));
    }
    while (sink.held.n > 0)
        sink_settle(&sink, 0, &safe);
    finish();
    ck_assert_uint_eq(next_out, next_in);
    if (config.send_batch_max_size > 0)
        ck_assert_uint_le(largest, config.send_batch_max_size);
    for (size_t i = 0; i < n_clients; i++) {
        ck_assert(clients[i].settled);
        if (clients[i].outcome.verdict == VERDICT_SAFE)
            told_rejected += clients[i].outcome.rejected;
        else
            told_refused += clients[i].items;
    }
    if (config.hold_ack == HOLD_ACK_FALSE)
        ck_assert_uint_eq(told_refused + told_rejected, 0);
    else if (told_refused == 0)
        ck_assert_uint_eq(told_rejected, ledger_reasons_total(&ledger.dropped));
    ck_assert_uint_ge(told_refused, ledger_reasons_total(&ledger.refused));
}
END_TEST

/* Refusals for now in any order: what was answered SAFE is delivered, what was not is refused, and nothing is lost. */
START_TEST(whatever_is_refused_for_now_nothing_that_was_answered_is_lost)
{
    uint64_t told_safe = 0, told_refused = 0;
    struct rig random = { .random = (uint64_t)_i * 2654435761u + 17 };

    config.timeout.ns = rig_random(&random, 4) ? (int64_t)(rig_random(&random, 300) * MS) : 0;
    config.send_batch_size = rig_random(&random, 30);
    config.send_batch_max_size = rig_random(&random, 2) ? config.send_batch_size + rig_random(&random, 5) : 0;
    sink.on_batch = NULL;
    begin();
    sink.hold = true;
    for (int step = 0; step < 600; step++) {
        uint64_t what = rig_random(&random, 5);

        if (what == 0 && n_clients < CLIENTS)
            send_logs(1 + rig_random(&random, 25));
        else if (what == 1)
            clock_advance(&rig.loop.clock, rig_random(&random, 700) * MS);
        else if (what <= 3 && sink.held.n > 0)
            sink_settle(&sink, 0, rig_random(&random, 2) ? &safe : &retry);
        else
            turn_run(&rig.loop.turn);
        ck_assert_uint_le(sink.held.n, 1);
        ck_assert(ledger_sums(&ledger));
    }
    while (sink.held.n > 0)
        sink_settle(&sink, 0, &safe);
    finish();
    for (size_t i = 0; i < n_clients; i++) {
        ck_assert(clients[i].settled);
        *(clients[i].outcome.verdict == VERDICT_SAFE ? &told_safe : &told_refused) += clients[i].items;
    }
    ck_assert_uint_eq(ledger.delivered, told_safe);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.refused), told_refused);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("batch");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_batch_leaves_when_the_time_is_up);
    tcase_add_test(tc, a_batch_leaves_when_it_is_large_enough);
    tcase_add_test(tc, a_large_one_is_cut_at_the_maximum);
    tcase_add_loop_test(tc, without_a_timer_each_batch_goes_on_at_once, 0, 2);
    tcase_add_test(tc, senders_wait_while_a_send_is_out_and_the_next_is_full);
    tcase_add_test(tc, what_was_answered_and_is_then_refused_for_good_is_dropped_with_its_reason);
    tcase_add_test(tc, what_was_answered_and_is_then_refused_for_now_goes_again_until_it_is_taken);
    tcase_add_test(tc, while_a_batch_waits_to_go_again_one_more_is_filled_and_other_senders_are_told_to_come_again);
    tcase_add_test(tc, what_another_branch_has_already_is_not_sent_again_and_again);
    tcase_add_loop_test(tc, what_waits_to_go_again_is_tried_once_more_at_the_end, 0, 2);
    tcase_add_loop_test(tc, what_is_refused_while_the_end_waits_for_it_is_no_send_until_it_is_taken, 0, 2);
    tcase_add_test(tc, who_comes_late_is_told_to_wait_for_what_is_left_of_the_time);
    tcase_add_test(tc, what_waits_to_go_again_stays_in_the_ledger_as_held_when_there_is_no_time);
    tcase_add_test(tc, with_hold_ack_the_failure_goes_back_to_every_sender_of_the_batch);
    tcase_add_test(tc, with_hold_ack_a_sender_whose_batch_was_cut_hears_once_the_last_part_is_safe);
    tcase_add_test(tc, rejected_items_are_told_to_senders_in_order_and_sum_up);
    tcase_add_test(tc, each_combination_of_metadata_is_batched_apart_and_only_the_keys_go_on);
    tcase_add_test(tc, without_keys_no_metadata_goes_on);
    tcase_add_test(tc, what_is_left_at_the_deadline_stays_in_the_ledger_as_held);
    tcase_add_loop_test(tc, whatever_happens_the_ledger_sums, 0, 300);
    tcase_add_loop_test(tc, whatever_is_refused_for_now_nothing_that_was_answered_is_lost, 0, 300);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
