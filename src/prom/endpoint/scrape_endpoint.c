/* SPDX-License-Identifier: Apache-2.0 */
/* A request is looked at here, and a run (endpoint_run.h) streams the answer; a source that is taken out is let go when
 * nobody reads it any more.
 *
 * What can go wrong: as many scrapes as there are places, or as one peer may have: a reader that does not read makes
 * room, or else the newcomer is told to come again. */
#include "prom/endpoint/scrape_endpoint.h"

#include "base/mem.h"
#include "base/vec.h"
#include "net/socket/tls.h"
#include "prom/endpoint/endpoint_options.h"
#include "prom/endpoint/endpoint_run.h"

#include <assert.h>
#include <stdlib.h>

#define RUNS_MAX 16 /* scrapes of one listener at a time */

/* Somebody who waits for the last scrape of a source that was taken out. */
struct removal {
    struct list link;
    struct scrape_endpoint *e;
    struct exposition_source *source;
    void (*done)(void *arg);
    void *arg;
    struct clock_timer deadline;
};

/* One listener and who is served there. */
struct scrape_endpoint {
    struct http_service service;
    struct scrape_endpoints *all;
    struct http_server *server;
    struct http_server_options options; /* its strings are the endpoint's */
    struct endpoint address;
    bool stopping; /* its last source has been taken out */
    VEC(struct exposition_source *) sources;
    struct list runs;     /* of endpoint_run */
    struct list removals; /* newest first */
    struct endpoint_counters counters;
    struct complaint left_out, busy, slow, refused;
    struct turn_task settle;
};

struct scrape_endpoints {
    struct loop *loop;
    struct budget *budget;
    struct metrics *metrics;
    struct logger log;
    struct listener_shared *listeners;
    struct endpoint_pace pace;
    struct metric_hook hook;
    VEC(struct scrape_endpoint *) list;
};

static void collect(struct metric_hook *hook)
{
    struct scrape_endpoints *all = container_of(hook, struct scrape_endpoints, hook);

    for (size_t i = 0; i < all->list.n; i++)
        endpoint_counters_update(&all->list.v[i]->counters, http_server_stats(all->list.v[i]->server));
}

struct scrape_endpoints *scrape_endpoints_new(struct loop *loop, struct budget *budget, struct metrics *metrics,
                                              struct log_sink *log, struct listener_shared *listeners)
{
    struct scrape_endpoints *all = mem_zalloc(sizeof(*all));

    all->loop = loop;
    all->budget = budget;
    all->metrics = metrics;
    all->log.sink = log;
    all->listeners = listeners;
    all->hook.collect = collect;
    metrics_hook(metrics, &all->hook);
    endpoint_pace_init(&all->pace, loop, budget);
    all->pace.idle.data = all;
    return all;
}

static void on_pace_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void scrape_endpoints_free(struct scrape_endpoints *all)
{
    assert(all->list.n == 0);
    metrics_unhook(all->metrics, &all->hook);
    vec_free(&all->list);
    endpoint_pace_close(&all->pace, on_pace_closed);
}

/* --- requests --- */

static struct scrape_endpoint *endpoint_of(const struct http_request *req)
{
    return container_of(req->service, struct scrape_endpoint, service);
}

static void refuse_scrape(struct http_request *req, enum endpoint_outcome outcome, int status, const char *name,
                          const char *value, const char *text)
{
    struct http_header headers[] = {
        { bytes_str("content-type"), bytes_str("text/plain; charset=utf-8") },
        { bytes_str(name), bytes_str(value) },
    };

    metric_add(endpoint_of(req)->counters.requests[outcome], 1);
    http_respond(req, status, headers, name[0] != 0 ? 2 : 1, bytes_str(text));
}

static void on_left_out(void *arg, struct exposition_source *source, struct bytes name)
{
    struct scrape_endpoint *e = arg;
    struct scrape_endpoints *all = e->all;
    const char *address = http_server_address(e->server);

    endpoint_count_left_out(all->metrics, address, source->name);
    if (complaint_due(&e->left_out, &all->loop->clock))
        log_warn(&all->log, "Metric family left out: its name, or that of one of its series, is taken",
                 F_BYTES("family", name), F_STR("source", source->name), F_STR("endpoint", address),
                 F_UINT("repeated", complaint_taken(&e->left_out)));
}

static void set_running(struct scrape_endpoint *e)
{
    metric_set(e->counters.running, (double)endpoint_run_count(&e->runs, NULL));
}

static void refuse_busy(struct scrape_endpoint *e, struct http_request *req)
{
    refuse_scrape(req, ENDPOINT_BUSY, 503, "retry-after", "1", "503 too many scrapes at once: retry in a second\n");
    if (complaint_due(&e->busy, &e->all->loop->clock))
        log_warn(&e->all->log, "Scrape refused: too many run already",
                 F_STR("endpoint", http_server_address(e->server)), F_STR("peer", http_request_peer(req)),
                 F_UINT("limit", RUNS_MAX), F_UINT("repeated", complaint_taken(&e->busy)));
}

