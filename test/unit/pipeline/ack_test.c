/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/ack.h"

#include "base/mem.h"
#include "pipeline/ledger.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

static struct turn turn;
static struct ledger ledger;
static int calls;
static struct outcome last;

static void on_settled(struct ack *ack, const struct outcome *o)
{
    (void)ack;
    calls++;
    last = *o;
}

static void setup(void)
{
    turn_init(&turn);
    ledger_init(&ledger, "pipeline", "logs", SIGNAL_LOGS);
    calls = 0;
}

static void teardown(void)
{
    ck_assert(ledger_sums(&ledger));
    ledger_free(&ledger);
}

static void begin(struct ack *a, uint64_t items, bool refusable)
{
    ledger_receive(&ledger, items);
    ack_init(a, &turn, &ledger, items, refusable, on_settled);
}

START_TEST(the_callback_waits_for_the_turn)
{
    struct ack a;

    begin(&a, 3, true);
    ack_safe(&a);
    ck_assert_int_eq(calls, 0);
    ck_assert_uint_eq(ledger.delivered, 3);
    turn_run(&turn);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(last.verdict, VERDICT_SAFE);
}
END_TEST

START_TEST(it_settles_once_all_have_answered_with_the_heaviest_verdict)
{
    static const enum verdict orders[][3] = {
        { VERDICT_SAFE, VERDICT_REJECT, VERDICT_RETRY }, { VERDICT_SAFE, VERDICT_RETRY, VERDICT_REJECT },
        { VERDICT_RETRY, VERDICT_SAFE, VERDICT_REJECT }, { VERDICT_REJECT, VERDICT_RETRY, VERDICT_SAFE },
        { VERDICT_REJECT, VERDICT_SAFE, VERDICT_RETRY }, { VERDICT_RETRY, VERDICT_REJECT, VERDICT_SAFE },
    };
    struct ack a;

    begin(&a, 5, true);
    ack_owe(&a);
    ack_owe(&a);
    for (size_t i = 0; i < 3; i++) {
        struct outcome o = { .verdict = orders[_i][i], .reason = orders[_i][i] == VERDICT_RETRY ? "late" : "bad" };

        turn_run(&turn);
        ck_assert_int_eq(calls, 0);
        ck_assert_uint_eq(ledger.held, 5);
        ack_settle(&a, &o);
    }
    turn_run(&turn);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(last.verdict, VERDICT_RETRY);
    ck_assert_str_eq(last.reason, "late");
    ck_assert_uint_eq(ledger.refused.v[0].items, 5);
}
END_TEST

START_TEST(what_a_sender_was_told_is_safe_is_dropped_when_it_fails_later)
{
    struct ack a;

    begin(&a, 5, false);
    ack_fail(&a, VERDICT_REJECT, "bad", "the %s said no", "peer");
    turn_run(&turn);
    ck_assert_str_eq(last.why, "the peer said no");
    ck_assert_uint_eq(ledger.dropped.v[0].items, 5);
    ck_assert_uint_eq(ledger.refused.n, 0);
}
END_TEST

START_TEST(rejected_items_are_dropped_and_the_rest_is_delivered)
{
    struct ack a;

    begin(&a, 10, true);
    ack_drop(&a, 2, "filtered");
    ack_owe(&a);
    ack_settle(&a, &(struct outcome){ .rejected = 3, .reason = "type_conflict" });
    ack_settle(&a, &(struct outcome){ .rejected = 1, .reason = "other" });
    turn_run(&turn);
    ck_assert_uint_eq(last.rejected, 3);
    ck_assert_uint_eq(ledger.delivered, 5);
    ck_assert_uint_eq(ledger.dropped.n, 2);
    ck_assert_str_eq(ledger.dropped.v[1].reason, "type_conflict");
    ck_assert_uint_eq(ledger.dropped.v[1].items, 3);
}
END_TEST

/* The owner sends it again itself. */
START_TEST(what_is_kept_stays_open_when_it_is_refused_for_now)
{
    static const enum verdict verdicts[] = { VERDICT_SAFE, VERDICT_REJECT, VERDICT_RETRY };
    struct ack a;

    begin(&a, 5, false);
    a.keeps = true;
    ack_settle(&a, &(struct outcome){ .verdict = verdicts[_i], .reason = "why" });
    turn_run(&turn);
    ck_assert_int_eq(last.verdict, verdicts[_i]);
    ck_assert(!last.partly);
    ck_assert_uint_eq(a.open, verdicts[_i] == VERDICT_RETRY ? 5 : 0);
    ck_assert_uint_eq(ledger.held, a.open);
    ack_give_up(&a);
    ck_assert_uint_eq(ledger.held, 0);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), verdicts[_i] == VERDICT_SAFE ? 0 : 5);
}
END_TEST

