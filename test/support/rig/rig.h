/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline stands on, for tests: a loop whose clock the test moves, a budget, metrics, a silent log. */
#ifndef SUPPORT_RIG_H
#define SUPPORT_RIG_H

#include "otlp/batch.h"
#include "pipeline/component.h"

struct rig {
    struct loop loop;
    struct budget budget;
    struct metrics metrics;
    struct log_sink log;
    struct host host;
    uint64_t random;                 /* state of rig_random */
    const struct pipeline_end *ends; /* of connectors that rig_node() makes */
    size_t n_ends;
};

void rig_init(struct rig *r, uint64_t seed);
void rig_step(struct rig *r, uint64_t ns); /* one turn of the loop, `ns` later by its clock */
void rig_close(struct rig *r);             /* asserts that the budget is even: every block was given back */

uint64_t rig_random(struct rig *r, uint64_t below); /* 0 .. below-1; the same sequence for the same seed */

/* A batch of `items` log records that are one byte of body each (first, first + 1, ... modulo 256), charged to the
 * budget. items > 0. */
struct batch *rig_logs(struct rig *r, unsigned first, uint64_t items);

/* The value of an instrument; -1 when it does not show. Label pairs end with NULL. */
double rig_metric(struct rig *r, const char *name, ...);

/* A node of a processor or exporter, created from `config` and started. `out` may be NULL. */
struct node *rig_node(struct rig *r, const struct component *component, const void *config, enum signal signal,
                      struct ledger *ledger, struct consumer *out);
/* stop() with that deadline, then as many turns as the test makes; *stopped becomes true. */
void rig_stop(struct node *node, uint64_t deadline, bool *stopped);
void rig_destroy(struct node *node);

#endif
