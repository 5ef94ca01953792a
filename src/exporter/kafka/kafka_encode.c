/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a record. A piece that is one run of bytes is sent from where it lies; one of several is gathered in a
 * block; all that is not OTLP's own form is written into one. Batches are valid; what can go wrong is that an encoding
 * has no place for what there is (Zipkin for a span without ids), or repeats so much that it is too long. */
#include "exporter/kafka/kafka_exporter.h"

#include "codec/json_write.h"
#include "otlp/any_value.h"
#include "otlp/fields.h"
#include "otlp/json.h"
#include "spans/zipkin.h"

#include <assert.h>
#include <string.h>

static struct block *block_of(struct kafka_exporter *n, struct bytes text)
{
    struct block *b = block_force(host_budget(n->node.host, n->node.signal), text.len);

    if (text.len > 0)
        memcpy(b->data, text.data, text.len);
    return b;
}

static struct block *gather_batch(struct kafka_exporter *n, const struct batch *b)
{
    struct block *whole = block_force(host_budget(n->node.host, n->node.signal), b->bytes);
    uint8_t *at = whole->data;

    for (uint32_t i = 0; i < b->n_segments; at += b->segments[i++].len)
        memcpy(at, b->segments[i].data, b->segments[i].len);
    return whole;
}

static void encode_json(struct bytes request, enum signal signal, struct buf *out)
{
    struct error err = { 0 };
    int rc = wire_to_json(signal_table[signal].request, request, out, &err);

    assert(rc == 0);
    (void)rc;
}

/* As the Go collector has it: bytes as they are, all else as JSON, strings too. */
static bool encode_raw(struct bytes item, struct buf *out)
{
    struct bytes body = pb_find_bytes(item, OTLP_LOG_BODY);
    struct value v = value_read(body);

    if (v.type == VALUE_EMPTY)
        return false;
    if (v.type == VALUE_BYTES)
        buf_put(out, v.bytes);
    else if (v.type == VALUE_STRING)
        json_write_text(&(struct json_writer){ .out = out }, NULL, v.bytes);
    else
        any_value_put(out, body);
    return true;
}

/* Into the text. */
static enum kafka_encoded encode_zipkin(const struct kafka_exporter *n, struct bytes request, struct buf *text,
                                        const struct kafka_piece *p, struct kafka_payload *out)
{
    enum zipkin_form form = n->encoding == KAFKA_ZIPKIN_JSON ? ZIPKIN_JSON : ZIPKIN_PROTO;

    if (!zipkin_write(form, request, n->limit.most, text, &out->left_out)) {
        out->bytes.len = text->len;
        return KAFKA_LONG;
    }
    out->reason = "no_id";
    return out->left_out == p->batch->items ? KAFKA_EMPTY : KAFKA_ENCODED;
}

/* What is a record of its own. */
static bool encode_item(struct kafka_exporter *n, const struct kafka_piece *p, struct buf *text)
{
    if (n->encoding == KAFKA_RAW)
        return encode_raw(p->item, text);
    jaeger_write(n->encoding == KAFKA_JAEGER_JSON ? JAEGER_JSON : JAEGER_PROTO, &n->span, p->resource, p->scope,
                 p->item, text);
    return true;
}

/* A request, from where it lies if that is one run of bytes. */
static struct kafka_payload whole_of(struct kafka_exporter *n, const struct batch *b)
{
    bool whole = b->n_segments == 1;
    struct block *block = whole ? block_ref(b->segments[0].block) : gather_batch(n, b);

    return (struct kafka_payload){ block, bytes_of(whole ? b->segments[0].data : block->data, b->bytes), 0, NULL };
}

enum kafka_encoded kafka_encode(struct kafka_exporter *n, const struct kafka_piece *p, struct kafka_payload *out)
{
    enum kafka_encoded e = KAFKA_ENCODED;
    struct buf *text = &n->scratch;
    struct kafka_payload whole;

    text->len = 0;
    *out = (struct kafka_payload){ .reason = "empty_body" };
    if (p->item.data != NULL) {
        e = encode_item(n, p, text) ? KAFKA_ENCODED : KAFKA_EMPTY;
    } else {
        whole = whole_of(n, p->batch);
        if (n->encoding == KAFKA_OTLP_PROTO) {
            *out = whole;
            return KAFKA_ENCODED;
        }
        if (n->encoding == KAFKA_OTLP_JSON)
            encode_json(whole.bytes, p->batch->signal, text);
        else
            e = encode_zipkin(n, whole.bytes, text, p, out);
        block_unref(whole.block);
    }
    if (e == KAFKA_ENCODED) {
        out->block = block_of(n, buf_bytes(text));
        out->bytes = bytes_of(out->block->data, text->len);
    }
    return e;
}

bool kafka_resource_is_long(struct kafka_exporter *n, enum signal signal, struct bytes resource)
{
    struct buf group = { 0 }, request = { 0 };

    if (n->encoding != KAFKA_OTLP_JSON || resource.len == 0)
        return false;
    n->scratch.len = 0;
    pb_put_bytes(&group, OTLP_RESOURCE_GROUP_RESOURCE, resource);
    pb_put_bytes(&request, OTLP_REQUEST_RESOURCES, buf_bytes(&group));
    encode_json(buf_bytes(&request), signal, &n->scratch);
    buf_free(&group);
    buf_free(&request);
    return n->scratch.len > n->limit.most;
}
