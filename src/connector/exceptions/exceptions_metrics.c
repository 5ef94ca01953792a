/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions are counted in series (span_metrics/span_series.h) of one family. They are sent when something has come,
 * all of them, but not more often than once a second. */
#include "connector/exceptions/exceptions.h"

#include "connector/key_parts.h"

#define PAUSE_NS NS_PER_S
#define SCOPE_NAME "exceptionsconnector"
#define EXEMPLARS_MOST 100u

const struct metric_row exceptions_overflow_row =
    METRIC_ROW("otelcd_exceptions_overflow", METRIC_COUNTER, "{exceptions}",
               "Exceptions that went to the series with otel.metric.overflow.");

static struct clock *clock_of(const struct exceptions *p)
{
    return &p->node.host->loop->clock;
}

/* ---- in ---- */

static struct bytes make_key(struct exceptions *p, const struct dimension_sources *from)
{
    p->key.len = 0;
    buf_append(&p->key, &p->family->number, sizeof(p->family->number));
    key_part_put(&p->key, short_part(p->service, &p->service_digest));
    key_part_put(&p->key, short_part(p->span.name, &p->name_digest));
    key_part_put(&p->key, exceptions_kind(p));
    key_part_put(&p->key, exceptions_status(p));
    for (size_t i = 0; i < p->dimensions.n; i++)
        key_part_put(&p->key, dimension_key(&p->dimensions.v[i], from));
    return buf_bytes(&p->key);
}

static struct bytes make_attributes(struct exceptions *p, const struct dimension_sources *from)
{
    p->attributes.len = 0;
    exceptions_put_text(p, OTLP_LIST_VALUES, "service.name", p->service);
    exceptions_put_text(p, OTLP_LIST_VALUES, "span.name", p->span.name);
    exceptions_put_text(p, OTLP_LIST_VALUES, "span.kind", exceptions_kind(p));
    exceptions_put_text(p, OTLP_LIST_VALUES, "status.code", exceptions_status(p));
    for (size_t i = 0; i < p->dimensions.n; i++) {
        struct bytes value = dimension_value(&p->dimensions.v[i], from);

        if (value.data != NULL)
            exceptions_put_value(p, OTLP_LIST_VALUES, p->dimensions.v[i].name, value);
    }
    return buf_bytes(&p->attributes);
}

/* What they take at least. */
static size_t attributes_size(const struct exceptions *p, const struct dimension_sources *from)
{
    return p->service.len + p->span.name.len + dimension_list_size(&p->dimensions, from);
}

/* The one family is there from the first exception on. */
static bool open_family(struct exceptions *p)
{
    const struct digest id = { 0 };
    struct resource_series *r;

    if (p->family != NULL)
        return true;
    r = span_series_add_resource(&p->store, &id, bytes_of(NULL, 0), clock_mono(clock_of(p)));
    if (r == NULL)
        return false;
    p->family = &r->families[FAMILY_EVENTS];
    return true;
}

static struct family_series *find_series(struct exceptions *p, const struct dimension_sources *from)
{
    struct bytes key = make_key(p, from);
    uint64_t hash = bytes_hash(key);
    struct family_series *s = span_series_find(&p->store, key, hash);

    if (s == NULL && span_series_may_add(&p->store, p->family, attributes_size(p, from)))
        s = span_series_add(&p->store, p->family, key, hash, make_attributes(p, from), p->start);
    if (s != NULL)
        return s;
    metric_add(p->overflowed, 1);
    if (complaint_due(&p->overflow, clock_of(p)))
        log_warn(&p->node.log, "Too many series: what is new goes to the one with otel.metric.overflow=true",
                 F_UINT("series", p->family->n), F_UINT("max_series", p->config->max_series),
                 F_UINT("repeated", complaint_taken(&p->overflow)));
    return span_series_overflow(&p->store, p->family, p->start);
}

void exceptions_metrics_take(struct exceptions *p)
{
    const struct dimension_sources from = { &p->span_slots, &p->event_slots, &p->resource_slots };
    struct span_exemplar e = { .value = 0 };
    struct family_series *s;

    if (!open_family(p)) {
        metric_add(p->overflowed, 1);
        return;
    }
    s = find_series(p, &from);
    s->count++;
    s->counted = true;
    if (!p->config->exemplars.enabled || s->is_overflow || p->span.trace_id.len != sizeof(e.trace_id))
        return;
    memcpy(e.trace_id, p->span.trace_id.data, sizeof(e.trace_id));
    if (p->span.span_id.len == sizeof(e.span_id))
        memcpy(e.span_id, p->span.span_id.data, sizeof(e.span_id));
    e.value = (double)s->count;
    span_series_exemplar(&p->store, s, &e);
}

