/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the kafka receiver: what its files share. Nobody but this folder includes this.
 *
 *     kafka_receiver.c         the component: its life
 *     kafka_group.c            the group that it is in: joining it, partitions that come and go
 *     kafka_fetch.c            records as they come, and those for which there is no room
 *     kafka_receiver_options.c what may be configured
 *     kafka_decode.c           the value of a record, as a request
 *     kafka_message.c          one record, from its arrival to its answer
 *     kafka_large.c            a large one, decoded beside the loop
 *     kafka_partition.c        partitions that are ours, and how far they are done
 *     kafka_receiver_metrics.c what is counted
 *
 * A record is a batch. Its offset is committed when it and all before it in its partition are safe. */
#ifndef RECEIVER_KAFKA_RECEIVER_H
#define RECEIVER_KAFKA_RECEIVER_H

#include "base/list.h"
#include "kafka/kafka_client.h"
#include "otlp/metadata.h"
#include "pipeline/ack.h"
#include "pipeline/receiver_items.h"
#include "pipeline/trace/tracer.h"
#include "queue/retry.h"
#include "receiver/kafka/kafka_decode.h"

struct kafka_source_config {
    struct strings topics, exclude_topics;
    const char *topic; /* the old key */
    const char *encoding;
};

struct kafka_autocommit_config {
    bool enable;
    duration interval;
};

struct kafka_marking_config {
    bool after, on_error, on_permanent_error;
};

struct kafka_extraction_config {
    bool extract_headers;
    struct strings headers;
};

struct kafka_receiver_config {
    struct kafka_client_config client;
    struct kafka_source_config signals[SIGNAL_COUNT];
    const char *topic, *encoding; /* the old keys, of all signals */
    const char *group_id, *group_instance_id, *group_rebalance_strategy;
    int initial_offset;
    duration session_timeout, heartbeat_interval;
    struct strings group_rebalance_strategies;
    uint64_t min_fetch_size, max_fetch_size, max_partition_fetch_size;
    duration max_fetch_wait;
    struct kafka_autocommit_config autocommit;
    struct kafka_marking_config message_marking;
    struct kafka_extraction_config header_extraction;
    struct retry_config error_backoff;
};

extern const struct option kafka_receiver_options[];
void kafka_receiver_check(const void *config, struct check *ck);
void kafka_receiver_check_use(const void *config, enum signal signal, struct check *ck);
/* The topics of a signal, the old keys heeded: *n of them, at most one of which is not in the configuration. */
const char *kafka_receiver_topic(const struct kafka_receiver_config *c, enum signal signal, size_t i);
size_t kafka_receiver_topics(const struct kafka_receiver_config *c, enum signal signal);
enum kafka_reading kafka_receiver_reading(const struct kafka_receiver_config *c, enum signal signal);
/* As librdkafka has them; NULL where one is none of its own. */
const char *kafka_receiver_strategies(const struct kafka_receiver_config *c, char *text, size_t size);

struct kafka_receiver;

/* A partition that is ours. */
struct kafka_partition {
    struct list link, dirty;       /* all of the receiver's; those whose `done` was not stored yet */
    struct kafka_partition *chain; /* the next of those that share a place in the index */
    struct kafka_receiver *receiver;
    char *topic;
    int32_t number;
    int64_t next;                /* behind the last record that has come; -1: none has */
    bool paused;                 /* librdkafka fetches nothing of it */
    bool halted;                 /* a record of it is not to be skipped */
    int64_t halted_at;           /* which: nothing behind it counts any more */
    int64_t done;                /* the first offset that is not safe; -1: none was */
    struct list messages;        /* not safe yet, and those behind them, by offset */
    struct metric *offset, *lag; /* NULL: enough others have some */
};

/* Partitions of a process that have metrics of their own: who makes topics could make as many of these, and they stay.
 */
#define KAFKA_SHOWN_MOST 1000

#define KAFKA_UNDER_WAY_MOST 5000 /* messages: each costs some memory beside its bytes */
#define KAFKA_KEPT_MOST 20000     /* those too that are done, and stand behind one that is not */

enum message_state {
    MESSAGE_NEW,
    MESSAGE_SENT,    /* in the pipeline */
    MESSAGE_WAITING, /* to be sent again */
    MESSAGE_DONE,    /* its offset may be passed */
    MESSAGE_STUCK,   /* it may not, ever */
    MESSAGE_STATES,
};

struct kafka_message {
    struct list link, all; /* the partition's; the receiver's */
    struct kafka_receiver *receiver;
    struct kafka_partition *partition; /* NULL: it is not ours any more */
    enum message_state state;          /* changed by kafka_message.c alone */
    int64_t offset;
    struct batch *batch; /* NULL: there was nothing in it, or it is done */
    uint64_t items;
    struct ack ack;
    struct retry retry;
    uint64_t begun;
    struct traced traced;
    struct clock_timer timer;
};

/* A record that waits for room, in its event. */
struct held_record {
    rd_kafka_event_t *event;
    const rd_kafka_message_t *record;
};

struct kafka_receiver_metrics {
    struct metric *items[RECEIVER_COUNTS];
    struct metric *messages, *bytes, *bad, *skipped, *paused, *partitions;
};

