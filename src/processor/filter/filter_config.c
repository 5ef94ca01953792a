/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions come in lists of texts, each about a context of its own, in groups with a context for all, or under the
 * keys of their contexts. All of them become the same texts with a context; what is wrong with the shape of a list is
 * told where it stands, and then each text is checked. */
#include "processor/filter/filter_config.h"

#include "config/yaml.h"

#include <stdio.h>
#include <string.h>

/* ---- rows ---- */

static const struct option match_attribute_options[] = {
    OPT_STRING(struct match_attribute, key, NULL, "The attribute's key."),
    OPT_ANY(struct match_attribute, value, "Its value, or with regexp a pattern. Without one any value will do."),
    OPT_END,
};

static const struct option match_regexp_options[] = {
    OPT_BOOL(struct match_regexp, cacheenabled, "false", "Has no effect here: patterns need no cache."),
    OPT_UINT(struct match_regexp, cachemaxnumentries, "0", NULL, NULL, "Has no effect here."),
    OPT_END,
};

static const struct option metric_match_options[] = {
    OPT_STRING(struct filter_metric_match, match_type, NULL, "strict or regexp."),
    OPT_GROUP(struct filter_metric_match, regexp, struct match_regexp, match_regexp_options, GROUP_NONE,
              "Has no effect here."),
    OPT_STRINGS(struct filter_metric_match, metric_names, NULL, "Names, or patterns of them."),
    OPT_LIST(struct filter_metric_match, resource_attributes, struct match_attribute, match_attribute_options,
             "Attributes of the resource that must all be there."),
    OPT_REFUSED("expressions", "write the expression as a condition under metrics::datapoint"),
    OPT_END,
};

static const struct option severity_options[] = {
    OPT_STRING(struct filter_severity, min, NULL, "The least severity: INFO, WARN2, \"9\" ..."),
    OPT_BOOL(struct filter_severity, match_undefined, "false", "Records without a severity match too."),
    OPT_END,
};

static const struct option log_match_options[] = {
    OPT_STRING(struct filter_log_match, match_type, NULL, "strict or regexp."),
    OPT_LIST(struct filter_log_match, resource_attributes, struct match_attribute, match_attribute_options,
             "Attributes of the resource that must all be there."),
    OPT_LIST(struct filter_log_match, record_attributes, struct match_attribute, match_attribute_options,
             "Attributes of the record that must all be there."),
    OPT_STRINGS(struct filter_log_match, severity_texts, NULL, "Texts of the severity, or patterns of them."),
    OPT_GROUP(struct filter_log_match, severity_number, struct filter_severity, severity_options, GROUP_NONE,
              "Severities from this one on."),
    OPT_STRINGS(struct filter_log_match, bodies, NULL, "Bodies that are strings, or patterns of them."),
    OPT_END,
};

static const struct option spans_options[] = {
    OPT_GROUP(struct filter_spans, include, struct match_config, match_rows, GROUP_NONE,
              "Spans without these properties are dropped."),
    OPT_GROUP(struct filter_spans, exclude, struct match_config, match_rows, GROUP_NONE,
              "Spans with these properties are dropped."),
    OPT_END,
};

static const struct option traces_options[] = {
    OPT_STRINGS(struct filter_traces, resource, NULL, "Conditions; a resource for which one is true is dropped."),
    OPT_STRINGS(struct filter_traces, span, NULL, "The same for spans."),
    OPT_STRINGS(struct filter_traces, spanevent, NULL, "The same for events of spans; the span stays."),
    OPT_END,
};

static const struct option metrics_options[] = {
    OPT_GROUP(struct filter_metrics, include, struct filter_metric_match, metric_match_options, GROUP_NONE,
              "Metrics without these properties are dropped."),
    OPT_GROUP(struct filter_metrics, exclude, struct filter_metric_match, metric_match_options, GROUP_NONE,
              "Metrics with these properties are dropped."),
    OPT_GROUP(struct filter_metrics, regexp, struct match_regexp, match_regexp_options, GROUP_NONE,
              "Has no effect here."),
    OPT_STRINGS(struct filter_metrics, resource, NULL, "Conditions; a resource for which one is true is dropped."),
    OPT_STRINGS(struct filter_metrics, metric, NULL, "The same for metrics."),
    OPT_STRINGS(struct filter_metrics, datapoint, NULL, "The same for data points."),
    OPT_END,
};

