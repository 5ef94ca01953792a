/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf wire format, read and written in place.
 *
 * The reader is a cursor over the fields of one message. It is for bytes that have been validated, yet never
 * reads outside them: on bytes that do not parse it stops and says so. The writer appends to a buf. Varints,
 * zigzag and fixed forms as in the encoding document; see OTLP's message definitions for numbers and types. */
#ifndef CODEC_PB_H
#define CODEC_PB_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <string.h>

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_LEN = 2, PB_FIXED32 = 5 };

#define PB_TAG(field, wire) ((uint32_t)(((uint32_t)(field) << 3) | (uint32_t)(wire)))

struct pb_reader {
    const uint8_t *p;
    const uint8_t *end;
    bool bad; /* the bytes did not parse; p stands where */
};

struct pb_field {
    uint32_t number;
    enum pb_wire wire;
    union {
        uint64_t u64;       /* PB_VARINT, PB_FIXED64, PB_FIXED32 */
        struct bytes bytes; /* PB_LEN */
    };
    const uint8_t *start; /* of the tag: [start, reader.p) is the whole field */
};

static inline struct pb_reader pb_reader(struct bytes b)
{
    return (struct pb_reader){ b.data, bytes_end(b), false };
}

/* Read one varint of at most 10 bytes. False (and nothing moved) when it is cut short or too long. */
bool pb_varint_slow(const uint8_t **p, const uint8_t *end, uint64_t *v);

static inline bool pb_varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
    if (*p < end && **p < 0x80) {
        *v = *(*p)++;
        return true;
    }
    if (end - *p > 1 && (*p)[1] < 0x80) { /* most lengths of items */
        *v = (uint64_t)((*p)[0] & 0x7f) | (uint64_t)(*p)[1] << 7;
        *p += 2;
        return true;
    }
    return pb_varint_slow(p, end, v);
}

static inline uint64_t pb_load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v; /* little-endian hosts only; checked in pb.c */
}

static inline uint32_t pb_load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* The next field, or false at the end or at bytes that do not parse (then r->bad). */
static inline bool pb_next(struct pb_reader *r, struct pb_field *f)
{
    uint64_t tag, len;

    if (r->p == r->end)
        return false;
    f->start = r->p;
    if (!pb_varint(&r->p, r->end, &tag) || tag >> 32 != 0 || tag >> 3 == 0)
        goto bad;
    f->number = (uint32_t)(tag >> 3);
    f->wire = (enum pb_wire)(tag & 7);
    switch (f->wire) {
    case PB_VARINT:
        if (!pb_varint(&r->p, r->end, &f->u64))
            goto bad;
        return true;
    case PB_FIXED64:
        if (r->end - r->p < 8)
            goto bad;
        f->u64 = pb_load64(r->p);
        r->p += 8;
        return true;
    case PB_LEN:
        if (!pb_varint(&r->p, r->end, &len) || len > (uint64_t)(r->end - r->p))
            goto bad;
        f->bytes = bytes_of(r->p, (size_t)len);
        r->p += len;
        return true;
    case PB_FIXED32:
        if (r->end - r->p < 4)
            goto bad;
        f->u64 = pb_load32(r->p);
        r->p += 4;
        return true;
    default:
        break;
    }
bad:
    r->p = f->start;
    r->bad = true;
    return false;
}

/* The bytes of that field, the last one where there are several; empty when it is absent. */
static inline struct bytes pb_find_bytes(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct bytes found = { NULL, 0 };

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_LEN)
            found = f.bytes;
    return found;
}

/* Parts of one message are merged by putting them end to end: one more of them. One alone stays where it is, several
 * are in `merged`, whatever was there. *parts: how many there have been. */
static inline void pb_merge(struct bytes *whole, unsigned *parts, struct bytes part, struct buf *merged)
{
    if (++*parts == 1) {
        *whole = part;
        return;
    }
    if (*parts == 2) {
        merged->len = 0;
        buf_put(merged, *whole);
    }
    buf_put(merged, part);
    *whole = buf_bytes(merged);
}

static inline double pb_double(uint64_t bits)
{
    double d;

    memcpy(&d, &bits, 8);
    return d;
}

static inline uint64_t pb_bits(double d)
{
    uint64_t bits;

    memcpy(&bits, &d, 8);
    return bits;
}

static inline int64_t pb_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline uint64_t pb_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline size_t pb_varint_len(uint64_t v)
{
    return (size_t)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

size_t pb_put_varint_slow(uint8_t *at, uint64_t v);

/* At most 10 bytes; returns how many. */
static inline size_t pb_put_varint_at(uint8_t *at, uint64_t v)
{
    if (v >= 0x80)
        return pb_put_varint_slow(at, v);
    *at = (uint8_t)v;
    return 1;
}

/* What stands before a field of `len` bytes, whose number is below 16. Returns where they go. */
static inline uint8_t *pb_put_head_at(uint8_t *at, uint32_t field, size_t len)
{
    *at++ = (uint8_t)PB_TAG(field, PB_LEN);
    return at + pb_put_varint_at(at, len);
}

/* What such a field takes, head and all. */
static inline size_t pb_len_size(size_t len)
{
    return 1 + pb_varint_len(len) + len;
}

void pb_put_varint(struct buf *b, uint64_t v);
void pb_put_tag(struct buf *b, uint32_t field, enum pb_wire wire);
void pb_put_uint(struct buf *b, uint32_t field, uint64_t v); /* varint field */
void pb_put_fixed64(struct buf *b, uint32_t field, uint64_t v);
void pb_put_fixed32(struct buf *b, uint32_t field, uint32_t v);
void pb_put_double(struct buf *b, uint32_t field, double v);
void pb_put_bytes(struct buf *b, uint32_t field, struct bytes v);
void pb_put_str(struct buf *b, uint32_t field, const char *s);

/* A nested message whose length is not known before it is written: begin, write its fields, end. The mark is
 * an offset, so marks nest. The length takes as many bytes as it needs: the content moves when it is not one. */
size_t pb_begin(struct buf *b, uint32_t field);
void pb_end(struct buf *b, size_t mark);

#endif
