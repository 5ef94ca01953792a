/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and parts lie in an arena. To make the batch, the tree is walked twice: once for the lengths, from the
 * inside out, and once to write each head with the length that is known then, so that nothing moves. The walk has a
 * stack of its own, so that it can rest anywhere; the tree is as deep as OTLP's way down to an item. */
#include "otlp/assembly.h"

#include "codec/pb.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_SLOTS 64u

struct message *assembly_new(struct assembly *a, uint32_t number)
{
    struct message *m = arena_zalloc(&a->arena, sizeof(*m));

    m->number = number;
    m->last = &m->first;
    return m;
}

void assembly_init(struct assembly *a)
{
    *a = (struct assembly){ .n_slots = FIRST_SLOTS };
    a->known = mem_zalloc(a->n_slots * sizeof(*a->known));
    a->root = assembly_new(a, 0);
}

void assembly_free(struct assembly *a)
{
    arena_free(&a->arena);
    free(a->known);
    a->known = NULL;
}

void assembly_clear(struct assembly *a)
{
    arena_free(&a->arena);
    if (a->n_slots > FIRST_SLOTS) {
        free(a->known);
        a->n_slots = FIRST_SLOTS;
        a->known = mem_alloc(a->n_slots * sizeof(*a->known));
    }
    memset(a->known, 0, a->n_slots * sizeof(*a->known));
    a->n_known = 0;
    a->root = assembly_new(a, 0);
}

size_t assembly_size(const struct assembly *a)
{
    return a->arena.total + a->n_slots * sizeof(*a->known);
}

static struct message_part *add_part(struct assembly *a, struct message *m)
{
    struct message_part *p = arena_zalloc(&a->arena, sizeof(*p));

    *m->last = p;
    m->last = &p->next;
    m->n_parts++;
    return p;
}

void assembly_join(struct assembly *a, struct message *parent, struct message *m)
{
    add_part(a, parent)->child = m;
}

struct message *assembly_add(struct assembly *a, struct message *parent, uint32_t number)
{
    struct message *m = assembly_new(a, number);

    assembly_join(a, parent, m);
    return m;
}

void assembly_put(struct assembly *a, struct message *m, struct bytes fields)
{
    if (fields.len > 0)
        add_part(a, m)->bytes = fields;
}

struct message_part *assembly_put_field(struct assembly *a, struct message *m, uint32_t number, struct bytes content)
{
    struct message_part *p = add_part(a, m);

    p->number = number;
    p->bytes = content;
    return p;
}

struct bytes assembly_keep(struct assembly *a, struct bytes b)
{
    if (b.len == 0)
        return bytes_of(NULL, 0);
    return bytes_of(memcpy(arena_alloc_bytes(&a->arena, b.len), b.data, b.len), b.len);
}

/* ---- messages by their keys ---- */

static struct known_message *slot_of(const struct assembly *a, const struct digest *key)
{
    size_t at = key->lo & (a->n_slots - 1);

    while (a->known[at].message != NULL && !digest_equal(&a->known[at].key, key))
        at = (at + 1) & (a->n_slots - 1);
    return &a->known[at];
}

static void grow_slots(struct assembly *a)
{
    struct known_message *old = a->known;
    size_t n = a->n_slots;

    a->n_slots *= 2;
    a->known = mem_zalloc(a->n_slots * sizeof(*a->known));
    for (size_t i = 0; i < n; i++)
        if (old[i].message != NULL)
            *slot_of(a, &old[i].key) = old[i];
    free(old);
}

struct message *assembly_known(const struct assembly *a, const struct digest *key)
{
    return slot_of(a, key)->message;
}

void assembly_know(struct assembly *a, const struct digest *key, struct message *m)
{
    if (++a->n_known > a->n_slots / 2)
        grow_slots(a);
    *slot_of(a, key) = (struct known_message){ *key, m };
}

struct message *assembly_find(struct assembly *a, struct message *parent, uint32_t number, const struct digest *key,
                              bool *made)
{
    struct message *m = assembly_known(a, key);

    *made = m == NULL;
    if (!*made)
        return m;
    m = assembly_add(a, parent, number);
    m->key = *key;
    assembly_know(a, key, m);
    return m;
}

