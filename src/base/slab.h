/* SPDX-License-Identifier: Apache-2.0 */
/* Many small things of any sizes, packed: those of one size, in steps of 8 bytes, lie side by side, and none has a head
 * as memory of malloc() has, which is a fifth of what a series takes. The holder knows the size of each.
 *
 * Memory goes back when all that lay in an area of it has gone. It is charged page by page as it is used first,
 * whatever the budget's limit says. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "base/budget.h"
#include "base/list.h"

#define SLAB_STEP 8u
#define SLAB_MOST 512u /* bytes; what is larger has memory of its own */

struct slab {
    struct budget *budget;
    struct list areas[SLAB_MOST / SLAB_STEP + 1]; /* by size: those that have a free cell */
};

void slab_init(struct slab *s, struct budget *budget);
void slab_close(struct slab *s); /* all that was taken has been given back */

void *slab_take(struct slab *s, size_t size); /* never NULL */
void slab_give(struct slab *s, void *cell, size_t size);

#endif
