/* SPDX-License-Identifier: Apache-2.0 */
/* A Zipkin span as a span of OTLP. Zipkin has tags for all that it has no field for, and exporters have agreed on names
 * of them: those are taken first, each into its place; what is left of the tags are attributes.
 *
 * A tag or annotation that looks like one of those, and cannot be read as one, stays what it is. Tags that describe a
 * resource (host.name) become attributes of the span's own; so two spans of one service may stand in two groups. */
#include "spans/zipkin.h"

#include "codec/base64.h"
#include "codec/json_tree.h"
#include "otlp/fields.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON_VALUES 10000 /* attributes of an event or a link */
#define JSON_DEPTH 10
#define LINKS_MOST 128

/* What is an attribute of a resource, by the semantic conventions; in order. */
static const char *const resource_keys[] = {
    "aws.ecs.cluster.arn",
    "aws.ecs.container.arn",
    "aws.ecs.launchtype",
    "aws.ecs.task.arn",
    "aws.ecs.task.family",
    "aws.ecs.task.revision",
    "aws.eks.cluster.arn",
    "aws.log.group.arns",
    "aws.log.group.names",
    "aws.log.stream.arns",
    "aws.log.stream.names",
    "cloud.account.id",
    "cloud.availability_zone",
    "cloud.platform",
    "cloud.provider",
    "cloud.region",
    "cloud.resource_id",
    "container.id",
    "container.image.name",
    "container.image.tag",
    "container.name",
    "container.runtime",
    "deployment.environment",
    "device.id",
    "device.manufacturer",
    "device.model.identifier",
    "device.model.name",
    "faas.id",
    "faas.instance",
    "faas.max_memory",
    "faas.name",
    "faas.version",
    "host.arch",
    "host.id",
    "host.image.id",
    "host.image.name",
    "host.image.version",
    "host.name",
    "host.type",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.container.restart_count",
    "k8s.cronjob.name",
    "k8s.cronjob.uid",
    "k8s.daemonset.name",
    "k8s.daemonset.uid",
    "k8s.deployment.name",
    "k8s.deployment.uid",
    "k8s.job.name",
    "k8s.job.uid",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.node.uid",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.replicaset.name",
    "k8s.replicaset.uid",
    "k8s.statefulset.name",
    "k8s.statefulset.uid",
    "opencensus.exporterversion",
    "opencensus.resourcetype",
    "opencensus.starttime",
    "os.description",
    "os.name",
    "os.type",
    "os.version",
    "process.command",
    "process.command_args",
    "process.command_line",
    "process.executable.name",
    "process.executable.path",
    "process.owner",
    "process.pid",
    "process.runtime.description",
    "process.runtime.name",
    "process.runtime.version",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "telemetry.auto.version",
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "webengine.description",
    "webengine.name",
    "webengine.version",
};

static int compare_key(const void *key, const void *element)
{
    const char *const *name = element;

    return bytes_compare(*(const struct bytes *)key, bytes_str(*name));
}

static bool is_of_resource(struct bytes key)
{
    return bsearch(&key, resource_keys, ARRAY_LEN(resource_keys), sizeof(resource_keys[0]), compare_key) != NULL;
}

/* ---- resource and scope ---- */

static void put_resource(struct zipkin_span *z, struct buf *out)
{
    struct bytes service = z->local.service, source = { NULL, 0 };

    if (bytes_is(service, ZIPKIN_NO_SERVICE))
        service.len = 0;
    if (service.len > 0) {
        if (!tags_take_text(&z->tags, ZIPKIN_NAME_SOURCE, &source) || source.len == 0)
            source = bytes_str("service.name");
        attribute_write(out, OTLP_RESOURCE_ATTRIBUTES, source, &(struct value){ VALUE_STRING, { .bytes = service } });
    }
    for (size_t i = 0; i < z->tags.list.n; i++) {
        struct tag *t = &z->tags.list.v[i];

        if (t->taken || !is_of_resource(t->key) || bytes_equal(t->key, source))
            continue;
        attribute_write(out, OTLP_RESOURCE_ATTRIBUTES, t->key, &t->value);
        t->taken = true;
    }
}

static void put_scope(struct zipkin_span *z, struct buf *out)
{
    struct bytes name = { NULL, 0 }, version = { NULL, 0 };

    tags_take_text(&z->tags, "otel.library.name", &name);
    tags_take_text(&z->tags, "otel.scope.name", &name);
    tags_take_text(&z->tags, "otel.library.version", &version);
    tags_take_text(&z->tags, "otel.scope.version", &version);
    if (name.len > 0)
        pb_put_bytes(out, OTLP_SCOPE_NAME, name);
    if (version.len > 0)
        pb_put_bytes(out, OTLP_SCOPE_VERSION, version);
}

