/* SPDX-License-Identifier: Apache-2.0 */
/* A skip list: find_links() gathers, level by level, the links that lead past a name, and putting in or taking out
 * changes just these. A family is made with its first holder and goes with its last, when no series is left in it; the
 * budget may refuse one. */
#include "prom/series/family.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* Each level has a quarter of the families of the one below. */
static unsigned random_levels(struct families *f)
{
    unsigned n = 1;

    f->random = (f->random | 1) * 6364136223846793005ull + 1442695040888963407ull;
    for (uint64_t bits = f->random >> 20; n < FAMILY_LEVELS && (bits & 3) == 0; bits >>= 2)
        n++;
    return n;
}

static struct family **link_of(struct families *f, struct family *x, unsigned level)
{
    return x == NULL ? &f->first[level] : &x->next[level];
}

/* For each level, the link that leads past `name`. The first family not below it is at *links[0]. */
static void find_links(struct families *f, struct bytes name, struct family **links[FAMILY_LEVELS])
{
    struct family *at = NULL;

    for (unsigned level = FAMILY_LEVELS; level-- > 0;) {
        for (struct family *next; (next = *link_of(f, at, level)) != NULL && bytes_compare(next->name, name) < 0;)
            at = next;
        links[level] = link_of(f, at, level);
    }
}

static size_t size_of(const struct family *x)
{
    return sizeof(*x) + x->n_levels * sizeof(x->next[0]) + x->name.len + x->help.len + x->unit.len + 16;
}

static struct bytes copy_to(uint8_t **to, struct bytes b)
{
    struct bytes copy = bytes_of(*to, b.len);

    if (b.len > 0)
        memcpy(*to, b.data, b.len);
    *to += b.len;
    return copy;
}

struct family *family_hold(struct families *f, struct bytes name, enum family_type type, struct bytes help,
                           struct bytes unit)
{
    struct family **links[FAMILY_LEVELS], *x;
    unsigned levels = random_levels(f);
    struct family shape = {
        .type = type, .holders = 1, .name = name, .help = help, .unit = unit, .n_levels = (uint8_t)levels
    };
    uint8_t *text;

    find_links(f, name, links);
    if (*links[0] != NULL && bytes_equal((*links[0])->name, name)) {
        (*links[0])->holders++;
        return *links[0];
    }
    if (!budget_take(f->budget, size_of(&shape)))
        return NULL;
    x = mem_alloc(size_of(&shape));
    *x = shape;
    text = (uint8_t *)&x->next[levels];
    x->name = copy_to(&text, name);
    x->help = copy_to(&text, help);
    x->unit = copy_to(&text, unit);
    for (unsigned level = 0; level < levels; level++) {
        x->next[level] = *links[level];
        *links[level] = x;
    }
    f->n++;
    return x;
}

void family_release(struct families *f, struct family *x)
{
    struct family **links[FAMILY_LEVELS];

    if (--x->holders > 0)
        return;
    assert(x->series.n == 0);
    find_links(f, x->name, links);
    for (unsigned level = 0; level < x->n_levels; level++) {
        assert(*links[level] == x);
        *links[level] = x->next[level];
    }
    f->n--;
    budget_give(f->budget, size_of(x));
    slots_free(&x->series);
    free(x);
}

struct family *family_next(struct families *f, struct family *x)
{
    struct family *next = *link_of(f, x, 0);

    if (next != NULL)
        next->holders++;
    return next;
}
