/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/endpoint/scrape.h"

#include "base/mem.h"
#include "base/vec.h"
#include "prom/endpoint/scrape_options.h"
#include "prom/endpoint/scrape_run.h"

#include <assert.h>
#include <stdlib.h>

#define RUNS_MAX 16 /* scrapes of one listener at a time */

/* Somebody who waits for the last scrape of a source that was taken out. */
struct removal {
    struct removal *next;
    struct site *site;
    struct scrape_source *source;
    void (*done)(void *arg);
    void *arg;
    struct clock_timer deadline;
};

/* One listener and who is served there. */
struct site {
    struct http_service service;
    struct scrape_hub *hub;
    struct http_server *server;
    struct http_server_options options; /* its strings are the site's */
    struct endpoint address;
    bool stopping; /* its last source has been taken out */
    VEC(struct scrape_source *) sources;
    struct scrape_run *runs;
    struct removal *removals;
    struct scrape_counters counters;
    struct complaint left_out, busy;
    struct turn_task settle;
};

struct scrape_hub {
    uv_loop_t *loop;
    struct clock *clock;
    struct turn *turn;
    struct budget *budget;
    struct metrics *metrics;
    struct logger log;
    struct listener_handover *handover;
    struct scrape_pace pace;
    struct metric_hook hook;
    VEC(struct site *) sites;
};

static void collect(struct metric_hook *hook)
{
    struct scrape_hub *h = container_of(hook, struct scrape_hub, hook);

    for (size_t i = 0; i < h->sites.n; i++)
        scrape_counters_update(&h->sites.v[i]->counters, http_server_stats(h->sites.v[i]->server));
}

struct scrape_hub *scrape_hub_new(uv_loop_t *loop, struct clock *clock, struct turn *turn, struct budget *budget,
                                  struct metrics *metrics, struct log_sink *log, struct listener_handover *handover)
{
    struct scrape_hub *h = mem_zalloc(sizeof(*h));

    h->loop = loop;
    h->clock = clock;
    h->turn = turn;
    h->budget = budget;
    h->metrics = metrics;
    h->log.sink = log;
    h->handover = handover;
    h->hook.collect = collect;
    metrics_hook(metrics, &h->hook);
    scrape_pace_init(&h->pace, loop, clock, budget);
    h->pace.idle.data = h;
    return h;
}

static void on_pace_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void scrape_hub_free(struct scrape_hub *h)
{
    assert(h->sites.n == 0);
    metrics_unhook(h->metrics, &h->hook);
    vec_free(&h->sites);
    scrape_pace_close(&h->pace, on_pace_closed);
}

/* --- requests --- */

static struct site *site_of(const struct http_request *req)
{
    return container_of(req->service, struct site, service);
}

static void refuse(struct http_request *req, enum scrape_outcome outcome, int status, const char *name,
                   const char *value, const char *text)
{
    struct http_header headers[] = {
        { bytes_str("content-type"), bytes_str("text/plain; charset=utf-8") },
        { bytes_str(name), bytes_str(value) },
    };

    metric_add(site_of(req)->counters.requests[outcome], 1);
    http_respond(req, status, headers, name[0] != 0 ? 2 : 1, bytes_str(text));
}

static void on_left_out(void *arg, struct scrape_source *source, struct bytes name)
{
    struct site *site = arg;
    struct scrape_hub *h = site->hub;
    const char *endpoint = http_server_address(site->server);

    scrape_count_left_out(h->metrics, endpoint, source->name);
    if (complaint_due(&site->left_out, h->clock))
        log_warn(&h->log, "Metric family left out: its name, or that of one of its series, is taken",
                 F_BYTES("family", name), F_STR("source", source->name), F_STR("endpoint", endpoint),
                 F_UINT("repeated", complaint_taken(&site->left_out)));
}

static size_t count_runs(const struct site *site)
{
    size_t n = 0;

    for (const struct scrape_run *run = site->runs; run != NULL; run = run->next)
        n++;
    return n;
}

static void set_running(struct site *site)
{
    metric_set(site->counters.running, (double)count_runs(site));
}

static void refuse_busy(struct site *site, struct http_request *req)
{
    refuse(req, SCRAPE_BUSY, 503, "retry-after", "1", "503 too many scrapes at once: come again in a second\n");
    if (complaint_due(&site->busy, site->hub->clock))
        log_warn(&site->hub->log, "Scrape refused: too many run already",
                 F_STR("endpoint", http_server_address(site->server)), F_STR("peer", http_request_peer(req)),
                 F_UINT("limit", RUNS_MAX), F_UINT("repeated", complaint_taken(&site->busy)));
}

static struct accept negotiate(const struct site *site, const struct http_request *req)
{
    const struct bytes *header = http_request_header(req, "accept");
    bool open_metrics = false;

    for (size_t i = 0; i < site->sources.n; i++)
        open_metrics = open_metrics || site->sources.v[i]->enable_open_metrics;
    return accept_negotiate(header != NULL ? *header : bytes_of(NULL, 0), open_metrics);
}

