/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the exporters otlp_grpc and otlp_http: what their files share. Nobody but this folder includes this,
 * and load_balancing, whose members are exporters too, by otlp_grpc.h.
 *
 *     otlp_grpc_exporter.c    one component: its options, its client
 *     otlp_http_exporter.c    the other one
 *     otlp_exporter.c         what both are: a life with a sender, a client, a table of headers
 *     otlp_exporter_options.c what both make of their options
 *     otlp_export.c           a batch on its way: its parts, and what became of each
 *     otlp_request.c          one request: encoding, compressing, the call
 *     otlp_exporter_metrics.c what is counted
 *     otlp_answer.c           what an answer means; peer_status.c reads the messages in it
 *     otlp_target.c           where requests go
 *     request_limit.c         how large they may be
 *
 * A batch comes from the sender (queue/sender.h) and is one export. Where the peer takes it in one request it is one,
 * and its segments go to the socket from where they lie; else it is cut, and its parts go one after another. */
#ifndef EXPORTER_OTLP_EXPORTER_H
#define EXPORTER_OTLP_EXPORTER_H

#include "base/list.h"
#include "base/loop/slicer.h"
#include "codec/compress.h"
#include "config/client_rows.h"
#include "exporter/otlp/otlp_answer.h"
#include "exporter/otlp/otlp_target.h"
#include "exporter/otlp/request_limit.h"
#include "pipeline/authenticator.h"
#include "queue/delivery.h"

/* What the rest needs to know of either component's configuration. */
struct otlp_settings {
    bool grpc;
    bool json;
    enum coding coding;
    int level;        /* of the coding; 0 = its own */
    uint64_t timeout; /* ns, of an attempt; 0 = none */
    uint64_t max_request_bytes;
    const struct string_map *headers;
    const struct client_auth_config *auth; /* NULL: none */
    const struct delivery_config *delivery;
};

/* Rows of both components, for the members max_request_bytes and delivery of struct T. */
/* clang-format off */
#define OTLP_EXPORTER_ROWS(T)                                                                                         \
    OPT_UINT(T, max_request_bytes, "67108864", "1024", "2147483647",                                                  \
             "The largest request before compression; what is larger goes in several, cut between items. Where the "  \
             "peer refuses a request as too large, less is sent from then on by itself."),                            \
    DELIVERY_ROWS(T, "The queue in front of the peer. Without it (enabled: false) senders wait for the peer's answer.")
/* clang-format on */
#define OTLP_EXPORTER_SAFE                                                                                             \
    "In the queue; with storage: on disk and synced; without a queue, or without retries and storage: when the peer "  \
    "has it."

struct otlp_exporter;

/* What requests go out by: the client, but in tests. */
struct otlp_client_port {
    void (*start)(struct otlp_exporter *n, struct http_call *call); /* as http_call_start */
    void (*cancel)(struct otlp_exporter *n, struct http_call *call);
};

enum request_state {
    REQUEST_NONE,
    REQUEST_ENCODING, /* on a thread */
    REQUEST_ASKING,   /* the authenticator */
    REQUEST_SENDING,
    REQUEST_STATES,
};

struct otlp_encoding;

/* One request, of one part of an export. Zeroed at first, and used again. */
struct otlp_request {
    enum request_state state; /* changed by otlp_request.c alone */
    struct otlp_exporter *node;
    struct batch *batch;
    uint64_t size;                  /* bytes before compression */
    struct otlp_encoding *encoding; /* the body where it is not the batch's own bytes; or NULL */
    bool anew;                      /* the peer has refused the client's bytes: in our own */
    uint8_t prefix[5];              /* gRPC's */
    VEC(struct bytes) parts;
    struct http_call call;
    uint64_t begun; /* mono ns */
    /* With an authenticator. */
    struct auth_request auth;
    struct call_headers headers; /* all that the call says */
    struct turn_task failing;    /* it had nothing to say */
};

/* A batch on its way. */
/* One of both: what goes in one request, perhaps; or what is cut when its turn comes. */
struct otlp_part {
    struct batch *batch;
    struct batch_cutter *cutter; /* has items left */
    uint64_t largest;            /* with it: bytes of a request that is known to be the largest that can be taken */
    bool lost;                   /* several items, each of which alone is larger than that */
};

