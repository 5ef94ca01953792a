/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences are judged by their first byte and what that allows for the second (RFC 3629): overlong forms, surrogates
 * and what lies beyond U+10FFFF have none. Eight ASCII bytes are passed over at a time. */
#include "codec/utf8.h"

/* Length of the valid sequence at p (of n bytes), or 0. */
static size_t sequence_length(const uint8_t *p, size_t n)
{
    uint8_t low = 0x80, high = 0xbf; /* what the second byte may be */
    size_t len;

    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        len = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        len = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (len > n || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool utf8_valid_slow(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        uint64_t eight;
        size_t len;

        if (n - i >= 8 && (memcpy(&eight, p + i, 8), (eight & 0x8080808080808080ull) == 0)) {
            i += 8;
            continue;
        }
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        len = sequence_length(p + i, n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

void utf8_repair(struct bytes s, struct buf *out)
{
    bool bad = false;

    for (size_t i = 0, n; i < s.len; i += n) {
        size_t len = s.data[i] < 0x80 ? 1 : sequence_length(s.data + i, s.len - i);

        n = len > 0 ? len : 1;
        if (len > 0)
            buf_append(out, s.data + i, len);
        else if (!bad)
            buf_puts(out, "\xef\xbf\xbd");
        bad = len == 0;
    }
}

void utf8_put(struct buf *b, uint32_t c)
{
    uint8_t *to = buf_reserve(b, 4);

    if (c < 0x80) {
        to[0] = (uint8_t)c;
        b->len += 1;
    } else if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        b->len += 2;
    } else if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        b->len += 3;
    } else {
        to[0] = (uint8_t)(0xf0 | c >> 18);
        to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[3] = (uint8_t)(0x80 | (c & 0x3f));
        b->len += 4;
    }
}
