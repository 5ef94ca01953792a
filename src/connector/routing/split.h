/* SPDX-License-Identifier: Apache-2.0 */
/* One batch in several parts to several consumers, and one answer to its sender. */
#ifndef CONNECTOR_ROUTING_SPLIT_H
#define CONNECTOR_ROUTING_SPLIT_H

#include "base/list.h"
#include "pipeline/consumer.h"

struct splitter {
    struct turn *turn;
    size_t most;              /* parts of one batch */
    struct list busy, unused; /* splits on their way, and memory of those that were */
};

struct split;

void splitter_init(struct splitter *s, struct turn *turn, size_t most);
void splitter_free(struct splitter *s); /* what is on its way is forgotten */

/* Begin to answer for a batch of that sender. `shared`: an item may be in several parts. Then split_send() for each
 * part, and split_end(). */
struct split *split_begin(struct splitter *s, struct ack *sender, bool shared);
void split_send(struct split *p, struct consumer *to, struct batch *part);
void split_end(struct split *p);

#endif
