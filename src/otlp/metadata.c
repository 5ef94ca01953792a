/* SPDX-License-Identifier: Apache-2.0 */
/* All of a sender's metadata lies in one piece of memory: entries, then names in lower case, then values. It is
 * shared by counting and never changes; NULL is none. */
#include "otlp/metadata.h"

#include "base/mem.h"
#include "base/vec.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct metadata *metadata_new(const struct metadata_entry *entries, uint32_t n)
{
    size_t size = sizeof(struct metadata) + n * sizeof(struct metadata_entry);
    struct metadata *m;
    uint8_t *at;

    if (n == 0)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        size += entries[i].name.len + entries[i].value.len;
    m = mem_alloc(size);
    m->refs = 1;
    m->n = n;
    at = (uint8_t *)&m->entries[n];
    for (uint32_t i = 0; i < n; i++) {
        struct bytes name = entries[i].name, value = entries[i].value;

        for (size_t k = 0; k < name.len; k++)
            at[k] = (uint8_t)tolower(name.data[k]);
        m->entries[i].name = bytes_of(at, name.len);
        at += name.len;
        if (value.len > 0)
            memcpy(at, value.data, value.len);
        m->entries[i].value = bytes_of(at, value.len);
        at += value.len;
    }
    return m;
}

struct metadata *metadata_ref(struct metadata *m)
{
    if (m != NULL)
        m->refs++;
    return m;
}

void metadata_unref(struct metadata *m)
{
    if (m != NULL && --m->refs == 0)
        free(m);
}

const struct metadata_entry *metadata_find(const struct metadata *m, struct bytes name, uint32_t *at)
{
    while (m != NULL && *at < m->n) {
        const struct metadata_entry *e = &m->entries[(*at)++];

        if (bytes_equal_nocase(e->name, name))
            return e;
    }
    return NULL;
}

static void put_u32(struct buf *b, uint32_t v)
{
    buf_append(b, &v, sizeof(v));
}

void metadata_key(struct buf *key, const struct strings *names, const struct metadata *m)
{
    key->len = 0;
    for (size_t i = 0; i < names->n; i++) {
        const struct metadata_entry *e;
        size_t count_at = key->len;
        uint32_t at = 0, count = 0;

        put_u32(key, 0);
        while ((e = metadata_find(m, bytes_str(names->v[i]), &at)) != NULL) {
            put_u32(key, (uint32_t)e->value.len);
            buf_put(key, e->value);
            count++;
        }
        memcpy(key->data + count_at, &count, sizeof(count));
    }
}

void metadata_check(const struct strings *names, const char *path, struct check *ck)
{
    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(names->v[i], names->v[k]) == 0)
                check_fail(ck, path, "duplicate entry in metadata_keys: \"%s\" (case-insensitive)", names->v[i]);
}

struct metadata *metadata_choose(const struct strings *names, const struct metadata *m)
{
    VEC(struct metadata_entry) entries = { 0 };
    struct metadata *chosen;

    for (size_t i = 0; i < names->n; i++) {
        const struct metadata_entry *e;
        uint32_t at = 0;

        while ((e = metadata_find(m, bytes_str(names->v[i]), &at)) != NULL)
            *vec_push(&entries) = *e;
    }
    chosen = metadata_new(entries.v, (uint32_t)entries.n);
    vec_free(&entries);
    return chosen;
}
