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
#include "base/double.h"
#include "config/decode.h"
#include "processor/stream/stream_processor.h"

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
    &row_points, &row_tracked, &row_limit, &row_stale, ITEM_COUNT_ROWS, NULL,
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

struct delta_state {
    struct stream_state state; /* .value is the sum */
    uint64_t start;
    bool is_int;
};

struct delta {
    struct stream_processor streams;
    struct metric *results[RESULTS];
};

static struct delta *delta_of(struct stream_processor *p)
{
    return container_of(p, struct delta, streams);
}

/* ---- addition ---- */

static double as_double(bool is_int, uint64_t bits)
{
    return is_int ? (double)(int64_t)bits : pb_double(bits);
}

/* Integers wrap around; with a double it becomes one. Without a value nothing is added. */
static void add_number(struct delta_state *s, const struct stream_point *point)
{
    uint64_t *sum = &s->state.value;

    if (!point->has_value)
        return;
    if (s->is_int && point->is_int) {
        *sum += point->value;
        return;
    }
    *sum = pb_bits(as_double(s->is_int, *sum) + as_double(point->is_int, point->value));
    s->is_int = false;
}

static void take_number(struct delta *p, struct delta_state *s, const struct stream_point *point, bool fresh)
{
    if (fresh) {
        s->state.value = point->value;
        s->is_int = point->is_int;
    } else {
        add_number(s, point);
    }
    stream_point_put(&p->streams.out, point, OTLP_METRIC_SUM, s->start, s->is_int, s->state.value);
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
    to->min = double_min(to->min, from->min);
    to->max = double_max(to->max, from->max);
    to->has_sum = to->has_sum && from->has_sum;
    to->has_min = to->has_min && from->has_min;
    to->has_max = to->has_max && from->has_max;
    return true;
}

/* A stream without a histogram is as good as new: there was no room for its first. */
static enum result take_histogram(struct delta *p, struct delta_state *s, unsigned data,
                                  const struct stream_point *point)
{
    struct stream_histogram *read = &p->streams.read;
    bool fresh = s->state.histogram == NULL;

    if (!stream_processor_add_histogram(&p->streams, &s->state))
        return NO_ROOM;
    if (fresh || !add_histogram(data, s->state.histogram, read)) {
        stream_histogram_swap(s->state.histogram, read);
        s->start = point->start;
    }
    stream_histogram_charge(s->state.histogram, p->streams.streams.budget);
    stream_processor_put_histogram(&p->streams, data, point, s->start, s->state.histogram);
    return ADDED;
}

/* ---- points ---- */

static enum result add_point(struct delta *p, unsigned data, const struct stream_point *point)
{
    struct stream_state *state;
    struct delta_state *s;
    enum result result = ADDED;
    bool fresh;

    if (data != OTLP_METRIC_SUM && !stream_histogram_read(&p->streams.read, data, point->message))
        return MALFORMED;
    state = stream_processor_find(&p->streams, &point->attributes, &fresh);
    if (state == NULL)
        return NO_ROOM;
    s = container_of(state, struct delta_state, state);
    if (!fresh && point->start < s->start)
        return OLDER_START;
    if (!fresh && point->time <= state->time)
        return OUT_OF_ORDER;
    if (fresh)
        s->start = point->start;
    if (data == OTLP_METRIC_SUM)
        take_number(p, s, point, fresh);
    else
        result = take_histogram(p, s, data, point);
    if (result == ADDED)
        state->time = point->time;
    return result;
}

static void count_result(struct delta *p, enum result result, struct bytes name)
{
    metric_add(p->results[result], 1);
    if (result == ADDED)
        return;
    losses_add(&p->streams.processor.apart, 1, reasons[result]);
    if (result == NO_ROOM)
        stream_processor_complain_of_room(&p->streams, name);
}

static bool convert(struct stream_processor *processor, const struct metric_view *m, struct bytes message,
                    struct digest metric)
{
    struct delta *p = delta_of(processor);
    struct stream_point point;
    enum result result;

    stream_point_read(&point, m->view.which, message, metric);
    result = point.no_value ? NO_VALUE : add_point(p, m->view.which, &point);
    count_result(p, result, m->name);
    return result == ADDED;
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

static void count_into(struct delta *p, struct metrics *m, const struct delta_config *c)
{
    p->results[ADDED] = metrics_get(m, &row_points, NULL, 0);
    for (unsigned i = ADDED + 1; i < RESULTS; i++) {
        const struct metric_label label = { "error", errors[i] };

        p->results[i] = metrics_get(m, &row_points, &label, 1);
    }
    metric_set(metrics_get(m, &row_limit, NULL, 0), (double)c->max_streams);
    metric_set(metrics_get(m, &row_stale, NULL, 0), (double)c->max_stale.ns / 1e9);
}

static const struct stream_conversion conversion = {
    .from = OTLP_TEMPORALITY_DELTA,
    .to = OTLP_TEMPORALITY_CUMULATIVE,
    .state_size = sizeof(struct delta_state),
    .convert = convert,
};

static int create(struct node *node, const void *config, struct error *err)
{
    struct delta *p = delta_of(stream_processor_of(node));
    const struct delta_config *c = config;

    (void)err;
    stream_processor_init(&p->streams, &conversion, &row_tracked, (uint64_t)c->max_stale.ns, (uint64_t)c->max_streams);
    count_into(p, node->host->metrics, c);
    return 0;
}

static void destroy(struct node *node)
{
    stream_processor_free(stream_processor_of(node));
}

static const char *const aliases[] = { "deltatocumulative", NULL };

extern const struct component delta_to_cumulative_processor;
const struct component delta_to_cumulative_processor = {
    COMPONENT_TYPE("delta_to_cumulative", COMPONENT_PROCESSOR, .aliases = aliases,
                   .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "alpha"),
    .alone = "it remembers the sum of each stream",
    .summary = "Adds up deltas of sums and histograms.",
    COMPONENT_CONFIG(struct delta_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct delta, .create = create, .destroy = destroy),
};
