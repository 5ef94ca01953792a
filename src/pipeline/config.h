/* SPDX-License-Identifier: Apache-2.0 */
/* From --config URIs and --set to a checked configuration: const structs, or a list of faults.
 *
 * Retrieve (file:, env:, yaml:), merge, expand, decode by option tables, check; all of collector-components.md 1
 * and 4 as go-facts.md corrects it. Every fault of a run is reported, each with file:line:column, the path
 * (`exporters::otlp/2::endpoint`), what is wrong, what is allowed and the nearest right spelling. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "config/option.h"

#include <stdio.h>

struct component;

struct fault {
    const char *file; /* "otelcd.yaml", "--set", "env:X" */
    int line, column; /* 1-based; 0 = the whole document */
    const char *path;
    const char *text;
    bool warning;
};

struct config_component {
    const char *id;   /* "otlp/2", as written */
    const struct component *component;
    const void *config; /* component->config_size bytes */
    bool used;        /* in some pipeline or in service::extensions */
    const char *file;
    int line, column;
};

struct config_pipeline {
    const char *id;     /* "traces/2" */
    int signal;         /* enum signal */
    /* Into components[kind], in the order written. A connector stands in receivers and exporters with its kind. */
    struct config_component **receivers, **processors, **exporters;
    size_t n_receivers, n_processors, n_exporters;
};

struct config {
    struct arena arena; /* all of it lives here */
    struct {
        struct config_component *v;
        size_t n;
    } components[5]; /* by enum component_kind */
    struct config_component **extensions; /* service::extensions, in order */
    size_t n_extensions;
    struct config_pipeline *pipelines;
    size_t n_pipelines;
    const struct service_config *service; /* config/service_config.h: the rest of `service:` */
    struct {
        struct fault *v;
        size_t n;
    } faults; /* errors and warnings, in order of place */
    size_t n_errors;
};

struct config_sources {
    const char **uris; /* --config, in order */
    size_t n_uris;
    const char **sets; /* --set key=value, in order */
    size_t n_sets;
};

/* Never NULL. When n_errors > 0 only `faults` may be used. `all` is the registry. The environment and the files
 * named are read; nothing else is touched. */
struct config *config_load(const struct config_sources *sources, const struct component *const *all);
void config_free(struct config *c);

void config_print_faults(const struct config *c, FILE *to); /* one line each: place: [warning:] path: text */

#endif
