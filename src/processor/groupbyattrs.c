/* SPDX-License-Identifier: Apache-2.0 */
/* The groupbyattrs processor: attributes of items become attributes of their resource, and items of one resource come
 * together.
 *
 * The batch is walked item by item. What an item has of the keys, together with its resource, leads to the group that
 * it goes to: the first time the new resource is made, and its attributes as a set say which group that is; from then
 * on the same values lead there at once. In the group, scopes of one name and version are one, and so are metrics of
 * one name and type, as in the Go collector. Nothing is lost and nothing is held: the new batch goes on in the same
 * turn, in place of the old one.
 *
 * What can go wrong: a large resource of many items that all go to others of their own would be copied for each, and a
 * small one of very many makes a group for each. Past a bound on such copies, or on the memory of the groups, items of
 * a batch stay where they are, attributes and all. */
#include "base/mem.h"
#include "otlp/attribute_list.h"
#include "otlp/metadata.h"
#include "otlp/view.h"
#include "pipeline/item_count.h"
#include "processor/groups.h"
#include "processor/stream/metric_edit.h"

#include <stdlib.h>
#include <string.h>

#define COPIES_MAX (32ull * 1024 * 1024) /* bytes of new resources in a batch, or ... */
#define BUDGET_PARTS 8                   /* ... this part of the budget, if that is less; */
#define GROUP_PARTS 4                    /* this part of it for groups, with what leads to their items */

struct groupbyattrs_config {
    struct strings keys;
};

static const struct option options[] = {
    OPT_STRINGS(struct groupbyattrs_config, keys, "[]",
                "Attributes of spans, log records and data points that go to their resource. Without any, only equal "
                "resources, scopes and metrics come together."),
    OPT_END,
};

#define COUNT_ROW(signal, what, text)                                                                                  \
    METRIC_ROW("otelcol_processor_groupbyattrs_" what signal, METRIC_COUNTER, "1", text)
static const struct metric_row grouped_rows[] = {
    [SIGNAL_TRACES] = COUNT_ROW("spans", "num_grouped_", "Spans that had attributes of the keys."),
    [SIGNAL_METRICS] = COUNT_ROW("metrics", "num_grouped_", "Data points that had attributes of the keys."),
    [SIGNAL_LOGS] = COUNT_ROW("logs", "num_grouped_", "Log records that had attributes of the keys."),
};
static const struct metric_row other_rows[] = {
    [SIGNAL_TRACES] = COUNT_ROW("spans", "num_non_grouped_", "Spans that had none of the keys."),
    [SIGNAL_METRICS] = COUNT_ROW("metrics", "num_non_grouped_", "Data points that had none of the keys."),
    [SIGNAL_LOGS] = COUNT_ROW("logs", "num_non_grouped_", "Log records that had none of the keys."),
};

static const double group_bounds[] = { 0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000 };
#define GROUPS_ROW(signal)                                                                                             \
    METRIC_ROW("otelcol_processor_groupbyattrs_" signal "_groups", METRIC_HISTOGRAM, "1",                              \
               "Resources that a batch came out with.", METRIC_BOUNDS(group_bounds))
static const struct metric_row groups_rows[] = {
    [SIGNAL_TRACES] = GROUPS_ROW("span"),
    [SIGNAL_METRICS] = GROUPS_ROW("metric"),
    [SIGNAL_LOGS] = GROUPS_ROW("log"),
};

static const struct metric_row *const metric_rows[] = {
    &grouped_rows[SIGNAL_TRACES],
    &grouped_rows[SIGNAL_METRICS],
    &grouped_rows[SIGNAL_LOGS],
    &other_rows[SIGNAL_TRACES],
    &other_rows[SIGNAL_METRICS],
    &other_rows[SIGNAL_LOGS],
    &groups_rows[SIGNAL_TRACES],
    &groups_rows[SIGNAL_METRICS],
    &groups_rows[SIGNAL_LOGS],
    ITEM_COUNT_ROWS,
    NULL,
};

struct groupbyattrs {
    struct node node;
    const struct groupbyattrs_config *config;
    struct rewriter walker; /* changes nothing: it finds the items */
    struct rewrite_visitor visitor;
    struct assembly assembly;
    struct attribute_list resource;
    struct buf scratch;
    VEC(struct bytes) taken; /* KeyValues of the item that go to its resource, one of each key */
    uint64_t copied;         /* bytes of the resources that were made for the batch */
    bool too_many;           /* resources in it */
    struct complaint crowded;
    struct digest of_resource, of_scope, of_metric;
    struct groups_head head; /* of the metric */
    struct item_count items;
    struct metric *grouped, *other, *groups;
};

/* ---- an item's group ---- */

static bool is_key(const struct groupbyattrs *p, struct bytes key)
{
    for (size_t i = 0; i < p->config->keys.n; i++)
        if (bytes_is(key, p->config->keys.v[i]))
            return key.len > 0;
    return false;
}

