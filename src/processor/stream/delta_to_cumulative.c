/* SPDX-License-Identifier: Apache-2.0 */
/* The delta_to_cumulative processor: deltas are added up, stream by stream.
 *
 * A metric of deltas is written anew, point by point. Each point finds its stream in the table; the sum until now goes
 * out with the stream's first start and the point's time. Gaps are no fault: an SDK makes no point for an interval in
 * which nothing happened.
 *
 * What can go wrong: a point is not newer than what its stream has, or begins before it; there is no room for another
 * stream. Such points are dropped, by these reasons; and those of data that other data of the same metric stands
 * behind, as overwritten. A histogram whose buckets are others than before begins anew. */
#include "base/mem.h"
#include "config/decode.h"
#include "processor/item_processor.h"
#include "processor/stream/metric_edit.h"
#include "processor/stream/stream_histogram.h"
#include "processor/stream/stream_table.h"

#include <math.h>
#include <stdlib.h>

struct delta_config {
    duration max_stale;
    int64_t max_streams;
};

static const struct option options[] = {
    OPT_DURATION(struct delta_config, max_stale, "5m", NULL, NULL,
                 "A stream that nothing has come for that long is forgotten; when it comes back it begins anew."),
    OPT_INT(struct delta_config, max_streams, "9223372036854775807", NULL, NULL,
            "Most streams; points of further ones are dropped. The memory budget is a limit in any case. 0 is none."),
    OPT_END,
};

static const struct metric_row row_points =
    METRIC_ROW("otelcol_deltatocumulative_datapoints", METRIC_COUNTER, "{datapoint}",
               "Data points that were looked at; those that were dropped with the error.");
static const struct metric_row row_tracked =
    METRIC_ROW("otelcol_deltatocumulative_streams_tracked", METRIC_GAUGE, "{dps}", "Streams that are remembered.");
static const struct metric_row row_limit =
    METRIC_ROW("otelcol_deltatocumulative_streams_limit", METRIC_GAUGE, "{stream}", "max_streams.");
static const struct metric_row row_stale =
    METRIC_ROW("otelcol_deltatocumulative_streams_max_stale", METRIC_GAUGE, "s", "max_stale.");
static const struct metric_row *const metric_rows[] = {
    &row_points,          &row_tracked,         &row_limit,           &row_stale,
    &item_count_incoming, &item_count_outgoing, &item_count_duration, NULL,
};

enum result { ADDED, OLDER_START, OUT_OF_ORDER, NO_ROOM, NO_VALUE, MALFORMED, RESULTS };
static const char *const reasons[RESULTS] = {
    [OLDER_START] = "older_start",    [OUT_OF_ORDER] = "out_of_order", [NO_ROOM] = "stream_limit",
    [NO_VALUE] = "no_recorded_value", [MALFORMED] = "malformed",
};
static const char *const errors[RESULTS] = {
    /* as the Go collector calls them */
    [OLDER_START] = "delta.ErrOlderStart",
    [OUT_OF_ORDER] = "delta.ErrOutOfOrder",
    [NO_ROOM] = "limit",
    [NO_VALUE] = "no_recorded_value",
    [MALFORMED] = "malformed",
};

struct delta_stream {
    struct stream stream;
    uint64_t start, time;
    uint64_t value; /* the sum, as bits */
    bool is_int;
    struct stream_histogram *histogram;
};

struct delta {
    struct item_processor processor;
    const struct delta_config *config;
    struct stream_table streams;
    struct metric_hook hook;
    struct metric *results[RESULTS], *tracked, *limit, *stale;
    struct complaint no_room;
    struct stream_scope scope;
    struct stream_histogram read;
    struct buf out;
};

static struct delta *delta_of(struct node *node)
{
    return container_of(item_processor_of(node), struct delta, processor);
}

static void on_gone(struct stream_table *t, struct stream *stream)
{
    struct delta_stream *s = container_of(stream, struct delta_stream, stream);

    if (s->histogram == NULL)
        return;
    stream_histogram_free(s->histogram);
    stream_histogram_charge(s->histogram, t->budget);
    budget_give(t->budget, sizeof(*s->histogram));
    free(s->histogram);
}

/* ---- addition ---- */

static double as_double(bool is_int, uint64_t bits)
{
    return is_int ? (double)(int64_t)bits : pb_double(bits);
}

/* Integers wrap around; with a double it becomes one. */
static void add_number(struct delta_stream *s, const struct stream_point *point)
{
    if (s->is_int && point->is_int) {
        s->value += point->value;
        return;
    }
    s->value = pb_bits(as_double(s->is_int, s->value) + as_double(point->is_int, point->value));
    s->is_int = false;
}

