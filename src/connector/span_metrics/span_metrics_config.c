/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, and then what they cannot say: dimensions that are named once, of a name or a pattern each; bounds that
 * rise; durations above zero. */
#include "connector/span_metrics/span_metrics_config.h"

#include "base/mem.h"
#include "config/yaml.h"
#include "connector/observed.h"
#include "connector/span_metrics/dimensions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BUCKETS "[2ms, 4ms, 6ms, 8ms, 10ms, 50ms, 100ms, 200ms, 400ms, 800ms, 1s, 1400ms, 2s, 5s, 10s, 15s]"

static const char *const units[] = { "ms", "s", NULL };

static const struct option dimension_rows[] = {
    OPT_STRING(struct dimension_config, name, "", "An attribute of the span, else of its resource."),
    { .key = "default",
      .kind = OPTION_NODE,
      .offset = OPT_FIELD(struct dimension_config, fallback, const struct yaml_node *),
      .any = true,
      .help = "What it is where neither has it. Without this the dimension is left out then." },
    OPT_STRING(
        struct dimension_config, glob, "",
        "Instead of a name: all attributes whose names match, the first 128 of the span and of the resource. `*` and "
        "`?` do not match dots, `**` does."),
    OPT_END,
};

static const struct option exponential_rows[] = {
    OPT_INT(struct exponential_config, max_size, "160", "0", "16384", "Most buckets of a histogram. 0: 160."),
    OPT_END,
};

static const struct option explicit_rows[] = {
    OPT_STRINGS(struct explicit_config, buckets, "[]",
                "Upper bounds, as durations. Without the block explicit: 2ms to 15s, 16 of them."),
    OPT_END,
};

#define DIMENSIONS(T, help_) OPT_LIST(T, dimensions, struct dimension_config, dimension_rows, help_)

static const struct option histogram_rows[] = {
    OPT_BOOL(struct histogram_config, disable, "false", "Make no histograms of durations."),
    OPT_ENUM(struct histogram_config, unit, units, "ms", "What durations are in, and the metric's unit."),
    OPT_GROUP(struct histogram_config, exponential, struct exponential_config, exponential_rows, GROUP_NONE,
              "Exponential histograms."),
    OPT_GROUP(struct histogram_config, explicit, struct explicit_config, explicit_rows, GROUP_NONE,
              "Histograms with bounds of their own."),
    DIMENSIONS(struct histogram_config, "Further dimensions of durations only."),
    OPT_END,
};

static const struct option exemplars_rows[] = {
    OPT_BOOL(struct exemplars_config, enabled, "false", "Spans as exemplars of the points that they are counted in."),
    OPT_UINT(struct exemplars_config, max_per_data_point, "5", "0", "1000", "The first so many of each interval."),
    OPT_END,
};

static const struct option events_rows[] = {
    OPT_BOOL(struct events_config, enabled, "false", "Count the events of spans."),
    DIMENSIONS(struct events_config, "Dimensions of events only: attributes of the span, else of the event, else of "
                                     "the resource. At least one when enabled."),
    OPT_END,
};

