/* SPDX-License-Identifier: Apache-2.0 */
/* A list of statements is one group, whose context follows from all of its paths; or it is a list of groups, which may
 * say theirs. What is wrong is told at its place; then each text is read in the group's context. */
#include "config/yaml.h"
#include "processor/transform/transform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS                                                                                                     \
    "Statements, with the context in front of their paths; or groups of {context, error_mode, conditions, "            \
    "statements}."

const struct option transform_options[] = {
    ERROR_MODE_ROW(struct transform_config, "statement"),
    OPT_NODE(struct transform_config, trace_statements, STATEMENTS),
    OPT_NODE(struct transform_config, metric_statements, STATEMENTS),
    OPT_NODE(struct transform_config, log_statements, STATEMENTS),
    OPT_NODE(struct transform_config, profile_statements, STATEMENTS),
    OPT_BOOL(struct transform_config, flatten_data, "false",
             "Statements on a log record change its resource and its scope for it alone; records whose resources and "
             "scopes are equal afterwards stand together."),
    OPT_END,
};

struct reading {
    enum signal signal;
    struct check *ck;
    const struct transform_reader *to;
    int errors;
};

static void take_texts(const struct reading *r, const struct strings *texts, const char *path,
                       const struct statement_text *like)
{
    char at[192];

    for (size_t i = 0; i < texts->n; i++) {
        struct statement_text t = *like;

        snprintf(at, sizeof(at), "%s::%zu", path, i);
        t.path = at;
        t.text = texts->v[i];
        r->to->take(r->to->arg, &t);
    }
}

/* The context of a group that does not say it. */
static enum ottl_context infer_context(const struct reading *r, const struct statement_group *g, const char *path)
{
    size_t n = g->conditions.n + g->statements.n;
    const char **texts = mem_zalloc((n + 1) * sizeof(*texts));
    struct ottl_fault fault;
    enum ottl_context context;

    for (size_t i = 0; i < n; i++)
        texts[i] = i < g->statements.n ? g->statements.v[i] : g->conditions.v[i - g->statements.n];
    context = ottl_infer(texts, n, statement_contexts[r->signal], &fault);
    if (context == OTTL_CONTEXTS && r->ck != NULL)
        check_fail(r->ck, path, "%s", fault.text);
    free(texts);
    return context;
}

static void take_group(const struct reading *r, const struct statement_group *g, const char *path, bool whole)
{
    bool said = g->context != OTTL_CONTEXTS;
    enum ottl_context context = said ? g->context : infer_context(r, g, path);
    struct statement_text like = { .how = { context, said }, .errors = g->errors >= 0 ? g->errors : r->errors };
    char at[160];

    if (context == OTTL_CONTEXTS)
        return;
    r->to->begin(r->to->arg, context);
    like.condition = true;
    snprintf(at, sizeof(at), "%s::conditions", path);
    take_texts(r, &g->conditions, at, &like);
    like.condition = false;
    snprintf(at, sizeof(at), whole ? "%s" : "%s::statements", path);
    take_texts(r, &g->statements, at, &like);
}

static void read_groups(const struct reading *r, const char *key, const struct yaml_node *list)
{
    struct statement_group g;
    char at[64];

    for (size_t i = 0; i < list->n; i++) {
        snprintf(at, sizeof(at), "%s::%zu", key, i);
        if (list->items[i]->kind != YAML_MAP) {
            if (r->ck != NULL)
                check_fail(r->ck, at, "statements and groups of them cannot stand in one list");
        } else if (statement_group_read(&g, list->items[i], at, statement_contexts[r->signal], r->ck)) {
            if (g.statements.n > 0)
                take_group(r, &g, at, false);
            statement_group_free(&g);
        }
    }
}

static void read_list(const struct reading *r, const char *key, const struct yaml_node *list)
{
    struct statement_group g = { .context = OTTL_CONTEXTS, .errors = -1 };

    if (list != NULL && list->kind == YAML_LIST && list->n > 0 && list->items[0]->kind == YAML_MAP) {
        read_groups(r, key, list);
        return;
    }
    if (statement_strings_read(&g.statements, list, key, r->ck) && g.statements.n > 0)
        take_group(r, &g, key, true);
    statement_group_free(&g);
}

void transform_read(const struct transform_config *c, enum signal signal, struct check *ck,
                    const struct transform_reader *to)
{
    struct reading r = { signal, ck, to, c->error_mode };

    switch (signal) {
    case SIGNAL_TRACES:
        read_list(&r, "trace_statements", c->trace_statements);
        break;
    case SIGNAL_METRICS:
        read_list(&r, "metric_statements", c->metric_statements);
        break;
    case SIGNAL_LOGS:
        read_list(&r, "log_statements", c->log_statements);
        break;
    default:
        read_list(&r, "profile_statements", c->profile_statements);
    }
}

/* ---- checks ---- */

static void begin_check(void *arg, enum ottl_context context)
{
    (void)arg;
    (void)context;
}

static void check_text(void *arg, const struct statement_text *t)
{
    statement_check(t, arg);
}

void transform_check(const void *config, struct check *ck)
{
    const struct transform_reader r = { begin_check, check_text, ck };

    for (unsigned signal = 0; signal < SIGNAL_COUNT; signal++)
        transform_read(config, (enum signal)signal, ck, &r);
}
