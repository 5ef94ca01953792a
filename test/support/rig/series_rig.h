/* SPDX-License-Identifier: Apache-2.0 */
/* A series store for tests: requests go in as OTLP JSON, what a scrape would show comes out as text. */
#ifndef SUPPORT_SERIES_RIG_H
#define SUPPORT_SERIES_RIG_H

#include "prom/endpoint/series_source.h"
#include "support/rig/rig.h"

struct series_rig {
    struct rig rig;
    struct series_options options;
    struct series_store store;
    struct series_source source;
    struct series_result result; /* of the last request */
    struct buf text;
    bool open;
};

/* options->expiration and the like may be changed before the first request. Scope labels are off. */
void series_rig_init(struct series_rig *r);
void series_rig_close(struct series_rig *r);

/* A batch of metrics from a JSON request, validated, charged to no budget. Names of keys need no quotes' escapes:
 * apostrophes stand for quotation marks. */
struct batch *series_rig_batch(const char *json);

/* Merge a request. */
void series_rig_take(struct series_rig *r, const char *json);

/* Merge one metric of a resource and scope without attributes. */
void series_rig_metric(struct series_rig *r, const char *json);

/* Points rejected by the last request for that reason. */
uint64_t series_rig_rejected(const struct series_rig *r, const char *reason);

/* The whole exposition, in slices of `want` bytes; target_info first, each as a line. Valid until the next call. */
const char *series_rig_show(struct series_rig *r, enum encoder_format format, size_t want);

/* The sample lines of text 0.0.4, without those that begin with #. */
const char *series_rig_lines(struct series_rig *r);

#endif
