/* SPDX-License-Identifier: Apache-2.0 */
/* Something that was found: what was seen, what it means, what to do, and where. */
#ifndef COMMAND_FINDING_H
#define COMMAND_FINDING_H

#include "command/doctor/evidence.h"
#include "page/advice.h"

/* How near it is to why data is missing. Those of one weight stand in the order in which they happened, the newest
 * first. */
enum weight {
    WEIGHT_NOTE = 0,      /* no fault: on purpose, or nothing to do */
    WEIGHT_RISK = 200,    /* it will fail */
    WEIGHT_ODD = 300,     /* something is wrong; no data is known to be missing for it */
    WEIGHT_UNREAD = 400,  /* nobody fetches what is there */
    WEIGHT_SILENT = 500,  /* nobody sends */
    WEIGHT_RELOAD = 550,  /* a change does not count */
    WEIGHT_SENDER = 600,  /* a sender is not let in */
    WEIGHT_WAITING = 650, /* data waits, or is sent again */
    WEIGHT_REFUSED = 700, /* senders are told to retry */
    WEIGHT_LOST = 800,    /* items are lost */
    WEIGHT_FAILING = 850, /* the cause of the two above: an exporter's peer */
    WEIGHT_DOWN = 1000,   /* otelcd itself */
};

struct finding {
    const char *kind;      /* a word: "exporter_fails" */
    int weight;            /* enum weight, and a little more where it goes on */
    double time;           /* when, as far as it is known; 0 = unknown */
    const char *about;     /* "exporter otlp_grpc of logs" */
    const char *component; /* the id of an exporter that it is about; NULL */
    const char *seen, *means, *todo;
    const char *path; /* of the configuration: what to change; "" = nothing */
    const char *file; /* where that is written; NULL: in no file that was read */
    int line, column;
    bool is_written;   /* the key is there; else the nearest one above it */
    const char *write; /* what to write there; "" = cannot be said */
};

/* Texts are those of the arena or static. */
struct finding *finding_add(struct evidence *e, const char *kind, int weight, const char *about);

/* What to change: a path of the configuration, and the new text ("" = none). Later calls replace the place. */
void finding_locate(struct evidence *e, struct finding *f, const char *path, const char *write);

/* Likewise, where `option` ("a::b", NULL: none) of a component is meant: its location, and the text that follows from
 * what stands there, where something does: twice a number, a true for a false. */
void finding_option(struct evidence *e, struct finding *f, const char *component, const char *option);

void findings_sort(struct evidence *e);
bool findings_are_notes(const struct evidence *e); /* or there is none */

void findings_print(struct evidence *e, struct buf *out);
void findings_json(struct evidence *e, struct buf *out);

#endif
