/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/prometheus/scrape_moment.h"

#include <check.h>

#define S 1000000000ull

static struct scrape_moment m;
static uint64_t missed;

static void setup(void)
{
    m = (struct scrape_moment){ .interval = 15 * S, .offset = 4 * S };
    ck_assert_uint_eq(scrape_moment_next(&m, 1000 * S, 50 * S, &missed), 9 * S);
    ck_assert_uint_eq(m.due, 1009 * S);
    ck_assert_uint_eq(missed, 0);
}

START_TEST(one_moment_follows_another)
{
    ck_assert_uint_eq(scrape_moment_next(&m, 1009 * S + 5, 59 * S + 5, &missed), 15 * S - 5);
    ck_assert_uint_eq(missed, 0);
    ck_assert_uint_eq(m.due, 1024 * S);
}
END_TEST

START_TEST(moments_that_passed_are_missed)
{
    scrape_moment_next(&m, 1009 * S + 40 * S, 59 * S + 40 * S, &missed);
    ck_assert_uint_eq(missed, 2);
    ck_assert_uint_eq(m.due, 1054 * S);
}
END_TEST

START_TEST(a_wall_clock_that_is_set_misses_none)
{
    ck_assert_uint_eq(scrape_moment_next(&m, 4609 * S + 1, 59 * S + 1, &missed), 15 * S - 1);
    ck_assert_uint_eq(missed, 0);
    scrape_moment_next(&m, 1009 * S + 1, 74 * S, &missed); /* back */
    ck_assert_uint_eq(missed, 0);
    ck_assert_uint_eq(m.due, 1024 * S);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scrape_moment");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, one_moment_follows_another);
    tcase_add_test(tc, moments_that_passed_are_missed);
    tcase_add_test(tc, a_wall_clock_that_is_set_misses_none);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
