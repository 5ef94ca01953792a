/* SPDX-License-Identifier: Apache-2.0 */
/* Members of exporters that have several (node.each_member), of all workers: each once, by its endpoint, as bad as the
 * worst of them sees it, with what is in its queues together. They are gathered anew each time, for members come and
 * go. */
#include "service/workers/totals_inside.h"

#include "base/mem.h"
#include "service/workers/health_join.h"

#include <stdlib.h>
#include <string.h>

void totals_clear_members(struct totals *t)
{
    for (size_t i = 0; i < t->members.n; i++) {
        free(t->members.v[i].endpoint);
        sender_told_free(t->members.v[i].queue);
    }
    t->members.n = 0;
}

/* What node->each_member is in the front. */
static void each_member(const struct node *node, void (*visit)(const struct node_member *m, void *arg), void *arg)
{
    const struct totals *t = container_of_const(node->host->shown, struct totals, merged);

    for (size_t i = 0; i < t->members.n; i++) {
        const struct totals_member *m = &t->members.v[i];

        if (m->node == node)
            visit(
                &(struct node_member){
                    .endpoint = m->endpoint, .state = m->state, .sender = m->queue, .health = m->health },
                arg);
    }
}

static unsigned weight_of(const char *state)
{
    return strcmp(state, "failed") == 0 ? 2 : strcmp(state, "leaving") == 0 ? 1 : 0;
}

static struct totals_member *find_member(struct totals *t, const struct node *node, const char *endpoint)
{
    for (size_t i = 0; i < t->members.n; i++)
        if (t->members.v[i].node == node && strcmp(t->members.v[i].endpoint, endpoint) == 0)
            return &t->members.v[i];
    return NULL;
}

static void add_queue(struct totals *t, struct totals_member *m, const struct told_member *told)
{
    struct sender_fill fill = *told->fill, sum = { 0 };

    if (m->queue != NULL)
        sum = sender_fill(m->queue);
    fill.unit = totals_word(t, told->unit);
    totals_add_fill(&fill, &sum);
    sender_told_free(m->queue);
    m->queue = sender_told_new(&fill);
}

void totals_add_member(struct totals *t, struct node *node, const struct told_member *told)
{
    struct totals_member *m = find_member(t, node, told->endpoint);

    node->each_member = each_member;
    if (m == NULL) {
        m = vec_push(&t->members);
        *m = (struct totals_member){ .node = node, .endpoint = mem_strdup(told->endpoint) };
        m->state = totals_word(t, told->state);
    } else if (weight_of(told->state) > weight_of(m->state)) {
        m->state = totals_word(t, told->state);
    }
    for (size_t i = 0; i < HEALTH_CAUSES; i++)
        health_join(&m->health[i], &told->health[i]);
    if (told->fill != NULL)
        add_queue(t, m, told);
}
