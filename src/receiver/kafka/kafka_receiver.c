/* SPDX-License-Identifier: Apache-2.0 */
/* The kafka receiver: its life. It joins a group and is given partitions; each record of theirs goes into the pipeline
 * in its order (kafka_message.c), and how far all are safe is committed (kafka_partition.c).
 *
 * When there is no room for a record it is held, all partitions are paused, and librdkafka forgets what it has fetched
 * of them; it goes on when the budget has room, or the pipeline has answered. While paused the group hears of us all
 * the same.
 *
 * To stop it takes nothing more, waits for what is in the pipeline, leaves the group, which commits what is safe, and
 * closes the client on a thread. At the deadline it leaves without the rest: that comes again to whoever reads on. */
#include "receiver/kafka/kafka_receiver.h"

#include "otlp/metadata.h"

#include <stdlib.h>
#include <string.h>

#define WAKE_EVERY (30 * NS_PER_S)    /* a tenth of max.poll.interval.ms, in which librdkafka wants to be asked */
#define CLOSED_EVERY (10 * NS_PER_MS) /* look whether the group was left */
#define LEAVE_MOST (3 * NS_PER_S)     /* a coordinator that does not answer is not waited for longer */
#define QUEUED_LEAST 1024             /* KiB that librdkafka may have fetched ahead */
#define QUEUED_MOST 16384

/* ---- room ---- */

static void pause_all(struct kafka_receiver *r, bool on)
{
    if (r->client.state != KAFKA_CLIENT_OPEN || (!on && !r->paused))
        return;
    if (on && !r->paused && !r->stopping)
        metric_add(r->m.paused, 1);
    r->paused = on;
    kafka_partitions_pause(r, on);
}

static void note_success(struct kafka_receiver *r)
{
    if (!complaint_over(&r->failing))
        return;
    log_info(&r->node.log, "The brokers can be used again");
    if (r->node.health[HEALTH_WORK].state == HEALTH_RECOVERABLE)
        health_ok(&r->node.health[HEALTH_WORK], clock_mono(&r->node.host->loop->clock));
}

/* True when the record was taken, or is nobody's any more: the event may go. */
static bool take_record(struct kafka_receiver *r, const rd_kafka_message_t *record, uint64_t *need)
{
    const struct kafka_library *lib = r->client.lib;
    struct kafka_partition *p;

    if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (complaint_due_to(&r->failing, &r->node.host->loop->clock, lib->rd_kafka_err2str(record->err)))
            log_warn(&r->node.log, "The brokers do not give records",
                     F_STR("error", lib->rd_kafka_message_errstr(record)),
                     F_UINT("repeated", complaint_taken(&r->failing)));
        return true;
    }
    note_success(r);
    p = kafka_partition_find(r, lib->rd_kafka_topic_name(record->rkt), record->partition);
    if (p != NULL)
        p->next = record->offset + 1;
    return p == NULL || p->halted || kafka_message_take(r, p, record, need);
}

static void drop_held(struct kafka_receiver *r)
{
    for (size_t i = r->held_from; i < r->held.n; i++)
        r->client.lib->rd_kafka_event_destroy(r->held.v[i].event);
    r->held.n = r->held_from = 0;
}

static void on_room(struct budget_waiter *w)
{
    kafka_receiver_has_room(container_of(w, struct kafka_receiver, room));
}

static void wait_for_room(struct kafka_receiver *r, uint64_t need)
{
    r->crowded = need == 0; /* the answer to a message makes room */
    r->room.need = need;
    if (need > 0)
        budget_wait(host_budget(r->node.host, r->node.signal), &r->room, on_room);
}

/* Each pause costs what was fetched ahead: it ends when there is room for some more, not for one record. */
void kafka_receiver_has_room(struct kafka_receiver *r)
{
    uint64_t need = 0;

    turn_defer(&r->node.host->loop->turn, &r->idle);
    if (r->stopping || r->taking || list_linked(&r->room.link) ||
        (r->crowded && (r->under_way > KAFKA_UNDER_WAY_MOST / 2 || r->kept > KAFKA_KEPT_MOST / 2)))
        return;
    r->crowded = false;
    r->taking = true;
    while (r->held_from < r->held.n) {
        struct held_record h = r->held.v[r->held_from];

        if (!take_record(r, h.record, &need))
            break;
        r->held_from++;
        r->client.lib->rd_kafka_event_destroy(h.event);
    }
    r->taking = false;
    if (r->held_from < r->held.n) {
        wait_for_room(r, need);
        return;
    }
    r->held.n = r->held_from = 0;
    pause_all(r, false);
}

