/* SPDX-License-Identifier: Apache-2.0 */
/* Data points of a metric made one, with what the metrics_transform processor has for it: the metric is opened, the
 * attributes of its points are edited, points that are alike are merged, and it is written again. */
#include "processor/metrics_transform/transform.h"
#include "processor/stream/metric_edit.h"
#include "processor/transform/walk_inside.h"

static bool is_listed(const struct ottl_aggregation *a, struct bytes text)
{
    for (size_t i = 0; i < a->n; i++)
        if (bytes_equal(a->list[i].bytes, text))
            return true;
    return false;
}

static void edit_point(const struct ottl_aggregation *a, struct work *w, struct work_point *p)
{
    struct attribute_pair *named = a->attribute != NULL ? work_point_find(p, a->attribute->bytes) : NULL;
    size_t n = 0;

    if (named != NULL && is_listed(a, work_text(named->value)))
        named->value = work_string(w, a->value->bytes);
    if (!a->keeps)
        return;
    for (size_t i = 0; i < p->n; i++)
        if (is_listed(a, p->attributes[i].key))
            p->attributes[n++] = p->attributes[i];
    p->n = n;
}

static void put_point(struct buf *out, uint32_t number, const struct work_point *p)
{
    size_t point = pb_begin(out, OTLP_DATA_POINTS);

    buf_put(out, p->rest);
    for (size_t i = 0; i < p->n; i++) {
        size_t pair = pb_begin(out, number);

        pb_put_bytes(out, OTLP_KEY_VALUE_KEY, p->attributes[i].key);
        pb_put_bytes(out, OTLP_KEY_VALUE_VALUE, p->attributes[i].value);
        pb_end(out, pair);
    }
    pb_end(out, point);
}

static void put_metric(struct buf *out, const struct work_metric *m)
{
    size_t data;

    pb_put_bytes(out, OTLP_METRIC_NAME, m->name);
    buf_put(out, m->head);
    data = pb_begin(out, m->data);
    buf_put(out, m->data_head);
    for (size_t i = 0; i < m->n; i++)
        put_point(out, metric_attributes_field(m->data), m->points[i]);
    pb_end(out, data);
}

void transform_aggregate(const struct ottl_aggregation *a, struct bytes metric, struct buf *out)
{
    static const enum aggregation ways[] = {
        [OTTL_MERGE_SUM] = AGGREGATE_SUM, [OTTL_MERGE_MEAN] = AGGREGATE_MEAN,     [OTTL_MERGE_MIN] = AGGREGATE_MIN,
        [OTTL_MERGE_MAX] = AGGREGATE_MAX, [OTTL_MERGE_MEDIAN] = AGGREGATE_MEDIAN, [OTTL_MERGE_COUNT] = AGGREGATE_COUNT,
    };
    struct work w = { .version = "" };
    struct work_metric *m = work_metric_new(&w, metric);

    work_metric_open(&w, m);
    for (size_t i = 0; i < m->n; i++)
        edit_point(a, &w, m->points[i]);
    work_metric_merge(&w, m, ways[a->how]);
    put_metric(out, m);
    arena_free(&w.arena);
    buf_free(&w.scratch);
}
