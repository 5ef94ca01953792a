/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the daemon. `now` is what runs: a configuration, its graph, and the telemetry of otelcd itself.
 *
 * service_run() loads the configuration, start_service() makes `now` of it, and the loop runs until a signal. SIGTERM
 * stops the graph, then own telemetry, whose metrics can be read for as long as there is something to see;
 * on_running_stopped() ends the loop. SIGHUP reloads (reload/reload.c): then `now` is another one, with those nodes of
 * the first that need not be others.
 *
 * What can go wrong: something that does not start, and the process ends after it has stopped what did. A second signal
 * to end hurries what is stopping, the third does not wait. Signals that come while a reload is under way are kept
 * (`ends`, `reload_again`) until service_begin_running(). */
#include "service/service_inside.h"

#include "base/mem.h"
#include "base/version.h"
#include "prom/endpoint/scrape_endpoint.h"
#include "service/ledger_lines.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void begin_stop(struct service *s);

void service_enter_phase(struct service *s, enum service_stage to)
{
    static const uint8_t allowed[] = {
        [STARTING] = 1 << RUNNING | 1 << STOPPING,
        [RUNNING] = 1 << RELOADING | 1 << STOPPING,
        [RELOADING] = 1 << RUNNING | 1 << STOPPING,
        [STOPPING] = 1 << ENDED,
        [ENDED] = 0,
    };

    assert(allowed[s->phase] & 1 << to);
    s->phase = to;
}

/* --- a running configuration --- */

static void free_running(struct running *r)
{
    if (r->graph != NULL)
        graph_free(r->graph);
    own_telemetry_free(&r->telemetry);
    if (r->config != NULL)
        config_free(r->config);
    *r = (struct running){ 0 };
}

void service_log_faults(struct service *s, const struct faults *faults)
{
    for (size_t i = 0; i < faults->list.n; i++) {
        const struct fault *f = &faults->list.v[i];

        log_at(&s->log, f->warning ? LOG_WARN : LOG_ERROR, "Fault in the configuration", F_STR("fault", f->text),
               F_STR("path", f->path), F_STR("file", f->file), F_INT("line", f->line), F_INT("column", f->column));
    }
}

/* The log, the budget and the level as this configuration wants them. */
static int adopt_config(struct service *s, struct running *r, struct error *err)
{
    const struct service_config *c = r->config->service;

    if (own_telemetry_log(&r->telemetry, &s->host, c, s->instance_id, err) != 0)
        return err->code;
    s->host.workers = (unsigned)c->workers;
    memory_divide(&s->budget, s->shares, r->config);
    s->host.level = (enum metric_level)c->telemetry.metrics.level;
    return 0;
}

int service_serve_own(struct service *s, struct error *err)
{
    return s->worker != NULL ? 0 : own_telemetry_serve(&s->now.telemetry, s->now.config->service, err);
}

static int start_running(struct service *s, struct running *r, struct error *err)
{
    site_allow_tap(&s->site, r->config->service->telemetry.page.tap);
    if ((s->worker == NULL && control_serve(&s->control, r->config->service, err) != 0) ||
        service_serve_own(s, err) != 0)
        return err->code;
    if (r->graph == NULL && graph_build(&r->graph, &s->host, r->config, NULL, err) != 0)
        return err->code;
    view_enter(&s->view, SERVICE_STARTING, r->graph, r->config);
    return graph_start(r->graph, err);
}

uint64_t service_deadline(struct service *s, const struct config *config)
{
    uint64_t own = clock_mono(&s->loop.clock) + (uint64_t)config->service->shutdown_timeout.ns;

    return s->end_by > 0 && s->end_by < own ? s->end_by : own;
}

static void on_running_stopped(void *arg);

static void on_graph_stopped(struct graph *g, void *arg)
{
    struct service *s = arg;

    leavers_give_up(s);
    if (s->worker != NULL)
        worker_tell(s->worker, g, true);
    else
        ledger_lines_log_sums(g, &s->host.ledgers, &s->log);
    view_enter(&s->view, SERVICE_STOPPING, NULL, s->now.config);
    graph_free(g);
    s->now.graph = NULL;
    own_telemetry_stop(&s->now.telemetry, clock_mono(&s->loop.clock) + NS_PER_S, on_running_stopped, s);
}

