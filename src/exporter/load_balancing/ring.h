/* SPDX-License-Identifier: Apache-2.0 */
/* Consistent hashing: which member a key belongs to. The ring is that of the Go collector's load_balancing exporter
 * (0.158), so that both send the same key to the same member, where their endpoints are written alike. Pure logic. */
#ifndef EXPORTER_LOAD_BALANCING_RING_H
#define EXPORTER_LOAD_BALANCING_RING_H

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

#define RING_POSITIONS 131071u
#define RING_POINTS 200u /* of each member */
#define RING_NONE UINT16_MAX

struct ring {
    uint16_t *owners; /* of each position: an index among the endpoints that it was made of; NULL: there are none */
};

/* `endpoints` as they were resolved: what a key is given does not depend on their order. Less than RING_NONE of them.
 * Frees what the ring was before. */
void ring_make(struct ring *r, const char *const *endpoints, size_t n);
void ring_free(struct ring *r);

/* The index of who has the key; RING_NONE when there is nobody. */
uint16_t ring_find(const struct ring *r, struct bytes key);

#endif
