/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of OTLP as structs on the stack, filled by one pass over the wire bytes.
 *
 * A view copies nothing: its byte fields point into the batch and are good as long as that is. A field that is not
 * there is zero, which is proto3's default; view_has() tells the two apart where that matters. Of a field that comes
 * twice the last counts, of a oneof its last member: `which` is the number of that one, and the members before it are
 * zero again. Repeated fields are not part of a view; message_next() and attribute_next() go over them, from
 * pb_reader(v.view.message). The bytes have been validated. Numbers are those of otlp/fields.h. */
#ifndef OTLP_VIEW_H
#define OTLP_VIEW_H

#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/signal.h"

/* What each view begins with. */
struct view {
    struct bytes message;
    uint32_t has;   /* a bit for each number of the view that came */
    uint32_t which; /* of the oneof, 0: none */
};

static inline bool view_has(const struct view *v, uint32_t number)
{
    return (v->has >> number & 1) != 0;
}

/* The next field of that number that is a message or bytes. */
static inline bool message_next(struct pb_reader *r, uint32_t number, struct bytes *field)
{
    for (struct pb_field f; pb_next(r, &f);)
        if (f.number == number && f.wire == PB_LEN) {
            *field = f.bytes;
            return true;
        }
    return false;
}

struct key_value_view {
    struct view view;
    struct bytes key, value; /* value: the content of an AnyValue */
};

struct resource_group_view { /* ResourceSpans and their like */
    struct view view;
    struct bytes resource, schema_url;
};

struct scope_group_view { /* ScopeSpans and their like */
    struct view view;
    struct bytes scope, schema_url;
};

struct scope_view {
    struct view view;
    struct bytes name, version;
    uint64_t dropped_attributes;
};

struct span_view {
    struct view view;
    struct bytes trace_id, span_id, trace_state, parent_id, name, status;
    uint64_t kind, start, end, dropped_attributes, dropped_events, dropped_links, flags;
};

struct status_view {
    struct view view;
    struct bytes message;
    uint64_t code;
};

struct event_view {
    struct view view;
    struct bytes name;
    uint64_t time, dropped_attributes;
};

struct link_view {
    struct view view;
    struct bytes trace_id, span_id, trace_state;
    uint64_t dropped_attributes, flags;
};

struct log_view {
    struct view view;
    struct bytes severity_text, body, trace_id, span_id, event_name;
    uint64_t time, observed_time, severity_number, dropped_attributes, flags;
};

struct metric_view {
    struct view view; /* which: the kind of its data, OTLP_METRIC_GAUGE and so on */
    struct bytes name, description, unit, data;
};

struct data_view { /* Gauge, Sum, Histogram, ExponentialHistogram, Summary */
    struct view view;
    uint64_t temporality, monotonic;
};

struct number_view {
    struct view view; /* which: OTLP_NUMBER_DOUBLE or OTLP_NUMBER_INT */
    uint64_t start, time, flags;
    double number;
    int64_t integer;
};

struct histogram_view {
    struct view view;
    uint64_t start, time, count, flags;
    double sum, min, max;
};

struct exponential_view {
    struct view view;
    struct bytes positive, negative;
    uint64_t start, time, count, zero_count, flags;
    int64_t scale;
    double sum, min, max, zero_threshold;
};

struct buckets_view {
    struct view view;
    int64_t offset;
};

struct summary_view {
    struct view view;
    uint64_t start, time, count, flags;
    double sum;
};

struct quantile_view {
    struct view view;
    double quantile, value;
};

struct exemplar_view {
    struct view view; /* which: OTLP_EXEMPLAR_DOUBLE or OTLP_EXEMPLAR_INT */
    struct bytes trace_id, span_id;
    uint64_t time;
    double number;
    int64_t integer;
};

struct key_value_view key_value_view(struct bytes message);
struct resource_group_view resource_group_view(struct bytes message);
struct scope_group_view scope_group_view(struct bytes message);
struct scope_view scope_view(struct bytes message);
struct span_view span_view(struct bytes message);
struct status_view status_view(struct bytes message);
struct event_view event_view(struct bytes message);
struct link_view link_view(struct bytes message);
struct log_view log_view(struct bytes message);
struct metric_view metric_view(struct bytes message);
struct data_view data_view(struct bytes message);
struct number_view number_view(struct bytes message);
struct histogram_view histogram_view(struct bytes message);
struct exponential_view exponential_view(struct bytes message);
struct buckets_view buckets_view(struct bytes message);
struct summary_view summary_view(struct bytes message);
struct quantile_view quantile_view(struct bytes message);
struct exemplar_view exemplar_view(struct bytes message);

/* What time it was where the request was made, as far as its first item says so: of a span its end, of a log record
 * when it was observed, else its time, of a point or profile its time: Unix ns; 0: it has none. */
uint64_t otlp_first_time(enum signal signal, struct bytes request);

#endif
