/* SPDX-License-Identifier: Apache-2.0 */
/* Each batch has an ack of its own that books nothing; when it is settled its sender's is, with the verdict. */
#include "connector/count/relay.h"

#include <stdlib.h>

struct on_its_way {
    struct list link;
    struct relay *relay;
    struct ack *sender;
    struct ack ack;
};

void relay_init(struct relay *r, struct turn *turn)
{
    r->turn = turn;
    list_init(&r->out);
    list_init(&r->unused);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct on_its_way *w = container_of(ack, struct on_its_way, ack);
    struct ack *sender = w->sender;
    struct outcome verdict;

    list_remove(&w->link);
    list_push(&w->relay->unused, &w->link);
    if (outcome->verdict == VERDICT_SAFE) {
        ack_safe(sender);
        return;
    }
    outcome_copy(&verdict, outcome);
    verdict.lost.n = 0;
    ack_settle(sender, &verdict);
}

void relay_send(struct relay *r, struct consumer *to, struct batch *batch, struct ack *sender)
{
    struct on_its_way *w = list_pop(&r->unused, struct on_its_way, link);

    if (w == NULL)
        w = mem_zalloc(sizeof(*w));
    w->relay = r;
    w->sender = sender;
    list_push(&r->out, &w->link);
    ack_init(&w->ack, r->turn, NULL, 0, true, on_settled);
    consumer_send(to, batch, &w->ack);
}

void relay_free(struct relay *r)
{
    struct on_its_way *w;

    while ((w = list_pop(&r->out, struct on_its_way, link)) != NULL) {
        ack_cancel(&w->ack);
        free(w);
    }
    while ((w = list_pop(&r->unused, struct on_its_way, link)) != NULL)
        free(w);
}
