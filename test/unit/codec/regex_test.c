/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/regex.h"

#include <check.h>
#include <stdlib.h>

START_TEST(a_pattern_means_what_it_means_in_go)
{
    static const struct {
        const char *pattern, *subject;
        bool found;
    } rows[] = {
        { "b", "abc", true },
        { "^b", "abc", false },
        { "c$", "abc\n", false }, /* $ is the very end */
        { "(?m)c$", "abc\nd", true },
        { "a.c", "a\nc", false },
        { "(?s)a.c", "a\nc", true },
        { "\\s", "\v", false }, /* no vertical tab */
        { "[\\s]", "\v", false },
        { "\\S", "\v", true },
        { "[\\S]", "\v", true },
        { "\\v", "\v", true },
        { "\\v", "\n", false },
        { "\\d", "\xd9\xa3", false }, /* ASCII digits only */
        { "\\w", "\xc3\xa9", false },
        { "\\pL", "\xc3\xa9", true },
        { "(?i)\xc3\x89", "\xc3\xa9", true },
        { "\\Qa.b\\E+", "a.bb", true },
        { "\\Qa.b", "axb", false },
        { "[[:alpha:]_]+[]x]", "ab_]", true },
        { "[[a]", "[", true },
        { "x{,5}", "x{,5}", true }, /* no repetition */
        { "\\101\\x42\\x{43}", "ABC", true },
        { "a{2,3}?$", "aa", true },
        { "(?P<a>x)|(?<b>y)", "y", true },
        { "(?U)a+", "aaa", true },
        { "\\_\\-", "_-", true },
        { "^$", "", true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err;
        struct regex *r = regex_new(rows[i].pattern, &err);

        ck_assert_msg(r != NULL, "%s: %s", rows[i].pattern, err.text);
        ck_assert_msg(regex_search(r, bytes_str(rows[i].subject)) == rows[i].found, "%s", rows[i].pattern);
        regex_free(r);
    }
}
END_TEST

START_TEST(what_go_does_not_have_is_refused)
{
    static const char *const patterns[] = { "(a)\\1",  "(?=a)",  "(?!a)",
                                            "(?<=a)",  "(?<!a)", "(?>a)",
                                            "a*+",     "a**",    "(?(1)a|b)",
                                            "(?R)",    "(?#c)",  "(?|a)",
                                            "(*FAIL)", "\\K",    "\\R",
                                            "\\h",     "\\G",    "\\C",
                                            "\\Z",     "\\8",    "a{1001}",
                                            "a{3,2}",  "(",      ")",
                                            "[a",      "a\\",    "(?P<>a)",
                                            "(?P=a)",  "\\q",    "[\\b]",
                                            "\\p{N",   "(?x)a",  "(?P<a>.)(?P<a>.)" };

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct error err = { 0 };

        ck_assert_msg(regex_new(patterns[i], &err) == NULL, "%s was accepted", patterns[i]);
        ck_assert_msg(strncmp(err.text, "invalid regular expression", 26) == 0, "%s", err.text);
    }
}
END_TEST

START_TEST(groups_are_found_by_number_and_name)
{
    struct regex *r = regex_new("(?P<verb>GET|POST) (/cart/(?P<id>\\d+))?", NULL);
    struct bytes found[8];

    ck_assert_uint_eq(regex_groups(r), 3);
    ck_assert_str_eq(regex_group_name(r, 1), "verb");
    ck_assert_ptr_null(regex_group_name(r, 2));
    ck_assert_str_eq(regex_group_name(r, 3), "id");
    ck_assert(regex_find(r, bytes_str("a GET /cart/17 b"), found));
    ck_assert(bytes_is(found[0], "GET /cart/17") && bytes_is(found[1], "GET") && bytes_is(found[3], "17"));
    ck_assert(regex_find(r, bytes_str("POST "), found));
    ck_assert_ptr_null(found[3].data);
    ck_assert(!regex_find(r, bytes_str("put"), found));
    regex_free(r);
}
END_TEST

START_TEST(a_search_without_end_is_given_up_and_counted)
{
    struct regex *r = regex_new("^(a?a?a?a?a?a?a?a?a?a?)*(b|a+a+a+a+a+c)$", NULL);
    uint64_t before = regex_given_up();
    char text[4001];

    memset(text, 'a', 4000);
    text[4000] = '\0';
    ck_assert(!regex_search(r, bytes_str(text)));
    ck_assert_uint_eq(regex_given_up(), before + 1);
    regex_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("regex");
    TCase *tc = tcase_create("regex");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_pattern_means_what_it_means_in_go);
    tcase_add_test(tc, what_go_does_not_have_is_refused);
    tcase_add_test(tc, groups_are_found_by_number_and_name);
    tcase_add_test(tc, a_search_without_end_is_given_up_and_counted);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
