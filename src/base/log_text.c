/* SPDX-License-Identifier: Apache-2.0 */
/* Text of strangers, made safe for a terminal and a viewer: byte for byte where all of it is plain, which most is; else
 * sequence by sequence, and what is acted on instead of shown is an escape. What is no UTF-8 becomes U+FFFD's. Quoted
 * text goes in runs of what needs no looking at. */
#include "base/log.h"

#include <string.h>

/* The length of the UTF-8 sequence at s[i], or 0 when it is none. */
static size_t utf8_len(struct bytes s, size_t i)
{
    uint8_t c = s.data[i];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

    if (n == 0 || s.len - i < n)
        return 0;
    for (size_t k = 1; k < n; k++)
        if ((s.data[i + k] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s.data[i + 1] < 0xa0) || (c == 0xed && s.data[i + 1] >= 0xa0) ||
        (c == 0xf0 && s.data[i + 1] < 0x90) || (c == 0xf4 && s.data[i + 1] >= 0x90))
        return 0;
    return n;
}

/* What a terminal or a viewer acts on instead of showing it: controls (C0, DEL, C1), the line ends U+2028 and U+2029,
 * what turns the direction of text. Of a sequence of n bytes at s[i]. */
static bool is_hidden(struct bytes s, size_t i, size_t n, uint32_t *point)
{
    const uint8_t *p = s.data + i;
    uint32_t c = n == 2 ? (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3fu) : p[0];

    if (n == 3)
        c = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
    *point = c;
    return n <= 3 && (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
                      (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
}

/* Is all of it plain ASCII without controls? Most is. Eight bytes at a time; a byte that is not may make another seem
 * so too, which does not matter. */
static bool is_plain(struct bytes s)
{
    const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
    uint64_t eight, bad = 0;
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        memcpy(&eight, s.data + i, 8);
        bad |= (eight - 0x20 * ones) | (eight + ones) | eight;
    }
    bad &= high;
    for (; i < s.len; i++)
        bad |= s.data[i] < 0x20 || s.data[i] >= 0x7f;
    return bad == 0;
}

void log_put_visible(struct buf *b, struct bytes s)
{
    static const char shorts[] = "\n\r\t", letters[] = "nrt";
    uint32_t point;

    if (is_plain(s)) {
        buf_put(b, s);
        return;
    }
    for (size_t i = 0, n; i<s.len; i += n> 0 ? n : 1) {
        const char *at = s.data[i] != 0 ? strchr(shorts, s.data[i]) : NULL;

        n = utf8_len(s, i);
        if (n == 0)
            buf_puts(b, "\\ufffd");
        else if (at != NULL)
            buf_printf(b, "\\%c", letters[at - shorts]);
        else if (is_hidden(s, i, n, &point))
            buf_printf(b, "\\u%04x", point);
        else
            buf_append(b, s.data + i, n);
    }
}

/* How many bytes from the i-th on stand for themselves in quotation marks: eight at a time, and then one by one up to
 * the first that does not. */
static size_t quoted_run(struct bytes s, size_t i)
{
    const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
    size_t from = i;

    for (uint64_t v; i + 8 <= s.len; i += 8) {
        uint64_t mark, back;

        memcpy(&v, s.data + i, 8);
        mark = v ^ '"' * ones;
        back = v ^ '\\' * ones;
        if ((((v - 0x20 * ones) | (v + ones) | v | (mark - ones) | (back - ones)) & high) != 0)
            break;
    }
    while (i < s.len && s.data[i] >= 0x20 && s.data[i] < 0x7f && s.data[i] != '"' && s.data[i] != '\\')
        i++;
    return i - from;
}

void log_quote(struct buf *b, struct bytes s)
{
    uint32_t point;

    buf_putc(b, '"');
    for (size_t i = 0; i < s.len;) {
        size_t run = quoted_run(s, i), n;
        uint8_t c;

        if (run > 0)
            buf_append(b, s.data + i, run);
        i += run;
        if (i == s.len)
            break;
        n = utf8_len(s, i);
        c = s.data[i];
        if (n == 0) {
            buf_puts(b, "\\ufffd");
            i++;
        } else if (c == '"' || c == '\\') {
            buf_printf(b, "\\%c", c);
            i++;
        } else if (is_hidden(s, i, n, &point)) {
            buf_printf(b, "\\u%04x", point);
            i += n;
        } else {
            buf_append(b, s.data + i, n);
            i += n;
        }
    }
    buf_putc(b, '"');
}
