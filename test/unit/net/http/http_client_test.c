/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a server that the test plays by hand, on real sockets of the loopback. */
#include "net/http/http_client.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/http1/response_reader.h"
#include "support/settle.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PEERS 8

struct told {
    struct bytes parts[2]; /* of the body */
    struct http_call call;
    unsigned times;
    enum http_failure failure;
    bool ambiguous, cut, pauses, cancels;
    enum http_spoken spoken;
    int status;
    uint64_t retry_after_ms;
    char why[240], body[64], header[64], trailer[64];
    size_t body_len;
    struct buf passed; /* by on_body */
};

static struct loop loop;
static struct http_client *client;
static struct http_client_options options;
static int listener, peers[PEERS];
static size_t n_peers;
static char url[80], endpoint[32];
static struct buf heard;

static void settle(void)
{
    settle_loop(&loop);
}

static void set_up(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(in);

    loop_init(&loop, true);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(listener, 16), 0);
    getsockname(listener, (struct sockaddr *)&in, &len);
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", ntohs(in.sin_port));
    snprintf(url, sizeof(url), "http://%s/write?a=b", endpoint);
    options = (struct http_client_options){ .url = url, .user_agent = "test/1", .max_idle = 2 };
    client = NULL;
    n_peers = 0;
    heard = (struct buf){ 0 };
    unsetenv("http_proxy");
    unsetenv("HTTP_PROXY");
}

static void tear_down(void)
{
    if (client != NULL)
        http_client_close(client);
    settle();
    for (size_t i = 0; i < n_peers; i++)
        close(peers[i]);
    if (listener >= 0)
        close(listener);
    ck_assert_uint_eq(loop.clock.heap.n, 0);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
    buf_free(&heard);
}

static void start(void)
{
    struct error err;

    client = http_client_new(&loop, &options, &err);
    ck_assert_msg(client != NULL, "%s", err.text);
}

static void on_done(struct http_call *call, const struct http_response *a)
{
    struct told *t = container_of(call, struct told, call);
    const struct bytes *x = http_response_header(a, "x-test");

    t->times++;
    t->failure = a->failure;
    t->ambiguous = a->ambiguous;
    t->spoken = a->spoken;
    t->status = a->status;
    t->retry_after_ms = a->retry_after_ms;
    t->body_len = a->body.len;
    t->cut = a->cut;
    snprintf(t->why, sizeof(t->why), "%s", a->why);
    snprintf(t->body, sizeof(t->body), "%.*s", (int)a->body.len, (const char *)a->body.data);
    snprintf(t->trailer, sizeof(t->trailer), "%.*s", a->n_trailers > 0 ? (int)a->trailers[0].value.len : 0,
             a->n_trailers > 0 ? (const char *)a->trailers[0].value.data : "");
    snprintf(t->header, sizeof(t->header), "%.*s", x != NULL ? (int)x->len : 0, x != NULL ? (const char *)x->data : "");
}

static void call(struct told *t, const char *body)
{
    t->times = 0;
    t->call.method = "POST";
    t->parts[0] = bytes_of(body, strlen(body) / 2);
    t->parts[1] = bytes_skip(bytes_str(body), strlen(body) / 2);
    t->call.parts = t->parts;
    t->call.n_parts = 2;
    if (t->call.max_response == 0)
        t->call.max_response = 1024;
    t->call.on_done = on_done;
    http_call_start(client, &t->call);
}

/* The next connection arrives: the pool of threads has looked the address up, and that is waited for. */
static int take(void)
{
    int fd, on = 1;

    settle();
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
        ck_assert_int_eq(errno, EAGAIN);
        uv_run(&loop.uv, UV_RUN_ONCE);
        turn_run(&loop.turn);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    settle();
    ck_assert_uint_lt(n_peers, PEERS);
    peers[n_peers++] = fd;
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    settle();
}

/* All that has come since the last time. */
static const char *hear(int fd)
{
    heard.len = 0;
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(&heard, 65536), 65536, MSG_DONTWAIT);

        if (n <= 0)
            return buf_cstr(&heard);
        heard.len += (size_t)n;
    }
}

