/* SPDX-License-Identifier: Apache-2.0 */
/* What each verb of the command line does. All return the process's exit code: 0 good, 1 the configuration or the run
 * failed, 2 the command line itself is wrong, 3 stopped with something still open. */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "base/vec.h"
#include "base/version.h"
#include "config/source.h"

struct arguments {
    VEC(const char *) configs, sets;
    const char *verb;
    const char *mode;     /* print-config: redacted, unredacted */
    const char *format;   /* as struct verb has them for each */
    const char *endpoint; /* healthcheck, status, top, doctor: host:port, or a URL */
    const char *ca;       /* the same: a PEM file */
    const char *socket;   /* of a running otelcd: its control socket */
    const char *condition, *receiver, *exporter, *count, *rate; /* tap */
    bool before, after, both;                                   /* tap: the side */
    const char *timeout;                                        /* the same: a duration */
    const char *interval;                                       /* top, doctor: a duration */
    const char *context;                                        /* ottl: of paths without one */
    const char *filter;                                         /* test: what the name has */
    bool watch;                                                 /* run: reload when the files change */
    bool json;                                                  /* ottl: the result alone */
    bool write;                                                 /* migrate: give the new file */
    bool once;                                                  /* top: one look, and no more */
    VEC(const char *)
    operands; /* wal: what to do, and the directory. ottl: statements. test: files. completion: the shell. migrate: the
               * file, and the new one */
};

int command_run(const struct arguments *a);
int command_validate(const struct arguments *a);
int command_components(const struct arguments *a);
int command_print_config(const struct arguments *a);
int command_version(const struct arguments *a);
int command_healthcheck(const struct arguments *a);
int command_status(const struct arguments *a);
int command_top(const struct arguments *a);
int command_doctor(const struct arguments *a);
int command_wal(const struct arguments *a);
int command_tap(const struct arguments *a);
int command_ottl(const struct arguments *a);
int command_test(const struct arguments *a);
int command_explain(const struct arguments *a);
int command_migrate(const struct arguments *a);
int command_schema(const struct arguments *a);
int command_completion(const struct arguments *a);

struct config_sources arguments_sources(const struct arguments *a);

#endif
