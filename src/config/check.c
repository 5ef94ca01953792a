/* SPDX-License-Identifier: Apache-2.0 */
/* What a component's own check reports, put at the right place of the file. */
#include "config/decode.h"

#include <string.h>

/* The node at `path` below the component, or the nearest one above it. *exact: it was found itself. */
static const struct yaml_node *node_of(const struct check *ck, const char *path, bool *exact)
{
    const struct yaml_node *n = ck->node;

    *exact = n != NULL;
    while (n != NULL && *path != '\0') {
        const char *sep = strstr(path, "::");
        size_t len = sep != NULL ? (size_t)(sep - path) : strlen(path);
        const struct yaml_node *kid = NULL;

        for (size_t i = 0; n->kind == YAML_MAP && i < n->n && kid == NULL; i++)
            if (strlen(n->pairs[i].key) == len && memcmp(n->pairs[i].key, path, len) == 0)
                kid = n->pairs[i].value;
        if (kid == NULL) {
            *exact = false;
            return n;
        }
        n = kid;
        path += len + (sep != NULL ? 2 : 0);
    }
    return n;
}

__attribute__((format(printf, 4, 0))) static void report(struct check *ck, const char *path, bool warning,
                                                         const char *fmt, va_list args)
{
    bool exact;
    const struct yaml_node *n = node_of(ck, path, &exact);
    char full[512];

    if (n == NULL)
        n = ck->place;
    snprintf(full, sizeof(full), "%s%s%s", ck->path, path[0] != '\0' ? "::" : "", path);
    fault_vadd(ck->faults, n != NULL ? n->file : "", n != NULL ? n->line : 0, n != NULL ? n->column : 0, full, warning,
               fmt, args);
}

void check_fail(struct check *ck, const char *path, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(ck, path, false, fmt, args);
    va_end(args);
}

void check_warn(struct check *ck, const char *path, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(ck, path, true, fmt, args);
    va_end(args);
}

bool check_was_set(struct check *ck, const char *path)
{
    bool exact;

    return node_of(ck, path, &exact) != NULL && exact;
}
