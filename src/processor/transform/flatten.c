/* SPDX-License-Identifier: Apache-2.0 */
/* Records are visited where they lie. Each begins with the resource and scope that it came with; all groups run over
 * the three, and what comes of it is put into the assembly under keys made of the resource and the scope as they are
 * then. A key that came is reckoned once for each resource and scope. Records that nothing changes are not copied until
 * the batch is made.
 *
 * What can go wrong: a long resource has many records, each of which makes another one of it. Such a batch is given up
 * before it is made, for it would be as large as the product. */
#include "processor/transform/flatten.h"

#include "otlp/metadata.h"
#include "processor/groups.h"

#define COPIES_MAX (32ull << 20) /* bytes of resources and scopes that are made for a batch, or ... */
#define BUDGET_PARTS 8           /* ... this part of the budget, if that is less */
#define KEPT_MEMORY (256u << 10) /* what one large batch took is given back */

void flattener_init(struct flattener *f)
{
    assembly_init(&f->assembly);
}

void flattener_free(struct flattener *f)
{
    assembly_free(&f->assembly);
    rewriter_free(&f->walker);
    buf_free(&f->resource.content);
    buf_free(&f->scope.content);
    buf_free(&f->resource.url);
    buf_free(&f->scope.url);
    buf_free(&f->record);
    vec_free(&f->groups);
}

/* ---- keys ---- */

/* Of attributes the order means nothing; all else is taken as it stands. */
static struct digest key_of(struct bytes message, unsigned attributes, struct bytes schema_url)
{
    struct digest key = digest_bytes(digest_attributes((struct digest){ 1, 0 }, message, attributes), schema_url);
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != attributes)
            key = digest_bytes(key, bytes_of(f.start, (size_t)(r.p - f.start)));
    return key;
}

static struct bytes part_now(const struct flat_part *p)
{
    return p->changed ? buf_bytes(&p->content) : p->came;
}

static struct bytes url_now(const struct flat_part *p)
{
    return p->renamed ? buf_bytes(&p->url) : p->schema_url;
}

static struct digest key_now(const struct flat_part *p, unsigned attributes)
{
    return p->changed ? key_of(part_now(p), attributes, url_now(p)) : p->key;
}

static void take_part(struct flat_part *p, const struct visit *at, unsigned level)
{
    p->came = at->message;
    p->schema_url = visit_schema_url(at, level);
    p->key = key_of(p->came, at->attributes, p->schema_url);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)edit;
    take_part(&((struct flattener *)arg)->resource, at, LEVEL_RESOURCE);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)edit;
    take_part(&((struct flattener *)arg)->scope, at, LEVEL_SCOPE);
    return REWRITE_KEEP;
}

/* ---- a record ---- */

/* The schema_url first, for it may lie in the content that was. */
static void keep_part(struct transform_walk *w, struct flat_part *p, struct bytes now, const struct ottl_schema *schema)
{
    if (schema->url.data != url_now(p).data || schema->url.len != url_now(p).len) {
        p->renamed = true;
        transform_keep_copy(w, &p->url, schema->url);
    }
    p->changed = true;
    transform_keep_copy(w, &p->content, now);
}

/* True: the record has changed. What is kept of one group is what the next one sees. */
static bool run_group(struct flattener *f, const struct flat_group *g, struct bytes *record)
{
    struct ottl_item item = { .resource = part_now(&f->resource),
                              .schema = { { true, url_now(&f->resource) }, { true, url_now(&f->scope) } } };
    struct ottl_evaluation *e = f->walk->evaluation;
    const struct ottl_item *now;
    struct error err = { 0 };
    unsigned changed;

    if (g->context != OTTL_RESOURCE)
        item.scope = part_now(&f->scope);
    if (g->context == OTTL_LOG)
        item.item = *record;
    ottl_begin(e, &item, f->walk->now);
    if (!g->run(g->arg, e, &err))
        f->walk->fault = err;
    now = ottl_item_now(e);
    changed = ottl_changed(e);
    if (changed & OTTL_CHANGED_RESOURCE)
        keep_part(f->walk, &f->resource, now->resource, &now->schema[0]);
    if (changed & OTTL_CHANGED_SCOPE)
        keep_part(f->walk, &f->scope, now->scope, &now->schema[1]);
    if (!(changed & OTTL_CHANGED_ITEM))
        return false;
    f->record.len = 0;
    buf_put(&f->record, now->item);
    *record = buf_bytes(&f->record);
    return true;
}

