/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles as decimal digits, and integers as text: what every text format of numbers is laid out from.
 *
 * The digits are the fewest that read back as the same double and, among those, the nearest to it. Doubles of at
 * most 15 digits, which is what people and programs mostly write, take a short cut of one multiplication and one
 * division; the others go through Schubfach (R. Giulietti, "The Schubfach way to render doubles"), with 617 powers
 * of ten in 128 bits that are computed when the first such number comes along. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

struct decimal {
    uint64_t digits; /* at most 17, without trailing zeros */
    int exponent;    /* the value is digits * 10^exponent */
};

/* v is finite and above zero. */
struct decimal decimal_shortest(double v);

#define DECIMAL_UINT_MAX 20

/* The number of decimal digits of v; 1 for 0. */
unsigned decimal_digits(uint64_t v);

/* Write v in decimal, no NUL. Returns how many bytes, at most DECIMAL_UINT_MAX. */
size_t decimal_put_uint(char *at, uint64_t v);

#endif
