/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a client's: it is dialled, waits for the peer's greeting where the protocol has one, then drives
 * the protocol on its socket, and rests between calls until it is needed, or has rested for too long.
 *
 * All output leaves from flush_output(), at the end of the loop's turn. After each event the protocol is asked what is
 * to become of the connection: decide_fate() is where it rests, closes, or asks for more calls. What can go wrong:
 * nobody can be dialled; the peer does not greet; the socket fails. Then each of its calls hears of it by the
 * protocol, and the connection closes. A peer that refuses a request early and closes has not failed yet, for what it
 * said may still be there to be read. */
#include "net/http/http_client_inside.h"

#include "net/http1/http1_client.h"
#include "net/http2/http2_client.h"
#include "net/socket/endpoint.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE (64 * 1024ul)

static struct http_connection *connection_of(struct client_io *io)
{
    return container_of(io, struct http_connection, io);
}

static void enter_state(struct http_connection *c, enum connection_state to)
{
    static const uint8_t allowed[] = {
        [CONN_DIALING] = 1 << CONN_GREETING | 1 << CONN_IDLE | 1 << CONN_BUSY | 1 << CONN_CLOSED,
        [CONN_GREETING] = 1 << CONN_IDLE | 1 << CONN_CLOSED,
        [CONN_IDLE] = 1 << CONN_BUSY | 1 << CONN_CLOSED,
        [CONN_BUSY] = 1 << CONN_IDLE | 1 << CONN_CLOSED,
        [CONN_CLOSED] = 0,
    };

    assert(allowed[c->state] & 1 << to);
    if (c->state == CONN_IDLE)
        c->client->n_idle--;
    if (to == CONN_IDLE)
        c->client->n_idle++;
    c->state = to;
}

/* There is a protocol on it. */
static bool is_open(const struct http_connection *c)
{
    return c->state == CONN_GREETING || c->state == CONN_IDLE || c->state == CONN_BUSY;
}

/* ---- ends ---- */

static void free_connection(struct http_connection *c)
{
    struct http_client *client = c->client;

    list_remove(&c->link);
    turn_cancel(&client->shared.loop->turn, &c->flush);
    if (c->io.state != NULL)
        c->io.ops->close(&c->io);
    free(c);
    http_client_forget(client);
}

static void on_closed(void *owner)
{
    free_connection(owner);
}

void http_connection_close(struct http_connection *c)
{
    if (c->state == CONN_CLOSED)
        return;
    assert(list_empty(&c->calls) && c->first == NULL);
    clock_stop(&c->client->shared.loop->clock, &c->timer);
    enter_state(c, CONN_CLOSED);
    outbox_free(&c->io.out);
    if (c->dial != NULL) {
        dial_cancel(c->dial);
        c->dial = NULL;
    }
    if (c->tunnel != NULL) {
        tunnel_cancel(c->tunnel);
        c->tunnel = NULL;
    }
    if (c->socket != NULL)
        socket_close(c->socket);
    else
        free_connection(c);
}

/* It ends by itself, or by the peer: somebody may want another. */
static void end_connection(struct http_connection *c, const struct call_failure *why)
{
    struct http_client *client = c->client;
    bool served = c->served;

    http_connection_close(c);
    if (!client->pooled)
        http_balancer_lost(client, served, why);
}

static void on_idle_too_long(struct clock_timer *t)
{
    http_connection_close(container_of(t, struct http_connection, timer));
}

/* Nothing is under way: the connection is kept, or will be closed. */
static void begin_rest(struct http_connection *c)
{
    struct http_client *client = c->client;

    if (client->closing || (!c->http2 && client->n_idle >= client->options.max_idle))
        c->retiring = true;
    if (c->retiring)
        return;
    enter_state(c, CONN_IDLE);
    clock_stop(&client->shared.loop->clock, &c->timer);
    if (client->options.idle_timeout > 0)
        clock_start(&client->shared.loop->clock, &c->timer, client->options.idle_timeout, on_idle_too_long);
}

static void decide_fate(struct http_connection *c)
{
    static const struct call_failure in_peace = { .failure = HTTP_CLOSED };
    enum client_fate fate;

    if (!is_open(c))
        return;
    fate = c->io.ops->fate(&c->io);
    if (fate == CLIENT_RESTS && c->state != CONN_IDLE)
        begin_rest(c);
    if (fate == CLIENT_ENDED)
        end_connection(c, c->io.ops->why != NULL ? c->io.ops->why(&c->io) : &in_peace);
    else if (fate == CLIENT_RESTS && c->retiring)
        http_connection_close(c);
    else if (c->http2 || http_connection_has_room(c)) /* or it has none any more: another is wanted */
        http_client_serve(c->client);
}

