/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/health.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_run_of_failures_keeps_its_beginning_and_the_last_reason)
{
    struct health h = { 0 };

    health_fail(&h, 10, HEALTH_RECOVERABLE, "refused");
    health_fail(&h, 20, HEALTH_PERMANENT, "forbidden");
    ck_assert_uint_eq(h.since, 10);
    ck_assert_uint_eq(h.last, 20);
    ck_assert_uint_eq(h.failures, 2);
    ck_assert_int_eq(h.state, HEALTH_PERMANENT);
    ck_assert_str_eq(h.reason, "forbidden");
    health_ok(&h, 30);
    health_ok(&h, 40);
    ck_assert_uint_eq(h.since, 30);
    ck_assert_uint_eq(h.failures, 0);
    health_fail(&h, 50, HEALTH_RECOVERABLE, NULL);
    ck_assert_uint_eq(h.since, 50);
    ck_assert_uint_eq(h.failures, 1);
    ck_assert_str_eq(h.reason, "");
}
END_TEST

START_TEST(a_reason_of_any_length_is_cut_to_what_fits)
{
    struct health h = { 0 };
    char *text = malloc(100000);

    memset(text, 'x', 99999);
    text[99999] = '\0';
    health_fail(&h, 1, HEALTH_RECOVERABLE, text);
    ck_assert_uint_eq(strlen(h.reason), sizeof(h.reason) - 1);
    free(text);
}
END_TEST

START_TEST(a_disk_that_fails_is_not_made_good_by_a_peer_that_answers)
{
    struct health causes[HEALTH_CAUSES] = { 0 };

    health_fail(&causes[HEALTH_DISK], 10, HEALTH_RECOVERABLE, "no space");
    health_ok(&causes[HEALTH_WORK], 20);
    ck_assert_str_eq(health_worst(causes)->reason, "no space");
    health_fail(&causes[HEALTH_WORK], 30, HEALTH_RECOVERABLE, "refused");
    ck_assert_str_eq(health_worst(causes)->reason, "no space");
    health_fail(&causes[HEALTH_WORK], 40, HEALTH_PERMANENT, "forbidden");
    ck_assert_str_eq(health_worst(causes)->reason, "forbidden");
}
END_TEST

START_TEST(a_limit_does_not_hide_a_peer_that_is_away)
{
    struct health causes[HEALTH_CAUSES] = { 0 };

    health_fail(&causes[HEALTH_LIMIT], 10, HEALTH_RECOVERABLE, "limit");
    ck_assert_str_eq(health_worst(causes)->reason, "limit");
    health_fail(&causes[HEALTH_WORK], 20, HEALTH_RECOVERABLE, "peer");
    ck_assert_str_eq(health_worst(causes)->reason, "peer");
    health_ok(&causes[HEALTH_WORK], 30);
    ck_assert_str_eq(health_worst(causes)->reason, "limit");
}
END_TEST

START_TEST(the_last_errors_that_differ_are_kept_the_newest_first)
{
    const struct health_error *errors[HEALTH_CAUSES * HEALTH_ERRORS];
    struct health causes[HEALTH_CAUSES] = { 0 };
    struct health *h = &causes[HEALTH_WORK];
    char text[8];

    ck_assert_uint_eq(health_errors(causes, errors), 0);
    for (unsigned i = 0; i < 6; i++) {
        snprintf(text, sizeof(text), "e%u", i);
        health_fail(h, 10 * i, HEALTH_RECOVERABLE, text);
    }
    health_ok(h, 60); /* they are known all the same */
    health_fail(h, 70, HEALTH_PERMANENT, "e3");
    health_fail(&causes[HEALTH_DISK], 65, HEALTH_RECOVERABLE, "disk");
    ck_assert_uint_eq(health_errors(causes, errors), HEALTH_ERRORS + 1);
    ck_assert_str_eq(errors[0]->reason, "e3");
    ck_assert_uint_eq(errors[0]->times, 2);
    ck_assert_uint_eq(errors[0]->first, 30);
    ck_assert_uint_eq(errors[0]->last, 70);
    ck_assert_int_eq(errors[0]->state, HEALTH_PERMANENT);
    ck_assert_str_eq(errors[1]->reason, "disk");
    ck_assert_str_eq(errors[2]->reason, "e5");
    ck_assert_str_eq(errors[3]->reason, "e4");
    ck_assert_str_eq(errors[4]->reason, "e2");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("health");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, a_run_of_failures_keeps_its_beginning_and_the_last_reason);
    tcase_add_test(tc, a_reason_of_any_length_is_cut_to_what_fits);
    tcase_add_test(tc, a_disk_that_fails_is_not_made_good_by_a_peer_that_answers);
    tcase_add_test(tc, a_limit_does_not_hide_a_peer_that_is_away);
    tcase_add_test(tc, the_last_errors_that_differ_are_kept_the_newest_first);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
