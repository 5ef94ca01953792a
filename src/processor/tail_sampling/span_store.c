/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is walked once: the fields of each resource and scope, but for what is inside, are its head, which is looked
 * for by the hash of its bytes and made when it is not there. Runs of spans become fragments, which hold their scope's
 * head, as that holds its resource's; the last one that refers to a head takes it along.
 *
 * What can go wrong: memory. Nothing is refused here: `bytes` counts what all of it takes, and is charged after each
 * batch; who puts spans in keeps it small. */
#include "processor/tail_sampling/span_store.h"

#include "base/mem.h"
#include "otlp/view.h"

#include <assert.h>
#include <stdlib.h>

#define LEAST_SLOTS 64u
#define MALLOC_COST 16 /* bytes beside each allocation */

void span_store_init(struct span_store *s, struct budget *budget)
{
    *s = (struct span_store){ .budget = budget, .n_slots = LEAST_SLOTS };
    s->slots = mem_zalloc(s->n_slots * sizeof(struct head *));
    s->bytes = s->n_slots * sizeof(struct head *);
    span_store_charge(s);
}

void span_store_free(struct span_store *s)
{
    assert(s->n_heads == 0);
    free(s->slots);
    s->bytes -= s->n_slots * sizeof(struct head *);
    assert(s->bytes == 0);
    span_store_charge(s);
}

void span_store_charge(struct span_store *s)
{
    if (s->bytes > s->charged)
        budget_charge(s->budget, s->bytes - s->charged);
    else if (s->bytes < s->charged)
        budget_give(s->budget, s->charged - s->bytes);
    s->charged = s->bytes;
}

/* ---- heads ---- */

static struct head **slot_of(const struct span_store *s, uint64_t hash)
{
    return &s->slots[hash & (s->n_slots - 1)];
}

static void put_head(struct span_store *s, struct head *h)
{
    struct head **slot = slot_of(s, h->hash);

    h->next = *slot;
    *slot = h;
}

static void grow_slots(struct span_store *s)
{
    struct head **old = s->slots;
    size_t n_old = s->n_slots;

    s->n_slots *= 2;
    s->bytes += n_old * sizeof(struct head *);
    s->slots = mem_zalloc(s->n_slots * sizeof(struct head *));
    for (size_t i = 0; i < n_old; i++)
        for (struct head *h = old[i], *next; h != NULL; h = next) {
            next = h->next;
            put_head(s, h);
        }
    free(old);
}

static uint64_t hash_content(const struct head *parent, const struct pieces *content)
{
    uint64_t hash = parent != NULL ? parent->hash : 0;

    for (size_t i = 0; i < content->n; i++)
        hash = (hash ^ bytes_hash(content->v[i])) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static bool has_content(const struct head *h, const struct pieces *content)
{
    const uint8_t *at = h->data;

    if (h->len != content->len)
        return false;
    for (size_t i = 0; i < content->n; at += content->v[i++].len)
        if (memcmp(at, content->v[i].data, content->v[i].len) != 0)
            return false;
    return true;
}

static size_t head_cost(const struct head *h)
{
    return sizeof(*h) + h->len + MALLOC_COST;
}

static struct head *make_head(struct span_store *s, struct head *parent, const struct pieces *content, uint64_t hash)
{
    struct head *h = mem_alloc(sizeof(*h) + content->len);
    uint8_t *at = h->data;

    *h = (struct head){ .parent = parent, .hash = hash, .number = s->next_number++, .refs = 1, .len = content->len };
    for (size_t i = 0; i < content->n; at += content->v[i++].len)
        memcpy(at, content->v[i].data, content->v[i].len);
    if (parent != NULL)
        parent->refs++;
    if (s->n_heads++ == s->n_slots)
        grow_slots(s);
    put_head(s, h);
    s->bytes += head_cost(h);
    return h;
}

/* The head with this content: one more reference. `parent`: NULL for a resource. */
static struct head *find_head(struct span_store *s, struct head *parent, const struct pieces *content)
{
    uint64_t hash = hash_content(parent, content);

    for (struct head *h = *slot_of(s, hash); h != NULL; h = h->next)
        if (h->hash == hash && h->parent == parent && has_content(h, content)) {
            h->refs++;
            return h;
        }
    return make_head(s, parent, content, hash);
}

/* One reference less. */
static void release_head(struct span_store *s, struct head *h)
{
    while (h != NULL && --h->refs == 0) {
        struct head *parent = h->parent, **at = slot_of(s, h->hash);

        while (*at != h)
            at = &(*at)->next;
        *at = h->next;
        s->n_heads--;
        s->bytes -= head_cost(h);
        free(h);
        h = parent;
    }
}

struct scope_walk {
    struct span_store *store;
    struct pieces *scratch;
    void (*take)(void *arg, struct bytes scope_group, struct head *scope);
    void *arg;
};

/* Every field of the message but those of this number. */
static struct head *read_head(const struct scope_walk *w, struct head *parent, struct bytes message, uint32_t but)
{
    struct pb_reader r = pb_reader(message);

    w->scratch->n = w->scratch->len = 0;
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != but)
            pieces_add(w->scratch, bytes_of(f.start, (size_t)(r.p - f.start)));
    return find_head(w->store, parent, w->scratch);
}

