/* SPDX-License-Identifier: Apache-2.0 */
/* Points of one metric merged: those with the same attributes and time, of deltas with the same start too, of
 * histograms with the same buckets. The first one of each group stays, with the earliest start of all.
 *
 * What can go wrong: buckets of exponential histograms past 32 bits; such points stay as they are. */
#include "base/double.h"
#include "base/mem.h"
#include "processor/stream/metric_edit.h"
#include "processor/metrics_transform/transform.h"
#include "processor/stream/stream_histogram.h"

#include <stdlib.h>

/* What two points must share to be merged. */
static struct digest key_of(const struct work_metric *m, const struct work_point *p)
{
    struct digest_set attributes = { 0 };
    struct pb_reader r = pb_reader(p->rest);
    bool delta = data_view(m->data_head).temporality == OTLP_TEMPORALITY_DELTA;
    struct digest key;

    for (size_t i = 0; i < p->n; i++) {
        struct digest pair =
            digest_bytes(digest_bytes((struct digest){ 0 }, p->attributes[i].key), p->attributes[i].value);

        digest_set_add(&attributes, bytes_of(&pair, sizeof(pair)));
    }
    key = digest_set_of((struct digest){ 0 }, &attributes);
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == OTLP_POINT_TIME || (delta && f.number == OTLP_POINT_START))
            key = digest_number(key, f.u64 ^ f.number);
    return key;
}

/* Whether there are more things to tell apart than the key has. */
static struct digest add_kind(struct digest key, const struct work_metric *m, const struct work_point *p)
{
    if (m->data == OTLP_METRIC_HISTOGRAM) {
        struct histogram_view v = histogram_view(p->rest);
        struct pb_reader r = pb_reader(p->rest);

        for (struct pb_field f; pb_next(&r, &f);)
            if (f.number == OTLP_HISTOGRAM_BOUNDS)
                key = f.wire == PB_LEN ? digest_bytes(key, f.bytes) : digest_number(key, f.u64);
        return digest_number(key, v.flags << 2 | (unsigned)view_has(&v.view, OTLP_HISTOGRAM_MIN) << 1 |
                                      view_has(&v.view, OTLP_HISTOGRAM_MAX));
    }
    if (m->data == OTLP_METRIC_EXPONENTIAL) {
        struct exponential_view v = exponential_view(p->rest);

        return digest_number(key, v.flags << 2 | (unsigned)view_has(&v.view, OTLP_EXPONENTIAL_MIN) << 1 |
                                      view_has(&v.view, OTLP_EXPONENTIAL_MAX));
    }
    return digest_number(key, number_view(p->rest).view.which);
}

/* ---- numbers ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    if (isnan(x) || isnan(y)) /* before all others */
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

