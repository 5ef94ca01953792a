/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/sender_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_MARGIN (100 * NS_PER_MS) /* before the deadline, to close what is open */

static uint64_t measure(const struct sender *s, uint64_t requests, uint64_t items, uint64_t bytes)
{
    return s->options.sizer == SIZER_REQUESTS ? requests : s->options.sizer == SIZER_ITEMS ? items : bytes;
}

uint64_t sender_size(const struct sender *s)
{
    const struct amount *a = s->wal != NULL ? &s->appending : &s->held;
    struct wal_held w = s->wal != NULL ? wal_held(s->wal) : (struct wal_held){ 0 };

    return measure(s, w.records + a->requests, w.items + a->items, w.bytes + a->bytes);
}

/* ---- the end of an entry ---- */

/* On disk what was given up stays for the next start. */
static void end_entry(struct sender *s, struct queue_entry *e)
{
    if (s->wal != NULL && !e->lost) {
        sender_disk_settle(s, e);
    } else if (s->wal == NULL) {
        s->held.requests--;
        s->held.items -= e->items;
        s->held.bytes -= e->bytes;
    }
    if (e->waiter != NULL)
        ack_settle(e->waiter, &e->outcome);
    free(e);
}

static void end_slice(struct sender *s, struct queue_entry *e)
{
    if (--e->attempts == 0 && e->rest == NULL)
        end_entry(s, e);
}

/* ---- the end of an attempt ---- */

static void free_attempt(struct attempt *a)
{
    struct sender *s = a->sender;

    *a->link = a->next;
    if (a->next != NULL)
        a->next->link = a->link;
    s->n_attempts--;
    for (size_t i = 0; i < a->slices.n; i++)
        end_slice(s, a->slices.v[i].entry);
    vec_free(&a->slices);
    clock_stop(&s->node->host->loop->clock, &a->timer);
    batch_unref(a->batch);
    free(a);
}

/* What was in the queue leaves the exporter's ledger. Those who wait have their items there by their own ack. */
static void book_attempt(struct sender *s, struct attempt *a, const struct outcome *o)
{
    struct ledger *l = s->node->ledger;

    if (s->options.wait_for_result)
        return;
    s->hold.open -= a->items;
    for (uint32_t i = 0; i < o->lost.n; i++)
        ledger_drop(l, o->lost.v[i].items, o->lost.v[i].reason);
    ledger_deliver(l, a->items - losses_total(&o->lost));
}

static void finish_attempt(struct attempt *a, const struct outcome *outcome)
{
    struct sender *s = a->sender;
    struct outcome o;

    outcome_copy(&o, outcome);
    if (o.verdict != VERDICT_SAFE)
        losses_add(&o.lost, a->items - losses_total(&o.lost), o.reason != NULL ? o.reason : "failed");
    assert(losses_total(&o.lost) <= a->items);
    book_attempt(s, a, &o);
    for (size_t i = 0; i < a->slices.n; i++)
        outcome_add_part(&a->slices.v[i].entry->outcome, &o, a->slices.v[i].items);
    free_attempt(a);
    sender_pump(s);
}

static void complain(struct sender *s, const struct attempt *a, const struct outcome *o, const char *message)
{
    if (complaint_due_to(&s->failing, &s->node->host->loop->clock, o->why))
        log_error(&s->node->log, message, F_STR("error", o->why), F_STR("reason", o->reason != NULL ? o->reason : ""),
                  F_UINT("dropped_items", a->items), F_UINT("repeated", complaint_taken(&s->failing)));
}

static void start_attempt(struct attempt *a);

static void on_retry(struct clock_timer *t)
{
    start_attempt(container_of(t, struct attempt, timer));
}

static const struct outcome at_shutdown = { .verdict = VERDICT_RETRY,
                                            .reason = "shutdown",
                                            .why = "the exporter is shutting down" };

static void give_up_slices(struct attempt *a)
{
    for (size_t i = 0; i < a->slices.n; i++) {
        a->slices.v[i].entry->lost = true;
        outcome_join(&a->slices.v[i].entry->outcome, &at_shutdown);
    }
}

/* It stays on disk, for the next start. */
static void leave_on_disk(struct attempt *a)
{
    struct sender *s = a->sender;

    give_up_slices(a);
    free_attempt(a);
    sender_maybe_stopped(s);
}

