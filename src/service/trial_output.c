/* SPDX-License-Identifier: Apache-2.0 */
/* Each batch is one attempt, which the peer answers at once: it takes all, some or nothing. Where the exporter has a
 * queue and queues are played, attempts come from that, and it is the real one (queue/sender.h): what waits, what is
 * tried again and what is given up is as in the daemon. */
#include "service/trial_output.h"

#include "base/mem.h"
#include "queue/sender.h"

#include <stdlib.h>

struct trial_output *trial_output_new(struct node *node, const void *config, bool queues)
{
    struct trial_output *o = mem_zalloc(sizeof(*o));
    struct sender_options so = { 0 };

    o->node = node;
    o->until = UINT64_MAX;
    if (!queues || node->component->queue == NULL || !node->component->queue(config, &so))
        return o;
    so.attempt = &o->attempt;
    node->sender = sender_new(node, &so);
    return o;
}

void trial_output_free(struct trial_output *o)
{
    for (size_t i = o->taken; i < o->batches.n; i++)
        batch_unref(o->batches.v[i]);
    vec_free(&o->batches);
    free(o);
}

int trial_output_start(struct node *node, struct error *err)
{
    return node->sender != NULL ? sender_start(node->sender, err) : 0;
}

void trial_output_stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    if (node->sender != NULL)
        sender_stop(node->sender, deadline, done);
    else
        done(node);
}

void trial_output_hurry(struct node *node)
{
    if (node->sender != NULL)
        sender_hurry(node->sender);
}

void trial_output_destroy(struct node *node)
{
    if (node->sender != NULL)
        sender_free(node->sender);
    node->sender = NULL;
}

/* ---- the peer ---- */

static void take_some(struct trial_output *o, struct batch *batch, struct ack *ack)
{
    struct outcome told;
    struct batch *head, *tail;

    outcome_clear(&told);
    outcome_reject(&told, batch->items - o->takes, "rejected_by_peer", "the peer has taken %llu of %llu items",
                   (unsigned long long)o->takes, (unsigned long long)batch->items);
    if (o->takes > 0) {
        batch_split(batch, o->takes, batch->items, host_budget(o->node->host, batch->signal), &head, &tail);
        *vec_push(&o->batches) = head;
        batch_unref(tail);
    }
    batch_unref(batch);
    ack_settle(ack, &told);
}

void trial_output_attempt(struct trial_output *o, struct batch *batch, struct ack *ack)
{
    o->attempts++;
    if (clock_mono(&o->node->host->loop->clock) >= o->until)
        o->is = TRIAL_PEER_WELL;
    if (o->is == TRIAL_PEER_PARTIAL && batch->items > o->takes) {
        take_some(o, batch, ack);
        return;
    }
    if (o->is == TRIAL_PEER_UNREACHABLE)
        ack_fail(ack, VERDICT_RETRY, "unavailable", "the peer cannot be reached");
    else if (o->is == TRIAL_PEER_REFUSING)
        ack_fail(ack, VERDICT_REJECT, "rejected_by_peer", "the peer refuses it");
    else {
        *vec_push(&o->batches) = batch_ref(batch);
        ack_safe(ack);
    }
    batch_unref(batch);
}
