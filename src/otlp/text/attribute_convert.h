/* SPDX-License-Identifier: Apache-2.0 */
/* Values of attributes converted as the Collector's attributes processor does. */
#ifndef OTLP_TEXT_ATTRIBUTE_CONVERT_H
#define OTLP_TEXT_ATTRIBUTE_CONVERT_H

#include "otlp/any_value.h"

/* Append the AnyValue as one of INT, DOUBLE or STRING. False, and nothing appended: it stays what it is. */
bool attribute_convert(struct buf *out, struct bytes any_value, enum value_type to);

/* A text as a number, as Go reads one: 0 when it is none, infinite when it is too large. */
double attribute_number(struct bytes text);

#endif
