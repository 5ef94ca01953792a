/* SPDX-License-Identifier: Apache-2.0 */
/* Routes are asked about the messages of a batch that is walked, and may change them. */
#ifndef CONNECTOR_ROUTING_ROUTE_ASKER_H
#define CONNECTOR_ROUTING_ROUTE_ASKER_H

#include "connector/routing/routing_table.h"

struct route {
    struct route_question question;
    struct statement_list condition; /* one text, or none: the question is about a header */
    int action;
    size_t group;
    uint64_t asked; /* number of the message that `holds` is true of; of items none is remembered */
    bool holds;
};

/* A message as routes have changed it. */
struct route_edit {
    bool changed;
    struct buf content;
};

/* Zeroed and initialized it is ready. */
struct route_asker {
    struct node *node;
    struct ottl_evaluation *evaluation;
    struct buf client;                    /* what routes of otelcol ask about */
    uint64_t batches, resources, metrics; /* numbers of the messages that the walk is in */
    struct route_edit resource, metric, item;
    /* Of the batch. */
    const struct metadata *metadata;
    bool failed; /* one whose fault is the batch's: `err` */
    struct error err;
};

void route_asker_init(struct route_asker *a, struct node *node);
void route_asker_free(struct route_asker *a);

void route_asker_begin(struct route_asker *a, const struct batch *batch);
void route_asker_end(struct route_asker *a);

/* The walk comes to the next message of the level: LEVEL_RESOURCE, LEVEL_METRIC or LEVEL_ITEM. */
#define LEVEL_ITEM LEVELS
void route_asker_enter(struct route_asker *a, unsigned level);

/* Is the route true of what is visited, or what that is in? Of one and the same resource or metric it is asked once.
 * Where it is, its statement has changed that. */
bool route_asker_ask(struct route_asker *a, struct route *r, const struct visit *at);

/* The message of that level, if it was changed: true. */
bool route_asker_put(const struct route_asker *a, unsigned level, struct pieces *edit);

#endif
