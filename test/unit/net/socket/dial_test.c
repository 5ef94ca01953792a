/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/dial.h"
#include "support/settle.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT (3 * NS_PER_S)
#define FILL_MAX 64

struct told {
    unsigned times;
    int fd;
    bool resolved;
    char why[420];
};

static struct loop loop;
static struct told told;
static int listener, fillers[FILL_MAX];
static size_t n_fillers;
static char port[8];

/* Here it is the clock alone that makes something happen: connections wait for ever. */
static void settle(void)
{
    settle_turns(&loop);
}

static void set_up(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(in);

    loop_init(&loop, true);
    told = (struct told){ .fd = -1 };
    n_fillers = 0;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&in, &len);
    snprintf(port, sizeof(port), "%u", ntohs(in.sin_port));
}

static void tear_down(void)
{
    settle();
    for (size_t i = 0; i < n_fillers; i++)
        close(fillers[i]);
    close(listener);
    if (told.fd >= 0)
        close(told.fd);
    ck_assert_uint_eq(loop.clock.heap.n, 0);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
}

static void on_done(void *arg, int fd, bool resolved, const char *why)
{
    struct told *t = arg;

    t->times++;
    t->fd = fd;
    t->resolved = resolved;
    snprintf(t->why, sizeof(t->why), "%s", why);
}

/* Until one more connection would have to wait for the listener, who never accepts. */
static void fill_backlog(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int fd;

    in.sin_port = htons((uint16_t)atoi(port));
    do {
        ck_assert_uint_lt(n_fillers, FILL_MAX);
        fd = fillers[n_fillers++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ck_assert(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 || errno == EINPROGRESS);
    } while (getpeername(fd, (struct sockaddr *)&peer, &len) == 0);
}

/* Looked up and begun: the timer of the first address is armed. */
static void until_it_connects(void)
{
    while (told.times == 0 && loop.clock.heap.n == 0) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        turn_run(&loop.turn);
    }
}

static void until_told(void)
{
    while (told.times == 0) {
        uv_run(&loop.uv, UV_RUN_ONCE);
        turn_run(&loop.turn);
    }
}

START_TEST(who_listens_is_connected_to)
{
    dial_start(&loop, "127.0.0.1", port, TIMEOUT, on_done, &told);
    ck_assert_uint_eq(told.times, 0); /* never from inside */
    until_told();
    ck_assert_int_ge(told.fd, 0);
    ck_assert(told.resolved);
}
END_TEST

START_TEST(who_does_not_answer_has_the_timeout_and_no_more)
{
    fill_backlog();
    dial_start(&loop, "127.0.0.1", port, TIMEOUT, on_done, &told);
    until_it_connects();
    clock_advance(&loop.clock, TIMEOUT - 1);
    settle();
    ck_assert_uint_eq(told.times, 0);
    clock_advance(&loop.clock, 1);
    settle();
    ck_assert_uint_eq(told.times, 1);
    ck_assert_int_eq(told.fd, -1);
    ck_assert(told.resolved);
    ck_assert_ptr_nonnull(strstr(told.why, "no answer in time"));
    ck_assert_ptr_nonnull(strstr(told.why, "127.0.0.1:"));
}
END_TEST

START_TEST(who_refuses_is_told_at_once)
{
    close(listener);
    listener = -1;
    dial_start(&loop, "127.0.0.1", port, TIMEOUT, on_done, &told);
    until_told();
    ck_assert_int_eq(told.fd, -1);
    ck_assert_ptr_nonnull(strstr(told.why, "onnection refused"));
}
END_TEST

START_TEST(a_cancelled_dial_says_nothing_whenever_it_is_cancelled)
{
    struct dial *d = dial_start(&loop, "127.0.0.1", port, TIMEOUT, on_done, &told);

    if (_i > 0)
        fill_backlog();
    if (_i > 0)
        until_it_connects();
    if (_i > 1) /* its time is over, and the poll is closing */
        clock_advance(&loop.clock, TIMEOUT);
    dial_cancel(d);
    settle();
    ck_assert_uint_eq(told.times, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dial");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, who_listens_is_connected_to);
    tcase_add_test(tc, who_does_not_answer_has_the_timeout_and_no_more);
    tcase_add_test(tc, who_refuses_is_told_at_once);
    tcase_add_loop_test(tc, a_cancelled_dial_says_nothing_whenever_it_is_cancelled, 0, 3);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
