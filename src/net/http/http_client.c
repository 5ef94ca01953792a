/* SPDX-License-Identifier: Apache-2.0 */
/* A call takes a connection that has room, or has a new one dialled, or waits in line where there may be no more of
 * them. With the last byte of its answer it hears of it, and the next in line has its turn.
 *
 * What can go wrong: nobody can be dialled; the time is over, whatever was waited for; the connection breaks under the
 * call. Then the call fails, at the end of the turn and never from inside http_call_start(). One case is mended here:
 * a kept connection that turns out to be dead before a byte of the answer, under a call that may be sent twice, costs
 * nothing but a new connection. */
#include "net/http/http_client_inside.h"

#include "net/http1/response_reader.h"
#include "net/http2/http2_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE (64 * 1024ul)
#define CONNECT_TIMEOUT (10 * NS_PER_S)
#define KEEPALIVE_TIMEOUT (20 * NS_PER_S)
#define REPEATS_MAX 3

/* ---- ends of calls ---- */

static struct cookie_request request_of(const struct http_call *call)
{
    const struct http_client *c = call->client;
    struct bytes path = call->path != NULL ? bytes_str(call->path) : c->shared.head.path;
    const uint8_t *query = path.len > 0 ? memchr(path.data, '?', path.len) : NULL;

    if (query != NULL)
        path.len = (size_t)(query - path.data);
    return (struct cookie_request){ c->origin.url.host, path, c->options.tls != NULL };
}

static void take_cookies(const struct http_call *call, const struct http_response *a)
{
    struct http_client *c = call->client;
    struct cookie_request r = request_of(call);

    for (size_t i = 0; c->options.cookies && i < a->n_headers; i++)
        if (bytes_is(a->headers[i].name, "set-cookie"))
            cookie_jar_take(&c->jar, a->headers[i].value, &r, clock_wall(&c->shared.loop->clock));
}

void http_client_bake(struct http_call *call)
{
    struct http_client *c = call->client;
    struct cookie_request r = request_of(call);

    if (!c->options.cookies)
        return;
    c->cookie.len = 0;
    cookie_jar_put(&c->jar, &r, clock_wall(&c->shared.loop->clock), &c->cookie);
    c->shared.head.cookie = buf_bytes(&c->cookie);
}

static void end_call(struct http_call *call)
{
    clock_stop(&call->client->shared.loop->clock, &call->timer);
}

#define CLOCK_EVERY (10 * NS_PER_S)

/* Now and then: what time is it there? */
static void note_clock(struct http_client *c, const struct http_response *a)
{
    uint64_t now = clock_mono(&c->shared.loop->clock);
    const struct bytes *date;
    int64_t there;

    if (now < c->clock_due)
        return;
    c->clock_due = now + CLOCK_EVERY;
    date = http_response_header(a, "date");
    if (date == NULL || !http_date(*date, &there))
        return;
    c->stats.clock_known = true;
    c->stats.clock_ahead = there - (int64_t)(clock_wall(&c->shared.loop->clock) / NS_PER_S);
}

void http_client_answered(struct http_call *call, struct http_response *a)
{
    const struct bytes *after = http_response_header(a, "retry-after");

    if (after != NULL)
        a->retry_after_ms = http_retry_after(*after, clock_wall(&call->client->shared.loop->clock));
    note_clock(call->client, a);
    take_cookies(call, a);
    end_call(call);
    call->on_done(call, a); /* may start another call, on this connection even */
}

static void tell_failure(struct turn_task *task)
{
    struct http_call *call = container_of(task, struct http_call, task);
    struct http_response a = {
        .failure = call->failure,
        .why = call->why,
        .ambiguous = call->ambiguous,
        .spoken = call->spoken,
        .h2_error = call->h2_error,
    };

    call->on_done(call, &a);
}

