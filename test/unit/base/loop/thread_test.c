/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/thread.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

static int released[2], n_released;

static void release(void *arg)
{
    released[n_released++] = *(int *)arg;
}

static void *keep_two(void *arg)
{
    static int first = 1, second = 2;

    thread_at_end(release, &first);
    thread_at_end(release, &second);
    ck_assert_int_eq(n_released, 0);
    return arg;
}

START_TEST(what_a_thread_keeps_is_given_back_when_it_ends_the_last_first)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, keep_two, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(n_released, 2);
    ck_assert_int_eq(released[0], 2);
    ck_assert_int_eq(released[1], 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("thread");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, what_a_thread_keeps_is_given_back_when_it_ends_the_last_first);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
