/* SPDX-License-Identifier: Apache-2.0 */
/* A processor between a pipeline's tap and a sink, for tests: its configuration is YAML, requests go in and come out as
 * OTLP JSON. Apostrophes stand for quotation marks in requests. */
#ifndef SUPPORT_PROCESSOR_RIG_H
#define SUPPORT_PROCESSOR_RIG_H

#include "base/arena.h"
#include "support/rig/rig.h"
#include "support/sink.h"

struct processor_rig {
    struct rig rig;
    const struct component *component;
    struct arena arena;
    struct ledger ledger;
    struct sink sink;
    struct node *node;
    struct consumer *tap;
    struct buf out;       /* what came out since it was asked for last, a request in JSON on each line */
    enum verdict verdict; /* of the last answer */
    unsigned answered, asked;
    unsigned retries; /* of the answers: come again */
    bool stopped;
};

/* `from` is what goes in, `to` what comes out. */
void processor_rig_init(struct processor_rig *r, const struct component *component, enum signal from, enum signal to,
                        const char *yaml);
/* Stops it, unless that is done; the ledger must sum and hold nothing, the budget must be even. */
void processor_rig_close(struct processor_rig *r);

void processor_rig_send(struct processor_rig *r, const char *json); /* and a turn */
void processor_rig_send_wire(struct processor_rig *r, struct bytes wire);
/* A metric with a Histogram of one point and, behind it, a cumulative Sum of one, which the validator refuses: a
 * processor must not lose count of them for all that. */
void processor_rig_send_two_data(struct processor_rig *r, const char *name);
void processor_rig_send_batch(struct processor_rig *r, struct batch *batch);
/* A metric of a resource and scope that are empty. */
void processor_rig_send_metric(struct processor_rig *r, const char *json);
void processor_rig_pass(struct processor_rig *r, uint64_t ns);   /* time, and a turn */
void processor_rig_settle(struct processor_rig *r, uint64_t ns); /* time, and turns until all that is due is sent */
void processor_rig_stop(struct processor_rig *r);

/* What came out since the last call; valid until the next. */
const char *processor_rig_out(struct processor_rig *r);

uint64_t processor_rig_dropped(const struct processor_rig *r, const char *reason);

/* How often the part is in the text. */
unsigned occurrences(const char *text, const char *part);

#endif
