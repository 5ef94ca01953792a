/* SPDX-License-Identifier: Apache-2.0 */
/* The queue on a file system that fails, fills up and loses its power where it is told to. */
#include "queue/sender.h"

#include "otlp/metadata.h"
#include "pipeline/ledger/ledger_tap.h"
#include "support/client.h"
#include "support/sim_fs.h"
#include "support/sink.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MS NS_PER_MS
#define BATCHES 40
#define ITEMS 3
#define NUMBERS ((size_t)BATCHES * ITEMS)

static struct rig rig;
static struct sim_fs fs;
static struct sink sink;
static struct sender_options options;
static const struct retry_config retries = {
    .enabled = true, .initial_interval = { 100 * MS }, .max_interval = { 100 * MS }, .multiplier = 1
};

/* One process: from a start to its end. */
static struct ledger ledger;
static struct node node;
static struct consumer *tap;

static struct client clients[BATCHES + 8];
static unsigned n_clients;
static bool delivered[NUMBERS + 24], refused[NUMBERS + 24];

static const struct outcome safe = { .verdict = VERDICT_SAFE };
static const struct outcome come_again = { .verdict = VERDICT_RETRY, .reason = "away", .why = "nobody there" };
static const struct outcome never = { .verdict = VERDICT_REJECT, .reason = "bad", .why = "no" };

static const struct component queue = { .type = "queue", .kind = COMPONENT_EXPORTER };

static bool in_pieces; /* entries go out cut and joined, and what is to come again was taken in part */

static void set_up(void)
{
    rig_init(&rig, 1);
    sim_fs_init(&fs);
    sink_init(&sink);
    sink.hold = true;
    options = (struct sender_options){
        .queue_size = 1000,
        .consumers = 2,
        .attempt = &sink.in,
        .retry = &retries,
        .retry_forever = true,
        .disk = { .directory = "d", .max_bytes = 1u << 20, .segment_bytes = 65536, .sync = true, .io = &fs.io },
    };
    if (in_pieces)
        options.batch = (struct sender_batch){ .on = true, .flush = 100 * MS, .least = 4, .most = 4 };
    n_clients = 0;
    memset(delivered, 0, sizeof(delivered));
    memset(refused, 0, sizeof(refused));
}

static void tear_down(void)
{
    sim_fs_free(&fs);
    sink_close(&sink);
    rig_close(&rig);
}

static void run(void)
{
    turn_run(&rig.loop.turn);
    while (uv_run(&rig.loop.uv, UV_RUN_ONCE) != 0 || rig.loop.turn.head != NULL)
        turn_run(&rig.loop.turn);
    turn_run(&rig.loop.turn);
}

static bool start_queue(void)
{
    struct error err = { 0 };

    ledger_init(&ledger, "exporter", "logs", SIGNAL_LOGS);
    node = (struct node){ .component = &queue,
                          .id = "queue",
                          .signal = SIGNAL_LOGS,
                          .host = &rig.host,
                          .log = { .sink = &rig.log },
                          .ledger = &ledger };
    (void)sender_new(&node, &options);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &node.in);
    return sender_start(node.sender, &err) == 0;
}

static bool stopped;

static void on_stopped(struct node *n)
{
    (void)n;
    stopped = true;
}

static void end_node(void)
{
    sender_free(node.sender);
    ledger_tap_free(tap);
    ledger_free(&ledger);
}

/* What the exporter still has is forgotten with it. */
static void end_queue(void)
{
    stopped = false;
    sender_stop(node.sender, clock_mono(&rig.loop.clock) + 1000 * MS, on_stopped);
    run();
    clock_advance(&rig.loop.clock, 1000 * MS);
    run();
    ck_assert(stopped);
    ck_assert(ledger_sums(&ledger));
    end_node();
    for (size_t i = 0; i < sink.held.n; i++)
        batch_unref(sink.held.v[i].batch);
    sink.held.n = 0;
}

/* What is known of the client is large, so that segments come to their end. */
static void send_batch(void)
{
    static char value[8000];
    struct metadata_entry entry = { bytes_str("tenant"), bytes_of((const uint8_t *)value, sizeof(value)) };
    struct batch *b = rig_logs(&rig, n_clients * ITEMS, ITEMS);

    b->metadata = metadata_new(&entry, 1);
    client_send(&clients[n_clients++], &rig, tap, b);
}

/* The last byte of an item is its number; an item has 7 bytes. */
static void mark(bool *numbers, const struct batch *b)
{
    for (uint32_t i = 0; i < b->n_segments; i++) {
        const struct segment *s = &b->segments[i];
        uint64_t items = s->items > 0 ? s->items : b->items;

        for (size_t at = s->len; at > s->len - 7 * items; at -= 7)
            numbers[s->data[at - 1]] = true;
    }
}