/* The client has hung up: waited for where it has to. */
static bool is_closed(int fd)
{
    return settle_is_closed(&loop, fd);
}

static bool stays_open(int fd)
{
    char thrown[4096];
    ssize_t n;

    do {
        settle();
        n = recv(fd, thrown, sizeof(thrown), MSG_DONTWAIT);
    } while (n > 0);
    return n < 0 && errno == EAGAIN;
}

static void until_told(const struct told *t)
{
    settle();
    while (t->times == 0) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        turn_run(&loop.turn);
    }
    ck_assert_uint_eq(t->times, 1);
}

static void advance(uint64_t ns)
{
    clock_advance(&loop.clock, ns);
    settle();
}

START_TEST(a_call_is_one_request_and_its_answer_is_told_whole)
{
    const struct http_header fixed = { BYTES_LIT("x-org"), BYTES_LIT("me\r\nevil: 1") };
    const struct http_header own = { BYTES_LIT("x-call"), BYTES_LIT("1") };
    struct told t = { .call = { .headers = &own, .n_headers = 1 } };
    char wanted[400];
    int fd;

    options.headers = &fixed;
    options.n_headers = 1;
    start();
    call(&t, "body");
    fd = take();
    snprintf(wanted, sizeof(wanted),
             "POST /write?a=b HTTP/1.1\r\nhost: %s\r\nuser-agent: test/1\r\nx-org: me  evil: 1\r\nx-call: 1\r\n"
             "content-length: 4\r\n\r\nbody",
             endpoint);
    ck_assert_str_eq(hear(fd), wanted);
    say(fd, "HTTP/1.1 429 Slow\r\nX-Test: yes\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nlater");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_ANSWERED);
    ck_assert_int_eq(t.status, 429);
    ck_assert_str_eq(t.body, "later");
    ck_assert_str_eq(t.header, "yes");
    ck_assert_uint_eq(t.retry_after_ms, 7000);
    ck_assert_str_eq(t.why, "");
}
END_TEST

START_TEST(an_answer_is_the_same_wherever_it_is_cut)
{
    static const char *const answers[] = {
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nfir\r\n2;x=y\r\nst\r\n0\r\nTrailer: z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst",
    };
    struct told t = { .call = { .repeatable = true } };
    int fd = -1;

    start();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        for (size_t at = 1; at < strlen(answers[i]); at++) {
            call(&t, "x");
            if (fd < 0)
                fd = take();
            settle();
            ck_assert_uint_gt(strlen(hear(fd)), 0);
            ck_assert_int_eq(send(fd, answers[i], at, MSG_NOSIGNAL), (ssize_t)at);
            settle();
            ck_assert_uint_eq(t.times, 0);
            say(fd, answers[i] + at);
            ck_assert_msg(t.times == 1, "answer %zu, cut at %zu", i, at);
            ck_assert_int_eq(t.status, 200);
            ck_assert_str_eq(t.body, "first");
        }
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
}
END_TEST

START_TEST(answers_without_a_body_end_with_their_head)
{
    static const char *const answers[] = { "HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 304 No\r\n\r\n",
                                           "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n" };
    struct told t = { .times = 0 };
    int fd = -1;

    start();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        call(&t, "x");
        if (fd < 0)
            fd = take();
        settle();
        say(fd, answers[i]);
        ck_assert_uint_eq(t.times, 1);
        ck_assert_uint_eq(t.body_len, 0);
    }
}
END_TEST

START_TEST(an_answer_without_a_length_ends_with_the_connection)
{
    struct told t = { .times = 0 };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\n\r\nall of ");
    say(fd, "it");
    ck_assert_uint_eq(t.times, 0);
    shutdown(fd, SHUT_WR);
    settle();
    ck_assert_uint_eq(t.times, 1);
    ck_assert_str_eq(t.body, "all of it");
    ck_assert(is_closed(fd));
}
END_TEST

