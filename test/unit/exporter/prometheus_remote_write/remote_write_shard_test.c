/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a shard: what it makes of each answer, with a receiver that is a list of calls. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "support/rig/series_rig.h"

#include <check.h>
#include <stdio.h>

#define CALLS 64

extern const struct component prometheus_remote_write_exporter;

static struct rig r;
static struct remote_write_config config;
static struct node *node;
static struct remote_write_node *n;
static struct remote_write_shard *shard;
static struct ledger ledger;
static struct delivered {
    struct ack ack;
    struct outcome outcome;
    bool settled;
} batches[4];
static size_t n_batches;
static struct http_call *calls[CALLS]; /* under way, the oldest first */
static size_t n_calls, n_started;

static void start_call(struct remote_write_node *to, struct http_call *call)
{
    (void)to;
    ck_assert_uint_lt(n_calls, CALLS);
    calls[n_calls++] = call;
    n_started++;
}

static void take_call(size_t i)
{
    for (n_calls--; i < n_calls; i++)
        calls[i] = calls[i + 1];
}

static void cancel_call(struct remote_write_node *to, struct http_call *call)
{
    (void)to;
    for (size_t i = 0; i < n_calls; i++)
        if (calls[i] == call)
            take_call(i);
}

static const char *receiver_name(const struct remote_write_node *of)
{
    (void)of;
    return "http://receiver";
}

static const struct remote_write_port port = { start_call, cancel_call, receiver_name };

/* What the oldest call hears. */
static void answer(int status, const char *body)
{
    struct http_response a = { .why = "", .status = status, .body = bytes_str(body) };
    struct http_call *call = calls[0];

    ck_assert_uint_gt(n_calls, 0);
    take_call(0);
    call->on_done(call, &a);
    turn_run(&r.loop.turn);
}

static void break_off(enum http_failure failure, bool ambiguous)
{
    struct http_response a = { .failure = failure, .why = "nobody answered", .ambiguous = ambiguous };
    struct http_call *call = calls[0];

    take_call(0);
    call->on_done(call, &a);
    turn_run(&r.loop.turn);
}

static void setup(void)
{
    struct error err;

    rig_init(&r, 1);
    config = (struct remote_write_config){
        .client = { .endpoint = "http://receiver/w" },
        .translation = { .namespace = "", .add_metric_suffixes = true },
        .remote_write_queue = { .enabled = true, .queue_size = 10, .num_consumers = 1 },
        .retry_on_failure = { .enabled = true,
                              .initial_interval = { (int64_t)NS_PER_S },
                              .max_interval = { (int64_t)NS_PER_S },
                              .max_elapsed_time = { (int64_t)(60 * NS_PER_S) },
                              .multiplier = 1 },
        .series_expiration = { (int64_t)(600 * NS_PER_S) },
    };
    ledger_init(&ledger, "exporter", "prometheus_remote_write", SIGNAL_METRICS);
    node = mem_zalloc(prometheus_remote_write_exporter.node_size);
    node->component = &prometheus_remote_write_exporter;
    node->id = "prometheus_remote_write";
    node->host = &r.host;
    node->log = (struct logger){ .sink = &r.log };
    node->ledger = &ledger;
    ck_assert_int_eq(node->component->create(node, &config, &err), 0);
    n = container_of(node, struct remote_write_node, node);
    n->port = &port;
    shard = &n->shards[0];
    n_batches = n_calls = n_started = 0;
}

static void teardown(void)
{
    node->component->destroy(node);
    ck_assert_uint_eq(n_calls, 0);
    free(node);
    turn_run(&r.loop.turn);
    ck_assert(ledger_sums(&ledger));
    ledger_free(&ledger);
    rig_close(&r);
}

static void on_settled(struct ack *a, const struct outcome *o)
{
    struct delivered *d = container_of(a, struct delivered, ack);

    outcome_copy(&d->outcome, o);
    d->settled = true;
}

/* A batch of so many series, each with a sample. */
static struct delivered *deliver(int series, int ms, bool refusable)
{
    struct delivered *d = &batches[n_batches++];
    struct buf json = { 0 };
    struct batch *b;

