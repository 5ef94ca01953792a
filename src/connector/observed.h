/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram that values are put into, explicit or exponential, as a connector makes it of durations. */
#ifndef CONNECTOR_OBSERVED_H
#define CONNECTOR_OBSERVED_H

#include "base/budget.h"
#include "base/buf.h"
#include "config/option.h"

#define OBSERVED_BUCKETS_LEAST 2u /* of an exponential one */
#define OBSERVED_BUCKETS_MOST 16384u

/* What all of a connector's have in common. */
struct observed_shape {
    bool exponential;
    uint32_t max_buckets; /* exponential */
    const double *bounds; /* explicit: rising; a value is in the first bucket whose bound it does not pass */
    size_t n_bounds;
    struct budget *budget; /* buckets are charged, whatever the limit */
};

struct observed {
    uint64_t count, zeros; /* zeros: exponential */
    double sum, min, max;
    uint64_t *buckets; /* explicit: n_bounds + 1; exponential: from index `first` on */
    uint32_t n, room;  /* buckets in use, and in memory */
    int32_t scale, first;
};

/* Bytes that one takes at first, without its struct. */
size_t observed_size(const struct observed_shape *shape);

void observed_init(struct observed *o, const struct observed_shape *shape);
void observed_free(struct observed *o, const struct observed_shape *shape);
void observed_reset(struct observed *o, const struct observed_shape *shape); /* as if nothing had come */

/* A value, 0 or above, `n` times. */
void observed_add(struct observed *o, const struct observed_shape *shape, double value, uint64_t n);

/* Its fields of a HistogramDataPoint or ExponentialHistogramDataPoint. */
void observed_put(struct buf *out, const struct observed *o, const struct observed_shape *shape);

/* Durations as a configuration has them, in a unit of so many ns. False: one is none, *bad is its index. */
bool observed_bounds(double *bounds, const char *const *texts, size_t n, double unit, size_t *bad);
/* What is wrong with such a list, at `path`: one is no duration, or they do not rise. */
void observed_check_bounds(const struct strings *texts, const char *path, struct check *ck);

#endif