/* `known`: messages that the assembly knew before it was asked for the group of the part. */
static void count_copy(struct flattener *f, const struct flat_part *p, size_t known)
{
    if (p->changed && f->assembly.n_known > known)
        f->copies += p->content.len + p->url.len;
    if (f->copies > f->most_copies && f->walk->fault.code == 0)
        error_set(
            &f->walk->fault, -1,
            "flatten_data makes resources and scopes of more than %llu MiB: send fewer items in a request, or set "
            "fewer values of items in their resource",
            (unsigned long long)f->most_copies >> 20);
}

static struct message *group_of(struct flattener *f)
{
    struct digest of_resource = key_now(&f->resource, OTLP_RESOURCE_ATTRIBUTES);
    struct digest of_scope = key_now(&f->scope, OTLP_SCOPE_ATTRIBUTES);
    struct digest key = digest_number(digest_number(of_resource, of_scope.lo), of_scope.hi);
    size_t known = f->assembly.n_known;
    struct message *group = groups_resource(&f->assembly, &of_resource, part_now(&f->resource), url_now(&f->resource));

    count_copy(f, &f->resource, known);
    known = f->assembly.n_known;
    group = groups_scope(&f->assembly, group, &key, part_now(&f->scope), url_now(&f->scope));
    count_copy(f, &f->scope, known);
    return group;
}

static enum rewrite_verdict on_record(void *arg, const struct visit *at, struct pieces *edit)
{
    struct flattener *f = arg;
    struct bytes record = at->message;
    bool changed = false;

    (void)edit;
    if (f->walk->fault.code != 0)
        return REWRITE_KEEP;
    f->resource.changed = f->scope.changed = false;
    f->resource.renamed = f->scope.renamed = false;
    for (size_t i = 0; i < f->groups.n && f->walk->fault.code == 0; i++)
        changed |= run_group(f, &f->groups.v[i], &record);
    f->changed |= changed || f->resource.changed || f->scope.changed;
    if (changed)
        record = assembly_keep(&f->assembly, record);
    assembly_put_field(&f->assembly, group_of(f), OTLP_SCOPE_GROUP_ITEMS, record);
    return REWRITE_KEEP;
}

/* ---- the batch ---- */

struct batch *flattener_run(struct flattener *f, struct transform_walk *w, struct batch *batch, struct budget *budget)
{
    static const struct rewrite_visitor like = { .resource = on_resource, .scope = on_scope, .item = on_record };
    struct rewrite_visitor visitor = like;
    uint64_t part = budget_limit(budget) / BUDGET_PARTS;
    struct batch *made;
    uint64_t dropped;

    visitor.arg = f;
    f->walk = w;
    f->changed = false;
    f->copies = 0;
    f->most_copies = part < COPIES_MAX ? part : COPIES_MAX;
    made = rewrite_batch(&f->walker, batch, &visitor, budget, &dropped); /* which changes nothing */
    if (f->changed && w->fault.code == 0) {
        batch_unref(made);
        made = assembly_batch(&f->assembly, batch->signal, budget, batch->items, batch->arrival);
        made->metadata = metadata_ref(batch->metadata);
    }
    assembly_clear(&f->assembly);
    if (f->record.cap + f->resource.content.cap + f->scope.content.cap > KEPT_MEMORY) {
        buf_free(&f->record);
        buf_free(&f->resource.content);
        buf_free(&f->scope.content);
    }
    batch_unref(batch);
    return made;
}
