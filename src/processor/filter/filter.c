/* SPDX-License-Identifier: Apache-2.0 */
/* The filter processor: drops what a condition is true of.
 *
 * Conditions are kept by their context and asked from the resource down, so that what a parent drops is not descended
 * into. A dropped item is booked in the ledger as `filtered`, and counted by the condition that did it. Conditions that
 * fail are passed over, or reject the batch, as the error mode says. */
#include "ottl/visited.h"
#include "processor/filter/filter_config.h"
#include "processor/item_processor.h"
#include "processor/search_limit.h"

#include <stdio.h>

#define LABEL 200u /* bytes of a condition in a metric */

static const struct metric_row dropped_row =
    METRIC_ROW("otelcd_processor_dropped_items", METRIC_COUNTER, "{items}",
               "Items that a processor dropped, by the condition that was true of them.");

static const struct metric_row filtered_rows[] = {
    [SIGNAL_TRACES] = METRIC_ROW("otelcol_processor_filter_spans_filtered", METRIC_COUNTER, "{spans}",
                                 "Number of spans dropped by the filter processor."),
    [SIGNAL_METRICS] = METRIC_ROW("otelcol_processor_filter_datapoints_filtered", METRIC_COUNTER, "{datapoints}",
                                  "Number of metric data points dropped by the filter processor."),
    [SIGNAL_LOGS] = METRIC_ROW("otelcol_processor_filter_logs_filtered", METRIC_COUNTER, "{logs}",
                               "Number of log records dropped by the filter processor."),
    [SIGNAL_PROFILES] = METRIC_ROW("otelcol_processor_filter_profiles_filtered", METRIC_COUNTER, "{samples}",
                                   "Number of samples in profiles dropped by the filter processor."),
};

static const struct metric_row *const metric_rows[] = {
    &filtered_rows[SIGNAL_TRACES],
    &filtered_rows[SIGNAL_METRICS],
    &filtered_rows[SIGNAL_LOGS],
    &filtered_rows[SIGNAL_PROFILES],
    &dropped_row,
    &statement_fault_row,
    ITEM_COUNT_ROWS,
    &search_limit_row,
    NULL,
};

struct dropped_by {
    struct metric *by; /* the condition's */
    uint64_t items;
};

struct filter {
    struct item_processor processor;
    struct statement_list lists[OTTL_CONTEXTS];
    struct selection *selections[FILTER_SELECTIONS];
    enum selected selected[FILTER_SELECTIONS];
    VEC(struct dropped_by) dropped; /* of the batch */
    struct metric *filtered;        /* all */
    struct metric *unmatched;       /* by include and exclude */
    bool selects;                   /* there is an include or exclude */
    int64_t now;                    /* of the batch */
    struct ottl_evaluation *evaluation;
    struct search_limit limit; /* of include and exclude */
};

static void note_dropped(struct filter *f, struct metric *by, uint64_t items)
{
    for (size_t i = 0; i < f->dropped.n; i++)
        if (f->dropped.v[i].by == by) {
            f->dropped.v[i].items += items;
            return;
        }
    *vec_push(&f->dropped) = (struct dropped_by){ by, items };
}

static void begin_batch(struct item_processor *r, const struct batch *b)
{
    struct filter *f = container_of(r, struct filter, processor);

    f->now = statement_now(&r->node);
    ottl_begin_batch(f->evaluation, b->items);
}

/* Of a batch that is rejected nothing was dropped: its sender has all of it, and may send it again. */
static void count_dropped(struct item_processor *r)
{
    struct filter *f = container_of(r, struct filter, processor);

    for (size_t i = 0; i < f->dropped.n && r->fault.code == 0 && !r->full; i++) {
        metric_add(f->filtered, f->dropped.v[i].items);
        metric_add(f->dropped.v[i].by, f->dropped.v[i].items);
    }
    f->dropped.n = 0;
}

