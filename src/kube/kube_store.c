/* SPDX-License-Identifier: Apache-2.0 */
/* An object that comes again takes the place of the one that was there. One for which there is no room is refused, and
 * what was known of it is gone, for it is out of date: who has asked for it tries again later. */
#include "kube/kube_store.h"

#include <stdlib.h>
#include <uv.h>

#define SWEEP 256u /* objects of a step */

static uint64_t hash_key(struct bytes key)
{
    return bytes_hash(key);
}

static uint64_t hash_of(const void *entry)
{
    return hash_key(((const struct kube_object *)entry)->key);
}

static bool has_key(const void *entry, const void *key)
{
    return bytes_equal(((const struct kube_object *)entry)->key, *(const struct bytes *)key);
}

void kube_store_init(struct kube_store *s, struct budget *budget)
{
    *s = (struct kube_store){ .budget = budget };
    list_init(&s->objects);
    table_init(&s->table, hash_of, budget);
}

static void free_memory(struct kube_object *o)
{
    arena_free(&o->memory);
    free(o);
}

static void free_object(struct kube_store *s, struct kube_object *o)
{
    budget_give(s->budget, o->charged);
    if (s->walk == &o->link)
        s->walk = o->link.next;
    list_remove(&o->link);
    s->n--;
    free_memory(o);
}

void kube_store_free(struct kube_store *s)
{
    if (s->budget == NULL)
        return;
    list_each (struct kube_object, o, &s->objects, link)
        free_object(s, o);
    table_free(&s->table);
}

const struct kube_object *kube_store_find(const struct kube_store *s, struct bytes key)
{
    return table_find(&s->table, hash_key(key), has_key, &key);
}

/* "namespace/name"; empty: it has no name. */
static struct bytes put_key(struct arena *a, struct bytes ns, struct bytes name)
{
    size_t len = ns.len + (ns.len > 0) + name.len;
    uint8_t *key = arena_alloc_bytes(a, len + 1);

    if (name.len == 0)
        return name;
    memcpy(key + len - name.len, name.data, name.len);
    if (ns.len > 0) {
        memcpy(key, ns.data, ns.len);
        key[ns.len] = '/';
    }
    return bytes_of(key, len);
}

const struct kube_object *kube_store_get(const struct kube_store *s, struct bytes ns, struct bytes name)
{
    struct arena scratch = { 0 };
    const struct kube_object *found = kube_store_find(s, put_key(&scratch, ns, name));

    arena_free(&scratch);
    return found;
}

void kube_store_walk(struct kube_store *s)
{
    s->walk = s->objects.next;
}

const struct kube_object *kube_store_next(struct kube_store *s)
{
    struct list *at = s->walk;

    if (at == NULL || at == &s->objects)
        return NULL;
    s->walk = at->next;
    return container_of(at, struct kube_object, link);
}

static bool is_same(const struct kube_object *known, const struct json_node *root)
{
    struct bytes version = json_text_at(root, "metadata.resourceVersion");

    return version.len > 0 && bytes_equal(version, known->version);
}

static void tell_gone(const struct kube_store *s, const struct kube_object *o)
{
    if (s->told.put != NULL)
        s->told.gone(s->told.owner, o);
}

static void take_out(struct kube_store *s, struct kube_object *o)
{
    table_remove(&s->table, o, hash_of(o));
    free_object(s, o);
}

static void remove_object(struct kube_store *s, struct kube_object *o)
{
    tell_gone(s, o);
    take_out(s, o);
}

static struct kube_object *find_mine(struct kube_store *s, struct bytes key)
{
    return table_find(&s->table, hash_key(key), has_key, &key);
}

/* Before that one, or the end. */
static int add_object(struct kube_store *s, struct kube_object *o, struct list *before, struct error *err)
{
    o->charged = sizeof(*o) + (o->root != NULL ? o->memory.total : o->key.len + o->uid.len + o->version.len);
    if (s->n >= KUBE_MAX_OBJECTS)
        return error_set(err, UV_E2BIG, "there are more than %u objects: choose fewer by namespaces or selectors",
                         KUBE_MAX_OBJECTS);
    if (!budget_take(s->budget, o->charged))
        return error_set(err, UV_ENOMEM, "no room in the memory budget for another object");
    if (!table_insert(&s->table, o, hash_of(o))) {
        budget_give(s->budget, o->charged);
        return error_set(err, UV_ENOMEM, "no place for another object");
    }
    list_insert(before, &o->link);
    s->n++;
    return 0;
}

