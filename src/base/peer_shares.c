/* SPDX-License-Identifier: Apache-2.0 */
/* A table of those peers who have a share open, chained, grown by doubling; a peer whose last share is closed leaves
 * it. So it is never larger than what the callers have open, which they bound. */
#include "base/peer_shares.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_SLOTS 16
#define SPARES_MAX 64
#define GREEDY_PART 32 /* of the budget: who holds less is not to blame when it is full */

static struct peer_share **slot_of(struct peer_shares *p, const uint8_t key[PEER_KEY])
{
    uint8_t seeded[PEER_KEY + sizeof(p->seed)];

    memcpy(seeded, &p->seed, sizeof(p->seed));
    memcpy(seeded + sizeof(p->seed), key, PEER_KEY);
    return &p->slots[bytes_hash(bytes_of(seeded, sizeof(seeded))) & p->mask];
}

void peer_shares_init(struct peer_shares *p)
{
    *p =
        (struct peer_shares){ .slots = mem_zalloc(FIRST_SLOTS * sizeof(struct peer_share *)), .mask = FIRST_SLOTS - 1 };
    if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) != sizeof(p->seed))
        p->seed = (uintptr_t)p; /* at boot; an address is something, too */
}

static struct peer_share *take_spare(struct peer_shares *p)
{
    struct peer_share *s = p->spare;

    p->spare = s->next;
    p->n_spare--;
    return s;
}

static void put_spare(struct peer_shares *p, struct peer_share *s)
{
    if (p->n_spare == SPARES_MAX) {
        free(s);
        return;
    }
    s->next = p->spare;
    p->spare = s;
    p->n_spare++;
}

void peer_shares_free(struct peer_shares *p)
{
    assert(p->n == 0);
    while (p->spare != NULL)
        free(take_spare(p));
    free(p->slots);
    p->slots = NULL;
}

static void grow_slots(struct peer_shares *p)
{
    struct peer_share **old = p->slots;
    size_t n = p->mask + 1;

    p->slots = mem_zalloc(2 * n * sizeof(struct peer_share *));
    p->mask = 2 * n - 1;
    for (size_t i = 0; i < n; i++)
        for (struct peer_share *s = old[i], *next; s != NULL; s = next) {
            struct peer_share **slot = slot_of(p, s->key);

            next = s->next;
            s->next = *slot;
            *slot = s;
        }
    free(old);
}

struct peer_share *peer_share_open(struct peer_shares *p, const uint8_t key[PEER_KEY])
{
    struct peer_share **slot = slot_of(p, key), *s = *slot;

    while (s != NULL && memcmp(s->key, key, PEER_KEY) != 0)
        s = s->next;
    if (s == NULL) {
        if (p->n > p->mask) {
            grow_slots(p);
            slot = slot_of(p, key);
        }
        s = p->spare != NULL ? take_spare(p) : mem_alloc(sizeof(*s));
        *s = (struct peer_share){ .next = *slot };
        memcpy(s->key, key, PEER_KEY);
        *slot = s;
        p->n++;
    }
    s->refs++;
    return s;
}

void peer_share_close(struct peer_shares *p, struct peer_share *share)
{
    struct peer_share **at = slot_of(p, share->key);

    assert(share->refs > 0);
    if (--share->refs > 0)
        return;
    assert(share->held == 0);
    while (*at != share)
        at = &(*at)->next;
    *at = share->next;
    put_spare(p, share);
    p->n--;
}

uint64_t peer_share_need(const struct peer_share *share, uint64_t n)
{
    uint64_t holds = share->held + n;

    return holds > PEER_FREE ? n + holds : n;
}

enum peer_verdict peer_share_ask(const struct peer_share *share, const struct budget *budget, uint64_t n)
{
    if (peer_share_need(share, n) <= budget_room(budget))
        return PEER_TAKEN;
    return share->held + n > budget_limit(budget) / GREEDY_PART ? PEER_GREEDY : PEER_FULL;
}

enum peer_verdict peer_share_take(struct peer_share *share, struct budget *budget, uint64_t n)
{
    enum peer_verdict v = peer_share_ask(share, budget, n);

    if (v == PEER_TAKEN)
        peer_share_charge(share, budget, n);
    else
        budget_refuse(budget);
    return v;
}

void peer_share_charge(struct peer_share *share, struct budget *budget, uint64_t n)
{
    budget_charge(budget, n);
    share->held += n;
}

void peer_share_give(struct peer_share *share, struct budget *budget, uint64_t n)
{
    assert(share->held >= n);
    share->held -= n;
    budget_give(budget, n);
}