static bool is_to_ask(const struct filter *f, enum ottl_context context)
{
    return f->lists[context].v.n > 0 && f->processor.fault.code == 0;
}

/* Is one of the context's conditions true of what the evaluation has begun with? */
static struct statement *test_conditions(struct filter *f, enum ottl_context context)
{
    struct statement *s;
    struct error err;
    bool failed = false;

    error_clear(&err);
    s = statement_list_test(&f->lists[context], f->evaluation, &failed, &err);
    if (failed)
        f->processor.fault = err;
    return s;
}

static struct statement *find_true(struct filter *f, enum ottl_context context, const struct ottl_item *item)
{
    if (!is_to_ask(f, context))
        return NULL;
    ottl_begin(f->evaluation, item, f->now);
    return test_conditions(f, context);
}

/* The same of an item, of which there are many. */
static struct statement *ask_item(struct filter *f, enum ottl_context context, const struct visit *at)
{
    if (!is_to_ask(f, context))
        return NULL;
    ottl_begin_visited(f->evaluation, at, f->now);
    return test_conditions(f, context);
}

/* By include and exclude: false: it goes. */
static bool is_selected(struct filter *f, unsigned level, struct bytes message)
{
    for (unsigned i = 0; i < FILTER_SELECTIONS; i++) {
        struct selection *s = f->selections[i];
        enum selected selected;

        if (s == NULL || (level > LEVEL_RESOURCE && f->selected[i] != SELECTED_SOME))
            continue;
        if (level > LEVEL_SCOPE)
            selected = selection_item(s, message) ? SELECTED_ALL : SELECTED_NONE;
        else
            selected = f->selected[i] =
                level == LEVEL_RESOURCE ? selection_resource(s, message) : selection_scope(s, message);
        search_limit_note(&f->limit, selection_meter(s));
        if (selected == SELECTED_NONE)
            return false;
    }
    return true;
}

/* By that condition, or by include and exclude. */
static enum rewrite_verdict drop_items(struct filter *f, const struct statement *s, uint64_t items)
{
    note_dropped(f, s != NULL ? s->counted : f->unmatched, items);
    return REWRITE_DROP;
}

/* Of what stands above the items: the visitor's hook for that level. */
static enum rewrite_verdict judge_level(struct filter *f, const struct visit *at, const struct pieces *edit,
                                        unsigned level)
{
    static const enum ottl_context contexts[] = {
        [LEVEL_RESOURCE] = OTTL_RESOURCE, [LEVEL_SCOPE] = OTTL_SCOPE, [LEVEL_METRIC] = OTTL_METRIC
    };
    struct ottl_item item = level == LEVEL_RESOURCE ? visited_resource(at)
                            : level == LEVEL_SCOPE  ? visited_scope(at)
                                                    : visited_metric(at);
    struct statement *s = find_true(f, contexts[level], &item);

    (void)edit;
    if (s == NULL && is_selected(f, level, at->message))
        return REWRITE_KEEP;
    return drop_items(f, s, visit_count(at, level));
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    return judge_level(arg, at, edit, LEVEL_RESOURCE);
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    return judge_level(arg, at, edit, LEVEL_SCOPE);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    return judge_level(arg, at, edit, LEVEL_METRIC);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    static const enum ottl_context contexts[] = { [SIGNAL_TRACES] = OTTL_SPAN,
                                                  [SIGNAL_METRICS] = OTTL_DATAPOINT,
                                                  [SIGNAL_LOGS] = OTTL_LOG,
                                                  [SIGNAL_PROFILES] = OTTL_PROFILE };
    struct filter *f = arg;
    enum signal signal = f->processor.node.signal;
    struct statement *s = ask_item(f, contexts[signal], at);

    (void)edit;
    if (s == NULL && (!f->selects || signal == SIGNAL_METRICS || is_selected(f, LEVELS, at->message)))
        return REWRITE_KEEP;
    return drop_items(f, s, path_items(at->message, signal));
}

