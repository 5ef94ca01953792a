/* SPDX-License-Identifier: Apache-2.0 */
/* What is not replaced is copied in runs. A number in the form that SDKs write (start, time, value, attributes) is read
 * without looking at each field. */
#include "processor/stream/metric_edit.h"

#include "prom/model/metric.h"
#include "processor/stream/stream_histogram.h"

void metric_edit_copy(struct buf *out, struct bytes message, uint32_t without)
{
    struct pb_reader r = pb_reader(message);
    const uint8_t *from = message.data;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number >= 32 || (without >> f.number & 1) == 0)
            continue;
        buf_append(out, from, (size_t)(f.start - from));
        from = r.p;
    }
    if (message.len > 0)
        buf_append(out, from, (size_t)(bytes_end(message) - from));
}

void stream_scope_resource(struct stream_scope *s, struct bytes resource)
{
    s->resource = digest_attributes((struct digest){ 0 }, resource, OTLP_RESOURCE_ATTRIBUTES);
}

void stream_scope_scope(struct stream_scope *s, struct bytes scope)
{
    struct scope_view v = scope_view(scope);

    s->scope = digest_bytes(digest_bytes(s->resource, v.name), v.version);
}

struct digest metric_identity(const struct stream_scope *s, const struct metric_view *metric,
                              const struct data_view *data)
{
    return digest_number(digest_bytes(digest_bytes(s->scope, metric->name), metric->unit),
                         metric->view.which << 1 | (data->monotonic != 0));
}

static enum metric_kind kind_of(unsigned data)
{
    switch (data) {
    case OTLP_METRIC_GAUGE:
        return METRIC_NUMBER_GAUGE;
    case OTLP_METRIC_SUM:
        return METRIC_SUM;
    case OTLP_METRIC_HISTOGRAM:
        return METRIC_EXPLICIT;
    case OTLP_METRIC_EXPONENTIAL:
        return METRIC_EXPONENTIAL;
    default:
        return METRIC_SUMMARY;
    }
}

unsigned metric_attributes_field(unsigned data)
{
    return point_attributes_field(kind_of(data));
}

#define NUMBER_HEAD 27u /* start, time and value, each with its tag */

void stream_point_read(struct stream_point *p, unsigned data, struct bytes message, struct digest parent)
{
    enum metric_kind kind = kind_of(data);
    struct point point;

    point_read(&point, kind, message);
    *p = (struct stream_point){
        .message = message,
        .start = point.start,
        .time = point.time,
        .value = point.value,
        .is_int = point.is_int,
        .has_value = point.has_value,
        .no_value = (point.flags & POINT_NO_VALUE) != 0,
    };
    if (!point.has_exemplars && point.flags == 0 && point.start != 0 && point.time != 0 &&
        point.attributes.data != NULL && message.len == NUMBER_HEAD + point.attributes.len &&
        bytes_end(point.attributes) == bytes_end(message))
        p->usual = point.attributes;
    p->attributes = digest_attributes(parent, point.attributes.data != NULL ? point.attributes : message,
                                      point_attributes_field(kind));
}

void stream_point_copy(struct buf *out, unsigned data, struct bytes message)
{
    uint32_t without = FIELD_BIT(OTLP_POINT_START);

    if (data == OTLP_METRIC_SUM || data == OTLP_METRIC_GAUGE)
        without |= FIELD_BIT(OTLP_NUMBER_DOUBLE) | FIELD_BIT(OTLP_NUMBER_INT);
    else
        for (uint32_t number = 0; number < 32; number++)
            without |= stream_histogram_has(data, number) ? FIELD_BIT(number) : 0;
    metric_edit_copy(out, message, without);
}

static uint8_t *put_fixed(uint8_t *at, uint32_t number, uint64_t bits)
{
    *at = (uint8_t)PB_TAG(number, PB_FIXED64);
    memcpy(at + 1, &bits, 8);
    return at + 9;
}

static void put_usual(struct buf *out, const struct stream_point *p, uint64_t start, bool is_int, uint64_t value)
{
    size_t len = NUMBER_HEAD - (start == 0 ? 9 : 0) + p->usual.len;
    uint8_t *begin = buf_reserve(out, 1 + 10 + len), *at = begin;

    *at++ = (uint8_t)PB_TAG(OTLP_DATA_POINTS, PB_LEN);
    at += pb_put_varint_at(at, len);
    if (start != 0)
        at = put_fixed(at, OTLP_POINT_START, start);
    at = put_fixed(at, OTLP_POINT_TIME, p->time);
    at = put_fixed(at, is_int ? OTLP_NUMBER_INT : OTLP_NUMBER_DOUBLE, value);
    if (p->usual.len > 0)
        memcpy(at, p->usual.data, p->usual.len);
    out->len += (size_t)(at - begin) + p->usual.len;
}

void stream_point_put(struct buf *out, const struct stream_point *p, unsigned data, uint64_t start, bool is_int,
                      uint64_t value)
{
    size_t mark;

    if (p->usual.data != NULL) {
        put_usual(out, p, start, is_int, value);
        return;
    }
    mark = pb_begin(out, OTLP_DATA_POINTS);
    if (start != 0)
        pb_put_fixed64(out, OTLP_POINT_START, start);
    stream_point_copy(out, data, p->message);
    pb_put_fixed64(out, is_int ? OTLP_NUMBER_INT : OTLP_NUMBER_DOUBLE, value);
    pb_end(out, mark);
}
