/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of JSON text (RFC 8259), from strangers: strings are checked to be UTF-8, and nesting is bounded.
 *
 * A zeroed struct with p and end set is ready. Each function reads one token at p and moves behind it; false means
 * that the text is not JSON there: p stands at the fault and `fault` says what was expected. */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "base/buf.h"

#define JSON_SKIP_DEPTH 10000 /* arrays and objects within a value that is skipped */

struct json_scan {
    const uint8_t *p;
    const uint8_t *end;
    const char *fault;
    struct buf scratch; /* strings with escapes are written out here; the caller frees it */
    bool repairs;       /* strings that are not UTF-8 are repaired (utf8_repair) and counted; else they are a fault */
    uint64_t repaired;
    struct buf mended; /* the last of them; the caller frees it */
};

static inline void json_space(struct json_scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

/* The next byte after white space, 0 at the end of the text. */
static inline uint8_t json_peek(struct json_scan *s)
{
    if (s->p != s->end && *s->p > ' ')
        return *s->p;
    json_space(s);
    return s->p < s->end ? *s->p : 0;
}

/* Nothing but white space is left. A NUL is something, though json_peek() gives 0 for it. */
static inline bool json_is_over(struct json_scan *s)
{
    json_space(s);
    return s->p == s->end;
}

/* White space, then this byte. */
bool json_expect(struct json_scan *s, uint8_t c, const char *fault);

/* At a quote: the string's content, valid until the next call. It points into the text when it has no escapes. A
 * surrogate that is not one of a pair becomes U+FFFD. */
bool json_string(struct json_scan *s, struct bytes *content);

/* At a minus or digit: the number's text. */
bool json_number(struct json_scan *s, struct bytes *text);

/* At its first letter: "true", "false" or "null". */
bool json_literal(struct json_scan *s, const char *word);

/* Any value, with all that is in it. */
bool json_skip(struct json_scan *s);

#endif
