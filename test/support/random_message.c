/* SPDX-License-Identifier: Apache-2.0 */
#include "support/random_message.h"

#include "codec/pb.h"

#include <check.h>

uint64_t random_message_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void put_text(struct buf *out, uint32_t number, uint64_t *state)
{
    static const char *const words[] = { "a", "b",      "service.name",
                                         "",  "GET /x", "name with several words, longer than others" };

    pb_put_str(out, number, words[random_below(state, sizeof(words) / sizeof(words[0]))]);
}

static void put_blob(struct buf *out, uint32_t number, uint64_t *state)
{
    uint8_t blob[16];
    size_t len = random_below(state, 2) * 16;

    for (size_t i = 0; i < len; i++)
        blob[i] = (uint8_t)random_message_next(state);
    pb_put_bytes(out, number, bytes_of(blob, len));
}

static void put_field(struct buf *out, const ProtobufCFieldDescriptor *f, uint64_t *state, unsigned most,
                      unsigned depth)
{
    size_t mark;

    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        put_text(out, f->id, state);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_blob(out, f->id, state);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        mark = pb_begin(out, f->id);
        random_message_put(out, f->descriptor, state, most, depth - 1);
        pb_end(out, mark);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        pb_put_fixed64(out, f->id, random_message_next(state) >> 2);
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        pb_put_fixed32(out, f->id, (uint32_t)random_message_next(state));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        pb_put_uint(out, f->id, random_below(state, 2));
        break;
    default:
        pb_put_uint(out, f->id, random_below(state, 300));
        break;
    }
}

void random_message_put(struct buf *out, const ProtobufCMessageDescriptor *type, uint64_t *state, unsigned most,
                        unsigned depth)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &type->fields[i];
        uint64_t n = random_below(state, f->label == PROTOBUF_C_LABEL_REPEATED ? most + 1 : 2);

        if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth == 0)
            continue;
        while (n-- > 0)
            put_field(out, f, state, most, depth);
    }
    if (random_below(state, 8) == 0)
        pb_put_uint(out, 333, random_below(state, 1000));
}

static void put_scalar(struct buf *out, const struct pb_field *f, uint64_t v)
{
    if (f->wire == PB_VARINT)
        pb_put_uint(out, f->number, v);
    else if (f->wire == PB_FIXED64)
        pb_put_fixed64(out, f->number, v);
    else if (f->wire == PB_FIXED32)
        pb_put_fixed32(out, f->number, (uint32_t)v);
    else
        pb_put_str(out, f->number, "");
}

/* In front of the field there is another one, which does not count. */
static void put_twice(struct buf *out, const struct pb_field *f, const uint8_t *end, uint64_t *state)
{
    put_scalar(out, f, random_below(state, 2));
    buf_append(out, f->start, (size_t)(end - f->start));
}

static void put_piece(struct buf *out, uint32_t number, const ProtobufCMessageDescriptor *type, struct bytes piece,
                      uint64_t *state)
{
    size_t mark = pb_begin(out, number);

    doubled_put(out, type, piece, state);
    pb_end(out, mark);
}

/* Cut between two of its fields, if it may be. */
static void put_pieces(struct buf *out, const struct pb_field *f, const ProtobufCMessageDescriptor *type, bool may_be,
                       uint64_t *state)
{
    struct pb_reader r = pb_reader(f->bytes);
    size_t cut = 0;

    for (struct pb_field in; may_be && random_below(state, 3) > 0 && pb_next(&r, &in);)
        cut = (size_t)(r.p - f->bytes.data);
    if (may_be)
        put_piece(out, f->number, type, bytes_of(f->bytes.data, cut), state);
    put_piece(out, f->number, type, bytes_skip(f->bytes, cut), state);
}

void doubled_put(struct buf *out, const ProtobufCMessageDescriptor *type, struct bytes message, uint64_t *state)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);) {
        const ProtobufCFieldDescriptor *d = protobuf_c_message_descriptor_get_field(type, f.number);
        bool single = d != NULL && d->label != PROTOBUF_C_LABEL_REPEATED &&
                      (d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 && random_below(state, 2) == 0;

        if (d != NULL && d->type == PROTOBUF_C_TYPE_MESSAGE)
            put_pieces(out, &f, d->descriptor, single, state);
        else if (single)
            put_twice(out, &f, r.p, state);
        else
            buf_append(out, f.start, (size_t)(r.p - f.start));
    }
}

void packed_put(struct buf *out, const ProtobufCMessage *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);

    protobuf_c_message_pack(message, buf_reserve(out, n));
    out->len += n;
}

void canonical_put(struct buf *out, const ProtobufCMessageDescriptor *type, struct bytes message)
{
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, message.len, message.data);

    ck_assert_ptr_nonnull(m);
    packed_put(out, m);
    protobuf_c_message_free_unpacked(m, NULL);
}
