/* SPDX-License-Identifier: Apache-2.0 */
/* Other bytes that lead to one series, and whose they are: the same stream in another order of attributes, or another
 * stream of OTLP that Prometheus has no other name for. */
#ifndef PROM_SERIES_ALIAS_H
#define PROM_SERIES_ALIAS_H

#include "prom/series/series.h"

enum series_kind { SERIES, ALIAS }; /* kinds given to streams_add */

/* What an entry leads to. */
struct series *series_of(struct cached_series *k);

/* The series is known by these bytes too. NULL: there is no room for that, and it is looked up by its labels each
 * time. */
struct cached_series *series_add_alias(struct series_store *s, struct stream *stream, const struct identity_key *key,
                                       struct series *x);

/* A series that has aliases goes. */
void series_drop_aliases(struct series_store *s, struct series *x);

/* One that writes to a series. */
struct series_writer {
    struct series_writer *next;
    uint64_t identity;                  /* stream_member_identity() */
    const struct cached_series *member; /* one entry of its */
    uint64_t time;                      /* of its newest point; a delta that is not newer is counted already */
    uint32_t round;                     /* of the series, when it wrote last */
    bool wrote;
};

/* Whose the entry is. NULL: the series has no other. */
struct series_writer *series_writer_of(const struct series *x, const struct cached_series *k);

/* A point of that time comes from `w`. True when somebody else has the series; it is then counted, and told of. Once
 * the one who has it falls silent, it passes to who comes again: a restarted sender is no collision. */
bool series_collides(struct series_store *s, struct series *x, struct series_writer *w, uint64_t time);

#endif
