/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/prometheus.c" // NOLINT(bugprone-suspicious-include)

#include "support/rig/series_rig.h"

#include <check.h>

static struct rig r;
static struct prometheus_config config;
static struct node *node;
static struct ledger ledger;
static struct ack ack;
static struct outcome outcome;
static bool settled;

static void on_settled(struct ack *a, const struct outcome *o)
{
    (void)a;
    outcome = *o;
    settled = true;
}

/* create() alone: there is no scrape endpoint to start with. */
static void setup(void)
{
    struct error err;

    rig_init(&r, 1);
    config = (struct prometheus_config){ .translation = { .namespace = "", .add_metric_suffixes = true },
                                         .metric_expiration = { (int64_t)(300 * NS_PER_S) } };
    ledger_init(&ledger, "exporter", "prometheus", SIGNAL_METRICS);
    node = mem_zalloc(prometheus_exporter.node_size);
    node->component = &prometheus_exporter;
    node->id = "prometheus";
    node->host = &r.host;
    node->log = (struct logger){ .sink = &r.log };
    ck_assert_int_eq(create(node, &config, &err), 0);
}

static void teardown(void)
{
    destroy(node);
    free(node);
    turn_run(&r.loop.turn);
    ledger_free(&ledger);
    rig_close(&r);
}

static void deliver(struct batch *batch)
{
    settled = false;
    ack_init(&ack, &r.loop.turn, &ledger, batch->items, true, on_settled);
    ledger_receive(&ledger, batch->items);
    consumer_send(&node->in, batch, &ack);
    turn_run(&r.loop.turn);
}

#define REQUEST(metrics) "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[" metrics "]}]}]}"

START_TEST(a_batch_is_safe_when_it_is_merged)
{
    deliver(series_rig_batch(REQUEST("{'name':'g','gauge':{'dataPoints':[{'asInt':'1'}]}}")));
    ck_assert(settled);
    ck_assert_int_eq(outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(outcome.rejected, 0);
    ck_assert_uint_eq(ledger.delivered, 1);
    ck_assert(rig_metric(&r, "otelcd_prometheus_series", "exporter", "prometheus", NULL) == 1);
}
END_TEST

START_TEST(what_cannot_be_shown_is_told_to_the_sender_and_counted_by_reason)
{
    deliver(series_rig_batch(
        REQUEST("{'name':'d','sum':{'aggregationTemporality':1,'dataPoints':[{'asInt':'1'},{'asInt':'2'}]}},"
                "{'name':'g','gauge':{'dataPoints':[{'asInt':'1'}]}},"
                "{'name':'___','gauge':{'dataPoints':[{'asInt':'1'}]}}")));
    ck_assert(settled);
    ck_assert_int_eq(outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(outcome.rejected, 3);
    ck_assert_str_eq(outcome.reason, "temporality");
    ck_assert(strstr(outcome.why, "d: ") == outcome.why);
    ck_assert_ptr_nonnull(strstr(outcome.why, "(temporality); ___: "));
    ck_assert_uint_eq(ledger.dropped.n, 2);
    ck_assert(ledger_sums(&ledger));
    ck_assert_uint_eq(ledger.delivered, 1);
    ck_assert(rig_metric(&r, "otelcd_prometheus_points_rejected", "exporter", "prometheus", "reason", "temporality",
                         NULL) == 2);
    ck_assert(
        rig_metric(&r, "otelcd_prometheus_points_rejected", "exporter", "prometheus", "reason", "bad_name", NULL) == 1);
}
END_TEST

static struct batch *many(unsigned n)
{
    struct buf json = { 0 };
    struct batch *batch;

    buf_puts(&json, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'g','gauge':{'dataPoints':[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s{'asInt':'1','attributes':[{'key':'a','value':{'intValue':'%u'}}]}", i > 0 ? "," : "", i);
    buf_puts(&json, "]}}]}]}]}");
    batch = series_rig_batch(buf_cstr(&json));
    buf_free(&json);
    return batch;
}

START_TEST(many_new_series_are_taken_in_slices_and_in_order)
{
    static struct ack later;

    deliver(many(5000));
    ck_assert(!settled);
    ck_assert_uint_eq(ledger.held, 5000);
    ack_init(&later, &r.loop.turn, &ledger, 1, true, on_settled);
    ledger_receive(&ledger, 1);
    consumer_send(&node->in, many(1), &later);
    for (int i = 0; i < 20; i++)
        clock_advance(&r.loop.clock, NS_PER_MS);
    turn_run(&r.loop.turn);
    ck_assert(settled);
    ck_assert_uint_eq(ledger.held, 0);
    ck_assert_uint_eq(ledger.delivered, 5001);
    ck_assert(rig_metric(&r, "otelcd_prometheus_series", "exporter", "prometheus", NULL) == 5000);
}
END_TEST

START_TEST(the_loop_turns_many_times_while_100000_points_become_series)
{
    int turns = 0;

    deliver(many(100000));
    for (; !settled; turns++) {
        ck_assert_int_lt(turns, 1000);
        clock_advance(&r.loop.clock, 1);
        turn_run(&r.loop.turn);
    }
    ck_assert_int_gt(turns, 100);
    ck_assert_uint_eq(ledger.delivered, 100000);
    ck_assert(rig_metric(&r, "otelcd_prometheus_series", "exporter", "prometheus", NULL) == 100000);
}
END_TEST

START_TEST(stop_takes_what_still_waits)
{
    bool stopped = false;

    deliver(many(5000));
    ck_assert(!settled);
    rig_stop(node, 0, &stopped);
    turn_run(&r.loop.turn);
    ck_assert(stopped && settled);
    ck_assert_uint_eq(ledger.delivered, 5000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prometheus");
    TCase *t = tcase_create("prometheus");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_batch_is_safe_when_it_is_merged);
    tcase_add_test(t, what_cannot_be_shown_is_told_to_the_sender_and_counted_by_reason);
    tcase_add_test(t, many_new_series_are_taken_in_slices_and_in_order);
    tcase_add_test(t, the_loop_turns_many_times_while_100000_points_become_series);
    tcase_add_test(t, stop_takes_what_still_waits);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