/* ---- kind and status ---- */

static uint64_t take_kind(struct zipkin_span *z)
{
    static const uint8_t kinds[] = {
        [ZIPKIN_CLIENT] = 3, [ZIPKIN_SERVER] = 2, [ZIPKIN_PRODUCER] = 4, [ZIPKIN_CONSUMER] = 5
    };
    struct bytes named = { NULL, 0 };

    if (z->kind != ZIPKIN_NO_KIND)
        return kinds[z->kind];
    tags_take_text(&z->tags, "span.kind", &named);
    return bytes_is(named, "internal") ? 1 : 0;
}

static void put_status(struct zipkin_span *z, struct buf *out)
{
    struct bytes named = { NULL, 0 }, message = { NULL, 0 };
    const struct tag *error;
    uint64_t code = 0;

    if (tags_take_text(&z->tags, "otel.status_code", &named)) {
        if (bytes_is(named, "STATUS_CODE_OK") || bytes_is(named, "Ok"))
            code = 1;
        else if (bytes_is(named, "STATUS_CODE_ERROR") || bytes_is(named, "Error"))
            code = 2;
        tags_take_text(&z->tags, "otel.status_description", &message);
    }
    error = tags_find(&z->tags, "error");
    if (error != NULL) {
        code = 2;
        if (bytes_is(error->value.bytes, "true"))
            tags_take(&z->tags, "error");
    }
    status_write(out, code, message);
}

/* ---- events and links ---- */

/* "{attributes}|dropped" at the end of a text; good until the next is read. */
struct ending {
    const struct json_node *attributes;
    uint64_t dropped;
};

static bool read_ending(struct bytes text, struct arena *a, struct ending *e)
{
    static const struct json_tree_rules rules = { .max_nodes = JSON_VALUES, .max_depth = JSON_DEPTH };
    const uint8_t *bar = text.len > 0 ? memrchr(text.data, '|', text.len) : NULL;
    size_t before;

    if (bar == NULL || text.data[0] != '{')
        return false;
    before = (size_t)(bar - text.data);
    if (!bytes_decimal(bytes_skip(text, before + 1), &e->dropped) || e->dropped > UINT32_MAX)
        return false;
    arena_reset(a);
    e->attributes = json_tree_parse(bytes_of(text.data, before), a, &rules, NULL);
    return e->attributes != NULL;
}

static void put_ending(const struct ending *e, uint32_t attributes, uint32_t dropped, struct buf *out)
{
    json_each (n, e->attributes) {
        size_t pair = pb_begin(out, attributes), content;

        pb_put_bytes(out, OTLP_KEY_VALUE_KEY, n->key);
        content = pb_begin(out, OTLP_KEY_VALUE_VALUE);
        any_value_put_json(out, n, JSON_NUMBERS_WHOLE);
        pb_end(out, content);
        pb_end(out, pair);
    }
    if (e->dropped > 0)
        pb_put_uint(out, dropped, e->dropped);
}

static uint64_t to_ns(uint64_t us)
{
    return us <= UINT64_MAX / 1000 ? us * 1000 : 0;
}

/* Its value is a name, or "name|{attributes}|dropped". */
static void put_event(struct zipkin_span *z, const struct zipkin_annotation *a, struct buf *out)
{
    const uint8_t *bar = a->value.len > 0 ? memmem(a->value.data, a->value.len, "|{", 2) : NULL;
    size_t mark = pb_begin(out, OTLP_SPAN_EVENTS), name = bar != NULL ? (size_t)(bar - a->value.data) : a->value.len;
    struct ending e = { 0 };
    bool whole = bar == NULL || !read_ending(bytes_skip(a->value, name + 1), &z->arena, &e);

    pb_put_fixed64(out, OTLP_EVENT_TIME, to_ns(a->time));
    pb_put_bytes(out, OTLP_EVENT_NAME, whole ? a->value : bytes_of(a->value.data, name));
    if (!whole)
        put_ending(&e, OTLP_EVENT_ATTRIBUTES, OTLP_EVENT_DROPPED_ATTRIBUTES, out);
    pb_end(out, mark);
}

/* What is in front of the next bar, which is passed. */
static bool next_part(struct bytes *text, struct bytes *part)
{
    const uint8_t *bar = text->len > 0 ? memchr(text->data, '|', text->len) : NULL;

    if (bar == NULL)
        return false;
    *part = bytes_of(text->data, (size_t)(bar - text->data));
    *text = bytes_skip(*text, part->len + 1);
    return true;
}

static bool read_id(struct bytes text, uint8_t *id, size_t size)
{
    return text.len == 0 || (text.len == 2 * size && hex_decode(text, id));
}

