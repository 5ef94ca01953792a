/* SPDX-License-Identifier: Apache-2.0 */
/* The exemplars of a series' newest point, rendered: only those that could be shown. */
#ifndef PROM_EXEMPLAR_STORE_H
#define PROM_EXEMPLAR_STORE_H

#include "base/buf.h"
#include "base/vec.h"
#include "prom/model/name.h"
#include "prom/model/sample.h"
#include "prom/model/metric.h"

#define EXEMPLARS_NATIVE 10 /* kept of a native histogram's */

struct exemplar_store {
    uint32_t n;
    uint32_t cap;        /* bytes behind this struct */
    struct exemplar v[]; /* labels point behind the array */
};

/* Scratch for reading, zeroed at first. */
struct exemplar_reader {
    VEC(struct exemplar) found; /* .labels.data: an offset into text, as a number */
    VEC(size_t) of_bucket;
    struct buf text, value;
};

void exemplar_reader_free(struct exemplar_reader *r);

/* Read the point's exemplars into r->found: of a counter the newest, of a histogram the newest of each bucket
 * (`bounds`), of an exponential one the newest EXEMPLARS_NATIVE, by time. */
void exemplars_read(struct exemplar_reader *r, enum name_strategy strategy, enum metric_kind kind, struct bytes point,
                    const double *bounds, size_t n_bounds);

/* Bytes of memory that a store of these takes. */
size_t exemplars_size(const struct exemplar_reader *r);

/* Fill a store whose memory is at least that large. */
void exemplars_fill(struct exemplar_store *s, const struct exemplar_reader *r);

#endif
