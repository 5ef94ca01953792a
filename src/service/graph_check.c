/* SPDX-License-Identifier: Apache-2.0 */
/* How pipelines and components are wired: each component is for the signals of its pipelines, each connector has a
 * pipeline on its other end, and pipelines do not feed themselves. The last is a walk from pipeline to pipeline through
 * connectors, depth first: one that leads back to a pipeline on its path has found a cycle, which is told with all that
 * is on it.
 *
 * Each fault is told to the caller, in the Go collector's words, and the check goes on: the user hears of all of them
 * at once. */
#include "base/buf.h"
#include "base/mem.h"
#include "service/config.h"
#include "service/graph.h"

#include <stdlib.h>

struct checker {
    const struct config *config;
    void (*fault)(void *arg, const struct config_pipeline *pipeline, const char *text);
    void *arg;
    size_t faults;
};

bool connector_supports(const struct component *connector, enum signal from, enum signal to)
{
    uint32_t out = connector->makes != 0 ? connector->makes : SIGNAL_BIT(from);

    return (connector->signals & SIGNAL_BIT(from)) != 0 && (out & SIGNAL_BIT(to)) != 0;
}

static void report_fault(struct checker *c, const struct config_pipeline *p, char *text)
{
    c->faults++;
    c->fault(c->arg, p, text);
    free(text);
}

static bool is_connector(const struct config_component *cc)
{
    return cc->component->kind == COMPONENT_CONNECTOR;
}

static bool carries_signal(const struct config_component *cc, int signal)
{
    return (cc->component->signals & SIGNAL_BIT((unsigned)signal)) != 0;
}

/* "traces, logs"; the caller frees it. */
static char *signals_text(uint32_t signals)
{
    struct buf names = { 0 };
    char *text;

    for (unsigned i = 0; i < SIGNAL_COUNT; i++)
        if ((signals & SIGNAL_BIT(i)) != 0)
            buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", signal_table[i].name);
    text = mem_strdup(buf_cstr(&names));
    buf_free(&names);
    return text;
}

/* What pipelines a connector joins, as the end of a message; the caller frees it. */
static char *joins_text(const struct component *connector)
{
    char *from = signals_text(connector->signals), *to = signals_text(connector->makes);
    char *text = connector->makes != 0 ? mem_printf("; it takes %s and makes %s", from, to)
                                       : mem_strdup("; it joins pipelines of one signal");

    free(from);
    free(to);
    return text;
}

/* Report that `cc` does not take the pipeline's signal: `what` failed to be created. */
static void report_unsupported(struct checker *c, const struct config_pipeline *p, const struct config_component *cc,
                               char *what)
{
    char *signals = signals_text(cc->component->signals);

    report_fault(
        c, p,
        mem_printf("failed to create \"%s\" %s: telemetry type is not supported; it is for %s", cc->id, what, signals));
    free(signals);
    free(what);
}

static void check_ends(struct checker *c, const struct config_pipeline *p, struct config_component *const *list,
                       size_t n, const char *kind)
{
    for (size_t i = 0; i < n; i++)
        if (!is_connector(list[i]) && !carries_signal(list[i], p->signal))
            report_unsupported(c, p, list[i],
                               mem_printf("%s for data type \"%s\"", kind, signal_table[p->signal].name));
}

static void check_signals(struct checker *c, const struct config_pipeline *p)
{
    check_ends(c, p, p->receivers, p->n_receivers, "receiver");
    for (size_t i = 0; i < p->n_processors; i++)
        if (!carries_signal(p->processors[i], p->signal))
            report_unsupported(c, p, p->processors[i], mem_printf("processor, in pipeline \"%s\"", p->id));
    check_ends(c, p, p->exporters, p->n_exporters, "exporter");
}

/* Is there a pipeline at the connector's other end that suits this one? */
static bool has_partner(const struct config *config, const struct config_component *cc, int signal, bool as_exporter)
{
    for (size_t i = 0; i < config->n_pipelines; i++) {
        const struct config_pipeline *q = &config->pipelines[i];

        if (as_exporter && config_lists(q->receivers, q->n_receivers, cc) &&
            connector_supports(cc->component, (enum signal)signal, (enum signal)q->signal))
            return true;
        if (!as_exporter && config_lists(q->exporters, q->n_exporters, cc) &&
            connector_supports(cc->component, (enum signal)q->signal, (enum signal)signal))
            return true;
    }
    return false;
}

