/* SPDX-License-Identifier: Apache-2.0 */
/* Every resource is gone over, in each its metrics, of each its series, and points are written until a slice is full;
 * the next slice begins where it ended. Spans are counted in between; series that they make wait for the next time.
 *
 * What is sent for the last time goes then: series and resources that were not used for long, and with deltas all but
 * the youngest that nothing has come for. */
#include "connector/span_metrics/span_metrics_inside.h"

#include "otlp/view.h"

#define SCOPE_NAME "spanmetricsconnector"

enum { METRIC_CALLS, METRIC_DURATION, METRIC_EVENTS, METRICS };

static struct span_metrics *metrics_of(struct slice_sender *s)
{
    return container_of(s, struct span_metrics, sender);
}

static struct span_family *family_of(const struct span_metrics *p, unsigned metric)
{
    struct resource_series *r = p->at.resource;

    if (metric == METRIC_EVENTS)
        return p->config->events.enabled ? &r->families[FAMILY_EVENTS] : NULL;
    if (metric == METRIC_CALLS)
        return &r->families[FAMILY_CALLS];
    if (p->config->histogram.disable)
        return NULL;
    return &r->families[p->shared ? FAMILY_CALLS : FAMILY_DURATIONS];
}

/* ---- points ---- */

static void put_times(struct span_metrics *p, const struct family_series *s)
{
    uint64_t now = p->sender.wall;

    pb_put_fixed64(&p->sender.out, OTLP_POINT_START, s->start < now ? s->start : now);
    pb_put_fixed64(&p->sender.out, OTLP_POINT_TIME, now);
}

/* Nothing has come for that long; what came since this time began is no "long ago". */
static bool has_expired(const struct span_metrics *p, uint64_t last_seen, duration expiration)
{
    return !p->store.delta && expiration.ns > 0 && p->sender.mono >= last_seen &&
           p->sender.mono - last_seen >= (uint64_t)expiration.ns;
}

static bool is_leaving(const struct span_metrics *p, const struct resource_series *r)
{
    return r->leaving || has_expired(p, r->last_seen, p->config->metrics_expiration);
}

/* This is the last time for the series. */
static bool is_last_time(const struct span_metrics *p, const struct family_series *s)
{
    return p->sender.last || p->at.going || has_expired(p, s->last_seen, p->config->series_expiration);
}

/* A cumulative sum begins with 0, so that whoever computes rates sees the first spans; not if there is no next time. */
static void put_sum(struct span_metrics *p, struct family_series *s)
{
    bool hidden = !p->store.delta && !s->sent && !is_last_time(p, s);
    size_t at = pb_begin(&p->sender.out, OTLP_DATA_POINTS);

    put_times(p, s);
    pb_put_fixed64(&p->sender.out, OTLP_NUMBER_INT, hidden ? 0 : s->count);
    span_series_put_exemplars(s, p->sender.wall, OTLP_NUMBER_EXEMPLARS, &p->sender.out);
    span_series_put_attributes(s, OTLP_NUMBER_ATTRIBUTES, &p->sender.out);
    pb_end(&p->sender.out, at);
    s->sent = true;
    s->counted = false;
    if (p->store.delta)
        s->count = 0;
}

static void put_durations(struct span_metrics *p, struct family_series *s)
{
    bool exponential = p->store.shape.exponential;
    size_t at = pb_begin(&p->sender.out, OTLP_DATA_POINTS);

    put_times(p, s);
    observed_put(&p->sender.out, &s->durations, &p->store.shape);
    span_series_put_exemplars(s, p->sender.wall, exponential ? OTLP_EXPONENTIAL_EXEMPLARS : OTLP_HISTOGRAM_EXEMPLARS,
                              &p->sender.out);
    span_series_put_attributes(s, exponential ? OTLP_EXPONENTIAL_ATTRIBUTES : OTLP_HISTOGRAM_ATTRIBUTES,
                               &p->sender.out);
    pb_end(&p->sender.out, at);
    s->observed = false;
    if (p->store.delta)
        observed_reset(&s->durations, &p->store.shape);
}

/* ---- series ---- */

static bool is_due(const struct span_metrics *p, const struct family_series *s, unsigned metric)
{
    if (s->serial >= p->at.serial)
        return false;
    return !p->store.delta || (metric == METRIC_DURATION ? s->observed : s->counted);
}

/* Nothing of the series is left to be sent this time. */
static void finish_series(struct span_metrics *p, struct family_series *s)
{
    span_series_clear_exemplars(&p->store, s);
    if (p->store.delta)
        span_series_rest(&p->store, s, p->sender.wall);
    else if (has_expired(p, s->last_seen, p->config->series_expiration))
        span_series_remove(&p->store, s);
}

/* Metrics of one family are sent one after the other. */
static bool is_last_of_family(const struct span_metrics *p, unsigned metric)
{
    return metric != METRIC_CALLS || !p->shared;
}

static struct family_series *next_series(const struct span_family *f, const struct family_series *s)
{
    return s->link.next != &f->series ? container_of(s->link.next, struct family_series, link) : NULL;
}

