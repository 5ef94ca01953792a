/* SPDX-License-Identifier: Apache-2.0 */
/* Answers. An ack gathers what its branches say, joined by weight; when the last one has spoken, what is open under it
 * is booked at once, by the verdict, and whoever waits hears of it at the end of the turn. What was dropped on the way
 * is booked when it is dropped, and goes into the outcome only then, so that the ledgers above learn of it and none
 * books it twice. A cancelled ack is taken out of the turn queue and books nothing: its ledger has gone, or will be
 * closed. */
#include "pipeline/ack.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put_why(struct outcome *o, size_t at, const char *text)
{
    size_t n = strnlen(text, sizeof(o->why) - 1 - at);

    memcpy(o->why + at, text, n);
    o->why[at + n] = '\0';
}

static void copy_losses(struct losses *to, const struct losses *from)
{
    to->n = from->n;
    for (uint32_t i = 0; i < from->n; i++)
        to->v[i] = from->v[i];
}

/* All but what is lost. */
static void copy_verdict(struct outcome *to, const struct outcome *from)
{
    to->verdict = from->verdict;
    to->rejected = from->rejected;
    to->reason = from->reason;
    to->retry_after_ms = from->retry_after_ms;
    to->grpc_status = from->grpc_status;
    to->partly = from->partly;
    put_why(to, 0, from->why);
}

void outcome_clear(struct outcome *o)
{
    o->verdict = VERDICT_SAFE;
    o->rejected = 0;
    o->reason = NULL;
    o->retry_after_ms = 0;
    o->grpc_status = 0;
    o->partly = false;
    o->lost.n = 0;
    o->why[0] = '\0';
}

void outcome_copy(struct outcome *to, const struct outcome *from)
{
    copy_verdict(to, from);
    copy_losses(&to->lost, &from->lost);
}

/* ---- what is lost ---- */

static struct ledger_reason *find_loss(struct losses *l, const char *reason)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i].reason == reason || strcmp(l->v[i].reason, reason) == 0)
            return &l->v[i];
    return NULL;
}

void losses_add(struct losses *l, uint64_t items, const char *reason)
{
    struct ledger_reason *r;

    if (items == 0)
        return;
    r = find_loss(l, reason);
    if (r == NULL && l->n < LOSSES_MAX) {
        r = &l->v[l->n++];
        *r = (struct ledger_reason){ .reason = reason };
    }
    if (r == NULL)
        r = &l->v[LOSSES_MAX - 1];
    r->items += items;
}

uint64_t losses_total(const struct losses *l)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < l->n; i++)
        sum += l->v[i].items;
    return sum;
}

/* Up to `items` of what `from` has lost, to `to`. */
void losses_move(struct losses *to, struct losses *from, uint64_t items)
{
    for (uint32_t i = 0; i < from->n && items > 0; i++) {
        uint64_t n = from->v[i].items < items ? from->v[i].items : items;

        losses_add(to, n, from->v[i].reason);
        from->v[i].items -= n;
        items -= n;
    }
}

void losses_take_away(struct losses *from, const struct losses *known)
{
    for (uint32_t i = 0; i < known->n; i++) {
        struct ledger_reason *r = find_loss(from, known->v[i].reason);

        if (r != NULL)
            r->items -= known->v[i].items < r->items ? known->v[i].items : r->items;
    }
}

/* What an answer rejects without saying more is lost by its reason. */
static void complete_losses(struct outcome *o)
{
    uint64_t known = o->verdict == VERDICT_SAFE && o->rejected > 0 ? losses_total(&o->lost) : 0;

    if (o->verdict == VERDICT_SAFE && o->rejected > known)
        losses_add(&o->lost, o->rejected - known, o->reason != NULL ? o->reason : "rejected");
}

/* ---- outcomes ---- */

static void add_why(struct outcome *o, const char *text)
{
    size_t at = strlen(o->why);

    if (at > 0) {
        put_why(o, at, "; ");
        at = strlen(o->why);
    }
    put_why(o, at, text);
}

void outcome_reject(struct outcome *o, uint64_t items, const char *reason, const char *fmt, ...)
{
    bool known = find_loss(&o->lost, reason) != NULL;
    char text[sizeof(o->why)];
    va_list args;

    if (items == 0)
        return;
    o->rejected += items;
    losses_add(&o->lost, items, reason);
    if (o->reason == NULL)
        o->reason = reason;
    if (known)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    add_why(o, text);
}

static void join_safe(struct outcome *worst, const struct outcome *more)
{
    if (more->rejected > worst->rejected) {
        worst->rejected = more->rejected;
        worst->reason = more->reason;
        put_why(worst, 0, more->why);
    }
    if (losses_total(&more->lost) > losses_total(&worst->lost))
        copy_losses(&worst->lost, &more->lost);
}

void outcome_join(struct outcome *worst, const struct outcome *more)
{
    uint64_t wait = worst->verdict == VERDICT_RETRY ? worst->retry_after_ms : 0;
    bool partly = worst->partly || more->partly;

    if (more->verdict > worst->verdict)
        copy_verdict(worst, more);
    else if (more->verdict == VERDICT_SAFE && worst->verdict == VERDICT_SAFE)
        join_safe(worst, more);
    else if (more->verdict == VERDICT_RETRY && more->retry_after_ms > wait)
        worst->retry_after_ms = more->retry_after_ms;
    worst->partly = partly;
}

