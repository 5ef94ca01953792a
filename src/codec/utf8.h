/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, checked: mostly ASCII, so that is looked for first, 16 bytes at a time. */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include "base/buf.h"
#include "base/bytes.h"
#include "codec/lanes16.h"

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid_slow(const uint8_t *p, size_t n);

/* Valid UTF-8? `end` is the end of the buffer that the string lies in: bytes up to it may be read. */
static inline bool utf8_valid_in(const uint8_t *p, size_t n, const uint8_t *end)
{
#ifdef HAVE_LANES16
    if (n <= 16 && end - p >= 16) {
        if ((lanes16_mask(lanes16_load(p)) & lanes16_below(n)) == 0)
            return true;
        return utf8_valid_slow(p, n);
    }
    if (n > 16) {
        lanes16 any = lanes16_load(p + n - 16);
        size_t i = 0;

        for (; i + 16 <= n; i += 16)
            any = lanes16_or(any, lanes16_load(p + i));
        if (lanes16_mask(any) == 0)
            return true;
    }
#else
    (void)end;
#endif
    return utf8_valid_slow(p, n);
}

/* Append it with each run of bytes that are no UTF-8 replaced by one U+FFFD, as strings.ToValidUTF8 of Go does. At most
 * twice as long, but for one character at the end. */
void utf8_repair(struct bytes s, struct buf *out);

/* Not more than `most` bytes of it, and no part of a character at the end. */
static inline struct bytes utf8_cut(struct bytes s, size_t most)
{
    if (s.len <= most)
        return s;
    while (most > 0 && (s.data[most] & 0xc0) == 0x80)
        most--;
    return bytes_of(s.data, most);
}

/* Append the code point, which is one that UTF-8 may hold. */
void utf8_put(struct buf *b, uint32_t c);

static inline bool utf8_valid(struct bytes s)
{
    return s.len == 0 || utf8_valid_in(s.data, s.len, s.data + s.len);
}

#endif
