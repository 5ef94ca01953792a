/* SPDX-License-Identifier: Apache-2.0 */
/* The otlp receiver's inside: what its files share. Nobody but src/receiver/otlp/ includes this.
 *
 *     otlp.c         the component: options, listeners, start and stop
 *     otlp_call.c    one call: from its body to a batch, from the pipeline's verdict to the answer
 *     otlp_unpack.c  inflates, turns from JSON and validates it, large ones beside the loop
 *     otlp_trace.c   our own span of a call
 *     otlp_foreign.c is a body without an item meant for somebody else?
 *     otlp_grpc.c    a call as gRPC: message prefix, statuses, health service
 *     otlp_http.c    a call as OTLP/HTTP: methods, media types, status bodies, CORS
 *     otlp_path.c    which signal a path of OTLP/HTTP is for
 *
 * Either port serves either protocol; which one a request speaks is told by its content type. */
#ifndef RECEIVER_OTLP_H
#define RECEIVER_OTLP_H

#include "base/list.h"
#include "codec/compress.h"
#include "config/server_rows.h"
#include "net/http2/grpc_health.h"
#include "net/http/http_server.h"
#include "otlp/json.h"
#include "otlp/validate.h"
#include "pipeline/component.h"
#include "pipeline/clients.h"
#include "pipeline/receiver_requests.h"
#include "pipeline/request_body.h"

enum transport { TRANSPORT_GRPC, TRANSPORT_HTTP, TRANSPORT_COUNT };

struct otlp_grpc_config {
    bool on;
    struct grpc_server_config server;
};

struct otlp_http_config {
    bool on;
    struct http_server_config server;
    const char *traces_url_path, *metrics_url_path, *logs_url_path;
};

struct otlp_protocols_config {
    struct otlp_grpc_config grpc;
    struct otlp_http_config http;
};

struct otlp_config {
    struct otlp_protocols_config protocols;
};

extern const struct component otlp_receiver;
extern const struct http_service otlp_service; /* what each port serves */

struct otlp_port { /* one listener */
    struct http_service service;
    struct otlp *receiver;
    enum transport meant; /* what this port is for */
    struct http_server *server;
    struct complaint mismatch;
};

struct otlp {
    struct node node;
    const struct otlp_config *config;
    struct otlp_port ports[TRANSPORT_COUNT];
    const char *paths[SIGNAL_COUNT]; /* of OTLP/HTTP */
    char *path_memory[SIGNAL_COUNT]; /* those we had to mend */
    size_t max_message;              /* gRPC */
    size_t max_body;                 /* HTTP */
    struct body_keeper bodies;
    bool coding_allowed[CODING_COUNT];
    struct list calls;     /* open, newest first */
    struct list idle;      /* spare ones */
    struct list to_unpack; /* large ones that wait for the pool */
    unsigned jobs;         /* that run there */
    unsigned n_idle;
    bool stopping; /* requests in flight are still served: what is behind us runs until we have stopped */
    void (*on_stopped)(struct node *);
    unsigned servers_open;
    struct receiver_requests requests[TRANSPORT_COUNT];
    struct clients clients;
    struct metric *accepted[SIGNAL_COUNT][TRANSPORT_COUNT];
    struct metric *refused[SIGNAL_COUNT][TRANSPORT_COUNT];
    struct metric *failed[SIGNAL_COUNT][TRANSPORT_COUNT];
    struct metric *repaired[TRANSPORT_COUNT];
    struct complaint repaired_log;
    struct metric_hook hook;
    VEC(struct http_header) headers; /* scratch for one answer */
    struct buf scratch;              /* likewise */
};

enum call_state {
    CALL_BODY,      /* gathering */
    CALL_UNPACKING, /* in the pool, or waiting for it: the call stays, even when its peer leaves */
    CALL_PIPELINE,  /* consume() was called, the ack is out */
    CALL_ANSWERED,  /* nothing more to do but be closed */
};

struct otlp_call {
    struct ack ack;
    struct list link;
    struct otlp *receiver;
    struct http_request *req; /* NULL once the peer or the answer is gone */
    enum call_state state;
    enum transport transport;
    enum signal signal;
    enum grpc_health_method health;
    bool json;
    bool dating; /* its first item is asked what time it was */
    enum coding coding;
    uint64_t items;
    struct metadata *metadata;
    struct clock_timer deadline; /* grpc-timeout */
    struct traced traced;

    struct request_body body;

    /* Unpacking (otlp_unpack.c). */
    struct unpack_job *job;
    struct list to_unpack;
    size_t unpack_limit; /* 0: not tried yet */

    /* gRPC framing. */
    uint8_t prefix[GRPC_PREFIX_LEN];
    uint8_t prefix_len;
    bool compressed;
};

