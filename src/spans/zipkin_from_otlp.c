/* SPDX-License-Identifier: Apache-2.0 */
/* A span of OTLP as a Zipkin span. Attributes of the resource, of the scope and of the span are its tags, the nearer
 * before the farther; some of them have fields of their own in Zipkin, and are no tags then. What Zipkin has no field
 * for is a tag of an agreed name (zipkin_to_otlp.c reads them). Spans of one scope begin with the tags that resource
 * and scope come to, which are read for the first of them.
 *
 * What can go wrong: it has no trace id or id, without which Zipkin has no spans. */
#include "spans/zipkin.h"

#include "codec/base64.h"
#include "otlp/view.h"

#include <stdio.h>

/* ---- texts, in an arena ---- */

/* The text goes over into the arena. */
static struct bytes keep_text(struct arena *a, struct buf *text)
{
    uint8_t *copy = arena_alloc_bytes(a, text->len + 1);
    size_t len = text->len;

    if (len > 0)
        memcpy(copy, text->data, len);
    buf_free(text);
    return bytes_of(copy, len);
}

static struct bytes text_of(struct arena *a, struct bytes any_value)
{
    struct value v = value_read(any_value);
    struct buf text = { 0 };

    if (v.type == VALUE_STRING)
        return v.bytes;
    any_value_put(&text, any_value);
    return keep_text(a, &text);
}

static void put_tags(struct zipkin_span *z, struct arena *arena, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);

    for (struct attribute a; attribute_next(&r, number, &a);)
        tags_put_text(&z->tags, a.key, text_of(arena, a.value));
}

/* "{attributes}|dropped", as JSON. */
static void put_ending(struct buf *out, struct bytes message, uint32_t number, uint64_t dropped)
{
    struct buf map = { 0 };
    struct pb_reader r = pb_reader(message);
    size_t mark = pb_begin(&map, OTLP_ANY_MAP);

    for (struct bytes pair; message_next(&r, number, &pair);)
        pb_put_bytes(&map, OTLP_LIST_VALUES, pair);
    pb_end(&map, mark);
    any_value_put(out, buf_bytes(&map));
    buf_printf(out, "|%llu", (unsigned long long)dropped);
    buf_free(&map);
}

static bool has_attributes(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct bytes pair;

    return message_next(&r, number, &pair);
}

/* ---- resource and scope ---- */

/* The first of these that there is is the service's name; another than the first is named by a tag. */
static struct bytes take_service(struct zipkin_span *z)
{
    static const char *const sources[] = { "service.name", "faas.name", "k8s.deployment.name",
                                           "process.executable.name" };
    struct bytes name;

    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (!tags_take_text(&z->tags, sources[i], &name))
            continue;
        if (i > 0)
            tags_put_text(&z->tags, bytes_str(ZIPKIN_NAME_SOURCE), bytes_str(sources[i]));
        return name;
    }
    return bytes_str(ZIPKIN_NO_SERVICE);
}

static void read_resource(struct zipkin_span *z, struct bytes resource)
{
    struct bytes id;

    put_tags(z, &z->common.arena, resource, OTLP_RESOURCE_ATTRIBUTES);
    if (tags_take_text(&z->tags, "cloud.resource_id", &id) && tags_find(&z->tags, "faas.id") == NULL)
        tags_put_text(&z->tags, bytes_str("faas.id"), id);
    z->common_service = take_service(z);
}

static void read_scope(struct zipkin_span *z, struct bytes scope)
{
    struct scope_view v = scope_view(scope);

    put_tags(z, &z->common.arena, scope, OTLP_SCOPE_ATTRIBUTES);
    if (v.name.len > 0)
        tags_put_text(&z->tags, bytes_str("otel.library.name"), v.name);
    if (v.version.len > 0)
        tags_put_text(&z->tags, bytes_str("otel.library.version"), v.version);
}

/* Resource and scope are read when they are others than those of the span before. */
static void begin_span(struct zipkin_span *z, struct bytes resource, struct bytes scope)
{
    if (span_scope_is(&z->common, resource, scope)) {
        const struct zipkin_span before = *z;

        *z = (struct zipkin_span){ .annotations = before.annotations,
                                   .tags = before.tags,
                                   .arena = before.arena,
                                   .common = before.common,
                                   .common_service = before.common_service };
        z->annotations.n = 0;
        arena_reset(&z->arena);
        tags_rewind(&z->tags);
    } else {
        zipkin_span_clear(z);
        span_scope_set(&z->common, resource, scope);
        read_resource(z, resource);
        read_scope(z, scope);
        tags_mark(&z->tags);
    }
    z->local.service = z->common_service;
}

/* ---- endpoints ---- */

static void take_address(struct zipkin_span *z, struct zipkin_endpoint *e, const char *key)
{
    const struct tag *t = tags_find(&z->tags, key);
    char text[ZIPKIN_ADDRESS_SIZE];

    if (t == NULL || !zipkin_address(t->value.bytes, text))
        return;
    memcpy(strchr(text, ':') != NULL ? e->ipv6 : e->ipv4, text, sizeof(text));
    tags_take(&z->tags, key);
}

/* An endpoint without a name or an address is none, and the port stays a tag. */
static void take_port(struct zipkin_span *z, struct zipkin_endpoint *e, const char *key)
{
    const struct tag *t = tags_find(&z->tags, key);
    uint64_t port;

    if (t == NULL || !bytes_decimal(t->value.bytes, &port) || port == 0 || port > UINT16_MAX ||
        (e->service.len == 0 && e->ipv4[0] == '\0' && e->ipv6[0] == '\0'))
        return;
    e->port = port;
    tags_take(&z->tags, key);
}

