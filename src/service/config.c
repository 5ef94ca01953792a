/* SPDX-License-Identifier: Apache-2.0 */
/* config_load() reads and merges the sources, loads each section, component by component (id, type, options, the
 * component's own checks), then the service and its pipelines, and at last what concerns several of them: references,
 * extensions, the wiring, addresses and files that two would claim.
 *
 * A fault never ends the run; later steps are left out only where they would report consequences of what is told
 * already (l->torn, l->unknown, l->misspelt). Components of a type that is not known stay in the list, so that
 * references to them are no second fault. */
#include "service/config_inside.h"

#include "service/foreign.h"
#include "service/graph.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

const char *const config_sections[COMPONENT_KINDS] = { "receivers", "processors", "exporters", "connectors",
                                                       "extensions" };
const char *const config_words[COMPONENT_KINDS] = { "receiver", "processor", "exporter", "connector", "extension" };
#define EMPTY_HINT "; it needs at least receivers, exporters and service, as config/otelcd.yaml has them"

static const char *const top_keys[] = { "receivers",  "processors", "exporters", "connectors",
                                        "extensions", "service",    NULL };

char *config_path(struct loader *l, const char *a, const char *b)
{
    return arena_printf(&l->config->arena, "%s::%s", a, b);
}

const struct yaml_node *config_location(struct loader *l, const struct yaml_pair *pair)
{
    struct yaml_node *n = yaml_new(&l->config->arena, YAML_NULL, pair->value);

    n->line = pair->line;
    n->column = pair->column;
    return n;
}

/* --- ids --- */

const char *config_trim(struct arena *a, const char *s)
{
    size_t n;

    while (isspace((unsigned char)*s))
        s++;
    for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
        ;
    return arena_strndup(a, s, n);
}

static bool type_ok(const char *s, size_t n)
{
    if (n == 0 || n > 63 || !isalpha((unsigned char)s[0]))
        return false;
    for (size_t i = 1; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return true;
}

static bool name_ok(const char *s)
{
    size_t n = strlen(s);

    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("$+<=>^`|~", *p) != NULL)
            return false;
    return n > 0 && n <= 1024;
}

bool config_split_id(struct loader *l, const char *id, const struct yaml_node *at, const char *path, struct bytes *type)
{
    const char *slash = strchr(id, '/');
    size_t n = slash != NULL ? (size_t)(slash - id) : strlen(id);

    *type = bytes_of(id, n);
    if (id[0] == '\0')
        fault_add(faults_of(l), at, path, false, "id must not be empty");
    else if (slash != NULL && slash == id)
        fault_add(faults_of(l), at, path, false, "in \"%s\" id: the part before / should not be empty", id);
    else if (slash != NULL && slash[1] == '\0')
        fault_add(faults_of(l), at, path, false, "in \"%s\" id: the part after / should not be empty", id);
    else if (!type_ok(id, n))
        fault_add(faults_of(l), at, path, false, "invalid character(s) in type \"%.*s\": letters, digits and _ only",
                  (int)n, id);
    else if (slash != NULL && !name_ok(slash + 1))
        fault_add(faults_of(l), at, path, false, "invalid character(s) in name \"%s\"", slash + 1);
    else
        return true;
    return false;
}

/* --- components --- */

static size_t type_names(struct loader *l, enum component_kind kind, const char **names, size_t max)
{
    size_t n = 0;

    for (const struct component *const *c = l->all; *c != NULL && n + 1 < max; c++)
        if ((*c)->kind == kind)
            names[n++] = (*c)->type;
    names[n] = NULL;
    return n;
}

/* With the old ones. */
static void all_spellings(struct loader *l, enum component_kind kind, const char **names, size_t max)
{
    size_t n = type_names(l, kind, names, max);

    for (const struct component *const *c = l->all; *c != NULL; c++)
        for (const char *const *alias = (*c)->aliases; (*c)->kind == kind && alias != NULL && *alias != NULL; alias++)
            if (n + 1 < max)
                names[n++] = *alias;
    names[n] = NULL;
}

