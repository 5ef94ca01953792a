/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of what `otelcd explain` says of a configuration that is right. */
#ifndef COMMAND_EXPLAIN_H
#define COMMAND_EXPLAIN_H

#include "base/buf.h"
#include "service/config.h"

/* A component with its effective options, secrets hidden. */
struct explained {
    const struct config_component *cc;
    const char *path; /* "exporters::otlp_grpc" */
    const struct yaml_node *options;
};

struct explanation {
    struct arena arena;
    const struct config *config;
    VEC(struct explained) used; /* components in use, in the order of their kinds */
    struct buf *out;
};

/* The text of an effective option, "a::b"; "" = there is none. */
const char *explained_option(const struct explained *x, const char *path);
bool explained_is_on(const struct explained *x, const char *path); /* a group that is there, or a true bool */

void explain_loss(struct explanation *e);  /* in which failure */
void explain_needs(struct explanation *e); /* memory and disk */

#endif
