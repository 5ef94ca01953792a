/* SPDX-License-Identifier: Apache-2.0 */
/* Listener and connections: sockets below, a protocol above, and the turn's end between them.
 *
 * What is read goes to the protocol at once. Whatever a protocol or a service does marks the connection (kick); at the
 * end of the turn it is looked at once: held input is fed, output is pulled and written in one go, reading is
 * adjusted, and an end is carried out. So no callback of a socket or a service ever frees a connection above it. */
#include "net/http_server.h"

#include "base/mem.h"
#include "net/http1_conn.h"
#include "net/http2.h"
#include "net/listener.h"
#include "net/stream.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_BYTES (60 * NS_PER_S)
#define LINGER NS_PER_S
#define WRITES_PER_TURN 8 /* of one connection, before others have their turn */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct http_server {
    struct http_core core;
    struct stream_hub hub;
    struct listener listener;
    struct conn *conns;
    uv_loop_t *loop;
    struct complaint full, tls;
    struct clock_timer cut; /* the deadline of stopping */
    struct turn_task finish;
    bool listening;
    bool stopped_told;
    void (*on_stopped)(struct http_server *, void *);
    void *arg;
};

struct conn {
    struct http_link link;
    struct stream stream;
    struct http_server *server;
    struct conn *next, *prev;
    struct turn_task task;
    struct buf held; /* input that the protocol could not take yet, or too few bytes to tell the protocol */
    bool lingering;  /* our end is shut down; waiting for the peer's */
    bool closing;
    char peer[ENDPOINT_TEXT];
};

static struct conn *conn_of(struct http_link *l)
{
    return container_of(l, struct conn, link);
}

static void finish_if_empty(struct http_server *s)
{
    if (s->on_stopped != NULL && s->conns == NULL && !s->listening)
        turn_defer(s->core.turn, &s->finish);
}

/* --- the end of a connection --- */

static void on_conn_closed(struct stream *stream)
{
    struct conn *c = container_of(stream, struct conn, stream);
    struct http_server *s = c->server;

    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    s->core.stats.connections--;
    buf_free(&c->held);
    free(c);
    if (s->listening)
        listener_resume(&s->listener);
    finish_if_empty(s);
}

static void conn_close(struct conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    if (c->link.proto != NULL)
        c->link.proto->close(&c->link);
    http_link_close(&c->link);
    turn_cancel(c->server->core.turn, &c->task);
    stream_close(&c->stream);
}

/* Everything is said. Reading on for a moment keeps the kernel from resetting the connection over unread input,
 * which would destroy the last bytes of the answer on their way. */
static void conn_linger(struct conn *c)
{
    if (c->lingering)
        return;
    c->lingering = true;
    stream_shutdown(&c->stream);
    http_link_expect(&c->link, DEADLINE_LINGER, LINGER);
    if (stream_read(&c->stream, c->server->core.options.read_buffer_size) != 0)
        conn_close(c);
}

/* --- input --- */

static void complain_tls(struct conn *c)
{
    struct http_server *s = c->server;

    s->core.stats.tls_on_plain++;
    if (complaint_due(&s->tls, s->core.clock))
        log_warn(s->core.log, "A client speaks TLS to this plain-text port",
                 F_STR("client", c->link.peer(&c->link)), F_STR("endpoint", s->listener.address),
                 F_STR("remedy", "set insecure: true, or http:// instead of https://, in the client"),
                 F_UINT("occurrences", complaint_taken(&s->tls)));
}

/* The first bytes tell the protocol. False: too few of them yet, or the connection is over. */
static bool choose(struct conn *c, struct bytes data)
{
    if (data.data[0] == 0x16 && (data.len < 2 || data.data[1] == 0x03)) {
        complain_tls(c);
        conn_close(c);
        return false;
    }
    if (memcmp(data.data, PREFACE, data.len < 3 ? data.len : 3) != 0) {
        http1_open(&c->link);
        return true;
    }
    if (data.len < 3)
        return false;
    http2_open(&c->link);
    return true;
}