/* A good scraper is served: one that does not read its answer makes room. */
static bool make_room(struct scrape_endpoint *e, const struct http_request *req, const uint8_t *of)
{
    struct endpoint_run *slow = endpoint_run_slowest(&e->runs, of);

    if (slow == NULL)
        return false;
    if (complaint_due(&e->slow, &e->all->loop->clock))
        log_warn(&e->all->log, "Scrape cut off: its peer does not read, and another waits to be served",
                 F_STR("endpoint", http_server_address(e->server)), F_STR("peer", http_request_peer(slow->req)),
                 F_STR("served", http_request_peer(req)), F_UINT("limit", RUNS_MAX),
                 F_UINT("repeated", complaint_taken(&e->slow)));
    slow->outcome = ENDPOINT_TIMEOUT;
    endpoint_run_cut(slow);
    return true;
}

/* Is there a place? A peer has at most as many as are then left (base/peer_shares.h says why), so who is alone has half
 * of them, and whoever reads fast and asks at once leaves some to the others. */
static bool has_place(struct scrape_endpoint *e, const struct http_request *req)
{
    const uint8_t *network = http_request_network(req);
    size_t all = endpoint_run_count(&e->runs, NULL), own = endpoint_run_count(&e->runs, network);

    if (own > 0 && own + 1 + all + 1 > RUNS_MAX)
        return make_room(e, req, network);
    return all < RUNS_MAX || make_room(e, req, NULL);
}

static struct accept negotiate_format(const struct scrape_endpoint *e, const struct http_request *req)
{
    const struct bytes *header = http_request_header(req, "accept");
    bool open_metrics = false;

    for (size_t i = 0; i < e->sources.n; i++)
        open_metrics = open_metrics || e->sources.v[i]->enable_open_metrics;
    return accept_negotiate(header != NULL ? *header : bytes_of(NULL, 0), open_metrics);
}

/* What GET would say, without the exposition. */
static void answer_head(struct http_request *req, const struct accept *accept)
{
    struct buf type = { 0 };
    struct http_header header;

    accept_content_type(accept, &type);
    header = (struct http_header){ bytes_str("content-type"), buf_bytes(&type) };
    metric_add(endpoint_of(req)->counters.requests[ENDPOINT_OK], 1);
    http_respond_begin(req, 200, &header, 1);
    http_respond_end(req, NULL, 0);
    buf_free(&type);
}

static void on_request(struct http_service *service, struct http_request *req)
{
    struct scrape_endpoint *e = container_of(service, struct scrape_endpoint, service);
    struct accept accept;

    if (!bytes_is(req->path, "/metrics")) {
        refuse_scrape(req, ENDPOINT_NOT_FOUND, 404, "", "", "404 page not found: the metrics are at /metrics\n");
        return;
    }
    if (!bytes_is(req->method, "GET") && !bytes_is(req->method, "HEAD")) {
        refuse_scrape(req, ENDPOINT_BAD_METHOD, 405, "allow", "GET, HEAD",
                      "405 method not allowed, supported: [GET, HEAD]\n");
        return;
    }
    accept = negotiate_format(e, req);
    if (bytes_is(req->method, "HEAD")) {
        answer_head(req, &accept);
        return;
    }
    if (!has_place(e, req)) {
        refuse_busy(e, req);
        return;
    }
    endpoint_run_start(&e->all->pace, &e->counters, req,
                       exposition_new(e->sources.v, e->sources.n, &accept, on_left_out, e), &accept, &e->runs);
    set_running(e);
}

/* By the gatekeeper. */
static void on_refused(struct http_service *service, struct http_request *req, const struct gate_refusal *refusal)
{
    struct scrape_endpoint *e = container_of(service, struct scrape_endpoint, service);
    struct http_header header = gate_refusal_header(refusal);
    struct buf text = { 0 };
    struct http_header headers[] = { { BYTES_LIT("content-type"), BYTES_LIT("text/plain; charset=utf-8") }, header };

    metric_add(e->counters.requests[refusal->busy ? ENDPOINT_BUSY : ENDPOINT_UNAUTHORIZED], 1);
    if (complaint_due(&e->refused, &e->all->loop->clock))
        log_warn(&e->all->log, "Scrape refused: the scraper is not let in",
                 F_STR("endpoint", http_server_address(e->server)), F_STR("peer", http_request_peer(req)),
                 F_STR("error", refusal->why), F_UINT("repeated", complaint_taken(&e->refused)));
    buf_printf(&text, "%d %s\n", refusal->busy ? 503 : 401, refusal->why);
    http_respond(req, refusal->busy ? 503 : 401, headers, ARRAY_LEN(headers), buf_bytes(&text));
    buf_free(&text);
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
        endpoint_run_resume(req->context);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct scrape_endpoint *e = endpoint_of(req);

    if (req->context == NULL)
        return;
    endpoint_run_close(req->context, aborted);
    req->context = NULL;
    set_running(e);
    if (!list_empty(&e->removals))
        turn_defer(&e->all->loop->turn, &e->settle);
}

