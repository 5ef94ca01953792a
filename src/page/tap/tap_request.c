/* SPDX-License-Identifier: Apache-2.0 */
/* The point is the longest name of a pipeline that it begins with, and a processor of that. Then the other parameters
 * are read, and the condition is compiled for what the pipeline carries. The first thing that is wrong ends it, with
 * what may be written instead. */
#include "page/tap/tap_request.h"

#include "base/mem.h"
#include "page/page.h"
#include "pipeline/statement_list.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 10u /* of who has not said it: as much as somebody reads */

struct reading {
    struct tap_request *r;
    struct bytes query;
    const struct service_view *view;
    struct tap_fault *fault;
    struct buf value;
    const char *point; /* what is asked for; NULL while it was not found: ... */
    size_t longest;    /* ... of a pipeline's name in it, 0: of none */
    struct buf known;  /* pipelines, or nodes of the one */
};

static bool set_fault(struct reading *x, const char *parameter, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool set_fault(struct reading *x, const char *parameter, const char *fmt, ...)
{
    va_list ap;

    x->fault->parameter = parameter;
    va_start(ap, fmt);
    vsnprintf(x->fault->text, sizeof(x->fault->text), fmt, ap);
    va_end(ap);
    return false;
}

/* Its value as text; NULL: it is not there, or is empty. */
static const char *text_of(struct reading *x, const char *name)
{
    x->value.len = 0;
    return query_parameter(x->query, name, &x->value) && x->value.len > 0 ? buf_cstr(&x->value) : NULL;
}

static void add_known(struct reading *x, const char *name)
{
    if (x->known.len < 300)
        buf_printf(&x->known, "%s%s", x->known.len > 0 ? ", " : "", name);
}

/* ---- the point ---- */

static void find_pipeline(const struct view_pipeline *p, void *arg)
{
    struct reading *x = arg;
    size_t n = strlen(p->id);

    add_known(x, p->id);
    if (strncmp(x->point, p->id, n) != 0 || (x->point[n] != '/' && x->point[n] != '\0') || n <= x->longest)
        return;
    x->longest = n;
    x->r->signal = p->signal;
}

static bool is_asked_for(const struct reading *x, const struct view_node *n)
{
    return n->role == x->r->role && x->r->node != NULL && strcmp(n->node->id, x->r->node) == 0;
}

static const char *const role_names[] = {
    [VIEW_RECEIVER] = "receiver", [VIEW_PROCESSOR] = "processor", [VIEW_EXPORTER] = "exporter"
};

/* `longest` says whether the node is there. */
static void find_node(const struct view_pipeline *p, void *arg)
{
    struct reading *x = arg;

    if (strcmp(p->id, x->r->pipeline) != 0)
        return;
    for (size_t i = 0; i < p->n_nodes; i++) {
        const struct view_node *n = &p->nodes[i];

        if (n->role == x->r->role)
            add_known(x, n->node->id);
        if (is_asked_for(x, n))
            x->longest = 1;
        if (n->role == VIEW_PROCESSOR && (x->r->node == NULL || is_asked_for(x, n)))
            x->r->holds |= n->node->component->safe != NULL;
    }
}

static bool name_node(struct reading *x, const char *rest)
{
    const char *parameters[] = { [VIEW_RECEIVER] = "receiver", [VIEW_EXPORTER] = "exporter" };

    x->r->role = VIEW_PROCESSOR;
    x->r->node = rest[0] == '/' ? mem_strdup(rest + 1) : NULL;
    for (int role = VIEW_RECEIVER; role <= VIEW_EXPORTER; role += VIEW_EXPORTER - VIEW_RECEIVER) {
        const char *id = text_of(x, parameters[role]);

        if (id == NULL)
            continue;
        if (x->r->node != NULL)
            return set_fault(x, parameters[role],
                             "a point is a processor, a receiver or an exporter: leave out all but one");
        x->r->role = (enum view_role)role;
        x->r->node = mem_strdup(id);
    }
    return true;
}

static bool read_point(struct reading *x)
{
    const char *text = text_of(x, "point");
    char *point = mem_strdup(text != NULL ? text : "");
    bool ok;

    x->point = point;
    x->view->each_pipeline(x->view, find_pipeline, x);
    if (x->longest == 0) {
        free(point);
        return x->known.len > 0
                   ? set_fault(x, "point", "there is no such pipeline: take one of %s", buf_cstr(&x->known))
                   : set_fault(x, "point", "no pipeline runs yet, or any more");
    }
    x->r->pipeline = mem_printf("%.*s", (int)x->longest, point);
    ok = name_node(x, point + x->longest);
    free(point);
    if (!ok)
        return false;
    x->longest = 0;
    x->known.len = 0;
    x->view->each_pipeline(x->view, find_node, x);
    if (x->r->node == NULL || x->longest == 1)
        return true;
    return set_fault(x, x->r->role == VIEW_PROCESSOR ? "point" : role_names[x->r->role], "%s has no such %s: %s%s",
                     x->r->pipeline, role_names[x->r->role], x->known.len > 0 ? "it has " : "it has none",
                     x->known.len > 0 ? buf_cstr(&x->known) : "");
}

/* ---- how ---- */

static bool read_word(struct reading *x, const char *name, const char *const *words, int *choice)
{
    const char *text = text_of(x, name);

    if (text == NULL)
        return true;
    x->known.len = 0;
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *choice = i;
            return true;
        }
        add_known(x, words[i]);
    }
    return set_fault(x, name, "write one of %s", buf_cstr(&x->known));
}