/* Events are no items: they are counted nowhere. */
static enum rewrite_verdict on_event(void *arg, const struct visit *at, struct pieces *edit)
{
    struct filter *f = arg;
    struct ottl_item item = visited_below(at);

    (void)edit;
    return find_true(f, OTTL_SPANEVENT, &item) != NULL ? REWRITE_DROP : REWRITE_KEEP;
}

/* ---- the component ---- */

static struct metric *counter_of(struct node *node, const char *condition)
{
    char text[LABEL + 1];
    const struct metric_label labels[] = { { "processor", node->id }, { "condition", text } };

    snprintf(text, sizeof(text), "%s", condition);
    return metrics_get(node->host->metrics, &dropped_row, labels, ARRAY_LEN(labels));
}

static void take_condition(void *arg, const struct statement_text *t)
{
    struct filter *f = arg;
    struct node *node = &f->processor.node;

    statement_list_add(&f->lists[t->how.context], node, t)->counted = counter_of(node, t->text);
}

/* Who has nothing to ask is not called. */
static void set_visitor(struct filter *f)
{
    struct rewrite_visitor *v = &f->processor.visitor;
    bool selects = f->selects;
    enum signal signal = f->processor.node.signal;

    v->resource = selects || f->lists[OTTL_RESOURCE].v.n > 0 ? on_resource : NULL;
    v->scope = selects || f->lists[OTTL_SCOPE].v.n > 0 ? on_scope : NULL;
    if (signal == SIGNAL_METRICS)
        v->metric = selects || f->lists[OTTL_METRIC].v.n > 0 ? on_metric : NULL;
    if ((selects && signal != SIGNAL_METRICS) || f->lists[OTTL_SPAN].v.n + f->lists[OTTL_LOG].v.n > 0 ||
        f->lists[OTTL_DATAPOINT].v.n + f->lists[OTTL_PROFILE].v.n > 0)
        v->item = on_item;
    v->below = f->lists[OTTL_SPANEVENT].v.n > 0 ? on_event : NULL;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct filter *f = container_of(item_processor_of(node), struct filter, processor);
    const struct metric_label labels[] = { { "filter", node->id } };

    (void)err;
    item_processor_init(&f->processor, "filtered");
    f->processor.begins = begin_batch;
    f->processor.judged = count_dropped;
    f->evaluation = ottl_evaluation_new();
    f->filtered = metrics_get(node->host->metrics, &filtered_rows[node->signal], labels, ARRAY_LEN(labels));
    filter_gather(config, node->signal, NULL, take_condition, f);
    filter_selections(config, node->signal, f->selections);
    f->unmatched = counter_of(node, "include, exclude");
    search_limit_init(&f->limit, node);
    f->selects = f->selections[0] != NULL || f->selections[1] != NULL || f->selections[2] != NULL;
    set_visitor(f);
    return 0;
}

static void destroy(struct node *node)
{
    struct filter *f = container_of(item_processor_of(node), struct filter, processor);

    for (unsigned i = 0; i < OTTL_CONTEXTS; i++)
        statement_list_free(&f->lists[i]);
    for (unsigned i = 0; i < FILTER_SELECTIONS; i++)
        selection_free(f->selections[i]);
    ottl_evaluation_free(f->evaluation);
    vec_free(&f->dropped);
    item_processor_free(&f->processor);
}

extern const struct component filter_processor;
const struct component filter_processor = {
    COMPONENT_TYPE("filter", COMPONENT_PROCESSOR, .signals = SIGNAL_ALL, .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Drops spans, span events, metrics, data points, log records and profiles that a condition is true of. "
               "What the conditions may say is in docs/reference/ottl.md.",
    COMPONENT_CONFIG(struct filter_config, filter_options, .check = filter_check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct filter, .create = create, .destroy = destroy),
};
