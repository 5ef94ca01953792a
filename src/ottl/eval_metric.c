/* SPDX-License-Identifier: Apache-2.0 */
/* What functions of metrics see and make: the metric as it is now, in its place or beside the others of its scope.
 *
 * Where data points change their metric it is given without them (struct ottl_beside); it is put together when a
 * function asks for it, of what is done, the one at work and what is still to come. */
#include "otlp/fields.h"
#include "ottl/ottl_inside.h"

#define READ_PART 16u /* so many bytes that are read count as one that is written */

static bool is_data(uint32_t number)
{
    return number == OTLP_METRIC_GAUGE || number == OTLP_METRIC_SUM ||
           (number >= OTLP_METRIC_HISTOGRAM && number <= OTLP_METRIC_SUMMARY);
}

/* The last message of data has the points. */
void ottl_put_whole_metric(struct buf *out, struct bytes head, struct bytes points)
{
    struct pb_reader r = pb_reader(head);
    struct bytes data = { NULL, 0 };
    uint32_t kind = metric_data(head, &data);
    size_t mark;

    for (struct pb_field f; pb_next(&r, &f);)
        if (!is_data(f.number) || f.bytes.data != data.data)
            buf_append(out, f.start, (size_t)(r.p - f.start));
    if (kind == 0)
        return;
    mark = pb_begin(out, kind);
    buf_put(out, points);
    buf_put(out, data);
    pb_end(out, mark);
}

struct bytes ottl_metric(struct ottl_call *c)
{
    const struct ottl_item *item = &c->evaluation->item;
    struct buf points = { 0 }, out = { 0 };
    struct bytes metric;
    struct pb_reader r;

    if (!item->beside_item.given)
        return item->metric;
    if (item->metric.data == c->evaluation->metric_head.head.data) /* which statements do not change */
        return c->evaluation->metric_head.whole;
    buf_put(&points, item->beside_item.before);
    pb_put_bytes(&points, OTLP_DATA_POINTS, item->item);
    r = pb_reader(item->beside_item.behind);
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == OTLP_DATA_POINTS)
            buf_append(&points, f.start, (size_t)(r.p - f.start));
    ottl_put_whole_metric(&out, item->metric, buf_bytes(&points));
    metric = ottl_keep(c->arena, buf_bytes(&out));
    buf_free(&points);
    buf_free(&out);
    return metric;
}

bool ottl_metric_set(struct ottl_call *c, struct bytes metric)
{
    c->evaluation->item.metric = metric;
    c->evaluation->changed |= OTTL_CHANGED_METRIC;
    return eval_spend(c->evaluation, metric.len / 64);
}

bool eval_may_append(struct ottl_evaluation *e)
{
    return e->allowed > 0 ||
           eval_fail(e, "too many metrics are added, or copies of copies: let `where` say of which metric");
}

/* Of a data point's metric all points are read for each of them, which counts a little too. */
static size_t append_cost(const struct ottl_evaluation *e, struct bytes metric)
{
    const struct ottl_beside *beside = &e->item.beside_item;

    return metric.len + (beside->given ? (beside->before.len + beside->behind.len) / READ_PART : 0);
}

/* After the first that is too long none is tried any more: what it takes to make one would be spent for nothing. */
bool ottl_metric_append(struct ottl_call *c, struct bytes metric)
{
    struct ottl_evaluation *e = c->evaluation;
    size_t cost = append_cost(e, metric);

    if (cost > e->allowed) {
        e->allowed = 0;
        return eval_may_append(e);
    }
    e->allowed -= cost;
    *vec_push(&e->appended) = metric;
    return eval_spend(e, 1 + metric.len / 64);
}

struct bytes ottl_message(struct ottl_call *c)
{
    const struct ottl_item *item = &c->evaluation->item;

    return item->below.data != NULL ? item->below : item->item.data != NULL ? item->item : item->metric;
}

bool ottl_message_set(struct ottl_call *c, struct bytes message)
{
    c->evaluation->item.item = message;
    c->evaluation->changed |= OTTL_CHANGED_ITEM;
    return eval_spend(c->evaluation, message.len / 64);
}

unsigned ottl_message_data(const struct ottl_call *c)
{
    return c->evaluation->item.data;
}

void ottl_evaluation_aggregates(struct ottl_evaluation *e, void (*aggregate)(const struct ottl_aggregation *a,
                                                                             struct bytes metric, struct buf *out))
{
    e->aggregate = aggregate;
}

bool ottl_aggregate(struct ottl_call *c, const struct ottl_aggregation *a, struct bytes *metric)
{
    struct ottl_evaluation *e = c->evaluation;
    struct buf out = { 0 };

    if (e->aggregate == NULL)
        return eval_fail(e, "data points are not aggregated here");
    e->aggregate(a, ottl_metric(c), &out);
    *metric = ottl_keep(c->arena, buf_bytes(&out));
    buf_free(&out);
    return true;
}
