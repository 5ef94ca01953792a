/* SPDX-License-Identifier: Apache-2.0 */
/* Wire bytes to JSON, without a tree: a pass over a message notes where each of its fields begins and ends, then they
 * are written in the order of their numbers, messages by recursion. A message that is there in pieces is merged first,
 * as protobuf has it; of a oneof the last member stays.
 *
 * What can go wrong: bytes that are no protobuf, a field of the wrong wire type, a text that is not UTF-8, messages
 * that are nested too deep. The writer fails with the field's name; what it has appended until then is the caller's to
 * drop. */
#include "otlp/json.h"

#include "base/decimal.h"
#include "codec/base64.h"
#include "codec/pb.h"
#include "codec/utf8.h"
#include "otlp/json_type.h"

#include <inttypes.h>
#include <math.h>
#include <uv.h>

struct writer {
    struct buf *out;
    unsigned depth;
    struct error *err;
    int code;
};

/* Where one field stands in its message. */
struct field_slot {
    const uint8_t *first; /* the first occurrence */
    const uint8_t *last;  /* the last, and behind it */
    const uint8_t *end;
    uint32_t count;
};

static bool write_message(struct writer *w, const struct json_type *t, struct bytes wire);

static bool fail_field(struct writer *w, const struct json_field *f, const char *what)
{
    w->code = error_set(w->err, UV_EINVAL, "%s: %s", f != NULL ? f->pb->name : "the message", what);
    return false;
}

static enum pb_wire wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PB_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PB_FIXED32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PB_LEN;
    default:
        return PB_VARINT;
    }
}

static void put_escape(struct buf *b, uint8_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c != 0 ? strchr(from, c) : NULL;

    if (at != NULL)
        buf_printf(b, "\\%c", to[at - from]);
    else
        buf_printf(b, "\\u%04x", c);
}

static void put_string(struct buf *b, struct bytes s)
{
    size_t run = 0;

    buf_putc(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] >= 0x20 && s.data[i] != '"' && s.data[i] != '\\')
            continue;
        buf_append(b, s.data + run, i - run);
        put_escape(b, s.data[i]);
        run = i + 1;
    }
    buf_append(b, s.data + run, s.len - run);
    buf_putc(b, '"');
}

static void put_uint(struct buf *b, uint64_t v)
{
    b->len += decimal_put_uint((char *)buf_reserve(b, DECIMAL_UINT_MAX), v);
}