/* ---- the batch ---- */

static size_t field_size(uint32_t number, size_t len)
{
    return pb_varint_len(PB_TAG(number, PB_LEN)) + pb_varint_len(len) + len;
}

static uint8_t *write_head(uint8_t *at, uint32_t number, size_t len)
{
    at += pb_put_varint_at(at, PB_TAG(number, PB_LEN));
    return at + pb_put_varint_at(at, len);
}

static void enter_message(struct assembly_making *k, struct message *m)
{
    assert(k->depth < ASSEMBLY_DEEPEST);
    k->stack[k->depth].message = m;
    k->stack[k->depth++].next = m->first;
}

/* What is looked at costs about as much as so many bytes that are written. */
#define LOOK_COST 32u

static size_t take_off(size_t left, size_t cost)
{
    return left > cost ? left - cost : 0;
}

/* The lengths, from the inside out. False: not all of them are known yet. */
static bool measure_some(struct assembly_making *k, size_t left)
{
    for (; k->depth > 0 && left > 0; left = take_off(left, LOOK_COST)) {
        struct message *m = k->stack[k->depth - 1].message;
        const struct message_part *p = k->stack[k->depth - 1].next;

        if (p == NULL) {
            if (--k->depth > 0)
                k->stack[k->depth - 1].message->len += field_size(m->number, m->len);
            continue;
        }
        k->stack[k->depth - 1].next = p->next;
        if (p->child != NULL) {
            p->child->len = 0;
            enter_message(k, p->child);
        } else {
            m->len += p->number != 0 ? field_size(p->number, p->bytes.len) : p->bytes.len;
        }
    }
    return k->depth == 0;
}

static bool write_some(struct assembly_making *k, size_t left)
{
    while (k->depth > 0 && left > 0) {
        const struct message_part *p = k->stack[k->depth - 1].next;

        left = take_off(left, LOOK_COST);
        if (p == NULL) {
            k->depth--;
            continue;
        }
        k->stack[k->depth - 1].next = p->next;
        if (p->child != NULL) {
            k->at = write_head(k->at, p->child->number, p->child->len);
            enter_message(k, p->child);
            continue;
        }
        if (p->number != 0)
            k->at = write_head(k->at, p->number, p->bytes.len);
        if (p->bytes.len > 0)
            memcpy(k->at, p->bytes.data, p->bytes.len);
        k->at += p->bytes.len;
        left = take_off(left, p->bytes.len);
    }
    return k->depth == 0;
}

void assembly_make_begin(struct assembly *a, struct assembly_making *k)
{
    *k = (struct assembly_making){ 0 };
    a->root->len = 0;
    enter_message(k, a->root);
}

bool assembly_make_some(struct assembly *a, struct assembly_making *k, struct budget *budget, size_t most)
{
    if (k->block != NULL)
        return write_some(k, most);
    if (!measure_some(k, most))
        return false;
    k->block = block_force(budget, a->root->len);
    k->at = k->block->data;
    enter_message(k, a->root);
    return false;
}

struct batch *assembly_make_end(struct assembly_making *k, enum signal signal, uint64_t items, uint64_t arrival)
{
    struct block *block = k->block;

    assert(k->depth == 0 && block != NULL);
    k->block = NULL;
    return batch_new(signal, block, bytes_of(block->data, (size_t)(k->at - block->data)), items, arrival);
}

void assembly_make_cancel(struct assembly_making *k)
{
    if (k->block != NULL)
        block_unref(k->block);
    *k = (struct assembly_making){ 0 };
}

struct batch *assembly_batch(struct assembly *a, enum signal signal, struct budget *budget, uint64_t items,
                             uint64_t arrival)
{
    struct assembly_making k;

    assembly_make_begin(a, &k);
    while (!assembly_make_some(a, &k, budget, SIZE_MAX))
        ;
    return assembly_make_end(&k, signal, items, arrival);
}