static void take_number(struct delta *p, struct delta_stream *s, const struct stream_point *point, bool fresh)
{
    if (fresh) {
        s->value = point->value;
        s->is_int = point->is_int;
    } else {
        add_number(s, point);
    }
    stream_point_put(&p->out, point, OTLP_METRIC_SUM, s->start, s->is_int, s->value);
}

static void add_explicit(struct stream_histogram *to, const struct stream_histogram *from)
{
    for (size_t i = 0; i < to->counts.n; i++)
        to->counts.v[i] += from->counts.v[i];
}

/* False: they cannot be added, and nothing has changed but scales. */
static bool add_histogram(unsigned data, struct stream_histogram *to, struct stream_histogram *from)
{
    if (data == OTLP_METRIC_HISTOGRAM) {
        if (!stream_histogram_same_bounds(to, from))
            return false;
        add_explicit(to, from);
    } else if (!exponential_add_within(&to->exponential, &from->exponential, 160, -10)) {
        return false;
    }
    to->count += from->count;
    to->sum += from->sum;
    to->min = fmin(to->min, from->min);
    to->max = fmax(to->max, from->max);
    to->has_sum = to->has_sum && from->has_sum;
    to->has_min = to->has_min && from->has_min;
    to->has_max = to->has_max && from->has_max;
    return true;
}

static bool make_histogram(struct delta *p, struct delta_stream *s)
{
    if (s->histogram != NULL)
        return true;
    if (!budget_take(p->streams.budget, sizeof(*s->histogram)))
        return false;
    s->histogram = mem_zalloc(sizeof(*s->histogram));
    return true;
}

static enum result take_histogram(struct delta *p, struct delta_stream *s, unsigned data,
                                  const struct stream_point *point, bool fresh)
{
    size_t mark;

    if (!make_histogram(p, s))
        return NO_ROOM;
    if (!stream_histogram_read(&p->read, data, point->message))
        return MALFORMED;
    if (fresh || !add_histogram(data, s->histogram, &p->read)) {
        stream_histogram_swap(s->histogram, &p->read);
        s->start = point->start;
    }
    stream_histogram_charge(s->histogram, p->streams.budget);
    mark = pb_begin(&p->out, OTLP_DATA_POINTS);
    if (s->start != 0)
        pb_put_fixed64(&p->out, OTLP_POINT_START, s->start);
    stream_point_copy(&p->out, data, point->message);
    stream_histogram_write(&p->out, data, s->histogram);
    pb_end(&p->out, mark);
    return ADDED;
}

/* ---- points ---- */

static enum result add_point(struct delta *p, unsigned data, const struct stream_point *point)
{
    struct stream *known = stream_table_find(&p->streams, &point->attributes), *stream = known;
    struct delta_stream *s;
    enum result result = ADDED;

    if (stream == NULL)
        stream = stream_table_add(&p->streams, &point->attributes);
    if (stream == NULL)
        return NO_ROOM;
    s = container_of(stream, struct delta_stream, stream);
    if (known != NULL && point->start < s->start)
        return OLDER_START;
    if (known != NULL && point->time <= s->time)
        return OUT_OF_ORDER;
    if (known == NULL)
        s->start = point->start;
    if (data == OTLP_METRIC_SUM)
        take_number(p, s, point, known == NULL);
    else
        result = take_histogram(p, s, data, point, known == NULL || s->histogram == NULL);
    if (result == ADDED)
        s->time = point->time;
    return result;
}

static void count_result(struct delta *p, enum result result, struct bytes name)
{
    struct node *node = &p->processor.node;

    metric_add(p->results[result], 1);
    if (result == ADDED)
        return;
    losses_add(&p->processor.apart, 1, reasons[result]);
    if (result == NO_ROOM && complaint_due(&p->no_room, &node->host->loop->clock))
        log_warn(&node->log, "Points of new streams are dropped: max_streams or the memory budget is reached",
                 F_BYTES("metric", name), F_UINT("repeated", complaint_taken(&p->no_room)));
}

