/* SPDX-License-Identifier: Apache-2.0 */
/* The cumulative_to_delta processor: of each cumulative point what has come since the one before.
 *
 * A metric that is selected is written anew, point by point. Each point finds the one before in the table of streams,
 * by everything that tells streams apart, the start time too: so a stream whose process began again is a new one. The
 * difference is written with the time of the one before as its start.
 *
 * What can go wrong: nothing is known of the stream (initial), the values have fallen (reset; they are what comes next
 * is measured from), a histogram has other buckets than before, there is no room to remember another stream. Such
 * points are dropped by these reasons; and those of data that other data of the same metric stands behind, which is
 * what counts then (it is a oneof), as overwritten. */
#include "base/mem.h"
#include "codec/regex.h"
#include "config/check_path.h"
#include "processor/stream/stream_processor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct regexp_config {
    bool on;
    bool cacheenabled;
    uint64_t cachemaxnumentries;
};

struct filter_config {
    bool on;
    struct strings metrics, metric_types;
    int match_type;
    struct regexp_config regexp;
};

enum match_type { MATCH_UNSET, MATCH_STRICT, MATCH_REGEXP };
static const char *const match_types[] = { "", "strict", "regexp", NULL };

static const struct option regexp_options[] = {
    OPT_BOOL(struct regexp_config, cacheenabled, "false", "Has no effect here: patterns need no cache."),
    OPT_UINT(struct regexp_config, cachemaxnumentries, "0", NULL, NULL, "Has no effect here."),
    OPT_END,
};

static const struct option filter_options[] = {
    OPT_STRINGS(struct filter_config, metrics, NULL, "Names of metrics, or patterns."),
    OPT_ENUM(struct filter_config, match_type, match_types, "", "What `metrics` are: strict or regexp."),
    OPT_GROUP(struct filter_config, regexp, struct regexp_config, regexp_options, GROUP_NONE,
              "Of no use here, accepted as the Go collector's."),
    OPT_STRINGS(struct filter_config, metric_types, NULL, "sum, histogram, exponentialhistogram."),
    OPT_END,
};

enum initial_value { INITIAL_AUTO, INITIAL_KEEP, INITIAL_DROP };
static const char *const initial_values[] = { "auto", "keep", "drop", NULL };

struct cumulative_config {
    duration max_staleness;
    int initial_value;
    uint64_t max_streams;
    struct filter_config include, exclude;
};

static const struct option options[] = {
    OPT_DURATION(struct cumulative_config, max_staleness, "1h", "0s", NULL,
                 "What is known of a stream is forgotten when nothing has come for that long. 0 keeps it for ever."),
    OPT_ENUM(struct cumulative_config, initial_value, initial_values, "auto",
             "What becomes of a stream's first point. auto: sent when the stream began after otelcd did, else dropped. "
             "keep: sent. drop: dropped."),
    OPT_UINT(struct cumulative_config, max_streams, "0", NULL, NULL,
             "Most streams to remember; points of further ones are dropped. 0: as many as the memory budget holds."),
    OPT_GROUP(struct cumulative_config, include, struct filter_config, filter_options, GROUP_NONE,
              "Convert only these metrics."),
    OPT_GROUP(struct cumulative_config, exclude, struct filter_config, filter_options, GROUP_NONE,
              "Do not convert these."),
    OPT_END,
};

static const struct metric_row row_points = METRIC_ROW("otelcol_cumulativetodelta_datapoints", METRIC_COUNTER,
                                                       "{datapoint}", "Data points that were looked at, by type.");
static const struct metric_row row_dropped =
    METRIC_ROW("otelcol_cumulativetodelta_datapoints_dropped", METRIC_COUNTER, "{datapoint}",
               "Data points that no difference could be made of, by type and reason.");
static const struct metric_row row_tracked =
    METRIC_ROW("otelcol_cumulativetodelta_streams_tracked", METRIC_GAUGE, "{dps}", "Streams that are remembered.");
static const struct metric_row *const metric_rows[] = {
    &row_points, &row_dropped, &row_tracked, ITEM_COUNT_ROWS, NULL,
};

enum { TYPE_SUM, TYPE_HISTOGRAM, TYPE_EXPONENTIAL, TYPES };
static const char *const type_names[TYPES] = { "sum", "histogram", "exponentialhistogram" };

