/* SPDX-License-Identifier: Apache-2.0 */
/* Long work in slices: steps of some µs, for as long as they may hold up a turn of the loop, and then on in the next
 * turn, so that whoever waits for the loop waits no longer than for one slice. */
#ifndef BASE_SLICER_H
#define BASE_SLICER_H

#include "base/loop/loop.h"

#define SLICER_NS (300 * NS_PER_US) /* of each turn */

struct slicer;

/* `step` does some work; false: there is no more, until slicer_start() says so. */
struct slicer *slicer_new(struct loop *l, bool (*step)(void *arg), void *arg);
void slicer_free(struct slicer *s); /* not from inside a step */

/* There is something to do: it begins at once if this turn has time for it. From inside a step: no effect but that it
 * goes on. */
void slicer_start(struct slicer *s);

#endif
