/* SPDX-License-Identifier: Apache-2.0 */
/* The name is looked up in the thread pool, then each address is tried in turn: a socket that connects while a poll
 * waits for it to be writable, under a timer. The poll's close callback decides what comes next, for until then the
 * socket is not ours: done, or the next address. What went wrong with the last address is what the caller hears.
 * Cancelling only forgets the caller; the memory goes when lookup and poll have ended. */
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
    uv_getaddrinfo_t lookup;
    struct addrinfo *addresses, *at;
    uv_poll_t poll;
    struct clock_timer timer;
    uint64_t timeout;
    int fd; /* -1: none */
    bool looking, polling, closing;
    dial_done *done; /* NULL: cancelled */
    void *arg;
    char host[256];
    char why[420];
};

static void try_next(struct dial *d);

static void maybe_free(struct dial *d)
{
    if (d->done != NULL || d->looking || d->closing)
        return;
    clock_stop(&d->loop->clock, &d->timer);
    if (d->fd >= 0)
        close(d->fd);
    uv_freeaddrinfo(d->addresses);
    free(d);
}

static void finish(struct dial *d, bool resolved)
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

    endpoint_format((const struct sockaddr_storage *)d->at->ai_addr, d->at->ai_addrlen, text, sizeof(text));
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
            finish(d, true);
            return;
        }
        fail_address(d, strerror(error));
    }
    close(d->fd);
    d->fd = -1;
    d->at = d->at->ai_next;
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
    int one = 1;

    d->fd = socket(d->at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return false;
    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return connect(d->fd, d->at->ai_addr, d->at->ai_addrlen) == 0 || errno == EINPROGRESS;
}

static void try_next(struct dial *d)
{
    for (; d->at != NULL; d->at = d->at->ai_next) {
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
        if (d->at->ai_next == NULL)
            break;
    }
    finish(d, true);
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    struct dial *d = lookup->data;

    d->looking = false;
    d->addresses = d->at = addresses;
    if (d->done == NULL) {
        maybe_free(d);
    } else if (status != 0 || addresses == NULL) {
        snprintf(d->why, sizeof(d->why), "look up %s: %s", d->host, status != 0 ? uv_strerror(status) : "no address");
        finish(d, false);
    } else {
        try_next(d);
    }
}

/* The text is no host name. */
static void on_no_lookup(struct clock_timer *t)
{
    struct dial *d = container_of(t, struct dial, timer);

    snprintf(d->why, sizeof(d->why), "look up %s: not a host's name", d->host);
    finish(d, false);
}

struct dial *dial_start(struct loop *loop, const char *host, const char *port, uint64_t timeout, dial_done *done,
                        void *arg)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct dial *d = mem_zalloc(sizeof(*d));

    d->loop = loop;
    d->timeout = timeout;
    d->fd = -1;
    d->done = done;
    d->arg = arg;
    d->lookup.data = d;
    snprintf(d->host, sizeof(d->host), "%s:%s", host, port);
    d->looking = uv_getaddrinfo(&loop->uv, &d->lookup, on_looked_up, host, port, &hints) == 0;
    if (!d->looking)
        clock_start(&loop->clock, &d->timer, 1, on_no_lookup);
    return d;
}

void dial_cancel(struct dial *d)
{
    d->done = NULL;
    if (d->looking)
        uv_cancel((uv_req_t *)&d->lookup);
    else if (d->polling)
        close_poll(d);
    maybe_free(d);
}
