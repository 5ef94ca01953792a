/* SPDX-License-Identifier: Apache-2.0 */
/* Our own telemetry as a source of a scrape endpoint: the instruments of base/metrics.h as families, and target_info
 * with the service's resource, as the Go collector shows its own on :8888.
 *
 * An instrument shows when its row's level is at or below the configured one and it has recorded something. Each
 * exposition collects once and writes everything in one go, so its numbers belong to one moment. */
#ifndef PROM_OWN_METRICS_SOURCE_H
#define PROM_OWN_METRICS_SOURCE_H

#include "base/metrics.h"
#include "prom/exposition/exposition_source.h"

struct own_metrics_attribute {
    struct bytes name, value;
};

struct own_metrics_options {
    enum metric_level level;
    /* `without_units` and `without_type_suffix`: names are those of the rows only when both are set, as in the Go
     * collector; else units and `_total` are added. */
    bool without_units, without_type_suffix;
    bool without_scope_info; /* else otel_scope_* labels: name "otelcd", and the version */
    const char *version;
    uint64_t start_ns; /* wall: since when the counters count */
    /* The service's resource, and which of its attributes become labels of every series
     * (`with_resource_constant_labels`): patterns with `*` and `?`. Only `excluded` given: all the others. */
    const struct own_metrics_attribute *resource;
    size_t n_resource;
    const char *const *included;
    size_t n_included;
    const char *const *excluded;
    size_t n_excluded;
};

struct own_metrics_source;

/* Copies what it needs of the options; `m` outlives it. */
struct own_metrics_source *own_metrics_source_new(struct metrics *m, const struct own_metrics_options *options);
void own_metrics_source_free(struct own_metrics_source *s);
struct exposition_source *own_metrics_source_base(struct own_metrics_source *s);

#endif
