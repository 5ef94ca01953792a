/* SPDX-License-Identifier: Apache-2.0 */
/* One exposition of several sources, written in slices: target_info of all of them first, as one family, then each
 * one's families. No name comes twice, whoever asks for it. */
#ifndef PROM_EXPOSITION_H
#define PROM_EXPOSITION_H

#include "prom/exposition/accept.h"
#include "prom/exposition/exposition_source.h"

struct exposition;

/* Opens a cursor in each source. `left_out` (may be NULL) is called for each family that has to be left out, because a
 * name of its is taken. */
struct exposition *exposition_new(struct exposition_source *const *sources, size_t n, const struct accept *accept,
                                  void (*left_out)(void *arg, struct exposition_source *source, struct bytes name),
                                  void *arg);
void exposition_free(struct exposition *x); /* closes the cursors */

/* Append about `want` bytes more to `out`. True while there is more to come. */
bool exposition_write(struct exposition *x, struct buf *out, size_t want);

bool exposition_reads(const struct exposition *x, const struct exposition_source *source);
size_t exposition_size(const struct exposition *x); /* bytes of memory that it holds itself */

#endif
