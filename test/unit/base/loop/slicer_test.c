/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/slicer.h"

#include <check.h>
#include <stdlib.h>

static struct loop loop;
static struct slicer *slicer;
static unsigned left, done;
static uint64_t each; /* ns of a step */
static bool starts;   /* each step starts it again */

static bool step(void *arg)
{
    uint64_t until = uv_hrtime() + each;

    (void)arg;
    while (uv_hrtime() < until)
        ;
    left--;
    done++;
    if (starts && left > 0)
        slicer_start(slicer);
    return !starts && left > 0;
}

static void setup(void)
{
    loop_init(&loop, true);
    slicer = slicer_new(&loop, step, NULL);
    left = done = 0;
    each = 0;
    starts = false;
}

static void teardown(void)
{
    slicer_free(slicer);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
}

/* Returns how many steps it did. */
static unsigned turn(void)
{
    unsigned before = done;

    clock_advance(&loop.clock, NS_PER_MS);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    return done - before;
}

START_TEST(short_work_is_done_at_once)
{
    left = 100;
    slicer_start(slicer);
    ck_assert_uint_eq(left, 0);
    ck_assert_uint_eq(turn(), 0);
}
END_TEST

START_TEST(long_work_goes_on_in_the_next_turns)
{
    left = 40;
    each = SLICER_NS / 4;
    slicer_start(slicer);
    ck_assert_uint_le(done, 4);
    while (left > 0)
        ck_assert_uint_le(turn(), 4);
    ck_assert_uint_eq(turn(), 0);
    ck_assert_uint_eq(done, 40);
}
END_TEST

START_TEST(all_that_is_started_in_one_turn_shares_its_time)
{
    each = SLICER_NS;
    left = 1;
    slicer_start(slicer);
    ck_assert_uint_eq(done, 1);
    left = 1;
    slicer_start(slicer);
    ck_assert_uint_eq(done, 1);
    ck_assert_uint_eq(turn(), 1);
}
END_TEST

START_TEST(a_step_that_starts_it_again_goes_on)
{
    starts = true;
    left = 5;
    slicer_start(slicer);
    while (left > 0)
        turn();
    ck_assert_uint_eq(done, 5);
}
END_TEST

START_TEST(a_clock_that_is_moved_by_hand_may_stand_still)
{
    each = SLICER_NS;
    left = 3;
    slicer_start(slicer);
    ck_assert_uint_eq(done, 1);
    for (unsigned i = 2; i <= 3; i++) {
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        ck_assert_uint_eq(done, i);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slicer");
    TCase *tc = tcase_create("all");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, short_work_is_done_at_once);
    tcase_add_test(tc, long_work_goes_on_in_the_next_turns);
    tcase_add_test(tc, all_that_is_started_in_one_turn_shares_its_time);
    tcase_add_test(tc, a_step_that_starts_it_again_goes_on);
    tcase_add_test(tc, a_clock_that_is_moved_by_hand_may_stand_still);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed > 0;
}