START_TEST(connections_are_kept_for_a_time)
{
    struct told t = { .times = 0 };
    int fd;

    options.idle_timeout = 10 * NS_PER_S;
    start();
    call(&t, "x");
    fd = take();
    say(fd, OK);
    advance(9 * NS_PER_S);
    call(&t, "y");
    say(fd, OK);
    ck_assert_uint_eq(t.times, 1);
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
    advance(9 * NS_PER_S);
    ck_assert(stays_open(fd));
    advance(2 * NS_PER_S);
    ck_assert(is_closed(fd));
    ck_assert_uint_eq(http_client_stats(client)->connections, 0);
}
END_TEST

START_TEST(a_connection_is_not_kept_where_either_side_says_so)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 OK\r\n\r\nmore than was asked for",
    };
    struct told t = { .times = 0 };

    start();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        int fd;

        call(&t, "x");
        fd = take();
        say(fd, answers[i]);
        ck_assert_uint_eq(t.times, 1);
        ck_assert(is_closed(fd));
    }
    http_client_close(client);
    options.max_idle = 0;
    start();
    call(&t, "x");
    take();
    ck_assert_ptr_nonnull(strstr(hear(peers[n_peers - 1]), "\r\nconnection: close\r\n"));
    say(peers[n_peers - 1], OK);
    ck_assert(is_closed(peers[n_peers - 1]));
}
END_TEST

START_TEST(words_that_nobody_asked_for_close_a_kept_connection)
{
    struct told t = { .times = 0 };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, OK);
    say(fd, "HTTP/1.1 408 Bye\r\n\r\n");
    ck_assert(is_closed(fd));
    ck_assert_uint_eq(t.times, 1);
}
END_TEST

START_TEST(a_kept_connection_that_is_dead_is_replaced)
{
    struct told t = { .call = { .repeatable = true } };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, OK);
    hear(fd);
    settle_close(fd);
    n_peers--;
    call(&t, "again");
    fd = take();
    ck_assert_ptr_nonnull(strstr(hear(fd), "\r\n\r\nagain"));
    ck_assert_uint_eq(t.times, 0);
    settle_close(fd); /* a new one that does the same is the peer's trouble */
    n_peers--;
    until_told(&t);
    ck_assert_int_eq(t.failure, HTTP_CLOSED);
    ck_assert(t.ambiguous);
}
END_TEST

START_TEST(what_must_not_be_sent_twice_is_not)
{
    struct told t = { .call = { .repeatable = false } };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, OK);
    hear(fd);
    settle_close(fd);
    n_peers--;
    call(&t, "again");
    until_told(&t);
    ck_assert_int_eq(t.failure, HTTP_CLOSED);
    ck_assert(t.ambiguous);
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
}
END_TEST

START_TEST(half_an_answer_is_none)
{
    static const char *const halves[] = { "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n" };
    struct told t = { .call = { .repeatable = true } };
    char wanted[120];

    start();
    snprintf(wanted, sizeof(wanted), "POST to http://%s/write: the peer closed the connection", endpoint);
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        int fd;

        call(&t, "x");
        fd = take();
        say(fd, OK);
        call(&t, "x"); /* a kept connection, but it has been heard: what was said may have been done */
        settle();
        say(fd, halves[i]);
        shutdown(fd, SHUT_WR);
        settle();
        ck_assert_uint_eq(t.times, 1);
        ck_assert_int_eq(t.failure, HTTP_CLOSED);
        ck_assert(t.ambiguous);
        ck_assert_str_eq(t.why, wanted);
    }
}
END_TEST

START_TEST(what_is_no_http_breaks_the_call)
{
    static const char *const answers[] = {
        "220 smtp.example ESMTP\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n", /* and waits for ours */
        "HTTP/2",
        "\x16\x04",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab",
    };
    struct told t = { .times = 0 };

    start();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        int fd;

        call(&t, "x");
        fd = take();
        say(fd, answers[i]);
        ck_assert_uint_eq(t.times, 1);
        ck_assert_int_eq(t.failure, HTTP_BROKEN_RESPONSE);
        ck_assert(t.ambiguous);
        ck_assert(is_closed(fd));
    }
}
END_TEST