static void take_endpoints(struct zipkin_span *z)
{
    take_address(z, &z->local, "network.local.address");
    take_port(z, &z->local, "net.host.port");
    if (!tags_take_text(&z->tags, "service.peer.name", &z->remote.service))
        tags_take_text(&z->tags, "peer.service", &z->remote.service);
    take_address(z, &z->remote, "network.peer.address");
    take_port(z, &z->remote, "net.peer.port");
}

/* ---- the span ---- */

static uint64_t to_us(uint64_t ns)
{
    return ns / 1000 + (ns % 1000 >= 500);
}

static void read_status(struct zipkin_span *z, struct bytes status)
{
    struct status_view v = status_view(status);

    tags_take(&z->tags, "error");
    if (v.code == 2)
        tags_put_text(&z->tags, bytes_str("error"), bytes_str("true"));
    if (v.code != 1 && v.code != 2)
        return;
    tags_put_text(&z->tags, bytes_str("otel.status_code"),
                  bytes_str(v.code == 1 ? "STATUS_CODE_OK" : "STATUS_CODE_ERROR"));
    if (v.message.len > 0)
        tags_put_text(&z->tags, bytes_str("otel.status_description"), v.message);
}

static void read_event(struct zipkin_span *z, struct bytes event)
{
    struct event_view v = event_view(event);
    struct zipkin_annotation a = { to_us(v.time), v.name };
    struct buf text = { 0 };

    if (v.dropped_attributes > 0 || has_attributes(event, OTLP_EVENT_ATTRIBUTES)) {
        buf_put(&text, v.name);
        buf_putc(&text, '|');
        put_ending(&text, event, OTLP_EVENT_ATTRIBUTES, v.dropped_attributes);
        a.value = keep_text(&z->arena, &text);
    }
    *vec_push(&z->annotations) = a;
}

static void read_link(struct zipkin_span *z, struct bytes link, unsigned i)
{
    struct link_view v = link_view(link);
    struct buf text = { 0 };
    char key[32];

    snprintf(key, sizeof(key), "otlp.link.%u", i);
    hex_encode(v.trace_id, &text);
    buf_putc(&text, '|');
    hex_encode(v.span_id, &text);
    buf_putc(&text, '|');
    buf_put(&text, v.trace_state);
    buf_putc(&text, '|');
    put_ending(&text, link, OTLP_LINK_ATTRIBUTES, v.dropped_attributes);
    tags_put_text(&z->tags, bytes_str(arena_strdup(&z->arena, key)), keep_text(&z->arena, &text));
}

static void read_times(struct zipkin_span *z, const struct span_view *v)
{
    uint64_t duration = v->end > v->start ? v->end - v->start : 0;

    z->start = v->start >= 1000000000 ? to_us(v->start) : 0;
    z->duration = duration > 0 && duration < 1000 ? 1 : to_us(duration);
}

static void read_fields(struct zipkin_span *z, const struct span_view *v)
{
    static const enum zipkin_kind kinds[] = { ZIPKIN_NO_KIND, ZIPKIN_NO_KIND,  ZIPKIN_SERVER,
                                              ZIPKIN_CLIENT,  ZIPKIN_PRODUCER, ZIPKIN_CONSUMER };

    z->name = v->name;
    z->kind = v->kind < ARRAY_LEN(kinds) ? kinds[v->kind] : ZIPKIN_NO_KIND;
    if (v->kind == 1)
        tags_put_text(&z->tags, bytes_str("span.kind"), bytes_str("internal"));
    if (v->trace_state.len > 0)
        tags_put_text(&z->tags, bytes_str("w3c.tracestate"), v->trace_state);
    read_times(z, v);
}

static bool copy_id(uint8_t *to, struct bytes id, size_t size)
{
    static const uint8_t none[16];

    if (id.len != size || memcmp(id.data, none, size) == 0)
        return false;
    memcpy(to, id.data, size);
    return true;
}

bool zipkin_from_otlp(struct bytes resource, struct bytes scope, struct bytes span, struct zipkin_span *z)
{
    struct span_view v = span_view(span);
    struct pb_reader r = pb_reader(span);
    const struct tag *code;
    unsigned links = 0;

    begin_span(z, resource, scope);
    if (!copy_id(z->trace_id, v.trace_id, sizeof(z->trace_id)) || !copy_id(z->id, v.span_id, sizeof(z->id)))
        return false;
    z->has_parent = copy_id(z->parent_id, v.parent_id, sizeof(z->parent_id));
    put_tags(z, &z->arena, span, OTLP_SPAN_ATTRIBUTES);
    code = tags_find(&z->tags, "http.response.status_code");
    if (code != NULL && tags_find(&z->tags, "http.status_code") == NULL)
        tags_put_text(&z->tags, bytes_str("http.status_code"), code->value.bytes);
    read_fields(z, &v);
    take_endpoints(z);
    read_status(z, v.status);
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire == PB_LEN && f.number == OTLP_SPAN_EVENTS)
            read_event(z, f.bytes);
        if (f.wire == PB_LEN && f.number == OTLP_SPAN_LINKS)
            read_link(z, f.bytes, links++);
    }
    return true;
}
