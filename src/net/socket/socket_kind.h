/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a socket: what stands between its owner and the kernel. The stream moves bytes on the wire; a kind makes of
 * them what the owner is told, and of the owner's messages what the stream writes. A kind that speaks a protocol of its
 * own keeps its state behind `kind_state`, and may take several reads and writes before the owner's first. Nothing
 * outside net/socket/ includes this. */
#ifndef NET_SOCKET_KIND_H
#define NET_SOCKET_KIND_H

#include "net/socket/socket.h"

#include <uv.h>

struct socket_kind {
    /* For the owner. */
    int (*read)(struct socket *s, bool on);
    /* `total` bytes in n buffers. As socket_flush; the buffers' array is the caller's. */
    int (*write)(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
    /* As socket_offer. A kind that copies what it is given takes as much as is sensible. */
    ssize_t (*offer)(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
    void (*shutdown)(struct socket *s);
    void (*close)(struct socket *s); /* the last words, if they go out at once; NULL: none */
    void (*free)(struct socket *s);  /* NULL: there is nothing */
    /* For the stream. */
    size_t (*ask)(const struct socket *s); /* bytes wanted from the kernel at once; at most the buffer's size */
    void (*received)(struct socket *s, struct bytes data);
    void (*ended)(struct socket *s, int error); /* reading has stopped */
    void (*written)(struct socket *s, int error);
};

extern const struct socket_kind socket_plain, socket_tls;

struct socket {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t request;
    const struct socket_kind *kind;
    void *kind_state;
    const struct socket_events *events;
    void *owner; /* NULL: never opened */
    struct loop *loop;
    struct socket_shared *shared;
    struct peer peer;
    struct buf out;
    size_t most; /* bytes to read at once; 0 = not reading */
    size_t run;  /* bytes read since the loop last looked at others */
    bool writing;
    bool closed;
};

void socket_written(struct socket *s, int error); /* the owner's message has been written */

/* A socket without an owner yet, whose kind is set next; NULL: it is closed. */
struct socket *socket_make(struct loop *loop, struct socket_shared *shared, int fd);

int stream_open(struct socket *s, int fd); /* the handle is initialised even when this fails */
int stream_read(struct socket *s, bool on);
/* As socket_flush; one at a time. `written` comes after 1. */
int stream_write(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
ssize_t stream_offer(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total); /* as socket_offer */
void stream_shutdown(struct socket *s);

#endif