static int compare_integers(const void *a, const void *b)
{
    int64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static double merge_doubles(double *v, size_t n, enum aggregation how)
{
    double sum = v[0];

    for (size_t i = 1; i < n; i++)
        if (how == AGGREGATE_SUM || how == AGGREGATE_MEAN)
            sum += v[i];
        else if (how == AGGREGATE_MAX)
            sum = double_max(sum, v[i]);
        else if (how == AGGREGATE_MIN)
            sum = double_min(sum, v[i]);
    if (how == AGGREGATE_MEAN)
        sum /= (double)n;
    if (how == AGGREGATE_COUNT)
        sum = (double)n;
    if (how == AGGREGATE_MEDIAN) {
        qsort(v, n, sizeof(*v), compare_doubles);
        sum = n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    }
    return sum;
}

/* Sums wrap around, as they do in Go. */
static int64_t add_integers(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t merge_integers(int64_t *v, size_t n, enum aggregation how)
{
    int64_t sum = v[0];

    for (size_t i = 1; i < n; i++)
        if (how == AGGREGATE_SUM || how == AGGREGATE_MEAN)
            sum = add_integers(sum, v[i]);
        else if (how == AGGREGATE_MAX)
            sum = v[i] > sum ? v[i] : sum;
        else if (how == AGGREGATE_MIN)
            sum = v[i] < sum ? v[i] : sum;
    if (how == AGGREGATE_MEAN)
        sum /= (int64_t)n;
    if (how == AGGREGATE_COUNT)
        sum = (int64_t)n;
    if (how == AGGREGATE_MEDIAN) {
        qsort(v, n, sizeof(*v), compare_integers);
        sum = n % 2 != 0 ? v[n / 2] : add_integers(v[n / 2 - 1], v[n / 2]) / 2;
    }
    return sum;
}

static void set_rest(struct work *w, struct work_point *p, uint32_t without, struct buf *more)
{
    w->scratch.len = 0;
    metric_edit_copy(&w->scratch, p->rest, without);
    buf_put(&w->scratch, buf_bytes(more));
    p->rest = work_keep(w, buf_bytes(&w->scratch));
}

static void put_start(struct buf *out, uint64_t start)
{
    if (start != 0)
        pb_put_fixed64(out, OTLP_POINT_START, start);
}

static void merge_numbers(struct work *w, struct work_point *first, size_t n, enum aggregation how)
{
    struct number_view v = number_view(first->rest);
    uint64_t *bits = arena_alloc(&w->arena, n * sizeof(*bits));
    uint64_t start = v.start;
    struct buf more = { 0 };
    size_t i = 0;

    for (const struct work_point *p = first; p != NULL; p = p->next) {
        struct number_view x = number_view(p->rest);

        bits[i++] = v.view.which == OTLP_NUMBER_INT ? (uint64_t)x.integer : pb_bits(x.number);
        start = x.start < start ? x.start : start;
    }
    put_start(&more, start);
    if (v.view.which == OTLP_NUMBER_INT)
        pb_put_fixed64(&more, OTLP_NUMBER_INT, (uint64_t)merge_integers((int64_t *)(void *)bits, n, how));
    else
        pb_put_double(&more, OTLP_NUMBER_DOUBLE, merge_doubles((double *)(void *)bits, n, how));
    set_rest(w, first, FIELD_BIT(OTLP_POINT_START) | FIELD_BIT(OTLP_NUMBER_INT) | FIELD_BIT(OTLP_NUMBER_DOUBLE), &more);
    buf_free(&more);
}

/* ---- histograms: always added up ---- */

static void add_counts(struct stream_histogram *to, const struct stream_histogram *from)
{
    to->count += from->count;
    to->sum += from->sum;
    to->min = from->min < to->min ? from->min : to->min; /* NaN stays when it is the first, as in the Go collector */
    to->max = from->max > to->max ? from->max : to->max;
    for (size_t i = 0; i < to->counts.n && i < from->counts.n; i++)
        to->counts.v[i] += from->counts.v[i];
}

static void copy_exemplars(struct buf *out, unsigned data, struct bytes rest)
{
    uint32_t number = data == OTLP_METRIC_HISTOGRAM ? OTLP_HISTOGRAM_EXEMPLARS : OTLP_EXPONENTIAL_EXEMPLARS;
    struct pb_reader r = pb_reader(rest);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number)
            buf_append(out, f.start, (size_t)(r.p - f.start));
}

/* False: it is as it was. */
static bool add_histograms(struct stream_histogram *sum, const struct work_metric *m, const struct work_point *first,
                           uint64_t *start, struct buf *exemplars)
{
    struct stream_histogram one = { 0 };
    bool good = stream_histogram_read(sum, m->data, first->rest);

    for (const struct work_point *p = first->next; good && p != NULL; p = p->next) {
        uint64_t begun = histogram_view(p->rest).start;

        good = stream_histogram_read(&one, m->data, p->rest);
        good = good && (m->data == OTLP_METRIC_HISTOGRAM || exponential_add(&sum->exponential, &one.exponential));
        add_counts(sum, &one);
        copy_exemplars(exemplars, m->data, p->rest);
        *start = begun < *start ? begun : *start;
    }
    stream_histogram_free(&one);
    return good;
}

static bool merge_histograms(struct work *w, const struct work_metric *m, struct work_point *first)
{
    struct stream_histogram sum = { 0 };
    struct buf more = { 0 };
    uint64_t start = histogram_view(first->rest).start;
    uint32_t without = FIELD_BIT(OTLP_POINT_START);
    bool good = add_histograms(&sum, m, first, &start, &more);

    for (uint32_t i = 0; i < 32; i++)
        without |= stream_histogram_has(m->data, i) ? FIELD_BIT(i) : 0;
    put_start(&more, start);
    stream_histogram_write(&more, m->data, &sum);
    if (good)
        set_rest(w, first, without, &more);
    stream_histogram_free(&sum);
    buf_free(&more);
    return good;
}

/* ---- groups ---- */

struct group {
    struct digest key;
    struct work_point *first, *last;
    size_t n;
};

static struct group *find_group(struct group *groups, size_t slots, const struct digest *key)
{
    size_t at = key->lo & (slots - 1);

    while (groups[at].n > 0 && !digest_equal(&groups[at].key, key))
        at = (at + 1) & (slots - 1);
    groups[at].key = *key;
    return &groups[at];
}

static void merge_group(struct work *w, struct work_metric *m, const struct group *g, enum aggregation how)
{
    bool histograms = m->data == OTLP_METRIC_HISTOGRAM || m->data == OTLP_METRIC_EXPONENTIAL;

    if (g->n == 1)
        return;
    if (!histograms && how != AGGREGATE_NONE)
        merge_numbers(w, g->first, g->n, how);
    if (!histograms || merge_histograms(w, m, g->first))
        return;
    for (struct work_point *p = g->first->next; p != NULL; p = p->next) {
        work_metric_add(w, m, p);
        w->merged--;
    }
}

void work_metric_merge(struct work *w, struct work_metric *m, enum aggregation how)
{
    size_t slots = 8, n = 0;
    struct group *groups;

    if (m->data == OTLP_METRIC_SUMMARY)
        return;
    while (slots < 2 * m->n)
        slots *= 2;
    groups = mem_zalloc(slots * sizeof(*groups));
    for (size_t i = 0; i < m->n; i++) {
        struct digest key = add_kind(key_of(m, m->points[i]), m, m->points[i]);
        struct group *g = find_group(groups, slots, &key);

        m->points[i]->next = NULL;
        if (g->n++ == 0)
            g->first = m->points[n++] = m->points[i];
        else
            g->last->next = m->points[i];
        g->last = m->points[i];
    }
    w->merged += m->n - n;
    m->n = n;
    for (size_t i = 0; i < slots; i++)
        if (groups[i].n > 0)
            merge_group(w, m, &groups[i], how);
    free(groups);
}

/* ---- metrics ---- */

static struct digest key_set(const struct work_point *p)
{
    struct digest_set keys = { 0 };

    for (size_t i = 0; i < p->n; i++)
        digest_set_add(&keys, p->attributes[i].key);
    return digest_set_of((struct digest){ 0 }, &keys);
}

static bool has_other_keys(const struct work_metric *m, const struct digest *keys)
{
    for (size_t i = 0; i < m->n; i++) {
        struct digest k = key_set(m->points[i]);

        if (!digest_equal(&k, keys))
            return true;
    }
    return false;
}

const char *work_metrics_misfit(struct work_metric *const *metrics, size_t n)
{
    const struct work_metric *first = metrics[0];
    struct data_view d = data_view(first->data_head);
    struct bytes unit = metric_view(first->head).unit;
    struct digest keys = first->n > 0 ? key_set(first->points[0]) : (struct digest){ 0 };

    for (size_t i = 0; i < n; i++) {
        const struct work_metric *m = metrics[i];

        if (m->data == OTLP_METRIC_SUMMARY)
            return "Summary metrics cannot be combined";
        if (m->data != first->data)
            return "metrics cannot be combined as they are of different types";
        if (!bytes_equal(metric_view(m->head).unit, unit))
            return "metrics cannot be combined as they have different units";
        if (data_view(m->data_head).temporality != d.temporality)
            return "metrics cannot be combined as they have different aggregation temporalities";
        if (data_view(m->data_head).monotonic != d.monotonic)
            return "metrics cannot be combined as they have different monotonicity";
        if (has_other_keys(m, &keys))
            return "metrics cannot be combined as they have different attributes";
    }
    return NULL;
}