START_TEST(another_protocol_is_named_and_has_not_read_the_request)
{
    static const struct {
        const char *said;
        size_t len;
        enum http_spoken spoken;
        const char *why;
    } others[] = {
        { "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\2", 15, HTTP_SPOKEN_HTTP2, "speaks HTTP/2, not HTTP/1.1" },
        { "\x15\x03\x03\0\2\2\x50", 7, HTTP_SPOKEN_TLS, "speaks TLS, not plain text" },
    };
    struct told t = { .times = 0 };

    start();
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        int fd;

        call(&t, "x");
        fd = take();
        ck_assert_int_eq(send(fd, others[i].said, 1, MSG_NOSIGNAL), 1); /* which says nothing yet */
        settle();
        ck_assert_uint_eq(t.times, 0);
        ck_assert_int_eq(send(fd, others[i].said + 1, others[i].len - 1, MSG_NOSIGNAL), (ssize_t)others[i].len - 1);
        settle();
        ck_assert_uint_eq(t.times, 1);
        ck_assert_int_eq(t.failure, HTTP_WRONG_PROTOCOL);
        ck_assert_int_eq(t.spoken, others[i].spoken);
        ck_assert(!t.ambiguous);
        ck_assert_ptr_nonnull(strstr(t.why, others[i].why));
        ck_assert(is_closed(fd));
    }
}
END_TEST

START_TEST(a_head_and_the_answers_before_it_are_bounded)
{
    struct told t = { .times = 0 };
    char line[1100];
    int fd;

    start();
    call(&t, "x");
    fd = take();
    for (int i = 0; i < 16; i++)
        say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    ck_assert_uint_eq(t.times, 0);
    say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_ptr_nonnull(strstr(t.why, "one 1xx after another"));

    snprintf(line, sizeof(line), "x: %01050d\r\n", 0);
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; t.times == 0 && i < 100; i++)
        say(fd, line);
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_BROKEN_RESPONSE);
}
END_TEST

START_TEST(of_a_long_answer_the_beginning_is_kept)
{
    struct told t = { .call = { .max_response = 4 } };
    static char flood[256 * 1024];
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 400 No\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_str_eq(t.body, "abcd");
    ck_assert(t.cut);
    ck_assert(stays_open(fd));

    memset(flood, 'f', sizeof(flood) - 1);
    call(&t, "x");
    say(fd, "HTTP/1.1 400 No\r\nContent-Length: 100000000\r\n\r\n");
    for (int i = 0; i < 64 && t.times == 0; i++) {
        send(fd, flood, sizeof(flood) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        settle();
    }
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_ANSWERED);
    ck_assert_str_eq(t.body, "ffff");
    ck_assert(is_closed(fd));
}
END_TEST

START_TEST(a_large_request_that_is_refused_early_hears_the_answer)
{
    static char large[8 * 1024 * 1024];
    struct told t = { .times = 0 };
    int fd;

    memset(large, 'l', sizeof(large) - 1);
    start();
    call(&t, large);
    fd = take();
    say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.status, 413);
    ck_assert_str_eq(t.body, "big");
    ck_assert(is_closed(fd)); /* the rest of the request was not waited for */
}
END_TEST

START_TEST(a_body_is_sent_from_where_its_parts_lie)
{
    static char large[8 * 1024 * 1024];
    struct bytes parts[40] = { 0 };
    struct told t = { .call = {
                          .method = "POST", .on_done = on_done, .max_response = 9, .parts = parts, .n_parts = 40 } };
    size_t each = sizeof(large) / 40, seen = 0;
    int fd;

    memset(large, 'l', sizeof(large));
    for (size_t i = 0; i < 40; i++)
        parts[i] = bytes_of(large + i * each, i == 7 ? 0 : each);
    start();
    http_call_start(client, &t.call);
    fd = take();
    memset(large + 39 * each, 'z', each); /* has not left: no socket holds so much */
    do {
        const char *text = hear(fd);

        seen += heard.len;
        if (heard.len > 0 && seen < 38 * each)
            ck_assert_int_ne(text[heard.len - 1], 'z');
        settle();
    } while (seen < 39 * each);
    ck_assert_int_eq(heard.data[heard.len - 1], 'z');
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_ANSWERED);
}
END_TEST