void http_client_fail(struct http_call *call, const struct call_failure *f)
{
    end_call(call);
    call->failure = f->failure;
    call->ambiguous = f->chance != CALL_UNSEEN;
    call->spoken = f->spoken;
    call->h2_error = f->h2_error;
    if (f->whole)
        snprintf(call->why, sizeof(call->why), "%s", f->why);
    else
        snprintf(call->why, sizeof(call->why), "%s to %s: %s", call->method, call->client->origin.name, f->why);
    call->task.run = tell_failure;
    turn_defer(&call->client->shared.loop->turn, &call->task);
}

void http_client_wait_first(struct http_call *call)
{
    call->waiting = true;
    list_push_front(&call->client->waiting, &call->link);
}

static bool may_repeat(const struct http_call *call, const struct call_failure *f)
{
    switch (f->chance) {
    case CALL_UNSEEN:
        return call->repeats < REPEATS_MAX && f->failure != HTTP_WRONG_PROTOCOL;
    case CALL_UNHEARD:
        return call->repeats == 0 && call->repeatable;
    default:
        return false;
    }
}

void http_client_failed(struct http_call *call, const struct call_failure *f)
{
    if (!may_repeat(call, f)) {
        http_client_fail(call, f);
        return;
    }
    call->repeats++;
    http_client_wait_first(call);
}

/* ---- who goes where ---- */

static struct http_connection *connection_with_room(struct http_client *client)
{
    list_each (struct http_connection, c, &client->connections, link)
        if (http_connection_has_room(c))
            return c;
    return NULL;
}

/* False: it has to wait. */
static bool place_on_many(struct http_client *client, struct http_call *call)
{
    struct http_connection *c = http_balancer_pick(client);

    if (c != NULL)
        http_connection_start(c, call);
    else if (http_balancer_want(client))
        return false;
    else
        http_client_fail(call, &client->balancer.end);
    return true;
}

static bool place_call(struct http_client *client, struct http_call *call)
{
    struct http_connection *c;

    if (!client->pooled)
        return place_on_many(client, call);
    c = connection_with_room(client);
    if (c != NULL) {
        http_connection_start(c, call);
        return true;
    }
    if (client->options.max_connections > 0 && client->stats.connections >= client->options.max_connections)
        return false;
    http_connection_open(client, call);
    return true;
}

static void leave_line(struct http_call *call)
{
    list_remove(&call->link);
    call->waiting = false;
}

void http_client_serve(struct http_client *client)
{
    struct http_call *call;

    while ((call = list_first(&client->waiting, struct http_call, link)) != NULL) {
        leave_line(call);
        if (!place_call(client, call)) {
            http_client_wait_first(call);
            return;
        }
    }
}

/* ---- calls ---- */

static bool is_dialing(const struct http_call *call, const struct http_connection *c)
{
    return c != NULL ? c->state == CONN_DIALING : !call->client->pooled;
}

static void on_call_timeout(struct clock_timer *t)
{
    struct http_call *call = container_of(t, struct http_call, timer);
    struct http_connection *c = http_connection_of(call);
    enum call_progress progress =
        c != NULL && c->state != CONN_DIALING ? c->io.ops->progress(&c->io, call) : CALL_QUEUED;
    struct call_failure f = { .failure = progress == CALL_QUEUED ? HTTP_NOT_CONNECTED : HTTP_TIMED_OUT };
    char why[400];

    snprintf(why, sizeof(why), "%s within %.3g s%s%s",
             progress == CALL_HEARD  ? "the answer did not end"
             : progress == CALL_SENT ? "no answer came"
             : is_dialing(call, c)   ? "no connection came about"
                                     : "no connection was free",
             (double)call->timeout / (double)NS_PER_S, call->client->balancer.why[0] != '\0' && c == NULL ? ": " : "",
             c == NULL ? call->client->balancer.why : "");
    f.why = why;
    if (progress == CALL_SENT && c->io.ops->doubt != NULL)
        c->io.ops->doubt(&c->io, call->timeout);
    http_call_cancel(call);
    if (progress == CALL_QUEUED)
        f.chance = CALL_UNSEEN;
    http_client_fail(call, &f);
}

