/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 frames written and read byte by byte: a peer that may break any rule. */
#ifndef SUPPORT_FRAMES_H
#define SUPPORT_FRAMES_H

#include "base/buf.h"

#include <check.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct frame {
    uint8_t type, flags;
    uint32_t id;
    struct bytes payload;
};

static inline void put_u32(struct buf *b, uint32_t v)
{
    const uint8_t be[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

    buf_append(b, be, sizeof(be));
}

static inline void put_frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t id, struct bytes payload)
{
    const uint8_t head[] = { (uint8_t)(payload.len >> 16), (uint8_t)(payload.len >> 8), (uint8_t)payload.len, type,
                             flags };

    buf_append(b, head, sizeof(head));
    put_u32(b, id);
    buf_put(b, payload);
}

static inline void put_word_frame(struct buf *b, uint8_t type, uint32_t id, uint32_t word)
{
    struct buf payload = { 0 };

    put_u32(&payload, word);
    put_frame(b, type, 0, id, buf_bytes(&payload));
    buf_free(&payload);
}

static inline void put_setting(struct buf *b, uint16_t id, uint32_t value)
{
    struct buf payload = { 0 };

    buf_putc(&payload, (char)(id >> 8));
    buf_putc(&payload, (char)id);
    put_u32(&payload, value);
    put_frame(b, NGHTTP2_SETTINGS, 0, 0, buf_bytes(&payload));
    buf_free(&payload);
}

/* A literal field that enters no table; lengths below 127. */
static inline void put_field(struct buf *block, const char *name, const char *value)
{
    buf_putc(block, 0x10);
    buf_putc(block, (char)strlen(name));
    buf_puts(block, name);
    buf_putc(block, (char)strlen(value));
    buf_puts(block, value);
}

static inline void put_request_block(struct buf *block, const char *method, const char *path)
{
    put_field(block, ":method", method);
    put_field(block, ":scheme", "http");
    put_field(block, ":path", path);
    put_field(block, ":authority", "x");
}

static inline void put_request(struct buf *b, uint32_t id, const char *method, const char *path, bool end)
{
    struct buf block = { 0 };

    put_request_block(&block, method, path);
    put_frame(b, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0), id,
              buf_bytes(&block));
    buf_free(&block);
}

static inline void put_data(struct buf *b, uint32_t id, size_t n, bool end)
{
    uint8_t *zeros = calloc(1, n + 1);

    put_frame(b, NGHTTP2_DATA, end ? NGHTTP2_FLAG_END_STREAM : 0, id, bytes_of(zeros, n));
    free(zeros);
}

static inline void put_ping(struct buf *b, bool ack)
{
    put_frame(b, NGHTTP2_PING, ack ? NGHTTP2_FLAG_ACK : 0, 0, bytes_of("12345678", 8));
}

/* The next frame of `rest`; false at its end. */
static inline bool take_frame(struct bytes *rest, struct frame *f)
{
    const uint8_t *p = rest->data;
    size_t len;

    if (rest->len < 9)
        return false;
    len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
    ck_assert_uint_ge(rest->len, 9 + len);
    *f = (struct frame){ p[3], p[4], (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8],
                         bytes_of(p + 9, len) };
    *rest = bytes_of(p + 9 + len, rest->len - 9 - len);
    return true;
}

static inline uint32_t u32_at(struct bytes b, size_t at)
{
    return (uint32_t)b.data[at] << 24 | (uint32_t)b.data[at + 1] << 16 | (uint32_t)b.data[at + 2] << 8 | b.data[at + 3];
}

/* The nth (from 0) frame of that type, on that stream (UINT32_MAX: any). */
static inline bool find_frame(const struct buf *out, uint8_t type, uint32_t id, unsigned nth, struct frame *f)
{
    struct bytes rest = buf_bytes(out);

    while (take_frame(&rest, f))
        if (f->type == type && (id == UINT32_MAX || f->id == id) && nth-- == 0)
            return true;
    return false;
}

static inline unsigned count_frames(const struct buf *out, uint8_t type)
{
    struct bytes rest = buf_bytes(out);
    struct frame f;
    unsigned n = 0;

    while (take_frame(&rest, &f))
        n += f.type == type;
    return n;
}

#endif
