/* SPDX-License-Identifier: Apache-2.0 */
/* A statement is cut into words, numbers, texts, signs and comments, by the first characters of each, and put together
 * again; there is no grammar, so what is half a statement, or none, is taken too. A text or comment that does not end
 * goes on to the end of the statement. Where Go's lexer steps through a character of several bytes one by one, so does
 * this, for the results are to be the same. */
#include "processor/redaction/statement_sanitize.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "ottl/function/letters.h"

#include <string.h>
#include <strings.h>

struct sql {
    const uint8_t *start, *p, *end; /* start: of the token at work */
    bool mysql;
    struct buf *out;
};

/* ---- characters ---- */

/* The byte so far ahead; 0: behind the end. */
static uint8_t byte_at(const struct sql *s, size_t ahead)
{
    return ahead < (size_t)(s->end - s->p) ? s->p[ahead] : 0;
}

static bool is_operator(uint8_t c)
{
    return c != 0 && strchr("+-*/=<>!&|^%~?@:#", c) != NULL;
}

static bool is_punctuation(uint8_t c)
{
    return c != 0 && strchr("(),;.:[]{}", c) != NULL;
}

/* How many bytes the letter takes that stands so far ahead, 0: there is none. Beyond ASCII what is a letter is asked
 * of Unicode's tables. */
static size_t letter_len(const struct sql *s, size_t ahead)
{
    uint8_t c = byte_at(s, ahead);

    if (c < 0x80)
        return ascii_is_letter(c) || c == '_';
    return letters_length(bytes_of(s->p + ahead, (size_t)(s->end - s->p) - ahead));
}

static bool is_word_byte(const struct sql *s, size_t ahead)
{
    return ascii_is_digit(byte_at(s, ahead)) || letter_len(s, ahead) > 0;
}

/* ---- what is put ---- */

static void put_mark(struct sql *s)
{
    buf_putc(s->out, '?');
}

static void put_token(struct sql *s)
{
    buf_append(s->out, s->start, (size_t)(s->p - s->start));
}

/* A name: of digits that stand together one mark. */
static void put_name(struct sql *s)
{
    bool digits = false;

    for (const uint8_t *p = s->start; p < s->p; p++) {
        if (!ascii_is_digit(*p))
            buf_putc(s->out, (char)*p);
        else if (!digits)
            put_mark(s);
        digits = ascii_is_digit(*p);
    }
}

/* ---- words ---- */

static bool is_value_word(const struct sql *s)
{
    static const char *const words[] = { "TRUE", "FALSE", "NULL" };
    size_t n = (size_t)(s->p - s->start);

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == n && strncasecmp((const char *)s->start, words[i], n) == 0)
            return true;
    return false;
}

static size_t name_len(const struct sql *s)
{
    uint8_t c = byte_at(s, 0);

    return c != 0 && (ascii_is_digit(c) || strchr("\".?$#/@!", c) != NULL) ? 1 : letter_len(s, 0);
}

static void take_word(struct sql *s)
{
    uint8_t c;

    while (ascii_is_letter(byte_at(s, 0)) || byte_at(s, 0) == '_')
        s->p++;
    c = byte_at(s, 0);
    if ((c == 0 || is_punctuation(c) || ascii_is_white(c)) && is_value_word(s)) {
        put_mark(s);
        return;
    }
    for (size_t n; (n = name_len(s)) > 0;)
        s->p += n;
    if (byte_at(s, 0) == '(')
        put_token(s); /* a function keeps its digits */
    else
        put_name(s);
}

/* A name in quotes, with others behind a dot: "a"."b". */
static void take_quoted(struct sql *s, uint8_t quote)
{
    for (s->p++; s->p < s->end; s->p++) {
        if (*s->p != quote)
            continue;
        if (byte_at(s, 1) != '.' || byte_at(s, 2) != quote) {
            s->p++;
            put_name(s);
            return;
        }
        s->p += 2;
    }
    put_token(s);
}

/* ---- numbers and texts ---- */

static void take_decimals(struct sql *s)
{
    for (;;) {
        uint8_t c = byte_at(s, 0);

        if (c != 'e' && c != 'E' && c != '.' && !ascii_is_digit(c))
            break;
        s->p++;
        if ((c == 'e' || c == 'E') && (byte_at(s, 0) == '+' || byte_at(s, 0) == '-'))
            s->p++;
    }
    put_mark(s);
}

