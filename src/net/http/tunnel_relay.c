/* SPDX-License-Identifier: Apache-2.0 */
/* Where the way to the proxy is TLS, half of a connection is in this process's memory and cannot be given away. One end
 * of a pair of sockets is, and what is said there is handed on to the proxy, and back. Neither side is read while the
 * other is being written to, so a relay holds what one read has brought.
 *
 * What can go wrong: either side ends. When the proxy says so in order, what it has said is handed on and then its end;
 * when the connection breaks, or whoever has the other end closes it, both are closed. A proxy that takes nothing any
 * more hides that end: so whoever has the other one says himself that he leaves. */
#include "net/http/tunnel_inside.h"

#include <sys/socket.h>
#include <unistd.h>

enum side { TO_INNER, TO_PROXY };

void tunnel_relay_close(struct tunnel *t)
{
    if (t->closed)
        return;
    t->closed = true;
    socket_close(t->inner);
    socket_close(t->socket);
}

/* What could not be written at once has been, and all that was held with it. */
static void end_in_turn(struct tunnel *t)
{
    if (t->ended && !socket_writing(t->inner))
        socket_shutdown(t->inner);
    if (t->left && !socket_writing(t->socket))
        tunnel_relay_close(t);
}

static void hand_on(struct tunnel *t, enum side side, struct bytes data)
{
    struct socket *to = side == TO_INNER ? t->inner : t->socket, *from = side == TO_INNER ? t->socket : t->inner;
    int rc;

    if (socket_writing(to)) {
        buf_put(&t->held[side], data);
        return;
    }
    buf_put(socket_out(to), data);
    rc = socket_flush(to);
    if (rc < 0)
        tunnel_relay_close(t);
    else if (rc > 0)
        (void)socket_read(from, 0);
}

static void go_on(struct tunnel *t, enum side side, int error)
{
    struct buf held = t->held[side];

    if (error != 0) {
        tunnel_relay_close(t);
        return;
    }
    t->held[side] = (struct buf){ 0 };
    if (held.len > 0)
        hand_on(t, side, buf_bytes(&held));
    buf_free(&held);
    if (!socket_writing(side == TO_INNER ? t->inner : t->socket))
        (void)socket_read(side == TO_INNER ? t->socket : t->inner, t->shared.size);
    end_in_turn(t);
}

void tunnel_relay_read(struct tunnel *t, struct bytes data)
{
    hand_on(t, TO_INNER, data);
}

void tunnel_relay_written(struct tunnel *t, int error)
{
    go_on(t, TO_PROXY, error);
}

void tunnel_relay_end(struct tunnel *t, int error)
{
    t->ended = true;
    if (error != 0)
        tunnel_relay_close(t);
    else
        end_in_turn(t);
}

static void on_inner_read(void *owner, struct bytes data)
{
    hand_on(owner, TO_PROXY, data);
}

static void on_inner_written(void *owner, int error)
{
    go_on(owner, TO_INNER, error);
}

static void on_inner_end(void *owner, int error)
{
    struct tunnel *t = owner;

    (void)error;
    t->left = true;
    end_in_turn(t);
}

static void on_inner_closed(void *owner)
{
    tunnel_socket_gone(owner);
}

int tunnel_relay_begin(struct tunnel *t)
{
    static const struct socket_events events = { on_inner_read, on_inner_end, on_inner_written, on_inner_closed, NULL };
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    t->inner = socket_open(t->loop, &t->shared, pair[0], &events, t);
    if (t->inner == NULL) {
        (void)close(pair[1]);
        return -1;
    }
    t->open++;
    if (socket_read(t->inner, t->shared.size) != 0) {
        (void)close(pair[1]);
        tunnel_relay_close(t);
        return -1;
    }
    t->owned = true;
    return pair[1];
}
