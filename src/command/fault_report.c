/* SPDX-License-Identifier: Apache-2.0 */
/* The report is put together as a tree and written as JSON. A fault's sentence is cut where its remedy begins; SARIF
 * shows it whole, for its viewers show one text. */
#include "command/fault_report.h"

#include "base/version.h"
#include "config/yaml.h"

#include <string.h>

#define SARIF_SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

static struct yaml_node *new_map(struct arena *a)
{
    return yaml_new(a, YAML_MAP, NULL);
}

static void put_node(struct arena *a, struct yaml_node *map, const char *key, struct yaml_node *value)
{
    yaml_put(a, map, key, 0, 0, value);
}

static void put_text(struct arena *a, struct yaml_node *map, const char *key, const char *text)
{
    put_node(a, map, key, text != NULL ? yaml_scalar(a, text, false, NULL) : yaml_new(a, YAML_NULL, NULL));
}

static void put_number(struct arena *a, struct yaml_node *map, const char *key, size_t n)
{
    put_node(a, map, key, yaml_scalar(a, arena_printf(a, "%zu", n), true, NULL));
}

/* A line or column, or null: there is none. */
static void put_location(struct arena *a, struct yaml_node *map, const char *key, int n)
{
    if (n > 0)
        put_number(a, map, key, (size_t)n);
    else
        put_text(a, map, key, NULL);
}

/* What is wrong, without the remedy and what joins them. */
static const char *complaint_of(struct arena *a, const struct fault *x)
{
    const char *remedy = fault_remedy(x);

    return remedy != NULL ? arena_strndup(a, x->text, (size_t)(remedy - x->text) - 2) : x->text;
}

static struct yaml_node *fault_node(struct arena *a, const struct fault *x)
{
    struct yaml_node *n = new_map(a);

    put_text(a, n, "file", x->file[0] != '\0' ? x->file : NULL);
    put_location(a, n, "line", x->line);
    put_location(a, n, "column", x->line > 0 ? x->column : 0);
    put_text(a, n, "path", x->path);
    put_text(a, n, "severity", x->warning ? "warning" : "error");
    put_text(a, n, "text", complaint_of(a, x));
    put_text(a, n, "remedy", fault_remedy(x));
    return n;
}

void fault_report_json(struct faults *f, struct buf *out)
{
    struct arena a = { 0 };
    struct yaml_node *root = new_map(&a), *list = yaml_new(&a, YAML_LIST, NULL);
    size_t warnings = 0;

    faults_sort(f);
    for (size_t i = 0; i < f->list.n; i++) {
        warnings += f->list.v[i].warning;
        yaml_push(&a, list, fault_node(&a, &f->list.v[i]));
    }
    put_node(&a, root, "faults", list);
    put_number(&a, root, "errors", f->list.n - warnings);
    put_number(&a, root, "warnings", warnings);
    put_node(&a, root, "complete", yaml_scalar(&a, faults_are_cut(f) ? "false" : "true", true, NULL));
    yaml_write(root, out, true);
    arena_free(&a);
}

/* --- SARIF --- */

/* A name of a file as a reference of URIs; NULL where it is none. */
static const char *uri_of(struct arena *a, const char *file)
{
    struct buf b = { 0 };
    const char *uri;

    if (file[0] == '\0' || strcmp(file, "--set") == 0 || strncmp(file, "env:", 4) == 0 || strcmp(file, "yaml:") == 0)
        return NULL;
    if (file[0] == '/')
        buf_puts(&b, "file://");
    for (const char *p = file; *p != '\0'; p++)
        if (strchr("-._~/", *p) != NULL || ((unsigned char)*p < 0x80 && (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') ||
            (*p >= '0' && *p <= '9'))
            buf_putc(&b, *p);
        else
            buf_printf(&b, "%%%02X", (unsigned char)*p);
    uri = arena_strdup(a, buf_cstr(&b));
    buf_free(&b);
    return uri;
}

static struct yaml_node *list_of(struct arena *a, struct yaml_node *item)
{
    struct yaml_node *list = yaml_new(a, YAML_LIST, NULL);

    yaml_push(a, list, item);
    return list;
}

static struct yaml_node *text_node(struct arena *a, const char *text)
{
    struct yaml_node *n = new_map(a);

    put_text(a, n, "text", text);
    return n;
}

static struct yaml_node *physical_node(struct arena *a, const struct fault *x, const char *uri)
{
    struct yaml_node *n = new_map(a), *artifact = new_map(a), *region = new_map(a);

    put_text(a, artifact, "uri", uri);
    put_node(a, n, "artifactLocation", artifact);
    if (x->line == 0)
        return n;
    put_location(a, region, "startLine", x->line);
    put_location(a, region, "startColumn", x->column);
    put_node(a, n, "region", region);
    return n;
}

static struct yaml_node *location_node(struct arena *a, const struct fault *x)
{
    struct yaml_node *n = new_map(a), *logical = new_map(a);
    const char *uri = uri_of(a, x->file);

    if (uri != NULL)
        put_node(a, n, "physicalLocation", physical_node(a, x, uri));
    if (x->path[0] != '\0') {
        put_text(a, logical, "fullyQualifiedName", x->path);
        put_node(a, n, "logicalLocations", list_of(a, logical));
    }
    return n;
}

static struct yaml_node *result_node(struct arena *a, const struct fault *x)
{
    struct yaml_node *n = new_map(a);

    put_text(a, n, "ruleId", x->warning ? "configuration-warning" : "configuration-fault");
    put_text(a, n, "level", x->warning ? "warning" : "error");
    put_node(a, n, "message", text_node(a, x->text));
    put_node(a, n, "locations", list_of(a, location_node(a, x)));
    return n;
}

static struct yaml_node *rule_node(struct arena *a, const char *id, const char *text)
{
    struct yaml_node *n = new_map(a);

    put_text(a, n, "id", id);
    put_node(a, n, "shortDescription", text_node(a, text));
    return n;
}

static struct yaml_node *tool_node(struct arena *a)
{
    struct yaml_node *n = new_map(a), *driver = new_map(a), *rules = yaml_new(a, YAML_LIST, NULL);

    yaml_push(a, rules, rule_node(a, "configuration-fault", "otelcd does not start with this."));
    yaml_push(a, rules, rule_node(a, "configuration-warning", "It works, but perhaps not as it was meant."));
    put_text(a, driver, "name", "otelcd");
    put_text(a, driver, "version", OTELCD_VERSION);
    put_node(a, driver, "rules", rules);
    put_node(a, n, "driver", driver);
    return n;
}

void fault_report_sarif(struct faults *f, struct buf *out)
{
    struct arena a = { 0 };
    struct yaml_node *root = new_map(&a), *run = new_map(&a), *results = yaml_new(&a, YAML_LIST, NULL);

    faults_sort(f);
    for (size_t i = 0; i < f->list.n; i++)
        yaml_push(&a, results, result_node(&a, &f->list.v[i]));
    put_node(&a, run, "tool", tool_node(&a));
    put_text(&a, run, "columnKind", "unicodeCodePoints");
    put_node(&a, run, "results", results);
    put_text(&a, root, "$schema", SARIF_SCHEMA);
    put_text(&a, root, "version", "2.1.0");
    put_node(&a, root, "runs", list_of(&a, run));
    yaml_write(root, out, true);
    arena_free(&a);
}
