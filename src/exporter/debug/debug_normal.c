/* SPDX-License-Identifier: Apache-2.0 */
/* The debug exporter's form `normal`: one line for each resource, scope and item. */
#include "exporter/debug/debug_text.h"

#include "base/vec.h"

static const char *const resource_titles[SIGNAL_COUNT] = { "ResourceTraces", "ResourceMetrics", "ResourceLog",
                                                           "ResourceProfiles" };
static const char *const scope_titles[SIGNAL_COUNT] = { "ScopeTraces", "ScopeMetrics", "ScopeLog", "ScopeProfiles" };

static void put_pair(struct buf *out, struct bytes key, struct bytes any)
{
    buf_putc(out, ' ');
    buf_put(out, key);
    buf_putc(out, '=');
    debug_value(out, any);
}

/* " k=v k=v": the attributes at that field number of the message. */
static void put_attributes(struct buf *out, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct bytes kv;

    while (debug_each(&r, number, &kv)) {
        struct debug_message m;

        debug_message_read(&m, kv);
        put_pair(out, m.str[1], m.str[2]);
    }
}

static void put_schema(struct buf *out, struct bytes url)
{
    if (url.len == 0)
        return;
    buf_puts(out, " [");
    buf_put(out, url);
    buf_putc(out, ']');
}

static void put_span(struct buf *out, struct bytes span)
{
    struct debug_message m;

    debug_message_read(&m, span);
    buf_put(out, m.str[5]);
    buf_putc(out, ' ');
    debug_hex(out, m.str[1]);
    buf_putc(out, ' ');
    debug_hex(out, m.str[2]);
    put_attributes(out, span, 9);
    buf_putc(out, '\n');
}

/* The attributes follow the body after one blank, which stands there even without any. */
static void put_log(struct buf *out, struct bytes log)
{
    struct debug_message m;
    size_t before;

    debug_message_read(&m, log);
    debug_value(out, m.str[5]);
    before = out->len;
    put_attributes(out, log, 6);
    if (out->len == before)
        buf_putc(out, ' ');
    buf_putc(out, '\n');
}

/* --- metrics --- */

static void put_point_head(struct buf *out, struct bytes name, struct bytes point, uint32_t attributes)
{
    struct pb_reader r = pb_reader(point);
    struct bytes kv;
    bool first = true;

    buf_put(out, name);
    buf_putc(out, '{');
    while (debug_each(&r, attributes, &kv)) {
        struct debug_message m;

        debug_message_read(&m, kv);
        if (!first)
            buf_putc(out, ',');
        first = false;
        buf_put(out, m.str[1]);
        buf_putc(out, '=');
        debug_value(out, m.str[2]);
    }
    buf_puts(out, "}");
}

static void put_number_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct debug_message m;

    debug_message_read(&m, point);
    put_point_head(out, name, point, 7);
    buf_putc(out, ' ');
    if (debug_has(&m, 6))
        buf_printf(out, "%lld", (long long)m.num[6]);
    else if (debug_has(&m, 4))
        debug_shortest(out, pb_double(m.num[4]));
    buf_putc(out, '\n');
}

static void put_optional(struct buf *out, const struct debug_message *m, uint32_t number, const char *word)
{
    if (!debug_has(m, number))
        return;
    buf_printf(out, " %s=", word);
    debug_shortest(out, pb_double(m->num[number]));
}

struct bound_list {
    VEC(double) bounds;
    struct buf *out;
};

static void add_bound(void *arg, size_t i, uint64_t v)
{
    struct bound_list *l = arg;

    (void)i;
    *vec_push(&l->bounds) = pb_double(v);
}

static void put_bucket(void *arg, size_t i, uint64_t count)
{
    struct bound_list *l = arg;

    if (i < l->bounds.n) {
        buf_puts(l->out, " le");
        debug_shortest(l->out, l->bounds.v[i]);
        buf_printf(l->out, "=%llu", (unsigned long long)count);
    } else {
        buf_printf(l->out, " %llu", (unsigned long long)count);
    }
}

static void put_histogram_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct bound_list l = { .out = out };
    struct debug_message m;

    debug_message_read(&m, point);
    put_point_head(out, name, point, 9);
    buf_printf(out, " count=%llu", (unsigned long long)m.num[4]);
    put_optional(out, &m, 5, "sum");
    put_optional(out, &m, 11, "min");
    put_optional(out, &m, 12, "max");
    debug_fixed64s(point, 7, add_bound, &l);
    debug_fixed64s(point, 6, put_bucket, &l);
    vec_free(&l.bounds);
    buf_putc(out, '\n');
}

struct count_list {
    VEC(uint64_t) counts;
};

static void add_count(void *arg, size_t i, uint64_t v)
{
    struct count_list *l = arg;

    (void)i;
    *vec_push(&l->counts) = v;
}

static void put_exponential_bucket(struct buf *out, double le, uint64_t count)
{
    buf_puts(out, " le");
    debug_shortest(out, le);
    buf_printf(out, "=%llu", (unsigned long long)count);
}

