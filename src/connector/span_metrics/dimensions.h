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

struct dimension_list {
    struct dimension v[DIMENSIONS_MOST];
    size_t n;
    struct regex *globs[DIMENSIONS_MOST];
    size_t n_globs;
};

/* From a configuration that was checked. */
void dimension_list_add(struct dimension_list *l, struct slot_names *names, struct arena *a,
                        const struct option_list *written);
void dimension_list_free(struct dimension_list *l);

/* Where values are looked for, in this order. The event may be NULL. */
struct dimension_sources {
    struct slots *span, *event, *resource;
};

static inline struct bytes dimension_value(const struct dimension *d, const struct dimension_sources *s)
{
    struct bytes v = s->span->v[d->slot];

    if (v.data == NULL && s->event != NULL)
        v = s->event->v[d->slot];
    if (v.data == NULL)
        v = s->resource->v[d->slot];
    return v.data != NULL ? v : d->fallback;
}

/* An attribute that a pattern matches. */
struct found_attribute {
    struct bytes name, value;
};

typedef VEC(struct found_attribute) found_attributes;

/* Those that patterns of the list match, by name; of one name the first place counts. */
void dimension_list_find(const struct dimension_list *l, const struct dimension_sources *s, found_attributes *found);

#endif
