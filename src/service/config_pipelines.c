/* SPDX-License-Identifier: Apache-2.0 */
/* config_load_service() decodes the section by its rows and then turns lists of names into lists of components:
 * extensions, and of each pipeline its receivers, processors and exporters. A connector counts as either end.
 *
 * A name that is configured nowhere is told with what was most likely meant (not_configured), but not when its section
 * or the component itself has a fault already: that is the cause, and is told there. */
#include "service/config_inside.h"

#include <string.h>

/* --- references --- */

/* The component that a pipeline's list names. Receivers and exporters may be connectors. */
static struct config_component *resolve_component(struct loader *l, enum component_kind kind, const char *id)
{
    struct config_component *cc = config_find(l->config, kind, id);

    if (cc == NULL && (kind == COMPONENT_RECEIVER || kind == COMPONENT_EXPORTER))
        cc = config_find(l->config, COMPONENT_CONNECTOR, id);
    return cc;
}

static bool is_of_unknown_type(struct loader *l, enum component_kind kind, const char *id)
{
    const struct config_component *cc = config_find(l->config, kind, id);

    return cc != NULL && cc->component == NULL;
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
    if (l->misspelt[kind] || (near != NULL && is_of_unknown_type(l, kind, near)))
        return; /* that is the fault */
    for (int other = 0; near == NULL && other < COMPONENT_KINDS; other++)
        if (config_find(l->config, (enum component_kind)other, id) != NULL) {
            fault_add(faults_of(l), at, path, false,
                      "references %s \"%s\" which is not configured; %s is the name of %s %s", config_words[kind], id,
                      id, strchr("aeiou", config_words[other][0]) != NULL ? "an" : "a", config_words[other]);
            return;
        }
    if (near != NULL)
        fault_add(faults_of(l), at, path, false, "references %s \"%s\" which is not configured; did you mean \"%s\"?",
                  config_words[kind], id, near);
    else
        fault_add(faults_of(l), at, path, false,
                  "references %s \"%s\" which is not configured; write it under %s, or take it out here",
                  config_words[kind], id, config_sections[kind]);
}

/* A list of ids into a list of components, each once. */
static void load_references(struct loader *l, enum component_kind kind, const struct yaml_node *list, const char *path,
                            struct config_component ***out, size_t *n)
{
    struct arena *a = &l->config->arena;

    *n = 0;
    if (list == NULL || list->kind == YAML_NULL)
        return;
    if (list->kind != YAML_LIST) {
        fault_add(faults_of(l), list, path, false, "expected a list of %s names, got %s%s%s%s", config_words[kind],
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
            fault_add(faults_of(l), item, path, false, "expected the name of a %s, got %s", config_words[kind],
                      yaml_type_name(item));
            continue;
        }
        id = config_trim(a, item->text);
        cc = resolve_component(l, kind, id);
        if (cc == NULL) {
            not_configured(l, kind, id, item, path);
            continue;
        }
        cc->used = true;
        if (!config_lists(*out, *n, cc)) {
            (*out)[(*n)++] = cc;
            continue;
        }
        if (kind == COMPONENT_PROCESSOR)
            fault_add(faults_of(l), item, path, false, "references processor \"%s\" multiple times", id);
        else
            fault_add(faults_of(l), item, path, true, "references %s \"%s\" multiple times: it is there once",
                      config_words[kind], id);
    }
}

/* --- pipelines --- */

static const char *const pipeline_keys[] = { "receivers", "processors", "exporters", NULL };

static void check_pipeline_keys(struct loader *l, const struct yaml_node *body, const char *path)
{
    const char *const *keys = pipeline_keys;

    for (size_t i = 0; i < body->n; i++) {
        const char *key = body->pairs[i].key, *near;

        if (strcmp(key, keys[0]) == 0 || strcmp(key, keys[1]) == 0 || strcmp(key, keys[2]) == 0)
            continue;
        if (strcmp(key, "connectors") == 0) {
            fault_add(faults_of(l), config_location(l, &body->pairs[i]), path, false,
                      "has invalid keys: connectors; a connector stands among the exporters of one pipeline and the "
                      "receivers of another");
            continue;
        }
        near = nearest_of(key, keys);
        fault_add(faults_of(l), config_location(l, &body->pairs[i]), path, false, "has invalid keys: %s; %s%s%s", key,
                  near != NULL ? "did you mean \"" : "a pipeline has receivers, ",
                  near != NULL ? near : "processors and exporters", near != NULL ? "\"?" : "");
    }
}

