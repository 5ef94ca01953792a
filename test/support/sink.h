/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer for tests that records what it is given, and settles as it is told: at once, or later by hand. */
#ifndef SUPPORT_SINK_H
#define SUPPORT_SINK_H

#include "base/vec.h"
#include "pipeline/consumer.h"

struct sink_entry {
    struct batch *batch; /* a reference, until sink_settle or sink_close */
    struct ack *ack;
};

struct sink {
    struct consumer in;
    bool hold;             /* keep batches until sink_settle; else settle with .answer at once */
    struct outcome answer; /* SAFE when zeroed */
    uint64_t batches, items;
    VEC(struct sink_entry) held;
    void (*on_batch)(struct sink *sink, const struct batch *batch); /* may be NULL */
    void *arg;
};

void sink_init(struct sink *s);
void sink_settle(struct sink *s, size_t i, const struct outcome *outcome); /* held[i], which leaves the list */
void sink_close(struct sink *s);                                           /* drops what is held without an answer */

#endif
