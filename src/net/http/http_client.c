/* SPDX-License-Identifier: Apache-2.0 */
/* A call takes an idle connection, or has a new one dialled, or waits in line where there may be no more of them. Its
 * head goes into the socket's buffer and is sent with the body's parts behind it; what comes back is read by a
 * response_reader. With the last byte of the answer the connection rests in the pool or closes, the call hears of it,
 * and the next in line has its turn.
 *
 * What can go wrong: nobody can be dialled; the time is over, whatever was waited for; the peer closes, or sends what
 * is no HTTP. Then the connection breaks and the call fails, at the end of the turn and never from inside
 * http_call_start(). One case is mended here: a kept connection that turns out to be dead before a byte of the answer,
 * under a call that may be sent twice, costs nothing but a new connection. */
#include "net/http/http_client.h"

#include "base/mem.h"
#include "net/socket/dial.h"
#include "net/http1/response_reader.h"
#include "net/http/http_origin.h"
#include "net/socket/socket.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE (64 * 1024ul)
#define CONNECT_TIMEOUT (10 * NS_PER_S)

enum connection_state { CONN_DIALING, CONN_IDLE, CONN_BUSY, CONN_CLOSED };

struct http_connection {
    struct http_connection *next, **link;
    struct http_client *client;
    enum connection_state state; /* changed by move() */
    struct dial *dial;
    struct socket *socket; /* NULL: none yet */
    struct http_call *call;
    uint64_t calls; /* so far */
    struct clock_timer idle;
    struct response_reader reader;
    uint64_t charged; /* for what the reader keeps */
};

struct http_client {
    struct loop *loop;
    struct http_client_options options;
    struct socket_shared sockets;
    struct http_connection *connections;
    size_t n_idle;
    struct http_call *waiting, **last_waiting;
    bool closing;
    struct http_client_stats stats;
    struct http_origin origin;
};

static void start_on(struct http_connection *c, struct http_call *call);
static void serve_waiting(struct http_client *client);

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

/* What the reader keeps is in the budget's books. False: there is no room for more. */
static bool charge(struct http_connection *c)
{
    struct budget *budget = c->client->options.budget;
    uint64_t more = c->reader.body.len > c->charged ? c->reader.body.len - c->charged : 0;

    if (budget == NULL || more == 0)
        return true;
    if (!budget_take(budget, more))
        return false;
    c->charged += more;
    return true;
}

static void uncharge(struct http_connection *c)
{
    if (c->charged > 0)
        budget_give(c->client->options.budget, c->charged);
    c->charged = 0;
}

/* ---- ends ---- */

static void free_client(struct http_client *c)
{
    socket_shared_free(&c->sockets);
    http_origin_free(&c->origin);
    free(c);
}

static void free_connection(struct http_connection *c)
{
    struct http_client *client = c->client;

    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    client->stats.connections--;
    uncharge(c);
    response_reader_free(&c->reader);
    free(c);
    if (client->closing && client->connections == NULL)
        free_client(client);
    else if (!client->closing)
        serve_waiting(client);
}

static void on_closed(void *owner)
{
    free_connection(owner);
}

/* The connection goes; its call has been taken off before. */
static void close_connection(struct http_connection *c)
{
    assert(c->call == NULL);
    if (c->state == CONN_CLOSED)
        return;
    clock_stop(&c->client->loop->clock, &c->idle);
    move(c, CONN_CLOSED);
    if (c->dial != NULL) {
        dial_cancel(c->dial);
        c->dial = NULL;
        free_connection(c);
    } else if (c->socket != NULL) {
        socket_close(c->socket);
    } else {
        free_connection(c);
    }
}

static void end_call(struct http_call *call)
{
    clock_stop(&call->client->loop->clock, &call->timer);
    call->connection = NULL;
}

static void tell_failure(struct turn_task *task)
{
    struct http_call *call = container_of(task, struct http_call, task);
    struct http_response a = {
        .failure = call->failure,
        .why = call->why,
        .ambiguous =
            call->failure == HTTP_TIMED_OUT || call->failure == HTTP_CLOSED || call->failure == HTTP_BROKEN_RESPONSE,
    };

    call->on_done(call, &a);
}

