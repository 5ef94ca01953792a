/* SPDX-License-Identifier: Apache-2.0 */
/* snappy: blocks by libsnappy, the framing by hand (snappy's framing_format.txt: chunks of at most 64 KiB of content,
 * each with a masked CRC-32C, after a chunk that identifies the stream). */
#include "codec/inflate.h"

#include "codec/crc32c.h"

#include <assert.h>
#include <snappy-c.h>
#include <uv.h>

enum {
    CHUNK_COMPRESSED = 0x00,
    CHUNK_PLAIN = 0x01,
    CHUNK_SKIPPABLE = 0x80, /* this and all above, up to padding */
    CHUNK_STREAM = 0xff,
    CHUNK_HEADER = 4,
    CHUNK_CRC = 4,
    CHUNK_MOST = 65536,
    BEST_RATIO = 22, /* 64 bytes copied by an element of 3 */
};

static const uint8_t stream_header[] = { CHUNK_STREAM, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y' };

bool snappy_is_framed(struct bytes in)
{
    return in.len >= sizeof(stream_header) && memcmp(in.data, stream_header, sizeof(stream_header)) == 0;
}

static uint32_t masked_crc(struct bytes content)
{
    uint32_t crc = crc32c(0, content);

    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* What a block declares, held against what so many bytes can hold at best. */
static int declared_length(struct bytes in, const struct inflate_out *o, size_t *len, struct error *err)
{
    if (snappy_uncompressed_length((const char *)in.data, in.len, len) != SNAPPY_OK)
        return inflate_bad(o, err, "no length at the beginning of the block");
    if (*len / BEST_RATIO > in.len)
        return inflate_bad(o, err, "the declared length is more than the block can hold");
    return 0;
}

int snappy_inflate_block(struct bytes in, struct inflate_out *o, struct error *err)
{
    size_t len;
    int rc = declared_length(in, o, &len, err);

    if (rc != 0)
        return rc;
    o->len = len;
    rc = inflate_check(o, err);
    if (rc == 0)
        rc = inflate_start(o, len, err);
    if (rc != 0)
        return rc;
    if (o->block->cap < len)
        return error_set(err, UV_ENOMEM, "snappy: no memory left in the budget for %zu bytes of content", len);
    if (snappy_uncompress((const char *)in.data, in.len, (char *)o->block->data, &len) != SNAPPY_OK)
        return inflate_bad(o, err, "corrupt data, or cut short");
    return 0;
}

/* Room for `n` more bytes, of which the limit allows at least one. */
static int chunk_room(struct inflate_out *o, size_t n, struct error *err)
{
    size_t at = o->len;
    int rc = 0;

    while (rc == 0 && o->block->cap - at < n) {
        o->len = o->block->cap;
        rc = inflate_room(o, err);
    }
    o->len = at;
    return rc;
}

static int append_chunk(uint8_t type, struct bytes body, struct inflate_out *o, struct error *err)
{
    size_t len;
    uint32_t crc;
    int rc;

    if (body.len < CHUNK_CRC)
        return inflate_bad(o, err, "a chunk is shorter than its checksum");
    memcpy(&crc, body.data, CHUNK_CRC);
    body = bytes_of(body.data + CHUNK_CRC, body.len - CHUNK_CRC);
    len = body.len;
    if (type == CHUNK_COMPRESSED && (rc = declared_length(body, o, &len, err)) != 0)
        return rc;
    if (len > CHUNK_MOST)
        return inflate_bad(o, err, "a chunk holds more than 64 KiB");
    rc = chunk_room(o, len, err);
    if (rc != 0)
        return rc;
    uint8_t *to = o->block->data + o->len;

    if (type == CHUNK_PLAIN)
        memcpy(to, body.data, len);
    else if (snappy_uncompress((const char *)body.data, body.len, (char *)to, &len) != SNAPPY_OK)
        return inflate_bad(o, err, "corrupt data in a chunk");
    if (masked_crc(bytes_of(to, len)) != crc)
        return inflate_bad(o, err, "a chunk's checksum is wrong");
    o->len += len;
    return 0;
}

static int read_chunk(struct bytes *in, struct inflate_out *o, struct error *err)
{
    uint8_t type;
    size_t len;
    struct bytes body;

    if (in->len < CHUNK_HEADER)
        return inflate_bad(o, err, "the data is cut short in a chunk's header");
    type = in->data[0];
    len = in->data[1] | (size_t)in->data[2] << 8 | (size_t)in->data[3] << 16;
    body = bytes_of(in->data + CHUNK_HEADER, in->len - CHUNK_HEADER);
    if (len > body.len)
        return inflate_bad(o, err, "the data is cut short in a chunk");
    body.len = len;
    *in = bytes_of(body.data + len, in->len - CHUNK_HEADER - len);
    if (type == CHUNK_COMPRESSED || type == CHUNK_PLAIN)
        return append_chunk(type, body, o, err);
    if (type == CHUNK_STREAM && (len != 6 || memcmp(body.data, stream_header + CHUNK_HEADER, 6) != 0))
        return inflate_bad(o, err, "a stream identifier other than sNaPpY");
    if (type < CHUNK_SKIPPABLE)
        return inflate_bad(o, err, "a chunk of a type that may not be skipped");
    return 0;
}

int snappy_inflate_framed(struct bytes in, struct inflate_out *o, struct error *err)
{
    int rc;

    if (!snappy_is_framed(in))
        return inflate_bad(o, err, "the stream identifier is missing");
    rc = inflate_start(o, in.len > o->max / 4 ? o->max : in.len * 4, err);
    while (rc == 0 && in.len > 0)
        rc = read_chunk(&in, o, err);
    return rc;
}

void snappy_deflate_block(struct bytes in, struct buf *out)
{
    size_t len = snappy_max_compressed_length(in.len);
    char *to = (char *)buf_reserve(out, len);
    snappy_status status = snappy_compress(in.len > 0 ? (const char *)in.data : "", in.len, to, &len);

    assert(status == SNAPPY_OK);
    out->len += len;
}

static void write_chunk(struct bytes content, struct buf *out)
{
    size_t len = snappy_max_compressed_length(content.len);
    uint8_t *to = buf_reserve(out, CHUNK_HEADER + CHUNK_CRC + len);
    uint32_t crc = masked_crc(content);
    snappy_status status =
        snappy_compress((const char *)content.data, content.len, (char *)to + CHUNK_HEADER + CHUNK_CRC, &len);

    assert(status == SNAPPY_OK);
    to[0] = CHUNK_COMPRESSED;
    if (len >= content.len) {
        to[0] = CHUNK_PLAIN;
        len = content.len;
        memcpy(to + CHUNK_HEADER + CHUNK_CRC, content.data, len);
    }
    memcpy(to + CHUNK_HEADER, &crc, CHUNK_CRC);
    out->len += CHUNK_HEADER + CHUNK_CRC + len;
    len += CHUNK_CRC;
    to[1] = (uint8_t)len;
    to[2] = (uint8_t)(len >> 8);
    to[3] = (uint8_t)(len >> 16);
}

void snappy_deflate_framed(struct bytes in, struct buf *out)
{
    buf_append(out, stream_header, sizeof(stream_header));
    for (size_t at = 0; at < in.len; at += CHUNK_MOST)
        write_chunk(bytes_of(in.data + at, in.len - at < CHUNK_MOST ? in.len - at : CHUNK_MOST), out);
}
