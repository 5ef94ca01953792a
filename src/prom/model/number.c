/* SPDX-License-Identifier: Apache-2.0 */
/* The digits are base/decimal's; here they get a point or an exponent. Small integers, which most samples are, are
 * written without asking for the shortest digits.
 *
 * Read, a number of at most 15 digits and a small power of ten is one multiplication or division of two doubles that
 * are exact; others go through strtod(), when it is known that they are nothing but digits. */
#include "prom/model/number.h"

#include "base/ascii.h"
#include "base/decimal.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
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

/* ---- read ---- */

#define EXACT_DIGITS (1ull << 53)
#define EXACT_POWER 22   /* the largest power of ten that is a double */
#define DIGITS_MAX 19    /* that a uint64_t holds */
#define POWER_MAX 100000 /* what an exponent says is not counted beyond that */

static const double powers[EXACT_POWER + 1] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

struct digits {
    uint64_t value;
    unsigned n;   /* that count: behind leading zeros */
    bool any;     /* there was a digit */
    int exponent; /* of ten */
};

/* From p on as many digits as there are; each behind the point takes one off the exponent. */
static const uint8_t *read_digits(const uint8_t *p, const uint8_t *end, struct digits *d, bool fraction)
{
    for (; p < end && ascii_is_digit(*p); p++) {
        d->any = true;
        if (d->n < DIGITS_MAX) {
            d->value = d->value * 10 + (uint64_t)(*p - '0');
            d->n += d->value != 0;
            d->exponent -= fraction;
        } else {
            d->n++;
        }
    }
    return p;
}

/* What is behind the `e`; NULL: no number. */
static const uint8_t *read_exponent(const uint8_t *p, const uint8_t *end, struct digits *d)
{
    bool minus = p < end && *p == '-';
    int e = 0;

    p += p < end && (*p == '-' || *p == '+');
    if (p == end)
        return NULL;
    for (; p < end && ascii_is_digit(*p); p++)
        e = e < POWER_MAX ? e * 10 + (*p - '0') : e;
    d->exponent += minus ? -e : e;
    return p;
}

/* Nothing but digits, point and exponent, all known to be where they belong. */
static bool read_slowly(struct bytes text, double *v)
{
    char small[64], *copy = text.len < sizeof(small) ? small : mem_alloc(text.len + 1);

    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *v = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    return !isinf(*v);
}

static bool read_word(struct bytes text, bool minus, bool has_sign, double *v)
{
    if (bytes_equal_nocase(text, bytes_str("inf")) || bytes_equal_nocase(text, bytes_str("infinity")))
        *v = minus ? -INFINITY : INFINITY;
    else if (!has_sign && bytes_equal_nocase(text, bytes_str("nan")))
        *v = NAN;
    else
        return false;
    return true;
}

bool number_read(struct bytes text, double *v)
{
    const uint8_t *p = text.data, *end = bytes_end(text);
    struct digits d = { 0 };
    bool minus = text.len > 0 && *p == '-', has_sign = minus || (text.len > 0 && *p == '+');

    p += has_sign;
    if (p < end && (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')
        return read_word(bytes_of(p, (size_t)(end - p)), minus, has_sign, v);
    p = read_digits(p, end, &d, false);
    if (p < end && *p == '.')
        p = read_digits(p + 1, end, &d, true);
    if (!d.any)
        return false;
    if (p < end && (*p == 'e' || *p == 'E'))
        p = read_exponent(p + 1, end, &d);
    if (p != end)
        return false;
    if (d.n > DIGITS_MAX || d.value > EXACT_DIGITS || d.exponent < -EXACT_POWER || d.exponent > EXACT_POWER)
        return read_slowly(text, v);
    *v = d.exponent < 0 ? (double)d.value / powers[-d.exponent] : (double)d.value * powers[d.exponent];
    *v = minus ? -*v : *v;
    return true;
}
