/* SPDX-License-Identifier: Apache-2.0 */
/* An exemplar's labels `trace_id` and `span_id`, in any case, become the ids where they are hexadecimal: one that is
 * too short has zeros in front, of one that is too long the front counts. What they are not, and all other labels, are
 * filtered attributes. */
#include "codec/base64.h"
#include "codec/utf8.h"
#include "prom/exposition/protobuf_fields.h"
#include "prom/intake/intake_inside.h"

#define NS_PER_MS_OF_WALL 1000000

/* Into `id` of n bytes, zeroed. False: it is no id. */
static bool read_id(struct bytes text, uint8_t *id, size_t n)
{
    size_t len = text.len < 2 * n ? text.len : 2 * n, at = n - len / 2;

    if (len % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i += 2, at++) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);

        if (high < 0 || low < 0)
            return false;
        id[at] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void exemplar_put_label(struct buf *b, struct bytes name, struct bytes value)
{
    uint8_t id[16] = { 0 };

    if (!utf8_valid(name) || !utf8_valid(value))
        return; /* of protobuf; in text that is a fault */
    if (bytes_equal_nocase(name, bytes_str("trace_id")) && read_id(value, id, 16))
        pb_put_bytes(b, OTLP_EXEMPLAR_TRACE_ID, bytes_of(id, 16));
    else if (bytes_equal_nocase(name, bytes_str("span_id")) && read_id(value, id, 8))
        pb_put_bytes(b, OTLP_EXEMPLAR_SPAN_ID, bytes_of(id, 8));
    else
        attribute_put(b, OTLP_EXEMPLAR_ATTRIBUTES, name, value);
}

static void begin_exemplar(struct buf *b, uint64_t time_ns, double value)
{
    b->len = 0;
    pb_put_fixed64(b, OTLP_EXEMPLAR_TIME, time_ns);
    pb_put_double(b, OTLP_EXEMPLAR_DOUBLE, value);
}

struct bytes exemplar_of_text(struct take *t, const struct page_exemplar *x, int64_t time_ms)
{
    struct buf *b = &t->scratch;
    const struct label_set *labels = &t->exemplar_labels;

    page_read_exemplar(x->labels, &t->exemplar_labels);
    begin_exemplar(b, (uint64_t)(x->has_time ? x->time_ms : time_ms) * NS_PER_MS_OF_WALL, x->value);
    for (size_t i = 0; i < labels->list.n; i++)
        exemplar_put_label(b, labels->list.v[i].name, labels->list.v[i].value);
    return assembly_keep(&t->assembly, buf_bytes(b));
}

bool protobuf_time(struct bytes message, uint64_t *ns)
{
    struct pb_reader r = pb_reader(message);
    uint64_t seconds = 0, nanos = 0;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == PROTO_TIME_SECONDS && f.wire == PB_VARINT)
            seconds = f.u64;
        if (f.number == PROTO_TIME_NANOS && f.wire == PB_VARINT)
            nanos = f.u64;
    }
    if (seconds > UINT64_MAX / 2 / 1000000000u || nanos >= 1000000000u)
        return false;
    *ns = seconds * 1000000000u + nanos;
    return true;
}

struct bytes exemplar_of_message(struct take *t, struct bytes message, int64_t time_ms, bool *has_time)
{
    struct buf *b = &t->scratch;
    struct pb_reader r = pb_reader(message);
    uint64_t time_ns = (uint64_t)time_ms * NS_PER_MS_OF_WALL;
    double value = 0;

    *has_time = false;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == PROTO_EXEMPLAR_VALUE && f.wire == PB_FIXED64)
            value = pb_double(f.u64);
        if (f.number == PROTO_EXEMPLAR_TIME && f.wire == PB_LEN)
            *has_time = protobuf_time(f.bytes, &time_ns);
    }
    begin_exemplar(b, time_ns, value);
    r = pb_reader(message);
    for (struct bytes pair; message_next(&r, PROTO_EXEMPLAR_LABEL, &pair);)
        exemplar_put_label(b, pb_find_bytes(pair, PROTO_LABEL_NAME), pb_find_bytes(pair, PROTO_LABEL_VALUE));
    return assembly_keep(&t->assembly, buf_bytes(b));
}
