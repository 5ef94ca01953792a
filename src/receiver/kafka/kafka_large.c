/* SPDX-License-Identifier: Apache-2.0 */
/* A large record, whose decoding would hold up the loop (JSON of a megabyte for some milliseconds): a job of the pool
 * decodes it, from where librdkafka has it into a block that is not charged yet, for the budget is the loop's.
 * Meanwhile nothing more is heard of librdkafka, so that all stays in its order; it goes on when the job is done.
 *
 * What can go wrong. It comes out larger than was charged for, and there is no room: it is held like any record for
 * which there is none, and decoded again. The receiver stops: what was decoded is of no use, and the client closes when
 * the job has ended. */
#include "receiver/kafka/kafka_receiver.h"

#include "otlp/profile_strings.h"

#include <stdlib.h>
#include <string.h>

struct kafka_large {
    struct job job;
    struct kafka_receiver *receiver;
    struct held_record held; /* the event is ours */
    struct budget *budget;
    uint64_t charge;
    bool closes; /* the client is to be closed */
    struct kafka_value value;
    struct kafka_header *headers;
    /* The outcome. */
    enum kafka_decoded decoded;
    struct kafka_request request;
    uint64_t need;
    struct error err;
};

static void decode_value(struct job *job)
{
    struct kafka_large *g = container_of(job, struct kafka_large, job);

    g->decoded = kafka_decode(&g->value, NULL, &g->request, &g->need, &g->err);
}

static void free_large(struct kafka_large *g)
{
    if (g->request.block != NULL)
        block_unref(g->request.block);
    free(g->headers);
    free(g);
}

/* Its block is charged from now on. False: there is no room for it. */
static bool pay_for_block(struct kafka_large *g)
{
    g->need = g->request.block->cap + sizeof(struct block);
    if (!budget_take(g->budget, g->need))
        return false;
    budget_give(g->budget, g->need);
    block_adopt(g->request.block, g->budget);
    return true;
}

/* True when the event may go. */
static bool settle_large(struct kafka_large *g)
{
    struct kafka_receiver *r = g->receiver;
    const rd_kafka_message_t *record = g->held.record;
    struct kafka_partition *p =
        kafka_partition_find(r, r->client.lib->rd_kafka_topic_name(record->rkt), record->partition);

    if (p == NULL || p->halted || r->stopping)
        return true;
    if (g->decoded == KAFKA_DECODED && !pay_for_block(g)) {
        block_unref(g->request.block);
        g->request.block = NULL;
        g->decoded = KAFKA_NO_ROOM;
    }
    if (g->decoded == KAFKA_NO_ROOM && g->need <= budget_most(g->budget)) {
        kafka_fetch_hold_again(r, g->held, g->need);
        return false;
    }
    kafka_message_decoded(r, p, record, g->decoded, &g->request, g->need, &g->err);
    g->request.block = NULL;
    return true;
}

static void on_decoded(struct job *job)
{
    struct kafka_large *g = container_of(job, struct kafka_large, job);
    struct kafka_receiver *r = g->receiver;
    bool closes = g->closes;

    budget_give(g->budget, g->charge);
    r->large = NULL;
    if (settle_large(g))
        r->client.lib->rd_kafka_event_destroy(g->held.event);
    free_large(g);
    kafka_client_hold(&r->client, false);
    if (closes) {
        kafka_client_take_all(&r->client);
        kafka_receiver_close(r);
    } else {
        kafka_receiver_has_room(r);
    }
}

/* The node is gone, and librdkafka is left behind with the event. */
static void on_dropped(struct job *job)
{
    struct kafka_large *g = container_of(job, struct kafka_large, job);

    budget_give(g->budget, g->charge);
    free_large(g);
}

/* What the job takes beside the record. Texts for numbers of profiles may take many times that, and what is out of
 * proportion to the budget is not waited for: there would never be room. */
static uint64_t charge_of(const struct kafka_value *v, const struct budget *budget)
{
    uint64_t record = v->bytes.len + sizeof(struct block), most = budget_most(budget);
    uint64_t texts = v->signal == SIGNAL_PROFILES ? profile_strings_memory(v->bytes.len) : 0;

    if (texts > budget_limit(budget) / 8)
        texts = budget_limit(budget) / 8;
    return record + texts < most ? record + texts : most;
}

bool kafka_large_begin(struct kafka_receiver *r, const struct kafka_value *v, struct held_record held, uint64_t *need)
{
    struct budget *budget = host_budget(r->node.host, r->node.signal);
    uint64_t charge = charge_of(v, budget);
    struct kafka_large *g;

    if (!budget_take(budget, charge)) {
        *need = charge;
        return false;
    }
    g = mem_zalloc(sizeof(*g));
    g->job = (struct job){ .work = decode_value, .done = on_decoded, .drop = on_dropped };
    g->receiver = r;
    g->held = held;
    g->budget = budget;
    g->charge = charge;
    g->value = *v;
    g->headers = mem_zalloc((v->n_headers + 1) * sizeof(*g->headers));
    if (v->n_headers > 0)
        memcpy(g->headers, v->headers, v->n_headers * sizeof(*g->headers));
    g->value.headers = g->headers;
    r->large = g;
    kafka_client_hold(&r->client, true);
    job_start(r->node.host->loop, JOB_CPU, &g->job);
    return true;
}

bool kafka_large_closes(struct kafka_receiver *r)
{
    if (r->large != NULL)
        r->large->closes = true;
    return r->large != NULL;
}

void kafka_large_abandon(struct kafka_receiver *r)
{
    struct kafka_large *g = r->large;

    r->large = NULL;
    if (g != NULL)
        job_abandon(&g->job);
}
