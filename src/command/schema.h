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

/* What components check themselves, where a schema can say it (schema_rules.c): schemas that several share, into
 * $defs; and those of a component ("exporters.otlp_grpc") or of "service", as allOf of its map. True: an empty map
 * lacks something, and so does a bare key. */
void schema_put_shared(struct arena *a, struct yaml_node *defs);
bool schema_put_rules(struct arena *a, const char *name, const struct option *rows, struct yaml_node *map);

/* The schema, or null where `null` is true, or a value that is one ${...}. */
struct yaml_node *schema_or(struct arena *a, struct yaml_node *schema, bool null);

#endif
