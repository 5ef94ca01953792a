/* SPDX-License-Identifier: Apache-2.0 */
/* A number is written at once: its length is known, the bytes of its attributes are its point's, so it is a few stores
 * and one copy. All points of one metric that follow one another are one part of the message that the assembly makes.
 * What is put together of several lines, histograms and summaries and counters with a start, is gathered in its
 * distribution and written when the page has ended, in the order in which they began.
 *
 * What can go wrong: two lines say the same series: as in Prometheus' receiver the last value counts, if the times are
 * the same. Lines of one histogram have different times: the later ones are left out, and counted. */
#include "prom/intake/intake_inside.h"
#include "prom/model/sample.h"

#include <math.h>

#define CHUNK ((size_t)64 * 1024)
#define MS_IN_NS 1000000

/* ---- room ---- */

void point_close_open(struct take *t)
{
    if (t->open != NULL)
        t->open->bytes.len = (size_t)(t->room - t->open->bytes.data);
    t->open = NULL;
    t->open_metric = NULL;
}

static void open_part(struct take *t, struct out_metric *m, size_t size)
{
    struct message *data = out_metric_data(t, m);

    point_close_open(t);
    if ((size_t)(t->room_end - t->room) < size) {
        size_t chunk = size > CHUNK ? size : CHUNK;

        t->room = arena_alloc_bytes(&t->assembly.arena, chunk);
        t->room_end = t->room + chunk;
    }
    t->open = assembly_put_field(&t->assembly, data, 0, bytes_of(t->room, 0));
    t->open_metric = m;
}

/* Where a point goes whose content has that length. */
static uint8_t *begin_point(struct take *t, struct out_metric *m, size_t len)
{
    size_t size = 1 + pb_varint_len(len) + len;
    uint8_t *p;

    pieces_seal(t);
    if (t->open_metric != m || (size_t)(t->room_end - t->room) < size)
        open_part(t, m, size);
    p = t->room;
    t->room += size;
    t->n_points++;
    *p++ = PB_TAG(OTLP_DATA_POINTS, PB_LEN);
    return p + pb_put_varint_at(p, len);
}

static uint8_t *put_fixed64(uint8_t *p, unsigned number, uint64_t v)
{
    *p++ = (uint8_t)PB_TAG(number, PB_FIXED64);
    memcpy(p, &v, 8);
    return p + 8;
}

static uint8_t *put_bytes(uint8_t *p, struct bytes b)
{
    if (b.data == NULL)
        return p;
    memcpy(p, b.data, b.len);
    return p + b.len;
}

static uint8_t *put_no_value(uint8_t *p, unsigned number)
{
    *p++ = (uint8_t)PB_TAG(number, PB_VARINT);
    *p++ = 1;
    return p;
}

static uint64_t ns_of(int64_t ms)
{
    return (uint64_t)ms * MS_IN_NS;
}

static bool is_stale(double v)
{
    return pb_bits(v) == STALE_NAN;
}

/* ---- numbers ---- */

struct number {
    double value;
    uint64_t start_ns;
    int64_t time_ms;
    const struct exemplar_bytes *exemplars;
};

/* Returns where the value stands. */
static uint8_t *write_number(struct take *t, struct out_point *p, const struct number *n)
{
    struct bytes attributes = point_attributes(p);
    bool stale = is_stale(n->value);
    size_t len = 9 + (n->start_ns != 0 ? 9u : 0) + (stale ? 2u : 9u) + attributes.len;
    uint8_t *at, *value;

    for (const struct exemplar_bytes *x = n->exemplars; x != NULL; x = x->next)
        len += pb_len_size(x->field.len);
    at = begin_point(t, p->metric, len);
    if (n->start_ns != 0)
        at = put_fixed64(at, OTLP_POINT_START, n->start_ns);
    at = put_fixed64(at, OTLP_POINT_TIME, ns_of(n->time_ms));
    value = at + 1;
    if (!stale)
        at = put_fixed64(at, OTLP_NUMBER_DOUBLE, pb_bits(n->value));
    for (const struct exemplar_bytes *x = n->exemplars; x != NULL; x = x->next)
        at = put_bytes(pb_put_head_at(at, OTLP_NUMBER_EXEMPLARS, x->field.len), x->field);
    at = put_bytes(at, attributes);
    if (stale)
        put_no_value(at, OTLP_NUMBER_FLAGS);
    return stale ? NULL : value;
}

