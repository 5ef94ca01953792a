/* SPDX-License-Identifier: Apache-2.0 */
/* An outbox into one end of a socket pair, whose other end the test reads when it likes. */
#include "net/socket/outbox.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGE (4 * 1024 * 1024ul)

static struct loop loop;
static struct socket_shared shared;
static struct socket *out_socket;
static struct outbox box;
static struct buf heard;
static uint8_t *theirs;
static int peer;
static unsigned written, closed;

static void on_read(void *owner, struct bytes data)
{
    (void)owner;
    (void)data;
}

static void on_end(void *owner, int error)
{
    (void)owner;
    (void)error;
}

static void on_written(void *owner, int error)
{
    (void)owner;
    ck_assert_int_eq(error, 0);
    written++;
    outbox_send(&box, out_socket);
}

static void on_closed(void *owner)
{
    (void)owner;
    closed++;
}

static const struct socket_events events = { on_read, on_end, on_written, on_closed, NULL };

static void set_up(void)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    loop_init(&loop, true);
    socket_shared_init(&shared, 4096);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    peer = fds[1];
    out_socket = socket_open(&loop, &shared, fds[0], &events, &box);
    ck_assert_ptr_nonnull(out_socket);
    box = (struct outbox){ 0 };
    heard = (struct buf){ 0 };
    theirs = mem_alloc(LARGE);
    memset(theirs, 't', LARGE);
    written = closed = 0;
}

static void tear_down(void)
{
    socket_close(out_socket);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    ck_assert_uint_eq(closed, 1);
    socket_shared_free(&shared);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
    close(peer);
    outbox_free(&box);
    buf_free(&heard);
    free(theirs);
}

static void hear_all(void)
{
    for (int quiet = 0; quiet < 3; quiet++) {
        ssize_t n;

        uv_run(&loop.uv, UV_RUN_NOWAIT);
        while ((n = recv(peer, buf_reserve(&heard, 65536), 65536, MSG_DONTWAIT)) > 0) {
            heard.len += (size_t)n;
            quiet = 0;
        }
    }
}

START_TEST(runs_leave_in_the_order_in_which_they_came)
{
    buf_puts(outbox_own(&box), "head ");
    outbox_refer(&box, &loop, bytes_str("body "));
    buf_puts(outbox_own(&box), "mid");
    buf_puts(outbox_own(&box), "dle ");
    outbox_refer(&box, &loop, bytes_str(""));
    outbox_refer(&box, &loop, bytes_str("end"));
    ck_assert_uint_eq(outbox_waiting(&box), 20);
    ck_assert_int_eq(outbox_send(&box, out_socket), 0);
    hear_all();
    ck_assert_str_eq(buf_cstr(&heard), "head body middle end");
    ck_assert_uint_eq(outbox_waiting(&box), 0);
    ck_assert_uint_eq(shared.bytes_out, 20);
}
END_TEST

START_TEST(what_the_kernel_does_not_take_is_sent_when_there_is_room)
{
    for (size_t at = 0; at < LARGE; at += 8192) {
        buf_puts(outbox_own(&box), "<>");
        outbox_refer(&box, &loop, bytes_of(theirs + at, 8192));
    }
    ck_assert_int_eq(outbox_send(&box, out_socket), 1);
    ck_assert(socket_writing(out_socket));
    hear_all();
    ck_assert_uint_gt(written, 1);
    ck_assert_uint_eq(outbox_waiting(&box), 0);
    ck_assert_uint_eq(heard.len, LARGE + LARGE / 8192 * 2);
    for (size_t at = 0; at < heard.len; at += 8194)
        ck_assert(heard.data[at] == '<' && heard.data[at + 1] == '>' && heard.data[at + 2] == 't');
    ck_assert_uint_eq(shared.bytes_out, heard.len);
}
END_TEST

START_TEST(an_owner_who_leaves_may_change_his_memory)
{
    buf_puts(outbox_own(&box), "<");
    outbox_refer(&box, &loop, bytes_of(theirs, LARGE));
    buf_puts(outbox_own(&box), "|");
    outbox_refer(&box, &shared, bytes_str("another's"));
    ck_assert_int_eq(outbox_send(&box, out_socket), 1);
    outbox_keep(&box, &loop);
    memset(theirs, 'x', LARGE);
    hear_all();
    ck_assert_uint_eq(heard.len, LARGE + 11);
    ck_assert_ptr_null(memchr(heard.data, 'x', heard.len));
    ck_assert_str_eq(buf_cstr(&heard) + LARGE, "t|another's");
}
END_TEST

START_TEST(a_peer_who_has_gone_is_an_error)
{
    close(peer);
    peer = -1;
    outbox_refer(&box, &loop, bytes_str("x"));
    ck_assert_int_eq(outbox_send(&box, out_socket), UV_EPIPE);
    ck_assert(!socket_writing(out_socket));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("outbox");
    TCase *tc = tcase_create("outbox");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, runs_leave_in_the_order_in_which_they_came);
    tcase_add_test(tc, what_the_kernel_does_not_take_is_sent_when_there_is_room);
    tcase_add_test(tc, an_owner_who_leaves_may_change_his_memory);
    tcase_add_test(tc, a_peer_who_has_gone_is_an_error);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
