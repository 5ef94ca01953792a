/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as people write them down: OTLP JSON in files, and the same in YAML with short forms.
 *
 * Short forms, in YAML only: a map where OTLP has a list of attributes (`attributes: {user: 7}`), and a plain value,
 * list or map where it has an AnyValue (`body: hello`); types are those of YAML. */
#ifndef COMMAND_REQUEST_TEXT_H
#define COMMAND_REQUEST_TEXT_H

#include "base/error.h"
#include "config/yaml.h"
#include "otlp/signal.h"

#define REQUEST_MAX (256u << 20) /* bytes of a request's wire form */

/* OTLP JSON, perhaps several requests of one signal behind one another; which signal, says their first key. False: *err
 * says what is wrong, and where. */
bool request_read(struct bytes json, enum signal *signal, struct buf *wire, struct error *err);

/* The same from a tree: {resourceSpans: [...]}. */
bool request_from_tree(const struct yaml_node *tree, enum signal *signal, struct buf *wire, struct error *err);

/* A list of spans, metrics or log records of one resource, which has these attributes; NULL: none. */
bool request_from_items(enum signal signal, const struct yaml_node *items, const struct yaml_node *resource,
                        struct buf *wire, struct error *err);

void text_put_json(struct buf *out, const char *text); /* in quotes */

#endif
