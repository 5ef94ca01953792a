/* SPDX-License-Identifier: Apache-2.0 */
/* Each view has a table by field number: the wire type that the field must have, and where in the struct its value
 * goes. read_view() makes one pass and looks each field up. A field of another wire type, or of none of the table's
 * numbers, is passed over, as is one that is repeated. Before a member of a oneof is stored, the one that stood there
 * is made zero. */
#include "otlp/view.h"

#include <stddef.h>

enum { IS_ZIGZAG = 1, IS_ONEOF = 2 };

struct row {
    uint8_t is; /* its wire type + 1; 0: no field of that number */
    uint8_t flags;
    uint8_t offset; /* of a struct bytes or of 8 bytes */
};

#define FIELD(v, member, wire_type, more)                                                                              \
    {                                                                                                                  \
        (wire_type) + 1, more, offsetof(struct v, member)                                                              \
    }
#define BYTES(v, member) FIELD(v, member, PB_LEN, 0)
#define VARINT(v, member) FIELD(v, member, PB_VARINT, 0)
#define ZIGZAG(v, member) FIELD(v, member, PB_VARINT, IS_ZIGZAG)
#define FIXED64(v, member) FIELD(v, member, PB_FIXED64, 0) /* doubles too: their bits */
#define FIXED32(v, member) FIELD(v, member, PB_FIXED32, 0)
#define ONE_OF(v, member, wire_type) FIELD(v, member, wire_type, IS_ONEOF)

/* The struct's storage of a field. */
static void clear_field(void *v, const struct row *row)
{
    memset((char *)v + row->offset, 0, row->is == PB_LEN + 1 ? sizeof(struct bytes) : 8);
}

static void store_field(void *v, const struct row *row, const struct pb_field *f)
{
    char *to = (char *)v + row->offset;
    uint64_t bits = f->u64;

    if (row->is == PB_LEN + 1) {
        memcpy(to, &f->bytes, sizeof(f->bytes));
        return;
    }
    if ((row->flags & IS_ZIGZAG) != 0)
        bits = (uint64_t)pb_unzigzag(bits);
    memcpy(to, &bits, sizeof(bits));
}

/* `v`: a zeroed struct that begins with a struct view. */
static inline void read_view(void *v, const struct row *rows, size_t n)
{
    struct view *head = v;
    struct pb_reader r = pb_reader(head->message);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number >= n || rows[f.number].is != (uint8_t)f.wire + 1)
            continue;
        head->has |= 1u << f.number;
        if ((rows[f.number].flags & IS_ONEOF) != 0) {
            if (head->which != 0)
                clear_field(v, &rows[head->which]);
            head->which = f.number;
        }
        store_field(v, &rows[f.number], &f);
    }
}

