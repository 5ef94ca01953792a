/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of the filter processor, in the three styles that it has had. */
#ifndef PROCESSOR_FILTER_FILTER_CONFIG_H
#define PROCESSOR_FILTER_FILTER_CONFIG_H

#include "otlp/match.h"
#include "pipeline/statement_list.h"

struct filter_metric_match {
    bool on;
    const char *match_type;
    struct match_regexp regexp;
    struct strings metric_names;
    struct option_list resource_attributes; /* of struct match_attribute */
};

struct filter_severity {
    bool on;
    const char *min;
    bool match_undefined;
};

struct filter_log_match {
    bool on;
    const char *match_type;
    struct option_list resource_attributes, record_attributes; /* of struct match_attribute */
    struct strings severity_texts, bodies;
    struct filter_severity severity_number;
};

struct filter_spans {
    struct match_config include, exclude;
};

struct filter_traces {
    struct strings resource, span, spanevent;
};

struct filter_metrics {
    struct filter_metric_match include, exclude;
    struct match_regexp regexp;
    struct strings resource, metric, datapoint;
};

struct filter_logs {
    struct filter_log_match include, exclude;
    struct strings resource, log_record;
};

struct filter_profiles {
    struct strings resource, profile;
};

struct filter_config {
    int error_mode;
    const struct yaml_node *trace_conditions, *metric_conditions, *log_conditions, *profile_conditions;
    struct filter_spans spans;
    struct filter_traces traces;
    struct filter_metrics metrics;
    struct filter_logs logs;
    struct filter_profiles profiles;
};

extern const struct option filter_options[];

void filter_check(const void *config, struct check *ck);

/* What is wrong with includes and excludes. */
void filter_check_matches(const struct filter_config *c, struct check *ck);

/* Every condition for this signal, in whatever style it is written. With `ck` what is no condition is reported. */
void filter_gather(const struct filter_config *c, enum signal signal, struct check *ck,
                   void (*take)(void *arg, const struct statement_text *t), void *arg);

/* The oldest style: what is kept of this signal, NULL: all. Up to FILTER_SELECTIONS; an item that one of them leaves
 * out is dropped. Of metrics an exclude by name and one by resource are two. */
#define FILTER_SELECTIONS 3u
void filter_selections(const struct filter_config *c, enum signal signal, struct selection *made[FILTER_SELECTIONS]);

#endif
