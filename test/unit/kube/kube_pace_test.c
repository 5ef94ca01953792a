/* SPDX-License-Identifier: Apache-2.0 */
/* How long requests wait for their turn. */
#include "kube/kube_pace.h"

#include <check.h>
#include <stdlib.h>

#define S 1000000000ull

START_TEST(a_burst_goes_at_once_and_what_follows_keeps_its_distance)
{
    struct kube_pace p;

    kube_pace_init(&p, 4, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(kube_pace_take(&p, S), 0);
    ck_assert_uint_eq(kube_pace_take(&p, S), S / 4);
    ck_assert_uint_eq(kube_pace_take(&p, S), S / 2);
    ck_assert_uint_eq(kube_pace_take(&p, S + S / 2), S / 4);
}
END_TEST

START_TEST(what_was_not_asked_for_long_is_worth_one_burst)
{
    struct kube_pace p;

    kube_pace_init(&p, 1, 2);
    ck_assert_uint_eq(kube_pace_take(&p, 5 * S), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_uint_eq(kube_pace_take(&p, 1000 * S), 0);
    ck_assert_uint_eq(kube_pace_take(&p, 1000 * S), S);
}
END_TEST

START_TEST(without_a_limit_nothing_waits_and_odd_numbers_do_no_harm)
{
    struct kube_pace p;

    kube_pace_init(&p, 0, 10);
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(kube_pace_take(&p, S), 0);
    kube_pace_init(&p, 1e-300, UINT64_MAX);
    ck_assert_uint_eq(kube_pace_take(&p, S), 0);
    kube_pace_init(&p, 1e300, 1);
    ck_assert_uint_eq(kube_pace_take(&p, S), 0);
    ck_assert_uint_eq(kube_pace_take(&p, S), 0);
}
END_TEST

START_TEST(a_slow_rate_with_a_large_burst_lets_that_burst_go_at_once)
{
    struct kube_pace p;

    kube_pace_init(&p, 1e-6, 1000000);
    for (int i = 0; i < 100000; i++)
        ck_assert_uint_eq(kube_pace_take(&p, S), 0);
    kube_pace_init(&p, 1e-6, 2);
    for (int i = 0; i < 100000; i++)
        ck_assert_uint_ge(kube_pace_take(&p, S), i < 2 ? 0 : S);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kube_pace");
    TCase *tc = tcase_create("turns");
    SRunner *sr;
    int failed;

    tcase_add_test(tc, a_burst_goes_at_once_and_what_follows_keeps_its_distance);
    tcase_add_test(tc, what_was_not_asked_for_long_is_worth_one_burst);
    tcase_add_test(tc, without_a_limit_nothing_waits_and_odd_numbers_do_no_harm);
    tcase_add_test(tc, a_slow_rate_with_a_large_burst_lets_that_burst_go_at_once);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
