/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes on their way from an object of the cluster to where they are kept, as bytes of the wire. */
#ifndef PROCESSOR_K8S_ATTRIBUTES_K8S_TAGS_H
#define PROCESSOR_K8S_ATTRIBUTES_K8S_TAGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "otlp/attribute_list.h"

#define K8S_MOST_TAGS 512u /* of an object; labels and annotations behind those are left out */

struct k8s_tag {
    struct bytes key, text;
    bool list; /* the value is a list of this one text */
};

/* Keys and texts stay where they are until the tags are packed, or are in the scratch. Zeroed: none. */
struct k8s_tags {
    VEC(struct k8s_tag) v;
    struct arena scratch;
    struct buf name;
};

void k8s_tags_clear(struct k8s_tags *t);
void k8s_tags_free(struct k8s_tags *t);

/* In the place of what has that key; left out where there are too many. */
void k8s_tags_set(struct k8s_tags *t, struct bytes key, struct bytes text);
/* One more; whoever it belongs to knows by its index. */
void k8s_tags_add(struct k8s_tags *t, struct bytes key, struct bytes text, bool list);

/* Attributes as they stand in a resource. */
struct k8s_slots {
    const struct attribute_slot *v;
    size_t n;
};

/* The bytes that k8s_tags_pack() takes: slots, and behind them what they point to. */
size_t k8s_tags_size(const struct k8s_tags *t);
/* The slots are at `at`, aligned; returns behind the last byte. */
uint8_t *k8s_tags_pack(const struct k8s_tags *t, uint8_t *at);

/* The text of the attribute of that key; no data: there is none, or it is no text. */
struct bytes k8s_slots_text(struct k8s_slots s, struct bytes key);

/* Copied to *at, which moves behind it. */
static inline struct bytes k8s_keep(uint8_t **at, struct bytes from)
{
    struct bytes copy = { *at, from.len };

    if (from.len > 0)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return copy;
}

#endif