/* The function, from its table. */
#define VIEW(name)                                                                                                     \
    struct name##_view name##_view(struct bytes message)                                                               \
    {                                                                                                                  \
        struct name##_view v = { .view = { .message = message } };                                                     \
                                                                                                                       \
        read_view(&v, name##_rows, sizeof(name##_rows) / sizeof(*name##_rows));                                        \
        return v;                                                                                                      \
    }

static const struct row key_value_rows[] = {
    [OTLP_KEY_VALUE_KEY] = BYTES(key_value_view, key),
    [OTLP_KEY_VALUE_VALUE] = BYTES(key_value_view, value),
};
VIEW(key_value)

static const struct row resource_group_rows[] = {
    [OTLP_RESOURCE_GROUP_RESOURCE] = BYTES(resource_group_view, resource),
    [OTLP_RESOURCE_GROUP_SCHEMA_URL] = BYTES(resource_group_view, schema_url),
};
VIEW(resource_group)

static const struct row scope_group_rows[] = {
    [OTLP_SCOPE_GROUP_SCOPE] = BYTES(scope_group_view, scope),
    [OTLP_SCOPE_GROUP_SCHEMA_URL] = BYTES(scope_group_view, schema_url),
};
VIEW(scope_group)

static const struct row scope_rows[] = {
    [OTLP_SCOPE_NAME] = BYTES(scope_view, name),
    [OTLP_SCOPE_VERSION] = BYTES(scope_view, version),
    [OTLP_SCOPE_DROPPED_ATTRIBUTES] = VARINT(scope_view, dropped_attributes),
};
VIEW(scope)

static const struct row span_rows[] = {
    [OTLP_SPAN_TRACE_ID] = BYTES(span_view, trace_id),
    [OTLP_SPAN_SPAN_ID] = BYTES(span_view, span_id),
    [OTLP_SPAN_TRACE_STATE] = BYTES(span_view, trace_state),
    [OTLP_SPAN_PARENT_ID] = BYTES(span_view, parent_id),
    [OTLP_SPAN_NAME] = BYTES(span_view, name),
    [OTLP_SPAN_KIND] = VARINT(span_view, kind),
    [OTLP_SPAN_START] = FIXED64(span_view, start),
    [OTLP_SPAN_END] = FIXED64(span_view, end),
    [OTLP_SPAN_DROPPED_ATTRIBUTES] = VARINT(span_view, dropped_attributes),
    [OTLP_SPAN_DROPPED_EVENTS] = VARINT(span_view, dropped_events),
    [OTLP_SPAN_DROPPED_LINKS] = VARINT(span_view, dropped_links),
    [OTLP_SPAN_STATUS] = BYTES(span_view, status),
    [OTLP_SPAN_FLAGS] = FIXED32(span_view, flags),
};
VIEW(span)

static const struct row status_rows[] = {
    [OTLP_STATUS_MESSAGE] = BYTES(status_view, message),
    [OTLP_STATUS_CODE] = VARINT(status_view, code),
};
VIEW(status)

static const struct row event_rows[] = {
    [OTLP_EVENT_TIME] = FIXED64(event_view, time),
    [OTLP_EVENT_NAME] = BYTES(event_view, name),
    [OTLP_EVENT_DROPPED_ATTRIBUTES] = VARINT(event_view, dropped_attributes),
};
VIEW(event)

static const struct row link_rows[] = {
    [OTLP_LINK_TRACE_ID] = BYTES(link_view, trace_id),
    [OTLP_LINK_SPAN_ID] = BYTES(link_view, span_id),
    [OTLP_LINK_TRACE_STATE] = BYTES(link_view, trace_state),
    [OTLP_LINK_DROPPED_ATTRIBUTES] = VARINT(link_view, dropped_attributes),
    [OTLP_LINK_FLAGS] = FIXED32(link_view, flags),
};
VIEW(link)

static const struct row log_rows[] = {
    [OTLP_LOG_TIME] = FIXED64(log_view, time),
    [OTLP_LOG_SEVERITY_NUMBER] = VARINT(log_view, severity_number),
    [OTLP_LOG_SEVERITY_TEXT] = BYTES(log_view, severity_text),
    [OTLP_LOG_BODY] = BYTES(log_view, body),
    [OTLP_LOG_DROPPED_ATTRIBUTES] = VARINT(log_view, dropped_attributes),
    [OTLP_LOG_FLAGS] = FIXED32(log_view, flags),
    [OTLP_LOG_TRACE_ID] = BYTES(log_view, trace_id),
    [OTLP_LOG_SPAN_ID] = BYTES(log_view, span_id),
    [OTLP_LOG_OBSERVED_TIME] = FIXED64(log_view, observed_time),
    [OTLP_LOG_EVENT_NAME] = BYTES(log_view, event_name),
};
VIEW(log)

static const struct row metric_rows[] = {
    [OTLP_METRIC_NAME] = BYTES(metric_view, name),
    [OTLP_METRIC_DESCRIPTION] = BYTES(metric_view, description),
    [OTLP_METRIC_UNIT] = BYTES(metric_view, unit),
    [OTLP_METRIC_GAUGE] = ONE_OF(metric_view, data, PB_LEN),
    [OTLP_METRIC_SUM] = ONE_OF(metric_view, data, PB_LEN),
    [OTLP_METRIC_HISTOGRAM] = ONE_OF(metric_view, data, PB_LEN),
    [OTLP_METRIC_EXPONENTIAL] = ONE_OF(metric_view, data, PB_LEN),
    [OTLP_METRIC_SUMMARY] = ONE_OF(metric_view, data, PB_LEN),
};
VIEW(metric)

static const struct row data_rows[] = {
    [OTLP_DATA_TEMPORALITY] = VARINT(data_view, temporality),
    [OTLP_DATA_MONOTONIC] = VARINT(data_view, monotonic),
};
VIEW(data)

static const struct row number_rows[] = {
    [OTLP_POINT_START] = FIXED64(number_view, start),
    [OTLP_POINT_TIME] = FIXED64(number_view, time),
    [OTLP_NUMBER_DOUBLE] = ONE_OF(number_view, number, PB_FIXED64),
    [OTLP_NUMBER_INT] = ONE_OF(number_view, integer, PB_FIXED64),
    [OTLP_NUMBER_FLAGS] = VARINT(number_view, flags),
};
VIEW(number)

static const struct row histogram_rows[] = {
    [OTLP_POINT_START] = FIXED64(histogram_view, start),     [OTLP_POINT_TIME] = FIXED64(histogram_view, time),
    [OTLP_HISTOGRAM_COUNT] = FIXED64(histogram_view, count), [OTLP_HISTOGRAM_SUM] = FIXED64(histogram_view, sum),
    [OTLP_HISTOGRAM_FLAGS] = VARINT(histogram_view, flags),  [OTLP_HISTOGRAM_MIN] = FIXED64(histogram_view, min),
    [OTLP_HISTOGRAM_MAX] = FIXED64(histogram_view, max),
};
VIEW(histogram)

static const struct row exponential_rows[] = {
    [OTLP_POINT_START] = FIXED64(exponential_view, start),
    [OTLP_POINT_TIME] = FIXED64(exponential_view, time),
    [OTLP_EXPONENTIAL_COUNT] = FIXED64(exponential_view, count),
    [OTLP_EXPONENTIAL_SUM] = FIXED64(exponential_view, sum),
    [OTLP_EXPONENTIAL_SCALE] = ZIGZAG(exponential_view, scale),
    [OTLP_EXPONENTIAL_ZERO_COUNT] = FIXED64(exponential_view, zero_count),
    [OTLP_EXPONENTIAL_POSITIVE] = BYTES(exponential_view, positive),
    [OTLP_EXPONENTIAL_NEGATIVE] = BYTES(exponential_view, negative),
    [OTLP_EXPONENTIAL_FLAGS] = VARINT(exponential_view, flags),
    [OTLP_EXPONENTIAL_MIN] = FIXED64(exponential_view, min),
    [OTLP_EXPONENTIAL_MAX] = FIXED64(exponential_view, max),
    [OTLP_EXPONENTIAL_ZERO_THRESHOLD] = FIXED64(exponential_view, zero_threshold),
};
VIEW(exponential)

static const struct row buckets_rows[] = {
    [OTLP_BUCKETS_OFFSET] = ZIGZAG(buckets_view, offset),
};
VIEW(buckets)

static const struct row summary_rows[] = {
    [OTLP_POINT_START] = FIXED64(summary_view, start),   [OTLP_POINT_TIME] = FIXED64(summary_view, time),
    [OTLP_SUMMARY_COUNT] = FIXED64(summary_view, count), [OTLP_SUMMARY_SUM] = FIXED64(summary_view, sum),
    [OTLP_SUMMARY_FLAGS] = VARINT(summary_view, flags),
};
VIEW(summary)

static const struct row quantile_rows[] = {
    [OTLP_QUANTILE_QUANTILE] = FIXED64(quantile_view, quantile),
    [OTLP_QUANTILE_VALUE] = FIXED64(quantile_view, value),
};
VIEW(quantile)

static const struct row exemplar_rows[] = {
    [OTLP_EXEMPLAR_TIME] = FIXED64(exemplar_view, time),
    [OTLP_EXEMPLAR_DOUBLE] = ONE_OF(exemplar_view, number, PB_FIXED64),
    [OTLP_EXEMPLAR_SPAN_ID] = BYTES(exemplar_view, span_id),
    [OTLP_EXEMPLAR_TRACE_ID] = BYTES(exemplar_view, trace_id),
    [OTLP_EXEMPLAR_INT] = ONE_OF(exemplar_view, integer, PB_FIXED64),
};
VIEW(exemplar)

/* ---- what time it was ---- */

/* The first message of that number; nothing behind it is read. */
static struct bytes first_of(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_LEN)
            return f.bytes;
    return bytes_of(NULL, 0);
}

