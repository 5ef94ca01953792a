/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include "base/mem.h"

#include <assert.h>

static bool has_room(const struct budget *b)
{
    return b->used < b->limit - b->limit / 8;
}

static void unlink_waiter(struct budget_waiter *w)
{
    w->prev->next = w->next;
    w->next->prev = w->prev;
    w->waiting = false;
}

/* Each waiter that stood here when we began gets one call; those who are refused again queue up behind. */
static void wake(struct turn_task *task)
{
    struct budget *b = container_of(task, struct budget, wake);
    size_t n = 0;

    for (struct budget_waiter *w = b->waiters.next; w != &b->waiters; w = w->next)
        n++;
    while (n-- > 0 && b->waiters.next != &b->waiters && has_room(b)) {
        struct budget_waiter *w = b->waiters.next;

        unlink_waiter(w);
        w->on_room(w);
    }
}

void budget_init(struct budget *b, uint64_t limit, struct turn *turn)
{
    *b = (struct budget){ .limit = limit, .turn = turn, .wake = { .run = wake } };
    b->waiters.next = b->waiters.prev = &b->waiters;
}

bool budget_take(struct budget *b, uint64_t n)
{
    if (n > b->limit || b->used > b->limit - n) {
        b->refusals++;
        return false;
    }
    budget_charge(b, n);
    return true;
}

void budget_charge(struct budget *b, uint64_t n)
{
    b->used += n;
    if (b->used > b->peak)
        b->peak = b->used;
}

void budget_give(struct budget *b, uint64_t n)
{
    assert(b->used >= n);
    b->used -= n;
    if (b->waiters.next != &b->waiters && has_room(b))
        turn_defer(b->turn, &b->wake);
}

void budget_wait(struct budget *b, struct budget_waiter *w, void (*on_room)(struct budget_waiter *))
{
    w->on_room = on_room;
    if (w->waiting)
        return;
    w->waiting = true;
    w->next = &b->waiters;
    w->prev = b->waiters.prev;
    w->prev->next = w;
    b->waiters.prev = w;
    if (has_room(b))
        turn_defer(b->turn, &b->wake);
}

void budget_cancel(struct budget *b, struct budget_waiter *w)
{
    (void)b;
    if (w->waiting)
        unlink_waiter(w);
}
