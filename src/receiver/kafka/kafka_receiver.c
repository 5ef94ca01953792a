/* SPDX-License-Identifier: Apache-2.0 */
/* The kafka receiver: its life. It joins a group and is given partitions (kafka_group.c); each record of theirs
 * (kafka_fetch.c) goes into the pipeline in its order (kafka_message.c), and how far all are safe is committed
 * (kafka_partition.c).
 *
 * To stop it takes nothing more, waits for what is in the pipeline, leaves the group, which commits what is safe, and
 * closes the client on a thread. At the deadline it leaves without the rest: that comes again to whoever reads on. */
#include "receiver/kafka/kafka_receiver.h"

#include "otlp/metadata.h"

#include <stdlib.h>

#define WAKE_EVERY (30 * NS_PER_S)    /* a tenth of max.poll.interval.ms, in which librdkafka wants to be asked */
#define CLOSED_EVERY (10 * NS_PER_MS) /* look whether the group was left */
#define LEAVE_MOST (3 * NS_PER_S)     /* a coordinator that does not answer is not waited for longer */

static bool on_event(struct kafka_client *c, rd_kafka_event_t *event)
{
    struct kafka_receiver *r = container_of(c, struct kafka_receiver, client);

    switch (c->lib->rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        return kafka_fetch_take(r, event);
    case RD_KAFKA_EVENT_REBALANCE:
        kafka_group_rebalance(r, event);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        kafka_group_committed(r, event);
        break;
    default:
        break;
    }
    return false;
}

static void on_failed(struct kafka_client *c, rd_kafka_resp_err_t code, const char *why, bool fatal)
{
    struct kafka_receiver *r = container_of(c, struct kafka_receiver, client);
    struct node *node = &r->node;

    health_fail(&node->health[HEALTH_WORK], clock_mono(&node->host->loop->clock),
                fatal ? HEALTH_PERMANENT : HEALTH_RECOVERABLE, why);
    if (complaint_due_to(&r->failing, &node->host->loop->clock, c->lib->rd_kafka_err2str(code)))
        log_at(&node->log, fatal ? LOG_ERROR : LOG_WARN, "The brokers cannot be used",
               F_STR("error", c->lib->rd_kafka_err2str(code)), F_STR("text", why),
               F_UINT("repeated", complaint_taken(&r->failing)));
}

static const struct kafka_client_owner owner = { on_event, on_failed };

/* ---- start ---- */

static void on_wake(struct clock_timer *t)
{
    struct kafka_receiver *r = container_of(t, struct kafka_receiver, waking);

    kafka_client_wake(&r->client);
    clock_start(&r->node.host->loop->clock, t, WAKE_EVERY, on_wake);
}

static void store_offsets(struct turn_task *t)
{
    kafka_partitions_store(container_of(t, struct kafka_receiver, storing));
}

static void maybe_leave(struct turn_task *t);

static int create(struct node *node, const void *config, struct error *err)
{
    struct kafka_receiver *r = kafka_receiver_of(node);
    const struct kafka_sasl_config *sasl = &((const struct kafka_receiver_config *)config)->client.auth.sasl;

    (void)err;
    r->config = config;
    r->reading = kafka_receiver_reading(config, node->signal);
    r->storing.run = store_offsets;
    r->idle.run = maybe_leave;
    list_init(&r->partitions);
    list_init(&r->dirty);
    list_init(&r->messages);
    kafka_receiver_metrics_init(r);
    if (sasl->on && sasl->oauthbearer_token_source[0] != '\0')
        kafka_client_set_authenticator(&r->client,
                                       node->host->find_client_authenticator(node, sasl->oauthbearer_token_source));
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct kafka_receiver *r = kafka_receiver_of(node);
    rd_kafka_conf_t *conf;

    r->client.lib = kafka_library(err);
    conf = r->client.lib != NULL ? kafka_client_conf(r->client.lib, &r->config->client, err) : NULL;
    if (conf == NULL)
        return UV_EINVAL;
    if (kafka_group_configure(r, conf, err) != 0) {
        r->client.lib->rd_kafka_conf_destroy(conf);
        return UV_EINVAL;
    }
    if (kafka_client_open(&r->client, node, &owner, RD_KAFKA_CONSUMER, conf, err) != 0 ||
        kafka_group_subscribe(r, err) != 0)
        return UV_EINVAL;
    clock_start(&node->host->loop->clock, &r->waking, WAKE_EVERY, on_wake);
    log_info(&node->log, "Reading from Kafka", F_STR("brokers", r->config->client.brokers.v[0]),
             F_STR("topic", kafka_receiver_topic(r->config, node->signal, 0)), F_STR("group", r->config->group_id),
             F_STR("librdkafka", r->client.lib->rd_kafka_version_str()));
    return 0;
}

/* ---- stop ---- */

/* When the client is gone and nothing is in the pipeline. What the graph does not wait for goes with the node. */
static void maybe_finish(struct kafka_receiver *r)
{
    void (*done)(struct node * node) = r->stopped;

    if (!r->closed || r->under_way > 0 || done == NULL)
        return;
    r->stopped = NULL;
    done(&r->node);
}

