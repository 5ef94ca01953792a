/* SPDX-License-Identifier: Apache-2.0 */
/* One shard of the batch processor.
 *
 * What arrives waits outside for a moment, and is taken in when there is room: into the batcher, and without hold_ack
 * its sender is answered. When enough is there, or the first of it has waited for the timeout, a send takes it, up to
 * the largest size; what stays begins to wait anew. When the send is settled the senders of its slices are answered
 * (with hold_ack; each when its last slice is settled), and the next one may go.
 *
 * A send that fails goes back to its senders with hold_ack. When they were answered, one that is refused for now (a
 * full queue) is kept and goes again: SHARD_REFUSED; one more batch is filled meanwhile, and what comes beyond that is
 * refused likewise. It is dropped with the answer's reason when it is refused for good, when another branch behind has
 * it already, which would get it again and again, or when there is no more time: after shard_flush() it is tried once
 * more. After shard_flush() what is there leaves without waiting for more, one send after another, and then
 * on_idle() comes once. */
#include "processor/batch_shard.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

static void enter_state(struct shard *s, enum shard_state to)
{
    static const uint8_t allowed[] = {
        [SHARD_FILLING] = 1 << SHARD_SENDING | 1 << SHARD_LAST_FILLING,
        [SHARD_SENDING] = 1 << SHARD_FILLING | 1 << SHARD_REFUSED | 1 << SHARD_LAST_SENDING,
        [SHARD_REFUSED] = 1 << SHARD_SENDING | 1 << SHARD_LAST_SENDING,
        [SHARD_LAST_FILLING] = 1 << SHARD_LAST_SENDING | 1 << SHARD_FLUSHED,
        [SHARD_LAST_SENDING] = 1 << SHARD_LAST_FILLING,
        [SHARD_FLUSHED] = 0,
    };

    assert(allowed[s->state] & 1 << to);
    s->state = to;
}

/* Also one that waits to go again. */
static bool is_out(const struct shard *s)
{
    return s->state == SHARD_SENDING || s->state == SHARD_REFUSED || s->state == SHARD_LAST_SENDING;
}

static bool is_flushing(const struct shard *s)
{
    return s->state >= SHARD_LAST_FILLING;
}

static struct arrival *arrival_of(struct batcher_entry *e)
{
    return container_of(e, struct arrival, in);
}

static struct arrival *take_arrival(struct shard *s, struct batch *batch, struct ack *ack)
{
    struct arrival *a = list_pop(s->unused, struct arrival, link);

    if (a == NULL)
        a = mem_zalloc(sizeof(*a));
    a->in.rest = batch;
    a->ack = ack;
    outcome_clear(&a->outcome);
    return a;
}

static void give_arrival(struct shard *s, struct arrival *a)
{
    list_push_front(s->unused, &a->link);
}

/* Without a timer every arrival is sent at once (timeout 0 or send_batch_size 0). */
static bool has_timer(const struct shard *s)
{
    return s->config->timeout.ns > 0 && s->config->send_batch_size > 0;
}

static uint64_t trigger_items(const struct shard *s)
{
    return has_timer(s) ? s->config->send_batch_size : 1;
}

/* The items of a slice go from where they were held to the send. Without hold_ack nobody asks for the arrival again. */
static void take_slice(struct shard *s, struct slice *slice)
{
    struct arrival *a = arrival_of(slice->entry);

    ack_move(s->hold_ack ? a->ack : &s->pool, &s->ack, slice->items);
    s->out_items += slice->items;
    if (!s->hold_ack && a->in.rest == NULL)
        give_arrival(s, a);
}

static uint64_t pending_items(const struct shard *s)
{
    return s->batcher.waiting.items;
}

static struct batch *gather_batch(struct shard *s)
{
    const struct batcher_limits l = { .least = UINT64_MAX, .most = s->config->send_batch_max_size };
    struct batch *merged;

    s->sent.n = 0;
    s->out_items = 0;
    merged = batcher_take(&s->batcher, &l, s->node->host->budget, &s->sent);
    for (size_t i = 0; i < s->sent.n; i++)
        take_slice(s, &s->sent.v[i]);
    s->due -= s->out_items < s->due ? s->out_items : s->due;
    return batch_with_metadata(merged, s->metadata);
}

static void on_sent(struct ack *ack, const struct outcome *outcome);
static void on_due(struct clock_timer *t);

static void init_ack(struct shard *s)
{
    struct node *node = s->node;

    ack_init(&s->ack, &node->host->loop->turn, node->ledger, 0, s->hold_ack, on_sent);
    s->ack.keeps = !s->hold_ack;
}