/* Of a key that comes twice the last one counts. */
static void take_attribute(struct groupbyattrs *p, struct bytes field)
{
    struct bytes key = attribute_of(field).key;

    for (size_t i = 0; i < p->taken.n; i++)
        if (bytes_equal(attribute_of(p->taken.v[i]).key, key)) {
            p->taken.v[i] = field;
            return;
        }
    *vec_push(&p->taken) = field;
}

/* The item's attributes that go to its resource. */
static void take_attributes(struct groupbyattrs *p, const struct visit *at)
{
    struct pb_reader r = pb_reader(at->message);
    struct bytes field;

    p->taken.n = 0;
    while (p->config->keys.n > 0 && message_next(&r, at->attributes, &field))
        if (is_key(p, attribute_of(field).key))
            take_attribute(p, field);
}

/* The resource with what was taken, as the content of a Resource: nothing but attributes. */
static struct bytes make_resource(struct groupbyattrs *p, struct bytes resource)
{
    attribute_list_read(&p->resource, resource, OTLP_RESOURCE_ATTRIBUTES);
    for (size_t i = 0; i < p->taken.n; i++) {
        struct attribute a = attribute_of(p->taken.v[i]);

        attribute_list_set(&p->resource, a.key, a.value);
    }
    p->scratch.len = 0;
    for (size_t i = 0; i < p->resource.slots.n; i++)
        if (slot_is_attribute(&p->resource.slots.v[i]))
            buf_put(&p->scratch, p->resource.slots.v[i].field);
    return buf_bytes(&p->scratch);
}

static struct digest way_of(const struct groupbyattrs *p)
{
    struct digest_set taken = { 0 };

    for (size_t i = 0; i < p->taken.n; i++)
        digest_set_add(&taken, p->taken.v[i]);
    return digest_set_of(p->of_resource, &taken);
}

static void report_crowd(struct groupbyattrs *p)
{
    if (complaint_due(&p->crowded, &p->node.host->loop->clock))
        log_warn(&p->node.log,
                 "Items stay with their resource, attributes and all: with so many groups the batch would be too large",
                 F_UINT("copied_bytes", p->copied), F_UINT("repeated", complaint_taken(&p->crowded)));
}

/* There are too many copies of resources: the item stays with its own. */
static void leave_in_place(struct groupbyattrs *p)
{
    p->taken.n = 0;
    report_crowd(p);
}

static bool may_copy(const struct groupbyattrs *p, struct bytes resource)
{
    uint64_t limit = budget_limit(p->node.host->budget), part = limit / BUDGET_PARTS;

    return p->copied + resource.len <= (part < COPIES_MAX ? part : COPIES_MAX) &&
           assembly_size(&p->assembly) <= limit / GROUP_PARTS;
}

/* What has led to a group once leads there again; groups of one set of attributes are one. */
static struct message *find_resource(struct groupbyattrs *p, const struct visit *at)
{
    struct digest way = way_of(p), key;
    struct message *group = assembly_known(&p->assembly, &way);
    struct bytes resource;

    if (group == NULL && p->taken.n > 0 && !may_copy(p, visit_resource(at))) {
        leave_in_place(p);
        way = way_of(p);
        group = assembly_known(&p->assembly, &way);
    }
    if (group != NULL)
        return group;
    resource = make_resource(p, visit_resource(at));
    p->copied += p->taken.n > 0 ? resource.len : 0;
    key = digest_attributes((struct digest){ 0 }, resource, OTLP_RESOURCE_ATTRIBUTES);
    group = groups_resource(&p->assembly, &key, resource, bytes_of(NULL, 0));
    assembly_know(&p->assembly, &way, group);
    return group;
}

/* What is known of many items by one digest is not looked at again for each of them. */
static struct digest digest_in(struct digest parent, const struct digest *d)
{
    return digest_number(digest_number(parent, d->lo), d->hi);
}

static struct message *find_group(struct groupbyattrs *p, const struct visit *at)
{
    struct message *group = find_resource(p, at);
    struct digest key = digest_in(group->key, &p->of_scope);

    group = groups_scope(&p->assembly, group, &key, visit_scope(at), bytes_of(NULL, 0));
    if (at->data == 0)
        return group;
    key = digest_number(digest_in(key, &p->of_metric), at->data);
    return groups_metric(&p->assembly, group, &key, at->metric, at->data, 0, &p->head);
}

/* ---- the walk ---- */

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct groupbyattrs *p = arg;

    (void)edit;
    p->of_resource = digest_attributes((struct digest){ 1, 0 }, at->message, OTLP_RESOURCE_ATTRIBUTES);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct groupbyattrs *p = arg;
    struct scope_view v = scope_view(at->message);

    (void)edit;
    p->of_scope = digest_bytes(digest_bytes((struct digest){ 0 }, v.name), v.version);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct groupbyattrs *p = arg;

    (void)edit;
    p->of_metric = digest_bytes((struct digest){ 0 }, metric_view(at->message).name);
    p->head = (struct groups_head){ 0 };
    return REWRITE_KEEP;
}

