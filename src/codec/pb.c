/* SPDX-License-Identifier: Apache-2.0 */
/* What is too long to be inlined: varints of more than a byte, and the writer, which appends. A nested message is
 * begun with room for a length of one byte; pb_end() moves the content when it needs more. */
#include "codec/pb.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "protobuf's fixed fields are read in place: a little-endian host is needed"
#endif

bool pb_varint_slow(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
    const uint8_t *at = *p;
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
        uint8_t c = *at++;

        if (shift == 63 && c > 1)
            return false;
        value |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *v = value;
            *p = at;
            return true;
        }
    }
    return false;
}

size_t pb_put_varint_slow(uint8_t *at, uint64_t v)
{
    size_t n = 0;

    while (v >= 0x80) {
        at[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    at[n++] = (uint8_t)v;
    return n;
}

void pb_put_varint(struct buf *b, uint64_t v)
{
    b->len += pb_put_varint_at(buf_reserve(b, 10), v);
}

void pb_put_tag(struct buf *b, uint32_t field, enum pb_wire wire)
{
    pb_put_varint(b, PB_TAG(field, wire));
}

void pb_put_uint(struct buf *b, uint32_t field, uint64_t v)
{
    pb_put_tag(b, field, PB_VARINT);
    pb_put_varint(b, v);
}

void pb_put_fixed64(struct buf *b, uint32_t field, uint64_t v)
{
    pb_put_tag(b, field, PB_FIXED64);
    buf_append(b, &v, 8);
}

void pb_put_fixed32(struct buf *b, uint32_t field, uint32_t v)
{
    pb_put_tag(b, field, PB_FIXED32);
    buf_append(b, &v, 4);
}

void pb_put_double(struct buf *b, uint32_t field, double v)
{
    pb_put_fixed64(b, field, pb_bits(v));
}

void pb_put_bytes(struct buf *b, uint32_t field, struct bytes v)
{
    pb_put_tag(b, field, PB_LEN);
    pb_put_varint(b, v.len);
    buf_put(b, v);
}

void pb_put_str(struct buf *b, uint32_t field, const char *s)
{
    pb_put_bytes(b, field, bytes_str(s));
}

size_t pb_begin(struct buf *b, uint32_t field)
{
    pb_put_tag(b, field, PB_LEN);
    buf_putc(b, 0);
    return b->len;
}

void pb_end(struct buf *b, size_t mark)
{
    size_t len = b->len - mark;
    size_t n = pb_varint_len(len);

    if (n > 1) {
        buf_reserve(b, n - 1);
        memmove(b->data + mark + n - 1, b->data + mark, len);
        b->len += n - 1;
    }
    pb_put_varint_at(b->data + mark - 1, len);
}