/* A body on its way to being a batch. */
struct unpacking {
    enum signal signal;
    enum coding coding;
    bool json;
    size_t limit;          /* bytes, inflated or as wire bytes */
    struct bytes body;     /* what came; in the end the wire bytes */
    struct block *block;   /* what body lies in, when that is another than the call's; NULL else */
    struct budget *budget; /* for new blocks; NULL: uncharged */
    enum unpack_fault {
        UNPACK_DONE,
        UNPACK_INFLATES_TOO_FAR,
        UNPACK_NO_ROOM,
        UNPACK_BAD_CODING,     /* err says why */
        UNPACK_BAD_JSON,       /* likewise */
        UNPACK_JSON_TOO_LARGE, /* likewise */
        UNPACK_INVALID,        /* validation says why and where */
    } fault;
    struct validation validation;
    struct text_repairs repairs; /* strings that were not UTF-8 */
    bool resolved;               /* numbers of texts became texts: otlp/profile_strings.h */
    bool foreign;                /* done, without an item, and nobody can have meant that: err says why */
    struct error err;
};

/* --- otlp.c --- */

/* The last call or listener may be gone: a stop that waits for that is done. */
void receiver_stopped_if_idle(struct otlp *r);

/* --- otlp_trace.c --- */

void call_trace_begin(struct otlp_call *call);
/* It is answered: so many of its items were refused; `error`: why, or why there are none. NULL: all is well. */
void call_trace_end(struct otlp_call *call, uint64_t refused, const char *error);

/* --- otlp_call.c --- */

/* A call for this request, linked to its receiver; req->context points to it from now on. */
void calls_init(struct otlp *r); /* there are none */
struct otlp_call *call_new(struct otlp *r, struct http_request *req, enum transport transport, enum signal signal);

void call_free(struct otlp_call *call); /* its ack is not out */

/* To its next state; asserts that it is one of those that follow. */
void call_move(struct otlp_call *call, enum call_state to);

/* Begin with its body. False: it has been answered, for the budget is full. */
bool call_open_body(struct otlp_call *call);

/* What came out. call_unpacked() takes u->block. */
void call_unpacked(struct otlp_call *call, struct unpacking *u);

/* Answer a call that no pipeline has seen, in its own protocol, and count why. */
void call_reject(struct otlp_call *call, enum rejection why, enum grpc_status code, int http_status, const char *fmt,
                 ...) __attribute__((format(printf, 5, 6)));

/* What the configuration and the graph want to know of who sent it; NULL: nothing. */
struct metadata *receiver_metadata(const struct otlp *r, const struct http_request *req, enum transport transport);

/* --- otlp_metrics.c --- */

extern const struct metric_row *const otlp_receiver_metrics[]; /* NULL-terminated */

void receiver_metrics_init(struct otlp *r);
void receiver_metrics_close(struct otlp *r);

void receiver_count_repaired(struct otlp *r, const struct otlp_call *call, const struct text_repairs *repairs);

/* --- otlp_unpack.c --- */

/* call_unpacked() follows: at once for a small body, from the loop for a large one. */
void call_unpack(struct otlp_call *call);
/* Only inflate, at once: for the small messages that are no exports. False: it was rejected. */
bool call_inflate(struct otlp_call *call);
void unpack_abandon(struct otlp *r); /* free the calls that still wait for the pool */

/* --- otlp_foreign.c --- */

/* Of a valid request without items: does it have fields, and at the top none that a request for this signal has? Then
 * `hint` says in a sentence what they are. */
bool otlp_foreign_json(enum signal s, struct bytes text, struct error *hint);
bool otlp_foreign_wire(enum signal s, struct bytes request, struct error *hint);

/* --- otlp_grpc.c --- */

bool grpc_serves(struct bytes path); /* is it a method of gRPC, with or without a pipeline? */
void grpc_on_request(struct otlp_port *port, struct http_request *req);
void grpc_on_body(struct otlp_call *call, struct bytes data);
void grpc_on_end(struct otlp_call *call);
void grpc_answer_ok(struct otlp_call *call, struct bytes message);
void call_answer_health(struct otlp_call *call); /* the body of a health check is whole */
void receiver_tell_watchers(struct otlp *r);     /* we are stopping */

/* --- otlp_path.c --- */

/* The signal whose path that is, written in this or another way; SIGNAL_COUNT: none's. Uses r->scratch. */
enum signal otlp_path_signal(struct otlp *r, struct bytes path);

/* The signal's path with which a path begins that goes on with another (or the same once more); NULL: it is none. */
const char *otlp_path_doubled(const struct otlp *r, struct bytes path);

/* --- otlp_http.c --- */

void http_on_request(struct otlp_port *port, struct http_request *req);
void http_answer_refused(struct otlp *r, struct http_request *req, const struct gate_refusal *refusal);
void http_answer_ok(struct otlp_call *call, struct bytes message); /* message: protobuf form of the response */
void http_answer_fault(struct otlp_call *call, int http_status, enum grpc_status code, const char *message,
                       uint64_t retry_after_ms);

#endif