START_TEST(a_refusal_for_now_says_that_a_part_is_elsewhere_already)
{
    const struct outcome refusal = { .verdict = VERDICT_RETRY, .reason = "full" };
    struct outcome above = { .verdict = VERDICT_SAFE };
    struct ack a;

    begin(&a, 5, true);
    ack_owe(&a);
    if (_i == 2)
        ack_drop(&a, 1, "filtered");
    if (_i == 0)
        ack_safe(&a);
    ack_settle(&a, &refusal);
    if (_i > 0)
        ack_settle(&a, _i == 1 ? &(struct outcome){ .verdict = VERDICT_SAFE } : &refusal);
    turn_run(&turn);
    ck_assert_int_eq(last.verdict, VERDICT_RETRY);
    ck_assert(last.partly == (_i < 3));
    outcome_join(&above, &last);
    ck_assert(above.partly == (_i < 3));
}
END_TEST

static uint64_t dropped_for(const char *reason)
{
    for (size_t i = 0; i < ledger.dropped.n; i++)
        if (strcmp(ledger.dropped.v[i].reason, reason) == 0)
            return ledger.dropped.v[i].items;
    return 0;
}

START_TEST(each_reason_for_a_rejection_is_booked_and_told)
{
    struct outcome o = { .verdict = VERDICT_SAFE };
    struct ack a;

    begin(&a, 10, true);
    outcome_reject(&o, 2, "bad_label", "%s: no label", "m");
    outcome_reject(&o, 3, "bad_name", "no name");
    outcome_reject(&o, 1, "bad_label", "n: no label");
    outcome_reject(&o, 0, "too_old", "nothing of that kind");
    ack_drop(&a, 1, "duplicate");
    ack_settle(&a, &o);
    turn_run(&turn);
    ck_assert_uint_eq(last.rejected, 6);
    ck_assert_str_eq(last.reason, "bad_label");
    ck_assert_str_eq(last.why, "m: no label; no name");
    ck_assert_uint_eq(losses_total(&last.lost), 7);
    ck_assert_uint_eq(ledger.delivered, 3);
    ck_assert_uint_eq(dropped_for("bad_label"), 3);
    ck_assert_uint_eq(dropped_for("bad_name"), 3);
    ck_assert_uint_eq(dropped_for("duplicate"), 1);
    ck_assert_uint_eq(dropped_for("too_old"), 0);
}
END_TEST

START_TEST(more_reasons_than_there_is_room_for_sum_up_in_the_last)
{
    static const char *const reasons[LOSSES_MAX + 2] = { "a", "b", "c", "d", "e", "f", "g",
                                                         "h", "i", "j", "k", "l", "m", "n" };
    struct outcome o = { .verdict = VERDICT_SAFE };
    struct ack a;

    begin(&a, 20, true);
    for (size_t i = 0; i < LOSSES_MAX + 2; i++)
        outcome_reject(&o, 1, reasons[i], "a message of forty characters, more or less: %s", reasons[i]);
    ack_settle(&a, &o);
    turn_run(&turn);
    ck_assert_uint_eq(last.rejected, 14);
    ck_assert_uint_eq(strlen(last.why), sizeof(last.why) - 1);
    ck_assert_uint_eq(dropped_for("k"), 1);
    ck_assert_uint_eq(dropped_for("l"), 3);
    ck_assert_uint_eq(ledger.delivered, 6);
}
END_TEST

START_TEST(parts_of_a_send_share_what_it_lost)
{
    struct outcome sent = { .verdict = VERDICT_SAFE }, parts[3] = { 0 };

    outcome_reject(&sent, 4, "bad", "no");
    losses_add(&sent.lost, 3, "left_out");
    for (size_t i = 0; i < 3; i++)
        outcome_add_part(&parts[i], &sent, 3);
    ck_assert_uint_eq(parts[0].rejected, 3);
    ck_assert_uint_eq(parts[1].rejected, 1);
    ck_assert_uint_eq(parts[2].rejected, 0);
    ck_assert_str_eq(parts[0].why, "no");
    ck_assert_str_eq(parts[2].why, "");
    ck_assert_uint_eq(losses_total(&parts[0].lost), 3);
    ck_assert_uint_eq(losses_total(&parts[1].lost), 3);
    ck_assert_uint_eq(losses_total(&parts[2].lost), 1);
    ck_assert_str_eq(parts[2].lost.v[0].reason, "left_out");
}
END_TEST

