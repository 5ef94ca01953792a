/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts stand in a hash table, to be found, and in a heap by their number of connections, to know the largest. When
 * room is needed the largest hosts are looked at first, and of each the connections in the order in which they came;
 * who is busy goes to the end of that order, so that a look at few of them is enough in the long run, however many
 * there are. */
#include "net/socket/crowd.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>

#define RESERVE_MIN 16
#define RESERVE_MAX 128
#define LOOKS 256 /* at connections, to find one that gives way */

void crowd_init(struct crowd *c)
{
    struct rlimit files = { 0 };
    rlim_t limit, reserve;

    *c = (struct crowd){ .max_fd = INT32_MAX };
    if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) != sizeof(c->seed))
        c->seed = (uint64_t)(uintptr_t)c;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= INT32_MAX)
        return;
    limit = files.rlim_cur;
    reserve = limit / 8;
    reserve = reserve < RESERVE_MIN ? RESERVE_MIN : reserve > RESERVE_MAX ? RESERVE_MAX : reserve;
    c->max_fd = (int)(limit > 2 * reserve ? limit - reserve : limit - limit / 4);
}

void crowd_free(struct crowd *c)
{
    assert(c->n == 0);
    vec_free(&c->heap);
    free(c->buckets);
    *c = (struct crowd){ .max_fd = c->max_fd };
}

/* --- hosts by address --- */

static struct crowd_host **bucket_of(const struct crowd *c, const struct peer *peer)
{
    struct {
        uint64_t seed, family;
        uint8_t network[16];
    } key = { c->seed, peer->family, { 0 } };

    peer_network(peer, key.network);
    return &c->buckets[bytes_hash(bytes_of(&key, sizeof(key))) & (c->n_buckets - 1)];
}

static struct crowd_host *find_host(const struct crowd *c, const struct peer *peer)
{
    struct crowd_host *h = c->n_buckets > 0 ? *bucket_of(c, peer) : NULL;

    while (h != NULL && !peer_same_host(&h->peer, peer))
        h = h->next;
    return h;
}

static void link_host(struct crowd *c, struct crowd_host *h)
{
    struct crowd_host **bucket = bucket_of(c, &h->peer);

    h->next = *bucket;
    *bucket = h;
}

static void grow_table(struct crowd *c)
{
    if (c->heap.n < c->n_buckets)
        return;
    c->n_buckets = c->n_buckets > 0 ? 2 * c->n_buckets : 64;
    free(c->buckets);
    c->buckets = mem_zalloc(c->n_buckets * sizeof(struct crowd_host *));
    for (size_t i = 0; i < c->heap.n; i++)
        link_host(c, c->heap.v[i]);
}

static void unlink_host(struct crowd *c, struct crowd_host *h)
{
    struct crowd_host **at = bucket_of(c, &h->peer);

    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
}

/* --- hosts by size --- */

static void put_at(struct crowd *c, size_t slot, struct crowd_host *h)
{
    c->heap.v[slot] = h;
    h->slot = slot;
}

static void sift_up(struct crowd *c, struct crowd_host *h)
{
    size_t at = h->slot;

    for (; at > 0 && c->heap.v[(at - 1) / 2]->n < h->n; at = (at - 1) / 2)
        put_at(c, at, c->heap.v[(at - 1) / 2]);
    put_at(c, at, h);
}

static void sift_down(struct crowd *c, struct crowd_host *h)
{
    size_t at = h->slot;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < c->heap.n && c->heap.v[child + 1]->n > c->heap.v[child]->n)
            child++;
        if (child >= c->heap.n || c->heap.v[child]->n <= h->n)
            break;
        put_at(c, at, c->heap.v[child]);
        at = child;
    }
    put_at(c, at, h);
}

static struct crowd_host *add_host(struct crowd *c, const struct peer *peer)
{
    struct crowd_host *h = mem_zalloc(sizeof(*h));

    h->peer = *peer;
    list_init(&h->members);
    grow_table(c);
    link_host(c, h);
    *vec_push(&c->heap) = h;
    h->slot = c->heap.n - 1;
    return h;
}