/* "trace id|span id|trace state|{attributes}|dropped". */
static bool put_link(struct zipkin_span *z, struct bytes text, struct buf *out)
{
    struct bytes trace, span, state;
    uint8_t trace_id[16] = { 0 }, span_id[8] = { 0 };
    struct ending e = { 0 };
    size_t mark;

    if (!next_part(&text, &trace) || !next_part(&text, &span) || !next_part(&text, &state) ||
        !read_id(trace, trace_id, sizeof(trace_id)) || !read_id(span, span_id, sizeof(span_id)) ||
        !read_ending(text, &z->arena, &e))
        return false;
    mark = pb_begin(out, OTLP_SPAN_LINKS);
    pb_put_bytes(out, OTLP_LINK_TRACE_ID, bytes_of(trace_id, sizeof(trace_id)));
    pb_put_bytes(out, OTLP_LINK_SPAN_ID, bytes_of(span_id, sizeof(span_id)));
    if (state.len > 0)
        pb_put_bytes(out, OTLP_LINK_TRACE_STATE, state);
    put_ending(&e, OTLP_LINK_ATTRIBUTES, OTLP_LINK_DROPPED_ATTRIBUTES, out);
    pb_end(out, mark);
    return true;
}

static void put_links(struct zipkin_span *z, struct buf *out)
{
    for (int i = 0; i < LINKS_MOST; i++) {
        char key[32];
        const struct tag *t;

        snprintf(key, sizeof(key), "otlp.link.%d", i);
        t = tags_find(&z->tags, key);
        if (t == NULL)
            return;
        if (put_link(z, t->value.bytes, out))
            tags_take(&z->tags, key);
    }
}

/* ---- all of it ---- */

static void put_endpoint_tags(struct tags *t, const struct zipkin_endpoint *e, const char *address, const char *port)
{
    if (e->ipv4[0] != '\0' || e->ipv6[0] != '\0')
        tags_put_text(t, bytes_str(address), bytes_str(e->ipv6[0] != '\0' ? e->ipv6 : e->ipv4));
    if (e->port > 0)
        tags_put(t, bytes_str(port), (struct value){ .type = VALUE_INT, .integer = (int64_t)(e->port & 0xffff) });
}

static void put_times(struct zipkin_span *z, struct buf *out)
{
    uint64_t start = to_ns(z->start), duration = to_ns(z->duration);

    if (start == 0)
        tags_put(&z->tags, bytes_str(ZIPKIN_NO_START), (struct value){ .type = VALUE_BOOL, .boolean = true });
    else
        pb_put_fixed64(out, OTLP_SPAN_START, start);
    if (start + duration > 0)
        pb_put_fixed64(out, OTLP_SPAN_END, start + duration < start ? start : start + duration);
}

static void put_span(struct zipkin_span *z, struct buf *out)
{
    static const uint8_t none[8];
    struct bytes state = { NULL, 0 };
    uint64_t kind;

    pb_put_bytes(out, OTLP_SPAN_TRACE_ID, bytes_of(z->trace_id, sizeof(z->trace_id)));
    pb_put_bytes(out, OTLP_SPAN_SPAN_ID, bytes_of(z->id, sizeof(z->id)));
    if (tags_take_text(&z->tags, "w3c.tracestate", &state) && state.len > 0)
        pb_put_bytes(out, OTLP_SPAN_TRACE_STATE, state);
    if (z->has_parent && memcmp(z->parent_id, z->id, sizeof(z->id)) != 0 &&
        memcmp(z->parent_id, none, sizeof(none)) != 0)
        pb_put_bytes(out, OTLP_SPAN_PARENT_ID, bytes_of(z->parent_id, sizeof(z->parent_id)));
    if (z->name.len > 0)
        pb_put_bytes(out, OTLP_SPAN_NAME, z->name);
    kind = take_kind(z);
    if (kind != 0)
        pb_put_uint(out, OTLP_SPAN_KIND, kind);
    put_times(z, out);
    put_status(z, out);
    put_links(z, out);
    put_endpoint_tags(&z->tags, &z->local, "network.local.address", "net.host.port");
    put_endpoint_tags(&z->tags, &z->remote, "network.peer.address", "net.peer.port");
    if (z->remote.service.len > 0)
        tags_put_text(&z->tags, bytes_str("service.peer.name"), z->remote.service);
    tags_write(&z->tags, OTLP_SPAN_ATTRIBUTES, out);
    for (size_t i = 0; i < z->annotations.n; i++)
        put_event(z, &z->annotations.v[i], out);
}

void zipkin_to_otlp(struct zipkin_span *z, struct span_groups *groups, struct buf *scratch)
{
    put_resource(z, &groups->resource);
    put_scope(z, &groups->scope);
    scratch->len = 0;
    put_span(z, scratch);
    span_groups_put(groups, buf_bytes(scratch));
}
