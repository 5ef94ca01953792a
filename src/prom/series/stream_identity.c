/* SPDX-License-Identifier: Apache-2.0 */
/* A member's identity is one number: of each level the sum of its attributes' hashes, in which their order does not
 * count, and then the levels one after another. It is worked out when a series meets bytes that it does not know, never
 * for a point whose series is found by its bytes. */
#include "prom/series/stream_identity.h"

#include "otlp/any_value.h"
#include "otlp/fields.h"

#define HEAD_TAIL 3u /* kind, temporality, monotonic: behind the fields of a head */

static uint64_t hash_attributes(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    uint64_t sum = 0;

    for (struct attribute a; attribute_next(&r, number, &a);)
        sum += identity_hash(identity_hash(0, a.key), a.value);
    return sum;
}

static struct bytes head_of(const struct stream *s)
{
    struct bytes raw = identity_raw(&s->id);

    return bytes_of(raw.data, raw.len - HEAD_TAIL);
}

static uint64_t hash_resource(const struct metric_scope *s)
{
    return hash_attributes(s->resource, OTLP_RESOURCE_ATTRIBUTES);
}

static uint64_t hash_scope(const struct metric_scope *s)
{
    uint64_t hash =
        identity_hash(hash_attributes(s->scope, OTLP_SCOPE_ATTRIBUTES), pb_find_bytes(s->scope, OTLP_SCOPE_NAME));

    return identity_hash(identity_hash(hash, pb_find_bytes(s->scope, OTLP_SCOPE_VERSION)), s->schema_url);
}

/* Its description is not what a metric is. */
static uint64_t hash_metric(const struct stream *s)
{
    struct bytes raw = identity_raw(&s->id), head = head_of(s);
    uint64_t hash =
        identity_hash(identity_hash(0, pb_find_bytes(head, OTLP_METRIC_NAME)), pb_find_bytes(head, OTLP_METRIC_UNIT));

    return identity_hash(hash, bytes_of(raw.data + raw.len - HEAD_TAIL, HEAD_TAIL));
}

uint64_t stream_member_identity(const struct stream_member *m)
{
    struct metric_scope scope = stream_metric_scope(m->stream);
    uint64_t levels[] = {
        hash_resource(&scope),
        hash_scope(&scope),
        hash_metric(m->stream),
        hash_attributes(m->attributes, point_attributes_field(m->stream->kind)),
    };

    return identity_hash(0, bytes_of((const uint8_t *)levels, sizeof(levels)));
}

/* ---- for people ---- */

static bool has_attribute(struct bytes message, uint32_t number, const struct attribute *wanted)
{
    struct pb_reader r = pb_reader(message);

    for (struct attribute a; attribute_next(&r, number, &a);)
        if (bytes_equal(a.key, wanted->key) && bytes_equal(a.value, wanted->value))
            return true;
    return false;
}

/* `key=value` of each attribute that `other` has not. */
static void put_others(struct buf *out, struct bytes message, uint32_t number, struct bytes other,
                       uint32_t other_number)
{
    struct pb_reader r = pb_reader(message);
    size_t start = out->len;

    for (struct attribute a; attribute_next(&r, number, &a);) {
        if (has_attribute(other, other_number, &a))
            continue;
        buf_puts(out, out->len > start ? ", " : "");
        buf_put(out, a.key);
        buf_putc(out, '=');
        any_value_put(out, a.value);
    }
    if (out->len == start)
        buf_puts(out, "(nothing)");
}

static void put_scope(struct buf *out, const struct metric_scope *s)
{
    buf_put(out, pb_find_bytes(s->scope, OTLP_SCOPE_NAME));
    buf_putc(out, ' ');
    buf_put(out, pb_find_bytes(s->scope, OTLP_SCOPE_VERSION));
}

static void put_metric(struct buf *out, const struct stream *s)
{
    struct bytes unit = pb_find_bytes(head_of(s), OTLP_METRIC_UNIT);

    buf_put(out, pb_find_bytes(head_of(s), OTLP_METRIC_NAME));
    if (unit.len > 0) {
        buf_puts(out, ", unit ");
        buf_put(out, unit);
    }
}

enum stream_difference stream_members_differ(const struct stream_member *a, const struct stream_member *b,
                                             struct buf *of_a, struct buf *of_b)
{
    struct metric_scope x = stream_metric_scope(a->stream), y = stream_metric_scope(b->stream);
    uint32_t of_x = point_attributes_field(a->stream->kind), of_y = point_attributes_field(b->stream->kind);

    if (hash_resource(&x) != hash_resource(&y)) {
        put_others(of_a, x.resource, OTLP_RESOURCE_ATTRIBUTES, y.resource, OTLP_RESOURCE_ATTRIBUTES);
        put_others(of_b, y.resource, OTLP_RESOURCE_ATTRIBUTES, x.resource, OTLP_RESOURCE_ATTRIBUTES);
        return DIFFERENT_RESOURCE;
    }
    if (hash_scope(&x) != hash_scope(&y)) {
        put_scope(of_a, &x);
        put_scope(of_b, &y);
        return DIFFERENT_SCOPE;
    }
    if (hash_metric(a->stream) != hash_metric(b->stream)) {
        put_metric(of_a, a->stream);
        put_metric(of_b, b->stream);
        return DIFFERENT_METRIC;
    }
    put_others(of_a, a->attributes, of_x, b->attributes, of_y);
    put_others(of_b, b->attributes, of_y, a->attributes, of_x);
    return DIFFERENT_ATTRIBUTES;
}
