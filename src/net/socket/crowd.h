/* SPDX-License-Identifier: Apache-2.0 */
/* The connections that all servers of the process have accepted, by who they are from.
 *
 * A process has so many file descriptors. A part of them is kept in reserve, so that files, and those whom we call,
 * find one whatever strangers do. When connections have taken the rest, one of them gives way to the next caller: of
 * the host that has most of them one that waits for its peer, not for us. */
#ifndef NET_CROWD_H
#define NET_CROWD_H

#include "base/list.h"
#include "base/vec.h"
#include "net/socket/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* How little is lost with a connection. */
enum crowd_rank {
    CROWD_ENDING,     /* it has said its last */
    CROWD_STRANGER,   /* no request has ever been whole on it */
    CROWD_IDLE,       /* it waits for the next */
    CROWD_UNFINISHED, /* all that it asks is still on its way */
    CROWD_BUSY        /* an answer is owed: it stays */
};

struct crowd_host {
    struct peer peer; /* any of it */
    struct list members;
    size_t n;
    size_t requests; /* under way, on all of its connections */
    size_t place;    /* in the heap */
    struct crowd_host *next;
};

/* Part of a connection. */
struct crowd_member {
    struct list link;
    struct crowd_host *host;                                          /* NULL: it has not joined */
    enum crowd_rank (*rank)(struct crowd_member *m, uint64_t *since); /* since when, mono ns */
    void (*give_way)(struct crowd_member *m);                         /* it closes, and leaves, before this returns */
};

/* Zeroed when empty, but for what crowd_init() sets. */
struct crowd {
    size_t n;
    int max_fd; /* no connection shall have this descriptor or one above */
    uint64_t seed;
    VEC(struct crowd_host *) heap; /* the host with most connections first */
    struct crowd_host **buckets;
    size_t n_buckets;
    size_t requests; /* of all hosts */
};

void crowd_init(struct crowd *c); /* by the limit of open files as it is */
void crowd_free(struct crowd *c); /* all have left */

void crowd_join(struct crowd *c, struct crowd_member *m, const struct peer *peer); /* rank and give_way are set */
void crowd_leave(struct crowd *c, struct crowd_member *m);                         /* no effect without having joined */

/* Make one connection give way to a caller from that peer (NULL: whose is not known). False: there is none that may. */
bool crowd_make_room(struct crowd *c, const struct peer *peer);

/* A request has begun (+1) or ended (-1) on the connection. */
void crowd_count_request(struct crowd *c, struct crowd_member *m, int change);

/* Has that connection's host more than its share of the requests that are under way? */
bool crowd_is_greedy(const struct crowd *c, const struct crowd_member *m);

#endif
