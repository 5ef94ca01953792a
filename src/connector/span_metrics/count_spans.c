/* SPDX-License-Identifier: Apache-2.0 */
/* A span is read once: the fields that count and the attributes that are asked for, as slices of the batch. End to end
 * with their lengths, they are the key of its series. A series that is known is found by it; for one that is not, the
 * attributes of its points are written. */
#include "connector/span_metrics/span_metrics_inside.h"

#include "connector/key_parts.h"
#include "connector/span_reading.h"
#include "otlp/trace_state.h"

#include <string.h>

static const char *const kinds[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                     "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };
static const char *const statuses[] = { "STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR" };

/* What is counted of a span. */
struct seen {
    struct span_reading span; /* of kinds and statuses that nobody knows each is one past the last */
    struct bytes name_key;    /* what stands for the name in keys */
    struct digest name_digest;
    double duration;
    uint64_t n; /* it stands for so many */
    bool adjusted;
};

/* ---- sampling ---- */

static void read_adjustment(struct adjustment *a, struct bytes text)
{
    struct trace_state state;
    uint64_t divisor;

    a->text.len = 0;
    buf_put(&a->text, text);
    a->whole = 1;
    a->remainder = 0;
    a->adjusted = false;
    if (!trace_state_read(&state, text) || !state.has_threshold || state.threshold >= SAMPLING_NEVER)
        return;
    divisor = SAMPLING_NEVER - state.threshold;
    a->whole = SAMPLING_NEVER / divisor;
    a->remainder = SAMPLING_NEVER % divisor;
    a->divisor = divisor;
    a->adjusted = true;
}

static void adjust_span(struct span_metrics *p, struct seen *s)
{
    struct adjustment *a = &p->adjustment;
    struct bytes trace_state = s->span.trace_state;

    s->n = 1;
    if (trace_state.len == 0)
        return;
    if (!bytes_equal(buf_bytes(&a->text), trace_state))
        read_adjustment(a, trace_state);
    s->adjusted = a->adjusted;
    s->n = a->whole;
    if (a->remainder > 0 && random_next(&p->random) % a->divisor < a->remainder)
        s->n++;
}

/* ---- keys ---- */

static size_t keys_size(const struct dimension_list *l, const struct dimension_sources *from)
{
    size_t size = 0;

    for (size_t i = 0; i < l->n; i++)
        size += key_part_size(dimension_key(&l->v[i], from));
    return size;
}

static void put_values(struct span_metrics *p, const struct dimension_list *l, const struct dimension_sources *from)
{
    uint8_t *begun, *at;

    if (l->n > 0) {
        begun = at = buf_reserve(&p->key, keys_size(l, from));
        for (size_t i = 0; i < l->n; i++)
            at = key_part_write(at, dimension_key(&l->v[i], from));
        p->key.len += (size_t)(at - begun);
    }
    if (l->n_globs == 0)
        return;
    p->found.n = 0;
    dimension_list_find(l, from->event != NULL, &p->found);
    for (size_t i = 0; i < p->found.n; i++) {
        const struct found_attribute *f = &p->found.v[i];

        key_part_put(&p->key, short_part(f->name, &f->name_digest));
        key_part_put(&p->key, short_part(f->value, &f->digest));
    }
}

/* The service is one for all of a family, unless resources are told apart by other attributes. */
static struct bytes make_key(struct span_metrics *p, const struct span_family *f, const struct seen *s,
                             const struct dimension_sources *from)
{
    uint8_t head[sizeof(f->number) + 3];

    memcpy(head, &f->number, sizeof(f->number));
    head[sizeof(f->number)] = (p->without & WITHOUT_KIND) != 0 ? 0 : (uint8_t)s->span.kind;
    head[sizeof(f->number) + 1] = (p->without & WITHOUT_STATUS) != 0 ? 0 : (uint8_t)s->span.status;
    head[sizeof(f->number) + 2] = p->config->enable_metrics_sampling_method && s->adjusted;
    p->key.len = 0;
    buf_append(&p->key, head, sizeof(head));
    if ((p->without & WITHOUT_NAME) == 0)
        key_part_put(&p->key, s->name_key);
    if ((p->without & WITHOUT_SERVICE) == 0 && p->config->resource_metrics_key_attributes.n > 0)
        key_part_put(&p->key, short_part(p->service, &p->service_digest));
    if (p->scope_name.data != NULL) {
        key_part_put(&p->key, p->scope_name);
        key_part_put(&p->key, short_part(p->scope_version, &p->version_digest));
    }
    put_values(p, &p->everywhere, from);
    put_values(p, &p->further[f->kind], from);
    return buf_bytes(&p->key);
}

/* ---- attributes of new series ---- */

static void put_attribute(struct buf *out, struct bytes name, struct bytes value)
{
    size_t entry = pb_begin(out, OTLP_LIST_VALUES);

    pb_put_bytes(out, OTLP_KEY_VALUE_KEY, name);
    pb_put_bytes(out, OTLP_KEY_VALUE_VALUE, value);
    pb_end(out, entry);
}

static void put_text(struct span_metrics *p, const char *name, struct bytes text)
{
    p->scratch.len = 0;
    pb_put_bytes(&p->scratch, OTLP_ANY_STRING, text);
    put_attribute(&p->attributes, bytes_str(name), buf_bytes(&p->scratch));
}

static void put_fixed_attributes(struct span_metrics *p, const struct seen *s)
{
    if ((p->without & WITHOUT_SERVICE) == 0)
        put_text(p, "service.name", p->service);
    if ((p->without & WITHOUT_NAME) == 0)
        put_text(p, "span.name", s->span.name);
    if ((p->without & WITHOUT_KIND) == 0)
        put_text(p, "span.kind", bytes_str(s->span.kind < ARRAY_LEN(kinds) ? kinds[s->span.kind] : ""));
    if ((p->without & WITHOUT_STATUS) == 0)
        put_text(p, "status.code", bytes_str(s->span.status < ARRAY_LEN(statuses) ? statuses[s->span.status] : ""));
    if ((p->without & WITHOUT_INSTANCE) == 0)
        put_text(p, "collector.instance.id", bytes_str(p->node.host->instance_id));
    if (p->scope_name.data != NULL) {
        put_text(p, "span.instrumentation.scope.name", p->scope_name);
        if (p->scope_version.len > 0)
            put_text(p, "span.instrumentation.scope.version", p->scope_version);
    }
    if (p->config->enable_metrics_sampling_method)
        put_text(p, "sampling.method", bytes_str(s->adjusted ? "extrapolated" : "counted"));
}

/* A list of one metric may name what the list of all does, or what a pattern finds: each name once. */
static bool has_name(const struct buf *attributes, struct bytes name)
{
    struct pb_reader r = pb_reader(buf_bytes(attributes));

    for (struct bytes field; message_next(&r, OTLP_LIST_VALUES, &field);)
        if (bytes_equal(key_value_view(field).key, name))
            return true;
    return false;
}

static void put_dimension(struct span_metrics *p, struct bytes name, struct bytes value)
{
    if (value.data != NULL && !has_name(&p->attributes, name))
        put_attribute(&p->attributes, name, value);
}

static void put_dimensions(struct span_metrics *p, const struct dimension_list *l, const struct dimension_sources *from)
{
    for (size_t i = 0; i < l->n; i++)
        put_dimension(p, l->v[i].name, dimension_value(&l->v[i], from));
    p->found.n = 0;
    dimension_list_find(l, from->event != NULL, &p->found);
    for (size_t i = 0; i < p->found.n; i++)
        put_dimension(p, p->found.v[i].name, p->found.v[i].value);
}

static struct bytes make_attributes(struct span_metrics *p, const struct span_family *f, const struct seen *s,
                                    const struct dimension_sources *from)
{
    p->attributes.len = 0;
    put_fixed_attributes(p, s);
    put_dimensions(p, &p->everywhere, from);
    put_dimensions(p, &p->further[f->kind], from);
    return buf_bytes(&p->attributes);
}

/* What the attributes take, about: what may be large of them. */
static size_t attributes_size(const struct span_metrics *p, const struct span_family *f, const struct seen *s,
                              const struct dimension_sources *from)
{
    return p->service.len + s->span.name.len + dimension_list_size(&p->everywhere, from) +
           dimension_list_size(&p->further[f->kind], from);
}

/* ---- counting ---- */

static struct family_series *find_series(struct span_metrics *p, struct span_family *f, const struct seen *s,
                                         const struct dimension_sources *from)
{
    struct bytes key = make_key(p, f, s, from);
    uint64_t hash = bytes_hash(key);
    struct family_series *found = span_series_find(&p->store, key, hash);

    if (found == NULL && span_series_may_add(&p->store, f, attributes_size(p, f, s, from)))
        found = span_series_add(&p->store, f, key, hash, make_attributes(p, f, s, from), p->wall);
    if (found != NULL)
        return found;
    span_metrics_overflow(p, f, s->n);
    return span_series_overflow(&p->store, f, p->wall);
}

static void count_in(struct span_metrics *p, struct span_family *f, const struct seen *s,
                     const struct dimension_sources *from)
{
    struct family_series *series = find_series(p, f, s, from);
    struct span_exemplar e;

    span_series_touch(&p->store, series, p->mono);
    if (p->config->exemplars.enabled && series->n_exemplars < p->store.limits.exemplars && !series->is_overflow &&
        s->span.trace_id.len == sizeof(e.trace_id)) {
        memset(&e, 0, sizeof(e));
        memcpy(e.trace_id, s->span.trace_id.data, sizeof(e.trace_id));
        if (s->span.span_id.len == sizeof(e.span_id))
            memcpy(e.span_id, s->span.span_id.data, sizeof(e.span_id));
        e.value = s->duration;
        span_series_exemplar(&p->store, series, &e);
    }
    if (f->kind != FAMILY_DURATIONS) {
        series->count += s->n;
        series->counted = true;
    }
    if (f->has_durations) {
        observed_add(&series->durations, &p->store.shape, s->duration, s->n);
        series->observed = true;
    }
}

static void enter_lists(struct span_metrics *p, enum attribute_source source, const struct attribute_slots *in)
{
    if (!p->globbed)
        return;
    dimension_list_enter(&p->everywhere, source, in);
    for (unsigned i = 0; i < FAMILIES; i++)
        dimension_list_enter(&p->further[i], source, in);
}

static void count_events(struct span_metrics *p, struct resource_series *r, const struct seen *s,
                         struct dimension_sources *from)
{
    struct pb_reader events = pb_reader(s->span.message);

    from->event = &p->event_slots;
    for (struct bytes event; message_next(&events, OTLP_SPAN_EVENTS, &event);) {
        slots_read(&p->event_slots, &p->slot_names, event, OTLP_EVENT_ATTRIBUTES);
        enter_lists(p, SOURCE_EVENT, &p->event_slots);
        count_in(p, &r->families[FAMILY_EVENTS], s, from);
    }
    from->event = NULL;
}

/* Flat, for it is most of what a span costs. */
__attribute__((flatten)) static void read_span(struct span_metrics *p, struct seen *s, struct bytes message)
{
    *s = (struct seen){ .span = span_reading_of(message, &p->span_slots, &p->slot_names) };
    if (s->span.name.data == NULL)
        s->span.name = bytes_of("", 0);
    s->name_key = short_part_new(s->span.name, &s->name_digest);
    if (s->span.kind > ARRAY_LEN(kinds))
        s->span.kind = ARRAY_LEN(kinds);
    if (s->span.status > ARRAY_LEN(statuses))
        s->span.status = ARRAY_LEN(statuses);
    if (s->span.end > s->span.start)
        s->duration = (double)(s->span.end - s->span.start) / p->unit;
    adjust_span(p, s);
}

static void count_span(struct span_metrics *p, struct resource_series *r, struct bytes message)
{
    struct dimension_sources from = { &p->span_slots, NULL, &p->resource_slots };
    struct seen s;

    read_span(p, &s, message);
    enter_lists(p, SOURCE_SPAN, &p->span_slots);
    count_in(p, &r->families[FAMILY_CALLS], &s, &from);
    if (!p->shared && !p->config->histogram.disable)
        count_in(p, &r->families[FAMILY_DURATIONS], &s, &from);
    if (p->config->events.enabled)
        count_events(p, r, &s, &from);
}

/* ---- the way down ---- */

static void enter_scope(struct span_metrics *p, struct bytes group)
{
    const struct strings *wanted = &p->config->include_instrumentation_scope;
    struct scope_view v;

    p->scope_name = bytes_of(NULL, 0);
    if (wanted->n == 0)
        return;
    v = scope_view(scope_group_view(group).scope);
    for (size_t i = 0; i < wanted->n; i++)
        if (v.name.len > 0 && bytes_is(v.name, wanted->v[i])) {
            p->scope_name = v.name;
            p->scope_version = v.version.data != NULL ? v.version : bytes_of("", 0);
            (void)short_part_new(p->scope_version, &p->version_digest);
        }
}

static bool is_key_attribute(const struct span_metrics *p, struct bytes key)
{
    const struct strings *keys = &p->config->resource_metrics_key_attributes;

    for (size_t i = 0; i < keys->n; i++)
        if (bytes_is(key, keys->v[i]))
            return true;
    return keys->n == 0;
}

/* "" of what is no string. */
static struct bytes text_of(struct bytes value)
{
    struct bytes text = pb_find_bytes(value, OTLP_ANY_STRING);

    return text.data != NULL ? text : bytes_of("", 0);
}

/* What the resource is known by; its service's name goes to `service` (no data: it has none), and its attributes, as
 * they are, to `scratch`. */
static struct digest read_resource(struct span_metrics *p, struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);
    struct digest_set set = { 0 };

    p->service = bytes_of(NULL, 0);
    p->scratch.len = 0;
    for (struct bytes field; message_next(&r, OTLP_RESOURCE_ATTRIBUTES, &field);) {
        struct key_value_view v = key_value_view(field);

        if (p->service.data == NULL && bytes_is(v.key, "service.name"))
            p->service = text_of(v.value);
        if (is_key_attribute(p, v.key))
            digest_set_add(&set, field);
        pb_put_bytes(&p->scratch, OTLP_RESOURCE_ATTRIBUTES, field);
    }
    (void)short_part_new(p->service, &p->service_digest);
    return digest_set_of((struct digest){ 0 }, &set);
}

