/* SPDX-License-Identifier: Apache-2.0 */
/* The client over HTTP/2 against servers that the test plays by hand, on real sockets of the loopback; DNS is the
 * test's too. */
#include "net/http/http_client.h"

#include "base/mem.h"
#include "net/socket/lookup.h"
#include "support/frames.h"
#include "support/settle.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVERS 3
#define CALLS 8

struct server {
    int listener;
    struct address at;
    int peer; /* the connection; -1: none */
    struct buf said;
};

struct told {
    struct http_call call;
    unsigned times;
    enum http_failure failure;
    enum http_spoken spoken;
    bool ambiguous;
    int status;
    char why[240];
};

/* A lookup that is under way. */
struct lookup {
    lookup_done *done;
    void *arg;
    struct turn_task task;
};

static struct loop loop;
static struct http_client *client;
static struct http_client_options options;
static struct server servers[SERVERS];
static struct told t[CALLS];
static struct address zone[SERVERS]; /* what DNS says */
static size_t n_zone;
static unsigned lookups;
static struct lookup *asked; /* NULL: nobody asks */
static bool dns_is_slow;     /* answers when the test says so */

/* ---- DNS ---- */

static void answer_lookup(struct turn_task *task)
{
    struct lookup *l = container_of(task, struct lookup, task);

    asked = NULL;
    l->done(l->arg, zone, n_zone, n_zone > 0 ? "" : "look up peers:1: no address");
    free(l);
}

static struct lookup *start_lookup(struct loop *on, const char *host, const char *port, lookup_done *done, void *arg)
{
    struct lookup *l = mem_zalloc(sizeof(*l));

    ck_assert_str_eq(host, "peers");
    ck_assert_str_eq(port, "4317");
    ck_assert_ptr_null(asked);
    lookups++;
    *l = (struct lookup){ .done = done, .arg = arg, .task = { .run = answer_lookup } };
    asked = l;
    if (!dns_is_slow)
        turn_defer(&on->turn, &l->task);
    return l;
}

static void cancel_lookup(struct lookup *l)
{
    turn_cancel(&loop.turn, &l->task);
    asked = NULL;
    free(l);
}

static const struct resolver resolver = { start_lookup, cancel_lookup };

static void set_zone(unsigned which)
{
    n_zone = 0;
    for (size_t i = 0; i < SERVERS; i++)
        if (which & 1u << i)
            zone[n_zone++] = servers[i].at;
}

/* ---- servers ---- */

static void settle(void)
{
    settle_loop(&loop);
}

static void begin_listening(struct server *s)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(in);

    s->peer = -1;
    s->said = (struct buf){ 0 };
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(s->listener, 16), 0);
    getsockname(s->listener, (struct sockaddr *)&in, &len);
    s->at = (struct address){ .len = len };
    memcpy(&s->at.addr, &in, len);
}

static void hang_up(struct server *s)
{
    if (s->peer >= 0)
        settle_close(s->peer);
    s->peer = -1;
    s->said.len = 0;
    settle();
}

static void say(struct server *s, struct buf *b)
{
    ck_assert_int_eq(send(s->peer, b->data, b->len, MSG_NOSIGNAL), (ssize_t)b->len);
    buf_free(b);
    settle();
}

