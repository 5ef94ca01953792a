/* SPDX-License-Identifier: Apache-2.0 */
/* What an OTLP peer's answer means (the OTLP specification's tables of gRPC codes and HTTP statuses; what the Go
 * collector's exporters make of the rest). */
#ifndef EXPORTER_OTLP_ANSWER_H
#define EXPORTER_OTLP_ANSWER_H

#include "net/http/http_client.h"
#include "otlp/signal.h"

#define OTLP_ANSWER_MAX (4ul * 1024 * 1024) /* of an answer, also when it is inflated (OTLP 1.11) */

/* What was sent. */
struct otlp_question {
    bool grpc;
    enum signal signal;
    const char *peer; /* for people */
    uint64_t items;
    uint64_t size; /* bytes before compression */
};

enum otlp_fate {
    OTLP_TAKEN,     /* all but `rejected` items */
    OTLP_RETRY,     /* none of it, for now */
    OTLP_REFUSED,   /* none of it, for good */
    OTLP_TOO_LARGE, /* none of it, but smaller requests may do */
};

struct otlp_answer {
    enum otlp_fate fate;
    const char *reason; /* static, for counters and ledgers; of a TAKEN one why items were rejected, or why it is not
                         * known whether any were */
    const char *advice; /* static: what to do about it; NULL = nothing that otelcd's user can */
    uint64_t rejected;
    uint64_t retry_after_ms; /* 0 = the peer named none */
    uint64_t limit;          /* with TOO_LARGE: the size that the peer named; 0 = none */
    int code;                /* gRPC's, or what an HTTP status is called in it; 0 = taken, or no answer came */
    char text[200];          /* for people: who answered what; of a TAKEN one the peer's message, "" = it sent none */
};

void otlp_answer_read(struct otlp_answer *out, const struct otlp_question *q, const struct http_response *a);

#endif