START_TEST(trailers_are_told_with_the_answer)
{
    struct told t = { .times = 0 };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Su");
    say(fd, "m: 42\r\nX-Other: 1\r\n\r\n");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_ANSWERED);
    ck_assert_str_eq(t.body, "ok");
    ck_assert_str_eq(t.trailer, "42");

    call(&t, "x"); /* and are gone with it; the connection is the same */
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_str_eq(t.trailer, "");

    call(&t, "x");
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_BROKEN_RESPONSE);
}
END_TEST

static void on_body(struct http_call *call, struct bytes data)
{
    struct told *t = container_of(call, struct told, call);

    ck_assert_int_eq(call->status, 200);
    buf_put(&t->passed, data);
    if (t->pauses)
        http_call_pause(call);
    if (t->cancels)
        http_call_cancel(call);
}

START_TEST(a_body_is_passed_on_as_it_comes_and_not_faster_than_is_wanted)
{
    static char large[4 * 1024 * 1024];
    struct told t = { .call = { .on_body = on_body, .max_response = 8ul << 20 }, .pauses = true };
    size_t sent = 0, paused;
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n");
    for (int i = 0; i < 50; i++) {
        ssize_t n = send(fd, large + sent, sizeof(large) - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        settle();
    }
    paused = t.passed.len;
    ck_assert_uint_gt(paused, 0);
    ck_assert_uint_le(paused, 64ul * 1024); /* one read; the rest waits where it costs nobody anything */
    t.pauses = false;
    http_call_resume(&t.call);
    while (sent < sizeof(large)) {
        ssize_t n = send(fd, large + sent, sizeof(large) - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        settle();
    }
    for (int i = 0; i < 10000 && t.times == 0; i++) /* the kernel hands over what it still holds when it likes */
        settle();
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_ANSWERED);
    ck_assert_uint_eq(t.passed.len, sizeof(large));
    ck_assert_uint_eq(t.body_len, 0);
    buf_free(&t.passed);
}
END_TEST

START_TEST(a_body_that_is_passed_on_has_a_bound_and_may_be_cancelled)
{
    struct told t = { .call = { .on_body = on_body, .max_response = 4 } };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    say(fd, "cde");
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_BROKEN_RESPONSE);
    ck_assert_ptr_nonnull(strstr(t.why, "larger than was asked for"));
    ck_assert(is_closed(fd));

    t.cancels = true;
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    ck_assert_uint_eq(t.times, 0);
    ck_assert(is_closed(fd));
    ck_assert(bytes_is(buf_bytes(&t.passed), "aba"));
    buf_free(&t.passed);
}
END_TEST

START_TEST(what_is_kept_of_an_answer_is_in_the_budget)
{
    static char much[CALL_ANSWER_SURE];
    struct budget budget;
    struct told t = { .call = { .max_response = 1 << 20 } };
    int fd;

    budget_init(&budget, 10, &loop.turn);
    options.budget = &budget;
    start();
    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n12345678");
    ck_assert_uint_eq(budget.used, 8);
    memset(much, 'x', sizeof(much) - 1);
    say(fd, much);
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_BROKEN_RESPONSE);
    ck_assert_ptr_nonnull(strstr(t.why, "memory budget"));
    ck_assert(is_closed(fd));
    ck_assert_uint_eq(budget.used, 0);

    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n123456789012"); /* a small one has room at all times */
    ck_assert_int_eq(t.failure, HTTP_ANSWERED);
    ck_assert_uint_eq(budget.used, 0);
}
END_TEST

