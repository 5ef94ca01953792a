/* SPDX-License-Identifier: Apache-2.0 */
/* The list of actions that the attributes and resource processors carry out on a list of attributes. */
#ifndef PROCESSOR_ATTRIBUTE_ACTIONS_H
#define PROCESSOR_ATTRIBUTE_ACTIONS_H

#include "config/option.h"
#include "otlp/attribute_list.h"
#include "otlp/metadata.h"
#include "otlp/rewrite.h"
#include "pipeline/component.h"

struct action_config {
    const char *key, *action;
    const struct yaml_node *value, *default_value;
    const char *from_attribute, *from_context, *pattern, *converted_type;
};

extern const struct option action_rows[];

/* What is wrong with the list under `key`; an empty one is. */
void actions_check(const struct option_list *actions, const char *key, struct check *ck);

struct actions; /* compiled, from a list that passed */

/* The host is told when receivers have to note who the clients are. */
struct actions *actions_new(struct node *node, const struct option_list *actions);
void actions_free(struct actions *a);

/* Tell the list which keys the actions may touch. */
void actions_ask(const struct actions *a, struct attribute_list *list);

/* In order, each on what those before have left. */
void actions_apply(struct actions *a, struct attribute_list *list, const struct metadata *metadata);

/* On the attributes of a message, which are read into the list. False: nothing has changed. */
static inline bool actions_edit(struct actions *a, struct attribute_list *list, const struct visit *at,
                                const struct metadata *metadata, struct pieces *edit)
{
    attribute_list_read(list, at->message, at->attributes);
    actions_apply(a, list, metadata);
    if (!list->changed)
        return false;
    attribute_list_write(list, edit);
    return true;
}

#endif
