/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver that is sent requests over HTTP counts and tells of those that never became a batch, and of its
 * connections: one of these for each transport. */
#ifndef PIPELINE_RECEIVER_REQUESTS_H
#define PIPELINE_RECEIVER_REQUESTS_H

#include "net/http/http_server.h"
#include "otlp/metadata.h"
#include "pipeline/component.h"

/* Why a request never became a batch: the label `reason` of otelcd_receiver_rejected_requests. */
enum rejection {
    REJECTED_MESSAGE,  /* not valid protobuf or JSON of its type */
    REJECTED_ENCODING, /* compressed data that does not inflate, or an unknown coding */
    REJECTED_TOO_LARGE,
    REJECTED_PROTOCOL, /* content type, method, framing, cut short */
    REJECTED_UNKNOWN,  /* path or service that is not served */
    REJECTED_BUDGET,   /* no room in the memory budget for too long: the sender is asked to retry */
    REJECTED_ABORTED,  /* the peer went away in the middle of a body */
    REJECTED_SLOW,     /* its body came too slowly */
    REJECTED_NOTHING,  /* has fields, but none that we know: answered with a success, as OTLP demands */
    REJECTED_STRANGER, /* its credentials are missing or wrong */
    REJECTED_BUSY,     /* too many whose passwords have to be looked at: the sender is asked to retry */
    REJECTED_COUNT
};

#define BROKEN_COUNT 6 /* reasons of otelcd_receiver_broken_connections */

extern const struct metric_row receiver_rejected_row, receiver_waits_row, receiver_connections_row, receiver_broken_row;
extern const struct metric_row receiver_odd_times_row;

#define TIME_AHEAD_MOST 10    /* seconds: more, and one of two clocks is wrong */
#define TIME_BEHIND_MOST 3600 /* more, and it is, or data has been kept for so long */

struct receiver_requests {
    const struct node *node;
    const char *transport;
    struct complaint log[REJECTED_COUNT]; /* each reason its own: a loud one hides no other */
    struct metric *rejected[REJECTED_COUNT];
    struct metric *connections, *ahead, *behind;
    struct metric *broken[BROKEN_COUNT];
    uint64_t broken_seen[BROKEN_COUNT]; /* of the server's own counts, what `broken` has */
};

/* `transport` is static. */
void receiver_requests_init(struct receiver_requests *r, const struct node *node, const char *transport);

/* For the receiver's metric hook; `server` may be NULL. */
void receiver_requests_collect(struct receiver_requests *r, struct http_server *server);

/* For each request, when its headers have come: who sends, for node->clients. */
void receiver_requests_saw(struct receiver_requests *r, const struct http_request *req);
/* Is who was seen last to be asked what time its data is of? Then what its first item says (otlp/view.h). */
bool receiver_requests_dating(struct receiver_requests *r);
void receiver_requests_dated(struct receiver_requests *r, const struct http_request *req, uint64_t time);
/* A pipeline did not take all of it; `o` is what it said. `req` may be NULL: its peer has gone. */
void receiver_requests_refused(struct receiver_requests *r, const struct http_request *req, const struct outcome *o);
/* A connection ended before there was a request. */
void receiver_requests_broke(struct receiver_requests *r, const char *peer, const char *reason, const char *why);

/* Count one that was rejected, and log it with back-off. `req`: NULL where its peer has gone. */
void receiver_requests_reject(struct receiver_requests *r, enum rejection why, const struct http_request *req,
                              const char *text);

/* What of a request is client metadata: its headers, where the configuration wants them kept, and what somebody in the
 * graph reads of its address and of who sent it. NULL: nothing. */
struct metadata *receiver_request_metadata(const struct host *host, const struct http_request *req, bool keep_headers);

#endif
