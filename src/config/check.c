/* SPDX-License-Identifier: Apache-2.0 */
/* What a component's own check reports, put at the right location in the file. */
#include "config/decode.h"

#include <stdlib.h>
#include <string.h>

/* The node at `path` below `n`, or the nearest one above it. *exact: it was found itself. */
static const struct yaml_node *node_of(const struct yaml_node *n, const char *path, bool *exact)
{
    *exact = n != NULL;
    while (n != NULL && *path != '\0') {
        const char *sep = strstr(path, "::");
        size_t len = sep != NULL ? (size_t)(sep - path) : strlen(path);
        const struct yaml_node *kid = NULL;

        for (size_t i = 0; n->kind == YAML_MAP && i < n->n && kid == NULL; i++)
            if (strlen(n->pairs[i].key) == len && memcmp(n->pairs[i].key, path, len) == 0)
                kid = n->pairs[i].value;
        if (n->kind == YAML_LIST && strtoul(path, NULL, 10) < n->n)
            kid = n->items[strtoul(path, NULL, 10)];
        if (kid == NULL) {
            *exact = false;
            return n;
        }
        n = kid;
        path += len + (sep != NULL ? 2 : 0);
    }
    return n;
}

__attribute__((format(printf, 4, 0))) static void report_fault(struct check *ck, const char *path, bool warning,
                                                               const char *fmt, va_list args)
{
    bool exact;
    const struct yaml_node *n = node_of(ck->node, path, &exact);
    char full[512];

    if (n == NULL)
        n = ck->location;
    snprintf(full, sizeof(full), "%s%s%s", ck->path, path[0] != '\0' ? "::" : "", path);
    fault_vadd(ck->faults, n != NULL ? n->file : "", n != NULL ? n->line : 0, n != NULL ? n->column : 0, full, warning,
               fmt, args);
}

void check_fail(struct check *ck, const char *path, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_fault(ck, path, false, fmt, args);
    va_end(args);
}

void check_fail_in(struct check *ck, const char *path, size_t offset, const char *fmt, ...)
{
    bool exact;
    const struct yaml_node *n = node_of(ck->node, path, &exact);
    int line, column;
    char full[512];
    va_list args;

    va_start(args, fmt);
    if (n == NULL || !exact || n->kind != YAML_SCALAR) {
        report_fault(ck, path, false, fmt, args);
    } else {
        yaml_locate(n, offset, &line, &column);
        snprintf(full, sizeof(full), "%s::%s", ck->path, path);
        fault_vadd(ck->faults, n->file, line, column, full, false, fmt, args);
    }
    va_end(args);
}

void check_warn(struct check *ck, const char *path, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_fault(ck, path, true, fmt, args);
    va_end(args);
}

/* The value at `path` of a decoded struct as text; false when no row says it. */
static bool value_text(struct arena *a, struct check *ck, const void *config, const char *path, struct buf *out)
{
    bool exact;
    const struct yaml_node *n = node_of(encode_struct(a, ck->rows, config, true), path, &exact);

    if (exact)
        yaml_write(n, out, true);
    return exact;
}

static bool is_default(struct check *ck, const char *path)
{
    struct arena scratch = { 0 };
    void *defaults = arena_zalloc(&scratch, ck->size);
    struct faults ignored = { 0 };
    struct buf a = { 0 }, b = { 0 };
    bool same;

    decode_struct(&scratch, ck->rows, NULL, "", defaults, &ignored);
    same = value_text(&scratch, ck, ck->config, path, &a) && value_text(&scratch, ck, defaults, path, &b) &&
           strcmp(buf_cstr(&a), buf_cstr(&b)) == 0;
    faults_free(&ignored);
    buf_free(&a);
    buf_free(&b);
    arena_free(&scratch);
    return same;
}

bool check_was_set(struct check *ck, const char *path)
{
    bool exact;

    return node_of(ck->node, path, &exact) != NULL && exact && !is_default(ck, path);
}

/* What check() of the group's owner is given; `full` is the caller's. */
static struct check make_group(const struct check *ck, const char *path, char *full, size_t full_size)
{
    bool exact;
    const struct yaml_node *n = node_of(ck->node, path, &exact);

    snprintf(full, full_size, "%s::%s", ck->path, path);
    return (struct check){
        .faults = ck->faults, .node = exact ? n : NULL, .location = n != NULL ? n : ck->location, .path = full
    };
}

void check_below(struct check *ck, const char *path, const struct option *rows, size_t size, const void *config,
                 void (*run)(const void *config, struct check *ck))
{
    char full[512];
    struct check group = make_group(ck, path, full, sizeof(full));

    group.rows = rows;
    group.config = config;
    group.size = size;
    run(config, &group);
}

void finish_below(struct check *ck, const char *path, const struct option *rows, size_t size, void *config,
                  void (*run)(void *config, struct check *ck))
{
    char full[512];
    struct check group = make_group(ck, path, full, sizeof(full));

    group.rows = rows;
    group.config = config;
    group.size = size;
    run(config, &group);
}

bool check_is_bare(struct check *ck, const char *path)
{
    bool exact;
    const struct yaml_node *n = node_of(ck->node, path, &exact);

    return n != NULL && exact && n->kind == YAML_NULL;
}
