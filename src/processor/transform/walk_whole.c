/* SPDX-License-Identifier: Apache-2.0 */
/* A metric whose data points change it, and a span or data point whose events or exemplars do, is taken apart: its
 * head, without what is in it, is what the statements see and change each time; and when all that is in it has been
 * seen it is put together again. So the work is in proportion to its bytes, however often it is changed. */
#include "processor/transform/walk_inside.h"

#include "otlp/view.h"

/* The head of a message; how many fields it is without. */
static size_t begin_head(struct transform_head *h, struct bytes message, uint32_t number)
{
    h->message.len = h->done.len = 0;
    h->changed = false;
    return ottl_put_head(&h->message, message, number);
}

static size_t begin_metric(struct transform_head *h, struct bytes metric)
{
    h->message.len = h->done.len = 0;
    h->changed = false;
    return ottl_put_metric_head(&h->message, metric);
}

static void keep_head(struct transform_head *h, struct bytes now)
{
    h->changed = true;
    h->message.len = 0;
    buf_put(&h->message, now);
}

static struct bytes rest_of(const struct pb_reader *r)
{
    return bytes_of(r->p, (size_t)(r->end - r->p));
}

/* Each event of a span, or exemplar of a data point, whose head is w->item. `item` is all that they are in. */
static void walk_below(struct transform_walk *w, const struct visit *at, const struct ottl_item *in, uint32_t number)
{
    struct pb_reader r = pb_reader(in->item);
    size_t index = 0, n = begin_head(&w->item, in->item, number);

    for (struct pb_field f; pb_next(&r, &f);) {
        struct ottl_item item = transform_item_in(w, at);
        const struct ottl_item *now;
        unsigned changed;

        if (f.number != number || f.wire != PB_LEN)
            continue;
        item.metric = in->metric.data != NULL ? buf_bytes(&w->metric.message) : bytes_of(NULL, 0);
        item.data = in->data;
        item.beside_item = in->beside_item;
        item.item = buf_bytes(&w->item.message);
        item.below = f.bytes;
        item.index = index++;
        item.beside_below = (struct ottl_beside){ true, n, buf_bytes(&w->item.done), rest_of(&r) };
        changed = transform_run_item(w, &item, &now);
        pb_put_bytes(&w->item.done, number, now->below);
        w->item.changed |= (changed & OTTL_CHANGED_BELOW) != 0;
        if (changed & OTTL_CHANGED_ITEM)
            keep_head(&w->item, now->item);
        if (changed & OTTL_CHANGED_METRIC)
            keep_head(&w->metric, now->metric);
    }
}

bool transform_walk_span(struct transform_walk *w, const struct visit *at, struct bytes span)
{
    const struct ottl_item in = { .item = span };

    walk_below(w, at, &in, OTLP_SPAN_EVENTS);
    return w->item.changed;
}

static uint32_t exemplars_of(uint32_t data)
{
    switch (data) {
    case OTLP_METRIC_HISTOGRAM:
        return OTLP_HISTOGRAM_EXEMPLARS;
    case OTLP_METRIC_EXPONENTIAL:
        return OTLP_EXPONENTIAL_EXEMPLARS;
    case OTLP_METRIC_SUMMARY:
        return 0;
    default:
        return OTLP_NUMBER_EXEMPLARS;
    }
}

/* A data point, which is put behind those that are done. */
static void walk_point(struct transform_walk *w, const struct visit *at, const struct ottl_item *item)
{
    const struct ottl_item *now;
    unsigned changed;
    size_t point;

    if (w->context == OTTL_EXEMPLAR) {
        walk_below(w, at, item, exemplars_of(item->data));
        w->metric.changed |= w->item.changed;
        point = pb_begin(&w->metric.done, OTLP_DATA_POINTS);
        buf_put(&w->metric.done, buf_bytes(&w->item.message));
        buf_put(&w->metric.done, buf_bytes(&w->item.done));
        pb_end(&w->metric.done, point);
        return;
    }
    changed = transform_run_item(w, item, &now);
    pb_put_bytes(&w->metric.done, OTLP_DATA_POINTS, now->item);
    w->metric.changed |= (changed & OTTL_CHANGED_ITEM) != 0;
    if (changed & OTTL_CHANGED_METRIC)
        keep_head(&w->metric, now->metric);
}

bool transform_walk_metric(struct transform_walk *w, const struct visit *at, struct bytes metric)
{
    struct metric_view m = metric_view(metric);
    struct pb_reader r = pb_reader(m.data);
    size_t n;

    if (m.view.which == 0)
        return false;
    n = begin_metric(&w->metric, metric);
    for (struct pb_field f; pb_next(&r, &f);) {
        struct ottl_item item = transform_item_in(w, at);

        if (f.number != OTLP_DATA_POINTS || f.wire != PB_LEN)
            continue;
        item.metric = buf_bytes(&w->metric.message);
        item.item = f.bytes;
        item.data = m.view.which;
        item.beside_item = (struct ottl_beside){ true, n, buf_bytes(&w->metric.done), rest_of(&r) };
        walk_point(w, at, &item);
    }
    if (!w->metric.changed)
        return false;
    w->out.len = 0;
    ottl_put_whole_metric(&w->out, buf_bytes(&w->metric.message), buf_bytes(&w->metric.done));
    return true;
}