/* The exporter has sent the first item in a request of its own, and was told that it is taken. */
static void take_first_item(struct sink_entry *e)
{
    const struct losses none = { 0 };
    struct batch *head, *tail;

    batch_split(e->batch, 1, 100, &rig.budget, &head, &tail);
    mark(delivered, head);
    batch_unref(head);
    sender_attempt_part(e->ack, 1, &none);
    sender_attempt_narrow(e->ack, tail, &safe);
}

static void answer(const struct outcome *o)
{
    while (sink.held.n > 0) {
        if (o->verdict == VERDICT_RETRY && in_pieces && sink.held.v[0].batch->items > 1)
            take_first_item(&sink.held.v[0]);
        if (o->verdict != VERDICT_RETRY)
            mark(o->verdict == VERDICT_SAFE ? delivered : refused, sink.held.v[0].batch);
        sink_settle(&sink, 0, o);
    }
}

/* Batches come in while attempts succeed, fail for good, and fail for now; some stay under way. */
static void work(void)
{
    static const struct outcome *const answers[] = { &safe, &safe, &come_again, &never, &safe };

    for (size_t round = 0; n_clients < BATCHES; round++) {
        for (int i = 0; i < 4; i++)
            send_batch();
        run();
        if (round % 3 != 2)
            answer(answers[round % ARRAY_LEN(answers)]);
        clock_advance(&rig.loop.clock, 150 * MS);
        run();
    }
}

static uint64_t total(const bool *numbers)
{
    uint64_t n = 0;

    for (size_t i = 0; i < NUMBERS; i++)
        n += numbers[i];
    return n;
}

/* The receiver takes everything now. */
static void drain(const char *what, uint64_t point)
{
    for (int i = 0; i < 4 * BATCHES && ledger.held > 0; i++) {
        answer(&safe);
        run();
        clock_advance(&rig.loop.clock, 150 * MS);
        run();
    }
    ck_assert_msg(ledger.held == 0, "%s at call %llu: %llu items are held for ever", what, (unsigned long long)point,
                  (unsigned long long)ledger.held);
}

static uint64_t points, acknowledged, turned_away;

static void check_restarted(const char *what, uint64_t point)
{
    ck_assert_msg(start_queue(), "%s at call %llu: it does not start any more", what, (unsigned long long)point);
    ck_assert(ledger_sums(&ledger));
    drain(what, point);
    for (unsigned i = 0; i < n_clients; i++)
        for (unsigned k = i * ITEMS; clients[i].settled && k < (i + 1) * ITEMS; k++) {
            bool taken = clients[i].outcome.verdict == VERDICT_SAFE;

            acknowledged += taken;
            turned_away += !taken;
            ck_assert_msg(!taken || delivered[k] || refused[k],
                          "%s at call %llu: item %u was acknowledged and never came out", what,
                          (unsigned long long)point, k);
        }
    ck_assert_uint_eq(ledger.received, ledger.delivered + ledger_reasons_total(&ledger.dropped));
    ck_assert_uint_le(ledger_reasons_total(&ledger.dropped), total(refused));
    send_batch();
    run();
    ck_assert_int_eq(clients[n_clients - 1].outcome.verdict, VERDICT_SAFE);
    answer(&safe);
    run();
    end_queue();
}

/* The workload with one fault; false when it ended before that call. */
static bool attempt(enum sim_fault fault, uint64_t point, enum sim_crash how, const char *what, uint64_t capacity)
{
    uint64_t calls;

    set_up();
    sim_fs_set_capacity(&fs, capacity);
    fs.fail_at = point;
    fs.fault = fault;
    if (start_queue())
        work();
    end_queue();
    calls = fs.calls;
    sim_fs_crash(&fs, how);
    sim_fs_set_capacity(&fs, 0);
    check_restarted(what, point);
    tear_down();
    points++;
    return calls >= point;
}

START_TEST(nothing_the_queue_acknowledged_is_lost_wherever_the_machine_stops)
{
    static const char *const names[] = { "stop, unsynced lost", "stop, unsynced kept", "stop, torn",
                                         "stop, reordered" };

    in_pieces = _i == 1;
    points = acknowledged = 0;
    for (int how = 0; how < SIM_CRASHES; how++)
        for (uint64_t point = 1; attempt(SIM_STOP, point, (enum sim_crash)how, names[how], 0); point++)
            ;
    printf("    power failures: %llu points, %llu acknowledged items, none lost\n", (unsigned long long)points,
           (unsigned long long)acknowledged);
}
END_TEST

