/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload has left behind.
 *
 * A graph that was taken over from has those nodes that are not kept. They stop, receivers first, and hand on what they
 * hold to those who go on. Most are idle then and are freed at once; but an answer may still be to come, from an
 * exporter that goes on, to a request or a merged batch that is theirs, and a queue may have more than its heir has
 * room for. So they stay, each with its configuration, until a look every LOOK finds them idle. They are freed in the
 * order in which they left, for the older ones may lead to what has left since. When the process ends, what they hold
 * is booked as dropped{shutdown}. */
#include "service/service_inside.h"

#include "base/mem.h"
#include "service/ledger_lines.h"

#include <stdlib.h>

#define LOOK (50 * NS_PER_MS)

struct leaver {
    struct list link;
    struct service *service;
    struct graph *graph;
    struct config *config;
    void (*done)(struct service *s);
};

static void free_leaver(struct leaver *l)
{
    const struct service *s = l->service;

    /* with workers each tells its own */
    ledger_lines_log(l->graph,
                     s->front != NULL    ? graph_own_ledgers
                     : s->worker != NULL ? graph_shared_ledgers
                                         : graph_ledgers,
                     &s->log);
    list_remove(&l->link);
    graph_free(l->graph);
    config_free(l->config);
    free(l);
}

static void free_idle(struct service *s)
{
    list_each (struct leaver, l, &s->leavers, link) {
        if (!graph_is_idle(l->graph))
            break;
        free_leaver(l);
    }
}

static void on_look(struct clock_timer *t)
{
    struct service *s = container_of(t, struct service, leavers_due);

    free_idle(s);
    if (!list_empty(&s->leavers))
        clock_start(&s->loop.clock, t, LOOK, on_look);
    if (s->reload_again && s->phase == RUNNING) {
        s->reload_again = false;
        service_reload(s);
    }
}

static void on_left(struct graph *g, void *arg)
{
    struct leaver *l = arg;
    struct service *s = l->service;
    void (*done)(struct service *) = l->done;

    (void)g;
    l->done = NULL;
    free_idle(s);
    if (!list_empty(&s->leavers))
        clock_start(&s->loop.clock, &s->leavers_due, LOOK, on_look);
    done(s);
}

void leavers_add(struct service *s, struct graph *g, struct config *config, void (*done)(struct service *s))
{
    struct leaver *l = mem_zalloc(sizeof(*l));

    *l = (struct leaver){ .service = s, .graph = g, .config = config, .done = done };
    list_push(&s->leavers, &l->link);
    list_each (struct leaver, other, &s->leavers, link)
        graph_hand_over(other->graph,
                        s->now.graph); /* of the older ones too: who was their heir may leave with this one */
    graph_leave(g, service_deadline(s, config), on_left, l);
}

void leavers_end_durable(struct service *s)
{
    list_each (struct leaver, l, &s->leavers, link)
        graph_end_durable(l->graph);
}

void leavers_hurry(struct service *s)
{
    list_each (struct leaver, l, &s->leavers, link)
        graph_hurry(l->graph);
}

void leavers_give_up(struct service *s)
{
    clock_stop(&s->loop.clock, &s->leavers_due);
    list_each (struct leaver, l, &s->leavers, link) {
        graph_give_up(l->graph);
        free_leaver(l);
    }
}

size_t leavers_count(struct service *s)
{
    size_t n = 0;

    list_each (struct leaver, l, &s->leavers, link)
        n += l != NULL;
    return n;
}
