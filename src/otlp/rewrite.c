/* SPDX-License-Identifier: Apache-2.0 */
/* A container (resource, scope, metric, data) is opened in the output when the first change below it comes: then its
 * tag, a length to be mended, and all of it up to the change are written. Each open level knows up to where its source
 * has been copied (`from`). A container that loses its last child is taken back; an item whose events or exemplars go
 * is not, though it is opened in the same way. */
#include "otlp/metadata.h"
#include "otlp/rewrite_inside.h"

#include <assert.h>

#define WORTH_A_SLICE 512u /* untouched bytes that are shared; fewer are copied, so that segments stay few */

/* ---- output ---- */

#define GROWTH_LEAST 128u /* in 1024 parts */
#define GROWTH_MOST 1024u

/* What the same was done to is as much larger as the last one: for a guess that is a little too small all is copied. */
static size_t guess_growth(const struct walk *k)
{
    size_t growth = k->w->growth > GROWTH_LEAST ? k->w->growth : GROWTH_LEAST;

    return k->segment->len / 1024 * growth;
}

static void learn_growth(struct rewriter *w, const struct batch *b, size_t len)
{
    size_t growth = b->n_segments == 1 && len > b->bytes ? (len - b->bytes) * 1024 / b->bytes : 0;

    growth += growth / 16 + 1;
    w->growth = growth < GROWTH_MOST ? growth : GROWTH_MOST;
}

static uint8_t *reserve_output(struct walk *k, size_t n)
{
    if (k->out == NULL)
        k->out = block_force(k->budget, k->segment->len + guess_growth(k) + n + 256);
    else if (k->out->cap - k->len < n)
        k->out = block_grow(k->out, k->out->cap + k->out->cap / 2 + n, true);
    return k->out->data + k->len;
}

static void put_bytes(struct walk *k, const uint8_t *data, size_t n)
{
    if (n == 0)
        return;
    memcpy(reserve_output(k, n), data, n);
    k->len += n;
}

static void put_slice(struct walk *k)
{
    if (k->len > k->slice)
        *vec_push(&k->w->slices) = (struct rewrite_slice){ .at = k->slice, .len = k->len - k->slice };
    k->slice = k->len;
}

static void share_bytes(struct walk *k, const uint8_t *data, size_t n)
{
    put_slice(k);
    *vec_push(&k->w->slices) = (struct rewrite_slice){ .block = k->segment->block, .data = data, .len = n };
}

/* What of the level's source is not yet in the output, up to `to`. */
static void flush_level(struct walk *k, struct level *l, const uint8_t *to)
{
    size_t n = (size_t)(to - l->from);

    if (l == k->levels && n >= WORTH_A_SLICE && signal_table[k->batch->signal].mergeable)
        share_bytes(k, l->from, n);
    else
        put_bytes(k, l->from, n);
    l->from = to;
}

static void put_head(struct walk *k, uint32_t number, size_t len)
{
    uint8_t *at = reserve_output(k, 20);
    size_t n = pb_put_varint_at(at, PB_TAG(number, PB_LEN));

    k->len += n + pb_put_varint_at(at + n, len);
}

static void open_level(struct walk *k, unsigned level)
{
    struct level *l = &k->levels[level];

    if (l->open)
        return;
    open_level(k, level - 1);
    flush_level(k, l - 1, l->start);
    l[-1].from = l->end;
    l->tag = k->len;
    put_head(k, l->number, (size_t)(l->end - l->from));
    l->content = k->len;
    l->open = true;
    k->changed = true;
}

/* The length that was guessed becomes the right one. */
static void mend_length(struct walk *k, const struct level *l)
{
    size_t len = k->len - l->content, tag = pb_varint_len(PB_TAG(l->number, PB_LEN));
    size_t had = l->content - l->tag - tag, needs = pb_varint_len(len);
    uint8_t *at;

    if (needs > had)
        reserve_output(k, needs - had);
    at = k->out->data + l->tag + tag;
    if (needs != had)
        memmove(at + needs, at + had, len);
    pb_put_varint_at(at, len);
    k->len = l->tag + tag + needs + len;
}

static void close_level(struct walk *k, unsigned level)
{
    struct level *l = &k->levels[level];

    if (!l->open) {
        l[-1].kept++;
        return;
    }
    if (l->kept == 0 && l->lost > 0) { /* never an item */
        k->len = l->tag;
        l[-1].lost++;
        return;
    }
    flush_level(k, l, l->end);
    mend_length(k, l);
    l[-1].kept++;
}

