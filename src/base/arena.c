/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks in a list, the newest in front: an allocation is taken off the newest, or begins one of its own size. What is
 * left in the chunk before is not looked at again. arena_reset() keeps the newest for the next use, so a scratch arena
 * soon allocates nothing. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_SIZE 4096u
#define ALIGN _Alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *older;
    size_t cap;
    size_t used;
    _Alignas(max_align_t) uint8_t data[];
};

static size_t align_size(size_t n)
{
    return (n + ALIGN - 1) & ~(ALIGN - 1);
}

void *arena_alloc_bytes(struct arena *a, size_t size)
{
    struct arena_chunk *c = a->chunk;
    void *p;

    if (c == NULL || c->cap - c->used < size) {
        size_t cap = size > CHUNK_SIZE ? align_size(size) : CHUNK_SIZE;

        c = mem_alloc(sizeof(*c) + cap);
        *c = (struct arena_chunk){ .older = a->chunk, .cap = cap };
        a->chunk = c;
        a->total += cap;
    }
    p = c->data + c->used;
    c->used += size;
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (a->chunk != NULL)
        a->chunk->used = align_size(a->chunk->used);
    return arena_alloc_bytes(a, align_size(size));
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

char *arena_strndup(struct arena *a, const void *s, size_t len)
{
    char *p = arena_alloc(a, len + 1);

    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    char *p;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    p = arena_alloc(a, (size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return p;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = a->chunk;

    if (keep == NULL)
        return;
    while (keep->older != NULL) {
        struct arena_chunk *older = keep->older;

        keep->older = older->older;
        a->total -= older->cap;
        free(older);
    }
    keep->used = 0;
}

void arena_free(struct arena *a)
{
    while (a->chunk != NULL) {
        struct arena_chunk *older = a->chunk->older;

        free(a->chunk);
        a->chunk = older;
    }
    a->total = 0;
}
