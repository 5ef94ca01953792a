/* SPDX-License-Identifier: Apache-2.0 */
/* In a worker the exporter of such a pipeline is this one: it packs the request into a file in memory and says so on
 * the channel. The front makes a batch of it, in front of the pipeline of the same exporter, as if its own source had
 * made it.
 *
 * What can go wrong: the channel is full, for the front is busy; the pipeline's queue is full; the budget has no room;
 * a reload has taken the pipeline away. Then the request is dropped and counted, here or there, and nobody waits. */
#include "service/workers/own_relay.h"

#include "base/mem.h"
#include "service/graph_build.h"
#include "service/own/own_source.h"
#include "service/service_inside.h"
#include "service/workers/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_MOST 64
#define REQUEST_MOST (4u << 20)
#define ROOM_LEAST (256u << 10) /* less is left to users' data */

/* ---- in a worker ---- */

static bool give_front(const struct node *node, const struct batch *batch)
{
    struct channel_message m = { .kind = CHANNEL_OWN, .other = batch->signal, .number = (int64_t)batch->items };
    struct buf request = { 0 };
    bool given;
    int file;

    snprintf(m.text, sizeof(m.text), "%s", node->id);
    for (uint32_t i = 0; i < batch->n_segments; i++)
        buf_append(&request, batch->segments[i].data, batch->segments[i].len);
    file = channel_pack(buf_bytes(&request));
    given = file >= 0 && channel_send(CHANNEL_FD, &m, file);
    if (file >= 0)
        close(file);
    buf_free(&request);
    return given;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    if (give_front(container_of(self, struct node, in), batch))
        ack_safe(ack);
    else
        ack_fail(ack, VERDICT_REJECT, "front_busy", "the process that sends own telemetry takes nothing now");
    batch_unref(batch);
}

static const struct component relay_exporter = {
    COMPONENT_TYPE("own_relay", COMPONENT_EXPORTER, .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_LOGS),
                   .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Gives otelcd's own telemetry to the process that sends it.",
    COMPONENT_NODE(struct node, .consume = consume),
};

void own_relay_use(struct config *c)
{
    size_t n = c->n_pipelines - c->n_own_pipelines;

    for (size_t i = n; i < c->n_pipelines; i++) {
        struct config_component *exporter = c->pipelines[i].exporters[0];

        if (c->pipelines[i].signal == SIGNAL_METRICS)
            continue;
        exporter->component = &relay_exporter;
        exporter->config = NULL;
        exporter->fingerprint = 1;
        c->pipelines[n++] = c->pipelines[i];
    }
    c->n_own_pipelines -= c->n_pipelines - n;
    c->n_pipelines = n;
}

/* ---- in the front ---- */

struct relayed {
    struct list link;
    struct own_relay *relay;
    struct ack ack;
    struct metric *dropped;
    uint64_t items;
};

static struct consumer *find_way(const struct graph *g, const char *exporter, enum signal signal)
{
    for (size_t i = 0; g != NULL && i < g->config->n_pipelines; i++) {
        const struct config_pipeline *p = &g->config->pipelines[i];

        if (p->own && p->signal == (int)signal && strcmp(p->exporters[0]->id, exporter) == 0 &&
            g->pipes[i].entrance != NULL)
            return g->pipes[i].entrance->tap;
    }
    return NULL;
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct relayed *r = container_of(ack, struct relayed, ack);

    if (outcome->verdict != VERDICT_SAFE)
        metric_add(r->dropped, r->items);
    list_remove(&r->link);
    r->relay->n--;
    free(r);
}

static void send_on(struct own_relay *relay, struct service *s, struct consumer *to, struct batch *batch,
                    struct metric *dropped)
{
    struct relayed *r = mem_zalloc(sizeof(*r));

    r->relay = relay;
    r->dropped = dropped;
    r->items = batch->items;
    list_push(&relay->open, &r->link);
    relay->n++;
    ack_init(&r->ack, &s->loop.turn, NULL, 0, true, on_settled);
    consumer_send(to, batch, &r->ack);
}

static void note_arrival(struct own_waiting *w, enum signal signal, uint64_t items)
{
    w->items[signal] -= items < w->items[signal] ? items : w->items[signal];
}

void own_relay_take(struct own_relay *relay, struct service *s, struct own_waiting *waiting,
                    const struct channel_message *m, int file)
{
    enum signal signal = m->other == SIGNAL_LOGS ? SIGNAL_LOGS : SIGNAL_TRACES;
    struct budget *budget = host_budget(&s->host, signal);
    struct consumer *to = find_way(s->now.graph, m->text, signal);
    struct buf request = { 0 };
    bool whole = channel_unpack(file, &request) && request.len > 0;
    bool room =
        whole && to != NULL && relay->n < OPEN_MOST && request.len <= REQUEST_MOST && budget_room(budget) >= ROOM_LEAST;
    struct block *block = room ? block_new(budget, request.len) : NULL;
    struct metric *dropped = own_source_dropped(&s->metrics, signal);

    note_arrival(waiting, signal, (uint64_t)m->number);
    if (block != NULL) {
        memcpy(block->data, request.data, request.len);
        send_on(relay, s, to,
                batch_new(signal, block, bytes_of(block->data, request.len), (uint64_t)m->number,
                          clock_mono(&s->loop.clock)),
                dropped);
    } else {
        metric_add(dropped, (uint64_t)m->number);
    }
    buf_free(&request);
}

void own_waiting_read(struct own_waiting *w, struct bytes told)
{
    static const struct told_reader nobody;
    struct told_process p = { 0 };

    (void)told_read(told, &p, &nobody);
    memcpy(w->items, p.own, sizeof(w->items));
}

void own_waiting_lost(struct own_waiting *w, struct service *s)
{
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (w->items[i] > 0)
            metric_add(own_source_dropped(&s->metrics, (enum signal)i), w->items[i]);
    *w = (struct own_waiting){ 0 };
}

void own_relay_init(struct own_relay *r)
{
    *r = (struct own_relay){ 0 };
    list_init(&r->open);
}

void own_relay_close(struct own_relay *r)
{
    list_each (struct relayed, x, &r->open, link) {
        ack_cancel(&x->ack);
        list_remove(&x->link);
        free(x);
    }
    r->n = 0;
}
