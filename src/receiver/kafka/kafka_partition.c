/* SPDX-License-Identifier: Apache-2.0 */
/* How far a partition is done. Messages stand in the order of their offsets; those at the front that are done go, and
 * the offset behind the last of them is stored in librdkafka at the end of the turn, which commits it by and by, and
 * before it gives the partition up. So what is committed is always a beginning of which all is safe.
 *
 * A partition that is taken away leaves its messages to the pipeline: they are answered, but nobody stores an offset
 * for them, and whoever has the partition now gets them too. Its pause ends before, for librdkafka remembers that, and
 * would not read it when it comes back to us. */
#include "receiver/kafka/kafka_receiver.h"

#include <stdlib.h>
#include <string.h>

/* ---- those that are ours, by name ---- */

static struct kafka_partition **find_slot(struct kafka_partition **index, size_t n, const char *topic, int32_t number)
{
    uint64_t hash = bytes_hash(bytes_str(topic)) + (uint32_t)number * 0x9e3779b97f4a7c15u;

    return &index[(hash ^ hash >> 32) & (n - 1)];
}

struct kafka_partition *kafka_partition_find(struct kafka_receiver *r, const char *topic, int32_t number)
{
    struct kafka_partition *p = r->n_index > 0 ? *find_slot(r->index, r->n_index, topic, number) : NULL;

    while (p != NULL && (p->number != number || strcmp(p->topic, topic) != 0))
        p = p->chain;
    return p;
}

/* So that there are as many places as partitions, at least. */
static void grow_index(struct kafka_receiver *r)
{
    if (r->n_partitions < r->n_index)
        return;
    r->n_index = r->n_index > 0 ? 2 * r->n_index : 16;
    free(r->index);
    r->index = mem_zalloc(r->n_index * sizeof(struct kafka_partition *));
    list_each (struct kafka_partition, p, &r->partitions, link) {
        struct kafka_partition **at = find_slot(r->index, r->n_index, p->topic, p->number);

        p->chain = *at;
        *at = p;
    }
}

static void index_partition(struct kafka_partition *p)
{
    struct kafka_receiver *r = p->receiver;
    struct kafka_partition **at;

    grow_index(r);
    at = find_slot(r->index, r->n_index, p->topic, p->number);
    p->chain = *at;
    *at = p;
    list_push(&r->partitions, &p->link);
    metric_set(r->m.partitions, (double)++r->n_partitions);
}

static void unindex_partition(struct kafka_partition *p)
{
    struct kafka_receiver *r = p->receiver;
    struct kafka_partition **at = find_slot(r->index, r->n_index, p->topic, p->number);

    while (*at != p)
        at = &(*at)->chain;
    *at = p->chain;
    list_remove(&p->link);
    metric_set(r->m.partitions, (double)--r->n_partitions);
}

void kafka_partition_add(struct kafka_receiver *r, const char *topic, int32_t number)
{
    struct kafka_partition *p = kafka_partition_find(r, topic, number);

    if (p != NULL)
        return;
    p = mem_zalloc(sizeof(*p));
    p->receiver = r;
    p->topic = mem_strdup(topic);
    p->number = number;
    p->done = p->next = -1;
    list_init(&p->messages);
    index_partition(p);
    kafka_partition_metrics_init(p);
}

void kafka_partition_remove(struct kafka_partition *p)
{
    list_each (struct kafka_message, m, &p->messages, link) {
        list_remove(&m->link);
        m->partition = NULL;
        if (m->state != MESSAGE_SENT)
            kafka_message_free(m);
    }
    unindex_partition(p);
    list_remove(&p->dirty);
    kafka_partition_metrics_end(p);
    free(p->topic);
    free(p);
}

/* ---- how far they are done ---- */

