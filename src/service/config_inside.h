/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of loading a configuration: what its files share. Nobody but src/service/config*.c includes this.
 *
 *     config.c                sections and components; what must hold between them
 *     config_pipelines.c      service: its pipelines and extensions, and whom they name
 *     config_extensions.c     which extensions components name
 *     config_claims.c         what only one of them may have
 *     config_own.c            pipelines that send otelcd's own telemetry
 *     config_spread.c         what can be only once, where several processes share the work
 *     config_tree.c           the effective configuration, for printing
 *     reload/config_memory.c  how long it lives */
#ifndef SERVICE_CONFIG_INSIDE_H
#define SERVICE_CONFIG_INSIDE_H

#include "config/decode.h"
#include "service/config.h"

struct loader {
    struct config *config;
    const struct component *const *all;
    const struct yaml_node *root;
    bool unknown;                   /* some component's type is not known: wiring is not checked */
    bool offline;                   /* no file exists */
    bool torn;                      /* a part of the text could not be read: what is missing may stand there */
    bool misspelt[COMPONENT_KINDS]; /* the section is under a wrong name, or no map: what it has is not known */
};

static inline struct faults *faults_of(struct loader *l)
{
    return &l->config->faults;
}

/* All of these live in the configuration's arena. */

char *config_path(struct loader *l, const char *a, const char *b);                       /* "a::b" */
const struct yaml_node *config_location(struct loader *l, const struct yaml_pair *pair); /* of the key, for messages */
const char *config_trim(struct arena *a, const char *s);

/* `type[/name]`, of which *type is the first part; false after a fault. */
bool config_split_id(struct loader *l, const char *id, const struct yaml_node *at, const char *path,
                     struct bytes *type);

struct config_component *config_find(struct config *c, enum component_kind kind, const char *id); /* or NULL */

/* `service:`, when all components are there. */
void config_load_service(struct loader *l);

/* For complaints about a component's own keys. */
struct check config_check_of(struct loader *l, const struct config_component *cc);

const struct option *config_rows_of(const struct component *c); /* never NULL */

/* What service::telemetry sends becomes pipelines, CONFIG_OWN_MOST of a signal at most, when all others are there.
 * Lists have room for them. */
#define CONFIG_OWN_MOST 4
#define CONFIG_OWN_ROOM (3 * (size_t)CONFIG_OWN_MOST)
void config_add_own(struct loader *l);

/* By the rows of cc->component, with its checks; `body` is cc->body, and `path` where faults are told. */
void config_decode_component(struct loader *l, struct config_component *cc, struct yaml_node *body, const char *path);

/* Extensions that components name. */
void config_check_extensions(struct loader *l);

/* Two that want one address or one directory. */
void config_check_claims(struct loader *l);

/* With service::workers: what cannot be in several processes. */
void config_check_spread(struct loader *l);

#endif
