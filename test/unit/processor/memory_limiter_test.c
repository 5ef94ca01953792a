/* SPDX-License-Identifier: Apache-2.0 */
#include "processor/memory_limiter.h"

#include "pipeline/ledger/ledger_tap.h"
#include "support/rig/rig.h"
#include "support/sink.h"

#include <check.h>

extern const struct component memory_limiter_processor;

#define MIB (1024ull * 1024)
#define LIMIT 4096 /* MiB: far above what this program itself takes */

static struct rig rig;
static struct ledger ledger;
static struct sink sink;
static struct memory_limiter_config config;
static struct node *nodes[2];
static struct consumer *tap;
static void *shared;
static struct ack ack;
static struct outcome answer;

/* Both nodes have one id. */
void **node_shared(struct node *node)
{
    (void)node;
    return &shared;
}

static void on_settled(struct ack *a, const struct outcome *o)
{
    (void)a;
    answer = *o;
}

static void setup(void)
{
    rig_init(&rig, 1);
    ledger_init(&ledger, "pipeline", "logs", SIGNAL_LOGS);
    sink_init(&sink);
    config = (struct memory_limiter_config){
        .check_interval = { (int64_t)NS_PER_S },
        .limit_mib = LIMIT,
        .spike_limit_mib = 1024,
        .min_gc_interval_when_soft_limited = { (int64_t)(10 * NS_PER_S) },
    };
    shared = NULL;
    for (int i = 0; i < 2; i++)
        nodes[i] = rig_node(&rig, &memory_limiter_processor, &config, SIGNAL_LOGS, &ledger, &sink.in);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &nodes[0]->in);
}

static void teardown(void)
{
    rig_destroy(nodes[1]);
    rig_destroy(nodes[0]);
    ck_assert(shared == NULL);
    ck_assert_uint_eq(clock_next(&rig.loop.clock), UINT64_MAX);
    ck_assert(ledger_sums(&ledger));
    ledger_tap_free(tap);
    ledger_free(&ledger);
    sink_close(&sink);
    rig_close(&rig);
}

static const struct outcome *send_logs(uint64_t items)
{
    ack_init(&ack, &rig.loop.turn, NULL, items, true, on_settled);
    consumer_send(tap, rig_logs(&rig, 0, items), &ack);
    turn_run(&rig.loop.turn);
    return &answer;
}

START_TEST(above_the_soft_limit_it_says_retry_until_there_is_room)
{
    const struct outcome *o;

    ck_assert_int_eq(send_logs(3)->verdict, VERDICT_SAFE);
    ck_assert_int_eq(send_logs(3)->verdict, VERDICT_SAFE);
    budget_charge(&rig.budget, 3072 * MIB);
    o = send_logs(5);
    ck_assert_int_eq(o->verdict, VERDICT_RETRY);
    ck_assert_str_eq(o->reason, "memory_limit");
    ck_assert_str_eq(o->why, "data refused due to high memory usage");
    ck_assert_uint_eq(o->retry_after_ms, 1000);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_RETRY);
    budget_give(&rig.budget, 3072 * MIB);
    ck_assert_int_eq(send_logs(2)->verdict, VERDICT_SAFE);
    ck_assert_uint_eq(ledger.refused.v[0].items, 6);
    ck_assert_uint_eq(ledger.delivered, 8);
    ck_assert_double_eq(
        rig_metric(&rig, "otelcol_processor_memory_limiter_accepted_log_records", "processor", "memory_limiter", NULL),
        8);
    ck_assert_double_eq(
        rig_metric(&rig, "otelcol_processor_memory_limiter_refused_log_records", "processor", "memory_limiter", NULL),
        6);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_incoming_items", "otel_signal", "logs", "processor",
                                   "memory_limiter", NULL),
                        14);
    ck_assert_double_eq(rig_metric(&rig, "otelcol_processor_outgoing_items", "otel_signal", "logs", "processor",
                                   "memory_limiter", NULL),
                        8);
}
END_TEST

START_TEST(what_was_answered_for_passes_above_both_limits_for_to_refuse_it_frees_nothing)
{
    budget_charge(&rig.budget, 2 * LIMIT * MIB);
    ck_assert_int_eq(send_logs(3)->verdict, VERDICT_RETRY);
    ledger_receive(&ledger, 4);
    ack_init(&ack, &rig.loop.turn, &ledger, 4, false, on_settled);
    consumer_send(&nodes[0]->in, rig_logs(&rig, 0, 4), &ack);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(answer.verdict, VERDICT_SAFE);
    ck_assert_int_eq(send_logs(3)->verdict, VERDICT_RETRY);
    ck_assert_uint_eq(ledger.delivered, 4);
    budget_give(&rig.budget, 2 * LIMIT * MIB);
}
END_TEST

