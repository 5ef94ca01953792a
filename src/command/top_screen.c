/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are cut at characters, never inside one, and what is left of a row and of the screen is cleared behind them. */
#include "command/top_screen.h"

#include "command/top_frame.h"

#include <string.h>

/* How many bytes of UTF-8 are at most so many characters. */
static size_t cut_text(struct bytes text, size_t columns)
{
    size_t at = 0;

    while (at < text.len) {
        if ((text.data[at] & 0xc0) != 0x80 && columns-- == 0)
            break;
        at++;
    }
    return at;
}

static void put_row(struct buf *out, struct bytes line, size_t columns)
{
    char mark = line.len > 0 ? (char)line.data[0] : ' ';
    struct bytes text = line.len > 0 ? bytes_skip(line, 1) : line;

    if (columns == 0) {
        buf_put(out, text);
        buf_putc(out, '\n');
        return;
    }
    buf_puts(out, mark == TOP_HEADING ? "\033[1m" : mark == TOP_FAILING ? "\033[31m" : "");
    buf_append(out, text.data, cut_text(text, columns));
    buf_puts(out, "\033[0m\033[K");
}

void top_screen_put(struct buf *out, struct bytes lines, size_t columns, size_t rows)
{
    size_t row = 0;

    while (lines.len > 0 && (columns == 0 || row < rows)) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t n = end != NULL ? (size_t)(end - lines.data) : lines.len;

        if (columns != 0 && row > 0)
            buf_puts(out, "\r\n");
        put_row(out, bytes_of(lines.data, n), columns);
        lines = bytes_skip(lines, end != NULL ? n + 1 : n);
        row++;
    }
    if (columns != 0)
        buf_puts(out, "\033[J");
}
