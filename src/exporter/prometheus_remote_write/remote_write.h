/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheus_remote_write exporter's inside: what its files share. Nobody but its own folder
 * includes this.
 *
 *     prometheus_remote_write.c  the component: its life
 *     remote_write_delivery.c    a batch's way through, and its answer
 *     remote_write_options.c     its options, and what must hold between them
 *     remote_write_shard.c       requests one after another on one shard: answers, waits, bisecting
 *     remote_write_request.c     one of them, and its pieces
 *     remote_write_attempt.c     one HTTP request
 *     remote_write_answer.c      what an answer means
 *     remote_write_refused.c     the series that were refused lately
 *     remote_write_scale.c       how many shards are in use
 *     remote_write_metrics.c     what is counted
 *
 * A batch becomes requests, each for one shard by its series; a shard sends one at a time, so that each series
 * stays in order. The batch is settled when all its requests have landed or were given up. */
#ifndef EXPORTER_REMOTE_WRITE_H
#define EXPORTER_REMOTE_WRITE_H

#include "base/list.h"
#include "config/client_rows.h"
#include "exporter/prometheus_remote_write/remote_write_answer.h"
#include "exporter/prometheus_remote_write/remote_write_refused.h"
#include "exporter/prometheus_remote_write/remote_write_scale.h"
#include "net/http/http_client.h"
#include "pipeline/authorized_call.h"
#include "pipeline/limit_health.h"
#include "queue/sender.h"
#include "prom/series/translation_config.h"

struct remote_write_http_config {
    bool on;
    struct http_client_config client;
};

struct remote_write_config {
    struct http_client_config client;
    struct remote_write_http_config http;
    struct translation_config translation;
    struct string_map external_labels;
    struct remote_write_queue_config {
        bool enabled;
        int64_t queue_size, num_consumers;
    } remote_write_queue;
    struct remote_write_wal_config {
        bool on;
        const char *directory;
        uint64_t buffer_size;
        uint64_t max_size_mib;
        bool fsync;
    } wal;
    struct retry_config retry_on_failure;
    struct remote_write_target_config {
        bool enabled;
    } target_info;
    int64_t max_batch_size_bytes;
    uint64_t max_batch_request_parallelism;
    bool disable_scope_info, send_metadata;
    bool convert_explicit_histograms_to_nhcb, keep_classic_histograms;
    int protobuf_message; /* enum remote_write_version */
    struct strings include_metadata_keys;
    duration series_expiration;
    uint64_t max_series;
    bool retry_forever; /* by finish(): what is on disk is not given up for its age, unless the user says so */
};

/* The one that counts: `http` takes the place of the top-level keys. */
static inline const struct http_client_config *client_config(const struct remote_write_config *c)
{
    return c->http.on ? &c->http.client : &c->client;
}

/* Why items were lost, as metrics have it. */
#define REMOTE_WRITE_REASONS 24

struct remote_write_metrics {
    struct metric_hook hook;
    struct metric *samples, *histograms, *exemplars, *metadata; /* in attempts */
    struct metric *samples_failed, *histograms_failed, *exemplars_failed;
    struct metric *samples_retried, *histograms_retried, *exemplars_retried;
    struct metric *bytes, *seconds, *highest, *highest_sent, *pending, *shards, *shards_max, *shards_min, *capacity;
    struct metric *sent_batches, *translated, *failed_translations, *written_samples, *written_histograms,
        *written_exemplars, *consumers, *series, *series_bytes, *connections, *peer_clock, *duplicates;
    struct remote_write_reason {
        const char *reason;
        struct metric *items;
        struct complaint complaint;
    } reasons[REMOTE_WRITE_REASONS];
};

/* One batch whose requests are on their way. */
struct delivery {
    struct list link, held_link;
    struct remote_write_node *node;
    struct batch *batch;
    struct ack *ack;
    uint32_t open;          /* requests that have not ended */
    uint64_t failed;        /* items of requests that were given up for now: the batch is to come again */
    struct outcome failure; /* why */
    uint64_t untranslated;  /* items that remote write cannot carry */
    uint64_t dropped;       /* items that the receiver refused for good */
    uint64_t known_dropped; /* of those, the ones that come once more, for the batch was made anew */
    bool again;             /* in the other form of message */
    bool resumed;           /* some of it may have landed: before otelcd last stopped, or in the other form */
    struct turn_task task;
    struct outcome rejection; /* with an ack that is refusable: what to tell */
};

/* One request. */
struct shard_request {
    struct list link;
    struct delivery *delivery;
    struct remote_write_request *message; /* its bytes are not here: `body` has it */
    struct buf body;                      /* compressed */
    struct retry retry;
    uint32_t server_errors; /* 500s in a row */
    bool bisected;          /* it is a piece of one that was refused */
    bool alone;             /* it is one unit, and no other piece has its series */
    bool careful;           /* it is not sent beside others: as a probe it failed */
    bool last_try;          /* others were taken while it got 500: if it gets that once more, it is bad */
    bool ambiguous;         /* an attempt ended without an answer, or may have before the start: it may have landed */
};

#define SHARD_PROBES 8u /* at one time */

/* A request on its way. */
struct shard_attempt {
    struct http_call call;
    struct remote_write_shard *shard;
    struct shard_request *request; /* NULL: none */
    struct bytes body;
    struct http_header headers[40];
    uint64_t begun; /* mono ns */
    char number[12];
    struct authorized_call authorized; /* with an authenticator */
};

