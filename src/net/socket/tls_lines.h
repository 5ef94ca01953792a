/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes that wait to be computed, in several lines by the host that they are from. The lines are asked in turn, so
 * that a host that begins many of them waits for itself, not others for it. Several hosts may share a line; who shares
 * with whom is not known outside. */
#ifndef NET_TLS_LINES_H
#define NET_TLS_LINES_H

#include "base/list.h"
#include "net/socket/peer.h"

#define TLS_LINES 64

struct tls_lines {
    struct list line[TLS_LINES];
    size_t n;      /* waiting in all of them */
    unsigned next; /* whose turn it is */
    uint64_t seed;
};

void tls_lines_init(struct tls_lines *l, uint64_t seed); /* the seed is nobody's but ours */

/* To the end of the peer's line. */
void tls_lines_join(struct tls_lines *l, const struct peer *peer, struct list *member);
/* Whose turn it is; it has left then. NULL: nobody waits. */
struct list *tls_lines_take(struct tls_lines *l);
void tls_lines_leave(struct tls_lines *l, struct list *member); /* no effect on one that does not wait */

#endif
