/* SPDX-License-Identifier: Apache-2.0 */
/* A span of OTLP as a Jaeger span, with its resource as the process. What Jaeger has no field for is a tag of an agreed
 * name (jaeger_to_otlp.c reads them); of attributes, lists and maps become JSON. Attributes of the scope, dropped
 * counts, the names of links' attributes and schema URLs have no place in it. Resource and scope are read for the first
 * of the spans that follow one another in them. Nothing can go wrong. */
#include "spans/jaeger.h"

#include "otlp/view.h"

#include <stdlib.h>

/* ---- tags ---- */

static struct value value_of(struct arena *a, struct bytes any_value)
{
    struct value v = value_read(any_value);
    struct buf text = { 0 };

    if (v.type == VALUE_ARRAY || v.type == VALUE_MAP) {
        any_value_put(&text, any_value);
        v = (struct value){ .type = VALUE_STRING };
        v.bytes = bytes_of(arena_strndup(a, text.data, text.len), text.len);
        buf_free(&text);
    }
    if (v.type == VALUE_EMPTY)
        v = (struct value){ .type = VALUE_STRING };
    return v;
}

/* A code of HTTP has its older name in Jaeger. */
static struct bytes name_of(struct bytes key)
{
    return bytes_is(key, "http.response.status_code") ? bytes_str("http.status_code") : key;
}

static void put_tags(struct jaeger_span *j, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);

    for (struct attribute a; attribute_next(&r, number, &a);)
        tags_put(&j->tags, name_of(a.key), value_of(&j->arena, a.value));
}

/* ---- the span's parts ---- */

static void read_process(struct jaeger_span *j, struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);
    bool any = false;

    for (struct attribute a; attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);) {
        any = true;
        tags_put(&j->process, a.key, value_of(&j->common.arena, a.value));
    }
    tags_take_text(&j->process, "service.name", &j->service);
    if (!any)
        j->service = bytes_str(JAEGER_NO_SERVICE);
}

static void read_scope(struct jaeger_span *j, struct bytes scope)
{
    struct scope_view v = scope_view(scope);

    if (v.name.len > 0)
        tags_put_text(&j->tags, bytes_str("otel.scope.name"), v.name);
    if (v.version.len > 0)
        tags_put_text(&j->tags, bytes_str("otel.scope.version"), v.version);
}

/* Resource and scope are read when they are others than those of the span before. */
static void begin_span(struct jaeger_span *j, struct bytes resource, struct bytes scope)
{
    if (span_scope_is(&j->common, resource, scope)) {
        jaeger_span_empty(j);
        tags_rewind(&j->tags);
        return;
    }
    jaeger_span_clear(j);
    span_scope_set(&j->common, resource, scope);
    read_process(j, resource);
    read_scope(j, scope);
    tags_mark(&j->tags);
}

static void read_kind(struct jaeger_span *j, uint64_t kind)
{
    static const char *const kinds[] = { NULL, "internal", "server", "client", "producer", "consumer" };

    if (kind > 0 && kind < ARRAY_LEN(kinds))
        tags_put_text(&j->tags, bytes_str("span.kind"), bytes_str(kinds[kind]));
}

static void read_status(struct jaeger_span *j, struct bytes status)
{
    struct status_view v = status_view(status);

    if (v.code == 1 || v.code == 2)
        tags_put_text(&j->tags, bytes_str("otel.status_code"), bytes_str(v.code == 1 ? "OK" : "ERROR"));
    if (v.code == 2)
        tags_put(&j->tags, bytes_str("error"), (struct value){ .type = VALUE_BOOL, .boolean = true });
    if (v.message.len > 0)
        tags_put_text(&j->tags, bytes_str("otel.status_description"), v.message);
}

static void put_field(struct jaeger_span *j, struct jaeger_log *log, struct bytes key, struct value value)
{
    *vec_push(&j->fields) = (struct tag){ .key = key, .value = value };
    log->n++;
}

