/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pb.h"
#include "pipeline/ledger/ledger_tap.h"
#include "processor/tail_sampling/policy_leaf.c"
#include "processor/tail_sampling/tail_inside.h"
#include "support/client.h"
#include "support/sink.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

extern const struct component tail_sampling_processor;

#define CLIENTS 256
#define MS NS_PER_MS

static struct rig rig;
static struct ledger ledger;
static struct sink sink;
static struct tail_config config;
static struct policy_config policies[4];
static struct node *node;
static struct consumer *tap;
static struct client clients[CLIENTS];
static struct bytes parent; /* of the spans that are sent */
static size_t n_clients;

static void setup(void)
{
    rig_init(&rig, 1);
    ledger_init(&ledger, "pipeline", "traces", SIGNAL_TRACES);
    sink_init(&sink);
    memset(policies, 0, sizeof(policies));
    policies[0] = (struct policy_config){ .leaf = { .name = "all", .type = "always_sample" } };
    config = (struct tail_config){
        .policies = { policies, 1 },
        .decision_wait = { 1000 * MS },
        .num_traces = 1000,
        .max_bytes = 1 << 20,
    };
    n_clients = 0;
    parent = bytes_of(NULL, 0);
}

static void begin(void)
{
    node = rig_node(&rig, &tail_sampling_processor, &config, SIGNAL_TRACES, &ledger, &sink.in);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &node->in);
}

static void finish(void)
{
    ck_assert(ledger_sums(&ledger));
    rig_destroy(node);
    ledger_tap_free(tap);
    sink_close(&sink);
    turn_run(&rig.loop.turn);
    ledger_free(&ledger);
    rig_close(&rig);
}

static void pass(uint64_t ns)
{
    clock_advance(&rig.loop.clock, ns);
    turn_run(&rig.loop.turn);
}

/* `n` spans of trace number `trace`, that last `ms`. */
static void put_spans(struct buf *out, unsigned trace, unsigned n, uint64_t ms)
{
    uint8_t id[TRACE_ID_SIZE] = { (uint8_t)trace, (uint8_t)(trace >> 8), 1 };

    for (unsigned i = 0; i < n; i++) {
        size_t span = pb_begin(out, OTLP_SCOPE_GROUP_ITEMS);

        pb_put_bytes(out, OTLP_SPAN_TRACE_ID, bytes_of(id, sizeof(id)));
        if (parent.len > 0)
            pb_put_bytes(out, OTLP_SPAN_PARENT_ID, parent);
        pb_put_fixed64(out, OTLP_SPAN_START, 1000 * MS);
        pb_put_fixed64(out, OTLP_SPAN_END, (1000 + ms) * MS);
        pb_end(out, span);
    }
}

/* Its resource has a schema URL of so many bytes. */
static struct client *send_spans_of(unsigned trace, unsigned n, uint64_t ms, size_t url)
{
    struct client *s = &clients[n_clients++];
    struct buf b = { 0 };
    size_t resource = pb_begin(&b, OTLP_REQUEST_RESOURCES), scope, mark;
    struct block *block;

    if (url > 0) {
        mark = pb_begin(&b, OTLP_RESOURCE_GROUP_SCHEMA_URL);
        memset(buf_reserve(&b, url), 'a' + (int)(trace % 26), url);
        b.len += url;
        pb_end(&b, mark);
    }
    scope = pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES);
    put_spans(&b, trace, n, ms);
    pb_end(&b, scope);
    pb_end(&b, resource);
    block = block_force(&rig.budget, b.len);
    memcpy(block->data, b.data, b.len);
    client_send(s, &rig, tap, batch_new(SIGNAL_TRACES, block, bytes_of(block->data, b.len), n, 0));
    buf_free(&b);
    turn_run(&rig.loop.turn);
    return s;
}

static struct client *send_spans(unsigned trace, unsigned n, uint64_t ms)
{
    return send_spans_of(trace, n, ms, 0);
}

