/* SPDX-License-Identifier: Apache-2.0 */
/* By resource: each ResourceSpans (or its like) is a request already, and a piece points at it where it lies. By trace:
 * the items are listed with what they are in, put in order of their ids, and written anew, resource and scope once for
 * each trace; where a large resource would be written for many of them, the batch is halved instead. By item: a piece
 * is an item's place.
 *
 * The bytes have been validated, so nothing can go wrong but that a batch is large: the caller cuts it first. */
#include "exporter/kafka/kafka_split.h"

#include "base/mem.h"
#include "otlp/any_value.h"
#include "otlp/cut/cutter.h"
#include "exporter/map_hash.h"
#include "otlp/path.h"
#include "otlp/view.h"

#include <stdlib.h>

#define MOST_GROWTH 4 /* traces of a batch together have so many times its bytes at most */

/* ---- keys and topics ---- */

static void set_trace_key(struct kafka_piece *p, struct bytes id, bool short_key)
{
    static const char digits[] = "0123456789abcdef";
    static const uint8_t zero[8];

    if (short_key && id.len == 16 && memcmp(id.data, zero, sizeof(zero)) == 0)
        id = bytes_skip(id, sizeof(zero));
    p->n_key = (uint8_t)(id.len == 16 || id.len == 8 ? 2 * id.len : 0);
    for (size_t i = 0; i < p->n_key; i++)
        p->key[i] = (uint8_t)digits[id.data[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
}

static void set_resource_key(struct kafka_piece *p, struct bytes resource)
{
    map_hash(resource, OTLP_RESOURCE_ATTRIBUTES, p->key);
    p->n_key = MAP_HASH_SIZE;
}

/* The value of that attribute where it is a string; else nothing. */
static struct bytes find_topic(struct bytes resource, struct bytes name)
{
    struct pb_reader r = pb_reader(resource);
    struct attribute a;

    while (name.len > 0 && attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a))
        if (bytes_equal(a.key, name)) {
            struct value v = value_read(a.value);

            return v.type == VALUE_STRING ? v.bytes : (struct bytes){ NULL, 0 };
        }
    return (struct bytes){ NULL, 0 };
}

/* That of the first resource of the request that names one. */
static struct bytes find_first_topic(struct bytes request, struct bytes name)
{
    struct pb_reader r = pb_reader(request);
    struct bytes topic = { NULL, 0 };

    for (struct bytes group; topic.len == 0 && name.len > 0 && message_next(&r, OTLP_REQUEST_RESOURCES, &group);)
        topic = find_topic(resource_group_view(group).resource, name);
    return topic;
}

static struct batch *slice_batch(const struct batch *of, struct block *block, struct bytes data, uint64_t items)
{
    struct segment s = { .block = block_ref(block), .data = data.data, .len = data.len, .items = items };

    return batch_of(of->signal, &s, 1, items, of->arrival);
}

/* ---- by resource ---- */

static void split_resources(const struct kafka_split_rules *rules, const struct batch *b, const struct segment *s,
                            kafka_pieces *out)
{
    struct pb_reader r = pb_reader(bytes_of(s->data, s->len));

    for (struct pb_field f; pb_next(&r, &f);) {
        struct resource_group_view v;
        struct kafka_piece *p;
        uint64_t items;

        if (f.number != OTLP_REQUEST_RESOURCES || f.wire != PB_LEN)
            continue;
        items = path_count(f.bytes, LEVEL_RESOURCE, b->signal);
        if (items == 0)
            continue;
        v = resource_group_view(f.bytes);
        p = vec_push(out);
        *p = (struct kafka_piece){ .ready = true };
        p->batch = slice_batch(b, s->block, bytes_of(f.start, (size_t)(r.p - f.start)), items);
        p->topic = find_topic(v.resource, rules->topic_attribute);
        if (rules->resource_key)
            set_resource_key(p, v.resource);
    }
}

/* ---- by trace and by item ---- */

struct split_item {
    struct bytes id;    /* of the trace */
    struct bytes group; /* the ResourceSpans or its like */
    struct bytes scope; /* the ScopeSpans or its like */
    struct bytes item;
    size_t order;
};

typedef VEC(struct split_item) split_items;

static struct bytes trace_of(enum signal signal, struct bytes item)
{
    return signal == SIGNAL_TRACES ? pb_find_bytes(item, OTLP_SPAN_TRACE_ID) : pb_find_bytes(item, OTLP_LOG_TRACE_ID);
}

/* False: that was the last one. */
static bool next_item(const struct batch *b, struct kafka_walk *w, struct split_item *x)
{
    while (!message_next(&w->items, OTLP_SCOPE_GROUP_ITEMS, &x->item)) {
        while (!message_next(&w->scopes, OTLP_RESOURCE_GROUP_SCOPES, &w->scope)) {
            while (!message_next(&w->groups, OTLP_REQUEST_RESOURCES, &w->group)) {
                if (w->segment == b->n_segments)
                    return false;
                w->groups = pb_reader(bytes_of(b->segments[w->segment].data, b->segments[w->segment].len));
                w->segment++;
            }
            w->scopes = pb_reader(w->group);
        }
        w->items = pb_reader(w->scope);
    }
    x->id = trace_of(b->signal, x->item);
    x->group = w->group;
    x->scope = w->scope;
    x->order = w->at++;
    return true;
}

static void list_items(const struct batch *b, split_items *out)
{
    struct kafka_walk walk = { 0 };

    for (struct split_item x; next_item(b, &walk, &x);)
        *vec_push(out) = x;
}

static int compare_items(const void *a, const void *b)
{
    const struct split_item *x = a, *y = b;
    int c = bytes_compare(x->id, y->id);

    return c != 0 ? c : x->order < y->order ? -1 : 1;
}

/* All that is a group's own: not what is below it. */
static void copy_head(struct buf *out, struct bytes message, uint32_t below)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != below)
            buf_append(out, f.start, (size_t)(r.p - f.start));
}

