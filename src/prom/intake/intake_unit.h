/* SPDX-License-Identifier: Apache-2.0 */
/* Units of Prometheus as those of OTLP, and names without them. */
#ifndef PROM_INTAKE_UNIT_H
#define PROM_INTAKE_UNIT_H

#include "base/buf.h"
#include "base/bytes.h"

/* Put a field of that number: `seconds` is `s`, `bytes_per_second` is `By/s`. Words that nobody knows stay. */
void unit_put(struct buf *b, unsigned number, struct bytes words);

/* The name without `_total`, of a sum, and then without the words of its unit, as long as something is left. */
struct bytes name_trim_suffixes(struct bytes name, bool is_sum, struct bytes unit);

#endif
