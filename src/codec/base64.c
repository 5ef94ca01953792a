/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of four digits become three bytes, in either alphabet; padding is cut off first, and the last group may be
 * short. The room is reserved before the first group, so that a bad digit leaves the buffer as long as it was. */
#include "codec/base64.h"

#define BAD 0xff

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint8_t sextet_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : BAD;
}

/* The text without its padding, or false when the padding is wrong. */
static bool strip_padding(struct bytes *text)
{
    size_t len = text->len;

    if (len % 4 == 0 && len > 0 && text->data[len - 1] == '=')
        text->len -= text->data[len - 2] == '=' ? 2 : 1;
    return text->len % 4 != 1;
}

/* Two to four digits make one to three bytes. */
static bool decode_group(const uint8_t *digits, size_t n, uint8_t *to)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        uint8_t v = i < n ? sextet_of(digits[i]) : 0;

        if (v == BAD)
            return false;
        bits = bits << 6 | v;
    }
    for (size_t i = 0; i + 1 < n; i++)
        to[i] = (uint8_t)(bits >> (16 - 8 * i));
    return true;
}

bool base64_decode(struct bytes text, struct buf *out)
{
    uint8_t *to;

    if (!strip_padding(&text))
        return false;
    to = buf_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i += 4, to += 3)
        if (!decode_group(text.data + i, text.len - i < 4 ? text.len - i : 4, to))
            return false;
    out->len += text.len / 4 * 3 + (text.len % 4 > 0 ? text.len % 4 - 1 : 0);
    return true;
}

void base64_encode(struct bytes data, bool padded, struct buf *out)
{
    uint8_t *to = buf_reserve(out, data.len / 3 * 4 + 4);

    for (size_t i = 0; i < data.len; i += 3) {
        size_t n = data.len - i < 3 ? data.len - i : 3;
        uint32_t bits = (uint32_t)data.data[i] << 16;

        if (n > 1)
            bits |= (uint32_t)data.data[i + 1] << 8;
        if (n > 2)
            bits |= data.data[i + 2];
        for (size_t digit = 0; digit < 4; digit++) {
            if (digit <= n)
                *to++ = (uint8_t)alphabet[bits >> (18 - 6 * digit) & 63];
            else if (padded)
                *to++ = '=';
        }
    }
    out->len = (size_t)(to - out->data);
}

bool hex_decode(struct bytes text, uint8_t *to)
{
    unsigned bad = text.len % 2;

    for (size_t i = 0; i + 1 < text.len; i += 2) {
        unsigned high = (unsigned)hex_digit(text.data[i]), low = (unsigned)hex_digit(text.data[i + 1]);

        bad |= (high | low) & ~15u; /* of -1 all bits */
        to[i / 2] = (uint8_t)(high << 4 | (low & 15));
    }
    return bad == 0;
}

void hex_encode(struct bytes data, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *to = buf_reserve(out, data.len * 2 + 1);

    for (size_t i = 0; i < data.len; i++) {
        *to++ = (uint8_t)digits[data.data[i] >> 4];
        *to++ = (uint8_t)digits[data.data[i] & 15];
    }
    out->len += data.len * 2;
}
