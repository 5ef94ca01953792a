/* SPDX-License-Identifier: Apache-2.0 */
/* zipkin.proto3.ListOfSpans, whose one field is the spans. What can go wrong: it does not parse, an id has another
 * length. That fails the list. */
#include "spans/zipkin.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <uv.h>

enum { LIST_SPANS = 1 };
enum {
    SPAN_TRACE_ID = 1,
    SPAN_PARENT_ID = 2,
    SPAN_ID = 3,
    SPAN_KIND = 4,
    SPAN_NAME = 5,
    SPAN_TIME = 6,
    SPAN_DURATION = 7,
    SPAN_LOCAL = 8,
    SPAN_REMOTE = 9,
    SPAN_ANNOTATIONS = 10,
    SPAN_TAGS = 11,
};
enum { ENDPOINT_SERVICE = 1, ENDPOINT_IPV4 = 2, ENDPOINT_IPV6 = 3, ENDPOINT_PORT = 4 };
enum { ANNOTATION_TIME = 1, ANNOTATION_VALUE = 2 };
enum { TAG_KEY = 1, TAG_VALUE = 2 };

/* ---- reading ---- */

/* 4 or 16 bytes in either field: the Go collector writes an IPv4 address as the IPv6 address that it is mapped to. */
static bool read_address(struct bytes address, char *to)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (address.len == 16 && memcmp(address.data, mapped, sizeof(mapped)) == 0)
        address = bytes_skip(address, sizeof(mapped));
    return (address.len == 4 || address.len == 16) &&
           inet_ntop(address.len == 4 ? AF_INET : AF_INET6, address.data, to, ZIPKIN_ADDRESS_SIZE) != NULL;
}

static bool read_endpoint(struct bytes message, struct zipkin_endpoint *e)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == ENDPOINT_PORT && f.wire == PB_VARINT)
            e->port = f.u64 & 0xffff;
        if (f.wire != PB_LEN || f.bytes.len == 0)
            continue;
        if (f.number == ENDPOINT_SERVICE)
            e->service = f.bytes;
        if ((f.number == ENDPOINT_IPV4 && !read_address(f.bytes, e->ipv4)) ||
            (f.number == ENDPOINT_IPV6 && !read_address(f.bytes, e->ipv6)))
            return false;
    }
    return !r.bad;
}

static bool read_annotation(struct bytes message, struct zipkin_span *z)
{
    struct pb_reader r = pb_reader(message);
    struct zipkin_annotation a = { 0 };

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == ANNOTATION_TIME && f.wire == PB_FIXED64)
            a.time = f.u64;
        if (f.number == ANNOTATION_VALUE && f.wire == PB_LEN)
            a.value = f.bytes;
    }
    *vec_push(&z->annotations) = a;
    return !r.bad;
}

static bool read_tag(struct bytes message, struct zipkin_span *z)
{
    struct pb_reader r = pb_reader(message);
    struct bytes key = { NULL, 0 }, value = { NULL, 0 };

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == TAG_KEY && f.wire == PB_LEN)
            key = f.bytes;
        if (f.number == TAG_VALUE && f.wire == PB_LEN)
            value = f.bytes;
    }
    tags_put_text(&z->tags, key, value);
    return !r.bad;
}

static bool read_id(struct bytes id, uint8_t *to, size_t size)
{
    if (id.len == size)
        memcpy(to, id.data, size);
    return id.len == size || id.len == 0;
}

static bool read_bytes(struct zipkin_span *z, const struct pb_field *f)
{
    switch (f->number) {
    case SPAN_TRACE_ID:
        return read_id(f->bytes, z->trace_id, sizeof(z->trace_id));
    case SPAN_PARENT_ID:
        z->has_parent = f->bytes.len > 0;
        return read_id(f->bytes, z->parent_id, sizeof(z->parent_id));
    case SPAN_ID:
        return read_id(f->bytes, z->id, sizeof(z->id));
    case SPAN_NAME:
        z->name = f->bytes;
        return true;
    case SPAN_LOCAL:
        return read_endpoint(f->bytes, &z->local);
    case SPAN_REMOTE:
        return read_endpoint(f->bytes, &z->remote);
    case SPAN_ANNOTATIONS:
        return read_annotation(f->bytes, z);
    case SPAN_TAGS:
        return read_tag(f->bytes, z);
    default:
        return true;
    }
}

static const char too_many[] = "it has more than 100000 annotations and tags";