/* The section where a component of that type belongs, or NULL. */
static const char *section_of(struct loader *l, struct bytes type)
{
    bool by_alias;

    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        if (component_find(l->all, (enum component_kind)kind, type, &by_alias) != NULL)
            return config_sections[kind];
    return NULL;
}

/* As packages are called: "filelogreceiver" is the receiver filelog. */
static const char *without_kind(struct loader *l, enum component_kind kind, const char *word)
{
    size_t n = strlen(word), len = strlen(config_words[kind]);

    if (n <= len || strcmp(word + n - len, config_words[kind]) != 0)
        return word;
    n -= len;
    return arena_strndup(&l->config->arena, word, n - (word[n - 1] == '_'));
}

/* Known to nobody: what there is, and what may have been meant. */
static void put_choice(struct loader *l, enum component_kind kind, struct bytes type, const char *word, struct buf *out)
{
    const char *names[128], *spellings[256];
    size_t n = type_names(l, kind, names, ARRAY_LEN(names));
    const char *section = section_of(l, type), *near;

    all_spellings(l, kind, spellings, ARRAY_LEN(spellings));
    near = nearest_of(word, spellings);
    if (near == NULL)
        near = nearest_of(without_kind(l, kind, word), spellings);
    buf_puts(out, "(valid values: [");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i > 0 ? " " : "", names[i]);
    buf_puts(out, "])");
    if (section != NULL)
        buf_printf(out, "; it belongs under %s", section);
    else if (near != NULL)
        buf_printf(out, "; did you mean \"%s\"?", near);
    else
        buf_printf(out, "; no %s of the Go collector is known by that name either; %s", config_words[kind],
                   foreign_common_advice(kind));
}

static void unknown_type(struct loader *l, enum component_kind kind, struct bytes type, const char *id,
                         const struct yaml_node *at, const char *path)
{
    const char *word = arena_strndup(&l->config->arena, type.data, type.len);
    const char *bare = without_kind(l, kind, word);
    const struct foreign *f = foreign_find(kind, word);
    const char *a = strchr("aeiou", config_words[kind][0]) != NULL ? "an" : "a";
    struct buf text = { 0 };

    if (f == NULL && bare != word && (f = foreign_find(kind, bare)) != NULL)
        word = bare;
    if (f == NULL) {
        put_choice(l, kind, type, word, &text);
        fault_add(faults_of(l), at, path, false, "unknown type: \"%s\" for id: \"%s\" %s", word, id, buf_cstr(&text));
    } else {
        fault_add(faults_of(l), at, path, false,
                  f->retired ? "\"%s\" is %s %s that the Go collector once had; %s"
                             : "\"%s\" is %s %s of the Go collector that otelcd does not have; %s",
                  word, a, config_words[kind], foreign_advice(f));
    }
    buf_free(&text);
    faults_forget_unset(faults_of(l), path);
    l->unknown = true;
}

/* The old logging exporter's `loglevel` in the words of `verbosity`. */
static void mend_logging(struct loader *l, struct arena *a, struct yaml_node *body, const char *path)
{
    static const char *const levels[] = { "debug", "info", "warn", "error", "dpanic", "panic", "fatal", NULL };
    const struct yaml_pair *pair = yaml_pair(body, "loglevel");
    struct yaml_pair *slot = pair != NULL ? &body->pairs[pair - body->pairs] : NULL;
    const char *verbosity;
    int i = 0;

    if (slot == NULL || slot->value->kind != YAML_SCALAR)
        return;
    while (levels[i] != NULL && strcasecmp(slot->value->text, levels[i]) != 0)
        i++;
    verbosity = i == 0 ? "detailed" : i == 1 ? "normal" : "basic";
    if (levels[i] == NULL || yaml_pair(body, "verbosity") != NULL) {
        fault_add(
            faults_of(l), slot->value, path, false,
            "loglevel is the old spelling of verbosity; write verbosity: basic, normal or detailed, and only that");
        *slot = body->pairs[--body->n];
        return;
    }
    fault_add(faults_of(l), slot->value, path, true, "loglevel is the old spelling; write verbosity: %s", verbosity);
    slot->key = "verbosity";
    slot->value = yaml_scalar(a, verbosity, true, slot->value);
}