/* Buckets of the negative range come first, the farthest from zero first. */
static void put_exponential_side(struct buf *out, struct bytes buckets, int64_t scale, bool negative)
{
    struct count_list l = { 0 };
    struct debug_message m;
    int64_t offset;

    debug_message_read(&m, buckets);
    offset = pb_unzigzag(m.num[1]);
    debug_numbers(buckets, 2, add_count, &l);
    for (size_t i = 0; !negative && i < l.counts.n; i++)
        put_exponential_bucket(out, debug_exponential_bound(offset + (int64_t)i + 1, scale), l.counts.v[i]);
    for (size_t i = l.counts.n; negative && i-- > 0;)
        put_exponential_bucket(out, -debug_exponential_bound(offset + (int64_t)i, scale), l.counts.v[i]);
    vec_free(&l.counts);
}

static void put_exponential_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct debug_message m;
    int64_t scale;

    debug_message_read(&m, point);
    scale = pb_unzigzag(m.num[6]);
    put_point_head(out, name, point, 1);
    buf_printf(out, " count=%llu", (unsigned long long)m.num[4]);
    put_optional(out, &m, 5, "sum");
    put_optional(out, &m, 12, "min");
    put_optional(out, &m, 13, "max");
    put_exponential_side(out, m.str[9], scale, true);
    if (m.num[7] > 0)
        buf_printf(out, " zero=%llu", (unsigned long long)m.num[7]);
    put_exponential_side(out, m.str[8], scale, false);
    buf_putc(out, '\n');
}

static void put_summary_point(struct buf *out, struct bytes name, struct bytes point)
{
    struct pb_reader r = pb_reader(point);
    struct debug_message m;
    struct bytes quantile;

    debug_message_read(&m, point);
    put_point_head(out, name, point, 7);
    buf_printf(out, " count=%llu sum=", (unsigned long long)m.num[4]);
    debug_fixed(out, pb_double(m.num[5]));
    while (debug_each(&r, 6, &quantile)) {
        struct debug_message q;

        debug_message_read(&q, quantile);
        buf_puts(out, " q");
        debug_shortest(out, pb_double(q.num[1]));
        buf_putc(out, '=');
        debug_shortest(out, pb_double(q.num[2]));
    }
    buf_putc(out, '\n');
}

static void put_metric(struct buf *out, struct bytes metric)
{
    static void (*const put_point[])(struct buf *, struct bytes, struct bytes) = {
        [5] = put_number_point,       [7] = put_number_point,   [9] = put_histogram_point,
        [10] = put_exponential_point, [11] = put_summary_point,
    };
    struct debug_message m;

    debug_message_read(&m, metric);
    for (uint32_t kind = 5; kind < ARRAY_LEN(put_point); kind++) {
        struct pb_reader r = pb_reader(m.str[kind]);
        struct bytes point;

        while (put_point[kind] != NULL && debug_each(&r, 1, &point))
            put_point[kind](out, m.str[1], point);
    }
}

/* --- profiles --- */

static void put_profile_attribute(void *arg, struct bytes key, struct bytes any)
{
    put_pair(arg, key, any);
}

static void put_profile(struct buf *out, struct bytes profile, struct bytes dictionary)
{
    struct debug_message m;

    debug_message_read(&m, profile);
    debug_hex(out, m.str[7]);
    buf_printf(out, " samples=%zu", debug_count(profile, 2));
    debug_profile_attributes(profile, 11, dictionary, put_profile_attribute, out);
    buf_putc(out, '\n');
}

/* --- from the top --- */

static void put_item(struct buf *out, enum signal signal, struct bytes item, struct bytes dictionary)
{
    switch (signal) {
    case SIGNAL_TRACES:
        put_span(out, item);
        break;
    case SIGNAL_METRICS:
        put_metric(out, item);
        break;
    case SIGNAL_LOGS:
        put_log(out, item);
        break;
    default:
        put_profile(out, item, dictionary);
        break;
    }
}

static void put_scope_line(struct buf *out, enum signal signal, size_t n, const struct debug_message *scope_items)
{
    struct debug_message scope;

    debug_message_read(&scope, scope_items->str[1]);
    buf_printf(out, "%s #%zu", scope_titles[signal], n);
    if (scope.str[1].len > 0 || scope.str[2].len > 0) {
        buf_putc(out, ' ');
        buf_put(out, scope.str[1]);
        if (scope.str[2].len > 0) {
            buf_putc(out, '@');
            buf_put(out, scope.str[2]);
        }
    }
    put_schema(out, scope_items->str[3]);
    put_attributes(out, scope.raw, 3);
    buf_putc(out, '\n');
}

static void put_scope(struct buf *out, enum signal signal, size_t n, struct bytes scope_items, struct bytes dictionary)
{
    struct pb_reader r = pb_reader(scope_items);
    struct debug_message m;
    struct bytes item;

    debug_message_read(&m, scope_items);
    put_scope_line(out, signal, n, &m);
    while (out->len < DEBUG_TEXT_MAX && debug_each(&r, 2, &item))
        put_item(out, signal, item, dictionary);
}

static void put_resource(struct buf *out, enum signal signal, size_t n, struct bytes resource_items,
                         struct bytes dictionary)
{
    struct pb_reader r = pb_reader(resource_items);
    struct debug_message m;
    struct bytes scope;

    debug_message_read(&m, resource_items);
    buf_printf(out, "%s #%zu", resource_titles[signal], n);
    put_schema(out, m.str[3]);
    put_attributes(out, m.str[1], 1);
    buf_putc(out, '\n');
    for (size_t i = 0; debug_each(&r, 2, &scope); i++)
        put_scope(out, signal, i, scope, dictionary);
}

void debug_normal(struct buf *out, const struct batch *b)
{
    debug_batch(out, b, NULL, put_resource);
}
