/* SPDX-License-Identifier: Apache-2.0 */
/* A metric written anew, point by point: what is the same for those who turn one temporality into the other. */
#ifndef PROCESSOR_METRIC_EDIT_H
#define PROCESSOR_METRIC_EDIT_H

#include "otlp/digest.h"
#include "otlp/rewrite.h"
#include "otlp/view.h"

/* The numbers of a message's fields as bits. */
#define FIELD_BIT(number) (1u << (number))

/* Those of a Metric that hold its data. */
#define METRIC_DATA_FIELDS                                                                                             \
    (FIELD_BIT(OTLP_METRIC_GAUGE) | FIELD_BIT(OTLP_METRIC_SUM) | FIELD_BIT(OTLP_METRIC_HISTOGRAM) |                    \
     FIELD_BIT(OTLP_METRIC_EXPONENTIAL) | FIELD_BIT(OTLP_METRIC_SUMMARY))

/* The field of a data point's attributes, by the field of the metric that it is in. */
unsigned metric_attributes_field(unsigned data);

/* Append the message's fields but for those of `without`. */
void metric_edit_copy(struct buf *out, struct bytes message, uint32_t without);

/* What the metrics that come next are in, by the functions that a visitor has for resources and scopes. */
struct stream_scope {
    struct digest resource, scope;
};

void stream_scope_resource(struct stream_scope *s, struct bytes resource);
void stream_scope_scope(struct stream_scope *s, struct bytes scope);

/* Which metric this is: resource, scope's name and version, kind of data, monotonic or not, name, unit. */
struct digest metric_identity(const struct stream_scope *s, const struct metric_view *metric,
                              const struct data_view *data);

/* A data point: what does not hang on its kind. */
struct stream_point {
    struct bytes message;
    uint64_t start, time;
    uint64_t value; /* numbers: the bits */
    bool is_int;
    bool has_value;     /* numbers: there is one; else it is 0 */
    bool no_value;      /* flags say: no recorded value */
    struct bytes usual; /* a number of start, time, value and these attributes, nothing else; no data: another form */
    struct digest attributes;
};

/* `data`: the field of the metric that it is in. `parent` goes into the attributes' digest. */
void stream_point_read(struct stream_point *p, unsigned data, struct bytes message, struct digest parent);

/* Append the point without start time and what was measured. */
void stream_point_copy(struct buf *out, unsigned data, struct bytes message);

/* Append a number's point, as a field of its metric's data, with another start (0: none) and value. */
void stream_point_put(struct buf *out, const struct stream_point *p, unsigned data, uint64_t start, bool is_int,
                      uint64_t value);

#endif
