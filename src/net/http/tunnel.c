/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT leaves at once. When a head with 2xx has come, another descriptor of the connection goes to whoever asked,
 * with the bytes behind that head, and the socket is closed under it.
 *
 * What can go wrong: the proxy says no, says what is no HTTP, says too much, closes, or says nothing in time. */
#include "net/http/tunnel.h"

#include "base/mem.h"
#include "net/http1/http1.h"
#include "net/socket/socket.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE 4096ul
#define HEAD_MAX (16 * 1024ul)

struct tunnel {
    struct socket_shared shared;
    struct socket *socket;
    struct clock_timer timer;
    struct loop *loop;
    tunnel_done *done; /* NULL: it has been told, or nobody wants to know */
    void *arg;
    struct buf head;
    struct http1_scan scan;
    struct tunnel_options options;
};

static void on_closed(void *owner)
{
    struct tunnel *t = owner;

    socket_shared_free(&t->shared);
    buf_free(&t->head);
    free(t);
}

static void end_tunnel(struct tunnel *t, int fd, struct bytes early, const char *why)
{
    tunnel_done *done = t->done;

    if (done == NULL)
        return;
    t->done = NULL;
    clock_stop(&t->loop->clock, &t->timer);
    socket_close(t->socket);
    done(t->arg, fd, early, why);
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
    int fd = socket_dup(t->socket);

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

static void on_read(void *owner, struct bytes data)
{
    struct tunnel *t = owner;
    ssize_t len;

    if (t->done == NULL)
        return;
    buf_put(&t->head, data);
    do {
        len = http1_scan(&t->scan, buf_bytes(&t->head));
        if (len < 0)
            fail_tunnel(t, "what it answers to CONNECT is not HTTP");
        else if (len == 0 && t->head.len > HEAD_MAX)
            fail_tunnel(t, "its answer to CONNECT is too long");
    } while (len > 0 && take_head(t, (size_t)len));
}

static void on_end(void *owner, int error)
{
    fail_tunnel(owner, error == 0 ? "it closed the connection before it answered CONNECT" : uv_strerror(error));
}

static void on_written(void *owner, int error)
{
    if (error != 0)
        fail_tunnel(owner, uv_strerror(error));
}

static void on_timeout(struct clock_timer *timer)
{
    fail_tunnel(container_of(timer, struct tunnel, timer), "it did not answer CONNECT in time");
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

struct tunnel *tunnel_start(struct loop *loop, int fd, const struct tunnel_options *o, tunnel_done *done, void *arg)
{
    static const struct socket_events events = { on_read, on_end, on_written, on_closed, NULL };
    struct tunnel *t = mem_zalloc(sizeof(*t));

    *t = (struct tunnel){ .loop = loop, .options = *o, .done = done, .arg = arg };
    socket_shared_init(&t->shared, READ_SIZE);
    t->socket = socket_open(loop, &t->shared, fd, &events, t);
    if (t->socket == NULL) {
        on_closed(t);
        return NULL;
    }
    put_request(o, socket_out(t->socket));
    if (socket_flush(t->socket) < 0 || socket_read(t->socket, READ_SIZE) != 0) {
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
    socket_close(t->socket);
}
