/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics_transform processor: metrics renamed, copied, combined and grouped, their labels and values changed.
 *
 * The batch is walked scope by scope. The metrics of a scope go through the transforms in their order; those that none
 * of them means stay the bytes that they are. When nothing was touched in the whole batch it goes on as it is, else it
 * is put together anew. Points that a transform makes are booked as received, those that it merges or deletes as
 * dropped.
 *
 * What can go wrong: a name or a label is so long that a pattern may take more steps than an item has; then the
 * transform does not mean the metric, or its point, which is counted. Metrics that are to be combined do not fit
 * together; they stay as they are, with a warning. What is made on the way is charged while it grows: when there is no
 * room its sender is to come again, and of what would take most of the budget nothing is made. */
#include "base/mem.h"
#include "otlp/assembly.h"
#include "otlp/metadata.h"
#include "pipeline/item_count.h"
#include "processor/stream/metric_edit.h"
#include "processor/metrics_transform/transform.h"
#include "processor/search_limit.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct metrics_transform_config {
    struct option_list transforms; /* of struct metric_transform_config */
};

static const struct option options[] = {
    OPT_LIST(struct metrics_transform_config, transforms, struct metric_transform_config, transform_rows,
             "What to do, in this order; each sees what those before have left."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { ITEM_COUNT_ROWS, &search_limit_row, NULL };

#define KEPT_MEMORY (256u << 10)
#define MOST 2u /* what is made of a batch may take this part of the budget */

typedef VEC(struct work_metric *) work_metrics;

struct metrics_transform {
    struct node node;
    struct metric_transform *transforms;
    size_t n;
    struct work work;
    struct assembly assembly;
    struct complaint uncombined;
    work_metrics metrics;            /* of the scope */
    work_metrics matched, originals; /* what a transform takes out of it: copies, and what they are of */
    bool touched;                    /* the batch */
    struct bytes resource, scope;    /* the containers where the walk is */
    VEC(struct message *) grouped;   /* resources made by `group`, and their scopes */
    struct message **group_of;    /* by transform: the last that it made of the resource where the walk is, or NULL */
    uint64_t copied, batch_bytes; /* by `group`; of the batch */
    uint64_t charged;             /* for what is made of the batch */
    bool full, too_large;         /* it is given up: for now, or for good */
    struct item_count items;
    struct search_limit limit;
};

/* ---- memory ---- */

static struct budget *budget_of(const struct metrics_transform *p)
{
    return host_budget(p->node.host, SIGNAL_METRICS);
}

/* After each step; false: the batch is given up. */
static bool charge_work(struct metrics_transform *p)
{
    uint64_t size = p->work.arena.total + assembly_size(&p->assembly);
    uint64_t more = size > p->charged ? size - p->charged : 0;

    p->too_large = p->too_large || size > budget_limit(budget_of(p)) / MOST;
    if (p->too_large || p->full)
        return false;
    if (more == 0)
        return true;
    p->full = !budget_take(budget_of(p), more);
    if (!p->full)
        p->charged = size;
    return !p->full;
}

static void clear_work(struct metrics_transform *p)
{
    assembly_clear(&p->assembly);
    if (p->work.arena.total > KEPT_MEMORY)
        arena_free(&p->work.arena);
    else
        arena_reset(&p->work.arena);
    budget_give(budget_of(p), p->charged);
    p->charged = 0;
}

/* ---- one transform on the metrics of a scope ---- */

/* A metric without points is meant where no labels are asked for. */
static bool means_name_alone(const struct metric_transform *t, const struct work_metric *m)
{
    return m->n == 0 && t->config->experimental_match_labels.n == 0;
}

/* Each metric begins with all steps, for each transform. */
static bool has_name(struct metrics_transform *p, const struct metric_transform *t, const struct work_metric *m)
{
    search_limit_note(&p->limit, &p->work.meter);
    regex_meter_begin(&p->work.meter);
    return m->data != 0 && transform_has_name(t, &p->work, m->name);
}

/* Of the metric, a copy with the points that are meant; NULL: none is. */
static struct work_metric *copy_matched(struct metrics_transform *p, const struct metric_transform *t,
                                        struct work_metric *m)
{
    struct work_metric *copy;

    if (!has_name(p, t, m))
        return NULL;
    work_metric_open(&p->work, m);
    copy = work_metric_copy(&p->work, m);
    for (size_t i = 0; i < m->n; i++)
        if (transform_has_point(t, &p->work, m->points[i]))
            work_metric_add(&p->work, copy, work_point_copy(&p->work, m->points[i]));
    return copy->n > 0 || means_name_alone(t, m) ? copy : NULL;
}

static bool is_meant(struct metrics_transform *p, const struct metric_transform *t, struct work_metric *m)
{
    if (!has_name(p, t, m))
        return false;
    work_metric_open(&p->work, m);
    for (size_t i = 0; i < m->n; i++)
        if (transform_has_point(t, &p->work, m->points[i]))
            return true;
    return means_name_alone(t, m);
}

static void update_metrics(struct metrics_transform *p, const struct metric_transform *t)
{
    size_t n = 0;

    for (size_t i = 0; i < p->metrics.n; i++) {
        struct work_metric *m = p->metrics.v[i];

        if (is_meant(p, t, m)) {
            p->touched = true;
            if (!transform_apply(t, &p->work, m))
                continue;
        }
        p->metrics.v[n++] = m;
    }
    p->metrics.n = n;
}

static void insert_metrics(struct metrics_transform *p, const struct metric_transform *t)
{
    size_t n = p->metrics.n;

    for (size_t i = 0; i < n; i++) {
        struct work_metric *copy = copy_matched(p, t, p->metrics.v[i]);

        if (copy == NULL)
            continue;
        p->work.made += copy->n;
        p->touched = true;
        if (transform_apply(t, &p->work, copy))
            *vec_push(&p->metrics) = copy;
    }
}

/* Points that the labels do not mean are left out. */
static void delete_unmatched(struct metrics_transform *p)
{
    for (size_t i = 0; i < p->matched.n; i++)
        p->work.deleted += p->originals.v[i]->n - p->matched.v[i]->n;
}

/* Metrics that are meant, out of the scope. */
static void take_matched(struct metrics_transform *p, const struct metric_transform *t)
{
    size_t n = 0;

    p->matched.n = p->originals.n = 0;
    for (size_t i = 0; i < p->metrics.n; i++) {
        struct work_metric *m = p->metrics.v[i], *copy = copy_matched(p, t, m);

        if (copy != NULL) {
            *vec_push(&p->matched) = copy;
            *vec_push(&p->originals) = m;
        } else {
            p->metrics.v[n++] = m;
        }
    }
    p->metrics.n = n;
}

/* ---- combine ---- */

static struct bytes in_case(struct metrics_transform *p, int how, struct bytes text)
{
    uint8_t *to = arena_alloc_bytes(&p->work.arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        to[i] = how == CASE_AS_IT_IS ? text.data[i]
                                     : (uint8_t)(how == CASE_LOWER ? tolower(text.data[i]) : toupper(text.data[i]));
    return bytes_of(to, text.len);
}

/* What the groups of the pattern have matched in its name become attributes of its points. */
static void add_groups(struct metrics_transform *p, const struct metric_transform *t, struct work_metric *m)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];

    if (t->name == NULL || !regex_meter_find(&p->work.meter, t->name, m->name, 0, found))
        return;
    for (unsigned i = 1; i <= regex_groups(t->name); i++) {
        const char *called = regex_group_name(t->name, i);
        struct bytes key = called != NULL ? bytes_str(called) : bytes_str(arena_printf(&p->work.arena, "$%u", i));
        struct bytes value = work_string(&p->work, in_case(p, t->config->submatch_case, found[i]));

        for (size_t k = 0; k < m->n; k++)
            work_point_set(&p->work, m->points[k], key, value);
    }
}

/* They stay, behind the others. */
static void put_back(struct metrics_transform *p, const struct metric_transform *t, const char *misfit)
{
    for (size_t i = 0; i < p->originals.n; i++)
        *vec_push(&p->metrics) = p->originals.v[i];
    if (complaint_due(&p->uncombined, &p->node.host->loop->clock))
        log_warn(&p->node.log, misfit, F_STR("new_name", t->config->new_name),
                 F_UINT("repeated", complaint_taken(&p->uncombined)));
}

static void combine_metrics(struct metrics_transform *p, const struct metric_transform *t)
{
    struct work_metric *sum;
    const char *misfit;

    take_matched(p, t);
    misfit = p->matched.n > 0 ? work_metrics_misfit(p->matched.v, p->matched.n) : NULL;
    if (misfit != NULL)
        put_back(p, t, misfit);
    if (p->matched.n == 0 || misfit != NULL)
        return;
    p->touched = true;
    delete_unmatched(p);
    sum = work_metric_copy(&p->work, p->matched.v[0]);
    sum->name = bytes_str(t->config->new_name);
    for (size_t i = 0; i < p->matched.n; i++) {
        add_groups(p, t, p->matched.v[i]);
        for (size_t k = 0; k < p->matched.v[i]->n; k++)
            work_metric_add(&p->work, sum, p->matched.v[i]->points[k]);
    }
    work_metric_merge(&p->work, sum, (enum aggregation)t->config->aggregation_type);
    if (transform_apply(t, &p->work, sum))
        *vec_push(&p->metrics) = sum;
}

/* ---- the batch put together ---- */

/* The resource of a group: the source's, with the labels. */
static struct bytes make_resource(struct metrics_transform *p, const struct metric_transform *t)
{
    const struct string_map *labels = &t->config->group_resource_labels;
    struct pb_reader r = pb_reader(resource_group_view(p->resource).resource);
    struct buf out = { 0 };
    struct bytes made;

    for (struct pb_field f; pb_next(&r, &f);) {
        bool replaced = false;

        for (size_t i = 0; f.number == OTLP_RESOURCE_ATTRIBUTES && i < labels->n; i++)
            replaced = replaced || bytes_is(key_value_view(f.bytes).key, labels->v[i].key);
        if (!replaced)
            buf_append(&out, f.start, (size_t)(r.p - f.start));
    }
    for (size_t i = 0; i < labels->n; i++) {
        size_t mark = pb_begin(&out, OTLP_RESOURCE_ATTRIBUTES);

        pb_put_str(&out, OTLP_KEY_VALUE_KEY, labels->v[i].key);
        pb_put_bytes(&out, OTLP_KEY_VALUE_VALUE, work_string(&p->work, bytes_str(labels->v[i].value)));
        pb_end(&out, mark);
    }
    made = work_keep(&p->work, buf_bytes(&out));
    buf_free(&out);
    return made;
}

/* One for each scope, as in the Go collector, until the copies are as large as the batch: then scopes of one resource
 * share what was made for one of them. */
static struct message *find_group(struct metrics_transform *p, const struct metric_transform *t)
{
    struct message **group = &p->group_of[t - p->transforms];
    struct bytes made;

    if (*group != NULL && p->copied >= p->batch_bytes)
        return *group;
    made = make_resource(p, t);
    p->copied += made.len;
    *group = assembly_new(&p->assembly, OTLP_REQUEST_RESOURCES);
    *vec_push(&p->grouped) = *group;
    assembly_put_field(&p->assembly, *group, OTLP_RESOURCE_GROUP_RESOURCE, made);
    return *group;
}

static void group_metrics(struct metrics_transform *p, const struct metric_transform *t)
{
    struct assembly *a = &p->assembly;
    struct message *scope;
    struct bytes head = scope_group_view(p->scope).scope;

    take_matched(p, t);
    if (p->matched.n == 0)
        return;
    p->touched = true;
    delete_unmatched(p);
    scope = assembly_add(a, find_group(p, t), OTLP_RESOURCE_GROUP_SCOPES);
    if (head.len > 0)
        assembly_put_field(a, scope, OTLP_SCOPE_GROUP_SCOPE, head);
    for (size_t i = 0; i < p->matched.n; i++)
        work_put_metric(&p->assembly, scope, p->matched.v[i]);
}

/* ---- the walk ---- */

static void run_transform(struct metrics_transform *p, const struct metric_transform *t)
{
    static void (*const run[])(struct metrics_transform *, const struct metric_transform *) = {
        [ACTION_UPDATE] = update_metrics,
        [ACTION_INSERT] = insert_metrics,
        [ACTION_COMBINE] = combine_metrics,
        [ACTION_GROUP] = group_metrics,
    };

    if (t->config->action != ACTION_NONE)
        run[t->config->action](p, t);
}

static void take_scope(struct metrics_transform *p, struct message *resource)
{
    struct pb_reader r = pb_reader(p->scope);
    struct message *scope;
    struct bytes metric;

    p->metrics.n = 0;
    while (message_next(&r, OTLP_SCOPE_GROUP_ITEMS, &metric))
        *vec_push(&p->metrics) = work_metric_new(&p->work, metric);
    for (size_t i = 0; i < p->n && charge_work(p); i++)
        run_transform(p, &p->transforms[i]);
    if (!charge_work(p) || p->metrics.n == 0)
        return;
    scope = assembly_add(&p->assembly, resource, OTLP_RESOURCE_GROUP_SCOPES);
    work_put_container(&p->assembly, scope, p->scope);
    for (size_t i = 0; i < p->metrics.n; i++)
        work_put_metric(&p->assembly, scope, p->metrics.v[i]);
}

static void take_resource(struct metrics_transform *p)
{
    struct message *resource = assembly_new(&p->assembly, OTLP_REQUEST_RESOURCES);
    struct pb_reader r = pb_reader(p->resource);
    uint32_t head;

    memset(p->group_of, 0, p->n * sizeof(struct message *));
    work_put_container(&p->assembly, resource, p->resource);
    head = resource->n_parts;
    while (charge_work(p) && message_next(&r, OTLP_RESOURCE_GROUP_SCOPES, &p->scope))
        take_scope(p, resource);
    if (resource->n_parts > head)
        assembly_join(&p->assembly, p->assembly.root, resource);
}

static void walk_batch(struct metrics_transform *p, const struct batch *batch)
{
    p->touched = p->full = p->too_large = false;
    p->grouped.n = 0;
    p->copied = 0;
    p->batch_bytes = batch->bytes;
    p->work.made = p->work.merged = p->work.deleted = p->work.overwritten = 0;
    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(batch->segments[i].data, batch->segments[i].len));

        while (charge_work(p) && message_next(&r, OTLP_REQUEST_RESOURCES, &p->resource))
            take_resource(p);
    }
    search_limit_note(&p->limit, &p->work.meter);
    regex_meter_begin(&p->work.meter);
    charge_work(p);
    for (size_t i = 0; i < p->grouped.n; i++)
        assembly_join(&p->assembly, p->assembly.root, p->grouped.v[i]);
}

