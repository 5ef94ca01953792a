/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/config.h"

#include "pipeline/graph.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const char *const sections[COMPONENT_KINDS] = { "receivers", "processors", "exporters", "connectors",
                                                       "extensions" };
static const char *const words[COMPONENT_KINDS] = { "receiver", "processor", "exporter", "connector", "extension" };
static const char *const top_keys[] = { "receivers",  "processors", "exporters", "connectors",
                                        "extensions", "service",    NULL };

struct loader {
    struct config *config;
    const struct component *const *all;
    const struct yaml_node *root;
    bool unknown; /* some component's type is not known: wiring is not checked */
};

static struct faults *faults_of(struct loader *l)
{
    return &l->config->faults;
}

static char *path_of(struct loader *l, const char *a, const char *b)
{
    return arena_printf(&l->config->arena, "%s::%s", a, b);
}

/* A place for messages about a key. */
static const struct yaml_node *place_of(struct loader *l, const struct yaml_pair *pair)
{
    struct yaml_node *n = yaml_new(&l->config->arena, YAML_NULL, pair->value);

    n->line = pair->line;
    n->column = pair->column;
    return n;
}

/* --- ids --- */

static const char *trim(struct arena *a, const char *s)
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

/* `type[/name]` in its two parts; false after a fault. */
static bool split_id(struct loader *l, const char *id, const struct yaml_node *at, const char *path, struct bytes *type)
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

static void unknown_type(struct loader *l, enum component_kind kind, struct bytes type, const char *id,
                         const struct yaml_node *at, const char *path)
{
    const char *names[128];
    size_t n = type_names(l, kind, names, ARRAY_LEN(names));
    char *word = arena_strndup(&l->config->arena, type.data, type.len);
    const char *near = nearest_of(word, names);
    struct buf list = { 0 };

    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i > 0 ? " " : "", names[i]);
    fault_add(faults_of(l), at, path, false, "unknown type: \"%s\" for id: \"%s\" (valid values: [%s])%s%s%s", word, id,
              buf_cstr(&list), near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
              near != NULL ? "\"?" : "");
    buf_free(&list);
    l->unknown = true;
}

/* The old logging exporter's `loglevel` in the words of `verbosity`. */
static void mend_logging(struct loader *l, struct yaml_node *body, const char *path)
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
    slot->value = yaml_scalar(&l->config->arena, verbosity, true, slot->value);
}

static const struct option *rows_of(const struct component *c)
{
    static const struct option none[] = { OPT_END };

    return c->options != NULL ? c->options : none;
}

static struct check check_of(struct loader *l, const struct config_component *cc, const char *path)
{
    return (struct check){ faults_of(l),      cc->body,
                           cc->place,         path,
                           &l->config->arena, rows_of(cc->component),
                           cc->config,        cc->component->config_size };
}

static void decode_component(struct loader *l, struct config_component *cc, const char *path)
{
    const struct component *c = cc->component;
    struct arena *a = &l->config->arena;
    size_t errors = faults_of(l)->n_errors;
    void *config = arena_zalloc(a, c->config_size > 0 ? c->config_size : 1);
    struct check ck;

    if (cc->body != NULL && cc->body->kind != YAML_MAP && cc->body->kind != YAML_NULL) {
        fault_add(faults_of(l), cc->body, path, false, "expected a map of options, got %s", yaml_type_name(cc->body));
        return;
    }
    decode_struct(a, rows_of(c), cc->body, path, config, faults_of(l));
    cc->config = config;
    ck = check_of(l, cc, path);
    if (c->check != NULL && faults_of(l)->n_errors == errors)
        c->check(config, &ck);
    cc->sound = faults_of(l)->n_errors == errors;
}

