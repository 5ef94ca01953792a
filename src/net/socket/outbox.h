/* SPDX-License-Identifier: Apache-2.0 */
/* What waits to be written to a socket, in order: bytes of its own, and runs of memory that stay somebody else's and
 * are not copied. An owner who wants his memory back before it has left says so, and only then is the rest copied.
 * A zeroed struct is an empty outbox. */
#ifndef NET_OUTBOX_H
#define NET_OUTBOX_H

#include "base/vec.h"
#include "net/socket/socket.h"

struct outbox_run {
    const void *owner;   /* NULL: the bytes are the outbox' own */
    const uint8_t *data; /* the owner's */
    size_t at;           /* or where they are in `own` */
    size_t len;
};

struct outbox {
    struct buf own;
    size_t sealed; /* bytes of `own` that are in a run */
    VEC(struct outbox_run) runs;
    size_t first; /* the runs before it have left */
    size_t len;   /* bytes in runs that have not left */
};

void outbox_free(struct outbox *o); /* back to empty */

/* Where to append bytes of the outbox' own, until the next call of another function. */
struct buf *outbox_own(struct outbox *o);

/* `data` stays in place until it has left, or outbox_keep(), or outbox_free(). */
void outbox_refer(struct outbox *o, const void *owner, struct bytes data);

/* Copy what has not left of this owner's. */
void outbox_keep(struct outbox *o, const void *owner);

/* Bytes that have not left. */
size_t outbox_waiting(struct outbox *o);

/* Write, while nothing of this socket is being written. 0: all of it is the kernel's. 1: on_written will come, and this
 * is to be called again. Negative: the socket failed. */
int outbox_send(struct outbox *o, struct socket *s);

#endif
