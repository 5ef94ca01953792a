/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch memory freed in one go: for one walk, one parse, one config. A zeroed struct is an empty arena.
 * Allocations never fail, and are aligned for any type where nothing else is said. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the one being filled; older ones behind it */
    size_t total;              /* bytes of all chunks */
};

void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_bytes(struct arena *a, size_t size); /* not aligned: those in a row are neighbours */
void *arena_zalloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const void *s, size_t len); /* NUL added */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void arena_reset(struct arena *a); /* keep one chunk for the next walk */
void arena_free(struct arena *a);

#endif
