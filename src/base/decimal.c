/* SPDX-License-Identifier: Apache-2.0 */
/* decimal_shortest() tries what is cheap first: integers as they are, then few digits and a division that proves them.
 * What is left goes through Schubfach, whose table of powers is computed once, by whichever thread comes first, from
 * powers of five in long integers (the big_ functions). */
#include "base/decimal.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POWER_MIN (-292)
#define POWER_MAX 324
#define WORDS 12 /* 5^324 has 753 bits */

struct u128 {
    uint64_t hi, lo;
};

/* 10^k rounded up to 128 bits, the highest of them set. */
static struct u128 powers[POWER_MAX - POWER_MIN + 1];
static pthread_once_t powers_made = PTHREAD_ONCE_INIT; /* numbers are printed beside the loop too */

static unsigned big_bits(const uint64_t *w)
{
    for (int i = WORDS - 1; i >= 0; i--)
        if (w[i] != 0)
            return (unsigned)i * 64 + 64 - (unsigned)__builtin_clzll(w[i]);
    return 0;
}

static void big_times5(uint64_t *w)
{
    uint64_t carry = 0;

    for (int i = 0; i < WORDS; i++) {
        __extension__ unsigned __int128 x = (unsigned __int128)w[i] * 5 + carry;

        w[i] = (uint64_t)x;
        carry = (uint64_t)(x >> 64);
    }
}

static void big_double(uint64_t *w)
{
    for (int i = WORDS - 1; i > 0; i--)
        w[i] = w[i] << 1 | w[i - 1] >> 63;
    w[0] <<= 1;
}

/* a -= b if a >= b; says whether it did. */
static bool big_take(uint64_t *a, const uint64_t *b)
{
    int i = WORDS - 1;
    uint64_t borrow = 0;

    while (i > 0 && a[i] == b[i])
        i--;
    if (a[i] < b[i])
        return false;
    for (i = 0; i < WORDS; i++) {
        __extension__ unsigned __int128 x = (unsigned __int128)a[i] - b[i] - borrow;

        a[i] = (uint64_t)x;
        borrow = (uint64_t)(x >> 64) & 1;
    }
    return true;
}

static bool big_bit(const uint64_t *w, int bit)
{
    return bit >= 0 && (w[bit / 64] >> (bit % 64) & 1) != 0;
}

static void u128_shift_in(struct u128 *x, bool bit)
{
    x->hi = x->hi << 1 | x->lo >> 63;
    x->lo = x->lo << 1 | bit;
}

static void u128_increment(struct u128 *x)
{
    if (++x->lo == 0)
        x->hi++;
}

/* The highest 128 bits, rounded up. */
static struct u128 big_top(const uint64_t *w)
{
    int top = (int)big_bits(w);
    struct u128 g = { 0, 0 };

    for (int i = 1; i <= 128; i++)
        u128_shift_in(&g, big_bit(w, top - i));
    for (int i = top - 129; i >= 0; i--) {
        if (big_bit(w, i)) {
            u128_increment(&g);
            break;
        }
    }
    return g;
}

/* 1/w, its highest 128 bits, rounded up; w is no power of two. */
static struct u128 big_reciprocal(const uint64_t *w)
{
    unsigned bits = big_bits(w);
    uint64_t rest[WORDS] = { 0 };
    struct u128 g = { 0, 0 };

    rest[(bits - 1) / 64] = 1ull << ((bits - 1) % 64);
    for (int i = 0; i < 128; i++) {
        big_double(rest);
        u128_shift_in(&g, big_take(rest, w));
    }
    u128_increment(&g);
    return g;
}

/* The factor 2^k of 10^k only moves the point, so powers of five are all there is to compute. */
static void make_powers(void)
{
    uint64_t five[WORDS] = { 1 };

    for (int k = 0; k <= POWER_MAX; k++) {
        powers[k - POWER_MIN] = big_top(five);
        if (k > 0 && -k >= POWER_MIN)
            powers[-k - POWER_MIN] = big_reciprocal(five);
        big_times5(five);
    }
}

static struct decimal strip_zeros(uint64_t digits, int exponent)
{
    while (digits % 10000 == 0) {
        digits /= 10000;
        exponent += 4;
    }
    if (digits % 100 == 0) {
        digits /= 100;
        exponent += 2;
    }
    if (digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    return (struct decimal){ digits, exponent };
}

/* The upper 64 bits of g * x / 2^64, the lowest bit set when any below it was (so that halves can be told). */
static uint64_t scale_to_odd(struct u128 g, uint64_t x)
{
    __extension__ unsigned __int128 low = (unsigned __int128)g.lo * x;
    __extension__ unsigned __int128 sum = (unsigned __int128)g.hi * x + (uint64_t)(low >> 64);

    return (uint64_t)(sum >> 64) | ((uint64_t)sum > 1);
}

static int floor_log10_pow2(int e)
{
    return (e * 1262611) >> 22;
}

static int floor_log10_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

/* v = c * 2^q. All that lies between the middles to its neighbours reads back as v; scaled by a power of ten
 * so that this interval is a few units wide, the shortest decimal in it is one of four candidates. */
static struct decimal find_shortest(uint64_t c, int q, bool narrow_below)
{
    bool even = (c & 1) == 0; /* then the middles themselves read back as v too */
    int k = narrow_below ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int h = q + floor_log2_pow10(-k) + 1;
    struct u128 g = powers[-k - POWER_MIN];
    /* In quarters of the last place. */
    uint64_t lower = scale_to_odd(g, (4 * c - 2 + narrow_below) << h) + !even;
    uint64_t value = scale_to_odd(g, (4 * c) << h);
    uint64_t upper = scale_to_odd(g, (4 * c + 2) << h) - !even;
    uint64_t s = value / 4, ten = s / 10;
    bool below, above;

