/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver's request, a pipeline's tap, a fan-out, three exporters' taps and a sink behind each. */
#include "pipeline/fanout.h"

#include "pipeline/ledger/ledger_tap.h"
#include "pipeline/ledger/ledger_metrics.h"
#include "support/rig/rig.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>

#define BRANCHES 3

struct request {
    struct ack ack;
    bool settled;
    struct outcome outcome;
};

static struct rig rig;
static struct ledger pipeline, exporters[BRANCHES];
static struct sink sinks[BRANCHES];
static struct consumer *exporter_taps[BRANCHES], *fanout, *tap;
static struct ledger_metrics *shown;

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct request *r = container_of(ack, struct request, ack);

    ck_assert(!r->settled);
    r->settled = true;
    r->outcome = *o;
}

static void setup_at(uint64_t seed)
{
    static const char *const ids[BRANCHES] = { "a", "b", "c" };

    rig_init(&rig, seed);
    ledger_init(&pipeline, "pipeline", "logs/1", SIGNAL_LOGS);
    shown = ledger_metrics_new(&rig.metrics, &rig.host.ledgers);
    ledger_metrics_add(shown, &pipeline);
    for (int i = 0; i < BRANCHES; i++) {
        sink_init(&sinks[i]);
        sinks[i].hold = true;
        ledger_init(&exporters[i], "exporter", ids[i], SIGNAL_LOGS);
        ledger_metrics_add(shown, &exporters[i]);
        exporter_taps[i] = ledger_tap_new(&rig.loop.turn, &exporters[i], &sinks[i].in);
    }
    fanout = fanout_new(&rig.loop.turn, exporter_taps, BRANCHES);
    tap = ledger_tap_new(&rig.loop.turn, &pipeline, fanout);
}

static void setup(void)
{
    setup_at(1);
}

static void teardown(void)
{
    ledger_metrics_free(shown);
    ledger_tap_free(tap);
    fanout_free(fanout);
    for (int i = 0; i < BRANCHES; i++) {
        ledger_tap_free(exporter_taps[i]);
        sink_close(&sinks[i]);
        ledger_free(&exporters[i]);
    }
    ledger_free(&pipeline);
    rig_close(&rig);
}

/* The batch's arrival is free to carry the request's number here. */
static void send_numbered(struct request *r, uint64_t items, size_t number)
{
    struct batch *b = rig_logs(&rig, 0, items);

    b->arrival = number;
    r->settled = false;
    ack_init(&r->ack, &rig.loop.turn, NULL, items, true, on_settled);
    consumer_send(tap, b, &r->ack);
}

static void send_logs(struct request *r, uint64_t items)
{
    send_numbered(r, items, 0);
}

static const struct outcome safe = { .verdict = VERDICT_SAFE };
static const struct outcome retry = { .verdict = VERDICT_RETRY, .reason = "queue_full" };
static const struct outcome reject = { .verdict = VERDICT_REJECT, .reason = "bad", .grpc_status = 3 };

