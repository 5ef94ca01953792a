/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is taken apart by the ring as it is now, and each member's part goes to its queue. The sender is answered
 * when all parts are safe.
 *
 * Before the first part is handed over all of the queues are asked whether they have room: where one has not, nothing
 * of the batch is taken, so that a sender who comes again with it doubles nothing. (With block_on_overflow it waits.)
 *
 * A member that has left has its attempts come here too. Each is taken apart likewise, by the ring of those who are
 * there. Its items are booked anew as they go into the other queues, and leave the ledger in the one that they were in
 * when all of them have been taken: for a moment they are held twice. Until there is room, and as long as there is
 * nobody, they stay where they were.
 *
 * What can go wrong: nobody is on the ring, or a member could not be started; senders are told to retry, as they
 * are where the budget has no room for resources that each part repeats (what never fits is rejected). Data
 * points that are routed by service and have no service.name are rejected. A disk that fails while parts are written
 * can leave some of them taken and others not: the sender comes again with all. */
#include "exporter/load_balancing/load_balancing.h"

#include <stdio.h>
#include <stdlib.h>

#define COME_AGAIN_MS 1000

/* An attempt of a member that leaves, on its way to the queues of others. */
struct move {
    struct list link;
    struct balancer *balancer;
    struct ack ack;
    struct ack *attempt;
    uint64_t items;
};

static void tell_later(struct ack *ack, const char *reason, const char *why, const char *endpoint)
{
    struct outcome o = { .verdict = VERDICT_RETRY, .reason = reason, .retry_after_ms = COME_AGAIN_MS };

    snprintf(o.why, sizeof(o.why), "%s%s%s", why, endpoint[0] != '\0' ? " " : "", endpoint);
    ack_settle(ack, &o);
}

/* ---- taking apart ---- */

/* What the parts would take of the budget, if that has no room for them; else 0. */
static uint64_t cut_batch(struct balancer *b, struct batch *batch)
{
    uint64_t need;

    while (b->parts.n < b->on_ring.n)
        *vec_push(&b->parts) = NULL;
    routing_key_begin(&b->key);
    need = scatter_batch(&b->scatter, batch, b->on_ring.n, routing_key_choose, &b->key,
                         host_budget(b->node.host, b->node.signal), b->parts.v);
    routing_key_end(&b->key);
    return need;
}

/* Each part repeats the resources of its items. */
static void tell_no_room(struct balancer *b, uint64_t bytes, struct ack *ack)
{
    struct budget *budget = host_budget(b->node.host, b->node.signal);
    struct outcome o = { .verdict = VERDICT_REJECT, .reason = "too_large" };

    if (bytes <= budget_most(budget)) {
        budget_refuse(budget);
        tell_later(ack, "no_room", "the memory budget has no room for the members' parts", "");
        return;
    }
    snprintf(o.why, sizeof(o.why),
             "taken apart for the members it has %llu bytes, as each part repeats its resources: more than the memory "
             "budget allows",
             (unsigned long long)bytes);
    ack_settle(ack, &o);
}

static void drop_parts(struct balancer *b)
{
    for (size_t i = 0; i < b->scatter.used.n; i++)
        batch_unref(b->parts.v[b->scatter.used.v[i]]);
}

/* A member that cannot take its part now, or NULL. */
static const struct member *find_full(const struct balancer *b, const char **why)
{
    const struct sending_queue_config *q = &b->config->protocol.otlp.delivery.sending_queue;

    for (size_t i = 0; i < b->scatter.used.n; i++) {
        const struct member *m = b->on_ring.v[b->scatter.used.v[i]];
        const struct batch *part = b->parts.v[b->scatter.used.v[i]];

        *why = "cannot be started: member";
        if (m->state != MEMBER_HERE)
            return m;
        *why = "sending queue is full: that of member";
        if (!q->block_on_overflow && sender_room(m->exporter.sender, part->items, part->bytes) == SENDER_FULL)
            return m;
    }
    return NULL;
}

