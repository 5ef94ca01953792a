/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that play both ends of connections on the loopback: a loop turned until nothing happens any more.
 *
 * The kernel mostly hands a packet over at once, but on a busy machine leaves it to a thread that has to wait for its
 * turn. So whoever waits has to ask it what is on its way: connections that are being made, and where both ends are
 * sockets of this process, bytes and ends that one has sent and the other does not have. What was closed cannot be
 * asked any more: settle_close(). */
#ifndef SUPPORT_SETTLE_H
#define SUPPORT_SETTLE_H

#include "base/loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETTLE_TURNS 20
#define SETTLE_MOST (10 * NS_PER_S) /* after that the test goes on, and fails */

bool settle_any_on_its_way(void);

static inline void settle_turns(struct loop *loop)
{
    for (int i = 0; i < SETTLE_TURNS; i++) {
        turn_run(&loop->turn);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        turn_run(&loop->turn);
    }
}

static inline void settle_loop(struct loop *loop)
{
    uint64_t until = uv_hrtime() + SETTLE_MOST;

    settle_turns(loop);
    while (settle_any_on_its_way() && uv_hrtime() < until) {
        poll(NULL, 0, 1);
        settle_turns(loop);
    }
    settle_turns(loop); /* what came just now */
}

/* The other end has heard of it when this returns. */
static inline void settle_close(int fd)
{
    uint64_t until = uv_hrtime() + SETTLE_MOST;

    shutdown(fd, SHUT_WR);
    while (settle_any_on_its_way() && uv_hrtime() < until)
        poll(NULL, 0, 1);
    close(fd);
}

/* The other end has closed: what it said before is thrown away. Waits for that. */
static inline bool settle_is_closed(struct loop *loop, int fd)
{
    uint64_t until = uv_hrtime() + SETTLE_MOST;
    char thrown[4096];
    ssize_t n;

    do {
        settle_turns(loop);
        while ((n = recv(fd, thrown, sizeof(thrown), MSG_DONTWAIT)) > 0)
            continue;
        if (n == 0 || errno == ECONNRESET)
            return true;
        poll(NULL, 0, 1);
    } while (uv_hrtime() < until);
    return false;
}

#endif
