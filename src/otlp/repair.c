/* SPDX-License-Identifier: Apache-2.0 */
/* The request is walked by protobuf-c's descriptors, which is slow, and only done when there is a fault. Messages are
 * written anew level by level, each with its length after it is known; what is not a message or a bad string is copied
 * as it stands, and so is the rest of a message that does not parse. Nesting is bounded as in otlp/validate.h: what is
 * deeper is copied, and refused by the validator afterwards. */
#include "otlp/repair.h"

#include "codec/pb.h"
#include "codec/utf8.h"
#include "otlp/validate.h"

#include <protobuf-c/protobuf-c.h>

struct repair {
    struct buf *out;
    uint64_t strings;
};

static void repair_message(struct repair *r, const ProtobufCMessageDescriptor *type, struct bytes message,
                           unsigned depth);

static void repair_string(struct repair *r, uint32_t number, struct bytes text)
{
    size_t mark = pb_begin(r->out, number);

    utf8_repair(text, r->out);
    pb_end(r->out, mark);
    r->strings++;
}

/* False: it is to be copied. */
static bool repair_field(struct repair *r, const ProtobufCFieldDescriptor *d, const struct pb_field *f, unsigned depth)
{
    size_t mark;

    if (d == NULL || f->wire != PB_LEN)
        return false;
    if (d->type == PROTOBUF_C_TYPE_STRING && !utf8_valid(f->bytes)) {
        repair_string(r, f->number, f->bytes);
        return true;
    }
    if (d->type != PROTOBUF_C_TYPE_MESSAGE || depth == VALIDATE_MAX_DEPTH)
        return false;
    mark = pb_begin(r->out, f->number);
    repair_message(r, d->descriptor, f->bytes, depth + 1);
    pb_end(r->out, mark);
    return true;
}

static void repair_message(struct repair *r, const ProtobufCMessageDescriptor *type, struct bytes message,
                           unsigned depth)
{
    struct pb_reader reader = pb_reader(message);

    for (struct pb_field f; pb_next(&reader, &f);)
        if (!repair_field(r, protobuf_c_message_descriptor_get_field(type, f.number), &f, depth))
            buf_append(r->out, f.start, (size_t)(reader.p - f.start));
    buf_append(r->out, reader.p, (size_t)(reader.end - reader.p));
}

uint64_t otlp_repair(enum signal signal, struct bytes request, struct buf *out)
{
    struct repair r = { .out = out };
    size_t start = out->len;

    repair_message(&r, signal_table[signal].request, request, 1);
    return out->len - start <= request.len + REPAIR_GROWTH ? r.strings : 0;
}
