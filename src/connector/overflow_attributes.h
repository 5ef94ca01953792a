/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of a series that stands for those that have no room. */
#ifndef CONNECTOR_OVERFLOW_ATTRIBUTES_H
#define CONNECTOR_OVERFLOW_ATTRIBUTES_H

#include "codec/pb.h"
#include "otlp/fields.h"

/* Append otel.metric.overflow=true as a field of a KeyValueList. */
static inline void overflow_attributes_put(struct buf *out)
{
    size_t entry = pb_begin(out, OTLP_LIST_VALUES), value;

    pb_put_str(out, OTLP_KEY_VALUE_KEY, "otel.metric.overflow");
    value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    pb_put_uint(out, OTLP_ANY_BOOL, 1);
    pb_end(out, value);
    pb_end(out, entry);
}

#endif
