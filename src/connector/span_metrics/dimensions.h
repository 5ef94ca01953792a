/* SPDX-License-Identifier: Apache-2.0 */
/* What series are told apart by beside what they always have: attributes of a span, its event or its resource, by name
 * or by patterns of names. */
#ifndef CONNECTOR_SPAN_METRICS_DIMENSIONS_H
#define CONNECTOR_SPAN_METRICS_DIMENSIONS_H

#include "base/arena.h"
#include "base/vec.h"
#include "codec/regex.h"
#include "config/option.h"
#include "connector/slots.h"

#define DIMENSIONS_MOST 64u /* of a list */

/* A pattern as gobwas/glob has it, with dots as separators: * ? ** [a-z] [!a] {a,b} and \. NULL: err says why. */
struct regex *dimension_glob(const char *text, struct error *err);
bool dimension_glob_matches(struct regex *glob, struct bytes name);

struct dimension {
    struct bytes name;
    size_t slot;
    struct bytes fallback; /* an AnyValue; no data: there is none */
};

/* An attribute that a pattern matches. */
struct found_attribute {
    struct bytes name, value;
    struct digest name_digest, digest; /* where they are not short */
};

typedef VEC(struct found_attribute) found_attributes;

enum attribute_source { SOURCE_SPAN, SOURCE_EVENT, SOURCE_RESOURCE, ATTRIBUTE_SOURCES };

struct dimension_list {
    struct dimension v[DIMENSIONS_MOST];
    size_t n;
    struct regex *globs[DIMENSIONS_MOST];
    size_t n_globs;
    found_attributes found[ATTRIBUTE_SOURCES]; /* what patterns match of the messages at hand */
};

/* From a configuration that was checked. */
void dimension_list_add(struct dimension_list *l, struct slot_names *names, struct arena *a,
                        const struct option_list *written);
void dimension_list_free(struct dimension_list *l);

/* Where values are looked for, in this order. The event may be NULL. */
struct dimension_sources {
    struct attribute_slots *span, *event, *resource;
};

static inline const struct attribute_slots *dimension_source(const struct dimension *d,
                                                             const struct dimension_sources *s)
{
    if (s->span->v[d->slot].data != NULL)
        return s->span;
    return s->event != NULL && s->event->v[d->slot].data != NULL ? s->event : s->resource;
}

static inline struct bytes dimension_value(const struct dimension *d, const struct dimension_sources *s)
{
    struct bytes v = dimension_source(d, s)->v[d->slot];

    return v.data != NULL ? v : d->fallback;
}

/* What stands for the value in a key. */
static inline struct bytes dimension_key(const struct dimension *d, const struct dimension_sources *s)
{
    const struct attribute_slots *from = dimension_source(d, s);
    struct bytes v = from->v[d->slot];

    return v.data != NULL ? short_part(v, &from->digests[d->slot]) : d->fallback;
}

/* Another span, event or resource: patterns look through it once, whatever comes of it. The first GLOB_MOST that they
 * match are taken. */
#define GLOB_MOST 128u
void dimension_list_enter(struct dimension_list *l, enum attribute_source source, const struct attribute_slots *in);

/* Those that patterns of the list match, by name, of the span, of the event where there is one, of the resource; of one
 * name the first source counts. */
void dimension_list_find(const struct dimension_list *l, bool event, found_attributes *found);

/* Bytes of the values, and of what patterns have found. */
size_t dimension_list_size(const struct dimension_list *l, const struct dimension_sources *s);

#endif
