/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of each context as rows: what a field is called, what it holds, and which field of the wire that is. Of
 * data points the numbers are four, for their messages differ by the data of their metric. */
#include "otlp/fields.h"
#include "ottl/client.h"
#include "ottl/ottl_inside.h"

#include <stddef.h>

/* clang-format off */
#define ROW(name_, shape_, number_, ...) { .name = (name_), .shape = (shape_), .number = { number_ }, ##__VA_ARGS__ }
#define POINT(name_, shape_, a, b, c, d, ...) { .name = (name_), .shape = (shape_), .number = { a, b, c, d }, ##__VA_ARGS__ }
#define CACHE { .name = "cache", .shape = PATH_CACHE }
#define END { .name = NULL }

static const struct path_row resource_rows[] = {
    ROW("attributes", PATH_MAP, OTLP_RESOURCE_ATTRIBUTES),
    ROW("dropped_attributes_count", PATH_INT, OTLP_RESOURCE_DROPPED_ATTRIBUTES),
    ROW("schema_url", PATH_SCHEMA_URL, 0),
    CACHE, END,
};

static const struct path_row scope_rows[] = {
    ROW("name", PATH_STRING, OTLP_SCOPE_NAME),
    ROW("version", PATH_STRING, OTLP_SCOPE_VERSION),
    ROW("attributes", PATH_MAP, OTLP_SCOPE_ATTRIBUTES),
    ROW("dropped_attributes_count", PATH_INT, OTLP_SCOPE_DROPPED_ATTRIBUTES),
    ROW("schema_url", PATH_SCHEMA_URL, 0),
    CACHE, END,
};

static const struct path_row span_rows[] = {
    ROW("name", PATH_STRING, OTLP_SPAN_NAME),
    ROW("attributes", PATH_MAP, OTLP_SPAN_ATTRIBUTES),
    ROW("kind", PATH_INT, OTLP_SPAN_KIND),
    ROW("kind.string", PATH_KIND, OTLP_SPAN_KIND),
    ROW("kind.deprecated_string", PATH_KIND_OLD, OTLP_SPAN_KIND),
    ROW("status.code", PATH_INT, OTLP_STATUS_CODE, .outer = OTLP_SPAN_STATUS),
    ROW("status.message", PATH_STRING, OTLP_STATUS_MESSAGE, .outer = OTLP_SPAN_STATUS),
    ROW("status", PATH_OBJECT, OTLP_SPAN_STATUS, .sort = OTTL_SORT_STATUS),
    ROW("trace_id", PATH_TRACE_ID, OTLP_SPAN_TRACE_ID),
    ROW("trace_id.string", PATH_TRACE_HEX, OTLP_SPAN_TRACE_ID),
    ROW("span_id", PATH_SPAN_ID, OTLP_SPAN_SPAN_ID),
    ROW("span_id.string", PATH_SPAN_HEX, OTLP_SPAN_SPAN_ID),
    ROW("parent_span_id", PATH_SPAN_ID, OTLP_SPAN_PARENT_ID),
    ROW("parent_span_id.string", PATH_SPAN_HEX, OTLP_SPAN_PARENT_ID),
    ROW("trace_state", PATH_TRACE_STATE, OTLP_SPAN_TRACE_STATE),
    ROW("start_time_unix_nano", PATH_FIXED64, OTLP_SPAN_START),
    ROW("end_time_unix_nano", PATH_FIXED64, OTLP_SPAN_END),
    ROW("start_time", PATH_TIME, OTLP_SPAN_START),
    ROW("end_time", PATH_TIME, OTLP_SPAN_END),
    ROW("dropped_attributes_count", PATH_INT, OTLP_SPAN_DROPPED_ATTRIBUTES),
    ROW("dropped_events_count", PATH_INT, OTLP_SPAN_DROPPED_EVENTS),
    ROW("dropped_links_count", PATH_INT, OTLP_SPAN_DROPPED_LINKS),
    ROW("flags", PATH_FIXED32, OTLP_SPAN_FLAGS),
    ROW("events", PATH_OBJECTS, OTLP_SPAN_EVENTS, .sort = OTTL_SORT_EVENTS),
    ROW("links", PATH_OBJECTS, OTLP_SPAN_LINKS, .sort = OTTL_SORT_LINKS),
    CACHE, END,
};

static const struct path_row spanevent_rows[] = {
    ROW("name", PATH_STRING, OTLP_EVENT_NAME),
    ROW("attributes", PATH_MAP, OTLP_EVENT_ATTRIBUTES),
    ROW("time_unix_nano", PATH_FIXED64, OTLP_EVENT_TIME),
    ROW("time", PATH_TIME, OTLP_EVENT_TIME),
    ROW("dropped_attributes_count", PATH_INT, OTLP_EVENT_DROPPED_ATTRIBUTES),
    ROW("event_index", PATH_INDEX, OTLP_EVENT_TIME),
    CACHE, END,
};

