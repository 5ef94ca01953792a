/* SPDX-License-Identifier: Apache-2.0 */
/* The rewriter walks the batch and asks about the messages of the context, each of which is run on and kept or edited.
 *
 * Statements may change more than their own message. Resources and scopes that items change are kept aside while the
 * items are walked, each item finding them as the one before has left them, and are written by a second walk. A metric
 * whose data points change it, and a span whose events do, is taken apart (walk_whole.c). Metrics that are added wait
 * until the scope ends; then they are run on like those that came in, which may add more, and are written behind them.
 * Their bytes and their generations are limited, for a statement that copies whatever it sees would never end; so are
 * the copies of resources and scopes that items change, for a long one may have many items. */
#include "processor/transform/walk_inside.h"

#define KEPT_MEMORY (256u << 10)

/* ---- resources and scopes that items change ---- */

static void clear_parents(struct transform_parents *p)
{
    for (size_t i = 0; i < p->v.n; i++) {
        buf_free(&p->v.v[i].content);
        buf_free(&p->v.v[i].schema_url);
    }
    p->v.n = p->next = 0;
}

static enum rewrite_verdict note_parent(struct transform_parents *p)
{
    *vec_push(&p->v) = (struct transform_parent){ .changed = false };
    return REWRITE_KEEP;
}

static enum rewrite_verdict note_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    return note_parent(&((struct transform_walk *)arg)->resources);
}

static enum rewrite_verdict note_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    (void)edit;
    return note_parent(&((struct transform_walk *)arg)->scopes);
}

/* As the items before have left it, or as it came. */
static void take_parent(const struct transform_parents *p, struct bytes *parent, struct ottl_schema *schema,
                        uint64_t *serial)
{
    const struct transform_parent *last = p->v.n > 0 ? &p->v.v[p->v.n - 1] : NULL;

    if (last == NULL || !last->changed)
        return;
    *parent = buf_bytes(&last->content);
    *serial = 0;
    if (last->with_schema)
        *schema = (struct ottl_schema){ true, buf_bytes(&last->schema_url) };
}

struct ottl_item transform_item_in(const struct transform_walk *w, const struct visit *at)
{
    struct ottl_item item = { .resource = visit_resource(at), .scope = visit_scope(at), .in = at->in, .at = at };

    item.in.metric = item.in.item = 0;
    take_parent(&w->resources, &item.resource, &item.schema[0], &item.in.resource);
    take_parent(&w->scopes, &item.scope, &item.schema[1], &item.in.scope);
    return item;
}

static void count_copy(struct transform_walk *w, struct bytes parent)
{
    w->copied += parent.len;
    if (w->copied > TRANSFORM_MAX_COPIED && w->fault.code == 0)
        error_set(&w->fault, -1,
                  "items change resources and scopes of more than %u MiB, all together: change them in a group of the "
                  "context resource or scope, or send fewer items in a request",
                  TRANSFORM_MAX_COPIED >> 20);
}

void transform_keep_copy(struct transform_walk *w, struct buf *copy, struct bytes now)
{
    count_copy(w, now);
    if (copy->len > 0 && now.data >= copy->data && now.data < copy->data + copy->len) {
        memmove(copy->data, now.data, now.len);
        copy->len = now.len;
        return;
    }
    copy->len = 0;
    buf_put(copy, now);
}

static void keep_parent(struct transform_walk *w, struct transform_parents *p, struct bytes now,
                        const struct ottl_schema *schema)
{
    struct transform_parent *last = &p->v.v[p->v.n - 1];

    last->changed = true;
    last->with_schema = schema->given;
    if (schema->given) /* first, for it may lie in the content that was */
        transform_keep_copy(w, &last->schema_url, schema->url);
    transform_keep_copy(w, &last->content, now);
}

static enum rewrite_verdict edit_parent(struct pieces *edit, struct bytes now, const struct ottl_schema *schema)
{
    pieces_add(edit, now);
    edit->with_schema = schema->given;
    edit->schema_url = schema->url;
    return REWRITE_EDIT;
}

