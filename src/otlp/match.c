/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration is compiled once: sets of texts or patterns, values that are wanted, what items are asked for. Then
 * each resource is asked about, each scope, each item, and the answers above make those below short: YES and NO end
 * it, MAYBE goes on. Include and exclude are two such matches; an item is selected when the first says yes and the
 * second no. What is missing is the empty text, or <nil-service-name>, as in the Go collector. */
#include "otlp/match.h"

#include "base/mem.h"
#include "codec/regex_steps.h"
#include "config/yaml.h"
#include "otlp/any_value.h"
#include "otlp/text/any_value_yaml.h"
#include "otlp/view.h"

#include <assert.h>
#include <stdlib.h>

#define NO_SERVICE "<nil-service-name>" /* what the Go collector takes for a resource without service.name */

static const struct option attribute_rows[] = {
    OPT_STRING(struct match_attribute, key, NULL, "Name of the attribute."),
    OPT_ANY(struct match_attribute, value, "Its value, of the same type (strict), or a pattern for its text (regexp)."),
    OPT_END,
};

static const struct option library_rows[] = {
    OPT_STRING(struct match_library, name, NULL, "Name of the instrumentation scope."),
    OPT_ANY(struct match_library, version, "Its version; without this key any."),
    OPT_END,
};

static const struct option severity_rows[] = {
    OPT_INT(struct match_severity, min, "0", NULL, NULL, "The lowest severity number that matches."),
    OPT_BOOL(struct match_severity, match_undefined, "false", "Records without severity number match too."),
    OPT_END,
};

static const struct option regexp_rows[] = {
    OPT_BOOL(struct match_regexp, cacheenabled, "false", "Has no effect here: a pattern keeps what it has found out."),
    OPT_UINT(struct match_regexp, cachemaxnumentries, "0", NULL, NULL, "The same."),
    OPT_END,
};

const struct option match_rows[] = {
    OPT_STRING(struct match_config, match_type, NULL, "strict (equal) or regexp (a match anywhere)."),
    OPT_GROUP(struct match_config, regexp, struct match_regexp, regexp_rows, GROUP_NONE,
              "The Go collector's cache of patterns."),
    OPT_STRINGS(struct match_config, services, NULL, "service.name of the resource. Spans."),
    OPT_STRINGS(struct match_config, span_names, NULL, "Span names."),
    OPT_STRINGS(struct match_config, span_kinds, NULL, "Span kinds: SPAN_KIND_SERVER and so on."),
    OPT_STRINGS(struct match_config, log_bodies, NULL, "Log bodies that are strings."),
    OPT_STRINGS(struct match_config, log_severity_texts, NULL, "Severity texts of log records."),
    OPT_GROUP(struct match_config, log_severity_number, struct match_severity, severity_rows, GROUP_NONE,
              "Severity number of log records."),
    OPT_STRINGS(struct match_config, metric_names, NULL, "Metric names."),
    OPT_LIST(struct match_config, attributes, struct match_attribute, attribute_rows,
             "Attributes of the span or log record; all must match."),
    OPT_LIST(struct match_config, resources, struct match_attribute, attribute_rows,
             "Attributes of the resource; all must match."),
    OPT_LIST(struct match_config, libraries, struct match_library, library_rows,
             "Instrumentation scopes. Spans, logs."),
    OPT_END,
};

/* ---- compiled ---- */

/* Texts, or patterns of texts, of which one must match. */
struct text_set {
    bool given;
    size_t n;
    struct bytes *texts;
    struct regex **patterns; /* NULL: strict */
};

struct wanted {
    struct bytes key;
    bool any;
    struct buf value_bytes;
    struct value value;
    struct regex *pattern;
};

struct wanted_list {
    size_t n;
    struct wanted *v;
};

struct library {
    struct text_set name, version;
};

enum answer { NO, YES, MAYBE };