/* --- listening --- */

static int listen_on(struct scrape_endpoint *e, struct error *err)
{
    struct scrape_endpoints *all = e->all;
    int rc = http_server_listen(&e->server, all->loop, &e->options, &e->service, all->budget, &all->log, NULL, err);

    if (rc != 0)
        return rc;
    endpoint_counters_init(&e->counters, all->metrics, http_server_address(e->server));
    /* What is bound: port 0 has become a number. */
    return endpoint_parse(&e->address, http_server_address(e->server), e->options.transport, err);
}

static void on_replaced(struct http_server *server, void *arg)
{
    (void)arg;
    http_server_free(server);
}

/* Listen anew, wider or with more options; go back to what there was when that fails. */
static int replace_listener(struct scrape_endpoint *e, const struct http_server_options *options, struct error *err)
{
    struct http_server_options before = e->options;
    struct error again;
    int rc;

    http_server_stop(e->server, clock_mono(&e->all->loop->clock), on_replaced, NULL);
    e->options = *options;
    rc = listen_on(e, err);
    if (rc == 0)
        return 0;
    e->options = before;
    if (listen_on(e, &again) != 0)
        error_wrap(err, "%s, and before that", again.text);
    return rc;
}

static void free_options(struct http_server_options *o)
{
    free((void *)(uintptr_t)o->endpoint);
    free((void *)(uintptr_t)o->transport);
    tls_unref(o->tls);
}

static void free_endpoint(struct scrape_endpoint *e)
{
    vec_free(&e->sources);
    free_options(&e->options);
    free(e);
}

static struct http_server_options copy_options(const struct http_server_options *o)
{
    struct http_server_options copy = *o;

    copy.endpoint = mem_strdup(o->endpoint);
    copy.transport = mem_strdup(o->transport != NULL ? o->transport : "tcp");
    if (o->tls != NULL)
        tls_ref(o->tls);
    return copy;
}

/* Let `source` in at an endpoint that listens already. */
static int join_endpoint(struct scrape_endpoint *e, const struct http_server_options *options,
                         const struct endpoint *address, struct exposition_source *source, struct error *err)
{
    struct http_server_options joined = e->options, before = e->options;
    bool wider = address_is_wildcard(address) && !address_is_wildcard(&e->address);
    int rc;

    if (options->gatekeeper != before.gatekeeper)
        return error_set(err, UV_EADDRINUSE,
                         "%s is served by \"%s\" too, and their auth differs: give both the same authenticator, or an "
                         "address of its own",
                         options->endpoint, e->sources.v[0]->name);
    if (http_options_join(&joined, options) || wider) {
        joined.endpoint = wider ? options->endpoint : before.endpoint;
        joined.transport = wider ? options->transport : before.transport;
        joined = copy_options(&joined);
        rc = replace_listener(e, &joined, err);
        free_options(rc == 0 ? &before : &joined);
        if (rc != 0)
            return rc;
    }
    *vec_push(&e->sources) = source;
    return 0;
}

static void settle_task(struct turn_task *task);

static int new_endpoint(struct scrape_endpoints *all, const struct http_server_options *options,
                        struct exposition_source *source, struct error *err)
{
    struct scrape_endpoint *e = mem_zalloc(sizeof(*e));
    int rc;

    e->all = all;
    e->options = copy_options(options);
    e->options.listeners = all->listeners;
    e->service = (struct http_service){
        .on_request = on_request,
        .on_body = on_body,
        .on_end = on_end,
        .on_close = on_close,
        .on_writable = on_writable,
        .on_refused = on_refused,
    };
    e->settle.run = settle_task;
    list_init(&e->runs);
    list_init(&e->removals);
    rc = listen_on(e, err);
    if (rc != 0) {
        free_endpoint(e);
        return rc;
    }
    *vec_push(&e->sources) = source;
    *vec_push(&all->list) = e;
    return 0;
}

int scrape_endpoints_add(struct scrape_endpoints *all, const struct http_server_options *options,
                         struct exposition_source *source, struct error *err)
{
    const char *transport = options->transport != NULL ? options->transport : "tcp";
    struct endpoint address;
    struct scrape_endpoint *e = NULL;
    int rc = endpoint_parse(&address, options->endpoint, transport, err);

