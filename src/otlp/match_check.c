/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an include or exclude block, found when the configuration is read: the type of match, then whether
 * there is anything to match by and whether all of it is of the signal, then list by list what stands in it; with
 * match_type: regexp each text has to compile.
 *
 * Each fault is told at its own element, and the check goes on. The words are the Go collector's. */
#include "codec/regex.h"
#include "config/check_path.h"
#include "config/yaml.h"
#include "otlp/match.h"

#include <stdio.h>
#include <string.h>

struct checking {
    struct check_path at;
    const struct match_config *c;
    bool regexp;
};

static void check_pattern(const struct checking *k, const char *key, const char *pattern)
{
    struct error err;
    struct regex *r = regex_new(pattern, &err);

    if (r == NULL)
        check_path_fail(&k->at, key, "%s", err.text);
    regex_free(r);
}

static void check_texts(const struct checking *k, const char *key, const struct strings *s)
{
    for (size_t i = 0; k->regexp && i < s->n; i++) {
        char element[128];

        snprintf(element, sizeof(element), "%s::%zu", key, i);
        check_pattern(k, element, s->v[i]);
    }
}

static bool is_string(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && (yaml_type(n) == YAML_STR || yaml_type(n) == YAML_TIME);
}

static void check_attributes(const struct checking *k, const char *key, const struct option_list *list)
{
    const struct match_attribute *a = list->v;

    for (size_t i = 0; i < list->n; i++) {
        char element[128];

        if (a[i].key == NULL || a[i].key[0] == '\0') {
            snprintf(element, sizeof(element), "%s::%zu::key", key, i);
            check_path_fail(&k->at, element, "can't have empty key in the list of attributes");
        }
        if (!k->regexp || a[i].value == NULL || a[i].value->kind == YAML_NULL)
            continue;
        snprintf(element, sizeof(element), "%s::%zu::value", key, i);
        if (is_string(a[i].value))
            check_pattern(k, element, a[i].value->text);
        else
            check_path_fail(&k->at, element, "match_type: regexp wants a string here; put the pattern in quotes");
    }
}

static void check_libraries(const struct checking *k)
{
    const struct match_library *l = k->c->libraries.v;

    for (size_t i = 0; i < k->c->libraries.n; i++) {
        char element[128];

        snprintf(element, sizeof(element), "libraries::%zu::version", i);
        if (l[i].version != NULL && l[i].version->kind > YAML_SCALAR)
            check_path_fail(&k->at, element, "expected a string");
        else if (k->regexp && l[i].version != NULL && l[i].version->kind == YAML_SCALAR)
            check_pattern(k, element, l[i].version->text);
        snprintf(element, sizeof(element), "libraries::%zu::name", i);
        if (k->regexp && l[i].name != NULL)
            check_pattern(k, element, l[i].name);
    }
}

static void check_kinds(const struct checking *k)
{
    static const char *const known[] = { "SPAN_KIND_CLIENT", "SPAN_KIND_CONSUMER", "SPAN_KIND_INTERNAL",
                                         "SPAN_KIND_PRODUCER", "SPAN_KIND_SERVER" };

    for (size_t i = 0; !k->regexp && i < k->c->span_kinds.n; i++) {
        char element[64];
        bool found = false;

        for (size_t n = 0; n < ARRAY_LEN(known); n++)
            found |= strcmp(known[n], k->c->span_kinds.v[i]) == 0;
        snprintf(element, sizeof(element), "span_kinds::%zu", i);
        if (!found)
            check_path_fail(
                &k->at, element,
                "span_kinds string must match one of the standard span kinds when match_type=strict: "
                "[SPAN_KIND_CLIENT SPAN_KIND_CONSUMER SPAN_KIND_INTERNAL SPAN_KIND_PRODUCER SPAN_KIND_SERVER]");
    }
}

/* Properties that say nothing about the signal. */
static void check_strange(const struct checking *k, enum signal signal)
{
    const struct match_config *c = k->c;
    const struct {
        const char *key;
        bool given;
        uint32_t signals;
    } keys[] = {
        { "services", c->services.n > 0, SIGNAL_BIT(SIGNAL_TRACES) },
        { "span_names", c->span_names.n > 0, SIGNAL_BIT(SIGNAL_TRACES) },
        { "span_kinds", c->span_kinds.n > 0, SIGNAL_BIT(SIGNAL_TRACES) },
        { "log_bodies", c->log_bodies.n > 0, SIGNAL_BIT(SIGNAL_LOGS) },
        { "log_severity_texts", c->log_severity_texts.n > 0, SIGNAL_BIT(SIGNAL_LOGS) },
        { "log_severity_number", c->log_severity_number.on, SIGNAL_BIT(SIGNAL_LOGS) },
        { "metric_names", c->metric_names.n > 0, SIGNAL_BIT(SIGNAL_METRICS) },
        { "attributes", c->attributes.n > 0, SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_LOGS) },
        { "libraries", c->libraries.n > 0, SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_LOGS) },
    };
    static const char *const words[] = { "trace spans", "metrics", "log records" };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].given && (keys[i].signals & SIGNAL_BIT(signal)) == 0)
            check_path_fail(&k->at, keys[i].key, "%s should not be specified for %s", keys[i].key, words[signal]);
}

static void check_some(const struct checking *k, enum signal signal)
{
    static const char *const texts[] = {
        "at least one of services, span_names, span_kinds, attributes, libraries or resources must be specified",
        "at least one of metric_names or resources must be specified",
        "at least one of attributes, libraries, resources, log_bodies, log_severity_texts or log_severity_number must "
        "be "
        "specified",
    };
    const struct match_config *c = k->c;

    if (c->services.n + c->span_names.n + c->span_kinds.n + c->log_bodies.n + c->log_severity_texts.n +
                c->metric_names.n + c->attributes.n + c->resources.n + c->libraries.n ==
            0 &&
        !c->log_severity_number.on)
        check_path_fail(&k->at, "", "%s", texts[signal]);
}

void match_check(const struct match_config *c, enum signal signal, const char *path, struct check *ck)
{
    const char *type = c->match_type != NULL ? c->match_type : "";
    struct checking k = { .at = { .ck = ck }, .c = c, .regexp = strcmp(type, "regexp") == 0 };

    if (!c->on)
        return;
    snprintf(k.at.path, sizeof(k.at.path), "%s", path);
    if (!k.regexp && strcmp(type, "strict") != 0)
        check_path_fail(&k.at, "match_type", "unrecognized match_type: write strict or regexp");
    check_some(&k, signal);
    check_strange(&k, signal);
    check_kinds(&k);
    check_texts(&k, "services", &c->services);
    check_texts(&k, "span_names", &c->span_names);
    check_texts(&k, "span_kinds", &c->span_kinds);
    check_texts(&k, "log_bodies", &c->log_bodies);
    check_texts(&k, "log_severity_texts", &c->log_severity_texts);
    check_texts(&k, "metric_names", &c->metric_names);
    check_attributes(&k, "attributes", &c->attributes);
    check_attributes(&k, "resources", &c->resources);
    check_libraries(&k);
}
