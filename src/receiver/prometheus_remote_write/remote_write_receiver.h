/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheusremotewrite receiver's inside: what its files share. Nobody else includes this.
 *
 *     remote_write_receiver.c  the component: options, listener, start and stop
 *     remote_write_request.c   a request's headers: which version it is, and how it is coded
 *     remote_write_call.c      one call: its body, its reading, the pipeline's verdict, the answer
 *     remote_write_inflate.c   bodies are inflated, large ones beside the loop */
#ifndef RECEIVER_REMOTE_WRITE_RECEIVER_H
#define RECEIVER_REMOTE_WRITE_RECEIVER_H

#include "base/loop/slicer.h"
#include "codec/compress.h"
#include "config/server_rows.h"
#include "pipeline/clients.h"
#include "pipeline/limit_health.h"
#include "pipeline/receiver_requests.h"
#include "pipeline/request_body.h"
#include "pipeline/trace/tracer.h"
#include "prom/intake/write_intake.h"

struct write_receiver_config {
    struct http_server_config server;
    uint64_t max_series;
};

enum write_left_out { LEFT_INVALID, LEFT_SERIES_LIMIT, LEFT_EXEMPLARS, LEFT_REASONS };

struct write_receiver {
    struct node node;
    const struct write_receiver_config *config;
    struct http_service service;
    struct http_server *server; /* NULL: it has not started */
    struct write_intake *intake;
    struct limit_health limit_health;
    struct body_keeper bodies;
    bool coding_allowed[CODING_COUNT];
    size_t max_body;
    struct list calls;
    struct list line; /* calls that are read, a slice of each in turn */
    struct slicer *slicer;
    bool stopped; /* the server has */
    void (*on_stopped)(struct node *);
    struct receiver_requests requests;
    struct clients clients;
    struct metric *accepted, *refused;
    struct metric *left_out[LEFT_REASONS];
    struct complaint left_out_log;
    struct metric_hook hook;
};

enum write_call_state {
    WRITE_CALL_BODY,      /* gathering */
    WRITE_CALL_INFLATING, /* in the pool: the call stays, even when its peer leaves */
    WRITE_CALL_READING,
    WRITE_CALL_PIPELINE, /* consume() was called, the ack is out */
    WRITE_CALL_ANSWERED, /* nothing more to do but be closed */
};

struct inflate_job;

struct write_call {
    struct ack ack;
    struct list link, queue_link; /* of the receiver's calls; in its line */
    struct write_receiver *receiver;
    struct http_request *req; /* NULL once the peer has gone */
    enum write_call_state state;
    enum write_version version;
    enum coding coding;
    struct metadata *metadata;
    struct request_body body;
    struct inflate_job *job;
    struct block *message; /* inflated */
    struct write_reading *reading;
    struct write_result result;
    uint64_t items;
    struct traced traced;
};

/* remote_write_receiver.c */
void write_receiver_idle(struct write_receiver *r); /* the last call may be gone: a stop that waits for that is done */

/* remote_write_request.c: an answer has been given where these are false */
bool write_request_check(struct write_receiver *r, struct http_request *req, enum write_version *version,
                         enum coding *coding);
void write_request_refuse(struct write_receiver *r, struct http_request *req, const struct gate_refusal *refusal);
/* Plain text; with the counts of what was written, where `written` is not NULL, and when to come again, in seconds,
 * where that is not 0. */
void write_request_answer(struct http_request *req, int status, const struct write_result *written,
                          unsigned retry_after, const char *text);

/* remote_write_call.c */
void write_calls_init(struct write_receiver *r);
void write_calls_abandon(struct write_receiver *r); /* those that wait for the pool */
extern const struct http_service write_receiver_service;
void write_call_move(struct write_call *call, enum write_call_state to);
void write_call_reject(struct write_call *call, enum rejection why, int status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void write_call_read(struct write_call *call, struct bytes message); /* it is inflated: message lies in call->message */
void write_call_gone(struct write_call *call); /* nobody waits for the answer any more: ended, perhaps freed */

/* remote_write_inflate.c: write_call_read() or write_call_reject() follows, now or later */
void write_call_inflate(struct write_call *call);
void write_call_abandon_job(struct write_call *call);

#endif