const struct option *config_rows_of(const struct component *c)
{
    static const struct option none[] = { OPT_END };

    return c->options != NULL ? c->options : none;
}

static struct check check_of(struct loader *l, const struct config_component *cc, const char *path)
{
    return (struct check){ faults_of(l),
                           cc->body,
                           cc->location,
                           path,
                           config_rows_of(cc->component),
                           cc->config,
                           cc->component->config_size };
}

struct check config_check_of(struct loader *l, const struct config_component *cc)
{
    return check_of(l, cc, config_path(l, config_sections[cc->component->kind], cc->id));
}

/* `body` is the component's own. */
void config_decode_component(struct loader *l, struct config_component *cc, struct yaml_node *body, const char *path)
{
    const struct component *c = cc->component;
    size_t errors = faults_of(l)->n_errors;
    void *config = arena_zalloc(&cc->memory->arena, c->config_size > 0 ? c->config_size : 1);
    struct check ck;

    if (cc->body != NULL && cc->body->kind != YAML_MAP && cc->body->kind != YAML_NULL) {
        fault_add(faults_of(l), cc->body, path, false, "expected a map of options, got %s%s", yaml_type_name(cc->body),
                  cc->body->kind == YAML_SCALAR && strchr(cc->body->text, ':') != NULL
                      ? "; a key is followed by a colon and a space"
                      : "");
        return;
    }
    if (c->gather != NULL && body != NULL && body->kind == YAML_MAP && !l->offline)
        c->gather(&cc->memory->arena, body, path, faults_of(l));
    decode_struct(&cc->memory->arena, config_rows_of(c), cc->body, path, config, faults_of(l));
    cc->config = config;
    ck = check_of(l, cc, path);
    if (c->finish != NULL && faults_of(l)->n_errors == errors)
        c->finish(config, &ck);
    if (c->check != NULL && faults_of(l)->n_errors == errors)
        c->check(config, &ck);
    cc->sound = faults_of(l)->n_errors == errors;
    cc->fingerprint = fingerprint_struct(config_rows_of(c), config);
}

static void load_component(struct loader *l, enum component_kind kind, const struct yaml_pair *pair)
{
    struct arena *a = &l->config->arena;
    struct config_component *cc = &l->config->components[kind].v[l->config->components[kind].n];
    const struct yaml_node *location = config_location(l, pair);
    const char *id = config_trim(a, pair->key);
    const char *path = config_path(l, config_sections[kind], id);
    struct yaml_node *body;
    bool by_alias = false;
    struct bytes type;

    if (!config_split_id(l, id, location, path, &type))
        return;
    for (size_t i = 0; i < l->config->components[kind].n; i++)
        if (strcmp(l->config->components[kind].v[i].id, id) == 0) {
            fault_add(faults_of(l), location, path, false, "duplicate name \"%s\"", id);
            return;
        }
    l->config->components[kind].n++;
    cc->memory = config_memory_ref(mem_zalloc(sizeof(*cc->memory)));
    cc->id = arena_strdup(&cc->memory->arena, id);
    cc->component = component_find(l->all, kind, type, &by_alias);
    cc->location = yaml_copy(&cc->memory->arena, location);
    cc->body = body = yaml_copy(&cc->memory->arena, pair->value);
    if (cc->component == NULL) {
        unknown_type(l, kind, type, id, location, path);
        return;
    }
    if (by_alias)
        fault_add(faults_of(l), location, path, true, "\"%.*s\" alias is deprecated; use \"%s\" instead", (int)type.len,
                  (const char *)type.data, cc->component->type);
    if (kind == COMPONENT_EXPORTER && bytes_is(type, "logging"))
        mend_logging(l, &cc->memory->arena, body, path);
    config_decode_component(l, cc, body, path);
}

