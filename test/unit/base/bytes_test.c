/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/mem.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 64
#define SLOTS 1024

static char key_text[KEYS][32];

static struct bytes key(size_t i)
{
    snprintf(key_text[i], sizeof(key_text[i]), "tenant-%zu", i);
    return bytes_str(key_text[i]);
}

/* Where each key stands in a table of SLOTS, as another process sees it. */
static void slots_of_another_process(unsigned slots[KEYS])
{
    FILE *f = popen("exec /proc/$PPID/exe slots", "r");

    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < KEYS; i++)
        ck_assert_int_eq(fscanf(f, "%u", &slots[i]), 1);
    ck_assert_int_eq(pclose(f), 0);
}

static int print_slots(void)
{
    for (size_t i = 0; i < KEYS; i++)
        printf("%u\n", (unsigned)(bytes_hash(key(i)) % SLOTS));
    return 0;
}

START_TEST(two_processes_place_the_same_keys_differently)
{
    unsigned one[KEYS], other[KEYS];
    int same = 0;

    slots_of_another_process(one);
    slots_of_another_process(other);
    for (size_t i = 0; i < KEYS; i++)
        same += one[i] == other[i];
    ck_assert_int_lt(same, KEYS / 4);
}
END_TEST

START_TEST(one_process_finds_its_keys_again)
{
    for (size_t i = 0; i < KEYS; i++)
        ck_assert_uint_eq(bytes_hash(key(i)), bytes_hash(key(i)));
    ck_assert_uint_ne(bytes_hash(key(0)), bytes_hash(key(1)));
}
END_TEST

static bool match(const char *pattern, const char *s)
{
    return bytes_match(bytes_str(s), pattern);
}

START_TEST(a_star_is_any_run_and_a_question_mark_any_one)
{
    static const char *const some[] = { "a.*", "*.id", "x?z" };

    ck_assert(match("", "") && match("*", "") && match("**", "") && !match("", "a") && !match("?", ""));
    ck_assert(match("service.*", "service.name") && match("service.*", "service.") && !match("service.*", "service"));
    ck_assert(match("*a*b*", "xxaxaxbx") && !match("*a*b", "xxaxaxbx") && match("*ab", "aab"));
    ck_assert(match("x?z", "xyz") && !match("x?z", "xz") && !match("x?z", "xyyz"));
    ck_assert(bytes_match_any(bytes_str("host.id"), some, 3) && !bytes_match_any(bytes_str("host.name"), some, 3));
    ck_assert(!bytes_match_any(bytes_str("a"), NULL, 0));
}
END_TEST

START_TEST(a_number_is_1_to_18_digits_and_nothing_else)
{
    uint64_t v;

    ck_assert(bytes_decimal(bytes_str("0"), &v) && v == 0);
    ck_assert(bytes_decimal(bytes_str("999999999999999999"), &v) && v == 999999999999999999);
    ck_assert(!bytes_decimal(bytes_str("1000000000000000000"), &v));
    ck_assert(!bytes_decimal(bytes_str(""), &v));
    ck_assert(!bytes_decimal(bytes_str("+1"), &v));
    ck_assert(!bytes_decimal(bytes_str("1 "), &v));
}
END_TEST

START_TEST(words_are_found_wherever_they_stand_in_either_case)
{
    ck_assert(bytes_contain_nocase(bytes_str("Too LARGE"), bytes_str("too large")));
    ck_assert(bytes_contain_nocase(bytes_str("it is too large"), bytes_str("Large")));
    ck_assert(!bytes_contain_nocase(bytes_str("larg"), bytes_str("large")));
}
END_TEST

START_TEST(blanks_and_tabs_go_at_both_ends_and_nowhere_else)
{
    ck_assert(bytes_is(bytes_trim(bytes_str(" \ta \tb\t ")), "a \tb"));
    ck_assert(bytes_is(bytes_trim(bytes_str("\na")), "\na"));
    ck_assert_uint_eq(bytes_trim(bytes_str(" \t ")).len, 0);
    ck_assert_uint_eq(bytes_trim(bytes_of(NULL, 0)).len, 0);
}
END_TEST

static int run_suite(void)
{
    Suite *s = suite_create("bytes");
    TCase *tc = tcase_create("bytes");
    SRunner *r;
    int failed;

    tcase_add_test(tc, two_processes_place_the_same_keys_differently);
    tcase_add_test(tc, one_process_finds_its_keys_again);
    tcase_add_test(tc, a_star_is_any_run_and_a_question_mark_any_one);
    tcase_add_test(tc, a_number_is_1_to_18_digits_and_nothing_else);
    tcase_add_test(tc, words_are_found_wherever_they_stand_in_either_case);
    tcase_add_test(tc, blanks_and_tabs_go_at_both_ends_and_nowhere_else);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

int main(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "slots") == 0 ? print_slots() : run_suite();
}