static void set_lag(struct kafka_partition *p)
{
    const struct kafka_client *c = &p->receiver->client;
    int64_t low = 0, high = -1;

    if (p->lag == NULL)
        return;
    metric_set(p->offset, (double)(p->done - 1));
    if (c->lib->rd_kafka_get_watermark_offsets(c->rk, p->topic, p->number, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= p->done)
        metric_set(p->lag, (double)(high - p->done));
}

void kafka_partitions_store(struct kafka_receiver *r)
{
    const struct kafka_library *lib = r->client.lib;
    rd_kafka_topic_partition_list_t *list;

    turn_cancel(&r->node.host->loop->turn, &r->storing);
    if (r->client.state != KAFKA_CLIENT_OPEN)
        return;
    list = lib->rd_kafka_topic_partition_list_new(4);
    list_each (struct kafka_partition, p, &r->dirty, dirty) {
        lib->rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = p->done;
        list_remove(&p->dirty);
        set_lag(p);
    }
    if (list->cnt > 0)
        lib->rd_kafka_offsets_store(r->client.rk, list); /* of what was taken away meanwhile: it says so, and no harm */
    lib->rd_kafka_topic_partition_list_destroy(list);
}

void kafka_partition_advance(struct kafka_partition *p)
{
    struct kafka_message *m;

    while ((m = list_first(&p->messages, struct kafka_message, link)) != NULL && m->state == MESSAGE_DONE) {
        p->done = m->offset + 1;
        if (!list_linked(&p->dirty))
            list_push(&p->receiver->dirty, &p->dirty);
        list_remove(&m->link);
        m->partition = NULL;
        kafka_message_free(m);
    }
    if (list_linked(&p->dirty))
        turn_defer(&p->receiver->node.host->loop->turn, &p->receiver->storing);
}

/* One that was halted before stays so at the record that is in front. */
static void drop_behind(struct kafka_partition *p, int64_t offset)
{
    if (!p->halted || offset < p->halted_at)
        p->halted_at = offset;
    list_each (struct kafka_message, m, &p->messages, link)
        if (m->state == MESSAGE_DONE && m->offset > p->halted_at)
            kafka_message_free(m);
}

static void pause_one(const struct kafka_partition *p, bool on)
{
    const struct kafka_client *c = &p->receiver->client;
    rd_kafka_topic_partition_list_t *list = c->lib->rd_kafka_topic_partition_list_new(1);

    c->lib->rd_kafka_topic_partition_list_add(list, p->topic, p->number);
    if (on)
        c->lib->rd_kafka_pause_partitions(c->rk, list);
    else
        c->lib->rd_kafka_resume_partitions(c->rk, list);
    c->lib->rd_kafka_topic_partition_list_destroy(list);
}

void kafka_partition_halt(struct kafka_partition *p, const struct kafka_message *m)
{
    drop_behind(p, m->offset);
    p->halted = true;
    pause_one(p, true);
}

void kafka_partition_let_go(struct kafka_partition *p)
{
    if (p->halted || p->paused)
        pause_one(p, false);
    kafka_partition_remove(p);
}

/* librdkafka forgets what it has fetched of a paused partition, and goes on behind the last record that it has given
 * us: of one that it has given us none of, it would not know where. Such a one is paused when its first record is
 * there. */
void kafka_partitions_pause(struct kafka_receiver *r, bool on)
{
    const struct kafka_library *lib = r->client.lib;
    rd_kafka_topic_partition_list_t *list = lib->rd_kafka_topic_partition_list_new(4);

    list_each (struct kafka_partition, p, &r->partitions, link) {
        if (p->halted || p->paused == on || p->next < 0)
            continue;
        p->paused = on;
        lib->rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = p->next;
    }
    if (list->cnt > 0 && on) {
        lib->rd_kafka_pause_partitions(r->client.rk, list);
    } else if (list->cnt > 0) {
        kafka_receiver_note(r, lib->rd_kafka_seek_partitions(r->client.rk, list, 0));
        lib->rd_kafka_resume_partitions(r->client.rk, list);
    }
    lib->rd_kafka_topic_partition_list_destroy(list);
}