START_TEST(nothing_the_queue_acknowledged_is_lost_whichever_call_fails)
{
    static const struct {
        enum sim_fault fault;
        const char *name;
    } faults[] = { { SIM_EIO, "EIO" }, { SIM_ENOSPC, "ENOSPC" }, { SIM_SHORT, "short write" } };

    in_pieces = _i == 1;
    points = acknowledged = 0;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        for (uint64_t point = 1; attempt(faults[i].fault, point, SIM_LOSE, faults[i].name, 0); point++)
            ;
    printf("    failing calls: %llu points, %llu acknowledged items, none lost\n", (unsigned long long)points,
           (unsigned long long)acknowledged);
}
END_TEST

START_TEST(a_disk_that_cannot_be_read_is_counted_and_asked_again)
{
    set_up();
    ck_assert(start_queue());
    send_batch();
    run();
    answer(&come_again);
    end_queue();
    ck_assert(start_queue());
    fs.fail_at = fs.calls + 1; /* the first read */
    fs.fault = SIM_EIO;
    run();
    ck_assert_double_eq(
        rig_metric(&rig, "otelcd_exporter_wal_read_failures", "exporter", "queue", "data_type", "logs", NULL), 1);
    ck_assert_uint_eq(ledger.held, ITEMS);
    clock_advance(&rig.loop.clock, 1000 * MS);
    run();
    answer(&safe);
    run();
    ck_assert_uint_eq(ledger.delivered, ITEMS);
    end_queue();
    tear_down();
}
END_TEST

START_TEST(nothing_the_queue_acknowledged_is_lost_when_the_machine_stops_with_a_full_disk)
{
    static const uint64_t capacities[] = { 72 << 10, 150 << 10 };

    in_pieces = _i == 1;
    points = acknowledged = turned_away = 0;
    for (size_t i = 0; i < ARRAY_LEN(capacities); i++)
        for (int how = 0; how < SIM_CRASHES; how++)
            for (uint64_t point = 1; attempt(SIM_STOP, point, (enum sim_crash)how, "full disk", capacities[i]); point++)
                ;
    ck_assert_uint_gt(turned_away, 0);
    printf("    power failures, full disk: %llu points, %llu acknowledged items, none lost\n",
           (unsigned long long)points, (unsigned long long)acknowledged);
}
END_TEST

/* The log closes beside the loop, and the exporter forgets what it has when that is done. */
START_TEST(an_answer_between_the_deadline_and_the_end_changes_nothing)
{
    set_up();
    ck_assert(start_queue());
    send_batch();
    run();
    ck_assert_uint_eq(sink.held.n, 1);
    stopped = false;
    sender_stop(node.sender, clock_mono(&rig.loop.clock) + 1000 * MS, on_stopped);
    clock_advance(&rig.loop.clock, 1000 * MS);
    ck_assert(!stopped);
    answer(&come_again);
    run();
    ck_assert(stopped);
    ck_assert_uint_eq(ledger.held, ITEMS);
    ck_assert(ledger_sums(&ledger));
    end_node();
    ck_assert(start_queue());
    drain("after the restart", 0);
    end_queue();
    tear_down();
}
END_TEST

/* ---- what was answered in part ---- */

static unsigned times[NUMBERS]; /* that an item was taken by the receiver */

static void take(const struct batch *b)
{
    bool numbers[NUMBERS + 24] = { false };

    mark(numbers, b);
    for (size_t i = 0; i < NUMBERS; i++)
        times[i] += numbers[i];
}

static void send_logs(uint64_t items)
{
    struct client *c = &clients[n_clients++];

    client_send(c, &rig, tap, rig_logs(&rig, 0, items));
    run();
    ck_assert_int_eq(c->outcome.verdict, VERDICT_SAFE);
}

/* One of those that the exporter has. */
static void take_held(size_t i)
{
    take(sink.held.v[i].batch);
    sink_settle(&sink, i, &safe);
}

/* The next process. _i 0: this one is stopped; else the machine stops without a word, after the note was written. */
static void restart_after(int how)
{
    run();
    clock_advance(&rig.loop.clock, 150 * MS);
    run();
    if (how > 0) {
        fs.fault = SIM_STOP;
        fs.fail_at = fs.calls + 1;
    }
    end_queue();
    if (how > 0)
        sim_fs_crash(&fs, SIM_LOSE);
    fs.fail_at = 0;
    ck_assert(start_queue());
    run();
}

static void take_all(void)
{
    for (int i = 0; i < 100 && ledger.held > 0; i++) {
        while (sink.held.n > 0)
            take_held(0);
        run();
        clock_advance(&rig.loop.clock, 150 * MS);
        run();
    }
}

static void check_taken_once(uint64_t items)
{
    for (size_t i = 0; i < items; i++)
        ck_assert_msg(times[i] == 1, "item %zu was taken %u times", i, times[i]);
    ck_assert_uint_eq(ledger.received, items);
    ck_assert_uint_eq(ledger.delivered, items);
    ck_assert_uint_eq(ledger.held, 0);
}

