/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd explain`: what a configuration will do, without starting it: who listens where, the way of each signal, what
 * an OK to a sender means at each station, what is lost in which failure, what it needs. It is all read from the
 * checked configuration and its effective options. */
#include "command/explain.h"

#include "base/mem.h"
#include "command/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What members of an exporter have is written below its protocol. */
static const struct yaml_node *body_of(const struct explained *x, const char *path)
{
    const struct yaml_node *members = yaml_get(yaml_get(x->options, "protocol"), "otlp");
    char key[64];

    snprintf(key, sizeof(key), "%.*s", (int)strcspn(path, ":"), path);
    return members != NULL && yaml_get(x->options, key) == NULL ? members : x->options;
}

static const struct yaml_node *option_at(const struct explained *x, const char *path)
{
    return yaml_at(body_of(x, path), path);
}

const char *explained_option(const struct explained *x, const char *path)
{
    const struct yaml_node *n = option_at(x, path);

    return n != NULL && n->kind == YAML_SCALAR ? n->text : "";
}

bool explained_is_on(const struct explained *x, const char *path)
{
    const struct yaml_node *n = option_at(x, path), *enabled = yaml_get(n, "enabled");
    bool on = true;

    if (n == NULL || n->kind == YAML_NULL)
        return false;
    if (n->kind == YAML_SCALAR)
        return yaml_bool(n, &on) ? on : n->text[0] != '\0';
    return enabled == NULL || !yaml_bool(enabled, &on) || on;
}

static void gather_used(struct explanation *e, struct config *c)
{
    const struct yaml_node *tree = config_tree(c, false);

    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < e->config->components[kind].n; i++) {
            const struct config_component *cc = &e->config->components[kind].v[i];

            if (cc->used)
                *vec_push(&e->used) = (struct explained){
                    cc,
                    arena_printf(&e->arena, "%s::%s", config_sections[kind], cc->id),
                    cc->own ? config_component_tree(c, cc, false)
                            : yaml_get(yaml_get(tree, config_sections[kind]), cc->id),
                };
        }
}

/* --- who listens, who is asked --- */

static void explain_addresses(struct explanation *e)
{
    size_t n = 0;

    buf_puts(e->out, "listens\n");
    for (size_t i = 0; i < e->config->n_claims; i++) {
        const struct config_claim *c = &e->config->claims[i];

        if (!c->address)
            continue;
        buf_printf(e->out, "  %s: %s%s%s\n", c->what, c->owner, c->key[0] != '\0' ? "::" : "", c->key);
        n++;
    }
    if (n == 0)
        buf_puts(e->out, "  nowhere\n");
}

static bool is_server(const struct explanation *e, const struct explained *x)
{
    for (size_t i = 0; i < e->config->n_claims; i++)
        if (e->config->claims[i].address && strcmp(e->config->claims[i].owner, x->path) == 0)
            return true;
    return false;
}

static void put_peer(struct explanation *e, const char *peer, const struct explained *x, const char *key, size_t *n)
{
    if (peer[0] != '\0')
        buf_printf(e->out, "%s  %s: %s::%s\n", (*n)++ == 0 ? "\nsends to\n" : "", peer, x->path, key);
}

/* The options that say who gets the data. */
static void explain_peers(struct explanation *e)
{
    static const char *const keys[] = {
        "endpoint", "traces_endpoint",         "metrics_endpoint",      "logs_endpoint", "profiles_endpoint",
        "path",     "resolver::dns::hostname", "resolver::k8s::service"
    };
    static const char list[] = "resolver::static::hostnames";
    size_t n = 0;

    for (size_t i = 0; i < e->used.n; i++) {
        const struct explained *x = &e->used.v[i];
        const struct yaml_node *members;

        if (x->cc->component->kind != COMPONENT_EXPORTER || is_server(e, x))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            put_peer(e, explained_option(x, keys[k]), x, keys[k], &n);
        members = option_at(x, list);
        for (size_t k = 0; members != NULL && members->kind == YAML_LIST && k < members->n; k++)
            put_peer(e, members->items[k]->text, x, list, &n);
    }
}

/* --- the ways --- */

static void put_ids(struct buf *out, struct config_component *const *list, size_t n, const char *between)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s%s", i > 0 ? between : "", list[i]->id,
                   list[i]->component->kind == COMPONENT_CONNECTOR ? " (connector)" : "");
}

/* Receivers, processors and exporters, in the order of data. */
static void explain_ways(struct explanation *e)
{
    buf_puts(e->out, "\nways\n");
    for (size_t i = 0; i < e->config->n_pipelines; i++) {
        const struct config_pipeline *p = &e->config->pipelines[i];

        buf_printf(e->out, "  %s: ", p->id);
        put_ids(e->out, p->receivers, p->n_receivers, ", ");
        buf_puts(e->out, p->n_processors > 0 ? " -> " : "");
        put_ids(e->out, p->processors, p->n_processors, " -> ");
        buf_puts(e->out, " -> ");
        put_ids(e->out, p->exporters, p->n_exporters, ", ");
        buf_putc(e->out, '\n');
    }
}

/* --- promises --- */

static void explain_promises(struct explanation *e)
{
    size_t silent = 0;

    buf_puts(e->out, "\nsafe is what a sender is told OK for; it means, of\n");
    for (size_t i = 0; i < e->used.n; i++) {
        const struct explained *x = &e->used.v[i];

        if (x->cc->component->kind == COMPONENT_EXTENSION)
            continue;
        if (x->cc->component->safe != NULL)
            buf_printf(e->out, "  %s: %s\n", x->path, x->cc->component->safe);
        silent += x->cc->component->safe == NULL;
    }
    if (silent > 0)
        buf_puts(e->out, "  all others: what stands behind them says so; they hold nothing that was answered.\n");
}

static void explain_config(struct config *c, struct buf *out)
{
    struct explanation e = { .config = c, .out = out };

    gather_used(&e, c);
    explain_addresses(&e);
    explain_peers(&e);
    explain_ways(&e);
    explain_promises(&e);
    explain_loss(&e);
    explain_needs(&e);
    vec_free(&e.used);
    arena_free(&e.arena);
}

int command_explain(const struct arguments *a)
{
    struct config_sources sources = arguments_sources(a);
    struct config *c = config_load(&sources, component_registry);
    struct buf out = { 0 };
    int code = c->faults.n_errors > 0;

    faults_print(&c->faults, stderr);
    if (code == 0) {
        explain_config(c, &out);
        fwrite(out.data, 1, out.len, stdout);
    }
    buf_free(&out);
    config_free(c);
    return code;
}
