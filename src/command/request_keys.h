/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a request in YAML that OTLP does not know. Whoever receives OTLP passes over them; in what a person has
 * written they are mistakes. */
#ifndef COMMAND_REQUEST_KEYS_H
#define COMMAND_REQUEST_KEYS_H

#include "config/yaml.h"
#include "otlp/signal.h"

/* Each is told, with the nearest that OTLP knows there, or NULL. */
struct key_complaint {
    void (*tell)(void *arg, const struct yaml_node *map, const struct yaml_pair *pair, const char *near);
    void *arg;
};

/* Of a whole request, and of one span, metric or log record of the signal; both with the short forms of request_text.h.
 */
void request_keys_check(enum signal signal, const struct yaml_node *request, const struct key_complaint *to);
void request_keys_check_item(enum signal signal, const struct yaml_node *item, const struct key_complaint *to);

#endif