    if (s >= 10) {
        below = lower <= 40 * ten;
        above = 40 * ten + 40 <= upper;
        if (below != above)
            return strip_zeros(ten + above, k + 1);
    }
    below = lower <= 4 * s;
    above = 4 * s + 4 <= upper;
    if (below != above)
        return strip_zeros(s + above, k);
    above = value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1) != 0);
    return strip_zeros(s + above, k);
}

/* Two decimals of at most 15 digits never read as the same double, so one that reads as v is the shortest. The
 * check is exact: both operands of the division are, and it is rounded correctly. */
static bool short_cut(double v, struct decimal *d)
{
    static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    int e, places;
    uint64_t n;

    if (v < 1e-7 || v >= 0x1p49) /* beyond, floor_log10_pow2(e) is 15 */
        return false;
    (void)frexp(v, &e);
    places = 14 - floor_log10_pow2(e); /* v has at most one digit more than this counts on */
    n = (uint64_t)(v * tens[places] + 0.5);
    if (n >= 1000000000000000 || (double)n / tens[places] != v)
        return false;
    *d = strip_zeros(n, -places);
    return true;
}

struct decimal decimal_shortest(double v)
{
    uint64_t bits, fraction;
    int biased;
    struct decimal d;

    assert(v > 0 && isfinite(v));
    if (v < 9007199254740992.0 && v == (double)(uint64_t)v)
        return strip_zeros((uint64_t)v, 0);
    if (short_cut(v, &d))
        return d;
    pthread_once(&powers_made, make_powers);
    memcpy(&bits, &v, sizeof(bits));
    fraction = bits & 0xfffffffffffff;
    biased = (int)(bits >> 52);
    if (biased == 0)
        return find_shortest(fraction, -1074, false);
    return find_shortest(fraction | 1ull << 52, biased - 1075, fraction == 0 && biased > 1);
}

unsigned decimal_digits(uint64_t v)
{
    unsigned n = 1;

    while (v >= 10000) {
        v /= 10000;
        n += 4;
    }
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t decimal_put_uint(char *at, uint64_t v)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t n = decimal_digits(v);
    char *p = at + n;

    while (v >= 100) {
        p -= 2;
        memcpy(p, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10)
        memcpy(p - 2, pairs + v * 2, 2);
    else
        p[-1] = (char)('0' + v);
    return n;
}

/* d.ddde+XX */
static void put_scientific(struct buf *out, const char *digits, size_t n, int exponent, int width)
{
    buf_putc(out, digits[0]);
    if (n > 1)
        buf_putc(out, '.');
    buf_append(out, digits + 1, n - 1);
    buf_printf(out, "e%c%0*d", exponent < 0 ? '-' : '+', width, exponent < 0 ? -exponent : exponent);
}

/* The digits with the point behind the first `point` of them. */
static void put_plain(struct buf *out, const char *digits, size_t n, int point)
{
    size_t whole = point <= 0 ? 0 : (size_t)point < n ? (size_t)point : n;

    if (whole == 0)
        buf_puts(out, "0.");
    for (int i = point; i < 0; i++)
        buf_putc(out, '0');
    buf_append(out, digits, whole);
    if (whole > 0 && whole < n)
        buf_putc(out, '.');
    buf_append(out, digits + whole, n - whole);
    for (int i = (int)n; i < point; i++)
        buf_putc(out, '0');
}

void decimal_put(struct buf *out, double v, enum decimal_layout layout)
{
    static const struct {
        int low, high, width;
    } layouts[] = {
        [DECIMAL_PLAIN] = { INT_MIN, INT_MAX, 0 },
        [DECIMAL_GO] = { -4, 21, 2 },
        [DECIMAL_GO_SHORT] = { -4, 6, 2 },
        [DECIMAL_JSON] = { -6, 21, 1 },
    };
    char digits[DECIMAL_UINT_MAX] = { 0 };
    struct decimal d;
    size_t n;
    int first;

    if (!isfinite(v)) {
        buf_puts(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (signbit(v))
        buf_putc(out, '-');
    if (v == 0) {
        buf_putc(out, '0');
        return;
    }
    d = decimal_shortest(fabs(v));
    n = decimal_put_uint(digits, d.digits);
    first = (int)n - 1 + d.exponent;
    if (first < layouts[layout].low || first >= layouts[layout].high)
        put_scientific(out, digits, n, first, layouts[layout].width);
    else
        put_plain(out, digits, n, first + 1);
}