    buf_puts(&json, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[");
    for (int i = 0; i < series; i++)
        buf_printf(&json,
                   "%s{'name':'g%d','gauge':{'dataPoints':[{'timeUnixNano':'17000000000%02d000000','asInt':'1'}]}}",
                   i > 0 ? "," : "", i, ms);
    buf_puts(&json, "]}]}]}");
    b = series_rig_batch(buf_cstr(&json));
    buf_free(&json);
    d->settled = false;
    ack_init(&d->ack, &r.loop.turn, &ledger, b->items, refusable, on_settled);
    ledger_receive(&ledger, b->items);
    consumer_send(&n->attempt, b, &d->ack);
    turn_run(&r.loop.turn);
    return d;
}

static void wait_a_second(void)
{
    clock_advance(&r.loop.clock, NS_PER_S);
    turn_run(&r.loop.turn);
}

static uint64_t dropped(const char *reason)
{
    for (size_t i = 0; i < ledger.dropped.n; i++)
        if (strcmp(ledger.dropped.v[i].reason, reason) == 0)
            return ledger.dropped.v[i].items;
    return 0;
}

START_TEST(what_is_taken_is_delivered_and_the_next_request_follows)
{
    struct delivered *first = deliver(3, 10, false), *second = deliver(3, 20, false);

    ck_assert_uint_eq(n_calls, 1); /* one after another */
    answer(204, "");
    ck_assert(first->settled && !second->settled);
    ck_assert_uint_eq(ledger.delivered, 3);
    ck_assert_uint_eq(n_calls, 1);
    answer(200, "");
    ck_assert(second->settled);
    ck_assert_int_eq(shard->state, REMOTE_SHARD_IDLE);
}
END_TEST

START_TEST(a_failure_that_may_pass_is_waited_out)
{
    static const int statuses[] = { 503, 429, 408 };
    struct delivered *d = deliver(1, 10, false);

    answer(statuses[_i], "later");
    ck_assert_int_eq(shard->state, REMOTE_SHARD_WAITING);
    ck_assert_uint_eq(n_calls, 0);
    deliver(1, 20, false); /* it does not go past */
    ck_assert_uint_eq(n_calls, 0);
    wait_a_second();
    ck_assert_uint_eq(n_calls, 1);
    answer(204, "");
    ck_assert(d->settled);
    answer(204, "");
    ck_assert_uint_eq(ledger.delivered, 2);
}
END_TEST

START_TEST(a_request_without_end_is_given_up_in_time)
{
    struct delivered *d = deliver(1, 10, _i == 1);

    for (int i = 0; i < 100 && !d->settled; i++) {
        break_off(HTTP_TIMED_OUT, true);
        wait_a_second();
    }
    ck_assert(d->settled);
    ck_assert_int_eq(d->outcome.verdict, _i == 1 ? VERDICT_RETRY : VERDICT_SAFE);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.refused), _i == 1 ? 1 : 0);
    ck_assert_uint_eq(dropped("retries_exhausted"), _i == 1 ? 0 : 1);
}
END_TEST

START_TEST(one_bad_unit_of_many_is_found_and_the_others_are_delivered)
{
    struct delivered *d = deliver(100, 10, false);

    answer(_i == 0 ? 400 : 413, "no"); /* all of it */
    ck_assert_uint_eq(n_calls, 1);
    answer(400, "no"); /* its first half, whose units are asked for beside one another from now on */
    ck_assert_int_eq(shard->state, REMOTE_SHARD_PROBING);
    ck_assert_uint_eq(n_calls, SHARD_PROBES);
    for (int i = 0; i < 50; i++)
        answer(i == 7 ? 400 : 204, "no");
    ck_assert_uint_eq(n_calls, 1); /* the other half */
    answer(204, "");
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered, 99);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 1);
}
END_TEST

START_TEST(a_probe_that_fails_otherwise_is_sent_by_itself)
{
    struct delivered *d = deliver(3, 10, false);

    answer(400, "no");
    ck_assert_uint_eq(n_calls, 3);
    answer(204, "");
    answer(503, "down");
    break_off(HTTP_CLOSED, true);
    ck_assert_uint_eq(n_calls, 1);
    ck_assert_int_eq(shard->state, REMOTE_SHARD_SENDING);
    answer(503, "down");
    wait_a_second();
    answer(204, "");
    answer(400, "out of order"); /* or the other way round; it had been there already, or is dropped */
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered + ledger_reasons_total(&ledger.dropped), 3);
    ck_assert_uint_ge(ledger.delivered, 2);
}
END_TEST

START_TEST(what_landed_without_an_answer_is_a_duplicate_and_not_lost)
{
    struct delivered *d = deliver(1, 10, false);

    break_off(HTTP_TIMED_OUT, true);
    wait_a_second();
    answer(400, "out of order sample");
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered, 1);
    deliver(1, 20, false);
    answer(400, "out of order sample");
    ck_assert_uint_eq(dropped("out_of_order"), 1);
}
END_TEST

START_TEST(a_500_that_one_series_causes_is_found)
{
    struct delivered *d = deliver(2, 10, false);

    for (int i = 0; i < 5; i++) { /* in a row, before it is suspicious */
        answer(500, "boom");
        if (i < 4)
            wait_a_second();
    }
    answer(500, "boom"); /* the first half: quarantined */
    ck_assert_uint_eq(shard->n_quarantined, 1);
    answer(204, ""); /* the other half */
    answer(500, "boom");
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered, 1);
    ck_assert_uint_eq(dropped("server_error"), 1);
    deliver(2, 20, false); /* the next time the other one goes first, by itself */
    ck_assert_uint_eq(list_first(&shard->requests, struct shard_request, link)->message->units.n, 1);
    answer(204, "");
    ck_assert_uint_eq(list_first(&shard->requests, struct shard_request, link)->message->units.n, 1);
    ck_assert_uint_eq(n_calls, 1);
}
END_TEST

