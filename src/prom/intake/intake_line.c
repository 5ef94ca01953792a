/* SPDX-License-Identifier: Apache-2.0 */
/* A line that is not known has its labels read and changed; from them follow what it is (its role), its resource, scope
 * and metric, and its point. Then it is kept, and the next page finds it by its bytes. A line that was made when less
 * was known of its family is made anew and may move to another point.
 *
 * What can go wrong: relabelling drops it: that is remembered too. It cannot be what its name says (a bucket without a
 * bound): it is remembered as unfit. There is no room for one more series: it is refused, and not remembered. A fault
 * in its labels fails the page. */
#include "prom/intake/intake_inside.h"
#include "prom/model/number.h"
#include "prom/relabel/relabel.h"

#include <math.h>
#include <stdlib.h>

#define BUCKETS_OF_ONE 8192u /* bounds of one histogram */

/* What its labels make of a line. */
struct placing {
    enum line_role role;
    struct out_point *point;
    uint16_t slot;
    double bound;
    bool part; /* of a histogram that counts as one sample; its role is known */
};

/* Mixed, for two targets may have the same text; to mix twice gives back what it was. */
struct digest line_digest(const struct intake *in, const struct digest *digest)
{
    return (struct digest){ digest->lo ^ in->digest.lo, digest->hi ^ in->digest.hi };
}

uint64_t line_hash_of(const void *entry)
{
    return ((const struct line *)entry)->digest.lo;
}

static bool is_line(const void *entry, const void *key)
{
    return digest_equal(&((const struct line *)entry)->digest, key);
}

struct line *line_find(const struct take *t, const struct digest *digest)
{
    struct digest d = line_digest(t->in, digest);

    return table_find(&t->in->store->lines, d.lo, is_line, &d);
}

/* ---- roles ---- */

static bool ends_with(struct bytes s, const char *end)
{
    size_t n = strlen(end);

    return s.len >= n && memcmp(s.data + s.len - n, end, n) == 0;
}

static bool is_start(struct bytes name, const struct family_view *v)
{
    static const char created[] = "_created";

    return name.len == v->family.len + sizeof(created) - 1 && ends_with(name, created) &&
           memcmp(name.data, v->family.data, v->family.len) == 0;
}

static enum line_role role_in_distribution(const struct take *t, struct bytes name, const struct family_view *v,
                                           double *bound)
{
    struct bytes text = label_set_get(&t->labels, bytes_str(v->type == PAGE_SUMMARY ? "quantile" : "le"));

    if (ends_with(name, "_sum"))
        return LINE_SUM;
    if (ends_with(name, "_count"))
        return LINE_COUNT;
    if (is_start(name, v))
        return LINE_CREATED;
    return text.len > 0 && number_read(text, bound) && !isnan(*bound) ? LINE_BUCKET : LINE_UNFIT;
}

static enum line_role role_of(const struct take *t, struct bytes name, const struct family_view *v, bool native,
                              double *bound)
{
    if (native)
        return LINE_NATIVE;
    switch (v->type) {
    case PAGE_HISTOGRAM:
    case PAGE_SUMMARY:
        return role_in_distribution(t, name, v, bound);
    case PAGE_COUNTER:
        return is_start(name, v) ? LINE_CREATED : LINE_NUMBER;
    default:
        return LINE_NUMBER;
    }
}

/* ---- distributions ---- */

struct gathered_lines *point_distribution(struct intake *in, struct out_point *p)
{
    if (!p->gathered) {
        p->distribution = mem_zalloc(sizeof(*p->distribution));
        p->distribution->sorted = true;
        p->gathered = true;
        budget_charge(in->store->budget, sizeof(*p->distribution));
    }
    return p->distribution;
}

/* Where the bucket of that bound is; false: there are too many. */
static bool find_slot(struct intake *in, struct out_point *p, double bound, uint16_t *slot)
{
    struct gathered_lines *d = point_distribution(in, p);
    size_t cap = d->buckets.cap;
    bool above = d->buckets.n == 0 || bound > d->buckets.v[d->buckets.n - 1].bound;

    for (size_t i = 0; i < d->buckets.n && !(above && d->sorted); i++)
        if (d->buckets.v[i].bound == bound) {
            *slot = (uint16_t)i;
            return true;
        }
    if (d->buckets.n >= BUCKETS_OF_ONE)
        return false;
    d->sorted &= above;
    *slot = (uint16_t)d->buckets.n;
    *vec_push(&d->buckets) = (struct bucket){ .bound = bound };
    budget_charge(in->store->budget, (d->buckets.cap - cap) * sizeof(struct bucket));
    return true;
}