static void open_families(struct span_metrics *p, struct resource_series *r)
{
    r->families[FAMILY_CALLS].has_durations = p->shared;
    r->families[FAMILY_DURATIONS].has_durations = true;
}

/* NULL: its spans are not counted. */
static struct resource_series *find_resource(struct span_metrics *p, struct bytes resource, uint64_t **uncounted)
{
    struct digest id = read_resource(p, resource);
    struct resource_series *r;

    *uncounted = &p->unnamed;
    if (p->service.data == NULL)
        return NULL;
    r = span_series_find_resource(&p->store, &id, p->mono);
    if (r != NULL)
        return r;
    r = span_series_add_resource(&p->store, &id, buf_bytes(&p->scratch), p->mono);
    *uncounted = &p->unkept;
    if (r != NULL)
        open_families(p, r);
    return r;
}

static void count_resource(struct span_metrics *p, struct bytes group)
{
    struct bytes resource = resource_group_view(group).resource;
    struct pb_reader scopes = pb_reader(group);
    uint64_t *uncounted;
    struct resource_series *r = find_resource(p, resource, &uncounted);

    slots_read(&p->resource_slots, &p->slot_names, resource, OTLP_RESOURCE_ATTRIBUTES);
    enter_lists(p, SOURCE_RESOURCE, &p->resource_slots);
    for (struct bytes scope; message_next(&scopes, OTLP_RESOURCE_GROUP_SCOPES, &scope);) {
        struct pb_reader spans = pb_reader(scope);

        enter_scope(p, scope);
        for (struct bytes span; message_next(&spans, OTLP_SCOPE_GROUP_ITEMS, &span);)
            if (r != NULL)
                count_span(p, r, span);
            else
                ++*uncounted;
    }
}

static void tell_uncounted(struct span_metrics *p)
{
    metric_add(p->no_service, p->unnamed);
    metric_add(p->no_memory, p->unkept);
    if (p->unkept > 0 && complaint_due(&p->memory, &p->node.host->loop->clock))
        log_warn(&p->node.log, "Spans are not counted: the memory budget has no room for their resource",
                 F_UINT("spans", p->unkept), F_UINT("repeated", complaint_taken(&p->memory)));
    p->unnamed = p->unkept = 0;
}

void span_metrics_count(struct span_metrics *p, const struct batch *batch)
{
    p->wall = clock_wall(&p->node.host->loop->clock);
    p->mono = clock_mono(&p->node.host->loop->clock);
    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(batch->segments[i].data, batch->segments[i].len));

        for (struct bytes group; message_next(&r, OTLP_REQUEST_RESOURCES, &group);)
            count_resource(p, group);
    }
    tell_uncounted(p);
}
