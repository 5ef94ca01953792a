/* SPDX-License-Identifier: Apache-2.0 */
/* The tunnel on a pair of sockets, the proxy's end of which the test plays. */
#include "net/http/tunnel.h"

#include "base/mem.h"
#include "support/settle.h"

#include <check.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop loop;
static int proxy;
static struct {
    unsigned times;
    int fd;
    char early[64], why[300];
} told;

static void on_done(void *arg, int fd, struct tunnel *relay, struct bytes early, const char *why)
{
    (void)arg;
    ck_assert_ptr_null(relay);
    told.times++;
    told.fd = fd;
    snprintf(told.early, sizeof(told.early), "%.*s", (int)early.len, (const char *)early.data);
    snprintf(told.why, sizeof(told.why), "%s", why);
}

static void settle(void)
{
    settle_loop(&loop);
}

static struct tunnel *begin(const char *authorization)
{
    const struct tunnel_options o = { .to = "origin.example:443",
                                      .authorization = authorization,
                                      .timeout = 5 * NS_PER_S };
    struct tunnel *t;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    proxy = pair[1];
    t = tunnel_start(&loop, pair[0], &o, on_done, NULL);
    ck_assert_ptr_nonnull(t);
    settle();
    return t;
}

static void say(const char *text)
{
    ck_assert_int_eq(send(proxy, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    settle();
}

static const char *hear(void)
{
    static char heard[512];
    ssize_t n = read(proxy, heard, sizeof(heard) - 1);

    heard[n > 0 ? n : 0] = '\0';
    return heard;
}

static void set_up(void)
{
    loop_init(&loop, true);
    memset(&told, 0, sizeof(told));
}

static void tear_down(void)
{
    settle();
    close(proxy);
    ck_assert_uint_eq(loop.clock.heap.n, 0);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
}

START_TEST(the_connection_is_handed_on_with_what_the_origin_has_said)
{
    begin("Basic bWU6cGFzcw==");
    ck_assert_str_eq(hear(), "CONNECT origin.example:443 HTTP/1.1\r\nHost: origin.example:443\r\n"
                             "Proxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n");
    say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 20");
    ck_assert_uint_eq(told.times, 0);
    say("0 Connection established\r\nVia: x\r\n\r\nhello");
    ck_assert_uint_eq(told.times, 1);
    ck_assert_int_ge(told.fd, 0);
    ck_assert_str_eq(told.early, "hello");
    ck_assert_int_eq(write(told.fd, "there", 5), 5);
    ck_assert_str_eq(hear(), "there");
    close(told.fd);
}
END_TEST

START_TEST(an_answer_that_opens_no_tunnel_is_told)
{
    static const struct {
        const char *authorization, *answer, *why;
    } cases[] = {
        { NULL, "HTTP/1.1 407 x\r\n\r\n", "407 Proxy Authentication Required: write its name and password" },
        { "Basic eA==", "HTTP/1.1 407 x\r\n\r\n", "it does not take the name and password of its URL" },
        { NULL, "HTTP/1.0 502 Bad Gateway\r\n\r\n", "it answers CONNECT with 502 Bad Gateway" },
        { NULL, "HTTP/1.1 302 Found\r\nLocation: http://a\r\n\r\n", "302 Found" },
        { NULL, "\x16\x03\x01\n\n", "not HTTP" },
        { NULL, "HTTP/1.1 2000 OK\r\n\r\n", "not HTTP" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(&told, 0, sizeof(told));
        begin(cases[i].authorization);
        say(cases[i].answer);
        ck_assert_uint_eq(told.times, 1);
        ck_assert_int_eq(told.fd, -1);
        ck_assert_msg(strstr(told.why, cases[i].why) != NULL, "%s", told.why);
        ck_assert_msg(strncmp(told.why, "the way to origin.example:443 through the proxy: ", 48) == 0, "%s", told.why);
        if (i + 1 < ARRAY_LEN(cases))
            close(proxy);
    }
}
END_TEST

START_TEST(a_proxy_that_says_nothing_for_long_or_ends_is_given_up)
{
    begin(NULL);
    clock_advance(&loop.clock, 4 * NS_PER_S);
    settle();
    ck_assert_uint_eq(told.times, 0);
    clock_advance(&loop.clock, 2 * NS_PER_S);
    settle();
    ck_assert_uint_eq(told.times, 1);
    ck_assert_msg(strstr(told.why, "did not answer CONNECT in time") != NULL, "%s", told.why);
    close(proxy);

    begin(NULL);
    shutdown(proxy, SHUT_RDWR);
    settle();
    ck_assert_uint_eq(told.times, 2);
    ck_assert_msg(strstr(told.why, "closed the connection before") != NULL, "%s", told.why);
}
END_TEST

START_TEST(a_head_without_end_is_not_gathered)
{
    char line[4097];

    begin(NULL);
    say("HTTP/1.1 200 OK\r\n");
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    for (int i = 0; i < 5 && told.times == 0; i++)
        say(line);
    ck_assert_uint_eq(told.times, 1);
    ck_assert_msg(strstr(told.why, "too long") != NULL, "%s", told.why);
}
END_TEST

START_TEST(who_has_gone_is_not_told)
{
    struct tunnel *t = begin(NULL);

    tunnel_cancel(t);
    settle();
    ck_assert_uint_eq(told.times, 0);
}
END_TEST

START_TEST(what_the_origin_says_behind_the_last_answer_of_socks_is_its_own)
{
    const struct tunnel_options o = { .to = "origin.example:443",
                                      .timeout = 5 * NS_PER_S,
                                      .socks = true,
                                      .host = bytes_str("origin.example"),
                                      .port = bytes_str("443") };
    static const char answers[] = "\5\0\5\0\0\3\1a\0\1early";
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    proxy = pair[1];
    ck_assert_ptr_nonnull(tunnel_start(&loop, pair[0], &o, on_done, NULL));
    settle();
    ck_assert_int_eq(send(proxy, answers, sizeof(answers) - 1, MSG_NOSIGNAL), (ssize_t)sizeof(answers) - 1);
    settle();
    ck_assert_uint_eq(told.times, 1);
    ck_assert_int_ge(told.fd, 0);
    ck_assert_str_eq(told.early, "early");
    close(told.fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tunnel");
    TCase *tc = tcase_create("tunnel");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, the_connection_is_handed_on_with_what_the_origin_has_said);
    tcase_add_test(tc, an_answer_that_opens_no_tunnel_is_told);
    tcase_add_test(tc, a_proxy_that_says_nothing_for_long_or_ends_is_given_up);
    tcase_add_test(tc, a_head_without_end_is_not_gathered);
    tcase_add_test(tc, who_has_gone_is_not_told);
    tcase_add_test(tc, what_the_origin_says_behind_the_last_answer_of_socks_is_its_own);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
