/* SPDX-License-Identifier: Apache-2.0 */
/* Our own telemetry: the counters, gauges and histograms that otelcd keeps of itself.
 *
 * What a metric is called, and what it means, is a row (`struct metric_row`, static const, beside the code
 * that counts), so that /metrics, the reference and the tests have one source. An instrument is a row with one
 * set of labels; whoever counts keeps the pointer, so that counting is one addition. An instrument shows
 * on /metrics after its first recording (a recording of 0 counts), as in the Go collector.
 *
 * prom/ turns the registry into an exposition; nothing here knows a format. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* `service::telemetry::metrics::level`: a row shows at its own level and above. */
enum metric_level { LEVEL_NONE, LEVEL_BASIC, LEVEL_NORMAL, LEVEL_DETAILED };

/* What several processes of one otelcd (service::workers) show as one. */
enum metric_sum {
    SHOW_SUM,     /* all of them together */
    SHOW_MOST,    /* the largest */
    SHOW_LEAST,   /* the smallest */
    SHOW_FRONT,   /* that of the process that was started */
    SHOW_WORKERS, /* the sum without that one */
};

struct metric_row {
    const char *name; /* as on /metrics: otelcol_... or otelcd_... */
    enum metric_type type;
    enum metric_level level;
    const char *unit; /* UCUM, "" = none */
    const char *help;
    const double *bounds; /* histogram: ascending, without +Inf */
    size_t n_bounds;
    enum metric_sum sum;
};

/* A row, with what every row says; what few rows say besides follows by its field's name. Most show at level basic:
 *
 *     METRIC_ROW("otelcd_x_bytes", METRIC_COUNTER, "By", "Bytes that ...")
 *     METRIC_ROW("otelcd_x_age", METRIC_GAUGE, "s", "Age of ...", .sum = SHOW_MOST)
 *     METRIC_ROW("otelcd_x_seconds", METRIC_HISTOGRAM, "s", "Time that ...", METRIC_BOUNDS(seconds))
 *     METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_x_connections", METRIC_GAUGE, "{connection}", "Open connections.")
 *
 * SIGNAL_ITEM_ROWS (otlp/signal.h) writes the rows of something that is counted of each signal's items. */
#define METRIC_ROW(name_, type_, unit_, help_, ...)                                                                    \
    METRIC_ROW_AT(LEVEL_BASIC, name_, type_, unit_, help_, ##__VA_ARGS__)
#define METRIC_ROW_AT(level_, name_, type_, unit_, help_, ...)                                                         \
    {                                                                                                                  \
        .name = (name_), .type = (type_), .level = (level_), .unit = (unit_), .help = (help_), ##__VA_ARGS__           \
    }
#define METRIC_BOUNDS(array) .bounds = (array), .n_bounds = ARRAY_LEN(array)

struct metric_label {
    const char *name;  /* already a Prometheus label name; static */
    const char *value; /* copied */
};

struct metric {
    const struct metric_row *row;
    struct metric_label *labels; /* in the order given */
    size_t n_labels;
    bool touched;
    double value;      /* counter, gauge; histogram: sum */
    uint64_t count;    /* histogram */
    uint64_t *buckets; /* histogram: n_bounds + 1, not cumulative */
};

/* All instruments of one row. */
struct metric_family {
    const struct metric_row *row;
    VEC(struct metric *) members;
};

/* Called before each collection, to bring gauges up to date. */
struct metric_hook {
    struct metric_hook *next;
    void (*collect)(struct metric_hook *hook);
};

struct metrics {
    VEC(struct metric_family *) families; /* sorted by name */
    struct metric_hook *hooks;
};

void metrics_init(struct metrics *m);
void metrics_free(struct metrics *m);

/* The instrument for this row and these labels: the same pointer for the same labels. Never NULL; lives as
 * long as the registry. Two rows of one name are a bug (asserted). */
struct metric *metrics_get(struct metrics *m, const struct metric_row *row, const struct metric_label *labels,
                           size_t n_labels);

void metrics_hook(struct metrics *m, struct metric_hook *hook);
void metrics_unhook(struct metrics *m, struct metric_hook *hook);
void metrics_collect(struct metrics *m); /* calls the hooks */

static inline void metric_add(struct metric *x, uint64_t n)
{
    x->value += (double)n; /* exact to 2^53 items */
    x->touched = true;
}

/* For a count that is kept elsewhere and begins anew when its owner does: add what has come since *seen. */
static inline void metric_add_since(struct metric *m, uint64_t *seen, uint64_t count)
{
    metric_add(m, count - *seen);
    *seen = count;
}

static inline void metric_set(struct metric *x, double v)
{
    x->value = v;
    x->touched = true;
}

void metric_observe(struct metric *x, double v);

#endif
