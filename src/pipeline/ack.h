/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a batch, and where its items are booked.
 *
 * Whoever waits for an answer owns a `struct ack`, embedded in its request; consume(batch, ack) hands the
 * obligation on. It settles once, when every branch that owes an answer has given one, with the heaviest verdict.
 * on_settled is never called from inside consume() or ack_settle(): settled acks wait in the turn queue and are
 * delivered just before the loop sleeps, so the callback may free the request without a thought for the stack.
 *
 * An ack is also an entry in a ledger (pipeline/ledger.h): `open` counts the items that are held under it. When
 * it settles SAFE what is open is delivered; when it does not, what is open is refused if the sender still waits
 * (.refusable) or dropped if it was told OK long ago. A processor that takes items out of the flow on purpose says so
 * with ack_drop(); one that keeps them under an ack of its own moves them with ack_move(). So every
 * item ends in exactly one column, and the ledger sums at every moment. */
#ifndef PIPELINE_ACK_H
#define PIPELINE_ACK_H

#include "base/loop/turn.h"
#include "pipeline/ledger.h"

#include <stdbool.h>
#include <stdint.h>

/* In rising order of weight: RETRY outweighs REJECT, for if one branch refuses for good and another only for
 * now, the sender must come again. */
enum verdict {
    VERDICT_SAFE,   /* where the configuration says it must be: merged, queued, on disk, at the peer */
    VERDICT_REJECT, /* never acceptable; the sender must not come again */
    VERDICT_RETRY,  /* not now */
};

/* Items that are not delivered though the rest is, by reason. With more reasons than that the last one has all further
 * items. */
#define LOSSES_MAX 12
struct losses {
    uint32_t n;
    struct ledger_reason v[LOSSES_MAX];
};

void losses_add(struct losses *l, uint64_t items, const char *reason); /* static text; 0 items: nothing */
uint64_t losses_total(const struct losses *l);
void losses_move(struct losses *to, struct losses *from, uint64_t items); /* up to so many, the first there are */
void losses_take_away(struct losses *from, const struct losses *known);   /* as far as they are there */

/* With SAFE, what of the batch is not delivered stands in `lost`: what was rejected, which the sender is told (OTLP's
 * partial_success: `rejected` and `why`), and what was left out on purpose (ack_drop), which it is not. Every ledger on
 * the way up books it as dropped by these reasons, and the rest as delivered. */
struct outcome {
    enum verdict verdict;
    uint64_t rejected;       /* with SAFE: items refused for good; outcome_reject() counts them */
    const char *reason;      /* static, for counters: "memory_limit", "queue_full"; with SAFE of the first rejected */
    uint64_t retry_after_ms; /* with RETRY; 0 = the sender's own back-off */
    int grpc_status;         /* 0 = by the verdict; else the code that a backend gave, passed on to the sender */
    bool partly;             /* with RETRY: another branch, or a part of it, is safe, and would be there twice */
    struct losses lost;      /* with SAFE; `rejected` beyond its sum is lost by `reason` */
    char why[200];           /* for people; "" with a plain SAFE */
};

void outcome_clear(struct outcome *o); /* a plain SAFE */
void outcome_copy(struct outcome *to, const struct outcome *from);

/* `items` more are refused for good, the rest of a SAFE outcome stands. An exporter gathers them here, reason by reason
 * and message by message, and settles with the sum; each reason's first message is told, as far as there is room. */
void outcome_reject(struct outcome *o, uint64_t items, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* `more` is of other items than `sum`, both SAFE or `sum` heavier: their rejections and losses are added up. */
void outcome_add(struct outcome *sum, const struct outcome *more);

/* `more` beside what was known, of the same items: the heavier verdict stands; of two SAFE ones the larger `rejected`
 * and the larger loss, of two RETRY ones the longer wait. */
void outcome_join(struct outcome *worst, const struct outcome *more);

/* What became of a part of `items` items of something that was sent in parts, each perhaps together with others: `sum`
 * is of all its parts, `sent` of the whole send, from which this part's rejected and lost items are taken. Whose items
 * these were is not known: the first that are asked for take them, so that the sum is right. */
void outcome_add_part(struct outcome *sum, struct outcome *sent, uint64_t items);

struct ack {
    void (*on_settled)(struct ack *ack, const struct outcome *outcome);
    struct turn *turn;
    struct ledger *ledger; /* NULL: books nothing */
    uint64_t open;         /* items held under this ack */
    uint32_t owed;         /* answers still to come */
    bool refusable;        /* a failure can still be told to the sender: refused, not dropped */
    bool keeps;            /* the owner sends it again itself: RETRY books nothing, and ack_give_up() ends that */
    bool some_safe;        /* a branch has said SAFE */
    struct turn_task task;
    struct losses dropped; /* by ack_drop: booked here already, and told to the ledgers above */
    struct outcome worst;  /* so far */
};

/* One answer owed. items: how many are held under it (booked as received by whoever calls ledger_receive). */
void ack_init(struct ack *ack, struct turn *turn, struct ledger *ledger, uint64_t items, bool refusable,
              void (*on_settled)(struct ack *, const struct outcome *));

void ack_owe(struct ack *ack); /* one more branch must answer */

/* One answer given. `outcome` is copied. With SAFE what is `lost` is booked as dropped, the rest as delivered; what was
 * moved away or dropped before is not booked again. */
void ack_settle(struct ack *ack, const struct outcome *outcome);

/* Shorthands. */
void ack_safe(struct ack *ack);
void ack_fail(struct ack *ack, enum verdict verdict, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* `n` items leave the flow here on purpose: booked as dropped{reason}, here and, with a SAFE outcome, in the ledgers
 * above. The sender is not told; it is of what was rejected (outcome_reject). */
void ack_drop(struct ack *ack, uint64_t n, const char *reason);

/* `n` items more, which were made here, are held under the ack: booked as received. */
void ack_make(struct ack *ack, uint64_t n);

/* `n` items are from now on held under `to` (same ledger). Books nothing. */
void ack_move(struct ack *from, struct ack *to, uint64_t n);

/* `n` items that are held under the ack leave the ledger as if they had never come to it: another one counts them. */
void ack_withdraw(struct ack *ack, uint64_t n);

/* What a RETRY has left open (.keeps) is booked after all: it is not sent again. */
void ack_give_up(struct ack *ack);

/* Forget a settled or unsettled ack whose memory goes: on_settled does not come any more. Books nothing. */
void ack_cancel(struct ack *ack);

#endif
