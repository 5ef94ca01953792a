/* SPDX-License-Identifier: Apache-2.0 */
/* The request leaves at once; over TLS when the handshake is done. When a head with 2xx has come, or SOCKS's last
 * answer, another descriptor of the connection goes to whoever asked, with the bytes behind that, and the socket is
 * closed under it. Over TLS the tunnel becomes a relay (tunnel_relay.c).
 *
 * What can go wrong: the proxy says no, says what is not its protocol, says too much, closes, or says nothing in time;
 * its certificate is not good. */
#include "base/mem.h"
#include "net/http/tunnel_inside.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE 4096ul
#define RELAY_SIZE (32 * 1024ul)
#define HEAD_MAX (16 * 1024ul)

static void free_tunnel(struct tunnel *t)
{
    socket_shared_free(&t->shared);
    buf_free(&t->held[0]);
    buf_free(&t->held[1]);
    buf_free(&t->head);
    free(t);
}

void tunnel_socket_gone(struct tunnel *t)
{
    if (--t->open == 0 && !t->owned)
        free_tunnel(t);
}

static void on_closed(void *owner)
{
    tunnel_socket_gone(owner);
}

/* A relay stays. */
static void end_tunnel(struct tunnel *t, int fd, struct bytes early, const char *why)
{
    tunnel_done *done = t->done;

    if (done == NULL)
        return;
    t->done = NULL;
    clock_stop(&t->loop->clock, &t->timer);
    if (t->inner == NULL)
        socket_close(t->socket);
    done(t->arg, fd, t->owned ? t : NULL, early, why);
}

static void fail_tunnel(struct tunnel *t, const char *what)
{
    char why[480];

    snprintf(why, sizeof(why), "the way to %s through the proxy: %s", t->options.to, what);
    end_tunnel(t, -1, (struct bytes){ 0 }, why);
}

static void refuse_tunnel(struct tunnel *t, const struct http1_head *head)
{
    const char *hint = "";
    char what[200];

    if (head->status == 407)
        hint = t->options.authorization != NULL
                   ? ": it does not take the name and password of its URL"
                   : ": write its name and password into its URL, http://name:password@proxy:3128";
    snprintf(what, sizeof(what), "it answers CONNECT with %d %s%s", head->status, http1_reason(head->status), hint);
    fail_tunnel(t, what);
}

static void pass_on(struct tunnel *t, size_t head_len)
{
    int fd = t->options.tls != NULL ? tunnel_relay_begin(t) : socket_dup(t->socket);

    if (fd < 0)
        fail_tunnel(t, "no more descriptors");
    else
        end_tunnel(t, fd, bytes_skip(buf_bytes(&t->head), head_len), "");
}

/* A head stands. True: it is an interim one, and another follows. */
static bool take_head(struct tunnel *t, size_t len)
{
    struct http_header headers[64];
    struct http1_fault fault = { 0 };
    struct http1_head head = { .headers = headers };

    if (http1_parse_response(&head, t->head.data, len, headers, ARRAY_LEN(headers), &fault) != 0) {
        fail_tunnel(t, "what it answers to CONNECT is not HTTP");
        return false;
    }
    if (head.status >= 300) {
        refuse_tunnel(t, &head);
    } else if (head.status >= 200) {
        pass_on(t, len);
    } else {
        memmove(t->head.data, t->head.data + len, t->head.len - len);
        t->head.len -= len;
        t->scan = (struct http1_scan){ 0 };
        return true;
    }
    return false;
}

static void take_http(struct tunnel *t)
{
    ssize_t len;

    do {
        len = http1_scan(&t->scan, buf_bytes(&t->head));
        if (len < 0)
            fail_tunnel(t, "what it answers to CONNECT is not HTTP");
        else if (len == 0 && t->head.len > HEAD_MAX)
            fail_tunnel(t, "its answer to CONNECT is too long");
    } while (len > 0 && take_head(t, (size_t)len));
}

