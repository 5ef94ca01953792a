/* SPDX-License-Identifier: Apache-2.0 */
/* A condition of OTTL, asked of all that it is about in a batch. */
#ifndef OTTL_CONDITION_WALK_H
#define OTTL_CONDITION_WALK_H

#include "base/error.h"
#include "otlp/batch.h"
#include "ottl/ottl.h"

struct condition_count {
    uint64_t asked, held; /* of how many, and of how many it is true */
    uint64_t failed;      /* could not be told; the first of them by ... */
    struct error why;
};

struct condition_question {
    const struct ottl_program *condition;
    bool wanted; /* which answer leaves an item in the batch that is returned; what fails is false */
    int64_t now; /* wall, ns */
    struct budget *budget;
};

/* Adds to the count. Those with the wanted answer, with what they are in, are the batch that is returned; NULL: none.
 * The caller's reference to `b` stays. Of profiles nothing can be left out: they come back whole. */
struct batch *condition_walk(const struct condition_question *q, struct batch *b, struct condition_count *count);

#endif