/* ---- where it goes ---- */

/* The scope, metric and point of the take's labels in that resource. NULL: the table is too crowded. */
static struct out_point *place_in(struct take *t, struct out_resource *r, const struct family_view *v, bool info,
                                  bool native)
{
    static const struct label_set none = { 0 };
    struct out_scope *sc = out_scope_get(t, r, info ? &none : &t->labels);
    struct out_metric *m;
    struct out_point *p;

    if (sc == NULL) {
        out_resource_prune(t->in, r);
        return NULL;
    }
    m = out_metric_get(t, sc, v, native);
    if (m == NULL) {
        out_scope_prune(t->in, sc);
        return NULL;
    }
    if (!info)
        labels_encode(t, m->kind);
    p = out_point_get(t, m, buf_bytes(&t->attributes));
    if (p == NULL)
        out_metric_prune(t->in, m);
    return p;
}

/* All labels of target_info but what names the resource, as its attributes. */
static void encode_info(struct take *t)
{
    t->attributes.len = 0;
    for (size_t i = 0; i < t->labels.list.n; i++) {
        struct bytes name = t->labels.list.v[i].name;

        if (!bytes_is(name, "__name__") && !bytes_is(name, "job") && !bytes_is(name, "instance"))
            attribute_put(&t->attributes, OTLP_RESOURCE_ATTRIBUTES, name, t->labels.list.v[i].value);
    }
}

/* From the take's labels, which are final. */
static enum line_outcome place_labels(struct take *t, bool native, struct placing *to)
{
    struct bytes name = label_set_get(&t->labels, bytes_str("__name__"));
    struct family_view v;
    struct out_resource *r;

    if (bytes_is(name, "target_info")) {
        v = (struct family_view){ .name = name, .type = PAGE_GAUGE, .family = name };
        to->role = LINE_INFO;
        encode_info(t);
    } else {
        family_resolve(t, name, &v);
        if (to->part)
            v.type = PAGE_HISTOGRAM;
        else
            to->role = role_of(t, name, &v, native, &to->bound);
    }
    if (to->role == LINE_UNFIT)
        return LINE_MADE;
    r = labels_resource(t);
    if (r == NULL)
        return take_failed(t) ? LINE_FAULT : LINE_REFUSED;
    to->point = place_in(t, r, &v, to->role == LINE_INFO, native);
    if (to->point == NULL)
        return LINE_REFUSED;
    to->point->n_lines++;
    if (to->role != LINE_BUCKET || find_slot(t->in, to->point, to->bound, &to->slot))
        return LINE_MADE;
    out_point_release(t->in, to->point);
    *to = (struct placing){ .role = LINE_UNFIT };
    return LINE_MADE;
}

static void add_external(struct take *t)
{
    const struct label_set *external = t->in->rules->external_labels;

    for (size_t i = 0; external != NULL && i < external->list.n; i++)
        label_set_put(&t->labels, external->list.v[i].name, external->list.v[i].value);
}

struct out_point *report_find_point(struct take *t, const char *name)
{
    struct placing to = { 0 };

    label_set_reset(&t->labels);
    t->empty.len = 0;
    label_set_put(&t->labels, bytes_str("__name__"), bytes_str(name));
    labels_add_target(t, false);
    add_external(t);
    return place_labels(t, false, &to) == LINE_MADE ? to.point : NULL;
}

/* A classic histogram that is taken as one of custom buckets has one name and set of labels for all its lines. */
static void join_parts(struct take *t, const struct sample *s, struct placing *to)
{
    struct bytes name = label_set_get(&t->labels, bytes_str("__name__"));
    struct family_view v;

    if (!t->in->rules->classic_to_custom || s->native.data != NULL || name.len == 0)
        return;
    family_resolve(t, name, &v);
    if (v.type != PAGE_HISTOGRAM)
        return;
    to->role = role_in_distribution(t, name, &v, &to->bound);
    to->part = to->role != LINE_UNFIT;
    label_set_copy(&t->labels, bytes_str("__name__"), v.name);
    label_set_remove(&t->labels, bytes_str("le"));
}

