/* SPDX-License-Identifier: Apache-2.0 */
/* A connected socket of the loop, tcp or unix.
 *
 * All sockets of one owner read into one buffer, most of all owners into the same one, so an idle connection or client
 * holds no memory for reading; what a reader does not use at once it must copy. Writing is one message at a time: fill
 * socket_out(), send it with socket_flush() or, with what shall follow it, socket_send(); when that did not get rid of
 * everything wait for on_written before filling it again. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/loop/loop.h"
#include "net/socket/peer.h"
#include "net/socket/tls.h"

#include <sys/types.h>

struct socket_shared {
    uint8_t *buffer; /* what is read, until on_read returns */
    uint8_t *plain;  /* the same, taken out of TLS; NULL: not needed yet */
    size_t size;
    size_t most;             /* of it, that a socket reads at once; the owner may lower it for a while */
    struct buf spare_cipher; /* TLS: the same as spare, for what goes out */
    struct buf spare;        /* a buffer for the next who writes, so that writing allocates nothing in the long run */
    uint64_t bytes_in, bytes_out;
};

/* Up to SOCKET_COMMON bytes are those of the process: it has one loop, and nobody reads before another's on_read has
 * returned. */
#define SOCKET_COMMON (64 * 1024ul)
void socket_shared_init(struct socket_shared *shared, size_t size);
void socket_shared_free(struct socket_shared *shared);

struct socket;

/* What an owner is told, from the loop. */
struct socket_events {
    void (*on_read)(void *owner, struct bytes data);
    void (*on_end)(void *owner, int error); /* the peer has ended (0), or the socket failed */
    void (*on_written)(void *owner, int error);
    void (*on_closed)(void *owner); /* after socket_close; the socket is gone */
    void (*on_ready)(void *owner); /* TLS: the handshake is done, the first data may follow at once. NULL: never mind */
};

/* Takes `fd` over. NULL: it is closed, and no event comes. */
struct socket *socket_open(struct loop *loop, struct socket_shared *shared, int fd, const struct socket_events *events,
                           void *owner);

/* The same through TLS, as a server or client by `tls`, of which a reference is taken; a client's `server_name` is
 * what the certificate must be valid for, where the configuration names no other. What is sent before on_ready waits
 * for it. A handshake that fails, what is no TLS and an end without close_notify are all on_end() with an error; a
 * socket that has failed reads on, for whoever wants to see the peer close, but passes nothing on. */
struct socket *socket_open_tls(struct loop *loop, struct socket_shared *shared, int fd, struct tls *tls,
                               const char *server_name, const struct socket_events *events, void *owner);

/* TLS: what went wrong, in a sentence; "" where it is nothing of TLS. */
const char *socket_why(const struct socket *s);
enum tls_failure socket_tls_failure(const struct socket *s); /* net/socket/tls.h; TLS_FINE without TLS */
/* What was agreed on: "h2", "http/1.1"; "" for nothing. */
const char *socket_alpn(const struct socket *s);

const struct peer *socket_peer(const struct socket *s);

/* Read at most `most` bytes at a time from now on; 0 stops. */
int socket_read(struct socket *s, size_t most);

/* Where to put what shall be written; only while !socket_writing(). Empty but for what was put there before. */
struct buf *socket_out(struct socket *s);

/* Write it. 0: all of it is the kernel's. 1: on_written will come. Negative: the socket failed. */
int socket_flush(struct socket *s);

/* The same, followed by these parts, which are not copied: they stay in place until on_written, or socket_close. */
int socket_send(struct socket *s, const struct bytes *parts, size_t n);

/* The same for who may have to take parts back: write what the kernel takes now, and copy a little of the rest; when
 * that has left too there is room for more, and on_written comes. Returns how many bytes of the parts, of which there
 * is at least one, are taken: none of them is looked at after that. All of them: on_written does not come, unless
 * socket_writing(). Negative: the socket failed. */
ssize_t socket_offer(struct socket *s, const struct bytes *parts, size_t n);

bool socket_writing(const struct socket *s); /* on_written is still to come */

/* Another descriptor of the same connection, for whoever takes it on when this socket is closed; -1: there is none. */
int socket_dup(const struct socket *s);

void socket_shutdown(struct socket *s); /* no more will be written: the peer sees an end */
void socket_close(struct socket *s);    /* on_closed comes, no other event does */

#endif