/* What GET would say, without the exposition. */
static void answer_head(struct http_request *req, const struct accept *accept)
{
    struct buf type = { 0 };
    struct http_header header;

    accept_content_type(accept, &type);
    header = (struct http_header){ bytes_str("content-type"), buf_bytes(&type) };
    metric_add(site_of(req)->counters.requests[SCRAPE_OK], 1);
    http_respond_begin(req, 200, &header, 1);
    http_respond_end(req, NULL, 0);
    buf_free(&type);
}

static void on_request(struct http_service *service, struct http_request *req)
{
    struct site *site = container_of(service, struct site, service);
    struct accept accept;

    if (!bytes_is(req->path, "/metrics")) {
        refuse(req, SCRAPE_NOT_FOUND, 404, "", "", "404 page not found: the metrics are at /metrics\n");
        return;
    }
    if (!bytes_is(req->method, "GET") && !bytes_is(req->method, "HEAD")) {
        refuse(req, SCRAPE_BAD_METHOD, 405, "allow", "GET, HEAD", "405 method not allowed, supported: [GET, HEAD]\n");
        return;
    }
    accept = negotiate(site, req);
    if (bytes_is(req->method, "HEAD")) {
        answer_head(req, &accept);
        return;
    }
    if (count_runs(site) >= RUNS_MAX) {
        refuse_busy(site, req);
        return;
    }
    scrape_run_start(&site->hub->pace, &site->counters, req,
                     exposition_new(site->sources.v, site->sources.n, &accept, on_left_out, site), &accept,
                     &site->runs);
    set_running(site);
}

/* The body of a GET means nothing here. */
static void on_body(struct http_request *req, struct bytes data)
{
    http_request_grant(req, data.len);
}

static void on_end(struct http_request *req)
{
    (void)req;
}

static void on_writable(struct http_request *req)
{
    if (req->context != NULL)
        scrape_run_resume(req->context);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct site *site = site_of(req);

    if (req->context == NULL)
        return;
    scrape_run_close(req->context, aborted);
    req->context = NULL;
    set_running(site);
    if (site->removals != NULL)
        turn_defer(site->hub->turn, &site->settle);
}

/* --- listening --- */

static int listen_on(struct site *site, struct error *err)
{
    struct scrape_hub *h = site->hub;
    int rc = http_server_listen(&site->server, h->loop, &site->options, &site->service, h->clock, h->turn, h->budget,
                                &h->log, NULL, err);

    if (rc != 0)
        return rc;
    scrape_counters_init(&site->counters, h->metrics, http_server_address(site->server));
    /* What is bound: port 0 has become a number. */
    return endpoint_parse(&site->address, http_server_address(site->server), site->options.transport, err);
}

static void on_replaced(struct http_server *server, void *arg)
{
    (void)arg;
    http_server_free(server);
}

/* Listen anew, wider or with more options; go back to what there was when that fails. */
static int replace(struct site *site, const struct http_server_options *options, struct error *err)
{
    struct http_server_options before = site->options;
    struct error again;
    int rc;

    http_server_stop(site->server, clock_mono(site->hub->clock), on_replaced, NULL);
    site->options = *options;
    rc = listen_on(site, err);
    if (rc == 0)
        return 0;
    site->options = before;
    if (listen_on(site, &again) != 0)
        error_wrap(err, "%s, and before that", again.text);
    return rc;
}

static void free_options(struct http_server_options *o)
{
    free((void *)(uintptr_t)o->endpoint);
    free((void *)(uintptr_t)o->transport);
}

static void site_free(struct site *site)
{
    vec_free(&site->sources);
    free_options(&site->options);
    free(site);
}

static struct http_server_options copy_options(const struct http_server_options *o)
{
    struct http_server_options copy = *o;

    copy.endpoint = mem_strdup(o->endpoint);
    copy.transport = mem_strdup(o->transport != NULL ? o->transport : "tcp");
    return copy;
}

/* Let `source` in at a site that listens already. */
static int join_site(struct site *site, const struct http_server_options *options, const struct endpoint *address,
                     struct scrape_source *source, struct error *err)
{
    struct http_server_options joined = site->options, before = site->options;
    bool wider = address_is_wildcard(address) && !address_is_wildcard(&site->address);
    int rc;

    if (http_options_join(&joined, options) || wider) {
        joined.endpoint = wider ? options->endpoint : before.endpoint;
        joined.transport = wider ? options->transport : before.transport;
        joined = copy_options(&joined);
        rc = replace(site, &joined, err);
        free_options(rc == 0 ? &before : &joined);
        if (rc != 0)
            return rc;
    }
    *vec_push(&site->sources) = source;
    return 0;
}

static void settle(struct turn_task *task);

static int new_site(struct scrape_hub *h, const struct http_server_options *options, struct scrape_source *source,
                    struct error *err)
{
    struct site *site = mem_zalloc(sizeof(*site));
    int rc;

