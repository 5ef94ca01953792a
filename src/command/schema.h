/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema (draft 2020-12) of what decode_struct() accepts by option rows, no more and no less, as far as a schema
 * can say it. Where a value that is one ${...} may stand, it refers to "#/$defs/variable". */
#ifndef COMMAND_SCHEMA_H
#define COMMAND_SCHEMA_H

#include "base/arena.h"
#include "config/option.h"
#include "config/yaml.h"

/* A map by these rows. `optional`: of a group that `enabled: false` turns off. */
struct yaml_node *schema_of_rows(struct arena *a, const struct option *rows, bool optional);

/* A map without any key would lack something: some row is required. */
bool schema_is_required(const struct option *rows);

/* Schemas as JSON, which is read; a mistake in it is a defect of the caller. */
struct yaml_node *schema_read(struct arena *a, const char *json);
void schema_put(struct arena *a, struct yaml_node *map, const char *key, const char *json);

/* The schema, or null where `null` is true, or a value that is one ${...}. */
struct yaml_node *schema_or(struct arena *a, struct yaml_node *schema, bool null);

#endif
