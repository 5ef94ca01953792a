/* SPDX-License-Identifier: Apache-2.0 */
/* A request is looked at, and answered at once or by a run, which streams the exposition (endpoint_run.h).
 *
 * What can go wrong: as many scrapes as there are places, or as one peer may have: a reader that does not read makes
 * room, or else the newcomer is told to retry. */
#include "prom/endpoint/scrape_endpoint_inside.h"

#include "net/message/gate.h"

#include <stdio.h>

#define RUNS_MAX 16 /* scrapes of one listener at a time */

static const char not_found[] = "404 page not found: the metrics are at /metrics\n";

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

/* Is there room? A peer has at most as many as are then left (base/peer_shares.h says why), so who is alone has half
 * of them, and whoever reads fast and asks at once leaves some to the others. */
static bool has_room(struct scrape_endpoint *e, const struct http_request *req)
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

static void note_scrape(struct scrape_endpoint *e, const struct http_request *req)
{
    const struct bytes *agent = http_request_header(req, "user-agent");
    struct last_scrape *s = &e->scraped;

    s->count++;
    s->before = s->last;
    s->last = clock_wall(&e->all->loop->clock);
    snprintf(s->peer, sizeof(s->peer), "%s", http_request_peer(req));
    snprintf(s->user_agent, sizeof(s->user_agent), "%.*s", agent != NULL ? (int)agent->len : 0,
             agent != NULL ? (const char *)agent->data : "");
}

/* Of what is not for the metrics, where there is, or was, a site. */
static bool is_for_site(const struct http_request *req)
{
    return endpoint_of(req)->site != NULL && !bytes_is(req->path, "/metrics");
}

static void on_request(struct http_service *service, struct http_request *req)
{
    struct scrape_endpoint *e = container_of(service, struct scrape_endpoint, service);
    struct accept accept;

    if (is_for_site(req)) {
        if (e->site_owner != NULL)
            e->site->on_request(e->site, req);
        else
            refuse_scrape(req, ENDPOINT_NOT_FOUND, 404, "", "", not_found);
        return;
    }
    if (!bytes_is(req->path, "/metrics")) {
        refuse_scrape(req, ENDPOINT_NOT_FOUND, 404, "", "", not_found);
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
    if (!has_room(e, req)) {
        refuse_busy(e, req);
        return;
    }
    note_scrape(e, req);
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

static void on_writable(struct http_request *req)
{
    if (is_for_site(req))
        endpoint_of(req)->site->on_writable(req);
    else if (req->context != NULL)
        endpoint_run_resume(req->context);
}

static void on_peer_end(struct http_request *req)
{
    if (is_for_site(req))
        endpoint_of(req)->site->on_peer_end(req);
}

static void on_close(struct http_request *req, bool aborted)
{
    struct scrape_endpoint *e = endpoint_of(req);

    if (is_for_site(req)) {
        e->site->on_close(req, aborted);
        return;
    }
    if (req->context == NULL)
        return;
    endpoint_run_close(req->context, aborted);
    req->context = NULL;
    set_running(e);
    if (!list_empty(&e->removals))
        turn_defer(&e->all->loop->turn, &e->settle);
}

const struct http_service scrape_request_service = {
    .on_request = on_request,
    .on_close = on_close,
    .on_writable = on_writable,
    .on_peer_end = on_peer_end,
    .on_refused = on_refused,
};
