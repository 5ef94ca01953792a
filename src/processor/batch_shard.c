/* SPDX-License-Identifier: Apache-2.0 */
#include "processor/batch_shard.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static void push(struct arrivals *list, struct arrival *a)
{
    a->next = NULL;
    if (list->first == NULL)
        list->first = a;
    else
        list->last->next = a;
    list->last = a;
}

static struct arrival *pop(struct arrivals *list)
{
    struct arrival *a = list->first;

    if (a != NULL)
        list->first = a->next;
    return a;
}

static struct arrival *take_arrival(struct shard *s, struct batch *batch, struct ack *ack)
{
    struct arrival *a = *s->unused;

    if (a != NULL)
        *s->unused = a->next;
    else
        a = mem_alloc(sizeof(*a));
    a->next = NULL;
    a->batch = batch;
    a->ack = ack;
    outcome_clear(&a->outcome);
    return a;
}

static void give_arrival(struct shard *s, struct arrival *a)
{
    a->next = *s->unused;
    *s->unused = a;
}

/* Without a timer every arrival is sent at once (timeout 0 or send_batch_size 0). */
static bool has_timer(const struct shard *s)
{
    return s->config->timeout.ns > 0 && s->config->send_batch_size > 0;
}

static uint64_t trigger(const struct shard *s)
{
    return has_timer(s) ? s->config->send_batch_size : 1;
}

/* The items of one part go from where they were held in line to the send. */
static void move_items(struct shard *s, struct arrival *a, uint64_t n)
{
    ack_move(s->hold_ack ? a->ack : &s->pool, &s->ack, n);
    a->out = n;
    s->pending -= n;
    s->due -= n < s->due ? n : s->due;
    s->out_items += n;
}

/* The first `items` of the one in line that is too long for this send. */
static struct batch *cut_front(struct shard *s, struct arrival *a, uint64_t items)
{
    struct batch *head, *tail;

    batch_split(a->batch, items, s->config->send_batch_max_size, host_budget(s->node->host, s->node->signal), &head,
                &tail);
    batch_unref(a->batch);
    a->batch = tail;
    s->cut = s->hold_ack ? a : NULL;
    move_items(s, a, items);
    return head;
}

/* Gather whole arrivals up to `most` items into parts, and the head of one more. */
static struct batch *gather(struct shard *s, uint64_t most)
{
    VEC(struct batch *) parts = { 0 };
    struct batch *merged;

    while (s->line.first != NULL && most > 0) {
        struct arrival *a = s->line.first;
        uint64_t n = a->batch->items;

        if (n > most) {
            *vec_push(&parts) = cut_front(s, a, most);
            break;
        }
        most -= n;
        (void)pop(&s->line);
        *vec_push(&parts) = a->batch;
        a->batch = NULL;
        move_items(s, a, n);
        if (s->hold_ack)
            push(&s->sent, a);
        else
            give_arrival(s, a);
    }
    merged = batch_merge(parts.v, parts.n);
    vec_free(&parts);
    return batch_with_metadata(merged, s->metadata);
}

static void on_sent(struct ack *ack, const struct outcome *outcome);
static void on_due(struct clock_timer *t);

static void send_next(struct shard *s, bool by_size)
{
    uint64_t most = s->config->send_batch_max_size > 0 ? s->config->send_batch_max_size : UINT64_MAX;
    struct node *node = s->node;
    struct batch *batch;

    assert(!s->out && s->pending > 0);
    s->out = true;
    s->by_size = by_size;
    s->out_items = 0;
    s->cut = NULL;
    s->sent = (struct arrivals){ 0 };
    ack_init(&s->ack, &node->host->loop->turn, node->ledger, 0, s->hold_ack, on_sent);
    batch = gather(s, most);
    s->out_bytes = batch->bytes;
    /* Each send starts the timer anew for what is left in line. */
    clock_stop(&node->host->loop->clock, &s->timer);
    if (has_timer(s) && s->pending > 0)
        clock_start(&node->host->loop->clock, &s->timer, (uint64_t)s->config->timeout.ns, on_due);
    consumer_send(node->out[node->signal], batch, &s->ack);
}

/* Into the line. Without hold_ack that is where the sender's part ends. */
static void take_in(struct shard *s, struct arrival *a)
{
    uint64_t n = a->batch->items;

    push(&s->line, a);
    if (!s->hold_ack) {
        ack_move(a->ack, &s->pool, n);
        ack_safe(a->ack);
        a->ack = NULL;
    }
    s->pending += n;
    if (has_timer(s) && !clock_armed(&s->timer))
        clock_start(&s->node->host->loop->clock, &s->timer, (uint64_t)s->config->timeout.ns, on_due);
}