static void load_component(struct loader *l, enum component_kind kind, const struct yaml_pair *pair)
{
    struct arena *a = &l->config->arena;
    struct config_component *cc = &l->config->components[kind].v[l->config->components[kind].n];
    const struct yaml_node *place = place_of(l, pair);
    const char *id = trim(a, pair->key);
    const char *path = path_of(l, sections[kind], id);
    bool by_alias = false;
    struct bytes type;

    if (!split_id(l, id, place, path, &type))
        return;
    for (size_t i = 0; i < l->config->components[kind].n; i++)
        if (strcmp(l->config->components[kind].v[i].id, id) == 0) {
            fault_add(faults_of(l), place, path, false, "duplicate name \"%s\"", id);
            return;
        }
    *cc = (struct config_component){
        .id = id, .component = component_find(l->all, kind, type, &by_alias), .place = place, .body = pair->value
    };
    l->config->components[kind].n++;
    if (cc->component == NULL) {
        unknown_type(l, kind, type, id, place, path);
        return;
    }
    if (by_alias)
        fault_add(faults_of(l), place, path, true, "\"%.*s\" alias is deprecated; use \"%s\" instead", (int)type.len,
                  (const char *)type.data, cc->component->type);
    if (kind == COMPONENT_EXPORTER && bytes_is(type, "logging"))
        mend_logging(l, pair->value, path);
    decode_component(l, cc, path);
}

static void load_section(struct loader *l, enum component_kind kind)
{
    const struct yaml_node *n = yaml_get(l->root, sections[kind]);

    if (n == NULL || n->kind == YAML_NULL)
        return;
    if (n->kind != YAML_MAP) {
        fault_add(faults_of(l), n, sections[kind], false, "expected a map of components, got %s", yaml_type_name(n));
        return;
    }
    l->config->components[kind].v = arena_zalloc(&l->config->arena, n->n * sizeof(struct config_component));
    for (size_t i = 0; i < n->n; i++)
        load_component(l, kind, &n->pairs[i]);
}

static struct config_component *find_component(struct config *c, enum component_kind kind, const char *id)
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
            if (find_component(c, ends[k], cc->id) != NULL)
                fault_add(faults_of(l), cc->place, path_of(l, "connectors", cc->id), false,
                          "ambiguous ID: Found both \"%s\" %s and \"%s\" connector. Change one of the components' IDs",
                          cc->id, words[ends[k]], cc->id);
    }
}

/* --- references --- */

/* The component that a pipeline's list names. Receivers and exporters may be connectors. */
static struct config_component *resolve(struct loader *l, enum component_kind kind, const char *id)
{
    struct config_component *cc = find_component(l->config, kind, id);

    if (cc == NULL && (kind == COMPONENT_RECEIVER || kind == COMPONENT_EXPORTER))
        cc = find_component(l->config, COMPONENT_CONNECTOR, id);
    return cc;
}

