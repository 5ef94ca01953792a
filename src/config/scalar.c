/* SPDX-License-Identifier: Apache-2.0 */
/* What a scalar means, by go-yaml v3's core schema: quoted text is a string; plain text is tried as nothing, bool,
 * integer, float and date, in that order, and is a string when it is none of them. yaml_uint() and its like read what
 * yaml_type() has found. Behind them trees are written out again, as YAML or as JSON.
 *
 * What can go wrong: a text that would be read as something else without its quotes, by readers of YAML 1.1 too (yes,
 * 1:30); it keeps them. JSON has no infinity and no NaN: they become strings. */
#include "config/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define LONGEST_NUMBER 128u

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static bool is_null_text(const char *s)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

    return is_one_of(s, words);
}

static bool bool_text(const char *s, bool *v)
{
    static const char *const yes[] = { "true", "True", "TRUE", NULL };
    static const char *const no[] = { "false", "False", "FALSE", NULL };

    *v = is_one_of(s, yes);
    return *v || is_one_of(s, no);
}

/* The digits of an integer without sign and prefix in `out`; its base, or 0 when it is none. */
static int int_digits(const char *s, char *out, size_t size)
{
    int base = 10;
    size_t n = 0;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        base = 16, s += 2;
    else if (s[0] == '0' && (s[1] == 'o' || s[1] == 'O'))
        base = 8, s += 2;
    else if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
        base = 2, s += 2;
    else if (s[0] == '0' && s[1] != '\0')
        base = 8, s += 1;
    for (; *s != '\0'; s++) {
        int digit = isdigit((unsigned char)*s) ? *s - '0' : isxdigit((unsigned char)*s) ? tolower(*s) - 'a' + 10 : 99;

        if (digit >= base || n + 1 >= size)
            return 0;
        out[n++] = *s;
    }
    out[n] = '\0';
    return n > 0 ? base : 0;
}

/* Numbers may have underscores anywhere but in front; false when it is too long for a number. */
static bool without_underscores(const char *s, char *out, size_t size)
{
    size_t n = 0;

    for (const char *p = s; *p != '\0'; p++) {
        if (*p == '_' && p > s)
            continue;
        if (n + 1 >= size)
            return false;
        out[n++] = *p;
    }
    out[n] = '\0';
    return true;
}

static bool uint_text(const char *text, bool *negative, uint64_t *v)
{
    char plain[LONGEST_NUMBER], digits[LONGEST_NUMBER];
    const char *s = plain;
    int base;

    if (!without_underscores(text, plain, sizeof(plain)))
        return false;
    *negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    base = int_digits(s, digits, sizeof(digits));
    if (base == 0)
        return false;
    errno = 0;
    *v = strtoull(digits, NULL, base);
    return errno == 0;
}

static bool float_text(const char *text, double *v)
{
    static const char *const infs[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL };
    static const char *const neg[] = { "-.inf", "-.Inf", "-.INF", NULL };
    static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };
    char s[LONGEST_NUMBER];
    const char *p = s;
    bool digits = false;
    char *end;

    if (!without_underscores(text, s, sizeof(s)))
        return false;
    if (is_one_of(s, infs) || is_one_of(s, neg))
        return *v = s[0] == '-' ? -(double)INFINITY : (double)INFINITY, true;
    if (is_one_of(s, nans))
        return *v = (double)NAN, true;
    if (*p == '-' || *p == '+')
        p++;
    for (; *p != '\0'; p++) { /* only what a decimal float is made of: strtod would take hex and words too */
        if (isdigit((unsigned char)*p))
            digits = true;
        else if (strchr(".eE+-", *p) == NULL)
            return false;
    }
    if (!digits)
        return false;
    *v = strtod(s, &end);
    return *end == '\0';
}

/* At least one and at most `most` digits; what follows, or NULL. */
static const char *some_digits(const char *s, int most)
{
    int n = 0;

    while (n < most && isdigit((unsigned char)s[n]))
        n++;
    return n > 0 ? s + n : NULL;
}