/* The item without the attributes that were taken, in runs. */
static void put_item(struct groupbyattrs *p, struct message *group, uint32_t number, const struct visit *at)
{
    struct message *item = assembly_add(&p->assembly, group, number);
    struct pb_reader r = pb_reader(at->message);
    const uint8_t *from = at->message.data;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != at->attributes || f.wire != PB_LEN || !is_key(p, attribute_of(f.bytes).key))
            continue;
        assembly_put(&p->assembly, item, bytes_of(from, (size_t)(f.start - from)));
        from = r.p;
    }
    assembly_put(&p->assembly, item, bytes_of(from, (size_t)(bytes_end(at->message) - from)));
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct groupbyattrs *p = arg;
    uint32_t number = at->data != 0 ? OTLP_DATA_POINTS : OTLP_SCOPE_GROUP_ITEMS;
    struct message *group;
    bool has;

    (void)edit;
    p->too_many |= assembly_size(&p->assembly) > budget_limit(p->node.host->budget) / GROUP_PARTS * 2;
    if (p->too_many)
        return REWRITE_KEEP;
    take_attributes(p, at);
    group = find_group(p, at);
    has = p->taken.n > 0;
    metric_add(has ? p->grouped : p->other, 1);
    if (has)
        put_item(p, group, number, at);
    else
        assembly_put_field(&p->assembly, group, number, at->message);
    return REWRITE_KEEP;
}

static struct batch *regroup_batch(struct groupbyattrs *p, struct batch *batch)
{
    struct budget *budget = host_budget(p->node.host, batch->signal);
    uint64_t dropped;
    struct batch *made;

    p->copied = 0;
    p->too_many = false;
    made = rewrite_batch(&p->walker, batch, &p->visitor, budget, &dropped);

    batch_unref(made);
    if (p->too_many) {
        assembly_clear(&p->assembly);
        report_crowd(p);
        return batch_ref(batch);
    }
    metric_observe(p->groups, (double)p->assembly.root->n_parts);
    made = assembly_batch(&p->assembly, batch->signal, budget, batch->items, batch->arrival);
    made->metadata = metadata_ref(batch->metadata);
    assembly_clear(&p->assembly);
    return made;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct groupbyattrs *p = container_of(container_of(self, struct node, in), struct groupbyattrs, node);
    uint64_t begun = item_count_begin(&p->items);
    struct batch *made;

    metric_add(p->items.incoming, batch->items);
    made = regroup_batch(p, batch);
    item_count_end(&p->items, begun);
    metric_add(p->items.outgoing, made->items);
    batch_unref(batch);
    consumer_send(p->node.out[made->signal], made, ack);
}

/* ---- the component ---- */

static void check(const void *config, struct check *ck)
{
    const struct groupbyattrs_config *c = config;
    char at[32];

    for (size_t i = 0; i < c->keys.n; i++) {
        snprintf(at, sizeof(at), "keys::%zu", i);
        if (c->keys.v[i][0] == '\0')
            check_warn(ck, at, "an empty key is no attribute's: left out");
        for (size_t k = 0; k < i; k++)
            if (strcmp(c->keys.v[i], c->keys.v[k]) == 0)
                check_warn(ck, at, "\"%s\" stands there twice", c->keys.v[i]);
    }
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct groupbyattrs *p = container_of(node, struct groupbyattrs, node);
    struct metrics *m = node->host->metrics;

    (void)err;
    p->config = config;
    node->in.consume = consume;
    p->visitor = (struct rewrite_visitor){
        .resource = on_resource, .scope = on_scope, .metric = on_metric, .item = on_item, .arg = p
    };
    assembly_init(&p->assembly);
    item_count_init(&p->items, node);
    p->grouped = metrics_get(m, &grouped_rows[node->signal], NULL, 0);
    p->other = metrics_get(m, &other_rows[node->signal], NULL, 0);
    p->groups = metrics_get(m, &groups_rows[node->signal], NULL, 0);
    return 0;
}

static void destroy(struct node *node)
{
    struct groupbyattrs *p = container_of(node, struct groupbyattrs, node);

    assembly_free(&p->assembly);
    attribute_list_free(&p->resource);
    rewriter_free(&p->walker);
    vec_free(&p->taken);
    buf_free(&p->scratch);
}

extern const struct component groupbyattrs_processor;
const struct component groupbyattrs_processor = {
    COMPONENT_TYPE("groupbyattrs", COMPONENT_PROCESSOR, .signals = SIGNAL_STABLE, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Moves attributes of items to their resource, and joins what belongs to one resource.",
    COMPONENT_CONFIG(struct groupbyattrs_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct groupbyattrs, .create = create, .destroy = destroy),
};
