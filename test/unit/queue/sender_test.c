/* SPDX-License-Identifier: Apache-2.0 */
/* The queue in memory, with and without a batch block. */
#include "queue/sender.h"

#include "otlp/metadata.h"
#include "pipeline/ledger/ledger_tap.h"
#include "support/client.h"
#include "support/queue_only.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>

#define MS NS_PER_MS
#define CLIENTS 512

static struct rig rig;
static struct ledger ledger;
static struct sink sink;
static struct sender_options options;
static struct retry_config retries;
static struct node *node;
static struct consumer *tap;
static struct client clients[CLIENTS];
static size_t n_clients;
static unsigned next_out, next_in; /* numbers of items */
static bool in_order;
static VEC(uint64_t) sizes; /* of what came out */

static const struct outcome safe = { .verdict = VERDICT_SAFE };
static const struct outcome refuse = { .verdict = VERDICT_REJECT, .reason = "bad", .why = "no" };
static const struct outcome come_again = { .verdict = VERDICT_RETRY, .reason = "away", .why = "nobody there" };

/* Every item comes out once, and in the order it came in. */
static void look(struct sink *s, const struct batch *b)
{
    (void)s;
    *vec_push(&sizes) = b->items;
    if (!in_order)
        return;
    ck_assert_uint_eq(client_logs_follow(b, next_out), b->items);
    next_out += (unsigned)b->items;
}

static void setup(void)
{
    rig_init(&rig, 1);
    ledger_init(&ledger, "exporter", "logs", SIGNAL_LOGS);
    sink_init(&sink);
    sink.on_batch = look;
    options = (struct sender_options){ .queue_size = 1000, .consumers = 1, .attempt = &sink.in };
    retries = (struct retry_config){
        .enabled = true, .initial_interval = { 100 * MS }, .max_interval = { 100 * MS }, .multiplier = 1
    };
    n_clients = 0;
    next_out = next_in = 0;
    in_order = true;
    sizes.n = 0;
}

static void begin(void)
{
    node = rig_node(&rig, &queue_only, &options, SIGNAL_LOGS, &ledger, NULL);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &node->in);
}

static void batches(uint64_t least, uint64_t most)
{
    options.batch = (struct sender_batch){ .on = true, .flush = 200 * MS, .least = least, .most = most };
    begin();
}

static void teardown(void)
{
    turn_run(&rig.loop.turn);
    ck_assert(ledger_sums(&ledger));
    rig_destroy(node);
    turn_run(&rig.loop.turn);
    ledger_tap_free(tap);
    sink_close(&sink);
    ledger_free(&ledger);
    vec_free(&sizes);
    rig_close(&rig);
}

static struct client *send_with(uint64_t items, struct metadata *m)
{
    struct client *c = &clients[n_clients++];
    struct batch *b = rig_logs(&rig, next_in, items);

    next_in += (unsigned)items;
    b->metadata = m;
    client_send(c, &rig, tap, b);
    turn_run(&rig.loop.turn);
    return c;
}

static struct client *send_logs(uint64_t items)
{
    return send_with(items, NULL);
}

static void wait(uint64_t ns)
{
    clock_advance(&rig.loop.clock, ns);
    turn_run(&rig.loop.turn);
}

static double size(void)
{
    return rig_metric(&rig, "otelcol_exporter_queue_size", "exporter", "queue", "data_type", "logs", NULL);
}

#define came_out(...) came((const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