/* The batch as it is now; NULL: nothing is left. */
static struct batch *transform_batch(struct metrics_transform *p, struct batch *batch)
{
    uint64_t items = batch->items + p->work.made - p->work.merged - p->work.deleted - p->work.overwritten;
    struct batch *made;

    if (!p->touched && p->work.overwritten == 0)
        return batch_ref(batch);
    if (items == 0)
        return NULL;
    made = assembly_batch(&p->assembly, SIGNAL_METRICS, budget_of(p), items, batch->arrival);
    made->metadata = metadata_ref(batch->metadata);
    return made;
}

static void refuse_batch(struct metrics_transform *p, struct batch *batch, struct ack *ack)
{
    if (p->too_large)
        ack_fail(ack, VERDICT_REJECT, "too_large",
                 "the transforms make more of it than half of the memory budget has room for: send smaller batches");
    else
        ack_fail(ack, VERDICT_RETRY, "memory_limit", "no room for what would be made of it");
    clear_work(p);
    batch_unref(batch);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct metrics_transform *p = container_of(container_of(self, struct node, in), struct metrics_transform, node);
    uint64_t begun = item_count_begin(&p->items);
    struct batch *made;

    metric_add(p->items.incoming, batch->items);
    walk_batch(p, batch);
    if (p->full || p->too_large) {
        item_count_end(&p->items, begun);
        refuse_batch(p, batch, ack);
        return;
    }
    made = transform_batch(p, batch);
    item_count_end(&p->items, begun);
    metric_add(p->items.outgoing, made != NULL ? made->items : 0);
    ack_make(ack, p->work.made);
    ack_drop(ack, p->work.merged, "merged");
    ack_drop(ack, p->work.deleted, "deleted");
    ack_drop(ack, p->work.overwritten, "overwritten");
    clear_work(p);
    batch_unref(batch);
    if (made != NULL)
        consumer_send(p->node.out[SIGNAL_METRICS], made, ack);
    else
        ack_safe(ack);
}

