/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a client's: it is dialled for a call, then drives a protocol on its socket, and rests between calls
 * until it is needed, or has rested for too long.
 *
 * All output leaves from flush(), at the end of the loop's turn. After each event the protocol is asked what is to
 * become of the connection: look() is where it rests, closes, or asks for more calls. What can go wrong: nobody can
 * be dialled; the socket fails. Then each of its calls hears of it by the protocol, and the connection closes. A peer
 * that refuses a request early and closes has not failed yet, for what it said may still be there to be read. */
#include "net/http/http_client_inside.h"

#include "net/http1/http1_client.h"

#include <assert.h>
#include <stdlib.h>

#define READ_SIZE (64 * 1024ul)

static struct http_connection *connection_of(struct client_io *io)
{
    return container_of(io, struct http_connection, io);
}

static void move(struct http_connection *c, enum connection_state to)
{
    static const uint8_t allowed[] = {
        [CONN_DIALING] = 1 << CONN_BUSY | 1 << CONN_CLOSED,
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

static bool is_open(const struct http_connection *c)
{
    return c->state == CONN_IDLE || c->state == CONN_BUSY;
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
    clock_stop(&c->client->shared.loop->clock, &c->idle);
    move(c, CONN_CLOSED);
    outbox_free(&c->io.out);
    if (c->dial != NULL) {
        dial_cancel(c->dial);
        c->dial = NULL;
    }
    if (c->socket != NULL)
        socket_close(c->socket);
    else
        free_connection(c);
}

static void on_idle_too_long(struct clock_timer *t)
{
    http_connection_close(container_of(t, struct http_connection, idle));
}

/* Nothing is under way: the connection is kept, or will be closed. */
static void rest(struct http_connection *c)
{
    struct http_client *client = c->client;

    if (c->state != CONN_BUSY || c->io.ops->fate(&c->io) != CLIENT_RESTS)
        return;
    if (client->n_idle >= client->options.max_idle || client->closing) {
        c->retiring = true;
        return;
    }
    move(c, CONN_IDLE);
    if (client->options.idle_timeout > 0)
        clock_start(&client->shared.loop->clock, &c->idle, client->options.idle_timeout, on_idle_too_long);
}

static void look(struct http_connection *c)
{
    enum client_fate fate;

    if (!is_open(c))
        return;
    rest(c);
    fate = c->io.ops->fate(&c->io);
    if (fate == CLIENT_ENDED || (fate == CLIENT_RESTS && c->retiring))
        http_connection_close(c);
    else if (http_connection_has_room(c))
        http_client_serve(c->client);
}

/* ---- what the protocol says ---- */

static void kick(struct client_io *io)
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

static void answered(struct client_io *io, struct http_call *call, struct http_response *a)
{
    take_off(call);
    rest(connection_of(io));
    http_client_answered(call, a);
}

static void failed(struct client_io *io, struct http_call *call, const struct call_failure *f)
{
    (void)io;
    take_off(call);
    http_client_failed(call, f);
}

/* ---- what the socket says ---- */

static void on_read(void *owner, struct bytes data)
{
    struct http_connection *c = owner;

    c->io.ops->input(&c->io, data);
    look(c);
}

static void end(struct http_connection *c, int error)
{
    c->io.ops->end(&c->io, error == 0 ? "the peer closed the connection" : uv_strerror(error), error);
    look(c);
}

static void on_end(void *owner, int error)
{
    end(owner, error);
}

static void on_write_failed(struct http_connection *c, int error)
{
    c->mute = true;
    if (error != UV_EPIPE && error != UV_ECONNRESET)
        end(c, error);
}

static void write_out(struct http_connection *c)
{
    int rc;

    if (!is_open(c) || c->mute || socket_writing(c->socket))
        return;
    rc = outbox_send(&c->io.out, c->socket);
    if (rc < 0)
        on_write_failed(c, rc);
    else
        look(c);
}

static void flush(struct turn_task *task)
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
    return is_open(c) && !c->retiring && c->io.ops->room(&c->io) > 0;
}

void http_connection_start(struct http_connection *c, struct http_call *call)
{
    clock_stop(&c->client->shared.loop->clock, &c->idle);
    if (c->state != CONN_BUSY)
        move(c, CONN_BUSY);
    call->io = &c->io;
    list_push(&c->calls, &call->link);
    c->io.ops->start(&c->io, call);
}

void http_connection_pause(struct http_connection *c, struct http_call *call, bool on)
{
    if (!is_open(c))
        return;
    c->io.ops->pause(&c->io, call, on);
    look(c);
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
    look(c);
}

/* ---- its beginning ---- */

static const struct socket_events events = { on_read, on_end, on_written, on_closed };

static void fail_first(struct http_connection *c, enum http_failure failure, const char *why)
{
    struct http_call *call = c->first;

    c->first = NULL;
    call->io = NULL;
    http_client_not_connected(call, failure, why);
    http_connection_close(c);
}

/* The socket is there, and what is to be spoken on it is known. */
static void speak(struct http_connection *c)
{
    struct http_call *call = c->first;

    c->first = NULL;
    http1_client_open(&c->io);
    http_connection_start(c, call);
}

static void on_dialed(void *arg, int fd, bool resolved, const char *why)
{
    struct http_connection *c = arg;

    c->dial = NULL;
    if (fd < 0) {
        fail_first(c, resolved ? HTTP_NOT_CONNECTED : HTTP_NOT_RESOLVED, why);
        return;
    }
    c->socket = socket_open(c->client->shared.loop, &c->client->sockets, fd, &events, c);
    if (c->socket == NULL || socket_read(c->socket, READ_SIZE) != 0) {
        fail_first(c, HTTP_NOT_CONNECTED, "the socket cannot be used");
        return;
    }
    speak(c);
}

void http_connection_open(struct http_client *client, struct http_call *first)
{
    struct http_connection *c = mem_zalloc(sizeof(*c));

    c->client = client;
    c->io = (struct client_io){
        .shared = &client->shared, .kick = kick, .read = read_on, .answered = answered, .failed = failed
    };
    c->state = CONN_DIALING;
    c->first = first;
    c->flush.run = flush;
    list_init(&c->calls);
    list_push_front(&client->connections, &c->link);
    client->stats.connections++;
    client->stats.opened++;
    first->io = &c->io;
    c->dial = dial_start(client->shared.loop, client->origin.dial_host, client->origin.dial_port,
                         client->options.connect_timeout, on_dialed, c);
}