struct match {
    enum signal signal;
    struct text_set services, names, kinds, bodies, severity_texts;
    bool severity, match_undefined;
    int64_t min;
    struct wanted_list attributes, resources;
    size_t n_libraries;
    struct library *libraries;
    struct buf text; /* of an attribute that is no string */
    enum answer above;
    struct regex_meter *meter; /* the selection's */
    bool excludes;
};

struct selection {
    struct match *include, *exclude;
    struct regex_meter meter; /* of what is asked about now */
};

/* match_check() has seen to it that they all compile. */
static struct regex *compile_checked(const char *pattern)
{
    struct regex *r = regex_new(pattern, NULL);

    assert(r != NULL);
    return r;
}

static void text_set_init(struct text_set *set, const char *const *v, size_t n, bool regexp)
{
    *set = (struct text_set){ .given = n > 0, .n = n };
    set->texts = mem_zalloc((n + 1) * sizeof(*set->texts));
    if (regexp)
        set->patterns = mem_zalloc((n + 1) * sizeof(struct regex *));
    for (size_t i = 0; i < n; i++) {
        set->texts[i] = bytes_str(v[i]);
        if (regexp)
            set->patterns[i] = compile_checked(v[i]);
    }
}

static void text_set_free(struct text_set *set)
{
    for (size_t i = 0; set->patterns != NULL && i < set->n; i++)
        regex_free(set->patterns[i]);
    free(set->patterns);
    free(set->texts);
}

static bool text_set_has(struct match *m, const struct text_set *set, struct bytes text)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->patterns != NULL ? regex_meter_search(m->meter, set->patterns[i], text)
                                  : bytes_equal(set->texts[i], text))
            return true;
    return !set->given;
}

static void wanted_init(struct wanted_list *list, const struct option_list *rows, bool regexp)
{
    const struct match_attribute *a = rows->v;

    list->n = rows->n;
    list->v = mem_zalloc((rows->n + 1) * sizeof(*list->v));
    for (size_t i = 0; i < rows->n; i++) {
        struct wanted *w = &list->v[i];

        w->key = bytes_str(a[i].key);
        w->any = a[i].value == NULL || a[i].value->kind == YAML_NULL;
        if (!w->any && regexp)
            w->pattern = compile_checked(a[i].value->text);
        else if (!w->any)
            any_value_from_yaml(&w->value_bytes, a[i].value);
        w->value = value_read(buf_bytes(&w->value_bytes));
    }
}

static void wanted_free(struct wanted_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_free(&list->v[i].value_bytes);
        regex_free(list->v[i].pattern);
    }
    free(list->v);
}

static void libraries_init(struct match *m, const struct option_list *rows, bool regexp)
{
    const struct match_library *l = rows->v;

    m->n_libraries = rows->n;
    m->libraries = mem_zalloc((rows->n + 1) * sizeof(*m->libraries));
    for (size_t i = 0; i < rows->n; i++) {
        const char *name = l[i].name != NULL ? l[i].name : "";

        text_set_init(&m->libraries[i].name, &name, 1, regexp);
        if (l[i].version != NULL && l[i].version->kind == YAML_SCALAR)
            text_set_init(&m->libraries[i].version, &l[i].version->text, 1, regexp);
    }
}

static struct match *match_new(const struct match_config *c, enum signal signal)
{
    bool regexp = strcmp(c->match_type, "regexp") == 0;
    const struct strings *names = signal == SIGNAL_METRICS ? &c->metric_names : &c->span_names;
    struct match *m = mem_zalloc(sizeof(*m));

    m->signal = signal;
    text_set_init(&m->services, c->services.v, c->services.n, regexp);
    text_set_init(&m->names, names->v, names->n, regexp);
    text_set_init(&m->kinds, c->span_kinds.v, c->span_kinds.n, regexp);
    text_set_init(&m->bodies, c->log_bodies.v, c->log_bodies.n, regexp);
    text_set_init(&m->severity_texts, c->log_severity_texts.v, c->log_severity_texts.n, regexp);
    m->severity = c->log_severity_number.on;
    m->match_undefined = c->log_severity_number.match_undefined;
    m->min = c->log_severity_number.min;
    wanted_init(&m->attributes, &c->attributes, regexp);
    wanted_init(&m->resources, &c->resources, regexp);
    libraries_init(m, &c->libraries, regexp);
    return m;
}

