/* SPDX-License-Identifier: Apache-2.0 */
/* A format is walked once. A verb takes the next value (or the one that its index names) and puts its text in a buffer
 * of its own, which is then padded. What does not fit is told in the text, as Go tells it: %!d(string=x). */
#include "ottl/function/format.h"

#include "base/decimal.h"
#include "codec/base64.h"
#include "ottl/function/spell.h"
#include "ottl/function/quote.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "ottl/function/time_text.h"

#include <math.h>
#include <stdio.h>

#define MAX_WIDTH 1000000

struct formatting {
    struct ottl_call *call;
    struct bytes format;
    size_t at;
    const struct ottl_value *values;
    size_t n, next;
    bool reordered, good_index;
    struct buf text; /* of one value */
    struct buf *out;
    /* of the verb */
    bool minus, plus, sharp, space, zero, has_width, has_precision;
    int64_t width, precision;
};

static const char *go_type(const struct ottl_value *v)
{
    return v->type == OTTL_NIL ? "<nil>" : ottl_go_type(v);
}

/* Characters, of which a width speaks. */
static size_t count_characters(struct bytes s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += (s.data[i] & 0xc0) != 0x80;
    return n;
}

static bool pad_text(struct formatting *f, bool zeros)
{
    struct bytes text = buf_bytes(&f->text);
    size_t n = count_characters(text), pad = 0;

    if (f->has_width && (uint64_t)f->width > n)
        pad = (size_t)f->width - n;
    if (!ottl_spend(f->call, (text.len + pad) / 64))
        return false;
    if (zeros && !f->minus && text.len > 0 && (text.data[0] == '-' || text.data[0] == '+' || text.data[0] == ' ')) {
        buf_putc(f->out, (char)text.data[0]);
        text = bytes_skip(text, 1);
    }
    if (!f->minus && pad > 0) {
        memset(buf_reserve(f->out, pad), zeros ? '0' : ' ', pad);
        f->out->len += pad;
    }
    buf_put(f->out, text);
    if (f->minus && pad > 0) {
        memset(buf_reserve(f->out, pad), ' ', pad);
        f->out->len += pad;
    }
    return true;
}

/* ---- the text of values ---- */

static void put_integer(struct formatting *f, int64_t v, unsigned base, bool upper, const char *prefix)
{
    char digits[72];
    size_t n = sizeof(digits);
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do {
        digits[--n] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[left % base];
        left /= base;
    } while (left > 0);
    if (v < 0)
        buf_putc(&f->text, '-');
    else if (f->plus)
        buf_putc(&f->text, '+');
    else if (f->space)
        buf_putc(&f->text, ' ');
    buf_puts(&f->text, prefix);
    for (size_t i = sizeof(digits) - n; f->has_precision && (int64_t)i < f->precision && i < MAX_WIDTH; i++)
        buf_putc(&f->text, '0');
    buf_append(&f->text, digits + n, sizeof(digits) - n);
}

static void put_rune(struct formatting *f, int64_t v, bool quoted)
{
    struct buf one = { 0 };

    quote_put_rune(&one, v);
    if (quoted)
        quote_put(&f->text, buf_bytes(&one), '\'', f->plus);
    else
        buf_put(&f->text, buf_bytes(&one));
    buf_free(&one);
}

static bool format_integer(struct formatting *f, int64_t v, char verb)
{
    bool zeros = f->zero && !f->has_precision && !f->minus;

    switch (verb) {
    case 'v':
    case 'd':
        put_integer(f, v, 10, false, "");
        break;
    case 'b':
        put_integer(f, v, 2, false, f->sharp ? "0b" : "");
        break;
    case 'o':
        put_integer(f, v, 8, false, f->sharp ? "0" : "");
        break;
    case 'O':
        put_integer(f, v, 8, false, "0o");
        break;
    case 'x':
        put_integer(f, v, 16, false, f->sharp ? "0x" : "");
        break;
    case 'X':
        put_integer(f, v, 16, true, f->sharp ? "0X" : "");
        break;
    case 'c':
        put_rune(f, v, false);
        break;
    case 'q':
        put_rune(f, v, true);
        break;
    default: /* U */
        buf_printf(&f->text, "U+%04llX", (unsigned long long)v);
        break;
    }
    return pad_text(f, zeros);
}