static void fail_call(struct http_call *call, enum http_failure failure, const char *why)
{
    end_call(call);
    call->failure = failure;
    snprintf(call->why, sizeof(call->why), "%s", why);
    call->task.run = tell_failure;
    turn_defer(&call->client->loop->turn, &call->task);
}

/* `why` is what happened to the request; the rest of the sentence is added. */
static void fail_request(struct http_call *call, enum http_failure failure, const char *why)
{
    char text[sizeof(call->why)];

    snprintf(text, sizeof(text), "%s to %s: %s", call->method, call->client->origin.name, why);
    fail_call(call, failure, text);
}

/* The connection breaks under its call, if it has one. */
static void break_connection(struct http_connection *c, enum http_failure failure, const char *why)
{
    struct http_call *call = c->call;

    c->call = NULL;
    if (call != NULL) {
        bool again = failure == HTTP_CLOSED && c->calls > 1 && !c->reader.heard && call->repeatable && !call->repeated;

        if (again) {
            call->repeated = true;
            call->connection = NULL;
            call->waiting = true;
            call->next = c->client->waiting;
            if (c->client->waiting == NULL)
                c->client->last_waiting = &call->next;
            c->client->waiting = call;
        } else {
            fail_request(call, failure, why);
        }
    }
    close_connection(c);
}

/* ---- the answer ---- */

const struct bytes *http_response_header(const struct http_response *a, const char *name)
{
    for (size_t i = 0; i < a->n_headers; i++)
        if (bytes_is(a->headers[i].name, name))
            return &a->headers[i].value;
    return NULL;
}

static void on_idle_too_long(struct clock_timer *t)
{
    close_connection(container_of(t, struct http_connection, idle));
}

/* The answer is whole: keep the connection or not, then tell. */
static void answered(struct http_connection *c)
{
    struct http_client *client = c->client;
    struct http_call *call = c->call;
    struct http_response a = {
        .why = "",
        .status = c->reader.head.status,
        .headers = c->reader.head.headers,
        .n_headers = c->reader.head.n_headers,
        .trailers = c->reader.trailers,
        .n_trailers = c->reader.n_trailers,
        .body = buf_bytes(&c->reader.body),
    };
    const struct bytes *after = http_response_header(&a, "retry-after");
    bool keep = response_reader_reusable(&c->reader) && !socket_writing(c->socket) &&
                client->n_idle < client->options.max_idle && !client->closing &&
                socket_read(c->socket, READ_SIZE) == 0; /* it may have been paused */

    if (after != NULL)
        a.retry_after_ms = http_retry_after(*after, clock_wall(&client->loop->clock));
    end_call(call);
    c->call = NULL;
    if (keep) {
        move(c, CONN_IDLE);
        if (client->options.idle_timeout > 0)
            clock_start(&client->loop->clock, &c->idle, client->options.idle_timeout, on_idle_too_long);
    }
    call->on_done(call, &a); /* may start another call, on this connection even */
    if (c->call == NULL)
        uncharge(c);
    if (!keep)
        close_connection(c);
    else
        serve_waiting(client);
}

static void pass_body(void *arg, struct bytes data)
{
    struct http_connection *c = arg;
    struct http_call *call = c->call;

    call->status = c->reader.head.status;
    call->on_body(call, data);
    c->reader.left = c->call == NULL;
}

static void take_answer(struct http_connection *c, struct bytes data)
{
    const char *why = "";
    enum response_progress progress = response_reader_take(&c->reader, data, &why);

    if (c->call == NULL) /* cancelled by whom its body was passed to */
        return;
    if (progress != RESPONSE_BROKEN && !charge(c))
        break_connection(c, HTTP_BROKEN_RESPONSE, "there is no room in the memory budget for the answer");
    else if (progress == RESPONSE_DONE)
        answered(c);
    else if (progress == RESPONSE_BROKEN)
        break_connection(c, HTTP_BROKEN_RESPONSE, why);
}

static void on_read(void *owner, struct bytes data)
{
    struct http_connection *c = owner;

    if (c->state == CONN_BUSY)
        take_answer(c, data);
    else
        close_connection(c); /* nobody asked */
}

