/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request on its way in: one block, one copy in most cases, and no more granted to the peer than the
 * budget has room for.
 *
 * A receiver has one keeper, and each of its requests a body in it. The receiver says what comes (body_begin, body_add,
 * body_end) and is told when the body is whole and let in. Whoever sends too slowly, holds more than its share or finds
 * no room is refused by the keeper. */
#ifndef PIPELINE_REQUEST_BODY_H
#define PIPELINE_REQUEST_BODY_H

#include "base/list.h"
#include "base/peer_shares.h"
#include "net/message/message.h"
#include "pipeline/component.h"

#define BODY_WINDOW ((size_t)256 * 1024) /* bytes a request may send before we know how long it is */

struct request_body;

enum body_refusal {
    BODY_NO_ROOM, /* in the memory budget, for too long, or for this peer: the sender is asked to retry */
    BODY_TOO_SLOW,
};

struct body_keeper {
    struct host *host;
    /* The body is whole, in body->block, and the budget has let it in; after body_wait() it is called again. */
    void (*whole)(struct request_body *body);
    /* Answer the request; body_drop() follows from there. */
    void (*refuse)(struct request_body *body, enum body_refusal why, const char *text);
    struct metric *waits; /* of bodies for the budget */
    /* The keeper's own. */
    struct list bodies;       /* whose end has not come */
    size_t usual;             /* how long the last one was */
    uint64_t overdrawn;       /* bytes that bodies hold beyond the budget's limit */
    struct clock_timer watch; /* for those that come too slowly */
};

struct request_body {
    struct body_keeper *keeper;
    struct list link;
    struct http_request *req;
    struct budget *budget;   /* of its signal */
    struct peer_share *peer; /* until the body is whole */
    uint64_t paid;           /* to both, likewise; then the block is charged */
    uint64_t overdrawn;      /* of that: beyond the limit */
    uint64_t begun;          /* mono ns; moved on by the time that it waited for us */
    uint64_t waits_since;    /* mono ns, while `over` */
    struct block *block;
    size_t len;      /* received into block */
    size_t expected; /* length announced; SIZE_MAX when not */
    size_t limit;    /* most bytes it may have: the receiver sets it */
    size_t granted;  /* the peer may have sent this much by now */
    size_t overhead; /* bytes on the wire that are not kept, a prefix: the receiver sets it */
    bool ended;      /* the body is whole, but the budget has not let it in yet */
    bool over;       /* waiting for the budget */
    struct budget_waiter waiter;
    struct clock_timer patience; /* the longest wait for the budget */
};

/* `host`, `whole`, `refuse` and `waits` are set. */
void body_keeper_init(struct body_keeper *k);
void body_keeper_close(struct body_keeper *k);

/* A new body, zeroed but for limit and overhead, joins those that are gathered. False: it has been refused. */
bool body_open(struct request_body *body, struct body_keeper *k, struct http_request *req, struct budget *budget);
/* Begin: `expected` bytes are announced (SIZE_MAX: unknown). The caller has compared them with the limit. */
void body_begin(struct request_body *body, size_t expected);
/* False when the limit is passed; nothing has been answered then. True: it is kept, or the request answered. */
bool body_add(struct request_body *body, struct bytes data);
/* All is here: whole() now or as soon as the budget has room. */
void body_end(struct request_body *body);
/* whole() again when the budget has room for `need` bytes, or refuse() after a while. */
void body_wait(struct request_body *body, uint64_t need);
void body_drop(struct request_body *body); /* give everything back; safe at any time */

#endif
