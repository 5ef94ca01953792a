/* SPDX-License-Identifier: Apache-2.0 */
/* What `otelcd doctor` has seen: two looks at a running otelcd, its configuration, and what was found in them. Rules
 * (rule.h) read it and add findings (finding.h). All of it lives until evidence_free(). */
#ifndef COMMAND_EVIDENCE_H
#define COMMAND_EVIDENCE_H

#include "base/arena.h"
#include "base/vec.h"
#include "codec/json_tree.h"
#include "command/command.h"
#include "service/config.h"

struct daemon_address;

/* One look: /api/v1/status and /api/v1/metrics. */
struct look {
    const struct json_node *status, *metrics; /* NULL: there is none */
};

/* A line of the daemon's log. */
struct seen_line {
    double time; /* seconds since 1970 */
    bool error;  /* else a warning */
    bool used;   /* a finding has quoted it */
    struct bytes message;
    const struct json_node *fields; /* NULL: none, or cut */
};

enum reach { REACH_RUNNING, REACH_NOT_RUNNING, REACH_NO_API, REACH_STRANGE };

struct evidence {
    struct arena arena;
    struct buf bodies[5]; /* what `looks` and `shown` point into */
    enum reach reach;
    const char *where, *why; /* "http://localhost:8888"; why nobody answers there, "" = somebody does */
    struct look first, now;
    double interval;                 /* seconds between both */
    VEC(struct seen_line) lines;     /* newest first */
    long pid;                        /* of the daemon, where it runs on this machine; else 0 */
    struct config *config;           /* that was given, or that it was started with; NULL: none */
    const struct yaml_node *written; /* the same as written, with its locations; NULL */
    struct yaml_node *options;       /* the effective one, secrets hidden; NULL */
    struct yaml_node *running;       /* the effective one that runs; NULL */
    struct faults faults;            /* of `written` */
    bool other_variables; /* `options` may have others than what runs: those it was started with are hidden */
    VEC(struct finding *) findings;
};

/* Ask at `address`, twice `interval_ns` apart: sets reach, first, now, lines and pid. */
void evidence_look(struct evidence *e, const struct daemon_address *address, uint64_t interval_ns);
/* Before it: the configuration of --config. After it: what the daemon runs with, and where none was given the one that
 * it was started with, or else what it says of itself. */
void evidence_read_given(struct evidence *e, const struct arguments *a);
void evidence_read_running(struct evidence *e, const struct daemon_address *address);
void evidence_free(struct evidence *e);

/* ---- numbers ---- */

double number_at(const struct json_node *n, const char *path); /* 0 where there is none */

/* The sum of a metric's samples whose label `key` is `value`; key NULL: of all. */
double look_metric(const struct look *l, const char *name, const char *key, const char *value);
double evidence_growth(const struct evidence *e, const char *name, const char *key, const char *value);

/* The same node of the first look. NULL: it was not there. */
const struct json_node *first_pipeline(const struct evidence *e, struct bytes id);
const struct json_node *first_node(const struct evidence *e, struct bytes pipeline, const struct json_node *node);

/* What has happened may be over. Is it recent: it goes on, or otelcd has not run for long, or the log has a line of it
 * (NULL: no line tells of it) from the last quarter of an hour? */
bool evidence_is_recent(const struct evidence *e, double growth, const struct seen_line *line);

/* ---- the log ---- */

/* The newest line that begins so, whose field `key` (NULL: any) is `value`, of that component (NULL: any). */
struct seen_line *evidence_find_line(struct evidence *e, const char *begins, const char *component, const char *key,
                                     const char *value);
/* The component's own; else the newest that is no other's of that kind. id "": of any. */
struct seen_line *evidence_find_own_line(struct evidence *e, const char *begins, const char *kind, const char *id);
/* Its message and fields, as far as they say what happened; it is used from now on. NULL is "". */
const char *evidence_quote_line(struct evidence *e, struct seen_line *line);
/* A field's text; "" where there is none. */
const char *line_field(struct evidence *e, const struct seen_line *line, const char *key);

/* ---- the configuration ---- */

/* The effective option at "exporters::otlp_grpc::tls::insecure"; NULL: there is none. */
const struct yaml_node *option_at(const struct evidence *e, const char *path);
const char *option_text(const struct evidence *e, const char *path); /* "" = none, or no scalar */
/* "receivers::otlp", of "receiver" and "otlp"; "" where there is no such kind. */
const char *component_path(struct evidence *e, struct bytes kind, const char *id);
/* The same for an id of any kind that is configured. */
const char *evidence_find_path(struct evidence *e, const char *id);
const struct config_component *evidence_find_component(const struct evidence *e, const char *section, const char *id);

const char *evidence_text(struct evidence *e, struct bytes b); /* NUL-terminated, in the arena */

/* "12 s", "3 min", "5 h", "2 d" */
const char *evidence_seconds(struct evidence *e, double seconds);
const char *evidence_count(struct evidence *e, double n, const char *one, const char *many); /* "1 item", "3 items" */

#endif
