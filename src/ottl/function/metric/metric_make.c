/* SPDX-License-Identifier: Apache-2.0 */
/* How functions that make a metric of another one write it: the points of the old one are looked at as views, and each
 * new point gets the old one's attributes as whole fields, with the tag of where they go, and its times; all else is
 * written anew. Then the metric gets new data in the place of its own, or a new one is put behind it.
 *
 * What can go wrong: packed numbers that are cut short: those before the cut count. Bounds that a double has no room
 * for are infinite, or zero. */
#include "ottl/function/metric/metric_make.h"

#include <math.h>

struct metric_point metric_point(uint32_t kind, struct bytes message)
{
    struct metric_point p = { .message = message };

    if (kind == OTLP_METRIC_HISTOGRAM) {
        struct histogram_view v = histogram_view(message);

        p.attributes = OTLP_HISTOGRAM_ATTRIBUTES;
        p.start = v.start;
        p.time = v.time;
    } else if (kind == OTLP_METRIC_EXPONENTIAL) {
        struct exponential_view v = exponential_view(message);

        p.attributes = OTLP_EXPONENTIAL_ATTRIBUTES;
        p.start = v.start;
        p.time = v.time;
    } else if (kind == OTLP_METRIC_SUMMARY) {
        struct summary_view v = summary_view(message);

        p.attributes = OTLP_SUMMARY_ATTRIBUTES;
        p.start = v.start;
        p.time = v.time;
    } else {
        struct number_view v = number_view(message);

        p.attributes = OTLP_NUMBER_ATTRIBUTES;
        p.start = v.start;
        p.time = v.time;
    }
    return p;
}

static void put_common(struct buf *data, const struct metric_point *point)
{
    struct pb_reader r = pb_reader(point->message);

    for (struct bytes pair; message_next(&r, point->attributes, &pair);)
        if (point->extra == NULL || !bytes_equal(attribute_of(pair).key, point->extra_key))
            pb_put_bytes(data, OTLP_NUMBER_ATTRIBUTES, pair);
    if (point->extra != NULL) {
        size_t pair = pb_begin(data, OTLP_NUMBER_ATTRIBUTES), value;

        pb_put_bytes(data, OTLP_KEY_VALUE_KEY, point->extra_key);
        value = pb_begin(data, OTLP_KEY_VALUE_VALUE);
        ottl_value_put(data, point->extra);
        pb_end(data, value);
        pb_end(data, pair);
    }
    if (point->start != 0)
        pb_put_fixed64(data, OTLP_POINT_START, point->start);
    if (point->time != 0)
        pb_put_fixed64(data, OTLP_POINT_TIME, point->time);
}

void metric_put_double(struct buf *data, const struct metric_point *point, double v)
{
    size_t mark = pb_begin(data, OTLP_DATA_POINTS);

    put_common(data, point);
    pb_put_double(data, OTLP_NUMBER_DOUBLE, v);
    pb_end(data, mark);
}

void metric_put_integer(struct buf *data, const struct metric_point *point, int64_t v)
{
    size_t mark = pb_begin(data, OTLP_DATA_POINTS);

    put_common(data, point);
    pb_put_fixed64(data, OTLP_NUMBER_INT, (uint64_t)v);
    pb_end(data, mark);
}

void metric_put_points(struct bytes data, struct buf *out)
{
    struct pb_reader r = pb_reader(data);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == OTLP_DATA_POINTS)
            buf_append(out, f.start, (size_t)(r.p - f.start));
}

static void take_packed(struct metric_numbers *m, struct bytes packed, bool varints)
{
    const uint8_t *p = packed.data, *end = bytes_end(packed);

    while (p != end) {
        if (varints) {
            if (!pb_varint(&p, end, &m->v[m->n]))
                return;
        } else {
            if (end - p < 8)
                return;
            m->v[m->n] = pb_load64(p);
            p += 8;
        }
        m->n++;
    }
}

/* None has less than one byte, or eight. */
struct metric_numbers metric_numbers(struct arena *a, struct bytes message, uint32_t number, bool varints)
{
    struct pb_reader r = pb_reader(message);
    struct metric_numbers m = { 0 };
    size_t most = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number)
            most += f.wire != PB_LEN ? 1 : varints ? f.bytes.len : f.bytes.len / 8;
    m.v = arena_alloc(a, (most + 1) * sizeof(*m.v));
    r = pb_reader(message);
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != number)
            continue;
        if (f.wire == PB_LEN)
            take_packed(&m, f.bytes, varints);
        else
            m.v[m.n++] = f.u64;
    }
    return m;
}

double metric_power_bound(int64_t index, int64_t scale)
{
    int64_t exponent;

    if (scale > 0)
        return exp((double)index * ldexp(0.693147180559945309417232121458176568, (int)(scale < 5000 ? -scale : -5000)));
    if (index == 0 || scale < -12)
        return index == 0 ? 1 : index > 0 ? INFINITY : 0;
    exponent = index * ((int64_t)1 << -scale);
    return ldexp(1, (int)(exponent > 5000 ? 5000 : exponent < -5000 ? -5000 : exponent));
}

static bool is_data(uint32_t number)
{
    return number == OTLP_METRIC_GAUGE || number == OTLP_METRIC_SUM ||
           (number >= OTLP_METRIC_HISTOGRAM && number <= OTLP_METRIC_SUMMARY);
}

static const uint8_t *find_data(struct bytes metric)
{
    struct pb_reader r = pb_reader(metric);
    const uint8_t *last = NULL;

    for (struct pb_field f; pb_next(&r, &f);)
        if (is_data(f.number))
            last = f.start;
    return last;
}

void metric_replace_data(struct bytes metric, uint32_t kind, struct bytes data, struct buf *out)
{
    const uint8_t *old = find_data(metric);
    struct pb_reader r = pb_reader(metric);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.start != old)
            buf_append(out, f.start, (size_t)(r.p - f.start));
    pb_put_bytes(out, kind, data);
}

void metric_put_new(const struct metric_view *old, struct bytes suffix, struct bytes description, struct bytes unit,
                    uint32_t kind, struct bytes data, struct buf *out)
{
    size_t mark = pb_begin(out, OTLP_METRIC_NAME);

    buf_put(out, old->name);
    buf_put(out, suffix);
    pb_end(out, mark);
    if (description.len > 0)
        pb_put_bytes(out, OTLP_METRIC_DESCRIPTION, description);
    if (unit.len > 0)
        pb_put_bytes(out, OTLP_METRIC_UNIT, unit);
    pb_put_bytes(out, kind, data);
}
