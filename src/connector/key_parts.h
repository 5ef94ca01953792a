/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are made of parts: each with its length in front, so that no two lists of parts are the same key. A part
 * without data is absent, which is not an empty one. In memory only. */
#ifndef CONNECTOR_KEY_PARTS_H
#define CONNECTOR_KEY_PARTS_H

#include "base/buf.h"

#include <string.h>

#define KEY_PART_ABSENT UINT32_MAX

/* What a part takes in its key. */
static inline size_t key_part_size(struct bytes part)
{
    return sizeof(uint32_t) + part.len;
}

/* To where there is room for it; returns its end. */
static inline uint8_t *key_part_write(uint8_t *at, struct bytes part)
{
    uint32_t len = part.data != NULL ? (uint32_t)part.len : KEY_PART_ABSENT;

    memcpy(at, &len, sizeof(len));
    if (part.data != NULL && part.len > 0)
        memcpy(at + sizeof(len), part.data, part.len);
    return at + key_part_size(part);
}

static inline void key_part_put(struct buf *key, struct bytes part)
{
    uint8_t *at = buf_reserve(key, key_part_size(part));

    key->len += (size_t)(key_part_write(at, part) - at);
}

/* The next part of what key_part_put() has written; false: it is absent. */
static inline bool key_part_next(struct bytes *from, struct bytes *part)
{
    uint32_t len;

    memcpy(&len, from->data, sizeof(len));
    *from = bytes_skip(*from, sizeof(len));
    if (len == KEY_PART_ABSENT)
        return false;
    *part = bytes_of(from->data, len);
    *from = bytes_skip(*from, len);
    return true;
}

#endif