/* Everything about it but the line itself. `known`: it was admitted before. */
static enum line_outcome place_sample(struct take *t, const struct sample *s, bool known, struct placing *to)
{
    const char *fault = s->read_labels(t, s);

    if (fault != NULL) {
        take_fail(t, "%s", fault);
        return LINE_FAULT;
    }
    join_parts(t, s, to);
    labels_add_target(t, t->in->rules->honor_labels);
    if (!relabel_run(t->in->rules->relabel, &t->labels) || t->labels.list.n == 0) {
        if (relabel_is_over(t->in->rules->relabel)) {
            take_fail(t, "a line has labels too long for the patterns of metric_relabel_configs: set "
                         "label_value_length_limit, or shorten the patterns");
            return LINE_FAULT;
        }
        to->role = LINE_DROPPED;
        return known || series_limit_fill(&t->in->store->limit) < 1 ? LINE_MADE : LINE_LEFT;
    }
    if (!labels_check(t))
        return LINE_FAULT;
    if (!known && (!labels_admit(t) || budget_room(t->in->store->budget) < 4 * s->key.len))
        return LINE_REFUSED;
    add_external(t);
    return place_labels(t, s->native.data != NULL, to);
}

/* ---- lines ---- */

/* What it counts as: itself, and about as much for its point. */
static size_t line_cost(const struct line *l)
{
    return sizeof(*l) + sizeof(struct out_point) + sizeof(uint64_t) * 6 + l->text_len;
}

/* One that is dropped is no series, but takes memory. */
static void count_line(struct intake *in, const struct line *l)
{
    if (l->role == LINE_DROPPED)
        series_limit_grow(&in->store->limit, in->sender, line_cost(l));
    else
        series_limit_count(&in->store->limit, in->sender, line_cost(l));
}

static void uncount_line(struct intake *in, const struct line *l)
{
    if (l->role == LINE_DROPPED)
        series_limit_shrink(&in->store->limit, in->sender, line_cost(l));
    else
        series_limit_uncount(&in->store->limit, in->sender, line_cost(l));
}

static struct line *new_line(struct take *t, struct bytes key)
{
    struct intake *in = t->in;
    struct digest d = digest_plain(key);
    struct line *l = slab_take(&in->store->slab, sizeof(*l));

    *l = (struct line){ .digest = line_digest(in, &d), .text_len = key.len & LINE_LONGEST, .flags = LINE_FRESH };
    if (!table_insert(&in->store->lines, l, line_hash_of(l))) {
        slab_give(&in->store->slab, l, sizeof(*l));
        return NULL;
    }
    return l;
}

enum line_outcome line_make(struct take *t, const struct sample *s, struct line **l)
{
    struct placing to = { 0 };
    enum line_outcome outcome = s->key.len > LINE_LONGEST ? LINE_REFUSED : place_sample(t, s, *l != NULL, &to);

    if (outcome != LINE_MADE)
        return outcome;
    if (*l != NULL) {
        uncount_line(t->in, *l);
        if ((*l)->point != NULL) {
            point_leave(t, *l, to.point);
            *vec_push(&t->released) = (*l)->point;
        }
    } else if ((*l = new_line(t, s->key)) == NULL) {
        if (to.point != NULL)
            out_point_release(t->in, to.point);
        return LINE_REFUSED;
    }
    (*l)->point = to.point;
    (*l)->role = to.role & 15u;
    (*l)->slot = to.slot;
    (*l)->flags = ((*l)->flags & ~LINE_PART & 15u) | (to.part ? LINE_PART : 0u);
    (*l)->version = t->in->version;
    count_line(t->in, *l);
    return LINE_MADE;
}

void line_drop(struct intake *in, struct line *l)
{
    if (l->point != NULL)
        out_point_release(in, l->point);
    table_remove(&in->store->lines, l, line_hash_of(l));
    uncount_line(in, l);
    slab_give(&in->store->slab, l, sizeof(*l));
}