/* ---- changes: a field of the message at `level` ---- */

static void leave_out(struct walk *k, unsigned level, const uint8_t *start, const uint8_t *end)
{
    open_level(k, level);
    flush_level(k, &k->levels[level], start);
    k->levels[level].from = end;
    k->changed = true;
}

static void put_pieces(struct walk *k)
{
    const struct pieces *p = &k->w->edit;
    uint8_t *at = reserve_output(k, p->len);

    for (size_t i = 0; i < p->n; i++) {
        memcpy(at, p->v[i].data, p->v[i].len);
        at += p->v[i].len;
    }
    k->len += p->len;
}

static void replace_field(struct walk *k, unsigned level, uint32_t number, const uint8_t *start, const uint8_t *end)
{
    const struct pieces *p = &k->w->edit;

    leave_out(k, level, start, end);
    put_head(k, number, p->len);
    put_pieces(k);
    k->replaced = true;
}

static void drop_field(struct walk *k, unsigned level, unsigned below, const struct pb_field *f, const uint8_t *end)
{
    k->dropped += below > path_depth(k->batch->signal) ? path_items(f->bytes, k->batch->signal)
                                                       : path_count(f->bytes, below, k->batch->signal);
    k->levels[level].lost++;
    leave_out(k, level, f->start, end);
}

/* ---- the walk ---- */

typedef enum rewrite_verdict visit_function(void *arg, const struct visit *at, struct pieces *edit);

static enum rewrite_verdict ask_visitor(struct walk *k, visit_function *visit, struct bytes message,
                                        unsigned attributes)
{
    k->at.message = message;
    k->at.attributes = attributes;
    k->w->edit.n = k->w->edit.len = 0;
    k->w->edit.dropped = k->w->edit.made = 0;
    k->w->edit.with_schema = false;
    return visit(k->visitor->arg, &k->at, &k->w->edit);
}

/* A resource or scope, by its container; a metric. */
static enum rewrite_verdict ask_container(struct walk *k, unsigned level, struct bytes message)
{
    const struct rewrite_visitor *v = k->visitor;

    switch (level) {
    case LEVEL_RESOURCE:
        return v->resource != NULL ? ask_visitor(k, v->resource, walk_head(k, level), OTLP_RESOURCE_ATTRIBUTES)
                                   : REWRITE_KEEP;
    case LEVEL_SCOPE:
        return v->scope != NULL ? ask_visitor(k, v->scope, walk_head(k, level), OTLP_SCOPE_ATTRIBUTES) : REWRITE_KEEP;
    case LEVEL_METRIC:
        return v->metric != NULL ? ask_visitor(k, v->metric, message, OTLP_METRIC_METADATA) : REWRITE_KEEP;
    default:
        return REWRITE_KEEP;
    }
}

static void visit_children(struct walk *k, unsigned level, struct bytes message);

static struct item_fields fields_of_item(const struct walk *k)
{
    switch (k->at.data) {
    case OTLP_METRIC_GAUGE:
    case OTLP_METRIC_SUM:
        return (struct item_fields){ OTLP_NUMBER_ATTRIBUTES, OTLP_NUMBER_EXEMPLARS, OTLP_EXEMPLAR_ATTRIBUTES };
    case OTLP_METRIC_HISTOGRAM:
        return (struct item_fields){ OTLP_HISTOGRAM_ATTRIBUTES, OTLP_HISTOGRAM_EXEMPLARS, OTLP_EXEMPLAR_ATTRIBUTES };
    case OTLP_METRIC_EXPONENTIAL:
        return (struct item_fields){ OTLP_EXPONENTIAL_ATTRIBUTES, OTLP_EXPONENTIAL_EXEMPLARS,
                                     OTLP_EXEMPLAR_ATTRIBUTES };
    case OTLP_METRIC_SUMMARY:
        return (struct item_fields){ OTLP_SUMMARY_ATTRIBUTES, 0, 0 };
    default:
        if (k->batch->signal == SIGNAL_TRACES)
            return (struct item_fields){ OTLP_SPAN_ATTRIBUTES, OTLP_SPAN_EVENTS, OTLP_EVENT_ATTRIBUTES };
        if (k->batch->signal == SIGNAL_PROFILES)
            return (struct item_fields){ 0, 0, 0 };
        return (struct item_fields){ OTLP_LOG_ATTRIBUTES, 0, 0 };
    }
}

/* Events of the span, exemplars of the data point, that the level stands for. They are not items: nothing is counted.
 */
