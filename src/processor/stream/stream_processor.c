/* SPDX-License-Identifier: Apache-2.0 */
/* A metric of the one temporality is copied but for its points; each of them goes through the conversion, which looks
 * its stream up in the table by all that tells streams apart. A metric of which no point is left goes.
 *
 * What can go wrong: there is no room for another stream; the sums of a few points are so much larger than the points
 * that the budget has no room for them, and the batch is refused for now; data that other data of the same metric
 * stands behind is not converted, for only the last counts (it is a oneof), and dropped as overwritten. What is
 * remembered moves on with each point, whatever becomes of the batch behind us. */
#include "processor/stream/stream_processor.h"

#include "base/mem.h"

#include <stdlib.h>

#define KEEP_OUT (1024 * 1024ul)   /* of the scratch memory, from one metric to the next */
#define RESERVE_FROM (64 * 1024ul) /* bytes by which a metric may grow unasked */
#define RESERVE_STEP (64 * 1024ul)

/* ---- what is remembered ---- */

static void on_gone(struct stream_table *t, struct stream_entry *stream)
{
    struct stream_state *s = container_of(stream, struct stream_state, stream);

    if (s->histogram == NULL)
        return;
    stream_histogram_free(s->histogram);
    stream_histogram_charge(s->histogram, t->budget);
    budget_give(t->budget, sizeof(*s->histogram));
    free(s->histogram);
}

struct stream_state *stream_processor_find(struct stream_processor *p, const struct digest *id, bool *fresh)
{
    struct stream_entry *stream = stream_table_find(&p->streams, id);

    *fresh = stream == NULL;
    if (stream == NULL)
        stream = stream_table_add(&p->streams, id);
    return stream != NULL ? container_of(stream, struct stream_state, stream) : NULL;
}

bool stream_processor_add_histogram(struct stream_processor *p, struct stream_state *s)
{
    if (s->histogram != NULL)
        return true;
    if (!budget_take(p->streams.budget, sizeof(*s->histogram)))
        return false;
    s->histogram = mem_zalloc(sizeof(*s->histogram));
    return true;
}

/* ---- what is written ---- */

void stream_processor_put_histogram(struct stream_processor *p, unsigned data, const struct stream_point *point,
                                    uint64_t start, const struct stream_histogram *h)
{
    size_t mark = pb_begin(&p->out, OTLP_DATA_POINTS);

    if (start != 0)
        pb_put_fixed64(&p->out, OTLP_POINT_START, start);
    stream_point_copy(&p->out, data, point->message);
    stream_histogram_write(&p->out, data, h);
    pb_end(&p->out, mark);
}

/* May what is written grow on? It is there twice for a moment: here, and in the new batch. */
static bool reserve_room(struct stream_processor *p, const struct metric_view *m)
{
    uint64_t free_of_charge = 2 * (uint64_t)m->data.len + RESERVE_FROM, needs = 2 * (uint64_t)p->out.len;

    if (needs <= free_of_charge + p->reserved)
        return true;
    needs += RESERVE_STEP - free_of_charge - p->reserved;
    if (!budget_take(p->streams.budget, needs))
        return false;
    p->reserved += needs;
    return true;
}

static void give_reserved(struct stream_processor *p, uint64_t n)
{
    budget_give(p->streams.budget, n);
    p->reserved -= n;
}

static void clear_out(struct stream_processor *p)
{
    if (p->out.cap > KEEP_OUT)
        buf_free(&p->out);
    p->out.len = 0;
    give_reserved(p, p->reserved);
}

/* How many are left. */
static uint64_t convert_points(struct stream_processor *p, const struct metric_view *m, struct digest metric)
{
    struct pb_reader r = pb_reader(m->data);
    struct bytes message;
    uint64_t left = 0;

    while (!p->processor.full && message_next(&r, OTLP_DATA_POINTS, &message)) {
        left += p->conversion->convert(p, m, message, metric);
        p->processor.full = !reserve_room(p, m);
    }
    stream_histogram_shrink(&p->read);
    return left;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct stream_processor *p = arg;

    (void)edit;
    stream_scope_resource(&p->scope, at->message);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct stream_processor *p = arg;

    (void)edit;
    stream_scope_scope(&p->scope, at->message);
    return REWRITE_KEEP;
}