enum result { SENT, SENT_AS_IT_IS, INITIAL, RESET, BUCKET_MISMATCH, NO_VALUE, NO_ROOM, RESULTS };
static const char *const reasons[RESULTS] = {
    [INITIAL] = "initial",
    [RESET] = "reset",
    [BUCKET_MISMATCH] = "bucket_mismatch",
    [NO_VALUE] = "no_recorded_value",
    [NO_ROOM] = "stream_limit",
};

struct filter {
    const struct filter_config *config;
    struct regex **patterns;
};

struct cumulative {
    struct stream_processor streams;
    const struct cumulative_config *config;
    struct filter include, exclude;
    uint64_t born; /* wall ns */
    struct metric *points[TYPES], *dropped[TYPES][RESULTS];
    struct complaint mismatch;
    struct stream_histogram delta; /* scratch */
};

static struct cumulative *cumulative_of(struct stream_processor *p)
{
    return container_of(p, struct cumulative, streams);
}

/* ---- which metrics ---- */

static void filter_init(struct filter *f, const struct filter_config *c)
{
    struct error err;

    f->config = c;
    if (c->match_type != MATCH_REGEXP)
        return;
    f->patterns = mem_zalloc(c->metrics.n * sizeof(struct regex *) + 1);
    for (size_t i = 0; i < c->metrics.n; i++)
        f->patterns[i] = regex_new(c->metrics.v[i], &err);
}

static void filter_free(struct filter *f)
{
    for (size_t i = 0; f->patterns != NULL && i < f->config->metrics.n; i++)
        regex_free(f->patterns[i]);
    free(f->patterns);
}

static bool has_name(const struct filter *f, struct bytes name)
{
    for (size_t i = 0; i < f->config->metrics.n; i++)
        if (f->patterns != NULL ? regex_search(f->patterns[i], name) : bytes_is(name, f->config->metrics.v[i]))
            return true;
    return false;
}

static bool has_type(const struct filter *f, unsigned type)
{
    for (size_t i = 0; i < f->config->metric_types.n; i++)
        if (strcasecmp(f->config->metric_types.v[i], type_names[type]) == 0)
            return true;
    return false;
}

static unsigned type_of(unsigned data)
{
    switch (data) {
    case OTLP_METRIC_SUM:
        return TYPE_SUM;
    case OTLP_METRIC_HISTOGRAM:
        return TYPE_HISTOGRAM;
    case OTLP_METRIC_EXPONENTIAL:
        return TYPE_EXPONENTIAL;
    default:
        return TYPES;
    }
}

static bool selects(struct stream_processor *processor, const struct metric_view *m, const struct data_view *d)
{
    const struct cumulative *p = cumulative_of(processor);
    const struct filter *in = &p->include, *out = &p->exclude;
    unsigned type = type_of(m->view.which);

    if (type == TYPES || (type == TYPE_SUM && d->monotonic == 0))
        return false;
    return (in->config->metrics.n == 0 || has_name(in, m->name)) &&
           (in->config->metric_types.n == 0 || has_type(in, type)) && !has_name(out, m->name) && !has_type(out, type);
}

/* ---- numbers ---- */

/* *start: of the point that is sent. */
static enum result judge_first(const struct cumulative *p, const struct stream_point *point, uint64_t *start)
{
    switch ((enum initial_value)p->config->initial_value) {
    case INITIAL_KEEP:
        *start = 0;
        return SENT;
    case INITIAL_DROP:
        return INITIAL;
    default:
        *start = point->start;
        return point->start < p->born || point->start == point->time ? INITIAL : SENT;
    }
}

/* The difference, as bits; false when the value has fallen. */
static bool subtract_number(const struct stream_point *point, uint64_t before, uint64_t *delta)
{
    if (point->is_int) {
        *delta = point->value - before;
        return (int64_t)point->value >= (int64_t)before;
    }
    *delta = pb_bits(pb_double(point->value) - pb_double(before));
    return pb_double(point->value) >= pb_double(before);
}

static enum result convert_number(struct cumulative *p, struct stream_state *s, const struct stream_point *point,
                                  bool fresh)
{
    enum result result = SENT;
    uint64_t start = s->time, value = point->value;

    if (fresh)
        result = judge_first(p, point, &start);
    else if (!subtract_number(point, s->value, &value))
        result = RESET;
    s->value = point->value;
    s->time = point->time;
    if (result == SENT)
        stream_point_put(&p->streams.out, point, OTLP_METRIC_SUM, start, point->is_int, value);
    return result;
}

/* ---- histograms ---- */

