/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration, beside the one that runs.
 *
 * service_reload() reads and checks it and builds its graph, whose nodes stand for those that run where nothing has
 * changed (reload/graph_keep.c). It starts those that are new and can run beside the old ones, and opens the log. Up to
 * here a fault changes nothing. Then the new graph takes over, in one go: what comes in goes the new ways from now on.
 * What is not kept stops (reload/leavers.c), and what needs its address, file or queue on disk starts after it; batches
 * for an exporter that has not started wait in front of it. The listening sockets of receivers that are replaced stay
 * open in between (net/socket/listener.h).
 *
 * What does not start now is a failure that comes too late to change nothing: the configuration before is made again,
 * in the same way. If that fails too the process ends. */
#include "service/service_inside.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void move_on(struct service *s);

/* A reload has failed. This is the last line about it, so that nobody takes the next one for success. */
static void say_still_old(struct service *s, enum log_level level, const char *text)
{
    s->reload = (struct reload){ 0 };
    process_metrics_reloaded(&s->process, false);
    view_reload_ends(&s->view, false);
    service_begin_running(s, level, text);
}

/* What the process has given up does not come back by a reload. */
static bool may_write(struct service *s, const struct config *config)
{
    const char *lacks = confinement_lacks(&s->confinement, config);

    if (lacks != NULL)
        view_reload_fault(&s->view, "the running process gave up writing where this configuration writes: restart it");
    if (lacks != NULL)
        log_error(&s->log,
                  "The running process gave up writing there, or the directory was made anew: restart otelcd for this "
                  "change, or start it with service::sandbox: false",
                  F_STR("path", lacks));
    return lacks == NULL;
}

static void say_what_takes_a_restart(struct service *s, const struct config *config)
{
    if (config->service->workers != s->host.workers)
        log_warn(&s->log, "service::workers counts when the process starts: restart otelcd for this change",
                 F_UINT("configured", config->service->workers));
    if (config->service->sandbox != s->sandboxed)
        log_warn(&s->log, "service::sandbox counts when the process starts: restart otelcd for this change",
                 F_BOOL("configured", config->service->sandbox));
}

static void say_no_start(struct service *s, const struct error *err)
{
    view_reload_fault(&s->view, err->text);
    log_error(&s->log,
              s->reload.back ? "The configuration before does not start any more"
                             : "The new configuration does not start",
              F_STR("error", err->text));
}

/* --- taking over --- */

static void on_telemetry_stopped(void *arg)
{
    struct service *s = arg;

    own_telemetry_free(&s->reload.ending);
    s->reload.untold = true;
    move_on(s);
}

/* Own metrics that are served as before are served on. */
static void change_telemetry(struct service *s, struct own_telemetry *telemetry, const struct config *before)
{
    struct own_telemetry *old = &s->reload.ending;

    *old = s->now.telemetry;
    s->now.telemetry = *telemetry;
    if (service_config_same_metrics(before->service, s->now.config->service)) {
        own_telemetry_move(&s->now.telemetry, old);
        own_telemetry_free(old);
        s->reload.untold = true;
    } else {
        own_telemetry_stop(old, clock_mono(&s->loop.clock) + NS_PER_S, on_telemetry_stopped, s);
    }
}

/* All that is still to be started. */
static void start_rest(struct service *s)
{
    struct reload *r = &s->reload;
    struct error err = { 0 };

    r->started = true;
    leavers_end_durable(s);
    r->failed =
        (!s->now.telemetry.is_served && service_serve_own(s, &err) != 0) || graph_start(s->now.graph, &err) != 0;
    if (r->failed)
        say_no_start(s, &err);
    else
        view_enter(&s->view, SERVICE_READY, s->now.graph, s->now.config);
}

static void on_drained(struct service *s)
{
    s->reload.drained = true;
    move_on(s);
}

static void take_over(struct service *s, struct own_telemetry *telemetry)
{
    struct reload *r = &s->reload;
    struct config *before = s->now.config;
    struct graph *old = s->now.graph;
    bool exclusive;

    r->before = config_ref(before);
    s->now.config = r->config;
    s->now.graph = r->graph;
    r->config = NULL;
    r->graph = NULL;
    memory_divide(&s->budget, s->shares, s->now.config);
    listener_handover_open(&s->listeners.handover);
    graph_take_over(s->now.graph);
    view_enter(&s->view, SERVICE_STARTING, s->now.graph, s->now.config);
    change_telemetry(s, telemetry, before);
    if (s->worker == NULL)
        control_change(&s->control, s->now.config->service);
    site_allow_tap(&s->site, s->now.config->service->telemetry.page.tap);
    exclusive = graph_is_exclusive(old) || !r->untold;
    if (!exclusive)
        start_rest(s);
    leavers_add(s, old, before, on_drained);
}

/* --- making it --- */

