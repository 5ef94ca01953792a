/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket on the loop, tcp or unix, that hands out file descriptors.
 *
 * Accepting is done here and not by uv_listen(): out of file descriptors, libuv would accept and drop every caller
 * in the backlog, whereas those can simply wait there until a connection closes.
 *
 * While a configuration is reloaded its sockets are handed over: they go on listening without a listener, so that who
 * connects meanwhile waits in the backlog, instead of being refused and coming again after his back-off. Connections
 * that wait for their next request are handed over with them. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/loop/loop.h"
#include "base/vec.h"
#include "net/socket/crowd.h"
#include "net/socket/endpoint.h"

#include <sys/types.h>

struct listener_front;

/* A socket that is bound and listens. */
struct listening {
    struct endpoint asked;        /* what it was bound to; `any` before it was narrowed */
    int fd;                       /* -1: none */
    struct listener_front *front; /* it is another process that listens; NULL: this one does */
    char *path;                   /* of a unix socket, removed on closing; NULL else */
    dev_t dev;                    /* which file that is: another process may have put its own there since */
    ino_t ino;
    char address[ENDPOINT_TEXT]; /* while it is handed over: what is bound */
    int port;
};

/* A connection with nothing under way. */
struct resting {
    struct endpoint asked; /* of the listener that accepted it */
    int fd;
    struct buf unread; /* what has come of the next request, charged to the budget */
    struct budget *budget;
};

/* Zeroed when empty. */
struct listener_handover {
    bool keeps; /* closing a listener leaves its socket here */
    VEC(struct listening) sockets;
    VEC(struct resting) connections;
};

/* Of a process that does not listen itself: another one does, and gives it some of those who call. */
struct listener_front {
    /* Have that one listen: out->fd can be polled for callers, and `address` and `port` are what is bound. 0, or a
     * negative errno. */
    int (*open)(struct listener_front *f, const char *endpoint, const char *transport, struct listening *out,
                char address[ENDPOINT_TEXT], int *port);
    int (*accept)(int fd); /* the next caller; -1 and errno, as accept4() */
    void (*close)(struct listener_front *f, int fd);
};

/* What the listeners of a process share. */
struct listener_shared {
    struct listener_front *front; /* NULL: they listen themselves */
    struct listener_handover handover;
    struct crowd crowd;
};

/* For who listens for others: bind and listen, or a negative errno and nothing is open; what is bound, as text; its
 * port; close, and remove its file. */
int listening_open(struct listening *s, const struct endpoint *e);
int listening_address(const struct listening *s, char address[ENDPOINT_TEXT]);
void listening_close(struct listening *s);

/* From here on closing hands over. A socket that may have any port (0) is not handed over: the next one of it is
 * another. */
void listener_handover_open(struct listener_handover *handover);
/* No longer; what nobody has taken is closed. */
void listener_handover_close(struct listener_handover *handover);

struct listener {
    uv_poll_t poll;
    struct listening socket;
    struct loop *loop;
    struct listener_shared *shared;                 /* NULL: it is alone */
    struct clock_timer pause;                       /* after running out of file descriptors */
    char address[ENDPOINT_TEXT];                    /* what is bound */
    int port;                                       /* 0 for unix sockets */
    void (*on_accept)(struct listener *l, int fd);  /* the fd is the callee's; non-blocking, close-on-exec */
    void (*on_full)(struct listener *l, int error); /* accepting failed; it pauses for 100 ms */
    /* Descriptors are scarce: a connection has given way to the one that comes next, or none may; then it pauses too.
     */
    void (*on_crowded)(struct listener *l, bool gave_way);
    void (*on_closed)(struct listener *l);
    bool crowded; /* none may give way: accept no more until there is room */
};

/* Bind and listen, or take the socket of that address from the handover. A unix socket file that nobody
 * answers on is removed first. On failure nothing is left. */
int listener_open(struct listener *l, struct loop *loop, struct listener_shared *shared, const char *endpoint,
                  const char *transport, struct error *err);
void listener_resume(struct listener *l); /* a descriptor has become free: end the pause */
/* Stop accepting; the socket is closed, or left in the handover. on_closed comes from the loop when the memory may go.
 */
void listener_close(struct listener *l, void (*on_closed)(struct listener *));

/* Whether a connection that it has accepted may be given to the next listener of that address: also after closing. */
bool listener_hands_over(const struct listener *l);
/* Give one. The fd and `unread`, with what it is charged to the budget, are the handover's. */
void listener_hand_over(struct listener *l, int fd, struct buf unread, struct budget *budget);
/* Take one that was accepted on this listener's address, or port. Its parts are the caller's. */
bool listener_take_over(struct listener *l, struct resting *out);

#endif
