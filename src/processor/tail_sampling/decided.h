/* SPDX-License-Identifier: Apache-2.0 */
/* The traces that have been decided, so that spans that come later share their fate: two lists of trace ids, each with
 * its most members. Who is asked for becomes the newest; the oldest goes when a list is full. */
#ifndef PROCESSOR_TAIL_SAMPLING_DECIDED_H
#define PROCESSOR_TAIL_SAMPLING_DECIDED_H

#include "base/budget.h"
#include "base/list.h"
#include "processor/tail_sampling/id_table.h"

#include <stdbool.h>

struct decided_trace {
    struct id_member member;
    struct list link; /* of its list, the oldest first */
    uint64_t when;    /* mono ns */
    bool sampled;
};

struct decided_list {
    struct list members;
    uint64_t n, most;
};

struct decided {
    struct id_table table;
    struct decided_list lists[2]; /* not sampled, sampled */
    struct budget *budget;        /* charged with what is remembered, whatever its limit */
    uint64_t charged;
};

void decided_init(struct decided *d, uint64_t most_sampled, uint64_t most_not_sampled, struct budget *budget);
void decided_free(struct decided *d);

/* NULL: it is not known. */
const struct decided_trace *decided_find(struct decided *d, const uint8_t id[TRACE_ID_SIZE], uint64_t hash);

/* For an id that is not known. */
void decided_add(struct decided *d, const uint8_t id[TRACE_ID_SIZE], uint64_t hash, bool sampled, uint64_t now);

#endif
