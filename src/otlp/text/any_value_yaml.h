/* SPDX-License-Identifier: Apache-2.0 */
/* A value that a configuration wrote, as an AnyValue: scalars by their YAML type, lists as arrays, maps as lists of
 * pairs. */
#ifndef OTLP_TEXT_ANY_VALUE_YAML_H
#define OTLP_TEXT_ANY_VALUE_YAML_H

#include "base/buf.h"
#include "config/yaml.h"

/* Append the content of the AnyValue; nothing for null. */
void any_value_from_yaml(struct buf *out, const struct yaml_node *n);

#endif
