/* SPDX-License-Identifier: Apache-2.0 */
/* The queue before an exporter: what comes in, and the sender's life.
 *
 * consume() gives a batch to the store, which answers its sender when it is as safe as it is going to be there
 * (store.h), and sender_push() makes it a queue entry in its partition. sender_pump() begins attempts as long as
 * partitions are due and consumers free (sender_attempt.c), lets the store bring more, and lets those in who wait for
 * room. It runs after all that could have changed something: at the end of a turn in which something came, when an
 * attempt has ended, when a partition has waited long enough, when the disk has answered.
 *
 * When there is no room, senders are refused or wait, as block_on_overflow says; a batch that the whole queue could not
 * hold is refused for good. sender_stop() takes no more. Where another exporter takes this one's place, what waits in
 * memory is handed to it (handover.h), and so is what the last try of it does not deliver. A store in memory gets one
 * last attempt for everything until shortly before the deadline, and what is left is dropped{shutdown}; a store that
 * keeps leaves the rest for the next start. sender_maybe_stopped() is asked whenever something ends, and says done()
 * once. */
#include "queue/sender_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <string.h>

#define COME_AGAIN_MS 1000            /* what senders are told to wait */
#define STOP_MARGIN (100 * NS_PER_MS) /* before the deadline, to close what is open */

static uint64_t size_of(const struct sender *s, uint64_t requests, uint64_t items, uint64_t bytes)
{
    return s->options.sizer == SIZER_REQUESTS ? requests : s->options.sizer == SIZER_ITEMS ? items : bytes;
}

uint64_t sender_size(const struct sender *s)
{
    struct amount a = s->store->ops->held(s->store);

    return size_of(s, a.requests, a.items, a.bytes);
}

/* ---- entries ---- */

static const struct outcome at_shutdown = { .verdict = VERDICT_RETRY,
                                            .reason = "shutdown",
                                            .why = "the exporter is shutting down" };

void sender_give_up(struct queue_entry *e)
{
    outcome_join(&e->outcome, &at_shutdown);
}

void sender_end_if_done(struct sender *s, struct queue_entry *e)
{
    if (e->attempts > 0 || e->in.rest != NULL)
        return;
    if (s->store->ops->done != NULL)
        s->store->ops->done(s->store, e);
    if (e->outcome.verdict == VERDICT_RETRY && e->some_safe)
        e->outcome.partly = true;
    if (e->waiter != NULL)
        ack_settle(e->waiter, &e->outcome);
    vec_free(&e->settled);
    free(e);
}

/* ---- the queue ---- */

static bool has_room_for(const struct sender *s, uint64_t items, uint64_t bytes)
{
    uint64_t size = size_of(s, 1, items, bytes);

    return s->options.queue_size == UINT64_MAX || sender_size(s) + size <= s->options.queue_size;
}

static bool has_room(const struct sender *s, const struct batch *b)
{
    return has_room_for(s, b->items, b->bytes);
}

enum sender_room sender_room(const struct sender *s, uint64_t items, uint64_t bytes)
{
    if (size_of(s, 1, items, bytes) > s->options.queue_size)
        return SENDER_NEVER;
    if (s->stopping || !list_empty(&s->blocked) || !has_room_for(s, items, bytes))
        return SENDER_FULL;
    return s->store->ops->has_room == NULL || s->store->ops->has_room(s->store, bytes) ? SENDER_ROOM : SENDER_FULL;
}

/* The first in line when there is room for it, else NULL. */
static struct blocked *pop_unblocked(struct sender *s)
{
    const struct blocked *b = list_first(&s->blocked, struct blocked, link);

    return b != NULL && has_room(s, b->batch) ? list_pop(&s->blocked, struct blocked, link) : NULL;
}

static bool unblock_senders(struct sender *s)
{
    struct blocked *b;
    bool any = false;

    while ((b = pop_unblocked(s)) != NULL) {
        s->store->ops->put(s->store, b->batch, b->ack);
        free(b);
        any = true;
    }
    return any;
}

void sender_pump(struct sender *s)
{
    bool leave = s->stopping && s->store->ops->keeps; /* what is here is for the next start */

    while (!leave && s->n_attempts < s->options.consumers && sender_attempt_begin(s))
        ;
    s->store->ops->next(s->store);
    if (unblock_senders(s))
        turn_defer(&s->node->host->loop->turn, &s->pump_task);
    sender_maybe_stopped(s);
}

struct queue_entry *sender_push(struct sender *s, struct batch *batch, uint64_t seq, struct ack *waiter)
{
    struct queue_entry *e = mem_zalloc(sizeof(*e));

    e->seq = seq;
    e->born = clock_mono(&s->node->host->loop->clock);
    e->items = e->recorded = batch->items;
    e->bytes = batch->bytes;
    e->waiter = waiter;
    sender_partitions_put(s, e, batch);
    return e;
}