/* True when it will be tried again, or need not be. */
static bool try_again(struct attempt *a, const struct outcome *o)
{
    struct sender *s = a->sender;
    struct clock *clock = &s->node->host->loop->clock;
    uint64_t delay;

    if (s->stopping && s->wal != NULL) {
        leave_on_disk(a);
        return true;
    }
    if (s->stopping || s->options.retry == NULL ||
        !retry_next(&a->retry, s->options.retry, s->options.retry_forever, a->begun, clock_mono(clock),
                    o->retry_after_ms, &s->node->host->loop->random, &delay))
        return false;
    metric_add(s->retried, a->items);
    if (complaint_due_to(&s->failing, clock, o->why))
        log_info(&s->node->log, "Exporting failed. Will retry the request after interval.", F_STR("error", o->why),
                 F_DOUBLE("interval_seconds", (double)delay / (double)NS_PER_S),
                 F_UINT("repeated", complaint_taken(&s->failing)));
    clock_start(clock, &a->timer, delay, on_retry);
    return true;
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct attempt *a = container_of(ack, struct attempt, ack);
    struct outcome o = *outcome;

    a->under_way = false;
    if (o.verdict == VERDICT_RETRY && try_again(a, &o))
        return;
    if (o.verdict != VERDICT_SAFE)
        complain(a->sender, a, &o, "Exporting failed. Dropping data.");
    else if (complaint_over(&a->sender->failing))
        log_info(&a->sender->node->log, "Exporting works again");
    finish_attempt(a, &o);
}

static void start_attempt(struct attempt *a)
{
    struct sender *s = a->sender;

    a->begun = clock_mono(&s->node->host->loop->clock);
    a->under_way = true;
    ack_init(&a->ack, &s->node->host->loop->turn, NULL, a->items, s->options.wait_for_result, on_settled);
    consumer_send(s->options.attempt, batch_ref(a->batch), &a->ack);
}

/* ---- the queue ---- */

static bool begin_attempt(struct sender *s)
{
    struct attempt *a = mem_zalloc(sizeof(*a));

    a->sender = s;
    if (!sender_partitions_take(s, a)) {
        free(a);
        return false;
    }
    a->next = s->attempts;
    a->link = &s->attempts;
    if (a->next != NULL)
        a->next->link = &a->next;
    s->attempts = a;
    s->n_attempts++;
    if (s->batch_items != NULL) {
        metric_observe(s->batch_items, (double)a->items);
        metric_observe(s->batch_bytes, (double)a->batch->bytes);
    }
    start_attempt(a);
    return true;
}

static void enqueue(struct sender *s, struct batch *batch, struct ack *ack);

static bool has_room(const struct sender *s, const struct batch *b)
{
    uint64_t size = measure(s, 1, b->items, b->bytes);

    return s->options.queue_size == UINT64_MAX || sender_size(s) + size <= s->options.queue_size;
}

static bool unblock_senders(struct sender *s)
{
    bool any = false;

    while (s->blocked != NULL && has_room(s, s->blocked->batch)) {
        struct blocked *b = s->blocked;

        s->blocked = b->next;
        if (s->blocked == NULL)
            s->last_blocked = &s->blocked;
        enqueue(s, b->batch, b->ack);
        free(b);
        any = true;
    }
    return any;
}

void sender_pump(struct sender *s)
{
    bool leave = s->stopping && s->wal != NULL; /* what is on disk is for the next start */

    if (s->wal != NULL)
        sender_disk_press(s);
    while (!leave && s->n_attempts < s->options.consumers && begin_attempt(s))
        ;
    if (s->wal != NULL)
        sender_disk_more(s);
    if (unblock_senders(s))
        turn_defer(&s->node->host->loop->turn, &s->pump_task);
    sender_maybe_stopped(s);
}

void sender_push(struct sender *s, struct batch *batch, uint64_t seq, struct ack *waiter)
{
    struct queue_entry *e = mem_zalloc(sizeof(*e));

    e->rest = batch;
    e->seq = seq;
    e->items = batch->items;
    e->bytes = batch->bytes;
    e->waiter = waiter;
    if (s->wal == NULL) {
        s->held.requests++;
        s->held.items += e->items;
        s->held.bytes += e->bytes;
    }
    sender_partitions_put(s, e);
}

static void enqueue(struct sender *s, struct batch *batch, struct ack *ack)
{
    if (s->wal != NULL) {
        sender_disk_consume(s, batch, ack);
    } else if (s->options.wait_for_result) {
        sender_push(s, batch, 0, ack);
    } else {
        ack_move(ack, &s->hold, ack->open);
        sender_push(s, batch, 0, NULL);
        ack_safe(ack);
    }
}

void sender_refuse(struct sender *s, struct batch *batch, struct ack *ack, const char *reason, const char *why)
{
    metric_add(s->enqueue_failed, batch->items);
    batch_unref(batch);
    ack_fail(ack, VERDICT_RETRY, reason, "%s", why);
}

static void block_sender(struct sender *s, struct batch *batch, struct ack *ack)
{
    struct blocked *b = mem_alloc(sizeof(*b));

    *b = (struct blocked){ .batch = batch, .ack = ack };
    *s->last_blocked = b;
    s->last_blocked = &b->next;
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
        sender_refuse(s, batch, ack, "shutdown", "the exporter is shutting down");
    } else if (has_room(s, batch) && s->blocked == NULL) {
        enqueue(s, batch, ack);
        turn_defer(&node->host->loop->turn, &s->pump_task); /* so that what comes in one turn can go together */
    } else if (measure(s, 1, batch->items, batch->bytes) > s->options.queue_size) {
        metric_add(s->enqueue_failed, batch->items);
        batch_unref(batch);
        ack_fail(ack, VERDICT_REJECT, "too_large", "element size too large: the whole queue has no room for it");
    } else if (s->options.block_on_overflow) {
        block_sender(s, batch, ack);
    } else {
        sender_refuse(s, batch, ack, "queue_full", "sending queue is full");
    }
}

