/* SPDX-License-Identifier: Apache-2.0 */
/* Which exemplar goes where in an exposition. */
#ifndef PROM_EXEMPLAR_H
#define PROM_EXEMPLAR_H

#include "prom/model/sample.h"

/* Has labels, and those of at most 128 code points: a longer one is left out whole, never cut. */
bool exemplar_fits(const struct exemplar *x);

/* The newest that fits with low < value <= high, or NULL. `x` may be NULL. */
const struct exemplar *exemplar_between(const struct sample_extra *x, double low, double high);

#endif
