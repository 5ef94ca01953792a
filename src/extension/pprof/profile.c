/* SPDX-License-Identifier: Apache-2.0 */
/* A sample is a stack with its counts; its frames are locations, by number; a location is an address with a function,
 * and a function a name, which is a number in the table of strings. Each is written when it is met first; tables are
 * searched from the front, for a profile has some hundreds of functions. */
#include "extension/pprof/profile.h"

#include "base/mem.h"
#include "base/vec.h"
#include "codec/compress.h"
#include "codec/pb.h"
#include "extension/pprof/symbol_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers of profile.proto. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME = 9,
    PROFILE_DURATION = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
};

#define PERIOD (1000000000ull / SAMPLER_HZ)

struct location {
    uintptr_t address; /* 0: free */
    uint64_t id;
};

struct writer {
    struct buf *out;
    struct symbol_map symbols;
    struct location *locations; /* hashed by address; grows */
    size_t n_locations, cap;
    VEC(uintptr_t) functions; /* where each begins; its id is the index + 1 */
    VEC(const char *) strings;
};

static uint64_t string_of(struct writer *w, const char *text)
{
    for (size_t i = 0; i < w->strings.n; i++)
        if (strcmp(w->strings.v[i], text) == 0)
            return i;
    *vec_push(&w->strings) = text;
    return w->strings.n - 1;
}

/* ---- functions and locations ---- */

static uint64_t function_of(struct writer *w, uintptr_t begin, const char *name)
{
    size_t mark;

    for (size_t i = 0; i < w->functions.n; i++)
        if (w->functions.v[i] == begin)
            return i + 1;
    *vec_push(&w->functions) = begin;
    mark = pb_begin(w->out, PROFILE_FUNCTION);
    pb_put_uint(w->out, 1, w->functions.n);
    pb_put_uint(w->out, 2, string_of(w, name));
    pb_put_uint(w->out, 3, string_of(w, name));
    pb_end(w->out, mark);
    return w->functions.n;
}

static void put_location(struct writer *w, uint64_t id, uintptr_t address)
{
    const struct mapping *m = symbol_map_find(&w->symbols, address);
    uintptr_t begin = 0;
    const char *name = m != NULL ? symbol_map_name(m, address, &begin) : NULL;
    uint64_t function = name != NULL ? function_of(w, begin, name) : 0;
    size_t mark = pb_begin(w->out, PROFILE_LOCATION), line;

    pb_put_uint(w->out, 1, id);
    if (m != NULL)
        pb_put_uint(w->out, 2, (uint64_t)(m - w->symbols.mappings.v) + 1);
    pb_put_uint(w->out, 3, address);
    if (function != 0) {
        line = pb_begin(w->out, 4);
        pb_put_uint(w->out, 1, function);
        pb_end(w->out, line);
    }
    pb_end(w->out, mark);
}

static struct location *slot_of(const struct writer *w, uintptr_t address)
{
    size_t i = (size_t)((address * 0x9e3779b97f4a7c15ull) >> 32) % w->cap;

    while (w->locations[i].address != 0 && w->locations[i].address != address)
        i = (i + 1) % w->cap;
    return &w->locations[i];
}

static void grow_slots(struct writer *w)
{
    struct location *old = w->locations;
    size_t n = w->cap;

    w->cap = n > 0 ? 2 * n : 1024;
    w->locations = mem_zalloc(w->cap * sizeof(*w->locations));
    for (size_t i = 0; i < n; i++)
        if (old[i].address != 0)
            *slot_of(w, old[i].address) = old[i];
    free(old);
}

static uint64_t location_of(struct writer *w, uintptr_t address)
{
    struct location *l;

    if (2 * w->n_locations >= w->cap)
        grow_slots(w);
    l = slot_of(w, address);
    if (l->address == 0) {
        *l = (struct location){ address, ++w->n_locations };
        put_location(w, l->id, address);
    }
    return l->id;
}

/* ---- samples ---- */

static void put_sample(struct writer *w, const struct sampler_stack *s)
{
    uint64_t ids[SAMPLER_FRAMES];
    size_t mark, packed;

    for (uint32_t i = 0; i < s->n; i++)
        ids[i] = location_of(w, s->frames[i]);
    mark = pb_begin(w->out, PROFILE_SAMPLE);
    packed = pb_begin(w->out, 1);
    for (uint32_t i = 0; i < s->n; i++)
        pb_put_varint(w->out, ids[i]);
    pb_end(w->out, packed);
    packed = pb_begin(w->out, 2);
    pb_put_varint(w->out, s->count);
    pb_put_varint(w->out, s->count * PERIOD);
    pb_end(w->out, packed);
    pb_end(w->out, mark);
}

static void put_value_type(struct writer *w, uint32_t field, const char *type, const char *unit)
{
    size_t mark = pb_begin(w->out, field);

    pb_put_uint(w->out, 1, string_of(w, type));
    pb_put_uint(w->out, 2, string_of(w, unit));
    pb_end(w->out, mark);
}

static void put_mappings(struct writer *w)
{
    for (size_t i = 0; i < w->symbols.mappings.n; i++) {
        const struct mapping *m = &w->symbols.mappings.v[i];
        size_t mark = pb_begin(w->out, PROFILE_MAPPING);

        pb_put_uint(w->out, 1, i + 1);
        pb_put_uint(w->out, 2, m->start);
        pb_put_uint(w->out, 3, m->end);
        pb_put_uint(w->out, 4, m->offset);
        pb_put_uint(w->out, 5, string_of(w, m->path));
        pb_put_uint(w->out, 7, m->symbols.n > 0);
        pb_end(w->out, mark);
    }
}

static void put_profile(struct writer *w, const struct sampler_counts *counts, uint64_t began, uint64_t lasted,
                        const char *comment)
{
    string_of(w, ""); /* the first one is */
    put_value_type(w, PROFILE_SAMPLE_TYPE, "samples", "count");
    put_value_type(w, PROFILE_SAMPLE_TYPE, "cpu", "nanoseconds");
    put_mappings(w);
    for (size_t i = 0; i < SAMPLER_STACKS; i++)
        if (counts->stacks[i].count > 0)
            put_sample(w, &counts->stacks[i]);
    pb_put_uint(w->out, PROFILE_TIME, began);
    pb_put_uint(w->out, PROFILE_DURATION, lasted);
    put_value_type(w, PROFILE_PERIOD_TYPE, "cpu", "nanoseconds");
    pb_put_uint(w->out, PROFILE_PERIOD, PERIOD);
    if (counts->lost > 0)
        pb_put_uint(w->out, PROFILE_COMMENT, string_of(w, comment));
    for (size_t i = 0; i < w->strings.n; i++)
        pb_put_str(w->out, PROFILE_STRING, w->strings.v[i]);
}

void profile_put(struct buf *out, const struct sampler_counts *counts, uint64_t began, uint64_t lasted)
{
    struct buf plain = { 0 };
    struct writer w = { .out = &plain };
    char comment[80];

    snprintf(comment, sizeof(comment), "%llu samples found no place and are not in here",
             (unsigned long long)counts->lost);
    symbol_map_load(&w.symbols);
    put_profile(&w, counts, began, lasted, comment);
    (void)deflate_buf(CODING_GZIP, 0, buf_bytes(&plain), out, NULL);
    symbol_map_free(&w.symbols);
    vec_free(&w.functions);
    vec_free(&w.strings);
    free(w.locations);
    buf_free(&plain);
}
