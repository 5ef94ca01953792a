/* SPDX-License-Identifier: Apache-2.0 */
/* The server on real sockets of the loopback, with time in the test's hands. */
#include "net/http/http_server.h"

#include "support/frames.h"
#include "support/http_recorder.h"
#include "support/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct loop loop;
static struct budget budget;
static struct log_sink sink;
static struct logger logger;
static struct recorder r;
static struct http_server_options options;
static struct http_server *server;
static bool stopped;
static unsigned mismatches;

static void set_up(void)
{
    loop_init(&loop, true);
    budget_init(&budget, UINT64_MAX, &loop.turn);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    logger.sink = &sink;
    recorder_init(&r);
    options = (struct http_server_options){ .endpoint = "127.0.0.1:0", .transport = "tcp" };
    server = NULL;
    stopped = false;
    mismatches = 0;
}

static void turn_once(void)
{
    turn_run(&loop.turn);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    turn_run(&loop.turn);
}

static void settle(void)
{
    settle_loop(&loop);
}

static void advance(uint64_t ns)
{
    clock_advance(&loop.clock, ns);
    settle();
}

static void on_stopped(struct http_server *s, void *arg)
{
    ck_assert_ptr_eq(arg, &stopped);
    stopped = true;
    http_server_free(s);
    server = NULL;
}

static void stop(uint64_t within)
{
    http_server_stop(server, clock_mono(&loop.clock) + within, on_stopped, &stopped);
    settle();
}

static void tear_down(void)
{
    if (server != NULL && !stopped)
        stop(0);
    settle();
    ck_assert(stopped);
    ck_assert_uint_eq(r.open, 0);
    ck_assert_uint_eq(budget.used, 0);
    ck_assert_uint_eq(loop.clock.heap.n, 0);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
    buf_free(&r.log);
    log_sink_close(&sink);
}

static void on_mismatch(struct http_service *s, struct http_request *req)
{
    (void)s;
    (void)req;
    mismatches++;
}

static int try_listen(struct error *err)
{
    return http_server_listen(&server, &loop, &options, &r.service, &budget, &logger, on_mismatch, err);
}

static void start(void)
{
    struct error err;

    ck_assert_msg(try_listen(&err) == 0, "%s", err.text);
}

static int dial(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)http_server_port(server)),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

static int dial_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(un.sun_path, path, strlen(path));
    if (path[0] == '@')
        un.sun_path[0] = '\0';
    if (connect(fd, (struct sockaddr *)&un,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@'))) == 0)
        return fd;
    close(fd);
    return -errno;
}

/* False when the server has hung up before it was all said. */
static bool say_bytes(int fd, struct bytes b)
{
    while (b.len > 0) {
        ssize_t n = send(fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            b = bytes_of(b.data + n, b.len - (size_t)n);
        else if (errno != EAGAIN)
            return false;
        turn_once();
    }
    settle();
    return true;
}

static void say(int fd, const char *text)
{
    say_bytes(fd, bytes_str(text));
}

/* All that has come. False when the connection is over; `error` its errno, 0 for an orderly end. */
static bool hear(int fd, struct buf *into, int *error)
{
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(into, 65536), 65536, MSG_DONTWAIT);

        if (n > 0) {
            into->len += (size_t)n;
            turn_once();
            continue;
        }
        *error = n == 0 ? 0 : errno;
        return n < 0 && errno == EAGAIN;
    }
}

static void expect_said(int fd, const char *begins, bool open)
{
    struct buf said = { 0 };
    int error;

    ck_assert_msg(hear(fd, &said, &error) == open, "open %d, error %d, said %s", !open, error, buf_cstr(&said));
    ck_assert_msg(open || error == 0, "%s", strerror(error));
    ck_assert_msg(strncmp(buf_cstr(&said), begins, strlen(begins)) == 0, "%s", buf_cstr(&said));
    ck_assert(begins[0] != '\0' || said.len == 0);
    buf_free(&said);
}

static void expect_log(const char *log)
{
    ck_assert_str_eq(buf_cstr(&r.log), log);
    r.log.len = 0;
}

#define GET "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"

