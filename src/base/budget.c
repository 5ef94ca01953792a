/* SPDX-License-Identifier: Apache-2.0 */
/* Charging is adding: to the share, to the whole, and what the share uses of its reserve is no longer kept for it.
 * Giving back is the same the other way round, and calls those who wait when there is room again. A charge by force
 * may pass the limit; shares then still get their reserves as far as memory goes, for only what others keep free stands
 * against them. */
#include "base/budget.h"

#include "base/mem.h"

#include <assert.h>

static struct budget *whole_of(struct budget *b)
{
    return b->whole != NULL ? b->whole : b;
}

/* What is kept for it alone. */
static uint64_t kept_for(const struct budget *b)
{
    return b->reserve > b->used ? b->reserve - b->used : 0;
}

static uint64_t less_or_zero(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint64_t budget_room(const struct budget *b)
{
    const struct budget *whole = b->whole != NULL ? b->whole : b;
    uint64_t all = less_or_zero(whole->limit, whole->used), own = kept_for(b);
    uint64_t open = less_or_zero(all, whole->kept);

    return open + own < all ? open + own : all;
}

uint64_t budget_most(const struct budget *b)
{
    const struct budget *whole = b->whole != NULL ? b->whole : b;
    uint64_t most = whole->limit;

    for (size_t i = 0; i < whole->n_shares; i++)
        if (&whole->shares[i] != b)
            most = less_or_zero(most, whole->shares[i].reserve);
    return most;
}

static bool has_room(const struct budget *b)
{
    uint64_t some = b->reserve > 0 ? b->reserve / 2 : budget_limit(b) / 8;

    return budget_room(b) > some;
}

static void add_waiter(struct budget *b, struct budget_waiter *w)
{
    list_push(&b->waiters, &w->link);
    whole_of(b)->n_waiting++;
}

/* Each waiter that stood here when we began has its turn once; those who need more than there is, and those who are
 * refused again, queue up behind. */
static void wake_waiters(struct turn_task *task)
{
    struct budget *b = container_of(task, struct budget, wake);
    size_t n = 0;

    list_each (struct budget_waiter, w, &b->waiters, link)
        n++;
    while (n-- > 0 && !list_empty(&b->waiters) && has_room(b)) {
        struct budget_waiter *w = list_pop(&b->waiters, struct budget_waiter, link);

        whole_of(b)->n_waiting--;
        if (w->need <= budget_room(b))
            w->on_room(w);
        else
            add_waiter(b, w);
    }
}

void budget_init(struct budget *b, uint64_t limit, struct turn *turn)
{
    *b = (struct budget){ .limit = limit, .turn = turn, .wake = { .run = wake_waiters } };
    list_init(&b->waiters);
}

void budget_divide(struct budget *b, struct budget *shares, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        budget_init(&shares[i], 0, b->turn);
        shares[i].whole = b;
    }
    b->shares = shares;
    b->n_shares = n;
}

static void call_waiters(struct budget *b)
{
    if (!list_empty(&b->waiters) && has_room(b))
        turn_defer(b->turn, &b->wake);
}

/* There may be more room than before. As a rule nobody waits for it. */
static void call_all(struct budget *whole)
{
    if (whole->n_waiting == 0)
        return;
    call_waiters(whole);
    for (size_t i = 0; i < whole->n_shares; i++)
        call_waiters(&whole->shares[i]);
}

static void set_reserve(struct budget *share, uint64_t reserve)
{
    share->whole->kept -= kept_for(share);
    share->reserve = reserve;
    share->whole->kept += kept_for(share);
}

void budget_keep(struct budget *share, bool on)
{
    set_reserve(share, on ? share->whole->limit / BUDGET_RESERVE : 0);
    call_all(share->whole);
}

void budget_set_limit(struct budget *b, uint64_t limit)
{
    b->limit = limit;
    for (size_t i = 0; i < b->n_shares; i++)
        set_reserve(&b->shares[i], b->shares[i].reserve > 0 ? limit / BUDGET_RESERVE : 0);
    call_all(b);
}

void budget_refuse(struct budget *b)
{
    whole_of(b)->refusals++;
}

bool budget_take(struct budget *b, uint64_t n)
{
    if (n > budget_room(b)) {
        budget_refuse(b);
        return false;
    }
    budget_charge(b, n);
    return true;
}

static void add_used(struct budget *b, uint64_t n)
{
    b->used += n;
    if (b->used > b->peak)
        b->peak = b->used;
}

void budget_charge(struct budget *b, uint64_t n)
{
    uint64_t kept = kept_for(b);

    add_used(b, n);
    if (b->whole == NULL)
        return;
    b->whole->kept -= kept - kept_for(b);
    add_used(b->whole, n);
}

void budget_give(struct budget *b, uint64_t n)
{
    struct budget *whole = whole_of(b);
    uint64_t kept = kept_for(b);

    assert(b->used >= n && whole->used >= n);
    b->used -= n;
    if (b != whole) {
        whole->kept += kept_for(b) - kept;
        whole->used -= n;
    }
    call_all(whole);
}

void budget_wait(struct budget *b, struct budget_waiter *w, void (*on_room)(struct budget_waiter *))
{
    w->on_room = on_room;
    if (list_linked(&w->link))
        return;
    add_waiter(b, w);
    call_waiters(b);
}

void budget_cancel(struct budget *b, struct budget_waiter *w)
{
    if (list_linked(&w->link))
        whole_of(b)->n_waiting--;
    list_remove(&w->link);
}