static void came(const uint64_t *expected, size_t n)
{
    ck_assert_uint_eq(sizes.n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(sizes.v[i], expected[i]);
}

START_TEST(without_a_batch_block_each_goes_out_as_it_came)
{
    begin();
    send_logs(3);
    send_logs(4);
    came_out(3, 4);
    ck_assert_uint_eq(ledger.delivered, 7);
    ck_assert_double_eq(size(), 0);
}
END_TEST

START_TEST(a_batch_goes_out_when_it_is_large_enough)
{
    batches(10, 0);
    ck_assert(send_logs(6)->settled);
    ck_assert_uint_eq(sizes.n, 0);
    ck_assert_double_eq(size(), 1);
    ck_assert_uint_eq(ledger.held, 6);
    send_logs(6);
    came_out(12);
    ck_assert_uint_eq(ledger.delivered, 12);
    ck_assert_double_eq(size(), 0);
}
END_TEST

START_TEST(what_waits_goes_out_when_its_time_is_up)
{
    batches(10, 0);
    send_logs(3);
    wait(150 * MS);
    send_logs(4);
    wait(49 * MS);
    ck_assert_uint_eq(sizes.n, 0);
    wait(1 * MS);
    came_out(7);
    ck_assert_uint_eq(clock_next(&rig.loop.clock), UINT64_MAX);
}
END_TEST

START_TEST(the_age_is_that_of_the_oldest_whether_it_waits_or_is_being_sent)
{
    struct sender_fill fill;

    sink.hold = true;
    batches(10, 0);
    send_logs(3);
    wait(100 * MS);
    send_logs(4);
    fill = sender_fill(node->sender);
    ck_assert_uint_eq(fill.age, 100 * MS);
    ck_assert_uint_eq(fill.requests, 2);
    ck_assert_uint_eq(fill.items, 7);
    wait(100 * MS); /* both are on their way */
    send_logs(1);
    ck_assert_uint_eq(sender_fill(node->sender).age, 200 * MS);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(sender_fill(node->sender).age, 0);
    ck_assert_uint_eq(sender_fill(node->sender).items, 1);
}
END_TEST

/* The sizes that the Go collector makes of the same requests. */
START_TEST(cuts_and_joins_are_those_of_the_go_collector)
{
    batches(100, 200);
    send_logs(30);
    send_logs(60);
    send_logs(350);
    send_logs(5);
    came_out(200, 200);
    send_logs(500);
    came_out(200, 200, 200, 200, 145);
}
END_TEST

START_TEST(without_a_least_size_nothing_waits)
{
    batches(0, 100);
    send_logs(30);
    send_logs(350);
    send_logs(5);
    came_out(30, 100, 100, 100, 50, 5);
}
END_TEST

START_TEST(sizes_in_bytes_are_kept_and_one_item_that_is_too_heavy_goes_alone)
{
    options.batch = (struct sender_batch){ .on = true, .in_bytes = true, .flush = 200 * MS, .least = 40, .most = 40 };
    begin();
    send_logs(12); /* 7 bytes each, and 4 around them */
    wait(200 * MS);
    came_out(5, 5, 2);
    sizes.n = 0;
    options.batch.most = options.batch.least = 8;
    rig_destroy(node);
    ledger_tap_free(tap);
    begin();
    send_logs(3);
    came_out(1, 1, 1);
}
END_TEST

START_TEST(a_batch_in_two_attempts_is_done_when_both_are)
{
    sink.hold = true;
    options.consumers = 2;
    options.wait_for_result = true;
    batches(10, 10);
    struct client *a = send_logs(20);

    ck_assert_uint_eq(sink.held.n, 2);
    sink_settle(&sink, 1, &safe);
    turn_run(&rig.loop.turn);
    ck_assert(!a->settled);
    ck_assert_double_eq(size(), 1);
    sink_settle(&sink, 0, &refuse);
    turn_run(&rig.loop.turn);
    ck_assert(a->settled);
    ck_assert_int_eq(a->outcome.verdict, VERDICT_REJECT);
    ck_assert_double_eq(size(), 0);
}
END_TEST

/* In any order of the answers. */
START_TEST(a_batch_in_two_attempts_is_refused_for_now_in_part_when_one_of_them_is_safe)
{
    bool is_safe = _i < 2;
    struct client *a;

    sink.hold = true;
    options.consumers = 2;
    options.wait_for_result = true;
    batches(10, 10);
    a = send_logs(20);
    sink_settle(&sink, _i % 2, &come_again);
    turn_run(&rig.loop.turn);
    sink_settle(&sink, 0, is_safe ? &safe : &come_again);
    turn_run(&rig.loop.turn);
    ck_assert(a->settled);
    ck_assert_int_eq(a->outcome.verdict, VERDICT_RETRY);
    ck_assert(a->outcome.partly == is_safe);
}
END_TEST

START_TEST(without_retries_and_a_disk_senders_wait_for_the_result)
{
    struct client *a;

    retries.enabled = _i == 1;
    options.retry = &retries;
    sink.hold = true;
    begin();
    a = send_logs(1);
    ck_assert_int_eq(a->settled, _i == 1);
    sink_settle(&sink, 0, &come_again);
    turn_run(&rig.loop.turn);
    ck_assert(a->settled);
    ck_assert_int_eq(a->outcome.verdict, _i == 1 ? VERDICT_SAFE : VERDICT_RETRY);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.refused), _i == 1 ? 0 : 1);
}
END_TEST

