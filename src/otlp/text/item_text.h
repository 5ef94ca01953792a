/* SPDX-License-Identifier: Apache-2.0 */
/* Items as text that people read and that can be compared: YAML, each with the resource, scope and metric that it is
 * in, attributes as maps sorted by their keys. Two items have the same text exactly when they are equal as OTLP sees
 * them. */
#ifndef OTLP_ITEM_TEXT_H
#define OTLP_ITEM_TEXT_H

#include "base/error.h"
#include "base/vec.h"
#include "config/yaml.h"
#include "otlp/batch.h"

struct item_texts {
    struct arena arena;
    VEC(const char *) v; /* lines, each with its end */
};

/* Those of the batch, behind what is there. A batch of profiles is one item. False: one cannot be shown. */
bool item_texts_add(struct item_texts *t, struct batch *b, struct budget *budget, struct error *err);
void item_texts_free(struct item_texts *t);

/* Its lines for a terminal, each behind `before`: what would act on it (controls, changes of direction) as escapes. */
void item_text_print(const char *text, const char *before, struct buf *out);

/* What of `before` is not in `after` and the other way round, whatever their order, to be read: pairs that are much
 * alike line by line, others whole. At most `most` differences are shown. Returns how many there are. */
size_t item_texts_diff(const struct item_texts *before, const struct item_texts *after, size_t most, struct buf *out);

#endif