void sender_tell_later(struct ack *ack, const char *reason, const char *why)
{
    struct outcome o = { .verdict = VERDICT_RETRY, .reason = reason, .retry_after_ms = COME_AGAIN_MS };

    snprintf(o.why, sizeof(o.why), "%s", why);
    ack_settle(ack, &o);
}

static void refuse_batch(struct sender *s, struct batch *batch, struct ack *ack, const char *reason, const char *why)
{
    metric_add(s->enqueue_failed, batch->items);
    batch_unref(batch);
    sender_tell_later(ack, reason, why);
}

static void block_sender(struct sender *s, struct batch *batch, struct ack *ack)
{
    struct blocked *b = mem_alloc(sizeof(*b));

    *b = (struct blocked){ .batch = batch, .ack = ack };
    list_push(&s->blocked, &b->link);
}

static void on_pump(struct turn_task *task)
{
    sender_pump(container_of(task, struct sender, pump_task));
}

static void consume(struct consumer *in, struct batch *batch, struct ack *ack)
{
    struct node *node = container_of(in, struct node, in);
    struct sender *s = node->sender;

    if (batch->items == 0) {
        batch_unref(batch);
        ack_safe(ack);
    } else if (s->stopping) {
        refuse_batch(s, batch, ack, "shutdown", "the exporter is shutting down");
    } else if (has_room(s, batch) && list_empty(&s->blocked)) {
        s->store->ops->put(s->store, batch, ack);
        turn_defer(&node->host->loop->turn, &s->pump_task); /* so that what comes in one turn can go together */
    } else if (size_of(s, 1, batch->items, batch->bytes) > s->options.queue_size) {
        metric_add(s->enqueue_failed, batch->items);
        batch_unref(batch);
        ack_fail(ack, VERDICT_REJECT, "too_large", "element size too large: the whole queue has no room for it");
    } else if (s->options.block_on_overflow) {
        block_sender(s, batch, ack);
    } else {
        refuse_batch(s, batch, ack, "queue_full", "sending queue is full");
    }
}

/* ---- to other queues ---- */

const char SENDER_MOVED[] = "moved";

bool sender_keeps(const struct sender *s)
{
    return s->store->ops->keeps;
}

uint64_t sender_held_bytes(const struct sender *s)
{
    return s->store->ops->held(s->store).bytes;
}

bool sender_is_empty(const struct sender *s)
{
    return s->n_attempts == 0 && list_empty(&s->blocked) && s->ready.requests == 0 &&
           s->store->ops->held(s->store).requests == 0;
}

void sender_redirect(struct sender *s, struct consumer *attempt, bool away)
{
    s->options.attempt = attempt;
    s->away = away;
    sender_partitions_flush(s);
    sender_attempts_hurry(s);
    turn_defer(&s->node->host->loop->turn, &s->pump_task);
}

void sender_book_losses(struct sender *s, const struct losses *lost)
{
    for (uint32_t i = 0; i < lost->n; i++)
        if (lost->v[i].reason == SENDER_MOVED)
            ledger_withdraw(s->node->ledger, lost->v[i].items);
        else
            ledger_drop(s->node->ledger, lost->v[i].items, lost->v[i].reason);
}

/* ---- to another exporter ---- */

/* Whoever waits for an entry of which a part is under way is told to retry. */
static void hand_entry(struct sender *s, struct queue_entry *e)
{
    if (e->waiter == NULL) {
        handover_give(s->heir, e->in.rest, &s->hold);
    } else if (e->attempts == 0 && e->in.rest->items == e->items) {
        handover_give_waiting(s->heir, e->in.rest, e->waiter);
        e->waiter = NULL;
    } else {
        sender_give_up(e);
        batch_unref(e->in.rest);
    }
    e->in.rest = NULL;
    sender_end_if_done(s, e);
}

static void hand_over(struct node *node, struct consumer *to)
{
    struct sender *s = node->sender;

    if (s->store->ops->keeps || (s->heir == NULL && (to == NULL || s->stopping)))
        return;
    if (s->heir == NULL)
        s->heir = handover_new(node->host->loop, node->ledger);
    handover_lead(s->heir, to);
}

static bool is_handing(const struct node *node)
{
    return node->sender != NULL && node->sender->heir != NULL && handover_is_busy(node->sender->heir);
}

/* ---- life ---- */

static void add_key(struct sender *s, const char *key)
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (strcasecmp(s->keys.v[i], key) == 0)
            return;
    *vec_push(&s->keys) = key;
}