static void start_http2(struct buf *b)
{
    buf_puts(b, PREFACE);
    put_frame(b, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
}

START_TEST(both_protocols_are_served_on_one_port)
{
    struct buf b = { 0 }, said = { 0 };
    int one, two, error;
    struct frame f;

    options.expect_http2 = true;
    start();
    one = dial();
    two = dial();
    say(one, GET);
    expect_said(one, "HTTP/1.1 200 OK\r\n", true);
    say(one, GET);
    expect_said(one, "HTTP/1.1 200 OK\r\n", true);
    start_http2(&b);
    put_request(&b, 1, "GET", "/y", true);
    say_bytes(two, buf_bytes(&b));
    ck_assert(hear(two, &said, &error));
    ck_assert(find_frame(&said, NGHTTP2_DATA, 1, 0, &f) && bytes_is(f.payload, "hello"));
    expect_log("GET /x;end;close;GET /x;end;close;GET /y;end;close;");
    ck_assert_uint_eq(mismatches, 1); /* once for each connection */
    ck_assert_uint_eq(http_server_stats(server)->connections, 2);
    close(one);
    close(two);
    settle();
    ck_assert_uint_eq(http_server_stats(server)->connections, 0);
    ck_assert_uint_eq(http_server_stats(server)->accepted, 2);
    ck_assert_uint_gt(http_server_stats(server)->bytes_in, b.len);
    buf_free(&b);
    buf_free(&said);
}
END_TEST

START_TEST(the_first_bytes_may_come_one_by_one)
{
    struct buf b = { 0 }, said = { 0 };
    int fd, error;
    struct frame f;

    start();
    fd = dial();
    start_http2(&b);
    put_request(&b, 1, "GET", "/y", true);
    for (size_t i = 0; i < b.len; i++) {
        ck_assert_int_eq(send(fd, b.data + i, 1, 0), 1);
        settle();
    }
    ck_assert(hear(fd, &said, &error));
    ck_assert(find_frame(&said, NGHTTP2_HEADERS, 1, 0, &f));
    close(fd);
    fd = dial();
    for (const char *p = "PRI * HTTP/1.1\r\nHost: x\r\n\r\n"; *p != '\0'; p++) {
        ck_assert_int_eq(send(fd, p, 1, 0), 1);
        settle();
    }
    expect_said(fd, "HTTP/1.1 200 OK\r\n", true);
    close(fd);
    buf_free(&b);
    buf_free(&said);
}
END_TEST

START_TEST(tls_is_counted_and_closed)
{
    int fd, later;

    start();
    fd = dial();
    later = dial();
    say(later, "\x16");
    expect_said(later, "", true);
    say_bytes(fd, bytes_of("\x16\x03\x01\x02\x00\x01\x00", 7));
    expect_said(fd, "", false);
    say(later, "\x03\x03");
    expect_said(later, "", false);
    ck_assert_uint_eq(http_server_stats(server)->tls_on_plain, 2);
    close(fd);
    close(later);
}
END_TEST

START_TEST(who_says_nothing_is_waited_for_a_minute)
{
    int silent, half, handshake;

    start();
    silent = dial();
    half = dial();
    handshake = dial();
    say(half, "GET / HTTP/1.1\r\n");
    say(handshake, "PRI * HT");
    advance(59 * NS_PER_S);
    expect_said(silent, "", true);
    expect_said(half, "", true);
    expect_said(handshake, "", true);
    advance(2 * NS_PER_S);
    expect_said(silent, "", false);
    expect_said(half, "HTTP/1.1 408 ", false);
    expect_said(handshake, "", false);
    ck_assert_uint_eq(http_server_stats(server)->timeouts, 3);
    close(silent);
    close(half);
    close(handshake);
}
END_TEST

START_TEST(the_last_words_arrive_although_input_is_unread)
{
    static uint8_t more[1 << 20];
    int fd;

    start();
    fd = dial();
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
    ck_assert(say_bytes(fd, bytes_of(more, sizeof(more))));
    advance(2 * NS_PER_S);
    expect_said(fd, "HTTP/1.1 400 ", false);
    ck_assert_uint_eq(http_server_stats(server)->connections, 0);
    close(fd);
}
END_TEST

/* --- large answers --- */

static size_t left;

static void write_on(struct http_request *req)
{
    static const uint8_t piece[100000];

    while (left > 0) {
        size_t n = left < sizeof(piece) ? left : sizeof(piece);

        left -= n;
        if (!http_respond_write(req, bytes_of(piece, n)))
            return;
    }
    http_respond_end(req, NULL, 0);
}

static void start_large(size_t size)
{
    left = size;
    r.by_hand = true;
    r.service.on_writable = write_on;
    start();
}

START_TEST(a_large_answer_flows_as_fast_as_it_is_read)
{
    struct buf said = { 0 };
    int fd, error;

    start_large(20 << 20);
    fd = dial();
    say(fd, "GET /x HTTP/1.0\r\n\r\n");
    http_respond_begin(r.last, 200, NULL, 0);
    write_on(r.last);
    settle();
    ck_assert_uint_gt(left, 8 << 20); /* the reader sleeps: what waits is bounded */
    while (hear(fd, &said, &error))
        turn_once();
    ck_assert_int_eq(error, 0);
    ck_assert_uint_gt(said.len, 20 << 20);
    expect_log("GET /x;end;close;");
    buf_free(&said);
    close(fd);
}
END_TEST

START_TEST(who_does_not_take_the_answer_in_time_is_cut_off)
{
    int fd;

    options.write_timeout = 30 * NS_PER_S;
    start_large(20 << 20);
    fd = dial();
    say(fd, GET);
    http_respond_begin(r.last, 200, NULL, 0);
    write_on(r.last);
    settle();
    advance(29 * NS_PER_S);
    ck_assert_uint_eq(r.open, 1);
    advance(2 * NS_PER_S);
    expect_log("GET /x;end;close aborted;");
    ck_assert_uint_eq(http_server_stats(server)->timeouts, 1);
    close(fd);
}
END_TEST

START_TEST(who_vanishes_is_noticed_while_the_answer_is_due)
{
    const struct linger none = { 1, 0 };
    int fd;

    r.by_hand = true;
    start();
    fd = dial();
    say(fd, GET);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    close(fd); /* sends RST */
    settle();
    expect_log("GET /x;end;close aborted;");
}
END_TEST

START_TEST(who_only_stops_sending_is_answered)
{
    int fd;

    r.by_hand = true;
    start();
    fd = dial();
    say(fd, GET);
    shutdown(fd, SHUT_WR);
    settle();
    ck_assert_uint_eq(r.open, 1);
    recorder_answer(r.last);
    settle();
    expect_said(fd, "HTTP/1.1 200 OK\r\n", false);
    expect_log("GET /x;end;close;");
    close(fd);
}
END_TEST

START_TEST(pipelined_requests_wait_in_bounded_memory)
{
    struct buf many = { 0 };
    int fd;

    r.by_hand = r.quiet = true;
    start();
    fd = dial();
    for (int i = 0; i < 200000; i++)
        buf_puts(&many, GET);
    while (send(fd, many.data, many.len, MSG_DONTWAIT) > 0)
        settle();
    ck_assert_uint_eq(r.requests, 1);
    ck_assert_uint_gt(budget.used, 0);
    ck_assert_uint_lt(budget.used, 256 * 1024);
    buf_free(&many);
    close(fd);
}
END_TEST

/* --- accepting --- */

static unsigned begun, served[12];

static void count_request(struct http_service *s, struct http_request *req)
{
    (void)s;
    req->context = &served[begun++];
}

/* Whatever comes takes a millisecond. */
static void take_body_slowly(struct http_request *req, struct bytes data)
{
    uint64_t until = uv_hrtime() + NS_PER_MS;

    while (uv_hrtime() < until)
        continue;
    ++*(unsigned *)req->context;
    http_request_grant(req, data.len);
}

static void forget_request(struct http_request *req, bool aborted)
{
    (void)aborted;
    (void)http_request_leave(req);
}

/* Those that the kernel named first were served in each turn, and nine shared what one of them had. */
START_TEST(who_always_has_input_is_served_as_often_as_the_others)
{
    static uint8_t body[64 * 1024];
    struct http_service service = { .on_request = count_request,
                                    .on_body = take_body_slowly,
                                    .on_close = forget_request };
    unsigned least = UINT_MAX, most = 0;
    int fds[ARRAY_LEN(served)];
    struct error err;

    begun = 0;
    memset(served, 0, sizeof(served));
    ck_assert_int_eq(http_server_listen(&server, &loop, &options, &service, &budget, &logger, on_mismatch, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial();
        say(fds[i], "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
    }
    ck_assert_uint_eq(begun, ARRAY_LEN(fds));
    for (unsigned turn = 0; turn < 100; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
            (void)send(fds[i], body, sizeof(body), MSG_DONTWAIT | MSG_NOSIGNAL);
        clock_advance(&loop.clock, NS_PER_MS);
        turn_once();
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        least = served[i] < least ? served[i] : least;
        most = served[i] > most ? served[i] : most;
        close(fds[i]);
    }
    ck_assert_msg(most <= 2 * least, "from %u to %u times", least, most);
    stop(0);
}
END_TEST

START_TEST(out_of_descriptors_callers_wait_until_one_closes)
{
    struct rlimit old, few;
    int fds[2], spare;

    start();
    spare = dup(0);
    close(spare);
    fds[0] = dial();
    settle();
    fds[1] = dial();
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = (rlim_t)fds[1] + 1; /* no number is free for the server's end */
    setrlimit(RLIMIT_NOFILE, &few);
    settle();
    ck_assert_uint_eq(http_server_stats(server)->accepted, 1);
    ck_assert_uint_eq(http_server_stats(server)->accept_failures, 1); /* it pauses */
    advance(100 * NS_PER_MS);
    ck_assert_uint_eq(http_server_stats(server)->accept_failures, 2); /* and tries again */
    close(fds[0]);
    settle();
    ck_assert_uint_eq(http_server_stats(server)->accepted, 2);
    setrlimit(RLIMIT_NOFILE, &old);
    say(fds[1], GET);
    expect_said(fds[1], "HTTP/1.1 200 OK\r\n", true);
    close(fds[1]);
}
END_TEST

START_TEST(every_spelling_of_an_endpoint_can_be_listened_on)
{
    static const char *const endpoints[] = { "localhost:0", "0.0.0.0:0", ":0", "[::1]:0" };
    static const char *const addresses[] = { "127.0.0.1:", "[::]:", "[::]:", "[::1]:" };

    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct error err;

        options.endpoint = endpoints[i];
        if (try_listen(&err) != 0) {
            ck_assert_msg(i == 3 && err.code == UV_EADDRNOTAVAIL, "%s", err.text); /* no IPv6 here */
            continue;
        }
        ck_assert_int_gt(http_server_port(server), 0);
        ck_assert(strncmp(http_server_address(server), addresses[i], strlen(addresses[i])) == 0 || i == 1 || i == 2);
        if (i < 3) {
            int fd = dial();

            say(fd, GET);
            expect_said(fd, "HTTP/1.1 200 OK\r\n", true);
            close(fd);
        }
        stopped = false;
        stop(0);
        ck_assert(stopped);
    }
}
END_TEST

START_TEST(a_port_in_use_is_an_error_that_leaves_nothing_behind)
{
    struct http_server *first;
    struct error err;
    char endpoint[64];

    start();
    first = server;
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", http_server_port(server));
    options.endpoint = endpoint;
    ck_assert_int_eq(try_listen(&err), UV_EADDRINUSE);
    ck_assert(strstr(err.text, endpoint) != NULL);
    server = first;
}
END_TEST

START_TEST(a_stale_socket_file_is_taken_over_and_a_live_one_is_not)
{
    char path[64];
    struct error err;
    struct stat st;
    struct http_server *first;
    int fd, dead;
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    snprintf(path, sizeof(path), "/tmp/otelcd-test-%d.sock", (int)getpid());
    dead = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(un.sun_path, path);
    ck_assert_int_eq(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
    close(dead);
    options.endpoint = path;
    options.transport = "unix";
    start();
    ck_assert_str_eq(http_server_address(server), path);
    ck_assert_int_eq(http_server_port(server), 0);
    r.by_hand = true;
    fd = dial_unix(path);
    say(fd, GET);
    ck_assert_str_eq(http_request_peer(r.last), "unix");
    recorder_answer(r.last);
    settle();
    expect_said(fd, "HTTP/1.1 200 OK\r\n", true);
    first = server;
    ck_assert_int_eq(try_listen(&err), UV_EADDRINUSE);
    server = first;
    ck_assert_int_eq(stat(path, &st), 0);
    stop(0);
    ck_assert_int_ne(stat(path, &st), 0);
    close(fd);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
    char path[64];
    struct error err;
    struct stat st;

    snprintf(path, sizeof(path), "/tmp/otelcd-test-%d.file", (int)getpid());
    close(open(path, O_CREAT | O_WRONLY, 0600));
    options.endpoint = path;
    options.transport = "unix";
    ck_assert_int_eq(try_listen(&err), UV_EADDRINUSE);
    ck_assert_int_eq(stat(path, &st), 0);
    unlink(path);
    options.endpoint = "@otelcd-test";
    start();
    ck_assert_str_eq(http_server_address(server), "@otelcd-test");
    close(dial_unix("@otelcd-test"));
}
END_TEST

/* --- stopping --- */

START_TEST(stopping_waits_for_what_runs_and_not_for_the_idle)
{
    int idle, busy;

    r.by_hand = true;
    start();
    idle = dial();
    busy = dial();
    say(busy, GET);
    stop(100 * NS_PER_S);
    expect_said(idle, "", false);
    ck_assert(!stopped);
    recorder_answer(r.last);
    settle();
    expect_said(busy, "HTTP/1.1 200 OK\r\n", false);
    close(busy);
    close(idle);
    settle();
    ck_assert(stopped);
}
END_TEST

START_TEST(what_outlives_the_deadline_is_cut)
{
    int fd;

    r.by_hand = true;
    start();
    fd = dial();
    say(fd, GET);
    stop(10 * NS_PER_S);
    advance(9 * NS_PER_S);
    ck_assert(!stopped);
    advance(2 * NS_PER_S);
    ck_assert(stopped);
    expect_log("GET /x;end;close aborted;");
    close(fd);
}
END_TEST

START_TEST(an_http2_peer_is_told_twice_before_the_end)
{
    struct buf b = { 0 }, said = { 0 };
    struct frame f;
    int fd, error;

    start();
    fd = dial();
    start_http2(&b);
    say_bytes(fd, buf_bytes(&b));
    stop(100 * NS_PER_S);
    b.len = 0;
    put_request(&b, 1, "GET", "/", true);
    put_frame(&b, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, bytes_of("goodbye", 8));
    say_bytes(fd, buf_bytes(&b));
    ck_assert(!hear(fd, &said, &error));
    ck_assert_int_eq(error, 0);
    ck_assert_uint_eq(count_frames(&said, NGHTTP2_GOAWAY), 2);
    ck_assert(find_frame(&said, NGHTTP2_DATA, 1, 0, &f));
    close(fd);
    settle();
    ck_assert(stopped);
    buf_free(&b);
    buf_free(&said);
}
END_TEST

/* --- what connections cost --- */

#define CONNECTIONS 220
#define WARM 20

static size_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    size_t all = 0, pages = 0;

    ck_assert_int_eq(fscanf(f, "%zu %zu", &all, &pages), 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of memory for each of many idle connections that have been used. Sanitizers' allocators have their own costs,
 * and tell nothing: 0. */
static size_t cost(struct bytes first)
{
    static int fds[CONNECTIONS];
    struct buf said = { 0 };
    size_t before = 0, after;
    int error;

    start();
    for (int i = 0; i < CONNECTIONS; i++) {
        if (i == WARM) /* what is shared has been allocated */
            before = resident();
        fds[i] = dial();
        say_bytes(fds[i], first);
        said.len = 0;
        hear(fds[i], &said, &error);
    }
    after = resident();
    ck_assert_uint_eq(http_server_stats(server)->connections, CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    buf_free(&said);
    return mallinfo2().uordblks == 0 ? 0 : (after - before) / (CONNECTIONS - WARM);
}

START_TEST(an_idle_http1_connection_costs_less_than_4_kib)
{
    size_t n = cost(bytes_str(GET));

    ck_assert_uint_lt(n, 4096);
}
END_TEST

START_TEST(an_idle_http2_connection_costs_less_than_20_kib)
{
    struct buf b = { 0 };
    size_t n;

    start_http2(&b);
    put_request(&b, 1, "GET", "/", true);
    n = cost(buf_bytes(&b));
    ck_assert_uint_lt(n, 20 * 1024);
    buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_server");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, both_protocols_are_served_on_one_port);
    tcase_add_test(tc, the_first_bytes_may_come_one_by_one);
    tcase_add_test(tc, tls_is_counted_and_closed);
    tcase_add_test(tc, who_says_nothing_is_waited_for_a_minute);
    tcase_add_test(tc, the_last_words_arrive_although_input_is_unread);
    tcase_add_test(tc, a_large_answer_flows_as_fast_as_it_is_read);
    tcase_add_test(tc, who_does_not_take_the_answer_in_time_is_cut_off);
    tcase_add_test(tc, who_vanishes_is_noticed_while_the_answer_is_due);
    tcase_add_test(tc, who_only_stops_sending_is_answered);
    tcase_add_test(tc, pipelined_requests_wait_in_bounded_memory);
    tcase_add_test(tc, who_always_has_input_is_served_as_often_as_the_others);
    tcase_add_test(tc, out_of_descriptors_callers_wait_until_one_closes);
    tcase_add_test(tc, every_spelling_of_an_endpoint_can_be_listened_on);
    tcase_add_test(tc, a_port_in_use_is_an_error_that_leaves_nothing_behind);
    tcase_add_test(tc, a_stale_socket_file_is_taken_over_and_a_live_one_is_not);
    tcase_add_test(tc, a_file_that_is_no_socket_is_left_alone);
    tcase_add_test(tc, stopping_waits_for_what_runs_and_not_for_the_idle);
    tcase_add_test(tc, what_outlives_the_deadline_is_cut);
    tcase_add_test(tc, an_http2_peer_is_told_twice_before_the_end);
    tcase_add_test(tc, an_idle_http1_connection_costs_less_than_4_kib);
    tcase_add_test(tc, an_idle_http2_connection_costs_less_than_20_kib);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
