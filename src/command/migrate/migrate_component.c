/* SPDX-License-Identifier: Apache-2.0 */
/* Each component of each section: one that otelcd has stays, under its name of today; one that the Go collector has no
 * longer becomes what took its place, where that takes the same data (retired[]); one that is not needed, or that
 * otelcd does not have, is taken out with the advice that validation gives.
 *
 * An old name is kept where the new one is taken. */
#include "command/migrate/migration.h"

#include "config/fault.h"
#include "service/config.h"
#include "service/foreign.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What became of a component. */
struct retired {
    enum component_kind kind;
    bool otlp_in;           /* its endpoint becomes that of OTLP over gRPC */
    const char *types;      /* with blanks between, without underscores */
    const char *to;         /* NULL: nothing has to take its place */
    const char *old, *text; /* in its endpoint, what stands there instead */
    const char *told;       /* why */
};

#define AGENT "Jaeger takes OTLP"
static const struct retired retired[] = {
    { COMPONENT_EXPORTER, false, "jaeger", "otlp_grpc", ":14250", ":4317", AGENT " on port 4317" },
    { COMPONENT_EXPORTER, false, "jaegerthrift jaegerthrifthttp", "otlp_http", ":14268/api/traces", ":4318",
      AGENT " over HTTP on port 4318" },
    { COMPONENT_EXPORTER, false, "loki", "otlp_http", "/loki/api/v1/push", "/otlp",
      "Loki 3 takes OTLP below /otlp; labels are chosen in its limits_config, and a tenant is a header, "
      "X-Scope-OrgID" },
    { COMPONENT_EXPORTER, false, "opencensus", "otlp_grpc", ":55678", ":4317",
      "OTLP took its place: the receiver must take it, usually on port 4317" },
    { COMPONENT_RECEIVER, true, "opencensus", "otlp", NULL, NULL,
      "OTLP took its place: services have to send OTLP over gRPC to that address" },
    { COMPONENT_PROCESSOR, false, "queuedretry", NULL, NULL, NULL,
      "not needed: every exporter that sends has a queue (sending_queue) and tries again (retry_on_failure)" },
    { COMPONENT_EXTENSION, false, "memoryballast cgroupruntime", NULL, NULL, NULL,
      "not needed: there is no garbage collector, and the memory budget follows the memory there is" },
};

static const struct retired *find_retired(enum component_kind kind, const char *type)
{
    for (size_t i = 0; i < sizeof(retired) / sizeof(*retired); i++)
        for (const char *p = retired[i].types; retired[i].kind == kind && *p != '\0'; p += strspn(p, " ")) {
            size_t n = strcspn(p, " ");

            if (foreign_is_spelling(type, p, n))
                return &retired[i];
            p += n;
        }
    return NULL;
}

/* --- ids --- */

struct part {
    enum component_kind kind;
    struct span *section, *span;
    const char *id, *type, *name; /* name: behind the slash; NULL: none */
    const char *path;
};

static const char *trim_text(struct arena *a, const char *s)
{
    size_t n;

    while (isspace((unsigned char)*s))
        s++;
    n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        n--;
    return arena_strndup(a, s, n);
}

static struct part part_of(struct migration *m, enum component_kind kind, struct span *section, struct span *s)
{
    struct part p = { .kind = kind, .section = section, .span = s, .id = trim_text(&m->arena, s->key) };
    const char *slash = strchr(p.id, '/');

    p.type = slash != NULL ? arena_strndup(&m->arena, p.id, (size_t)(slash - p.id)) : p.id;
    p.name = slash != NULL ? slash + 1 : NULL;
    p.path = arena_printf(&m->arena, "%s::%s", config_sections[kind], p.id);
    return p;
}

/* In its section, and for connectors in those they stand beside. */
static bool is_taken(const struct migration *m, const struct part *p, const char *id)
{
    for (size_t i = 0; i < m->moved.n; i++)
        if (m->moved.v[i].kind == p->kind && m->moved.v[i].to != NULL && strcmp(m->moved.v[i].to, id) == 0)
            return true;
    return span_get(p->section, id) != NULL ||
           (p->kind == COMPONENT_CONNECTOR && (span_get(span_get(m->text.root, "receivers"), id) != NULL ||
                                               span_get(span_get(m->text.root, "exporters"), id) != NULL));
}