static void load_section(struct loader *l, enum component_kind kind)
{
    const struct yaml_node *n = yaml_get(l->root, config_sections[kind]);

    if (n == NULL || n->kind == YAML_NULL)
        return;
    if (n->kind != YAML_MAP) {
        l->misspelt[kind] = true;
        fault_add(faults_of(l), n, config_sections[kind], false, "expected a map of components, got %s%s",
                  yaml_type_name(n), n->kind == YAML_LIST ? "; write each as a key, name: without a dash" : "");
        return;
    }
    l->config->components[kind].v =
        arena_zalloc(&l->config->arena, (n->n + CONFIG_OWN_ROOM) * sizeof(struct config_component));
    for (size_t i = 0; i < n->n; i++)
        load_component(l, kind, &n->pairs[i]);
}

struct config_component *config_find(struct config *c, enum component_kind kind, const char *id)
{
    for (size_t i = 0; i < c->components[kind].n; i++)
        if (strcmp(c->components[kind].v[i].id, id) == 0)
            return &c->components[kind].v[i];
    return NULL;
}

static void check_ambiguous(struct loader *l)
{
    static const enum component_kind ends[] = { COMPONENT_EXPORTER, COMPONENT_RECEIVER };
    struct config *c = l->config;

    for (size_t i = 0; i < c->components[COMPONENT_CONNECTOR].n; i++) {
        struct config_component *cc = &c->components[COMPONENT_CONNECTOR].v[i];

        for (size_t k = 0; k < ARRAY_LEN(ends); k++)
            if (config_find(c, ends[k], cc->id) != NULL)
                fault_add(faults_of(l), cc->location, config_path(l, "connectors", cc->id), false,
                          "ambiguous ID: Found both \"%s\" %s and \"%s\" connector. Change one of the components' IDs",
                          cc->id, config_words[ends[k]], cc->id);
    }
}

/* --- the whole --- */

static void check_use(struct loader *l, const char *section, struct config_component *cc, enum signal signal)
{
    uint32_t bit = SIGNAL_BIT((unsigned)signal);
    struct check ck;

    if (cc->component == NULL || cc->component->check_use == NULL || !cc->sound || (cc->checked & bit) != 0)
        return;
    cc->checked |= bit;
    ck = check_of(l, cc, config_path(l, section, cc->id));
    cc->component->check_use(cc->config, signal, &ck);
}

/* What a component's configuration must be for the signals that it is used for. */
static void check_uses(struct loader *l)
{
    const struct config *c = l->config;

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];

        for (size_t k = 0; k < p->n_receivers; k++)
            check_use(l, "receivers", p->receivers[k], (enum signal)p->signal);
        for (size_t k = 0; k < p->n_processors; k++)
            check_use(l, "processors", p->processors[k], (enum signal)p->signal);
        for (size_t k = 0; k < p->n_exporters; k++)
            check_use(l, "exporters", p->exporters[k], (enum signal)p->signal);
    }
}

/* What a connector's configuration must be for the pipelines of that signal that it feeds, if any feeds it. */
static void check_ends(struct loader *l, struct config_component *cc, enum signal signal)
{
    const struct config *c = l->config;
    const char **ids = arena_alloc(&l->config->arena, (c->n_pipelines + 1) * sizeof(*ids));
    struct strings ends = { ids, 0 };
    bool fed = false;
    struct check ck;

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];

        if (p->signal != (int)signal)
            continue;
        fed |= config_lists(p->exporters, p->n_exporters, cc);
        if (config_lists(p->receivers, p->n_receivers, cc))
            ids[ends.n++] = p->id;
    }
    if (!fed)
        return;
    ck = config_check_of(l, cc);
    cc->component->check_ends(cc->config, signal, &ends, &ck);
}

static void check_connectors(struct loader *l)
{
    for (size_t i = 0; i < l->config->components[COMPONENT_CONNECTOR].n; i++) {
        struct config_component *cc = &l->config->components[COMPONENT_CONNECTOR].v[i];

        for (enum signal s = 0; s < SIGNAL_COUNT; s++)
            if (cc->component != NULL && cc->component->check_ends != NULL && cc->sound)
                check_ends(l, cc, s);
    }
}

static void warn_unused(struct loader *l)
{
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < l->config->components[kind].n; i++) {
            struct config_component *cc = &l->config->components[kind].v[i];

            if (!cc->used)
                fault_add(faults_of(l), cc->location, config_path(l, config_sections[kind], cc->id), true,
                          "is configured but not used by any pipeline%s",
                          kind == COMPONENT_EXTENSION ? ", for it is not in service::extensions" : "");
        }
}