static void send_next(struct shard *s, bool by_size)
{
    struct node *node = s->node;
    struct batch *batch;

    enter_state(s, is_flushing(s) ? SHARD_LAST_SENDING : SHARD_SENDING);
    s->by_size = by_size;
    s->is_last_try = is_flushing(s);
    init_ack(s);
    batch = gather_batch(s);
    s->out_bytes = batch->bytes;
    s->kept = s->hold_ack ? NULL : batch_ref(batch);
    /* Each send starts the timer anew for what stays. */
    clock_stop(&node->host->loop->clock, &s->timer);
    if (has_timer(s) && pending_items(s) > 0)
        clock_start(&node->host->loop->clock, &s->timer, (uint64_t)s->config->timeout.ns, on_due);
    consumer_send(node->out[node->signal], batch, &s->ack);
}

/* ---- a send that is refused for now ---- */

#define COME_AGAIN_MS 1000

static void send_again(struct shard *s)
{
    init_ack(s);
    ack_move(&s->pool, &s->ack, s->out_items);
    consumer_send(s->node->out[s->node->signal], batch_ref(s->kept), &s->ack);
}

static void on_again(struct clock_timer *t)
{
    struct shard *s = container_of(t, struct shard, again);

    enter_state(s, SHARD_SENDING);
    send_again(s);
}

static void forget_kept(struct shard *s)
{
    clock_stop(&s->node->host->loop->clock, &s->again);
    if (s->kept != NULL)
        batch_unref(s->kept);
    s->kept = NULL;
}

/* Nothing of it has got anywhere, and there is time. */
static bool goes_again(const struct shard *s, const struct outcome *o)
{
    return s->kept != NULL && !s->is_last_try && o->verdict == VERDICT_RETRY && !o->partly &&
           s->ack.open == s->out_items;
}

/* Who waits outside waits in vain, but for those that there is room for. */
static void wait_to_go_again(struct shard *s, const struct outcome *o)
{
    uint64_t wait = o->retry_after_ms > 0 ? o->retry_after_ms : COME_AGAIN_MS;

    ack_move(&s->ack, &s->pool, s->out_items);
    if (is_flushing(s)) {
        s->is_last_try = true;
        send_again(s);
        return;
    }
    outcome_copy(&s->refusal, o);
    enter_state(s, SHARD_REFUSED);
    clock_start(&s->node->host->loop->clock, &s->again, wait * NS_PER_MS, on_again);
}

/* Until then it is as it was. */
static void refuse_arrival(struct shard *s, struct arrival *a)
{
    uint64_t now = clock_mono(&s->node->host->loop->clock), left = s->again.due > now ? s->again.due - now : 1;

    s->refusal.retry_after_ms = (left + NS_PER_MS - 1) / NS_PER_MS;
    batch_unref(a->in.rest);
    ack_settle(a->ack, &s->refusal);
    give_arrival(s, a);
}

/* ---- what comes ---- */

/* Without hold_ack this is where the sender's part ends. */
static void take_in(struct shard *s, struct arrival *a)
{
    struct batch *batch = a->in.rest;

    batcher_put(&s->batcher, &a->in, batch);
    if (!s->hold_ack) {
        ack_move(a->ack, &s->pool, batch->items);
        ack_safe(a->ack);
        a->ack = NULL;
    }
    if (has_timer(s) && !clock_armed(&s->timer))
        clock_start(&s->node->host->loop->clock, &s->timer, (uint64_t)s->config->timeout.ns, on_due);
}

static bool has_room(const struct shard *s)
{
    return s->hold_ack || !is_out(s) || pending_items(s) < trigger_items(s);
}

static bool is_idle(const struct shard *s)
{
    return !is_out(s) && list_empty(&s->batcher.entries) && list_empty(&s->waiting);
}

/* Whatever can happen now. */
static void advance_shard(struct shard *s)
{
    for (;;) {
        if (!is_out(s) && pending_items(s) >= trigger_items(s))
            send_next(s, true);
        else if (!is_out(s) && pending_items(s) > 0 && (s->due > 0 || (is_flushing(s) && list_empty(&s->waiting))))
            send_next(s, false);
        else if (!list_empty(&s->waiting) && has_room(s))
            take_in(s, list_pop(&s->waiting, struct arrival, link));
        else if (!list_empty(&s->waiting) && s->state == SHARD_REFUSED)
            refuse_arrival(s, list_pop(&s->waiting, struct arrival, link));
        else
            break;
    }
    if (is_flushing(s) && is_idle(s)) {
        enter_state(s, SHARD_FLUSHED);
        s->on_idle(s);
    }
}

static void on_due(struct clock_timer *t)
{
    struct shard *s = container_of(t, struct shard, timer);

    s->due = pending_items(s);
    advance_shard(s);
}