static void not_configured(struct loader *l, enum component_kind kind, const char *id, const struct yaml_node *at,
                           const char *path)
{
    const char *names[256];
    const char *near;
    size_t n = 0;

    for (size_t i = 0; i < l->config->components[kind].n && n < 255; i++)
        names[n++] = l->config->components[kind].v[i].id;
    for (size_t i = 0; kind != COMPONENT_PROCESSOR && kind != COMPONENT_EXTENSION &&
                       i < l->config->components[COMPONENT_CONNECTOR].n && n < 255;
         i++)
        names[n++] = l->config->components[COMPONENT_CONNECTOR].v[i].id;
    names[n] = NULL;
    near = nearest_of(id, names);
    fault_add(faults_of(l), at, path, false, "references %s \"%s\" which is not configured%s%s%s", words[kind], id,
              near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* A list of ids into a list of components. */
static void load_references(struct loader *l, enum component_kind kind, const struct yaml_node *list, const char *path,
                            struct config_component ***out, size_t *n)
{
    struct arena *a = &l->config->arena;

    *n = 0;
    if (list == NULL || list->kind == YAML_NULL)
        return;
    if (list->kind != YAML_LIST) {
        fault_add(faults_of(l), list, path, false, "expected a list of %s names, got %s%s%s%s", words[kind],
                  yaml_type_name(list), list->kind == YAML_SCALAR ? "; write [" : "",
                  list->kind == YAML_SCALAR ? list->text : "", list->kind == YAML_SCALAR ? "]" : "");
        return;
    }
    *out = arena_alloc(a, list->n * sizeof(**out));
    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *item = list->items[i];
        struct config_component *cc;
        const char *id;

        if (item->kind != YAML_SCALAR) {
            fault_add(faults_of(l), item, path, false, "expected the name of a %s, got %s", words[kind],
                      yaml_type_name(item));
            continue;
        }
        id = trim(a, item->text);
        cc = resolve(l, kind, id);
        if (cc == NULL) {
            not_configured(l, kind, id, item, path);
            continue;
        }
        cc->used = true;
        for (size_t k = 0; k < *n && kind == COMPONENT_PROCESSOR; k++)
            if ((*out)[k] == cc)
                fault_add(faults_of(l), item, path, false, "references processor \"%s\" multiple times", id);
        (*out)[(*n)++] = cc;
    }
}

/* --- pipelines --- */

static void check_pipeline_keys(struct loader *l, const struct yaml_node *body, const char *path)
{
    static const char *const keys[] = { "receivers", "processors", "exporters", NULL };

    for (size_t i = 0; i < body->n; i++) {
        const char *key = body->pairs[i].key, *near;

        if (strcmp(key, keys[0]) == 0 || strcmp(key, keys[1]) == 0 || strcmp(key, keys[2]) == 0)
            continue;
        near = nearest_of(key, keys);
        fault_add(faults_of(l), place_of(l, &body->pairs[i]), path, false, "has invalid keys: %s; %s%s%s", key,
                  near != NULL ? "did you mean \"" : "a pipeline has receivers, ",
                  near != NULL ? near : "processors and exporters", near != NULL ? "\"?" : "");
    }
}

static void load_pipeline(struct loader *l, const struct yaml_pair *pair)
{
    struct config_pipeline *p = &l->config->pipelines[l->config->n_pipelines];
    const struct yaml_node *place = place_of(l, pair), *body = pair->value;
    const char *id = trim(&l->config->arena, pair->key);
    const char *path = path_of(l, "service::pipelines", id);
    struct bytes type;
    enum signal s;

    if (!split_id(l, id, place, path, &type))
        return;
    s = signal_by_name(type);
    if (s == SIGNAL_COUNT) {
        fault_add(faults_of(l), place, path, false,
                  "unknown signal \"%.*s\": a pipeline is called traces, metrics, logs or profiles, or one of these "
                  "with /name behind it",
                  (int)type.len, (const char *)type.data);
        return;
    }
    *p = (struct config_pipeline){ .id = id, .place = place, .signal = (int)s };
    l->config->n_pipelines++;
    if (body->kind != YAML_MAP && body->kind != YAML_NULL) {
        fault_add(faults_of(l), body, path, false, "expected a map with receivers, processors and exporters, got %s",
                  yaml_type_name(body));
        return;
    }
    check_pipeline_keys(l, body, path);
    load_references(l, COMPONENT_RECEIVER, yaml_get(body, "receivers"), path, &p->receivers, &p->n_receivers);
    load_references(l, COMPONENT_PROCESSOR, yaml_get(body, "processors"), path, &p->processors, &p->n_processors);
    load_references(l, COMPONENT_EXPORTER, yaml_get(body, "exporters"), path, &p->exporters, &p->n_exporters);
    if (yaml_get(body, "receivers") == NULL || yaml_get(body, "receivers")->n + p->n_receivers == 0)
        fault_add(faults_of(l), place, path, false, "must have at least one receiver");
    if (yaml_get(body, "exporters") == NULL || yaml_get(body, "exporters")->n + p->n_exporters == 0)
        fault_add(faults_of(l), place, path, false, "must have at least one exporter");
}

static void load_pipelines(struct loader *l, const struct yaml_node *n, const struct yaml_node *service)
{
    if (n != NULL && n->kind != YAML_MAP && n->kind != YAML_NULL) {
        fault_add(faults_of(l), n, "service::pipelines", false, "expected a map of pipelines, got %s",
                  yaml_type_name(n));
        return;
    }
    if (n == NULL || n->n == 0) {
        fault_add(faults_of(l), n != NULL ? n : service, "service::pipelines", false,
                  "service must have at least one pipeline");
        return;
    }
    l->config->pipelines = arena_zalloc(&l->config->arena, n->n * sizeof(*l->config->pipelines));
    for (size_t i = 0; i < n->n; i++)
        load_pipeline(l, &n->pairs[i]);
}

static void load_service(struct loader *l)
{
    struct arena *a = &l->config->arena;
    const struct yaml_node *n = yaml_get(l->root, "service");
    struct service_config *sc = arena_zalloc(a, sizeof(*sc));
    size_t errors = faults_of(l)->n_errors;

    l->config->service = sc;
    decode_struct(a, service_options, n, "service", sc, faults_of(l));
    if (faults_of(l)->n_errors == errors)
        service_config_finish(a, sc, n, faults_of(l));
    load_references(l, COMPONENT_EXTENSION, sc->extensions, "service::extensions", &l->config->extensions,
                    &l->config->n_extensions);
    load_pipelines(l, sc->pipelines, n);
}

/* --- the whole --- */

static const struct config_component *extension_in_use(const struct loader *l, const char *id)
{
    for (size_t i = 0; i < l->config->n_extensions; i++)
        if (strcmp(l->config->extensions[i]->id, id) == 0)
            return l->config->extensions[i];
    return NULL;
}

/* What a processor's configuration must be for the signals that it is used for. */
static void check_uses(struct loader *l)
{
    const struct config *c = l->config;

    for (size_t i = 0; i < c->n_pipelines; i++)
        for (size_t k = 0; k < c->pipelines[i].n_processors; k++) {
            struct config_component *cc = c->pipelines[i].processors[k];
            uint32_t bit = SIGNAL_BIT((unsigned)c->pipelines[i].signal);
            struct check ck;

            if (cc->component == NULL || cc->component->check_use == NULL || !cc->sound || (cc->checked & bit) != 0)
                continue;
            cc->checked |= bit;
            ck = check_of(l, cc, path_of(l, "processors", cc->id));
            cc->component->check_use(cc->config, (enum signal)c->pipelines[i].signal, &ck);
        }
}

/* A queue's storage must be an extension that is started and has files. */
static void check_storage(struct loader *l, const struct config_component *cc)
{
    const struct config_component *extension;
    const char *id;

    if (cc->component == NULL || cc->component->storage_id == 0 || cc->config == NULL)
        return;
    memcpy(&id, (const char *)cc->config + cc->component->storage_id, sizeof(id));
    if (id == NULL || id[0] == '\0')
        return;
    extension = extension_in_use(l, id);
    if (extension == NULL)
        fault_add(faults_of(l), cc->place, path_of(l, sections[cc->component->kind], cc->id), false,
                  "no storage client extension found: sending_queue::storage names \"%s\", which is not in "
                  "service::extensions",
                  id);
    else if (extension->component->storage == NULL)
        fault_add(faults_of(l), cc->place, path_of(l, sections[cc->component->kind], cc->id), false,
                  "requested extension is not a storage extension: \"%s\"; use a file_storage", id);
}

static void check_storages(struct loader *l)
{
    for (size_t i = 0; i < l->config->components[COMPONENT_EXPORTER].n; i++)
        check_storage(l, &l->config->components[COMPONENT_EXPORTER].v[i]);
}

static void warn_unused(struct loader *l)
{
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < l->config->components[kind].n; i++) {
            struct config_component *cc = &l->config->components[kind].v[i];

            if (!cc->used)
                fault_add(faults_of(l), cc->place, path_of(l, sections[kind], cc->id), true,
                          "is configured but not used by any pipeline%s",
                          kind == COMPONENT_EXTENSION ? ", for it is not in service::extensions" : "");
        }
}

