/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the kafka exporter: what its files share. Nobody but this folder includes this.
 *
 *     kafka_exporter.c         the component: its life with a sender and its producers
 *     kafka_exporter_options.c what may be configured
 *     kafka_export.c           a batch on its way: its pieces, and what became of them
 *     kafka_split.c            a batch in pieces that have a key or a topic of their own
 *     kafka_topics.c           topics that the data names
 *     kafka_encode.c           a piece as the bytes of a record
 *     kafka_producer.c         records handed to librdkafka, and its reports
 *     kafka_exporter_metrics.c what is counted
 *
 * A batch comes from the sender (queue/sender.h) and is one export. It is cut into pieces, each of which is one record
 * of a topic; the export is settled when the brokers have answered for all of them. */
#ifndef EXPORTER_KAFKA_EXPORTER_H
#define EXPORTER_KAFKA_EXPORTER_H

#include "base/list.h"
#include "base/loop/slicer.h"
#include "exporter/kafka/kafka_split.h"
#include "exporter/kafka/kafka_topics.h"
#include "exporter/otlp/request_limit.h"
#include "kafka/kafka_client.h"
#include "queue/delivery.h"
#include "spans/jaeger.h"

struct kafka_signal_config {
    const char *topic, *encoding;
    const char *topic_from_metadata_key, *message_key_from_metadata_key;
};

struct kafka_partitioner_config {
    struct kafka_sticky_config {
        int hasher;
    } sticky_key;
};

struct kafka_record_header {
    const char *name;
    const char *value;
};

struct kafka_producer_config {
    uint64_t max_message_bytes;
    const char *required_acks, *compression;
    struct kafka_compression_config {
        int64_t level;
    } compression_params;
    uint64_t flush_max_messages;
    bool allow_auto_topic_creation;
    duration linger;
};

struct kafka_exporter_config {
    struct delivery_config delivery; /* first */
    struct kafka_client_config client;
    duration timeout;
    struct kafka_signal_config signals[SIGNAL_COUNT];
    const char *topic, *encoding; /* the old keys, of all signals */
    const char *topic_from_attribute;
    struct strings include_metadata_keys;
    struct option_list record_headers; /* of struct kafka_record_header */
    bool partition_traces_by_id, partition_metrics_by_resource_attributes;
    bool partition_logs_by_resource_attributes, partition_logs_by_trace_id;
    struct kafka_partitioner_config record_partitioner;
    struct kafka_producer_config producer;
};

extern const struct option kafka_exporter_options[];
void kafka_exporter_check(const void *config, struct check *ck);
void kafka_exporter_check_use(const void *config, enum signal signal, struct check *ck);
/* As librdkafka has it; NULL for what is none. */
const char *kafka_acks(const char *required_acks);

enum kafka_encoding {
    KAFKA_OTLP_PROTO,
    KAFKA_OTLP_JSON,
    KAFKA_RAW,
    KAFKA_JAEGER_PROTO,
    KAFKA_JAEGER_JSON,
    KAFKA_ZIPKIN_PROTO,
    KAFKA_ZIPKIN_JSON,
    KAFKA_NO_ENCODING
};
/* The topic and encoding of a signal, the old keys heeded. */
const char *kafka_exporter_topic(const struct kafka_exporter_config *c, enum signal signal);
enum kafka_encoding kafka_exporter_encoding(const struct kafka_exporter_config *c, enum signal signal);

struct kafka_exporter;

/* One client of librdkafka, and the records that it has not reported of. */
struct kafka_producer {
    struct kafka_client client;
    struct kafka_exporter *node;
    struct list records;
    uint64_t outstanding; /* records in that list */
    bool alone;           /* each record is a request of its own */
    bool broken;          /* fatal: no more is given to it, and it is made anew when it has closed */
    char trouble[160];    /* what the connections said last; "" since a record was delivered */
};

/* A piece that librdkafka has, until it reports. */
struct kafka_record {
    struct list link; /* the producer's */
    struct kafka_producer *producer;
    struct kafka_export *export; /* NULL: given up */
    struct list sibling;         /* in the export */
    struct kafka_piece piece;
    struct block *payload; /* one reference: what is sent lies in it */
    size_t size;           /* of what is sent */
    size_t copied;         /* the same, where it was written for the record; else 0 */
    uint64_t begun;        /* mono ns */
};

