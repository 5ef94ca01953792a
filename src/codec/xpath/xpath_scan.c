/* SPDX-License-Identifier: Apache-2.0 */
/* The words and signs that an expression is made of, taken where it is read. */
#include "codec/xpath/xpath_inside.h"

#include "base/ascii.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *xpath_fail(struct xpath_parser *p, const char *fmt, ...)
{
    va_list args;

    p->fault->at = (size_t)(p->p - p->start);
    va_start(args, fmt);
    vsnprintf(p->fault->text, sizeof(p->fault->text), fmt, args);
    va_end(args);
    return NULL;
}

void xpath_skip_space(struct xpath_parser *p)
{
    while (p->p != p->end && (*p->p == ' ' || *p->p == '\t' || *p->p == '\n' || *p->p == '\r'))
        p->p++;
}

bool xpath_is_next(struct xpath_parser *p, const char *text)
{
    size_t n = strlen(text);

    xpath_skip_space(p);
    return (size_t)(p->end - p->p) >= n && memcmp(p->p, text, n) == 0;
}

bool xpath_take(struct xpath_parser *p, const char *text)
{
    if (!xpath_is_next(p, text))
        return false;
    p->p += strlen(text);
    return true;
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || ascii_is_digit(c) || c == '-' || c == '.';
}

/* Without a colon. The empty text: there is none. */
struct bytes xpath_peek_name(struct xpath_parser *p)
{
    const char *end;

    xpath_skip_space(p);
    end = p->p;
    if (end != p->end && is_name_start(*end))
        while (end != p->end && is_name(*end))
            end++;
    return bytes_of(p->p, (size_t)(end - p->p));
}

struct bytes xpath_take_name(struct xpath_parser *p)
{
    struct bytes name = xpath_peek_name(p);

    p->p += name.len;
    return name;
}

bool xpath_take_word(struct xpath_parser *p, const char *word)
{
    if (!bytes_is(xpath_peek_name(p), word))
        return false;
    p->p += strlen(word);
    return true;
}

bool xpath_take_literal(struct xpath_parser *p, struct bytes *text)
{
    char quote;
    const char *end;

    xpath_skip_space(p);
    quote = *p->p;
    end = memchr(p->p + 1, quote, (size_t)(p->end - p->p - 1));
    if (end == NULL)
        return xpath_fail(p, "a text without its second quote") != NULL;
    *text = bytes_of(p->p + 1, (size_t)(end - p->p - 1));
    p->p = end + 1;
    return true;
}
