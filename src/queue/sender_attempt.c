/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts: what becomes of a batch between the queue and the exporter.
 *
 * sender_attempt_begin() takes what is due out of its partition, slices of one or more entries, as one batch, and hands
 * it to the exporter. The exporter settles it: safe, and each entry is given back its share of what was rejected or
 * left out; the last slice of an entry ends the entry. The exporter's ledger is booked in the same step.
 *
 * When the answer is RETRY the attempt waits, by retry_on_failure, and hands the same batch over again, or what is left
 * of it where the exporter has done a part (sender_attempt_narrow). When the time for that has run out, or the answer
 * is REJECT, all of it is lost with the answer's reason. A store that keeps hears of each part as soon as it is known
 * what became of it (sender_attempt_part), so that no more comes again than what was not answered. When the sender
 * stops, a wait ends: in a store that keeps, the entries stay for the next start; else there is one last try. At the
 * deadline what is not back is given up. An answer that comes later, while the store closes, changes nothing: until the
 * sender goes the attempt is there. */
#include "queue/sender_inside.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MOVE_AGAIN NS_PER_S

static void enter_state(struct attempt *a, enum attempt_state to)
{
    static const uint8_t allowed[] = {
        [ATTEMPT_NEW] = 1 << ATTEMPT_UNDER_WAY,
        [ATTEMPT_UNDER_WAY] = 1 << ATTEMPT_WAITING | 1 << ATTEMPT_ENDED,
        [ATTEMPT_WAITING] = 1 << ATTEMPT_UNDER_WAY | 1 << ATTEMPT_ENDED,
        [ATTEMPT_ENDED] = 0,
    };

    assert(allowed[a->state] & 1 << to);
    a->state = to;
}

/* ---- the end ---- */

/* With an answer still to come the attempt stays, for its ack is in the exporter's hands. */
static void end_attempt(struct attempt *a, bool given_up)
{
    struct sender *s = a->sender;

    enter_state(a, ATTEMPT_ENDED);
    list_remove(&a->link);
    s->n_attempts--;
    for (size_t i = 0; i < a->slices.n; i++) {
        struct queue_entry *e = entry_of(a->slices.v[i].entry);

        e->attempts--;
        sender_end_if_done(s, e);
    }
    vec_free(&a->slices);
    clock_stop(&s->node->host->loop->clock, &a->timer);
    batch_unref(a->batch);
    if (given_up)
        list_push(&s->given_up, &a->link);
    else
        free(a);
}

/* What was in the queue leaves the exporter's ledger. Those who wait have their items there by their own ack. */
static void book_attempt(struct sender *s, struct attempt *a, const struct outcome *o)
{
    struct ledger *l = s->node->ledger;

    if (s->options.wait_for_result)
        return;
    s->hold.open -= a->items;
    sender_book_losses(s, &o->lost);
    ledger_deliver(l, a->items - losses_total(&o->lost));
}

/* What became of the next `n` items that were not told yet, `lost` of them: slice by slice. */
static void tell_store(struct attempt *a, uint64_t n, struct losses *lost)
{
    struct store *st = a->sender->store;
    uint64_t before = 0; /* items of the slices before */

    for (size_t i = 0; i < a->slices.n && n > 0 && st->ops->part != NULL; i++) {
        const struct slice *x = &a->slices.v[i];
        uint64_t from = a->told - before, items = x->items - from;
        struct losses own = { 0 };

        before += x->items;
        if (a->told >= before)
            continue;
        if (items > n)
            items = n;
        losses_move(&own, lost, items);
        st->ops->part(st, entry_of(x->entry), x->first + from, items, &own);
        a->told += items;
        n -= items;
    }
    a->told += n;
}

/* All is known now: what the store has not heard of goes to it. */
static void tell_rest(struct attempt *a, const struct losses *all)
{
    struct losses rest = *all;

    if (a->sender->store->ops->part == NULL)
        return;
    losses_take_away(&rest, &a->told_lost);
    tell_store(a, a->items - a->told, &rest);
}

/* The last try's outcome, which is of a->batch, becomes that of the whole attempt. When a part was safe before, a
 * refusal of the rest is no refusal of all: whoever waits hears how many were rejected. */