START_TEST(time_is_bounded_and_the_reason_told)
{
    struct told t = { .call = { .timeout = 5 * NS_PER_S } };
    int fd;

    start();
    call(&t, "x");
    fd = take();
    advance(4 * NS_PER_S);
    ck_assert_uint_eq(t.times, 0);
    advance(2 * NS_PER_S);
    ck_assert_uint_eq(t.times, 1);
    ck_assert_int_eq(t.failure, HTTP_TIMED_OUT);
    ck_assert(t.ambiguous);
    ck_assert_ptr_nonnull(strstr(t.why, "no answer came within 5 s"));
    ck_assert(is_closed(fd));

    call(&t, "x");
    fd = take();
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal");
    advance(6 * NS_PER_S);
    ck_assert_int_eq(t.failure, HTTP_TIMED_OUT);
    ck_assert_ptr_nonnull(strstr(t.why, "the answer did not end within 5 s"));

    call(&t, "x"); /* the address is still looked up */
    clock_advance(&loop.clock, 6 * NS_PER_S);
    until_told(&t);
    ck_assert_int_eq(t.failure, HTTP_NOT_CONNECTED);
    ck_assert(!t.ambiguous);
    ck_assert_ptr_nonnull(strstr(t.why, "no connection came about within 5 s"));
}
END_TEST

START_TEST(who_does_not_listen_is_named)
{
    struct told t = { .times = 0 };
    char wanted[100];

    close(listener);
    listener = -1;
    start();
    call(&t, "x");
    until_told(&t);
    snprintf(wanted, sizeof(wanted), "connect to %s: Connection refused", endpoint);
    ck_assert_int_eq(t.failure, HTTP_NOT_CONNECTED);
    ck_assert_str_eq(t.why, wanted);
    ck_assert(!t.ambiguous);
}
END_TEST

START_TEST(a_name_that_is_none_is_not_resolved)
{
    struct told t = { .times = 0 };
    char name[400];

    snprintf(name, sizeof(name), "http://%0300d.example/", 1);
    options.url = name;
    start();
    call(&t, "x");
    until_told(&t);
    ck_assert_int_eq(t.failure, HTTP_NOT_RESOLVED);
    ck_assert(!t.ambiguous);
    ck_assert_ptr_nonnull(strstr(t.why, "look up 000"));
}
END_TEST

START_TEST(calls_beyond_the_limit_wait_in_order)
{
    struct told t[4] = { [1] = { .call = { .timeout = 5 * NS_PER_S } } };
    int fd;

    options.max_connections = 1;
    start();
    call(&t[0], "zero");
    fd = take();
    for (int i = 1; i < 4; i++)
        call(&t[i], i == 2 ? "two" : "other");
    http_call_cancel(&t[3].call);
    ck_assert_ptr_nonnull(strstr(hear(fd), "\r\n\r\nzero"));
    advance(6 * NS_PER_S);
    ck_assert_uint_eq(t[1].times, 1);
    ck_assert_int_eq(t[1].failure, HTTP_NOT_CONNECTED);
    ck_assert(!t[1].ambiguous);
    ck_assert_ptr_nonnull(strstr(t[1].why, "no connection was free within 5 s"));
    ck_assert_ptr_nonnull(strstr(t[1].why, endpoint));
    say(fd, OK);
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_ptr_nonnull(strstr(hear(fd), "\r\n\r\ntwo"));
    say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    ck_assert_uint_eq(t[2].times, 1);
    ck_assert_uint_eq(t[3].times, 0);
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
}
END_TEST

START_TEST(a_waiting_call_gets_the_place_of_a_connection_that_broke)
{
    struct told t[2] = { { .times = 0 } };
    int fd;

    options.max_connections = 1;
    start();
    call(&t[0], "zero");
    fd = take();
    call(&t[1], "one");
    shutdown(fd, SHUT_WR);
    settle();
    ck_assert_int_eq(t[0].failure, HTTP_CLOSED);
    fd = take();
    ck_assert_ptr_nonnull(strstr(hear(fd), "\r\n\r\none"));
    say(fd, OK);
    ck_assert_int_eq(t[1].status, 200);
}
END_TEST

