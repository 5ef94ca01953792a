/* SPDX-License-Identifier: Apache-2.0 */
/* A batch's spans, run by run: those of one trace that stand one behind another in one scope. */
#ifndef PROCESSOR_GROUPBYTRACE_SPAN_RUNS_H
#define PROCESSOR_GROUPBYTRACE_SPAN_RUNS_H

#include "processor/tail_sampling/id_table.h"
#include "processor/tail_sampling/span_store.h"

struct span_run {
    struct head *scope; /* the caller's of span_runs_read(), until it returns */
    struct bytes spans; /* with their tags */
    uint32_t n;
    uint8_t id[TRACE_ID_SIZE]; /* one that is missing is all zeros */
};

/* Heads of resources and scopes are made in the store. `scratch` is kept for the next time. */
void span_runs_read(struct span_store *store, const struct batch *batch, struct pieces *scratch,
                    void (*take)(void *arg, const struct span_run *run), void *arg);

#endif