/* ---- life ---- */

/* A write that has not come back. */
static const char *blocked_on(const struct node *node)
{
    return node->sender->wal != NULL && !node->sender->stopped ? "the disk" : NULL;
}

bool sender_is_stopping(const struct sender *s)
{
    return s->stopping;
}

struct sender *sender_new(struct node *node, const struct sender_options *o)
{
    struct sender *s = mem_zalloc(sizeof(*s));

    assert(node->ledger != NULL && o->consumers > 0);
    s->node = node;
    s->options = *o;
    if (o->directory != NULL)
        s->options.directory = s->directory = mem_strdup(o->directory);
    sender_partitions_init(s);
    s->last_blocked = &s->blocked;
    s->pump_task.run = on_pump;
    ack_init(&s->hold, &node->host->loop->turn, node->ledger, 0, false, NULL);
    node->sender = s;
    node->in.consume = consume;
    node->blocked_on = blocked_on;
    sender_metrics_init(s);
    return s;
}

int sender_start(struct sender *s, struct error *err)
{
    return s->options.directory != NULL ? sender_disk_start(s, err) : 0;
}

void sender_maybe_stopped(struct sender *s)
{
    void (*done)(struct node *) = s->on_stopped;

    if (!s->stopping || s->stopped || done == NULL || s->n_attempts > 0 || s->n_appends > 0 ||
        (s->wal == NULL && s->ready.requests > 0))
        return;
    if (s->wal != NULL) {
        sender_disk_stop(s);
        return;
    }
    s->stopped = true;
    clock_stop(&s->node->host->loop->clock, &s->deadline);
    turn_cancel(&s->node->host->loop->turn, &s->pump_task);
    done(s->node);
}

/* By sender_free() the graph has given up already what the ledger held. */
static void book_loss(struct sender *s, uint64_t items)
{
    s->hold.open -= items;
    if (!s->freeing)
        ledger_drop(s->node->ledger, items, "shutdown");
}

static void give_up_entry(struct sender *s, struct queue_entry *e)
{
    if (s->wal == NULL && e->waiter == NULL)
        book_loss(s, e->rest->items);
    e->lost = true;
    outcome_join(&e->outcome, &at_shutdown);
    batch_unref(e->rest);
    e->rest = NULL;
    if (e->attempts == 0)
        end_entry(s, e);
}

/* What is still here is lost, or left on disk. */
static void give_up(struct sender *s)
{
    sender_partitions_empty(s, give_up_entry);
    for (struct attempt *a = s->attempts, *next; a != NULL; a = next) {
        next = a->next;
        if (a->under_way)
            ack_cancel(&a->ack);
        if (s->wal == NULL && !s->options.wait_for_result)
            book_loss(s, a->items);
        give_up_slices(a);
        free_attempt(a);
    }
}

static void on_deadline(struct clock_timer *t)
{
    struct sender *s = container_of(t, struct sender, deadline);

    give_up(s);
    sender_maybe_stopped(s);
}

static void refuse_blocked(struct sender *s)
{
    while (s->blocked != NULL) {
        struct blocked *b = s->blocked;

        s->blocked = b->next;
        sender_refuse(s, b->batch, b->ack, "shutdown", "the exporter is shutting down");
        free(b);
    }
    s->last_blocked = &s->blocked;
}

/* Waits between two tries end now: with a last try in memory, without on disk. */
static void end_waits(struct sender *s)
{
    for (struct attempt *a = s->attempts, *next; a != NULL; a = next) {
        next = a->next;
        if (a->under_way)
            continue;
        clock_stop(&s->node->host->loop->clock, &a->timer);
        if (s->wal != NULL) {
            give_up_slices(a);
            free_attempt(a);
        } else {
            start_attempt(a);
        }
    }
}

void sender_stop(struct sender *s, uint64_t deadline, void (*done)(struct node *))
{
    struct clock *clock = &s->node->host->loop->clock;
    uint64_t now = clock_mono(clock);

    s->stopping = true;
    s->on_stopped = done;
    refuse_blocked(s);
    if (s->wal != NULL)
        sender_partitions_empty(s, give_up_entry);
    else
        sender_partitions_flush(s);
    clock_start(clock, &s->deadline, deadline > now + STOP_MARGIN ? deadline - now - STOP_MARGIN : 1, on_deadline);
    end_waits(s);
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
    give_up(s);
    refuse_blocked(s);
    clock_stop(clock, &s->deadline);
    clock_stop(clock, &s->read_timer);
    turn_cancel(&s->node->host->loop->turn, &s->pump_task);
    sender_partitions_free(s);
    sender_metrics_close(s);
    free(s->directory);
    s->node->sender = NULL;
    s->node->blocked_on = NULL;
    free(s);
}