static void add_done(struct attempt *a, struct outcome *o)
{
    bool partly = a->batch->items < a->items;

    if (o->verdict == VERDICT_REJECT && partly) {
        struct outcome refusal;

        outcome_copy(&refusal, o);
        outcome_clear(o);
        outcome_reject(o, a->batch->items, refusal.reason != NULL ? refusal.reason : "failed", "%s", refusal.why);
    } else if (o->verdict != VERDICT_SAFE) {
        losses_add(&o->lost, a->batch->items - losses_total(&o->lost), o->reason != NULL ? o->reason : "failed");
    }
    if (partly)
        outcome_add(o, &a->done);
    o->partly = o->partly || (partly && o->verdict == VERDICT_RETRY);
}

static void tell_entry(const struct slice *slice, struct outcome *o)
{
    struct queue_entry *e = entry_of(slice->entry);

    e->some_safe = e->some_safe || o->verdict == VERDICT_SAFE;
    outcome_add_part(&e->outcome, o, slice->items);
}

static void finish_attempt(struct attempt *a, const struct outcome *outcome)
{
    struct sender *s = a->sender;
    struct outcome o;

    outcome_copy(&o, outcome);
    add_done(a, &o);
    assert(losses_total(&o.lost) <= a->items);
    tell_rest(a, &o.lost);
    book_attempt(s, a, &o);
    for (size_t i = 0; i < a->slices.n; i++)
        tell_entry(&a->slices.v[i], &o);
    end_attempt(a, false);
    sender_pump(s);
}

/* What became of a part of it is known, and stays so. The rest is lost, or left where it is kept. */
static void book_given_up(struct sender *s, struct attempt *a)
{
    struct ledger *l = s->node->ledger;
    uint64_t n = s->freeing ? 0 : a->told;

    if (s->options.wait_for_result)
        return;
    s->hold.open -= n;
    for (uint32_t i = 0; i < a->told_lost.n && n > 0; i++)
        ledger_drop(l, a->told_lost.v[i].items, a->told_lost.v[i].reason);
    ledger_deliver(l, n - (n > 0 ? losses_total(&a->told_lost) : 0));
    sender_book_loss(s, a->items - n);
}

static void give_up_attempt(struct attempt *a, bool unanswered)
{
    book_given_up(a->sender, a);
    for (size_t i = 0; i < a->slices.n; i++)
        sender_give_up(entry_of(a->slices.v[i].entry));
    end_attempt(a, unanswered);
}

/* ---- tries ---- */

/* Who waits hears of it, and may try again; else the data is lost. */
static void complain_failure(struct sender *s, const struct attempt *a, const struct outcome *o)
{
    bool told = s->options.wait_for_result;

    if (complaint_due_to(&s->losing, &s->node->host->loop->clock, o->why))
        log_error(&s->node->log, told ? "Exporting failed. The sender is told." : "Exporting failed. Dropping data.",
                  F_STR("error", o->why), F_STR("reason", o->reason != NULL ? o->reason : ""),
                  F_UINT(told ? "refused_items" : "dropped_items", a->batch->items),
                  F_UINT("repeated", complaint_taken(&s->losing)));
}

static void start_try(struct attempt *a);

static void on_retry(struct clock_timer *t)
{
    start_try(container_of(t, struct attempt, timer));
}

static void wait_for_retry(struct attempt *a, const struct outcome *o, uint64_t delay)
{
    struct sender *s = a->sender;
    struct clock *clock = &s->node->host->loop->clock;

    enter_state(a, ATTEMPT_WAITING);
    metric_add(s->retried, a->batch->items);
    if (complaint_due_to(&s->failing, clock, o->why))
        log_info(&s->node->log, "Exporting failed. Will retry the request after interval.", F_STR("error", o->why),
                 F_DOUBLE("interval_seconds", (double)delay / (double)NS_PER_S),
                 F_UINT("repeated", complaint_taken(&s->failing)));
    clock_start(clock, &a->timer, delay, on_retry);
}

/* What earlier tries of it did is done. What the last one may have done besides is sent again. */
static void book_done(struct sender *s, struct attempt *a)
{
    struct ledger *l = s->node->ledger;
    uint64_t n = a->items - a->batch->items;

    if (n == 0)
        return;
    s->hold.open -= n;
    for (uint32_t i = 0; i < a->done.lost.n; i++)
        ledger_drop(l, a->done.lost.v[i].items, a->done.lost.v[i].reason);
    ledger_deliver(l, n - losses_total(&a->done.lost));
    a->items -= n;
}