static void walk_resource(const struct scope_walk *w, struct bytes group)
{
    struct head *resource = read_head(w, NULL, group, OTLP_RESOURCE_GROUP_SCOPES);
    struct pb_reader r = pb_reader(group);

    for (struct bytes scope_group; message_next(&r, OTLP_RESOURCE_GROUP_SCOPES, &scope_group);) {
        struct head *scope = read_head(w, resource, scope_group, OTLP_SCOPE_GROUP_ITEMS);

        w->take(w->arg, scope_group, scope);
        release_head(w->store, scope);
    }
    release_head(w->store, resource);
}

void span_store_scopes(struct span_store *s, const struct batch *batch, struct pieces *scratch,
                       void (*take)(void *arg, struct bytes scope_group, struct head *scope), void *arg)
{
    const struct scope_walk w = { s, scratch, take, arg };

    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(batch->segments[i].data, batch->segments[i].len));

        for (struct bytes group; message_next(&r, OTLP_REQUEST_RESOURCES, &group);)
            walk_resource(&w, group);
    }
}

/* ---- fragments ---- */

void fragments_init(struct fragments *f)
{
    *f = (struct fragments){ .first = NULL };
    f->last = &f->first;
}

static size_t fragment_cost(const struct fragment *f)
{
    return sizeof(*f) + f->len + MALLOC_COST;
}

void span_store_add(struct span_store *s, struct fragments *to, struct head *scope, struct bytes run, uint32_t n)
{
    struct fragment *f = mem_alloc(sizeof(*f) + run.len);

    *f = (struct fragment){ .scope = scope, .len = (uint32_t)run.len, .spans = n };
    memcpy(f->data, run.data, run.len);
    scope->refs++;
    *to->last = f;
    to->last = &f->next;
    to->spans += n;
    to->bytes += run.len;
    s->bytes += fragment_cost(f);
}

void fragments_move(struct fragments *to, struct fragments *from)
{
    if (from->first == NULL)
        return;
    *to->last = from->first;
    to->last = from->last;
    to->spans += from->spans;
    to->bytes += from->bytes;
    fragments_init(from);
}

struct fragment *fragments_pop(struct fragments *f)
{
    struct fragment *first = f->first;

    if (first == NULL)
        return NULL;
    f->first = first->next;
    if (f->first == NULL)
        f->last = &f->first;
    f->spans -= first->spans;
    f->bytes -= first->len;
    return first;
}

void fragment_free(struct span_store *s, struct fragment *f)
{
    s->bytes -= fragment_cost(f);
    release_head(s, f->scope);
    free(f);
}

void fragments_free(struct span_store *s, struct fragments *f)
{
    struct fragment *one;

    while ((one = fragments_pop(f)) != NULL)
        fragment_free(s, one);
}