static uint64_t add_points(struct delta *p, const struct metric_view *m, struct digest metric)
{
    struct pb_reader r = pb_reader(m->data);
    struct bytes message;
    uint64_t left = 0;

    while (message_next(&r, OTLP_DATA_POINTS, &message)) {
        struct stream_point point;
        enum result result;

        stream_point_read(&point, m->view.which, message, metric);
        result = point.no_value ? NO_VALUE : add_point(p, m->view.which, &point);
        count_result(p, result, m->name);
        left += result == ADDED;
    }
    return left;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct delta *p = arg;

    (void)edit;
    stream_scope_resource(&p->scope, at->message);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct delta *p = arg;

    (void)edit;
    stream_scope_scope(&p->scope, at->message);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct delta *p = arg;
    struct metric_view m = metric_view(at->message);
    struct data_view d = data_view(m.data);
    bool summed = m.view.which == OTLP_METRIC_SUM || m.view.which == OTLP_METRIC_HISTOGRAM ||
                  m.view.which == OTLP_METRIC_EXPONENTIAL;
    uint64_t left;
    size_t mark;

    if (!summed || d.temporality != OTLP_TEMPORALITY_DELTA)
        return REWRITE_KEEP;
    p->out.len = 0;
    metric_edit_copy(&p->out, at->message, METRIC_DATA_FIELDS);
    mark = pb_begin(&p->out, m.view.which);
    metric_edit_copy(&p->out, m.data, FIELD_BIT(OTLP_DATA_POINTS) | FIELD_BIT(OTLP_DATA_TEMPORALITY));
    pb_put_uint(&p->out, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_CUMULATIVE);
    left = add_points(p, &m, metric_identity(&p->scope, &m, &d));
    if (left == 0)
        return REWRITE_DROP;
    edit->dropped = path_count(at->message, LEVEL_METRIC, SIGNAL_METRICS) - left;
    pb_end(&p->out, mark);
    pieces_add(edit, buf_bytes(&p->out));
    return REWRITE_EDIT;
}

/* ---- the component ---- */

static void check(const void *config, struct check *ck)
{
    const struct delta_config *c = config;

    if (c->max_stale.ns <= 0) {
        struct buf text = { 0 };

        duration_print(c->max_stale.ns, &text);
        check_fail(ck, "max_stale", "max_stale must be a positive duration (got %s)", buf_cstr(&text));
        buf_free(&text);
    }
    if (c->max_streams < 0)
        check_fail(ck, "max_streams", "max_streams must be a positive number (got %lld)", (long long)c->max_streams);
}

static void on_collect(struct metric_hook *hook)
{
    const struct delta *p = container_of(hook, struct delta, hook);

    metric_set(p->tracked, (double)p->streams.n);
    metric_set(p->limit, (double)p->config->max_streams);
    metric_set(p->stale, (double)p->config->max_stale.ns / 1e9);
}

static void count_into(struct delta *p)
{
    struct metrics *m = p->processor.node.host->metrics;

    p->results[ADDED] = metrics_get(m, &row_points, NULL, 0);
    for (unsigned i = ADDED + 1; i < RESULTS; i++) {
        const struct metric_label label = { "error", errors[i] };

        p->results[i] = metrics_get(m, &row_points, &label, 1);
    }
    p->tracked = metrics_get(m, &row_tracked, NULL, 0);
    p->limit = metrics_get(m, &row_limit, NULL, 0);
    p->stale = metrics_get(m, &row_stale, NULL, 0);
    p->hook.collect = on_collect;
    metrics_hook(m, &p->hook);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct delta *p = delta_of(node);

    (void)err;
    p->config = config;
    item_processor_init(&p->processor, "overwritten");
    p->processor.visitor.resource = on_resource;
    p->processor.visitor.scope = on_scope;
    p->processor.visitor.metric = on_metric;
    stream_table_init(&p->streams, &node->host->loop->clock, host_budget(node->host, SIGNAL_METRICS),
                      sizeof(struct delta_stream));
    stream_table_limit(&p->streams, (uint64_t)p->config->max_stale.ns, (uint64_t)p->config->max_streams);
    p->streams.on_gone = on_gone;
    count_into(p);
    return 0;
}

static void destroy(struct node *node)
{
    struct delta *p = delta_of(node);

    metrics_unhook(node->host->metrics, &p->hook);
    stream_table_free(&p->streams);
    stream_histogram_free(&p->read);
    buf_free(&p->out);
    item_processor_free(&p->processor);
}

static const char *const aliases[] = { "deltatocumulative", NULL };

extern const struct component delta_to_cumulative_processor;
const struct component delta_to_cumulative_processor = {
    .type = "delta_to_cumulative",
    .aliases = aliases,
    .kind = COMPONENT_PROCESSOR,
    .signals = SIGNAL_BIT(SIGNAL_METRICS),
    .stability = "alpha",
    .summary = "Adds up deltas of sums and histograms.",
    .config_size = sizeof(struct delta_config),
    .options = options,
    .metrics = metric_rows,
    .node_size = sizeof(struct delta),
    .check = check,
    .create = create,
    .destroy = destroy,
};