static void put_int(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_putc(b, '-');
    put_uint(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void put_double(struct buf *b, double v)
{
    if (isnan(v))
        buf_puts(b, "\"NaN\"");
    else if (isinf(v))
        buf_puts(b, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        decimal_put(b, v, DECIMAL_JSON);
}

static double float_of(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float f;

    memcpy(&f, &word, 4);
    return f;
}

static void put_scalar(struct buf *b, ProtobufCType type, uint64_t v)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_putc(b, '"');
        put_uint(b, v);
        buf_putc(b, '"');
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_SINT64:
        buf_putc(b, '"');
        put_int(b, type == PROTOBUF_C_TYPE_SINT64 ? pb_unzigzag(v) : (int64_t)v);
        buf_putc(b, '"');
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        put_uint(b, (uint32_t)v);
        break;
    case PROTOBUF_C_TYPE_SINT32:
        put_int(b, (int32_t)pb_unzigzag((uint32_t)v));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_puts(b, v != 0 ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        put_double(b, pb_double(v));
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        put_double(b, float_of(v));
        break;
    default: /* int32, sfixed32, enum */
        put_int(b, (int32_t)v);
    }
}

static void put_bytes(struct buf *b, const struct json_field *f, struct bytes v)
{
    buf_putc(b, '"');
    if (f->id_len > 0)
        hex_encode(v, b);
    else
        base64_encode(v, true, b);
    buf_putc(b, '"');
}

static bool write_value(struct writer *w, const struct json_field *f, const struct pb_field *v)
{
    switch (f->pb->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (!utf8_valid(v->bytes))
            return fail_field(w, f, "not UTF-8");
        put_string(w->out, v->bytes);
        return true;
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(w->out, f, v->bytes);
        return true;
    case PROTOBUF_C_TYPE_MESSAGE:
        return write_message(w, f->type, v->bytes);
    default:
        put_scalar(w->out, f->pb->type, v->u64);
        return true;
    }
}

/* The numbers of one packed run. */
static bool write_packed(struct writer *w, const struct json_field *f, struct bytes run, bool *first)
{
    const uint8_t *p = run.data, *end = bytes_end(run);
    enum pb_wire wire = wire_of(f->pb->type);
    uint64_t v;

    while (p < end) {
        size_t size = wire == PB_FIXED64 ? 8 : 4;

        if (wire == PB_VARINT ? !pb_varint(&p, end, &v) : (size_t)(end - p) < size)
            return fail_field(w, f, "a packed run is cut short");
        if (wire != PB_VARINT) {
            v = size == 8 ? pb_load64(p) : pb_load32(p);
            p += size;
        }
        if (!*first)
            buf_putc(w->out, ',');
        *first = false;
        put_scalar(w->out, f->pb->type, v);
    }
    return true;
}

static bool write_array(struct writer *w, const struct json_field *f, const struct field_slot *slot)
{
    struct pb_reader r = pb_reader(bytes_of(slot->first, (size_t)(slot->end - slot->first)));
    struct pb_field v;
    bool first = true;

    buf_putc(w->out, '[');
    while (pb_next(&r, &v)) {
        if (v.number != f->pb->id)
            continue;
        if (f->packable && v.wire == PB_LEN) {
            if (!write_packed(w, f, v.bytes, &first))
                return false;
            continue;
        }
        if (!first)
            buf_putc(w->out, ',');
        first = false;
        if (!write_value(w, f, &v))
            return false;
    }
    buf_putc(w->out, ']');
    return true;
}

/* A message that is there in several pieces is one message: protobuf merges them. */
static bool write_merged(struct writer *w, const struct json_field *f, const struct field_slot *slot)
{
    struct pb_reader r = pb_reader(bytes_of(slot->first, (size_t)(slot->end - slot->first)));
    struct buf all = { 0 };
    struct pb_field v;
    bool ok;

    while (pb_next(&r, &v))
        if (v.number == f->pb->id)
            buf_put(&all, v.bytes);
    ok = write_message(w, f->type, buf_bytes(&all));
    buf_free(&all);
    return ok;
}

static bool is_default(const struct json_field *f, const struct pb_field *v)
{
    if (f->oneof || f->pb->type == PROTOBUF_C_TYPE_MESSAGE)
        return false;
    return v->wire == PB_LEN ? v->bytes.len == 0 : v->u64 == 0;
}

static void put_name(struct writer *w, const struct json_field *f, bool *first)
{
    if (!*first)
        buf_putc(w->out, ',');
    *first = false;
    buf_append(w->out, f->name.data - 1, f->name.len + 3); /* its quotes and colon too */
}

static bool write_field(struct writer *w, const struct json_field *f, const struct field_slot *slot, bool *first)
{
    struct pb_reader r = pb_reader(bytes_of(slot->last, (size_t)(slot->end - slot->last)));
    struct pb_field v;

    if (f->repeated) {
        put_name(w, f, first);
        return write_array(w, f, slot);
    }
    if (!pb_next(&r, &v) || is_default(f, &v))
        return true;
    put_name(w, f, first);
    if (slot->count > 1 && f->pb->type == PROTOBUF_C_TYPE_MESSAGE && !f->oneof)
        return write_merged(w, f, slot);
    return write_value(w, f, &v);
}

/* Note where each field is. Of a oneof's members the last stays. */
static bool find_fields(struct writer *w, const struct json_type *t, struct bytes wire, struct field_slot *slots)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field v;

    memset(slots, 0, t->pb->n_fields * sizeof(*slots));
    while (pb_next(&r, &v)) {
        const struct json_field *f = json_field_by_number(t, v.number);
        struct field_slot *slot;

        if (f == NULL)
            continue;
        if (v.wire != wire_of(f->pb->type) && !(f->packable && v.wire == PB_LEN))
            return fail_field(w, f, "the wrong wire type");
        for (uint32_t others = f->rivals & ~f->bit; others != 0; others &= others - 1)
            slots[__builtin_ctz(others)].count = 0;
        if (f->packable && v.wire == PB_LEN && v.bytes.len == 0)
            continue;
        slot = &slots[__builtin_ctz(f->bit)];
        if (slot->count++ == 0)
            slot->first = v.start;
        slot->last = v.start;
        slot->end = r.p;
    }
    return !r.bad || fail_field(w, NULL, "bytes that are not protobuf");
}

static bool write_fields(struct writer *w, const struct json_type *t, struct bytes wire, bool first)
{
    struct field_slot slots[JSON_FIELDS_MAX];

    if (!find_fields(w, t, wire, slots))
        return false;
    for (unsigned i = 0; i < t->pb->n_fields; i++)
        if (slots[i].count > 0 && !write_field(w, &t->fields[i], &slots[i], &first))
            return false;
    buf_putc(w->out, '}');
    return true;
}

/* "1.5s": the fraction in three, six or nine digits. */
static bool write_duration(struct writer *w, struct bytes wire)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field v;
    int64_t seconds = 0, nanos = 0;

    while (pb_next(&r, &v)) {
        if (v.number == 1 && v.wire == PB_VARINT)
            seconds = (int64_t)v.u64;
        else if (v.number == 2 && v.wire == PB_VARINT)
            nanos = (int32_t)v.u64;
    }
    if (r.bad || nanos <= -1000000000 || nanos >= 1000000000 || (seconds > 0 && nanos < 0) ||
        (seconds < 0 && nanos > 0))
        return fail_field(w, NULL, "not a duration");
    buf_puts(w->out, seconds < 0 || nanos < 0 ? "\"-" : "\"");
    put_uint(w->out, seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds);
    if (nanos < 0)
        nanos = -nanos;
    if (nanos % 1000000 == 0 && nanos > 0)
        buf_printf(w->out, ".%03" PRId64, nanos / 1000000);
    else if (nanos % 1000 == 0 && nanos > 0)
        buf_printf(w->out, ".%06" PRId64, nanos / 1000);
    else if (nanos > 0)
        buf_printf(w->out, ".%09" PRId64, nanos);
    buf_puts(w->out, "s\"");
    return true;
}

