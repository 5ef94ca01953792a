/* SPDX-License-Identifier: Apache-2.0 */
/* The lesser and the greater of two doubles as Go's math.Min and math.Max have them, where fmin() and fmax() pass over
 * NaN: what is not a number stays one, but for the infinity that no number could be beyond; and -0 is less than 0. */
#ifndef BASE_DOUBLE_H
#define BASE_DOUBLE_H

#include <math.h>

static inline double double_min(double x, double y)
{
    if ((isinf(x) && x < 0) || (isinf(y) && y < 0))
        return (double)-INFINITY;
    if (isnan(x) || isnan(y))
        return (double)NAN;
    return x < y || (x <= y && signbit(x)) ? x : y;
}

static inline double double_max(double x, double y)
{
    return -double_min(-x, -y);
}

#endif
