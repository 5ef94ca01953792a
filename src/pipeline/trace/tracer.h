/* SPDX-License-Identifier: Apache-2.0 */
/* otelcd's own spans: of requests that receivers are sent, of attempts of exporters.
 *
 *     traced_begin(node, &t, parent);
 *     ...
 *     traced_end(node, &t, &(struct traced_end){ .name = ..., ... });
 *
 * Who takes them watches (service/own/); while nobody does nothing is recorded, and a span costs the test of a pointer.
 * What sends own telemetry makes none. */
#ifndef PIPELINE_TRACER_H
#define PIPELINE_TRACER_H

#include "base/bytes.h"
#include "base/log.h"
#include "base/random.h"

struct node;

/* A span under way. Zeroed: there is none. */
struct traced {
    uint64_t start; /* wall ns; 0: it is not recorded */
    uint8_t trace[16], id[8], parent[8];
    bool has_parent;
};

enum traced_kind { TRACED_INTERNAL = 1, TRACED_SERVER = 2, TRACED_CLIENT = 3 }; /* as in OTLP */

/* What is known of it when it ends. */
struct traced_end {
    const char *name;
    enum traced_kind kind;
    const struct log_field *attributes;
    size_t n_attributes;
    const char *error; /* NULL: all went well */
};

struct traced_span {
    const struct node *node;
    const struct traced *traced;
    const struct traced_end *end;
    uint64_t ended; /* wall ns */
};

struct trace_watcher {
    struct trace_watcher *next;
    void (*on_span)(struct trace_watcher *w, const struct traced_span *s); /* it makes no spans itself */
};

/* Which traces are recorded. */
struct trace_sampler {
    double share;        /* of traces: 0 to 1, by their ids, as SDKs decide it */
    bool follows_parent; /* a trace that was begun elsewhere is recorded if its parent was */
    bool reads_parent;   /* traceparent is looked at */
};

struct tracer {
    struct trace_watcher *watchers;
    struct trace_sampler sampler;
};

void tracer_watch(struct tracer *t, struct trace_watcher *w, const struct trace_sampler *sampler);
void tracer_unwatch(struct tracer *t, struct trace_watcher *w);

/* "00-<32 hex>-<16 hex>-<2 hex>" of the W3C; of versions to come what is known of them. */
bool traceparent_read(struct bytes text, uint8_t trace[16], uint8_t parent[8], bool *sampled);
bool trace_sampled(const struct trace_sampler *s, const uint8_t trace[16]);

bool traced_wanted(const struct node *node); /* somebody watches */
/* `parent`: the sender's traceparent; NULL: it has none. *t is overwritten. */
void traced_begin(const struct node *node, struct traced *t, const struct bytes *parent);
/* Once more does nothing. */
void traced_end(const struct node *node, struct traced *t, const struct traced_end *end);

#endif