START_TEST(what_was_rejected_is_told_once_to_those_who_wait)
{
    struct client *a, *b;

    options.wait_for_result = true;
    sink.answer = (struct outcome){ .verdict = VERDICT_SAFE, .rejected = 5, .reason = "bad" };
    batches(7, 0);
    a = send_logs(3);
    b = send_logs(4);
    ck_assert(a->settled && b->settled);
    ck_assert_uint_eq(a->outcome.rejected, 3);
    ck_assert_uint_eq(b->outcome.rejected, 2);
    ck_assert_uint_eq(ledger.delivered, 2);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 5);
}
END_TEST

/* Of what the sink holds only the last `items` are left; of the others so many were rejected. */
static void narrow(uint64_t items, uint64_t rejected)
{
    struct sink_entry e = sink.held.v[0];
    struct outcome done = { .verdict = VERDICT_SAFE };
    struct batch *head, *tail;

    outcome_reject(&done, rejected, "half_bad", "some were bad");
    batch_split(e.batch, e.batch->items - items, items, &rig.budget, &head, &tail);
    batch_unref(head);
    sender_attempt_part(e.ack, e.batch->items - items, &done.lost);
    sender_attempt_narrow(e.ack, tail, &done);
    sink_settle(&sink, 0, &come_again);
    turn_run(&rig.loop.turn);
}

START_TEST(only_what_is_left_of_a_batch_is_tried_again)
{
    struct client *a;

    sink.hold = true;
    in_order = false;
    options.retry = &retries;
    options.wait_for_result = _i == 1;
    begin();
    a = send_logs(10);
    narrow(6, 1);
    wait(100 * MS);
    narrow(2, 1);
    wait(100 * MS);
    came_out(10, 6, 2);
    ck_assert_uint_eq(ledger.held, 10);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert(a->settled);
    ck_assert_int_eq(a->outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(a->outcome.rejected, _i == 1 ? 2 : 0);
    ck_assert_uint_eq(ledger.delivered, 8);
    ck_assert_str_eq(ledger.dropped.v[0].reason, "half_bad");
    ck_assert_uint_eq(ledger.dropped.v[0].items, 2);
}
END_TEST

START_TEST(a_refusal_of_the_rest_is_no_refusal_of_all)
{
    struct client *a;

    sink.hold = true;
    options.retry = &retries;
    options.wait_for_result = true;
    in_order = false;
    begin();
    a = send_logs(10);
    narrow(4, 0);
    wait(100 * MS);
    sink_settle(&sink, 0, &refuse);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(a->outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(a->outcome.rejected, 4);
    ck_assert_str_eq(a->outcome.why, "no");
    ck_assert_uint_eq(ledger.delivered, 6);
}
END_TEST

START_TEST(what_was_done_before_the_deadline_is_delivered)
{
    bool stopped = false;

    sink.hold = true;
    in_order = false;
    options.retry = &retries;
    begin();
    send_logs(10);
    narrow(4, 1);
    rig_stop(node, clock_mono(&rig.loop.clock) + 300 * MS, &stopped);
    wait(300 * MS);
    ck_assert(stopped);
    ck_assert_uint_eq(ledger.delivered, 5);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 5);
    ck_assert_uint_eq(ledger.held, 0);
}
END_TEST

static void drop_two(struct consumer *self, struct batch *b, struct ack *ack)
{
    (void)self;
    batch_unref(b);
    ack_drop(ack, 2, "too_old");
    ack_safe(ack);
}

START_TEST(what_an_attempt_drops_is_in_the_ledger_of_those_who_wait_too)
{
    struct consumer dropping = { .consume = drop_two };

    options.attempt = &dropping;
    options.wait_for_result = _i == 1;
    batches(7, 0);
    send_logs(1);
    send_logs(6);
    ck_assert_uint_eq(ledger.delivered, 5);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 2);
    ck_assert_str_eq(ledger.dropped.v[0].reason, "too_old");
}
END_TEST