static void count_send(struct shard *s)
{
    metric_add(s->by_size ? s->meters->size_sends : s->meters->timeout_sends, 1);
    metric_observe(s->meters->send_size, (double)s->out_items);
    if (s->meters->send_bytes != NULL)
        metric_observe(s->meters->send_bytes, (double)s->out_bytes);
}

static void complain_failure(struct shard *s, const struct outcome *o, bool again)
{
    const char *why = o->why[0] ? o->why : o->reason;

    if (!complaint_due(s->complaint, &s->node->host->loop->clock))
        return;
    if (again)
        log_warn(&s->node->log,
                 "What is behind the batch refuses it for now. It is sent again, and senders are told to retry",
                 F_STR("error", why), F_UINT("held_items", s->pool.open + s->ack.open),
                 F_UINT("repeated", complaint_taken(s->complaint)));
    else
        log_warn(&s->node->log, "Sender failed", F_STR("error", why),
                 F_UINT(s->hold_ack ? "refused_items" : "dropped_items", s->out_items),
                 F_UINT("repeated", complaint_taken(s->complaint)));
}

static void answer_senders(struct shard *s, const struct outcome *outcome)
{
    struct outcome sent;

    outcome_copy(&sent, outcome);
    for (size_t i = 0; s->hold_ack && i < s->sent.n; i++) {
        struct arrival *a = arrival_of(s->sent.v[i].entry);

        outcome_add_part(&a->outcome, &sent, s->sent.v[i].items);
        if (a->in.rest != NULL)
            continue;
        ack_settle(a->ack, &a->outcome);
        give_arrival(s, a);
    }
    s->sent.n = 0;
}

static void on_sent(struct ack *ack, const struct outcome *outcome)
{
    struct shard *s = container_of(ack, struct shard, ack);
    bool again = goes_again(s, outcome);

    if (outcome->verdict == VERDICT_SAFE) {
        count_send(s);
        if (complaint_over(s->complaint))
            log_info(&s->node->log, "Sending works again");
    } else {
        complain_failure(s, outcome, again);
    }
    if (again) {
        wait_to_go_again(s, outcome); /* the outcome may be gone then */
    } else {
        enter_state(s, is_flushing(s) ? SHARD_LAST_FILLING : SHARD_FILLING);
        ack_give_up(ack);
        forget_kept(s);
        answer_senders(s, outcome);
    }
    advance_shard(s);
}

static void on_pool_settled(struct ack *ack, const struct outcome *outcome)
{
    (void)ack;
    (void)outcome;
    assert(false && "the pool owes its answer for as long as the shard lives");
}

void shard_init(struct shard *s, struct node *node, const struct batch_config *config,
                const struct batch_meters *meters, struct list *unused, struct complaint *complaint)
{
    *s = (struct shard){ .node = node, .config = config, .meters = meters, .unused = unused, .complaint = complaint };
    batcher_init(&s->batcher);
    list_init(&s->waiting);
    s->hold_ack = config->hold_ack == HOLD_ACK_AUTO ? node->kept_behind : config->hold_ack == HOLD_ACK_TRUE;
    ack_init(&s->pool, &node->host->loop->turn, node->ledger, 0, false, on_pool_settled);
    metric_add(meters->cardinality, 1);
}

void shard_take(struct shard *s, struct batch *batch, struct ack *ack)
{
    list_push(&s->waiting, &take_arrival(s, batch, ack)->link);
    advance_shard(s);
}

void shard_flush(struct shard *s)
{
    bool waits = s->state == SHARD_REFUSED;

    clock_stop(&s->node->host->loop->clock, &s->again);
    enter_state(s, is_out(s) ? SHARD_LAST_SENDING : SHARD_LAST_FILLING);
    if (waits) {
        s->is_last_try = true;
        send_again(s);
    }
    advance_shard(s);
}

static void give_up(struct arrival *a)
{
    if (a->in.rest != NULL)
        batch_unref(a->in.rest);
    free(a);
}

void shard_close(struct shard *s)
{
    struct batcher_entry *e;
    struct arrival *a;

    clock_stop(&s->node->host->loop->clock, &s->timer);
    if (is_out(s))
        ack_cancel(&s->ack);
    forget_kept(s);
    for (size_t i = 0; s->hold_ack && i < s->sent.n; i++)
        if (s->sent.v[i].entry->rest == NULL) /* else it waits, too */
            give_up(arrival_of(s->sent.v[i].entry));
    while ((e = batcher_remove(&s->batcher)) != NULL)
        give_up(arrival_of(e));
    while ((a = list_pop(&s->waiting, struct arrival, link)) != NULL)
        give_up(a);
    vec_free(&s->sent);
    batcher_free(&s->batcher);
    s->meters->cardinality->value--;
}
