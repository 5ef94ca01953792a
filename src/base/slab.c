/* SPDX-License-Identifier: Apache-2.0 */
/* An area is 256 KiB, at an address that is a multiple of that, so that a cell tells whose it is. Its pages are used
 * from the front on; a cell that was given back is the next one to be taken. An area that is full stands in no list.
 *
 * With a sanitizer each thing is memory of malloc()'s, so that what is used after it was given back is seen. */
#include "base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define AREA ((size_t)256 * 1024)
#define PAGE ((size_t)4096)

#if defined(__SANITIZE_ADDRESS__)
#define PACKED 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PACKED 0u
#endif
#endif
#ifndef PACKED
#define PACKED SLAB_MOST
#endif

struct cell {
    struct cell *next;
};

struct area {
    struct list link;
    struct cell *free; /* that were given back */
    uint32_t used;     /* bytes from its beginning that were ever taken */
    uint32_t charged;
    uint32_t live; /* cells */
    uint32_t size; /* of a cell */
};

void slab_init(struct slab *s, struct budget *budget)
{
    s->budget = budget;
    for (size_t i = 0; i < ARRAY_LEN(s->areas); i++)
        list_init(&s->areas[i]);
}

void slab_close(struct slab *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->areas); i++)
        assert(list_empty(&s->areas[i]));
    (void)s;
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- areas ---- */

static void *map_aligned(void)
{
    uint8_t *p = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    if (p == MAP_FAILED) {
        fprintf(stderr, "out of memory: %zu bytes\n", AREA);
        abort();
    }
    before = (AREA - ((uintptr_t)p & (AREA - 1))) & (AREA - 1);
    if (before > 0)
        munmap(p, before);
    munmap(p + before + AREA, AREA - before);
    return p + before;
}

static struct area *new_area(struct slab *s, size_t size)
{
    struct area *a = map_aligned();

    *a = (struct area){ .used = (uint32_t)round_up(sizeof(*a), SLAB_STEP), .charged = PAGE, .size = (uint32_t)size };
    budget_charge(s->budget, PAGE);
    list_push(&s->areas[size / SLAB_STEP], &a->link);
    return a;
}

static bool is_full(const struct area *a)
{
    return a->free == NULL && a->used + a->size > AREA;
}

static void free_area(struct slab *s, struct area *a)
{
    list_remove(&a->link);
    budget_give(s->budget, a->charged);
    munmap(a, AREA);
}

/* ---- cells ---- */

static void *take_fresh(struct slab *s, struct area *a)
{
    void *cell = (uint8_t *)a + a->used;

    a->used += a->size;
    if (a->used > a->charged) {
        uint32_t charged = (uint32_t)round_up(a->used, PAGE);

        budget_charge(s->budget, charged - a->charged);
        a->charged = charged;
    }
    return cell;
}

void *slab_take(struct slab *s, size_t size)
{
    struct area *a;
    void *cell;

    size = round_up(size, SLAB_STEP);
    if (size == 0 || size > PACKED) {
        budget_charge(s->budget, size);
        return mem_alloc(size);
    }
    a = list_first(&s->areas[size / SLAB_STEP], struct area, link);
    if (a == NULL)
        a = new_area(s, size);
    if (a->free != NULL) {
        cell = a->free;
        a->free = a->free->next;
    } else {
        cell = take_fresh(s, a);
    }
    a->live++;
    if (is_full(a))
        list_remove(&a->link);
    return cell;
}

void slab_give(struct slab *s, void *cell, size_t size)
{
    struct area *a;
    struct cell *c = cell;

    size = round_up(size, SLAB_STEP);
    if (size == 0 || size > PACKED) {
        budget_give(s->budget, size);
        free(cell);
        return;
    }
    a = (struct area *)((uintptr_t)cell & ~(AREA - 1)); // NOLINT(performance-no-int-to-ptr)
    assert(a->size == size && a->live > 0);
    c->next = a->free;
    a->free = c;
    if (--a->live == 0)
        free_area(s, a);
    else if (!list_linked(&a->link))
        list_push(&s->areas[size / SLAB_STEP], &a->link);
}