static void check_top(struct loader *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->root->n; i++) {
        const char *key = l->root->pairs[i].key, *near = nearest_of(key, top_keys);
        bool known = false;

        for (size_t k = 0; top_keys[k] != NULL; k++)
            known = known || strcmp(key, top_keys[k]) == 0;
        if (!known)
            fault_add(faults_of(l), place_of(l, &l->root->pairs[i]), "", false, "has invalid keys: %s; %s%s%s", key,
                      near != NULL ? "did you mean \"" : "the keys here are receivers, processors, exporters, ",
                      near != NULL ? near : "connectors, extensions and service", near != NULL ? "\"?" : "");
        n += known && strcmp(key, "service") != 0 && l->root->pairs[i].value->n > 0;
    }
    if (n == 0)
        fault_add(faults_of(l), l->root, "", false, "empty configuration file");
    else if (yaml_get(l->root, "receivers") == NULL || yaml_get(l->root, "receivers")->n == 0)
        fault_add(faults_of(l), l->root, "", false, "no receiver configuration specified in config");
    else if (yaml_get(l->root, "exporters") == NULL || yaml_get(l->root, "exporters")->n == 0)
        fault_add(faults_of(l), l->root, "", false, "no exporter configuration specified in config");
}

static void wiring_fault(void *arg, const struct config_pipeline *p, const char *text)
{
    struct loader *l = arg;

    fault_add(faults_of(l), p != NULL ? p->place : NULL, p != NULL ? path_of(l, "service::pipelines", p->id) : "",
              false, "%s", text);
}

