/* SPDX-License-Identifier: Apache-2.0 */
/* Records as librdkafka hands them over, one with each event. Each becomes a message (kafka_message.c). When there is
 * no room for one it is held with its event, those behind it are held off, and all partitions are paused; librdkafka
 * forgets what it has fetched of them. It goes on when the budget has room, or the pipeline has answered. While paused
 * the group hears of us all the same.
 *
 * What can go wrong: the brokers give an error in a record's place, which is logged. */
#include "receiver/kafka/kafka_receiver.h"

#include <string.h>

void kafka_fetch_pause(struct kafka_receiver *r, bool on)
{
    if (r->client.state != KAFKA_CLIENT_OPEN || (!on && !r->paused))
        return;
    if (on && !r->paused && !r->stopping)
        metric_add(r->m.paused, 1);
    r->paused = on;
    kafka_partitions_pause(r, on);
}

void kafka_receiver_works(struct kafka_receiver *r)
{
    if (!complaint_over(&r->failing))
        return;
    log_info(&r->node.log, "The brokers can be used again");
    if (r->node.health[HEALTH_WORK].state == HEALTH_RECOVERABLE)
        health_ok(&r->node.health[HEALTH_WORK], clock_mono(&r->node.host->loop->clock));
}

/* TAKEN also when it is nobody's any more. */
static enum kafka_taken take_record(struct kafka_receiver *r, struct held_record held, uint64_t *need)
{
    const struct kafka_library *lib = r->client.lib;
    const rd_kafka_message_t *record = held.record;
    struct kafka_partition *p;

    if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (complaint_due_to(&r->failing, &r->node.host->loop->clock, lib->rd_kafka_err2str(record->err)))
            log_warn(&r->node.log, "The brokers do not give records",
                     F_STR("error", lib->rd_kafka_message_errstr(record)),
                     F_UINT("repeated", complaint_taken(&r->failing)));
        return KAFKA_TAKEN;
    }
    kafka_receiver_works(r);
    p = kafka_partition_find(r, lib->rd_kafka_topic_name(record->rkt), record->partition);
    if (p != NULL)
        p->next = record->offset + 1;
    return p == NULL || p->halted ? KAFKA_TAKEN : kafka_message_take(r, p, held, need);
}

void kafka_fetch_drop(struct kafka_receiver *r)
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
    enum kafka_taken taken = KAFKA_TAKEN;
    uint64_t need = 0;

    turn_defer(&r->node.host->loop->turn, &r->idle);
    if (r->stopping || r->taking || r->large != NULL || list_linked(&r->room.link) ||
        (r->crowded && (r->under_way > KAFKA_UNDER_WAY_MOST / 2 || r->kept > KAFKA_KEPT_MOST / 2)))
        return;
    r->crowded = false;
    r->taking = true;
    while (taken == KAFKA_TAKEN && r->held_from < r->held.n) {
        struct held_record h = r->held.v[r->held_from];

        taken = take_record(r, h, &need);
        r->held_from += taken != KAFKA_NO_PLACE;
        if (taken == KAFKA_TAKEN)
            r->client.lib->rd_kafka_event_destroy(h.event);
    }
    r->taking = false;
    if (taken == KAFKA_NO_PLACE)
        wait_for_room(r, need);
    if (taken != KAFKA_TAKEN)
        return;
    r->held.n = r->held_from = 0;
    kafka_fetch_pause(r, false);
}

/* A record for which there was no room, or which stands behind such a one. */
static void hold_event(struct kafka_receiver *r, rd_kafka_event_t *event, const rd_kafka_message_t *record,
                       uint64_t need)
{
    *vec_push(&r->held) = (struct held_record){ event, record };
    kafka_fetch_pause(r, true);
    if (r->held.n - r->held_from == 1)
        wait_for_room(r, need);
}

void kafka_fetch_hold_again(struct kafka_receiver *r, struct held_record held, uint64_t need)
{
    if (r->held_from == 0) {
        (void)vec_push(&r->held);
        memmove(r->held.v + 1, r->held.v, (r->held.n - 1) * sizeof(held));
        r->held_from = 1;
    }
    r->held.v[--r->held_from] = held;
    kafka_fetch_pause(r, true);
    wait_for_room(r, need);
}

/* Behind one that waits all wait, so that a partition's stay in their order. */
static enum kafka_taken take_or_note(struct kafka_receiver *r, struct held_record held, uint64_t *need)
{
    const rd_kafka_message_t *record = held.record;
    struct kafka_partition *p;

    if (r->held_from == r->held.n)
        return take_record(r, held, need);
    if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_TAKEN;
    p = kafka_partition_find(r, r->client.lib->rd_kafka_topic_name(record->rkt), record->partition);
    if (p != NULL)
        p->next = record->offset + 1;
    return p == NULL ? KAFKA_TAKEN : KAFKA_NO_PLACE;
}

bool kafka_fetch_take(struct kafka_receiver *r, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *record;
    uint64_t need = 0;

    while (!r->stopping && (record = r->client.lib->rd_kafka_event_message_next(event)) != NULL) {
        enum kafka_taken taken = take_or_note(r, (struct held_record){ event, record }, &need);

        if (taken == KAFKA_NO_PLACE)
            hold_event(r, event, record, need);
        if (taken != KAFKA_TAKEN)
            return true;
    }
    return false;
}

void kafka_fetch_drop_of(struct kafka_receiver *r, const struct kafka_partition *p)
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