static bool read_number(struct reading *x, const char *name, uint64_t most, uint64_t *n)
{
    const char *text = text_of(x, name);
    char *end;

    if (text == NULL)
        return true;
    *n = strtoull(text, &end, 10);
    return (text[0] >= '0' && text[0] <= '9' && *end == '\0' && strlen(text) == x->value.len && *n <= most) ||
           set_fault(x, name, "write a whole number up to %" PRIu64, most);
}

static bool read_side(struct reading *x)
{
    static const char *const sides[] = { "before", "after", "both", NULL };
    static const char *const formats[] = { "text", "json", NULL };
    bool processor = x->r->role == VIEW_PROCESSOR && x->r->node != NULL;
    int format = 0, side = -1;

    if (!read_word(x, "format", formats, &format) || !read_word(x, "side", sides, &side))
        return false;
    x->r->json = format == 1;
    if (side < 0)
        side = processor && !x->r->json ? TAP_BOTH : processor ? TAP_AFTER : TAP_BEFORE;
    else if (x->r->role != VIEW_PROCESSOR)
        return set_fault(x, "side", "of a receiver or an exporter there is one side only: leave it out");
    if (side == TAP_BOTH && x->r->json)
        return set_fault(x, "side", "JSON has no marks for what was changed: write before or after, or format text");
    x->r->side = (enum tap_side)side;
    return true;
}

/* ---- the condition ---- */

static const enum ottl_context item_contexts[SIGNAL_COUNT] = {
    [SIGNAL_TRACES] = OTTL_SPAN,
    [SIGNAL_METRICS] = OTTL_DATAPOINT,
    [SIGNAL_LOGS] = OTTL_LOG,
    [SIGNAL_PROFILES] = OTTL_PROFILE,
};

static bool fail_condition(struct reading *x, const char *text, const struct ottl_fault *f)
{
    size_t at = f->at < strlen(text) ? f->at : strlen(text), begin = at;

    x->fault->line = 1;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    for (size_t i = 0; i < begin; i++)
        x->fault->line += text[i] == '\n';
    x->fault->column = at - begin + 1;
    return set_fault(x, "condition", "%s", f->text);
}

static bool read_condition(struct reading *x)
{
    const unsigned below = OTTL_IN(OTTL_SPANEVENT) | OTTL_IN(OTTL_EXEMPLAR);
    const char *text = text_of(x, "condition");
    struct ottl_fault fault = { 0 };
    struct ottl_reading how = { 0 };

    if (text == NULL)
        return true;
    if (strlen(text) != x->value.len)
        return set_fault(x, "condition", "there is a NUL in it");
    how.context = ottl_infer(&text, 1, statement_contexts[x->r->signal] & ~below, &fault);
    if (how.context == OTTL_CONTEXTS) /* it names none, or is wrong: which of both, the parser says */
        how.context = item_contexts[x->r->signal];
    x->r->condition = ottl_parse_condition(text, how, &fault);
    return x->r->condition != NULL || fail_condition(x, text, &fault);
}

bool tap_request_read(struct tap_request *r, struct bytes query, const struct service_view *view,
                      struct tap_fault *fault)
{
    struct reading x = { .r = r, .query = query, .view = view, .fault = fault };
    bool ok;

    *r = (struct tap_request){ .rate = RATE };
    *fault = (struct tap_fault){ 0 };
    ok = read_point(&x) && read_side(&x) && read_number(&x, "count", UINT32_MAX, &r->count) &&
         read_number(&x, "rate", UINT32_MAX, &r->rate) && read_condition(&x);
    buf_free(&x.value);
    buf_free(&x.known);
    return ok;
}

void tap_request_free(struct tap_request *r)
{
    free(r->pipeline);
    free(r->node);
    ottl_program_free(r->condition);
    *r = (struct tap_request){ 0 };
}

struct view_point tap_request_point(const struct tap_request *r, bool behind)
{
    return (struct view_point){ r->pipeline, r->role, r->node, behind };
}