    for (size_t i = 0; rc == 0 && i < all->list.n; i++)
        if (!all->list.v[i]->stopping && addresses_meet(&all->list.v[i]->address, &address))
            e = all->list.v[i];
    if (rc == 0)
        rc = e != NULL ? join_endpoint(e, options, &address, source, err) : new_endpoint(all, options, source, err);
    if (rc == 0)
        log_info(&all->log, "Starting Prometheus scrape endpoint", F_STR("otelcol.component.id", source->name),
                 F_STR("endpoint", http_server_address((e ? e : all->list.v[all->list.n - 1])->server)),
                 F_BOOL("shared", e != NULL));
    return rc;
}

static size_t index_of(const struct scrape_endpoint *e, const struct exposition_source *source)
{
    size_t i = 0;

    while (i < e->sources.n && e->sources.v[i] != source)
        i++;
    return i;
}

static struct scrape_endpoint *find_endpoint(const struct scrape_endpoints *all, const struct exposition_source *source)
{
    for (size_t i = 0; i < all->list.n; i++)
        if (index_of(all->list.v[i], source) < all->list.v[i]->sources.n)
            return all->list.v[i];
    return NULL;
}

int scrape_endpoints_port(const struct scrape_endpoints *all, const struct exposition_source *source)
{
    const struct scrape_endpoint *e = find_endpoint(all, source);

    return e == NULL ? 0 : http_server_port(e->server);
}

/* --- taking out --- */

static bool is_read(const struct scrape_endpoint *e, const struct exposition_source *source)
{
    list_each (const struct endpoint_run, run, &e->runs, link)
        if (run->exposition != NULL && exposition_reads(run->exposition, source))
            return true;
    return false;
}

/* Tell those whose source nobody reads any more. */
static void settle_removals(struct scrape_endpoint *e)
{
    struct list settled;
    struct removal *r;

    list_init(&settled);
    list_each (struct removal, x, &e->removals, link)
        if (!is_read(e, x->source)) {
            list_remove(&x->link);
            list_push(&settled, &x->link);
        }
    while ((r = list_pop(&settled, struct removal, link)) != NULL) {
        clock_stop(&e->all->loop->clock, &r->deadline);
        r->done(r->arg);
        free(r);
    }
}

/* While the listener stops, on_stopped settles: an endpoint must not outlive what its owner was told is done. */
static void settle_task(struct turn_task *task)
{
    struct scrape_endpoint *e = container_of(task, struct scrape_endpoint, settle);

    if (!e->stopping)
        settle_removals(e);
}

static void on_stopped(struct http_server *server, void *arg)
{
    struct scrape_endpoint *e = arg;
    struct scrape_endpoints *all = e->all;
    size_t i = 0;

    assert(list_empty(&e->runs));
    endpoint_counters_update(&e->counters, http_server_stats(server));
    http_server_free(server);
    turn_cancel(&all->loop->turn, &e->settle);
    while (all->list.v[i] != e)
        i++;
    all->list.v[i] = all->list.v[--all->list.n];
    settle_removals(e);
    free_endpoint(e);
}

static void on_deadline(struct clock_timer *timer)
{
    struct removal *r = container_of(timer, struct removal, deadline);

    list_each (struct endpoint_run, run, &r->e->runs, link)
        if (run->exposition != NULL && exposition_reads(run->exposition, r->source))
            endpoint_run_cut(run);
}

void scrape_endpoints_remove(struct scrape_endpoints *all, struct exposition_source *source, uint64_t deadline,
                             void (*done)(void *arg), void *arg)
{
    struct scrape_endpoint *e = find_endpoint(all, source);
    struct removal *r = mem_zalloc(sizeof(*r));
    uint64_t now = clock_mono(&all->loop->clock);
    size_t i;

    assert(e != NULL);
    i = index_of(e, source);
    memmove(&e->sources.v[i], &e->sources.v[i + 1], (e->sources.n - i - 1) * sizeof(e->sources.v[0]));
    e->sources.n--;
    *r = (struct removal){ .e = e, .source = source, .done = done, .arg = arg };
    list_push_front(&e->removals, &r->link);
    if (e->sources.n == 0) {
        e->stopping = true;
        http_server_stop(e->server, deadline, on_stopped, e);
    } else {
        clock_start(&all->loop->clock, &r->deadline, deadline > now ? deadline - now : 0, on_deadline);
        turn_defer(&all->loop->turn, &e->settle);
    }
}

void scrape_endpoints_hurry(struct scrape_endpoints *all, const struct exposition_source *source)
{
    for (size_t i = 0; i < all->list.n; i++) {
        struct scrape_endpoint *e = all->list.v[i];

        list_each (struct removal, r, &e->removals, link) {
            if (r->source != source)
                continue;
            if (e->stopping)
                http_server_hurry(e->server);
            else
                clock_start(&all->loop->clock, &r->deadline, 0, on_deadline);
        }
    }
}