/* ---- out ---- */

static void put_point(struct exceptions *p, struct family_series *s)
{
    struct buf *out = &p->sender.out;
    size_t at = pb_begin(out, OTLP_DATA_POINTS);

    pb_put_fixed64(out, OTLP_POINT_START, s->start < p->sender.wall ? s->start : p->sender.wall);
    pb_put_fixed64(out, OTLP_POINT_TIME, p->sender.wall);
    pb_put_fixed64(out, OTLP_NUMBER_INT, s->count);
    span_series_put_exemplars(s, p->sender.wall, OTLP_NUMBER_EXEMPLARS, out);
    span_series_put_attributes(s, OTLP_NUMBER_ATTRIBUTES, out);
    pb_end(out, at);
    span_series_clear_exemplars(&p->store, s);
    p->sender.points++;
}

static void put_points(struct exceptions *p)
{
    while (p->next != NULL && !slice_sender_full(&p->sender)) {
        struct list *behind = p->next->link.next;

        put_point(p, p->next);
        p->next = behind != &p->family->series ? container_of(behind, struct family_series, link) : NULL;
    }
}

static void begin(struct slice_sender *s, bool last)
{
    struct exceptions *p = container_of(s, struct exceptions, sender);

    (void)last;
    p->sent = s->mono;
    p->next = p->family != NULL ? list_first(&p->family->series, struct family_series, link) : NULL;
}

static void fill(struct slice_sender *s)
{
    struct exceptions *p = container_of(s, struct exceptions, sender);
    struct buf *out = &s->out;
    size_t group = pb_begin(out, OTLP_REQUEST_RESOURCES), scope, at, data;

    pb_end(out, pb_begin(out, OTLP_RESOURCE_GROUP_RESOURCE));
    scope = pb_begin(out, OTLP_RESOURCE_GROUP_SCOPES);
    at = pb_begin(out, OTLP_SCOPE_GROUP_SCOPE);
    pb_put_str(out, OTLP_SCOPE_NAME, SCOPE_NAME);
    pb_end(out, at);
    at = pb_begin(out, OTLP_SCOPE_GROUP_ITEMS);
    pb_put_str(out, OTLP_METRIC_NAME, "exceptions");
    data = pb_begin(out, OTLP_METRIC_SUM);
    pb_put_uint(out, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_CUMULATIVE);
    pb_put_uint(out, OTLP_DATA_MONOTONIC, 1);
    put_points(p);
    pb_end(out, data);
    pb_end(out, at);
    pb_end(out, scope);
    pb_end(out, group);
}

static void on_soon(struct clock_timer *timer)
{
    struct exceptions *p = container_of(timer, struct exceptions, soon);

    p->more = false;
    slice_sender_send(&p->sender);
}

/* What came while it was sent. */
static void finish(struct slice_sender *s)
{
    struct exceptions *p = container_of(s, struct exceptions, sender);

    if (p->more && s->phase == SENDER_OPEN)
        clock_start(clock_of(p), &p->soon, PAUSE_NS, on_soon);
}

void exceptions_metrics_send(struct exceptions *p)
{
    uint64_t now = clock_mono(clock_of(p)), due = p->sent + PAUSE_NS;

    if (p->family == NULL || clock_armed(&p->soon))
        return;
    p->more = p->sender.on;
    if (p->sender.on)
        return;
    if (p->sent == 0 || now >= due)
        slice_sender_send(&p->sender);
    else
        clock_start(clock_of(p), &p->soon, due - now, on_soon);
}

void exceptions_metrics_create(struct exceptions *p)
{
    span_series_init(&p->store, host_budget(p->node.host, SIGNAL_METRICS));
    p->store.limits =
        (struct store_limits){ .series = p->config->max_series, .resources = 1, .exemplars = EXEMPLARS_MOST };
    p->start = clock_wall(clock_of(p));
    p->overflowed = metrics_get(p->node.host->metrics, &exceptions_overflow_row,
                                &(struct metric_label){ "connector", p->node.id }, 1);
    slice_sender_init(&p->sender, &p->node, 0);
    p->sender.begin = begin;
    p->sender.fill = fill;
    p->sender.finish = finish;
}

void exceptions_metrics_stop(struct exceptions *p, void (*done)(struct node *node))
{
    clock_stop(clock_of(p), &p->soon);
    slice_sender_stop(&p->sender, done);
}

void exceptions_metrics_free(struct exceptions *p)
{
    clock_stop(clock_of(p), &p->soon);
    slice_sender_free(&p->sender);
    span_series_free(&p->store);
}