struct otlp_export {
    struct list link;
    struct otlp_exporter *node;
    struct ack *ack;
    VEC(struct otlp_part) parts; /* not answered yet, the first of them, which is under way, last */
    bool beginning;              /* in send_parts() */
    struct list dropping;        /* where its next part is begun in a later turn */
    uint64_t items, answered;    /* of the batch; of the parts that have been answered */
    uint64_t refused;            /* of those, in parts that were refused */
    struct outcome done;         /* of the parts that were answered; SAFE */
    struct outcome refusal;      /* the last one */
    struct otlp_request request;
};

struct otlp_exporter_metrics {
    struct metric_hook hook;
    struct metric *requests[2]; /* answered with a success, and not */
    struct metric *bytes, *seconds, *limit, *splits, *connections, *peer_clock;
    struct metric *latency, *outcome[2]; /* a member's, by whoever it is of; else NULL: ms, and as requests */
};

struct otlp_exporter {
    struct node node;
    const void *config; /* the component's own */
    const char *member; /* NULL: it is the node that it seems to be. Else as in struct sender_options */
    struct otlp_settings settings;
    struct otlp_target target;
    const char *name; /* of the peer, for people: without userinfo and query */
    const struct otlp_client_port *port;
    struct http_client *client;                 /* NULL before start() and after the stop */
    struct client_authenticator *authenticator; /* NULL: none */
    struct sender *sender;
    struct consumer attempt;                /* behind the queue */
    struct list exports;                    /* under way */
    struct list dropping;                   /* those of them that have dropped a part and go on */
    struct slicer *slicer;                  /* of those; NULL before there is one */
    VEC(struct http_header) headers;        /* of every request */
    VEC(struct http_header) client_headers; /* those that the client puts in their place: host, user-agent */
    VEC(char *) texts;                      /* what they point to */
    struct request_limit limit;
    struct complaint refusing, partial, too_large;
    struct otlp_exporter_metrics m;
    void (*stopped)(struct node *node);
};

static inline struct otlp_exporter *otlp_exporter_of(struct node *node)
{
    return container_of(node, struct otlp_exporter, node);
}

/* What has come in the exporter's own coding may go on as it came. A level that the user has asked for is one that the
 * sender may not have used. */
static inline bool otlp_exporter_forwards(const struct otlp_exporter *n)
{
    return !n->settings.json && n->settings.coding != CODING_IDENTITY && n->settings.level == 0;
}

/* otlp_exporter_options.c: what both components make of a value.
 * The coding that `compression` names; CODING_UNKNOWN and a sentence when it is none that can be written. */
enum coding otlp_exporter_coding(const char *compression, bool grpc, struct error *err);
void otlp_exporter_check_level(const char *compression, int64_t level, struct check *ck);
int otlp_exporter_level(int64_t level);

/* otlp_exporter.c: for the components' create(), start() and the rest. `target` and the client are theirs to make. */
void otlp_exporter_create(struct otlp_exporter *n, const struct otlp_settings *s);
/* `o` is what the component's client has of its own: target and headers are filled in, and user_agent where it is NULL.
 */
int otlp_exporter_start(struct otlp_exporter *n, struct http_client_options o, const struct tls_config *tls,
                        struct error *err);
void otlp_exporter_stop(struct node *node, uint64_t deadline, void (*done)(struct node *node));
void otlp_exporter_hurry(struct node *node);
void otlp_exporter_destroy(struct node *node);
/* What a peer's answer says to do, with back-off. */
void otlp_exporter_complain(struct otlp_exporter *n, const struct otlp_answer *a, uint64_t items);

/* otlp_export.c */
void otlp_export_start(struct otlp_exporter *n, struct batch *batch, struct ack *ack); /* takes both over */
bool otlp_export_step(void *node);            /* the slicer's: one that drops parts goes on */
void otlp_export_free(struct otlp_export *e); /* without an answer */
void otlp_export_answered(struct otlp_request *r, const struct otlp_answer *a);
/* The body comes out with `size` bytes, more than a request may have. */
void otlp_export_too_long(struct otlp_request *r, uint64_t size);

/* otlp_request.c */
void otlp_request_start(struct otlp_request *r, struct otlp_exporter *n, struct batch *batch);
void otlp_request_free(struct otlp_request *r); /* cancels it, where it is under way */
/* Whether a batch may be cut in smaller ones. */
static inline bool otlp_batch_divisible(const struct batch *b)
{
    return b->items > 1 && signal_table[b->signal].mergeable;
}

/* otlp_exporter_metrics.c */
extern const struct metric_row *const otlp_exporter_metric_rows[];
void otlp_exporter_metrics_init(struct otlp_exporter *n);
void otlp_exporter_metrics_close(struct otlp_exporter *n);

#endif
