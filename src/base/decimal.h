/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles as decimal digits, and integers as text: what every text format of numbers is laid out from.
 *
 * The digits are the fewest that read back as the same double and, among those, the nearest to it. Doubles of at
 * most 15 digits, which is what people and programs mostly write, take a short cut of one multiplication and one
 * division; the others go through Schubfach (R. Giulietti, "The Schubfach way to render doubles"), with 617 powers
 * of ten in 128 bits that are computed when the first such number comes along. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/buf.h"

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

/* Where a double has an exponent: by the power of ten of its first digit. */
enum decimal_layout {
    DECIMAL_PLAIN,    /* never */
    DECIMAL_GO,       /* Go's %v: below -4 and from 21 on, e-05 */
    DECIMAL_GO_SHORT, /* Go's %g: below -4 and from 6 on, e+06 */
    DECIMAL_JSON,     /* as JavaScript: below -6 and from 21 on, e-7 */
};

/* Append the shortest digits of v, with its sign, which zero may have too; NaN, +Inf and -Inf where it is none. */
void decimal_put(struct buf *out, double v, enum decimal_layout layout);

#endif