static void take_socks(struct tunnel *t)
{
    enum socks_step step;
    size_t used = 0, at = 0;
    const char *why = "";

    do {
        step = socks_take(&t->socks, bytes_skip(buf_bytes(&t->head), at), &used, socket_out(t->socket), &why);
        at += used;
    } while (step == SOCKS_MORE && used > 0);
    if (step == SOCKS_OPEN) {
        pass_on(t, at);
        return;
    }
    memmove(t->head.data, t->head.data + at, t->head.len - at);
    t->head.len -= at;
    if (step == SOCKS_FAILED)
        fail_tunnel(t, why);
    else if (socket_flush(t->socket) < 0)
        fail_tunnel(t, "the connection broke");
}

static void on_read(void *owner, struct bytes data)
{
    struct tunnel *t = owner;

    if (t->inner != NULL) {
        tunnel_relay_read(t, data);
        return;
    }
    if (t->done == NULL)
        return;
    buf_put(&t->head, data);
    if (!t->options.socks)
        take_http(t);
    else if (!socket_writing(t->socket)) /* else it speaks before it was asked: later */
        take_socks(t);
}

static void on_end(void *owner, int error)
{
    struct tunnel *t = owner;
    const char *why = socket_why(t->socket);

    if (t->inner != NULL)
        tunnel_relay_end(t, error);
    else if (why[0] != '\0')
        fail_tunnel(t, why);
    else
        fail_tunnel(t, error == 0 ? "it closed the connection before it answered CONNECT" : uv_strerror(error));
}

static void on_written(void *owner, int error)
{
    struct tunnel *t = owner;

    if (t->inner != NULL)
        tunnel_relay_written(t, error);
    else if (error != 0)
        fail_tunnel(t, uv_strerror(error));
    else if (t->options.socks && t->done != NULL && t->head.len > 0)
        take_socks(t);
}

static void on_ready(void *owner)
{
    ((struct tunnel *)owner)->ready = true;
}

static void on_timeout(struct clock_timer *timer)
{
    struct tunnel *t = container_of(timer, struct tunnel, timer);

    if (!t->ready)
        tls_count_failure(t->options.tls, TLS_TIMEOUT);
    fail_tunnel(t, t->ready ? "it did not answer CONNECT in time" : "the TLS handshake was not done in time");
}

static void put_request(const struct tunnel_options *o, struct buf *out)
{
    buf_printf(out, "CONNECT %s HTTP/1.1\r\n", o->to);
    http1_put_header(out, bytes_str("Host"), bytes_str(o->to));
    if (o->authorization != NULL)
        http1_put_header(out, bytes_str("Proxy-Authorization"), bytes_str(o->authorization));
    buf_put(out, o->lines);
    http1_put_end(out);
}

static void put_first(struct tunnel *t)
{
    const struct tunnel_options *o = &t->options;

    if (o->socks) {
        t->socks = (struct socks){ .host = o->host, .port = o->port, .user = o->user, .password = o->password };
        socks_begin(&t->socks, socket_out(t->socket));
    } else {
        put_request(o, socket_out(t->socket));
    }
}

struct tunnel *tunnel_start(struct loop *loop, int fd, const struct tunnel_options *o, tunnel_done *done, void *arg)
{
    static const struct socket_events events = { on_read, on_end, on_written, on_closed, on_ready };
    struct tunnel *t = mem_zalloc(sizeof(*t));

    *t = (struct tunnel){ .loop = loop, .options = *o, .done = done, .arg = arg, .ready = o->tls == NULL, .open = 1 };
    socket_shared_init(&t->shared, o->tls != NULL ? RELAY_SIZE : READ_SIZE);
    t->socket = o->tls != NULL ? socket_open_tls(loop, &t->shared, fd, o->tls, o->proxy_name, &events, t)
                               : socket_open(loop, &t->shared, fd, &events, t);
    if (t->socket == NULL) {
        free_tunnel(t);
        return NULL;
    }
    put_first(t);
    if (socket_flush(t->socket) < 0 || socket_read(t->socket, t->shared.size) != 0) {
        tunnel_cancel(t);
        return NULL;
    }
    clock_start(&loop->clock, &t->timer, o->timeout, on_timeout);
    return t;
}

void tunnel_cancel(struct tunnel *t)
{
    t->done = NULL;
    clock_stop(&t->loop->clock, &t->timer);
    if (!t->owned) {
        socket_close(t->socket);
        return;
    }
    t->owned = false;
    if (t->open == 0)
        free_tunnel(t);
    else
        tunnel_relay_close(t);
}
