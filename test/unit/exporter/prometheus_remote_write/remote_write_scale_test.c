/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/prometheus_remote_write/remote_write_scale.h"

#include "base/loop/clock.h"

#include <check.h>
#include <stdlib.h>

static struct shard_scale scale;
static uint64_t now;

/* A second in which `shards` of them were busy all the time. */
static uint32_t second(double shards)
{
    now += NS_PER_S;
    shard_scale_note(&scale, (uint64_t)(shards * (double)NS_PER_S));
    return shard_scale_plan(&scale, now);
}

static void setup(void)
{
    now = 5 * NS_PER_S;
    shard_scale_init(&scale, 5, now);
}

START_TEST(a_receiver_that_keeps_up_has_one_shard)
{
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(second(0.7), 1);
}
END_TEST

START_TEST(shards_that_are_busy_all_the_time_become_more_up_to_the_limit)
{
    ck_assert_uint_eq(second(1), 2);
    ck_assert_uint_eq(second(2), 5);
    ck_assert_uint_eq(second(5), 5);
}
END_TEST

START_TEST(shards_without_work_go_one_by_one_and_slowly)
{
    second(1);
    second(2);
    for (int i = 0; i < 9; i++)
        ck_assert_uint_eq(second(0.1), 5);
    ck_assert_uint_eq(second(0.1), 4);
    for (int i = 0; i < 100; i++)
        second(0);
    ck_assert_uint_eq(second(0), 1);
}
END_TEST

START_TEST(between_much_and_little_nothing_changes)
{
    second(1);
    second(2);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(second(2.5), 5);
}
END_TEST

START_TEST(it_is_asked_more_often_than_it_looks)
{
    shard_scale_note(&scale, NS_PER_S);
    ck_assert_uint_eq(shard_scale_plan(&scale, now + NS_PER_S / 10), 1);
    ck_assert_uint_eq(shard_scale_plan(&scale, now + NS_PER_S), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote_write_scale");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_receiver_that_keeps_up_has_one_shard);
    tcase_add_test(tc, shards_that_are_busy_all_the_time_become_more_up_to_the_limit);
    tcase_add_test(tc, shards_without_work_go_one_by_one_and_slowly);
    tcase_add_test(tc, between_much_and_little_nothing_changes);
    tcase_add_test(tc, it_is_asked_more_often_than_it_looks);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
