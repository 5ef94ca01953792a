/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of OTLP, read in place for the series they make: the head, which is the same in every request, apart from
 * the points. */
#ifndef PROM_METRIC_H
#define PROM_METRIC_H

#include "base/buf.h"
#include "codec/pb.h"
#include "otlp/batch.h"

enum metric_kind { METRIC_EMPTY, METRIC_NUMBER_GAUGE, METRIC_SUM, METRIC_EXPLICIT, METRIC_EXPONENTIAL, METRIC_SUMMARY };

enum temporality { TEMPORALITY_UNSPECIFIED, TEMPORALITY_DELTA, TEMPORALITY_CUMULATIVE };

/* What a metric says of itself. */
struct metric_head {
    struct bytes name, description, unit;
    struct bytes type_hint; /* the AnyValue of metadata["prometheus.type"]; empty: none */
    enum metric_kind kind;
    enum temporality temporality;
    bool monotonic;
};

/* A batch, walked metric by metric. */
struct metric_walk {
    const struct batch *batch;
    uint32_t segment;
    struct pb_reader resources, scopes, metrics, data;
    /* Where the walk stands: valid until the next call. */
    struct bytes resource;        /* the Resource's bytes */
    struct bytes scope;           /* the InstrumentationScope's bytes */
    struct bytes schema_url;      /* the scope's */
    uint32_t resource_n, scope_n; /* change when the resource or the scope does */
    struct bytes metric;
    struct metric_head head;
    struct bytes points; /* the bytes of the Gauge, Sum, ...: points are its OTLP_DATA_POINTS */
    uint64_t n_points;
    struct buf head_raw; /* what the head was made of */
};

void metric_walk_init(struct metric_walk *w, const struct batch *batch);
bool metric_walk_next(struct metric_walk *w); /* the next metric that has points or could have */
void metric_walk_free(struct metric_walk *w);

/* A point of any kind, without what it measures. */
struct point {
    struct bytes bytes;      /* all of it */
    struct bytes attributes; /* whole fields, their tags too. NULL data: they do not lie together, see point_gather */
    uint64_t time, start;    /* wall ns */
    uint64_t value;          /* NUMBER: bits of a double or an int64 */
    bool is_int;
    bool has_value; /* NUMBER: there is one */
    bool has_exemplars;
    uint32_t flags;
};

#define POINT_NO_VALUE 1u /* a flag: the series has ended */

void point_read(struct point *p, enum metric_kind kind, struct bytes bytes);

/* Append the attributes' fields, which lie apart, to `out`. */
void point_gather(struct buf *out, enum metric_kind kind, struct bytes point);

/* The field number of a point's attributes. */
uint32_t point_attributes_field(enum metric_kind kind);

#endif
