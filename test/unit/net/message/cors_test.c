/* SPDX-License-Identifier: Apache-2.0 */
#include "net/message/cors.h"

#include "support/http_recorder.h"
#include "support/memory_conn.h"

#include <check.h>

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"
#define PREFLIGHT "OPTIONS / HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Method: "

static struct memory_conn m;
static struct recorder r;
static struct http_cors_config cors;
static struct string_pair added[] = { { "X-Added", "yes" }, { "Connection", "upgrade" } };
static struct string_map response_headers;

static void set_up(void)
{
    struct http_server_options options = { .cors = &cors, .response_headers = &response_headers };
    static const char *origins[] = { "https://*.example.com" }, *names[] = { "X-Foo" }, *exposed[] = { "X-Bar" };

    cors = (struct http_cors_config){
        .on = true,
        .allowed_origins = { origins, 1 },
        .allowed_headers = { names, 1 },
        .exposed_headers = { exposed, 1 },
    };
    response_headers = (struct string_map){ 0 };
    recorder_init(&r);
    memory_open(&m, &options, &r.service, http1_open);
}

static void tear_down(void)
{
    memory_close(&m);
    buf_free(&r.log);
}

static bool answer_has(const char *request, const char *part)
{
    m.out.len = 0;
    memory_send(&m, bytes_str(request));
    return strstr(buf_cstr(&m.out), part) != NULL;
}

START_TEST(an_origin_that_is_allowed_is_named_and_what_its_scripts_may_read)
{
    ck_assert(answer_has(GET "Origin: https://a.example.com\r\n\r\n",
                         "access-control-allow-origin: https://a.example.com\r\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&m.out), "access-control-allow-credentials: true\r\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&m.out), "access-control-expose-headers: X-Bar\r\n"));
    ck_assert(!answer_has(GET "Origin: https://example.org\r\n\r\n", "access-control"));
    ck_assert(answer_has(GET "\r\n", "vary: Origin\r\n")); /* caches are told of the others too */
}
END_TEST

START_TEST(a_preflight_never_reaches_the_service)
{
    ck_assert(answer_has(PREFLIGHT "GET\r\nOrigin: https://a.example.com\r\n\r\n", "HTTP/1.1 204"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&m.out), "access-control-allow-methods: GET\r\n"));
    ck_assert_str_eq(buf_cstr(&r.log), "");
    ck_assert(!answer_has("OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204"));
    ck_assert_str_ne(buf_cstr(&r.log), "");
}
END_TEST

START_TEST(a_preflight_that_asks_for_more_than_is_allowed_is_told_nothing)
{
    static const char *const asked[] = {
        PREFLIGHT "DELETE\r\nOrigin: https://a.example.com\r\n\r\n",
        PREFLIGHT "GET\r\nOrigin: https://example.org\r\n\r\n",
        PREFLIGHT "GET\r\nOrigin: https://a.example.com\r\nAccess-Control-Request-Headers: x-foo, x-bar\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        ck_assert(answer_has(asked[i], "HTTP/1.1 204"));
        ck_assert_ptr_null(strstr(buf_cstr(&m.out), "access-control"));
    }
    ck_assert(answer_has(PREFLIGHT
                         "GET\r\nOrigin: https://a.example.com\r\nAccess-Control-Request-Headers: x-foo\r\n\r\n",
                         "access-control-allow-headers: x-foo\r\n"));
}
END_TEST

START_TEST(headers_of_every_answer_are_added_but_none_that_are_the_protocols_own)
{
    response_headers = (struct string_map){ added, ARRAY_LEN(added) };
    ck_assert(answer_has(GET "\r\n", "X-Added: yes\r\n"));
    ck_assert_ptr_null(strstr(buf_cstr(&m.out), "upgrade"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cors");
    TCase *tc = tcase_create("cors");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, an_origin_that_is_allowed_is_named_and_what_its_scripts_may_read);
    tcase_add_test(tc, a_preflight_never_reaches_the_service);
    tcase_add_test(tc, a_preflight_that_asks_for_more_than_is_allowed_is_told_nothing);
    tcase_add_test(tc, headers_of_every_answer_are_added_but_none_that_are_the_protocols_own);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
