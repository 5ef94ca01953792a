/* SPDX-License-Identifier: Apache-2.0 */
/* An account for each kind, id and signal. A ledger that ends is added to the account's past; one on a disk leaves
 * there what is settled, under the disk's number, and only what was refused, of which a disk knows nothing, is past.
 * What was left counts for as long as no ledger at work is on the same disk. */
#include "pipeline/ledger_book.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ledger_account {
    struct ledger past;
    VEC(struct ledger *) left; /* on disks, by their number `disk` */
    VEC(const struct ledger *) live;
};

static struct ledger_account *find_account(const struct ledger_book *b, const struct ledger *l)
{
    for (size_t i = 0; i < b->accounts.n; i++) {
        const struct ledger *past = &b->accounts.v[i]->past;

        if (past->signal == l->signal && strcmp(past->kind, l->kind) == 0 && strcmp(past->id, l->id) == 0)
            return b->accounts.v[i];
    }
    return NULL;
}

static struct ledger *find_left(const struct ledger_account *a, uint64_t disk)
{
    for (size_t i = 0; i < a->left.n; i++)
        if (a->left.v[i]->disk == disk)
            return a->left.v[i];
    return NULL;
}

static bool is_at_work(const struct ledger_account *a, uint64_t disk)
{
    for (size_t i = 0; i < a->live.n; i++)
        if (a->live.v[i]->disk == disk)
            return true;
    return false;
}

static void add_reasons(struct ledger *to, const struct ledger_reasons *reasons,
                        void (*book)(struct ledger *l, uint64_t n, const char *reason))
{
    for (size_t i = 0; i < reasons->n; i++) {
        ledger_receive(to, reasons->v[i].items);
        book(to, reasons->v[i].items, reasons->v[i].reason);
    }
}

static void add_settled(struct ledger *to, const struct ledger *l)
{
    ledger_receive(to, l->delivered);
    ledger_deliver(to, l->delivered);
    add_reasons(to, &l->dropped, ledger_drop);
}

static void add_ledger(struct ledger *to, const struct ledger *l)
{
    add_settled(to, l);
    add_reasons(to, &l->refused, ledger_refuse);
    ledger_receive(to, l->held);
}

void ledger_book_add(struct ledger_book *b, const struct ledger *l)
{
    struct ledger_account *a = find_account(b, l);

    if (a == NULL) {
        a = *vec_push(&b->accounts) = mem_zalloc(sizeof(*a));
        ledger_init(&a->past, l->kind, l->id, l->signal);
    }
    *vec_push(&a->live) = l;
}

static void leave_on_disk(struct ledger_account *a, const struct ledger *l)
{
    struct ledger *left = find_left(a, l->disk);

    if (left == NULL)
        left = *vec_push(&a->left) = mem_zalloc(sizeof(*left));
    else
        ledger_free(left);
    ledger_init(left, a->past.kind, a->past.id, a->past.signal);
    left->disk = l->disk;
    add_settled(left, l);
}

void ledger_book_end(struct ledger_book *b, const struct ledger *l)
{
    struct ledger_account *a = find_account(b, l);
    size_t i = 0;

    assert(a != NULL);
    while (i < a->live.n && a->live.v[i] != l)
        i++;
    assert(i < a->live.n);
    a->live.v[i] = a->live.v[--a->live.n];
    if (l->disk != 0)
        leave_on_disk(a, l);
    else
        add_settled(&a->past, l);
    add_reasons(&a->past, &l->refused, ledger_refuse);
}

const struct ledger *ledger_book_left(const struct ledger_book *b, const struct ledger *l)
{
    const struct ledger_account *a = find_account(b, l);

    return a != NULL && l->disk != 0 ? find_left(a, l->disk) : NULL;
}

static void visit_account(const struct ledger_account *a, void (*visit)(const struct ledger *l, void *arg), void *arg)
{
    for (size_t i = 0; i < a->live.n; i++)
        visit(a->live.v[i], arg);
    visit(&a->past, arg);
    for (size_t i = 0; i < a->left.n; i++)
        if (!is_at_work(a, a->left.v[i]->disk))
            visit(a->left.v[i], arg);
}

static void add_to_sum(const struct ledger *l, void *sum)
{
    add_ledger(sum, l);
}

void ledger_book_sum(const struct ledger_book *b, const struct ledger *l, struct ledger *sum)
{
    const struct ledger_account *a = find_account(b, l);

    ledger_init(sum, l->kind, l->id, l->signal);
    sum->disk = l->disk;
    if (a != NULL)
        visit_account(a, add_to_sum, sum);
    else
        add_ledger(sum, l);
}

void ledger_book_each(const struct ledger_book *b, void (*visit)(const struct ledger *l, void *arg), void *arg)
{
    for (size_t i = 0; i < b->accounts.n; i++)
        visit_account(b->accounts.v[i], visit, arg);
}

void ledger_book_free(struct ledger_book *b)
{
    for (size_t i = 0; i < b->accounts.n; i++) {
        struct ledger_account *a = b->accounts.v[i];

        for (size_t k = 0; k < a->left.n; k++) {
            ledger_free(a->left.v[k]);
            free(a->left.v[k]);
        }
        ledger_free(&a->past);
        vec_free(&a->left);
        vec_free(&a->live);
        free(a);
    }
    vec_free(&b->accounts);
}