static bool take_peer(struct server *s)
{
    int on = 1;

    settle();
    s->peer = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    setsockopt(s->peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return s->peer >= 0;
}

static void greet(struct server *s)
{
    struct buf b = { 0 };

    put_frame(&b, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
    put_frame(&b, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, bytes_of(NULL, 0));
    say(s, &b);
}

static void accept_and_greet(struct server *s)
{
    ck_assert_msg(take_peer(s), "nobody has come");
    greet(s);
}

/* How many requests have come on this connection. */
static unsigned requests(struct server *s)
{
    struct bytes rest;
    struct frame f;
    unsigned n = 0;

    settle();
    for (;;) {
        ssize_t got = recv(s->peer, buf_reserve(&s->said, 65536), 65536, MSG_DONTWAIT);

        if (got <= 0)
            break;
        s->said.len += (size_t)got;
    }
    ck_assert_uint_ge(s->said.len, strlen(PREFACE));
    rest = bytes_skip(buf_bytes(&s->said), strlen(PREFACE));
    while (take_frame(&rest, &f))
        n += f.type == NGHTTP2_HEADERS;
    return n;
}

static void answer(struct server *s, uint32_t id)
{
    struct buf block = { 0 }, b = { 0 };

    put_field(&block, ":status", "200");
    put_frame(&b, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, buf_bytes(&block));
    buf_free(&block);
    say(s, &b);
}

static void say_goaway(struct server *s, uint32_t last, uint32_t code)
{
    struct buf payload = { 0 }, b = { 0 };

    put_u32(&payload, last);
    put_u32(&payload, code);
    put_frame(&b, NGHTTP2_GOAWAY, 0, 0, buf_bytes(&payload));
    buf_free(&payload);
    say(s, &b);
}

/* ---- calls ---- */

static void on_done(struct http_call *call, const struct http_response *a)
{
    struct told *x = container_of(call, struct told, call);

    x->times++;
    x->failure = a->failure;
    x->spoken = a->spoken;
    x->ambiguous = a->ambiguous;
    x->status = a->status;
    snprintf(x->why, sizeof(x->why), "%s", a->why);
}

static void call(size_t i)
{
    t[i].times = 0;
    t[i].call.method = "POST";
    t[i].call.max_response = 1000;
    t[i].call.on_done = on_done;
    http_call_start(client, &t[i].call);
    settle();
}

static void call_all(size_t n)
{
    for (size_t i = 0; i < n; i++)
        call(i);
}

static void expect_answered(size_t i)
{
    ck_assert_msg(t[i].times == 1, "call %zu was told %u times", i, t[i].times);
    ck_assert_msg(t[i].failure == HTTP_ANSWERED && t[i].status == 200, "%s", t[i].why);
}

static void pass_time(uint64_t ns)
{
    clock_advance(&loop.clock, ns);
    settle();
}

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    loop_init(&loop, true);
    for (size_t i = 0; i < SERVERS; i++)
        begin_listening(&servers[i]);
    memset(t, 0, sizeof(t));
    options = (struct http_client_options){ .url = "http://peers:4317/svc/Export",
                                            .version = HTTP_VERSION_2,
                                            .resolver = &resolver };
    client = NULL;
    lookups = 0;
    asked = NULL;
    dns_is_slow = false;
    set_zone(1);
}

static void tear_down(void)
{
    if (client != NULL)
        http_client_close(client);
    settle();
    for (size_t i = 0; i < SERVERS; i++) {
        hang_up(&servers[i]);
        close(servers[i].listener);
        buf_free(&servers[i].said);
    }
    ck_assert_uint_eq(loop.clock.heap.n, 0);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
}

static void start(void)
{
    struct error err;

    client = http_client_new(&loop, &options, &err);
    ck_assert_msg(client != NULL, "%s", err.text);
}

START_TEST(many_calls_share_one_connection)
{
    start();
    call_all(5);
    accept_and_greet(&servers[0]);
    ck_assert_uint_eq(requests(&servers[0]), 5);
    for (uint32_t i = 0; i < 5; i++)
        answer(&servers[0], 9 - 2 * i); /* in whatever order */
    for (size_t i = 0; i < 5; i++)
        expect_answered(i);
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
    ck_assert_uint_eq(lookups, 1);
}
END_TEST

START_TEST(no_more_calls_are_under_way_than_the_peer_allows)
{
    struct buf b = { 0 };

    start();
    call_all(4);
    ck_assert(take_peer(&servers[0]));
    put_setting(&b, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2);
    say(&servers[0], &b);
    ck_assert_uint_eq(requests(&servers[0]), 2);
    answer(&servers[0], 1);
    ck_assert_uint_eq(requests(&servers[0]), 3);
    answer(&servers[0], 3);
    answer(&servers[0], 5);
    answer(&servers[0], 7);
    for (size_t i = 0; i < 4; i++)
        expect_answered(i);
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
}
END_TEST

START_TEST(a_peer_that_ends_its_connection_loses_nothing_and_hears_nothing_twice)
{
    int old;

    start();
    call_all(3);
    accept_and_greet(&servers[0]);
    ck_assert_uint_eq(requests(&servers[0]), 3);
    answer(&servers[0], 1);
    say_goaway(&servers[0], 3, NGHTTP2_NO_ERROR); /* the third it has not looked at */
    old = servers[0].peer;
    servers[0].said.len = 0;
    accept_and_greet(&servers[0]);
    ck_assert_uint_eq(requests(&servers[0]), 1);
    answer(&servers[0], 1);
    expect_answered(0);
    expect_answered(2);
    ck_assert_uint_eq(t[1].times, 0); /* is still the old one's */
    close(servers[0].peer);
    servers[0].peer = old;
    answer(&servers[0], 3);
    expect_answered(1);
    ck_assert_uint_eq(lookups, 2);
}
END_TEST

START_TEST(a_refused_call_is_repeated_a_few_times)
{
    start();
    call(0);
    accept_and_greet(&servers[0]);
    for (uint32_t i = 0; i < 4; i++) {
        struct buf b = { 0 };

        ck_assert_uint_eq(t[0].times, 0);
        ck_assert_uint_eq(requests(&servers[0]), i + 1);
        put_word_frame(&b, NGHTTP2_RST_STREAM, 2 * i + 1, NGHTTP2_REFUSED_STREAM);
        say(&servers[0], &b);
    }
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_int_eq(t[0].failure, HTTP_REFUSED);
    ck_assert(!t[0].ambiguous);
}
END_TEST

START_TEST(what_a_broken_connection_may_have_done_is_ambiguous_and_not_repeated)
{
    start();
    call(0);
    accept_and_greet(&servers[0]);
    ck_assert_uint_eq(requests(&servers[0]), 1);
    hang_up(&servers[0]);
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_int_eq(t[0].failure, HTTP_CLOSED);
    ck_assert(t[0].ambiguous);
    ck_assert_str_eq(t[0].why, "POST to http://peers:4317/svc/Export: the peer closed the connection");
}
END_TEST

START_TEST(nobody_there_fails_the_calls_that_wait_and_those_of_the_next_second)
{
    start();
    close(servers[0].listener);
    call_all(2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(t[i].times, 1);
        ck_assert_int_eq(t[i].failure, HTTP_NOT_CONNECTED);
        ck_assert(!t[i].ambiguous);
        ck_assert_ptr_nonnull(strstr(t[i].why, "connect to peers:4317 (127.0.0.1:"));
    }
    ck_assert_uint_eq(http_client_stats(client)->opened, 1);
    begin_listening(&servers[0]);
    set_zone(1);
    pass_time(NS_PER_S);
    call(0);
    accept_and_greet(&servers[0]);
    answer(&servers[0], 1);
    expect_answered(0);
}
END_TEST

START_TEST(with_wait_for_ready_calls_wait_until_somebody_is_there)
{
    options.wait_for_ready = true;
    start();
    close(servers[0].listener);
    call(0);
    t[1].call.timeout = 3 * NS_PER_S;
    call(1);
    ck_assert_uint_eq(t[0].times, 0);
    for (int i = 0; i < 20; i++)
        pass_time(NS_PER_S / 4);
    ck_assert_uint_eq(t[1].times, 1);
    ck_assert_int_eq(t[1].failure, HTTP_NOT_CONNECTED);
    ck_assert_ptr_nonnull(strstr(t[1].why, "no connection came about within 3 s: connect to peers:4317"));
    ck_assert_uint_gt(http_client_stats(client)->opened, 1);
    ck_assert_uint_lt(http_client_stats(client)->opened, 6); /* with a back-off */
    begin_listening(&servers[0]);
    set_zone(1);
    for (int i = 0; i < 30 && !take_peer(&servers[0]); i++)
        pass_time(NS_PER_S);
    greet(&servers[0]);
    answer(&servers[0], 1);
    expect_answered(0);
}
END_TEST

/* The next back-off is a short one of those that can be. */
static void shorten_backoff(void)
{
    struct random next;

    do {
        random_next(&loop.random);
        next = loop.random;
    } while (random_share(&next) > 0.25);
}

/* In the second in which calls dial nobody there is no failure that would. */
START_TEST(a_call_that_waits_after_a_peer_came_and_went_is_not_forgotten)
{
    options.wait_for_ready = true;
    start();
    close(servers[0].listener);
    shorten_backoff();
    call(0);
    begin_listening(&servers[0]);
    set_zone(1);
    for (int i = 0; i < 19 && !take_peer(&servers[0]); i++)
        pass_time(NS_PER_S / 20);
    greet(&servers[0]);
    answer(&servers[0], 1);
    expect_answered(0);
    say_goaway(&servers[0], 1, NGHTTP2_NO_ERROR);
    hang_up(&servers[0]);
    call(0);
    pass_time(NS_PER_S);
    accept_and_greet(&servers[0]);
    answer(&servers[0], 1);
    expect_answered(0);
}
END_TEST

START_TEST(a_client_that_closes_asks_for_nobody_any_more)
{
    options.round_robin = true;
    set_zone(3);
    start();
    call(0);
    accept_and_greet(&servers[0]);
    accept_and_greet(&servers[1]);
    answer(&servers[0], 1);
    expect_answered(0);
    dns_is_slow = true;
    hang_up(&servers[0]);
    ck_assert_ptr_nonnull(asked);
    http_client_close(client); /* the other connection still has to close */
    client = NULL;
    ck_assert_ptr_null(asked);
}
END_TEST

START_TEST(a_name_without_addresses_is_told)
{
    n_zone = 0;
    start();
    call(0);
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_int_eq(t[0].failure, HTTP_NOT_RESOLVED);
    ck_assert_str_eq(t[0].why, "look up peers:1: no address");
}
END_TEST

START_TEST(the_first_address_that_answers_is_taken)
{
    start();
    set_zone(3);
    close(servers[0].listener);
    call(0);
    accept_and_greet(&servers[1]);
    answer(&servers[1], 1);
    expect_answered(0);
    begin_listening(&servers[0]);
}
END_TEST

START_TEST(round_robin_goes_to_every_address_in_turn)
{
    options.round_robin = true;
    set_zone(7);
    start();
    call(0);
    for (size_t i = 0; i < 3; i++)
        accept_and_greet(&servers[i]);
    for (size_t i = 1; i < 6; i++)
        call(i);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(requests(&servers[i]), 2);
    for (size_t i = 0; i < 3; i++) {
        answer(&servers[i], 1);
        answer(&servers[i], 3);
    }
    for (size_t i = 0; i < 6; i++)
        expect_answered(i);
}
END_TEST

START_TEST(when_a_connection_goes_the_name_is_looked_up_again)
{
    options.round_robin = true;
    set_zone(3);
    start();
    call(0);
    accept_and_greet(&servers[0]);
    accept_and_greet(&servers[1]);
    call(1);
    answer(&servers[0], 1);
    answer(&servers[1], 1);
    expect_answered(0);
    expect_answered(1);
    set_zone(6); /* the first has gone from DNS, and a third has come */
    hang_up(&servers[0]);
    accept_and_greet(&servers[2]);
    ck_assert(!take_peer(&servers[0]));
    call(2);
    call(3);
    ck_assert_uint_eq(requests(&servers[1]), 2);
    ck_assert_uint_eq(requests(&servers[2]), 1);
    answer(&servers[1], 3);
    answer(&servers[2], 1);
    expect_answered(2);
    expect_answered(3);
    ck_assert_uint_eq(lookups, 2);
}
END_TEST

START_TEST(an_address_that_has_gone_from_dns_gets_no_new_calls)
{
    options.round_robin = true;
    set_zone(3);
    start();
    call(0);
    accept_and_greet(&servers[0]);
    accept_and_greet(&servers[1]);
    call(1);
    ck_assert_uint_eq(requests(&servers[0]), 1);
    answer(&servers[1], 1);
    set_zone(2);
    hang_up(&servers[1]);
    accept_and_greet(&servers[1]);
    call(2);
    call(3);
    ck_assert_uint_eq(requests(&servers[0]), 1);
    ck_assert_uint_eq(requests(&servers[1]), 2);
    answer(&servers[0], 1); /* what was under way there ends there */
    expect_answered(0);
    answer(&servers[1], 1);
    answer(&servers[1], 3);
    expect_answered(2);
    expect_answered(3);
}
END_TEST

START_TEST(one_of_two_addresses_that_is_dead_costs_no_call_and_is_tried_again)
{
    options.round_robin = true;
    set_zone(3);
    start();
    close(servers[0].listener);
    call_all(2);
    accept_and_greet(&servers[1]);
    answer(&servers[1], 1);
    answer(&servers[1], 3);
    expect_answered(0);
    expect_answered(1);
    begin_listening(&servers[0]);
    set_zone(3);
    for (int i = 0; i < 5 && !take_peer(&servers[0]); i++)
        pass_time(NS_PER_S);
    greet(&servers[0]);
    call_all(2);
    ck_assert_uint_eq(requests(&servers[0]), 1);
    answer(&servers[0], 1);
    answer(&servers[1], 5);
    expect_answered(0);
    expect_answered(1);
}
END_TEST

START_TEST(a_peer_that_greets_and_leaves_is_not_dialled_in_a_circle)
{
    start();
    call(0);
    for (int i = 0; i < 10 && t[0].times == 0; i++) {
        if (!take_peer(&servers[0]))
            break;
        greet(&servers[0]);
        say_goaway(&servers[0], 0, NGHTTP2_NO_ERROR);
        hang_up(&servers[0]);
    }
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert(!t[0].ambiguous);
    ck_assert_uint_le(http_client_stats(client)->opened, 4);
}
END_TEST

START_TEST(a_wrong_port_tells_itself_before_a_call_is_sent)
{
    struct buf b = { 0 };

    start();
    call(0);
    ck_assert(take_peer(&servers[0]));
    buf_puts(&b, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    say(&servers[0], &b);
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_int_eq(t[0].failure, HTTP_WRONG_PROTOCOL);
    ck_assert_int_eq(t[0].spoken, HTTP_SPOKEN_HTTP1);
    ck_assert(!t[0].ambiguous);
    ck_assert_str_eq(t[0].why, "POST to http://peers:4317/svc/Export: the peer speaks HTTP/1.1, not HTTP/2");
}
END_TEST

START_TEST(a_peer_that_says_nothing_is_given_up)
{
    options.connect_timeout = 4 * NS_PER_S;
    start();
    call(0);
    ck_assert(take_peer(&servers[0]));
    pass_time(3 * NS_PER_S);
    ck_assert_uint_eq(t[0].times, 0);
    pass_time(2 * NS_PER_S);
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_int_eq(t[0].failure, HTTP_CLOSED);
    ck_assert(!t[0].ambiguous);
}
END_TEST

START_TEST(a_call_without_time_left_leaves_the_others_alone)
{
    struct frame f;

    start();
    t[0].call.timeout = 2 * NS_PER_S;
    call_all(2);
    accept_and_greet(&servers[0]);
    ck_assert_uint_eq(requests(&servers[0]), 2);
    pass_time(3 * NS_PER_S);
    ck_assert_uint_eq(t[0].times, 1);
    ck_assert_int_eq(t[0].failure, HTTP_TIMED_OUT);
    ck_assert(t[0].ambiguous);
    ck_assert_ptr_nonnull(strstr(t[0].why, "no answer came within 2 s"));
    requests(&servers[0]);
    servers[0].said.len -= strlen(PREFACE);
    memmove(servers[0].said.data, servers[0].said.data + strlen(PREFACE), servers[0].said.len);
    ck_assert(find_frame(&servers[0].said, NGHTTP2_RST_STREAM, 1, 0, &f));
    ck_assert_uint_eq(u32_at(f.payload, 0), NGHTTP2_CANCEL);
    answer(&servers[0], 3);
    expect_answered(1);
}
END_TEST

START_TEST(a_unix_socket_is_dialled_by_its_path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    char target[140];

    snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/otelcd-balancer-%d.sock", (int)getpid());
    snprintf(target, sizeof(target), "unix://%s", un.sun_path);
    close(servers[0].listener);
    unlink(un.sun_path);
    servers[0].listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(servers[0].listener, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(listen(servers[0].listener, 4), 0);
    options.target = target;
    start();
    call(0);
    accept_and_greet(&servers[0]);
    answer(&servers[0], 1);
    expect_answered(0);
    ck_assert_uint_eq(lookups, 0);
    unlink(un.sun_path);
}
END_TEST

START_TEST(an_idle_connection_closes_and_the_next_call_opens_another)
{
    options.idle_timeout = 10 * NS_PER_S;
    start();
    call(0);
    accept_and_greet(&servers[0]);
    answer(&servers[0], 1);
    pass_time(9 * NS_PER_S);
    call(0);
    answer(&servers[0], 3);
    expect_answered(0);
    pass_time(9 * NS_PER_S);
    ck_assert_uint_eq(http_client_stats(client)->connections, 1);
    pass_time(2 * NS_PER_S);
    ck_assert_uint_eq(http_client_stats(client)->connections, 0);
    hang_up(&servers[0]);
    call(1);
    accept_and_greet(&servers[0]);
    answer(&servers[0], 1);
    expect_answered(1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_balancer");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, many_calls_share_one_connection);
    tcase_add_test(tc, no_more_calls_are_under_way_than_the_peer_allows);
    tcase_add_test(tc, a_peer_that_ends_its_connection_loses_nothing_and_hears_nothing_twice);
    tcase_add_test(tc, a_refused_call_is_repeated_a_few_times);
    tcase_add_test(tc, what_a_broken_connection_may_have_done_is_ambiguous_and_not_repeated);
    tcase_add_test(tc, nobody_there_fails_the_calls_that_wait_and_those_of_the_next_second);
    tcase_add_test(tc, with_wait_for_ready_calls_wait_until_somebody_is_there);
    tcase_add_test(tc, a_call_that_waits_after_a_peer_came_and_went_is_not_forgotten);
    tcase_add_test(tc, a_client_that_closes_asks_for_nobody_any_more);
    tcase_add_test(tc, a_name_without_addresses_is_told);
    tcase_add_test(tc, the_first_address_that_answers_is_taken);
    tcase_add_test(tc, round_robin_goes_to_every_address_in_turn);
    tcase_add_test(tc, when_a_connection_goes_the_name_is_looked_up_again);
    tcase_add_test(tc, an_address_that_has_gone_from_dns_gets_no_new_calls);
    tcase_add_test(tc, one_of_two_addresses_that_is_dead_costs_no_call_and_is_tried_again);
    tcase_add_test(tc, a_peer_that_greets_and_leaves_is_not_dialled_in_a_circle);
    tcase_add_test(tc, a_wrong_port_tells_itself_before_a_call_is_sent);
    tcase_add_test(tc, a_peer_that_says_nothing_is_given_up);
    tcase_add_test(tc, a_call_without_time_left_leaves_the_others_alone);
    tcase_add_test(tc, a_unix_socket_is_dialled_by_its_path);
    tcase_add_test(tc, an_idle_connection_closes_and_the_next_call_opens_another);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
