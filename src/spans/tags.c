/* SPDX-License-Identifier: Apache-2.0 */
/* A row, and an open table of places in it by the hash of the key (bytes_hash: no stranger can crowd one spot). A tag
 * that was taken keeps its place, so that the table stays as it is; and those behind a mark leave it in the order in
 * which they came, the last one first, so that it is what it was before them. Nothing can go wrong. */
#include "spans/tags.h"

#include "otlp/fields.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_LEAST 32u
#define SLOTS_KEPT 1024u /* a larger table goes with the span that needed it */

void tags_free(struct tags *t)
{
    vec_free(&t->list);
    vec_free(&t->marked);
    free(t->slots);
    *t = (struct tags){ .slots = NULL };
}

void tags_clear(struct tags *t)
{
    if (t->n_slots > SLOTS_KEPT)
        tags_free(t);
    else if (t->n_slots > 0)
        memset(t->slots, 0, t->n_slots * sizeof(t->slots[0]));
    t->list.n = t->marked.n = 0;
}

/* The slot of that key, or the free one where it belongs. */
static uint32_t *find_slot(const struct tags *t, struct bytes key)
{
    size_t at = (size_t)bytes_hash(key);

    for (;; at++) {
        uint32_t *slot = &t->slots[at & (t->n_slots - 1)];

        if (*slot == 0 || bytes_equal(t->list.v[*slot - 1].key, key))
            return slot;
    }
}

static void grow_table(struct tags *t)
{
    t->n_slots = t->n_slots == 0 ? SLOTS_LEAST : 2 * t->n_slots;
    free(t->slots);
    t->slots = mem_zalloc(t->n_slots * sizeof(t->slots[0]));
    for (size_t i = 0; i < t->list.n; i++)
        *find_slot(t, t->list.v[i].key) = (uint32_t)i + 1;
}

void tags_mark(struct tags *t)
{
    t->marked.n = 0;
    for (size_t i = 0; i < t->list.n; i++)
        *vec_push(&t->marked) = t->list.v[i];
}

/* A larger table than what is left needs goes with the span that needed it. */
static void shrink_table(struct tags *t)
{
    free(t->slots);
    t->slots = NULL;
    t->n_slots = 0;
    while (2 * (t->list.n + 1) > t->n_slots)
        grow_table(t);
}

void tags_rewind(struct tags *t)
{
    while (t->list.n > t->marked.n) {
        *find_slot(t, t->list.v[t->list.n - 1].key) = 0;
        t->list.n--;
    }
    if (t->marked.n > 0)
        memcpy(t->list.v, t->marked.v, t->marked.n * sizeof(t->list.v[0]));
    if (t->n_slots > SLOTS_KEPT && t->n_slots / 8 > t->list.n)
        shrink_table(t);
}

void tags_put(struct tags *t, struct bytes key, struct value value)
{
    uint32_t *slot;

    if (2 * (t->list.n + 1) > t->n_slots)
        grow_table(t);
    slot = find_slot(t, key);
    if (*slot == 0) {
        *vec_push(&t->list) = (struct tag){ .key = key };
        *slot = (uint32_t)t->list.n;
    }
    t->list.v[*slot - 1].value = value;
    t->list.v[*slot - 1].taken = false;
}

void tags_put_text(struct tags *t, struct bytes key, struct bytes text)
{
    tags_put(t, key, (struct value){ .type = VALUE_STRING, .bytes = text });
}

struct tag *tags_find(const struct tags *t, const char *key)
{
    uint32_t *slot = t->n_slots > 0 ? find_slot(t, bytes_str(key)) : NULL;
    struct tag *tag = slot != NULL && *slot > 0 ? &t->list.v[*slot - 1] : NULL;

    return tag != NULL && !tag->taken ? tag : NULL;
}

const struct tag *tags_take(struct tags *t, const char *key)
{
    struct tag *tag = tags_find(t, key);

    if (tag != NULL)
        tag->taken = true;
    return tag;
}

bool tags_take_text(struct tags *t, const char *key, struct bytes *text)
{
    const struct tag *tag = tags_take(t, key);

    if (tag != NULL)
        *text = tag->value.type == VALUE_STRING ? tag->value.bytes : (struct bytes){ NULL, 0 };
    return tag != NULL;
}

void attribute_write(struct buf *out, uint32_t number, struct bytes key, const struct value *value)
{
    size_t pair = pb_begin(out, number), content;

    pb_put_bytes(out, OTLP_KEY_VALUE_KEY, key);
    content = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    value_put(out, value);
    pb_end(out, content);
    pb_end(out, pair);
}

void attribute_write_text(struct buf *out, uint32_t number, const char *key, struct bytes text)
{
    attribute_write(out, number, bytes_str(key), &(struct value){ .type = VALUE_STRING, .bytes = text });
}

void status_write(struct buf *out, uint64_t code, struct bytes message)
{
    size_t mark;

    if (code == 0 && message.len == 0)
        return;
    mark = pb_begin(out, OTLP_SPAN_STATUS);
    if (message.len > 0)
        pb_put_bytes(out, OTLP_STATUS_MESSAGE, message);
    if (code != 0)
        pb_put_uint(out, OTLP_STATUS_CODE, code);
    pb_end(out, mark);
}

void tags_write(const struct tags *t, uint32_t number, struct buf *out)
{
    tags_each (tag, t)
        attribute_write(out, number, tag->key, &tag->value);
}
