/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/prometheus_remote_write/remote_write_refused.h"

#include "base/loop/clock.h"
#include "base/loop/turn.h"

#include <check.h>
#include <stdlib.h>

static struct turn turn;
static struct budget budget;
static struct refused_series refused;

static void setup(void)
{
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    refused = (struct refused_series){ .budget = &budget };
}

static void teardown(void)
{
    refused_series_free(&refused);
    ck_assert_uint_eq(budget.used, 0);
}

START_TEST(a_series_is_known_for_a_while_after_it_was_refused_last)
{
    ck_assert(!refused_series_has(&refused, 7, 0));
    refused_series_add(&refused, 7, 5 * NS_PER_S);
    ck_assert(refused_series_has(&refused, 7, 6 * NS_PER_S));
    ck_assert(!refused_series_has(&refused, 8, 6 * NS_PER_S));
    ck_assert(!refused_series_has(&refused, 0, 6 * NS_PER_S));
    refused_series_add(&refused, 7, 500 * NS_PER_S);
    ck_assert(refused_series_has(&refused, 7, REFUSED_FOR + 400 * NS_PER_S));
    ck_assert(!refused_series_has(&refused, 7, REFUSED_FOR + 501 * NS_PER_S));
}
END_TEST

START_TEST(many_are_known_as_long_as_there_is_room)
{
    uint32_t known = 0;

    for (uint32_t i = 1; i <= 10000; i++)
        refused_series_add(&refused, i * 0x9e3779b1u, NS_PER_S);
    for (uint32_t i = 1; i <= 10000; i++)
        known += refused_series_has(&refused, i * 0x9e3779b1u, 2 * NS_PER_S);
    ck_assert_uint_eq(known, 10000);
}
END_TEST

START_TEST(the_table_is_bounded_and_those_refused_last_stay)
{
    uint32_t known = 0;

    for (uint32_t i = 1; i <= 500000; i++)
        refused_series_add(&refused, i * 0x9e3779b1u, i * NS_PER_S / 5000);
    ck_assert_uint_le(refused.n_slots, REFUSED_MAX);
    ck_assert_uint_le(budget.used, REFUSED_MAX * sizeof(struct refused_slot));
    for (uint32_t i = 480001; i <= 500000; i++)
        known += refused_series_has(&refused, i * 0x9e3779b1u, 100 * NS_PER_S);
    ck_assert_uint_gt(known, 19000);
}
END_TEST

START_TEST(those_whose_time_is_over_make_room)
{
    for (uint32_t round = 0; round < 50; round++)
        for (uint32_t i = 1; i <= 1000; i++)
            refused_series_add(&refused, i * 0x9e3779b1u + round, (round * 1000 + 1) * NS_PER_S);
    ck_assert_uint_le(refused.n_slots, 8192);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote_write_refused");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_series_is_known_for_a_while_after_it_was_refused_last);
    tcase_add_test(tc, many_are_known_as_long_as_there_is_room);
    tcase_add_test(tc, the_table_is_bounded_and_those_refused_last_stay);
    tcase_add_test(tc, those_whose_time_is_over_make_room);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
