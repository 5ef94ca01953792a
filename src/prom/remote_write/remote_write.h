/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP metrics as Prometheus remote write requests, 1.0 and 2.0 (the Remote-Write specifications).
 *
 * Each data point becomes a unit: its TimeSeries, one for a number, several for a classic histogram or a summary, which
 * stand one behind the other in one request. Numbers of one series that come in one batch share a unit, a TimeSeries
 * with several samples. What is not a data point (target_info, metadata) makes units without an item. Series are spread
 * over shards by their labels, so that all samples of one series are in requests of one shard; whoever sends a shard's
 * requests one after another keeps each series in order.
 *
 * No request has two TimeSeries with equal labels, whatever OTLP tells apart (the types of attributes, dots and
 * underscores in names, resources without a name): of equal times the last stays, the others are dropped as
 * "duplicate_timestamp". A number that would be one of the series of a histogram or summary (`h_sum` beside `h`) is
 * dropped as "type_conflict".
 *
 * Series are known by their raw bytes (prom/series/streams.h) and keep their labels as they stand in a message. The
 * cache is charged to the budget; a series that finds no room in it is encoded all the same. */
#ifndef PROM_REMOTE_WRITE_H
#define PROM_REMOTE_WRITE_H

#include "base/list.h"
#include "base/loop/clock.h"
#include "base/vec.h"
#include "prom/series/collisions.h"
#include "prom/series/translate.h"

enum remote_write_version { REMOTE_WRITE_1, REMOTE_WRITE_2 };

/* One message. A zeroed one is empty. */
struct remote_write_request {
    struct list link; /* the holder's */
    enum remote_write_version version;
    uint32_t shard;
    struct buf message; /* not compressed */
    VEC(struct remote_write_unit {
        uint32_t at;     /* where in the message it begins */
        uint32_t items;  /* data points in it; 0: it is target_info or metadata */
        uint32_t series; /* a hash of its labels, the same for each unit of a series; 0: it is metadata */
    })
    units;
    uint64_t items; /* of all units */
    uint64_t samples, histograms, exemplars, metadata;
    int64_t newest; /* ms since 1970: the latest sample; INT64_MIN without any */
};

void remote_write_request_free(struct remote_write_request *r); /* and its memory */

/* Units [from, to) of r as a request of their own. Its counts of samples, histograms, exemplars are counted anew. */
struct remote_write_request *remote_write_cut(const struct remote_write_request *r, size_t from, size_t to);

/* The units of r that are wanted, in their order, as a request of their own. NULL: there are none. */
struct remote_write_request *remote_write_select(const struct remote_write_request *r,
                                                 bool (*wanted)(const struct remote_write_unit *unit, void *arg),
                                                 void *arg);

/* The only unit of r with but some of its items: those of [from, to). */
struct remote_write_request *remote_write_cut_items(const struct remote_write_request *r, size_t from, size_t to);

/* For people: the first series of a unit as name{labels}, appended to `out`. */
void remote_write_name(struct buf *out, const struct remote_write_request *r, size_t unit);

struct remote_write_options {
    const struct translation *translation; /* .constants are the external labels */
    enum remote_write_version version;
    bool target_info;
    bool send_metadata;  /* of version 1: requests of metadata too, each metric once a minute */
    bool custom_buckets; /* version 2: explicit histograms as native ones with their own buckets */
    bool keep_classic;   /* and as classic ones beside them */
    uint32_t shards;     /* at least 1 */
    size_t max_bytes;    /* of a message, not compressed; a single unit may be longer */
    uint64_t expiration; /* ns; a series that was not seen for so long is forgotten */
    uint64_t max_series; /* new ones beyond it are dropped as series_limit; 0 = all are sent, and kept while half of the
                          * budget has room */
    struct clock *clock;
    struct budget *budget;
    struct collisions *collisions; /* counts and tells of senders that have one series; NULL: nobody does */
};

/* What comes out of one batch. */
struct remote_write_result {
    struct list requests; /* in order; the caller's */
    struct remote_write_drop {
        const char *reason; /* static: "delta_temporality", "duplicate_timestamp", "bad_name", "bad_label", "malformed",
                             * "scale", "no_value", "type_conflict" */
        char example[120];  /* a metric's name, cut */
        uint64_t items;
    } drops[16];
    size_t n_drops;
};

struct remote_write;

struct remote_write *remote_write_new(const struct remote_write_options *o);
void remote_write_free(struct remote_write *rw);

/* Encode a batch of metrics whole. Samples of one series come out in the order of their timestamps. */
void remote_write_encode(struct remote_write *rw, const struct batch *b, struct remote_write_result *result);

/* Spread what comes from now on over the first `n` shards of options.shards. Series change their shard: what was
 * encoded before has to be with its receiver before anything new is sent. */
void remote_write_use_shards(struct remote_write *rw, uint32_t n);

/* Forget series that have expired, a slice of them: call it every now and then. */
void remote_write_sweep(struct remote_write *rw);

enum remote_write_version remote_write_version(const struct remote_write *rw);
uint64_t remote_write_series(const struct remote_write *rw); /* how many are known */
struct series_limit *remote_write_limit(struct remote_write *rw);
uint64_t remote_write_displaced(const struct remote_write *rw); /* labels, by promoted attributes (translate.h) */
uint64_t remote_write_memory(const struct remote_write *rw);    /* bytes, as charged to the budget, without tables */

#endif
