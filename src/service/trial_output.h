/* SPDX-License-Identifier: Apache-2.0 */
/* The double of an exporter in a trial: what came to it, and the peer that it plays. */
#ifndef SERVICE_TRIAL_OUTPUT_H
#define SERVICE_TRIAL_OUTPUT_H

#include "pipeline/component.h"
#include "service/trial.h"

struct trial_output {
    struct node *node;
    struct consumer attempt;     /* behind its queue */
    VEC(struct batch *) batches; /* that the peer has taken */
    size_t taken;                /* of these by trial_take() */
    enum trial_peer is;
    uint64_t takes, until; /* PARTIAL: so many items; the mono time when all is well again, UINT64_MAX: never */
    uint64_t attempts;
};

/* For the node's create(); with a sender where `queues` and the component's configuration want one. */
struct trial_output *trial_output_new(struct node *node, const void *config, bool queues);
void trial_output_free(struct trial_output *o);

int trial_output_start(struct node *node, struct error *err);
void trial_output_stop(struct node *node, uint64_t deadline, void (*done)(struct node *node));
void trial_output_hurry(struct node *node);
void trial_output_destroy(struct node *node);

/* A batch has come, and is answered as the peer would. */
void trial_output_attempt(struct trial_output *o, struct batch *batch, struct ack *ack);

#endif