static void complain_nameless(struct balancer *b, uint64_t items)
{
    if (complaint_due(&b->nameless, &b->node.host->loop->clock))
        log_error(&b->node.log, "Data points without service.name are rejected, for they are routed by it",
                  F_UINT("items", items), F_UINT("repeated", complaint_taken(&b->nameless)));
}

/* `sender` waits for all parts. */
static void send_parts(struct balancer *b, struct splitter *by, struct ack *sender)
{
    struct split *split = split_begin(by, sender, false, b->scatter.used.n);

    for (size_t i = 0; i < b->scatter.used.n; i++) {
        uint32_t at = b->scatter.used.v[i];

        split_send(split, &b->on_ring.v[at]->exporter.node.in, b->parts.v[at]);
    }
    if (b->scatter.dropped > 0) {
        complain_nameless(b, b->scatter.dropped);
        split_reject(split, b->scatter.dropped, "no_service_name", "unable to get service name from the resource");
    }
    split_end(split);
}

/* False: it was answered. Else the parts are there. */
static bool prepare_parts(struct balancer *b, struct batch *batch, struct ack *ack)
{
    const struct member *full;
    uint64_t wanted;
    const char *why;

    if (b->on_ring.n == 0) {
        tell_later(ack, "no_members", "no member to send to is known", "");
        return false;
    }
    wanted = cut_batch(b, batch);
    if (wanted > 0) {
        tell_no_room(b, wanted, ack);
        return false;
    }
    full = find_full(b, &why);
    if (full == NULL)
        return true;
    drop_parts(b);
    tell_later(ack, full->state == MEMBER_HERE ? "queue_full" : "member_failed", why, full->endpoint);
    return false;
}

void deliver_batch(struct balancer *b, struct batch *batch, struct ack *ack)
{
    if (batch->items == 0)
        ack_safe(ack);
    else if (b->phase != BALANCER_RUNNING)
        tell_later(ack, "shutdown", "the exporter is shutting down", "");
    else if (prepare_parts(b, batch, ack))
        send_parts(b, b->waits ? &b->waiting : &b->carrying, ack);
    batch_unref(batch);
}

/* ---- from a member that leaves ---- */

/* What of it was refused is booked where it was to go. */
static void on_moved(struct ack *ack, const struct outcome *o)
{
    struct move *m = container_of(ack, struct move, ack);
    struct outcome done = { .verdict = VERDICT_SAFE };

    if (o->verdict == VERDICT_RETRY) {
        outcome_copy(&done, o);
    } else {
        losses_add(&done.lost, m->items, SENDER_MOVED);
        metric_add(m->balancer->m.moved, m->items);
    }
    ack_settle(m->attempt, &done);
    list_remove(&m->link);
    free(m);
}

static void send_moved(struct balancer *b, uint64_t items, struct ack *attempt)
{
    struct move *m = mem_zalloc(sizeof(*m));

    m->balancer = b;
    m->attempt = attempt;
    m->items = items;
    list_push(&b->moves, &m->link);
    ledger_receive(b->node.ledger, items);
    ack_init(&m->ack, &b->node.host->loop->turn, b->node.ledger, items, true, on_moved);
    send_parts(b, &b->carrying, &m->ack);
}

void deliver_moved(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct balancer *b = container_of(self, struct member, moves)->balancer;

    if (b->phase != BALANCER_RUNNING && b->phase != BALANCER_MOVING)
        tell_later(ack, "shutdown", "the exporter is shutting down", "");
    else if (!prepare_parts(b, batch, ack))
        ;
    else if (b->waits)
        send_parts(b, &b->waiting, ack);
    else
        send_moved(b, batch->items, ack);
    batch_unref(batch);
}

void deliver_forget(struct balancer *b)
{
    struct move *m;

    splitter_free(&b->carrying);
    splitter_free(&b->waiting);
    while ((m = list_pop(&b->moves, struct move, link)) != NULL) {
        ack_cancel(&m->ack);
        free(m);
    }
}
