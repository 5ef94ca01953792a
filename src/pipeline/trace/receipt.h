/* SPDX-License-Identifier: Apache-2.0 */
/* The span of what a receiver has taken in, under the names of the Go collector:
 *
 *     receiver/otlp/TraceDataReceived {transport, format, accepted_spans, refused_spans, failed_spans} */
#ifndef PIPELINE_RECEIPT_H
#define PIPELINE_RECEIPT_H

#include "otlp/signal.h"
#include "pipeline/trace/tracer.h"

struct receipt {
    enum traced_kind kind;
    const char *transport, *format; /* "http", "protobuf" */
    const char *from_key, *from;    /* whom it is from, by one more attribute; NULL: it is not said */
    uint64_t accepted, refused;     /* items */
    const char *error;              /* NULL: all went well */
};

/* Does nothing where there is no span. */
void receipt_end(const struct node *node, struct traced *t, enum signal signal, const struct receipt *r);

#endif