/* Give the protocol what was held, or what has just come. What it does not take is held. */
static void feed(struct conn *c, struct bytes data)
{
    size_t used = 0;

    if (c->link.proto == NULL && !choose(c, data)) {
        if (!c->closing && data.data != c->held.data)
            buf_put(&c->held, data);
        return;
    }
    used = c->link.proto->input(&c->link, data);
    if (c->closing)
        return;
    if (data.data == c->held.data) {
        memmove(c->held.data, c->held.data + used, c->held.len - used);
        c->held.len -= used;
        if (c->held.len == 0)
            buf_free(&c->held);
    } else if (used < data.len) {
        buf_append(&c->held, data.data + used, data.len - used);
    }
}

static void on_read(struct stream *stream, struct bytes data)
{
    struct conn *c = container_of(stream, struct conn, stream);

    c->link.last_read = clock_mono(c->server->core.clock);
    if (c->lingering || c->closing)
        return;
    if (c->held.len > 0) {
        buf_put(&c->held, data);
        data = buf_bytes(&c->held);
    }
    feed(c, data);
    if (!c->closing)
        c->link.kick(&c->link);
}

static void on_stream_end(struct stream *stream, int error)
{
    struct conn *c = container_of(stream, struct conn, stream);

    if (error != 0 || c->lingering || c->link.proto == NULL) {
        conn_close(c);
        return;
    }
    c->link.proto->on_end(&c->link);
    c->link.kick(&c->link);
}

/* --- the turn's end --- */

/* Pull and write until there is nothing more, or the socket is full. False: the connection is over. */
static bool write_out(struct conn *c)
{
    for (int i = 0; i < WRITES_PER_TURN && !c->stream.writing; i++) {
        struct buf *to = stream_out(&c->stream);
        int rc;

        c->link.proto->output(&c->link, to);
        rc = stream_flush(&c->stream);
        if (rc < 0) {
            conn_close(c);
            return false;
        }
        if (rc == 0)
            c->link.proto->flushed(&c->link);
        if (to->len == 0 && rc == 0 && c->stream.out.len == 0 && !c->task.queued)
            break;
    }
    return true;
}

static void at_turns_end(struct turn_task *task)
{
    struct conn *c = container_of(task, struct conn, task);
    const struct http_proto *p = c->link.proto;
    enum http_fate fate;

    if (c->closing || p == NULL)
        return;
    if (c->held.len > 0 && p->room(&c->link, 1) > 0)
        feed(c, buf_bytes(&c->held));
    if (c->closing || !write_out(c))
        return;
    fate = p->fate(&c->link);
    if (fate == HTTP_BROKEN) {
        conn_close(c);
    } else if (fate == HTTP_FINISHED && !c->stream.writing) {
        conn_linger(c);
    } else if (!c->lingering) {
        size_t most = c->held.len > 0 ? 0 : p->room(&c->link, c->server->core.options.read_buffer_size);

        if (stream_read(&c->stream, most) != 0)
            conn_close(c);
    }
}

static void kick(struct http_link *l)
{
    struct conn *c = conn_of(l);

    if (!c->closing)
        turn_defer(c->server->core.turn, &c->task);
}

static void on_written(struct stream *stream, int error)
{
    struct conn *c = container_of(stream, struct conn, stream);

    if (error != 0) {
        conn_close(c);
        return;
    }
    if (c->link.proto != NULL)
        c->link.proto->flushed(&c->link);
    c->link.kick(&c->link);
}

/* --- a new connection --- */

static const char *peer(struct http_link *l)
{
    struct conn *c = conn_of(l);
    struct sockaddr_storage addr = { 0 };
    socklen_t len = sizeof(addr);
    uv_os_fd_t fd;

    if (c->peer[0] == '\0' && uv_fileno(&c->stream.uv.handle, &fd) == 0 &&
        getpeername(fd, (struct sockaddr *)&addr, &len) == 0)
        endpoint_format(&addr, len, c->peer, sizeof(c->peer));
    return c->peer[0] != '\0' ? c->peer : "unknown";
}

static void on_deadline(struct http_link *l, enum http_deadline which)
{
    struct conn *c = conn_of(l);

    if (which == DEADLINE_LINGER)
        conn_close(c);
    else if (l->proto != NULL)
        l->proto->on_deadline(l, which);
    else
        conn_close(c); /* not a byte came, or not enough */
}