static const struct path_row log_rows[] = {
    ROW("body", PATH_ANY, OTLP_LOG_BODY),
    ROW("body.string", PATH_ANY_TEXT, OTLP_LOG_BODY),
    ROW("attributes", PATH_MAP, OTLP_LOG_ATTRIBUTES),
    ROW("severity_number", PATH_INT, OTLP_LOG_SEVERITY_NUMBER),
    ROW("severity_text", PATH_STRING, OTLP_LOG_SEVERITY_TEXT),
    ROW("time_unix_nano", PATH_FIXED64, OTLP_LOG_TIME),
    ROW("observed_time_unix_nano", PATH_FIXED64, OTLP_LOG_OBSERVED_TIME),
    ROW("time", PATH_TIME, OTLP_LOG_TIME),
    ROW("observed_time", PATH_TIME, OTLP_LOG_OBSERVED_TIME),
    ROW("trace_id", PATH_TRACE_ID, OTLP_LOG_TRACE_ID),
    ROW("trace_id.string", PATH_TRACE_HEX, OTLP_LOG_TRACE_ID),
    ROW("span_id", PATH_SPAN_ID, OTLP_LOG_SPAN_ID),
    ROW("span_id.string", PATH_SPAN_HEX, OTLP_LOG_SPAN_ID),
    ROW("flags", PATH_FIXED32, OTLP_LOG_FLAGS),
    ROW("dropped_attributes_count", PATH_INT, OTLP_LOG_DROPPED_ATTRIBUTES),
    ROW("event_name", PATH_STRING, OTLP_LOG_EVENT_NAME),
    CACHE, END,
};

static const struct path_row metric_rows[] = {
    ROW("name", PATH_STRING, OTLP_METRIC_NAME),
    ROW("description", PATH_STRING, OTLP_METRIC_DESCRIPTION),
    ROW("unit", PATH_STRING, OTLP_METRIC_UNIT),
    ROW("type", PATH_TYPE, 0),
    ROW("aggregation_temporality", PATH_INT, OTLP_DATA_TEMPORALITY, .in_data = true),
    ROW("is_monotonic", PATH_BOOL, OTLP_DATA_MONOTONIC, .in_data = true),
    ROW("metadata", PATH_MAP, OTLP_METRIC_METADATA),
    ROW("data_points", PATH_OBJECTS, OTLP_DATA_POINTS, .in_data = true, .sort = OTTL_SORT_POINTS),
    CACHE, END,
};

