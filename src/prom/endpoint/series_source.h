/* SPDX-License-Identifier: Apache-2.0 */
/* The series of a store as a source of a scrape endpoint.
 *
 * A scrape is a cursor over the live store: families by name, the series of each by slot. What comes or goes behind
 * the cursor is not seen, what does before it is; no series comes twice. */
#ifndef PROM_SERIES_SOURCE_H
#define PROM_SERIES_SOURCE_H

#include "prom/exposition/exposition_source.h"
#include "prom/series/series.h"

struct series_source {
    struct exposition_source source;
    struct series_store *store;
    size_t cursors; /* open */
};

/* `name` outlives it. The store is the caller's, and so is `enable_open_metrics`, in .source. */
void series_source_init(struct series_source *s, const char *name, struct series_store *store);

#endif
