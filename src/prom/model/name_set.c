/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing that doubles at half; the names lie one behind the other in one text. */
#include "prom/model/name_set.h"

#include "base/mem.h"

#include <stdlib.h>

struct name_slot {
    uint64_t hash;
    size_t at;  /* in text */
    size_t len; /* plus 1; 0 = free */
};

/* The slot of that name, or the free one where it would go. There is always a free one. */
static struct name_slot *find_slot(const struct name_set *s, uint64_t hash, struct bytes name)
{
    for (size_t i = hash;; i++) {
        struct name_slot *slot = &s->slots[i & (s->cap - 1)];

        if (slot->len == 0)
            return slot;
        if (slot->hash == hash && bytes_equal(bytes_of(s->text.data + slot->at, slot->len - 1), name))
            return slot;
    }
}

static void grow_slots(struct name_set *s)
{
    struct name_slot *old = s->slots;
    size_t cap = s->cap;

    s->cap = cap > 0 ? cap * 2 : 64;
    s->slots = mem_zalloc(s->cap * sizeof(*s->slots));
    for (size_t i = 0; i < cap; i++)
        if (old[i].len > 0)
            *find_slot(s, old[i].hash, bytes_of(s->text.data + old[i].at, old[i].len - 1)) = old[i];
    free(old);
}

bool name_set_has(const struct name_set *s, struct bytes name)
{
    return s->n > 0 && find_slot(s, bytes_hash(name), name)->len > 0;
}

bool name_set_add(struct name_set *s, struct bytes name)
{
    uint64_t hash = bytes_hash(name);
    struct name_slot *slot;

    if (s->n * 2 >= s->cap)
        grow_slots(s);
    slot = find_slot(s, hash, name);
    if (slot->len > 0)
        return false;
    *slot = (struct name_slot){ hash, s->text.len, name.len + 1 };
    buf_put(&s->text, name);
    s->n++;
    return true;
}

size_t name_set_size(const struct name_set *s)
{
    return s->cap * sizeof(*s->slots) + s->text.cap;
}

void name_set_free(struct name_set *s)
{
    free(s->slots);
    buf_free(&s->text);
    *s = (struct name_set){ 0 };
}
