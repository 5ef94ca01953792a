/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a socket: what stands between its owner and the kernel. A kind that speaks a protocol of its own on the wire
 * keeps its state behind `kind_state`, may take several reads and writes before the owner's first, and is the one who
 * knows which protocol its handshake agreed on (ALPN). Nothing outside net/socket/ includes this. */
#ifndef NET_SOCKET_KIND_H
#define NET_SOCKET_KIND_H

#include "net/socket/socket.h"

#include <uv.h>

struct socket_kind {
    int (*open)(struct socket *s, struct loop *loop, int fd); /* the handle is initialised even when this fails */
    int (*read)(struct socket *s, bool on);
    /* `total` bytes in n buffers. As socket_flush; the buffers' array is the caller's. */
    int (*write)(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
    /* As socket_offer. A kind that copies what it is given takes as much as is sensible. */
    ssize_t (*offer)(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
    void (*shutdown)(struct socket *s);
};

extern const struct socket_kind socket_plain;

struct socket {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t request;
    const struct socket_kind *kind;
    const struct socket_events *events;
    void *owner; /* NULL: never opened */
    struct socket_shared *shared;
    struct peer peer;
    struct buf out;
    size_t most; /* bytes to read at once; 0 = not reading */
    size_t run;  /* bytes read since the loop last looked at others */
    bool writing;
    bool closed;
};

void socket_written(struct socket *s, int error); /* a kind's write has ended */

#endif
