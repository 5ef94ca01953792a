/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning: whether others share the work, how many, and what they are going to be given.
 *
 * What can go wrong: there are fewer than there were, and one that is not wanted any more has left a queue on disk. It
 * is started all the same, with a word about it, so that what was acknowledged is delivered. */
#include "service/service_inside.h"

#include "service/workers/left_behind.h"
#include "service/workers/own_relay.h"
#include "service/workers/tap_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config *service_load(struct service *s, struct buf *for_workers)
{
    struct source_record record = { 0 };
    struct config *config;

    if (s->worker != NULL) {
        source_replay(&worker_config(s->worker)->record);
        config = config_load(&s->sources, s->registry);
        source_replay(NULL);
        if (config->faults.n_errors == 0)
            own_relay_use(config);
        return config;
    }
    source_record(&record);
    config = config_load(&s->sources, s->registry);
    source_record(NULL);
    if (for_workers != NULL)
        worker_config_write(for_workers, &s->sources, &record, s->instance_id);
    source_record_free(&record);
    return config;
}

unsigned front_count_workers(const struct config *c)
{
    char *where;
    unsigned n = left_behind_workers(c, (unsigned)c->service->workers, &where);
    const struct config_component *alone = n > 1 ? left_behind_alone(c) : NULL;

    if (alone != NULL)
        fprintf(
            stderr,
            "otelcd: %s holds what a worker has not delivered, and %s::%s cannot be in several processes: start once "
            "with service::workers: %u and without it, until that is empty, or move the directory away\n",
            where, config_sections[alone->component->kind], alone->id, n);
    else if (where != NULL)
        fprintf(
            stderr,
            "otelcd: %s holds what a worker has not delivered: %u workers are started, until a start finds it empty\n",
            where, n);
    free(where);
    return alone == NULL ? n : 0;
}

static bool is_own(const struct config *c, const char *pipeline)
{
    for (size_t i = 0; i < c->n_pipelines; i++)
        if (c->pipelines[i].own && strcmp(c->pipelines[i].id, pipeline) == 0)
            return true;
    return false;
}

/* Own telemetry of all passes here. */
static bool on_tap(void *arg, struct page *page, const struct tap_request *r)
{
    struct service *s = arg;

    if (is_own(s->now.config, r->pipeline))
        return false;
    tap_relay_begin(s->front, &s->loop, page, r);
    return true;
}

void front_share(struct service *s, unsigned n, struct buf *for_workers)
{
    s->host.front = true;
    s->front = front_new(s, n, for_workers);
    s->host.shown = front_metrics(s->front);
    s->site.taps.elsewhere = on_tap;
    s->site.taps.arg = s;
}
