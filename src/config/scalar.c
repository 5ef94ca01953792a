/* SPDX-License-Identifier: Apache-2.0 */
/* What a scalar means (go-yaml v3's core schema), and trees written out again. */
#include "config/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

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

/* The digits of an integer without sign and underscores in `out`; its base, or 0 when it is none. */
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

        if (*s == '_' && n > 0)
            continue;
        if (digit >= base || n + 1 >= size)
            return 0;
        out[n++] = *s;
    }
    out[n] = '\0';
    return n > 0 ? base : 0;
}

static bool uint_text(const char *s, bool *negative, uint64_t *v)
{
    char digits[80];
    int base;

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

static bool float_text(const char *s, double *v)
{
    static const char *const infs[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL };
    static const char *const neg[] = { "-.inf", "-.Inf", "-.INF", NULL };
    static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };
    const char *p = s;
    bool digits = false;
    char *end;

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

/* 2001-12-14, with or without a time of day. */
static bool time_text(const char *s)
{
    for (int i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? s[i] != '-' : !isdigit((unsigned char)s[i]))
            return false;
    return s[10] == '\0' || s[10] == 'T' || s[10] == 't' || s[10] == ' ';
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

/* The Go collector takes 10.0 where an integer belongs (go-facts.md). */
static bool integral(const struct yaml_node *n, bool *negative, uint64_t *u)
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

    return integral(n, &negative, v) && (!negative || *v == 0);
}

bool yaml_int(const struct yaml_node *n, int64_t *v)
{
    bool negative;
    uint64_t u;

    if (!integral(n, &negative, &u) || u > (uint64_t)INT64_MAX + negative)
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

static void put_json_string(struct buf *out, const char *s)
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

/* Would this text be read as the same string without quotes? */
static bool safe_plain(const char *s)
{
    struct yaml_node n = { .kind = YAML_SCALAR, .text = s, .plain = true };

    if (yaml_type(&n) != YAML_STR || strchr("-?:,[]{}#&*!|>'\"%@` ", s[0]) != NULL)
        return false;
    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (*p == ':' && (p[1] == ' ' || p[1] == '\0')) || (*p == ' ' && p[1] == '#') ||
            (p[1] == '\0' && *p == ' '))
            return false;
    return true;
}

static void put_scalar(const struct yaml_node *n, struct buf *out, bool json)
{
    enum yaml_type type = yaml_type(n);
    double d;

    if (type == YAML_NIL)
        buf_puts(out, json ? "null" : "");
    else if (type == YAML_STR || type == YAML_TIME || (json && type == YAML_FLOAT && yaml_float(n, &d) && !isfinite(d)))
        !json && safe_plain(n->text) ? buf_puts(out, n->text) : put_json_string(out, n->text);
    else
        buf_puts(out, n->text);
}

static void put_json(const struct yaml_node *n, struct buf *out)
{
    if (n->kind != YAML_MAP && n->kind != YAML_LIST) {
        put_scalar(n, out, true);
        return;
    }
    buf_putc(out, n->kind == YAML_MAP ? '{' : '[');
    for (size_t i = 0; i < n->n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        if (n->kind == YAML_MAP) {
            put_json_string(out, n->pairs[i].key);
            buf_putc(out, ':');
        }
        put_json(n->kind == YAML_MAP ? n->pairs[i].value : n->items[i], out);
    }
    buf_putc(out, n->kind == YAML_MAP ? '}' : ']');
}

static void put_block(const struct yaml_node *n, struct buf *out, int indent);

/* What follows "key:" or "-". */
static void put_value(const struct yaml_node *v, struct buf *out, int indent)
{
    if ((v->kind == YAML_MAP || v->kind == YAML_LIST) && v->n > 0) {
        buf_putc(out, '\n');
        put_block(v, out, indent);
        return;
    }
    if (v->kind == YAML_MAP || v->kind == YAML_LIST) {
        buf_puts(out, v->kind == YAML_MAP ? " {}" : " []");
    } else if (yaml_type(v) != YAML_NIL) {
        buf_putc(out, ' ');
        put_scalar(v, out, false);
    }
    buf_putc(out, '\n');
}

static void put_block(const struct yaml_node *n, struct buf *out, int indent)
{
    for (size_t i = 0; i < n->n; i++) {
        buf_printf(out, "%*s", indent, "");
        if (n->kind == YAML_MAP) {
            safe_plain(n->pairs[i].key) ? buf_puts(out, n->pairs[i].key) : put_json_string(out, n->pairs[i].key);
            buf_putc(out, ':');
            put_value(n->pairs[i].value, out, indent + 2);
        } else {
            buf_putc(out, '-');
            put_value(n->items[i], out, indent + 2);
        }
    }
}

void yaml_write(const struct yaml_node *n, struct buf *out, bool json)
{
    if (json) {
        put_json(n, out);
        buf_putc(out, '\n');
    } else if (n->kind == YAML_MAP || n->kind == YAML_LIST) {
        put_block(n, out, 0);
    } else {
        put_scalar(n, out, false);
        buf_putc(out, '\n');
    }
}