static const char *read_span(struct bytes message, struct zipkin_span *z)
{
    static const uint8_t none[8];
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (z->annotations.n + z->tags.list.n > ZIPKIN_VALUES)
            return too_many;
        if (f.wire == PB_LEN && !read_bytes(z, &f))
            return f.number == SPAN_TRACE_ID ? "a trace id has 16 bytes"
                   : f.number == SPAN_ID || f.number == SPAN_PARENT_ID
                       ? "an id has 8 bytes"
                       : "an endpoint, annotation or tag of a span is not valid";
        if (f.number == SPAN_KIND && f.wire == PB_VARINT && f.u64 <= ZIPKIN_CONSUMER)
            z->kind = (enum zipkin_kind)f.u64;
        if (f.number == SPAN_TIME && f.wire == PB_FIXED64)
            z->start = f.u64;
        if (f.number == SPAN_DURATION && f.wire == PB_VARINT)
            z->duration = f.u64;
    }
    if (r.bad)
        return "it is no message of protobuf";
    if (z->annotations.n + z->tags.list.n > ZIPKIN_VALUES)
        return too_many;
    return memcmp(z->id, none, sizeof(none)) == 0 ? "valid span id required" : NULL;
}

static int set_fault(const struct pb_reader *r, struct bytes list, const char *why, struct error *err)
{
    return error_set(err, UV_EINVAL, "the list of spans, up to byte %zu: %s", (size_t)(r->p - list.data), why);
}

int zipkin_proto_read(struct bytes list, size_t most, struct span_groups *groups, struct error *err)
{
    struct pb_reader r = pb_reader(list);
    struct zipkin_span z = { .start = 0 };
    struct buf scratch = { 0 };
    int rc = 0;

    for (struct pb_field f; rc == 0 && pb_next(&r, &f);) {
        const char *why;

        if (f.number != LIST_SPANS || f.wire != PB_LEN)
            continue;
        zipkin_span_clear(&z);
        why = read_span(f.bytes, &z);
        if (why != NULL)
            rc = set_fault(&r, list, why, err);
        else
            zipkin_to_otlp(&z, groups, &scratch);
        if (rc == 0 && groups->out->len > most)
            rc = UV_E2BIG;
    }
    if (rc == 0 && r.bad)
        rc = set_fault(&r, list, "it is no message of protobuf", err);
    zipkin_span_free(&z);
    buf_free(&scratch);
    return rc;
}

/* ---- writing ---- */

static void write_address(struct buf *out, uint32_t number, int family, const char *text)
{
    uint8_t address[16];

    if (text[0] != '\0' && inet_pton(family, text, address) == 1)
        pb_put_bytes(out, number, bytes_of(address, family == AF_INET ? 4 : 16));
}

static void write_endpoint(struct buf *out, uint32_t number, const struct zipkin_endpoint *e)
{
    size_t mark;

    if (e->service.len == 0 && e->ipv4[0] == '\0' && e->ipv6[0] == '\0' && e->port == 0)
        return;
    mark = pb_begin(out, number);
    pb_put_bytes(out, ENDPOINT_SERVICE, e->service);
    write_address(out, ENDPOINT_IPV4, AF_INET, e->ipv4);
    write_address(out, ENDPOINT_IPV6, AF_INET6, e->ipv6);
    if (e->port != 0)
        pb_put_uint(out, ENDPOINT_PORT, e->port);
    pb_end(out, mark);
}

static void write_lists(const struct zipkin_span *z, struct buf *out)
{
    for (size_t i = 0; i < z->annotations.n; i++) {
        size_t mark = pb_begin(out, SPAN_ANNOTATIONS);

        pb_put_fixed64(out, ANNOTATION_TIME, z->annotations.v[i].time);
        pb_put_bytes(out, ANNOTATION_VALUE, z->annotations.v[i].value);
        pb_end(out, mark);
    }
    tags_each (tag, &z->tags) {
        size_t mark = pb_begin(out, SPAN_TAGS);

        pb_put_bytes(out, TAG_KEY, tag->key);
        pb_put_bytes(out, TAG_VALUE, tag->value.bytes);
        pb_end(out, mark);
    }
}

void zipkin_proto_write(const struct zipkin_span *z, struct buf *out)
{
    size_t mark = pb_begin(out, LIST_SPANS);

    pb_put_bytes(out, SPAN_TRACE_ID, bytes_of(z->trace_id, sizeof(z->trace_id)));
    if (z->has_parent)
        pb_put_bytes(out, SPAN_PARENT_ID, bytes_of(z->parent_id, sizeof(z->parent_id)));
    pb_put_bytes(out, SPAN_ID, bytes_of(z->id, sizeof(z->id)));
    if (z->kind != ZIPKIN_NO_KIND)
        pb_put_uint(out, SPAN_KIND, z->kind);
    pb_put_bytes(out, SPAN_NAME, z->name);
    if (z->start != 0)
        pb_put_fixed64(out, SPAN_TIME, z->start);
    if (z->duration != 0)
        pb_put_uint(out, SPAN_DURATION, z->duration);
    write_endpoint(out, SPAN_LOCAL, &z->local);
    write_endpoint(out, SPAN_REMOTE, &z->remote);
    write_lists(z, out);
    pb_end(out, mark);
}
