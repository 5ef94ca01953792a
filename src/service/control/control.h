/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: the page and its API (page/site.h) for the user that otelcd runs as and for root, on this
 * machine, whatever else is served or not. `otelcd tap` and its like ask here. */
#ifndef SERVICE_CONTROL_H
#define SERVICE_CONTROL_H

#include "pipeline/component.h"
#include "service/service_config.h"

struct control_server;

struct control {
    struct host *host;
    struct logger log;
    struct buf directory;          /* of a socket that has no name of its own; empty: there is none */
    char *named;                   /* as configured; "": by itself */
    struct control_server *server; /* NULL: none */
    size_t closing;                /* servers that have not gone */
    void (*done)(void *arg);
    void *arg;
};

/* Before the process gives up writing: finds and makes the directory, if this configuration wants one. */
void control_prepare(struct control *c, struct host *host, const struct service_config *config);

/* Serve, as the configuration says. A socket that it names and that cannot be had is an error. */
int control_serve(struct control *c, const struct service_config *config, struct error *err);

/* Another configuration: what is the same goes on. What cannot be had is only a line in the log. */
void control_change(struct control *c, const struct service_config *config);

/* Serve no more. done() now or later, also where nothing was served. */
void control_stop(struct control *c, uint64_t deadline, void (*done)(void *arg), void *arg);
void control_free(struct control *c); /* after done(), or before control_serve() */

#endif
