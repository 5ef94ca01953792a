/* SPDX-License-Identifier: Apache-2.0 */
/* An item processor with include and exclude: what they do not select goes on as it is. */
#ifndef PROCESSOR_SELECTING_H
#define PROCESSOR_SELECTING_H

#include "otlp/match.h"
#include "processor/item_processor.h"
#include "processor/search_limit.h"

/* A processor's struct begins with it. */
struct selecting {
    struct item_processor processor;
    struct selection *selection; /* NULL: all */
    enum selected selected;      /* of what stands above the item */
    struct search_limit limit;   /* of the selection's patterns */
};

/* In create(), as item_processor_init(): what is about resource and scope in the visitor is filled in. */
void selecting_init(struct selecting *s, const struct match_config *include, const struct match_config *exclude);
void selecting_free(struct selecting *s);

/* Asks the selection about a message of the item's level. */
static inline bool selecting_takes(struct selecting *s, struct bytes message)
{
    bool takes = selection_item(s->selection, message);

    search_limit_note(&s->limit, selection_meter(s->selection));
    return takes;
}

static inline struct selecting *selecting_of(struct node *node)
{
    return container_of(item_processor_of(node), struct selecting, processor);
}

#endif
