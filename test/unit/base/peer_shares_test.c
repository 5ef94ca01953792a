/* SPDX-License-Identifier: Apache-2.0 */
#include "base/peer_shares.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1024ull * 1024)
#define LIMIT (120 * MIB)

static struct turn turn;
static struct budget budget;
static struct peer_shares peers;

static void setup(void)
{
    turn_init(&turn);
    budget_init(&budget, LIMIT, &turn);
    peer_shares_init(&peers);
}

static void teardown(void)
{
    ck_assert_uint_eq(budget.used, 0);
    peer_shares_free(&peers);
}

static struct peer_share *open_of(unsigned n)
{
    uint8_t key[PEER_KEY] = { 0 };

    memcpy(key, &n, sizeof(n));
    return peer_share_open(&peers, key);
}

static void close_all(struct peer_share *share)
{
    peer_share_give(share, &budget, share->held);
    peer_share_close(&peers, share);
}

static uint64_t take_all(struct peer_share *share)
{
    while (peer_share_take(share, &budget, MIB) == PEER_TAKEN)
        ;
    ck_assert_int_eq(peer_share_ask(share, &budget, MIB), PEER_GREEDY);
    return share->held / MIB;
}

START_TEST(each_greedy_peer_leaves_as_much_as_it_holds)
{
    struct peer_share *a = open_of(1), *b = open_of(2), *c = open_of(3);

    ck_assert_uint_eq(take_all(a), 60);
    ck_assert_uint_eq(take_all(b), 30);
    ck_assert_uint_eq(take_all(c), 15);
    close_all(a);
    ck_assert_uint_eq(take_all(b), 52);
    close_all(b);
    close_all(c);
}
END_TEST

START_TEST(when_others_have_filled_the_budget_no_peer_is_to_blame)
{
    struct peer_share *a = open_of(1);

    budget_charge(&budget, LIMIT - MIB);
    ck_assert_int_eq(peer_share_take(a, &budget, 2 * MIB), PEER_FULL);
    ck_assert_int_eq(peer_share_take(a, &budget, PEER_FREE), PEER_TAKEN);
    ck_assert_int_eq(peer_share_take(a, &budget, LIMIT / 10), PEER_GREEDY);
    budget_give(&budget, LIMIT - MIB);
    close_all(a);
}
END_TEST

START_TEST(what_is_needed_is_what_is_taken_when_there)
{
    struct peer_share *a = open_of(1);

    peer_share_charge(a, &budget, 10 * MIB);
    ck_assert_uint_eq(peer_share_need(a, MIB), 12 * MIB);
    budget_charge(&budget, LIMIT - 10 * MIB - 12 * MIB);
    ck_assert_int_eq(peer_share_ask(a, &budget, MIB), PEER_TAKEN);
    budget_charge(&budget, 1);
    ck_assert_int_ne(peer_share_ask(a, &budget, MIB), PEER_TAKEN);
    budget_give(&budget, LIMIT - 22 * MIB + 1);
    close_all(a);
}
END_TEST

START_TEST(ten_thousand_peers_come_and_go)
{
    enum { N = 10000 };
    static struct peer_share *all[N];

    for (unsigned i = 0; i < N; i++)
        all[i] = open_of(i);
    ck_assert_uint_eq(peers.n, N);
    for (unsigned i = 0; i < N; i++)
        ck_assert_ptr_eq(open_of(i), all[i]);
    for (unsigned i = 0; i < 2 * N; i++)
        peer_share_close(&peers, all[i % N]);
    ck_assert_uint_eq(peers.n, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peer_shares");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, each_greedy_peer_leaves_as_much_as_it_holds);
    tcase_add_test(tc, when_others_have_filled_the_budget_no_peer_is_to_blame);
    tcase_add_test(tc, what_is_needed_is_what_is_taken_when_there);
    tcase_add_test(tc, ten_thousand_peers_come_and_go);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