static void on_end(void *owner, int error)
{
    struct http_connection *c = owner;

    if (c->state == CONN_BUSY && error == 0 && response_reader_end(&c->reader) == RESPONSE_DONE) {
        answered(c);
    } else {
        break_connection(c, HTTP_CLOSED, error == 0 ? "the peer closed the connection" : uv_strerror(error));
    }
}

static void on_written(void *owner, int error)
{
    struct http_connection *c = owner;

    /* A peer that refuses early answers and closes; what it said may still be there to be read. */
    if (error != 0 && error != UV_EPIPE && error != UV_ECONNRESET)
        break_connection(c, HTTP_CLOSED, uv_strerror(error));
}

/* ---- calls ---- */

static void put_call(struct http_connection *c, struct http_call *call)
{
    struct http_client *client = c->client;
    struct buf *out = socket_out(c->socket);
    size_t total = 0;
    char length[32];

    for (size_t i = 0; i < call->n_parts; i++)
        total += call->parts[i].len;
    buf_puts(out, call->method);
    buf_putc(out, ' ');
    buf_put(out, buf_bytes(&client->origin.target));
    buf_puts(out, " HTTP/1.1\r\n");
    buf_put(out, buf_bytes(&client->origin.fixed));
    for (size_t i = 0; i < call->n_headers; i++)
        http1_put_header(out, call->headers[i].name, call->headers[i].value);
    snprintf(length, sizeof(length), "%zu", total);
    http1_put_header(out, bytes_str("content-length"), bytes_str(length));
    http1_put_end(out);
}

static void start_on(struct http_connection *c, struct http_call *call)
{
    int rc;

    clock_stop(&c->client->loop->clock, &c->idle);
    move(c, CONN_BUSY);
    c->call = call;
    c->calls++;
    call->connection = c;
    uncharge(c);
    response_reader_begin(&c->reader, call->max_response, call->on_body != NULL ? pass_body : NULL, c);
    put_call(c, call);
    rc = socket_send(c->socket, call->parts, call->n_parts);
    if (rc < 0 && rc != UV_EPIPE && rc != UV_ECONNRESET)
        break_connection(c, HTTP_CLOSED, uv_strerror(rc));
}

static const struct socket_events events = { on_read, on_end, on_written, on_closed };

static void on_dialed(void *arg, int fd, bool resolved, const char *why)
{
    struct http_connection *c = arg;
    struct http_call *call = c->call;

    c->dial = NULL;
    if (fd < 0) {
        c->call = NULL;
        if (call != NULL)
            fail_call(call, resolved ? HTTP_NOT_CONNECTED : HTTP_NOT_RESOLVED, why);
        close_connection(c);
        return;
    }
    c->socket = socket_open(c->client->loop, &c->client->sockets, fd, &events, c);
    if (c->socket == NULL || socket_read(c->socket, READ_SIZE) != 0) {
        break_connection(c, HTTP_NOT_CONNECTED, "the socket cannot be used");
        return;
    }
    c->call = NULL;
    start_on(c, call);
}

static struct http_connection *new_connection(struct http_client *client, struct http_call *call)
{
    struct http_connection *c = mem_zalloc(sizeof(*c));

    c->client = client;
    c->call = call;
    c->state = CONN_DIALING;
    c->next = client->connections;
    c->link = &client->connections;
    if (c->next != NULL)
        c->next->link = &c->next;
    client->connections = c;
    client->stats.connections++;
    client->stats.opened++;
    call->connection = c;
    c->dial = dial_start(client->loop, client->origin.dial_host, client->origin.dial_port,
                         client->options.connect_timeout, on_dialed, c);
    return c;
}

static struct http_connection *idle_connection(struct http_client *client)
{
    for (struct http_connection *c = client->connections; c != NULL; c = c->next)
        if (c->state == CONN_IDLE)
            return c;
    return NULL;
}

/* False: it has to wait. */
static bool place(struct http_client *client, struct http_call *call)
{
    struct http_connection *c = idle_connection(client);

    if (c != NULL) {
        start_on(c, call);
        return true;
    }
    if (client->options.max_connections > 0 && client->stats.connections >= client->options.max_connections)
        return false;
    new_connection(client, call);
    return true;
}