static void reject_for_two_reasons(struct consumer *self, struct batch *b, struct ack *ack)
{
    struct outcome o = { .verdict = VERDICT_SAFE };

    (void)self;
    batch_unref(b);
    outcome_reject(&o, 2, "bad_label", "no label");
    outcome_reject(&o, 3, "bad_name", "no name");
    ack_drop(ack, 1, "duplicate");
    ack_settle(ack, &o);
}

START_TEST(each_reason_of_an_attempt_reaches_those_who_wait)
{
    struct consumer rejecting = { .consume = reject_for_two_reasons };
    struct client *a;

    options.attempt = &rejecting;
    options.wait_for_result = true;
    begin();
    a = send_logs(9);
    ck_assert(a->settled);
    ck_assert_int_eq(a->outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(a->outcome.rejected, 5);
    ck_assert_str_eq(a->outcome.why, "no label; no name");
    ck_assert_uint_eq(losses_total(&a->outcome.lost), 6);
    ck_assert_uint_eq(ledger.delivered, 3);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 6);
    ck_assert_uint_eq(ledger.dropped.n, 3);
}
END_TEST

START_TEST(a_part_that_failed_is_sent_again_by_itself)
{
    sink.hold = true;
    options.consumers = 2;
    options.retry = &retries;
    batches(10, 10);
    send_logs(20);
    sink_settle(&sink, 0, &come_again);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 10);
    ck_assert_double_eq(size(), 1);
    in_order = false;
    wait(100 * MS);
    ck_assert_uint_eq(sink.held.n, 1);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 20);
    ck_assert_double_eq(size(), 0);
}
END_TEST

START_TEST(an_exporter_says_since_when_its_attempts_fail_and_why)
{
    const struct health *h;

    sink.hold = true;
    options.retry = &retries;
    begin();
    h = &node->health[HEALTH_WORK];
    send_logs(3);
    sink_settle(&sink, 0, &come_again);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(h->state, HEALTH_RECOVERABLE);
    ck_assert_str_eq(h->reason, "nobody there");
    in_order = false;
    wait(100 * MS);
    sink_settle(&sink, 0, &refuse);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(h->state, HEALTH_PERMANENT);
    ck_assert_uint_eq(h->failures, 2);
    ck_assert_uint_eq(h->last - h->since, 100 * MS);
    send_logs(1);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(h->state, HEALTH_OK);
    for (uint64_t lost = 2; lost > 0; lost--) { /* all of it, then a part of it */
        struct outcome o = { .verdict = VERDICT_SAFE };

        outcome_reject(&o, lost, "bad", "not this");
        send_logs(2);
        sink_settle(&sink, 0, &o);
        turn_run(&rig.loop.turn);
        ck_assert_int_eq(h->state, lost == 2 ? HEALTH_PERMANENT : HEALTH_OK);
    }
}
END_TEST