static bool subtract_side(struct exponential_side *to, const struct exponential_side *before)
{
    for (size_t i = 0; i < before->counts.n; i++) {
        int64_t at = before->offset + (int64_t)i - to->offset;

        if (before->counts.v[i] == 0)
            continue;
        if (at < 0 || at >= (int64_t)to->counts.n || to->counts.v[at] < before->counts.v[i])
            return false;
        to->counts.v[at] -= before->counts.v[i];
    }
    exponential_trim_side(to);
    return true;
}

/* From `d`, the newer one; `before` is brought to its scale. */
static bool subtract_exponential(struct exponential *d, struct exponential *before)
{
    if (d->scale > before->scale || d->zero_threshold < before->zero_threshold)
        return false;
    exponential_downscale(before, d->scale);
    if (d->zero_threshold > before->zero_threshold)
        exponential_raise_threshold(before, d->zero_threshold);
    if (d->zero_count < before->zero_count)
        return false;
    d->zero_count -= before->zero_count;
    return subtract_side(&d->positive, &before->positive) && subtract_side(&d->negative, &before->negative);
}

static bool subtract_explicit(struct stream_histogram *d, const struct stream_histogram *before)
{
    for (size_t i = 0; i < d->counts.n; i++) {
        if (d->counts.v[i] < before->counts.v[i])
            return false;
        d->counts.v[i] -= before->counts.v[i];
    }
    return true;
}

static enum result subtract_histogram(unsigned data, struct stream_histogram *d, struct stream_histogram *before)
{
    if (data == OTLP_METRIC_HISTOGRAM && !stream_histogram_same_bounds(d, before))
        return BUCKET_MISMATCH;
    if (d->count < before->count)
        return RESET;
    d->count -= before->count;
    d->sum -= before->sum;
    if (data == OTLP_METRIC_HISTOGRAM ? subtract_explicit(d, before)
                                      : subtract_exponential(&d->exponential, &before->exponential))
        return SENT;
    return RESET;
}

/* A stream without a histogram is as good as new: of its points before none could be remembered. */
static enum result convert_histogram(struct cumulative *p, struct stream_state *s, unsigned data,
                                     const struct stream_point *point)
{
    struct stream_histogram *read = &p->streams.read;
    bool fresh = s->histogram == NULL;
    enum result result;
    uint64_t start = s->time;

    if (!stream_processor_add_histogram(&p->streams, s))
        return NO_ROOM;
    if (isnan(read->sum))
        read->sum = p->delta.sum = s->histogram->sum;
    result = fresh ? judge_first(p, point, &start) : subtract_histogram(data, &p->delta, s->histogram);
    stream_histogram_swap(s->histogram, read);
    stream_histogram_charge(s->histogram, p->streams.streams.budget);
    s->time = point->time;
    p->delta.has_min = p->delta.has_max = false;
    if (result == SENT)
        stream_processor_put_histogram(&p->streams, data, point, start, &p->delta);
    return result;
}

/* ---- points ---- */

static enum result convert_point(struct cumulative *p, unsigned data, const struct stream_point *point)
{
    struct digest id = digest_number(point->attributes, point->start << 1 | point->is_int);
    struct stream_state *s;
    bool fresh;

    if (data != OTLP_METRIC_SUM && (!stream_histogram_read(&p->streams.read, data, point->message) ||
                                    !stream_histogram_read(&p->delta, data, point->message)))
        return BUCKET_MISMATCH;
    s = stream_processor_find(&p->streams, &id, &fresh);
    if (s == NULL)
        return NO_ROOM;
    if (data == OTLP_METRIC_SUM)
        return convert_number(p, s, point, fresh);
    return convert_histogram(p, s, data, point);
}

static enum result take_point(struct cumulative *p, unsigned data, struct bytes message, struct digest metric)
{
    struct stream_point point;

    stream_point_read(&point, data, message, metric);
    if (point.no_value)
        return NO_VALUE;
    if (data == OTLP_METRIC_SUM && !point.is_int && isnan(pb_double(point.value))) {
        pb_put_bytes(&p->streams.out, OTLP_DATA_POINTS, message);
        return SENT_AS_IT_IS;
    }
    return convert_point(p, data, &point);
}

static void count_result(struct cumulative *p, unsigned type, enum result result, struct bytes name)
{
    metric_add(p->points[type], 1);
    if (result <= SENT_AS_IT_IS)
        return;
    metric_add(p->dropped[type][result], 1);
    losses_add(&p->streams.processor.apart, 1, reasons[result]);
    if (result == BUCKET_MISMATCH)
        stream_processor_complain(&p->streams, &p->mismatch,
                                  "Points in histogram series have different buckets; some data are dropped", name);
    else if (result == NO_ROOM)
        stream_processor_complain_of_room(&p->streams, name);
}

