/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes processor: actions on the attributes of spans, log records and data points, of all or of those that
 * include and exclude select. */
#include "processor/attribute_actions.h"
#include "processor/selecting.h"

struct attributes_config {
    struct option_list actions; /* of struct action_config */
    struct match_config include, exclude;
};

static const struct option options[] = {
    OPT_LIST(struct attributes_config, actions, struct action_config, action_rows, "What to do, in this order."),
    OPT_GROUP(struct attributes_config, include, struct match_config, match_rows, GROUP_NONE,
              "Only what has these properties."),
    OPT_GROUP(struct attributes_config, exclude, struct match_config, match_rows, GROUP_NONE,
              "Nothing that has these properties."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { ITEM_COUNT_ROWS, &search_limit_row, NULL };

struct attributes {
    struct selecting selecting;
    struct actions *actions;
    struct attribute_list list;
};

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct attributes *p = arg;

    (void)edit;
    return p->selecting.selected == SELECTED_ALL || selecting_takes(&p->selecting, at->message) ? REWRITE_KEEP
                                                                                                : REWRITE_PASS;
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct attributes *p = arg;

    if (p->selecting.selected == SELECTED_SOME && at->data == 0 && !selecting_takes(&p->selecting, at->message))
        return REWRITE_KEEP;
    p->list.ordered = at->ordered;
    return actions_edit(p->actions, &p->list, at, p->selecting.processor.batch->metadata, edit) ? REWRITE_EDIT
                                                                                                : REWRITE_KEEP;
}

static void check(const void *config, struct check *ck)
{
    const struct attributes_config *c = config;

    actions_check(&c->actions, "actions", ck);
}

static void check_use(const void *config, enum signal signal, struct check *ck)
{
    const struct attributes_config *c = config;

    match_check(&c->include, signal, "include", ck);
    match_check(&c->exclude, signal, "exclude", ck);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct attributes *p = container_of(selecting_of(node), struct attributes, selecting);
    const struct attributes_config *c = config;
    struct rewrite_visitor *v = &p->selecting.processor.visitor;

    (void)err;
    selecting_init(&p->selecting, &c->include, &c->exclude);
    p->actions = actions_new(node, &c->actions);
    actions_ask(p->actions, &p->list);
    v->item = on_item;
    if (p->selecting.selection != NULL && node->signal == SIGNAL_METRICS)
        v->metric = on_metric;
    return 0;
}

static void destroy(struct node *node)
{
    struct attributes *p = container_of(selecting_of(node), struct attributes, selecting);

    actions_free(p->actions);
    attribute_list_free(&p->list);
    selecting_free(&p->selecting);
}

extern const struct component attributes_processor;
const struct component attributes_processor = {
    COMPONENT_TYPE("attributes", COMPONENT_PROCESSOR, .signals = SIGNAL_STABLE, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Edits the attributes of spans, log records and data points.",
    COMPONENT_CONFIG(struct attributes_config, options, .check = check, .check_use = check_use),
    .metrics = metric_rows,
    COMPONENT_NODE(struct attributes, .create = create, .destroy = destroy),
};