/* ---- the component ---- */

static void check(const void *config, struct check *ck)
{
    transforms_check(&((const struct metrics_transform_config *)config)->transforms, ck);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct metrics_transform *p = container_of(node, struct metrics_transform, node);
    const struct metrics_transform_config *c = config;
    const struct metric_transform_config *t = c->transforms.v;

    (void)err;
    node->in.consume = consume;
    p->n = c->transforms.n;
    p->transforms = mem_zalloc((p->n + 1) * sizeof(*p->transforms));
    p->group_of = mem_zalloc((p->n + 1) * sizeof(struct message *));
    for (size_t i = 0; i < p->n; i++)
        transform_init(&p->transforms[i], &t[i]);
    p->work.version = node->host->version;
    assembly_init(&p->assembly);
    item_count_init(&p->items, node);
    search_limit_init(&p->limit, node);
    return 0;
}

static void destroy(struct node *node)
{
    struct metrics_transform *p = container_of(node, struct metrics_transform, node);

    for (size_t i = 0; i < p->n; i++)
        transform_free(&p->transforms[i]);
    free(p->transforms);
    free(p->group_of);
    assembly_free(&p->assembly);
    arena_free(&p->work.arena);
    buf_free(&p->work.scratch);
    vec_free(&p->metrics);
    vec_free(&p->matched);
    vec_free(&p->originals);
    vec_free(&p->grouped);
}

static const char *const aliases[] = { "metricstransform", NULL };

extern const struct component metrics_transform_processor;
const struct component metrics_transform_processor = {
    COMPONENT_TYPE("metrics_transform", COMPONENT_PROCESSOR, .aliases = aliases, .signals = SIGNAL_BIT(SIGNAL_METRICS),
                   .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Renames, copies, combines and groups metrics, and changes their labels and values.",
    COMPONENT_CONFIG(struct metrics_transform_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct metrics_transform, .create = create, .destroy = destroy),
};