static void remove_host(struct crowd *c, struct crowd_host *h)
{
    struct crowd_host *last = c->heap.v[--c->heap.n];

    unlink_host(c, h);
    if (last != h) {
        put_at(c, h->slot, last);
        sift_up(c, last);
        sift_down(c, last);
    }
    free(h);
}

/* --- members --- */

void crowd_join(struct crowd *c, struct crowd_member *m, const struct peer *peer)
{
    struct crowd_host *h = find_host(c, peer);

    if (h == NULL)
        h = add_host(c, peer);
    m->host = h;
    list_push(&h->members, &m->link);
    h->n++;
    c->n++;
    sift_up(c, h);
}

void crowd_leave(struct crowd *c, struct crowd_member *m)
{
    struct crowd_host *h = m->host;

    if (h == NULL)
        return;
    m->host = NULL;
    list_remove(&m->link);
    c->n--;
    if (--h->n == 0)
        remove_host(c, h);
    else
        sift_down(c, h);
    if (c->on_left != NULL)
        c->on_left(c);
}

/* The best to let go, and what it is. */
struct choice {
    struct crowd_member *member;
    enum crowd_rank rank;
    uint64_t since;
};

/* Look at some of a host's connections, or of those that keep something. Those that stay go to the end of their order.
 */
static void look_at(struct crowd_host *h, bool keepers, struct choice *best, unsigned *looks)
{
    for (size_t left = h->n; left > 0 && *looks > 0; left--) {
        struct crowd_member *m = container_of(h->members.next, struct crowd_member, link);
        enum crowd_rank rank;
        uint64_t since = 0;

        list_remove(&m->link);
        list_push(&h->members, &m->link);
        if (keepers && m->kept == 0)
            continue;
        (*looks)--;
        rank = m->rank(m, &since);
        if (rank == CROWD_BUSY || rank > best->rank || (rank == best->rank && since >= best->since))
            continue;
        *best = (struct choice){ m, rank, since };
    }
}

static bool let_go(struct crowd *c, const struct peer *peer, bool keepers)
{
    const struct crowd_host *asks = peer != NULL ? find_host(c, peer) : NULL;
    struct choice best = { .rank = CROWD_BUSY };
    unsigned looks = LOOKS;

    for (size_t i = 0; i < c->heap.n && looks > 0; i++) {
        struct crowd_host *h = c->heap.v[i];

        if (keepers && h->kept == 0)
            continue;
        if (best.member != NULL && h->n + (best.rank == CROWD_UNFINISHED) < best.member->host->n)
            break;
        look_at(h, keepers, &best, &looks);
    }
    if (best.member == NULL)
        return false;
    /* Half a request is lost only to who has fewer connections. */
    if (best.rank == CROWD_UNFINISHED && best.member->host->n <= (asks != NULL ? asks->n : 0) + 1)
        return false;
    best.member->give_way(best.member);
    return true;
}

bool crowd_make_room(struct crowd *c, const struct peer *peer)
{
    return let_go(c, peer, false);
}

/* --- requests --- */

void crowd_hold(struct crowd *c, struct crowd_member *m, uint64_t bytes)
{
    m->host->held += bytes;
    c->held += bytes;
}

void crowd_release(struct crowd *c, struct crowd_member *m, uint64_t bytes)
{
    m->host->held -= bytes;
    c->held -= bytes;
}

bool crowd_may_hold(const struct crowd *c, const struct crowd_member *m, uint64_t limit)
{
    if (c->held <= limit / 4)
        return true;
    return c->held <= limit / 2 && m->host->held < c->held / c->heap.n;
}

void crowd_keep(struct crowd *c, struct crowd_member *m, uint64_t bytes)
{
    m->host->kept += bytes - m->kept;
    c->kept += bytes - m->kept;
    m->kept = bytes;
}

bool crowd_may_keep(const struct crowd *c, uint64_t bytes, uint64_t limit)
{
    return c->kept == 0 || c->kept + bytes <= limit / 4;
}

bool crowd_make_room_to_keep(struct crowd *c, const struct peer *peer, uint64_t bytes, uint64_t limit)
{
    while (!crowd_may_keep(c, bytes, limit))
        if (!let_go(c, peer, true))
            return false;
    return true;
}
