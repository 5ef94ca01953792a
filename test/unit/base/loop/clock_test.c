/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/clock.h"

#include <check.h>
#include <stdlib.h>

static int order[8], fired;
static struct clock the_clock;

static void note_a(struct clock_timer *t)
{
    (void)t;
    order[fired++] = 1;
}

static void note_b(struct clock_timer *t)
{
    order[fired++] = 2;
    if (fired < 4)
        clock_start(&the_clock, t, 10, note_b);
}

START_TEST(timers_fire_in_the_order_of_their_due_times)
{
    struct clock_timer a = { 0 }, b = { 0 };

    fired = 0;
    clock_init(&the_clock, true);
    clock_start(&the_clock, &a, 25, note_a);
    clock_start(&the_clock, &b, 10, note_b);
    clock_advance(&the_clock, 30);
    ck_assert_int_eq(fired, 4);
    ck_assert_int_eq(order[0], 2);
    ck_assert_int_eq(order[1], 2);
    ck_assert_int_eq(order[2], 1);
    ck_assert_int_eq(order[3], 2);
    ck_assert(!clock_armed(&a) && !clock_armed(&b));
    clock_free(&the_clock);
}
END_TEST

START_TEST(a_stopped_timer_does_not_fire)
{
    struct clock_timer t[16] = { { 0 } };

    fired = 0;
    clock_init(&the_clock, true);
    for (unsigned i = 0; i < 16; i++)
        clock_start(&the_clock, &t[i], (i * 7) % 16 + 1, note_a);
    for (unsigned i = 0; i < 16; i += 2)
        clock_stop(&the_clock, &t[i]);
    clock_advance(&the_clock, 100);
    ck_assert_int_eq(fired, 8);
    clock_free(&the_clock);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("clock");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, timers_fire_in_the_order_of_their_due_times);
    tcase_add_test(tc, a_stopped_timer_does_not_fire);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