START_TEST(of_two_retries_the_longer_wait_stands)
{
    struct ack a;

    begin(&a, 1, true);
    ack_owe(&a);
    ack_settle(&a, &(struct outcome){ .verdict = VERDICT_RETRY, .reason = "a", .retry_after_ms = 10 });
    ack_settle(&a, &(struct outcome){ .verdict = VERDICT_RETRY, .reason = "b", .retry_after_ms = 20 });
    turn_run(&turn);
    ck_assert_str_eq(last.reason, "a");
    ck_assert_uint_eq(last.retry_after_ms, 20);
}
END_TEST

START_TEST(moved_items_are_booked_where_they_went)
{
    struct ack a, b;

    begin(&a, 10, true);
    ack_init(&b, &turn, &ledger, 0, false, on_settled);
    ack_move(&a, &b, 10);
    ack_safe(&a);
    ck_assert_uint_eq(ledger.delivered, 0);
    ck_assert_uint_eq(ledger.held, 10);
    ack_fail(&b, VERDICT_RETRY, "gone", "no answer");
    ck_assert_uint_eq(ledger.dropped.v[0].items, 10);
    turn_run(&turn);
    ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(a_cancelled_ack_calls_nobody)
{
    struct ack a;

    begin(&a, 1, true);
    ack_safe(&a);
    ack_cancel(&a);
    turn_run(&turn);
    ck_assert_int_eq(calls, 0);
}
END_TEST

/* Any order of drops, moves and answers over a handful of acks: the ledger sums at each step, and nothing is held
 * in the end. */
START_TEST(the_ledger_sums_whatever_happens)
{
    struct rig r = { .random = (uint64_t)_i * 7919 + 1 };
    struct ack acks[4];
    uint32_t owed[4];

    for (size_t i = 0; i < 4; i++) {
        begin(&acks[i], rig_random(&r, 100), rig_random(&r, 2) == 0);
        owed[i] = 1;
    }
    for (int step = 0; step < 200; step++) {
        size_t i = rig_random(&r, 4), k = rig_random(&r, 4);

        if (owed[i] == 0)
            continue;
        switch (rig_random(&r, 8)) {
        case 0:
            if (owed[i] < 3) {
                ack_owe(&acks[i]);
                owed[i]++;
            }
            break;
        case 1:
        case 2:
        case 3:
            ack_drop(&acks[i], rig_random(&r, acks[i].open / 2 + 1), rig_random(&r, 2) ? "filtered" : "sampled");
            break;
        case 4:
        case 5:
        case 6:
            if (owed[k] > 0)
                ack_move(&acks[i], &acks[k], rig_random(&r, acks[i].open + 1));
            break;
        default:
            owed[i]--;
            ack_settle(&acks[i], &(struct outcome){ .verdict = (enum verdict)rig_random(&r, 3),
                                                    .rejected = rig_random(&r, 5),
                                                    .reason = rig_random(&r, 2) ? "x" : NULL });
        }
        ck_assert(ledger_sums(&ledger));
    }
    for (size_t i = 0; i < 4; i++)
        while (owed[i]-- > 0)
            ack_safe(&acks[i]);
    turn_run(&turn);
    ck_assert_int_eq(calls, 4);
    ck_assert_uint_eq(ledger.held, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ack");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_callback_waits_for_the_turn);
    tcase_add_loop_test(tc, it_settles_once_all_have_answered_with_the_heaviest_verdict, 0, 6);
    tcase_add_loop_test(tc, what_is_kept_stays_open_when_it_is_refused_for_now, 0, 3);
    tcase_add_loop_test(tc, a_refusal_for_now_says_that_a_part_is_elsewhere_already, 0, 4);
    tcase_add_test(tc, what_a_sender_was_told_is_safe_is_dropped_when_it_fails_later);
    tcase_add_test(tc, rejected_items_are_dropped_and_the_rest_is_delivered);
    tcase_add_test(tc, each_reason_for_a_rejection_is_booked_and_told);
    tcase_add_test(tc, more_reasons_than_there_is_room_for_sum_up_in_the_last);
    tcase_add_test(tc, parts_of_a_send_share_what_it_lost);
    tcase_add_test(tc, of_two_retries_the_longer_wait_stands);
    tcase_add_test(tc, moved_items_are_booked_where_they_went);
    tcase_add_test(tc, a_cancelled_ack_calls_nobody);
    tcase_add_loop_test(tc, the_ledger_sums_whatever_happens, 0, 200);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