static const struct path_row datapoint_rows[] = {
    POINT("attributes", PATH_MAP, OTLP_NUMBER_ATTRIBUTES, OTLP_HISTOGRAM_ATTRIBUTES, OTLP_EXPONENTIAL_ATTRIBUTES,
          OTLP_SUMMARY_ATTRIBUTES),
    POINT("start_time_unix_nano", PATH_FIXED64, OTLP_POINT_START, OTLP_POINT_START, OTLP_POINT_START, OTLP_POINT_START),
    POINT("time_unix_nano", PATH_FIXED64, OTLP_POINT_TIME, OTLP_POINT_TIME, OTLP_POINT_TIME, OTLP_POINT_TIME),
    POINT("start_time", PATH_TIME, OTLP_POINT_START, OTLP_POINT_START, OTLP_POINT_START, OTLP_POINT_START),
    POINT("time", PATH_TIME, OTLP_POINT_TIME, OTLP_POINT_TIME, OTLP_POINT_TIME, OTLP_POINT_TIME),
    POINT("value_double", PATH_DOUBLE, OTLP_NUMBER_DOUBLE, 0, 0, 0, .rival = OTLP_NUMBER_INT),
    POINT("value_int", PATH_SFIXED64, OTLP_NUMBER_INT, 0, 0, 0, .rival = OTLP_NUMBER_DOUBLE),
    POINT("flags", PATH_INT, OTLP_NUMBER_FLAGS, OTLP_HISTOGRAM_FLAGS, OTLP_EXPONENTIAL_FLAGS, OTLP_SUMMARY_FLAGS),
    POINT("count", PATH_FIXED64, 0, OTLP_HISTOGRAM_COUNT, OTLP_EXPONENTIAL_COUNT, OTLP_SUMMARY_COUNT),
    POINT("sum", PATH_DOUBLE, 0, OTLP_HISTOGRAM_SUM, OTLP_EXPONENTIAL_SUM, OTLP_SUMMARY_SUM),
    POINT("bucket_counts", PATH_COUNTS, 0, OTLP_HISTOGRAM_BUCKETS, 0, 0),
    POINT("explicit_bounds", PATH_BOUNDS, 0, OTLP_HISTOGRAM_BOUNDS, 0, 0),
    POINT("scale", PATH_SINT, 0, 0, OTLP_EXPONENTIAL_SCALE, 0),
    POINT("zero_count", PATH_FIXED64, 0, 0, OTLP_EXPONENTIAL_ZERO_COUNT, 0),
    POINT("positive.offset", PATH_SINT, 0, 0, OTLP_BUCKETS_OFFSET, 0, .outer = OTLP_EXPONENTIAL_POSITIVE),
    POINT("positive.bucket_counts", PATH_SMALL_COUNTS, 0, 0, OTLP_BUCKETS_COUNTS, 0, .outer = OTLP_EXPONENTIAL_POSITIVE),
    POINT("negative.offset", PATH_SINT, 0, 0, OTLP_BUCKETS_OFFSET, 0, .outer = OTLP_EXPONENTIAL_NEGATIVE),
    POINT("negative.bucket_counts", PATH_SMALL_COUNTS, 0, 0, OTLP_BUCKETS_COUNTS, 0, .outer = OTLP_EXPONENTIAL_NEGATIVE),
    POINT("positive", PATH_OBJECT, 0, 0, OTLP_EXPONENTIAL_POSITIVE, 0, .sort = OTTL_SORT_BUCKETS),
    POINT("negative", PATH_OBJECT, 0, 0, OTLP_EXPONENTIAL_NEGATIVE, 0, .sort = OTTL_SORT_BUCKETS),
    POINT("exemplars", PATH_OBJECTS, OTLP_NUMBER_EXEMPLARS, OTLP_HISTOGRAM_EXEMPLARS, OTLP_EXPONENTIAL_EXEMPLARS, 0,
          .sort = OTTL_SORT_EXEMPLARS),
    POINT("quantile_values", PATH_OBJECTS, 0, 0, 0, OTLP_SUMMARY_QUANTILES, .sort = OTTL_SORT_QUANTILES),
    CACHE, END,
};

static const struct path_row exemplar_rows[] = {
    ROW("time_unix_nano", PATH_FIXED64, OTLP_EXEMPLAR_TIME),
    ROW("time", PATH_TIME, OTLP_EXEMPLAR_TIME),
    ROW("double_value", PATH_DOUBLE, OTLP_EXEMPLAR_DOUBLE, .rival = OTLP_EXEMPLAR_INT),
    ROW("int_value", PATH_SFIXED64, OTLP_EXEMPLAR_INT, .rival = OTLP_EXEMPLAR_DOUBLE),
    ROW("trace_id", PATH_TRACE_ID, OTLP_EXEMPLAR_TRACE_ID),
    ROW("trace_id.string", PATH_TRACE_HEX, OTLP_EXEMPLAR_TRACE_ID),
    ROW("span_id", PATH_SPAN_ID, OTLP_EXEMPLAR_SPAN_ID),
    ROW("span_id.string", PATH_SPAN_HEX, OTLP_EXEMPLAR_SPAN_ID),
    ROW("filtered_attributes", PATH_MAP, OTLP_EXEMPLAR_ATTRIBUTES),
    CACHE, END,
};

/* Attributes, and what was sampled, are numbers in the dictionary of the request. */
static const struct path_row profile_rows[] = {
    ROW("profile_id", PATH_TRACE_ID, OTLP_PROFILE_ID),
    ROW("profile_id.string", PATH_TRACE_HEX, OTLP_PROFILE_ID),
    ROW("time_unix_nano", PATH_FIXED64, OTLP_PROFILE_TIME),
    ROW("time", PATH_TIME, OTLP_PROFILE_TIME),
    ROW("duration_unix_nano", PATH_AMOUNT, OTLP_PROFILE_DURATION),
    ROW("duration", PATH_AMOUNT, OTLP_PROFILE_DURATION),
    ROW("period", PATH_LONG, OTLP_PROFILE_PERIOD),
    ROW("dropped_attributes_count", PATH_INT, OTLP_PROFILE_DROPPED_ATTRIBUTES),
    ROW("original_payload_format", PATH_STRING, OTLP_PROFILE_FORMAT),
    ROW("original_payload", PATH_BYTES, OTLP_PROFILE_PAYLOAD),
    ROW("attributes", PATH_PROFILE_MAP, OTLP_PROFILE_ATTRIBUTE_INDICES),
    ROW("attribute_indices", PATH_SMALL_COUNTS, OTLP_PROFILE_ATTRIBUTE_INDICES),
    ROW("sample", PATH_OBJECTS, OTLP_PROFILE_SAMPLES, .sort = OTTL_SORT_SAMPLES),
    ROW("sample_type", PATH_OBJECT, OTLP_PROFILE_SAMPLE_TYPE, .sort = OTTL_SORT_VALUE_TYPE),
    ROW("sample_type.type", PATH_NAMED, OTLP_VALUE_TYPE_TYPE, .outer = OTLP_PROFILE_SAMPLE_TYPE),
    ROW("sample_type.unit", PATH_NAMED, OTLP_VALUE_TYPE_UNIT, .outer = OTLP_PROFILE_SAMPLE_TYPE),
    ROW("period_type", PATH_OBJECT, OTLP_PROFILE_PERIOD_TYPE, .sort = OTTL_SORT_VALUE_TYPE),
    ROW("period_type.type", PATH_NAMED, OTLP_VALUE_TYPE_TYPE, .outer = OTLP_PROFILE_PERIOD_TYPE),
    ROW("period_type.unit", PATH_NAMED, OTLP_VALUE_TYPE_UNIT, .outer = OTLP_PROFILE_PERIOD_TYPE),
    CACHE, END,
};

