/* SPDX-License-Identifier: Apache-2.0 */
/* A step is one of send, advance, stop, backend and expect. Whom it is about follows from the configuration where the
 * step does not say it and there is one only; its request is read, its conditions are parsed. */
#include "command/request_keys.h"
#include "command/request_text.h"
#include "command/test/test_file_inside.h"
#include "pipeline/statement_list.h"

#include <string.h>

/* ---- who there is ---- */

/* The components of that kind that have a pipeline of the signal (SIGNAL_COUNT: of any). */
typedef VEC(const char *) names;

static void add_name(names *n, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->v[i], name) == 0)
            return;
    *vec_push(n) = name;
}

static names find_ends(const struct config *c, enum component_kind kind, enum signal signal)
{
    names found = { 0 };

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];
        struct config_component **list = kind == COMPONENT_RECEIVER ? p->receivers : p->exporters;
        size_t n = kind == COMPONENT_RECEIVER ? p->n_receivers : p->n_exporters;

        for (size_t k = 0; k < n && (signal == SIGNAL_COUNT || p->signal == (int)signal); k++)
            if (list[k]->component->kind == kind)
                add_name(&found, list[k]->id);
    }
    return found;
}

static const char *join_names(struct arena *a, const names *n)
{
    const char *all = "";

    for (size_t i = 0; i < n->n; i++)
        all = arena_printf(a, "%s%s%s", all, i > 0 ? ", " : "", n->v[i]);
    return all;
}

/* The one that is named, or the only one; NULL after a fault. */
static const char *pick_end(const struct test_location *at, enum component_kind kind, enum signal signal,
                            const char *key, const char *said)
{
    const char *what = kind == COMPONENT_RECEIVER ? "receiver" : "exporter", *picked = NULL;
    const char *of = signal != SIGNAL_COUNT ? signal_table[signal].name : "data";
    names all = find_ends(at->file->config, kind, signal);
    const struct yaml_node *location =
        yaml_get(at->node->kind == YAML_MAP && at->node->n == 1 ? at->node->pairs[0].value : at->node, key);

    for (size_t i = 0; i < all.n; i++)
        if (said[0] == '\0' ? all.n == 1 : strcmp(all.v[i], said) == 0)
            picked = all.v[i];
    if (picked == NULL && said[0] != '\0')
        test_fault(at, location, "no %s of %s is called %s: take %s", what, of, said,
                   join_names(&at->file->arena, &all));
    else if (picked == NULL && all.n == 0)
        test_fault(at, NULL, "there is no %s of %s", what, of);
    else if (picked == NULL)
        test_fault(at, NULL, "there are several %ss of %s: write %s: with one of %s", what, of, key,
                   join_names(&at->file->arena, &all));
    vec_free(&all);
    return picked;
}

/* The signal that the exporter has, where it is one. */
static enum signal signal_of_exporter(const struct config *c, const char *id)
{
    unsigned bits = 0, only = 0;

    for (size_t i = 0; i < c->n_pipelines; i++)
        for (size_t k = 0; k < c->pipelines[i].n_exporters; k++)
            if (id[0] == '\0' || strcmp(c->pipelines[i].exporters[k]->id, id) == 0)
                bits |= SIGNAL_BIT((unsigned)c->pipelines[i].signal);
    while (only < SIGNAL_COUNT && bits != SIGNAL_BIT(only))
        only++;
    return (enum signal)only;
}

/* What the test has sent before, where it is one signal. */
static enum signal signal_sent(const struct test_location *at)
{
    enum signal sent = SIGNAL_COUNT;

    for (size_t i = 0; i + 1 < at->test->steps.n; i++) {
        const struct step *s = &at->test->steps.v[i];

        if (s->kind != STEP_SEND || s->component == NULL || s->signal == sent)
            continue;
        if (sent != SIGNAL_COUNT)
            return SIGNAL_COUNT;
        sent = s->signal;
    }
    return sent;
}

/* ---- requests ---- */

