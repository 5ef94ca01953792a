/* SPDX-License-Identifier: Apache-2.0 */
/* The service's side of pipeline/service_view.h: what runs now, as others may see it. */
#ifndef SERVICE_VIEW_H
#define SERVICE_VIEW_H

#include "pipeline/service_view.h"
#include "service/config.h"
#include "service/graph.h"

struct live_view {
    struct service_view shown;
    struct clock *clock;
    struct graph *graph;        /* NULL: there is none now */
    struct config *config;      /* likewise */
    void (*changed)(void *arg); /* another graph is shown, or none; may be NULL */
    void *arg;
    void *front;      /* whose shown.sum is; NULL: there are no workers */
    char fault[512];  /* of the reload under way */
    struct buf *text; /* of `config`: as YAML, as JSON; empty: not made yet */
};

void view_init(struct live_view *v, struct clock *clock);
void view_free(struct live_view *v);

/* These run, or are about to, or are about to stop; of SERVICE_READY: since now, unless it was ready before. */
void view_enter(struct live_view *v, enum service_phase phase, struct graph *graph, struct config *config);

/* A reload begins; something stands in its way, of which the first is what is shown; it ends, with the new
 * configuration or (`changed` false) with what ran before. */
void view_reload_begins(struct live_view *v);
void view_reload_faults(struct live_view *v, const struct faults *faults);
void view_reload_fault(struct live_view *v, const char *text);
void view_reload_ends(struct live_view *v, bool changed);

#endif