/* A record for which there was no room, or which stands behind such a one. */
static void hold_event(struct kafka_receiver *r, rd_kafka_event_t *event, const rd_kafka_message_t *record,
                       uint64_t need)
{
    *vec_push(&r->held) = (struct held_record){ event, record };
    pause_all(r, true);
    if (r->held.n - r->held_from == 1)
        wait_for_room(r, need);
}

/* Behind one that waits all wait, so that a partition's stay in their order. */
static bool take_or_note(struct kafka_receiver *r, const rd_kafka_message_t *record, uint64_t *need)
{
    struct kafka_partition *p;

    if (r->held_from == r->held.n)
        return take_record(r, record, need);
    if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    p = kafka_partition_find(r, r->client.lib->rd_kafka_topic_name(record->rkt), record->partition);
    if (p != NULL)
        p->next = record->offset + 1;
    return p == NULL;
}

static bool handle_fetch(struct kafka_receiver *r, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *record;
    uint64_t need = 0;

    while (!r->stopping && (record = r->client.lib->rd_kafka_event_message_next(event)) != NULL)
        if (!take_or_note(r, record, &need)) {
            hold_event(r, event, record, need);
            return true;
        }
    return false;
}

/* ---- the group ---- */

static bool is_cooperative(const struct kafka_receiver *r)
{
    const char *protocol = r->client.lib->rd_kafka_rebalance_protocol(r->client.rk);

    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

static void log_partitions(const struct kafka_receiver *r, const char *what,
                           const rd_kafka_topic_partition_list_t *list)
{
    if (list->cnt > 0)
        log_info(&r->node.log, what, F_STR("topic", list->elems[0].topic), F_INT("partition", list->elems[0].partition),
                 F_INT("partitions", list->cnt));
}

void kafka_receiver_note(struct kafka_receiver *r, rd_kafka_error_t *error)
{
    if (error == NULL)
        return;
    log_warn(&r->node.log, "librdkafka does not do as it is told",
             F_STR("error", r->client.lib->rd_kafka_error_string(error)));
    r->client.lib->rd_kafka_error_destroy(error);
}

static void take_partitions(struct kafka_receiver *r, rd_kafka_topic_partition_list_t *list)
{
    const struct kafka_client *c = &r->client;

    if (is_cooperative(r))
        kafka_receiver_note(r, c->lib->rd_kafka_incremental_assign(c->rk, list));
    else
        c->lib->rd_kafka_assign(c->rk, list);
    for (int i = 0; i < list->cnt; i++)
        kafka_partition_add(r, list->elems[i].topic, list->elems[i].partition);
    log_partitions(r, "Partitions are read here now", list);
}

static void drop_held_of(struct kafka_receiver *r, const struct kafka_partition *p)
{
    size_t kept = r->held_from;

    for (size_t i = r->held_from; i < r->held.n; i++) {
        struct held_record h = r->held.v[i];

        if (h.record->err == RD_KAFKA_RESP_ERR_NO_ERROR && h.record->partition == p->number &&
            strcmp(r->client.lib->rd_kafka_topic_name(h.record->rkt), p->topic) == 0)
            r->client.lib->rd_kafka_event_destroy(h.event);
        else
            r->held.v[kept++] = h;
    }
    r->held.n = kept;
}

/* What is safe by now is stored before, and librdkafka commits that. */
static void give_up_partitions(struct kafka_receiver *r, rd_kafka_topic_partition_list_t *list)
{
    const struct kafka_client *c = &r->client;

    kafka_partitions_store(r);
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_partition *p = kafka_partition_find(r, list->elems[i].topic, list->elems[i].partition);

        if (p == NULL)
            continue;
        drop_held_of(r, p);
        kafka_partition_let_go(p);
    }
    if (is_cooperative(r))
        kafka_receiver_note(r, c->lib->rd_kafka_incremental_unassign(c->rk, list));
    else
        c->lib->rd_kafka_assign(c->rk, NULL);
    log_partitions(r, "Partitions are not read here any more", list);
    kafka_receiver_has_room(r);
}

