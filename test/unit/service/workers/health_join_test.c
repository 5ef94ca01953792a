/* SPDX-License-Identifier: Apache-2.0 */
/* What several processes say of one node. */
#include "service/workers/health_join.h"

#include <check.h>
#include <stdlib.h>

START_TEST(the_worse_is_shown_with_the_failures_of_all)
{
    struct health all = { 0 }, one = { 0 }, other = { 0 };

    health_fail(&one, 10, HEALTH_RECOVERABLE, "refused");
    health_fail(&other, 20, HEALTH_PERMANENT, "forbidden");
    health_join(&all, &one);
    health_join(&all, &other);
    ck_assert_int_eq(all.state, HEALTH_PERMANENT);
    ck_assert_str_eq(all.reason, "forbidden");
    ck_assert_uint_eq(all.since, 20);
    ck_assert_uint_eq(all.failures, 2);
}
END_TEST

START_TEST(what_one_has_failed_with_is_known_when_it_works_again)
{
    struct health all = { 0 }, one = { 0 }, other = { 0 };

    health_fail(&one, 10, HEALTH_RECOVERABLE, "refused");
    health_ok(&one, 20);
    health_join(&all, &one);
    health_join(&all, &other);
    ck_assert_int_eq(all.state, HEALTH_OK);
    ck_assert_uint_eq(all.n_errors, 1);
    ck_assert_str_eq(all.errors[0].reason, "refused");
}
END_TEST

START_TEST(errors_of_all_are_kept_the_newest_first_and_each_once)
{
    struct health all = { 0 }, one = { 0 }, other = { 0 };

    health_fail(&one, 10, HEALTH_RECOVERABLE, "a");
    health_fail(&one, 30, HEALTH_RECOVERABLE, "b");
    health_fail(&one, 50, HEALTH_RECOVERABLE, "c");
    health_fail(&other, 20, HEALTH_RECOVERABLE, "d");
    health_fail(&other, 40, HEALTH_PERMANENT, "b");
    health_fail(&other, 60, HEALTH_RECOVERABLE, "e");
    health_join(&all, &one);
    health_join(&all, &other);
    ck_assert_uint_eq(all.n_errors, HEALTH_ERRORS);
    ck_assert_str_eq(all.errors[0].reason, "e");
    ck_assert_str_eq(all.errors[1].reason, "c");
    ck_assert_str_eq(all.errors[2].reason, "b");
    ck_assert_uint_eq(all.errors[2].first, 30);
    ck_assert_uint_eq(all.errors[2].last, 40);
    ck_assert_uint_eq(all.errors[2].times, 2);
    ck_assert_int_eq(all.errors[2].state, HEALTH_PERMANENT);
    ck_assert_str_eq(all.errors[3].reason, "d");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("health_join");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, the_worse_is_shown_with_the_failures_of_all);
    tcase_add_test(tc, what_one_has_failed_with_is_known_when_it_works_again);
    tcase_add_test(tc, errors_of_all_are_kept_the_newest_first_and_each_once);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