static void put_double(struct formatting *f, double v, char verb)
{
    char spec[16], text[400];
    int n;

    if (isnan(v) || isinf(v) || ((verb == 'v' || verb == 'g' || verb == 'G') && !f->has_precision)) {
        decimal_put(&f->text, v, verb == 'v' ? DECIMAL_GO : DECIMAL_GO_SHORT);
        for (size_t i = 0; verb == 'G' && i < f->text.len; i++)
            if (f->text.data[i] == 'e')
                f->text.data[i] = 'E';
    } else {
        snprintf(spec, sizeof(spec), "%%.*%c", verb == 'v' ? 'g' : verb == 'F' ? 'f' : verb);
        int precision = f->has_precision ? (int)(f->precision < 60 ? f->precision : 60) : 6;
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"") n =
            snprintf(text, sizeof(text), spec, precision, v);
        _Pragma("GCC diagnostic pop")
            buf_append(&f->text, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
    }
}

static bool format_double(struct formatting *f, double v, char verb)
{
    bool finite = !isnan(v) && !isinf(v);

    if (!isnan(v) && !signbit(v) && finite && (f->plus || f->space))
        buf_putc(&f->text, f->plus ? '+' : ' ');
    put_double(f, v, verb);
    return pad_text(f, f->zero && finite && !f->minus);
}

static void put_hex(struct formatting *f, struct bytes s, bool upper)
{
    for (size_t i = 0; i < s.len; i++) {
        if (f->space && i > 0)
            buf_putc(&f->text, ' ');
        if (f->sharp && (i == 0 || f->space))
            buf_puts(&f->text, upper ? "0X" : "0x");
        buf_printf(&f->text, upper ? "%02X" : "%02x", s.data[i]);
    }
}

/* As many characters as the precision says. */
static struct bytes cut_text(const struct formatting *f, struct bytes s)
{
    int64_t left = f->precision;

    if (!f->has_precision)
        return s;
    for (size_t i = 0; i < s.len; i++)
        if ((s.data[i] & 0xc0) != 0x80 && left-- == 0)
            return bytes_of(s.data, i);
    return s;
}

static bool format_text(struct formatting *f, struct bytes s, char verb)
{
    s = cut_text(f, s);
    if (!ottl_spend(f->call, s.len / 16))
        return false;
    if (verb == 'x' || verb == 'X')
        put_hex(f, s, verb == 'X');
    else if (verb == 'q' && f->sharp && quote_can_be_raw(s))
        buf_printf(&f->text, "`%.*s`", (int)s.len, (const char *)s.data);
    else if (verb == 'q')
        quote_put(&f->text, s, '"', f->plus);
    else
        buf_put(&f->text, s);
    return pad_text(f, f->zero);
}

/* Bytes as a list of numbers; those as long as an id are one. */
static bool format_bytes(struct formatting *f, struct bytes s, char verb)
{
    if (verb == 's' || verb == 'q' || verb == 'x' || verb == 'X')
        return format_text(f, s, verb);
    if (!ottl_spend(f->call, s.len / 8))
        return false;
    if (verb == 'v' && (s.len == 8 || s.len == 16)) {
        hex_encode(s, &f->text);
        return pad_text(f, false);
    }
    buf_putc(&f->text, '[');
    for (size_t i = 0; i < s.len; i++)
        buf_printf(&f->text, i > 0 ? " %u" : "%u", s.data[i]);
    buf_putc(&f->text, ']');
    return pad_text(f, false);
}

/* Times, durations, lists and maps by their text. */
static bool format_other(struct formatting *f, const struct ottl_value *v, char verb)
{
    struct buf text = { 0 };
    struct bytes json;
    bool done;

    if ((v->type == OTTL_LIST || v->type == OTTL_MAP) && !ottl_spend(f->call, v->bytes.len / 16))
        return false;
    if (v->type == OTTL_DURATION)
        duration_spell(&text, v->integer);
    else if (v->type == OTTL_TIME)
        time_text_put(&text, v->integer, v->offset);
    else if (ottl_value_text(f->call->arena, v, &json))
        buf_put(&text, json);
    done = format_text(f, buf_bytes(&text), verb);
    buf_free(&text);
    return done;
}

