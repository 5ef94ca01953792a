/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/wall.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static uint64_t system_now(void)
{
    return (uint64_t)time(NULL) * NS_PER_S;
}

START_TEST(of_a_tests_clock_it_is_what_the_test_says)
{
    struct clock c;

    clock_init(&c, true);
    ck_assert_uint_eq(wall_now(&c), 1700000000 * NS_PER_S);
    clock_advance(&c, 5);
    ck_assert_uint_eq(wall_now(&c), 1700000000 * NS_PER_S + 5);
    clock_free(&c);
}
END_TEST

START_TEST(of_others_it_moves_while_a_turn_lasts)
{
    struct clock c;
    uint64_t turn, first;

    clock_init(&c, false);
    turn = clock_wall(&c);
    first = wall_now(&c);
    while (wall_now(&c) == first)
        ;
    ck_assert_uint_eq(clock_wall(&c), turn);
    ck_assert_uint_ge(wall_now(NULL) + NS_PER_S, system_now());
    clock_free(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wall");
    TCase *tc = tcase_create("wall");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, of_a_tests_clock_it_is_what_the_test_says);
    tcase_add_test(tc, of_others_it_moves_while_a_turn_lasts);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
