/* SPDX-License-Identifier: Apache-2.0 */
/* Each part has an ack of its own that books nothing. Answers are gathered as they come: of parts that have no item in
 * common what they lost is added up; of those that may, the larger loss stands, as behind a fan-out. The heaviest
 * verdict is the sender's, which is answered when all parts are. */
#include "connector/routing/split.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct part {
    struct ack ack;
    struct split *split;
    uint64_t items;
    bool is_out;
};

struct split {
    struct list link;
    struct splitter *splitter;
    struct ack *sender;
    struct outcome sum;
    bool shared;
    size_t n, left; /* parts; answers that are owed, split_end() too */
    struct part parts[];
};

void splitter_init(struct splitter *s, struct turn *turn, size_t most)
{
    s->turn = turn;
    s->most = most;
    list_init(&s->busy);
    list_init(&s->unused);
}

void splitter_free(struct splitter *s)
{
    struct split *p;

    while ((p = list_pop(&s->busy, struct split, link)) != NULL) {
        for (size_t i = 0; i < p->n; i++)
            if (p->parts[i].is_out)
                ack_cancel(&p->parts[i].ack);
        free(p);
    }
    while ((p = list_pop(&s->unused, struct split, link)) != NULL)
        free(p);
}

static void take_answer(struct split *p)
{
    if (--p->left > 0)
        return;
    list_remove(&p->link);
    list_push(&p->splitter->unused, &p->link);
    ack_settle(p->sender, &p->sum);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct part *part = container_of(ack, struct part, ack);
    struct outcome answer;

    part->is_out = false;
    outcome_copy(&answer, outcome);
    if (part->split->shared)
        outcome_join(&part->split->sum, &answer);
    else
        outcome_add_part(&part->split->sum, &answer, part->items);
    take_answer(part->split);
}

struct split *split_begin(struct splitter *s, struct ack *sender, bool shared)
{
    struct split *p = list_pop(&s->unused, struct split, link);

    if (p == NULL)
        p = mem_zalloc(sizeof(*p) + s->most * sizeof(p->parts[0]));
    p->splitter = s;
    p->sender = sender;
    p->shared = shared;
    p->n = 0;
    p->left = 1;
    outcome_clear(&p->sum);
    list_push(&s->busy, &p->link);
    return p;
}

void split_send(struct split *p, struct consumer *to, struct batch *batch)
{
    struct part *part = &p->parts[p->n++];

    assert(p->n <= p->splitter->most);
    part->split = p;
    part->items = batch->items;
    part->is_out = true;
    p->left++;
    ack_init(&part->ack, p->splitter->turn, NULL, batch->items, p->sender->refusable, on_settled);
    consumer_send(to, batch, &part->ack);
}

void split_end(struct split *p)
{
    take_answer(p);
}