/* ---- what the protocol says ---- */

static void kick_flush(struct client_io *io)
{
    struct http_connection *c = connection_of(io);

    turn_defer(&c->client->shared.loop->turn, &c->flush);
}

static bool read_on(struct client_io *io, bool on)
{
    return socket_read(connection_of(io)->socket, on ? READ_SIZE : 0) == 0;
}

static void take_off(struct http_call *call)
{
    list_remove(&call->link);
    call->io = NULL;
}

static void note_answered(struct client_io *io, struct http_call *call, struct http_response *a)
{
    struct http_connection *c = connection_of(io);

    c->served = true;
    take_off(call);
    if (c->io.ops->fate(io) == CLIENT_RESTS)
        begin_rest(c); /* so that the caller finds it, if he has another */
    http_client_answered(call, a);
}

static void note_failed(struct client_io *io, struct http_call *call, const struct call_failure *f)
{
    (void)io;
    take_off(call);
    http_client_failed(call, f);
}

/* ---- what the socket says ---- */

static void on_read(void *owner, struct bytes data)
{
    struct http_connection *c = owner;

    if (!is_open(c))
        return;
    c->io.ops->input(&c->io, data);
    decide_fate(c);
}

static void fail_dial(struct http_connection *c, enum http_failure failure, const char *why);

/* A proxy at https that is asked for whole URLs is whom we speak TLS with. */
static bool speaks_to_proxy(const struct http_client *client)
{
    return client->origin.proxy.kind == PROXY_HTTPS && client->origin.tunnel_to == NULL;
}

/* What is spoken on the connection itself; NULL: plain text. */
static struct tls *tls_of(const struct http_client *client)
{
    return speaks_to_proxy(client) ? client->options.proxy_tls : client->options.tls;
}

static const char *server_name_of(const struct http_client *client)
{
    return speaks_to_proxy(client) ? client->origin.proxy_name : client->origin.server_name;
}

/* With whom; the address is that of the proxy where there is one, which may have no part in it. */
static void fail_handshake(struct http_connection *c, const char *why)
{
    bool to_proxy = speaks_to_proxy(c->client), behind = c->client->origin.proxy_text != NULL && !to_proxy;
    char peer[PEER_TEXT], text[400];

    peer_format(socket_peer(c->socket), peer, sizeof(peer));
    snprintf(text, sizeof(text), "%s%.80s (%s%s): %s", to_proxy ? "the proxy " : "", server_name_of(c->client),
             behind ? "through the proxy " : "", peer, why);
    fail_dial(c, HTTP_NOT_CONNECTED, text);
}

static void end_socket(struct http_connection *c, int error)
{
    const char *why = socket_why(c->socket);

    if (c->state == CONN_DIALING) {
        fail_handshake(c, why[0] != '\0' ? why : "the connection broke before the TLS handshake was done");
        return;
    }
    if (!is_open(c))
        return;
    if (why[0] == '\0')
        why = error == 0 ? "the peer closed the connection" : uv_strerror(error);
    c->io.ops->end(&c->io, why, error);
    decide_fate(c);
}

static void on_end(void *owner, int error)
{
    end_socket(owner, error);
}

static void on_write_failed(struct http_connection *c, int error)
{
    c->mute = true;
    if (error != UV_EPIPE && error != UV_ECONNRESET)
        end_socket(c, error);
}

static void write_out(struct http_connection *c)
{
    bool more = true;
    int rc = 0;

    while (rc == 0 && more && is_open(c) && !c->mute && !socket_writing(c->socket)) {
        more = c->io.ops->output != NULL && c->io.ops->output(&c->io);
        rc = outbox_send(&c->io.out, c->socket);
    }
    if (rc < 0)
        on_write_failed(c, rc);
    decide_fate(c);
}

static void flush_output(struct turn_task *task)
{
    write_out(container_of(task, struct http_connection, flush));
}

static void on_written(void *owner, int error)
{
    struct http_connection *c = owner;

    if (error != 0)
        on_write_failed(c, error);
    else
        write_out(c);
}