/* "15:04:05.999", and behind it nothing or, with `zone`, Z or +07:00. */
static bool clock_text(const char *s, bool zone)
{
    if ((s = some_digits(s, 2)) == NULL || *s != ':' || (s = some_digits(s + 1, 2)) == NULL || *s != ':' ||
        (s = some_digits(s + 1, 2)) == NULL || (*s == '.' && (s = some_digits(s + 1, 9)) == NULL))
        return false;
    if (!zone)
        return *s == '\0';
    if (*s == 'Z')
        return s[1] == '\0';
    if (*s != '+' && *s != '-')
        return false;
    for (int i = 1; i < 6; i++)
        if (i == 3 ? s[i] != ':' : !isdigit((unsigned char)s[i]))
            return false;
    return s[6] == '\0';
}

/* 2001-12-14, with or without a time of day: the forms that go-yaml makes a timestamp of. */
static bool time_text(const char *s)
{
    for (int i = 0; i < 4; i++)
        if (!isdigit((unsigned char)s[i]))
            return false;
    if (s[4] != '-' || (s = some_digits(s + 5, 2)) == NULL || *s != '-' || (s = some_digits(s + 1, 2)) == NULL)
        return false;
    return *s == '\0' || ((*s == 'T' || *s == 't') && clock_text(s + 1, true)) ||
           (*s == ' ' && clock_text(s + 1, false));
}

enum yaml_type yaml_type(const struct yaml_node *n)
{
    bool b, negative;
    uint64_t u;
    double d;

    if (n->kind == YAML_NULL)
        return YAML_NIL;
    if (!n->plain)
        return YAML_STR;
    if (is_null_text(n->text))
        return YAML_NIL;
    if (bool_text(n->text, &b))
        return YAML_BOOL;
    if (uint_text(n->text, &negative, &u))
        return YAML_INT;
    if (float_text(n->text, &d))
        return YAML_FLOAT;
    return time_text(n->text) ? YAML_TIME : YAML_STR;
}

/* The Go collector takes 10.0 where an integer belongs. */
static bool read_integral(const struct yaml_node *n, bool *negative, uint64_t *u)
{
    double d;

    if (yaml_type(n) == YAML_INT)
        return uint_text(n->text, negative, u);
    if (yaml_type(n) != YAML_FLOAT || !float_text(n->text, &d) || d != floor(d) || fabs(d) > 9e15)
        return false;
    *negative = d < 0;
    *u = (uint64_t)fabs(d);
    return true;
}

bool yaml_uint(const struct yaml_node *n, uint64_t *v)
{
    bool negative;

    return read_integral(n, &negative, v) && (!negative || *v == 0);
}

bool yaml_int(const struct yaml_node *n, int64_t *v)
{
    bool negative;
    uint64_t u;

    if (!read_integral(n, &negative, &u) || u > (uint64_t)INT64_MAX + negative)
        return false;
    *v = negative ? (int64_t)(0 - u) : (int64_t)u;
    return true;
}

bool yaml_float(const struct yaml_node *n, double *v)
{
    bool negative;
    uint64_t u;

    if (yaml_type(n) == YAML_INT && uint_text(n->text, &negative, &u)) {
        *v = negative ? -(double)u : (double)u;
        return true;
    }
    return yaml_type(n) == YAML_FLOAT && float_text(n->text, v);
}

bool yaml_bool(const struct yaml_node *n, bool *v)
{
    return n->kind == YAML_SCALAR && n->plain && bool_text(n->text, v);
}

const char *yaml_type_name(const struct yaml_node *n)
{
    static const char *const names[] = { [YAML_STR] = "a string", [YAML_INT] = "an integer", [YAML_FLOAT] = "a number",
                                         [YAML_BOOL] = "a bool",  [YAML_NIL] = "nothing",    [YAML_TIME] = "a date" };

    if (n->kind == YAML_MAP)
        return "a map";
    return n->kind == YAML_LIST ? "a list" : names[yaml_type(n)];
}

/* --- writing --- */

void yaml_put_float(struct buf *out, double v)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_puts(out, text);
}

