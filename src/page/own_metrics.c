/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over the registry, gauges brought up to date first. A value that JSON has no number for is left out. */
#include "page/own_metrics.h"

#include "codec/json_write.h"

#include <math.h>

/* Not cumulative: what is not above the bound, and above the one before. The last has none. */
static void put_buckets(struct json_writer *w, const struct metric *m)
{
    json_begin(w, "bounds", '[');
    for (size_t i = 0; i < m->row->n_bounds; i++)
        json_write_double(w, NULL, m->row->bounds[i]);
    json_end(w, ']');
    json_begin(w, "buckets", '[');
    for (size_t i = 0; i <= m->row->n_bounds; i++)
        json_write_uint(w, NULL, m->buckets[i]);
    json_end(w, ']');
}

static void put_metric(struct json_writer *w, const struct metric *m)
{
    bool histogram = m->row->type == METRIC_HISTOGRAM;

    json_begin(w, NULL, '{');
    json_write_text(w, "name", bytes_str(m->row->name));
    json_begin(w, "labels", '{');
    for (size_t i = 0; i < m->n_labels; i++)
        json_write_text(w, m->labels[i].name, bytes_str(m->labels[i].value));
    json_end(w, '}');
    if (histogram)
        json_write_uint(w, "count", m->count);
    if (histogram)
        put_buckets(w, m);
    if (isfinite(m->value))
        json_write_double(w, histogram ? "sum" : "value", m->value);
    json_end(w, '}');
}

void own_metrics_put(struct buf *out, const struct host *host)
{
    struct metrics *shown = host_shown(host);
    struct json_writer w = { .out = out };

    metrics_collect(shown);
    json_begin(&w, NULL, '{');
    json_begin(&w, "metrics", '[');
    for (size_t i = 0; i < shown->families.n; i++)
        for (size_t k = 0; k < shown->families.v[i]->members.n; k++)
            if (shown->families.v[i]->members.v[k]->touched)
                put_metric(&w, shown->families.v[i]->members.v[k]);
    json_end(&w, ']');
    json_end(&w, '}');
}
