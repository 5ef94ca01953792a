/* SPDX-License-Identifier: Apache-2.0 */
/* Components name extensions (OPT_EXTENSION) that must be started and have what is wanted of them. All rows of all
 * components are walked, groups that are on with theirs. An extension that names others must not come to itself by
 * them. */
#include "service/config_inside.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* All names that a component's rows have. */
struct naming {
    struct loader *l;
    const struct config_component *cc;
    void (*named)(const struct naming *v, const struct option *o, const char *key, const char *id);
    struct circle *circle; /* of check_circle() */
};

static const struct config_component *extension_in_use(const struct loader *l, const char *id)
{
    for (size_t i = 0; i < l->config->n_extensions; i++)
        if (strcmp(l->config->extensions[i]->id, id) == 0)
            return l->config->extensions[i];
    return NULL;
}

/* In messages: what it is, and who has it. */
static const struct {
    const char *word, *article, *example;
} capabilities[] = {
    [CAPABILITY_STORAGE] = { "storage client", "a storage", "a file_storage" },
    [CAPABILITY_AUTH_SERVER] = { "server authenticator", "a server authenticator",
                                 "a basicauth with htpasswd, or a bearertokenauth" },
    [CAPABILITY_AUTH_CLIENT] = { "client authenticator", "a client authenticator",
                                 "a basicauth with client_auth, a bearertokenauth, an oauth2client or a "
                                 "headers_setter" },
};

static bool provides_capability(const struct config_component *cc, enum capability capability)
{
    const struct component *c = cc->component;

    if (c->provides != NULL)
        return cc->config == NULL || c->provides(cc->config, capability);
    return (capability == CAPABILITY_STORAGE && c->storage != NULL) ||
           (capability == CAPABILITY_AUTH_SERVER && c->gatekeeper != NULL) ||
           (capability == CAPABILITY_AUTH_CLIENT && c->client_authenticator != NULL);
}

static void check_extension(const struct naming *v, const struct option *o, const char *key, const char *id)
{
    struct loader *l = v->l;
    const struct config_component *cc = v->cc, *extension = extension_in_use(l, id);
    const char *path = config_path(l, config_sections[cc->component->kind], cc->id);

    if (extension == NULL)
        fault_add(faults_of(l), cc->location, path, false,
                  "no %s extension found: %s names \"%s\", which is not in service::extensions",
                  capabilities[o->capability].word, key, id);
    else if (extension->component != NULL && !provides_capability(extension, o->capability))
        fault_add(faults_of(l), cc->location, path, false, "requested extension is not %s extension: \"%s\"; use %s",
                  capabilities[o->capability].article, id, capabilities[o->capability].example);
}

static void walk_rows(const struct naming *v, const struct option *rows, const char *path, const char *config)
{
    for (const struct option *o = rows; o->kind != OPTION_END; o++) {
        const char *key = path[0] != '\0' ? config_path(v->l, path, o->key) : o->key, *id;

        if (o->kind == OPTION_GROUP && (o->mode == GROUP_PLAIN || *(const bool *)(config + o->offset)))
            walk_rows(v, o->options, key, config + o->offset);
        if (o->kind != OPTION_EXTENSION)
            continue;
        memcpy(&id, config + o->offset, sizeof(id));
        if (id[0] != '\0')
            v->named(v, o, key, id);
    }
}

static void walk_component(const struct naming *v)
{
    if (v->cc->config != NULL)
        walk_rows(v, config_rows_of(v->cc->component), "", v->cc->config);
}

/* --- circles --- */

struct circle {
    const struct config_component *begin;
    const struct config_component **queue; /* those that were come to, each once */
    size_t n;
    const char *last; /* who leads back; NULL: nobody */
};

static void come_to(const struct naming *v, const struct option *o, const char *key, const char *id)
{
    struct circle *c = v->circle;
    const struct config_component *next = extension_in_use(v->l, id);

    (void)o;
    (void)key;
    if (next == c->begin)
        c->last = v->cc->id;
    for (size_t i = 0; i < c->n; i++)
        if (c->queue[i] == next)
            return;
    if (next != NULL)
        c->queue[c->n++] = next;
}

static void check_circle(struct loader *l, const struct config_component *cc)
{
    struct circle c = { .begin = cc, .n = 1 };

    c.queue = mem_alloc((l->config->n_extensions + 1) * sizeof(*c.queue));
    c.queue[0] = cc;
    for (size_t i = 0; i < c.n && c.last == NULL; i++)
        walk_component(&(struct naming){ l, c.queue[i], come_to, &c });
    free(c.queue);
    if (c.last != NULL)
        fault_add(faults_of(l), cc->location, config_path(l, "extensions", cc->id), false,
                  "the extensions that it names lead back to itself (\"%s\" names it): take one of the names out",
                  c.last);
}

void config_check_extensions(struct loader *l)
{
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < l->config->components[kind].n; i++)
            walk_component(&(struct naming){ l, &l->config->components[kind].v[i], check_extension, NULL });
    for (size_t i = 0; i < l->config->n_extensions; i++)
        check_circle(l, l->config->extensions[i]);
}
