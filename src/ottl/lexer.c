/* SPDX-License-Identifier: Apache-2.0 */
/* The text is cut into words in one pass before anything is parsed, so that the parser may look ahead. What is no word
 * ends the reading with its offset. Strings keep their quotes until somebody wants what they mean: escapes are Go's. */
#include "ottl/lexer.h"

#include "base/vec.h"
#include "codec/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

bool ottl_fault_set(struct ottl_fault *fault, size_t at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fault->at = at;
    vsnprintf(fault->text, sizeof(fault->text), fmt, args);
    va_end(args);
    return false;
}

static size_t count_digits(const uint8_t *p, const uint8_t *end)
{
    size_t n = 0;

    while (p + n < end && isdigit(p[n]))
        n++;
    return n;
}

/* 12, 1.5, .5, 1., 1.5e-3 */
static size_t number_len(const uint8_t *p, const uint8_t *end, enum token_kind *kind)
{
    size_t n = count_digits(p, end), sign, digits;

    *kind = TOKEN_INT;
    if (p + n < end && p[n] == '.') {
        *kind = TOKEN_FLOAT;
        n += 1 + count_digits(p + n + 1, end);
    }
    if (*kind == TOKEN_FLOAT && p + n < end && (p[n] | 0x20) == 'e') {
        sign = p + n + 1 < end && (p[n + 1] == '-' || p[n + 1] == '+');
        digits = count_digits(p + n + 1 + sign, end);
        n += digits > 0 ? 1 + sign + digits : 0;
    }
    return n;
}

/* 0: it is not closed. */
static size_t string_len(const uint8_t *p, const uint8_t *end)
{
    for (size_t n = 1; p + n < end; n++) {
        if (p[n] == '"')
            return n + 1;
        if (p[n] == '\\')
            n++;
    }
    return 0;
}

static size_t word_len(const uint8_t *p, const uint8_t *end)
{
    size_t n = 0;

    while (p + n < end && (isalnum(p[n]) || p[n] == '_'))
        n++;
    return n;
}

static size_t hex_len(const uint8_t *p, const uint8_t *end)
{
    size_t n = 2;

    if (end - p < 3 || p[0] != '0' || p[1] != 'x')
        return 0;
    while (p + n < end && isxdigit(p[n]))
        n++;
    return n > 2 ? n : 0;
}

static size_t sign_len(const uint8_t *p, const uint8_t *end, enum token_kind *kind)
{
    bool equal = end - p > 1 && p[1] == '=';

    *kind = TOKEN_COMPARE;
    if (equal && (*p == '=' || *p == '!'))
        return 2;
    if (*p == '<' || *p == '>')
        return 1 + equal;
    *kind = TOKEN_SIGN;
    return *p != '\0' && strchr("+-*/=(){}:,.[]", *p) != NULL;
}

static size_t token_len(const uint8_t *p, const uint8_t *end, enum token_kind *kind)
{
    size_t n = hex_len(p, end);

    *kind = TOKEN_BYTES;
    if (n > 0)
        return n;
    if (isdigit(*p) || (*p == '.' && end - p > 1 && isdigit(p[1])))
        return number_len(p, end, kind);
    *kind = TOKEN_STRING;
    if (*p == '"')
        return string_len(p, end);
    *kind = TOKEN_WORD;
    if (isalpha(*p) || *p == '_')
        return word_len(p, end);
    return sign_len(p, end, kind);
}

static bool complain_token(struct bytes text, const uint8_t *p, struct ottl_fault *fault)
{
    size_t at = (size_t)(p - text.data);

    if (*p == '"')
        return ottl_fault_set(fault, at, "the string that begins here is not closed");
    if (*p == '\'')
        return ottl_fault_set(fault, at, "strings stand in double quotes");
    if (*p == '&' || *p == '|')
        return ottl_fault_set(fault, at, "write `%s`", *p == '&' ? "and" : "or");
    if (*p == '!')
        return ottl_fault_set(fault, at, "write `not`");
    if (*p == '$')
        return ottl_fault_set(fault, at, "a $ stands in strings only");
    if (*p < 0x20 || *p >= 0x7f)
        return ottl_fault_set(fault, at, "the byte 0x%02x begins no word; text stands in double quotes", *p);
    return ottl_fault_set(fault, at, "%c begins no word; text stands in double quotes", *p);
}