static void serve_waiting(struct http_client *client)
{
    struct http_call *call = client->waiting;

    while (call != NULL) {
        client->waiting = call->next;
        if (client->waiting == NULL)
            client->last_waiting = &client->waiting;
        call->waiting = false;
        if (!place(client, call)) {
            call->waiting = true;
            call->next = client->waiting;
            if (call->next == NULL)
                client->last_waiting = &call->next;
            client->waiting = call;
            return;
        }
        call = client->waiting;
    }
}

static void on_call_timeout(struct clock_timer *t)
{
    struct http_call *call = container_of(t, struct http_call, timer);
    struct http_connection *c = call->connection;
    char why[200];

    snprintf(why, sizeof(why), "%s within %.3g s",
             c == NULL                  ? "no connection was free"
             : c->state == CONN_DIALING ? "no connection came about"
             : !c->reader.heard         ? "no answer came"
                                        : "the answer did not end",
             (double)call->timeout / (double)NS_PER_S);
    if (c != NULL) {
        break_connection(c, c->state == CONN_DIALING ? HTTP_NOT_CONNECTED : HTTP_TIMED_OUT, why);
    } else {
        http_call_cancel(call);
        fail_request(call, HTTP_NOT_CONNECTED, why);
    }
}

void http_call_start(struct http_client *c, struct http_call *call)
{
    call->client = c;
    call->connection = NULL;
    call->repeated = call->waiting = false;
    call->timer = (struct clock_timer){ 0 };
    call->task = (struct turn_task){ .run = tell_failure };
    if (call->timeout > 0)
        clock_start(&c->loop->clock, &call->timer, call->timeout, on_call_timeout);
    if (c->waiting == NULL && place(c, call))
        return;
    call->waiting = true;
    call->next = NULL;
    *c->last_waiting = call;
    c->last_waiting = &call->next;
}

static void read_on(struct http_call *call, size_t most)
{
    struct http_connection *c = call->connection;

    if (c != NULL && c->state == CONN_BUSY && c->call == call && socket_read(c->socket, most) != 0)
        break_connection(c, HTTP_CLOSED, "the socket cannot be read");
}

void http_call_pause(struct http_call *call)
{
    read_on(call, 0);
}

void http_call_resume(struct http_call *call)
{
    read_on(call, READ_SIZE);
}

static void leave_queue(struct http_client *c, struct http_call *call)
{
    struct http_call **at = &c->waiting;

    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    if (*at == NULL)
        c->last_waiting = at;
    call->waiting = false;
}

void http_call_cancel(struct http_call *call)
{
    struct http_connection *c = call->connection;

    turn_cancel(&call->client->loop->turn, &call->task);
    if (call->waiting)
        leave_queue(call->client, call);
    end_call(call);
    if (c != NULL) {
        c->call = NULL;
        close_connection(c);
    }
}

/* ---- the client ---- */

struct http_client *http_client_new(struct loop *loop, const struct http_client_options *o, struct error *err)
{
    struct http_client *c = mem_zalloc(sizeof(*c));

    c->loop = loop;
    c->options = *o;
    if (c->options.connect_timeout == 0)
        c->options.connect_timeout = CONNECT_TIMEOUT;
    c->last_waiting = &c->waiting;
    socket_shared_init(&c->sockets, READ_SIZE);
    if (http_origin_init(&c->origin, o, err) != 0) {
        free_client(c);
        return NULL;
    }
    return c;
}

void http_client_close(struct http_client *c)
{
    struct http_connection *next;

    assert(c->waiting == NULL);
    if (c->connections == NULL) {
        free_client(c);
        return;
    }
    c->closing = true;
    for (struct http_connection *x = c->connections; x != NULL; x = next) {
        bool last;

        next = x->next;
        last = next == NULL;
        close_connection(x); /* with the last one the client may go */
        if (last)
            break;
    }
}

const struct http_client_stats *http_client_stats(struct http_client *c)
{
    c->stats.bytes_in = c->sockets.bytes_in;
    c->stats.bytes_out = c->sockets.bytes_out;
    return &c->stats;
}

const char *http_client_name(const struct http_client *c)
{
    return c->origin.name;
}