START_TEST(just_below_the_soft_limit_it_takes_all)
{
    budget_charge(&rig.budget, 3071 * MIB);
    clock_advance(&rig.loop.clock, 3 * NS_PER_S);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_SAFE);
    budget_give(&rig.budget, 3071 * MIB);
}
END_TEST

START_TEST(a_long_time_above_the_limit_changes_nothing)
{
    budget_charge(&rig.budget, 2 * LIMIT * MIB);
    clock_advance(&rig.loop.clock, 1000 * NS_PER_S);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_RETRY);
    budget_give(&rig.budget, 2 * LIMIT * MIB);
    clock_advance(&rig.loop.clock, NS_PER_S);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_SAFE);
}
END_TEST

START_TEST(no_time_passes_between_growing_past_a_limit_and_refusing)
{
    uint64_t before = rig.budget.used;

    while (send_logs(1)->verdict == VERDICT_SAFE)
        budget_charge(&rig.budget, MIB);
    ck_assert_uint_ge(rig.budget.used, 3072 * MIB);
    ck_assert_uint_le(rig.budget.used, (3072 + 3072 / 64 + 1) * MIB);
    budget_give(&rig.budget, rig.budget.used - before);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_SAFE);
}
END_TEST

START_TEST(the_budget_is_lowered_to_what_fits_below_the_hard_limit)
{
    ck_assert_uint_lt(rig.budget.limit, LIMIT * MIB);
    ck_assert_uint_gt(rig.budget.limit, LIMIT * MIB / 4 * 3);
}
END_TEST

START_TEST(a_signal_within_its_reserve_passes_the_soft_limit_and_not_the_hard_one)
{
    struct budget shares[SIGNAL_COUNT];

    budget_divide(&rig.budget, shares, SIGNAL_COUNT);
    rig.host.shares = shares;
    budget_keep(&shares[SIGNAL_LOGS], true);
    budget_keep(&shares[SIGNAL_METRICS], true);
    budget_charge(&shares[SIGNAL_METRICS], 3200 * MIB); /* whose exporter hangs */
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_SAFE);
    budget_charge(&shares[SIGNAL_LOGS], shares[SIGNAL_LOGS].reserve);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_RETRY);
    budget_give(&shares[SIGNAL_LOGS], shares[SIGNAL_LOGS].reserve);
    budget_charge(&shares[SIGNAL_METRICS], 1000 * MIB);
    ck_assert_int_eq(send_logs(1)->verdict, VERDICT_RETRY);
    budget_give(&shares[SIGNAL_METRICS], 4200 * MIB);
    rig.host.shares = NULL;
    rig.budget.n_shares = 0;
}
END_TEST

START_TEST(limits_are_worked_out_as_the_options_say)
{
    struct memory_limits l;

    l = memory_limits_of(&(struct memory_limiter_config){ .limit_mib = 100 }, 0);
    ck_assert_uint_eq(l.hard, 100 * MIB);
    ck_assert_uint_eq(l.soft, 80 * MIB);
    l = memory_limits_of(&(struct memory_limiter_config){ .limit_percentage = 50, .spike_limit_percentage = 20 }, 1000);
    ck_assert_uint_eq(l.hard, 500);
    ck_assert_uint_eq(l.soft, 300);
    l = memory_limits_of(
        &(struct memory_limiter_config){ .limit_mib = 10, .spike_limit_mib = 1, .limit_percentage = 50 }, 1000);
    ck_assert_uint_eq(l.soft, 9 * MIB);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory_limiter");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, above_the_soft_limit_it_says_retry_until_there_is_room);
    tcase_add_test(tc, what_was_answered_for_passes_above_both_limits_for_to_refuse_it_frees_nothing);
    tcase_add_test(tc, just_below_the_soft_limit_it_takes_all);
    tcase_add_test(tc, a_long_time_above_the_limit_changes_nothing);
    tcase_add_test(tc, no_time_passes_between_growing_past_a_limit_and_refusing);
    tcase_add_test(tc, the_budget_is_lowered_to_what_fits_below_the_hard_limit);
    tcase_add_test(tc, a_signal_within_its_reserve_passes_the_soft_limit_and_not_the_hard_one);
    tcase_add_test(tc, limits_are_worked_out_as_the_options_say);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
