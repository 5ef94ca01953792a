/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/proxy.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *list, *host, *port;
    bool bypassed;
} cases[] = {
    { "", "example.com", "80", false },
    { NULL, "example.com", "80", false },
    /* This machine itself, whatever the list says. */
    { "", "localhost", "80", true },
    { "", "LocalHost", "80", true },
    { "", "127.0.0.1", "80", true },
    { "", "127.9.8.7", "80", true },
    { "", "::1", "80", true },
    { "", "::2", "80", false },
    { "", "localhost.example", "80", false },
    { "", "128.0.0.1", "80", false },
    /* Names: themselves and what is below. */
    { "example.com", "example.com", "80", true },
    { "example.com", "EXAMPLE.com", "80", true },
    { "EXAMPLE.com", "www.example.com", "80", true },
    { "example.com", "badexample.com", "80", false },
    { "example.com", "example.com.evil", "80", false },
    { "example.com", "com", "80", false },
    { ".example.com", "www.example.com", "80", true },
    { ".example.com", "example.com", "80", false },
    { "*.example.com", "a.b.example.com", "80", true },
    { "*.example.com", "example.com", "80", false },
    /* Ports. */
    { "example.com:8080", "example.com", "8080", true },
    { "example.com:8080", "example.com", "80", false },
    { "10.0.0.1:80", "10.0.0.1", "80", true },
    { "10.0.0.1:80", "10.0.0.1", "81", false },
    { "[fd00::1]:80", "fd00::1", "80", true },
    { "[fd00::1]:80", "fd00::1", "81", false },
    { "[fd00::1]", "fd00::1", "81", true },
    { ":80", "example.com", "80", false },
    { "[]:80", "example.com", "80", false },
    { "[", "example.com", "80", false },
    /* Addresses, however they are written. */
    { "10.0.0.1", "10.0.0.1", "80", true },
    { "10.0.0.1", "10.0.0.10", "80", false },
    { "fd00::1", "fd00:0:0::1", "80", true },
    { "10.0.0.1", "a10.0.0.1", "80", false },
    /* Blocks. */
    { "10.0.0.0/8", "10.1.2.3", "80", true },
    { "10.0.0.0/8", "11.1.2.3", "80", false },
    { "10.4.0.0/14", "10.7.255.255", "80", true },
    { "10.4.0.0/14", "10.8.0.0", "80", false },
    { "10.0.0.1/32", "10.0.0.1", "80", true },
    { "10.0.0.1/32", "10.0.0.2", "80", false },
    { "0.0.0.0/0", "8.8.8.8", "80", true },
    { "0.0.0.0/0", "example.com", "80", false },
    { "fd00::/8", "fd12::1", "80", true },
    { "fd00::/8", "fe00::1", "80", false },
    { "fd00::/8", "10.0.0.1", "80", false },
    { "::/0", "fd12::1", "80", true },
    { "10.0.0.0/33", "10.0.0.0", "80", false },
    { "10.0.0.0/", "10.0.0.1", "80", false },
    { "10.0.0.0/x", "10.0.0.1", "80", false },
    { "10.0.0.0/8x", "10.0.0.1", "80", false },
    { "10.0.0.0/-1", "10.0.0.1", "80", false },
    { "example.com/8", "10.0.0.1", "80", false },
    /* Lists. */
    { "*", "example.com", "80", true },
    { "a, b ,example.com", "example.com", "80", true },
    { "  b  ", "b", "80", true },
    { "a,,b,", "b", "80", true },
    { ",", "b", "80", false },
    { "a b", "b", "80", false },
    { "10.0.0.0/8,example.com", "example.com", "80", true },
};

START_TEST(the_list_says_who_is_asked_without_a_proxy)
{
    ck_assert_msg(proxy_is_bypassed(cases[_i].list, bytes_str(cases[_i].host), bytes_str(cases[_i].port)) ==
                      cases[_i].bypassed,
                  "%s: %s:%s", cases[_i].list, cases[_i].host, cases[_i].port);
}
END_TEST

