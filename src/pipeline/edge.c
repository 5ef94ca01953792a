/* SPDX-License-Identifier: Apache-2.0 */
/* An edge sends on at once what comes while it leads somewhere. While it does not, batches wait in a list, with their
 * acks unanswered, so that their senders wait too and no more comes than the budget has room for; edge_lead() sends
 * them on in order. At the end they are refused for now: nobody was told that they are safe. */
#include "pipeline/edge.h"

#include "base/mem.h"

#include <stdlib.h>

#define COME_AGAIN_MS 1000

/* A batch that came while there was nowhere to go. */
struct waiting {
    struct list link;
    struct batch *batch;
    struct ack *ack;
};

static void refuse_batch(struct batch *batch, struct ack *ack)
{
    static const struct outcome ended = { .verdict = VERDICT_RETRY,
                                          .reason = "shutdown",
                                          .retry_after_ms = COME_AGAIN_MS,
                                          .why = "what stands behind is shutting down" };

    batch_unref(batch);
    ack_settle(ack, &ended);
}

static void pass_on(struct edge *e, struct batch *batch, struct ack *ack)
{
    struct waiting *w;

    if (e->to != NULL) {
        consumer_send(e->to, batch, ack);
    } else if (e->ended) {
        refuse_batch(batch, ack);
    } else {
        w = mem_zalloc(sizeof(*w));
        w->batch = batch;
        w->ack = ack;
        list_push(&e->waiting, &w->link);
    }
}

static void pass_seen(struct edge *e, struct batch *batch, struct ack *ack)
{
    for (struct edge_viewer *v = e->viewers; v != NULL; v = v->next)
        v->begin(v, batch);
    pass_on(e, batch, ack);
    for (struct edge_viewer *v = e->viewers; v != NULL; v = v->next)
        if (v->end != NULL)
            v->end(v);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct edge *e = container_of(self, struct edge, in);

    if (e->viewers == NULL)
        pass_on(e, batch, ack);
    else
        pass_seen(e, batch, ack);
}

void edge_init(struct edge *e)
{
    *e = (struct edge){ .in = { consume } };
    list_init(&e->waiting);
}

void edge_lead(struct edge *e, struct consumer *to)
{
    struct waiting *w;

    e->to = to;
    e->ended = false;
    while (e->to != NULL && (w = list_pop(&e->waiting, struct waiting, link)) != NULL) {
        consumer_send(e->to, w->batch, w->ack);
        free(w);
    }
}

void edge_give(struct edge *e, struct consumer *to)
{
    struct waiting *w;

    while ((w = list_pop(&e->waiting, struct waiting, link)) != NULL) {
        ack_withdraw(w->ack, w->ack->open);
        consumer_send(to, w->batch, w->ack);
        free(w);
    }
}

void edge_end(struct edge *e)
{
    struct waiting *w;

    e->to = NULL;
    e->ended = true;
    while ((w = list_pop(&e->waiting, struct waiting, link)) != NULL) {
        refuse_batch(w->batch, w->ack);
        free(w);
    }
}

void edge_view(struct edge *e, struct edge_viewer *v)
{
    v->edge = e;
    v->next = e->viewers;
    e->viewers = v;
}

void edge_unview(struct edge_viewer *v)
{
    struct edge_viewer **at;

    if (v->edge == NULL)
        return;
    for (at = &v->edge->viewers; *at != v; at = &(*at)->next)
        ;
    *at = v->next;
    v->edge = NULL;
}

void edge_free(struct edge *e)
{
    struct waiting *w;

    while (e->viewers != NULL)
        edge_unview(e->viewers);
    while ((w = list_pop(&e->waiting, struct waiting, link)) != NULL) {
        batch_unref(w->batch);
        free(w);
    }
}
