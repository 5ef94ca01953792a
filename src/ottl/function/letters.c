/* SPDX-License-Identifier: Apache-2.0 */
/* Upper and lower case are the C library's tables for Unicode, those of its locale C.UTF-8 whatever that of the
 * process; without it only ASCII has two cases. Words are told apart by ASCII alone, as users of Go's converters
 * expect. */
#include "ottl/function/letters.h"

#include "base/ascii.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

static locale_t unicode;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load_unicode(void)
{
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* The character at p, 1 to 4 bytes; 0: it is none. */
static size_t read_character(const uint8_t *p, const uint8_t *end, uint32_t *c)
{
    size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

    if (n == 0 || n > (size_t)(end - p))
        return 0;
    *c = n == 1 ? *p : *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (p[i] & 0x3f);
    }
    return n;
}

static void put_character(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(out, (char)c);
    } else if (c < 0x800) {
        buf_putc(out, (char)(0xc0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xe0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    }
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static void map_letters(struct bytes text, bool upper, struct buf *out)
{
    const uint8_t *p = text.data, *end = bytes_end(text);

    pthread_once(&once, load_unicode);
    while (p < end) {
        uint32_t c = *p;
        size_t n = read_character(p, end, &c);

        if (n > 1 && unicode != (locale_t)0)
            put_character(out, (uint32_t)(upper ? towupper_l(c, unicode) : towlower_l(c, unicode)));
        else if (n > 1)
            buf_append(out, p, n);
        else if (upper)
            buf_putc(out, (char)(ascii_is_lower(*p) ? *p - 0x20 : *p));
        else
            buf_putc(out, (char)(is_upper(*p) ? *p + 0x20 : *p));
        p += n > 0 ? n : 1;
    }
}

void letters_lower(struct bytes text, struct buf *out)
{
    map_letters(text, false, out);
}

void letters_upper(struct bytes text, struct buf *out)
{
    map_letters(text, true, out);
}

size_t letters_length(struct bytes text)
{
    uint32_t c = 0;
    size_t n = text.len > 0 ? read_character(text.data, bytes_end(text), &c) : 0;

    pthread_once(&once, load_unicode);
    if (n <= 1)
        return n == 1 && (is_upper(text.data[0]) || ascii_is_lower(text.data[0]));
    return unicode != (locale_t)0 && iswalpha_l((wint_t)c, unicode) != 0 ? n : 0;
}

static bool is_separator(uint8_t c)
{
    return c == ' ' || c == '_' || c == '-' || c == '.';
}

/* Does a word end behind the character? */
static bool ends_word(uint8_t c, uint8_t next)
{
    return (ascii_is_lower(c) && (is_upper(next) || ascii_is_digit(next))) || (is_upper(c) && ascii_is_digit(next)) ||
           (ascii_is_digit(c) && (is_upper(next) || ascii_is_lower(next)));
}

void letters_snake(struct bytes text, struct buf *out)
{
    text = ascii_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], next = i + 1 < text.len ? text.data[i + 1] : 0;

        if (is_upper(c) && ascii_is_lower(next) && i > 0 && is_upper(text.data[i - 1]))
            buf_putc(out, '_');
        buf_putc(out, (char)(is_separator(c) ? '_' : is_upper(c) ? c + 0x20 : c));
        if (ends_word(c, next))
            buf_putc(out, '_');
    }
}

void letters_camel(struct bytes text, struct buf *out)
{
    bool begins = true;

    text = ascii_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (!is_upper(c) && !ascii_is_lower(c)) {
            if (ascii_is_digit(c))
                buf_putc(out, (char)c);
            begins = ascii_is_digit(c) || is_separator(c);
            continue;
        }
        if (begins && ascii_is_lower(c))
            c = (uint8_t)(c - 0x20);
        else if (!begins && is_upper(c) && i > 0 && is_upper(text.data[i - 1]))
            c = (uint8_t)(c + 0x20);
        buf_putc(out, (char)c);
        begins = false;
    }
}