static const struct option logs_options[] = {
    OPT_GROUP(struct filter_logs, include, struct filter_log_match, log_match_options, GROUP_NONE,
              "Log records without these properties are dropped."),
    OPT_GROUP(struct filter_logs, exclude, struct filter_log_match, log_match_options, GROUP_NONE,
              "Log records with these properties are dropped."),
    OPT_STRINGS(struct filter_logs, resource, NULL, "Conditions; a resource for which one is true is dropped."),
    OPT_STRINGS(struct filter_logs, log_record, NULL, "The same for log records."),
    OPT_END,
};

static const struct option profiles_options[] = {
    OPT_STRINGS(struct filter_profiles, resource, NULL, "Conditions; a resource for which one is true is dropped."),
    OPT_STRINGS(struct filter_profiles, profile, NULL, "The same for profiles, with all their samples."),
    OPT_END,
};

#define CONDITIONS                                                                                                     \
    "Conditions, each with the context in front of its paths; or groups of {context, conditions, error_mode}. What "   \
    "one "                                                                                                             \
    "is true of is dropped, with all that is below."

const struct option filter_options[] = {
    ERROR_MODE_ROW(struct filter_config, "condition"),
    OPT_NODE(struct filter_config, trace_conditions, CONDITIONS),
    OPT_NODE(struct filter_config, metric_conditions, CONDITIONS),
    OPT_NODE(struct filter_config, log_conditions, CONDITIONS),
    OPT_NODE(struct filter_config, profile_conditions, CONDITIONS),
    OPT_GROUP(struct filter_config, spans, struct filter_spans, spans_options, GROUP_PLAIN, "The oldest style."),
    OPT_GROUP(struct filter_config, traces, struct filter_traces, traces_options, GROUP_PLAIN,
              "The older style: conditions by what they are about, where paths need no context."),
    OPT_GROUP(struct filter_config, metrics, struct filter_metrics, metrics_options, GROUP_PLAIN, "Likewise."),
    OPT_GROUP(struct filter_config, logs, struct filter_logs, logs_options, GROUP_PLAIN, "Likewise."),
    OPT_GROUP(struct filter_config, profiles, struct filter_profiles, profiles_options, GROUP_PLAIN, "Likewise."),
    OPT_END,
};

/* ---- conditions ---- */

struct gathering {
    enum signal signal;
    struct check *ck; /* NULL: nothing is reported, for it has been */
    void (*take)(void *arg, const struct statement_text *t);
    void *arg;
    int errors;
};

static void report_fault(const struct gathering *g, const char *path, const char *text)
{
    if (g->ck != NULL)
        check_fail(g->ck, path, "%s", text);
}

/* A text without a context of its group: its paths say it. */
static void take_inferred(const struct gathering *g, const char *path, const char *text, int errors)
{
    struct ottl_fault fault;
    enum ottl_context context = ottl_infer(&text, 1, statement_contexts[g->signal], &fault);
    struct statement_text t = { path, text, { context, false }, true, errors };

    if (context == OTTL_CONTEXTS)
        report_fault(g, path, fault.text);
    else
        g->take(g->arg, &t);
}

static void take_group(const struct gathering *g, const char *path, const struct yaml_node *node)
{
    struct statement_group group;
    char at[160];

    if (!statement_group_read(&group, node, path, statement_contexts[g->signal], g->ck))
        return;
    if (group.errors < 0)
        group.errors = g->errors;
    for (size_t i = 0; i < group.conditions.n; i++) {
        struct statement_text t = { at, group.conditions.v[i], { group.context, true }, true, group.errors };

        snprintf(at, sizeof(at), "%s::conditions::%zu", path, i);
        if (group.context == OTTL_CONTEXTS)
            take_inferred(g, at, t.text, group.errors);
        else
            g->take(g->arg, &t);
    }
    statement_group_free(&group);
}

static void gather_list(const struct gathering *g, const char *key, const struct yaml_node *list)
{
    char at[64];

    if (list == NULL || list->kind == YAML_NULL)
        return;
    if (list->kind != YAML_LIST) {
        report_fault(g, key, "a list of conditions is wanted here");
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *n = list->items[i];

        snprintf(at, sizeof(at), "%s::%zu", key, i);
        if ((n->kind == YAML_MAP) != (list->items[0]->kind == YAML_MAP))
            report_fault(g, at, "conditions and groups of them cannot stand in one list");
        else if (n->kind == YAML_MAP)
            take_group(g, at, n);
        else if (statement_is_text(n))
            take_inferred(g, at, n->text, g->errors);
        else
            report_fault(g, at, "a condition is a text: put it in quotes");
    }
}