START_TEST(what_was_moved_to_other_queues_is_no_failure)
{
    struct outcome moved = { .verdict = VERDICT_SAFE };

    sink.hold = true;
    begin();
    sender_redirect(node->sender, &sink.in, true);
    send_logs(3);
    losses_add(&moved.lost, 3, SENDER_MOVED);
    sink_settle(&sink, 0, &moved);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(node->health[HEALTH_WORK].state, HEALTH_OK);
    ck_assert(sender_is_empty(node->sender));
    ck_assert_uint_eq(ledger.received, 0);
    ck_assert_uint_eq(ledger.held, 0);
    sender_redirect(node->sender, &sink.in, false);
    in_order = false;
    send_logs(2);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.received, 2);
    ck_assert_uint_eq(ledger.delivered, 2);
}
END_TEST

static struct metadata *tenant(const char *value)
{
    struct metadata_entry e[] = { { bytes_str("X-Tenant"), bytes_str(value) }, { bytes_str("other"), bytes_str("x") } };

    return metadata_new(e, 2);
}

static void look_at_tenant(struct sink *s, const struct batch *b)
{
    uint32_t at = 0;

    (void)s;
    *vec_push(&sizes) = b->items;
    ck_assert_ptr_nonnull(b->metadata);
    ck_assert_uint_eq(b->metadata->n, 1);
    ck_assert_ptr_nonnull(metadata_find(b->metadata, bytes_str("x-tenant"), &at));
}

START_TEST(clients_with_other_metadata_stay_apart)
{
    const char *keys[] = { "x-tenant" };

    sink.on_batch = look_at_tenant;
    options.batch = (struct sender_batch){ .on = true, .flush = 200 * MS, .least = 100, .keys = { keys, 1 } };
    begin();
    send_with(60, tenant("a"));
    send_with(70, tenant("b"));
    send_with(80, tenant("a"));
    send_with(30, tenant("b"));
    send_with(9, tenant("c"));
    came_out(140, 100);
    wait(200 * MS);
    came_out(140, 100, 9);
    ck_assert_uint_eq(clock_next(&rig.loop.clock), UINT64_MAX);
}
END_TEST

START_TEST(stopping_sends_what_waits)
{
    bool stopped = false;

    batches(100, 0);
    send_logs(5);
    rig_stop(node, UINT64_MAX, &stopped);
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
    came_out(5);
    ck_assert_uint_eq(ledger.delivered, 5);
}
END_TEST

START_TEST(at_the_deadline_what_is_left_is_dropped_or_told)
{
    struct client *a;
    bool stopped = false;

    sink.hold = true;
    options.wait_for_result = _i == 1;
    batches(10, 10);
    a = send_logs(25);
    ck_assert_uint_eq(sink.held.n, 1);
    rig_stop(node, clock_mono(&rig.loop.clock) + 1000 * MS, &stopped);
    wait(1000 * MS);
    ck_assert(stopped);
    ck_assert(a->settled);
    ck_assert_int_eq(a->outcome.verdict, _i == 1 ? VERDICT_RETRY : VERDICT_SAFE);
    ck_assert_uint_eq(ledger.held, 0);
}
END_TEST

static void settle_one(void)
{
    static const struct outcome *const answers[] = { &safe, &safe, &safe, &refuse, &come_again };

    if (sink.held.n > 0)
        sink_settle(&sink, rig_random(&rig, sink.held.n), answers[rig_random(&rig, 5)]);
    wait(rig_random(&rig, 100) * MS);
}