static void match_free(struct match *m)
{
    if (m == NULL)
        return;
    text_set_free(&m->services);
    text_set_free(&m->names);
    text_set_free(&m->kinds);
    text_set_free(&m->bodies);
    text_set_free(&m->severity_texts);
    wanted_free(&m->attributes);
    wanted_free(&m->resources);
    for (size_t i = 0; i < m->n_libraries; i++) {
        text_set_free(&m->libraries[i].name);
        text_set_free(&m->libraries[i].version);
    }
    free(m->libraries);
    buf_free(&m->text);
    free(m);
}

/* ---- asked ---- */

static struct bytes text_of(struct match *m, struct bytes any_value)
{
    m->text.len = 0;
    any_value_put(&m->text, any_value);
    return buf_bytes(&m->text);
}

static bool wanted_is(struct match *m, const struct wanted *w, struct bytes any_value)
{
    struct value v;

    if (w->any)
        return true;
    v = value_read(any_value);
    if (w->pattern == NULL)
        return value_equal(&w->value, &v);
    if (v.type == VALUE_STRING)
        return regex_meter_search(m->meter, w->pattern, v.bytes);
    if (v.type != VALUE_BOOL && v.type != VALUE_INT && v.type != VALUE_DOUBLE)
        return false; /* as in the Go collector: no pattern matches a list */
    return regex_meter_search(m->meter, w->pattern, text_of(m, any_value));
}

static bool has_all(struct match *m, const struct wanted_list *list, struct bytes message, uint32_t number)
{
    struct bytes value;

    for (size_t i = 0; i < list->n; i++)
        if (!attribute_find(message, number, list->v[i].key, &value) || !wanted_is(m, &list->v[i], value))
            return false;
    return true;
}

static bool asks_items(const struct match *m)
{
    return m->names.given || m->kinds.given || m->bodies.given || m->severity_texts.given || m->severity ||
           m->attributes.n > 0;
}

static bool is_of_service(struct match *m, struct bytes resource)
{
    struct bytes any;
    struct value v;

    if (!m->services.given)
        return true;
    if (!attribute_find(resource, OTLP_RESOURCE_ATTRIBUTES, bytes_str("service.name"), &any))
        return text_set_has(m, &m->services, bytes_str(NO_SERVICE));
    v = value_read(any);
    return text_set_has(m, &m->services, v.type == VALUE_STRING ? v.bytes : text_of(m, any));
}

/* What could not be looked at, for want of steps, is included, and not excluded. */
static bool match_holds(const struct match *m, bool matches)
{
    return m->meter->over ? !m->excludes : matches;
}

static enum answer ask_resource(struct match *m, struct bytes resource)
{
    if (!match_holds(m, is_of_service(m, resource) && has_all(m, &m->resources, resource, OTLP_RESOURCE_ATTRIBUTES)))
        return m->above = NO;
    return m->above = m->n_libraries > 0 || asks_items(m) ? MAYBE : YES;
}

static enum answer ask_scope(struct match *m, struct bytes scope)
{
    struct scope_view v = scope_view(scope);
    bool all = true;

    if (m->above != MAYBE)
        return m->above;
    for (size_t i = 0; i < m->n_libraries && all; i++)
        all = text_set_has(m, &m->libraries[i].name, v.name) && text_set_has(m, &m->libraries[i].version, v.version);
    if (!match_holds(m, all))
        return NO;
    return asks_items(m) ? MAYBE : YES;
}