static void add_rejected(struct outcome *sum, const struct outcome *sent, uint64_t items)
{
    if (items == 0 || sum->verdict != VERDICT_SAFE)
        return;
    sum->rejected += items;
    if (sum->reason == NULL)
        sum->reason = sent->reason;
    if (strcmp(sum->why, sent->why) != 0)
        add_why(sum, sent->why);
}

void outcome_add(struct outcome *sum, const struct outcome *more)
{
    struct outcome part;

    outcome_copy(&part, more);
    complete_losses(&part);
    losses_move(&sum->lost, &part.lost, UINT64_MAX);
    add_rejected(sum, &part, part.rejected);
}

void outcome_add_part(struct outcome *sum, struct outcome *sent, uint64_t items)
{
    uint64_t own = sent->rejected < items ? sent->rejected : items;

    complete_losses(sent);
    losses_move(&sum->lost, &sent->lost, items);
    if (sent->verdict != VERDICT_SAFE) {
        outcome_join(sum, sent);
        return;
    }
    add_rejected(sum, sent, own);
    sent->rejected -= own;
}

/* ---- acks ---- */

static void book_losses(struct ack *ack)
{
    const struct losses *l = &ack->worst.lost;

    for (uint32_t i = 0; i < l->n; i++) {
        uint64_t n = l->v[i].items < ack->open ? l->v[i].items : ack->open;

        ledger_drop(ack->ledger, n, l->v[i].reason);
        ack->open -= n;
    }
}

/* What is still open when the last answer has come goes into its column. */
static void book_open(struct ack *ack)
{
    const struct outcome *o = &ack->worst;
    const char *reason = o->reason != NULL ? o->reason : "failed";

    if (ack->ledger != NULL && ack->open > 0) {
        if (o->verdict == VERDICT_SAFE) {
            book_losses(ack);
            ledger_deliver(ack->ledger, ack->open);
        } else if (ack->refusable) {
            ledger_refuse(ack->ledger, ack->open, reason);
        } else {
            ledger_drop(ack->ledger, ack->open, reason);
        }
    }
    ack->open = 0;
}

static void run_settled(struct turn_task *task)
{
    struct ack *ack = container_of(task, struct ack, task);

    ack->on_settled(ack, &ack->worst);
}

void ack_init(struct ack *ack, struct turn *turn, struct ledger *ledger, uint64_t items, bool refusable,
              void (*on_settled)(struct ack *, const struct outcome *))
{
    ack->on_settled = on_settled;
    ack->turn = turn;
    ack->ledger = ledger;
    ack->open = items;
    ack->owed = 1;
    ack->refusable = refusable;
    ack->keeps = ack->some_safe = false;
    ack->task = (struct turn_task){ .run = run_settled };
    ack->dropped.n = 0;
    outcome_clear(&ack->worst);
}

void ack_owe(struct ack *ack)
{
    assert(ack->owed > 0);
    ack->owed++;
}

static void take_answer(struct ack *ack, enum verdict verdict)
{
    assert(ack->owed > 0);
    ack->some_safe = ack->some_safe || verdict == VERDICT_SAFE;
    if (--ack->owed > 0)
        return;
    if (ack->worst.verdict == VERDICT_RETRY && (ack->some_safe || ack->dropped.n > 0))
        ack->worst.partly = true;
    if (!ack->keeps || ack->worst.verdict != VERDICT_RETRY)
        book_open(ack);
    losses_move(&ack->worst.lost, &ack->dropped, UINT64_MAX);
    turn_defer(ack->turn, &ack->task);
}

void ack_settle(struct ack *ack, const struct outcome *outcome)
{
    struct outcome whole;

    if (outcome->verdict == VERDICT_SAFE && outcome->rejected > 0) {
        outcome_copy(&whole, outcome);
        complete_losses(&whole);
        outcome = &whole;
    }
    outcome_join(&ack->worst, outcome);
    take_answer(ack, outcome->verdict);
}

void ack_safe(struct ack *ack)
{
    take_answer(ack, VERDICT_SAFE);
}

void ack_fail(struct ack *ack, enum verdict verdict, const char *reason, const char *fmt, ...)
{
    struct outcome o = { .verdict = verdict, .reason = reason };
    va_list args;

    assert(verdict != VERDICT_SAFE);
    va_start(args, fmt);
    vsnprintf(o.why, sizeof(o.why), fmt, args);
    va_end(args);
    ack_settle(ack, &o);
}

void ack_drop(struct ack *ack, uint64_t n, const char *reason)
{
    assert(ack->open >= n);
    ack->open -= n;
    losses_add(&ack->dropped, n, reason);
    if (ack->ledger != NULL)
        ledger_drop(ack->ledger, n, reason);
}

void ack_make(struct ack *ack, uint64_t n)
{
    ack->open += n;
    if (ack->ledger != NULL)
        ledger_receive(ack->ledger, n);
}

void ack_move(struct ack *from, struct ack *to, uint64_t n)
{
    assert(from->ledger == to->ledger && from->open >= n);
    from->open -= n;
    to->open += n;
}

void ack_withdraw(struct ack *ack, uint64_t n)
{
    assert(ack->open >= n);
    ack->open -= n;
    if (ack->ledger != NULL)
        ledger_withdraw(ack->ledger, n);
}

void ack_give_up(struct ack *ack)
{
    book_open(ack);
}

void ack_cancel(struct ack *ack)
{
    turn_cancel(ack->turn, &ack->task);
}
