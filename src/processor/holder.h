/* SPDX-License-Identifier: Apache-2.0 */
/* What a processor holds for an interval: items that were answered, put together in an assembly, sent on in one batch
 * by the clock and at the stop.
 *
 * Senders are answered SAFE when their items are taken in; a send that fails later drops them, with its reason and a
 * warning. While a send is out the next one waits, and the items after it are gathered on: memory is what the budget
 * has room for, and without room senders are told to retry, or, where there could never be any, that it is too
 * large. */
#ifndef PROCESSOR_HOLDER_H
#define PROCESSOR_HOLDER_H

#include "otlp/assembly.h"
#include "pipeline/component.h"

struct holder {
    struct node *node;
    struct assembly assembly;
    struct ack pool; /* the items that are held; one for each that the next batch will have */
    uint64_t items;
    uint64_t interval; /* ns */
    uint64_t arrival;
    uint64_t charged;
    struct ack out;
    bool is_out, due, stopping;
    void (*stopped)(struct node *node);
    void (*prepare)(struct holder *h); /* before the batch is made; may be NULL */
    void (*cleared)(struct holder *h); /* what pointed into the assembly is gone; may be NULL */
    struct clock_timer timer;
    struct complaint complaint;
};

void holder_init(struct holder *h, struct node *node, uint64_t interval);
void holder_free(struct holder *h);
void holder_start(struct holder *h);
void holder_stop(struct holder *h, void (*stopped)(struct node *node));

/* What that batch may take when it is held. */
uint64_t holder_need(const struct batch *batch);

/* False: there is no room for this batch, and its sender has been told; the batch is the caller's still. */
bool holder_admit(struct holder *h, const struct batch *batch, struct ack *ack);

/* `n` items of the ack's are held here from now on. */
void holder_keep(struct holder *h, struct ack *ack, uint64_t n);

/* After a batch was taken in: charge what the assembly has grown by. */
void holder_charge(struct holder *h);

#endif
