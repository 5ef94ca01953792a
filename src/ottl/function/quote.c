/* SPDX-License-Identifier: Apache-2.0 */
/* Characters are read one by one; those that have an escape of one letter get it, other control characters \x or \u. */
#include "ottl/function/quote.h"

void quote_put_rune(struct buf *out, int64_t rune)
{
    uint32_t c = rune < 0 || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000) ? 0xfffd : (uint32_t)rune;

    if (c < 0x80) {
        buf_putc(out, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_putc(out, (char)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xe0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_putc(out, (char)(0x80 | (c & 0x3f)));
}

bool quote_can_be_raw(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '`' || text.data[i] == 0x7f || (text.data[i] < 0x20 && text.data[i] != '\t'))
            return false;
    return true;
}

static void put_ascii(struct buf *out, uint8_t c, char quote)
{
    static const char letters[] = "abtnvfr"; /* from \a, 7, on */

    if (c == (uint8_t)quote || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c >= 7 && c <= 13)
        buf_printf(out, "\\%c", letters[c - 7]);
    else if (c < 0x20 || c == 0x7f)
        buf_printf(out, "\\x%02x", c);
    else
        buf_putc(out, (char)c);
}

static void put_wide(struct buf *out, const uint8_t *p, size_t n, bool ascii)
{
    uint32_t c = *p & (0x7fu >> n);

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    if (!ascii && c >= 0xa1 && c != 0xad && c != 0xfeff && (c < 0x2000 || c > 0x200f) && (c < 0x2028 || c > 0x202f))
        buf_append(out, p, n);
    else
        buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
}

void quote_put(struct buf *out, struct bytes text, char quote, bool ascii)
{
    buf_putc(out, quote);
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.data[i];
        size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

        if (n == 1)
            put_ascii(out, c, quote);
        else if (c < 0xc2 || n > text.len - i)
            buf_printf(out, "\\x%02x", c), n = 1;
        else
            put_wide(out, text.data + i, n, ascii);
        i += n;
    }
    buf_putc(out, quote);
}