enum remote_shard_state {
    REMOTE_SHARD_IDLE,
    REMOTE_SHARD_SENDING, /* the first request */
    REMOTE_SHARD_WAITING, /* with the first one, to try it again */
    REMOTE_SHARD_PROBING, /* several single units are on their way; they are in no list */
};

struct remote_write_shard {
    struct remote_write_node *node;
    enum remote_shard_state state;
    struct list requests;                   /* struct shard_request */
    struct list quarantine;                 /* single units that get 500, while others are tried */
    uint32_t n_quarantined, quarantine_max; /* how many may be quarantined before it counts as the receiver's trouble */
    struct shard_attempt attempt;
    struct shard_attempt *probes; /* SHARD_PROBES of them, or NULL */
    uint32_t n_probing;
    struct clock_timer timer;
};

/* What requests go out by. */
struct remote_write_port {
    void (*start)(struct remote_write_node *n, struct http_call *call); /* as http_call_start */
    void (*cancel)(struct remote_write_node *n, struct http_call *call);
    const char *(*name)(const struct remote_write_node *n); /* of the receiver, for people */
};

struct remote_write_node {
    struct node node;
    const struct remote_write_config *config;
    struct configured_translation translation;
    enum remote_write_version version;
    struct collisions collisions;
    struct remote_write *encoder;
    struct limit_health limit_health;
    const struct remote_write_port *port; /* the client, but in tests */
    struct http_client *client;
    struct client_authenticator *authenticator; /* NULL: none */
    struct sender *sender;
    struct consumer attempt; /* behind the queue */
    struct remote_write_shard *shards;
    uint32_t n_shards;
    uint32_t in_use; /* shards */
    struct refused_series refused;
    struct shard_scale scale;
    struct list deliveries;
    uint32_t under_way;           /* deliveries that were encoded */
    struct list held;             /* those that were not, until the number of shards has changed */
    struct remote_write_resumed { /* what may have been on its way when otelcd last stopped; it comes first */
        uint64_t items, bytes, attempts;
    } resumed;
    bool stopping;
    struct clock_timer sweep;
    struct complaint failing;
    struct remote_write_metrics m;
    char *wal_directory;
    char user_agent[80];
    int64_t highest, highest_sent; /* ms */
    void (*stopped)(struct node *node);
};

/* shard */
void remote_write_shard_init(struct remote_write_shard *s, struct remote_write_node *n);
void remote_write_shard_close(
    struct remote_write_shard *s); /* its call is cancelled and its requests are freed, without a word to anybody */
void remote_write_shard_push(struct remote_write_shard *s, struct delivery *d,
                             struct remote_write_request *message); /* takes it over */
void remote_write_shard_stop(struct remote_write_shard *s);         /* no more waits: one last try for what is there */

/* request */
struct shard_request *shard_request_new(struct remote_write_shard *s, struct delivery *d,
                                        struct remote_write_request *message); /* takes it over */
void shard_request_free(struct remote_write_shard *s, struct shard_request *r);
void shard_request_end(struct remote_write_shard *s, struct shard_request *r); /* frees it, and tells its delivery */

/* The message's bytes again, for cutting and for naming. False: they are not what was put in. */
bool shard_request_open(struct shard_request *r);

bool shard_request_divisible(const struct shard_request *r);

/* Into so many pieces, or as many as it has units; they take its place at the front. False, and it is as it was: it
 * cannot be opened. */
bool shard_request_cut(struct remote_write_shard *s, struct shard_request *r, size_t pieces);

/* attempt */
void attempt_start(struct shard_attempt *t, struct shard_request *r,
                   void (*on_done)(struct http_call *call, const struct http_response *a));
void attempt_cancel(struct shard_attempt *t);
void attempt_free(struct shard_attempt *t); /* what it keeps from one request to the next */

/* The receiver did not know us (401): may the next attempt say something else? */
bool attempt_may_sign_again(const struct shard_attempt *t);

/* delivery */
void delivery_start(struct remote_write_node *n, struct batch *batch, struct ack *ack); /* takes both over */
void delivery_free(struct delivery *d);                                                 /* without an answer */
void delivery_request_ended(struct delivery *d);

/* Items that are not sent. `example`: a series, `said`: what the receiver said; both may be empty. */
void delivery_drop(struct delivery *d, uint64_t items, const char *reason, const char *example, const char *said);

/* Items that were not taken for now: what a sender that waits hears. */
void delivery_fail(struct delivery *d, uint64_t items, const struct outcome *why);

/* the component */
struct remote_write *remote_write_make_encoder(struct remote_write_node *n);

/* options */
extern const struct option remote_write_options[];
extern const char *const remote_write_messages[]; /* by enum remote_write_version */
void remote_write_options_finish(void *config, struct check *ck);
void remote_write_check(const void *config, struct check *ck);

/* metrics */
extern const struct metric_row *const remote_write_metric_rows[];
void remote_write_metrics_init(struct remote_write_node *n);
void remote_write_metrics_close(struct remote_write_node *n);
void remote_write_count_attempt(struct remote_write_node *n, const struct shard_request *r);
void remote_write_count_failed(struct remote_write_node *n, const struct remote_write_request *r);
void remote_write_count_retried(struct remote_write_node *n, const struct remote_write_request *r);

/* What the receiver says that it has written: samples and histograms. -1: it does not say. */
int64_t remote_write_count_written(struct remote_write_node *n, const struct http_response *a);

struct remote_write_reason *remote_write_reason(struct remote_write_node *n, const char *reason);

#endif