static void visit_below(struct walk *k, unsigned level, struct bytes item)
{
    struct pb_reader r = pb_reader(item);

    k->at.item = item;
    k->at.index = 0;
    k->at.in.item = ++k->w->serial;
    for (struct pb_field f; pb_next(&r, &f);) {
        enum rewrite_verdict verdict;

        if (f.number != k->fields.below || f.wire != PB_LEN)
            continue;
        verdict = ask_visitor(k, k->visitor->below, f.bytes, k->fields.below_attributes);
        k->at.index++;
        if (verdict == REWRITE_DROP)
            leave_out(k, level, f.start, r.p);
        else if (verdict == REWRITE_EDIT)
            replace_field(k, level, f.number, f.start, r.p);
    }
    k->at.item = bytes_of(NULL, 0);
    k->at.in.item = 0;
}

static struct level level_of(const struct pb_field *f, const uint8_t *end)
{
    return (struct level){ .number = f->number, .from = f->bytes.data, .start = f->start, .end = end };
}

static void visit_item(struct walk *k, unsigned level, const struct pb_field *f, const uint8_t *end)
{
    enum rewrite_verdict verdict = REWRITE_KEEP;

    if (k->visitor->item != NULL)
        verdict = ask_visitor(k, k->visitor->item, f->bytes, k->fields.attributes);
    if (verdict == REWRITE_DROP) {
        drop_field(k, level, level + 1, f, end);
        return;
    }
    if (verdict == REWRITE_KEEP && k->visitor->below != NULL && k->fields.below != 0) {
        k->levels[level + 1] = level_of(f, end);
        visit_below(k, level + 1, f->bytes);
        close_level(k, level + 1);
        return;
    }
    if (verdict == REWRITE_EDIT)
        replace_field(k, level, f->number, f->start, end);
    k->levels[level].kept++;
}

/* What the messages below are in. */
static void enter_container(struct walk *k, unsigned level, const struct pb_field *f)
{
    bool headed = level == LEVEL_RESOURCE || level == LEVEL_SCOPE;
    uint64_t *const serials[] = {
        [LEVEL_RESOURCE] = &k->at.in.resource, [LEVEL_SCOPE] = &k->at.in.scope, [LEVEL_METRIC] = &k->at.in.metric
    };

    if (level <= LEVEL_METRIC)
        *serials[level] = ++k->w->serial;
    if (headed) {
        k->containers[level - LEVEL_RESOURCE] = f->bytes;
        k->found[level - LEVEL_RESOURCE] = k->schema_found[level - LEVEL_RESOURCE] = false;
    }
    if (level <= LEVEL_METRIC) {
        k->at.metric = headed ? bytes_of(NULL, 0) : f->bytes;
        k->at.data = 0;
    } else {
        k->at.data = f->number;
        k->fields = fields_of_item(k);
    }
}

/* What is to stand behind all that is in the scope. */
static void end_scope(struct walk *k, unsigned level)
{
    const uint8_t *end = k->levels[level].end;

    if (ask_visitor(k, k->visitor->scope_end, bytes_of(NULL, 0), 0) != REWRITE_EDIT)
        return;
    leave_out(k, level, end, end);
    put_pieces(k);
    k->replaced = true;
    k->levels[level].kept++;
    k->made += k->w->edit.made;
}

/* In front, for the old one may stand behind the children. */
static void edit_head(struct walk *k, unsigned level, const uint8_t *start)
{
    struct bytes url = k->w->edit.schema_url;

    replace_field(k, level, OTLP_RESOURCE_GROUP_RESOURCE, start, start);
    k->levels[level].edited = true;
    k->levels[level].renamed = k->w->edit.with_schema;
    if (k->w->edit.with_schema && url.len > 0) {
        put_head(k, OTLP_RESOURCE_GROUP_SCHEMA_URL, url.len);
        put_bytes(k, url.data, url.len);
    }
}

static void visit_container(struct walk *k, unsigned level, const struct pb_field *f, const uint8_t *end)
{
    bool whole = level == LEVEL_METRIC;
    enum rewrite_verdict verdict;

    enter_container(k, level, f);
    verdict = ask_container(k, level, f->bytes);
    if (verdict == REWRITE_DROP) {
        drop_field(k, level - 1, level, f, end);
        return;
    }
    if (verdict == REWRITE_PASS || (verdict == REWRITE_EDIT && whole)) {
        if (verdict == REWRITE_EDIT) {
            replace_field(k, level - 1, f->number, f->start, end);
            k->dropped += k->w->edit.dropped;
        }
        k->levels[level - 1].kept++;
        return;
    }
    k->levels[level] = level_of(f, end);
    if (verdict == REWRITE_EDIT)
        edit_head(k, level, f->bytes.data);
    visit_children(k, level, f->bytes);
    if (level == LEVEL_SCOPE && k->visitor->scope_end != NULL)
        end_scope(k, level);
    close_level(k, level);
}

