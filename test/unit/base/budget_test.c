/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"
#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

#define LIMIT 1600ul /* a reserve is 100 */

static struct turn turn;
static struct budget whole, shares[3];
static struct budget_waiter waiters[3];
static int calls[3];

static void on_room(struct budget_waiter *w)
{
    calls[w - waiters]++;
}

static void setup(void)
{
    turn_init(&turn);
    budget_init(&whole, LIMIT, &turn);
    budget_divide(&whole, shares, 3);
    budget_keep(&shares[0], true);
    budget_keep(&shares[1], true);
    memset(calls, 0, sizeof(calls));
    memset(waiters, 0, sizeof(waiters));
}

START_TEST(a_share_finds_its_reserve_whatever_the_others_have_taken)
{
    ck_assert_uint_eq(budget_room(&whole), LIMIT - 200);
    ck_assert(budget_take(&whole, LIMIT - 200)); /* series, say */
    ck_assert(!budget_take(&whole, 1));
    ck_assert(!budget_take(&shares[2], 1)); /* has no reserve */
    ck_assert(budget_take(&shares[0], 100));
    ck_assert(!budget_take(&shares[0], 1));
    ck_assert_uint_eq(budget_room(&shares[1]), 100);
    ck_assert(budget_take(&shares[1], 100));
    ck_assert_uint_eq(whole.used, LIMIT);
    ck_assert_uint_eq(whole.kept, 0);
    budget_give(&shares[0], 60);
    ck_assert_uint_eq(whole.kept, 60);
    ck_assert(!budget_take(&shares[1], 1)); /* what one gives back of its reserve is not the other's */
    ck_assert(budget_take(&shares[0], 60));
    ck_assert_uint_eq(whole.refusals, 4);
}
END_TEST

START_TEST(the_most_that_one_may_ever_have_is_known)
{
    ck_assert(budget_take(&shares[0], 50));
    ck_assert_uint_eq(budget_most(&whole), LIMIT - 200);
    ck_assert_uint_eq(budget_most(&shares[0]), LIMIT - 100);
    ck_assert_uint_eq(budget_most(&shares[2]), LIMIT - 200);
    budget_give(&shares[0], 50);
    ck_assert_uint_eq(budget_room(&shares[0]), budget_most(&shares[0]));
    ck_assert_uint_eq(budget_room(&shares[2]), budget_most(&shares[2]));
}
END_TEST

START_TEST(one_share_may_take_all_but_what_is_kept_for_the_others)
{
    ck_assert(budget_take(&shares[0], LIMIT - 100));
    ck_assert(!budget_take(&shares[0], 1));
    ck_assert_uint_eq(budget_room(&shares[1]), 100);
    ck_assert_uint_eq(budget_room(&whole), 0);
}
END_TEST

START_TEST(a_charge_by_force_takes_nobodys_reserve_while_there_is_memory)
{
    budget_charge(&whole, LIMIT - 150);
    ck_assert_uint_eq(budget_room(&shares[0]), 100);
    budget_charge(&whole, 100);
    ck_assert_uint_eq(budget_room(&shares[0]), 50);
    budget_charge(&whole, 1000);
    ck_assert_uint_eq(budget_room(&shares[0]), 0);
    ck_assert_uint_eq(budget_room(&shares[2]), 0);
}
END_TEST

START_TEST(a_new_limit_moves_the_reserves)
{
    budget_charge(&shares[0], 30);
    budget_set_limit(&whole, 2 * LIMIT);
    ck_assert_uint_eq(shares[0].reserve, 200);
    ck_assert_uint_eq(shares[2].reserve, 0);
    ck_assert_uint_eq(whole.kept, 170 + 200);
    budget_keep(&shares[0], false);
    ck_assert_uint_eq(whole.kept, 200);
    budget_give(&shares[0], 30);
    ck_assert_uint_eq(whole.kept, 200);
}
END_TEST

START_TEST(without_a_limit_there_is_always_room)
{
    budget_set_limit(&whole, UINT64_MAX);
    ck_assert(budget_take(&shares[0], 1ull << 60));
    ck_assert(budget_take(&whole, 1ull << 60));
    ck_assert_uint_gt(budget_room(&shares[2]), 1ull << 60);
}
END_TEST

START_TEST(who_waits_is_called_when_there_is_room_for_what_he_needs)
{
    budget_charge(&whole, LIMIT - 200);
    waiters[0].need = 500;
    for (int i = 0; i < 3; i++)
        budget_wait(&whole, &waiters[i], on_room);
    turn_run(&turn);
    budget_give(&whole, 250);
    turn_run(&turn);
    ck_assert_int_eq(calls[0], 0); /* keeps its place, and stops nobody */
    ck_assert_int_eq(calls[1] + calls[2], 2);
    budget_give(&whole, 300);
    turn_run(&turn);
    ck_assert_int_eq(calls[0], 1);
}
END_TEST

static void on_room_asks_again(struct budget_waiter *w)
{
    on_room(w);
    budget_wait(&whole, w, on_room_asks_again);
}

START_TEST(a_higher_limit_and_a_reserve_that_ends_call_who_waits)
{
    budget_charge(&whole, LIMIT - 200);
    budget_wait(&shares[2], &waiters[0], on_room);
    turn_run(&turn);
    ck_assert_int_eq(calls[0], 0);
    if (_i == 0) {
        budget_set_limit(&whole, 2 * LIMIT);
    } else {
        budget_give(&whole, 150);
        turn_run(&turn);
        ck_assert_int_eq(calls[0], 0); /* an eighth must be free */
        budget_keep(&shares[0], false);
    }
    turn_run(&turn);
    ck_assert_int_eq(calls[0], 1);
    budget_give(&whole, whole.used);
}
END_TEST

START_TEST(who_needs_more_than_there_is_does_not_keep_the_turn_busy)
{
    waiters[0].need = LIMIT + 1;
    budget_wait(&whole, &waiters[0], on_room_asks_again);
    turn_run(&turn); /* comes back */
    ck_assert_int_eq(calls[0], 0);
    budget_cancel(&whole, &waiters[0]);
}
END_TEST

START_TEST(who_waits_for_a_share_is_called_when_its_reserve_is_free)
{
    budget_charge(&whole, LIMIT - 200);
    budget_charge(&shares[0], 100);
    budget_wait(&shares[0], &waiters[0], on_room);
    budget_wait(&whole, &waiters[1], on_room);
    turn_run(&turn);
    budget_give(&shares[0], 80);
    turn_run(&turn);
    ck_assert_int_eq(calls[0], 1);
    ck_assert_int_eq(calls[1], 0);
    budget_cancel(&whole, &waiters[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("budget");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_share_finds_its_reserve_whatever_the_others_have_taken);
    tcase_add_test(tc, the_most_that_one_may_ever_have_is_known);
    tcase_add_test(tc, one_share_may_take_all_but_what_is_kept_for_the_others);
    tcase_add_test(tc, a_charge_by_force_takes_nobodys_reserve_while_there_is_memory);
    tcase_add_test(tc, a_new_limit_moves_the_reserves);
    tcase_add_test(tc, without_a_limit_there_is_always_room);
    tcase_add_test(tc, who_waits_is_called_when_there_is_room_for_what_he_needs);
    tcase_add_loop_test(tc, a_higher_limit_and_a_reserve_that_ends_call_who_waits, 0, 2);
    tcase_add_test(tc, who_needs_more_than_there_is_does_not_keep_the_turn_busy);
    tcase_add_test(tc, who_waits_for_a_share_is_called_when_its_reserve_is_free);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
