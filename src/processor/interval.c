/* SPDX-License-Identifier: Apache-2.0 */
/* The interval processor: of each stream only the newest point, once an interval.
 *
 * A batch is rewritten without the points that are gathered here, and what is left of it goes on at once with the
 * sender's ack. Each gathered point is looked up by its stream: a newer one takes the place of the one that is held,
 * which is dropped as superseded; an older one is dropped itself. Once an interval, and at the stop, all that is held
 * goes on in one batch, and nothing is known of the streams any more. */
#include "base/mem.h"
#include "processor/groups.h"
#include "processor/holding_processor.h"
#include "processor/stream/metric_edit.h"

#include <stdlib.h>

struct pass_config {
    bool gauge, summary;
};

struct interval_config {
    duration interval;
    struct pass_config pass_through;
};

static const struct option pass_options[] = {
    OPT_BOOL(struct pass_config, gauge, "false", "Gauges go on at once."),
    OPT_BOOL(struct pass_config, summary, "false", "Summaries go on at once."),
    OPT_END,
};

static const struct option options[] = {
    OPT_DURATION(struct interval_config, interval, "60s", NULL, NULL,
                 "How often the newest points are sent. What is held was answered: a kill -9 loses it."),
    OPT_GROUP(struct interval_config, pass_through, struct pass_config, pass_options, GROUP_PLAIN, "What is not held."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { ITEM_COUNT_ROWS, NULL };

struct interval {
    struct holding_processor held;
    const struct interval_config *config;
    struct stream_scope scope;
    uint64_t superseded; /* of the batch */
};

/* A point that is held: in the assembly. */
struct held_point {
    struct message_part *part;
    uint64_t time;
    uint8_t *memory; /* of its bytes */
    size_t room;
};

static struct interval *interval_of(struct node *node)
{
    return container_of(holding_processor_of(node), struct interval, held);
}

/* ---- which metrics ---- */

static bool is_held(const struct interval *p, const struct metric_view *m, const struct data_view *d)
{
    switch (m->view.which) {
    case OTLP_METRIC_SUM:
        return d->temporality == OTLP_TEMPORALITY_CUMULATIVE && d->monotonic != 0;
    case OTLP_METRIC_HISTOGRAM:
    case OTLP_METRIC_EXPONENTIAL:
        return d->temporality == OTLP_TEMPORALITY_CUMULATIVE;
    case OTLP_METRIC_GAUGE:
        return !p->config->pass_through.gauge;
    case OTLP_METRIC_SUMMARY:
        return !p->config->pass_through.summary;
    default:
        return false;
    }
}

/* ---- points ---- */

/* Where the points of the visited metric go. */
static struct message *find_data(struct interval *p, const struct visit *at, const struct digest *metric)
{
    struct assembly *a = &p->held.holder.assembly;
    struct message *m =
        groups_resource(a, &p->scope.resource, visit_resource(at), visit_schema_url(at, LEVEL_RESOURCE));
    struct groups_head head = { 0 };

    m = groups_scope(a, m, &p->scope.scope, visit_scope(at), visit_schema_url(at, LEVEL_SCOPE));
    return groups_metric(a, m, metric, at->metric, metric_view(at->metric).view.which, FIELD_BIT(OTLP_METRIC_METADATA),
                         &head);
}

/* Into the room that it has; a larger one leaves that unused until the interval ends, so it gets some to spare. */
static void store_point(struct interval *p, struct held_point *h, const struct stream_point *point)
{
    if (h->memory == NULL || h->room < point->message.len) {
        h->room = point->message.len + (h->memory != NULL ? point->message.len / 2 : 0);
        h->memory = arena_alloc_bytes(&p->held.holder.assembly.arena, h->room + 1);
    }
    if (point->message.len > 0)
        memcpy(h->memory, point->message.data, point->message.len);
    h->part->bytes = bytes_of(h->memory, point->message.len);
    h->time = point->time;
}

/* False: a stream's point is there already, and one of the two is lost. */
static bool hold_point(struct interval *p, struct message *data, const struct stream_point *point)
{
    struct assembly *a = &p->held.holder.assembly;
    struct message *entry = assembly_known(a, &point->attributes);
    struct held_point *h;

    if (entry != NULL) {
        h = entry->user;
        if (point->time > h->time)
            store_point(p, h, point);
        return false;
    }
    entry = assembly_new(a, 0);
    h = entry->user = arena_zalloc(&a->arena, sizeof(*h));
    h->part = assembly_put_field(a, data, OTLP_DATA_POINTS, bytes_of(NULL, 0));
    store_point(p, h, point);
    assembly_know(a, &point->attributes, entry);
    return true;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct interval *p = arg;

    (void)edit;
    stream_scope_resource(&p->scope, at->message);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct interval *p = arg;

    (void)edit;
    stream_scope_scope(&p->scope, at->message);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct interval *p = arg;
    struct metric_view m = metric_view(at->message);
    struct data_view d = data_view(m.data);
    struct pb_reader r = pb_reader(m.data);
    struct digest id;
    struct message *data = NULL;
    struct bytes message;

    (void)edit;
    if (!is_held(p, &m, &d))
        return REWRITE_PASS;
    id = digest_number(metric_identity(&p->scope, &m, &d), d.temporality);
    while (message_next(&r, OTLP_DATA_POINTS, &message)) {
        struct stream_point point;
        bool fresh;

        if (data == NULL)
            data = find_data(p, at, &id);
        stream_point_read(&point, m.view.which, message, id);
        fresh = hold_point(p, data, &point);
        p->held.taken += fresh;
        p->superseded += !fresh;
    }
    return REWRITE_DROP;
}

/* ---- batches ---- */

static void book(struct holding_processor *held, struct ack *ack, uint64_t gone)
{
    struct interval *p = container_of(held, struct interval, held);

    ack_drop(ack, p->superseded, "superseded");
    ack_drop(ack, gone - held->taken - p->superseded, "overwritten"); /* data before other data of the same metric */
    p->superseded = 0;
}

static void check(const void *config, struct check *ck)
{
    if (((const struct interval_config *)config)->interval.ns <= 0)
        check_fail(ck, "interval", "invalid interval value: write a duration above 0");
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct interval *p = interval_of(node);

    (void)err;
    p->config = config;
    holding_processor_init(&p->held, (uint64_t)p->config->interval.ns);
    p->held.book = book;
    p->held.processor.visitor.resource = on_resource;
    p->held.processor.visitor.scope = on_scope;
    p->held.processor.visitor.metric = on_metric;
    return 0;
}

static void destroy(struct node *node)
{
    holding_processor_free(holding_processor_of(node));
}

extern const struct component interval_processor;
const struct component interval_processor = {
    COMPONENT_TYPE("interval", COMPONENT_PROCESSOR, .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "alpha"),
    .alone = "it keeps the last value of each stream",
    .summary = "Sends the newest point of each stream once an interval.",
    .safe = "Points that wait for the interval are held in memory; for the others, what is behind says so.",
    COMPONENT_CONFIG(struct interval_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct interval, .create = create, .start = holding_processor_start, .stop = holding_processor_stop,
                   .destroy = destroy),
};
