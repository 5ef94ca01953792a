/* SPDX-License-Identifier: Apache-2.0 */
/* The newest value of every series, for the scrape endpoint (OpenTelemetry's Prometheus
 * compatibility specification).
 *
 * A point finds its series by its bytes (prom/series/streams.h); other bytes that come to the same name and labels lead
 * to the same series from then on. Points that are older than what is stored change nothing. Deltas become cumulative.
 * Where several senders have one series (prom/series/collisions.h), the last writer of a timestamp wins.
 * A series that nothing arrived for within the expiration is not shown, and taken out by a timer, in slices. A name has
 * one type, that of its first series; later series of other types are rejected while it lasts.
 *
 * A point of a known series of numbers allocates nothing; one of a histogram allocates when it got larger. */
#ifndef PROM_SERIES_H
#define PROM_SERIES_H

#include "base/loop/clock.h"
#include "prom/series/collisions.h"
#include "prom/series/exemplar_store.h"
#include "prom/series/family.h"
#include "prom/model/distribution_value.h"
#include "prom/series/streams.h"

struct series_options {
    struct translation translation;
    uint64_t expiration; /* ns; 0 = never */
    uint64_t max_series; /* 0 = by the budget alone */
    bool send_timestamps;
};

/* Bounds of explicit histograms, shared by the series that have the same. */
struct bounds {
    uint32_t refs;
    uint32_t n;
    double v[];
};

/* What a histogram or summary measured; of what kind, its series says. */
struct distribution {
    uint64_t count;
    double sum;
    uint32_t cap; /* of data */
    bool has_sum;
    union {
        struct bounds *bounds;
        struct {
            int32_t scale;
            double zero_threshold;
            uint64_t zero_count;
            int64_t offset[2]; /* positive, negative */
            uint32_t n[2];
        } native;
        uint32_t n_quantiles;
    };
    uint64_t
        data[]; /* explicit: cumulative counts, one per bound. Exponential: counts, positive first. Summary: pairs */
};

struct series_extra {
    struct exemplar_store *exemplars;
    /* prom/series/series_alias.c has these. */
    struct alias *aliases;
    struct series_writer *writers, *owner; /* NULL without aliases */
    uint32_t n_aliases;
    uint32_t round;
    bool contested;
};

struct series {
    struct cached_series cached;
    enum metric_kind kind : 8;
    bool is_int : 1;
    uint32_t arrival;     /* ticks */
    uint32_t slot;        /* in its family */
    uint32_t canonical;   /* hash of name and labels */
    uint64_t time, start; /* wall ns, of the newest point */
    union {
        double number;
        int64_t integer;
        struct distribution *distribution;
    };
    struct series_extra *extra;
};

#define SERIES_REASONS 12

/* What became of a batch's points: all are in, but for these. */
struct series_result {
    uint64_t rejected;
    size_t n_reasons;
    struct {
        const char *reason; /* static */
        uint64_t n;
        char example[96]; /* the metric's name in Prometheus, or in OTLP when it has none; cut */
    } reasons[SERIES_REASONS];
};

struct series_store {
    const struct series_options *options;
    struct collisions *collisions; /* the owner's; NULL: nobody counts them */
    struct clock *clock;
    struct budget *budget;
    struct streams streams;
    struct families families;
    struct table canonical; /* of series, by name and labels */
    uint64_t n_series;
    uint64_t born;    /* mono: ticks count from here */
    uint64_t bytes;   /* of distributions, exemplars and the like */
    uint64_t expired; /* series taken out by the timer */
    uint64_t ended;   /* series ended by their senders (no recorded value) */
    struct clock_timer sweep;
    struct family *swept; /* the family where the sweep is; held */
    uint32_t swept_slot;
    struct distribution_value value;
    struct exemplar_reader exemplars;
    struct buf gathered, labels, labels2;
    struct bounds *last_bounds; /* of the point before: those of the next are mostly equal. One reference */
};

/* The options, clock and budget outlive it. */
void series_store_init(struct series_store *s, const struct series_options *o, struct clock *clock,
                       struct budget *budget);
void series_store_free(struct series_store *s); /* no cursor may be open */

/* A batch on its way into the store, in slices: for a large one with many new series takes a while. */
struct series_taking {
    struct series_store *store;
    struct series_result result;
    struct metric_walk walk;
    struct stream_cursor cursor;
    struct stream *stream;   /* of the metric that is being taken; NULL between metrics */
    struct pb_reader points; /* of it */
    bool plain;              /* its points simply replace what is there */
    uint32_t now;
    int64_t units; /* of work left in this slice */
};

#define SERIES_SLICE 10000 /* units: about one millisecond of making new series */

/* The batch outlives the taking. */
void series_taking_begin(struct series_taking *t, struct series_store *s, const struct batch *batch);

/* A slice's work. True when the batch is in; the result is then complete. */
bool series_taking_some(struct series_taking *t, int64_t units);
void series_taking_end(struct series_taking *t); /* finished or not */

/* Merge a whole batch of metrics at once. */
void series_store_take(struct series_store *s, const struct batch *batch, struct series_result *result);

/* ---- for prom/series_*.c ---- */

#define SERIES_TICK (100 * NS_PER_MS)

uint32_t series_now(const struct series_store *s);
bool series_expired(const struct series_store *s, uint32_t arrival);

/* From now on series that have expired are ended. */
void series_sweep_start(struct series_store *s);
void series_end(struct series_store *s, struct series *x);

static inline struct family *series_family(const struct series *x)
{
    return cached_series_stream(&x->cached)->user;
}

/* Merge a point into its series. NULL, or why it was rejected; the series is then as it was. `counted`: the end of the
 * newest delta that is counted already of whom the point comes from. *ended: the point says that the series has ended.
 */
const char *series_merge(struct series_store *s, struct series *x, const struct stream *stream, const struct point *p,
                         uint64_t counted, bool fresh, bool *ended);
bool series_is_delta(const struct stream *stream);

/* Give back what the series measured. */
void series_clear(struct series_store *s, struct series *x);

#endif