/* One trace's items as a request. */
static void write_request(struct buf *out, const struct split_item *v, size_t n)
{
    size_t group = 0, scope = 0;

    for (size_t i = 0; i < n; i++) {
        bool new_group = i == 0 || v[i].group.data != v[i - 1].group.data;
        bool new_scope = new_group || v[i].scope.data != v[i - 1].scope.data;

        if (i > 0 && new_scope)
            pb_end(out, scope);
        if (i > 0 && new_group)
            pb_end(out, group);
        if (new_group) {
            group = pb_begin(out, OTLP_REQUEST_RESOURCES);
            copy_head(out, v[i].group, OTLP_RESOURCE_GROUP_SCOPES);
        }
        if (new_scope) {
            scope = pb_begin(out, OTLP_RESOURCE_GROUP_SCOPES);
            copy_head(out, v[i].scope, OTLP_SCOPE_GROUP_ITEMS);
        }
        pb_put_bytes(out, OTLP_SCOPE_GROUP_ITEMS, v[i].item);
    }
    pb_end(out, scope);
    pb_end(out, group);
}

static size_t run_length(const struct split_item *v, size_t n)
{
    size_t same = 1;

    while (same < n && bytes_equal(v[0].id, v[same].id))
        same++;
    return same;
}

static struct block *block_of(struct budget *budget, const struct buf *text)
{
    struct block *block = block_force(budget, text->len);

    if (text->len > 0)
        memcpy(block->data, text->data, text->len);
    return block;
}

struct trace_run {
    size_t first, n, from, to; /* items; bytes */
};
typedef VEC(struct trace_run) trace_runs;

/* Each trace's items as a request, one behind the other. False: they would be more than `most` bytes. */
static bool write_traces(const split_items *items, size_t most, struct buf *text, trace_runs *runs)
{
    for (size_t i = 0, n; i < items->n; i += n) {
        struct trace_run run = { .first = i, .from = text->len };

        n = run.n = run_length(items->v + i, items->n - i);
        write_request(text, items->v + i, n);
        run.to = text->len;
        *vec_push(runs) = run;
        if (text->len > most)
            return false;
    }
    return true;
}

static void put_traces(const struct kafka_split_rules *rules, const struct batch *b, const split_items *items,
                       const trace_runs *runs, struct block *block, kafka_pieces *out)
{
    for (size_t i = 0; i < runs->n; i++) {
        const struct trace_run *run = &runs->v[i];
        struct bytes request = bytes_of(block->data + run->from, run->to - run->from);
        struct kafka_piece *p = vec_push(out);

        *p = (struct kafka_piece){ .ready = true };
        p->batch = slice_batch(b, block, request, run->n);
        p->topic = find_first_topic(request, rules->topic_attribute);
        set_trace_key(p, items->v[run->first].id, rules->short_key);
    }
}

static int compare_order(const void *a, const void *b)
{
    const struct split_item *x = a, *y = b;

    return x->order < y->order ? -1 : 1;
}

/* The first half of the traces, and the others: each has no more bytes than the batch. */
static void halve_traces(const struct batch *b, split_items *items, size_t traces, struct budget *budget,
                         kafka_pieces *out)
{
    size_t at = 0;

    for (size_t i = 0; i < traces / 2; i++)
        at += run_length(items->v + at, items->n - at);
    for (int i = 0; i < 2; i++) {
        struct split_item *v = items->v + (i == 0 ? 0 : at);
        size_t n = i == 0 ? at : items->n - at;
        struct buf text = { 0 };
        struct block *block;

        qsort(v, n, sizeof(*v), compare_order);
        write_request(&text, v, n);
        block = block_of(budget, &text);
        *vec_push(out) = (struct kafka_piece){ .batch = slice_batch(b, block, bytes_of(block->data, text.len), n) };
        block_unref(block);
        buf_free(&text);
    }
}

static size_t count_traces(const split_items *items)
{
    size_t traces = 0;

    for (size_t i = 0; i < items->n; traces++)
        i += run_length(items->v + i, items->n - i);
    return traces;
}

