/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines follow their components: names are changed, or taken out. A pipeline that nothing feeds, or whose data goes
 * nowhere, is taken out whole; that may leave a connector with one end, and so it goes on until nothing changes. Then
 * what `service::telemetry` has of old keys. */
#include "command/migrate/migration.h"

#include "service/config.h"
#include "service/service_config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const list_keys[] = { "receivers", "processors", "exporters" };
static const enum component_kind list_kinds[] = { COMPONENT_RECEIVER, COMPONENT_PROCESSOR, COMPONENT_EXPORTER };
enum { RECEIVERS, PROCESSORS, EXPORTERS, LISTS };

static bool is_name(const struct span *s)
{
    return s->kind == YAML_SCALAR && s->to > s->from && !s->gone;
}

/* --- names --- */

static bool is_connector(const struct migration *m, const char *id)
{
    return span_get(span_get(m->text.root, "connectors"), id) != NULL;
}

/* A component of that kind, or a connector that stands as one. */
static const struct moved *moved_in(const struct migration *m, size_t list, const char *id)
{
    if (list != PROCESSORS && is_connector(m, id))
        return migration_moved(m, COMPONENT_CONNECTOR, id);
    return migration_moved(m, list_kinds[list], id);
}

static void take_name(struct migration *m, struct span *name, const char *path)
{
    if (!yaml_text_take_out(&m->text, name, NULL))
        migration_note(m, NOTE_MISSING, name, path, "%s has to be taken out here by hand", name->text);
}

static void follow_names(struct migration *m, const struct span *pipeline, const char *path)
{
    for (size_t k = 0; k < LISTS; k++) {
        const struct span *list = span_get(pipeline, list_keys[k]);

        for (size_t i = 0; list != NULL && list->kind == YAML_LIST && i < list->n; i++) {
            struct span *name = list->kids[i];
            const struct moved *moved = is_name(name) ? moved_in(m, k, name->text) : NULL;

            if (moved != NULL && moved->to == NULL)
                take_name(m, name, path);
            else if (moved != NULL)
                yaml_text_replace(&m->text, name->from, name->to, yaml_text_word(&m->text, name->from, moved->to));
        }
    }
}

/* --- pipelines without ends --- */

/* It had names, and all of them are gone. */
static bool is_emptied(const struct span *pipeline, const char *key)
{
    const struct span *list = span_get(pipeline, key);

    if (list == NULL || list->kind != YAML_LIST || list->n == 0)
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (!list->kids[i]->gone)
            return false;
    return true;
}

static struct span *find_name(const struct span *pipeline, const char *key, const char *id)
{
    const struct span *list = span_get(pipeline, key);

    for (size_t i = 0; list != NULL && list->kind == YAML_LIST && i < list->n; i++)
        if (is_name(list->kids[i]) && strcmp(list->kids[i]->text, id) == 0)
            return list->kids[i];
    return NULL;
}

static bool is_named(const struct span *pipelines, const char *key, const char *id)
{
    for (size_t i = 0; i < pipelines->n; i++)
        if (!pipelines->kids[i]->gone && find_name(pipelines->kids[i], key, id) != NULL)
            return true;
    return false;
}

/* Taken out where it still stands; true when it stood somewhere. */
static bool drop_end(struct migration *m, const struct span *pipelines, const char *key, const char *id)
{
    bool dropped = false;

    for (size_t i = 0; i < pipelines->n; i++) {
        struct span *name = pipelines->kids[i]->gone ? NULL : find_name(pipelines->kids[i], key, id);

        if (name != NULL)
            dropped = yaml_text_take_out(&m->text, name, NULL) || dropped;
    }
    return dropped;
}

/* A connector that has lost one end loses the other. */
static bool drop_connectors(struct migration *m, const struct span *pipelines)
{
    const struct span *section = span_get(m->text.root, "connectors");
    bool dropped = false;

    for (size_t i = 0; section != NULL && section->kind == YAML_MAP && i < section->n; i++) {
        const char *id = section->kids[i]->key;
        bool in = is_named(pipelines, "exporters", id), out = is_named(pipelines, "receivers", id);

        if (in != out && drop_end(m, pipelines, in ? "exporters" : "receivers", id)) {
            migration_note(m, NOTE_MISSING, section->kids[i], arena_printf(&m->arena, "connectors::%s", id), "%s",
                           in ? "the pipelines behind it are gone" : "the pipelines that feed it are gone");
            dropped = true;
        }
    }
    return dropped;
}

static bool drop_pipelines(struct migration *m, const struct span *pipelines)
{
    bool dropped = false;

    for (size_t i = 0; i < pipelines->n; i++) {
        struct span *p = pipelines->kids[i];
        bool in = is_emptied(p, "receivers"), out = is_emptied(p, "exporters");

        if (p->gone || (!in && !out))
            continue;
        if (!migration_take_out(m, p, arena_printf(&m->arena, "service::pipelines::%s", p->key), NOTE_MISSING,
                                in ? "nothing is left that feeds this pipeline"
                                   : "nothing is left that takes what this pipeline has"))
            continue;
        dropped = true;
    }
    return dropped;
}

static void migrate_pipelines(struct migration *m, const struct span *pipelines)
{
    if (pipelines == NULL || pipelines->kind != YAML_MAP)
        return;
    for (size_t i = 0; i < pipelines->n; i++)
        follow_names(m, pipelines->kids[i], arena_printf(&m->arena, "service::pipelines::%s", pipelines->kids[i]->key));
    while (drop_pipelines(m, pipelines) && drop_connectors(m, pipelines))
        ;
}

static void migrate_extensions(struct migration *m, const struct span *list)
{
    for (size_t i = 0; list != NULL && list->kind == YAML_LIST && i < list->n; i++) {
        const struct moved *moved =
            is_name(list->kids[i]) ? migration_moved(m, COMPONENT_EXTENSION, list->kids[i]->text) : NULL;

        if (moved != NULL)
            take_name(m, list->kids[i], "service::extensions");
    }
}

/* --- telemetry --- */

/* "host:port" of the old key as a reader. */
static void mend_address(struct migration *m, const struct span *metrics)
{
    const struct span *address = span_get(metrics, "address");
    const char *colon, *host;
    char *end;
    unsigned long port;

    if (address == NULL || !is_name(address) || span_get(metrics, "readers") != NULL)
        return;
    colon = strrchr(address->text, ':');
    port = colon != NULL && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : 65536;
    if (port > 65535 || *end != '\0' || strpbrk(address->text, "\"\\\n") != NULL)
        return;
    host = colon > address->text ? arena_strndup(&m->arena, address->text, (size_t)(colon - address->text)) : "0.0.0.0";
    if (host[0] == '[' && host[strlen(host) - 1] == ']')
        host = arena_strndup(&m->arena, host + 1, strlen(host) - 2);
    yaml_text_replace(
        &m->text, address->begin, address->end,
        arena_printf(&m->arena, "readers: [{pull: {exporter: {prometheus: {host: \"%s\", port: %lu}}}}]", host, port));
    migration_note(m, NOTE_REPLACED, address, "service::telemetry::metrics::address", "is a reader now");
}

void migrate_service(struct migration *m)
{
    const struct span *service = span_get(m->text.root, "service");

    if (service == NULL || service->kind != YAML_MAP)
        return;
    migrate_pipelines(m, span_get(service, "pipelines"));
    migrate_extensions(m, span_get(service, "extensions"));
    mend_address(m, span_get(span_get(service, "telemetry"), "metrics"));
    migrate_rows(m, service_options, service, "service", NULL);
}
