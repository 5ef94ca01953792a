/* SPDX-License-Identifier: Apache-2.0 */
/* What a processor remembers of each stream of metrics, found by the digest of the stream's identity.
 *
 * Entries are charged to the budget, limited in number, and forgotten when nothing has come for their stream for a
 * while, in slices. */
#ifndef PROCESSOR_STREAM_TABLE_H
#define PROCESSOR_STREAM_TABLE_H

#include "base/list.h"
#include "base/loop/clock.h"
#include "base/table.h"
#include "otlp/digest.h"

/* What each entry begins with. */
struct stream_entry {
    struct digest id;
    struct list link;   /* in the order in which they were last seen, as exactly as it needs to be */
    uint64_t last_seen; /* mono ns; up to `grain` behind */
};

struct stream_table {
    struct table table;
    struct list by_age;
    struct clock *clock;
    struct budget *budget;
    struct clock_timer sweep;
    size_t size;    /* of an entry */
    uint64_t stale; /* ns; 0: kept for ever */
    uint64_t grain;
    uint64_t most; /* entries; 0: as many as the budget has room for */
    uint64_t n;
    void (*on_gone)(struct stream_table *t, struct stream_entry *s); /* give back what it holds; may be NULL */
};

/* Clock and budget outlive it. `size` of the holder's struct. */
void stream_table_init(struct stream_table *t, struct clock *clock, struct budget *budget, size_t size);
/* How long, how many; before the first is added. */
void stream_table_limit(struct stream_table *t, uint64_t stale, uint64_t most);
void stream_table_free(struct stream_table *t);

/* The entry of that stream, which is seen now; NULL: it is not known. */
struct stream_entry *stream_table_find(struct stream_table *t, const struct digest *id);

/* A new one, zeroed but for its head. NULL: there are too many, or the budget has no room. */
struct stream_entry *stream_table_add(struct stream_table *t, const struct digest *id);

#endif
