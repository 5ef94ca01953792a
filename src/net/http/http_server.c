/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/http_conn.h"

#include "base/mem.h"
#include "net/http2/http2.h"

#include <assert.h>
#include <stdlib.h>

static void on_accept(struct listener *l, int fd)
{
    struct http_server *s = container_of(l, struct http_server, listener);

    http_conn_open(s, fd);
}

static void on_full(struct listener *l, int error)
{
    struct http_server *s = container_of(l, struct http_server, listener);

    s->core.stats.accept_failures++;
    if (complaint_due(&s->full, s->core.clock))
        log_error(s->core.log, "Cannot accept connections; they wait until one closes. Raise the limit of open files",
                  F_STR("endpoint", l->address), F_STR("error", uv_strerror(error)),
                  F_UINT("connections", s->core.stats.connections), F_UINT("occurrences", complaint_taken(&s->full)));
}

int http_server_listen(struct http_server **out, uv_loop_t *loop, const struct http_server_options *options,
                       struct http_service *service, struct clock *clock, struct turn *turn, struct budget *budget,
                       const struct logger *log, void (*on_mismatch)(struct http_service *, struct http_request *),
                       struct error *err)
{
    struct http_server *s = mem_zalloc(sizeof(*s));
    int rc;

    *out = NULL;
    s->loop = loop;
    s->core = (struct http_core){
        .server = s,
        .options = *options,
        .service = service,
        .clock = clock,
        .turn = turn,
        .budget = budget,
        .log = log,
        .on_mismatch = on_mismatch,
    };
    s->listener.on_accept = on_accept;
    s->listener.on_full = on_full;
    rc = listener_open(&s->listener, loop, clock, options->lot, options->endpoint,
                       options->transport != NULL && options->transport[0] != '\0' ? options->transport : "tcp", err);
    if (rc != 0) {
        free(s);
        return rc;
    }
    http_core_init(&s->core);
    http2_core_init(&s->core);
    stream_hub_init(&s->hub, s->core.options.read_buffer_size);
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

const struct http_server_stats *http_server_stats(const struct http_server *s)
{
    struct http_server_stats *stats = &((struct http_server *)(uintptr_t)s)->core.stats;

    stats->bytes_in = s->hub.bytes_in;
    stats->bytes_out = s->hub.bytes_out;
    return stats;
}

/* Called from the loop, with nothing of ours above on the stack: done() may free the server. */
static void check_done(struct http_server *s)
{
    if (s->done == NULL || !s->listener_closed || s->conns != NULL)
        return;
    clock_stop(s->core.clock, &s->deadline);
    s->done(s, s->arg);
}

void http_server_forget(struct http_server *s)
{
    s->core.stats.connections--;
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
    for (struct http_conn *c = s->conns; c != NULL; c = http_conn_next(c))
        http_conn_cut(c);
}

static void on_deadline(struct clock_timer *t)
{
    cut_all(container_of(t, struct http_server, deadline));
}

void http_server_stop(struct http_server *s, uint64_t deadline, void (*done)(struct http_server *, void *arg),
                      void *arg)
{
    uint64_t now = clock_mono(s->core.clock);

    assert(s->done == NULL);
    s->done = done;
    s->arg = arg;
    s->core.stopping = true;
    listener_close(&s->listener, on_listener_closed);
    for (struct http_conn *c = s->conns; c != NULL; c = http_conn_next(c))
        http_conn_drain(c);
    if (deadline > now)
        clock_start(s->core.clock, &s->deadline, deadline - now, on_deadline);
    else
        cut_all(s);
}

void http_server_hurry(struct http_server *s)
{
    if (s->done != NULL)
        clock_start(s->core.clock, &s->deadline, 0, on_deadline);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    assert(s->listener_closed && s->conns == NULL);
    clock_stop(s->core.clock, &s->deadline);
    stream_hub_free(&s->hub);
    http_core_close(&s->core);
    free(s);
}
