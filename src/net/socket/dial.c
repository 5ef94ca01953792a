/* SPDX-License-Identifier: Apache-2.0 */
/* The name is looked up, then each address is tried in turn: a socket that connects while a poll
 * waits for it to be writable, under a timer. The poll's close callback decides what comes next, for until then the
 * socket is not ours: done, or the next address. What went wrong with the last address is what the caller hears.
 * Cancelling only forgets the caller; the memory goes when the poll has ended. */
#include "net/socket/dial.h"

#include "base/mem.h"
#include "net/socket/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dial {
    struct loop *loop;
    struct lookup *lookup; /* NULL: it is over */
    struct address to[LOOKUP_MAX];
    size_t at, n;
    uv_poll_t poll;
    struct clock_timer timer;
    struct turn_task begin;
    uint64_t timeout;
    int fd; /* -1: none */
    bool polling, closing;
    dial_done *done; /* NULL: cancelled */
    void *arg;
    char host[256];
    char why[420];
};

static void try_next(struct dial *d);

static void maybe_free(struct dial *d)
{
    if (d->done != NULL || d->closing)
        return;
    clock_stop(&d->loop->clock, &d->timer);
    turn_cancel(&d->loop->turn, &d->begin);
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}

static void finish_dial(struct dial *d, bool resolved)
{
    dial_done *done = d->done;
    int fd = d->fd;

    d->done = NULL;
    d->fd = -1;
    clock_stop(&d->loop->clock, &d->timer);
    if (done != NULL)
        done(d->arg, fd, resolved, d->why);
    maybe_free(d);
}

static void fail_address(struct dial *d, const char *what)
{
    char text[ENDPOINT_TEXT];

    endpoint_format(&d->to[d->at].addr, d->to[d->at].len, text, sizeof(text));
    if (strcmp(d->host, text) == 0)
        snprintf(d->why, sizeof(d->why), "connect to %s: %s", text, what);
    else
        snprintf(d->why, sizeof(d->why), "connect to %s (%s): %s", d->host, text, what);
}

/* The poll handle has closed: the socket is free of it. */
static void on_poll_closed(uv_handle_t *handle)
{
    struct dial *d = handle->data;
    int error = 0;
    socklen_t len = sizeof(error);

    d->closing = d->polling = false;
    if (d->done == NULL) {
        maybe_free(d);
        return;
    }
    if (d->why[0] == '\0') {
        getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error == 0) {
            finish_dial(d, true);
            return;
        }
        fail_address(d, strerror(error));
    }
    close(d->fd);
    d->fd = -1;
    d->at++;
    try_next(d);
}

static void close_poll(struct dial *d)
{
    if (d->closing)
        return;
    d->closing = true;
    clock_stop(&d->loop->clock, &d->timer);
    uv_close((uv_handle_t *)&d->poll, on_poll_closed);
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    close_poll(poll->data);
}

static void on_timeout(struct clock_timer *t)
{
    struct dial *d = container_of(t, struct dial, timer);

    fail_address(d, "no answer in time");
    close_poll(d);
}

static bool begin_connect(struct dial *d)
{
    const struct address *to = &d->to[d->at];
    int one = 1;

    d->fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return false;
    if (to->addr.ss_family != AF_UNIX)
        setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return connect(d->fd, (const struct sockaddr *)&to->addr, to->len) == 0 || errno == EINPROGRESS;
}

static void try_next(struct dial *d)
{
    for (; d->at < d->n; d->at++) {
        d->why[0] = '\0';
        if (begin_connect(d)) {
            uv_poll_init(&d->loop->uv, &d->poll, d->fd);
            d->poll.data = d;
            d->polling = true;
            uv_poll_start(&d->poll, UV_WRITABLE, on_connected);
            clock_start(&d->loop->clock, &d->timer, d->timeout, on_timeout);
            return;
        }
        fail_address(d, strerror(errno));
        if (d->fd >= 0)
            close(d->fd);
        d->fd = -1;
    }
    finish_dial(d, true);
}

static void on_looked_up(void *arg, const struct address *found, size_t n, const char *why)
{
    struct dial *d = arg;

    d->lookup = NULL;
    if (n == 0) {
        snprintf(d->why, sizeof(d->why), "%s", why);
        finish_dial(d, false);
        return;
    }
    memcpy(d->to, found, n * sizeof(*found));
    d->n = n;
    try_next(d);
}

static struct dial *new_dial(struct loop *loop, uint64_t timeout, dial_done *done, void *arg)
{
    struct dial *d = mem_zalloc(sizeof(*d));

    d->loop = loop;
    d->timeout = timeout;
    d->fd = -1;
    d->done = done;
    d->arg = arg;
    return d;
}

struct dial *dial_start(struct loop *loop, const char *host, const char *port, uint64_t timeout, dial_done *done,
                        void *arg)
{
    struct dial *d = new_dial(loop, timeout, done, arg);

    snprintf(d->host, sizeof(d->host), "%s:%s", host, port);
    d->lookup = resolver_system.start(loop, host, port, on_looked_up, d);
    return d;
}

static void begin_late(struct turn_task *task)
{
    try_next(container_of(task, struct dial, begin));
}

struct dial *dial_start_at(struct loop *loop, const char *name, const struct address *to, size_t n, uint64_t timeout,
                           dial_done *done, void *arg)
{
    struct dial *d = new_dial(loop, timeout, done, arg);

    snprintf(d->host, sizeof(d->host), "%s", name);
    d->n = n < LOOKUP_MAX ? n : LOOKUP_MAX;
    memcpy(d->to, to, d->n * sizeof(*to));
    d->begin.run = begin_late;
    turn_defer(&loop->turn, &d->begin); /* `done` does not come from in here */
    return d;
}

void dial_cancel(struct dial *d)
{
    d->done = NULL;
    if (d->lookup != NULL) {
        resolver_system.cancel(d->lookup);
        d->lookup = NULL;
    } else if (d->polling) {
        close_poll(d);
    }
    maybe_free(d);
}