static bool rename_part(struct migration *m, const struct part *p, const char *id)
{
    if (is_taken(m, p, id))
        return false;
    yaml_text_replace(&m->text, p->span->key_from, p->span->key_to, yaml_text_word(&m->text, p->span->key_from, id));
    *vec_push(&m->moved) = (struct moved){ p->kind, p->id, id };
    return true;
}

/* --- what becomes of it --- */

/* An entry in front of the first one. */
static void put_first(struct migration *m, const struct span *first, const char *entry)
{
    size_t column = yaml_text_column(&m->text, first->begin), at = first->begin;

    if (first->parent->flow)
        yaml_text_replace(&m->text, at, at, arena_printf(&m->arena, "%s, ", entry));
    else
        yaml_text_replace(&m->text, at - column, at - column,
                          arena_printf(&m->arena, "%*s%s\n", (int)column, "", entry));
}

/* opencensus: {endpoint: X} as otlp: {protocols: {grpc: {endpoint: X}}}. */
static void wrap_endpoint(struct migration *m, const struct part *p)
{
    struct span *body = p->span, *endpoint = span_get(body, "endpoint");
    bool known = endpoint != NULL && endpoint->kind == YAML_SCALAR && endpoint->to > endpoint->from;
    const char *value = known ? endpoint->text : "localhost:55678";
    const char *block = arena_printf(&m->arena, "protocols: {grpc: {endpoint: %s}}",
                                     yaml_text_word(&m->text, known ? endpoint->from : m->text.text.len, value));

    if (known)
        yaml_text_replace(&m->text, endpoint->begin, endpoint->end, block);
    else if (body->kind == YAML_MAP && body->n > 0)
        put_first(m, body->kids[0], block);
    else
        yaml_text_replace(&m->text, p->span->key_to, p->span->end, arena_printf(&m->arena, ": {%s}", block));
    for (size_t i = 0; body->kind == YAML_MAP && i < body->n; i++)
        if (body->kids[i] != endpoint)
            migration_take_out(m, body->kids[i], p->path, NOTE_REPLACED, "has no place in otlp");
}

static const struct component *component_of(enum component_kind kind, const char *type, bool *by_alias)
{
    return component_find(component_registry, kind, bytes_str(type), by_alias);
}

/* "otlp_grpc/jaeger", "otlp_grpc/jaeger_2"; with more behind it where that is there already. */
static const char *successor_id(struct migration *m, const struct part *p, const char *to)
{
    const char *id =
        arena_printf(&m->arena, "%s/%s%s%s", to, p->type, p->name != NULL ? "_" : "", p->name != NULL ? p->name : "");

    while (is_taken(m, p, id))
        id = arena_printf(&m->arena, "%s_old", id);
    return id;
}

static void retire_part(struct migration *m, const struct part *p, const struct retired *r)
{
    const char *id = r->to != NULL ? successor_id(m, p, r->to) : NULL;
    const struct span *endpoint = span_get(p->span, "endpoint");
    const struct component *c;
    bool by_alias;

    if (id == NULL) {
        if (migration_take_out(m, p->span, p->path, NOTE_REPLACED, r->told))
            *vec_push(&m->moved) = (struct moved){ p->kind, p->id, NULL };
        return;
    }
    rename_part(m, p, id);
    migration_note(m, NOTE_REPLACED, p->span, p->path, "is %s now: %s", id, r->told);
    c = component_of(p->kind, r->to, &by_alias);
    if (r->otlp_in)
        wrap_endpoint(m, p);
    else if (endpoint != NULL && r->old != NULL)
        yaml_text_substitute(&m->text, endpoint, r->old, r->text);
    if (!r->otlp_in && c != NULL)
        migrate_rows(m, c->options, p->span, p->path, r->to);
}

