/* SPDX-License-Identifier: Apache-2.0 */
/* An item is known by all its bytes, else by what names it (a span by its ids, a log record by its times and its body,
 * a data point by its metric, times and attributes), else by its times alone. Each kind of key is gone through on both
 * sides, sorted: those with the same are pairs, in order. What is left has a pair by its position, if nothing was left
 * out. */
#include "page/tap/tap_pick.h"

#include "otlp/digest.h"
#include "otlp/view.h"

#include <stdlib.h>

enum { ALL_BYTES, NAME, TIMES };

struct keying {
    tap_keys *keys;
    enum signal signal;
    uint64_t metric;    /* serial of the metric whose name was read last */
    struct digest name; /* it */
    uint64_t until;
    bool over; /* it has come */
};

static struct digest key_of_span(struct bytes message)
{
    struct span_view v = span_view(message);

    if (v.span_id.len > 0)
        return digest_bytes(digest_plain(v.trace_id), v.span_id);
    return digest_number(digest_plain(v.name), v.start);
}

static struct digest times_of_log(const struct log_view *v)
{
    return digest_number(digest_number(digest_plain(v->trace_id), v->time), v->observed_time);
}

/* Every kind of data point has them in the same fields. */
static struct digest times_of_point(struct bytes message)
{
    struct digest d = { 0 };
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.wire == PB_FIXED64 && (f.number == OTLP_POINT_START || f.number == OTLP_POINT_TIME))
            d = digest_number(d, f.u64);
    return d;
}

static void read_metric_name(struct keying *x, const struct visit *at)
{
    if (x->metric == at->in.metric)
        return;
    x->metric = at->in.metric;
    x->name = digest_plain(metric_view(at->metric).name);
}

static enum rewrite_verdict add_key(void *arg, const struct visit *at, struct pieces *edit)
{
    struct keying *x = arg;
    struct digest all, name, times;
    struct tap_key *k;

    (void)edit;
    x->over = x->over || (x->keys->n % TAP_LOOK_AGAIN == TAP_LOOK_AGAIN - 1 && tap_cpu_now() > x->until);
    if (x->over)
        return REWRITE_PASS;
    all = name = times = digest_plain(at->message);
    if (x->signal == SIGNAL_TRACES) {
        name = times = key_of_span(at->message);
    } else if (x->signal == SIGNAL_LOGS) {
        struct log_view v = log_view(at->message);

        times = times_of_log(&v);
        name = digest_bytes(times, v.body);
    } else if (x->signal == SIGNAL_METRICS) {
        times = digest_attributes(times_of_point(at->message), at->message, at->attributes);
        read_metric_name(x, at);
        name = digest_number(times, x->name.lo);
        all = digest_number(all, x->name.lo);
    }
    k = vec_push(x->keys);
    *k = (struct tap_key){ .by = { all.lo, name.lo, times.lo }, .position = (uint32_t)(x->keys->n - 1) };
    return REWRITE_PASS;
}

bool tap_keys_add(struct tap_picker *p, struct batch *b, uint64_t until, struct budget *budget, tap_keys *keys)
{
    struct keying x = { .keys = keys, .signal = b->signal, .until = until };
    struct rewrite_visitor visitor = { .item = add_key, .arg = &x };
    uint64_t dropped;

    if (b->signal == SIGNAL_PROFILES)
        *vec_push(keys) = (struct tap_key){ .position = (uint32_t)(keys->n) };
    else
        batch_unref(rewrite_batch(&p->rewriter, b, &visitor, budget, &dropped));
    return !x.over;
}

/* ---- pairs ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Those without a pair first; then by that key, then by position. */
static int by_key(const struct tap_key *a, const struct tap_key *b, int key)
{
    int order = compare_numbers(a->other > 0, b->other > 0);

    order = order != 0 ? order : compare_numbers(a->by[key], b->by[key]);
    return order != 0 ? order : compare_numbers(a->position, b->position);
}

static int by_bytes(const void *a, const void *b)
{
    return by_key(a, b, ALL_BYTES);
}

static int by_name(const void *a, const void *b)
{
    return by_key(a, b, NAME);
}

static int by_times(const void *a, const void *b)
{
    return by_key(a, b, TIMES);
}

static int by_position(const void *a, const void *b)
{
    return compare_numbers(((const struct tap_key *)a)->position, ((const struct tap_key *)b)->position);
}

static void sort_keys(tap_keys *keys, int (*order)(const void *, const void *))
{
    if (keys->n > 1)
        qsort(keys->v, keys->n, sizeof(*keys->v), order);
}

static void pair_by(tap_keys *a, tap_keys *b, int key)
{
    static int (*const orders[TAP_KEYS])(const void *, const void *) = { by_bytes, by_name, by_times };
    size_t i = 0, k = 0;

    sort_keys(a, orders[key]);
    sort_keys(b, orders[key]);
    while (i < a->n && k < b->n && a->v[i].other == 0 && b->v[k].other == 0) {
        int order = compare_numbers(a->v[i].by[key], b->v[k].by[key]);

        if (order == 0) {
            a->v[i].other = b->v[k].position + 1;
            b->v[k].other = a->v[i].position + 1;
        }
        i += order <= 0;
        k += order >= 0;
    }
}

void tap_keys_pair(tap_keys *before, tap_keys *after, bool strangers)
{
    for (int key = 0; key < (strangers ? TIMES : TAP_KEYS); key++)
        pair_by(before, after, key);
    sort_keys(before, by_position);
    sort_keys(after, by_position);
    for (size_t i = 0; !strangers && before->n == after->n && i < before->n; i++)
        if (before->v[i].other == 0 && after->v[i].other == 0) {
            before->v[i].other = (uint32_t)i + 1;
            after->v[i].other = (uint32_t)i + 1;
        }
}
