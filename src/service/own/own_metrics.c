/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as OTLP: what is on /metrics, at the same level, under the same names, as the Go collector's own metrics
 * are; only attributes that have dots in OpenTelemetry have them here again. A counter is a monotonic sum since the
 * start of the process; whole numbers go as such, unless the unit says that it is a measure. */
#include "service/own/own_inside.h"

#include "base/metrics.h"
#include "codec/pb.h"
#include "otlp/fields.h"
#include "pipeline/service_view.h"

#include <math.h>
#include <stdlib.h>

#define EXACT 9007199254740992.0 /* 2^53 */

/* On /metrics dots are underscores. */
static const char *attribute_name(const char *label)
{
    static const char *const dotted[][2] = {
        { "server_address", "server.address" },
        { "server_port", "server.port" },
        { "url_path", "url.path" },
        { "otel_signal", "otel.signal" },
        { "error_type", "error.type" },
        { "error_permanent", "error.permanent" },
    };

    for (size_t i = 0; i < ARRAY_LEN(dotted); i++)
        if (strcmp(dotted[i][0], label) == 0)
            return dotted[i][1];
    return label;
}

static void put_attribute(struct buf *out, uint32_t number, const char *name, const char *value)
{
    if (strcmp(name, "server.port") == 0)
        own_put_int(out, number, name, strtoll(value, NULL, 10));
    else
        own_put_text(out, number, name, bytes_str(value));
}

static void put_attributes(struct buf *out, uint32_t number, const struct metric *x)
{
    for (size_t i = 0; i < x->n_labels; i++)
        put_attribute(out, number, attribute_name(x->labels[i].name), x->labels[i].value);
}

/* Does the unit measure something that need not be whole? */
static bool is_measure(const struct metric_row *row)
{
    static const char *const units[] = { "s", "ms", "us", "1" };

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(row->unit, units[i]) == 0)
            return true;
    return false;
}

static void put_times(struct buf *out, uint64_t start, uint64_t now)
{
    if (start != 0)
        pb_put_fixed64(out, OTLP_POINT_START, start);
    pb_put_fixed64(out, OTLP_POINT_TIME, now);
}

static void put_number(struct buf *out, const struct metric *x, uint64_t start, uint64_t now)
{
    size_t point = pb_begin(out, OTLP_DATA_POINTS);
    bool whole = !is_measure(x->row) && fabs(x->value) <= EXACT && x->value == floor(x->value);

    put_times(out, start, now);
    if (whole)
        pb_put_fixed64(out, OTLP_NUMBER_INT, (uint64_t)(int64_t)x->value);
    else
        pb_put_double(out, OTLP_NUMBER_DOUBLE, x->value);
    put_attributes(out, OTLP_NUMBER_ATTRIBUTES, x);
    pb_end(out, point);
}

static void put_histogram(struct buf *out, const struct metric *x, uint64_t start, uint64_t now)
{
    size_t point = pb_begin(out, OTLP_DATA_POINTS), list;

    put_times(out, start, now);
    pb_put_fixed64(out, OTLP_HISTOGRAM_COUNT, x->count);
    pb_put_double(out, OTLP_HISTOGRAM_SUM, x->value);
    list = pb_begin(out, OTLP_HISTOGRAM_BUCKETS);
    buf_append(out, x->buckets, (x->row->n_bounds + 1) * sizeof(x->buckets[0])); /* packed fixed64: as they lie */
    pb_end(out, list);
    list = pb_begin(out, OTLP_HISTOGRAM_BOUNDS);
    buf_append(out, x->row->bounds, x->row->n_bounds * sizeof(x->row->bounds[0]));
    pb_end(out, list);
    put_attributes(out, OTLP_HISTOGRAM_ATTRIBUTES, x);
    pb_end(out, point);
}

static uint64_t put_points(struct buf *out, const struct metric_family *f, uint64_t start, uint64_t now)
{
    uint64_t n = 0;

    for (size_t i = 0; i < f->members.n; i++) {
        const struct metric *x = f->members.v[i];

        if (!x->touched)
            continue;
        if (f->row->type == METRIC_HISTOGRAM)
            put_histogram(out, x, start, now);
        else
            put_number(out, x, f->row->type == METRIC_COUNTER ? start : 0, now);
        n++;
    }
    return n;
}

static uint64_t put_family(struct buf *out, const struct metric_family *f, uint64_t start, uint64_t now)
{
    static const uint32_t kinds[] = {
        [METRIC_COUNTER] = OTLP_METRIC_SUM,
        [METRIC_GAUGE] = OTLP_METRIC_GAUGE,
        [METRIC_HISTOGRAM] = OTLP_METRIC_HISTOGRAM,
    };
    size_t metric = pb_begin(out, OTLP_SCOPE_GROUP_ITEMS), data;
    uint64_t n;

    pb_put_str(out, OTLP_METRIC_NAME, f->row->name);
    pb_put_str(out, OTLP_METRIC_DESCRIPTION, f->row->help);
    pb_put_str(out, OTLP_METRIC_UNIT, f->row->unit);
    data = pb_begin(out, kinds[f->row->type]);
    n = put_points(out, f, start, now);
    if (f->row->type != METRIC_GAUGE)
        pb_put_uint(out, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_CUMULATIVE);
    if (f->row->type == METRIC_COUNTER)
        pb_put_uint(out, OTLP_DATA_MONOTONIC, 1);
    pb_end(out, data);
    pb_end(out, metric);
    return n;
}

static bool shows_family(const struct metric_family *f, enum metric_level level)
{
    if (f->row->level == LEVEL_NONE || f->row->level > level)
        return false;
    for (size_t i = 0; i < f->members.n; i++)
        if (f->members.v[i]->touched)
            return true;
    return false;
}

uint64_t own_metrics_write(struct own_node *n, struct buf *out)
{
    const struct host *host = n->node.host;
    struct metrics *all = host_shown(host);
    uint64_t now = clock_wall(&host->loop->clock), points = 0;
    uint64_t start = host->view != NULL ? host->view->started : now;
    size_t resource, scope, head;

    metrics_collect(all);
    resource = pb_begin(out, OTLP_REQUEST_RESOURCES);
    own_put_resource(out, &n->resource);
    scope = pb_begin(out, OTLP_RESOURCE_GROUP_SCOPES);
    head = pb_begin(out, OTLP_SCOPE_GROUP_SCOPE);
    own_scope_begin(out, host->version);
    pb_end(out, head);
    for (size_t i = 0; i < all->families.n; i++)
        if (shows_family(all->families.v[i], host->level))
            points += put_family(out, all->families.v[i], start, now);
    pb_end(out, scope);
    pb_end(out, resource);
    return points;
}
