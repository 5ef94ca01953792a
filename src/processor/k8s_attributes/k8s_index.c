/* SPDX-License-Identifier: Apache-2.0 */
/* Pods by what they are known by: addresses, uids, pairs of attributes. Such a key is an entry in a table, and in a
 * chain at its pod, which is freed with the last of them. A pod that comes again is put under its keys once more, and
 * k8s_index_settle() ends the version before it: what only that was known by stays for a while (k8s_index_leave()), for
 * spans of it are still on their way, and goes with k8s_index_expire().
 *
 * What can go wrong: there are as many pods as may be, or the budget has no room: those that have left go first, and
 * then the new one is refused. Two pods with one address: the younger has it. */
#include "processor/k8s_attributes/k8s_index.h"

#include <stdlib.h>

static uint64_t hash_of(const void *entry)
{
    const struct k8s_entry *e = entry;

    return bytes_hash(bytes_of(e->key, e->len));
}

static bool has_key(const void *entry, const void *key)
{
    const struct k8s_entry *e = entry;

    return bytes_equal(bytes_of(e->key, e->len), *(const struct bytes *)key);
}

void k8s_index_init(struct k8s_index *x, struct budget *budget)
{
    *x = (struct k8s_index){ .budget = budget, .most = K8S_MOST_PODS };
    list_init(&x->pods);
    list_init(&x->gone);
    table_init(&x->table, hash_of, budget);
}

static struct k8s_entry *find_entry(const struct k8s_index *x, struct bytes key)
{
    return table_find(&x->table, bytes_hash(key), has_key, &key);
}

static size_t entry_size(const struct k8s_entry *e)
{
    return sizeof(*e) + e->len;
}

static void free_pod(struct k8s_index *x, struct k8s_pod *p)
{
    x->n_gone -= list_linked(&p->link);
    list_remove(&p->link);
    list_remove(&p->all);
    budget_give(x->budget, p->size);
    x->n_pods--;
    free(p);
}

static void unchain_entry(struct k8s_entry *e)
{
    struct k8s_entry **at = &e->pod->entries;

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
}

static void forget_pod(struct k8s_index *x, struct k8s_pod *p)
{
    struct k8s_entry *e;

    while ((e = p->entries) != NULL) {
        p->entries = e->next;
        table_remove(&x->table, e, hash_of(e));
        budget_give(x->budget, entry_size(e));
        free(e);
    }
    free_pod(x, p);
}

void k8s_index_free(struct k8s_index *x)
{
    if (x->budget == NULL)
        return;
    list_each (struct k8s_pod, p, &x->pods, all)
        forget_pod(x, p);
    table_free(&x->table);
}

bool k8s_key_add(struct buf *key, bool connection, struct bytes name, struct bytes value)
{
    const uint16_t lens[2] = { (uint16_t)name.len, (uint16_t)value.len };

    if (value.len == 0 || value.len > K8S_MOST_VALUE || name.len > UINT16_MAX)
        return false;
    buf_putc(key, connection ? 'c' : 'r');
    buf_append(key, lens, sizeof(lens));
    buf_put(key, name);
    buf_put(key, value);
    return true;
}

struct k8s_pod *k8s_index_find(const struct k8s_index *x, struct bytes key)
{
    const struct k8s_entry *e = find_entry(x, key);

    return e != NULL ? e->pod : NULL;
}

bool k8s_index_take(struct k8s_index *x, struct k8s_pod *pod)
{
    while (x->n_pods >= x->most && !list_empty(&x->gone))
        forget_pod(x, list_first(&x->gone, struct k8s_pod, link));
    if (x->n_pods >= x->most || !budget_take(x->budget, pod->size))
        return false;
    x->n_pods++;
    list_push(&x->pods, &pod->all);
    return true;
}

/* Times are written alike, so that their order is that of their bytes. */
bool k8s_pod_is_older(const struct k8s_pod *p, const struct k8s_pod *than)
{
    return p->started.len > 0 && than->started.len > 0 && bytes_compare(p->started, than->started) < 0;
}

static void chain_entry(struct k8s_entry *e, struct k8s_pod *pod)
{
    e->pod = pod;
    e->next = pod->entries;
    pod->entries = e;
}

bool k8s_index_put(struct k8s_index *x, struct bytes key, struct k8s_pod *pod, const struct k8s_pod *before)
{
    struct k8s_entry *e = find_entry(x, key);
    struct k8s_pod *had = e != NULL ? e->pod : NULL;

    if (had == pod || (had != NULL && k8s_pod_is_older(pod, had)))
        return true;
    if (had != NULL) {
        unchain_entry(e);
        chain_entry(e, pod);
        if (had->entries == NULL && had != before) /* who was before goes with k8s_index_settle() */
            free_pod(x, had);
        return true;
    }
    if (!budget_take(x->budget, sizeof(*e) + key.len))
        return false;
    e = mem_alloc(sizeof(*e) + key.len);
    e->len = (uint32_t)key.len;
    memcpy(e->key, key.data, key.len);
    if (!table_insert(&x->table, e, hash_of(e))) {
        budget_give(x->budget, entry_size(e));
        free(e);
        return false;
    }
    chain_entry(e, pod);
    return true;
}

static bool add_uid(struct buf *key, struct bytes uid)
{
    return k8s_key_add(key, false, bytes_str("k8s.pod.uid"), uid);
}

struct k8s_pod *k8s_index_by_uid(const struct k8s_index *x, struct bytes uid)
{
    struct buf key = { 0 };
    struct k8s_pod *found = add_uid(&key, uid) ? k8s_index_find(x, buf_bytes(&key)) : NULL;

    buf_free(&key);
    return found;
}

bool k8s_index_put_uid(struct k8s_index *x, struct k8s_pod *pod, const struct k8s_pod *before)
{
    struct buf key = { 0 };
    bool good = add_uid(&key, pod->uid) && k8s_index_put(x, buf_bytes(&key), pod, before);

    buf_free(&key);
    return good;
}

void k8s_index_leave(struct k8s_index *x, struct k8s_pod *pod, uint64_t due)
{
    if (list_linked(&pod->link))
        return;
    pod->due = due;
    list_push(&x->gone, &pod->link);
    x->n_gone++;
}

void k8s_index_settle(struct k8s_index *x, struct k8s_pod *pod, struct k8s_pod *before, uint64_t due)
{
    if (before != NULL && before != pod) {
        if (before->entries == NULL)
            free_pod(x, before);
        else
            k8s_index_leave(x, before, due);
    }
    if (pod->entries == NULL)
        free_pod(x, pod);
}

uint64_t k8s_index_expire(struct k8s_index *x, uint64_t now)
{
    list_each (struct k8s_pod, p, &x->gone, link) {
        if (p->due > now)
            return p->due;
        forget_pod(x, p);
    }
    return 0;
}
