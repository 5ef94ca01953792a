/* SPDX-License-Identifier: Apache-2.0 */
/* Items of a batch, found by a condition or by their position, as a batch of their own; and which of them are the same
 * on both sides of a processor. Of profiles nothing can be left out: a batch of them is one item. */
#ifndef PAGE_TAP_PICK_H
#define PAGE_TAP_PICK_H

#include "base/vec.h"
#include "otlp/batch.h"
#include "otlp/rewrite.h"
#include "ottl/ottl.h"

#define TAP_ITEM_MAX ((size_t)65536)  /* bytes of one that is shown, with its resource and scope */
#define TAP_PICK_MAX ((size_t)262144) /* of those that are picked at once */

#define TAP_LOOK_AGAIN 256u /* items between two looks at the clock */

typedef VEC(uint32_t) tap_positions; /* of items in a batch, from 0, ascending */

/* What a walk needs; kept for the next one. A zeroed struct is ready. */
struct tap_picker {
    struct rewriter rewriter;
    struct ottl_evaluation *evaluation;
};

void tap_picker_free(struct tap_picker *p);

struct tap_question {
    const struct ottl_program *condition; /* NULL: any will do */
    uint64_t most;                        /* items that are picked */
    size_t bytes;                         /* of them at most, but for the first */
    uint64_t until;                       /* CPU time (tap_cpu_now()): then no more are looked at */
    int64_t now;                          /* wall, ns */
    struct budget *budget;
};

struct tap_found {
    tap_positions positions;
    uint64_t looked;  /* at how many */
    uint64_t matched; /* positions, and those too large to be shown: `large` */
    uint64_t large;
    uint64_t failed; /* could not be told; the first of them by ... */
    struct error why;
};

uint64_t tap_cpu_now(void); /* of this thread, ns */

/* The items that are asked for; NULL: there are none. `found` begins empty; its positions are the caller's to free. */
struct batch *tap_pick(struct tap_picker *p, struct batch *b, const struct tap_question *q, struct tap_found *found);

/* The items at these positions, by order; NULL: there are none. Those too large, and more than fit, are left out of it
 * and of `positions`. */
struct batch *tap_pick_positions(struct tap_picker *p, struct batch *b, tap_positions *positions,
                                 struct budget *budget);

/* What an item is known by, from what changes with any change to what a processor seldom changes. */
#define TAP_KEYS 3

struct tap_key {
    uint64_t by[TAP_KEYS];
    uint32_t position;
    uint32_t other; /* 1 + the position of its pair; 0: it has none */
};

typedef VEC(struct tap_key) tap_keys;

/* Those of the batch, with positions that go on behind those that are there. False: not all, for `until`
 * (tap_cpu_now()) came first. */
bool tap_keys_add(struct tap_picker *p, struct batch *b, uint64_t until, struct budget *budget, tap_keys *keys);

/* Pair them: by each key in turn, in order where several have the same; by their positions where as many came out as
 * went in. `strangers`: items that did not go in may be among those that came out, so that only what names an item
 * counts. Both are by position afterwards. */
void tap_keys_pair(tap_keys *before, tap_keys *after, bool strangers);

#endif