static const char *kind_name(uint64_t kind)
{
    static const char *const names[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                         "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };

    return kind < ARRAY_LEN(names) ? names[kind] : "";
}

static bool is_span(struct match *m, struct bytes span)
{
    if (m->names.given || m->kinds.given) {
        struct span_view v = span_view(span);

        if (!text_set_has(m, &m->names, v.name) ||
            (m->kinds.given && !text_set_has(m, &m->kinds, bytes_str(kind_name(v.kind)))))
            return false;
    }
    return has_all(m, &m->attributes, span, OTLP_SPAN_ATTRIBUTES);
}

static bool is_log(struct match *m, struct bytes record)
{
    struct pb_reader r = pb_reader(record);
    struct bytes text = { NULL, 0 }, body = { NULL, 0 };
    int64_t severity = 0;
    struct value v;

    for (struct pb_field f; pb_next(&r, &f);) { /* three of its fields: a view costs more */
        if (f.number == OTLP_LOG_SEVERITY_NUMBER && f.wire == PB_VARINT)
            severity = (int32_t)f.u64;
        else if (f.number == OTLP_LOG_SEVERITY_TEXT && f.wire == PB_LEN)
            text = f.bytes;
        else if (f.number == OTLP_LOG_BODY && f.wire == PB_LEN)
            body = f.bytes;
    }
    v = value_read(body);
    if (m->bodies.given && !text_set_has(m, &m->bodies, v.type == VALUE_STRING ? v.bytes : text_of(m, body)))
        return false;
    if (m->severity && (severity == 0 ? !m->match_undefined : severity < m->min))
        return false;
    return text_set_has(m, &m->severity_texts, text) && has_all(m, &m->attributes, record, OTLP_LOG_ATTRIBUTES);
}

static bool is_metric(struct match *m, struct bytes metric)
{
    return text_set_has(m, &m->names, metric_view(metric).name);
}

static bool ask_item(struct match *m, struct bytes item)
{
    switch (m->signal) {
    case SIGNAL_TRACES:
        return match_holds(m, is_span(m, item));
    case SIGNAL_LOGS:
        return match_holds(m, is_log(m, item));
    default:
        return match_holds(m, is_metric(m, item));
    }
}

/* ---- include and exclude together ---- */

struct selection *selection_new(const struct match_config *include, const struct match_config *exclude,
                                enum signal signal)
{
    struct selection *s = mem_zalloc(sizeof(*s));

    s->include = include->on ? match_new(include, signal) : NULL;
    s->exclude = exclude->on ? match_new(exclude, signal) : NULL;
    if (s->include != NULL)
        s->include->meter = &s->meter;
    if (s->exclude != NULL) {
        s->exclude->meter = &s->meter;
        s->exclude->excludes = true;
    }
    return s;
}

void selection_free(struct selection *s)
{
    if (s == NULL)
        return;
    match_free(s->include);
    match_free(s->exclude);
    free(s);
}

static enum selected selected_by(enum answer included, enum answer excluded)
{
    if (included == NO || excluded == YES)
        return SELECTED_NONE;
    return included == YES && excluded == NO ? SELECTED_ALL : SELECTED_SOME;
}

const struct regex_meter *selection_meter(const struct selection *s)
{
    return &s->meter;
}

enum selected selection_resource(struct selection *s, struct bytes resource)
{
    regex_meter_begin(&s->meter);
    return selected_by(s->include != NULL ? ask_resource(s->include, resource) : YES,
                       s->exclude != NULL ? ask_resource(s->exclude, resource) : NO);
}

enum selected selection_scope(struct selection *s, struct bytes scope)
{
    regex_meter_begin(&s->meter);
    return selected_by(s->include != NULL ? ask_scope(s->include, scope) : YES,
                       s->exclude != NULL ? ask_scope(s->exclude, scope) : NO);
}

bool selection_item(struct selection *s, struct bytes item)
{
    regex_meter_begin(&s->meter);
    if (s->include != NULL && s->include->above != YES && !ask_item(s->include, item))
        return false;
    return s->exclude == NULL || s->exclude->above == NO || (s->exclude->above == MAYBE && !ask_item(s->exclude, item));
}
