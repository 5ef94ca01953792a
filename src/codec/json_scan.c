/* SPDX-License-Identifier: Apache-2.0 */
/* A string is the common case: runs of plain ASCII are passed over 16 bytes at a time, and as long as no escape comes
 * the content is the text itself. With the first escape it is copied to the scratch. Whether it is UTF-8 is asked at
 * its end, once, and only when a byte above ASCII came; then it is a fault, or repaired where the reader wants that.
 * Every fault leaves p where it is. */
#include "codec/json_scan.h"

#include "codec/base64.h"
#include "codec/lanes16.h"
#include "codec/utf8.h"

static bool set_fault(struct json_scan *s, const uint8_t *at, const char *fault)
{
    s->p = at;
    s->fault = fault;
    return false;
}

bool json_expect(struct json_scan *s, uint8_t c, const char *fault)
{
    if (json_peek(s) != c)
        return set_fault(s, s->p, fault);
    s->p++;
    return true;
}

/* Does a run of plain ASCII end here: at a quote, a backslash, a control character, or a byte above ASCII? */
static bool ends_run(uint8_t c)
{
    return c == '"' || c == '\\' || c < 0x20 || c >= 0x80;
}

static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
#ifdef HAVE_LANES16
    while (end - p >= 16) {
        lanes16 v = lanes16_load(p);
        lanes16 stop = lanes16_or(lanes16_or(lanes16_equal(v, '"'), lanes16_equal(v, '\\')), lanes16_unprintable(v));
        uint64_t mask = lanes16_mask(stop);

        if (mask != 0)
            return p + lanes16_first(mask);
        p += 16;
    }
#endif
    while (p < end && !ends_run(*p))
        p++;
    return p;
}

/* The four digits after \u at p, or -1. */
static int32_t read_unit(const uint8_t *p, const uint8_t *end)
{
    int32_t v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);

        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* Behind \u. */
static bool read_code_point(struct json_scan *s)
{
    int32_t unit = read_unit(s->p, s->end), low;

    if (unit < 0)
        return set_fault(s, s->p, "\\u wants four hex digits");
    s->p += 4;
    if (unit < 0xd800 || unit > 0xdfff) {
        utf8_put(&s->scratch, (uint32_t)unit);
        return true;
    }
    if (unit < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
        low = read_unit(s->p + 2, s->end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            s->p += 6;
            utf8_put(&s->scratch, 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
            return true;
        }
    }
    utf8_put(&s->scratch, 0xfffd);
    return true;
}

static bool read_escape(struct json_scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;

    s->p++;
    if (s->p == s->end)
        return set_fault(s, s->p, "the text ends within a string");
    if (*s->p == 'u') {
        s->p++;
        return read_code_point(s);
    }
    at = *s->p != 0 ? strchr(from, *s->p) : NULL;
    if (at == NULL)
        return set_fault(s, s->p, "no such escape in a string");
    buf_putc(&s->scratch, to[at - from]);
    s->p++;
    return true;
}

/* At a byte that is special but is no quote: past it. Escapes are written to the scratch, after what stood before. */
static bool read_special(struct json_scan *s, const uint8_t **run, bool *ascii)
{
    if (s->p == s->end)
        return set_fault(s, s->p, "the text ends within a string");
    if (*s->p >= 0x80) {
        *ascii = false;
        s->p++;
        return true;
    }
    if (*s->p < 0x20)
        return set_fault(s, s->p, "a control character in a string must be written as an escape");
    buf_append(&s->scratch, *run, (size_t)(s->p - *run));
    if (!read_escape(s))
        return false;
    *run = s->p;
    return true;
}

static bool repair_text(struct json_scan *s, struct bytes *content)
{
    s->mended.len = 0;
    utf8_repair(*content, &s->mended);
    *content = buf_bytes(&s->mended);
    s->repaired++;
    return true;
}

bool json_string(struct json_scan *s, struct bytes *content)
{
    const uint8_t *start = s->p + 1, *run = start;
    bool ascii = true;

    s->scratch.len = 0;
    s->p = start;
    for (;;) {
        s->p = skip_plain(s->p, s->end);
        if (s->p < s->end && *s->p == '"')
            break;
        if (!read_special(s, &run, &ascii))
            return false;
    }
    if (run == start) {
        *content = bytes_of(start, (size_t)(s->p - start));
    } else {
        buf_append(&s->scratch, run, (size_t)(s->p - run));
        *content = buf_bytes(&s->scratch);
    }
    s->p++;
    if (ascii || utf8_valid(*content))
        return true;
    return s->repairs ? repair_text(s, content) : set_fault(s, start, "the string is not UTF-8");
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

bool json_number(struct json_scan *s, struct bytes *text)
{
    const uint8_t *start = s->p, *p = start, *digits;

    if (p < s->end && *p == '-')
        p++;
    digits = p;
    p = skip_digits(p, s->end);
    if (p == digits)
        return set_fault(s, p, "a number wants a digit here");
    if (*digits == '0' && p - digits > 1)
        return set_fault(s, digits, "a number may not begin with 0");
    if (p < s->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, s->end);
        if (p == digits)
            return set_fault(s, p, "a number wants a digit after the point");
    }
    if (p < s->end && (*p | 0x20) == 'e') {
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, s->end);
        if (p == digits)
            return set_fault(s, p, "a number wants a digit in its exponent");
    }
    *text = bytes_of(start, (size_t)(p - start));
    s->p = p;
    return true;
}