static uint64_t time_at(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_FIXED64)
            return f.u64;
    return 0;
}

/* Gauge to Summary have their points in the same field. */
static struct bytes data_of(struct bytes metric)
{
    struct pb_reader r = pb_reader(metric);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.wire == PB_LEN && f.number >= OTLP_METRIC_GAUGE && f.number <= OTLP_METRIC_SUMMARY)
            return f.bytes;
    return bytes_of(NULL, 0);
}

uint64_t otlp_first_time(enum signal signal, struct bytes request)
{
    struct bytes resource = first_of(request, OTLP_REQUEST_RESOURCES);
    struct bytes item = first_of(first_of(resource, OTLP_RESOURCE_GROUP_SCOPES), OTLP_SCOPE_GROUP_ITEMS);
    uint64_t observed;

    switch (signal) {
    case SIGNAL_TRACES:
        return time_at(item, OTLP_SPAN_END);
    case SIGNAL_METRICS:
        return time_at(first_of(data_of(item), OTLP_DATA_POINTS), OTLP_POINT_TIME);
    case SIGNAL_LOGS:
        observed = time_at(item, OTLP_LOG_OBSERVED_TIME);
        return observed != 0 ? observed : time_at(item, OTLP_LOG_TIME);
    default:
        return time_at(item, OTLP_PROFILE_TIME);
    }
}
