/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes processor: actions on the attributes of spans, log records and data points, of all or of those that
 * include and exclude select. */
#include "otlp/match.h"
#include "processor/attribute_actions.h"
#include "processor/item_processor.h"
#include "processor/search_limit.h"

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
    struct item_processor processor;
    struct actions *actions;
    struct selection *selection; /* NULL: all */
    enum selected selected;      /* of what stands above the item */
    struct attribute_list list;
    struct search_limit limit; /* of the selection */
};

static bool is_selected(struct attributes *p, struct bytes item)
{
    bool is = selection_item(p->selection, item);

    search_limit_note(&p->limit, selection_meter(p->selection));
    return is;
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct attributes *p = arg;

    (void)edit;
    p->selected = selection_resource(p->selection, at->message);
    search_limit_note(&p->limit, selection_meter(p->selection));
    return p->selected == SELECTED_NONE ? REWRITE_PASS : REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct attributes *p = arg;

    (void)edit;
    p->selected = selection_scope(p->selection, at->message);
    search_limit_note(&p->limit, selection_meter(p->selection));
    return p->selected == SELECTED_NONE ? REWRITE_PASS : REWRITE_KEEP;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct attributes *p = arg;

    (void)edit;
    return p->selected == SELECTED_ALL || is_selected(p, at->message) ? REWRITE_KEEP : REWRITE_PASS;
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct attributes *p = arg;

    if (p->selected == SELECTED_SOME && at->data == 0 && !is_selected(p, at->message))
        return REWRITE_KEEP;
    p->list.ordered = at->ordered;
    attribute_list_read(&p->list, at->message, at->attributes);
    actions_apply(p->actions, &p->list, p->processor.batch->metadata);
    if (!p->list.changed)
        return REWRITE_KEEP;
    attribute_list_write(&p->list, edit);
    return REWRITE_EDIT;
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
    struct attributes *p = container_of(item_processor_of(node), struct attributes, processor);
    const struct attributes_config *c = config;
    struct rewrite_visitor *v = &p->processor.visitor;

    (void)err;
    item_processor_init(&p->processor, NULL);
    p->actions = actions_new(node, &c->actions);
    actions_ask(p->actions, &p->list);
    p->selected = SELECTED_ALL;
    search_limit_init(&p->limit, node);
    v->item = on_item;
    if (c->include.on || c->exclude.on) {
        p->selection = selection_new(&c->include, &c->exclude, node->signal);
        v->resource = on_resource;
        v->scope = on_scope;
        v->metric = node->signal == SIGNAL_METRICS ? on_metric : NULL;
    }
    return 0;
}

static void destroy(struct node *node)
{
    struct attributes *p = container_of(item_processor_of(node), struct attributes, processor);

    actions_free(p->actions);
    selection_free(p->selection);
    attribute_list_free(&p->list);
    item_processor_free(&p->processor);
}

extern const struct component attributes_processor;
const struct component attributes_processor = {
    .type = "attributes",
    .kind = COMPONENT_PROCESSOR,
    .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS),
    .stability = "beta",
    .spread = SPREAD_EACH,
    .summary = "Edits the attributes of spans, log records and data points.",
    .config_size = sizeof(struct attributes_config),
    .options = options,
    .metrics = metric_rows,
    .node_size = sizeof(struct attributes),
    .check = check,
    .check_use = check_use,
    .create = create,
    .destroy = destroy,
};