static bool is_hex(uint8_t c)
{
    return ascii_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static void take_number(struct sql *s)
{
    bool zero = byte_at(s, 0) == '0', hex = zero && (byte_at(s, 1) | 0x20) == 'x';
    bool octal = zero && byte_at(s, 1) >= '0' && byte_at(s, 1) <= '7';

    s->p += hex || octal ? 2 : 1;
    if (!hex && !octal) {
        take_decimals(s);
        return;
    }
    while (hex ? is_hex(byte_at(s, 0)) : byte_at(s, 0) >= '0' && byte_at(s, 0) <= '7')
        s->p++;
    put_mark(s);
}

static void take_text(struct sql *s, uint8_t quote)
{
    bool escaped = false;

    for (s->p++; s->p < s->end; s->p++) {
        if (!escaped && *s->p == quote) {
            s->p++;
            break;
        }
        escaped = !escaped && *s->p == '\\';
    }
    put_mark(s);
}

static void put_function(struct sql *s, struct bytes body)
{
    struct buf inner = { 0 };

    sql_sanitize(body, s->mysql, &inner);
    buf_puts(s->out, "$func$");
    buf_put(s->out, buf_bytes(&inner));
    buf_puts(s->out, "$func$");
    buf_free(&inner);
}

/* $tag$...$tag$. The body of a function, $func$, is a statement itself: it has no such tag in it, so this ends. */
static void take_dollars(struct sql *s)
{
    const uint8_t *tag_end = s->end - s->p > 1 ? memchr(s->p + 1, '$', (size_t)(s->end - s->p) - 1) : NULL, *found;
    struct bytes tag;

    if (tag_end == NULL) {
        s->p = s->end;
        put_token(s);
        return;
    }
    tag = bytes_of(s->p, (size_t)(tag_end - s->p) + 1);
    s->p = tag_end + 1;
    found = s->p < s->end ? memmem(s->p, (size_t)(s->end - s->p), tag.data, tag.len) : NULL;
    if (found == NULL) {
        s->p = s->end;
        put_token(s);
    } else if (bytes_is(tag, "$func$")) {
        put_function(s, bytes_of(s->p, (size_t)(found - s->p)));
        s->p = found + tag.len;
    } else {
        put_mark(s);
        s->p = found + tag.len;
    }
}

static void take_dollar(struct sql *s)
{
    if (!ascii_is_digit(byte_at(s, 1))) {
        take_dollars(s);
        return;
    }
    for (s->p++; ascii_is_digit(byte_at(s, 0));)
        s->p++;
    put_mark(s);
}

/* ---- comments and signs ---- */

static void take_line(struct sql *s)
{
    const uint8_t *end = memchr(s->p, '\n', (size_t)(s->end - s->p));

    s->p = end != NULL ? end : s->end;
    put_token(s);
}

static void take_comment(struct sql *s)
{
    const uint8_t *end = memmem(s->p + 2, (size_t)(s->end - s->p) - 2, "*/", 2);

    s->p = end != NULL ? end + 2 : s->end;
    put_token(s);
}

/* How long the operator on JSON is that stands here, 0: there is none. */
static size_t json_operator_len(const struct sql *s)
{
    static const char *const operators[] = { "->>", "#>>", "->", "#>", "#-", "?|", "?&", "<@", "@?", "@>" };

    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        size_t n = strlen(operators[i]);

        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, operators[i], n) == 0)
            return n;
    }
    return 0;
}

/* =? and =@ are two: what follows is a parameter. */
static void take_operator(struct sql *s)
{
    size_t json = json_operator_len(s);
    uint8_t last;

    if (json > 0) {
        s->p += json;
        put_token(s);
        return;
    }
    do {
        last = *s->p++;
    } while (is_operator(byte_at(s, 0)) && !(last == '=' && (byte_at(s, 0) == '?' || byte_at(s, 0) == '@')));
    put_token(s);
}

/* @name and @@name are variables, which stay. */
static void take_at(struct sql *s)
{
    size_t ats = byte_at(s, 1) == '@' ? 2 : 1;

    if (!is_word_byte(s, ats)) {
        if (ats == 2) {
            s->p += 2;
            put_token(s);
        } else {
            take_operator(s);
        }
        return;
    }
    /* Go goes on by one byte, into a character of several, which ends the name */
    s->p += 2;
    while (is_word_byte(s, 0))
        s->p++;
    put_token(s);
}

static void take_one(struct sql *s)
{
    s->p++;
    put_token(s);
}

/* ---- the whole ---- */

static void take_sign(struct sql *s, uint8_t c)
{
    uint8_t next = byte_at(s, 1);

    if ((c == '-' && next == '-') || (c == '#' && s->mysql)) {
        take_line(s);
    } else if (c == '/' && next == '*') {
        take_comment(s);
    } else if ((c == '+' || c == '-') && (ascii_is_digit(next) || next == '.')) {
        s->p++;
        take_decimals(s);
    } else if (c == '@') {
        take_at(s);
    } else if (c != '*' && is_operator(c)) {
        take_operator(s);
    } else {
        take_one(s); /* punctuation, a lone *, and what nobody knows */
    }
}

static void take_token(struct sql *s)
{
    uint8_t c = byte_at(s, 0);

    s->start = s->p;
    if (letter_len(s, 0) > 0)
        take_word(s);
    else if (c == (s->mysql ? '`' : '"'))
        take_quoted(s, c);
    else if (c == '\'' || c == '"')
        take_text(s, c);
    else if (ascii_is_digit(c))
        take_number(s);
    else if (c == '$')
        take_dollar(s);
    else
        take_sign(s, c);
}

void sql_sanitize(struct bytes statement, bool mysql, struct buf *out)
{
    const uint8_t *nul = statement.len > 0 ? memchr(statement.data, 0, statement.len) : NULL;
    struct bytes text =
        statement_trim(nul != NULL ? bytes_of(statement.data, (size_t)(nul - statement.data)) : statement);
    struct sql s = { .p = text.data, .end = bytes_end(text), .mysql = mysql, .out = out };

    while (s.p < s.end)
        take_token(&s);
}