/* The pipelines that have one end of the connector and no partner at the other are named in one fault. */
static void check_connector(struct checker *c, const struct config_component *cc, bool as_exporter)
{
    const struct config_pipeline *first = NULL;
    struct buf names = { 0 };

    for (size_t i = 0; i < c->config->n_pipelines; i++) {
        const struct config_pipeline *p = &c->config->pipelines[i];

        if (!(as_exporter ? config_lists(p->exporters, p->n_exporters, cc)
                          : config_lists(p->receivers, p->n_receivers, cc)) ||
            has_partner(c->config, cc, p->signal, as_exporter))
            continue;
        if (first == NULL)
            first = p;
        buf_printf(&names, "%s%s", names.len > 0 ? " " : "", p->id);
    }
    if (first != NULL) {
        char *joins = joins_text(cc->component);

        report_fault(
            c, first,
            mem_printf("connector \"%s\" used as %s in [%s] pipeline but not used in any supported %s pipeline%s",
                       cc->id, as_exporter ? "exporter" : "receiver", buf_cstr(&names),
                       as_exporter ? "receiver" : "exporter", joins));
        free(joins);
    }
    buf_free(&names);
}

/* --- cycles: a walk from pipeline to pipeline through connectors --- */

enum colour { UNSEEN, ON_PATH, DONE };

struct hop {
    size_t pipeline;
    const struct config_component *through; /* the connector that leads on from it */
    size_t exporter, next;                  /* where the walk goes on in it: exporter index, pipeline index */
};

static void put_hop(struct buf *b, const struct config *config, const struct hop *h, const struct hop *next)
{
    const struct config_pipeline *p = &config->pipelines[h->pipeline], *q = &config->pipelines[next->pipeline];

    if (b->len > 0)
        for (size_t i = 0; i < p->n_processors; i++)
            buf_printf(b, " -> processor \"%s\" in pipeline \"%s\"", p->processors[i]->id, p->id);
    buf_printf(b, "%sconnector \"%s\" (%s to %s)", b->len > 0 ? " -> " : "", h->through->id,
               signal_table[p->signal].name, signal_table[q->signal].name);
}

/* path[from .. n-1] leads back to path[from]. */
static void report_cycle(struct checker *c, const struct hop *path, size_t from, size_t n)
{
    struct buf b = { 0 };

    for (size_t i = from; i < n; i++)
        put_hop(&b, c->config, &path[i], &path[i + 1 < n ? i + 1 : from]);
    put_hop(&b, c->config, &path[from], &path[from + 1 < n ? from + 1 : from]);
    report_fault(c, &c->config->pipelines[path[from].pipeline], mem_printf("cycle detected: %s", buf_cstr(&b)));
    buf_free(&b);
}

/* The next pipeline that this one feeds; false when there is none left. */
static bool next_fed(const struct config *config, struct hop *h, size_t *fed)
{
    const struct config_pipeline *p = &config->pipelines[h->pipeline];

    for (; h->exporter < p->n_exporters; h->exporter++, h->next = 0) {
        const struct config_component *cc = p->exporters[h->exporter];

        for (; is_connector(cc) && h->next < config->n_pipelines; h->next++) {
            const struct config_pipeline *q = &config->pipelines[h->next];

            if (config_lists(q->receivers, q->n_receivers, cc) &&
                connector_supports(cc->component, (enum signal)p->signal, (enum signal)q->signal)) {
                h->through = cc;
                *fed = h->next++;
                return true;
            }
        }
    }
    return false;
}

static void check_cycles_from(struct checker *c, size_t start, enum colour *colours, struct hop *path)
{
    size_t n = 1, fed;

    path[0] = (struct hop){ .pipeline = start };
    colours[start] = ON_PATH;
    while (n > 0) {
        if (!next_fed(c->config, &path[n - 1], &fed)) {
            colours[path[--n].pipeline] = DONE;
        } else if (colours[fed] == UNSEEN) {
            colours[fed] = ON_PATH;
            path[n++] = (struct hop){ .pipeline = fed };
        } else if (colours[fed] == ON_PATH) {
            size_t from = 0;

            while (path[from].pipeline != fed)
                from++;
            report_cycle(c, path, from, n);
        }
    }
}

static void check_cycles(struct checker *c)
{
    enum colour *colours = mem_zalloc(c->config->n_pipelines * sizeof(*colours));
    struct hop *path = mem_zalloc((c->config->n_pipelines + 1) * sizeof(*path));

    for (size_t i = 0; i < c->config->n_pipelines; i++)
        if (colours[i] == UNSEEN)
            check_cycles_from(c, i, colours, path);
    free(colours);
    free(path);
}

size_t graph_check(const struct config *config,
                   void (*fault)(void *arg, const struct config_pipeline *pipeline, const char *text), void *arg)
{
    struct checker c = { .config = config, .fault = fault, .arg = arg };

    for (size_t i = 0; i < config->n_pipelines; i++)
        check_signals(&c, &config->pipelines[i]);
    for (size_t i = 0; i < config->components[COMPONENT_CONNECTOR].n; i++) {
        check_connector(&c, &config->components[COMPONENT_CONNECTOR].v[i], true);
        check_connector(&c, &config->components[COMPONENT_CONNECTOR].v[i], false);
    }
    check_cycles(&c);
    return c.faults;
}
