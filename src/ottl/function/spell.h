/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go prints and reads them. */
#ifndef OTTL_FUNCTION_SPELL_H
#define OTTL_FUNCTION_SPELL_H

#include "base/buf.h"

/* Append 1h2m3.5s, 1.5ms, 0s. */
void duration_spell(struct buf *out, int64_t ns);

/* A run of numbers with units (ns, us, ms, s, m, h), with a sign, or 0. False: it is none, or too large. */
bool duration_read(struct bytes text, int64_t *ns);

#endif
