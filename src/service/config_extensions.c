/* SPDX-License-Identifier: Apache-2.0 */
/* Components name extensions (OPT_EXTENSION) that must be started and have what is wanted of them. All rows of all
 * components are walked, groups that are on with theirs. */
#include "service/config_inside.h"

#include <string.h>

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

static void check_extension(struct loader *l, const struct config_component *cc, const struct option *o,
                            const char *key, const char *id)
{
    const struct config_component *extension = extension_in_use(l, id);
    const char *path = config_path(l, config_sections[cc->component->kind], cc->id);

    if (extension == NULL)
        fault_add(faults_of(l), cc->place, path, false,
                  "no %s extension found: %s names \"%s\", which is not in service::extensions",
                  capabilities[o->capability].word, key, id);
    else if (extension->component != NULL && !provides_capability(extension, o->capability))
        fault_add(faults_of(l), cc->place, path, false, "requested extension is not %s extension: \"%s\"; use %s",
                  capabilities[o->capability].article, id, capabilities[o->capability].example);
}

static void check_rows(struct loader *l, const struct config_component *cc, const struct option *rows, const char *path,
                       const char *config)
{
    for (const struct option *o = rows; o->kind != OPTION_END; o++) {
        const char *key = path[0] != '\0' ? config_path(l, path, o->key) : o->key, *id;

        if (o->kind == OPTION_GROUP && (o->mode == GROUP_PLAIN || *(const bool *)(config + o->offset)))
            check_rows(l, cc, o->options, key, config + o->offset);
        if (o->kind != OPTION_EXTENSION)
            continue;
        memcpy(&id, config + o->offset, sizeof(id));
        if (id[0] != '\0')
            check_extension(l, cc, o, key, id);
    }
}

void config_check_extensions(struct loader *l)
{
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < l->config->components[kind].n; i++) {
            const struct config_component *cc = &l->config->components[kind].v[i];

            if (cc->config != NULL)
                check_rows(l, cc, config_rows_of(cc->component), "", cc->config);
        }
}
