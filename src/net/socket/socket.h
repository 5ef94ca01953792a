/* SPDX-License-Identifier: Apache-2.0 */
/* A connected socket of the loop, tcp or unix.
 *
 * All sockets of one owner read into its one buffer, so an idle connection holds no memory for reading; what a
 * reader does not use at once it must copy. Writing is one buffer at a time: fill socket_out(), socket_flush()
 * it, and when that did not get rid of everything wait for on_written before filling it again. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/loop.h"

struct socket_shared {
    uint8_t *buffer; /* what is read, until on_read returns */
    size_t size;
    struct buf spare; /* a buffer for the next who writes, so that writing allocates nothing in the long run */
    uint64_t bytes_in, bytes_out;
};

void socket_shared_init(struct socket_shared *shared, size_t size);
void socket_shared_free(struct socket_shared *shared);

struct socket {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t request;
    struct socket_shared *shared;
    struct buf out;
    size_t most; /* bytes to read at once; 0 = not reading */
    size_t run;  /* bytes read since the loop last looked at others */
    bool writing;
    bool closed;
    void (*on_read)(struct socket *s, struct bytes data);
    void (*on_end)(struct socket *s, int error); /* the peer has ended (0), or the socket failed */
    void (*on_written)(struct socket *s, int error);
    void (*on_closed)(struct socket *s);
};

/* Take over `fd`. The callbacks are the caller's to set, before or after. On failure the fd is closed. */
int socket_open(struct socket *s, struct loop *loop, struct socket_shared *shared, int fd);

/* Read at most `most` bytes at a time from now on; 0 stops. */
int socket_read(struct socket *s, size_t most);

/* Where to put what shall be written; only while !s->writing. Empty but for what was put there before. */
struct buf *socket_out(struct socket *s);

/* Write it. 0: all of it is the kernel's. 1: s->writing, on_written will come. Negative: the socket failed. */
int socket_flush(struct socket *s);

void socket_shutdown(struct socket *s); /* no more will be written: the peer sees an end */
void socket_close(struct socket *s);    /* on_closed comes from the loop; no other callback does */

#endif