/* A second value of the same series in one page: it takes the place of the first. */
static void change_number(struct take *t, const struct out_point *p, const struct sample *s, int64_t time_ms)
{
    uint64_t time = ns_of(time_ms);

    if (p->value == NULL || is_stale(s->value) || memcmp(p->value - 9, &time, 8) != 0)
        t->result->unfit++;
    else
        memcpy(p->value, &s->value, 8);
}

static void put_number(struct take *t, struct out_point *p, const struct sample *s, int64_t time_ms)
{
    struct exemplar_bytes x = { .field = s->exemplar };
    struct number n = { s->value, s->start_ns, time_ms, s->exemplar.data != NULL ? &x : NULL };

    if (p->seen == t->in->pass) {
        change_number(t, p, s, time_ms);
        return;
    }
    p->seen = t->in->pass;
    p->value = write_number(t, p, &n);
}

void report_put(struct take *t, struct out_point *p, double value)
{
    struct sample s = { .value = value };

    put_number(t, p, &s, (int64_t)t->time_ms);
}

/* ---- native histograms ---- */

static void write_native(struct take *t, struct out_point *p, struct bytes fields, uint64_t start_ns, int64_t time_ms)
{
    struct bytes attributes = point_attributes(p);
    bool ended = fields.data == NULL;
    uint8_t *at =
        begin_point(t, p->metric, 9 + (start_ns != 0 ? 9u : 0) + attributes.len + fields.len + (ended ? 2u : 0));

    at = put_bytes(at, attributes);
    if (start_ns != 0)
        at = put_fixed64(at, OTLP_POINT_START, start_ns);
    at = put_fixed64(at, OTLP_POINT_TIME, ns_of(time_ms));
    at = put_bytes(at, fields);
    if (ended)
        put_no_value(at, OTLP_EXPONENTIAL_FLAGS);
}

static void put_native(struct take *t, struct out_point *p, const struct sample *s, int64_t time_ms)
{
    if (p->seen == t->in->pass) {
        t->result->unfit++;
        return;
    }
    p->seen = t->in->pass;
    write_native(t, p, s->native, s->start_ns, time_ms);
}

/* ---- what several lines make ---- */

static struct gathered_lines *gather_point(struct take *t, struct out_point *p, int64_t time_ms)
{
    struct gathered_lines *d = point_distribution(t->in, p);

    if (p->seen == t->in->pass)
        return d;
    d->before = d->seen;
    p->seen = d->seen = t->in->pass;
    d->time_ms = time_ms;
    d->start_ns = 0;
    d->has_count = d->has_sum = d->has_ended = false;
    d->exemplars = NULL;
    d->last_exemplar = &d->exemplars;
    *vec_push(&t->gathered) = p;
    return d;
}

static void add_exemplar(struct take *t, struct gathered_lines *d, struct bytes field)
{
    struct exemplar_bytes *x = arena_alloc(&t->assembly.arena, sizeof(*x));

    *x = (struct exemplar_bytes){ .field = field };
    *d->last_exemplar = x;
    d->last_exemplar = &x->next;
}

static uint64_t seconds_to_ns(double seconds)
{
    double whole;
    double part = modf(seconds, &whole);

    return seconds > 0 && seconds < 1e10 ? (uint64_t)whole * 1000000000u + (uint64_t)(part * 1e9) : 0;
}

static void gather_sample(struct take *t, const struct line *l, const struct sample *s, int64_t time_ms)
{
    struct gathered_lines *d = gather_point(t, l->point, time_ms);

    if (d->time_ms != time_ms) {
        t->result->unfit++;
        return;
    }
    switch ((enum line_role)l->role) {
    case LINE_COUNT:
        d->count = s->value;
        d->has_count = true;
        d->has_ended |= is_stale(s->value);
        break;
    case LINE_BUCKET:
        d->buckets.v[l->slot].value = s->value;
        d->buckets.v[l->slot].seen = d->seen;
        break;
    case LINE_CREATED:
        d->start_ns = seconds_to_ns(s->value);
        break;
    default: /* a sum, or the value of a counter */
        d->sum = s->value;
        d->has_sum = true;
        d->has_ended |= is_stale(s->value);
        break;
    }
    if (s->start_ns != 0)
        d->start_ns = s->start_ns;
    if (s->exemplar.data != NULL)
        add_exemplar(t, d, s->exemplar);
}

static int by_bound(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->bound, y = ((const struct bucket *)b)->bound;

    return (x > y) - (x < y);
}