START_TEST(the_sender_hears_once_every_branch_has_answered)
{
    struct request r;

    send_logs(&r, 4);
    sink_settle(&sinks[2], 0, &safe);
    sink_settle(&sinks[0], 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert(!r.settled);
    ck_assert_uint_eq(pipeline.held, 4);
    ck_assert_uint_eq(exporters[2].delivered, 4);
    sink_settle(&sinks[1], 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert(r.settled);
    ck_assert_int_eq(r.outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(pipeline.delivered, 4);
}
END_TEST

START_TEST(a_branch_that_says_retry_outweighs_one_that_refuses_for_good)
{
    struct request r;

    send_logs(&r, 4);
    sink_settle(&sinks[0], 0, &reject);
    sink_settle(&sinks[1], 0, &retry);
    sink_settle(&sinks[2], 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(r.outcome.verdict, VERDICT_RETRY);
    ck_assert_str_eq(r.outcome.reason, "queue_full");
    ck_assert_uint_eq(pipeline.refused.v[0].items, 4);
    ck_assert_uint_eq(exporters[0].refused.v[0].items, 4);
    ck_assert_uint_eq(exporters[2].delivered, 4);
}
END_TEST

START_TEST(the_largest_rejected_of_the_branches_is_dropped_with_its_reason)
{
    struct request r;

    send_logs(&r, 10);
    sink_settle(&sinks[0], 0, &(struct outcome){ .rejected = 2, .reason = "type_conflict" });
    sink_settle(&sinks[1], 0, &(struct outcome){ .rejected = 6, .reason = "too_old" });
    sink_settle(&sinks[2], 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(r.outcome.rejected, 6);
    ck_assert_uint_eq(pipeline.delivered, 4);
    ck_assert_str_eq(pipeline.dropped.v[0].reason, "too_old");
    ck_assert_uint_eq(exporters[0].delivered, 8);
}
END_TEST

START_TEST(what_an_exporter_left_out_is_dropped_in_the_pipelines_ledger_too)
{
    struct request r;

    send_logs(&r, 10);
    ack_drop(sinks[1].held.v[0].ack, 3, "duplicate");
    for (int i = 0; i < BRANCHES; i++)
        sink_settle(&sinks[i], 0, &safe);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(r.outcome.rejected, 0);
    ck_assert_uint_eq(exporters[1].delivered, 7);
    ck_assert_uint_eq(pipeline.delivered, 7);
    ck_assert_str_eq(pipeline.dropped.v[0].reason, "duplicate");
    ck_assert_uint_eq(pipeline.dropped.v[0].items, 3);
    ck_assert_uint_eq(exporters[0].delivered, 10);
}
END_TEST

START_TEST(metrics_show_the_ledgers_columns)
{
    struct request r;

    ck_assert_double_eq(rig_metric(&rig, "otelcd_pipeline_received_items", "pipeline", "logs/1", NULL), 0);
    ck_assert_double_eq(rig_metric(&rig, "otelcd_exporter_held_items", "exporter", "b", "signal", "logs", NULL), 0);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_exporter_sent_log_records", "exporter", "b", NULL), -1);
    send_logs(&r, 7);
    ck_assert_double_eq(rig_metric(&rig, "otelcd_pipeline_held_items", "pipeline", "logs/1", NULL), 7);
    sink_settle(&sinks[0], 0, &safe);
    sink_settle(&sinks[1], 0, &retry);
    sink_settle(&sinks[2], 0, &(struct outcome){ .rejected = 2, .reason = "type_conflict" });
    turn_run(&rig.loop.turn);
    ck_assert_double_eq(rig_metric(&rig, "otelcd_pipeline_held_items", "pipeline", "logs/1", NULL), 0);
    ck_assert_double_eq(
        rig_metric(&rig, "otelcd_pipeline_refused_items", "pipeline", "logs/1", "reason", "queue_full", NULL), 7);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_exporter_sent_log_records", "exporter", "c", NULL), 5);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_exporter_send_failed_log_records", "exporter", "c", NULL), 2);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_exporter_send_failed_log_records", "exporter", "b", NULL), 7);
    ck_assert_double_eq(rig_metric(&rig, "otelcd_exporter_dropped_items", "exporter", "c", "signal", "logs", "reason",
                                   "type_conflict", NULL),
                        2);
}
END_TEST

START_TEST(what_is_on_its_way_when_all_is_freed_is_forgotten)
{
    static struct request r[3]; /* acks of the sender outlive the test's end */

    send_logs(&r[0], 1);
    send_logs(&r[1], 2);
    send_logs(&r[2], 3);
    sink_settle(&sinks[1], 1, &safe);
    ck_assert_uint_eq(pipeline.held, 6);
}
END_TEST

/* What the sender and the ledgers must say of one request, worked out apart. */
static struct outcome expected(const struct outcome *o)
{
    struct outcome worst = o[0];

    for (int i = 1; i < BRANCHES; i++)
        if (o[i].verdict > worst.verdict ||
            (o[i].verdict == worst.verdict && worst.verdict == VERDICT_SAFE && o[i].rejected > worst.rejected))
            worst = o[i];
    return worst;
}

static void check_sums(void)
{
    ck_assert(ledger_sums(&pipeline));
    for (int i = 0; i < BRANCHES; i++)
        ck_assert(ledger_sums(&exporters[i]));
}

#define REQUESTS 40

/* Many requests at once, answered in any order with any outcome, turns at any time. */
START_TEST(any_order_of_answers_is_booked_exactly)
{
    struct request requests[REQUESTS];
    struct outcome answers[REQUESTS][BRANCHES];
    uint64_t items[REQUESTS], delivered = 0, refused = 0, dropped = 0;
    size_t sent = 0;

    teardown();
    setup_at((uint64_t)_i + 2);
    for (size_t open = 0; sent < REQUESTS || open > 0;) {
        uint64_t what = rig_random(&rig, 6);
        size_t at = rig_random(&rig, BRANCHES);

        if (what == 0 && sent < REQUESTS) {
            items[sent] = 1 + rig_random(&rig, 9);
            send_numbered(&requests[sent], items[sent], sent);
            sent++;
            open += BRANCHES;
        } else if (what == 1) {
            turn_run(&rig.loop.turn);
        } else if (sinks[at].held.n > 0) {
            size_t k = rig_random(&rig, sinks[at].held.n);
            struct outcome o = { .verdict = (enum verdict)(rig_random(&rig, 7) / 3), .reason = "because" };
            size_t who = (size_t)sinks[at].held.v[k].batch->arrival; /* what send_logs wrote there */

            if (o.verdict == VERDICT_SAFE)
                o.rejected = rig_random(&rig, sinks[at].held.v[k].batch->items + 1);
            answers[who][at] = o;
            sink_settle(&sinks[at], k, &o);
            open--;
        }
        check_sums();
    }
    turn_run(&rig.loop.turn);
    for (size_t q = 0; q < REQUESTS; q++) {
        struct outcome o = expected(answers[q]);

        ck_assert(requests[q].settled);
        ck_assert_int_eq(requests[q].outcome.verdict, o.verdict);
        if (o.verdict == VERDICT_SAFE) {
            ck_assert_uint_eq(requests[q].outcome.rejected, o.rejected);
            delivered += items[q] - o.rejected;
            dropped += o.rejected;
        } else {
            refused += items[q];
        }
    }
    ck_assert_uint_eq(pipeline.held, 0);
    ck_assert_uint_eq(pipeline.delivered, delivered);
    ck_assert_uint_eq(ledger_reasons_total(&pipeline.refused), refused);
    ck_assert_uint_eq(ledger_reasons_total(&pipeline.dropped), dropped);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fanout");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_sender_hears_once_every_branch_has_answered);
    tcase_add_test(tc, a_branch_that_says_retry_outweighs_one_that_refuses_for_good);
    tcase_add_test(tc, the_largest_rejected_of_the_branches_is_dropped_with_its_reason);
    tcase_add_test(tc, what_an_exporter_left_out_is_dropped_in_the_pipelines_ledger_too);
    tcase_add_test(tc, metrics_show_the_ledgers_columns);
    tcase_add_test(tc, what_is_on_its_way_when_all_is_freed_is_forgotten);
    tcase_add_loop_test(tc, any_order_of_answers_is_booked_exactly, 0, 100);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
