/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/ack.h"

#include "base/mem.h"
#include "pipeline/ledger.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Most answers are a plain SAFE: the text is copied only as far as it goes. */
static void copy_outcome(struct outcome *to, const struct outcome *from)
{
    to->verdict = from->verdict;
    to->rejected = from->rejected;
    to->reason = from->reason;
    to->retry_after_ms = from->retry_after_ms;
    to->grpc_status = from->grpc_status;
    memcpy(to->why, from->why, strnlen(from->why, sizeof(from->why) - 1) + 1);
    to->why[sizeof(to->why) - 1] = '\0';
}

void outcome_join(struct outcome *worst, const struct outcome *more)
{
    uint64_t wait = worst->verdict == VERDICT_RETRY ? worst->retry_after_ms : 0;

    if (more->verdict > worst->verdict ||
        (more->verdict == VERDICT_SAFE && worst->verdict == VERDICT_SAFE && more->rejected > worst->rejected)) {
        copy_outcome(worst, more);
    } else if (more->verdict == VERDICT_RETRY && more->retry_after_ms > wait) {
        worst->retry_after_ms = more->retry_after_ms;
    }
}

void outcome_add_part(struct outcome *sum, const struct outcome *sent, uint64_t items, uint64_t *rejected)
{
    uint64_t before = sum->rejected, own = *rejected < items ? *rejected : items;
    struct outcome part;

    copy_outcome(&part, sent);
    part.rejected = own;
    *rejected -= own;
    outcome_join(sum, &part);
    if (sum->verdict == VERDICT_SAFE) {
        sum->rejected = before + own;
        if (sum->reason == NULL)
            sum->reason = part.reason;
    }
}

/* What is still open when the last answer has come goes into its column. */
static void book(struct ack *ack)
{
    const struct outcome *o = &ack->worst;
    uint64_t rejected = o->rejected < ack->open ? o->rejected : ack->open;

    if (ack->ledger != NULL && ack->open > 0) {
        if (o->verdict == VERDICT_SAFE) {
            ledger_drop(ack->ledger, rejected, o->reason != NULL ? o->reason : "rejected");
            ledger_deliver(ack->ledger, ack->open - rejected);
        } else if (ack->refusable) {
            ledger_refuse(ack->ledger, ack->open, o->reason != NULL ? o->reason : "failed");
        } else {
            ledger_drop(ack->ledger, ack->open, o->reason != NULL ? o->reason : "failed");
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
    ack->task = (struct turn_task){ .run = run_settled };
    copy_outcome(&ack->worst, &(const struct outcome){ .verdict = VERDICT_SAFE });
}

void ack_owe(struct ack *ack)
{
    assert(ack->owed > 0);
    ack->owed++;
}

static void answered(struct ack *ack)
{
    assert(ack->owed > 0);
    if (--ack->owed > 0)
        return;
    book(ack);
    turn_defer(ack->turn, &ack->task);
}

void ack_settle(struct ack *ack, const struct outcome *outcome)
{
    outcome_join(&ack->worst, outcome);
    answered(ack);
}

void ack_safe(struct ack *ack)
{
    answered(ack);
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
    if (ack->ledger != NULL)
        ledger_drop(ack->ledger, n, reason);
}

void ack_move(struct ack *from, struct ack *to, uint64_t n)
{
    assert(from->ledger == to->ledger && from->open >= n);
    from->open -= n;
    to->open += n;
}

void ack_cancel(struct ack *ack)
{
    turn_cancel(ack->turn, &ack->task);
}
