/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array: sets are small, so that finding a place by halves and moving what is behind it is all it takes. */
#include "prom/relabel/label_set.h"

void label_set_free(struct label_set *s)
{
    vec_free(&s->list);
    arena_free(&s->memory);
}

void label_set_reset(struct label_set *s)
{
    s->list.n = 0;
    arena_reset(&s->memory);
}

/* Where it is, or would be. */
static size_t find_position(const struct label_set *s, struct bytes name, bool *there)
{
    size_t from = 0, to = s->list.n;

    *there = false;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = bytes_compare(s->list.v[middle].name, name);

        if (order == 0) {
            *there = true;
            return middle;
        }
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct bytes label_set_get(const struct label_set *s, struct bytes name)
{
    bool there;
    size_t at = find_position(s, name, &there);

    return there ? s->list.v[at].value : bytes_of("", 0);
}

static void remove_at(struct label_set *s, size_t at)
{
    memmove(&s->list.v[at], &s->list.v[at + 1], (s->list.n - at - 1) * sizeof(*s->list.v));
    s->list.n--;
}

void label_set_put(struct label_set *s, struct bytes name, struct bytes value)
{
    bool there;
    size_t at = find_position(s, name, &there);

    if (value.len == 0) {
        if (there)
            remove_at(s, at);
        return;
    }
    if (!there) {
        (void)vec_push(&s->list);
        memmove(&s->list.v[at + 1], &s->list.v[at], (s->list.n - 1 - at) * sizeof(*s->list.v));
    }
    s->list.v[at] = (struct label_pair){ name, value };
}

static struct bytes keep_text(struct label_set *s, struct bytes text)
{
    uint8_t *copy = arena_alloc_bytes(&s->memory, text.len);

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return bytes_of(copy, text.len);
}

void label_set_copy(struct label_set *s, struct bytes name, struct bytes value)
{
    if (value.len == 0)
        label_set_remove(s, name);
    else
        label_set_put(s, keep_text(s, name), keep_text(s, value));
}

void label_set_remove(struct label_set *s, struct bytes name)
{
    label_set_put(s, name, bytes_of("", 0));
}

void label_set_filter(struct label_set *s, bool (*drop)(void *arg, const struct label_pair *l), void *arg)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->list.n; i++)
        if (!drop(arg, &s->list.v[i]))
            s->list.v[kept++] = s->list.v[i];
    s->list.n = kept;
}
