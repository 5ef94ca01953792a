/* SPDX-License-Identifier: Apache-2.0 */
/* A section is a map from a metric's name to what it counts. The tree is read in the same way to be checked and to be
 * used. */
#include "config/yaml.h"
#include "connector/count/count.h"
#include "otlp/text/any_value_yaml.h"

#include <string.h>

static const struct section {
    const char *key, *name, *description;
    enum ottl_context context;
} sections[COUNT_SECTIONS] = {
    { "spans", "trace.span.count", "The number of spans observed.", OTTL_SPAN },
    { "spanevents", "trace.span.event.count", "The number of span events observed.", OTTL_SPANEVENT },
    { "metrics", "metric.count", "The number of metrics observed.", OTTL_METRIC },
    { "datapoints", "metric.datapoint.count", "The number of data points observed.", OTTL_DATAPOINT },
    { "logs", "log.record.count", "The number of log records observed.", OTTL_LOG },
};

struct list_reader {
    struct arena *arena;
    const struct section *section;
    bool sums;
    struct check *ck;
    char path[200]; /* of the metric */
};

static const struct yaml_node *tree_of(const struct count_config *c, enum count_section section)
{
    const struct yaml_node *const trees[] = { c->spans, c->spanevents, c->metrics, c->datapoints, c->logs };

    return trees[section];
}

__attribute__((format(printf, 3, 4))) static void report_fault(const struct list_reader *r, const char *key,
                                                               const char *fmt, ...)
{
    char at[256], text[600];
    va_list args;

    if (r->ck == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(at, sizeof(at), "%s%s%s", r->path, key[0] != '\0' ? "::" : "", key);
    check_fail(r->ck, at, "%s", text);
}

static const char *text_of(const struct list_reader *r, const struct yaml_node *n, const char *key)
{
    if (n == NULL || n->kind == YAML_NULL)
        return "";
    if (n->kind == YAML_SCALAR && yaml_type(n) == YAML_STR)
        return n->text;
    report_fault(r, key, "write a string, not %s", yaml_type_name(n));
    return "";
}

static size_t list_length(const struct list_reader *r, const struct yaml_node *n, const char *key)
{
    if (n == NULL || n->kind == YAML_NULL)
        return 0;
    if (n->kind != YAML_LIST)
        report_fault(r, key, "write a list, not %s", yaml_type_name(n));
    return n->kind == YAML_LIST ? n->n : 0;
}

static void read_conditions(const struct list_reader *r, struct counted_metric *m, const struct yaml_node *list)
{
    size_t n = list_length(r, list, "conditions");

    m->conditions = arena_zalloc(r->arena, (n + 1) * sizeof(struct ottl_program *));
    for (size_t i = 0; i < n; i++) {
        struct ottl_reading how = { r->section->context, .bare = true };
        struct ottl_fault fault = { 0 };
        char key[64];

        snprintf(key, sizeof(key), "conditions::%zu", i);
        m->conditions[m->n_conditions] = ottl_parse_condition(text_of(r, list->items[i], key), how, &fault);
        if (m->conditions[m->n_conditions] != NULL)
            m->n_conditions++;
        else
            report_fault(r, key, "%s condition: metric \"%s\": column %zu: %s", r->section->key, m->name, fault.at + 1,
                         fault.text);
    }
}

static struct bytes keep_value(const struct list_reader *r, const struct yaml_node *n)
{
    struct buf value = { 0 };
    struct bytes kept;

    if (n == NULL || n->kind == YAML_NULL)
        return bytes_of(NULL, 0);
    any_value_from_yaml(&value, n);
    kept = bytes_of(arena_strndup(r->arena, value.data, value.len), value.len);
    buf_free(&value);
    return kept;
}

static void read_attributes(const struct list_reader *r, struct counted_metric *m, const struct yaml_node *list)
{
    size_t n = list_length(r, list, "attributes");

    m->attributes = arena_zalloc(r->arena, (n + 1) * sizeof(*m->attributes));
    if (n > 0 && r->section->context == OTTL_METRIC)
        report_fault(r, "attributes", "metrics attributes not supported: metric \"%s\"", m->name);
    for (size_t i = 0; i < n; i++) {
        const struct yaml_node *entry = list->items[i];
        char key[64];

        snprintf(key, sizeof(key), "attributes::%zu", i);
        m->attributes[i].key = text_of(r, yaml_get(entry, "key"), key);
        m->attributes[i].fallback = keep_value(r, yaml_get(entry, "default_value"));
        if (m->attributes[i].key[0] == '\0')
            report_fault(r, key, "%s attributes: metric \"%s\": attribute key missing", r->section->key, m->name);
    }
    m->n_attributes = n;
}

static bool is_key(const struct list_reader *r, const char *key)
{
    return strcmp(key, "description") == 0 || strcmp(key, "conditions") == 0 || strcmp(key, "attributes") == 0 ||
           (r->sums && strcmp(key, "source_attribute") == 0);
}

static void check_keys(const struct list_reader *r, const struct yaml_node *n)
{
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++) {
        const char *key = n->pairs[i].key;

        if (!is_key(r, key))
            report_fault(r, key, "unknown key \"%s\": write %sdescription, conditions or attributes", key,
                         r->sums ? "source_attribute, " : "");
    }
    if (n->kind == YAML_LIST || n->kind == YAML_SCALAR)
        report_fault(r, "", "write a map, not %s", yaml_type_name(n));
}

static void read_metric(struct list_reader *r, struct counted_metric *m, const struct yaml_pair *pair)
{
    snprintf(r->path, sizeof(r->path), "%s::%s", r->section->key, pair->key);
    m->name = pair->key;
    if (m->name[0] == '\0')
        report_fault(r, "", "%s: metric name missing", r->section->key);
    check_keys(r, pair->value);
    if (r->sums)
        m->source = text_of(r, yaml_get(pair->value, "source_attribute"), "source_attribute");
    if (r->sums && m->source[0] == '\0')
        report_fault(r, "source_attribute", "%s: metric source_attribute missing", r->section->key);
    m->description = text_of(r, yaml_get(pair->value, "description"), "description");
    read_conditions(r, m, yaml_get(pair->value, "conditions"));
    read_attributes(r, m, yaml_get(pair->value, "attributes"));
}

struct count_list count_list_read(struct arena *a, const struct count_config *c, struct count_reading how,
                                  struct check *ck)
{
    struct list_reader r = { .arena = a, .section = &sections[how.section], .sums = how.sums, .ck = ck };
    const struct yaml_node *tree = tree_of(c, how.section);
    struct count_list l = { .n = tree != NULL && tree->kind == YAML_MAP ? tree->n : 0 };

    snprintf(r.path, sizeof(r.path), "%s", r.section->key);
    l.v = arena_zalloc(a, (l.n + 1) * sizeof(*l.v));
    if (tree == NULL || tree->kind == YAML_NULL || (tree->kind == YAML_MAP && tree->n == 0)) {
        l.n = how.sums ? 0 : 1;
        l.v[0] = (struct counted_metric){ .name = r.section->name, .description = r.section->description };
        return l;
    }
    if (tree->kind != YAML_MAP)
        report_fault(&r, "", "write a map from the names of metrics to what they count, not %s", yaml_type_name(tree));
    for (size_t i = 0; i < l.n; i++)
        read_metric(&r, &l.v[i], &tree->pairs[i]);
    return l;
}

void count_list_free(struct count_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->v[i].n_conditions; k++)
            ottl_program_free(l->v[i].conditions[k]);
}
