/* SPDX-License-Identifier: Apache-2.0 */
/* A unit of OTLP (UCUM) as the words that Prometheus names end in: `By/s` is `bytes` and `per_second`. */
#ifndef PROM_UNIT_H
#define PROM_UNIT_H

#include "base/buf.h"
#include "base/bytes.h"

struct unit {
    struct bytes main; /* empty = none */
    struct bytes per;  /* with `per_` in front; empty = none */
    struct buf words;  /* what the two point into when they are not the unit's own bytes */
};

/* Points into `text`, which outlives *u. Units that nobody knows stand for themselves; what is in braces is dropped. */
void unit_parse(struct unit *u, struct bytes text);

/* Bring both words into [A-Za-z0-9:_]; what is left empty by that is none. */
void unit_clean(struct unit *u);

void unit_free(struct unit *u);

#endif
