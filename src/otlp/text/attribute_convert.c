/* SPDX-License-Identifier: Apache-2.0 */
/* Texts become numbers as Go's strconv reads them, numbers become texts as it writes them. What cannot be converted
 * stays as it is, which is the Go collector's way too. */
#include "otlp/text/attribute_convert.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define LONGEST_NUMBER 1100u /* text of a number; more digits change nothing that a double can hold */

/* Decimal digits with an optional sign, as strconv.ParseInt(s, 10, 64) reads them. */
static bool read_int(struct bytes s, int64_t *v)
{
    char text[32];
    char *end;

    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    if (strspn(text + (text[0] == '+' || text[0] == '-'), "0123456789") + (text[0] == '+' || text[0] == '-') != s.len)
        return false;
    errno = 0;
    *v = strtoll(text, &end, 10);
    return errno == 0 && end == text + s.len && isdigit((unsigned char)text[s.len - 1]);
}

/* Underscores may stand between digits. */
static bool copy_number(struct bytes s, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != '_') {
            out[n++] = (char)s.data[i];
            continue;
        }
        if (i == 0 || i + 1 == s.len || !isxdigit(s.data[i - 1]) || !isxdigit(s.data[i + 1]))
            return false;
    }
    out[n] = '\0';
    return n > 0 && memchr(out, '\0', n) == NULL;
}

/* As strconv.ParseFloat reads it. Of what is no number *v is 0, of one that is too large infinite. */
static bool read_double(struct bytes s, double *v)
{
    char text[LONGEST_NUMBER + 1];
    const char *p = text;
    char *end;
    double number;

    *v = 0;
    if (s.len > LONGEST_NUMBER || !copy_number(s, text))
        return false;
    p += *p == '+' || *p == '-';
    if (strcasecmp(p, "inf") != 0 && strcasecmp(p, "infinity") != 0 && (strcasecmp(p, "nan") != 0 || p != text)) {
        if (!isdigit((unsigned char)*p) && *p != '.')
            return false;
        if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && strpbrk(p, "pP") == NULL)
            return false;
    }
    errno = 0;
    number = strtod(text, &end);
    if (*end != '\0')
        return false;
    *v = number;
    return !(errno == ERANGE && isinf(number));
}

double attribute_number(struct bytes text)
{
    double v;

    (void)read_double(text, &v);
    return v;
}

/* What the Go collector's machines make of a double that no int64 holds. */
static int64_t truncate_double(double d)
{
    return d >= -9223372036854775808.0 && d < 9223372036854775808.0 ? (int64_t)d : INT64_MIN;
}

static bool to_int(const struct value *v, struct value *out)
{
    out->type = VALUE_INT;
    switch (v->type) {
    case VALUE_DOUBLE:
        out->integer = truncate_double(v->number);
        return true;
    case VALUE_BOOL:
        out->integer = v->boolean;
        return true;
    case VALUE_STRING:
        return read_int(v->bytes, &out->integer);
    default:
        return false;
    }
}

static bool to_double(const struct value *v, struct value *out)
{
    out->type = VALUE_DOUBLE;
    switch (v->type) {
    case VALUE_INT:
        out->number = (double)v->integer;
        return true;
    case VALUE_BOOL:
        out->number = v->boolean;
        return true;
    case VALUE_STRING:
        return read_double(v->bytes, &out->number);
    default:
        return false;
    }
}

bool attribute_convert(struct buf *out, struct bytes any_value, enum value_type to)
{
    struct value v = value_read(any_value), made;
    size_t mark;

    if (v.type == to)
        return false;
    if (to == VALUE_STRING) {
        mark = pb_begin(out, VALUE_STRING);
        any_value_put(out, any_value);
        pb_end(out, mark);
        return true;
    }
    if (!(to == VALUE_INT ? to_int(&v, &made) : to_double(&v, &made)))
        return false;
    value_put(out, &made);
    return true;
}
