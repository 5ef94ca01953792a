/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of ASCII, whatever the locale. */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include "base/bytes.h"

static inline bool ascii_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_lower(int c)
{
    return c >= 'a' && c <= 'z';
}

static inline bool ascii_is_letter(int c)
{
    return ascii_is_lower(c | 0x20);
}

/* A blank, or what ends a line, a page or a column: as isspace(). */
static inline bool ascii_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space of JSON, XML and YAML: blank, tab and the ends of lines. */
static inline bool ascii_is_white(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Without the space at both ends. */
static inline struct bytes ascii_trim(struct bytes s)
{
    while (s.len > 0 && ascii_is_space(s.data[0]))
        s = bytes_skip(s, 1);
    while (s.len > 0 && ascii_is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

#endif
