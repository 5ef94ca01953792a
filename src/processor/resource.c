/* SPDX-License-Identifier: Apache-2.0 */
/* The resource processor: actions on the attributes of resources. */
#include "processor/attribute_actions.h"
#include "processor/item_processor.h"
#include "processor/search_limit.h"

struct resource_config {
    struct option_list attributes; /* of struct action_config */
};

static const struct option options[] = {
    OPT_LIST(struct resource_config, attributes, struct action_config, action_rows, "What to do, in this order."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { ITEM_COUNT_ROWS, &search_limit_row, NULL };

struct resource {
    struct item_processor processor;
    struct actions *actions;
    struct attribute_list list;
};

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct resource *p = arg;

    return actions_edit(p->actions, &p->list, at, p->processor.batch->metadata, edit) ? REWRITE_EDIT : REWRITE_PASS;
}

static void check(const void *config, struct check *ck)
{
    const struct resource_config *c = config;

    actions_check(&c->attributes, "attributes", ck);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct resource *p = container_of(item_processor_of(node), struct resource, processor);
    const struct resource_config *c = config;

    (void)err;
    item_processor_init(&p->processor, NULL);
    p->actions = actions_new(node, &c->attributes);
    actions_ask(p->actions, &p->list);
    p->processor.visitor.resource = on_resource;
    return 0;
}

static void destroy(struct node *node)
{
    struct resource *p = container_of(item_processor_of(node), struct resource, processor);

    actions_free(p->actions);
    attribute_list_free(&p->list);
    item_processor_free(&p->processor);
}

extern const struct component resource_processor;
const struct component resource_processor = {
    COMPONENT_TYPE("resource", COMPONENT_PROCESSOR, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Edits the attributes of resources.",
    COMPONENT_CONFIG(struct resource_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct resource, .create = create, .destroy = destroy),
};
