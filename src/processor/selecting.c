/* SPDX-License-Identifier: Apache-2.0 */
/* Resource and scope are asked about once; when they leave nothing to ask, or nothing to do, the items are not asked.
 */
#include "processor/selecting.h"

/* Who has looked at patterns has, perhaps, not looked at all. */
static enum rewrite_verdict note_selected(struct selecting *s, enum selected selected)
{
    s->selected = selected;
    search_limit_note(&s->limit, selection_meter(s->selection));
    return selected == SELECTED_NONE ? REWRITE_PASS : REWRITE_KEEP;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct selecting *s = arg;

    (void)edit;
    return note_selected(s, selection_resource(s->selection, at->message));
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct selecting *s = arg;

    (void)edit;
    return note_selected(s, selection_scope(s->selection, at->message));
}

void selecting_init(struct selecting *s, const struct match_config *include, const struct match_config *exclude)
{
    struct node *node = &s->processor.node;

    item_processor_init(&s->processor, NULL);
    s->selected = SELECTED_ALL;
    search_limit_init(&s->limit, node);
    if (!include->on && !exclude->on)
        return;
    s->selection = selection_new(include, exclude, node->signal);
    s->processor.visitor.resource = on_resource;
    s->processor.visitor.scope = on_scope;
}

void selecting_free(struct selecting *s)
{
    selection_free(s->selection);
    item_processor_free(&s->processor);
}
