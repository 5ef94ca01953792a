/* SPDX-License-Identifier: Apache-2.0 */
/* Each attribute is written once, as field 1 of a resource, so that it can be put into any without a copy. */
#include "processor/k8s_attributes/k8s_tags.h"

#include "codec/pb.h"

#define ATTRIBUTES 1 /* the field of a Resource */
#define STRING_VALUE 1
#define ARRAY_VALUE 5

void k8s_tags_clear(struct k8s_tags *t)
{
    t->v.n = 0;
    arena_reset(&t->scratch);
}

void k8s_tags_free(struct k8s_tags *t)
{
    vec_free(&t->v);
    arena_free(&t->scratch);
    buf_free(&t->name);
}

void k8s_tags_add(struct k8s_tags *t, struct bytes key, struct bytes text, bool list)
{
    *vec_push(&t->v) = (struct k8s_tag){ key, text, list };
}

void k8s_tags_set(struct k8s_tags *t, struct bytes key, struct bytes text)
{
    for (size_t i = 0; i < t->v.n; i++)
        if (bytes_equal(t->v.v[i].key, key)) {
            t->v.v[i].text = text;
            return;
        }
    if (t->v.n < K8S_MOST_TAGS)
        k8s_tags_add(t, key, text, false);
}

static size_t value_size(const struct k8s_tag *tag)
{
    size_t text = pb_len_size(tag->text.len);

    return tag->list ? pb_len_size(pb_len_size(text)) : text;
}

static uint8_t *pack_tag(const struct k8s_tag *tag, struct attribute_slot *slot, uint8_t *at)
{
    size_t value = value_size(tag), text = pb_len_size(tag->text.len);
    uint8_t *start = at;

    at = pb_put_head_at(at, ATTRIBUTES, pb_len_size(tag->key.len) + pb_len_size(value));
    at = pb_put_head_at(at, 1, tag->key.len);
    slot->key = k8s_keep(&at, tag->key);
    at = pb_put_head_at(at, 2, value);
    slot->value = bytes_of(at, value);
    if (tag->list) {
        at = pb_put_head_at(at, ARRAY_VALUE, pb_len_size(text));
        at = pb_put_head_at(at, 1, text);
    }
    at = pb_put_head_at(at, STRING_VALUE, tag->text.len);
    (void)k8s_keep(&at, tag->text);
    slot->field = bytes_of(start, (size_t)(at - start));
    return at;
}

size_t k8s_tags_size(const struct k8s_tags *t)
{
    size_t n = t->v.n * sizeof(struct attribute_slot);

    for (size_t i = 0; i < t->v.n; i++)
        n += pb_len_size(pb_len_size(t->v.v[i].key.len) + pb_len_size(value_size(&t->v.v[i])));
    return n;
}

uint8_t *k8s_tags_pack(const struct k8s_tags *t, uint8_t *at)
{
    struct attribute_slot *slots = (struct attribute_slot *)(void *)at;

    at += t->v.n * sizeof(*slots);
    for (size_t i = 0; i < t->v.n; i++)
        at = pack_tag(&t->v.v[i], &slots[i], at);
    return at;
}

struct bytes k8s_slots_text(struct k8s_slots s, struct bytes key)
{
    for (size_t i = 0; i < s.n; i++)
        if (bytes_equal(s.v[i].key, key)) {
            struct value v = value_read(s.v[i].value);

            return v.type == VALUE_STRING ? v.bytes : bytes_of(NULL, 0);
        }
    return bytes_of(NULL, 0);
}
