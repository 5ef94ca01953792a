/* SPDX-License-Identifier: Apache-2.0 */
/* What the processors that turn one temporality into the other share: a metric is written anew, point by point, each
 * point with what is remembered of its stream; the rest of the metric stays. */
#ifndef PROCESSOR_STREAM_STREAM_PROCESSOR_H
#define PROCESSOR_STREAM_STREAM_PROCESSOR_H

#include "processor/item_processor.h"
#include "processor/stream/metric_edit.h"
#include "processor/stream/stream_histogram.h"
#include "processor/stream/stream_table.h"

/* What is remembered of each stream, at least. */
struct stream_state {
    struct stream_entry stream;
    uint64_t time;
    uint64_t value;                     /* of numbers: bits of a double or an integer */
    struct stream_histogram *histogram; /* NULL: none has come yet */
};

struct stream_processor;

/* What the two do differently. */
struct stream_conversion {
    unsigned from, to; /* temporalities */
    size_t state_size; /* of a struct that begins with a struct stream_state */
    /* Is this metric, of sums or histograms of the temporality `from`, one to convert? NULL: all are. */
    bool (*selects)(struct stream_processor *p, const struct metric_view *m, const struct data_view *d);
    /* A point: converted into `out`, and true; else false, and counted, with a reason in processor.apart. */
    bool (*convert)(struct stream_processor *p, const struct metric_view *m, struct bytes message,
                    struct digest metric);
};

/* A processor's struct begins with it. */
struct stream_processor {
    struct item_processor processor;
    struct refused_batches refused;
    const struct stream_conversion *conversion;
    struct stream_table streams;
    struct stream_scope scope;
    struct stream_histogram read; /* scratch, for the point at hand */
    struct buf out;
    uint64_t reserved; /* bytes of the budget, for what `out` has grown beyond its metric */
    struct metric_hook hook;
    struct metric *tracked;
    struct complaint no_room;
};

/* In create(). `tracked`: the gauge of streams that are remembered. `stale` in ns, 0 for ever; `most` streams, 0 as
 * many as the budget has room for. */
void stream_processor_init(struct stream_processor *p, const struct stream_conversion *conversion,
                           const struct metric_row *tracked, uint64_t stale, uint64_t most);
void stream_processor_free(struct stream_processor *p);

static inline struct stream_processor *stream_processor_of(struct node *node)
{
    return container_of(item_processor_of(node), struct stream_processor, processor);
}

/* The stream of that id, made if it is new (*fresh). NULL: there is no room. */
struct stream_state *stream_processor_find(struct stream_processor *p, const struct digest *id, bool *fresh);

/* Its histogram, empty if it had none. False: there is no room. */
bool stream_processor_add_histogram(struct stream_processor *p, struct stream_state *s);

/* A histogram's point into `out`: what was measured, the rest as in the message. `start` 0: none. */
void stream_processor_put_histogram(struct stream_processor *p, unsigned data, const struct stream_point *point,
                                    uint64_t start, const struct stream_histogram *h);

/* A warning about a metric's points, from time to time. */
void stream_processor_complain(struct stream_processor *p, struct complaint *c, const char *text, struct bytes metric);

/* The one for stream_processor_find() and stream_processor_add_histogram(). */
void stream_processor_complain_of_room(struct stream_processor *p, struct bytes metric);

#endif
