/* SPDX-License-Identifier: Apache-2.0 */
/* Each function moves items from one column to another and asserts that they were there; reasons are added when they
 * first come and stay. */
#include "pipeline/ledger.h"

#include "base/mem.h"
#include "base/unconst.h"

#include <assert.h>
#include <string.h>

void ledger_init(struct ledger *l, const char *kind, const char *id, enum signal signal)
{
    *l = (struct ledger){ .kind = kind, .id = mem_strdup(id), .signal = signal };
}

void ledger_set_label(struct ledger *l, const char *name, const char *value)
{
    assert(l->n_labels < LEDGER_LABELS);
    l->labels[l->n_labels++] = (struct metric_label){ name, mem_strdup(value) };
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->n_labels; i++)
        free_const(l->labels[i].value);
    free(l->id);
    vec_free(&l->refused);
    vec_free(&l->dropped);
}

/* The reasons are few and static: a search by pointer first, by text for the same word from two files. */
static uint64_t *column_of(struct ledger_reasons *reasons, const char *reason)
{
    struct ledger_reason *r;

    assert(reason != NULL);
    for (size_t i = 0; i < reasons->n; i++)
        if (reasons->v[i].reason == reason || strcmp(reasons->v[i].reason, reason) == 0)
            return &reasons->v[i].items;
    r = vec_push(reasons);
    *r = (struct ledger_reason){ .reason = reason };
    return &r->items;
}

static void let_go(struct ledger *l, uint64_t n)
{
    assert(l->held >= n);
    l->held -= n;
}

void ledger_receive(struct ledger *l, uint64_t n)
{
    l->received += n;
    l->held += n;
}

void ledger_deliver(struct ledger *l, uint64_t n)
{
    let_go(l, n);
    l->delivered += n;
}

void ledger_refuse(struct ledger *l, uint64_t n, const char *reason)
{
    if (n == 0)
        return;
    let_go(l, n);
    *column_of(&l->refused, reason) += n;
}

void ledger_drop(struct ledger *l, uint64_t n, const char *reason)
{
    if (n == 0)
        return;
    let_go(l, n);
    *column_of(&l->dropped, reason) += n;
}

void ledger_withdraw(struct ledger *l, uint64_t n)
{
    let_go(l, n);
    assert(l->received >= n);
    l->received -= n;
}

uint64_t ledger_reasons_total(const struct ledger_reasons *reasons)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < reasons->n; i++)
        sum += reasons->v[i].items;
    return sum;
}

bool ledger_sums(const struct ledger *l)
{
    return l->received ==
           l->delivered + l->held + ledger_reasons_total(&l->refused) + ledger_reasons_total(&l->dropped);
}