static enum rewrite_verdict write_parent(struct transform_parents *p, struct pieces *edit)
{
    const struct transform_parent *next = &p->v.v[p->next++];

    const struct ottl_schema schema = { next->with_schema, buf_bytes(&next->schema_url) };

    return next->changed ? edit_parent(edit, buf_bytes(&next->content), &schema) : REWRITE_KEEP;
}

static enum rewrite_verdict write_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    return write_parent(&((struct transform_walk *)arg)->resources, edit);
}

static enum rewrite_verdict write_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)at;
    return write_parent(&((struct transform_walk *)arg)->scopes, edit);
}

static bool has_changed(const struct transform_parents *p)
{
    for (size_t i = 0; i < p->v.n; i++)
        if (p->v.v[i].changed)
            return true;
    return false;
}

/* ---- one message ---- */

static void take_added(struct transform_walk *w)
{
    const struct bytes *metrics;
    size_t n = ottl_added(w->evaluation, &metrics);

    if (w->generation < TRANSFORM_MAX_GENERATIONS)
        w->added_len = TRANSFORM_MAX_ADDED - ottl_allowed(w->evaluation);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = arena_alloc_bytes(&w->memory, metrics[i].len + 1);

        if (metrics[i].len > 0)
            memcpy(copy, metrics[i].data, metrics[i].len);
        *vec_push(&w->added) =
            (struct transform_added){ bytes_of(copy, metrics[i].len), .generation = w->generation + 1 };
    }
}

/* The evaluation has begun with it. */
static unsigned run_begun(struct transform_walk *w, const struct ottl_item **now)
{
    unsigned changed, above;
    struct error err;

    error_clear(&err);
    if ((w->writes & OTTL_APPENDS) != 0)
        ottl_allow_metrics(w->evaluation,
                           w->generation < TRANSFORM_MAX_GENERATIONS ? TRANSFORM_MAX_ADDED - w->added_len : 0);
    if (!w->run(w->arg, w->evaluation, &err))
        w->fault = err;
    changed = ottl_changed(w->evaluation);
    *now = ottl_item_now(w->evaluation);
    above = changed & w->writes & ~ottl_own_message(w->context);
    if (above & OTTL_CHANGED_RESOURCE)
        keep_parent(w, &w->resources, (*now)->resource, &(*now)->schema[0]);
    if (above & OTTL_CHANGED_SCOPE)
        keep_parent(w, &w->scopes, (*now)->scope, &(*now)->schema[1]);
    if ((w->writes & OTTL_APPENDS) != 0)
        take_added(w);
    return changed;
}

unsigned transform_run_item(struct transform_walk *w, const struct ottl_item *item, const struct ottl_item **now)
{
    *now = item;
    if (w->fault.code != 0)
        return 0;
    ottl_begin(w->evaluation, item, w->now);
    return run_begun(w, now);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item item = { .resource = at->message, .at = at }, *now;

    if (!(transform_run_item(arg, &item, &now) & OTTL_CHANGED_RESOURCE))
        return REWRITE_KEEP;
    return edit_parent(edit, now->resource, &now->schema[0]);
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct ottl_item item = transform_item_in(arg, at);
    const struct ottl_item *now;

    item.scope = at->message;
    if (!(transform_run_item(arg, &item, &now) & OTTL_CHANGED_SCOPE))
        return REWRITE_KEEP;
    return edit_parent(edit, now->scope, &now->schema[1]);
}

static uint64_t count_points(struct bytes metric)
{
    return path_count(metric, LEVEL_METRIC, SIGNAL_METRICS);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct ottl_item item = transform_item_in(arg, at);
    const struct ottl_item *now;

    item.metric = at->metric;
    if (!(transform_run_item(arg, &item, &now) & OTTL_CHANGED_METRIC))
        return REWRITE_KEEP;
    pieces_add(edit, now->metric);
    edit->dropped = count_points(at->metric) - count_points(now->metric);
    return REWRITE_EDIT;
}

