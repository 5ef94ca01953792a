/* SPDX-License-Identifier: Apache-2.0 */
/* Of a span with many events, a data point with many exemplars, or a metric with many points, each asks about what it
 * is in. So that it does not walk over all the others each time, what is looked into is the head of that message: all
 * but those. It is put together with the first of them, and again when the serial says that the next is in another.
 *
 * What many items are in may be long by itself: a resource with a thousand attributes. Where its fields are is
 * remembered, and what a path has found in it, until the serial is another, or statements have changed it. */
#include "otlp/fields.h"
#include "ottl/ottl_inside.h"

#define KEPT_HEAD (64u << 10) /* a longer one's memory is given back with the next */

static uint32_t number_below(unsigned data)
{
    switch (data) {
    case 0:
        return OTLP_SPAN_EVENTS;
    case OTLP_METRIC_HISTOGRAM:
        return OTLP_HISTOGRAM_EXEMPLARS;
    case OTLP_METRIC_EXPONENTIAL:
        return OTLP_EXPONENTIAL_EXEMPLARS;
    default:
        return OTLP_NUMBER_EXEMPLARS;
    }
}

size_t ottl_put_head(struct buf *out, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    size_t n = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_LEN)
            n++;
        else
            buf_append(out, f.start, (size_t)(r.p - f.start));
    return n;
}

size_t ottl_put_metric_head(struct buf *out, struct bytes metric)
{
    struct pb_reader r = pb_reader(metric);
    struct bytes data = { NULL, 0 };
    uint32_t kind = metric_data(metric, &data);
    size_t mark, n;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != kind || f.bytes.data != data.data)
            buf_append(out, f.start, (size_t)(r.p - f.start));
    if (kind == 0)
        return 0;
    mark = pb_begin(out, kind);
    n = ottl_put_head(out, data, OTLP_DATA_POINTS);
    pb_end(out, mark);
    return n;
}

/* `below`: the number of what the head is without; 0: a metric. */
static void take_head(struct eval_head *h, uint64_t serial, uint32_t below, struct bytes *message,
                      struct ottl_beside *beside)
{
    if (serial == 0 || message->len < EVAL_LONG || beside->given)
        return;
    if (h->serial != serial) {
        if (h->head.cap > KEPT_HEAD)
            buf_free(&h->head);
        h->head.len = 0;
        h->serial = serial;
        h->whole = *message;
        h->count = below != 0 ? ottl_put_head(&h->head, *message, below) : ottl_put_metric_head(&h->head, *message);
    }
    *message = buf_bytes(&h->head);
    *beside = (struct ottl_beside){ .given = true, .count = h->count };
}

void eval_heads_take(struct ottl_evaluation *e)
{
    struct ottl_item *item = &e->item;

    if (item->item.data != NULL && item->metric.data != NULL)
        take_head(&e->metric_head, item->in.metric, 0, &item->metric, &item->beside_item);
    if (item->below.data != NULL)
        take_head(&e->item_head, item->in.item, number_below(item->data), &item->item, &item->beside_below);
}

void eval_heads_free(struct ottl_evaluation *e)
{
    buf_free(&e->metric_head.head);
    buf_free(&e->item_head.head);
}

/* ---- what was found in long messages that items are in ---- */

static uint64_t serial_of(const struct ottl_evaluation *e, enum path_part part)
{
    const struct visit_serials *in = &e->item.in;

    switch (part) {
    case PART_RESOURCE:
        return in->resource;
    case PART_SCOPE:
        return in->scope;
    case PART_METRIC:
        return in->metric;
    default:
        return part == PART_ITEM ? in->item : 0;
    }
}

/* Of the part as it came: the bits of what has changed are those of the parts. */
static uint64_t remembered_serial(const struct ottl_evaluation *e, enum path_part part, struct bytes message)
{
    return message.len < EVAL_LONG || (e->changed >> part & 1) != 0 ? 0 : serial_of(e, part);
}

struct message_index *eval_index_above(struct ottl_evaluation *e, enum path_part part, struct bytes message)
{
    uint64_t serial = remembered_serial(e, part, message);
    struct eval_above *a;

    if (serial == 0)
        return NULL;
    a = &e->above[part];
    if (a->serial != serial) {
        a->serial = serial;
        message_index_begin(&a->index);
        a->index.worth = true;
    }
    return &a->index;
}

bool eval_attribute(struct ottl_evaluation *e, const struct ottl_node *path, struct bytes message, struct bytes *any)
{
    struct bytes key = path->kids[0]->value.bytes;
    uint32_t number = path_number(e, path);
    uint64_t serial = remembered_serial(e, path->part, message);
    struct eval_found *found;

    if (serial == 0)
        return message_attribute(message, number, key, any);
    found = &e->found[((uintptr_t)path / sizeof(struct ottl_node)) % EVAL_FOUND];
    if (found->path != path || found->serial != serial) {
        *found = (struct eval_found){ .path = path, .serial = serial };
        found->there = message_attribute(message, number, key, &found->any);
    }
    *any = found->any;
    return found->there;
}