/* on_running_stopped follows, perhaps at once. */
static void stop_running(struct service *s)
{
    uint64_t deadline = service_deadline(s, s->now.config);

    view_enter(&s->view, SERVICE_STOPPING, s->now.graph, s->now.config);
    if (s->now.graph != NULL)
        graph_stop(s->now.graph, deadline, on_graph_stopped, s);
    else
        own_telemetry_stop(&s->now.telemetry, clock_mono(&s->loop.clock) + NS_PER_S, on_running_stopped, s);
}

void service_say(struct service *s, enum log_level level, const char *text)
{
    if (s->worker == NULL)
        log_at(&s->log, level, text);
}

void service_begin_running(struct service *s, enum log_level level, const char *text)
{
    service_enter_phase(s, RUNNING);
    view_enter(&s->view, SERVICE_READY, s->now.graph, s->now.config);
    listener_handover_close(&s->listeners.handover);
    service_say(s, level, text);
    if (s->worker != NULL)
        worker_say_running(s->worker);
    notify_ready(&s->notify, "Running.");
    if (s->ends > 0) {
        begin_stop(s);
    } else if (s->reload_again) {
        s->reload_again = false;
        service_reload(s);
    }
}

void service_say_ready(struct service *s)
{
    service_begin_running(s, LOG_INFO, "Everything is ready. Begin running and processing data.");
}

/* --- the end --- */

static void end_service(struct service *s);

static void on_control_stopped(void *arg)
{
    end_service(arg);
}

static void on_running_stopped(void *arg)
{
    struct service *s = arg;

    if (s->worker != NULL) {
        worker_leave(s->worker, end_service);
        return;
    }
    control_stop(&s->control, clock_mono(&s->loop.clock) + NS_PER_S, on_control_stopped, s);
}

static void on_workers_stopped(struct service *s)
{
    int code = front_exit_code(s->front);

    s->exit_code = code > s->exit_code ? code : s->exit_code;
    stop_running(s);
}

static void begin_stop(struct service *s)
{
    service_enter_phase(s, STOPPING);
    clock_stop(&s->loop.clock, &s->leave_due);
    listener_handover_close(&s->listeners.handover);
    service_say(s, LOG_INFO, "Starting shutdown...");
    notify_stopping(&s->notify);
    view_enter(&s->view, SERVICE_STOPPING, s->now.graph, s->now.config);
    if (s->front != NULL)
        front_stop(s->front, s->end_by > 0 ? s->end_by : service_deadline(s, s->now.config), on_workers_stopped);
    else
        stop_running(s);
}

void service_stop_failed(struct service *s, const struct error *err)
{
    if (s->worker != NULL)
        worker_say_failed(s->worker, err->text);
    else
        log_error(&s->log, "Cannot go on", F_STR("error", err->text));
    s->exit_code = EXIT_CODE_FAILED;
    begin_stop(s);
}

static void end_service(struct service *s)
{
    service_enter_phase(s, ENDED);
    listener_handover_close(&s->listeners.handover); /* the end came while reloading */
    if (s->worker == NULL)
        signals_close(&s->signals);
    config_watch_close(s->watch);
    loop_stop(&s->loop);
}

/* --- signals --- */

/* What a reload waits for. */
static void hurry_reload(struct service *s)
{
    if (s->reload.graph != NULL) /* given up before it took over */
        graph_hurry(s->reload.graph);
    leavers_hurry(s);
}

/* Whatever is stopping. */
static void hurry_end(struct service *s)
{
    s->end_by = clock_mono(&s->loop.clock);
    if (s->front != NULL)
        front_hurry(s->front);
    if (s->now.graph != NULL)
        graph_hurry(s->now.graph);
    hurry_reload(s);
}

static void on_leave_due(struct clock_timer *t)
{
    struct service *s = container_of(t, struct service, leave_due);

    if (s->front != NULL)
        front_hurry(s->front);
    hurry_reload(s);
}

/* The end waits for the reload that is under way, which may have longer for what it does not keep: that gets half of
 * the time that the end has, and what has taken over the rest. */
static void end_after_reload(struct service *s)
{
    clock_start(&s->loop.clock, &s->leave_due, (s->end_by - clock_mono(&s->loop.clock)) / 2, on_leave_due);
}