static bool has_room(const struct shard *s)
{
    return s->hold_ack || !s->out || s->pending < trigger(s);
}

/* Whatever can happen now. */
static void advance(struct shard *s)
{
    for (;;) {
        if (!s->out && s->pending >= trigger(s))
            send_next(s, true);
        else if (!s->out && s->pending > 0 && (s->due > 0 || (s->flushing && s->waiting.first == NULL)))
            send_next(s, false);
        else if (s->waiting.first != NULL && has_room(s))
            take_in(s, pop(&s->waiting));
        else
            break;
    }
    if (s->flushing && shard_idle(s))
        s->on_idle(s);
}

static void on_due(struct clock_timer *t)
{
    struct shard *s = container_of(t, struct shard, timer);

    s->due = s->pending;
    advance(s);
}

static void measure(struct shard *s)
{
    metric_add(s->by_size ? s->meters->size_sends : s->meters->timeout_sends, 1);
    metric_observe(s->meters->send_size, (double)s->out_items);
    if (s->meters->send_bytes != NULL)
        metric_observe(s->meters->send_bytes, (double)s->out_bytes);
}

static void complain(struct shard *s, const struct outcome *o)
{
    if (complaint_due(s->complaint, &s->node->host->loop->clock))
        log_warn(&s->node->log, "Sender failed", F_STR("error", o->why[0] ? o->why : o->reason),
                 F_UINT(s->hold_ack ? "refused_items" : "dropped_items", s->out_items),
                 F_UINT("repeated", complaint_taken(s->complaint)));
}

static void answer_senders(struct shard *s, const struct outcome *outcome)
{
    struct outcome sent;
    struct arrival *a;

    outcome_copy(&sent, outcome);
    while ((a = pop(&s->sent)) != NULL) {
        outcome_add_part(&a->outcome, &sent, a->out);
        ack_settle(a->ack, &a->outcome);
        give_arrival(s, a);
    }
    if (s->cut != NULL)
        outcome_add_part(&s->cut->outcome, &sent, s->cut->out);
}

static void on_sent(struct ack *ack, const struct outcome *outcome)
{
    struct shard *s = container_of(ack, struct shard, ack);

    s->out = false;
    if (outcome->verdict == VERDICT_SAFE) {
        measure(s);
        if (complaint_over(s->complaint))
            log_info(&s->node->log, "Sending works again");
    } else {
        complain(s, outcome);
    }
    answer_senders(s, outcome);
    advance(s);
}

static void on_pool_settled(struct ack *ack, const struct outcome *outcome)
{
    (void)ack;
    (void)outcome;
    assert(false && "the pool owes its answer for as long as the shard lives");
}

void shard_init(struct shard *s, struct node *node, const struct batch_config *config,
                const struct batch_meters *meters, struct arrival **unused, struct complaint *complaint)
{
    *s = (struct shard){ .node = node, .config = config, .meters = meters, .unused = unused, .complaint = complaint };
    s->hold_ack = config->hold_ack == HOLD_ACK_AUTO ? node->kept_behind : config->hold_ack == HOLD_ACK_TRUE;
    ack_init(&s->pool, &node->host->loop->turn, node->ledger, 0, false, on_pool_settled);
    metric_add(meters->cardinality, 1);
}

void shard_take(struct shard *s, struct batch *batch, struct ack *ack)
{
    push(&s->waiting, take_arrival(s, batch, ack));
    advance(s);
}

bool shard_idle(const struct shard *s)
{
    return !s->out && s->line.first == NULL && s->waiting.first == NULL;
}

void shard_flush(struct shard *s)
{
    s->flushing = true;
    advance(s);
}

static void give_up(struct arrivals *list)
{
    struct arrival *a;

    while ((a = pop(list)) != NULL) {
        if (a->batch != NULL)
            batch_unref(a->batch);
        free(a);
    }
}

void shard_close(struct shard *s)
{
    clock_stop(&s->node->host->loop->clock, &s->timer);
    if (s->out)
        ack_cancel(&s->ack);
    give_up(&s->line);
    give_up(&s->waiting);
    give_up(&s->sent);
    metadata_unref(s->metadata);
    s->meters->cardinality->value--;
}
