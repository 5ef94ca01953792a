/* SPDX-License-Identifier: Apache-2.0 */
/* The first source at an address opens its listener, the others join it; one that brings wider options has it opened
 * anew, and so does one that takes them along when it goes. Requests are looked at in scrape_request.c. A source that
 * is taken out is let go when nobody reads it any more, and with the last one the listener is closed.
 *
 * What can go wrong: the listener cannot be opened anew, and then it goes on as it was; who reads a source that is
 * taken out does not end, and is cut off at the deadline. */
#include "prom/endpoint/scrape_endpoint_inside.h"

#include "base/mem.h"
#include "net/socket/tls.h"
#include "config/server_rows.h"
#include "prom/endpoint/endpoint_options.h"

#include <assert.h>
#include <stdlib.h>

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

static void free_options(struct http_server_options *o, struct arena *memory)
{
    tls_unref(o->tls);
    arena_free(memory);
}

static struct http_server_options copy_options(const struct http_server_options *o, struct arena *memory)
{
    struct http_server_options copy = *o;

    copy.endpoint = arena_strdup(memory, o->endpoint);
    copy.transport = arena_strdup(memory, o->transport != NULL ? o->transport : "tcp");
    if (o->tls != NULL)
        tls_ref(o->tls);
    http_options_keep(&copy, memory);
    return copy;
}

/* What a server goes on with that another one has taken the place of, and whoever may have to go back to it. */
struct replaced {
    struct http_server_options options;
    struct arena memory;
    unsigned holds;
};

static void let_go(struct replaced *r)
{
    if (--r->holds > 0)
        return;
    free_options(&r->options, &r->memory);
    free(r);
}

static void on_replaced(struct http_server *server, void *arg)
{
    http_server_free(server);
    let_go(arg);
}

static void take_options(struct scrape_endpoint *e, const struct http_server_options *options)
{
    e->memory = (struct arena){ 0 };
    e->options = copy_options(options, &e->memory);
}

/* Listen anew, wider or with more options, which are copied; go back to what there was when that fails. */
static int replace_listener(struct scrape_endpoint *e, const struct http_server_options *options, struct error *err)
{
    struct replaced *before = mem_zalloc(sizeof(*before));
    struct http_server *server = e->server;
    struct error again;
    int rc;

    *before = (struct replaced){ e->options, e->memory, 2 };
    take_options(e, options); /* they may point into the server */
    http_server_stop(server, clock_mono(&e->all->loop->clock), on_replaced, before);
    rc = listen_on(e, err);
    if (rc != 0) {
        free_options(&e->options, &e->memory);
        take_options(e, &before->options);
        if (listen_on(e, &again) != 0)
            error_wrap(err, "%s, and before that", again.text);
    }
    let_go(before);
    return rc;
}

static void free_endpoint(struct scrape_endpoint *e)
{
    vec_free(&e->sources);
    for (size_t i = 0; i < e->asked.n; i++)
        free_options(&e->asked.v[i].options, &e->asked.v[i].memory);
    vec_free(&e->asked);
    free_options(&e->options, &e->memory);
    free(e);
}

static bool is_any_port(const char *endpoint)
{
    size_t n = strlen(endpoint);

    return n >= 2 && strcmp(endpoint + n - 2, ":0") == 0;
}

/* Where it is bound: a port that the kernel has chosen stays. */
static const char *bound_endpoint(const struct scrape_endpoint *e)
{
    return is_any_port(e->options.endpoint) ? http_server_address(e->server) : e->options.endpoint;
}

static void let_in(struct scrape_endpoint *e, const struct http_server_options *options,
                   struct exposition_source *source)
{
    struct endpoint_asked *asked = vec_push(&e->asked);

    *vec_push(&e->sources) = source;
    *asked = (struct endpoint_asked){ 0 };
    asked->options = copy_options(options, &asked->memory);
}

/* What cannot be had both ways; NULL: nothing. */
static const char *difference_of(const struct http_server_options *a, const struct http_server_options *b)
{
    if (a->gatekeeper != b->gatekeeper)
        return "auth";
    if (a->tls != NULL && b->tls != NULL && !tls_same(a->tls, b->tls))
        return "tls";
    if (!http_cors_agree(a->cors, b->cors))
        return "cors";
    return response_headers_agree(a->response_headers, b->response_headers) ? NULL : "response_headers";
}

