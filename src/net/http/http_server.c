/* SPDX-License-Identifier: Apache-2.0 */
/* A server is its listener and its connections. It stops by closing the listener and draining each connection, and is
 * done when the last has closed; the deadline, or someone in a hurry, cuts those that are left. */
#include "net/http/http_conn.h"

#include "base/mem.h"
#include "net/http2/http2_server.h"
#include "net/socket/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Connections that rested while the configuration was reloaded. */
static void take_over(struct http_server *s)
{
    struct resting r;

    while (listener_take_over(&s->listener, &r))
        http_conn_take_over(s, &r);
}

static void on_full(struct listener *l, int error)
{
    struct http_server *s = container_of(l, struct http_server, listener);

    s->shared.stats.accept_failures++;
    if (complaint_due(&s->full, &s->shared.loop->clock))
        log_error(s->shared.log, "Cannot accept connections; they wait until one closes. Raise the limit of open files",
                  F_STR("endpoint", l->address), F_STR("error", uv_strerror(error)),
                  F_UINT("connections", s->shared.stats.connections), F_UINT("occurrences", complaint_taken(&s->full)));
}

static void on_crowded(struct listener *l, bool gave_way)
{
    struct http_server *s = container_of(l, struct http_server, listener);

    s->shared.stats.accept_failures += !gave_way;
    if (complaint_due(&s->full, &s->shared.loop->clock))
        log_warn(s->shared.log,
                 gave_way
                     ? "File descriptors are scarce: of the client with most connections one that is idle gives way "
                       "to a new one. Raise the limit of open files"
                     : "File descriptors are scarce, and every connection is in use: new ones wait until one closes. "
                       "Raise the limit of open files",
                 F_STR("endpoint", l->address), F_UINT("connections", s->shared.stats.connections),
                 F_UINT("occurrences", complaint_taken(&s->full)));
}

bool http_server_make_room(struct http_server *s, const struct peer *peer, uint64_t bytes)
{
    struct crowd *crowd = s->shared.crowd;
    uint64_t limit = budget_limit(s->shared.budget);
    bool made;

    if (crowd == NULL || crowd_may_keep(crowd, bytes, limit))
        return true;
    made = crowd_make_room_to_keep(crowd, peer, bytes, limit);
    s->shared.stats.accept_failures += !made;
    if (complaint_due(&s->full, &s->shared.loop->clock))
        log_warn(s->shared.log,
                 made ? "TLS and HTTP/2 connections hold a quarter of the memory budget: of the client with most "
                        "connections one that is idle gives way to a new one"
                      : "TLS and HTTP/2 connections hold a quarter of the memory budget, and every one is in use: a "
                        "new one was refused",
                 F_STR("endpoint", s->listener.address), F_UINT("connections", s->shared.stats.connections),
                 F_UINT("occurrences", complaint_taken(&s->full)));
    return made;
}

static void turn_away(struct http_server *s, int fd)
{
    close(fd);
    if (complaint_due(&s->strangers, &s->shared.loop->clock))
        log_warn(s->shared.log, "Another user was turned away: only root and the user that otelcd runs as may ask here",
                 F_STR("endpoint", s->listener.address), F_UINT("occurrences", complaint_taken(&s->strangers)));
}

static void on_accept(struct listener *l, int fd)
{
    struct http_server *s = container_of(l, struct http_server, listener);
    struct peer peer = peer_of(fd);

    if (s->shared.options.own_user && !peer_is_own_user(fd))
        turn_away(s, fd);
    else if (s->shared.options.tls != NULL && !http_server_make_room(s, &peer, HTTP_TLS_SHAKING))
        close(fd);
    else
        http_conn_open(s, fd);
}

int http_server_listen(struct http_server **out, struct loop *loop, const struct http_server_options *options,
                       struct http_service *service, struct budget *budget, const struct logger *log,
                       void (*on_mismatch)(struct http_service *, struct http_request *), struct error *err)
{
    struct http_server *s = mem_zalloc(sizeof(*s));
    int rc;

    *out = NULL;
    s->shared = (struct server_shared){
        .options = *options,
        .service = service,
        .loop = loop,
        .budget = budget,
        .crowd = options->listeners != NULL ? &options->listeners->crowd : NULL,
        .log = log,
        .on_mismatch = on_mismatch,
    };
    s->listener.on_accept = on_accept;
    s->listener.on_full = on_full;
    s->listener.on_crowded = on_crowded;
    rc = listener_open(&s->listener, loop, options->listeners, options->endpoint,
                       options->transport != NULL && options->transport[0] != '\0' ? options->transport : "tcp", err);
    if (rc != 0) {
        free(s);
        return rc;
    }
    if (options->tls != NULL)
        tls_ref(options->tls);
    list_init(&s->conns);
    list_init(&s->put_off);
    server_shared_init(&s->shared);
    http2_shared_init(&s->shared);
    socket_shared_init(&s->sockets, s->shared.options.read_buffer_size);
    take_over(s);
    *out = s;
    return 0;
}

int http_server_port(const struct http_server *s)
{
    return s->listener.port;
}

const char *http_server_address(const struct http_server *s)
{
    return s->listener.address;
}

const struct http_server_stats *http_server_stats(struct http_server *s)
{
    struct http_server_stats *stats = &s->shared.stats;

    stats->bytes_in = s->sockets.bytes_in;
    stats->bytes_out = s->sockets.bytes_out;
    return stats;
}

/* Called from the loop, with nothing of ours above on the stack: done() may free the server. */
static void check_done(struct http_server *s)
{
    if (s->done == NULL || !s->listener_closed || !list_empty(&s->conns))
        return;
    clock_stop(&s->shared.loop->clock, &s->deadline);
    s->done(s, s->arg);
}

void http_server_forget(struct http_server *s)
{
    s->shared.stats.connections--;
    listener_resume(&s->listener);
    check_done(s);
}

static void on_listener_closed(struct listener *l)
{
    struct http_server *s = container_of(l, struct http_server, listener);

    s->listener_closed = true;
    check_done(s);
}

static void cut_all(struct http_server *s)
{
    http_server_each(s, http_conn_cut);
}

static void on_deadline(struct clock_timer *t)
{
    cut_all(container_of(t, struct http_server, deadline));
}

void http_server_stop(struct http_server *s, uint64_t deadline, void (*done)(struct http_server *, void *arg),
                      void *arg)
{
    uint64_t now = clock_mono(&s->shared.loop->clock);

    assert(s->done == NULL);
    s->done = done;
    s->arg = arg;
    s->shared.stopping = true;
    s->shared.hands_over = listener_hands_over(&s->listener);
    listener_close(&s->listener, on_listener_closed);
    http_server_each(s, http_conn_drain);
    if (deadline > now)
        clock_start(&s->shared.loop->clock, &s->deadline, deadline - now, on_deadline);
    else
        cut_all(s);
}

void http_server_hurry(struct http_server *s)
{
    if (s->done != NULL)
        clock_start(&s->shared.loop->clock, &s->deadline, 0, on_deadline);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    assert(s->listener_closed && list_empty(&s->conns));
    clock_stop(&s->shared.loop->clock, &s->deadline);
    socket_shared_free(&s->sockets);
    slicer_free(s->feeding);
    tls_unref(s->shared.options.tls);
    server_shared_close(&s->shared);
    free(s);
}
