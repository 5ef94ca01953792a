/* SPDX-License-Identifier: Apache-2.0 */
#include "command/text_fault.h"

#include <check.h>

START_TEST(a_place_is_found_by_line_and_column)
{
    ck_assert_uint_eq(text_fault_at("one\ntwo\nthree", 1, 1), 0);
    ck_assert_uint_eq(text_fault_at("one\ntwo\nthree", 2, 3), 6);
    ck_assert_uint_eq(text_fault_at("one\ntwo\nthree", 3, 1), 8);
}
END_TEST

START_TEST(a_line_that_is_not_there_is_the_end)
{
    static const char text[] = "one\0two\nthree"; /* ends at its NUL */

    ck_assert_uint_eq(text_fault_at(text, 2, 1), 3);
    ck_assert_uint_eq(text_fault_at(text, 4, 1), 3);
    ck_assert_uint_eq(text_fault_at("one\n", 9, 1), 4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("text_fault");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, a_place_is_found_by_line_and_column);
    tcase_add_test(tc, a_line_that_is_not_there_is_the_end);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