static void gather_strings(const struct gathering *g, const char *key, enum ottl_context context,
                           const struct strings *s)
{
    char at[64];

    for (size_t i = 0; i < s->n; i++) {
        struct statement_text t = { at, s->v[i], { context, true }, true, g->errors };

        snprintf(at, sizeof(at), "%s::%zu", key, i);
        g->take(g->arg, &t);
    }
}

void filter_gather(const struct filter_config *c, enum signal signal, struct check *ck,
                   void (*take)(void *arg, const struct statement_text *t), void *arg)
{
    struct gathering g = { signal, ck, take, arg, c->error_mode };

    switch (signal) {
    case SIGNAL_TRACES:
        gather_list(&g, "trace_conditions", c->trace_conditions);
        gather_strings(&g, "traces::resource", OTTL_RESOURCE, &c->traces.resource);
        gather_strings(&g, "traces::span", OTTL_SPAN, &c->traces.span);
        gather_strings(&g, "traces::spanevent", OTTL_SPANEVENT, &c->traces.spanevent);
        break;
    case SIGNAL_METRICS:
        gather_list(&g, "metric_conditions", c->metric_conditions);
        gather_strings(&g, "metrics::resource", OTTL_RESOURCE, &c->metrics.resource);
        gather_strings(&g, "metrics::metric", OTTL_METRIC, &c->metrics.metric);
        gather_strings(&g, "metrics::datapoint", OTTL_DATAPOINT, &c->metrics.datapoint);
        break;
    case SIGNAL_PROFILES:
        gather_list(&g, "profile_conditions", c->profile_conditions);
        gather_strings(&g, "profiles::resource", OTTL_RESOURCE, &c->profiles.resource);
        gather_strings(&g, "profiles::profile", OTTL_PROFILE, &c->profiles.profile);
        break;
    default:
        gather_list(&g, "log_conditions", c->log_conditions);
        gather_strings(&g, "logs::resource", OTTL_RESOURCE, &c->logs.resource);
        gather_strings(&g, "logs::log_record", OTTL_LOG, &c->logs.log_record);
    }
}

/* ---- checks ---- */

static void check_text(void *arg, const struct statement_text *t)
{
    statement_check(t, arg);
}

struct styles {
    const char *key; /* of the conditions whose contexts are inferred */
    bool inferred, listed, matched;
};

static void check_styles(const struct styles *s, struct check *ck)
{
    if (s->inferred && (s->listed || s->matched))
        check_fail(ck, s->key,
                   "write all conditions here, or none: other styles of this signal cannot be mixed with it");
    else if (s->listed && s->matched)
        check_fail(ck, "", "include and exclude cannot be used together with conditions of the same signal");
}

void filter_check(const void *config, struct check *ck)
{
    const struct filter_config *c = config;
    const struct styles styles[] = {
        { "trace_conditions", c->trace_conditions != NULL,
          c->traces.resource.n + c->traces.span.n + c->traces.spanevent.n > 0,
          c->spans.include.on || c->spans.exclude.on },
        { "metric_conditions", c->metric_conditions != NULL,
          c->metrics.resource.n + c->metrics.metric.n + c->metrics.datapoint.n > 0,
          c->metrics.include.on || c->metrics.exclude.on },
        { "log_conditions", c->log_conditions != NULL, c->logs.resource.n + c->logs.log_record.n > 0,
          c->logs.include.on || c->logs.exclude.on },
        { "profile_conditions", c->profile_conditions != NULL, c->profiles.resource.n + c->profiles.profile.n > 0,
          false },
    };

    for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
        if (i == 0 && (styles[0].inferred || styles[0].listed) && styles[0].matched)
            check_fail(ck, "spans", "include and exclude cannot be used together with conditions of the same signal");
        else
            check_styles(&styles[i], ck);
    }
    filter_gather(c, SIGNAL_TRACES, ck, check_text, ck);
    filter_gather(c, SIGNAL_METRICS, ck, check_text, ck);
    filter_gather(c, SIGNAL_LOGS, ck, check_text, ck);
    filter_gather(c, SIGNAL_PROFILES, ck, check_text, ck);
    filter_check_matches(c, ck);
}
