/* SPDX-License-Identifier: Apache-2.0 */
/* A finding is made by a rule, which says what it knows; locations are looked up in the configuration as it is written:
 * the key itself where it is there, else the nearest one above it, below which it belongs. */
#include "command/doctor/finding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct finding *finding_add(struct evidence *e, const char *kind, int weight, const char *about)
{
    struct finding *f = arena_zalloc(&e->arena, sizeof(*f));

    *f = (struct finding){
        .kind = kind, .weight = weight, .about = about, .seen = "", .means = "", .todo = "", .path = "", .write = ""
    };
    *vec_push(&e->findings) = f;
    return f;
}

/* ---- locations ---- */

/* The pair of the longest beginning of the path that is written; `whole`: all of it. */
static const struct yaml_pair *find_written(const struct evidence *e, const char *path, bool *whole)
{
    const struct yaml_node *n = e->written;
    const struct yaml_pair *found = NULL;

    *whole = false;
    while (n != NULL && *path != '\0') {
        const char *sep = strstr(path, "::");
        const struct yaml_pair *pair;
        char key[256];

        snprintf(key, sizeof(key), "%.*s", sep != NULL ? (int)(sep - path) : (int)strlen(path), path);
        pair = yaml_pair(n, key);
        if (pair == NULL)
            return found;
        found = pair;
        n = pair->value;
        path = sep != NULL ? sep + 2 : "";
    }
    *whole = *path == '\0';
    return found;
}

void finding_locate(struct evidence *e, struct finding *f, const char *path, const char *write)
{
    const struct yaml_pair *pair = find_written(e, path, &f->is_written);

    f->path = arena_strdup(&e->arena, path);
    f->write = arena_strdup(&e->arena, write);
    if (pair != NULL && pair->value != NULL && pair->value->file != NULL && pair->line > 0) {
        f->file = pair->value->file;
        f->line = pair->line;
        f->column = pair->column;
    }
}

/* Twice a number, a true for a false; a size of queue, series or memory is doubled likewise. */
static const char *better_text(struct evidence *e, const char *key, const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    if (strcmp(key, "sampling_percentage") == 0)
        return "100";
    if (strcmp(text, "false") == 0)
        return "true";
    if (n > 0 && *end == '\0')
        return arena_printf(&e->arena, "%" PRIu64, 2 * n);
    return "";
}

/* Does a component know a key of that name? Of blocks inside one nothing is known. */
static bool may_have(const struct evidence *e, const char *path, const char *option)
{
    const char *sep = strstr(path, "::");
    size_t len = strcspn(option, ":");
    const struct config_component *cc;
    char section[32];

    if (sep == NULL || strstr(sep + 2, "::") != NULL)
        return true;
    snprintf(section, sizeof(section), "%.*s", (int)(sep - path), path);
    cc = evidence_find_component(e, section, sep + 2);
    for (const struct option *o = cc != NULL ? cc->component->options : NULL; o != NULL && o->kind != OPTION_END; o++)
        if (strlen(o->key) == len && strncmp(o->key, option, len) == 0)
            return true;
    return cc == NULL;
}

/* Its peers stand under other names; credentials are in `headers`, unless an authenticator writes them. */
static const char *own_option(struct evidence *e, const char *component, const char *option)
{
    static const char *const others[] = { "brokers", "resolver" };
    const char *authenticator = arena_printf(&e->arena, "%s::auth::authenticator", component);

    for (size_t i = 0; strcmp(option, "endpoint") == 0 && !may_have(e, component, option) && i < ARRAY_LEN(others); i++)
        if (may_have(e, component, others[i]))
            return others[i];
    if (strcmp(option, "headers") == 0 && option_text(e, authenticator)[0] != '\0')
        return "auth::authenticator";
    return option;
}

void finding_option(struct evidence *e, struct finding *f, const char *component, const char *option)
{
    const char *path, *key, *better;

    if (option == NULL)
        return;
    option = own_option(e, component, option);
    if (strcmp(option, "memory_budget_mib") != 0 && !may_have(e, component, option)) {
        finding_locate(e, f, component, "");
        return;
    }
    if (strcmp(option, "memory_budget_mib") == 0)
        path = "service::memory_budget_mib";
    else
        path = arena_printf(&e->arena, "%s::%s", component, option);
    key = strrchr(path, ':') + 1;
    better = better_text(e, key, option_text(e, path));
    if (strcmp(key, "storage") == 0 && option_text(e, path)[0] == '\0')
        better = "file_storage";
    finding_locate(e, f, path, better[0] != '\0' ? arena_printf(&e->arena, "%s: %s", key, better) : "");
}

/* ---- order ---- */

static int by_weight(const void *a, const void *b)
{
    const struct finding *x = *(struct finding *const *)a, *y = *(struct finding *const *)b;

    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    return strcmp(x->about, y->about);
}

void findings_sort(struct evidence *e)
{
    if (e->findings.n > 0)
        qsort(e->findings.v, e->findings.n, sizeof(e->findings.v[0]), by_weight);
}

bool findings_are_notes(const struct evidence *e)
{
    for (size_t i = 0; i < e->findings.n; i++)
        if (e->findings.v[i]->weight >= WEIGHT_RISK)
            return false;
    return true;
}
