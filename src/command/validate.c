/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd validate`, `print-config` and `version`. */
#include "command/command.h"
#include "command/fault_report.h"
#include "service/config.h"

#include <stdio.h>
#include <string.h>

struct config_sources arguments_sources(const struct arguments *a)
{
    return (
        struct config_sources){ .uris = a->configs.v, .n_uris = a->configs.n, .sets = a->sets.v, .n_sets = a->sets.n };
}

int command_validate(const struct arguments *a)
{
    struct config_sources sources = arguments_sources(a);
    bool json = a->format != NULL && strcmp(a->format, "json") == 0;
    bool sarif = a->format != NULL && strcmp(a->format, "sarif") == 0;
    struct buf out = { 0 };
    struct config *c;
    int code;

    if (a->format != NULL && !json && !sarif && strcmp(a->format, "text") != 0) {
        fprintf(stderr, "otelcd validate: --format is text, json or sarif\n");
        return 2;
    }
    c = config_load(&sources, component_registry);
    code = c->faults.n_errors > 0;
    if (json || sarif) {
        (json ? fault_report_json : fault_report_sarif)(&c->faults, &out);
        fwrite(out.data, 1, out.len, stdout);
    } else {
        faults_print(&c->faults, stderr);
        faults_print_count(&c->faults, stderr);
    }
    buf_free(&out);
    config_free(c);
    return code;
}

int command_print_config(const struct arguments *a)
{
    struct config_sources sources = arguments_sources(a);
    bool json = a->format != NULL && strcmp(a->format, "json") == 0;
    bool reveal = a->mode != NULL && strcmp(a->mode, "unredacted") == 0;
    struct buf out = { 0 };
    struct config *c;
    int code;

    if ((a->format != NULL && !json && strcmp(a->format, "yaml") != 0) ||
        (a->mode != NULL && !reveal && strcmp(a->mode, "redacted") != 0)) {
        fprintf(stderr, "otelcd print-config: --format is yaml or json, --mode is redacted or unredacted\n");
        return 2;
    }
    c = config_load(&sources, component_registry);
    code = c->faults.n_errors > 0;
    faults_print(&c->faults, stderr);
    if (code == 0) {
        yaml_write(config_tree(c, reveal), &out, json);
        fwrite(out.data, 1, out.len, stdout);
    }
    buf_free(&out);
    config_free(c);
    return code;
}

int command_version(const struct arguments *a)
{
    (void)a;
    printf("otelcd version %s\n", OTELCD_VERSION);
    return 0;
}