static void fail_both(struct service *s)
{
    struct error err = { .code = UV_EINVAL, .text = "neither the new configuration nor the one before starts" };

    s->reload = (struct reload){ 0 };
    service_stop_failed(s, &err);
}

static void on_given_up(struct graph *g, void *arg)
{
    struct service *s = arg;

    graph_free(g);
    config_free(s->reload.config);
    memory_divide(&s->budget, s->shares, s->now.config);
    graph_tell_reload(s->now.graph);
    if (s->reload.back)
        fail_both(s);
    else
        say_still_old(s, LOG_WARN, "Running on the old configuration");
}

/* What was begun beside what runs ends again. */
static void give_up_new(struct service *s, enum metric_level level, const struct error *err)
{
    say_no_start(s, err);
    s->host.level = level;
    graph_stop(s->reload.graph, service_deadline(s, s->now.config), on_given_up, s);
}

/* The configuration is in s->reload. False: its graph cannot be built, and nothing was changed. */
static bool make_graph(struct service *s)
{
    enum metric_level level = s->host.level;
    struct own_telemetry telemetry = { 0 };
    struct reload *r = &s->reload;
    struct error err = { 0 };

    s->host.level = (enum metric_level)r->config->service->telemetry.metrics.level; /* nodes look at it */
    if (graph_build(&r->graph, &s->host, r->config, s->now.graph, &err) != 0) {
        log_error(&s->log, "Fault in the configuration", F_STR("fault", err.text));
        view_reload_fault(&s->view, err.text);
        s->host.level = level;
        return false;
    }
    if (graph_start_ahead(r->graph, &err) != 0 ||
        own_telemetry_log(&telemetry, &s->host, r->config->service, s->instance_id, &err) != 0) {
        give_up_new(s, level, &err);
        return true;
    }
    take_over(s, &telemetry);
    return true;
}

static void keep_old(struct service *s)
{
    config_free(s->reload.config);
    say_still_old(s, LOG_ERROR, "The new configuration has faults: running on with the old one");
}

void service_reload(struct service *s)
{
    struct reload *r = &s->reload;

    if (leavers_count(s) >= LEAVERS_MOST) {
        s->reload_again = true;
        return;
    }
    service_enter_phase(s, RELOADING);
    service_say(s, LOG_INFO, "Config updated, restart service");
    notify_reloading(&s->notify);
    view_reload_begins(&s->view);
    buf_wipe(&s->for_workers);
    source_files_clear(&s->files);
    *r = (struct reload){ .config = service_load(s, s->front != NULL ? &s->for_workers : NULL) };
    config_watch_follow(s->watch, r->config->faults.n_errors == 0);
    if (r->config->faults.n_errors > 0) {
        service_log_faults(s, &r->config->faults);
        view_reload_faults(&s->view, &r->config->faults);
        keep_old(s);
    } else if (!may_write(s, r->config)) {
        keep_old(s);
    } else {
        if (s->worker == NULL)
            say_what_takes_a_restart(s, r->config);
        if (!make_graph(s))
            keep_old(s);
    }
}

/* --- the end --- */

/* The new configuration did not start: the one before is made again, of what still runs of it. */
static void go_back(struct service *s)
{
    s->reload = (struct reload){ .config = s->reload.before, .back = true };
    if (make_graph(s))
        return;
    config_free(s->reload.config);
    fail_both(s);
}

static void finish_reload(struct service *s);

/* The workers run the new configuration too, or none of them does. */
static void on_workers_reloaded(struct service *s, const char *fault)
{
    struct error err = { .code = UV_EINVAL };

    if (fault[0] == '\0') {
        s->reload.shared = true;
        finish_reload(s);
        return;
    }
    snprintf(err.text, sizeof(err.text), "%s", fault);
    say_no_start(s, &err);
    go_back(s);
}

static void finish_reload(struct service *s)
{
    bool failed = s->reload.failed, back = s->reload.back;

    if (failed && !back) {
        go_back(s);
        return;
    }
    if (s->front != NULL && !failed && !back && !s->reload.shared) {
        front_reload(s->front, &s->for_workers, on_workers_reloaded);
        return;
    }
    config_free(s->reload.before);
    s->reload = (struct reload){ 0 };
    if (failed) {
        fail_both(s);
    } else if (back) {
        say_still_old(s, LOG_WARN, "Running on the old configuration");
    } else {
        process_metrics_reloaded(&s->process, true);
        view_reload_ends(&s->view, true);
        if (s->worker == NULL)
            service_log_faults(s, &s->now.config->faults);
        service_say_ready(s);
    }
}

/* After each step: what is next? */
static void move_on(struct service *s)
{
    struct reload *r = &s->reload;

    if (!r->drained || !r->untold)
        return;
    if (!r->started)
        start_rest(s);
    finish_reload(s);
}