START_TEST(an_outage_of_500s_drops_nothing)
{
    struct delivered *d = deliver(2, 10, false);

    for (int i = 0; i < 40; i++) {
        answer(500, "boom");
        if (n_calls == 0)
            wait_a_second();
        ck_assert_uint_eq(n_calls, 1);
    }
    while (!d->settled)
        answer(204, "");
    ck_assert_uint_eq(ledger.delivered, 2);
}
END_TEST

START_TEST(a_batch_that_is_refused_whole_is_refused_to_the_sender_that_waits)
{
    struct delivered *d = deliver(2, 10, true);

    answer(401, "who are you");
    ck_assert(d->settled);
    ck_assert_int_eq(d->outcome.verdict, VERDICT_REJECT);
    ck_assert_str_eq(d->outcome.reason, "unauthorized");
    ck_assert_uint_eq(ledger_reasons_total(&ledger.refused), 2);
}
END_TEST

START_TEST(at_the_end_what_waits_gets_one_last_try)
{
    struct delivered *d = deliver(1, 10, false);

    answer(503, "down");
    n->stopping = true;
    remote_write_shard_stop(shard);
    ck_assert_uint_eq(n_calls, 1);
    answer(_i == 0 ? 204 : 503, "");
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered, _i == 0 ? 1 : 0);
    ck_assert_uint_eq(dropped("shutdown"), _i == 0 ? 0 : 1);
}
END_TEST

START_TEST(a_series_that_was_refused_is_asked_for_apart_the_next_times)
{
    struct delivered *d;

    deliver(20, 10, false);
    answer(400, "out of order sample");
    for (int i = 0; i < 20; i++)
        answer(i == 7 || i == 8 ? 400 : 204, "out of order sample");
    ck_assert_uint_eq(ledger.delivered, 18);
    n_started = 0;
    d = deliver(20, 20, false);
    answer(204, ""); /* the rest, whole */
    ck_assert_uint_eq(ledger.delivered, 18);
    answer(400, "out of order sample"); /* the two */
    answer(400, "out of order sample");
    ck_assert(!d->settled);
    answer(204, "");
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered, 18 + 19);
    ck_assert_uint_eq(dropped("out_of_order"), 3);
    ck_assert_uint_eq(n_started, 4);
    clock_advance(&r.loop.clock, 601 * NS_PER_S);
    n_started = 0;
    deliver(20, 30, false); /* long ago: all together again */
    answer(204, "");
    ck_assert_uint_eq(n_started, 1);
    ck_assert_uint_eq(ledger.delivered, 18 + 19 + 20);
}
END_TEST

START_TEST(a_stop_while_bad_units_are_sought_ends_each_part_as_what_became_of_it)
{
    struct delivered *d = deliver(20, 10, false);

    answer(400, "no");
    ck_assert_int_eq(shard->state, REMOTE_SHARD_PROBING);
    n->stopping = true;
    remote_write_shard_stop(shard);
    answer(400, "no");
    for (int i = 1; i < 8; i++)
        answer(204, "");
    ck_assert_uint_eq(n_calls, 1); /* one by one from here on */
    for (int i = 8; i < 20; i++)
        answer(i < 15 ? 204 : 503, "");
    ck_assert(d->settled);
    ck_assert_uint_eq(ledger.delivered, 14);
    ck_assert_uint_eq(dropped("rejected"), 1);
    ck_assert_uint_eq(dropped("shutdown"), 5);
}
END_TEST

START_TEST(a_close_ends_without_a_word_whatever_is_under_way)
{
    deliver(20, 10, false);
    if (_i > 0)
        answer(_i == 1 ? 400 : 503, "no");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote_write_shard");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_taken_is_delivered_and_the_next_request_follows);
    tcase_add_loop_test(tc, a_failure_that_may_pass_is_waited_out, 0, 3);
    tcase_add_loop_test(tc, a_request_without_end_is_given_up_in_time, 0, 2);
    tcase_add_loop_test(tc, one_bad_unit_of_many_is_found_and_the_others_are_delivered, 0, 2);
    tcase_add_test(tc, a_probe_that_fails_otherwise_is_sent_by_itself);
    tcase_add_test(tc, what_landed_without_an_answer_is_a_duplicate_and_not_lost);
    tcase_add_test(tc, a_500_that_one_series_causes_is_found);
    tcase_add_test(tc, an_outage_of_500s_drops_nothing);
    tcase_add_test(tc, a_batch_that_is_refused_whole_is_refused_to_the_sender_that_waits);
    tcase_add_loop_test(tc, at_the_end_what_waits_gets_one_last_try, 0, 2);
    tcase_add_test(tc, a_series_that_was_refused_is_asked_for_apart_the_next_times);
    tcase_add_test(tc, a_stop_while_bad_units_are_sought_ends_each_part_as_what_became_of_it);
    tcase_add_loop_test(tc, a_close_ends_without_a_word_whatever_is_under_way, 0, 3);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