static void on_client_closed(struct kafka_client *c)
{
    struct kafka_receiver *r = container_of(c, struct kafka_receiver, client);

    r->node.blocked_on = NULL;
    r->closed = true;
    maybe_finish(r);
}

static const char *blocked_on(const struct node *node)
{
    (void)node;
    return "librdkafka's threads";
}

/* What is in the pipeline stays there, and counts for nobody. */
void kafka_receiver_close(struct kafka_receiver *r)
{
    struct clock *clock = &r->node.host->loop->clock;

    clock_stop(clock, &r->closing);
    clock_stop(clock, &r->deadline);
    clock_stop(clock, &r->waking);
    while (!list_empty(&r->partitions))
        kafka_partition_remove(list_first(&r->partitions, struct kafka_partition, link));
    turn_cancel(&r->node.host->loop->turn, &r->storing);
    r->leaving = true;
    if (kafka_large_closes(r))
        return;
    r->node.blocked_on = blocked_on;
    kafka_client_close(&r->client, on_client_closed);
}

static void on_closing(struct clock_timer *t)
{
    struct kafka_receiver *r = container_of(t, struct kafka_receiver, closing);
    struct clock *clock = &r->node.host->loop->clock;

    if (r->client.lib->rd_kafka_consumer_closed(r->client.rk) || clock_mono(clock) >= r->leave_by) {
        kafka_receiver_close(r);
        return;
    }
    kafka_client_wake(&r->client);
    clock_start(clock, t, CLOSED_EVERY, on_closing);
}

/* Offsets of what is safe are committed with it. */
static void leave_group(struct kafka_receiver *r)
{
    rd_kafka_error_t *error;

    r->leaving = true;
    kafka_partitions_store(r);
    error = r->client.lib->rd_kafka_consumer_close_queue(r->client.rk, r->client.queue);
    if (error != NULL) {
        r->client.lib->rd_kafka_error_destroy(error);
        kafka_receiver_close(r);
        return;
    }
    r->leave_by = clock_mono(&r->node.host->loop->clock) + LEAVE_MOST;
    if (r->leave_by > r->ends)
        r->leave_by = r->ends;
    clock_start(&r->node.host->loop->clock, &r->closing, 0, on_closing);
}

/* When nothing is in the pipeline any more. */
static void maybe_leave(struct turn_task *t)
{
    struct kafka_receiver *r = container_of(t, struct kafka_receiver, idle);

    if (r->stopping && !r->leaving && r->under_way == 0 && r->large == NULL)
        leave_group(r);
    else
        maybe_finish(r);
}

static void on_deadline(struct clock_timer *t)
{
    struct kafka_receiver *r = container_of(t, struct kafka_receiver, deadline);

    if (r->leaving)
        kafka_receiver_close(r);
    else
        leave_group(r);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct kafka_receiver *r = kafka_receiver_of(node);
    struct clock *clock = &node->host->loop->clock;
    uint64_t now = clock_mono(clock), left = deadline > now ? deadline - now : 0;

    r->stopped = done;
    if (r->client.state != KAFKA_CLIENT_OPEN) { /* start() has failed */
        done(node);
        return;
    }
    r->stopping = true;
    r->ends = now + left - left / 8; /* the rest is for librdkafka's own end */
    budget_cancel(host_budget(node->host, node->signal), &r->room);
    kafka_fetch_pause(r, true);
    kafka_fetch_drop(r);
    list_each (struct kafka_message, m, &r->messages, all)
        if (m->state == MESSAGE_WAITING) /* it comes again */
            kafka_message_free(m);
    clock_start(clock, &r->deadline, left / 2, on_deadline); /* the rest is for leaving the group */
    turn_defer(&node->host->loop->turn, &r->idle);
}

static void hurry(struct node *node)
{
    struct kafka_receiver *r = kafka_receiver_of(node);

    if (r->client.state == KAFKA_CLIENT_OPEN)
        kafka_receiver_close(r);
}

static void destroy(struct node *node)
{
    struct kafka_receiver *r = kafka_receiver_of(node);

    kafka_large_abandon(r);
    while (!list_empty(&r->messages))
        kafka_message_free(list_first(&r->messages, struct kafka_message, all));
    while (!list_empty(&r->partitions))
        kafka_partition_remove(list_first(&r->partitions, struct kafka_partition, link));
    turn_cancel(&node->host->loop->turn, &r->idle);
    turn_cancel(&node->host->loop->turn, &r->storing);
    free(r->index);
    vec_free(&r->held);
    vec_free(&r->headers);
    vec_free(&r->entries);
}

extern const struct component kafka_receiver;
const struct component kafka_receiver = {
    COMPONENT_TYPE("kafka", COMPONENT_RECEIVER, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Reads topics of Apache Kafka as a member of a group.",
    .safe = "A record's offset is committed when it and all before it in its partition are safe behind; what was not "
            "comes again after a crash or a rebalance.",
    COMPONENT_CONFIG(struct kafka_receiver_config, kafka_receiver_options, .check = kafka_receiver_check,
                     .check_use = kafka_receiver_check_use),
    .metrics = kafka_receiver_metric_rows,
    COMPONENT_NODE(struct kafka_receiver, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
