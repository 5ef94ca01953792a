/* SPDX-License-Identifier: Apache-2.0 */
/* The identity cache: from raw bytes to the thing they stand for.
 *
 * The same SDK sends the same bytes each time, so whatever was worked out from bytes once (a resource, a scope, a
 * metric, a series) is found again by them: an entry is known by its parent and its raw bytes, in a table
 * (base/table.h). The hash of the parent is the seed of the child's, and the bytes are always compared, for a hash
 * alone would mix two series one day. */
#ifndef PROM_IDENTITY_H
#define PROM_IDENTITY_H

#include "base/table.h"

struct identity {
    uint64_t hash;
    struct identity *parent; /* NULL: none */
    uint32_t raw_len;
    uint16_t raw_at; /* where, in bytes from here, the raw bytes lie */
    uint16_t kind;   /* the holder's */
};

static inline struct bytes identity_raw(const struct identity *id)
{
    return bytes_of((const uint8_t *)id + id->raw_at, id->raw_len);
}

uint64_t identity_hash(uint64_t seed, struct bytes raw);
uint64_t identity_hash_of(const void *entry); /* for table_init */

struct identity_key {
    struct identity *parent;
    struct bytes raw;
    uint64_t hash;
};

static inline bool identity_same(const void *entry, const void *key)
{
    const struct identity *id = entry;
    const struct identity_key *k = key;

    return id->hash == k->hash && id->parent == k->parent && id->raw_len == k->raw.len &&
           (k->raw.len == 0 || memcmp((const uint8_t *)id + id->raw_at, k->raw.data, k->raw.len) == 0);
}

/* In the first `size` bytes, which are zeroed, lies what the holder has of its own, and the raw bytes go behind them.
 */
static inline void identity_init(struct identity *id, const struct identity_key *k, unsigned kind, size_t size)
{
    *id = (struct identity){ .hash = k->hash,
                             .parent = k->parent,
                             .raw_len = (uint32_t)k->raw.len,
                             .raw_at = (uint16_t)size,
                             .kind = (uint16_t)kind };
    if (k->raw.len > 0)
        memcpy((uint8_t *)id + size, k->raw.data, k->raw.len);
}

static inline struct identity *identity_find(const struct table *t, const struct identity_key *k)
{
    return table_find(t, k->hash, identity_same, k);
}

#endif
