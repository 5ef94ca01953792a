/* SPDX-License-Identifier: Apache-2.0 */
/* How a connector that makes metrics sends them once an interval: in slices, each a batch, the next one when the one
 * before is answered and in a later turn of the loop, so that many series stall nobody.
 *
 * Its holder writes the slices. At the stop all is sent once more, for the last time, and then the node has stopped. A
 * slice that is refused for now is sent again, and those behind it wait; one that is refused for good, or at the stop,
 * is told and lost. */
#ifndef CONNECTOR_SLICE_SENDER_H
#define CONNECTOR_SLICE_SENDER_H

#include "pipeline/component.h"

/* Of a slice, about. */
#define SLICE_POINTS 4000u
#define SLICE_BYTES (1ul << 20)

enum sender_phase { SENDER_OPEN, SENDER_STOPPING, SENDER_STOPPED };

struct slice_sender {
    struct node *node;
    uint64_t interval; /* ns; 0: whenever slice_sender_send() says so */
    /* The first slice is asked for next. `last`: it is the last time. */
    void (*begin)(struct slice_sender *s, bool last);
    /* Write requests to `out` and count points, until the slice is full; none: there are no more. */
    void (*fill)(struct slice_sender *s);
    void (*finish)(struct slice_sender *s); /* all slices are answered */
    uint64_t wall, mono;                    /* of when it began */
    struct buf out;
    uint64_t points; /* of the slice */
    size_t head; /* bytes of `out` that go before the points at hand: a resource may be large, and is in each slice */
    bool on, last;
    enum sender_phase phase;
    struct ack ack;
    struct batch *sent; /* what is to be answered, or sent again; NULL: nothing */
    bool waiting;       /* for the answer */
    unsigned tries;     /* of that */
    struct clock_timer timer, next;
    struct complaint failed;
    void (*stopped)(struct node *node);
};

/* begin, fill and finish are the caller's to set. */
void slice_sender_init(struct slice_sender *s, struct node *node, uint64_t interval);
void slice_sender_free(struct slice_sender *s);

void slice_sender_start(struct slice_sender *s);
void slice_sender_stop(struct slice_sender *s, void (*done)(struct node *node));

/* There is a point in it, and no room for another. */
static inline bool slice_sender_full(const struct slice_sender *s)
{
    return s->points >= SLICE_POINTS || (s->points > 0 && s->out.len - s->head >= SLICE_BYTES);
}

/* Send now, unless it is under way. */
void slice_sender_send(struct slice_sender *s);

#endif