static void handle_rebalance(struct kafka_receiver *r, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t *list = r->client.lib->rd_kafka_event_topic_partition_list(event);

    if (r->client.lib->rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        take_partitions(r, list);
    else
        give_up_partitions(r, list);
}

/* Another commit follows; and what was not committed comes again. */
static void handle_commit(struct kafka_receiver *r, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = r->client.lib->rd_kafka_event_error(event);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        note_success(r);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    if (complaint_due_to(&r->failing, &r->node.host->loop->clock, r->client.lib->rd_kafka_err2str(code)))
        log_warn(&r->node.log, "Offsets could not be committed: what is safe already may come again",
                 F_STR("error", r->client.lib->rd_kafka_err2str(code)),
                 F_UINT("repeated", complaint_taken(&r->failing)));
}

static bool on_event(struct kafka_client *c, rd_kafka_event_t *event)
{
    struct kafka_receiver *r = container_of(c, struct kafka_receiver, client);

    switch (c->lib->rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        return handle_fetch(r, event);
    case RD_KAFKA_EVENT_REBALANCE:
        handle_rebalance(r, event);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        handle_commit(r, event);
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

static int64_t milliseconds(duration d)
{
    return d.ns / (int64_t)NS_PER_MS;
}

/* What librdkafka has fetched ahead is not in the budget: it is bounded by a small part of it. */
static int64_t queued_kbytes(const struct kafka_receiver *r)
{
    uint64_t part = budget_limit(r->node.host->budget) / 16 / 1024;

    return (int64_t)(part < QUEUED_LEAST ? QUEUED_LEAST : part > QUEUED_MOST ? QUEUED_MOST : part);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int set_group(const struct kafka_receiver *r, rd_kafka_conf_t *conf, struct error *err)
{
    const struct kafka_library *lib = r->client.lib;
    const struct kafka_receiver_config *c = r->config;
    char strategies[128];

    if (kafka_conf_set(lib, conf, "group.id", c->group_id, err) != 0 ||
        (c->group_instance_id[0] != '\0' &&
         kafka_conf_set(lib, conf, "group.instance.id", c->group_instance_id, err) != 0) ||
        kafka_conf_set(lib, conf, "auto.offset.reset", c->initial_offset == 0 ? "latest" : "earliest", err) != 0 ||
        kafka_conf_set(lib, conf, "enable.auto.offset.store", "false", err) != 0 ||
        kafka_conf_set(lib, conf, "enable.auto.commit", "true", err) != 0 ||
        kafka_conf_set_int(lib, conf, "auto.commit.interval.ms",
                           c->autocommit.enable ? milliseconds(c->autocommit.interval) : 100, err) != 0 ||
        kafka_conf_set_int(lib, conf, "session.timeout.ms", milliseconds(c->session_timeout), err) != 0 ||
        kafka_conf_set_int(lib, conf, "max.poll.interval.ms", larger(300000, milliseconds(c->session_timeout)), err) !=
            0 ||
        kafka_conf_set_int(lib, conf, "heartbeat.interval.ms", milliseconds(c->heartbeat_interval), err) != 0 ||
        kafka_conf_set(lib, conf, "partition.assignment.strategy",
                       kafka_receiver_strategies(c, strategies, sizeof(strategies)), err) != 0)
        return UV_EINVAL;
    return 0;
}

static int set_fetching(const struct kafka_receiver *r, rd_kafka_conf_t *conf, struct error *err)
{
    const struct kafka_library *lib = r->client.lib;
    const struct kafka_receiver_config *c = r->config;
    const struct strings *not = &c->signals[r->node.signal].exclude_topics;
    struct buf list = { 0 };
    int rc = 0;

    for (size_t i = 0; i < not ->n; i++)
        buf_printf(&list, "%s%s", i > 0 ? "," : "", not ->v[i]);
    if (not ->n > 0)
        rc = kafka_conf_set(lib, conf, "topic.blacklist", buf_cstr(&list), err);
    buf_free(&list);
    if (rc != 0 || kafka_conf_set_int(lib, conf, "fetch.min.bytes", (int64_t)c->min_fetch_size, err) != 0 ||
        kafka_conf_set_int(lib, conf, "fetch.max.bytes", (int64_t)c->max_fetch_size, err) != 0 ||
        kafka_conf_set_int(lib, conf, "receive.message.max.bytes", larger(100000000, (int64_t)c->max_fetch_size + 512),
                           err) != 0 ||
        kafka_conf_set_int(lib, conf, "message.max.bytes",
                           (int64_t)(c->max_fetch_size < 1000000000 ? c->max_fetch_size : 1000000000), err) != 0 ||
        kafka_conf_set_int(lib, conf, "fetch.message.max.bytes", (int64_t)c->max_partition_fetch_size, err) != 0 ||
        kafka_conf_set_int(lib, conf, "fetch.wait.max.ms", milliseconds(c->max_fetch_wait), err) != 0 ||
        kafka_conf_set_int(lib, conf, "queued.max.messages.kbytes", queued_kbytes(r), err) != 0)
        return UV_EINVAL;
    return 0;
}

static int subscribe(struct kafka_receiver *r, struct error *err)
{
    const struct kafka_library *lib = r->client.lib;
    size_t n = kafka_receiver_topics(r->config, r->node.signal);
    rd_kafka_topic_partition_list_t *list = lib->rd_kafka_topic_partition_list_new((int)n);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < n; i++)
        lib->rd_kafka_topic_partition_list_add(list, kafka_receiver_topic(r->config, r->node.signal, i),
                                               RD_KAFKA_PARTITION_UA);
    code = lib->rd_kafka_subscribe(r->client.rk, list);
    lib->rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : error_set(err, UV_EINVAL, "librdkafka does not subscribe: %s", lib->rd_kafka_err2str(code));
}

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
    if (set_group(r, conf, err) != 0 || set_fetching(r, conf, err) != 0) {
        r->client.lib->rd_kafka_conf_destroy(conf);
        return UV_EINVAL;
    }
    if (kafka_client_open(&r->client, node, &owner, RD_KAFKA_CONSUMER, conf, err) != 0 || subscribe(r, err) != 0)
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
static void close_client(struct kafka_receiver *r)
{
    struct clock *clock = &r->node.host->loop->clock;

    clock_stop(clock, &r->closing);
    clock_stop(clock, &r->deadline);
    clock_stop(clock, &r->waking);
    while (!list_empty(&r->partitions))
        kafka_partition_remove(list_first(&r->partitions, struct kafka_partition, link));
    turn_cancel(&r->node.host->loop->turn, &r->storing);
    r->leaving = true;
    r->node.blocked_on = blocked_on;
    kafka_client_close(&r->client, on_client_closed);
}

static void on_closing(struct clock_timer *t)
{
    struct kafka_receiver *r = container_of(t, struct kafka_receiver, closing);
    struct clock *clock = &r->node.host->loop->clock;

    if (r->client.lib->rd_kafka_consumer_closed(r->client.rk) || clock_mono(clock) >= r->leave_by) {
        close_client(r);
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
        close_client(r);
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

    if (r->stopping && !r->leaving && r->under_way == 0)
        leave_group(r);
    else
        maybe_finish(r);
}

static void on_deadline(struct clock_timer *t)
{
    struct kafka_receiver *r = container_of(t, struct kafka_receiver, deadline);

    if (r->leaving)
        close_client(r);
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
    pause_all(r, true);
    drop_held(r);
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
        close_client(r);
}

static void destroy(struct node *node)
{
    struct kafka_receiver *r = kafka_receiver_of(node);

    while (!list_empty(&r->messages))
        kafka_message_free(list_first(&r->messages, struct kafka_message, all));
    while (!list_empty(&r->partitions))
        kafka_partition_remove(list_first(&r->partitions, struct kafka_partition, link));
    turn_cancel(&node->host->loop->turn, &r->idle);
    turn_cancel(&node->host->loop->turn, &r->storing);
    vec_free(&r->held);
    vec_free(&r->headers);
    vec_free(&r->entries);
}

extern const struct component kafka_receiver;
const struct component kafka_receiver = {
    .type = "kafka",
    .kind = COMPONENT_RECEIVER,
    .signals = SIGNAL_ALL,
    .stability = "beta",
    .summary = "Reads topics of Apache Kafka as a member of a group.",
    .safe = "A record's offset is committed when it and all before it in its partition are safe behind; what was not "
            "comes again after a crash or a rebalance.",
    .config_size = sizeof(struct kafka_receiver_config),
    .options = kafka_receiver_options,
    .metrics = kafka_receiver_metric_rows,
    .node_size = sizeof(struct kafka_receiver),
    .check = kafka_receiver_check,
    .check_use = kafka_receiver_check_use,
    .create = create,
    .start = start,
    .stop = stop,
    .hurry = hurry,
    .destroy = destroy,
};
