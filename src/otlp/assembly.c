/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and parts lie in an arena. To make the batch, the tree is walked twice: once for the lengths, from the
 * inside out, and once to write each head with the length that is known then, so that nothing moves. The tree is as
 * deep as OTLP's way down to an item. */
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

static size_t measure_message(struct message *m) // NOLINT(misc-no-recursion): as deep as OTLP's messages
{
    m->len = 0;
    for (const struct message_part *p = m->first; p != NULL; p = p->next)
        if (p->child != NULL)
            m->len += field_size(p->child->number, measure_message(p->child));
        else
            m->len += p->number != 0 ? field_size(p->number, p->bytes.len) : p->bytes.len;
    return m->len;
}

static uint8_t *write_head(uint8_t *at, uint32_t number, size_t len)
{
    at += pb_put_varint_at(at, PB_TAG(number, PB_LEN));
    return at + pb_put_varint_at(at, len);
}

static uint8_t *write_message(uint8_t *at, const struct message *m) // NOLINT(misc-no-recursion)
{
    for (const struct message_part *p = m->first; p != NULL; p = p->next) {
        if (p->child != NULL) {
            at = write_message(write_head(at, p->child->number, p->child->len), p->child);
            continue;
        }
        if (p->number != 0)
            at = write_head(at, p->number, p->bytes.len);
        if (p->bytes.len > 0)
            memcpy(at, p->bytes.data, p->bytes.len);
        at += p->bytes.len;
    }
    return at;
}

struct batch *assembly_batch(struct assembly *a, enum signal signal, struct budget *budget, uint64_t items,
                             uint64_t arrival)
{
    size_t len = measure_message(a->root);
    struct block *block = block_force(budget, len);
    const uint8_t *end = write_message(block->data, a->root);

    assert(end == block->data + len);
    (void)end;
    return batch_new(signal, block, bytes_of(block->data, len), items, arrival);
}
