/* SPDX-License-Identifier: Apache-2.0 */
/* Values of attributes as parts of a span's name. */
#ifndef PROCESSOR_SPAN_TEXT_H
#define PROCESSOR_SPAN_TEXT_H

#include "otlp/any_value.h"

/* Strings as they are, numbers in decimal without exponent, "<unknown-attribute-type>" for what is neither. */
void span_text_put(struct buf *out, struct bytes any_value);

#endif