static void on_end_signal(struct service *s, int number)
{
    if (s->worker == NULL)
        log_info(&s->log, "Received signal from OS", F_STR("signal", number == SIGTERM ? "terminated" : "interrupt"));
    s->ends++;
    if (s->ends > 2 && s->front != NULL)
        front_kill(s->front);
    if (s->ends > 2)
        _exit(EXIT_CODE_FAILED);
    if (s->ends == 1)
        s->end_by = service_deadline(s, s->now.config);
    if (s->ends == 1 && s->phase == RELOADING)
        end_after_reload(s);
    if (s->ends == 2)
        hurry_end(s);
    if (s->phase == RUNNING)
        begin_stop(s);
}

static void reload_when_running(struct service *s)
{
    if (s->phase == RUNNING)
        service_reload(s);
    else
        s->reload_again = true;
}

void service_signal(struct service *s, int number)
{
    if (number == SIGHUP)
        reload_when_running(s);
    else
        on_end_signal(s, number);
}

void service_hurry(struct service *s)
{
    if (s->ends == 0)
        hurry_reload(s);
    else if (s->ends == 1)
        on_end_signal(s, SIGTERM);
}

static void on_signal(void *arg, int number)
{
    service_signal(arg, number);
}

static void on_config_changed(void *arg)
{
    struct service *s = arg;

    log_info(&s->log, "The configuration has changed");
    reload_when_running(s);
}

/* --- a log whose reader is slow --- */

#define FLUSH_AGAIN (5 * NS_PER_MS)

static void on_flush_due(struct clock_timer *t)
{
    struct service *s = container_of(t, struct service, log_flush);

    log_flush(&s->sink);
    if (log_backlog(&s->sink) > 0)
        clock_start(&s->loop.clock, t, FLUSH_AGAIN, on_flush_due);
}

static void on_backlog(struct log_sink *sink)
{
    struct service *s = sink->owner;

    clock_start(&s->loop.clock, &s->log_flush, FLUSH_AGAIN, on_flush_due);
}

/* --- from the first line to the last --- */

static void on_view_changed(void *arg)
{
    struct service *s = arg;

    tap_set_renew(&s->site.taps);
}

static void service_init(struct service *s)
{
    list_init(&s->leavers);
    memory_tune();
    loop_init(&s->loop, false);
    budget_init(&s->budget, UINT64_MAX, &s->loop.turn);
    crowd_init(&s->listeners.crowd);
    budget_divide(&s->budget, s->shares, SIGNAL_COUNT);
    peer_shares_init(&s->peers);
    metrics_init(&s->metrics);
    log_sink_init(&s->sink);
    s->sink.clock = &s->loop.clock;
    s->sink.on_backlog = on_backlog;
    s->sink.owner = s;
    s->log.sink = &s->sink;
    s->host = (struct host){
        .loop = &s->loop,
        .budget = &s->budget,
        .shares = s->shares,
        .peers = &s->peers,
        .metrics = &s->metrics,
        .log = &s->sink,
        .listeners = &s->listeners,
        .view = &s->view.shown,
        .version = OTELCD_VERSION,
        .workers = 1,
    };
    s->host.instance_id = s->instance_id;
    view_init(&s->view, &s->loop.clock);
    notify_init(&s->notify, &s->loop.clock);
    loop_measure(&s->loop, &s->metrics);
    process_metrics_init(&s->process, &s->metrics, &s->loop.clock, &s->budget, OTELCD_VERSION);
    memory_keeper_start(&s->memory, &s->loop, &s->budget, &s->log);
    s->host.scrape_endpoints = scrape_endpoints_new(&s->loop, &s->budget, &s->metrics, &s->sink, &s->listeners);
    site_init(&s->site, &s->host);
    s->host.site = &s->site;
    s->view.changed = on_view_changed;
    s->view.arg = s;
}

static void on_left_open(void *arg, const char *type)
{
    struct service *s = arg;

    log_error(&s->log, "A handle was left open: this is a defect of otelcd", F_STR("handle", type));
}