static bool is_selected(struct stream_processor *p, const struct metric_view *m, const struct data_view *d)
{
    bool adds = m->view.which == OTLP_METRIC_SUM || m->view.which == OTLP_METRIC_HISTOGRAM ||
                m->view.which == OTLP_METRIC_EXPONENTIAL;

    return adds && d->temporality == p->conversion->from &&
           (p->conversion->selects == NULL || p->conversion->selects(p, m, d));
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct stream_processor *p = arg;
    struct metric_view m = metric_view(at->message);
    struct data_view d = data_view(m.data);
    uint64_t left;
    size_t mark;

    clear_out(p);
    if (p->processor.full || !is_selected(p, &m, &d))
        return REWRITE_KEEP;
    metric_edit_copy(&p->out, at->message, METRIC_DATA_FIELDS);
    mark = pb_begin(&p->out, m.view.which);
    metric_edit_copy(&p->out, m.data, FIELD_BIT(OTLP_DATA_POINTS) | FIELD_BIT(OTLP_DATA_TEMPORALITY));
    pb_put_uint(&p->out, OTLP_DATA_TEMPORALITY, p->conversion->to);
    left = convert_points(p, &m, metric_identity(&p->scope, &m, &d));
    if (p->processor.full) {
        clear_out(p);
        return REWRITE_KEEP;
    }
    give_reserved(p, p->reserved / 2); /* the new batch is charged by who makes it */
    if (left == 0)
        return REWRITE_DROP;
    edit->dropped = path_count(at->message, LEVEL_METRIC, SIGNAL_METRICS) - left;
    pb_end(&p->out, mark);
    pieces_add(edit, buf_bytes(&p->out));
    return REWRITE_EDIT;
}

/* ---- what is told ---- */

void stream_processor_complain(struct stream_processor *p, struct complaint *c, const char *text, struct bytes metric)
{
    struct node *node = &p->processor.node;

    if (complaint_due(c, &node->host->loop->clock))
        log_warn(&node->log, text, F_BYTES("metric", metric), F_UINT("repeated", complaint_taken(c)));
}

void stream_processor_complain_of_room(struct stream_processor *p, struct bytes metric)
{
    stream_processor_complain(p, &p->no_room,
                              "Points of new streams are dropped: max_streams or the memory budget is reached", metric);
}

static void on_collect(struct metric_hook *hook)
{
    const struct stream_processor *p = container_of(hook, struct stream_processor, hook);

    metric_set(p->tracked, (double)p->streams.n);
}

/* ---- life ---- */

void stream_processor_init(struct stream_processor *p, const struct stream_conversion *conversion,
                           const struct metric_row *tracked, uint64_t stale, uint64_t most)
{
    struct host *host = p->processor.node.host;
    struct rewrite_visitor *v = &p->processor.visitor;

    item_processor_init(&p->processor, "overwritten");
    refused_batches_init(&p->refused, &p->processor.node);
    p->processor.refused = &p->refused;
    v->resource = on_resource;
    v->scope = on_scope;
    v->metric = on_metric;
    p->conversion = conversion;
    stream_table_init(&p->streams, &host->loop->clock, host_budget(host, SIGNAL_METRICS), conversion->state_size);
    stream_table_limit(&p->streams, stale, most);
    p->streams.on_gone = on_gone;
    p->tracked = metrics_get(host->metrics, tracked, NULL, 0);
    p->hook.collect = on_collect;
    metrics_hook(host->metrics, &p->hook);
}

void stream_processor_free(struct stream_processor *p)
{
    metrics_unhook(p->processor.node.host->metrics, &p->hook);
    clear_out(p);
    refused_batches_free(&p->refused);
    stream_table_free(&p->streams);
    stream_histogram_free(&p->read);
    buf_free(&p->out);
    item_processor_free(&p->processor);
}