/* Is there anybody to ask below a message at `level`? */
static bool is_asked(const struct walk *k, unsigned level)
{
    const struct rewrite_visitor *v = k->visitor;

    return v->item != NULL || v->below != NULL || (level < LEVEL_METRIC && v->metric != NULL) ||
           (level < LEVEL_SCOPE && v->scope != NULL) || (level < LEVEL_RESOURCE && v->resource != NULL);
}

/* Does it stand in the output already, as it was edited? */
static bool is_written(const struct level *l, const struct pb_field *f)
{
    return f->wire == PB_LEN && ((l->edited && f->number == OTLP_RESOURCE_GROUP_RESOURCE) ||
                                 (l->renamed && f->number == OTLP_RESOURCE_GROUP_SCHEMA_URL));
}

static void visit_children(struct walk *k, unsigned level, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    unsigned depth = path_depth(k->batch->signal);
    bool asked = is_asked(k, level);

    if (!asked && !k->levels[level].edited)
        return;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (is_written(&k->levels[level], &f))
            leave_out(k, level, f.start, r.p);
        if (!asked || !path_is_child(level, f.number) || f.wire != PB_LEN)
            continue;
        if (level == depth)
            visit_item(k, level, &f, r.p);
        else
            visit_container(k, level + 1, &f, r.p);
    }
}

static void walk_segment(struct walk *k, const struct segment *s)
{
    struct bytes message = bytes_of(s->data, s->len);

    k->segment = s;
    k->levels[LEVEL_REQUEST] =
        (struct level){ .from = s->data, .start = s->data, .end = s->data + s->len, .open = true };
    visit_children(k, LEVEL_REQUEST, message);
    if (s->len > 0)
        flush_level(k, &k->levels[LEVEL_REQUEST], s->data + s->len);
}

static struct batch *make_result(struct walk *k, const struct batch *b)
{
    VEC(struct segment) segments = { 0 };
    struct batch *made;

    put_slice(k);
    if (k->w->slices.n == 0)
        return NULL; /* there was not an item in it */
    if (k->out != NULL && k->out->cap - k->len > k->len / 4)
        k->out = block_shrink(k->out, k->len);
    for (size_t i = 0; i < k->w->slices.n; i++) {
        const struct rewrite_slice *s = &k->w->slices.v[i];
        struct block *block = s->block != NULL ? s->block : k->out;
        const uint8_t *data = s->block != NULL ? s->data : k->out->data + s->at;

        assert(block != NULL);
        *vec_push(&segments) = (struct segment){ .block = block_ref(block), .data = data, .len = s->len };
    }
    made = batch_of(b->signal, segments.v, (uint32_t)segments.n, b->items - k->dropped + k->made, b->arrival);
    made->metadata = metadata_ref(b->metadata);
    made->ordered = b->ordered && !k->replaced;
    vec_free(&segments);
    return made;
}

struct batch *rewrite_batch(struct rewriter *w, struct batch *b, const struct rewrite_visitor *visitor,
                            struct budget *budget, uint64_t *dropped)
{
    struct walk k = {
        .w = w, .visitor = visitor, .batch = b, .budget = budget, .at = { .ordered = b->ordered, .walk = &k }
    };
    struct batch *made;

    k.fields = fields_of_item(&k);
    k.at.in.request = ++w->serial;
    w->slices.n = 0;
    for (uint32_t i = 0; i < b->n_segments; i++)
        walk_segment(&k, &b->segments[i]);
    assert(k.dropped <= b->items);
    *dropped = k.dropped;
    w->made = k.made;
    if (!k.changed)
        made = batch_ref(b);
    else
        made = k.dropped > 0 && b->items == k.dropped && k.made == 0 ? NULL : make_result(&k, b);
    if (k.out != NULL) {
        learn_growth(w, b, k.len);
        block_unref(k.out);
    }
    return made;
}

void rewriter_free(struct rewriter *w)
{
    vec_free(&w->edit);
    buf_free(&w->merged[0]);
    buf_free(&w->merged[1]);
    buf_free(&w->dictionary);
    vec_free(&w->slices);
}