static struct bytes copy_to(uint8_t **at, struct bytes from)
{
    struct bytes copy = bytes_of(*at, from.len);

    if (from.len > 0)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return copy;
}

/* With the tree and its memory; of what is told the names alone, and the memory goes. */
static struct kube_object *make_object(const struct kube_store *s, struct bytes key, struct json_node *root,
                                       struct arena *memory)
{
    struct bytes uid = json_text_at(root, "metadata.uid"), version = json_text_at(root, "metadata.resourceVersion");
    bool told = s->told.put != NULL;
    struct kube_object *o = mem_alloc(sizeof(*o) + (told ? key.len + uid.len + version.len : 0));
    uint8_t *at = (uint8_t *)(o + 1);

    *o = (struct kube_object){ .listed = s->listing };
    if (told) {
        o->key = copy_to(&at, key);
        o->uid = copy_to(&at, uid);
        o->version = copy_to(&at, version);
        arena_free(memory);
        return o;
    }
    o->key = key;
    o->uid = uid;
    o->version = version;
    o->root = root;
    o->memory = *memory;
    *memory = (struct arena){ 0 };
    return o;
}

/* In the place of `known`, which may be NULL and goes in any case. */
static enum kube_put replace_object(struct kube_store *s, struct kube_object *known, struct bytes key,
                                    struct json_node *root, struct arena *memory, struct error *err)
{
    bool renewed = known != NULL && bytes_equal(known->uid, json_text_at(root, "metadata.uid"));
    struct list *before = known != NULL ? known->link.next : &s->objects;
    bool is_next = known != NULL && s->walk == &known->link;
    struct kube_object *o;

    if (known != NULL && !renewed)
        tell_gone(s, known);
    if (s->told.put != NULL && !s->told.put(s->told.owner, root, renewed, err)) {
        if (renewed)
            tell_gone(s, known);
        if (known != NULL)
            take_out(s, known);
        arena_free(memory);
        return KUBE_REFUSED;
    }
    o = make_object(s, key, root, memory);
    if (known != NULL)
        take_out(s, known);
    if (add_object(s, o, before, err) == 0) {
        s->walk = is_next ? &o->link : s->walk;
        return KUBE_CHANGED;
    }
    tell_gone(s, o);
    free_memory(o);
    return KUBE_REFUSED;
}

enum kube_put kube_store_put(struct kube_store *s, struct json_node *root, struct arena *memory, struct error *err)
{
    struct bytes key = put_key(memory, json_text_at(root, "metadata.namespace"), json_text_at(root, "metadata.name"));
    struct kube_object *known = key.len > 0 ? find_mine(s, key) : NULL;

    if (known != NULL && is_same(known, root)) {
        known->listed = s->listing;
        arena_free(memory);
        return KUBE_SAME;
    }
    if (key.len == 0) {
        arena_free(memory);
        error_set(err, UV_EINVAL, "an object has no metadata.name");
        return KUBE_REFUSED;
    }
    return replace_object(s, known, key, root, memory, err);
}

bool kube_store_remove(struct kube_store *s, const struct json_node *root)
{
    struct arena scratch = { 0 };
    struct bytes key = put_key(&scratch, json_text_at(root, "metadata.namespace"), json_text_at(root, "metadata.name"));
    struct kube_object *o = find_mine(s, key);

    if (o != NULL)
        remove_object(s, o);
    arena_free(&scratch);
    return o != NULL;
}

void kube_store_begin(struct kube_store *s)
{
    s->listing++;
    s->sweep = NULL;
}

bool kube_store_sweep(struct kube_store *s, size_t *gone)
{
    if (s->sweep == NULL)
        s->sweep = s->objects.next;
    for (unsigned i = 0; i < SWEEP && s->sweep != &s->objects; i++) {
        struct kube_object *o = container_of(s->sweep, struct kube_object, link);

        s->sweep = s->sweep->next;
        if (o->listed != s->listing) {
            remove_object(s, o);
            ++*gone;
        }
    }
    if (s->sweep != &s->objects)
        return true;
    s->sweep = NULL;
    return false;
}