/* What the user and what the exporter wants kept apart. Without a batch block nothing of several clients is joined. */
static void join_keys(struct sender *s)
{
    struct sender_options *o = &s->options;

    for (size_t i = 0; i < o->batch.keys.n; i++)
        add_key(s, o->batch.keys.v[i]);
    for (size_t i = 0; i < o->keys.n; i++)
        add_key(s, o->keys.v[i]);
    o->batch.keys = (struct strings){ s->keys.v, s->keys.n };
}

struct sender *sender_new(struct node *node, const struct sender_options *o)
{
    struct sender *s = mem_zalloc(sizeof(*s));

    assert(node->ledger != NULL && o->consumers > 0);
    s->node = node;
    s->options = *o;
    if (o->disk.directory == NULL && o->retry != NULL && !o->retry->enabled)
        s->options.wait_for_result = true; /* nobody else would try again */
    join_keys(s);
    sender_partitions_init(s);
    list_init(&s->attempts);
    list_init(&s->given_up);
    list_init(&s->blocked);
    s->pump_task.run = on_pump;
    ack_init(&s->hold, &node->host->loop->turn, node->ledger, 0, false, NULL);
    s->store = o->disk.directory != NULL ? disk_store_new(s) : memory_store_new(s);
    node->sender = s;
    node->hand_over = hand_over;
    node->is_handing = is_handing;
    node->in.consume = consume;
    sender_metrics_init(s);
    return s;
}

int sender_start(struct sender *s, struct error *err)
{
    int rc = s->store->ops->start(s->store, err);

    if (rc == 0)
        sender_pump(s);
    return rc;
}

void sender_maybe_stopped(struct sender *s)
{
    void (*done)(struct node *) = s->on_stopped;

    if (!s->stopping || s->stopped || done == NULL || s->n_attempts > 0 || !s->store->ops->stop(s->store))
        return;
    s->stopped = true;
    clock_stop(&s->node->host->loop->clock, &s->deadline);
    turn_cancel(&s->node->host->loop->turn, &s->pump_task);
    done(s->node);
}

void sender_book_loss(struct sender *s, uint64_t items)
{
    if (s->store->ops->keeps)
        return;
    s->hold.open -= items;
    if (!s->freeing) /* else the graph has given up already what the ledger held */
        ledger_drop(s->node->ledger, items, "shutdown");
}

static void give_up_entry(struct sender *s, struct queue_entry *e)
{
    if (e->waiter == NULL)
        sender_book_loss(s, e->in.rest->items);
    sender_give_up(e);
    batch_unref(e->in.rest);
    e->in.rest = NULL;
    sender_end_if_done(s, e);
}

/* What is still here is lost, or left where it is kept. */
static void give_up_all(struct sender *s)
{
    sender_partitions_empty(s, give_up_entry);
    sender_attempts_give_up(s);
}

static void on_deadline(struct clock_timer *t)
{
    struct sender *s = container_of(t, struct sender, deadline);

    give_up_all(s);
    sender_maybe_stopped(s);
}

static void refuse_blocked(struct sender *s)
{
    struct blocked *b;

    while ((b = list_pop(&s->blocked, struct blocked, link)) != NULL) {
        if (s->heir != NULL && !s->freeing)
            handover_give_waiting(s->heir, b->batch, b->ack);
        else
            refuse_batch(s, b->batch, b->ack, "shutdown", "the exporter is shutting down");
        free(b);
    }
}

void sender_stop(struct sender *s, uint64_t deadline, void (*done)(struct node *))
{
    struct clock *clock = &s->node->host->loop->clock;
    uint64_t now = clock_mono(clock);

    s->stopping = true;
    s->on_stopped = done;
    refuse_blocked(s);
    if (s->store->ops->keeps)
        sender_partitions_empty(s, give_up_entry);
    else if (s->heir != NULL)
        sender_partitions_empty(s, hand_entry);
    else
        sender_partitions_flush(s);
    clock_start(clock, &s->deadline, deadline > now + STOP_MARGIN ? deadline - now - STOP_MARGIN : 1, on_deadline);
    sender_attempts_end_waits(s);
    sender_pump(s);
}

void sender_hurry(struct sender *s)
{
    if (s->stopping && !s->stopped)
        clock_start(&s->node->host->loop->clock, &s->deadline, 0, on_deadline);
}

void sender_free(struct sender *s)
{
    struct clock *clock = &s->node->host->loop->clock;

    s->freeing = true;
    give_up_all(s);
    sender_attempts_free(s);
    refuse_blocked(s);
    clock_stop(clock, &s->deadline);
    turn_cancel(&s->node->host->loop->turn, &s->pump_task);
    sender_partitions_free(s);
    vec_free(&s->keys);
    handover_free(s->heir);
    sender_metrics_close(s);
    s->store->ops->free(s->store);
    s->node->sender = NULL;
    free(s->told);
    free(s);
}
