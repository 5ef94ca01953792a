/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept apart by its clients: members, found by the values that some metadata keys have.
 *
 * The batch processor has its shards here, an exporter's queue its partitions. A member is a part of its owner's
 * struct, which is there for as long as it is in the table; the table has the values, and the metadata that all who
 * belong to the member share. */
#ifndef OTLP_METADATA_TABLE_H
#define OTLP_METADATA_TABLE_H

#include "base/list.h"
#include "otlp/metadata.h"

struct metadata_member {
    struct list link; /* in the table's members */
    uint64_t hash;
    struct bytes key;          /* the values, as metadata_key() puts them */
    struct metadata *metadata; /* these keys of the clients' metadata, and no others; may be NULL */
};

struct metadata_table {
    const struct strings *keys;
    struct list members; /* in the order in which they came */
    size_t n;
    struct metadata_member **slots; /* open addressing, a power of two, never more than half full; NULL = free */
    size_t n_slots;
    struct buf key; /* what was asked for last */
};

void metadata_table_init(struct metadata_table *t, const struct strings *keys); /* `keys` stay */
void metadata_table_free(struct metadata_table *t);                             /* it is empty */

/* Whose clients have the values that `m` has, which may be NULL; NULL: nobody's yet. */
struct metadata_member *metadata_table_find(struct metadata_table *t, const struct metadata *m);

/* For the values that metadata_table_find() has just not found. */
void metadata_table_add(struct metadata_table *t, struct metadata_member *member, const struct metadata *m);

void metadata_table_remove(struct metadata_table *t, struct metadata_member *member);

#endif
