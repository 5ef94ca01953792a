/* SPDX-License-Identifier: Apache-2.0 */
/* Each part has an ack of its own, which books nothing unless parts carry their items. Answers are gathered as they
 * come: of parts that have no item in common what they lost is added up; of those that may, the larger loss stands, as
 * behind a fan-out. The heaviest verdict is the sender's, which is answered when all parts are; where parts are apart,
 * those that were refused are rejected items of an answer that is SAFE, unless all of them were. */
#include "pipeline/split.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
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
    struct outcome refusal; /* apart: the last one */
    uint64_t items, refused;
    bool shared, some_safe;
    size_t most;    /* parts that there is room for */
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
    p->sum.partly = p->sum.partly || (p->sum.verdict == VERDICT_RETRY && p->some_safe);
    ack_settle(p->sender, p->refused > 0 && p->refused == p->items ? &p->refusal : &p->sum);
    if (p->most == p->splitter->most)
        list_push(&p->splitter->unused, &p->link);
    else
        free(p);
}

static void add_refusal(struct split *p, const struct outcome *o, uint64_t items)
{
    outcome_copy(&p->refusal, o);
    p->refused += items;
    if (p->sum.verdict == VERDICT_SAFE)
        outcome_reject(&p->sum, items, o->reason != NULL ? o->reason : "failed", "%s", o->why);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct part *part = container_of(ack, struct part, ack);
    struct outcome answer;

    part->is_out = false;
    outcome_copy(&answer, outcome);
    part->split->some_safe = part->split->some_safe || answer.verdict == VERDICT_SAFE;
    if (part->split->shared)
        outcome_join(&part->split->sum, &answer);
    else if (part->split->splitter->apart && answer.verdict == VERDICT_REJECT)
        add_refusal(part->split, &answer, part->items);
    else
        outcome_add_part(&part->split->sum, &answer, part->items);
    take_answer(part->split);
}

struct split *split_begin(struct splitter *s, struct ack *sender, bool shared, size_t n)
{
    struct split *p = n <= s->most ? list_pop(&s->unused, struct split, link) : NULL;
    size_t most = n <= s->most ? s->most : n;

    if (p == NULL)
        p = mem_zalloc(sizeof(*p) + most * sizeof(p->parts[0]));
    p->splitter = s;
    p->most = most;
    p->sender = sender;
    p->shared = shared;
    p->some_safe = false;
    p->n = 0;
    p->left = 1;
    p->items = p->refused = 0;
    outcome_clear(&p->sum);
    list_push(&s->busy, &p->link);
    return p;
}

void split_send(struct split *p, struct consumer *to, struct batch *batch)
{
    struct part *part = &p->parts[p->n++];

    assert(p->n <= p->most);
    part->split = p;
    part->items = batch->items;
    part->is_out = true;
    p->left++;
    p->items += batch->items;
    ack_init(&part->ack, p->splitter->turn, p->splitter->carries ? p->sender->ledger : NULL,
             p->splitter->carries ? 0 : batch->items, p->sender->refusable, on_settled);
    if (p->splitter->carries)
        ack_move(p->sender, &part->ack, batch->items);
    consumer_send(to, batch, &part->ack);
}

void split_reject(struct split *p, uint64_t items, const char *reason, const char *why)
{
    struct outcome o = { .verdict = VERDICT_REJECT, .reason = reason };

    snprintf(o.why, sizeof(o.why), "%s", why);
    p->items += items;
    add_refusal(p, &o, items);
}

void split_end(struct split *p)
{
    take_answer(p);
}
