/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and checks of the transforms and their operations: what an action needs has to be there, patterns must compile.
 */
#include "config/check_path.h"
#include "processor/metrics_transform/transform.h"

#include <stdio.h>

static const char *const aggregations[] = { "", "sum", "mean", "min", "max", "median", "count", NULL };
static const char *const actions[] = { "", "update", "insert", "combine", "group", NULL };
static const char *const cases[] = { "", "lower", "upper", NULL };
static const char *const match_types[] = { "strict", "regexp", NULL };
static const char *const operation_actions[] = {
    "",
    "add_label",
    "update_label",
    "delete_label_value",
    "toggle_scalar_data_type",
    "experimental_scale_value",
    "aggregate_labels",
    "aggregate_label_values",
    NULL,
};

static const struct option value_action_options[] = {
    OPT_STRING(struct value_action_config, value, "", "A value of the label ..."),
    OPT_STRING(struct value_action_config, new_value, "", "... and what it becomes."),
    OPT_END,
};

static const struct option operation_options[] = {
    OPT_ENUM(struct operation_config, action, operation_actions, "", "What to do."),
    OPT_STRING(struct operation_config, label, "", "The attribute that is meant."),
    OPT_STRING(struct operation_config, new_label, "",
               "update_label: its new name. add_label: the attribute that is added where it is not there."),
    OPT_STRING(struct operation_config, new_value, "",
               "add_label, aggregate_label_values: the value. {{version}} stands for otelcd's."),
    OPT_STRING(struct operation_config, label_value, "", "delete_label_value: points with this value of `label` go."),
    OPT_STRINGS(struct operation_config, label_set, NULL, "aggregate_labels: the attributes that stay."),
    OPT_STRINGS(struct operation_config, aggregated_values, NULL,
                "aggregate_label_values: values of `label` that become new_value."),
    OPT_ENUM(struct operation_config, aggregation_type, aggregations, "",
             "How points are merged that have the same attributes and time then: sum, mean, min, max, median, count. "
             "Histograms are always added up."),
    OPT_DOUBLE(struct operation_config, experimental_scale, "0", NULL, NULL,
               "experimental_scale_value: what values are multiplied with."),
    OPT_LIST(struct operation_config, value_actions, struct value_action_config, value_action_options,
             "update_label: values that change."),
    OPT_END,
};

const struct option transform_rows[] = {
    OPT_STRING(struct metric_transform_config, include, "", "The metric's name, or a pattern."),
    OPT_ENUM(struct metric_transform_config, match_type, match_types, "strict",
             "What `include` and the label values are."),
    OPT_MAP(struct metric_transform_config, experimental_match_labels,
            "Only points with these attributes. An empty value means that it is not there."),
    OPT_ENUM(struct metric_transform_config, action, actions, "",
             "update: change it. insert: change a copy. combine: make one of all that match. group: put all that match "
             "under a resource of their own."),
    OPT_STRING(struct metric_transform_config, new_name, "",
               "The new name; after a pattern $1, ${1} and ${name} stand for its groups (in YAML $$1)."),
    OPT_ENUM(struct metric_transform_config, aggregation_type, aggregations, "",
             "combine: how points with the same attributes and time are merged."),
    OPT_ENUM(struct metric_transform_config, submatch_case, cases, "",
             "combine: what the groups of the pattern have matched becomes an attribute each; in lower or upper case."),
    OPT_MAP(struct metric_transform_config, group_resource_labels, "group: attributes of the new resource."),
    OPT_LIST(struct metric_transform_config, operations, struct operation_config, operation_options,
             "What is done to the points, in this order."),
    OPT_END,
};

static void check_pattern(const struct check_path *at, const char *key, const char *pattern)
{
    struct error err;
    struct regex *r = regex_new(pattern, &err);

    if (r == NULL)
        check_path_fail(at, key, "%s", err.text);
    regex_free(r);
}

static void need_field(const struct check_path *at, bool there, const char *field, const char *while_action,
                       unsigned operation)
{
    char number[32] = "";

    if (there)
        return;
    if (operation > 0)
        snprintf(number, sizeof(number), "operation %u: ", operation);
    if (while_action != NULL)
        check_path_fail(at, "", "%smissing required field \"%s\" while \"action\" is %s", number, field, while_action);
    else
        check_path_fail(at, "", "%smissing required field \"%s\"", number, field);
}

static void check_operation(const struct operation_config *op, const struct check_path *at, unsigned number)
{
    const char *action = operation_actions[op->action];
    bool label = op->action == OPERATION_UPDATE_LABEL || op->action == OPERATION_DELETE_LABEL_VALUE ||
                 op->action == OPERATION_AGGREGATE_VALUES;

    need_field(at, op->action != OPERATION_NONE, "action", NULL, number);
    need_field(at, !label || op->label[0] != '\0', "label", action, number);
    need_field(at, op->action != OPERATION_ADD_LABEL || op->new_label[0] != '\0', "new_label", action, number);
    need_field(at, op->action != OPERATION_ADD_LABEL || op->new_value[0] != '\0', "new_value", action, number);
    need_field(at, op->action != OPERATION_SCALE || op->experimental_scale != 0, "experimental_scale", action, number);
}

static void check_transform(const struct metric_transform_config *t, const struct check_path *at)
{
    const struct operation_config *ops = t->operations.v;
    const char *action = actions[t->action];

    need_field(at, t->include[0] != '\0', "include", NULL, 0);
    need_field(at, t->action != ACTION_NONE, "action", NULL, 0);
    need_field(at, t->action != ACTION_INSERT || t->new_name[0] != '\0', "new_name", action, 0);
    need_field(at, t->action != ACTION_COMBINE || t->new_name[0] != '\0', "new_name", action, 0);
    need_field(at, t->action != ACTION_COMBINE || t->aggregation_type != AGGREGATE_NONE, "aggregation_type", action, 0);
    need_field(at, t->action != ACTION_GROUP || t->group_resource_labels.n > 0, "group_resource_labels", action, 0);
    if (t->match_type == 1)
        check_pattern(at, "include", t->include);
    for (size_t i = 0; t->match_type == 1 && i < t->experimental_match_labels.n; i++)
        check_pattern(at, "experimental_match_labels", t->experimental_match_labels.v[i].value);
    for (size_t i = 0; i < t->operations.n; i++) {
        struct check_path item = check_path_item(at, "operations", i);

        check_operation(&ops[i], &item, (unsigned)i + 1);
    }
}

void transforms_check(const struct option_list *transforms, struct check *ck)
{
    const struct check_path body = { .ck = ck };
    const struct metric_transform_config *t = transforms->v;

    for (size_t i = 0; i < transforms->n; i++) {
        struct check_path item = check_path_item(&body, "transforms", i);

        check_transform(&t[i], &item);
    }
}