const struct option span_metrics_options[] = {
    DIMENSIONS(struct span_metrics_config, "Further dimensions of all metrics."),
    OPT_LIST(struct span_metrics_config, calls_dimensions, struct dimension_config, dimension_rows,
             "Further dimensions of calls only."),
    OPT_STRINGS(struct span_metrics_config, exclude_dimensions, "[]",
                "Of the dimensions that are always there those that are not wanted: service.name, span.name, "
                "span.kind, status.code, collector.instance.id."),
    OPT_GROUP(struct span_metrics_config, histogram, struct histogram_config, histogram_rows, GROUP_PLAIN,
              "The histograms of durations."),
    OPT_GROUP(struct span_metrics_config, exemplars, struct exemplars_config, exemplars_rows, GROUP_PLAIN,
              "Exemplars."),
    OPT_GROUP(struct span_metrics_config, events, struct events_config, events_rows, GROUP_PLAIN, "The metric events."),
    OPT_STRING(struct span_metrics_config, aggregation_temporality, CUMULATIVE_TEMPORALITY,
               CUMULATIVE_TEMPORALITY " or " DELTA_TEMPORALITY "."),
    OPT_STRING(struct span_metrics_config, namespace, "traces.span.metrics",
               "Begins the names of the metrics, with a dot; \"\": nothing does."),
    OPT_DURATION(struct span_metrics_config, metrics_flush_interval, "60s", NULL, NULL, "How often metrics are sent."),
    OPT_DURATION(struct span_metrics_config, metrics_expiration, "0s", NULL, NULL,
                 "A resource that has sent nothing for so long is forgotten; 0s: never."),
    OPT_DURATION(struct span_metrics_config, series_expiration, "0s", NULL, NULL,
                 "The same of single series; 0s: never."),
    OPT_UINT(
        struct span_metrics_config, aggregation_cardinality_limit, "10000", "0", NULL,
        "Most series of a metric and resource; what comes beyond goes to one with otel.metric.overflow=true. 0: as "
        "many as the memory budget has room for."),
    OPT_UINT(struct span_metrics_config, resource_metrics_cache_size, "1000", "1", "10000000",
             "Most resources; past it the one that is unused for longest is sent once more and forgotten."),
    OPT_UINT(struct span_metrics_config, metric_timestamp_cache_size, "1000", NULL, NULL,
             "Delta: of how many series without spans it is remembered when they were sent last."),
    OPT_STRINGS(struct span_metrics_config, resource_metrics_key_attributes, "[]",
                "Resources that are equal in these attributes are one; its attributes are those of the first. None: "
                "all attributes."),
    OPT_STRINGS(struct span_metrics_config, include_instrumentation_scope, "[]",
                "Scopes by name: spans of theirs get span.instrumentation.scope.name and .version."),
    OPT_BOOL(struct span_metrics_config, enable_metrics_sampling_method, "false",
             "Add sampling.method: whether spans were extrapolated by their sampling threshold, or counted."),
    OPT_IGNORED("add_resource_attributes", "metrics have their resource's attributes in any case"),
    OPT_IGNORED("dimensions_cache_size",
                "it has no effect in the Go collector either: write aggregation_cardinality_limit"),
    OPT_END,
};

/* ---- checks ---- */

