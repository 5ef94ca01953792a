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