/* The buckets of this pass, in order, into the take's. */
static void sort_buckets(struct take *t, const struct gathered_lines *d)
{
    t->buckets.n = 0;
    for (size_t i = 0; i < d->buckets.n; i++)
        if (d->buckets.v[i].seen == d->seen || (d->has_ended && d->buckets.v[i].seen == d->before))
            *vec_push(&t->buckets) = d->buckets.v[i];
    if (!d->sorted && t->buckets.n > 1)
        qsort(t->buckets.v, t->buckets.n, sizeof(*t->buckets.v), by_bound);
}

static uint64_t to_count(double v)
{
    return v >= 0x1p64 ? UINT64_MAX : v > 0 ? (uint64_t)v : 0;
}

/* How many are in bucket i of n, the last of which is that without a bound. */
static uint64_t bucket_count(const struct take *t, const struct gathered_lines *d, size_t i, size_t n)
{
    double below = i > 0 ? t->buckets.v[i - 1].value : 0;

    return d->has_ended ? 0 : to_count((i < n ? t->buckets.v[i].value : d->count) - below);
}

static size_t common_size(const struct out_point *p, const struct gathered_lines *d)
{
    return 9 + (d->start_ns != 0 ? 9u : 0) + point_attributes(p).len + (d->has_ended ? 2u : 9u + (d->has_sum ? 9u : 0));
}

static uint8_t *put_common(uint8_t *at, const struct gathered_lines *d)
{
    if (d->start_ns != 0)
        at = put_fixed64(at, OTLP_POINT_START, d->start_ns);
    at = put_fixed64(at, OTLP_POINT_TIME, ns_of(d->time_ms));
    if (!d->has_ended)
        at = put_fixed64(at, OTLP_HISTOGRAM_COUNT, to_count(d->count));
    if (!d->has_ended && d->has_sum)
        at = put_fixed64(at, OTLP_HISTOGRAM_SUM, pb_bits(d->sum));
    return at;
}

static void write_histogram(struct take *t, struct out_point *p, const struct gathered_lines *d)
{
    size_t n = t->buckets.n - (t->buckets.n > 0 && isinf(t->buckets.v[t->buckets.n - 1].bound));
    size_t len = common_size(p, d) + pb_len_size(8 * (n + 1)) + (n > 0 ? pb_len_size(8 * n) : 0);
    const struct exemplar_bytes *x;
    uint8_t *at;

    for (x = d->exemplars; x != NULL; x = x->next)
        len += pb_len_size(x->field.len);
    at = put_common(begin_point(t, p->metric, len), d);
    at = pb_put_head_at(at, OTLP_HISTOGRAM_BUCKETS, 8 * (n + 1));
    for (size_t i = 0; i <= n; i++, at += 8)
        memcpy(at, &(uint64_t){ bucket_count(t, d, i, n) }, 8);
    if (n > 0)
        at = pb_put_head_at(at, OTLP_HISTOGRAM_BOUNDS, 8 * n);
    for (size_t i = 0; i < n; i++, at += 8)
        memcpy(at, &t->buckets.v[i].bound, 8);
    for (x = d->exemplars; x != NULL; x = x->next)
        at = put_bytes(pb_put_head_at(at, OTLP_HISTOGRAM_EXEMPLARS, x->field.len), x->field);
    at = put_bytes(at, point_attributes(p));
    if (d->has_ended)
        put_no_value(at, OTLP_HISTOGRAM_FLAGS);
}

static size_t quantile_size(const struct gathered_lines *d)
{
    return d->has_ended ? 9 : 18;
}

static void write_summary(struct take *t, struct out_point *p, const struct gathered_lines *d)
{
    size_t each = quantile_size(d);
    uint8_t *at = begin_point(t, p->metric, common_size(p, d) + t->buckets.n * pb_len_size(each));

    at = put_common(at, d);
    for (size_t i = 0; i < t->buckets.n; i++) {
        at = pb_put_head_at(at, OTLP_SUMMARY_QUANTILES, each);
        at = put_fixed64(at, OTLP_QUANTILE_QUANTILE, pb_bits(t->buckets.v[i].bound));
        if (!d->has_ended)
            at = put_fixed64(at, OTLP_QUANTILE_VALUE, pb_bits(t->buckets.v[i].value));
    }
    at = put_bytes(at, point_attributes(p));
    if (d->has_ended)
        put_no_value(at, OTLP_SUMMARY_FLAGS);
}