void yaml_put_quoted(struct buf *out, const char *s)
{
    buf_putc(out, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            buf_printf(out, "\\u%04x", (unsigned char)*s);
        else
            buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

/* Would this text be read as the same string without quotes, by readers of YAML 1.1 too? */
static bool safe_plain(const char *s)
{
    struct yaml_node n = { .kind = YAML_SCALAR, .text = s, .plain = true };
    static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false", "null", NULL };

    if (*s == '\0' || strchr("-+.~=<?:,[]{}#&*!|>'\"%@` ", s[0]) != NULL || s[strspn(s, "0123456789.:_-+")] == '\0' ||
        yaml_type(&n) != YAML_STR) /* 1:30 is a number in YAML 1.1 */
        return false;
    for (size_t i = 0; words[i] != NULL; i++)
        if (strcasecmp(s, words[i]) == 0)
            return false;
    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (*p == ':' && (p[1] == ' ' || p[1] == '\0')) || (*p == ' ' && p[1] == '#') ||
            (p[1] == '\0' && *p == ' '))
            return false;
    return true;
}

static void put_json_scalar(const struct yaml_node *n, struct buf *out)
{
    bool b, negative;
    uint64_t u;
    double d;

    switch (yaml_type(n)) {
    case YAML_NIL:
        buf_puts(out, "null");
        return;
    case YAML_BOOL:
        buf_puts(out, bool_text(n->text, &b) && b ? "true" : "false");
        return;
    case YAML_INT:
        if (uint_text(n->text, &negative, &u))
            buf_printf(out, "%s%llu", negative && u > 0 ? "-" : "", (unsigned long long)u);
        return;
    case YAML_FLOAT:
        if (float_text(n->text, &d) && isfinite(d)) {
            yaml_put_float(out, d);
            return;
        }
        break;
    case YAML_STR:
    case YAML_TIME:
        break;
    }
    yaml_put_quoted(out, n->text);
}

static void put_scalar(const struct yaml_node *n, struct buf *out)
{
    enum yaml_type type = yaml_type(n);

    if (type == YAML_NIL)
        return;
    if (type != YAML_STR || safe_plain(n->text))
        buf_puts(out, n->text);
    else
        yaml_put_quoted(out, n->text);
}

static void put_json(const struct yaml_node *n, struct buf *out)
{
    if (n->kind != YAML_MAP && n->kind != YAML_LIST) {
        put_json_scalar(n, out);
        return;
    }
    buf_putc(out, n->kind == YAML_MAP ? '{' : '[');
    for (size_t i = 0; i < n->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        if (n->kind == YAML_MAP) {
            yaml_put_quoted(out, n->pairs[i].key);
            buf_putc(out, ':');
        }
        put_json(n->kind == YAML_MAP ? n->pairs[i].value : n->items[i], out);
    }
    buf_putc(out, n->kind == YAML_MAP ? '}' : ']');
}

static void put_block(const struct yaml_node *n, struct buf *out, int indent, bool begun);

/* What follows "key:" or "-". */
static void put_value(const struct yaml_node *v, struct buf *out, int indent)
{
    if ((v->kind == YAML_MAP || v->kind == YAML_LIST) && v->n > 0) {
        buf_putc(out, '\n');
        put_block(v, out, indent, false);
        return;
    }
    if (v->kind == YAML_MAP || v->kind == YAML_LIST) {
        buf_puts(out, v->kind == YAML_MAP ? " {}" : " []");
    } else if (yaml_type(v) != YAML_NIL) {
        buf_putc(out, ' ');
        put_scalar(v, out);
    }
    if (v->comment != NULL)
        buf_printf(out, " # %s", v->comment);
    buf_putc(out, '\n');
}

static void put_item(const struct yaml_node *v, struct buf *out, int indent)
{
    if (v->kind == YAML_MAP && v->n > 0) { /* its first key stands behind the dash */
        buf_puts(out, "- ");
        put_block(v, out, indent, true);
    } else {
        buf_putc(out, '-');
        put_value(v, out, indent);
    }
}

/* `begun`: the first line has its indentation already. */
static void put_block(const struct yaml_node *n, struct buf *out, int indent, bool begun)
{
    for (size_t i = 0; i < n->n; i++) {
        if (i > 0 || !begun)
            buf_printf(out, "%*s", indent, "");
        if (n->kind == YAML_LIST) {
            put_item(n->items[i], out, indent + 2);
            continue;
        }
        if (safe_plain(n->pairs[i].key))
            buf_puts(out, n->pairs[i].key);
        else
            yaml_put_quoted(out, n->pairs[i].key);
        buf_putc(out, ':');
        put_value(n->pairs[i].value, out, indent + 2);
    }
}

void yaml_write(const struct yaml_node *n, struct buf *out, bool json)
{
    if (json) {
        put_json(n, out);
        buf_putc(out, '\n');
    } else if (n->kind == YAML_MAP || n->kind == YAML_LIST) {
        put_block(n, out, 0, false);
    } else {
        put_scalar(n, out);
        buf_putc(out, '\n');
    }
}
