/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that stand in files of their own become jobs like the others before anything is decoded, so that each fault has
 * its place in the file. Relative paths in such a file start from where it is. A pattern that no file matches stays in
 * the list, which is no mistake; what cannot be read, or has another form, is one. */
#include "base/arena.h"
#include "base/buf.h"
#include "config/source.h"
#include "receiver/prometheus/scrape_config.h"

#include <glob.h>
#include <string.h>

#define MOST_FILES 1000u
#define MOST_DEPTH 64

struct gathering {
    struct arena *a;
    struct yaml_node *jobs;
    const char *path;
    struct faults *faults;
    size_t n_files;
};

/* ---- relative paths ---- */

static bool names_files(const char *key)
{
    size_t n = strlen(key);

    return strcmp(key, "files") == 0 || (n > 5 && strcmp(key + n - 5, "_file") == 0);
}

/* Its keys are names of the user's, whatever they are called. */
static bool has_own_names(const char *key)
{
    static const char *const keys[] = { "labels", "params", "node_meta", "endpoint_params" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void move_path(struct gathering *g, struct yaml_node *n, const char *folder)
{
    if (n->kind == YAML_SCALAR && n->text[0] != '\0' && n->text[0] != '/')
        n->text = arena_printf(g->a, "%s%s", folder, n->text);
}

/* `folder` ends with a slash. */
static void move_paths(struct gathering *g, struct yaml_node *n, const char *folder, int depth)
{
    if (depth == MOST_DEPTH)
        return;
    for (size_t i = 0; n->kind == YAML_LIST && i < n->n; i++)
        move_paths(g, n->items[i], folder, depth + 1);
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++) {
        struct yaml_node *v = n->pairs[i].value;

        if (has_own_names(n->pairs[i].key))
            continue;
        if (!names_files(n->pairs[i].key)) {
            move_paths(g, v, folder, depth + 1);
            continue;
        }
        move_path(g, v, folder);
        for (size_t k = 0; v->kind == YAML_LIST && k < v->n; k++)
            move_path(g, v->items[k], folder);
    }
}

/* ---- files ---- */

static void take_jobs(struct gathering *g, const struct yaml_node *list, const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *folder = slash != NULL ? arena_strndup(g->a, file, (size_t)(slash - file) + 1) : "";

    if (list->kind != YAML_LIST && list->kind != YAML_NULL)
        fault_add(g->faults, list, g->path, false, "expected a list of jobs under scrape_configs, got %s",
                  yaml_type_name(list));
    for (size_t i = 0; list->kind == YAML_LIST && i < list->n; i++) {
        move_paths(g, list->items[i], folder, 0);
        yaml_push(g->a, g->jobs, list->items[i]);
    }
}

static void take_document(struct gathering *g, const struct yaml_node *n, const char *file)
{
    if (n->kind != YAML_MAP && n->kind != YAML_NULL)
        fault_add(g->faults, n, g->path, false, "expected a map with the key scrape_configs, got %s",
                  yaml_type_name(n));
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        if (strcmp(n->pairs[i].key, "scrape_configs") == 0)
            take_jobs(g, n->pairs[i].value, file);
        else
            fault_add(g->faults, n->pairs[i].value, g->path, false,
                      "has invalid keys: %.60s; such a file has scrape_configs alone", n->pairs[i].key);
}

static void read_jobs(struct gathering *g, const char *found, const struct yaml_node *at)
{
    const char *file = arena_strdup(g->a, found), *why = "";
    const struct yaml_node *n = NULL;
    struct buf text = { 0 };

    if (!source_file(file, &text, &why))
        fault_add(g->faults, at, g->path, false, "cannot read %s: %s", file, why);
    else
        n = yaml_read(g->a, buf_bytes(&text), file, 1, 1, g->faults);
    if (n != NULL)
        take_document(g, n, file);
    buf_free(&text);
}

/* No * but in the last part, and one there. */
static bool is_pattern(const char *text)
{
    const char *star = strchr(text, '*');

    return star == NULL || (strchr(star + 1, '*') == NULL && strchr(star, '/') == NULL);
}

/* False: no file matches. */
static bool take_pattern(struct gathering *g, const struct yaml_node *at)
{
    glob_t found;

    if (at->kind != YAML_SCALAR)
        return false; /* decoding says what is wrong */
    if (!is_pattern(at->text)) {
        fault_add(g->faults, at, g->path, false,
                  "invalid scrape config file path \"%.100s\": only its last part may have a *, and only one",
                  at->text);
        return true;
    }
    if (glob(at->text, 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (g->n_files++ < MOST_FILES)
            read_jobs(g, found.gl_pathv[i], at);
    globfree(&found);
    return true;
}

void scrape_config_gather(struct arena *a, struct yaml_node *body, const char *path, struct faults *faults)
{
    struct yaml_node *config = yaml_get(body, "config"), *files = yaml_get(config, "scrape_config_files");
    struct gathering g = { a, yaml_get(config, "scrape_configs"), path, faults, 0 };
    size_t n = 0;

    if (files == NULL || files->kind != YAML_LIST)
        return;
    if (g.jobs == NULL) {
        g.jobs = yaml_new(a, YAML_LIST, files);
        yaml_put(a, config, "scrape_configs", files->line, files->column, g.jobs);
    }
    if (g.jobs->kind == YAML_NULL)
        *g.jobs = *yaml_new(a, YAML_LIST, files);
    if (g.jobs->kind != YAML_LIST)
        return;
    g.path = arena_printf(a, "%s::config::scrape_config_files", path);
    for (size_t i = 0; i < files->n; i++)
        if (!take_pattern(&g, files->items[i]))
            files->items[n++] = files->items[i];
    files->n = n;
    if (g.n_files > MOST_FILES)
        fault_add(faults, files, g.path, false, "there are more than %u files: name fewer", MOST_FILES);
}