/* What the exporter has not delivered goes to the one that takes its place. */
static void hand_attempt(struct attempt *a, bool unanswered)
{
    struct sender *s = a->sender;

    book_done(s, a);
    handover_give(s->heir, batch_ref(a->batch), &s->hold);
    end_attempt(a, unanswered);
}

static bool has_heir(const struct sender *s)
{
    return s->stopping && !s->freeing && s->heir != NULL && !s->options.wait_for_result;
}

/* True when it will be tried again, or need not be. */
static bool try_again(struct attempt *a, const struct outcome *o)
{
    struct sender *s = a->sender;
    struct loop *loop = s->node->host->loop;
    uint64_t delay;

    if (s->stopping && s->store->ops->keeps) {
        give_up_attempt(a, false);
        sender_maybe_stopped(s);
        return true;
    }
    if (has_heir(s)) {
        hand_attempt(a, false);
        sender_maybe_stopped(s);
        return true;
    }
    if (s->away && !s->stopping && !s->options.wait_for_result) {
        wait_for_retry(a, o, o->retry_after_ms > 0 ? o->retry_after_ms * NS_PER_MS : MOVE_AGAIN);
        return true;
    }
    if (s->stopping || s->options.retry == NULL ||
        !retry_next(&a->retry, s->options.retry, s->options.retry_forever, a->begun, clock_mono(&loop->clock),
                    o->retry_after_ms, &loop->random, &delay))
        return false;
    wait_for_retry(a, o, delay);
    return true;
}

/* An exporter that was safe with nothing of it has been refused all of it, unless it was moved. */
static void tell_health(const struct attempt *a, const struct outcome *o)
{
    struct node *node = a->sender->node;
    struct health *h = &node->health[HEALTH_WORK];
    uint64_t now = clock_mono(&node->host->loop->clock), lost = losses_total(&o->lost);

    if (o->verdict == VERDICT_SAFE && (lost == 0 || lost < a->items || o->lost.v[0].reason == SENDER_MOVED))
        health_ok(h, now);
    else if (o->verdict == VERDICT_SAFE)
        health_fail(h, now, HEALTH_PERMANENT, o->why[0] != '\0' ? o->why : o->lost.v[0].reason);
    else
        health_fail(h, now, o->verdict == VERDICT_RETRY ? HEALTH_RECOVERABLE : HEALTH_PERMANENT, o->why);
}

/* As the Go collector's; of each try, not of all. */
static void end_span(struct attempt *a, const struct outcome *o)
{
    const struct node *node = a->sender->node;
    const char *signal = signal_table[a->batch->signal].name;
    uint64_t lost = losses_total(&o->lost), left = a->batch->items;
    uint64_t failed = o->verdict != VERDICT_SAFE || lost > left ? left : lost;
    const char *peer = node->peer != NULL ? node->peer : "";
    const struct log_field attributes[] = {
        F_STR("exporter", node->id),
        F_STR("data_type", signal),
        F_UINT("items.sent", a->trying - failed),
        F_UINT("items.failed", failed),
        F_STR(strstr(peer, "://") != NULL ? "url.full" : "server.address", peer),
    };
    char name[160];

    if (a->traced.start == 0)
        return;
    snprintf(name, sizeof(name), "exporter/%s/%s", node->id, signal);
    traced_end(node, &a->traced,
               &(struct traced_end){ name, TRACED_CLIENT, attributes, ARRAY_LEN(attributes) - (peer[0] == '\0' ? 1 : 0),
                                     failed == 0         ? NULL
                                     : o->why[0] != '\0' ? o->why
                                                         : o->reason });
}

/* True once when there had been a run of failures. */
static bool end_complaints(struct sender *s)
{
    bool lost = complaint_over(&s->losing);

    return complaint_over(&s->failing) || lost;
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct attempt *a = container_of(ack, struct attempt, ack);
    struct sender *s = a->sender;

    if (a->state == ATTEMPT_ENDED)
        return;
    tell_health(a, o);
    end_span(a, o);
    if (o->verdict == VERDICT_RETRY && try_again(a, o))
        return;
    if (o->verdict != VERDICT_SAFE)
        complain_failure(s, a, o);
    else if (end_complaints(s))
        log_info(&s->node->log, "Exporting works again");
    finish_attempt(a, o);
}

