/* SPDX-License-Identifier: Apache-2.0 */
/* Groups are read from the tree that the configuration is, for their lists hold either texts or maps. What has another
 * shape is told at its place, once, when the configuration is checked. */
#include "config/yaml.h"
#include "pipeline/statement_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const unsigned statement_contexts[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_SPANEVENT),
    [SIGNAL_METRICS] = OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_DATAPOINT) |
                       OTTL_IN(OTTL_EXEMPLAR),
    [SIGNAL_LOGS] = OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_LOG),
    [SIGNAL_PROFILES] = OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_PROFILE),
};

bool statement_is_text(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && yaml_type(n) == YAML_STR;
}

static bool report_fault(struct check *ck, const char *path, const char *text)
{
    if (ck != NULL)
        check_fail(ck, path, "%s", text);
    return false;
}

bool statement_strings_read(struct strings *s, const struct yaml_node *list, const char *path, struct check *ck)
{
    bool good = true;
    char at[192];

    *s = (struct strings){ 0 };
    if (list == NULL || list->kind == YAML_NULL)
        return true;
    if (list->kind != YAML_LIST)
        return report_fault(ck, path, "a list is wanted here");
    s->v = mem_zalloc((list->n + 1) * sizeof(*s->v));
    for (size_t i = 0; i < list->n; i++) {
        snprintf(at, sizeof(at), "%s::%zu", path, i);
        if (statement_is_text(list->items[i]))
            s->v[s->n++] = list->items[i]->text;
        else
            good = report_fault(ck, at, "a text is wanted here: put it in quotes");
    }
    return good;
}

static bool complain_context(const char *name, const char *path, unsigned contexts, struct check *ck)
{
    char names[160];

    if (ck == NULL)
        return false;
    ottl_context_list(contexts, names, sizeof(names));
    check_fail(ck, path, "\"%s\" is no context of this signal: write %s", name, names);
    return false;
}

static bool read_context(struct statement_group *g, const struct yaml_node *n, const char *path, unsigned contexts,
                         struct check *ck)
{
    if (!statement_is_text(n))
        return report_fault(ck, path, "the name of a context is wanted here");
    if (n->text[0] == '\0')
        return true;
    g->context = ottl_context_find(bytes_str(n->text));
    if (g->context == OTTL_CONTEXTS || (contexts >> g->context & 1) == 0)
        return complain_context(n->text, path, contexts, ck);
    return true;
}

static bool read_key(struct statement_group *g, const struct yaml_pair *p, const char *at, unsigned contexts,
                     struct check *ck)
{
    if (strcmp(p->key, "context") == 0)
        return read_context(g, p->value, at, contexts, ck);
    if (strcmp(p->key, "conditions") == 0)
        return statement_strings_read(&g->conditions, p->value, at, ck);
    if (strcmp(p->key, "statements") == 0)
        return statement_strings_read(&g->statements, p->value, at, ck);
    if (strcmp(p->key, "error_mode") != 0)
        return report_fault(ck, at, "a group has the keys context, error_mode, conditions and statements");
    if (p->value->kind == YAML_NULL || (statement_is_text(p->value) && error_mode_find(p->value->text, &g->errors)))
        return true;
    return report_fault(ck, at, "must be ignore, silent or propagate");
}

bool statement_group_read(struct statement_group *g, const struct yaml_node *node, const char *path, unsigned contexts,
                          struct check *ck)
{
    bool good = true;
    char at[160];

    *g = (struct statement_group){ .context = OTTL_CONTEXTS, .errors = -1 };
    for (size_t i = 0; i < node->n; i++) {
        snprintf(at, sizeof(at), "%s::%s", path, node->pairs[i].key);
        good &= read_key(g, &node->pairs[i], at, contexts, ck);
    }
    if (!good)
        statement_group_free(g);
    return good;
}

void statement_group_free(struct statement_group *g)
{
    free(g->conditions.v);
    free(g->statements.v);
    g->conditions = g->statements = (struct strings){ 0 };
}