static int service_close(struct service *s)
{
    scrape_endpoints_free(s->host.scrape_endpoints);
    memory_keeper_stop(&s->memory);
    process_metrics_close(&s->process);
    notify_close(&s->notify);
    turn_run(&s->loop.turn);
    if (loop_close(&s->loop, on_left_open, s) != 0)
        s->exit_code = EXIT_CODE_OPEN;
    crowd_free(&s->listeners.crowd);
    s->sink.clock = NULL;
    s->sink.on_backlog = NULL;
    if (s->exit_code == EXIT_CODE_OK)
        service_say(s, LOG_INFO, "Shutdown complete.");
    free_running(&s->now);
    if (s->front != NULL)
        front_free(s->front);
    if (s->worker != NULL)
        worker_free(s->worker);
    buf_wipe(&s->for_workers);
    view_free(&s->view);
    peer_shares_free(&s->peers);
    control_free(&s->control);
    confinement_free(&s->confinement);
    metrics_free(&s->metrics);
    ledger_book_free(&s->host.ledgers);
    log_sink_close(&s->sink);
    source_files_clear(&s->files);
    return s->exit_code;
}

static void give_up_rights(struct service *s)
{
    const struct service_config *c = s->now.config->service;

    if (s->worker == NULL)
        control_prepare(&s->control, &s->host, c);
    s->sandboxed = c->sandbox;
    if (s->sandboxed)
        confine(&s->confinement, s->now.config, s->control.directory.len > 0 ? buf_cstr(&s->control.directory) : NULL,
                s->front != NULL, &s->log);
}

static void start_service(struct service *s)
{
    struct error err = { 0 };

    if (s->worker == NULL)
        signals_watch(&s->signals, &s->loop.uv, on_signal, s);
    if (adopt_config(s, &s->now, &err) != 0) {
        service_stop_failed(s, &err);
        return;
    }
    if (s->worker == NULL) {
        service_log_faults(s, &s->now.config->faults);
        log_info(&s->log, "Starting otelcd...", F_STR("Version", OTELCD_VERSION),
                 F_INT("NumCPU", sysconf(_SC_NPROCESSORS_ONLN)), F_UINT("workers", s->host.workers));
    }
    give_up_rights(s);
    if (start_running(s, &s->now, &err) != 0)
        service_stop_failed(s, &err);
    else if (s->front != NULL)
        front_start(s->front);
    else
        service_say_ready(s);
}

/* The configuration, before anything of the service is made: 0, or the exit code. */
static int load_first(struct service *s, const struct config_sources *sources, const struct component *const *registry,
                      struct buf *for_workers)
{
    *s = (struct service){ .sources = *sources, .registry = registry, .worker = s->worker };
    s->sources.files = &s->files;
    own_instance_id(s->instance_id);
    if (s->worker != NULL)
        snprintf(s->instance_id, sizeof(s->instance_id), "%s", worker_config(s->worker)->instance_id);
    s->now.config = service_load(s, for_workers);
    if (s->now.config->faults.n_errors == 0)
        return EXIT_CODE_OK;
    faults_print(&s->now.config->faults, stderr);
    source_files_clear(&s->files);
    config_free(s->now.config);
    return EXIT_CODE_FAILED;
}

int service_run(const struct config_sources *sources, const struct component *const *registry, bool watch)
{
    struct buf for_workers = { 0 };
    struct service s = { 0 };
    int code = load_first(&s, sources, registry, &for_workers);
    unsigned workers = code == EXIT_CODE_OK ? front_count_workers(s.now.config) : 0;

    if (code == EXIT_CODE_OK && workers == 0) {
        source_files_clear(&s.files);
        config_free(s.now.config);
        code = EXIT_CODE_FAILED;
    }
    if (code == EXIT_CODE_OK) {
        service_init(&s);
        if (workers > 1)
            front_share(&s, workers, &for_workers);
        if (watch)
            s.watch = config_watch_open(&s.loop, &s.sources, &s.log, on_config_changed, &s);
        start_service(&s);
        loop_run(&s.loop);
        code = service_close(&s);
    }
    buf_wipe(&for_workers);
    return code;
}

int service_work(const struct component *const *registry)
{
    struct service s = { .worker = worker_new() };
    int code;

    if (s.worker == NULL)
        return EXIT_CODE_FAILED;
    code = load_first(&s, &worker_config(s.worker)->sources, registry, NULL);
    if (code != EXIT_CODE_OK) {
        worker_free(s.worker);
        return code;
    }
    service_init(&s);
    s.host.worker = worker_number(s.worker);
    worker_join(s.worker, &s);
    start_service(&s);
    loop_run(&s.loop);
    return service_close(&s);
}