/* A batch on its way. */
struct kafka_export {
    struct list link, working; /* the node's exports; those with pieces to be sent */
    struct kafka_exporter *node;
    struct ack *ack;
    struct batch *batch;
    kafka_pieces pieces;    /* to be sent, the first of them last */
    struct list flying;     /* records under way, by sibling */
    batch_parts failed;     /* to be tried again */
    const char *topic;      /* that the client's metadata name; NULL: none */
    struct bytes key;       /* of all records, in the metadata; empty: none */
    struct kafka_walk walk; /* where each item is a record */
    uint8_t *settled;       /* where each item is a record: by item of the batch; else NULL */
    uint64_t n_settled;     /* items delivered or refused */
    uint64_t refused;
    struct outcome done, refusal, failure;
};

struct kafka_exporter_metrics {
    struct metric_hook hook;
    struct metric *messages[2]; /* delivered, and not */
    struct metric *bytes, *seconds, *outstanding, *splits;
};

struct kafka_exporter {
    struct node node;
    const struct kafka_exporter_config *config;
    const char *topic;
    enum kafka_encoding encoding;
    struct kafka_split_rules split;
    struct sender *sender;
    struct consumer attempt;
    struct strings keys; /* of the metadata: what records differ by */
    struct list exports, working;
    struct slicer *slicer;
    bool full;       /* librdkafka takes no more until it reports */
    uint64_t copied; /* bytes of records under way that were written for them */
    struct kafka_producer main, single;
    size_t closing; /* producers that are not gone yet */
    struct kafka_topics topics;
    struct buf scratch;
    struct jaeger_span span;    /* what the next one of the same resource need not read again */
    struct request_limit limit; /* bytes of a record */
    struct complaint refusing, too_large, failing, authorization;
    struct kafka_exporter_metrics m;
    void (*stopped)(struct node *node);
};

static inline struct kafka_exporter *kafka_exporter_of(struct node *node)
{
    return container_of(node, struct kafka_exporter, node);
}

/* kafka_export.c */
void kafka_export_start(struct kafka_exporter *n, struct batch *batch, struct ack *ack); /* takes both over */
void kafka_export_forget(struct kafka_export *e); /* without an answer; its records stay librdkafka's */
bool kafka_export_step(void *node);               /* the slicer's */
/* What became of a piece; its batch's reference goes with it. Then kafka_export_maybe_done(), and slicer_start(). */
void kafka_export_delivered(struct kafka_export *e, struct kafka_piece *p);
void kafka_export_refused(struct kafka_export *e, struct kafka_piece *p, const char *reason, const char *why);
void kafka_export_left_out(struct kafka_export *e, struct kafka_piece *p, const char *reason); /* on purpose */
/* It comes out with `size` bytes: more than the configuration allows; more than the brokers take. */
void kafka_export_too_long(struct kafka_export *e, struct kafka_piece *p, uint64_t size);
void kafka_export_too_large(struct kafka_export *e, struct kafka_piece *p, uint64_t size);
void kafka_export_failed(struct kafka_export *e, struct kafka_piece *p, const char *reason, const char *why);
void kafka_export_maybe_done(struct kafka_export *e); /* it may be gone then */

/* kafka_encode.c: what is sent of a piece, and the block in which it lies, with a reference for the caller.
 * EMPTY: none of it has anything to send, for `reason`. LONG: it has more bytes than producer::max_message_bytes
 * allows; bytes.len is about how many. Neither has a block. */
enum kafka_encoded { KAFKA_ENCODED, KAFKA_EMPTY, KAFKA_LONG };
struct kafka_payload {
    struct block *block;
    struct bytes bytes;
    uint64_t left_out; /* items that cannot be said in this encoding, for `reason` */
    const char *reason;
};
enum kafka_encoded kafka_encode(struct kafka_exporter *n, const struct kafka_piece *p, struct kafka_payload *out);
/* A record of that resource, whatever else is in it, is longer than it may be. */
bool kafka_resource_is_long(struct kafka_exporter *n, enum signal signal, struct bytes resource);

/* kafka_producer.c */
enum kafka_produced { KAFKA_PRODUCED, KAFKA_FULL, KAFKA_ANSWERED };
/* Hands a piece of `e` on. ANSWERED: it was refused on the spot, and the export knows; FULL: `p` is as it was. */
enum kafka_produced kafka_produce(struct kafka_exporter *n, struct kafka_export *e, struct kafka_piece *p);
int kafka_producer_open(struct kafka_producer *p, struct error *err);
void kafka_record_free(struct kafka_record *r);

/* kafka_exporter_metrics.c */
extern const struct metric_row *const kafka_exporter_metric_rows[];
void kafka_exporter_metrics_init(struct kafka_exporter *n);
void kafka_exporter_metrics_close(struct kafka_exporter *n);

#endif