/* The logging exporter's loglevel, in the words of verbosity. */
static void mend_loglevel(struct migration *m, const struct part *p)
{
    const struct span *level = span_get(p->span, "loglevel");
    const char *word;

    if (level == NULL || level->kind != YAML_SCALAR || level->to == level->from ||
        span_get(p->span, "verbosity") != NULL)
        return;
    word = strcasecmp(level->text, "debug") == 0  ? "detailed"
           : strcasecmp(level->text, "info") == 0 ? "normal"
                                                  : "basic";
    yaml_text_replace(&m->text, level->key_from, level->key_to, "verbosity");
    yaml_text_replace(&m->text, level->from, level->to, word);
    migration_note(m, NOTE_REPLACED, level, p->path, "loglevel: %s is verbosity: %s", level->text, word);
}

/* Extensions are named by others, and keep their names. */
static void keep_part(struct migration *m, const struct part *p, const struct component *c, bool by_alias)
{
    const char *id = p->name != NULL ? arena_printf(&m->arena, "%s/%s", c->type, p->name) : c->type;
    static const struct option none[] = { OPT_END };
    size_t notes;

    if (by_alias && p->kind != COMPONENT_EXTENSION && rename_part(m, p, id))
        migration_note(m, NOTE_REPLACED, p->span, p->path, "is %s now: a new name of the same", id);
    else
        by_alias = false;
    notes = m->notes.n;
    if (p->kind == COMPONENT_EXPORTER && strcmp(p->type, "logging") == 0)
        mend_loglevel(m, p);
    migrate_rows(m, c->options != NULL ? c->options : none, p->span, p->path, NULL);
    if (!by_alias && m->notes.n == notes)
        migration_note(m, NOTE_UNCHANGED, p->span, p->path, "%s", "");
}

static const char *unknown_reason(struct migration *m, const struct part *p)
{
    VEC(const char *) names = { 0 };
    const char *near;

    for (const struct component *const *c = component_registry; *c != NULL; c++)
        if ((*c)->kind == p->kind)
            *vec_push(&names) = (*c)->type;
    *vec_push(&names) = NULL;
    near = nearest_of(p->type, names.v);
    vec_free(&names);
    if (near != NULL)
        return arena_printf(&m->arena, "there is none of that name; did you mean %s?", near);
    return "neither otelcd nor the Go collector has one of that name: is it misspelled, or of a build of its own?";
}

static void lose_part(struct migration *m, const struct part *p)
{
    const struct foreign *f = foreign_find(p->kind, p->type);
    const char *reason = f != NULL ? foreign_advice(f) : unknown_reason(m, p);

    if (migration_take_out(m, p->span, p->path, NOTE_MISSING, reason))
        *vec_push(&m->moved) = (struct moved){ p->kind, p->id, NULL };
}

static void lose_processor(struct migration *m, struct span *processor)
{
    struct part p = part_of(m, COMPONENT_PROCESSOR, processor->parent, processor);

    lose_part(m, &p);
}

void migrate_components(struct migration *m)
{
    const struct span *processors = span_get(m->text.root, config_sections[COMPONENT_PROCESSOR]);

    for (int kind = 0; kind < COMPONENT_KINDS; kind++) {
        struct span *section = span_get(m->text.root, config_sections[kind]);

        for (size_t i = 0; section != NULL && section->kind == YAML_MAP && i < section->n; i++) {
            struct part p = part_of(m, (enum component_kind)kind, section, section->kids[i]);
            const struct retired *r = find_retired(p.kind, p.type);
            bool by_alias = false;
            const struct component *c = component_of(p.kind, p.type, &by_alias);

            if (strcmp(p.id, "<<") == 0 || (kind == COMPONENT_PROCESSOR && migrate_is_connector(p.id)))
                continue;
            if (r != NULL && (c == NULL || r->to == NULL))
                retire_part(m, &p, r);
            else if (c != NULL)
                keep_part(m, &p, c, by_alias);
            else
                lose_part(m, &p);
        }
    }
    if (processors != NULL && processors->kind == YAML_MAP)
        migrate_connectors(m, processors, lose_processor);
}