/* Let `source` in at an endpoint that listens already. */
static int join_endpoint(struct scrape_endpoint *e, const struct http_server_options *options,
                         const struct endpoint *address, struct exposition_source *source, struct error *err)
{
    struct http_server_options joined = e->options;
    bool wider = address_is_wildcard(address) && !address_is_wildcard(&e->address);
    const char *difference = difference_of(options, &e->options);

    if (difference != NULL)
        return error_set(
            err, UV_EADDRINUSE,
            "%s is served by \"%s\" too, and their %s differs: give both the same, or an address of its own",
            options->endpoint, e->sources.v[0]->name, difference);
    if (http_options_join(&joined, options) || wider) {
        joined.endpoint = wider ? options->endpoint : bound_endpoint(e);
        joined.transport = wider ? options->transport : e->options.transport;
        if (replace_listener(e, &joined, err) != 0)
            return err->code;
    }
    let_in(e, options, source);
    return 0;
}

static void settle_task(struct turn_task *task);

static int new_endpoint(struct scrape_endpoints *all, const struct http_server_options *options,
                        struct exposition_source *source, struct error *err)
{
    struct scrape_endpoint *e = mem_zalloc(sizeof(*e));
    int rc;

    e->all = all;
    take_options(e, options);
    e->options.listeners = all->listeners;
    e->service = scrape_request_service;
    e->settle.run = settle_task;
    list_init(&e->runs);
    list_init(&e->removals);
    rc = listen_on(e, err);
    if (rc != 0) {
        free_endpoint(e);
        return rc;
    }
    let_in(e, options, source);
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

void scrape_endpoints_each(const struct scrape_endpoints *all, void (*visit)(const struct scrape_seen *seen, void *arg),
                           void *arg)
{
    VEC(const char *) ids = { 0 };

    for (size_t i = 0; i < all->list.n; i++) {
        const struct scrape_endpoint *e = all->list.v[i];

        ids.n = 0;
        for (size_t k = 0; k < e->sources.n; k++)
            *vec_push(&ids) = e->sources.v[k]->name;
        if (!e->stopping)
            visit(&(struct scrape_seen){ http_server_address(e->server), ids.n, ids.v, e->scraped.count,
                                         e->scraped.last, e->scraped.before, e->scraped.peer, e->scraped.user_agent },
                  arg);
    }
    vec_free(&ids);
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

void scrape_endpoints_set_site(struct scrape_endpoints *all, const struct exposition_source *source,
                               struct http_service *site)
{
    struct scrape_endpoint *e = find_endpoint(all, source);

    assert(e != NULL && (e->site == NULL || e->site == site));
    e->site = site;
    e->site_owner = source;
}

/* --- taking out --- */

/* What those who are left ask for. The address is another only where nobody asks for all addresses any more. */
static struct http_server_options join_asked(const struct scrape_endpoint *e, bool *narrower)
{
    struct http_server_options joined = e->asked.v[0].options;
    struct endpoint address;
    struct error err;

    *narrower = address_is_wildcard(&e->address);
    for (size_t i = 0; i < e->asked.n; i++) {
        const struct http_server_options *o = &e->asked.v[i].options;

        (void)http_options_join(&joined, o);
        if (endpoint_parse(&address, o->endpoint, o->transport, &err) != 0 || address_is_wildcard(&address) ||
            is_any_port(o->endpoint))
            *narrower = false;
    }
    joined.listeners = e->options.listeners;
    if (!*narrower) {
        joined.endpoint = bound_endpoint(e);
        joined.transport = e->options.transport;
    }
    return joined;
}

/* Who has gone takes along what he alone has asked for: TLS, a wider address, headers. */
static void narrow_endpoint(struct scrape_endpoint *e)
{
    bool narrower;
    struct http_server_options wanted = join_asked(e, &narrower), ours = e->options, theirs = wanted;
    struct error err;

    if (!narrower && !http_options_join(&theirs, &e->options) && !http_options_join(&ours, &wanted))
        return;
    if (replace_listener(e, &wanted, &err) != 0)
        log_error(&e->all->log, "A scrape endpoint keeps the options of who has left it",
                  F_STR("endpoint", e->options.endpoint), F_STR("error", err.text));
}

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
    free_options(&e->asked.v[i].options, &e->asked.v[i].memory);
    memmove(&e->asked.v[i], &e->asked.v[i + 1], (e->asked.n - i - 1) * sizeof(e->asked.v[0]));
    e->asked.n--;
    if (e->site_owner == source)
        e->site_owner = NULL;
    *r = (struct removal){ .e = e, .source = source, .done = done, .arg = arg };
    list_push_front(&e->removals, &r->link);
    if (e->sources.n == 0) {
        e->stopping = true;
        http_server_stop(e->server, deadline, on_stopped, e);
    } else {
        narrow_endpoint(e);
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
