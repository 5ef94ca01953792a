/* SPDX-License-Identifier: Apache-2.0 */
/* From --config URIs and --set to a checked configuration: const structs, or a list of faults.
 *
 * Retrieve (file:, env:, yaml:), merge, expand, decode by option tables, check; all as
 * the Go collector 0.158 does it. Every fault of a run is reported, each with file:line:column, the path
 * (`exporters::otlp/2::endpoint`), what is wrong, what is allowed and the nearest right spelling. */
#ifndef SERVICE_CONFIG_H
#define SERVICE_CONFIG_H

#include "config/source.h"
#include "pipeline/component.h"
#include "service/service_config.h"

/* The memory of one component's configuration, by counting: a node that a reload keeps needs it for as long as it
 * lives, and the configuration that it is from is gone by then. */
struct config_memory {
    struct arena arena;
    uint32_t refs;
};

struct config_memory *config_memory_ref(struct config_memory *m); /* NULL is none, here and there */
void config_memory_unref(struct config_memory *m);

struct config_component {
    struct config_memory *memory; /* its id, its configuration and all that this points to; NULL in tests */
    const char *id;               /* "otlp/2", as written */
    const struct component *component;
    const void *config;               /* component->config_size bytes */
    uint64_t fingerprint;             /* of `config`: two loads that say the same have the same one */
    const struct yaml_node *location; /* of the body, or the key when there is none; NULL in tests */
    const struct yaml_node *body;     /* may be NULL */
    uint32_t checked;                 /* SIGNAL_BITs that check_use() was asked about */
    bool sound;                       /* decoded and checked without a fault */
    bool used;                        /* in some pipeline or in service::extensions */
    bool own;                         /* for otelcd's own telemetry: nobody has written it */
};

/* What a component has for itself: an address to listen on, or a directory. */
struct config_claim {
    const char *owner; /* "receivers::otlp" */
    const char *key;   /* where it says so: "protocols::grpc::endpoint"; "" = its reader */
    const char *what;  /* as written */
    bool address;
};

struct config_pipeline {
    const char *id;                   /* "traces/2" */
    const struct yaml_node *location; /* NULL in tests */
    int signal;                       /* enum signal */
    bool own;                         /* for otelcd's own telemetry: nobody has written it */
    /* Into components[kind], in the order written. A connector stands in receivers and exporters with its kind. */
    struct config_component **receivers, **processors, **exporters;
    size_t n_receivers, n_processors, n_exporters;
};

struct config {
    uint32_t refs;      /* beside the first one */
    struct arena arena; /* all of it lives here but for what components have of their own */
    struct {
        struct config_component *v;
        size_t n;
    } components[COMPONENT_KINDS];
    struct config_component **extensions; /* service::extensions, in order */
    size_t n_extensions;
    struct config_pipeline *pipelines;
    size_t n_pipelines;
    size_t n_own_pipelines;               /* of these, the last ones */
    const struct service_config *service; /* the rest of `service:` */
    struct config_claim *claims;          /* of components in use, when there is no fault */
    size_t n_claims;
    const char **writes; /* files and directories that otelcd makes, writes or removes */
    size_t n_writes;
    struct faults faults; /* errors and warnings */
};

/* Is the component in that list of a pipeline? */
static inline bool config_lists(struct config_component *const *list, size_t n, const struct config_component *cc)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == cc)
            return true;
    return false;
}

/* By kind: the key of its section, and the word for one of it. */
extern const char *const config_sections[COMPONENT_KINDS];
extern const char *const config_words[COMPONENT_KINDS];

/* Never NULL. When faults.n_errors > 0 only `faults` may be used. `all` is the registry. The environment and the files
 * named are read; nothing else is touched. */
struct config *config_load(const struct config_sources *sources, const struct component *const *all);
/* Without the pipelines of otelcd's own telemetry, for who only tries the others out. */
void config_forget_own(struct config *c);
struct config *config_ref(struct config *c); /* another config_free() is owed */
void config_free(struct config *c);

/* The effective configuration, defaults included, as a tree in the config's arena; secrets hidden unless `reveal`. */
struct yaml_node *config_tree(struct config *c, bool reveal);
/* Of one component; for what config_tree() leaves out, those of otelcd's own telemetry. */
struct yaml_node *config_component_tree(struct config *c, const struct config_component *cc, bool reveal);

#endif