/* ---- calls ---- */

bool http_connection_has_room(struct http_connection *c)
{
    return (c->state == CONN_IDLE || c->state == CONN_BUSY) && !c->retiring && c->io.ops->room(&c->io) > 0;
}

bool http_connection_is_live(struct http_connection *c)
{
    enum client_fate fate;

    if (c->retiring || c->state == CONN_CLOSED)
        return false;
    fate = is_open(c) ? c->io.ops->fate(&c->io) : CLIENT_GREETS;
    return fate != CLIENT_ENDED && fate != CLIENT_LEAVES;
}

void http_connection_start(struct http_connection *c, struct http_call *call)
{
    clock_stop(&c->client->shared.loop->clock, &c->timer);
    if (c->state != CONN_BUSY)
        enter_state(c, CONN_BUSY);
    call->io = &c->io;
    list_push(&c->calls, &call->link);
    http_client_bake(call);
    c->io.ops->start(&c->io, call);
}

void http_connection_pause(struct http_connection *c, struct http_call *call, bool on)
{
    if (!is_open(c))
        return;
    c->io.ops->pause(&c->io, call, on);
    decide_fate(c);
}

void http_connection_leave(struct http_connection *c, struct http_call *call)
{
    if (c->first == call) {
        c->first = NULL;
        call->io = NULL;
        http_connection_close(c);
        return;
    }
    take_off(call);
    c->io.ops->leave(&c->io, call);
    decide_fate(c);
}

void http_connection_retire(struct http_connection *c)
{
    c->retiring = true;
    if (c->state == CONN_DIALING || c->state == CONN_GREETING || c->state == CONN_IDLE)
        http_connection_close(c);
}

/* ---- its beginning ---- */

static void fail_dial(struct http_connection *c, enum http_failure failure, const char *why)
{
    struct call_failure f = { .failure = failure, .why = why, .whole = true, .chance = CALL_UNSEEN };
    struct http_call *call = c->first;

    c->first = NULL;
    if (call != NULL) {
        call->io = NULL;
        http_client_fail(call, &f);
    }
    end_connection(c, &f);
}

static void on_no_greeting(struct clock_timer *t)
{
    struct http_connection *c = container_of(t, struct http_connection, timer);
    char why[100];

    snprintf(why, sizeof(why), "the peer sent no HTTP/2 settings within %.3g s",
             (double)c->client->options.connect_timeout / (double)NS_PER_S);
    c->io.ops->end(&c->io, why, UV_ETIMEDOUT);
    decide_fate(c);
}

/* It is for all calls: the one that it was dialled for waits with the others. */
static void begin_http2(struct http_connection *c)
{
    struct http_client *client = c->client;
    struct http_call *call = c->first;

    c->first = NULL;
    if (call != NULL) {
        call->io = NULL;
        http_client_wait_first(call);
    }
    enter_state(c, CONN_GREETING);
    clock_start(&client->shared.loop->clock, &c->timer, client->options.connect_timeout, on_no_greeting);
    http2_client_open(&c->io);
}

static void begin_http1(struct http_connection *c)
{
    struct http_call *call = c->first;

    c->first = NULL;
    http1_client_open(&c->io);
    if (call != NULL) {
        http_connection_start(c, call);
        return;
    }
    begin_rest(c);
    if (c->retiring)
        http_connection_close(c);
    else
        http_client_serve(c->client);
}

/* The socket is there, and what is to be spoken on it is known. */
static void begin_protocol(struct http_connection *c)
{
    struct http_client *client = c->client;
    enum http_version version = client->options.version;

    c->http2 = version == HTTP_VERSION_2 || (version == HTTP_VERSION_ALPN && strcmp(socket_alpn(c->socket), "h2") == 0);
    client->pooled = !c->http2;
    if (c->http2)
        begin_http2(c);
    else
        begin_http1(c);
}

static void on_ready(void *owner)
{
    struct http_connection *c = owner;

    clock_stop(&c->client->shared.loop->clock, &c->timer);
    begin_protocol(c);
}

static void on_no_handshake(struct clock_timer *t)
{
    struct http_connection *c = container_of(t, struct http_connection, timer);

    tls_count_failure(tls_of(c->client), TLS_TIMEOUT);
    fail_handshake(c, "the TLS handshake was not done in time");
}

