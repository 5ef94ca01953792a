/* SPDX-License-Identifier: Apache-2.0 */
/* The group: how it is joined, what it gives and takes, and what it has been told to remember. A partition that goes
 * has stored what is safe before, and librdkafka commits that.
 *
 * What can go wrong: librdkafka does not take a setting or a topic, and the receiver does not start; a commit fails,
 * and another follows. */
#include "receiver/kafka/kafka_receiver.h"

#include <stdlib.h>
#include <string.h>

#define QUEUED_LEAST 1024 /* KiB that librdkafka may have fetched ahead */
#define QUEUED_MOST 16384

/* ---- partitions ---- */

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

/* What is safe by now is stored before, and librdkafka commits that. */
static void give_up_partitions(struct kafka_receiver *r, rd_kafka_topic_partition_list_t *list)
{
    const struct kafka_client *c = &r->client;

    kafka_partitions_store(r);
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_partition *p = kafka_partition_find(r, list->elems[i].topic, list->elems[i].partition);

        if (p == NULL)
            continue;
        kafka_fetch_drop_of(r, p);
        kafka_partition_let_go(p);
    }
    if (is_cooperative(r))
        kafka_receiver_note(r, c->lib->rd_kafka_incremental_unassign(c->rk, list));
    else
        c->lib->rd_kafka_assign(c->rk, NULL);
    log_partitions(r, "Partitions are not read here any more", list);
    kafka_receiver_has_room(r);
}

void kafka_group_rebalance(struct kafka_receiver *r, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t *list = r->client.lib->rd_kafka_event_topic_partition_list(event);

    if (r->client.lib->rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        take_partitions(r, list);
    else
        give_up_partitions(r, list);
}

/* Another commit follows; and what was not committed comes again. */
void kafka_group_committed(struct kafka_receiver *r, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = r->client.lib->rd_kafka_event_error(event);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_receiver_works(r);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return;
    if (complaint_due_to(&r->failing, &r->node.host->loop->clock, r->client.lib->rd_kafka_err2str(code)))
        log_warn(&r->node.log, "Offsets could not be committed: what is safe already may come again",
                 F_STR("error", r->client.lib->rd_kafka_err2str(code)),
                 F_UINT("repeated", complaint_taken(&r->failing)));
}

/* ---- joining ---- */

static int64_t duration_ms(duration d)
{
    return d.ns / (int64_t)NS_PER_MS;
}

/* What librdkafka has fetched ahead is not in the budget: it is bounded by a small part of it. */
static int64_t queued_kbytes(const struct kafka_receiver *r)
{
    uint64_t part = budget_limit(r->node.host->budget) / 16 / 1024;

    return (int64_t)(part < QUEUED_LEAST ? QUEUED_LEAST : part > QUEUED_MOST ? QUEUED_MOST : part);
}

static int64_t larger_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Each of several workers is a member of its own; the first has the name as it is written. */
static int set_instance(const struct kafka_receiver *r, rd_kafka_conf_t *conf, struct error *err)
{
    const char *name = r->config->group_instance_id;
    unsigned worker = r->node.host->worker;
    char *of_worker;
    int rc;

    if (name[0] == '\0')
        return 0;
    of_worker = worker > 1 ? mem_printf("%s-%u", name, worker) : mem_strdup(name);
    rc = kafka_conf_set(r->client.lib, conf, "group.instance.id", of_worker, err);
    free(of_worker);
    return rc;
}

static int set_group(const struct kafka_receiver *r, rd_kafka_conf_t *conf, struct error *err)
{
    const struct kafka_library *lib = r->client.lib;
    const struct kafka_receiver_config *c = r->config;
    char strategies[128];

    if (kafka_conf_set(lib, conf, "group.id", c->group_id, err) != 0 || set_instance(r, conf, err) != 0 ||
        kafka_conf_set(lib, conf, "auto.offset.reset", c->initial_offset == 0 ? "latest" : "earliest", err) != 0 ||
        kafka_conf_set(lib, conf, "enable.auto.offset.store", "false", err) != 0 ||
        kafka_conf_set(lib, conf, "enable.auto.commit", "true", err) != 0 ||
        kafka_conf_set_int(lib, conf, "auto.commit.interval.ms",
                           c->autocommit.enable ? duration_ms(c->autocommit.interval) : 100, err) != 0 ||
        kafka_conf_set_int(lib, conf, "session.timeout.ms", duration_ms(c->session_timeout), err) != 0 ||
        kafka_conf_set_int(lib, conf, "max.poll.interval.ms", larger_of(300000, duration_ms(c->session_timeout)),
                           err) != 0 ||
        kafka_conf_set_int(lib, conf, "heartbeat.interval.ms", duration_ms(c->heartbeat_interval), err) != 0 ||
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
        kafka_conf_set_int(lib, conf, "receive.message.max.bytes",
                           larger_of(100000000, (int64_t)c->max_fetch_size + 512), err) != 0 ||
        kafka_conf_set_int(lib, conf, "message.max.bytes",
                           (int64_t)(c->max_fetch_size < 1000000000 ? c->max_fetch_size : 1000000000), err) != 0 ||
        kafka_conf_set_int(lib, conf, "fetch.message.max.bytes", (int64_t)c->max_partition_fetch_size, err) != 0 ||
        kafka_conf_set_int(lib, conf, "fetch.wait.max.ms", duration_ms(c->max_fetch_wait), err) != 0 ||
        kafka_conf_set_int(lib, conf, "queued.max.messages.kbytes", queued_kbytes(r), err) != 0)
        return UV_EINVAL;
    return 0;
}

int kafka_group_subscribe(struct kafka_receiver *r, struct error *err)
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

int kafka_group_configure(const struct kafka_receiver *r, rd_kafka_conf_t *conf, struct error *err)
{
    return set_group(r, conf, err) != 0 || set_fetching(r, conf, err) != 0 ? UV_EINVAL : 0;
}