struct kafka_receiver {
    struct node node;
    const struct kafka_receiver_config *config;
    enum kafka_reading reading;
    struct kafka_client client;
    struct list partitions; /* of struct kafka_partition */
    struct list dirty;      /* likewise, by `dirty` */
    struct kafka_partition **index;
    size_t n_index, n_partitions;
    struct list messages;         /* not passed: of struct kafka_message, by `all` */
    uint64_t kept;                /* how many */
    uint64_t under_way;           /* of those, in the pipeline or waiting */
    VEC(struct held_record) held; /* arrived, but there is no room for them; from held_from on */
    size_t held_from;
    struct kafka_large *large; /* the record that is being decoded beside the loop; NULL: none is */
    bool taking;               /* those that were held */
    bool crowded;              /* what they wait for is the pipeline's */
    bool paused;               /* librdkafka was told to fetch nothing */
    struct budget_waiter room;
    struct turn_task storing;  /* offsets */
    struct clock_timer waking; /* librdkafka wants to be asked now and then */
    VEC(struct kafka_header) headers;
    VEC(struct metadata_entry) entries;
    struct complaint bad, refusing, failing;
    bool told_unshown;
    struct kafka_receiver_metrics m;
    /* The end. */
    bool stopping, leaving;
    struct turn_task idle;   /* nothing may be in the pipeline any more */
    bool closed;             /* the client is gone */
    uint64_t ends, leave_by; /* mono ns */
    struct clock_timer deadline, closing;
    void (*stopped)(struct node *node);
};

static inline struct kafka_receiver *kafka_receiver_of(struct node *node)
{
    return container_of(node, struct kafka_receiver, node);
}

/* kafka_message.c */
/* One record. NO_PLACE: there is no room for it, and *need bytes are wanted (0: room for one message more). LATER: it
 * is being decoded, its event is not the caller's any more, and nothing else may be taken meanwhile. */
enum kafka_taken { KAFKA_TAKEN, KAFKA_NO_PLACE, KAFKA_LATER };
enum kafka_taken kafka_message_take(struct kafka_receiver *r, struct kafka_partition *p, struct held_record held,
                                    uint64_t *need);
/* It is decoded, or cannot be; NO_ROOM: `need` bytes are more than there can ever be. Takes the block over. */
void kafka_message_decoded(struct kafka_receiver *r, struct kafka_partition *p, const rd_kafka_message_t *record,
                           enum kafka_decoded d, const struct kafka_request *request, uint64_t need, struct error *err);
void kafka_message_free(struct kafka_message *m); /* without an answer */

/* kafka_partition.c */
struct kafka_partition *kafka_partition_find(struct kafka_receiver *r, const char *topic, int32_t number);
void kafka_partition_add(struct kafka_receiver *r, const char *topic, int32_t number);
void kafka_partition_remove(struct kafka_partition *p); /* its messages go on, and count for nobody */
void kafka_partition_let_go(struct kafka_partition *p); /* the same of one that is about to be taken away */
/* A message is done: how far all are is told to librdkafka at the end of the turn. */
void kafka_partition_advance(struct kafka_partition *p);
/* No more is taken from it; what is done behind `m` goes, and what will be. */
void kafka_partition_halt(struct kafka_partition *p, const struct kafka_message *m);
void kafka_partitions_store(struct kafka_receiver *r);
void kafka_partitions_pause(struct kafka_receiver *r, bool on); /* all that are not halted */

/* kafka_fetch.c */
/* Takes what is in the event. True: some of it is held, and the event with it. */
bool kafka_fetch_take(struct kafka_receiver *r, rd_kafka_event_t *event);
void kafka_fetch_pause(struct kafka_receiver *r, bool on);
void kafka_fetch_drop(struct kafka_receiver *r); /* what is held comes again, to whoever reads on */
void kafka_fetch_drop_of(struct kafka_receiver *r, const struct kafka_partition *p);
void kafka_receiver_has_room(struct kafka_receiver *r); /* a message is done */
void kafka_receiver_works(struct kafka_receiver *r);    /* the brokers have answered */
/* A record that had been taken from its place, back before all that is held. */
void kafka_fetch_hold_again(struct kafka_receiver *r, struct held_record held, uint64_t need);

/* kafka_large.c */
/* The event is its own from now on; false: *need bytes are wanted first. */
bool kafka_large_begin(struct kafka_receiver *r, const struct kafka_value *v, struct held_record held, uint64_t *need);
/* The client is to be closed: true when that is done by kafka_receiver_close(), after the job. */
bool kafka_large_closes(struct kafka_receiver *r);
void kafka_large_abandon(struct kafka_receiver *r);

/* kafka_receiver.c */
void kafka_receiver_close(struct kafka_receiver *r); /* its client, whatever is in the pipeline */

/* kafka_group.c */
int kafka_group_configure(const struct kafka_receiver *r, rd_kafka_conf_t *conf, struct error *err);
int kafka_group_subscribe(struct kafka_receiver *r, struct error *err);
void kafka_group_rebalance(struct kafka_receiver *r, rd_kafka_event_t *event);
void kafka_group_committed(struct kafka_receiver *r, rd_kafka_event_t *event);
void kafka_receiver_note(struct kafka_receiver *r, rd_kafka_error_t *error); /* takes it over; NULL is none */

/* kafka_receiver_metrics.c */
extern const struct metric_row *const kafka_receiver_metric_rows[];
void kafka_receiver_metrics_init(struct kafka_receiver *r);
void kafka_partition_metrics_init(struct kafka_partition *p);
void kafka_partition_metrics_end(struct kafka_partition *p); /* shown no longer */

#endif