const struct token *ottl_lex(struct arena *a, struct bytes text, struct ottl_fault *fault)
{
    const uint8_t *p = text.data, *end = bytes_end(text);
    VEC(struct token) tokens = { 0 };
    struct token *kept = NULL;
    bool good = true;

    while (good && p != end) {
        enum token_kind kind;
        size_t n;

        if (isspace(*p)) {
            p++;
            continue;
        }
        n = token_len(p, end, &kind);
        if (n == 0)
            good = complain_token(text, p, fault);
        *vec_push(&tokens) = (struct token){ kind, bytes_of(p, n), (size_t)(p - text.data) };
        p += n;
    }
    *vec_push(&tokens) = (struct token){ TOKEN_END, bytes_of(end, 0), text.len };
    if (good) {
        kept = arena_alloc(a, tokens.n * sizeof(*tokens.v));
        memcpy(kept, tokens.v, tokens.n * sizeof(*tokens.v));
    }
    vec_free(&tokens);
    return kept;
}

/* `n` digits of base 8 or 16. False: they are not there. */
static bool read_digits(const uint8_t *p, const uint8_t *end, size_t n, unsigned base, uint32_t *v)
{
    *v = 0;
    if ((size_t)(end - p) < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(isdigit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);

        if (!isxdigit(p[i]) || digit >= base)
            return false;
        *v = *v * base + digit;
    }
    return true;
}

/* The escape behind the backslash at p - 1; returns what follows, or NULL. */
static const uint8_t *read_escape(const uint8_t *p, const uint8_t *end, struct buf *out)
{
    static const char names[] = "abfnrtv\\\"", means[] = "\a\b\f\n\r\t\v\\\"";
    const char *name = *p != '\0' ? strchr(names, *p) : NULL;
    size_t digits = *p == 'x' ? 2 : *p == 'u' ? 4 : *p == 'U' ? 8 : 3;
    bool octal = *p >= '0' && *p <= '7';
    uint32_t v;

    if (name != NULL) {
        buf_putc(out, means[name - names]);
        return p + 1;
    }
    if (digits == 3 && !octal)
        return NULL;
    if (!read_digits(p + !octal, end, digits, octal ? 8 : 16, &v))
        return NULL;
    if (digits <= 3) {
        if (v > 0xff)
            return NULL;
        buf_putc(out, (char)v);
    } else {
        if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return NULL;
        utf8_put(out, v);
    }
    return p + !octal + digits;
}

bool ottl_unquote(struct arena *a, const struct token *t, struct bytes *text, struct ottl_fault *fault)
{
    const uint8_t *p = t->text.data + 1, *end = bytes_end(t->text) - 1;
    struct buf out = { 0 };
    bool good = true;

    while (good && p != end) {
        const uint8_t *from = p;

        if (*p == '\n')
            good =
                ottl_fault_set(fault, t->at + (size_t)(p - t->text.data), "a line ends inside of a string: write \\n");
        if (*p++ != '\\') {
            buf_putc(&out, (char)*from);
            continue;
        }
        p = read_escape(p, end, &out);
        if (p == NULL) {
            good = ottl_fault_set(fault, t->at + (size_t)(from - t->text.data),
                                  "\\%c is no escape of a string; a backslash itself is \\\\", from[1]);
            break;
        }
    }
    if (good && !utf8_valid(buf_bytes(&out)))
        good = ottl_fault_set(fault, t->at, "the string is not valid UTF-8");
    if (good)
        *text = ottl_keep(a, buf_bytes(&out));
    buf_free(&out);
    return good;
}
