/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ascii.h"

#include <check.h>
#include <ctype.h>

START_TEST(characters_are_what_they_are_in_the_c_locale)
{
    for (int c = 0; c < 256; c++) {
        ck_assert_int_eq(ascii_is_digit(c), isdigit(c) != 0);
        ck_assert_int_eq(ascii_is_lower(c), islower(c) != 0);
        ck_assert_int_eq(ascii_is_letter(c), isalpha(c) != 0);
        ck_assert_int_eq(ascii_is_space(c), isspace(c) != 0);
        ck_assert_int_eq(ascii_is_white(c), c != 0 && strchr(" \t\n\r", c) != NULL);
    }
}
END_TEST

START_TEST(a_char_above_ascii_is_none_of_them)
{
    for (char c = -128; c < 0; c++)
        ck_assert(!ascii_is_digit(c) && !ascii_is_letter(c) && !ascii_is_space(c) && !ascii_is_white(c));
}
END_TEST

START_TEST(space_is_trimmed_at_both_ends_and_stays_within)
{
    ck_assert(bytes_is(ascii_trim(bytes_str(" \v\fa b\r\n")), "a b"));
    ck_assert_uint_eq(ascii_trim(bytes_str(" \t ")).len, 0);
    ck_assert_uint_eq(ascii_trim((struct bytes){ NULL, 0 }).len, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/ascii");
    TCase *tc = tcase_create("ascii");
    SRunner *r;
    int failed;

    tcase_add_test(tc, characters_are_what_they_are_in_the_c_locale);
    tcase_add_test(tc, a_char_above_ascii_is_none_of_them);
    tcase_add_test(tc, space_is_trimmed_at_both_ends_and_stays_within);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
