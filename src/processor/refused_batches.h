/* SPDX-License-Identifier: Apache-2.0 */
/* For processors that remember what they have seen, and would make something else of a batch the second time: what was
 * made of one that is refused for now is kept, and sent when its sender comes again with the same bytes.
 *
 * As many are kept as fit into a part of the memory budget, and for some minutes: then the next one would be made anew,
 * of what the processor remembers. */
#ifndef PROCESSOR_REFUSED_BATCHES_H
#define PROCESSOR_REFUSED_BATCHES_H

#include "base/list.h"
#include "pipeline/component.h"

struct refused_batches {
    struct node *node;
    struct list under_way, kept;
    size_t n;                 /* kept */
    uint64_t bytes;           /* of all that they keep from being given back */
    struct clock_timer timer; /* the oldest one goes */
};

void refused_batches_init(struct refused_batches *r, struct node *node);
void refused_batches_free(struct refused_batches *r); /* what is under way is forgotten */

/* Send what was made of `batch`, whose items in `dropped` are dropped from the ack already. Takes over the reference to
 * `made` and the ack. */
void refused_batches_send(struct refused_batches *r, const struct batch *batch, const struct losses *dropped,
                          struct batch *made, struct ack *ack);

/* False: the batch is none of those that were refused. Else what was made of it is sent, *items of them, and the
 * reference to it and the ack are taken over. */
bool refused_batches_again(struct refused_batches *r, struct batch *batch, struct ack *ack, uint64_t *items);

#endif