START_TEST(a_cancelled_call_is_not_told)
{
    struct told t = { .times = 0 };
    int fd;

    start();
    call(&t, "x");
    http_call_cancel(&t.call); /* while the address is looked up */
    call(&t, "x");
    fd = take();
    http_call_cancel(&t.call); /* while the answer is due */
    ck_assert(is_closed(fd));
    call(&t, "x");
    fd = take();
    say(fd, "garbage\r\n\r\n");
    ck_assert_uint_eq(t.times, 1);
}
END_TEST

START_TEST(a_proxy_is_asked_for_the_whole_url)
{
    struct told t = { .times = 0 };
    char proxy[80];
    int fd;

    snprintf(proxy, sizeof(proxy), "http://me:p%%40ss@%s", endpoint);
    options.url = "http://user@metrics.example/write";
    options.proxy_url = proxy;
    start();
    ck_assert_str_eq(http_client_name(client), "http://metrics.example/write");
    call(&t, "x");
    fd = take();
    ck_assert_str_eq(hear(fd), "POST http://metrics.example/write HTTP/1.1\r\nhost: metrics.example\r\n"
                               "user-agent: test/1\r\nauthorization: Basic dXNlcjo=\r\n"
                               "proxy-authorization: Basic bWU6cEBzcw==\r\ncontent-length: 1\r\n\r\nx");
    say(fd, OK);
}
END_TEST

START_TEST(the_environment_names_a_proxy_too)
{
    struct told t = { .times = 0 };

    setenv("http_proxy", endpoint, 1); /* without a scheme, as many write it */
    options.url = "http://metrics.example?x";
    start();
    unsetenv("http_proxy");
    call(&t, "x");
    take();
    ck_assert_int_eq(strncmp(hear(peers[0]), "POST http://metrics.example/?x HTTP/1.1\r\n", 41), 0);
    say(peers[0], OK);
}
END_TEST

START_TEST(a_header_of_ones_own_takes_the_place_of_ours)
{
    const struct http_header own[] = { { BYTES_LIT("Host"), BYTES_LIT("other") },
                                       { BYTES_LIT("User-Agent"), BYTES_LIT("mine") },
                                       { BYTES_LIT("Authorization"), BYTES_LIT("Bearer t") } };
    struct told t = { .times = 0 };
    char with_user[100];

    snprintf(with_user, sizeof(with_user), "http://user:pass@%s/", endpoint);
    options.url = with_user;
    options.headers = own;
    options.n_headers = ARRAY_LEN(own);
    start();
    call(&t, "x");
    take();
    ck_assert_str_eq(hear(peers[0]), "POST / HTTP/1.1\r\nHost: other\r\nUser-Agent: mine\r\nAuthorization: Bearer t\r\n"
                                     "content-length: 1\r\n\r\nx");
    say(peers[0], OK);
}
END_TEST