static void start_try(struct attempt *a)
{
    struct sender *s = a->sender;

    enter_state(a, ATTEMPT_UNDER_WAY);
    a->begun = clock_mono(&s->node->host->loop->clock);
    traced_begin(s->node, &a->traced, NULL);
    a->trying = a->batch->items;
    ack_init(&a->ack, &s->node->host->loop->turn, NULL, a->batch->items, s->options.wait_for_result, on_settled);
    consumer_send(s->options.attempt, batch_ref(a->batch), &a->ack);
}

void sender_attempt_part(struct ack *ack, uint64_t items, const struct losses *lost)
{
    struct attempt *a = container_of(ack, struct attempt, ack);
    struct losses known = { 0 }, all = *lost;

    if (a->state == ATTEMPT_ENDED)
        return;
    assert(a->state == ATTEMPT_UNDER_WAY && a->told + items <= a->items);
    losses_move(&known, &all, items);
    all = known;
    losses_move(&a->told_lost, &all, items);
    tell_store(a, items, &known);
}

void sender_attempt_narrow(struct ack *ack, struct batch *rest, const struct outcome *done)
{
    struct attempt *a = container_of(ack, struct attempt, ack);
    uint64_t known = a->items - rest->items;

    if (a->state == ATTEMPT_ENDED) {
        batch_unref(rest);
        return;
    }
    assert(a->state == ATTEMPT_UNDER_WAY && rest->items <= a->items - a->told);
    outcome_add(&a->done, done);
    if (a->told < known && a->sender->store->ops->part == NULL) { /* there the order is all the same */
        a->told = known;
        a->told_lost = a->done.lost;
    }
    batch_unref(a->batch);
    a->batch = rest;
}

bool sender_attempt_begin(struct sender *s)
{
    struct attempt *a = mem_zalloc(sizeof(*a));

    a->sender = s;
    if (!sender_partitions_take(s, a)) {
        free(a);
        return false;
    }
    list_push_front(&s->attempts, &a->link);
    s->n_attempts++;
    if (s->batch_items != NULL) {
        metric_observe(s->batch_items, (double)a->items);
        metric_observe(s->batch_bytes, (double)a->batch->bytes);
    }
    start_try(a);
    return true;
}

/* ---- the sender stops ---- */

void sender_attempts_end_waits(struct sender *s)
{
    list_each (struct attempt, a, &s->attempts, link) {
        if (a->state != ATTEMPT_WAITING)
            continue;
        clock_stop(&s->node->host->loop->clock, &a->timer);
        if (s->store->ops->keeps)
            give_up_attempt(a, false);
        else if (has_heir(s))
            hand_attempt(a, false);
        else
            start_try(a);
    }
}

void sender_attempts_hurry(struct sender *s)
{
    list_each (struct attempt, a, &s->attempts, link) {
        if (a->state != ATTEMPT_WAITING)
            continue;
        clock_stop(&s->node->host->loop->clock, &a->timer);
        start_try(a);
    }
}

void sender_attempts_give_up(struct sender *s)
{
    list_each (struct attempt, a, &s->attempts, link) {
        if (has_heir(s))
            hand_attempt(a, a->state == ATTEMPT_UNDER_WAY);
        else
            give_up_attempt(a, a->state == ATTEMPT_UNDER_WAY);
    }
}

uint64_t sender_attempts_oldest(const struct sender *s)
{
    uint64_t oldest = UINT64_MAX, born;

    list_each (struct attempt, a, &s->attempts, link)
        for (size_t i = 0; i < a->slices.n; i++) {
            born = entry_of(a->slices.v[i].entry)->born;
            oldest = born < oldest ? born : oldest;
        }
    return oldest;
}

void sender_attempts_free(struct sender *s)
{
    struct attempt *a;

    while ((a = list_pop(&s->given_up, struct attempt, link)) != NULL) {
        ack_cancel(&a->ack);
        free(a);
    }
}
