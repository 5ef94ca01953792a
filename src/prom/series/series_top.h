/* SPDX-License-Identifier: Apache-2.0 */
/* Which metrics have most series, and which labels most values: counted when a series is made and when it goes, shown
 * in otelcd's own metrics, ten of each. Samples cost nothing.
 *
 * Both are named by strangers, so both are bounded: 5,000 metrics and 128 labels, those that come first; and no more
 * than 100 different ones of each are shown in the life of the process. The values of a label are estimated (256 bytes
 * a label, mostly within 7 %), and are those of all series since the start. */
#ifndef PROM_SERIES_TOP_H
#define PROM_SERIES_TOP_H

#include "base/budget.h"
#include "base/bytes.h"
#include "base/metrics.h"

extern const struct metric_row series_top_metrics_row, series_top_labels_row;
/* For a component's own list of rows. */
#define SERIES_TOP_ROWS &series_top_metrics_row, &series_top_labels_row

struct series_top;

/* `whose`: the label that says whose series these are, {"exporter", its id}. All outlive it. */
struct series_top *series_top_new(struct metrics *metrics, struct metric_label whose, struct budget *budget);
void series_top_free(struct series_top *t); /* NULL is passed over, here and below */

/* A series of that metric was made, or goes. */
void series_top_made(struct series_top *t, struct bytes metric);
void series_top_gone(struct series_top *t, struct bytes metric);

/* It has that label. */
void series_top_label(struct series_top *t, struct bytes name, struct bytes value);
void series_top_labels(struct series_top *t, struct bytes rendered); /* those (prom/model/labels.h) */
void series_top_attributes(struct series_top *t, struct bytes message, uint32_t number); /* KeyValues, fields of it */

void series_top_collect(struct series_top *t); /* for the holder's metric hook */

/* ---- for who shows them ---- */

#define SERIES_TOP_SHOWN 10u
#define SERIES_TOP_NEWEST 16u

struct series_top_entry {
    struct bytes name; /* of anybody's */
    double value;      /* series of a metric, values of a label */
};

struct series_top_look {
    struct metric_label whose;
    struct series_top_entry metrics[SERIES_TOP_SHOWN], labels[SERIES_TOP_SHOWN]; /* the largest, largest first */
    struct series_top_entry growing[SERIES_TOP_SHOWN]; /* labels: the values they have gained, most first */
    size_t n_metrics, n_labels, n_growing;
    double growing_seconds;                 /* for so long */
    struct bytes newest[SERIES_TOP_NEWEST]; /* `metric label=value ...`, newest first, cut to what fits */
    size_t n_newest;
};

/* Of all that there are, valid until the next call. `now`: mono ns. Growth is since a look that was one to two minutes
 * ago, or the first. */
void series_top_each(uint64_t now, void (*visit)(const struct series_top_look *look, void *arg), void *arg);

#endif