    site->hub = h;
    site->options = copy_options(options);
    site->options.handover = h->handover;
    site->service = (struct http_service){ on_request, on_body, on_end, on_close, on_writable };
    site->settle.run = settle;
    rc = listen_on(site, err);
    if (rc != 0) {
        site_free(site);
        return rc;
    }
    *vec_push(&site->sources) = source;
    *vec_push(&h->sites) = site;
    return 0;
}

int scrape_hub_add(struct scrape_hub *h, const struct http_server_options *options, struct scrape_source *source,
                   struct error *err)
{
    const char *transport = options->transport != NULL ? options->transport : "tcp";
    struct endpoint address;
    struct site *site = NULL;
    int rc = endpoint_parse(&address, options->endpoint, transport, err);

    for (size_t i = 0; rc == 0 && i < h->sites.n; i++)
        if (!h->sites.v[i]->stopping && addresses_meet(&h->sites.v[i]->address, &address))
            site = h->sites.v[i];
    if (rc == 0)
        rc = site != NULL ? join_site(site, options, &address, source, err) : new_site(h, options, source, err);
    if (rc == 0)
        log_info(&h->log, "Starting Prometheus scrape endpoint", F_STR("otelcol.component.id", source->name),
                 F_STR("endpoint", http_server_address((site ? site : h->sites.v[h->sites.n - 1])->server)),
                 F_BOOL("shared", site != NULL));
    return rc;
}

static size_t place_of(const struct site *site, const struct scrape_source *source)
{
    size_t i = 0;

    while (i < site->sources.n && site->sources.v[i] != source)
        i++;
    return i;
}

static struct site *find_site(const struct scrape_hub *h, const struct scrape_source *source)
{
    for (size_t i = 0; i < h->sites.n; i++)
        if (place_of(h->sites.v[i], source) < h->sites.v[i]->sources.n)
            return h->sites.v[i];
    return NULL;
}

int scrape_hub_port(const struct scrape_hub *h, const struct scrape_source *source)
{
    const struct site *site = find_site(h, source);

    return site == NULL ? 0 : http_server_port(site->server);
}

/* --- taking out --- */

static bool is_read(const struct site *site, const struct scrape_source *source)
{
    for (const struct scrape_run *run = site->runs; run != NULL; run = run->next)
        if (run->exposition != NULL && exposition_reads(run->exposition, source))
            return true;
    return false;
}

/* Tell those whose source nobody reads any more. */
static void settle_removals(struct site *site)
{
    struct removal **at = &site->removals, *r;

    while ((r = *at) != NULL) {
        if (is_read(site, r->source)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        clock_stop(site->hub->clock, &r->deadline);
        r->done(r->arg);
        free(r);
        at = &site->removals;
    }
}

/* While the listener stops, on_stopped settles: a site must not outlive what its owner was told is done. */
static void settle(struct turn_task *task)
{
    struct site *site = container_of(task, struct site, settle);

    if (!site->stopping)
        settle_removals(site);
}

static void on_stopped(struct http_server *server, void *arg)
{
    struct site *site = arg;
    struct scrape_hub *h = site->hub;
    size_t i = 0;

    assert(site->runs == NULL);
    scrape_counters_update(&site->counters, http_server_stats(server));
    http_server_free(server);
    turn_cancel(h->turn, &site->settle);
    while (h->sites.v[i] != site)
        i++;
    h->sites.v[i] = h->sites.v[--h->sites.n];
    settle_removals(site);
    site_free(site);
}

static void on_deadline(struct clock_timer *timer)
{
    struct removal *r = container_of(timer, struct removal, deadline);
    struct scrape_run *next;

    for (struct scrape_run *run = r->site->runs; run != NULL; run = next) {
        next = run->next;
        if (run->exposition != NULL && exposition_reads(run->exposition, r->source))
            scrape_run_cut(run);
    }
}

void scrape_hub_remove(struct scrape_hub *h, struct scrape_source *source, uint64_t deadline, void (*done)(void *arg),
                       void *arg)
{
    struct site *site = find_site(h, source);
    struct removal *r = mem_zalloc(sizeof(*r));
    uint64_t now = clock_mono(h->clock);
    size_t i;

    assert(site != NULL);
    i = place_of(site, source);
    memmove(&site->sources.v[i], &site->sources.v[i + 1], (site->sources.n - i - 1) * sizeof(site->sources.v[0]));
    site->sources.n--;
    *r = (struct removal){ site->removals, site, source, done, arg, { 0 } };
    site->removals = r;
    if (site->sources.n == 0) {
        site->stopping = true;
        http_server_stop(site->server, deadline, on_stopped, site);
    } else {
        clock_start(h->clock, &r->deadline, deadline > now ? deadline - now : 0, on_deadline);
        turn_defer(h->turn, &site->settle);
    }
}

void scrape_hub_hurry(struct scrape_hub *h, const struct scrape_source *source)
{
    for (size_t i = 0; i < h->sites.n; i++) {
        struct site *site = h->sites.v[i];

        for (struct removal *r = site->removals; r != NULL; r = r->next) {
            if (r->source != source)
                continue;
            if (site->stopping)
                http_server_hurry(site->server);
            else
                clock_start(h->clock, &r->deadline, 0, on_deadline);
        }
    }
}
