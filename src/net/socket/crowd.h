/* SPDX-License-Identifier: Apache-2.0 */
/* The connections that all servers of the process have accepted, by who they are from.
 *
 * A process has so many file descriptors. A part of them is kept in reserve, so that files, and those whom we call,
 * find one whatever strangers do. When connections have taken the rest, one of them gives way to the next caller: of
 * the host that has most of them one that waits for its peer, not for us.
 *
 * There is another table of peers, base/peer_shares.h. They are two, for they ask different things of different lives:
 * this one knows every connection, in the order in which they would give way, and ends with the sockets; that one knows
 * who holds a part of a budget, whoever lends it, without regard to connections, and an entry ends with what is held.
 */
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
    uint64_t held; /* bytes, by requests under way on all of its connections */
    uint64_t kept; /* and by its connections themselves */
    size_t slot;   /* in the heap */
    struct crowd_host *next;
};

/* Part of a connection. */
struct crowd_member {
    struct list link;
    struct crowd_host *host;                                          /* NULL: it has not joined */
    uint64_t kept;                                                    /* bytes, for itself */
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
    uint64_t held;                    /* of all hosts */
    uint64_t kept;                    /* bytes, by connections themselves */
    void (*on_left)(struct crowd *c); /* there is one less; may be NULL */
};

void crowd_init(struct crowd *c); /* by the limit of open files as it is */
void crowd_free(struct crowd *c); /* all have left */

void crowd_join(struct crowd *c, struct crowd_member *m, const struct peer *peer); /* rank and give_way are set */
void crowd_leave(struct crowd *c, struct crowd_member *m);                         /* no effect without having joined */

/* Make one connection give way to a caller from that peer (NULL: whose is not known). False: there is none that may. */
bool crowd_make_room(struct crowd *c, const struct peer *peer);

/* What requests of that connection hold in memory, or no more. */
void crowd_hold(struct crowd *c, struct crowd_member *m, uint64_t bytes);
void crowd_release(struct crowd *c, struct crowd_member *m, uint64_t bytes);

/* May another request begin on that connection, when there are `limit` bytes for everything? Requests of all may hold a
 * quarter of them; beyond it only hosts that hold less than the average may, and beyond half of them nobody. */
bool crowd_may_hold(const struct crowd *c, const struct crowd_member *m, uint64_t limit);

/* What that connection keeps for itself from now on, whatever is asked on it; 0 before it leaves. */
void crowd_keep(struct crowd *c, struct crowd_member *m, uint64_t bytes);

/* May a connection keep `bytes` more? All may keep a quarter of `limit`. */
bool crowd_may_keep(const struct crowd *c, uint64_t bytes, uint64_t limit);

/* Make connections give way that keep something, until one from that peer may keep `bytes` more. False: too few may. */
bool crowd_make_room_to_keep(struct crowd *c, const struct peer *peer, uint64_t bytes, uint64_t limit);

#endif