/* ---- what does not fit ---- */

/* %!d(string=a) */
static bool complain_of_verb(struct formatting *f, const struct ottl_value *v, char verb)
{
    struct formatting plain = { .call = f->call, .out = f->out };
    bool done = true;

    buf_printf(f->out, "%%!%c(%s", verb, go_type(v));
    if (v->type != OTTL_NIL) {
        buf_putc(f->out, '=');
        done = v->type == OTTL_STRING   ? format_text(&plain, v->bytes, 's')
               : v->type == OTTL_INT    ? format_integer(&plain, v->integer, 'd')
               : v->type == OTTL_DOUBLE ? format_double(&plain, v->number, 'v')
               : v->type == OTTL_BYTES  ? format_bytes(&plain, v->bytes, 'v')
               : v->type == OTTL_BOOL   ? format_text(&plain, bytes_str(v->boolean ? "true" : "false"), 's')
                                        : format_other(&plain, v, 's');
    }
    buf_free(&plain.text);
    buf_putc(f->out, ')');
    return done;
}

static bool is_among(char verb, const char *verbs)
{
    return verb != '\0' && strchr(verbs, verb) != NULL;
}

static bool format_value(struct formatting *f, const struct ottl_value *v, char verb)
{
    if (verb == 'T')
        return format_text(f, bytes_str(go_type(v)), 's');
    switch (v->type) {
    case OTTL_NIL:
        if (verb == 'v')
            return format_text(f, bytes_str("<nil>"), 's');
        break;
    case OTTL_BOOL:
        if (is_among(verb, "tv"))
            return format_text(f, bytes_str(v->boolean ? "true" : "false"), 's');
        break;
    case OTTL_INT:
        if (is_among(verb, "vdbooOxXcqU"))
            return format_integer(f, v->integer, verb);
        break;
    case OTTL_DOUBLE:
        if (is_among(verb, "veEfFgG"))
            return format_double(f, v->number, verb);
        break;
    case OTTL_STRING:
        if (is_among(verb, "vsqxX"))
            return format_text(f, v->bytes, verb);
        break;
    case OTTL_BYTES:
        if (is_among(verb, "vdsqxX"))
            return format_bytes(f, v->bytes, verb);
        break;
    default:
        if (v->type == OTTL_DURATION && is_among(verb, "dbooOcU"))
            return format_integer(f, v->integer, verb);
        if (is_among(verb, "vsqxX"))
            return format_other(f, v, verb);
        break;
    }
    return complain_of_verb(f, v, verb);
}

/* ---- the format ---- */

static char peek_char(const struct formatting *f)
{
    return f->at < f->format.len ? (char)f->format.data[f->at] : '\0';
}

static bool read_count(struct formatting *f, int64_t *v)
{
    size_t begin = f->at;

    *v = 0;
    for (; peek_char(f) >= '0' && peek_char(f) <= '9'; f->at++)
        *v = *v > MAX_WIDTH ? *v : *v * 10 + (peek_char(f) - '0');
    if (*v > MAX_WIDTH) {
        f->at = begin;
        return false;
    }
    return f->at > begin;
}

/* [n]: the value that comes next. */
static bool read_index(struct formatting *f)
{
    const uint8_t *end;
    int64_t v;

    if (peek_char(f) != '[')
        return false;
    f->reordered = true;
    end = memchr(f->format.data + f->at, ']', f->format.len - f->at);
    f->at++;
    if (end != NULL && read_count(f, &v) && peek_char(f) == ']' && v >= 1 && (uint64_t)v <= f->n) {
        f->at++;
        f->next = (size_t)v - 1;
        return true;
    }
    f->good_index = false;
    f->at = end != NULL ? (size_t)(end - f->format.data) + 1 : f->at;
    return true;
}

static void read_flags(struct formatting *f)
{
    f->minus = f->plus = f->sharp = f->space = f->zero = f->has_width = f->has_precision = false;
    for (;; f->at++)
        switch (peek_char(f)) {
        case '-':
            f->minus = true;
            break;
        case '+':
            f->plus = true;
            break;
        case '#':
            f->sharp = true;
            break;
        case ' ':
            f->space = true;
            break;
        case '0':
            f->zero = true;
            break;
        default:
            return;
        }
}

