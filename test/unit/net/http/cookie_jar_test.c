/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/cookie_jar.h"

#include "base/loop/clock.h"

#include <check.h>
#include <stdio.h>

#define NOW (1700000000ull * NS_PER_S) /* Tue, 14 Nov 2023 22:13:20 GMT */

static struct cookie_jar jar;
static struct cookie_request request;

static void set_up(void)
{
    cookie_jar_init(&jar);
    request = (struct cookie_request){ BYTES_LIT("otlp.example.org"), BYTES_LIT("/v1/traces"), true };
}

static void tear_down(void)
{
    cookie_jar_free(&jar);
    ck_assert_uint_eq(jar.n, 0);
}

static void take(const char *text)
{
    cookie_jar_take(&jar, bytes_str(text), &request, NOW);
}

static void expect_at(const char *path, bool secure, uint64_t now, const char *cookies)
{
    const struct cookie_request r = { request.host, bytes_str(path), secure };
    struct buf out = { 0 };

    cookie_jar_put(&jar, &r, now, &out);
    ck_assert_msg(out.len == strlen(cookies) && (out.len == 0 || memcmp(out.data, cookies, out.len) == 0), "%.*s",
                  (int)out.len, (const char *)out.data);
    buf_free(&out);
}

static void expect(const char *cookies)
{
    expect_at("/v1/traces", true, NOW, cookies);
}

START_TEST(what_was_set_goes_with_the_next_request)
{
    take("AWSALB=abc/+=; Path=/; HttpOnly");
    take("b = two ;SameSite=None");
    take("c=");
    expect("AWSALB=abc/+=; b=two; c=");
    take("AWSALB=new; Path=/");
    expect("b=two; c=; AWSALB=new");
}
END_TEST

START_TEST(a_cookie_ends_by_its_age_or_its_date)
{
    take("a=1; Max-Age=10; Expires=Wed, 01 Jan 2020 00:00:00 GMT");
    take("b=1; Expires=Tue, 14-Nov-2023 22:13:30 GMT");
    take("c=1; Expires=Tue, 14 Nov 2023 22:13:20 GMT");
    take("d=1; Max-Age=0");
    take("e=1; Max-Age=99999999999999999999999");
    take("f=1; Max-Age=x; Expires=soon");
    expect("a=1; b=1; e=1; f=1");
    expect_at("/v1/traces", true, NOW + 10 * NS_PER_S, "e=1; f=1");
    take("e=; Max-Age=-1");
    take("f=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    expect("");
    ck_assert_uint_eq(jar.n, 0);
}
END_TEST

START_TEST(a_path_is_a_folder_and_secure_is_for_https)
{
    take("own=1");
    take("v1=1; Path=/v1");
    take("v1slash=1; path=/v1/");
    take("all=1; Path=/; Secure");
    take("none=1; Path=v1");
    expect("own=1; v1=1; v1slash=1; all=1; none=1");
    expect_at("/v1", false, NOW, "own=1; v1=1; none=1");
    expect_at("/v10/traces", true, NOW, "all=1");
}
END_TEST

START_TEST(cookies_of_others_and_broken_ones_are_left_out)
{
    static const char *const bad[] = {
        "",
        ";",
        "=x",
        "novalue",
        "a=1; Domain=evil.org",
        "a=1; Domain=ample.org",
        "a=1; Domain=x.otlp.example.org",
        "a=b\tc",
        "a=1; Path=/\001",
    };
    char large[5000];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        take(bad[i]);
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    large[1] = '=';
    take(large);
    expect("");
    take("a=1; Domain=.example.org");
    take("b=1; domain=OTLP.example.org");
    expect("a=1; b=1");
    request.host = bytes_str("10.1.2.3");
    take("c=1; Domain=2.3");
    expect("a=1; b=1");
}
END_TEST

START_TEST(the_oldest_make_room)
{
    char text[32];

    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof(text), "n%d=%d", i, i);
        take(text);
    }
    ck_assert_uint_eq(jar.n, 50);
    take("n10=; Max-Age=0");
    ck_assert_uint_eq(jar.n, 49);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cookie_jar");
    TCase *tc = tcase_create("cookie_jar");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, what_was_set_goes_with_the_next_request);
    tcase_add_test(tc, a_cookie_ends_by_its_age_or_its_date);
    tcase_add_test(tc, a_path_is_a_folder_and_secure_is_for_https);
    tcase_add_test(tc, cookies_of_others_and_broken_ones_are_left_out);
    tcase_add_test(tc, the_oldest_make_room);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
