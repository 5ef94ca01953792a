/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket on the loop, tcp or unix, that hands out file descriptors.
 *
 * Accepting is done here and not by uv_listen(): out of file descriptors, libuv would accept and drop every caller
 * in the backlog, whereas those can simply wait there until a connection closes. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/clock.h"
#include "base/error.h"
#include "net/endpoint.h"

#include <sys/types.h>
#include <uv.h>

struct listener {
    uv_poll_t poll;
    int fd;
    struct clock *clock;
    struct clock_timer pause;    /* after running out of file descriptors */
    char address[ENDPOINT_TEXT]; /* what is bound */
    int port;                    /* 0 for unix sockets */
    char *path;                  /* of a unix socket, removed on closing; NULL else */
    dev_t dev;                   /* which file that is: another process may have put its own there since */
    ino_t ino;
    void (*on_accept)(struct listener *l, int fd);  /* the fd is the callee's; non-blocking, close-on-exec */
    void (*on_full)(struct listener *l, int error); /* accepting failed; it pauses for 100 ms */
    void (*on_closed)(struct listener *l);
};

/* Bind and listen. A unix socket file that nobody answers on is removed first. On failure nothing is left. */
int listener_open(struct listener *l, uv_loop_t *loop, struct clock *clock, const char *endpoint, const char *transport,
                  struct error *err);
void listener_resume(struct listener *l); /* a descriptor has become free: end the pause */
/* Stop listening. on_closed comes from the loop when the memory may go. */
void listener_close(struct listener *l, void (*on_closed)(struct listener *));

#endif