/* A width or precision that is one of the values. */
static bool take_star(struct formatting *f, int64_t *v)
{
    f->at++;
    if (f->next >= f->n || f->values[f->next].type != OTTL_INT || f->values[f->next].integer > MAX_WIDTH ||
        f->values[f->next].integer < -MAX_WIDTH) {
        f->next += f->next < f->n;
        return false;
    }
    *v = f->values[f->next++].integer;
    return true;
}

static void read_width(struct formatting *f)
{
    if (peek_char(f) != '*') {
        f->has_width = read_count(f, &f->width);
        return;
    }
    f->has_width = take_star(f, &f->width);
    if (!f->has_width)
        buf_puts(f->out, "%!(BADWIDTH)");
    if (f->has_width && f->width < 0) {
        f->width = -f->width;
        f->minus = true;
    }
}

static void read_precision(struct formatting *f)
{
    if (peek_char(f) != '.')
        return;
    f->at++;
    read_index(f);
    if (peek_char(f) != '*') {
        f->precision = 0;
        read_count(f, &f->precision);
        f->has_precision = true;
        return;
    }
    f->has_precision = take_star(f, &f->precision) && f->precision >= 0;
    if (!f->has_precision)
        buf_puts(f->out, "%!(BADPREC)");
}

/* Behind the percent sign. */
static bool format_verb(struct formatting *f)
{
    bool indexed;
    char verb;

    f->good_index = true;
    f->text.len = 0;
    read_flags(f);
    indexed = read_index(f);
    read_width(f);
    read_precision(f);
    if (!indexed || peek_char(f) == '[')
        read_index(f);
    if (f->at >= f->format.len) {
        buf_puts(f->out, "%!(NOVERB)");
        return true;
    }
    verb = peek_char(f);
    f->at++;
    if (verb == '%')
        buf_putc(f->out, '%');
    else if (!f->good_index)
        buf_printf(f->out, "%%!%c(BADINDEX)", verb);
    else if (f->next >= f->n)
        buf_printf(f->out, "%%!%c(MISSING)", verb);
    else
        return format_value(f, &f->values[f->next++], verb);
    return true;
}

static bool put_extra(struct formatting *f)
{
    bool done = true;

    buf_puts(f->out, "%!(EXTRA ");
    for (size_t i = f->next; i < f->n && done; i++) {
        const struct ottl_value *v = &f->values[i];

        f->text.len = 0;
        f->minus = f->plus = f->sharp = f->space = f->zero = f->has_width = f->has_precision = false;
        if (i > f->next)
            buf_puts(f->out, ", ");
        buf_puts(f->out, go_type(v));
        if (v->type == OTTL_NIL)
            continue;
        buf_putc(f->out, '=');
        done = format_value(f, v, 'v');
    }
    buf_putc(f->out, ')');
    return done;
}

bool ottl_format(struct ottl_call *c, struct bytes format, const struct ottl_value *values, size_t n, struct buf *out)
{
    struct formatting f = { .call = c, .format = format, .values = values, .n = n, .out = out };
    bool done = true;

    while (done && f.at < format.len) {
        const uint8_t *found = memchr(format.data + f.at, '%', format.len - f.at);
        size_t end = found != NULL ? (size_t)(found - format.data) : format.len;

        buf_append(out, format.data + f.at, end - f.at);
        f.at = end + 1;
        if (found != NULL)
            done = ottl_spend(c, 1) && format_verb(&f);
    }
    if (done && !f.reordered && f.next < n)
        done = put_extra(&f);
    buf_free(&f.text);
    return done;
}

static bool call_format(struct ottl_call *c, struct ottl_value *result)
{
    struct buf out = { 0 };

    if (!ottl_format(c, c->args[0].bytes, c->args[1].values, c->args[1].n, &out)) {
        buf_free(&out);
        return false;
    }
    return ottl_give_text(c, &out, result);
}

const struct ottl_function ottl_functions_format[] = {
    CONVERTER("Format", call_format, "a string", TAKES(LITERAL("format", STRING), LIST("vals", ANY)),
              "The values by a format of Go's fmt.Sprintf: %s, %d, %5.2f, %q, %x, %v and so on."),
    { 0 },
};
