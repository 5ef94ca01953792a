/* SPDX-License-Identifier: Apache-2.0 */
/* The oldest style of the filter says what to keep by include and exclude. They are brought into the form of
 * otlp/match.h, which the other processors use for the same. */
#include "processor/filter/filter_config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "WARN2" is 14, as is "14"; 0: it is none. */
static int64_t severity_of(const char *name)
{
    static const char *const names[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };
    char *end;
    long n = strtol(name, &end, 10);

    if (end != name)
        return *end == '\0' && isdigit((unsigned char)*name) && n >= 1 && n <= 24 ? n : 0;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i]);

        if (strncasecmp(name, names[i], len) != 0)
            continue;
        if (name[len] == '\0')
            return i * 4 + 1;
        if (name[len] >= '2' && name[len] <= '4' && name[len + 1] == '\0')
            return (int64_t)i * 4 + (name[len] - '0');
    }
    return 0;
}

static struct match_config metric_match(const struct filter_metric_match *m)
{
    return (struct match_config){ .on = m->on && (m->metric_names.n > 0 || m->resource_attributes.n > 0),
                                  .match_type = m->match_type,
                                  .metric_names = m->metric_names,
                                  .resources = m->resource_attributes };
}

static struct match_config log_match(const struct filter_log_match *m)
{
    struct match_config c = { .match_type = m->match_type,
                              .log_bodies = m->bodies,
                              .log_severity_texts = m->severity_texts,
                              .attributes = m->record_attributes,
                              .resources = m->resource_attributes };

    if (m->severity_number.on)
        c.log_severity_number =
            (struct match_severity){ true, m->severity_number.min != NULL ? severity_of(m->severity_number.min) : 0,
                                     m->severity_number.match_undefined };
    c.on = m->on && (c.log_bodies.n > 0 || c.log_severity_texts.n > 0 || c.attributes.n > 0 || c.resources.n > 0 ||
                     m->severity_number.on);
    return c;
}

static void check_log_match(const struct filter_log_match *m, const char *path, struct check *ck)
{
    struct match_config c = log_match(m);
    char at[64];

    if (m->on && m->severity_number.on && m->severity_number.min != NULL && severity_of(m->severity_number.min) == 0) {
        snprintf(at, sizeof(at), "%s::severity_number::min", path);
        check_fail(ck, at,
                   "a severity is TRACE, DEBUG, INFO, WARN, ERROR or FATAL, with 2 to 4 behind it or not, or \"1\" "
                   "to \"24\"");
    }
    if (c.on)
        match_check(&c, SIGNAL_LOGS, path, ck);
}

static void check_metric_match(const struct filter_metric_match *m, const char *path, struct check *ck)
{
    struct match_config c = metric_match(m);

    if (c.on)
        match_check(&c, SIGNAL_METRICS, path, ck);
}

void filter_check_matches(const struct filter_config *c, struct check *ck)
{
    if (c->spans.include.on)
        match_check(&c->spans.include, SIGNAL_TRACES, "spans::include", ck);
    if (c->spans.exclude.on)
        match_check(&c->spans.exclude, SIGNAL_TRACES, "spans::exclude", ck);
    check_metric_match(&c->metrics.include, "metrics::include", ck);
    check_metric_match(&c->metrics.exclude, "metrics::exclude", ck);
    check_log_match(&c->logs.include, "logs::include", ck);
    check_log_match(&c->logs.exclude, "logs::exclude", ck);
}

/* Of an exclude of metrics each property does by itself. */
static void select_metrics(const struct filter_metrics *m, struct selection *made[FILTER_SELECTIONS])
{
    static const struct match_config off;
    struct match_config include = metric_match(&m->include), names = metric_match(&m->exclude), resources = names;

    names.resources.n = 0;
    names.on &= names.metric_names.n > 0;
    resources.metric_names.n = 0;
    resources.on &= resources.resources.n > 0;
    if (include.on)
        made[0] = selection_new(&include, &off, SIGNAL_METRICS);
    if (names.on)
        made[1] = selection_new(&off, &names, SIGNAL_METRICS);
    if (resources.on)
        made[2] = selection_new(&off, &resources, SIGNAL_METRICS);
}

void filter_selections(const struct filter_config *c, enum signal signal, struct selection *made[FILTER_SELECTIONS])
{
    struct match_config include = c->spans.include, exclude = c->spans.exclude;

    memset(made, 0, FILTER_SELECTIONS * sizeof(*made));
    if (signal == SIGNAL_PROFILES)
        return; /* came later than this style */
    if (signal == SIGNAL_METRICS) {
        select_metrics(&c->metrics, made);
        return;
    }
    if (signal == SIGNAL_LOGS) {
        include = log_match(&c->logs.include);
        exclude = log_match(&c->logs.exclude);
    }
    if (include.on || exclude.on)
        made[0] = selection_new(&include, &exclude, signal);
}
