/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as Prometheus exposition writes them: Go's shortest %g, that is the fewest
 * digits that read back as the same double, in exponent form below 1e-4 and from 1e6 on. Minus zero is zero. And the
 * other way round, where all is taken that Go's ParseFloat takes, but for hexadecimal and underscores. */
#ifndef PROM_NUMBER_H
#define PROM_NUMBER_H

#include "base/bytes.h"

#define NUMBER_MAX 32 /* bytes that any of these may write; no NUL */

/* Text 0.0.4: `1`, `0.5`, `1e+06`, `NaN`, `+Inf`. Returns the bytes written. */
size_t number_put(char *at, double v);

/* OpenMetrics: a number that would look like an integer gets `.0`. */
size_t number_put_om(char *at, double v);

/* As text 0.0.4, but never with an exponent: what remote write has in `le` and `quantile`. */
#define NUMBER_PLAIN_MAX 360
size_t number_put_plain(char *at, double v);

/* A time of OpenMetrics: seconds in fixed notation, every digit kept, at least one after the point. */
size_t number_put_seconds(char *at, uint64_t ns);

/* The whole text as a number: decimal digits with or without point and exponent, or, in any case, `inf` and `infinity`
 * with or without a sign, or `nan` without. Minus zero stays. False: it is none, or too large for a double. */
bool number_read(struct bytes text, double *v);

#endif
