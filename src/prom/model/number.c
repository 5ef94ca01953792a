/* SPDX-License-Identifier: Apache-2.0 */
/* The digits are base/decimal's; here they get a point or an exponent. Small integers, which most samples are, are
 * written without asking for the shortest digits. */
#include "prom/model/number.h"

#include "base/decimal.h"

#include <math.h>
#include <string.h>

static size_t put_text(char *at, const char *s)
{
    size_t n = strlen(s);

    memcpy(at, s, n);
    return n;
}

/* d.ddde+XX */
static size_t put_exponent(char *at, struct decimal d, int x)
{
    char *p = at;
    size_t n = decimal_put_uint(p + 1, d.digits);

    p[0] = p[1];
    if (n > 1) {
        p[1] = '.';
        p += n + 1;
    } else {
        p++;
    }
    *p++ = 'e';
    *p++ = x < 0 ? '-' : '+';
    x = x < 0 ? -x : x;
    if (x < 10)
        *p++ = '0';
    p += decimal_put_uint(p, (uint64_t)x);
    return (size_t)(p - at);
}

/* Without exponent: digits, then zeros or a point where they belong. x is the power of the first digit, -4 to 5. */
static size_t put_fixed(char *at, struct decimal d, int x)
{
    char *p = at;
    size_t n, whole;

    if (x < 0) {
        p += put_text(p, "0.");
        for (int i = -1; i > x; i--)
            *p++ = '0';
        return (size_t)(p - at) + decimal_put_uint(p, d.digits);
    }
    n = decimal_put_uint(p, d.digits);
    whole = (size_t)x + 1;
    if (n <= whole) {
        memset(p + n, '0', whole - n);
        return whole;
    }
    memmove(p + whole + 1, p + whole, n - whole);
    p[whole] = '.';
    return n + 1;
}

/* v > 0 and finite; not a small integer. */
static size_t put_decimal(char *at, double v)
{
    struct decimal d = decimal_shortest(v);
    int x = (int)decimal_digits(d.digits) - 1 + d.exponent;

    return x < -4 || x >= 6 ? put_exponent(at, d, x) : put_fixed(at, d, x);
}

static size_t put_special(char *at, double v)
{
    return put_text(at, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

/* `tail` is what an integer below a million ends with. */
static size_t put_number(char *at, double v, const char *tail)
{
    char *p = at;

    if (!isfinite(v))
        return put_special(at, v);
    if (v < 0) {
        *p++ = '-';
        v = -v;
    }
    if (v < 1e6 && v == (double)(uint32_t)v) {
        p += decimal_put_uint(p, (uint32_t)v);
        p += put_text(p, tail);
    } else {
        p += put_decimal(p, v);
    }
    return (size_t)(p - at);
}

size_t number_put(char *at, double v)
{
    return put_number(at, v, "");
}

size_t number_put_plain(char *at, double v)
{
    char *p = at;
    struct decimal d;

    if (!isfinite(v))
        return put_special(at, v);
    if (v < 0) {
        *p++ = '-';
        v = -v;
    }
    if (v == 0) {
        *p++ = '0';
        return (size_t)(p - at);
    }
    d = decimal_shortest(v);
    return (size_t)(p - at) + put_fixed(p, d, (int)decimal_digits(d.digits) - 1 + d.exponent);
}

size_t number_put_om(char *at, double v)
{
    return put_number(at, v, ".0");
}

size_t number_put_seconds(char *at, uint64_t ns)
{
    size_t n = decimal_put_uint(at, ns / 1000000000);
    uint64_t fraction = ns % 1000000000;

    at[n++] = '.';
    for (uint64_t place = 100000000; place > 0; place /= 10) {
        at[n++] = (char)('0' + fraction / place);
        fraction %= place;
        if (fraction == 0)
            break;
    }
    return n;
}