START_TEST(what_cannot_be_called_is_refused)
{
    static const struct {
        const char *url, *proxy, *why;
    } cases[] = {
        { "https://a", NULL, "https needs TLS" },
        { "a:1", NULL, "begins with http://" },
        { "http://a", "https://b", "a proxy at https needs TLS" },
        { "http://a", "http://b:x", "the proxy's URL" },
        { "http://a", "ftp://b", "begins with http://, https:// or socks5://" },
    };
    struct error err;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        options.url = cases[i].url;
        options.proxy_url = cases[i].proxy;
        ck_assert_ptr_null(http_client_new(&loop, &options, &err));
        ck_assert_msg(strstr(err.text, cases[i].why) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(retry_after_is_seconds_or_a_date)
{
    static const struct {
        const char *value;
        uint64_t ms;
    } cases[] = {
        { "", 0 },
        { "0", 0 },
        { "120", 120000 },
        { "86400", 86400000 },
        { "86401", 86400000 },
        { "99999999999999999999999999", 86400000 },
        { "-1", 0 },
        { "1.5", 0 },
        { "soon", 0 },
        { "Tue, 14 Nov 2023 22:13:21 GMT", 1000 }, /* the time is 22:13:20 */
        { "Tue, 14 Nov 2023 22:13:20 GMT", 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
        { "Tue, 14 Now 2023 22:13:21 GMT", 0 },
        { "Fri, 14 Nov 2053 22:13:21 GMT", 86400000 },
        { "Tue, 14 Nov 2023 22:13:21 GMT and much more than that", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_uint_eq(http_retry_after(bytes_str(cases[i].value), 1700000000 * NS_PER_S), cases[i].ms);
}
END_TEST

START_TEST(a_date_is_read_or_it_is_none)
{
    int64_t seconds = 0;

    ck_assert(http_date(bytes_str("Tue, 14 Nov 2023 22:13:21 GMT"), &seconds));
    ck_assert_int_eq(seconds, 1700000001);
    ck_assert(http_date(bytes_str("Sun, 06 Nov 1994 08:49:37 GMT"), &seconds));
    ck_assert_int_eq(seconds, 784111777);
    ck_assert(!http_date(bytes_str("Tue, 14 Now 2023 22:13:21 GMT"), &seconds));
    ck_assert(!http_date(bytes_str("Tue, 14 Nov 2023 22:13:21 GMT and much more than that"), &seconds));
    ck_assert(!http_date(bytes_str("1700000001"), &seconds));
    ck_assert(!http_date(bytes_of(NULL, 0), &seconds));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_client");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_call_is_one_request_and_its_answer_is_told_whole);
    tcase_add_test(tc, an_answer_is_the_same_wherever_it_is_cut);
    tcase_add_test(tc, answers_without_a_body_end_with_their_head);
    tcase_add_test(tc, an_answer_without_a_length_ends_with_the_connection);
    tcase_add_test(tc, connections_are_kept_for_a_time);
    tcase_add_test(tc, a_connection_is_not_kept_where_either_side_says_so);
    tcase_add_test(tc, words_that_nobody_asked_for_close_a_kept_connection);
    tcase_add_test(tc, a_kept_connection_that_is_dead_is_replaced);
    tcase_add_test(tc, what_must_not_be_sent_twice_is_not);
    tcase_add_test(tc, half_an_answer_is_none);
    tcase_add_test(tc, what_is_no_http_breaks_the_call);
    tcase_add_test(tc, another_protocol_is_named_and_has_not_read_the_request);
    tcase_add_test(tc, a_head_and_the_answers_before_it_are_bounded);
    tcase_add_test(tc, of_a_long_answer_the_beginning_is_kept);
    tcase_add_test(tc, a_large_request_that_is_refused_early_hears_the_answer);
    tcase_add_test(tc, a_body_is_sent_from_where_its_parts_lie);
    tcase_add_test(tc, trailers_are_told_with_the_answer);
    tcase_add_test(tc, a_body_is_passed_on_as_it_comes_and_not_faster_than_is_wanted);
    tcase_add_test(tc, a_body_that_is_passed_on_has_a_bound_and_may_be_cancelled);
    tcase_add_test(tc, what_is_kept_of_an_answer_is_in_the_budget);
    tcase_add_test(tc, time_is_bounded_and_the_reason_told);
    tcase_add_test(tc, who_does_not_listen_is_named);
    tcase_add_test(tc, a_name_that_is_none_is_not_resolved);
    tcase_add_test(tc, calls_beyond_the_limit_wait_in_order);
    tcase_add_test(tc, a_waiting_call_gets_the_place_of_a_connection_that_broke);
    tcase_add_test(tc, a_cancelled_call_is_not_told);
    tcase_add_test(tc, a_proxy_is_asked_for_the_whole_url);
    tcase_add_test(tc, the_environment_names_a_proxy_too);
    tcase_add_test(tc, a_header_of_ones_own_takes_the_place_of_ours);
    tcase_add_test(tc, what_cannot_be_called_is_refused);
    tcase_add_test(tc, retry_after_is_seconds_or_a_date);
    tcase_add_test(tc, a_date_is_read_or_it_is_none);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