static void write_gathered(struct take *t, struct out_point *p)
{
    struct gathered_lines *d = p->distribution;
    enum metric_kind kind = p->metric->kind;
    struct number n = { d->has_ended ? pb_double(STALE_NAN) : d->sum, d->start_ns, d->time_ms, d->exemplars };

    if (kind == METRIC_SUM) {
        if (d->has_sum || d->has_ended)
            write_number(t, p, &n);
        return;
    }
    if (!d->has_count)
        return;
    sort_buckets(t, d);
    if (kind == METRIC_SUMMARY)
        write_summary(t, p, d);
    else
        write_histogram(t, p, d);
}

bool points_put_gathered(struct take *t)
{
    for (unsigned i = 0; i < SOME_A_STEP && t->at < t->gathered.n; i++)
        write_gathered(t, t->gathered.v[t->at++]);
    return t->at < t->gathered.n;
}

/* ---- one sample ---- */

static struct out_resource *resource_of(const struct out_point *p)
{
    return container_of(container_of(p->metric->id.parent, struct out_scope, id)->id.parent, struct out_resource, id);
}

static void put_info(struct take *t, struct out_point *p, bool ended)
{
    struct out_resource *r = resource_of(p);

    if (r->infos.n == 0)
        *vec_push(&t->informed) = r;
    *vec_push(&r->infos) = p;
    r->infos_ended = ended;
}

void sample_put(struct take *t, struct line *l, const struct sample *s, int64_t time_ms)
{
    struct out_point *p = l->point;

    switch ((enum line_role)l->role) {
    case LINE_DROPPED:
        break;
    case LINE_UNFIT:
        t->result->unfit++;
        break;
    case LINE_INFO:
        put_info(t, p, false);
        break;
    case LINE_NATIVE:
        put_native(t, p, s, time_ms);
        break;
    case LINE_NUMBER:
        if (!t->in->gathers || p->metric->kind != METRIC_SUM)
            put_number(t, p, s, time_ms);
        else
            gather_sample(t, l, s, time_ms);
        break;
    case LINE_CREATED:
        if (!t->in->gathers && p->metric->kind == METRIC_SUM) {
            t->in->gathers = t->again = true; /* its value may have been written without it */
            break;
        }
        gather_sample(t, l, s, time_ms);
        break;
    default:
        gather_sample(t, l, s, time_ms);
        break;
    }
}

/* ---- ends ---- */

void point_end_gathered(struct take *t, struct out_point *p)
{
    struct gathered_lines *d = p->distribution;

    p->seen = t->in->pass;
    d->before = d->seen; /* its buckets are those of that pass */
    d->has_ended = true;
    d->start_ns = 0;
    d->exemplars = NULL;
    d->time_ms = (int64_t)t->time_ms;
    *vec_push(&t->gathered) = p;
}

void report_end(struct take *t, struct out_point *p)
{
    struct number n = { .value = pb_double(STALE_NAN), .time_ms = (int64_t)t->time_ms };

    if (p->seen == t->in->pass)
        return;
    p->seen = t->in->pass;
    p->value = write_number(t, p, &n);
}

/* Its resource has said it until now: series that end with it have been of that one. */
static void end_info(struct take *t, struct out_point *p)
{
    const struct out_resource *r = resource_of(p);

    if (r->infos.n == 0 || r->infos_ended)
        put_info(t, p, true);
}

void line_finish(struct take *t, struct line *l)
{
    struct out_point *p = l->point;
    bool here = p != NULL && p->seen == t->in->pass;

    if (p != NULL && l->role == LINE_INFO)
        end_info(t, p);
    if (p == NULL || l->role == LINE_INFO || l->role == LINE_CREATED || point_reports(t->in, p))
        return; /* a report goes on, though the page had a line like it */
    if (l->role == LINE_NATIVE && !here) {
        p->seen = t->in->pass;
        write_native(t, p, (struct bytes){ NULL, 0 }, 0, (int64_t)t->time_ms);
    } else if (!p->gathered && (p->metric->kind == METRIC_NUMBER_GAUGE || p->metric->kind == METRIC_SUM)) {
        report_end(t, p);
    } else if (!p->gathered) {
        return; /* of a distribution that nothing was put into: its only line was there twice */
    } else if (!here) {
        point_end_gathered(t, p);
    } else if (l->role == LINE_COUNT && !p->distribution->has_count) {
        p->distribution->has_count = p->distribution->has_ended = true;
    } else if (l->role == LINE_SUM && !p->distribution->has_sum) {
        p->distribution->has_ended = true;
    }
}
