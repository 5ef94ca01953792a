/* SPDX-License-Identifier: Apache-2.0 */
/* Values of attributes converted as the Collector's attributes processor does. */
#ifndef PROCESSOR_ATTRIBUTE_CONVERT_H
#define PROCESSOR_ATTRIBUTE_CONVERT_H

#include "otlp/any_value.h"

/* Append the AnyValue as one of INT, DOUBLE or STRING. False, and nothing appended: it stays what it is. */
bool attribute_convert(struct buf *out, struct bytes any_value, enum value_type to);

#endif
