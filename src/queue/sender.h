/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between an exporter's tap and its attempts: a queue, in memory or on disk, and the trying again.
 *
 * An exporter makes one in create(), lets node->in be the sender's, and gets batches on `attempt`: one attempt each,
 * settled SAFE, REJECT or RETRY (a part of it with ack_drop or `rejected`).
 *
 * In memory, a batch is answered when it is in the queue. On disk (wal/), when it is synced there; what is not
 * delivered is found again at the next start, in order, and of a batch that was delivered in part the rest. The items
 * stay `held` in the exporter's ledger until an attempt has settled them, and the ledger goes on where it was after a
 * restart from disk. */
#ifndef QUEUE_SENDER_H
#define QUEUE_SENDER_H

#include "pipeline/component.h"
#include "queue/retry.h"
#include "wal/wal.h"

enum sender_sizer { SIZER_REQUESTS, SIZER_ITEMS, SIZER_BYTES };

/* Merging and cutting behind the queue, to sizes in items or bytes. */
struct sender_batch {
    bool on;
    bool in_bytes;       /* sizes are bytes, else items */
    uint64_t flush;      /* ns; the longest that something waits for more */
    uint64_t least;      /* goes out at once when it is as large */
    uint64_t most;       /* larger is cut, between items; 0 = never */
    struct strings keys; /* batches whose metadata differ in one of these stay apart */
};

struct sender_options {
    uint64_t queue_size; /* in units of the sizer, what is in flight included; UINT64_MAX: bounded by the disk alone */
    enum sender_sizer sizer;
    uint32_t consumers;        /* attempts at one time */
    bool block_on_overflow;    /* senders wait for room; else they are told RETRY "queue_full" */
    bool wait_for_result;      /* senders wait for their batch's attempt; in memory only, and there in any case when
                                * `retry` is not enabled */
    uint64_t merge_bytes;      /* what waits goes together in one attempt, up to this many bytes; 0: one by one */
    uint64_t merge_batches;    /* and up to this many batches; 0 = no limit */
    struct sender_batch batch; /* when it is on, in place of these two */
    struct strings keys;       /* likewise, whatever `batch` says: what the exporter makes of them differs */
    const struct retry_config *retry; /* NULL: the exporter tries again by itself, and RETRY means it has given up */
    bool retry_forever;               /* max_elapsed_time does not count */
    struct wal_options disk;          /* where it is kept; directory NULL: in memory */
    const char *member;               /* NULL: the node's only one. Else one of several that book in one ledger and
                                       * count in the same metrics, by its name, which is that of its directory below the
                                       * node's; gauges are the node's to set */
    struct consumer *attempt;
};

struct sender;

extern const struct metric_row *const sender_metric_rows[]; /* NULL-terminated */

/* node->in becomes the queue's. Options are copied; what they point to stays. */
struct sender *sender_new(struct node *node, const struct sender_options *o);

/* Opens what is on disk; the ledger gets its totals. 0 or a code and `err`. */
int sender_start(struct sender *s, struct error *err);

/* Take no more. In memory: everything gets one last attempt until the deadline, then it is dropped{shutdown}. On disk:
 * what is under way may end, the rest stays. done(node) once, now or later. At the deadline attempts are given up that
 * the exporter still has: what it answers from then on changes nothing, and it forgets them before sender_free(). */
void sender_stop(struct sender *s, uint64_t deadline, void (*done)(struct node *));
void sender_hurry(struct sender *s); /* while it stops: the deadline is now */

void sender_free(struct sender *s);

/* What is in the queue, and what there is room for. */
struct sender_fill {
    uint64_t size, capacity; /* capacity UINT64_MAX: no limit of its own */
    const char *unit;        /* "requests", "items" or "bytes" */
    bool on_disk;
    uint64_t requests, items, bytes; /* of the same, whatever the unit is */
    uint64_t age;                    /* ns: nothing that waits or is being sent has been here longer */
};

struct sender_fill sender_fill(const struct sender *s);

/* Of one that stands for those of other processes: that is what is in it. Its unit stays, and where it is kept. */
void sender_tell(struct sender *s, const struct sender_fill *fill);

/* One that is nothing but that: sender_fill() is all that may be asked of it. fill->unit outlives it. */
struct sender *sender_told_new(const struct sender_fill *fill);
void sender_told_free(struct sender *s); /* NULL is none */

/* For the node of several senders: what its gauges say, of all of them. */
struct sender_gauges {
    double size, capacity, disk_bytes;
    bool on_disk;
};
void sender_gauges_set(const struct node *node, const struct sender_gauges *sum);

/* Whether a batch of that size would be taken in now. NEVER: the whole queue is too small for it. */
enum sender_room { SENDER_ROOM, SENDER_FULL, SENDER_NEVER };
enum sender_room sender_room(const struct sender *s, uint64_t items, uint64_t bytes);
uint64_t sender_held_bytes(const struct sender *s); /* on disk: of its files */
bool sender_keeps(const struct sender *s);          /* it is on disk */

/* Another one gets the attempts from now on, those that wait for their next try at once. `away`: it moves what it gets
 * to other queues, as often as it takes, and settles SAFE with all of it lost as SENDER_MOVED: these items leave the
 * ledger as if they had never come, for the others have booked them. Who waits for a result is told what came of it, as
 * ever. */
void sender_redirect(struct sender *s, struct consumer *attempt, bool away);
bool sender_is_empty(const struct sender *s); /* nothing waits or is under way, and nobody waits for room */
extern const char SENDER_MOVED[];

/* For an exporter that sends the batch of an attempt, which it was given with `ack`, in parts. As soon as it knows what
 * became of the next `items` of it, in their order, it says so, and what of them is lost. On disk these are not kept
 * any longer. What it settles with is of the whole batch all the same. */
void sender_attempt_part(struct ack *ack, uint64_t items, const struct losses *lost);
/* Right before it settles that with RETRY: `done` is what became of what is known of this try, with SAFE, and only
 * `rest`, whose reference goes with it, is to be tried again. Who does not know items in their order tells no parts,
 * and may narrow all the same: what is on disk then comes again whole after a crash. */
void sender_attempt_narrow(struct ack *ack, struct batch *rest, const struct outcome *done);

#endif