static void unknown_signal(struct loader *l, struct bytes type, const struct yaml_node *location, const char *path)
{
    const char *names[SIGNAL_COUNT + 1] = { NULL }, *near;
    char *word = arena_strndup(&l->config->arena, type.data, type.len);

    for (int s = 0; s < SIGNAL_COUNT; s++)
        names[s] = signal_table[s].name;
    near = nearest_of(word, names);
    fault_add(
        faults_of(l), location, path, false,
        "unknown signal \"%s\": a pipeline is called traces, metrics, logs or profiles, or one of these with /name "
        "behind it%s%s%s",
        word, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* No list, or an empty one. What is no list at all has been told already. */
static bool lists_none(const struct yaml_node *body, const char *key, size_t n)
{
    const struct yaml_node *list = yaml_get(body, key);

    return list == NULL || list->kind == YAML_NULL || (list->kind == YAML_LIST && list->n + n == 0);
}

static bool is_type(const struct config_component *cc, const char *type)
{
    return cc->component != NULL && strcmp(cc->component->type, type) == 0;
}

/* A memory_limiter can refuse only those who have no answer yet. */
static void check_order(struct loader *l, const struct config_pipeline *p, const struct yaml_node *list,
                        const char *path)
{
    const struct config_component *early = NULL;

    for (size_t i = 0; i < p->n_processors; i++) {
        const struct config_component *cc = p->processors[i];
        const struct yaml_node *hold = cc->body != NULL ? yaml_get(cc->body, "hold_ack") : NULL;
        bool holds = hold != NULL && hold->kind == YAML_SCALAR && strcmp(hold->text, "true") == 0;

        if (is_type(cc, "memory_limiter") && early != NULL)
            fault_add(faults_of(l), list, path, true,
                      "%s stands behind %s, which answers senders before: it lets all pass that has been answered; "
                      "put it first",
                      cc->id, early->id);
        else if (cc->component != NULL && cc->component->safe != NULL && !holds)
            early = cc;
    }
}

/* The pipeline's signal; SIGNAL_COUNT after a fault. */
static enum signal signal_of(struct loader *l, const char *id, const struct yaml_node *location, const char *path)
{
    enum signal s = SIGNAL_COUNT;
    struct bytes type;

    if (!config_split_id(l, id, location, path, &type))
        return s;
    s = signal_by_name(type);
    if (s == SIGNAL_COUNT)
        unknown_signal(l, type, location, path);
    return s;
}

/* Nothing stands at `key`, nor at what was most likely meant to be it. */
static bool lacks_part(const struct yaml_node *body, const char *key, size_t n)
{
    bool misspelt = false;

    for (size_t i = 0; body->kind == YAML_MAP && i < body->n; i++) {
        const char *near = nearest_of(body->pairs[i].key, pipeline_keys);

        misspelt = misspelt || (near != NULL && strcmp(near, key) == 0 && strcmp(body->pairs[i].key, key) != 0);
    }
    return !misspelt && lists_none(body, key, n);
}

static void load_pipeline(struct loader *l, const struct yaml_pair *pair)
{
    const struct yaml_node *location = config_location(l, pair), *body = pair->value;
    const char *id = config_trim(&l->config->arena, pair->key);
    const char *path = config_path(l, "service::pipelines", id);
    enum signal s = signal_of(l, id, location, path);
    struct config_pipeline nameless = { 0 };
    struct config_pipeline *p = s == SIGNAL_COUNT ? &nameless : &l->config->pipelines[l->config->n_pipelines++];

    *p = (struct config_pipeline){ .id = id, .location = location, .signal = (int)s };
    if (body->kind != YAML_MAP && body->kind != YAML_NULL) {
        fault_add(faults_of(l), body, path, false, "expected a map with receivers, processors and exporters, got %s",
                  yaml_type_name(body));
        return;
    }
    check_pipeline_keys(l, body, path);
    load_references(l, COMPONENT_RECEIVER, yaml_get(body, "receivers"), path, &p->receivers, &p->n_receivers);
    load_references(l, COMPONENT_PROCESSOR, yaml_get(body, "processors"), path, &p->processors, &p->n_processors);
    load_references(l, COMPONENT_EXPORTER, yaml_get(body, "exporters"), path, &p->exporters, &p->n_exporters);
    check_order(l, p, yaml_get(body, "processors"), path);
    if (lacks_part(body, "receivers", p->n_receivers))
        fault_add(faults_of(l), location, path, false, "must have at least one receiver");
    if (lacks_part(body, "exporters", p->n_exporters))
        fault_add(faults_of(l), location, path, false, "must have at least one exporter");
}

/* Something like that key stands there, and is told. */
static bool is_misspelt(const struct yaml_node *n, const char *key)
{
    const char *const keys[] = { key, NULL };

    for (size_t i = 0; n != NULL && n->kind == YAML_MAP && i < n->n; i++)
        if (nearest_of(n->pairs[i].key, keys) != NULL)
            return true;
    return false;
}

static void load_pipelines(struct loader *l, const struct yaml_node *n, const struct yaml_node *service)
{
    if (n != NULL && n->kind != YAML_MAP && n->kind != YAML_NULL) {
        fault_add(faults_of(l), n, "service::pipelines", false, "expected a map of pipelines, got %s",
                  yaml_type_name(n));
        return;
    }
    if (n == NULL && (l->torn || is_misspelt(service, "pipelines")))
        return;
    if (n == NULL || n->n == 0) {
        fault_add(faults_of(l), n != NULL ? n : service, "service::pipelines", false,
                  "service must have at least one pipeline");
        return;
    }
    l->config->pipelines = arena_zalloc(&l->config->arena, (n->n + CONFIG_OWN_ROOM) * sizeof(*l->config->pipelines));
    for (size_t i = 0; i < n->n; i++)
        load_pipeline(l, &n->pairs[i]);
}

void config_load_service(struct loader *l)
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
