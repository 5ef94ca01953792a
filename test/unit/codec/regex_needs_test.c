/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/regex_needs.h"

#include "codec/regex.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is needed, with | between. */
static const char *needs_of(const char *pattern, bool fold)
{
    static char text[1000];
    struct regex_needs needs;
    size_t n = 0;

    text[0] = '\0';
    regex_needs_read(&needs, bytes_str(pattern), fold);
    for (uint32_t i = 0; i < needs.n; i++) {
        struct bytes one = regex_need(&needs, i);

        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i > 0 ? "|" : "", (int)one.len,
                              (const char *)one.data);
    }
    regex_needs_free(&needs);
    return text;
}

static const struct {
    const char *pattern, *needs;
} cases[] = {
    { "Firefox", "firefox" },
    { "(Chrome)/(\\d+)\\.(\\d+)", "chrome" },
    { "(Chromium|Chrome)/(\\d+)", "chromium|chrome" },
    { "(?:iPhone|iPad|x).{0,30}Version/(\\d+)", "version/" },
    { "(?P<name>GeoEvent Server) (\\d+)", "geoevent server" },
    { "abc|def", "abc|def" },
    { "abc|d", "" },
    { "(abc)?def", "def" },
    { "(abc)*xyz", "xyz" },
    { "(abc)+", "abc" },
    { "(abc){0,3}xyz", "xyz" },
    { "(abc){2}", "abc" },
    { "abcd?", "abc" },
    { "abcd+e", "abcd" },
    { "ab[cd]efg", "efg" },
    { "com\\.android\\.chrome", "com.android.chrome" },
    { "abc\\d+defg", "defg" },
    { "^.*$", "" },
    { "a.b.c.", "" },
    { "(?i)kiss", "" },
    { "(?i)wget/", "wget/" },
    { "(?i:abcde)kdef", "abcde" },
    { "ab\\x41cdef|other", "" },
    { "[[:alpha:]abc]xyz", "xyz" },
    { "[]abc]xyz", "xyz" },
    { "caf\xc3\xa9 noir", " noir" },
    { "abc{def", "abc{def" },
    { "abcd*?efg", "abc" },
    { "abc(?i)?", "" },
    { "", "" },
};

START_TEST(what_a_pattern_needs_is_the_longest_that_it_cannot_do_without)
{
    ck_assert_str_eq(needs_of(cases[_i].pattern, false), cases[_i].needs);
}
END_TEST

START_TEST(without_case_letters_with_relatives_beyond_ascii_are_not_counted_on)
{
    ck_assert_str_eq(needs_of("safari", true), "afari");
    ck_assert_str_eq(needs_of("kkkk", true), "");
}
END_TEST

START_TEST(many_alternatives_are_more_than_are_kept)
{
    struct buf pattern = { 0 };

    for (unsigned i = 0; i < 2 * REGEX_MAX_NEEDS; i++)
        buf_printf(&pattern, "%sname%u", i > 0 ? "|" : "", i);
    ck_assert_str_eq(needs_of(buf_cstr(&pattern), false), "");
    buf_free(&pattern);
}
END_TEST

START_TEST(nesting_without_end_is_given_up)
{
    struct buf pattern = { 0 };

    for (unsigned i = 0; i < 1000; i++)
        buf_putc(&pattern, '(');
    buf_puts(&pattern, "abc");
    for (unsigned i = 0; i < 1000; i++)
        buf_putc(&pattern, ')');
    ck_assert_str_eq(needs_of(buf_cstr(&pattern), false), "");
    buf_free(&pattern);
}
END_TEST

/* Whatever matches has what is needed: patterns and subjects put together by chance of pieces. */
START_TEST(a_subject_without_what_is_needed_never_matches)
{
    static const char *const pieces[] = { "abc", "xyz", "(",   ")",     "|", "?",    "*", "+", "{2}", "[ab]",
                                          ".",   "(?:", "\\.", "{0,1}", "b", "(?i)", "K", "^", "\\d" };
    static const char *const words[] = { "abc", "xyz", "ab", "b", ".", "5", "k", "a", "aabcbc", "xyzabc" };
    unsigned seed = 7, tried = 0;

    for (unsigned round = 0; round < 20000; round++) {
        char pattern[120] = "", subject[120] = "";
        struct regex_needs needs;
        struct regex *r;

        for (unsigned i = 0; i < 8; i++) {
            seed = seed * 1103515245u + 12345u;
            strcat(pattern, pieces[(seed >> 16) % (sizeof(pieces) / sizeof(*pieces))]);
            seed = seed * 1103515245u + 12345u;
            strcat(subject, words[(seed >> 16) % (sizeof(words) / sizeof(*words))]);
        }
        r = regex_new(pattern, NULL);
        if (r == NULL)
            continue;
        tried++;
        regex_needs_read(&needs, bytes_str(pattern), false);
        if (regex_search(r, bytes_str(subject)))
            ck_assert_msg(regex_needs_met(&needs, bytes_str(subject)), "%s in %s", pattern, subject);
        regex_needs_free(&needs);
        regex_free(r);
    }
    ck_assert_uint_gt(tried, 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("regex_needs");
    TCase *tc = tcase_create("regex_needs");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, what_a_pattern_needs_is_the_longest_that_it_cannot_do_without, 0,
                        (int)(sizeof(cases) / sizeof(*cases)));
    tcase_add_test(tc, without_case_letters_with_relatives_beyond_ascii_are_not_counted_on);
    tcase_add_test(tc, many_alternatives_are_more_than_are_kept);
    tcase_add_test(tc, nesting_without_end_is_given_up);
    tcase_add_test(tc, a_subject_without_what_is_needed_never_matches);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