void http_call_start(struct http_client *c, struct http_call *call)
{
    call->client = c;
    call->io = NULL;
    call->waiting = false;
    call->repeats = 0;
    call->link = (struct list){ 0 };
    call->timer = (struct clock_timer){ 0 };
    call->task = (struct turn_task){ .run = tell_failure };
    if (call->timeout > 0)
        clock_start(&c->shared.loop->clock, &call->timer, call->timeout, on_call_timeout);
    if (list_empty(&c->waiting) && place_call(c, call))
        return;
    call->waiting = true;
    list_push(&c->waiting, &call->link);
}

void http_call_pause(struct http_call *call)
{
    if (call->io != NULL)
        http_connection_pause(http_connection_of(call), call, true);
}

void http_call_resume(struct http_call *call)
{
    if (call->io != NULL)
        http_connection_pause(http_connection_of(call), call, false);
}

void http_call_cancel(struct http_call *call)
{
    turn_cancel(&call->client->shared.loop->turn, &call->task);
    end_call(call);
    if (call->waiting)
        leave_line(call);
    else if (call->io != NULL)
        http_connection_leave(http_connection_of(call), call);
}

/* ---- the client ---- */

static void maybe_free(struct http_client *c)
{
    if (!list_empty(&c->connections) || c->held)
        return;
    if (c->shared.callbacks != NULL)
        http2_client_close_shared(&c->shared);
    http_balancer_free(c);
    socket_shared_free(&c->sockets);
    http_origin_free(&c->origin);
    cookie_jar_free(&c->jar);
    buf_free(&c->cookie);
    tls_unref(c->options.tls);
    tls_unref(c->options.proxy_tls);
    free(c);
}

void http_client_forget(struct http_client *c)
{
    c->stats.connections--;
    if (c->closing)
        maybe_free(c);
    else if (c->pooled)
        http_client_serve(c);
}

static void set_shared(struct http_client *c, struct loop *loop)
{
    const struct http_client_options *o = &c->options;
    const struct http_origin *origin = &c->origin;

    c->shared = (struct client_shared){
        .loop = loop,
        .budget = o->budget,
        .head = { .prefix = buf_bytes(&origin->prefix),
                  .path = buf_bytes(&origin->path),
                  .lines = buf_bytes(&origin->fixed),
                  .secure = c->options.tls != NULL,
                  .authority = buf_bytes(&origin->authority),
                  .headers = origin->headers.v,
                  .n_headers = origin->headers.n },
        .keepalive_time = o->keepalive_time,
        .keepalive_timeout = o->keepalive_timeout > 0 ? o->keepalive_timeout : KEEPALIVE_TIMEOUT,
        .keepalive_permit_without_stream = o->keepalive_permit_without_stream,
    };
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_options *o, struct error *err)
{
    struct http_client *c = mem_zalloc(sizeof(*c));

    c->options = *o;
    if (o->tls != NULL)
        tls_ref(o->tls);
    if (o->proxy_tls != NULL)
        tls_ref(o->proxy_tls);
    if (c->options.connect_timeout == 0)
        c->options.connect_timeout = CONNECT_TIMEOUT;
    c->pooled = o->version == HTTP_VERSION_1 || (o->version == HTTP_VERSION_ALPN && o->tls == NULL);
    list_init(&c->connections);
    list_init(&c->waiting);
    cookie_jar_init(&c->jar);
    socket_shared_init(&c->sockets, READ_SIZE);
    c->shared.loop = loop;
    if (http_origin_init(&c->origin, o, err) != 0 || http_balancer_init(c, err) != 0) {
        maybe_free(c);
        return NULL;
    }
    if (c->origin.tunnel_to != NULL) /* whom the name stands for is the proxy's to know */
        c->options.round_robin = false;
    set_shared(c, loop);
    return c;
}

void http_client_close(struct http_client *c)
{
    assert(list_empty(&c->waiting));
    c->closing = c->held = true;
    http_balancer_free(c); /* nobody is looked for any more */
    list_each (struct http_connection, x, &c->connections, link)
        http_connection_close(x);
    c->held = false;
    maybe_free(c);
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