static void on_accept(struct listener *listener, int fd)
{
    struct http_server *s = container_of(listener, struct http_server, listener);
    struct conn *c = mem_zalloc(sizeof(*c));

    if (stream_open(&c->stream, s->loop, &s->hub, fd) != 0) {
        free(c);
        return;
    }
    c->server = s;
    c->link = (struct http_link){ .core = &s->core, .kick = kick, .peer = peer, .on_deadline = on_deadline };
    c->task.run = at_turns_end;
    c->stream.on_read = on_read;
    c->stream.on_end = on_stream_end;
    c->stream.on_written = on_written;
    c->stream.on_closed = on_conn_closed;
    c->next = s->conns;
    if (c->next != NULL)
        c->next->prev = c;
    s->conns = c;
    s->core.stats.connections++;
    s->core.stats.accepted++;
    c->link.last_read = clock_mono(s->core.clock);
    http_link_expect(&c->link, DEADLINE_READ, FIRST_BYTES);
    if (stream_read(&c->stream, s->core.options.read_buffer_size) != 0)
        conn_close(c);
}

static void on_full(struct listener *listener, int error)
{
    struct http_server *s = container_of(listener, struct http_server, listener);

    s->core.stats.accept_failures++;
    if (complaint_due(&s->full, s->core.clock))
        log_warn(s->core.log, "Cannot accept connections; they wait until one closes",
                 F_STR("endpoint", s->listener.address), F_STR("error", uv_strerror(error)),
                 F_UINT("connections", s->core.stats.connections),
                 F_UINT("occurrences", complaint_taken(&s->full)));
}

/* --- the server --- */

static void tell_stopped(struct turn_task *task)
{
    struct http_server *s = container_of(task, struct http_server, finish);

    if (s->stopped_told)
        return;
    s->stopped_told = true;
    clock_stop(s->core.clock, &s->cut);
    s->on_stopped(s, s->arg);
}

int http_server_listen(struct http_server **out, uv_loop_t *loop, const struct http_server_options *options,
                       struct http_service *service, struct clock *clock, struct turn *turn, struct budget *budget,
                       const struct logger *log, void (*on_mismatch)(struct http_service *, struct http_request *),
                       struct error *err)
{
    struct http_server *s = mem_zalloc(sizeof(*s));
    int rc;

    s->loop = loop;
    s->listener.on_accept = on_accept;
    s->listener.on_full = on_full;
    s->finish.run = tell_stopped;
    rc = listener_open(&s->listener, loop, clock, options->endpoint,
                       options->transport != NULL && options->transport[0] != '\0' ? options->transport : "tcp", err);
    if (rc != 0) {
        free(s);
        return rc;
    }
    s->listening = true;
    s->core.server = s;
    s->core.options = *options;
    s->core.service = service;
    s->core.clock = clock;
    s->core.turn = turn;
    s->core.budget = budget;
    s->core.log = log;
    s->core.on_mismatch = on_mismatch;
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
    struct http_server_stats *stats = (struct http_server_stats *)(uintptr_t)&s->core.stats;

    stats->bytes_in = s->hub.bytes_in;
    stats->bytes_out = s->hub.bytes_out;
    return stats;
}

static void on_listener_closed(struct listener *listener)
{
    struct http_server *s = container_of(listener, struct http_server, listener);

    s->listening = false;
    finish_if_empty(s);
}

static void on_cut(struct clock_timer *t)
{
    struct http_server *s = container_of(t, struct http_server, cut);

    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        conn_close(c);
    }
}

void http_server_stop(struct http_server *s, uint64_t deadline, void (*done)(struct http_server *, void *arg),
                      void *arg)
{
    uint64_t now = clock_mono(s->core.clock);

    assert(s->on_stopped == NULL);
    s->on_stopped = done;
    s->arg = arg;
    s->core.stopping = true;
    listener_close(&s->listener, on_listener_closed);
    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->closing) /* its protocol has gone already */
            continue;
        if (c->link.proto != NULL)
            c->link.proto->drain(&c->link);
        else
            conn_close(c);
    }
    clock_start(s->core.clock, &s->cut, deadline > now ? deadline - now : 0, on_cut);
}

void http_server_free(struct http_server *s)
{
    assert(s->conns == NULL);
    turn_cancel(s->core.turn, &s->finish);
    clock_stop(s->core.clock, &s->cut);
    http_core_close(&s->core);
    stream_hub_free(&s->hub);
    free(s);
}
