/* SPDX-License-Identifier: Apache-2.0 */
/* Beside what the Go collector answers (test/data/processors, redaction_db_* and redaction_urls*): limits and corners.
 */
#include "processor/redaction/statement_sanitize.h"
#include "processor/redaction/url_sanitizer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buf out;

static const char *sql(const char *text, bool mysql)
{
    out.len = 0;
    sql_sanitize(bytes_str(text), mysql, &out);
    return buf_cstr(&out);
}

static const char *redis(const char *text)
{
    out.len = 0;
    redis_sanitize(bytes_str(text), &out);
    return buf_cstr(&out);
}

static const char *url(const char *text)
{
    out.len = 0;
    url_sanitize(bytes_str(text), &out);
    return buf_cstr(&out);
}

START_TEST(values_in_sql_become_marks)
{
    ck_assert_str_eq(sql("SELECT 'a', 1.5e-3, NULL FROM t12 WHERE x=$1", false), "SELECT ?, ?, ? FROM t? WHERE x=?");
    ck_assert_str_eq(sql("SELECT \"a1\", \"b\".\"c2\"", false), "SELECT \"a?\", \"b\".\"c?\"");
    ck_assert_str_eq(sql("SELECT \"a1\", `b2` # it's", true), "SELECT ?, `b?` # it's");
    ck_assert_str_eq(sql("$func$ SELECT 5 $func$ $x$5$x$", false), "$func$SELECT ?$func$ ?");
}
END_TEST

START_TEST(what_has_no_end_goes_to_the_end_of_the_statement)
{
    ck_assert_str_eq(sql("SELECT 'abc 12", false), "SELECT ?");
    ck_assert_str_eq(sql("a /* b 12", false), "a /* b 12");
    ck_assert_str_eq(sql("\"", false), "\"");
    ck_assert_str_eq(sql("'", false), "?");
    ck_assert_str_eq(sql("$", false), "$");
    ck_assert_str_eq(sql("/*", false), "/*");
    ck_assert_str_eq(sql("@", false), "@");
    ck_assert_str_eq(sql("", false), "");
}
END_TEST

START_TEST(sql_behind_a_nul_is_left_away)
{
    out.len = 0;
    sql_sanitize(bytes_of("SELECT 5\0 FROM x", 16), false, &out);
    ck_assert_str_eq(buf_cstr(&out), "SELECT ?");
}
END_TEST

START_TEST(bodies_of_functions_are_no_deeper_than_one)
{
    struct buf text = { 0 };

    for (unsigned i = 0; i < 100000; i++)
        buf_puts(&text, "$func$5");
    out.len = 0;
    sql_sanitize(buf_bytes(&text), false, &out);
    ck_assert(out.len > 0 && out.len <= text.len);
    buf_free(&text);
}
END_TEST

START_TEST(values_in_commands_become_marks)
{
    ck_assert_str_eq(redis("SET k \"a b\"\r\nAUTH u p\nPING"), "SET k ?\nAUTH ?\nPING");
    ck_assert_str_eq(redis("ZADD z NX 1 m 2 n"), "ZADD z NX 1 ? 2 ?");
    ck_assert_str_eq(redis("mset a 1 b 2"), "mset a ? b ?");
    ck_assert_str_eq(redis("SET k \"never ends\n"), "SET k ?");
    ck_assert_str_eq(redis(" \n \n"), "");
    ck_assert(bytes_is(memcached_sanitize(bytes_str("set k 0 0 1\r\nv\r\n")), "set k 0 0 1"));
}
END_TEST

START_TEST(values_in_json_become_marks)
{
    out.len = 0;
    ck_assert(json_sanitize(bytes_str(" { \"a\\\"\" : [1, \"x:y\", null] , \"b\":{}}"), &out));
    ck_assert_str_eq(buf_cstr(&out), "{\"a\\\"\":[\"?\",\"?\",\"?\"],\"b\":{}}");
    ck_assert(!json_sanitize(bytes_str("{\"a\":"), &out));
    ck_assert(!json_sanitize(bytes_str("{} x"), &out));
    ck_assert(!json_sanitize(bytes_str(""), &out));
}
END_TEST

START_TEST(json_that_is_nested_too_deep_is_none)
{
    struct buf text = { 0 };

    for (unsigned i = 0; i < 100000; i++)
        buf_putc(&text, '[');
    ck_assert(!json_sanitize(buf_bytes(&text), &out));
    buf_free(&text);
}
END_TEST

START_TEST(segments_that_are_no_words_become_stars)
{
    ck_assert_str_eq(url("/users/123/v1/orders/5f3c?id=5"), "/users/*/v1/orders/*");
    ck_assert_str_eq(url("/xkqzjw/users"), "/*/users");
    ck_assert_str_eq(url("/users/xkqzjw?x=1"), "/users/xkqzjw");
    ck_assert_str_eq(url("/a/b/c/d/e/f/g/h/i/j/k/l"), "/a/b/c/d/e/f/g/h/i");
    ck_assert_str_eq(url("?x"), "");
    ck_assert_str_eq(url("//"), "//");
    out.len = 0;
    url_sanitize(bytes_of("/ab\0b/users", 11), &out);
    ck_assert_str_eq(buf_cstr(&out), "/*/users");
    ck_assert(url_says_nothing(bytes_str("/*/*")) && !url_says_nothing(bytes_str("/*/a")) &&
              !url_says_nothing(bytes_str("/")) && !url_says_nothing(bytes_str("/**")));
}
END_TEST

/* test/data/redaction/words.txt: what the Go collector takes for a word. Its table of letters is another. */
START_TEST(words_are_told_from_letters_as_in_go_94_times_in_100)
{
    FILE *f = fopen("test/data/redaction/words.txt", "r");
    unsigned same = 0, all = 0;
    char line[200];

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        char *tab = strchr(line, '\t');

        ck_assert_ptr_nonnull(tab);
        *tab = '\0';
        all++;
        same += url_is_word(bytes_str(line)) == (strncmp(tab + 1, "yes", 3) == 0);
    }
    fclose(f);
    ck_assert_uint_gt(all, 900);
    ck_assert_msg(same * 100 >= all * 94, "%u of %u", same, all);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sanitize");
    TCase *tc = tcase_create("sanitize");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_test(tc, values_in_sql_become_marks);
    tcase_add_test(tc, what_has_no_end_goes_to_the_end_of_the_statement);
    tcase_add_test(tc, sql_behind_a_nul_is_left_away);
    tcase_add_test(tc, bodies_of_functions_are_no_deeper_than_one);
    tcase_add_test(tc, values_in_commands_become_marks);
    tcase_add_test(tc, values_in_json_become_marks);
    tcase_add_test(tc, json_that_is_nested_too_deep_is_none);
    tcase_add_test(tc, segments_that_are_no_words_become_stars);
    tcase_add_test(tc, words_are_told_from_letters_as_in_go_94_times_in_100);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    buf_free(&out);
    return failed == 0 ? 0 : 1;
}
