/* SPDX-License-Identifier: Apache-2.0 */
/* What OTLP peers put into their answers, read from bytes that nobody has looked at before: google.rpc.Status with its
 * RetryInfo (gRPC's grpc-status-details-bin, bodies of HTTP), and the partial_success of Export responses. Nothing is
 * allocated in proportion to what a number in them says; lists are walked, not kept. */
#ifndef EXPORTER_PEER_STATUS_H
#define EXPORTER_PEER_STATUS_H

#include "base/buf.h"
#include "otlp/signal.h"

#define PEER_STATUS_MAX (64 * 1024ul) /* bytes of a Status: more is not read */

struct peer_status {
    int code;                /* google.rpc.Code */
    struct bytes message;    /* points into what was read */
    bool may_retry;          /* it carries a RetryInfo */
    uint64_t retry_after_ms; /* of it; 0 = it names no time */
};

/* False: these bytes are no Status. */
bool peer_status_read(struct bytes wire, struct peer_status *out);

struct partial_success {
    uint64_t rejected;
    struct bytes message; /* points into what was read */
};

/* Of an Export response of any signal. False: these bytes are none. */
bool partial_success_read(struct bytes wire, struct partial_success *out);

/* A peer's text for people: appended as one line of valid UTF-8, with what a terminal would act on escaped, no more of
 * it than `most` bytes beforehand. */
void peer_text_put(struct buf *out, struct bytes text, size_t most);

/* `grpc-message`: %XX taken back; what is no escape stays. */
void peer_message_put(struct buf *out, struct bytes value, size_t most);

#endif