static void set_up_pieces(uint64_t most)
{
    in_pieces = false;
    set_up();
    memset(times, 0, sizeof(times));
    options.consumers = 4;
    if (most > 0)
        options.batch = (struct sender_batch){ .on = true, .flush = 100 * MS, .least = most, .most = most };
    ck_assert(start_queue());
}

START_TEST(slices_that_were_answered_do_not_come_again)
{
    set_up_pieces(3);
    send_logs(16); /* 3, 3, 3, 3 are under way, 3, 1 wait */
    ck_assert_uint_eq(sink.held.n, 4);
    take_held(3);
    take_held(1);
    restart_after(_i);
    ck_assert_uint_eq(ledger.delivered, 6);
    ck_assert_uint_eq(ledger.held, 10);
    ck_assert_uint_eq(sink.held.n, 3); /* of what is left: 3, 3, 3, and 1 that waits for more */
    take_held(2);
    restart_after(_i); /* what is left of what was left */
    ck_assert_uint_eq(ledger.held, 7);
    take_all();
    check_taken_once(16);
    restart_after(0);
    ck_assert_uint_eq(ledger.held, 0);
    end_queue();
    tear_down();
}
END_TEST

/* Taken, and of the next two one is rejected; the answer to the rest never comes. */
START_TEST(parts_that_were_answered_do_not_come_again)
{
    struct losses none = { 0 }, one = { 0 };
    struct batch *head, *tail;
    struct sink_entry e;

    losses_add(&one, 1, "bad");
    set_up_pieces(0);
    send_logs(10);
    e = sink.held.v[0];
    batch_split(e.batch, 6, 100, &rig.budget, &head, &tail);
    take(head);
    sender_attempt_part(e.ack, 4, &none);
    sender_attempt_part(e.ack, 2, &one);
    batch_unref(head);
    batch_unref(tail);
    restart_after(_i);
    ck_assert_uint_eq(ledger.delivered, 5);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 1);
    ck_assert_uint_eq(ledger.held, 4);
    ck_assert_uint_eq(sink.held.v[0].batch->items, 4);
    take_all();
    for (size_t i = 0; i < 10; i++)
        ck_assert_uint_eq(times[i], 1);
    ck_assert_uint_eq(ledger.delivered, 9);
    end_queue();
    tear_down();
}
END_TEST

/* What was narrowed is taken as known when the sender stops between two tries. */
START_TEST(a_batch_that_waits_for_its_next_try_comes_again_without_what_was_taken)
{
    set_up_pieces(0);
    send_logs(10);
    in_pieces = true;
    answer(&come_again);
    in_pieces = false;
    restart_after(_i);
    ck_assert_uint_eq(ledger.delivered, 1);
    ck_assert_uint_eq(ledger.held, 9);
    times[0] = 1;
    take_all();
    check_taken_once(10);
    end_queue();
    tear_down();
}
END_TEST

/* More gaps than a state has room for: what comes again though it was settled is counted again, too. */
START_TEST(what_a_crash_brings_back_is_counted)
{
    const unsigned n = 1100;

    set_up_pieces(0);
    end_queue();
    options.consumers = 2 * n;
    options.queue_size = 2ul * n;
    options.disk.max_bytes = 64u << 20;
    ck_assert(start_queue());
    for (unsigned i = 0; i < n; i++) {
        n_clients = 0;
        send_logs(1);
    }
    ck_assert_uint_eq(sink.held.n, n);
    for (unsigned i = 1; i <= n / 2; i++)
        sink_settle(&sink, i, &safe); /* every other one */
    restart_after(1);
    ck_assert_uint_gt(sink.held.n, n / 2);
    take_all();
    ck_assert_uint_eq(ledger.held, 0);
    ck_assert(ledger_sums(&ledger));
    end_queue();
    ck_assert(start_queue());
    ck_assert_uint_eq(ledger.held, 0);
    end_queue();
    tear_down();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("disk_store");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, nothing_the_queue_acknowledged_is_lost_wherever_the_machine_stops, 0, 2);
    tcase_add_loop_test(tc, nothing_the_queue_acknowledged_is_lost_whichever_call_fails, 0, 2);
    tcase_add_test(tc, a_disk_that_cannot_be_read_is_counted_and_asked_again);
    tcase_add_loop_test(tc, nothing_the_queue_acknowledged_is_lost_when_the_machine_stops_with_a_full_disk, 0, 2);
    tcase_add_test(tc, an_answer_between_the_deadline_and_the_end_changes_nothing);
    tcase_add_loop_test(tc, slices_that_were_answered_do_not_come_again, 0, 2);
    tcase_add_loop_test(tc, parts_that_were_answered_do_not_come_again, 0, 2);
    tcase_add_loop_test(tc, a_batch_that_waits_for_its_next_try_comes_again_without_what_was_taken, 0, 2);
    tcase_add_test(tc, what_a_crash_brings_back_is_counted);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
