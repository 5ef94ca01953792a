/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics_transform processor's inside: its configuration, the metrics of one scope while they are worked on, and
 * what is done to them.
 *
 * A metric stays the bytes that came until somebody changes it; then it is opened: into its points, and each point into
 * its attributes and the rest. All of it lies in the work's arena until the batch is made. */
#ifndef PROCESSOR_METRICS_TRANSFORM_TRANSFORM_H
#define PROCESSOR_METRICS_TRANSFORM_TRANSFORM_H

#include "base/arena.h"
#include "base/vec.h"
#include "codec/regex_steps.h"
#include "config/option.h"
#include "otlp/assembly.h"
#include "otlp/digest.h"
#include "otlp/view.h"

enum aggregation {
    AGGREGATE_NONE,
    AGGREGATE_SUM,
    AGGREGATE_MEAN,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_MEDIAN,
    AGGREGATE_COUNT
};
enum transform_action { ACTION_NONE, ACTION_UPDATE, ACTION_INSERT, ACTION_COMBINE, ACTION_GROUP };
enum submatch_case { CASE_AS_IT_IS, CASE_LOWER, CASE_UPPER };
enum operation_action {
    OPERATION_NONE,
    OPERATION_ADD_LABEL,
    OPERATION_UPDATE_LABEL,
    OPERATION_DELETE_LABEL_VALUE,
    OPERATION_TOGGLE,
    OPERATION_SCALE,
    OPERATION_AGGREGATE_LABELS,
    OPERATION_AGGREGATE_VALUES,
};

struct value_action_config {
    const char *value, *new_value;
};

struct operation_config {
    int action;
    const char *label, *new_label, *new_value, *label_value;
    struct strings label_set, aggregated_values;
    int aggregation_type;
    double experimental_scale;
    struct option_list value_actions; /* of struct value_action_config */
};

struct metric_transform_config {
    const char *include;
    int match_type; /* 0: strict, 1: regexp */
    struct string_map experimental_match_labels;
    int action;
    const char *new_name;
    int aggregation_type;
    int submatch_case;
    struct string_map group_resource_labels;
    struct option_list operations; /* of struct operation_config */
};

extern const struct option transform_rows[]; /* of struct metric_transform_config, for the processor's list */

/* `transforms`: a list of struct metric_transform_config at the path "transforms". */
void transforms_check(const struct option_list *transforms, struct check *ck);

struct attribute_pair {
    struct bytes key, value; /* the content of an AnyValue */
};

struct work_point {
    struct bytes rest; /* the data point without attributes */
    struct attribute_pair *attributes;
    size_t n, cap;
    struct work_point *next; /* in its group, while points are merged */
};

struct work_metric {
    struct bytes raw; /* the Metric as it came; of an opened one without meaning */
    bool opened;
    struct bytes name;
    struct bytes head;      /* fields beside name and data */
    uint32_t data;          /* the field of the data; 0: none */
    struct bytes data_head; /* fields of the data beside the points */
    struct work_point **points;
    size_t n, cap;
};

struct work {
    struct regex_meter meter; /* of the metric at hand; the sum of its points is no item, but each of them */
    struct arena arena;
    struct buf scratch;
    uint64_t made, merged, deleted; /* data points */
    uint64_t overwritten;           /* data points in data that other data of the same metric stands behind */
    const char *version;
};

/* A transform with its patterns. */
struct metric_transform {
    const struct metric_transform_config *config;
    struct regex *name;
    struct regex **labels; /* NULL: by their text */
};

void transform_init(struct metric_transform *t, const struct metric_transform_config *c);
void transform_free(struct metric_transform *t);
/* Without steps for the pattern it has not, and the work's meter is over. */
bool transform_has_name(const struct metric_transform *t, struct work *w, struct bytes name);
bool transform_has_point(const struct metric_transform *t, struct work *w, const struct work_point *p);

struct bytes work_keep(struct work *w, struct bytes b);
/* The fields of a resource's or scope's container, but for what is in it. */
void work_put_container(struct assembly *a, struct message *m, struct bytes container);
/* The metric as it is now becomes the next of the scope. */
void work_put_metric(struct assembly *a, struct message *scope, const struct work_metric *m);
struct bytes work_string(struct work *w, struct bytes text); /* as an AnyValue */
struct bytes work_text(struct bytes any_value);              /* of a string; of anything else nothing */

struct work_metric *work_metric_new(struct work *w, struct bytes raw);
void work_metric_open(struct work *w, struct work_metric *m);
struct work_metric *work_metric_copy(struct work *w, const struct work_metric *m); /* opened, without points */
void work_metric_add(struct work *w, struct work_metric *m, struct work_point *p);
struct work_point *work_point_copy(struct work *w, const struct work_point *p);
struct attribute_pair *work_point_find(const struct work_point *p, struct bytes key);
void work_point_set(struct work *w, struct work_point *p, struct bytes key, struct bytes value);
void work_point_remove(struct work_point *p, struct bytes key);

/* The transform's name and operations, on one metric that it matches. False: its last point went. */
bool transform_apply(const struct metric_transform *t, struct work *w, struct work_metric *m);

/* Merge points that have the same attributes and time. */
void work_metric_merge(struct work *w, struct work_metric *m, enum aggregation how);

/* Why the metrics cannot be one; NULL: they can. n > 0. */
const char *work_metrics_misfit(struct work_metric *const *metrics, size_t n);

#endif