static bool convert(struct stream_processor *processor, const struct metric_view *m, struct bytes message,
                    struct digest metric)
{
    struct cumulative *p = cumulative_of(processor);
    enum result result = take_point(p, m->view.which, message, metric);

    count_result(p, type_of(m->view.which), result, m->name);
    stream_histogram_shrink(&p->delta);
    return result <= SENT_AS_IT_IS;
}

/* ---- the component ---- */

static void check_types(const struct filter_config *c, const char *path, const struct check_path *at)
{
    for (size_t i = 0; i < c->metric_types.n; i++) {
        const char *type = c->metric_types.v[i];
        struct check_path item = check_path_item(at, "metric_types", i);

        if (strcasecmp(type, type_names[0]) != 0 && strcasecmp(type, type_names[1]) != 0 &&
            strcasecmp(type, type_names[2]) != 0)
            check_path_fail(&item, "",
                            "found invalid metric type in %s.metric_types: %s. Valid values are "
                            "[exponentialhistogram histogram sum]",
                            path, type);
    }
}

static void check_filter(const struct filter_config *c, const char *path, struct check *ck)
{
    struct check_path at = { .ck = ck };

    snprintf(at.path, sizeof(at.path), "%s", path);
    if (c->match_type == MATCH_UNSET && c->metrics.n > 0)
        check_path_fail(&at, "", "match_type must be set if metrics are supplied: write strict or regexp");
    if (c->match_type != MATCH_UNSET && c->metrics.n == 0)
        check_path_fail(&at, "", "metrics must be supplied if match_type is set");
    for (size_t i = 0; c->match_type == MATCH_REGEXP && i < c->metrics.n; i++) {
        struct check_path item = check_path_item(&at, "metrics", i);
        struct error err;
        struct regex *r = regex_new(c->metrics.v[i], &err);

        if (r == NULL)
            check_path_fail(&item, "", "%s", err.text);
        regex_free(r);
    }
    check_types(c, path, &at);
}

static void check(const void *config, struct check *ck)
{
    const struct cumulative_config *c = config;

    check_filter(&c->include, "include", ck);
    check_filter(&c->exclude, "exclude", ck);
}

static void count_into(struct cumulative *p, struct metrics *m)
{
    for (unsigned type = 0; type < TYPES; type++) {
        struct metric_label labels[2] = { { "metric_type", type_names[type] } };

        p->points[type] = metrics_get(m, &row_points, labels, 1);
        for (unsigned i = INITIAL; i < RESULTS; i++) {
            labels[1] = (struct metric_label){ "reason", reasons[i] };
            p->dropped[type][i] = metrics_get(m, &row_dropped, labels, 2);
        }
    }
}

static const struct stream_conversion conversion = {
    .from = OTLP_TEMPORALITY_CUMULATIVE,
    .to = OTLP_TEMPORALITY_DELTA,
    .state_size = sizeof(struct stream_state),
    .selects = selects,
    .convert = convert,
};

static int create(struct node *node, const void *config, struct error *err)
{
    struct cumulative *p = cumulative_of(stream_processor_of(node));

    (void)err;
    p->config = config;
    filter_init(&p->include, &p->config->include);
    filter_init(&p->exclude, &p->config->exclude);
    p->born = clock_wall(&node->host->loop->clock);
    stream_processor_init(&p->streams, &conversion, &row_tracked, (uint64_t)p->config->max_staleness.ns,
                          p->config->max_streams);
    count_into(p, node->host->metrics);
    return 0;
}

static void destroy(struct node *node)
{
    struct cumulative *p = cumulative_of(stream_processor_of(node));

    filter_free(&p->include);
    filter_free(&p->exclude);
    stream_histogram_free(&p->delta);
    stream_processor_free(&p->streams);
}

static const char *const aliases[] = { "cumulativetodelta", NULL };

extern const struct component cumulative_to_delta_processor;
const struct component cumulative_to_delta_processor = {
    COMPONENT_TYPE("cumulative_to_delta", COMPONENT_PROCESSOR, .aliases = aliases,
                   .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "beta"),
    .alone = "it remembers the last value of each stream",
    .summary = "Makes deltas of cumulative sums and histograms.",
    COMPONENT_CONFIG(struct cumulative_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct cumulative, .create = create, .destroy = destroy),
};
