/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/url.h"

#include "base/buf.h"
#include "base/mem.h"

#include <check.h>
#include <stdlib.h>
#include <uv.h>

static const struct {
    const char *text;
    bool secure;
    const char *userinfo, *host, *port, *target;
    const char *safe, *authority;
} good[] = {
    { "http://a", false, "", "a", "80", "/", "http://a/", "a" },
    { "https://a", true, "", "a", "443", "/", "https://a/", "a" },
    { "HTTP://A.Example:9090", false, "", "A.Example", "9090", "/", "http://A.Example:9090/", "A.Example:9090" },
    { "http://a:80/b/c?d=e&f", false, "", "a", "80", "/b/c?d=e&f", "http://a:80/b/c", "a:80" },
    { "http://a?d=e", false, "", "a", "80", "?d=e", "http://a", "a" },
    { "http://a/b#c", false, "", "a", "80", "/b", "http://a/b", "a" },
    { "http://a#c", false, "", "a", "80", "/", "http://a/", "a" },
    { "http://[::1]:9090/x", false, "", "::1", "9090", "/x", "http://[::1]:9090/x", "[::1]:9090" },
    { "http://[fd00::1]", false, "", "fd00::1", "80", "/", "http://[fd00::1]/", "[fd00::1]" },
    { "http://me:pass@a/b", false, "me:pass", "a", "80", "/b", "http://a/b", "a" },
    { "http://me@a", false, "me", "a", "80", "/", "http://a/", "a" },
    { "http://me:p@ss:word@a:1", false, "me:p@ss:word", "a", "1", "/", "http://a:1/", "a:1" },
    { "http://a/b@c:d", false, "", "a", "80", "/b@c:d", "http://a/b@c:d", "a" },
    { "http://a:65535", false, "", "a", "65535", "/", "http://a:65535/", "a:65535" },
};

static void is(struct bytes got, const char *wanted)
{
    ck_assert_msg(bytes_is(got, wanted), "%.*s, not %s", (int)got.len, (const char *)got.data, wanted);
}

START_TEST(a_url_is_taken_apart)
{
    struct buf text = { 0 };
    struct error err;
    struct url u;

    ck_assert_msg(url_parse(&u, bytes_str(good[_i].text), &err) == 0, "%s: %s", good[_i].text, err.text);
    ck_assert_int_eq(u.secure, good[_i].secure);
    is(u.userinfo, good[_i].userinfo);
    is(u.host, good[_i].host);
    is(url_port(&u), good[_i].port);
    is(u.target, good[_i].target);
    url_put_safe(&text, &u);
    ck_assert_str_eq(buf_cstr(&text), good[_i].safe);
    text.len = 0;
    url_put_authority(&text, &u);
    ck_assert_str_eq(buf_cstr(&text), good[_i].authority);
    buf_free(&text);
}
END_TEST

static const struct {
    const char *text, *why;
} bad[] = {
    { "", "begins with http:// or https://" },
    { "a:9090", "begins with http:// or https://" },
    { "ftp://a", "begins with http:// or https://" },
    { "http:/a", "begins with http:// or https://" },
    { "http://", "no host in it" },
    { "http:///x", "no host in it" },
    { "http://:9090", "no host in it" },
    { "http://me:pass@", "no host in it" },
    { "http://[]", "no host in it" },
    { "http://[::1", "lacks its closing bracket" },
    { "http://[::1]9", "is not a port" },
    { "http://a:", "\"\" is not a port" },
    { "http://a:0", "\"0\" is not a port" },
    { "http://a:65536", "\"65536\" is not a port" },
    { "http://a:000080", "\"000080\" is not a port" },
    { "http://a:9o", "\"9o\" is not a port" },
    { "http://a b", "no blanks" },
    { "http://a/\x7f", "no blanks and no control characters" },
    { "http://a/\r\nx: y", "no blanks and no control characters" },
    { " http://a", "no blanks" },
};

START_TEST(what_is_no_url_is_told_in_words)
{
    struct error err;
    struct url u;

    ck_assert_int_eq(url_parse(&u, bytes_str(bad[_i].text), &err), UV_EINVAL);
    ck_assert_msg(strstr(err.text, bad[_i].why) != NULL, "%s: %s", bad[_i].text, err.text);
}
END_TEST

START_TEST(no_fault_shows_the_password)
{
    static const char *const texts[] = { "http://me:secret@a:x", "http://me:secret@", "http://me:secret@[::1" };
    struct error err;
    struct url u;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ck_assert_int_ne(url_parse(&u, bytes_str(texts[i]), &err), 0);
        ck_assert_ptr_null(strstr(err.text, "secret"));
    }
}
END_TEST

START_TEST(a_nul_byte_ends_nothing_and_is_refused)
{
    struct error err;
    struct url u;

    ck_assert_int_eq(url_parse(&u, bytes_of("http://a\0b", 10), &err), UV_EINVAL);
}
END_TEST

START_TEST(what_is_not_plain_is_escaped)
{
    static const uint8_t bytes[] = { 'a', 'Z', '9', '-', '.', '~', ' ', '/', 0, 0xff, '%' };
    struct buf out = { 0 };

    url_put_escaped(&out, bytes_of(bytes, sizeof(bytes)), "-._~");
    ck_assert_str_eq(buf_cstr(&out), "aZ9-.~%20%2F%00%FF%25");
    out.len = 0;
    url_put_escaped(&out, bytes_str("a/b c"), "/");
    ck_assert_str_eq(buf_cstr(&out), "a/b%20c");
    buf_free(&out);
}
END_TEST

START_TEST(escapes_are_taken_back_where_they_are_whole)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },       { "a", "a" },     { "p%40ss%3Aw", "p@ss:w" }, { "%2f%2F", "//" },
        { "%4", "%4" },   { "%", "%" },     { "%%41", "%A" },           { "%4g%g4", "%4g%g4" },
        { "x%41", "xA" }, { "%41x", "Ax" }, { "100%%25", "100%%" },
    };
    struct buf out = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        out.len = 0;
        url_put_unescaped(&out, bytes_str(cases[i].in));
        ck_assert_str_eq(buf_cstr(&out), cases[i].out);
    }
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("url");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, a_url_is_taken_apart, 0, ARRAY_LEN(good));
    tcase_add_loop_test(tc, what_is_no_url_is_told_in_words, 0, ARRAY_LEN(bad));
    tcase_add_test(tc, no_fault_shows_the_password);
    tcase_add_test(tc, a_nul_byte_ends_nothing_and_is_refused);
    tcase_add_test(tc, what_is_not_plain_is_escaped);
    tcase_add_test(tc, escapes_are_taken_back_where_they_are_whole);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