/* A span, log record, data point or profile. */
static unsigned run_on_item(struct transform_walk *w, const struct visit *at, const struct ottl_item **now)
{
    struct ottl_item item;

    *now = NULL;
    if (w->fault.code != 0)
        return 0;
    if ((w->writes & (OTTL_CHANGED_RESOURCE | OTTL_CHANGED_SCOPE)) == 0) { /* what it is in is as it came */
        ottl_begin_visited(w->evaluation, at, w->now);
        return run_begun(w, now);
    }
    item = transform_item_in(w, at);
    item.metric = at->metric;
    item.in.metric = at->in.metric;
    item.item = at->message;
    item.data = at->data;
    ottl_begin(w->evaluation, &item, w->now);
    return run_begun(w, now);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    const struct ottl_item *now;

    if (!(run_on_item(arg, at, &now) & OTTL_CHANGED_ITEM))
        return REWRITE_KEEP;
    pieces_add(edit, now->item);
    return REWRITE_EDIT;
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    struct ottl_item item = transform_item_in(arg, at);
    const struct ottl_item *now;

    item.metric = at->metric;
    item.in.metric = at->in.metric;
    item.item = at->item;
    item.in.item = at->in.item;
    item.below = at->message;
    item.index = at->index;
    item.data = at->data;
    if (!(transform_run_item(arg, &item, &now) & OTTL_CHANGED_BELOW))
        return REWRITE_KEEP;
    pieces_add(edit, now->below);
    return REWRITE_EDIT;
}

/* ---- messages that are changed by what is in them ---- */

static enum rewrite_verdict on_whole_span(void *arg, const struct visit *at, struct pieces *edit)
{
    struct transform_walk *w = arg;

    if (!transform_walk_span(w, at, at->message))
        return REWRITE_KEEP;
    pieces_add(edit, buf_bytes(&w->item.message));
    pieces_add(edit, buf_bytes(&w->item.done));
    return REWRITE_EDIT;
}

static enum rewrite_verdict on_whole_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    struct transform_walk *w = arg;

    if (!transform_walk_metric(w, at, at->metric))
        return REWRITE_KEEP;
    pieces_add(edit, buf_bytes(&w->out));
    return REWRITE_EDIT;
}

/* ---- metrics that were added ---- */

static struct bytes run_added(struct transform_walk *w, const struct visit *at, struct bytes metric)
{
    struct ottl_item item = transform_item_in(w, at);
    const struct ottl_item *now;
    struct bytes made;

    item.metric = metric;
    if (w->context != OTTL_METRIC)
        made = transform_walk_metric(w, at, metric) ? buf_bytes(&w->out) : metric;
    else
        made = transform_run_item(w, &item, &now) & OTTL_CHANGED_METRIC ? now->metric : metric;
    if (made.data == metric.data)
        return metric;
    return bytes_of(arena_strndup(&w->memory, made.data, made.len), made.len);
}

static enum rewrite_verdict on_scope_end(void *arg, const struct visit *at, struct pieces *edit)
{
    struct transform_walk *w = arg;

    if (w->added.n == 0)
        return REWRITE_KEEP;
    for (size_t i = 0; i < w->added.n; i++) {
        struct bytes metric;

        w->generation = w->added.v[i].generation;
        metric = run_added(w, at, w->added.v[i].metric); /* which may move the others */
        w->added.v[i].metric = metric;
    }
    w->out.len = 0;
    for (size_t i = 0; i < w->added.n; i++) {
        pb_put_bytes(&w->out, OTLP_SCOPE_GROUP_ITEMS, w->added.v[i].metric);
        edit->made += count_points(w->added.v[i].metric);
    }
    w->added.n = 0;
    w->generation = 0;
    arena_reset(&w->memory);
    pieces_add(edit, buf_bytes(&w->out));
    return REWRITE_EDIT;
}

/* ---- the batch ---- */