/* Points until the slice is full; true: there are no more. */
static bool put_points(struct span_metrics *p, struct span_family *f, unsigned metric)
{
    struct family_series *s = p->at.series != NULL ? p->at.series : list_first(&f->series, struct family_series, link);

    while (s != NULL && !slice_sender_full(&p->sender)) {
        struct family_series *next = next_series(f, s);

        if (is_due(p, s, metric)) {
            if (metric == METRIC_DURATION)
                put_durations(p, s);
            else
                put_sum(p, s);
            p->sender.points++;
            if (is_last_of_family(p, metric))
                finish_series(p, s);
        }
        s = next;
    }
    p->at.series = s;
    return s == NULL;
}

static uint32_t data_of(const struct span_metrics *p, unsigned metric)
{
    if (metric != METRIC_DURATION)
        return OTLP_METRIC_SUM;
    return p->store.shape.exponential ? OTLP_METRIC_EXPONENTIAL : OTLP_METRIC_HISTOGRAM;
}

/* True: all of the metric is written. */
static bool put_metric(struct span_metrics *p, unsigned metric)
{
    struct span_family *f = family_of(p, metric);
    uint64_t before = p->sender.points;
    size_t begun = p->sender.out.len, at, data;
    bool whole;

    if (f == NULL)
        return true;
    at = pb_begin(&p->sender.out, OTLP_SCOPE_GROUP_ITEMS);
    pb_put_str(&p->sender.out, OTLP_METRIC_NAME, p->names[metric]);
    if (metric == METRIC_DURATION)
        pb_put_str(&p->sender.out, OTLP_METRIC_UNIT, p->config->histogram.unit == UNIT_S ? "s" : "ms");
    data = pb_begin(&p->sender.out, data_of(p, metric));
    pb_put_uint(&p->sender.out, OTLP_DATA_TEMPORALITY,
                p->store.delta ? OTLP_TEMPORALITY_DELTA : OTLP_TEMPORALITY_CUMULATIVE);
    if (metric != METRIC_DURATION)
        pb_put_uint(&p->sender.out, OTLP_DATA_MONOTONIC, 1);
    whole = put_points(p, f, metric);
    pb_end(&p->sender.out, data);
    pb_end(&p->sender.out, at);
    if (p->sender.points == before)
        p->sender.out.len = begun;
    return whole;
}

/* ---- resources ---- */

static bool is_empty(const struct resource_series *r)
{
    for (unsigned i = 0; i < FAMILIES; i++)
        if (!list_empty(&r->families[i].series))
            return false;
    return true;
}

static void finish_resource(struct span_metrics *p)
{
    struct resource_series *r = p->at.resource;
    struct list *next = r->link.next;

    p->at.metric = 0;
    p->at.resource = next != &p->store.all ? container_of(next, struct resource_series, link) : NULL;
    if ((p->at.going && is_leaving(p, r)) || is_empty(r))
        span_series_remove_resource(&p->store, r);
}

static void put_resource(struct span_metrics *p)
{
    const struct resource_series *r = p->at.resource;
    uint64_t before = p->sender.points;
    size_t begun = p->sender.out.len, group = pb_begin(&p->sender.out, OTLP_REQUEST_RESOURCES), scope, at;

    if (p->at.metric == 0 && p->at.series == NULL)
        p->at.going = is_leaving(p, r);
    pb_put_bytes(&p->sender.out, OTLP_RESOURCE_GROUP_RESOURCE, bytes_of(r->attributes, r->attributes_len));
    p->sender.head = p->sender.out.len;
    scope = pb_begin(&p->sender.out, OTLP_RESOURCE_GROUP_SCOPES);
    at = pb_begin(&p->sender.out, OTLP_SCOPE_GROUP_SCOPE);
    pb_put_str(&p->sender.out, OTLP_SCOPE_NAME, SCOPE_NAME);
    pb_end(&p->sender.out, at);
    while (p->at.metric < METRICS && put_metric(p, p->at.metric))
        p->at.metric++;
    pb_end(&p->sender.out, scope);
    pb_end(&p->sender.out, group);
    if (p->sender.points == before)
        p->sender.out.len = begun;
    if (p->at.metric == METRICS)
        finish_resource(p);
}

/* ---- slices ---- */

void span_metrics_begin(struct slice_sender *s, bool last)
{
    struct span_metrics *p = metrics_of(s);

    (void)last;
    p->at = (struct send_cursor){ .resource = list_first(&p->store.all, struct resource_series, link),
                                  .serial = p->store.next_serial };
}

void span_metrics_fill(struct slice_sender *s)
{
    struct span_metrics *p = metrics_of(s);

    while (p->at.resource != NULL && !slice_sender_full(s)) {
        put_resource(p);
        s->head = 0;
    }
}

/* Of deltas all but the youngest idle series are forgotten. */
void span_metrics_finish(struct slice_sender *s)
{
    struct span_metrics *p = metrics_of(s);

    while (p->store.n_idle > p->store.limits.idle)
        span_series_remove(&p->store, list_first(&p->store.idle, struct family_series, idle));
}