static const struct path_row otelcol_rows[] = {
    ROW("client.metadata", PATH_METADATA, OTTL_CLIENT_METADATA),
    ROW("client.addr", PATH_STRING, OTTL_CLIENT_ADDRESS),
    ROW("grpc.metadata", PATH_METADATA, OTTL_CLIENT_METADATA),
    CACHE, END,
};
/* clang-format on */

static const struct context_row {
    const struct path_row *rows;
    enum path_part part;
    unsigned sees; /* contexts, itself too */
} contexts[] = {
    [OTTL_RESOURCE] = { resource_rows, PART_RESOURCE, OTTL_IN(OTTL_RESOURCE) },
    [OTTL_SCOPE] = { scope_rows, PART_SCOPE, OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE) },
    [OTTL_SPAN] = { span_rows, PART_ITEM, OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE) },
    [OTTL_SPANEVENT] = { spanevent_rows, PART_BELOW,
                         OTTL_IN(OTTL_SPANEVENT) | OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE) },
    [OTTL_METRIC] = { metric_rows, PART_METRIC, OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE) },
    [OTTL_DATAPOINT] = { datapoint_rows, PART_ITEM,
                         OTTL_IN(OTTL_DATAPOINT) | OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_SCOPE) |
                             OTTL_IN(OTTL_RESOURCE) },
    [OTTL_EXEMPLAR] = { exemplar_rows, PART_BELOW,
                        OTTL_IN(OTTL_EXEMPLAR) | OTTL_IN(OTTL_DATAPOINT) | OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_SCOPE) |
                            OTTL_IN(OTTL_RESOURCE) },
    [OTTL_LOG] = { log_rows, PART_ITEM, OTTL_IN(OTTL_LOG) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE) },
    [OTTL_PROFILE] = { profile_rows, PART_ITEM, OTTL_IN(OTTL_PROFILE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE) },
    [OTTL_OTELCOL] = { otelcol_rows, PART_ITEM, OTTL_IN(OTTL_OTELCOL) },
};

const char *const ottl_context_names[] = { "resource", "scope", "span",    "spanevent", "metric", "datapoint",
                                           "exemplar", "log",   "profile", "otelcol",   NULL };

enum ottl_context ottl_context_find(struct bytes name)
{
    if (bytes_is(name, "instrumentation_scope"))
        return OTTL_SCOPE;
    for (unsigned i = 0; i < OTTL_CONTEXTS; i++)
        if (bytes_is(name, ottl_context_names[i]))
            return (enum ottl_context)i;
    return OTTL_CONTEXTS;
}

void ottl_context_list(unsigned among, char *text, size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < OTTL_CONTEXTS && n < size; i++) {
        bool last = (among & (OTTL_IN(OTTL_CONTEXTS) - 1) & ~(2 * OTTL_IN(i) - 1)) == 0;

        if ((among & OTTL_IN(i)) != 0)
            n += (size_t)snprintf(text + n, size - n, "%s%s",
                                  n == 0 ? ""
                                  : last ? " or "
                                         : ", ",
                                  ottl_context_names[i]);
    }
}

const struct path_row *path_rows(enum ottl_context context)
{
    return contexts[context].rows;
}

enum path_part path_part(enum ottl_context context)
{
    return contexts[context].part;
}

unsigned ottl_own_message(enum ottl_context context)
{
    return 1u << contexts[context].part;
}

bool context_sees(enum ottl_context context, enum ottl_context other)
{
    return (contexts[context].sees >> other & 1) != 0;
}