/* The fields of the type that the URL names beside the URL; of a type that we do not know, the bytes. */
static bool write_any(struct writer *w, const struct json_type *any, struct bytes wire)
{
    struct pb_reader r = pb_reader(wire);
    struct bytes url = { 0 }, value = { 0 };
    const struct json_type *t;
    struct pb_field v;

    while (pb_next(&r, &v)) {
        if (v.wire == PB_LEN && v.number == 1)
            url = v.bytes;
        else if (v.wire == PB_LEN && v.number == 2)
            value = v.bytes;
    }
    if (r.bad || !utf8_valid(url))
        return fail_field(w, NULL, "not an Any");
    buf_putc(w->out, '{');
    if (url.len == 0) {
        buf_putc(w->out, '}');
        return true;
    }
    buf_puts(w->out, "\"@type\":");
    put_string(w->out, url);
    t = json_type_by_url(url);
    if (t != NULL)
        return write_fields(w, t, value, false);
    if (value.len > 0) {
        buf_puts(w->out, ",\"value\":");
        put_bytes(w->out, json_field_by_number(any, 2), value);
    }
    buf_putc(w->out, '}');
    return true;
}

static bool write_message(struct writer *w, const struct json_type *t, struct bytes wire)
{
    bool ok;

    if (w->depth == JSON_DEPTH_MAX)
        return fail_field(w, NULL, "nested too deep");
    w->depth++;
    if (t->special == JSON_ANY) {
        ok = write_any(w, t, wire);
    } else if (t->special == JSON_DURATION) {
        ok = write_duration(w, wire);
    } else {
        buf_putc(w->out, '{');
        ok = write_fields(w, t, wire, true);
    }
    w->depth--;
    return ok;
}

int wire_to_json(const ProtobufCMessageDescriptor *type, struct bytes wire, struct buf *out, struct error *err)
{
    struct writer w = { .out = out, .err = err };

    write_message(&w, json_type_of(type), wire);
    return w.code;
}