static void read_event(struct jaeger_span *j, struct bytes event)
{
    struct event_view v = event_view(event);
    struct jaeger_log log = { .time = v.time, .first = j->fields.n };
    struct pb_reader r = pb_reader(event);
    bool named = v.name.len == 0;

    for (struct attribute a; attribute_next(&r, OTLP_EVENT_ATTRIBUTES, &a);) {
        named = named || bytes_is(a.key, "event");
        put_field(j, &log, name_of(a.key), value_of(&j->arena, a.value));
    }
    if (!named)
        put_field(j, &log, bytes_str("event"), (struct value){ VALUE_STRING, { .bytes = v.name } });
    *vec_push(&j->logs) = log;
}

/* ---- references ---- */

static bool copy_id(uint8_t *to, struct bytes id, size_t size)
{
    static const uint8_t none[16];

    if (id.len == size)
        memcpy(to, id.data, size);
    return id.len == size && memcmp(id.data, none, size) != 0;
}

/* A link says what kind of reference it was; one that says nothing is followed. */
static bool is_child(struct bytes link)
{
    struct pb_reader r = pb_reader(link);
    struct value v = { .type = VALUE_EMPTY };

    for (struct attribute a; attribute_next(&r, OTLP_LINK_ATTRIBUTES, &a);)
        if (bytes_is(a.key, "opentracing.ref_type"))
            v = value_read(a.value);
    return v.type == VALUE_STRING && bytes_is(v.bytes, "child_of");
}

/* To the parent there is one reference, the first, of the kind that a link to it says. */
static void read_link(struct jaeger_span *j, struct bytes link, bool has_parent)
{
    struct link_view v = link_view(link);
    struct jaeger_reference ref = { .follows = !is_child(link) };
    struct jaeger_reference *first = has_parent ? &j->references.v[0] : NULL;

    copy_id(ref.trace_id, v.trace_id, sizeof(ref.trace_id));
    copy_id(ref.span_id, v.span_id, sizeof(ref.span_id));
    if (first != NULL && memcmp(first->trace_id, ref.trace_id, sizeof(ref.trace_id)) == 0 &&
        memcmp(first->span_id, ref.span_id, sizeof(ref.span_id)) == 0)
        first->follows = ref.follows;
    else
        *vec_push(&j->references) = ref;
}

static void read_lists(struct jaeger_span *j, struct bytes span, struct bytes parent_id)
{
    struct jaeger_reference parent = { .follows = false };
    bool has_parent = copy_id(parent.span_id, parent_id, sizeof(parent.span_id));
    struct pb_reader r = pb_reader(span);

    memcpy(parent.trace_id, j->trace_id, sizeof(parent.trace_id));
    if (has_parent)
        *vec_push(&j->references) = parent;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire == PB_LEN && f.number == OTLP_SPAN_LINKS)
            read_link(j, f.bytes, has_parent);
        if (f.wire == PB_LEN && f.number == OTLP_SPAN_EVENTS)
            read_event(j, f.bytes);
    }
}

void jaeger_from_otlp(struct bytes resource, struct bytes scope, struct bytes span, struct jaeger_span *j)
{
    struct span_view v = span_view(span);

    begin_span(j, resource, scope);
    memset(j->trace_id, 0, sizeof(j->trace_id));
    memset(j->span_id, 0, sizeof(j->span_id));
    copy_id(j->trace_id, v.trace_id, sizeof(j->trace_id));
    copy_id(j->span_id, v.span_id, sizeof(j->span_id));
    j->name = v.name;
    j->flags = v.flags & 1;
    j->start = v.start;
    j->duration = (int64_t)(v.end - v.start);
    put_tags(j, span, OTLP_SPAN_ATTRIBUTES);
    read_kind(j, v.kind);
    read_status(j, v.status);
    if (v.trace_state.len > 0)
        tags_put_text(&j->tags, bytes_str("w3c.tracestate"), v.trace_state);
    read_lists(j, span, v.parent_id);
}