static void unknown_section(struct loader *l, const struct yaml_pair *pair)
{
    const char *near = nearest_of(pair->key, top_keys);

    for (int kind = 0; near != NULL && kind < COMPONENT_KINDS; kind++)
        if (strcmp(near, config_sections[kind]) == 0)
            l->misspelt[kind] = true;
    if (pair->key[0] == '\0')
        fault_add(faults_of(l), config_location(l, pair), "", false,
                  "has invalid keys: the key is empty; write key: value");
    else
        fault_add(faults_of(l), config_location(l, pair), "", false, "has invalid keys: %s; %s%s%s", pair->key,
                  near != NULL ? "did you mean \"" : "the keys here are receivers, processors, exporters, ",
                  near != NULL ? near : "connectors, extensions and service", near != NULL ? "\"?" : "");
}

static bool has_none(struct loader *l, enum component_kind kind)
{
    const struct yaml_node *section = yaml_get(l->root, config_sections[kind]);

    return !l->misspelt[kind] && (section == NULL || section->n == 0);
}

static void check_top(struct loader *l)
{
    bool misspelt = false;
    size_t n = 0;

    for (size_t i = 0; i < l->root->n; i++) {
        const char *key = l->root->pairs[i].key;
        bool known = false;

        for (size_t k = 0; top_keys[k] != NULL; k++)
            known = known || strcmp(key, top_keys[k]) == 0;
        if (!known)
            unknown_section(l, &l->root->pairs[i]);
        n += known && strcmp(key, "service") != 0 && l->root->pairs[i].value->n > 0;
    }
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        misspelt = misspelt || l->misspelt[kind];
    if (l->torn)
        return;
    if (n == 0 && !misspelt)
        fault_add(faults_of(l), l->root, "", false, "empty configuration file" EMPTY_HINT);
    else if (has_none(l, COMPONENT_RECEIVER))
        fault_add(faults_of(l), l->root, "", false, "no receiver configuration specified in config");
    else if (has_none(l, COMPONENT_EXPORTER))
        fault_add(faults_of(l), l->root, "", false, "no exporter configuration specified in config");
}

static void wiring_fault(void *arg, const struct config_pipeline *p, const char *text)
{
    struct loader *l = arg;

    fault_add(faults_of(l), p != NULL ? p->location : NULL,
              p != NULL ? config_path(l, "service::pipelines", p->id) : "", false, "%s", text);
}

static void load_all(struct loader *l)
{
    struct config *c = l->config;
    size_t before;

    check_top(l);
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        load_section(l, (enum component_kind)kind);
    check_ambiguous(l);
    before = c->faults.n_errors;
    config_load_service(l);
    if (c->faults.n_errors == 0)
        config_add_own(l);
    check_uses(l);
    check_connectors(l);
    config_check_extensions(l);
    if (!l->unknown && c->faults.n_errors == before)
        graph_check(c, wiring_fault, l);
    if (!l->unknown)
        config_check_spread(l);
    if (!l->unknown && c->faults.n_errors == 0)
        config_check_claims(l);
    if (c->faults.n_errors == 0)
        warn_unused(l);
}

struct config *config_load(const struct config_sources *sources, const struct component *const *all)
{
    struct config *c = mem_zalloc(sizeof(*c));
    struct loader l = { .config = c, .all = all };

    if (sources->n_uris == 0 && sources->tree == NULL) {
        fault_add(&c->faults, NULL, "", false,
                  "at least one config flag must be provided: --config FILE; otelcd --help says more");
        return c;
    }
    l.offline = sources->offline;
    l.root = source_read(&c->arena, sources, &c->faults);
    l.torn = c->faults.n_errors > 0;
    if (l.root != NULL)
        load_all(&l);
    else if (!l.torn)
        fault_add(&c->faults, NULL, "", false, "%s: empty configuration file" EMPTY_HINT,
                  sources->n_uris > 0 ? sources->uris[0] : sources->tree->file);
    faults_settle(&c->faults);
    return c;
}
