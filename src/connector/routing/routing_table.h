/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the routing connector: its configuration, and a route's condition as it is written. */
#ifndef CONNECTOR_ROUTING_ROUTING_TABLE_H
#define CONNECTOR_ROUTING_ROUTING_TABLE_H

#include "base/arena.h"
#include "config/option.h"
#include "pipeline/statement_list.h"

enum route_action { ROUTE_MOVE, ROUTE_COPY };

struct route_config {
    const char *context, *condition, *statement;
    struct strings pipelines;
    int action; /* enum route_action */
};

struct routing_config {
    struct option_list table; /* of struct route_config */
    struct strings default_pipelines;
    int error_mode;
};

extern const struct option routing_options[];

/* What a route asks. */
struct route_question {
    enum ottl_context context; /* OTTL_OTELCOL: about the whole request */
    const char *text;          /* a condition of OTTL; NULL: the two below */
    size_t at;                 /* where it begins in what is written */
    bool edits;                /* it is a statement that changes what it is true of */
    bool bare;                 /* paths need no context in front */
    const char *key, *value;   /* of the client's metadata: the first value of that name is this, ... */
    bool unequal;              /* ... or is there and is not */
};

/* `path` is the route's. What is wrong goes to `ck` (false), unless that is NULL: then the route has passed. */
bool route_read(struct route_question *q, struct arena *a, const struct route_config *c, const char *path,
                struct check *ck);

/* A route before `i` asks the same in the same context: this one is never asked. */
bool route_is_repeated(const struct routing_config *c, size_t i);

/* It asks about something below the resource. */
bool route_is_deep(enum ottl_context context);

void routing_check(const void *config, struct check *ck);
void routing_check_ends(const void *config, enum signal signal, const struct strings *ends, struct check *ck);

#endif
