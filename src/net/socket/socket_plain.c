/* SPDX-License-Identifier: Apache-2.0 */
/* A socket whose bytes on the wire are the owner's. */
#include "net/socket/socket_kind.h"

static size_t ask(const struct socket *s)
{
    return s->most < s->shared->most ? s->most : s->shared->most;
}

static void pass_data(struct socket *s, struct bytes data)
{
    s->events->on_read(s->owner, data);
}

static void pass_end(struct socket *s, int error)
{
    s->events->on_end(s->owner, error);
}

const struct socket_kind socket_plain = {
    .read = stream_read,
    .write = stream_write,
    .offer = stream_offer,
    .shutdown = stream_shutdown,
    .ask = ask,
    .received = pass_data,
    .ended = pass_end,
    .written = socket_written,
};