static void set_own_visitor(const struct transform_walk *w, struct rewrite_visitor *v)
{
    bool metrics = (w->writes & (OTTL_CHANGED_METRIC | OTTL_APPENDS)) != 0;

    switch (w->context) {
    case OTTL_RESOURCE:
        v->resource = on_resource;
        break;
    case OTTL_SCOPE:
        v->scope = on_scope;
        break;
    case OTTL_METRIC:
        v->metric = on_metric;
        break;
    case OTTL_SPANEVENT:
        v->item = (w->writes & OTTL_CHANGED_ITEM) != 0 ? on_whole_span : NULL;
        v->below = v->item == NULL ? on_below : NULL;
        break;
    case OTTL_EXEMPLAR:
        metrics |= (w->writes & OTTL_CHANGED_ITEM) != 0;
        v->metric = metrics ? on_whole_metric : NULL;
        v->below = metrics ? NULL : on_below;
        break;
    default:
        v->metric = metrics ? on_whole_metric : NULL;
        v->item = metrics ? NULL : on_item;
    }
}

static struct rewrite_visitor visitor_of(struct transform_walk *w)
{
    struct rewrite_visitor v = { .arg = w };
    unsigned above = w->writes & ~ottl_own_message(w->context);

    set_own_visitor(w, &v);
    if (above & OTTL_CHANGED_RESOURCE)
        v.resource = note_resource;
    if (above & OTTL_CHANGED_SCOPE)
        v.scope = note_scope;
    if (above & OTTL_APPENDS)
        v.scope_end = on_scope_end;
    return v;
}

static struct batch *walk_batch(struct transform_walk *w, const struct rewrite_visitor *visitor, struct batch *batch,
                                struct budget *budget)
{
    uint64_t dropped;
    struct batch *made = rewrite_batch(&w->rewriter, batch, visitor, budget, &dropped);

    w->merged += dropped;
    w->made += w->rewriter.made;
    batch_unref(batch);
    return made;
}

/* What one large batch took is given back. */
static void trim_memory(struct transform_walk *w)
{
    struct buf *const bufs[] = { &w->metric.message, &w->metric.done, &w->item.message, &w->item.done, &w->out };

    for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
        if (bufs[i]->cap > KEPT_MEMORY)
            buf_free(bufs[i]);
    if (w->memory.total > KEPT_MEMORY)
        arena_free(&w->memory);
}

struct batch *transform_walk_run(struct transform_walk *w, struct batch *batch, struct budget *budget)
{
    unsigned above = w->writes & ~ottl_own_message(w->context);
    const struct rewrite_visitor writer = {
        .arg = w,
        .resource = above & OTTL_CHANGED_RESOURCE ? write_resource : NULL,
        .scope = above & OTTL_CHANGED_SCOPE ? write_scope : NULL,
    };
    const struct rewrite_visitor visitor = visitor_of(w);

    if (batch->items == 0) /* there is nobody to hear of it */
        return batch;
    batch = walk_batch(w, &visitor, batch, budget);
    if (w->fault.code == 0 && (has_changed(&w->resources) || has_changed(&w->scopes)))
        batch = walk_batch(w, &writer, batch, budget);
    if (w->fault.code == 0 && ottl_dictionary_added(w->evaluation).len > 0)
        batch = batch_extend_dictionary(batch, ottl_dictionary_added(w->evaluation), budget);
    ottl_dictionary_forget(w->evaluation);
    clear_parents(&w->resources);
    clear_parents(&w->scopes);
    trim_memory(w);
    return batch;
}

void transform_walk_begin(struct transform_walk *w, uint64_t items)
{
    ottl_begin_batch(w->evaluation, items);
    ottl_evaluation_aggregates(w->evaluation, transform_aggregate);
    w->fault.code = 0;
    w->made = w->merged = 0;
    w->added_len = 0;
    w->copied = 0;
}

void transform_walk_free(struct transform_walk *w)
{
    rewriter_free(&w->rewriter);
    vec_free(&w->resources.v);
    vec_free(&w->scopes.v);
    vec_free(&w->added);
    arena_free(&w->memory);
    buf_free(&w->metric.message);
    buf_free(&w->metric.done);
    buf_free(&w->item.message);
    buf_free(&w->item.done);
    buf_free(&w->out);
}