static void split_traces(const struct kafka_split_rules *rules, const struct batch *b, struct budget *budget,
                         kafka_pieces *out)
{
    split_items items = { 0 };
    trace_runs runs = { 0 };
    struct buf text = { 0 };
    size_t traces;

    list_items(b, &items);
    if (items.n > 1)
        qsort(items.v, items.n, sizeof(items.v[0]), compare_items);
    traces = count_traces(&items);
    if (write_traces(&items, traces > MOST_GROWTH ? MOST_GROWTH * b->bytes : SIZE_MAX, &text, &runs)) {
        struct block *block = block_of(budget, &text);

        put_traces(rules, b, &items, &runs, block, out);
        block_unref(block);
    } else {
        halve_traces(b, &items, traces, budget, out);
    }
    buf_free(&text);
    vec_free(&runs);
    vec_free(&items);
}

/* Those of one resource have its topic, and may have its key: it is looked into once, and so is a scope. */
static void enter_group(const struct kafka_split_rules *rules, struct kafka_walk *w, const struct split_item *x)
{
    struct kafka_piece *common = &w->common;

    if (w->in_group != x->group.data) {
        w->in_group = x->group.data;
        *common = (struct kafka_piece){ .ready = true, .resource = resource_group_view(x->group).resource };
        common->topic = find_topic(common->resource, rules->topic_attribute);
        if (rules->resource_key && !rules->trace_key)
            set_resource_key(common, common->resource);
    }
    if (w->in_scope != x->scope.data) {
        w->in_scope = x->scope.data;
        common->scope = scope_group_view(x->scope).scope;
    }
}

bool kafka_split_items(const struct kafka_split_rules *rules, struct batch *b, struct kafka_walk *w, size_t most,
                       kafka_pieces *out)
{
    struct split_item x;

    for (; most > 0 && next_item(b, w, &x); most--) {
        struct kafka_piece *p = vec_push(out);

        enter_group(rules, w, &x);
        *p = w->common;
        p->batch = batch_ref(b);
        p->at = x.order;
        p->item = x.item;
        if (rules->trace_key)
            set_trace_key(p, x.id, rules->short_key);
    }
    return most == 0;
}

void kafka_split(const struct kafka_split_rules *rules, struct batch *b, struct budget *budget, kafka_pieces *out)
{
    switch (rules->by) {
    case KAFKA_WHOLE:
        *vec_push(out) = (struct kafka_piece){ .ready = true, .batch = batch_ref(b) };
        break;
    case KAFKA_BY_RESOURCE:
        for (uint32_t i = 0; i < b->n_segments; i++)
            split_resources(rules, b, &b->segments[i], out);
        break;
    case KAFKA_BY_TRACE:
        split_traces(rules, b, budget, out);
        break;
    case KAFKA_BY_ITEM:
        (void)kafka_split_items(rules, b, &(struct kafka_walk){ 0 }, SIZE_MAX, out);
        break;
    }
}

/* ---- by what it begins with ---- */

struct bytes kafka_split_first(const struct batch *b)
{
    struct bytes group = { NULL, 0 };

    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(b->segments[i].data, b->segments[i].len));

        if (message_next(&r, OTLP_REQUEST_RESOURCES, &group))
            return resource_group_view(group).resource;
    }
    return group;
}

/* How long the run of that resource is with which the segment begins, and how many items it has. */
static size_t measure_leading(enum signal signal, const struct segment *s, struct bytes resource, uint64_t *items)
{
    struct pb_reader r = pb_reader(bytes_of(s->data, s->len));
    size_t end = 0;

    *items = 0;
    for (struct pb_field f; pb_next(&r, &f); end = (size_t)(r.p - s->data)) {
        if (f.number != OTLP_REQUEST_RESOURCES || f.wire != PB_LEN)
            continue;
        if (!bytes_equal(resource_group_view(f.bytes).resource, resource))
            break;
        *items += path_count(f.bytes, LEVEL_RESOURCE, signal);
    }
    return end;
}

static void add_slice(segments *to, const struct segment *s, size_t from, size_t len, uint64_t items)
{
    if (len > 0)
        *vec_push(to) =
            (struct segment){ .block = block_ref(s->block), .data = s->data + from, .len = len, .items = items };
}

static struct batch *join_slices(const struct batch *like, segments *slices)
{
    uint64_t items = 0;
    struct batch *b = NULL;

    for (size_t i = 0; i < slices->n; i++)
        items += slices->v[i].items;
    if (items > 0)
        b = batch_of(like->signal, slices->v, (uint32_t)slices->n, items, like->arrival);
    for (size_t i = 0; b == NULL && i < slices->n; i++)
        block_unref(slices->v[i].block);
    vec_free(slices);
    return b;
}

void kafka_split_leading(const struct batch *b, struct bytes resource, struct batch **same, struct batch **rest)
{
    segments leading = { 0 }, others = { 0 };

    for (uint32_t i = 0; i < b->n_segments; i++) {
        const struct segment *s = &b->segments[i];
        uint64_t items = 0;
        size_t end = others.n > 0 ? 0 : measure_leading(b->signal, s, resource, &items);

        add_slice(&leading, s, 0, end, items);
        add_slice(&others, s, end, s->len - end, s->items - items);
    }
    *same = join_slices(b, &leading);
    *rest = join_slices(b, &others);
}