static bool is_reserved(const char *name)
{
    static const char *const names[] = { "service.name", "span.name", "span.kind", "status.code",
                                         "collector.instance.id" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

struct dimension_check {
    struct check *ck;
    const char *path, *what; /* "dimensions", "dimensions" */
    const struct option_list *list;
};

__attribute__((format(printf, 3, 4))) static void report_fault(const struct dimension_check *d, size_t i,
                                                               const char *fmt, ...)
{
    char at[64], text[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(at, sizeof(at), "%s::%zu", d->path, i);
    check_fail(d->ck, at, "failed validating %s: %s", d->what, text);
}

static const struct dimension_config *dimension_at(const struct option_list *l, size_t i)
{
    return (const struct dimension_config *)l->v + i;
}

static bool came_before(const struct option_list *l, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(dimension_at(l, k)->name, dimension_at(l, i)->name) == 0)
            return true;
    return false;
}

static void check_name(const struct dimension_check *d, size_t i)
{
    const struct dimension_config *c = dimension_at(d->list, i);

    if (c->fallback != NULL && c->fallback->kind != YAML_NULL &&
        (c->fallback->kind != YAML_SCALAR || yaml_type(c->fallback) != YAML_STR))
        report_fault(d, i, "default is a string: put it in quotes");
    if (is_reserved(c->name) || came_before(d->list, i))
        report_fault(d, i, "duplicate dimension name \"%s\"", c->name);
}

/* A pattern that matches what a name of the list, or one that is always there, is. */
static void check_glob(const struct dimension_check *d, size_t i)
{
    static const char *const always[] = { "service.name", "span.name", "span.kind", "status.code",
                                          "collector.instance.id" };
    const struct dimension_config *c = dimension_at(d->list, i);
    struct error err = { 0 };
    struct regex *glob = dimension_glob(c->glob, &err);

    if (c->fallback != NULL && c->fallback->kind != YAML_NULL)
        report_fault(d, i, "`default` is not supported on `glob` dimension \"%s\"", c->glob);
    if (glob == NULL) {
        report_fault(d, i, "invalid dimension glob \"%s\": %s", c->glob, err.text);
        return;
    }
    for (size_t k = 0; k < ARRAY_LEN(always); k++)
        if (dimension_glob_matches(glob, bytes_str(always[k])))
            report_fault(d, i, "duplicate dimension name \"%s\" conflicting with glob \"%s\"", always[k], c->glob);
    for (size_t k = 0; k < d->list->n; k++) {
        const char *name = dimension_at(d->list, k)->name;

        if (name[0] != '\0' && dimension_glob_matches(glob, bytes_str(name)))
            report_fault(d, i, "duplicate dimension name \"%s\" conflicting with glob \"%s\"", name, c->glob);
    }
    regex_free(glob);
}

static void check_dimensions(const struct option_list *list, const char *path, const char *what, struct check *ck)
{
    const struct dimension_check d = { ck, path, what, list };

    for (size_t i = 0; i < list->n; i++) {
        const struct dimension_config *c = dimension_at(list, i);

        if (c->name[0] != '\0' && c->glob[0] != '\0')
            report_fault(&d, i,
                         "dimension entry must set only one of `name` or `glob`, got both: name=\"%s\" glob=\"%s\"",
                         c->name, c->glob);
        else if (c->name[0] == '\0' && c->glob[0] == '\0')
            report_fault(&d, i, "dimension entry must set one of `name` or `glob`");
        else if (c->name[0] != '\0')
            check_name(&d, i);
        else
            check_glob(&d, i);
    }
    if (list->n > DIMENSIONS_MOST)
        check_fail(ck, path, "at most %u dimensions are served", DIMENSIONS_MOST);
}

static void check_interval(duration d, const char *path, struct check *ck)
{
    if (d.ns < 0)
        check_fail(ck, path, "invalid %s: the duration should be positive", path);
}

void span_metrics_check(const void *config, struct check *ck)
{
    const struct span_metrics_config *c = config;
    bool delta = strcmp(c->aggregation_temporality, DELTA_TEMPORALITY) == 0;

    check_dimensions(&c->dimensions, "dimensions", "dimensions", ck);
    check_dimensions(&c->calls_dimensions, "calls_dimensions", "calls dimensions", ck);
    check_dimensions(&c->histogram.dimensions, "histogram::dimensions", "histogram dimensions", ck);
    if (c->events.enabled)
        check_dimensions(&c->events.dimensions, "events::dimensions", "event dimensions", ck);
    if (c->events.enabled && c->events.dimensions.n == 0)
        check_fail(ck, "events::dimensions", "failed validating event dimensions: no dimensions configured for events");
    if (c->histogram.explicit.on && c->histogram.exponential.on)
        check_fail(ck, "histogram", "use either `explicit` or `exponential` buckets histogram");
    observed_check_bounds(&c->histogram.explicit.buckets, "histogram::explicit::buckets", ck);
    check_interval(c->metrics_expiration, "metrics_expiration", ck);
    check_interval(c->series_expiration, "series_expiration", ck);
    if (c->metrics_flush_interval.ns <= 0)
        check_fail(ck, "metrics_flush_interval", "invalid metrics_flush_interval: the duration should be positive");
    if (delta && c->metric_timestamp_cache_size == 0)
        check_fail(ck, "metric_timestamp_cache_size",
                   "invalid delta timestamp cache size: 0, the maximum number of the items in the cache should be "
                   "positive");
    if (!delta && strcmp(c->aggregation_temporality, CUMULATIVE_TEMPORALITY) != 0)
        check_warn(ck, "aggregation_temporality", "\"%s\" is taken for " CUMULATIVE_TEMPORALITY,
                   c->aggregation_temporality);
}
