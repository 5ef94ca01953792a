/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a record. A piece that is one run of bytes is sent from where it lies; one of several is gathered in a
 * block; JSON and the bodies of raw are written into one. Nothing can fail here: batches are valid. */
#include "exporter/kafka/kafka_exporter.h"

#include "codec/json_write.h"
#include "otlp/any_value.h"
#include "otlp/fields.h"
#include "otlp/json.h"

#include <assert.h>
#include <string.h>

static struct block *block_of(struct kafka_exporter *n, struct bytes text)
{
    struct block *b = block_force(host_budget(n->node.host, n->node.signal), text.len);

    if (text.len > 0)
        memcpy(b->data, text.data, text.len);
    return b;
}

static struct block *gather(struct kafka_exporter *n, const struct batch *b)
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

bool kafka_encode(struct kafka_exporter *n, const struct kafka_piece *p, struct block **payload, struct bytes *out)
{
    const struct batch *b = p->batch;
    bool whole = b->n_segments == 1, has_any = true;
    struct buf *text = &n->scratch;

    text->len = 0;
    if (n->encoding == KAFKA_RAW) {
        has_any = encode_raw(p->item, text);
    } else {
        *payload = whole ? block_ref(b->segments[0].block) : gather(n, b);
        *out = bytes_of(whole ? b->segments[0].data : (*payload)->data, b->bytes);
        if (n->encoding == KAFKA_OTLP_PROTO)
            return true;
        encode_json(*out, b->signal, text);
        block_unref(*payload);
    }
    if (!has_any)
        return false;
    *payload = block_of(n, buf_bytes(text));
    *out = bytes_of((*payload)->data, text->len);
    return true;
}
