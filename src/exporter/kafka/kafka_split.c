/* SPDX-License-Identifier: Apache-2.0 */
/* By resource: each ResourceSpans (or its like) is a request already, and a piece points at it where it lies. By trace:
 * the items are listed with what they are in, put in order of their ids, and written anew, resource and scope once for
 * each trace. By item: a piece is an item's place.
 *
 * The bytes have been validated, so nothing can go wrong but that a batch is large: the caller cuts it first. */
#include "exporter/kafka/kafka_split.h"

#include "base/mem.h"
#include "otlp/any_value.h"
#include "exporter/map_hash.h"
#include "otlp/path.h"
#include "otlp/view.h"

#include <stdlib.h>

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

static void list_items(const struct batch *b, split_items *out)
{
    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct pb_reader groups = pb_reader(bytes_of(b->segments[i].data, b->segments[i].len));

        for (struct bytes group; message_next(&groups, OTLP_REQUEST_RESOURCES, &group);) {
            struct pb_reader scopes = pb_reader(group);

            for (struct bytes scope; message_next(&scopes, OTLP_RESOURCE_GROUP_SCOPES, &scope);) {
                struct pb_reader items = pb_reader(scope);

                for (struct bytes item; message_next(&items, OTLP_SCOPE_GROUP_ITEMS, &item);) {
                    struct split_item x = { trace_of(b->signal, item), group, scope, item, out->n };

                    *vec_push(out) = x;
                }
            }
        }
    }
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

struct trace_run {
    size_t first, n, from, to; /* items; bytes */
};

static void split_traces(const struct kafka_split_rules *rules, const struct batch *b, struct budget *budget,
                         kafka_pieces *out)
{
    split_items items = { 0 };
    VEC(struct trace_run) runs = { 0 };
    struct buf text = { 0 };
    struct block *block;

    list_items(b, &items);
    if (items.n > 1)
        qsort(items.v, items.n, sizeof(items.v[0]), compare_items);
    for (size_t i = 0, n; i < items.n; i += n) {
        struct trace_run run = { .first = i, .from = text.len };

        for (n = 1; i + n < items.n && bytes_equal(items.v[i].id, items.v[i + n].id);)
            n++;
        write_request(&text, items.v + i, n);
        run.n = n;
        run.to = text.len;
        *vec_push(&runs) = run;
    }
    block = block_force(budget, text.len);
    if (text.len > 0)
        memcpy(block->data, text.data, text.len);
    for (size_t i = 0; i < runs.n; i++) {
        struct bytes request = bytes_of(block->data + runs.v[i].from, runs.v[i].to - runs.v[i].from);
        struct kafka_piece *p = vec_push(out);

        *p = (struct kafka_piece){ .ready = true };
        p->batch = slice_batch(b, block, request, runs.v[i].n);
        p->topic = find_first_topic(request, rules->topic_attribute);
        set_trace_key(p, items.v[runs.v[i].first].id, rules->short_key);
    }
    block_unref(block);
    buf_free(&text);
    vec_free(&runs);
    vec_free(&items);
}

/* Those of one resource have its topic, and may have its key: it is looked into once. */
static void split_items_apart(const struct kafka_split_rules *rules, struct batch *b, kafka_pieces *out)
{
    struct kafka_piece of_resource = { .ready = true, .batch = b };
    split_items items = { 0 };

    list_items(b, &items);
    for (size_t i = 0; i < items.n; i++) {
        struct bytes resource = resource_group_view(items.v[i].group).resource;
        struct kafka_piece *p;

        if (i == 0 || items.v[i].group.data != items.v[i - 1].group.data) {
            of_resource.topic = find_topic(resource, rules->topic_attribute);
            if (rules->resource_key && !rules->trace_key)
                set_resource_key(&of_resource, resource);
        }
        p = vec_push(out);
        *p = of_resource;
        batch_ref(b);
        p->at = i;
        p->item = items.v[i].item;
        p->resource = resource;
        p->scope = scope_group_view(items.v[i].scope).scope;
        if (rules->trace_key)
            set_trace_key(p, items.v[i].id, rules->short_key);
    }
    vec_free(&items);
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
        split_items_apart(rules, b, out);
        break;
    }
}