static bool read_data_file(const struct test_location *at, const struct test_data *d, struct step *s, struct error *err)
{
    const char *slash = strrchr(at->file->path, '/'), *why = "";
    const char *path =
        d->file[0] == '/' || slash == NULL
            ? d->file
            : arena_printf(&at->file->arena, "%.*s%s", (int)(slash + 1 - at->file->path), at->file->path, d->file);
    struct buf text = { 0 };
    bool ok = source_file(path, &text, &why);

    if (!ok)
        error_set(err, -1, "%s: %s", path, why);
    else if (!request_read(buf_bytes(&text), &s->signal, &s->request, err)) {
        error_wrap(err, "%s", path);
        ok = false;
    }
    buf_free(&text);
    return ok;
}

static unsigned count_data(const struct test_data *d)
{
    const bool there[] = { d->otlp != NULL, d->file[0] != '\0', d->spans != NULL, d->metrics != NULL, d->logs != NULL };
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(there); i++)
        n += there[i];
    return n;
}

static void tell_key(void *arg, const struct yaml_node *map, const struct yaml_pair *pair, const char *near)
{
    const struct yaml_node location = { .file = map->file, .line = pair->line, .column = pair->column };

    test_fault(arg, &location, "OTLP has no %s here%s%s%s", pair->key, near != NULL ? "; did you mean \"" : "",
               near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static void check_keys(const struct test_location *at, const struct test_data *d, const struct yaml_node *items,
                       enum signal signal)
{
    struct test_location location = *at;
    const struct key_complaint to = { tell_key, &location };

    if (d->otlp != NULL)
        request_keys_check(signal, d->otlp, &to);
    for (size_t i = 0; items != NULL && items->kind == YAML_LIST && i < items->n; i++)
        request_keys_check_item(signal, items->items[i], &to);
}

/* One of the forms that a request has, into s->request and s->signal. */
static bool read_data(const struct test_location *at, const struct test_data *d, struct step *s)
{
    const struct yaml_node *items = d->spans != NULL ? d->spans : d->metrics != NULL ? d->metrics : d->logs;
    const struct yaml_node *location = d->otlp != NULL ? d->otlp : items;
    struct error err = { 0 };
    bool ok;

    s->signal = d->spans != NULL ? SIGNAL_TRACES : d->metrics != NULL ? SIGNAL_METRICS : SIGNAL_LOGS;
    s->has_request = true;
    if (d->resource != NULL && items == NULL) {
        test_fault(at, d->resource, "the resource of spans:, metrics: or logs:, and there are none here");
        return false;
    }
    if (d->otlp != NULL)
        ok = request_from_tree(d->otlp, &s->signal, &s->request, &err);
    else if (items != NULL)
        ok = request_from_items(s->signal, items, d->resource, &s->request, &err);
    else
        ok = read_data_file(at, d, s, &err);
    if (!ok)
        test_fault(at, location, "%s", err.text);
    else
        check_keys(at, d, items, s->signal);
    return ok;
}

static void read_send(const struct test_location *at, const struct test_send *from, struct step *s)
{
    const struct test_data d = { from->otlp, from->file, from->spans, from->metrics, from->logs, from->resource };

    s->kind = STEP_SEND;
    s->metadata = from->metadata;
    s->answer = (enum answer_wanted)from->answer;
    if (count_data(&d) != 1)
        test_fault(at, NULL, "what is sent is one of otlp:, file:, spans:, metrics: and logs:");
    else if (read_data(at, &d, s))
        s->component = pick_end(at, COMPONENT_RECEIVER, s->signal, "to", from->to);
}

/* ---- expectations ---- */

static void read_condition(const struct test_location *at, const struct test_expect *from, const struct yaml_node *n,
                           struct step *s)
{
    const struct yaml_node *text = n->kind == YAML_MAP ? yaml_get(n, "condition") : n;
    const struct yaml_node *items = n->kind == YAML_MAP ? yaml_get(n, "items") : NULL;
    struct ottl_reading how = { .context = OTTL_CONTEXTS, .bare = from->context[0] != '\0' };
    struct step_condition made = { .items = -1 };
    struct yaml_node location = *n;
    struct ottl_fault fault = { 0 };
    uint64_t count = 0;

    if (text == NULL || text->kind != YAML_SCALAR || (n->kind == YAML_MAP && (items == NULL || n->n != 2)) ||
        (items != NULL && (!yaml_uint(items, &count) || count > INT64_MAX))) {
        test_fault(at, n, "a condition is a text, or {condition: TEXT, items: NUMBER}");
        return;
    }
    how.context = how.bare ? ottl_context_find(bytes_str(from->context))
                           : ottl_infer(&text->text, 1, statement_contexts[s->signal], &fault);
    if (how.bare && (how.context == OTTL_CONTEXTS || (statement_contexts[s->signal] & OTTL_IN(how.context)) == 0))
        snprintf(fault.text, sizeof(fault.text), "%s have no context %s", signal_table[s->signal].name, from->context);
    else if (how.context != OTTL_CONTEXTS)
        made.program = ottl_parse_condition(text->text, how, &fault);
    if (made.program == NULL) {
        location.file = text->file;
        yaml_locate(text, fault.at, &location.line, &location.column);
        test_fault(at, &location, "%s", fault.text);
        return;
    }
    made.items = items != NULL ? (int64_t)count : -1;
    *vec_push(&s->conditions) = made;
}

static void read_conditions(const struct test_location *at, const struct test_expect *from, struct step *s)
{
    const struct yaml_node *list = from->conditions;

    if (list == NULL)
        return;
    if (list->kind != YAML_LIST)
        test_fault(at, list, "conditions are a list");
    for (size_t i = 0; list->kind == YAML_LIST && i < list->n; i++)
        read_condition(at, from, list->items[i], s);
}

/* What came out of an exporter. */
static void read_output(const struct test_location *at, const struct test_expect *from, const struct test_data *d,
                        struct step *s)
{
    enum signal said = from->signal > 0 ? (enum signal)(from->signal - 1) : SIGNAL_COUNT;

    if (count_data(d) > 1) {
        test_fault(at, NULL, "what is expected is one of otlp:, file:, spans:, metrics: and logs:");
        return;
    }
    s->signal = said;
    if (count_data(d) == 1 && !read_data(at, d, s))
        return;
    if (said != SIGNAL_COUNT && s->signal != said) {
        test_fault(at, NULL, "signal: says %s, and what is expected are %s", signal_table[said].name,
                   signal_table[s->signal].name);
        return;
    }
    if (s->signal == SIGNAL_COUNT)
        s->signal = signal_of_exporter(at->file->config, from->from);
    if (s->signal == SIGNAL_COUNT)
        s->signal = signal_sent(at);
    if (s->signal == SIGNAL_COUNT) {
        test_fault(at, NULL, "of which signal? Write signal:");
        return;
    }
    s->component = pick_end(at, COMPONENT_EXPORTER, s->signal, "from", from->from);
    if (s->component == NULL)
        return;
    s->items = from->nothing ? 0 : from->items;
    read_conditions(at, from, s);
}

static bool read_counts(const struct test_location *at, const struct yaml_node *map, struct step_ledger *l,
                        bool dropped)
{
    bool ok = map->kind == YAML_MAP;

    for (size_t i = 0; ok && i < map->n; i++) {
        struct step_count c = { .reason = map->pairs[i].key };

        ok = yaml_uint(map->pairs[i].value, &c.items);
        if (dropped)
            *vec_push(&l->dropped) = c;
        else
            *vec_push(&l->refused) = c;
    }
    if (!ok)
        test_fault(at, map, "reasons with their numbers: {filtered: 2}; {} for none");
    return ok;
}

/* The one that is named, the only one, or the only one of the signal that was sent. */
static const char *pick_pipeline(const struct test_location *at, const char *said)
{
    const struct config *c = at->file->config;
    enum signal sent = signal_sent(at);
    const char *picked = NULL;
    size_t found = 0;

    for (size_t i = 0; i < c->n_pipelines; i++)
        if (said[0] != '\0' ? strcmp(c->pipelines[i].id, said) == 0
                            : c->n_pipelines == 1 || c->pipelines[i].signal == (int)sent) {
            picked = c->pipelines[i].id;
            found++;
        }
    if (found == 1)
        return picked;
    if (said[0] != '\0')
        test_fault(at, NULL, "there is no pipeline %s", said);
    else
        test_fault(at, NULL, "there are several pipelines: say which with pipeline:");
    return NULL;
}

static void read_exporter(const struct test_location *at, const struct test_expect *from, struct step_ledger *l)
{
    l->signal = from->signal > 0 ? (enum signal)(from->signal - 1) : SIGNAL_COUNT;
    if (l->signal == SIGNAL_COUNT)
        l->signal = signal_of_exporter(at->file->config, from->exporter);
    if (l->signal == SIGNAL_COUNT)
        l->signal = signal_sent(at);
    if (from->pipeline[0] != '\0')
        test_fault(at, NULL, "pipeline: and exporter: (or attempts:) ask for two ledgers: write two steps");
    else if (l->signal == SIGNAL_COUNT)
        test_fault(at, NULL, "of which signal? Write signal:");
    else
        l->exporter = pick_end(at, COMPONENT_EXPORTER, l->signal, "exporter", from->exporter);
}

static void read_ledger(const struct test_location *at, const struct test_expect *from, struct step *s)
{
    struct step_ledger *l = &s->ledger;

    l->on = true;
    if (from->exporter[0] != '\0' || from->attempts >= 0)
        read_exporter(at, from, l);
    else
        l->pipeline = pick_pipeline(at, from->pipeline);
    l->attempts = from->attempts;
    l->has_dropped = from->dropped != NULL && read_counts(at, from->dropped, l, true);
    l->has_refused = from->refused != NULL && read_counts(at, from->refused, l, false);
    l->held = from->held;
    l->delivered = from->delivered;
}

static void read_expect(const struct test_location *at, const struct test_expect *from, struct step *s)
{
    const struct test_data d = { from->otlp, from->file, from->spans, from->metrics, from->logs, from->resource };
    bool ledger = from->dropped != NULL || from->refused != NULL || from->held >= 0 || from->delivered >= 0 ||
                  from->attempts >= 0;
    bool output = count_data(&d) > 0 || from->nothing || from->items >= 0 || from->conditions != NULL;

    s->kind = STEP_EXPECT;
    if (!ledger && !output)
        test_fault(at, NULL,
                   "nothing is expected: write otlp:, file:, spans:, metrics: or logs:, nothing: true, items:, "
                   "conditions:, dropped:, refused:, held:, delivered: or attempts:");
    else if (from->nothing && (count_data(&d) > 0 || from->items > 0 || from->conditions != NULL))
        test_fault(at, NULL, "nothing: true and something else");
    else if ((from->pipeline[0] != '\0' || from->exporter[0] != '\0') && !ledger)
        test_fault(at, NULL, "%s: goes with dropped:, refused:, held: and delivered:",
                   from->pipeline[0] != '\0' ? "pipeline" : "exporter");
    if (output)
        read_output(at, from, &d, s);
    if (ledger)
        read_ledger(at, from, s);
}

static void read_backend(const struct test_location *at, const struct test_backend *from, struct step *s)
{
    s->kind = STEP_BACKEND;
    s->peer = (enum trial_peer)from->is;
    s->takes = (uint64_t)from->takes;
    s->ns = (uint64_t)from->time.ns;
    s->component = pick_end(at, COMPONENT_EXPORTER, SIGNAL_COUNT, "of", from->of);
    if (s->peer != TRIAL_PEER_PARTIAL && from->takes > 0)
        test_fault(at, NULL, "takes: goes with is: partial");
    if (s->peer == TRIAL_PEER_WELL && s->ns > 0)
        test_fault(at, NULL, "a backend that is well is so until another step: leave for: out");
}

void test_step_read(const struct test_location *at, const struct test_step *from, struct step *to)
{
    const char *key = at->node->kind == YAML_MAP && at->node->n == 1 ? at->node->pairs[0].key : "";

    if (from->send.on) {
        read_send(at, &from->send, to);
    } else if (from->expect.on) {
        read_expect(at, &from->expect, to);
    } else if (from->backend.on) {
        read_backend(at, &from->backend, to);
    } else if (strcmp(key, "advance") == 0) {
        to->kind = STEP_ADVANCE;
        to->ns = (uint64_t)from->advance.ns;
    } else if (from->stop) {
        to->kind = STEP_STOP;
    }
    if (key[0] == '\0' || (strcmp(key, "stop") == 0 && !from->stop) ||
        ((strcmp(key, "send") == 0 || strcmp(key, "expect") == 0 || strcmp(key, "backend") == 0) && !from->send.on &&
         !from->expect.on && !from->backend.on))
        test_fault(at, NULL,
                   "a step is one of send: {...}, advance: DURATION, stop: true, backend: {...} and expect: {...}");
}