static bool open_socket(struct http_connection *c, int fd)
{
    static const struct socket_events events = { on_read, on_end, on_written, on_closed, on_ready };
    struct http_client *client = c->client;
    struct loop *loop = client->shared.loop;

    if (tls_of(client) == NULL) {
        c->socket = socket_open(loop, &client->sockets, fd, &events, c);
    } else {
        c->socket = socket_open_tls(loop, &client->sockets, fd, tls_of(client), server_name_of(client), &events, c);
        clock_start(&loop->clock, &c->timer, client->options.connect_timeout, on_no_handshake);
    }
    return c->socket != NULL && socket_read(c->socket, READ_SIZE) == 0;
}

/* `fd` leads to the origin. `early`: what it has said on it already. */
static void begin_connection(struct http_connection *c, int fd, struct bytes early)
{
    if (!open_socket(c, fd)) {
        fail_dial(c, HTTP_NOT_CONNECTED, "the socket cannot be used");
    } else if (tls_of(c->client) == NULL) {
        begin_protocol(c);
        if (early.len > 0)
            on_read(c, early);
    } else if (early.len > 0) {
        fail_dial(c, HTTP_NOT_CONNECTED, "something was said before the TLS handshake");
    }
}

static void on_tunnelled(void *arg, int fd, struct tunnel *relay, struct bytes early, const char *why)
{
    struct http_connection *c = arg;

    c->tunnel = relay;
    if (fd < 0)
        fail_dial(c, HTTP_NOT_CONNECTED, why);
    else
        begin_connection(c, fd, early);
}

static void begin_tunnel(struct http_connection *c, int fd)
{
    const struct http_client *client = c->client;
    const struct tunnel_options o =
        http_origin_tunnel(&client->origin, client->options.proxy_tls, client->options.connect_timeout);

    c->tunnel = tunnel_start(client->shared.loop, fd, &o, on_tunnelled, c);
    if (c->tunnel == NULL)
        fail_dial(c, HTTP_NOT_CONNECTED, "the socket to the proxy cannot be used");
}

static void on_dialed(void *arg, int fd, bool resolved, const char *why)
{
    struct http_connection *c = arg;
    const struct http_origin *origin = &c->client->origin;
    char text[400];

    c->dial = NULL;
    if (fd >= 0 && origin->tunnel_to != NULL) {
        begin_tunnel(c, fd);
    } else if (fd >= 0) {
        begin_connection(c, fd, (struct bytes){ 0 });
    } else {
        snprintf(text, sizeof(text), "%s%s", origin->proxy_text != NULL ? "the proxy: " : "", why);
        fail_dial(c, resolved ? HTTP_NOT_CONNECTED : HTTP_NOT_RESOLVED, text);
    }
}

static struct http_connection *new_connection(struct http_client *client)
{
    struct http_connection *c = mem_zalloc(sizeof(*c));

    c->client = client;
    c->io = (struct client_io){
        .shared = &client->shared, .kick = kick_flush, .read = read_on, .answered = note_answered, .failed = note_failed
    };
    c->state = CONN_DIALING;
    c->flush.run = flush_output;
    list_init(&c->calls);
    list_push_front(&client->connections, &c->link);
    client->stats.connections++;
    client->stats.opened++;
    return c;
}

/* Addresses of the balancer's target. */
static void dial_target(struct http_connection *c, const struct address *to, size_t n)
{
    const struct target *target = &c->client->balancer.target;
    char name[300];

    if (target->is_unix)
        endpoint_format(&target->address.addr, target->address.len, name, sizeof(name));
    else
        snprintf(name, sizeof(name), "%s:%s", target->host, target->port);
    c->dial = dial_start_at(c->client->shared.loop, name, to, n, c->client->options.connect_timeout, on_dialed, c);
}

void http_connection_open(struct http_client *client, struct http_call *first)
{
    struct http_connection *c = new_connection(client);

    c->first = first;
    first->io = &c->io;
    if (client->balancer.target.is_unix)
        dial_target(c, &client->balancer.target.address, 1);
    else
        c->dial = dial_start(client->shared.loop, client->origin.dial_host, client->origin.dial_port,
                             client->options.connect_timeout, on_dialed, c);
}

void http_connection_open_to(struct http_client *client, const struct address *to, size_t n)
{
    struct http_connection *c = new_connection(client);

    if (client->options.round_robin)
        c->to = *to;
    dial_target(c, to, n);
}