START_TEST(who_waits_for_room_goes_on_when_there_is_some)
{
    options.block_on_overflow = true;
    options.queue_size = 1;
    options.consumers = 1;
    sink.hold = true;
    begin();
    send_logs(3);
    send_logs(4);
    ck_assert_uint_eq(sink.held.n, 1);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    came_out(3, 4);
    sink_settle(&sink, 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(ledger.delivered, 7);
}
END_TEST

START_TEST(whatever_comes_and_goes_the_ledger_sums_and_nothing_is_left)
{
    bool stopped = false;

    rig.random += (uint64_t)_i * 7919;
    in_order = false;
    sink.hold = true;
    options.consumers = 1 + (uint32_t)rig_random(&rig, 4);
    options.retry = rig_random(&rig, 2) ? &retries : NULL;
    options.wait_for_result = rig_random(&rig, 3) == 0;
    options.block_on_overflow = rig_random(&rig, 2);
    options.queue_size = 3 + rig_random(&rig, 20);
    options.batch = (struct sender_batch){
        .on = _i % 4 != 0, .in_bytes = rig_random(&rig, 2), .flush = 150 * MS, .least = rig_random(&rig, 60)
    };
    if (rig_random(&rig, 2))
        options.batch.most = options.batch.least + 1 + rig_random(&rig, 40);
    options.merge_bytes = rig_random(&rig, 2) * 200;
    begin();
    for (unsigned i = 0; i < 300; i++) {
        send_logs(1 + rig_random(&rig, 90));
        settle_one();
        ck_assert(ledger_sums(&ledger));
    }
    sink.hold = false;
    while (sink.held.n > 0)
        settle_one();
    wait(1000 * MS);
    rig_stop(node, UINT64_MAX, &stopped);
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
    ck_assert_uint_eq(ledger.held, 0);
    ck_assert_double_eq(size(), 0);
    for (size_t i = 0; i < n_clients; i++)
        ck_assert(clients[i].settled);
    for (size_t i = 0; i < sizes.n && options.batch.on && !options.batch.in_bytes && options.batch.most > 0; i++)
        ck_assert_uint_le(sizes.v[i], options.batch.most);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sender");
    TCase *tc = tcase_create("sender");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, without_a_batch_block_each_goes_out_as_it_came);
    tcase_add_test(tc, a_batch_goes_out_when_it_is_large_enough);
    tcase_add_test(tc, what_waits_goes_out_when_its_time_is_up);
    tcase_add_test(tc, the_age_is_that_of_the_oldest_whether_it_waits_or_is_being_sent);
    tcase_add_test(tc, cuts_and_joins_are_those_of_the_go_collector);
    tcase_add_test(tc, without_a_least_size_nothing_waits);
    tcase_add_test(tc, sizes_in_bytes_are_kept_and_one_item_that_is_too_heavy_goes_alone);
    tcase_add_test(tc, a_batch_in_two_attempts_is_done_when_both_are);
    tcase_add_loop_test(tc, a_batch_in_two_attempts_is_refused_for_now_in_part_when_one_of_them_is_safe, 0, 4);
    tcase_add_loop_test(tc, without_retries_and_a_disk_senders_wait_for_the_result, 0, 2);
    tcase_add_test(tc, what_was_rejected_is_told_once_to_those_who_wait);
    tcase_add_loop_test(tc, what_an_attempt_drops_is_in_the_ledger_of_those_who_wait_too, 0, 2);
    tcase_add_test(tc, each_reason_of_an_attempt_reaches_those_who_wait);
    tcase_add_test(tc, a_part_that_failed_is_sent_again_by_itself);
    tcase_add_test(tc, an_exporter_says_since_when_its_attempts_fail_and_why);
    tcase_add_test(tc, what_was_moved_to_other_queues_is_no_failure);
    tcase_add_loop_test(tc, only_what_is_left_of_a_batch_is_tried_again, 0, 2);
    tcase_add_test(tc, a_refusal_of_the_rest_is_no_refusal_of_all);
    tcase_add_test(tc, what_was_done_before_the_deadline_is_delivered);
    tcase_add_test(tc, clients_with_other_metadata_stay_apart);
    tcase_add_test(tc, stopping_sends_what_waits);
    tcase_add_loop_test(tc, at_the_deadline_what_is_left_is_dropped_or_told, 0, 2);
    tcase_add_test(tc, who_waits_for_room_goes_on_when_there_is_some);
    tcase_add_loop_test(tc, whatever_comes_and_goes_the_ledger_sums_and_nothing_is_left, 0, 60);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