static void clear(void)
{
    static const char *const names[] = { "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
}

static const char *proxy_of(const char *host)
{
    return proxy_from_environment(bytes_str(host), bytes_str("80"), false);
}

START_TEST(the_environment_names_the_proxy)
{
    clear();
    ck_assert_str_eq(proxy_of("a"), "");
    setenv("http_proxy", "http://small", 1);
    ck_assert_str_eq(proxy_of("a"), "http://small");
    ck_assert_str_eq(proxy_of("localhost"), "");
    setenv("no_proxy", "a", 1);
    ck_assert_str_eq(proxy_of("a"), "");
    ck_assert_str_eq(proxy_of("b"), "http://small");
}
END_TEST

START_TEST(capitals_come_first_as_in_go)
{
    clear();
    setenv("http_proxy", "http://small", 1);
    setenv("HTTP_PROXY", "http://large", 1);
    setenv("no_proxy", "a", 1);
    setenv("NO_PROXY", "b", 1);
    ck_assert_str_eq(proxy_of("a"), "http://large");
    ck_assert_str_eq(proxy_of("b"), "");
    setenv("HTTP_PROXY", "", 1);
    setenv("NO_PROXY", "", 1);
    ck_assert_str_eq(proxy_of("a"), "");
    ck_assert_str_eq(proxy_of("b"), "http://small");
}
END_TEST

START_TEST(a_client_of_a_cgi_script_cannot_set_the_proxy)
{
    clear();
    setenv("REQUEST_METHOD", "GET", 1);
    setenv("HTTP_PROXY", "http://evil", 1);
    ck_assert_str_eq(proxy_of("a"), "");
    setenv("http_proxy", "http://small", 1);
    ck_assert_str_eq(proxy_of("a"), "http://small");
}
END_TEST

START_TEST(a_proxy_is_one_of_three_kinds)
{
    static const struct {
        const char *url;
        enum proxy_kind kind;
        const char *host, *port;
    } good[] = {
        { "http://a", PROXY_HTTP, "a", "80" },
        { "HTTPS://u:p@a", PROXY_HTTPS, "a", "443" },
        { "https://a:3129/", PROXY_HTTPS, "a", "3129" },
        { "socks5://a", PROXY_SOCKS5, "a", "1080" },
        { "SOCKS5h://u:p@[::1]:9", PROXY_SOCKS5, "::1", "9" },
    };
    struct proxy p;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_int_eq(proxy_parse(&p, bytes_str(good[i].url), NULL), 0);
        ck_assert_int_eq(p.kind, good[i].kind);
        ck_assert(bytes_is(p.url.host, good[i].host) && bytes_is(p.port, good[i].port));
    }
}
END_TEST

START_TEST(what_is_no_proxy_is_told)
{
    static const char *const bad[][2] = {
        { "a:3128", "begins with http://, https:// or socks5://" },
        { "socks4://a", "begins with http://, https:// or socks5://" },
        { "socks5://", "no host in it" },
        { "socks5://a b", "no blanks" },
        { "socks5://u@a", "wants a name and a password" },
        { "socks5://u:@a", "wants a name and a password" },
        { "socks5://:p@a", "wants a name and a password" },
        { "socks5://a:99999", "is not a port" },
    };
    struct error err;
    struct proxy p;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_int_ne(proxy_parse(&p, bytes_str(bad[i][0]), &err), 0);
        ck_assert_msg(strstr(err.text, bad[i][1]) != NULL, "%s: %s", bad[i][0], err.text);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("proxy");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, the_list_says_who_is_asked_without_a_proxy, 0, ARRAY_LEN(cases));
    tcase_add_test(tc, the_environment_names_the_proxy);
    tcase_add_test(tc, capitals_come_first_as_in_go);
    tcase_add_test(tc, a_client_of_a_cgi_script_cannot_set_the_proxy);
    tcase_add_test(tc, a_proxy_is_one_of_three_kinds);
    tcase_add_test(tc, what_is_no_proxy_is_told);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