bool json_literal(struct json_scan *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return set_fault(s, s->p, "neither true, false nor null");
    s->p += len;
    return true;
}

static bool skip_scalar(struct json_scan *s)
{
    struct bytes ignored;

    uint8_t c = json_peek(s);

    if (c == '-' || (c >= '0' && c <= '9'))
        return json_number(s, &ignored);
    switch (c) {
    case '"':
        return json_string(s, &ignored);
    case 't':
        return json_literal(s, "true");
    case 'f':
        return json_literal(s, "false");
    case 'n':
        return json_literal(s, "null");
    default:
        return set_fault(s, s->p, s->p < s->end ? "a value is wanted here" : "the text ends where a value is wanted");
    }
}

static bool skip_key(struct json_scan *s)
{
    struct bytes ignored;

    if (json_peek(s) != '"')
        return set_fault(s, s->p, "a key in quotes is wanted here");
    return json_string(s, &ignored) && json_expect(s, ':', "a colon is wanted after the key");
}

/* Which of the open brackets are braces: a stack of bits, for no stranger shall choose the depth of our own stack. */
struct nesting {
    unsigned depth;
    uint8_t braces[JSON_SKIP_DEPTH / 8];
};

static bool in_object(const struct nesting *n)
{
    return n->braces[(n->depth - 1) / 8] >> ((n->depth - 1) % 8) & 1;
}

/* At { or [. *empty: it was closed at once. */
static bool open_bracket(struct json_scan *s, struct nesting *n, bool *empty)
{
    bool brace = *s->p == '{';
    uint8_t *byte;
    unsigned bit;

    if (n->depth == JSON_SKIP_DEPTH)
        return set_fault(s, s->p, "nested too deep");
    byte = &n->braces[n->depth / 8];
    bit = n->depth % 8;
    *byte = (uint8_t)((bit > 0 ? *byte & ~(1u << bit) : 0) | (unsigned)brace << bit);
    n->depth++;
    s->p++;
    *empty = json_peek(s) == (brace ? '}' : ']');
    return *empty || !brace || skip_key(s);
}

/* After a value: close what ends here, until a comma tells of another value or nothing is open. */
static bool after_value(struct json_scan *s, struct nesting *n)
{
    while (n->depth > 0) {
        bool brace = in_object(n);
        uint8_t c = json_peek(s);

        if (c == ',') {
            s->p++;
            return !brace || skip_key(s);
        }
        if (c != (brace ? '}' : ']'))
            return set_fault(s, s->p, brace ? "a comma or } is wanted here" : "a comma or ] is wanted here");
        s->p++;
        n->depth--;
    }
    return true;
}

bool json_skip(struct json_scan *s)
{
    struct nesting n;

    n.depth = 0;
    do {
        uint8_t c = json_peek(s);
        bool empty = true;

        if (c == '{' || c == '[') {
            if (!open_bracket(s, &n, &empty))
                return false;
        } else if (!skip_scalar(s)) {
            return false;
        }
        if (empty && !after_value(s, &n))
            return false;
    } while (n.depth > 0);
    return true;
}
