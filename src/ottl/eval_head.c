/* SPDX-License-Identifier: Apache-2.0 */
/* Of a span with many events, or a data point with many exemplars, each asks about what it is in. So that it does not
 * walk over all the others each time, what is looked into is the head of the span: all but its events. It is put
 * together with the first of them, and again whenever the next one is not the next of the same span. */
#include "otlp/fields.h"
#include "ottl/ottl_inside.h"

#define LONG 4096u            /* shorter ones are looked into where they are */
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

static void make_head(struct eval_head *h, const struct ottl_item *item)
{
    struct pb_reader r = pb_reader(item->item);
    uint32_t number = number_below(item->data);

    if (h->head.cap > KEPT_HEAD)
        buf_free(&h->head);
    h->head.len = 0;
    h->of = item->item;
    h->count = 0;
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_LEN)
            h->count++;
        else
            buf_append(&h->head, f.start, (size_t)(r.p - f.start));
}

void eval_head_take(struct eval_head *h, struct ottl_item *item)
{
    bool same =
        item->index > 0 && item->index - h->index <= 1 && h->of.data == item->item.data && h->of.len == item->item.len;

    if (item->below.data == NULL || item->item.len < LONG || item->beside_below.given)
        return;
    if (!same)
        make_head(h, item);
    h->index = item->index;
    item->item = buf_bytes(&h->head);
    item->beside_below = (struct ottl_beside){ .given = true, .count = h->count };
}
