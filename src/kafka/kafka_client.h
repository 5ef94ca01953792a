/* SPDX-License-Identifier: Apache-2.0 */
/* One client of librdkafka on the loop.
 *
 * librdkafka has threads of its own; what they have to say waits in a queue, and a descriptor that the loop watches
 * tells that there is something. So all that is called back here is called on the loop. The end is on a thread of the
 * pool, for it waits for theirs. */
#ifndef KAFKA_CLIENT_H
#define KAFKA_CLIENT_H

#include "base/loop/job.h"
#include "kafka/kafka_client_rows.h"
#include "kafka/kafka_library.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"

struct kafka_client;

/* What its owner hears. */
struct kafka_client_owner {
    /* A delivery report, message, rebalance or commit. The event goes when this returns, with all that is in it, unless
     * it returns true: then it is the owner's to destroy. */
    bool (*event)(struct kafka_client *c, rd_kafka_event_t *event);
    /* Something is wrong with the connection or the account, for now or (fatal) for as long as this client lives. */
    void (*failed)(struct kafka_client *c, rd_kafka_resp_err_t code, const char *why, bool fatal);
};

enum kafka_client_state { KAFKA_CLIENT_CLOSED, KAFKA_CLIENT_OPEN, KAFKA_CLIENT_CLOSING, KAFKA_CLIENT_STATES };

/* Zeroed is closed; kafka_client_open() sets all. */
struct kafka_client {
    enum kafka_client_state state;
    const struct kafka_library *lib; /* from open on, for good */
    struct node *node;
    const struct kafka_client_owner *owner;
    rd_kafka_t *rk;          /* while it is open */
    rd_kafka_queue_t *queue; /* likewise */
    bool held;               /* nothing is taken from it */
    struct complaint saying; /* what librdkafka logs */
    int fd;
    uv_poll_t poll;
    struct job destroying;
    void (*closed)(struct kafka_client *c);

    /* With OAUTHBEARER. */
    struct client_authenticator *authenticator;
    struct auth_request auth;
    struct call_headers headers;
    struct complaint refusing;
};

/* Sets one property; UV_EINVAL and `err` when librdkafka does not take it. */
int kafka_conf_set(const struct kafka_library *lib, rd_kafka_conf_t *conf, const char *name, const char *value,
                   struct error *err);
int kafka_conf_set_int(const struct kafka_library *lib, rd_kafka_conf_t *conf, const char *name, int64_t value,
                       struct error *err);

/* What `c` says, as properties; NULL and `err`. For kafka_client_open(), which takes it over. */
rd_kafka_conf_t *kafka_client_conf(const struct kafka_library *lib, const struct kafka_client_config *c,
                                   struct error *err);

/* 0, or a negative errno and `err`: then it is closed still. Names that cannot be resolved and brokers that are away
 * are no error: owner->failed() tells of them. */
int kafka_client_open(struct kafka_client *c, struct node *node, const struct kafka_client_owner *owner,
                      rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err);
/* Before opening, for OAUTHBEARER: who has the tokens. */
void kafka_client_set_authenticator(struct kafka_client *c, struct client_authenticator *authenticator);

/* Nothing is called back any more but closed(), once, when all of librdkafka's memory is gone (messages and their
 * payloads too). Of one that is closed: at once. */
void kafka_client_close(struct kafka_client *c, void (*closed)(struct kafka_client *c));

/* Events may wait that the owner left: look again in the next turn. */
void kafka_client_wake(struct kafka_client *c);

/* From now on events wait in librdkafka's queue, all of them, until this is off again. */
void kafka_client_hold(struct kafka_client *c, bool on);
/* Before the end of one that was held: librdkafka waits at its end for the answer to a rebalance that it has told of.
 */
void kafka_client_take_all(struct kafka_client *c);

#endif
