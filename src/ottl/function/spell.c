/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go's time package spells them. */
#include "ottl/function/spell.h"

#include <stdio.h>

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    { "ns", 1 },       { "us", 1000 },       { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
    { "ms", 1000000 }, { "s", 1000000000u }, { "m", 60000000000u }, { "h", 3600000000000u },
};

#define UNITS (sizeof(units) / sizeof(*units))

/* v in units of `unit`, which has so many zeros, and what is left without zeros at its end. */
static void put_fraction(struct buf *out, uint64_t v, uint64_t unit, int zeros)
{
    char digits[24];
    int n = zeros;

    buf_printf(out, "%llu", (unsigned long long)(v / unit));
    snprintf(digits, sizeof(digits), "%0*llu", zeros, (unsigned long long)(v % unit));
    while (n > 0 && digits[n - 1] == '0')
        n--;
    if (n > 0)
        buf_putc(out, '.');
    buf_append(out, digits, (size_t)n);
}

void duration_spell(struct buf *out, int64_t ns)
{
    uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

    if (ns < 0)
        buf_putc(out, '-');
    if (v > 0 && v < 1000000000u) {
        uint64_t unit = v < 1000 ? 1 : v < 1000000 ? 1000 : 1000000;

        put_fraction(out, v, unit, unit == 1 ? 0 : unit == 1000 ? 3 : 6);
        buf_puts(out, unit == 1 ? "ns" : unit == 1000 ? "\xc2\xb5s" : "ms");
        return;
    }
    if (v >= 3600000000000u)
        buf_printf(out, "%lluh", (unsigned long long)(v / 3600000000000u));
    if (v >= 60000000000u)
        buf_printf(out, "%llum", (unsigned long long)(v / 60000000000u % 60));
    put_fraction(out, v % 60000000000u, 1000000000u, 9);
    buf_putc(out, 's');
}

static bool is_digit(struct bytes s)
{
    return s.len > 0 && s.data[0] >= '0' && s.data[0] <= '9';
}

/* The unit that the text begins with; those of two letters come first. */
static bool take_unit(struct bytes *s, uint64_t *ns)
{
    size_t n = 0;

    while (n < s->len && s->data[n] != '.' && (s->data[n] < '0' || s->data[n] > '9'))
        n++;
    for (size_t i = 0; i < UNITS; i++)
        if (bytes_is(bytes_of(s->data, n), units[i].name)) {
            *ns = units[i].ns;
            *s = bytes_skip(*s, n);
            return true;
        }
    return false;
}

#define DURATION_LIMIT ((uint64_t)1 << 63)

/* One number and its unit. */
static bool take_part(struct bytes *s, uint64_t *sum)
{
    uint64_t whole = 0, ns;
    double fraction = 0, scale = 1;
    bool some = false;

    for (; is_digit(*s); *s = bytes_skip(*s, 1), some = true)
        if (__builtin_mul_overflow(whole, 10u, &whole) || (whole += (uint64_t)(s->data[0] - '0')) > DURATION_LIMIT)
            return false;
    if (s->len > 0 && s->data[0] == '.')
        for (*s = bytes_skip(*s, 1); is_digit(*s); *s = bytes_skip(*s, 1), some = true) {
            if (scale >= 1e18)
                continue;
            fraction = fraction * 10 + (s->data[0] - '0');
            scale *= 10;
        }
    if (!some || !take_unit(s, &ns) || whole > DURATION_LIMIT / ns)
        return false;
    whole = whole * ns + (uint64_t)(fraction * ((double)ns / scale));
    return !__builtin_add_overflow(*sum, whole, sum) && *sum <= DURATION_LIMIT;
}

bool duration_read(struct bytes text, int64_t *ns)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t sum = 0;

    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = bytes_skip(text, 1);
    *ns = 0;
    if (bytes_is(text, "0"))
        return true;
    if (text.len == 0)
        return false;
    while (text.len > 0)
        if (!take_part(&text, &sum))
            return false;
    if (sum == DURATION_LIMIT && !negative)
        return false;
    *ns = (int64_t)(negative ? -sum : sum);
    return true;
}