struct config *config_load(const struct config_sources *sources, const struct component *const *all)
{
    struct config *c = mem_zalloc(sizeof(*c));
    struct loader l = { .config = c, .all = all };
    size_t before;

    if (sources->n_uris == 0) {
        fault_add(&c->faults, NULL, "", false, "at least one config flag must be provided: --config FILE");
        return c;
    }
    l.root = source_read(&c->arena, sources, &c->faults);
    if (l.root == NULL) {
        if (c->faults.n_errors == 0)
            fault_add(&c->faults, NULL, "", false, "empty configuration file");
        return c;
    }
    check_top(&l);
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        load_section(&l, (enum component_kind)kind);
    check_ambiguous(&l);
    before = c->faults.n_errors;
    load_service(&l);
    check_uses(&l);
    check_storages(&l);
    if (!l.unknown && c->faults.n_errors == before)
        graph_check(c, wiring_fault, &l);
    if (c->faults.n_errors == 0)
        warn_unused(&l);
    return c;
}

void config_free(struct config *c)
{
    faults_free(&c->faults);
    arena_free(&c->arena);
    free(c);
}

/* --- printing --- */

static struct yaml_node *ids_node(struct arena *a, struct config_component *const *list, size_t n)
{
    struct yaml_node *out = yaml_new(a, YAML_LIST, NULL);

    for (size_t i = 0; i < n; i++)
        yaml_push(a, out, yaml_scalar(a, list[i]->id, false, NULL));
    return out;
}

static struct yaml_node *pipelines_node(struct config *c)
{
    struct arena *a = &c->arena;
    struct yaml_node *out = yaml_new(a, YAML_MAP, NULL);

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];
        struct yaml_node *one = yaml_new(a, YAML_MAP, NULL);

        yaml_put(a, one, "receivers", 0, 0, ids_node(a, p->receivers, p->n_receivers));
        yaml_put(a, one, "processors", 0, 0, ids_node(a, p->processors, p->n_processors));
        yaml_put(a, one, "exporters", 0, 0, ids_node(a, p->exporters, p->n_exporters));
        yaml_put(a, out, p->id, 0, 0, one);
    }
    return out;
}

static struct yaml_node *service_node(struct config *c, bool reveal)
{
    struct arena *a = &c->arena;
    const struct yaml_node *rows = encode_struct(a, service_options, c->service, reveal);
    struct yaml_node *out = yaml_new(a, YAML_MAP, NULL);

    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->pairs[i].key, "pipelines") != 0 && strcmp(rows->pairs[i].key, "extensions") != 0)
            yaml_put(a, out, rows->pairs[i].key, 0, 0, rows->pairs[i].value);
    yaml_put(a, out, "extensions", 0, 0, ids_node(a, c->extensions, c->n_extensions));
    yaml_put(a, out, "pipelines", 0, 0, pipelines_node(c));
    return out;
}

struct yaml_node *config_tree(struct config *c, bool reveal)
{
    struct arena *a = &c->arena;
    struct yaml_node *root = yaml_new(a, YAML_MAP, NULL);

    assert(c->faults.n_errors == 0);
    for (int kind = 0; kind < COMPONENT_KINDS; kind++) {
        struct yaml_node *section = yaml_new(a, YAML_MAP, NULL);

        for (size_t i = 0; i < c->components[kind].n; i++) {
            const struct config_component *cc = &c->components[kind].v[i];
            static const struct option none[] = { OPT_END };

            yaml_put(
                a, section, cc->id, 0, 0,
                encode_struct(a, cc->component->options != NULL ? cc->component->options : none, cc->config, reveal));
        }
        if (section->n > 0)
            yaml_put(a, root, sections[kind], 0, 0, section);
    }
    yaml_put(a, root, "service", 0, 0, service_node(c, reveal));
    return root;
}