static void stop_node(void)
{
    bool stopped = false;

    rig_stop(node, UINT64_MAX, &stopped);
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
}

static uint64_t held(void)
{
    return ((struct tail *)(void *)node)->traces.table.n;
}

/* ---- the life of a trace ---- */

START_TEST(a_sender_is_answered_at_once_and_the_trace_leaves_when_it_is_due)
{
    begin();
    ck_assert(send_spans(1, 3, 0)->settled);
    ck_assert_uint_eq(ledger.held, 3);
    pass(900 * MS);
    ck_assert_uint_eq(sink.items, 0);
    pass(200 * MS);
    ck_assert_uint_eq(sink.items, 3);
    ck_assert_uint_eq(ledger.delivered, 3);
    stop_node();
    finish();
}
END_TEST

START_TEST(traces_that_came_apart_are_due_apart)
{
    begin();
    send_spans(1, 1, 0);
    pass(500 * MS);
    send_spans(2, 2, 0);
    pass(600 * MS);
    ck_assert_uint_eq(sink.items, 1);
    pass(500 * MS);
    ck_assert_uint_eq(sink.items, 3);
    stop_node();
    finish();
}
END_TEST

START_TEST(while_a_send_is_out_memory_is_bounded_and_senders_wait_outside)
{
    struct client *last = NULL;
    struct tail *t;

    config.max_bytes = 32768;
    sink.hold = true;
    begin();
    t = (struct tail *)(void *)node;
    for (unsigned i = 0; i < 100; i++) {
        last = send_spans(i, 20, 0);
        ck_assert_uint_le(t->traces.store.bytes, 2 * config.max_bytes);
    }
    ck_assert(!last->settled);
    ck_assert_uint_eq(sink.held.n, 1);
    for (int i = 0; i < 1000 && sink.held.n > 0; i++) {
        sink_settle(&sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
        turn_run(&rig.loop.turn);
    }
    ck_assert(last->settled);
    sink.hold = false;
    stop_node();
    ck_assert_uint_eq(ledger.delivered, 2000);
    finish();
}
END_TEST

/* What is behind has stopped, and a megabyte is decided and waits: what came later is not decided before
 * its time for that, its senders wait. */
START_TEST(what_cannot_leave_makes_nothing_else_decided_early)
{
    struct client *last = NULL;
    unsigned i = 0;

    config.max_bytes = 3 << 19;
    sink.hold = true;
    begin();
    for (; i < 14; i++)
        send_spans(i, 2000, 0);
    pass(1100 * MS);
    ck_assert_uint_eq(sink.held.n, 1);
    for (; i < 21; i++)
        send_spans(i, 2000, 0);
    pass(1100 * MS);
    for (; i < 35; i++)
        last = send_spans(i, 2000, 0);
    ck_assert(!last->settled);
    ck_assert_uint_ge(held(), 3);
    ck_assert_double_le(rig_metric(&rig, "otelcd_processor_tail_sampling_early_decisions", "reason", "max_bytes", NULL),
                        0);
    for (int k = 0; k < 100 && sink.held.n > 0; k++) {
        sink_settle(&sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
        turn_run(&rig.loop.turn);
        pass(1100 * MS);
    }
    ck_assert(last->settled);
    stop_node();
    ck_assert_uint_eq(ledger.delivered, 70000);
    finish();
}
END_TEST

START_TEST(resources_count_in_the_megabyte_of_a_batch)
{
    config.max_bytes = 8 << 20;
    begin();
    for (unsigned i = 0; i < 8; i++)
        send_spans_of(i, 1, 0, 300000);
    pass(1100 * MS);
    ck_assert_uint_eq(sink.items, 8);
    ck_assert_uint_eq(sink.batches, 2);
    stop_node();
    finish();
}
END_TEST

START_TEST(a_parent_of_zeros_is_none)
{
    config.decision_wait_after_root_received.ns = 100 * MS;
    parent = _i == 0 ? bytes_str("12345678") : bytes_of("\0\0\0\0\0\0\0\0", 8);
    begin();
    send_spans(1, 1, 0);
    pass(200 * MS);
    ck_assert_uint_eq(sink.items, _i == 0 ? 0 : 1);
    stop_node();
    finish();
}
END_TEST

/* The empty tables take more than that. */
START_TEST(with_hardly_any_memory_allowed_each_batch_is_decided_at_once)
{
    config.max_bytes = 100;
    begin();
    for (unsigned i = 1; i <= 3; i++) {
        ck_assert(send_spans(i, 2, 0)->settled);
        ck_assert_uint_eq(ledger.delivered, 2 * i);
    }
    stop_node();
    finish();
}
END_TEST

START_TEST(what_cannot_leave_is_dropped_with_the_reason_and_told)
{
    sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full", .why = "full" };
    begin();
    send_spans(1, 5, 0);
    pass(1100 * MS);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 5);
    ck_assert_str_eq(ledger.dropped.v[0].reason, "queue_full");
    stop_node();
    finish();
}
END_TEST

START_TEST(a_stop_decides_what_is_held_and_waits_for_it_to_leave)
{
    bool stopped = false;

    sink.hold = true;
    begin();
    send_spans(1, 5, 0);
    rig_stop(node, UINT64_MAX, &stopped);
    turn_run(&rig.loop.turn);
    ck_assert(!stopped);
    sink_settle(&sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
    ck_assert_uint_eq(ledger.delivered, 5);
    finish();
}
END_TEST

START_TEST(a_node_that_is_torn_down_gives_back_what_it_holds)
{
    config.block_on_overflow = true;
    config.num_traces = 2;
    begin();
    for (unsigned i = 0; i < 4; i++)
        send_spans(i, 2, 0);
    ck_assert_uint_eq(held(), 2);
    finish(); /* the rig asserts that the budget is even */
}
END_TEST

START_TEST(ids_that_were_decided_are_forgotten_when_there_are_too_many)
{
    config.decision_cache.sampled_cache_size = 2;
    begin();
    for (unsigned i = 0; i < 3; i++)
        send_spans(i, 1, 0);
    pass(1100 * MS);
    ck_assert_uint_eq(sink.items, 3);
    send_spans(2, 1, 0);
    ck_assert_uint_eq(sink.items, 4); /* remembered */
    send_spans(0, 1, 0);
    ck_assert_uint_eq(sink.items, 4); /* a trace like any new one */
    ck_assert_uint_eq(held(), 1);
    stop_node();
    finish();
}
END_TEST

/* ---- policies that depend on time ---- */

START_TEST(a_rate_lets_pass_twice_its_spans_at_once_and_fills_with_time)
{
    policies[0].leaf.type = "rate_limiting";
    policies[0].leaf.rate_limiting.spans_per_second = 10;
    begin();
    for (unsigned i = 0; i < 5; i++)
        send_spans(i, 8, 0);
    pass(1100 * MS);
    ck_assert_uint_eq(sink.items, 16); /* of 20 */
    send_spans(10, 8, 0);
    send_spans(11, 8, 0);
    pass(1100 * MS); /* 4 + 11 */
    ck_assert_uint_eq(sink.items, 24);
    send_spans(12, 21, 0); /* more than ever fits */
    pass(10000 * MS);
    ck_assert_uint_eq(sink.items, 24);
    stop_node();
    finish();
}
END_TEST

START_TEST(a_composite_shares_its_rate_by_the_second_and_asks_in_the_order_given)
{
    static struct policy_config subs[2];
    static struct rate_allocation parts[] = { { "slow", 50 }, { "rest", 30 } };
    static const char *order[] = { "slow" };

    subs[0] = (struct policy_config){ .leaf = { .name = "rest", .type = "always_sample" } };
    subs[1] = (struct policy_config){ .leaf = { .name = "slow", .type = "latency", .latency.threshold_ms = 100 } };
    policies[0].leaf.type = "composite";
    policies[0].composite = (struct composite_config){
        .max_total_spans_per_second = 20,
        .policy_order = { order, 1 },
        .composite_sub_policy = { subs, 2 },
        .rate_allocation = { parts, 2 },
    };
    begin();
    for (unsigned i = 0; i < 10; i++)
        send_spans(i, 2, 200); /* slow: 10 of 20 spans */
    for (unsigned i = 10; i < 20; i++)
        send_spans(i, 2, 0); /* the rest: 6 of 20 spans */
    pass(1100 * MS);
    ck_assert_uint_eq(sink.items, 16);
    send_spans(30, 2, 200);
    pass(1100 * MS);
    ck_assert_uint_eq(sink.items, 18);
    stop_node();
    finish();
}
END_TEST

START_TEST(an_upper_bound_of_latency_holds_for_the_whole_trace)
{
    policies[0].leaf.type = "latency";
    policies[0].leaf.latency = (struct latency_config){ .threshold_ms = 100, .upper_threshold_ms = 500 };
    begin();
    send_spans(1, 1, 300);
    send_spans(2, 1, 300); /* in the range until its second span comes */
    send_spans(2, 1, 700);
    send_spans(3, 1, 500);
    send_spans(4, 1, 100);
    pass(1100 * MS);
    ck_assert_uint_eq(sink.items, 2);
    stop_node();
    finish();
}
END_TEST

START_TEST(a_threshold_is_rounded_as_in_64_bits_of_mantissa)
{
    ck_assert_uint_eq(threshold_of(0), 0);
    ck_assert_uint_eq(threshold_of(-1), 0);
    ck_assert_uint_eq(threshold_of(NAN), 0);
    ck_assert_uint_eq(threshold_of(1), UINT64_MAX);
    ck_assert_uint_eq(threshold_of(1.5), UINT64_MAX);
    ck_assert_uint_eq(threshold_of(0.5), UINT64_MAX / 2);
    ck_assert_uint_eq(threshold_of(0.25), UINT64_MAX / 4);
    ck_assert_uint_eq(threshold_of(ldexp(1, -64)), 0);
    ck_assert_uint_eq(threshold_of(ldexp(1, -63)), 1);
    ck_assert_uint_eq(threshold_of(5e-324), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tail_sampling");
    TCase *t = tcase_create("trace"), *p = tcase_create("policy");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, a_sender_is_answered_at_once_and_the_trace_leaves_when_it_is_due);
    tcase_add_test(t, traces_that_came_apart_are_due_apart);
    tcase_add_test(t, while_a_send_is_out_memory_is_bounded_and_senders_wait_outside);
    tcase_add_test(t, what_cannot_leave_makes_nothing_else_decided_early);
    tcase_add_test(t, resources_count_in_the_megabyte_of_a_batch);
    tcase_add_loop_test(t, a_parent_of_zeros_is_none, 0, 2);
    tcase_add_test(t, with_hardly_any_memory_allowed_each_batch_is_decided_at_once);
    tcase_add_test(t, what_cannot_leave_is_dropped_with_the_reason_and_told);
    tcase_add_test(t, a_stop_decides_what_is_held_and_waits_for_it_to_leave);
    tcase_add_test(t, a_node_that_is_torn_down_gives_back_what_it_holds);
    tcase_add_test(t, ids_that_were_decided_are_forgotten_when_there_are_too_many);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(p, setup, NULL);
    tcase_add_test(p, a_rate_lets_pass_twice_its_spans_at_once_and_fills_with_time);
    tcase_add_test(p, a_composite_shares_its_rate_by_the_second_and_asks_in_the_order_given);
    tcase_add_test(p, an_upper_bound_of_latency_holds_for_the_whole_trace);
    tcase_add_test(p, a_threshold_is_rounded_as_in_64_bits_of_mantissa);
    suite_add_tcase(s, p);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
