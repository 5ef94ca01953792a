/* SPDX-License-Identifier: Apache-2.0 */
/* The health_check extension: is this collector well? For load balancers, Kubernetes and Docker.
 *
 * In its first form, which most configurations have, one path answers 200 while the pipelines run and 503 before and
 * after, with the Go collector's body; with check_collector_pipeline also while an exporter keeps failing, a disk or
 * the memory budget refuses, with the reasons. In its second form (use_v2, or a block http or grpc) a status page says
 * how each component is, and gRPC's health service the same of each pipeline.
 *
 * What can go wrong: an address that is taken, and nothing starts. Peers that do not read: extension/page_server.h. */
#include "extension/health_check/health_check.h"
#include "page/status.h"

#include "base/mem.h"
#include "config/decode.h"
#include "net/socket/endpoint.h"
#include "net/socket/tls.h"
#include "pipeline/node_server.h"

#include <string.h>

#define LOOK_EVERY NS_PER_S
#define JSON "application/json"

static struct health_check *health_of(struct node *node)
{
    return container_of(node, struct health_check, node);
}

/* ---- the first form ---- */

static void put_state(struct buf *out, const struct service_view *v, struct clock *clock, bool well)
{
    buf_printf(out, "{\"status\":\"Server %s\",\"upSince\":", well ? "available" : "not available");
    if (v->phase == SERVICE_READY) {
        status_put_time(out, v->ready_since);
        buf_puts(out, ",\"uptime\":\"");
        duration_print((int64_t)(clock_wall(clock) - v->ready_since), out);
        buf_putc(out, '"');
    } else {
        buf_puts(out, "\"0001-01-01T00:00:00Z\",\"uptime\":\"\"");
    }
}

/* Go's path "/" is every path. */
static bool is_path(const struct page *page, const char *path)
{
    return strcmp(path, "/") == 0 || bytes_is(page->req->path, path);
}

static void answer_first_form(struct page_set *s, struct page *page)
{
    const struct health_check *h = container_of(s, struct health_check, http.pages);
    const struct service_view *v = h->node.host->view;
    struct buf body = { 0 }, reasons = { 0 };
    const char *own;
    bool well;

    if (!is_path(page, h->config->path)) {
        page_answer_text(page, 404, "404 page not found\n");
        return;
    }
    well = v->phase == SERVICE_READY && !status_find_reasons(h, &reasons);
    own = well ? h->config->response_body.healthy : h->config->response_body.unhealthy;
    if (own != NULL && own[0] != '\0') {
        page_answer(page, well ? 200 : 503, "text/plain; charset=utf-8", bytes_str(own));
    } else {
        put_state(&body, v, &h->node.host->loop->clock, well);
        if (reasons.len > 0)
            buf_printf(&body, ",\"reasons\":[%s]", buf_cstr(&reasons));
        buf_putc(&body, '}');
        page_answer(page, well ? 200 : 503, JSON, buf_bytes(&body));
    }
    buf_free(&body);
    buf_free(&reasons);
}

/* ---- the second form ---- */

static int code_of(const struct status_event *e)
{
    if (e->status == STATUS_STARTING || e->status == STATUS_STOPPING)
        return 503;
    return e->healthy ? 200 : 500;
}

static void answer_status(const struct health_check *h, struct page *page)
{
    struct buf name = { 0 }, body = { 0 }, ignored = { 0 };
    bool verbose = h->config->http.status.verbose || page_parameter(page, "verbose", &ignored);
    struct bytes pipeline = { 0 };
    struct status_event e;

    if (page_parameter(page, "pipeline", &name) && name.len > 0)
        pipeline = buf_bytes(&name);
    if (!status_of(h, pipeline, &e)) {
        page_answer_text(page, 404, "404 there is no pipeline of that name\n");
    } else {
        status_put_json(h, pipeline, verbose, &body);
        page_answer(page, code_of(&e), JSON, buf_bytes(&body));
    }
    buf_free(&name);
    buf_free(&body);
    buf_free(&ignored);
}

static void answer_second_form(struct page_set *s, struct page *page)
{
    const struct health_check *h = container_of(s, struct health_check, http.pages);
    const struct health_http_config *c = &h->config->http;
    const struct service_view *v = h->node.host->view;

    if (c->status.enabled && is_path(page, c->status.path))
        answer_status(h, page);
    else if (c->config.enabled && is_path(page, c->config.path) && v->phase == SERVICE_READY)
        page_answer(page, 200, JSON, v->config(v, true));
    else if (c->config.enabled && is_path(page, c->config.path))
        page_answer_text(page, 503, "503 the configuration is not running yet\n");
    else
        page_answer_text(page, 404, "404 page not found\n");
}

/* ---- life ---- */

static bool is_second_form(const struct health_check_config *c)
{
    return c->use_v2 || c->http.on || c->grpc.on;
}

static void on_tick(struct clock_timer *t)
{
    struct health_check *h = container_of(t, struct health_check, timer);

    clock_start(&h->node.host->loop->clock, t, LOOK_EVERY, on_tick);
    status_watch_budget(h);
    health_rpc_tell(h);
}

static void on_server_stopped(struct node *node)
{
    struct health_check *h = health_of(node);

    if (--h->open == 0)
        h->on_stopped(node);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct health_check *h = health_of(node);

    (void)err;
    h->config = config;
    list_init(&h->http.pages.open);
    list_init(&h->grpc.pages.open);
    return 0;
}

static int listen_http(struct health_check *h, struct error *err)
{
    bool second = is_second_form(h->config);
    const struct http_server_config *c = second ? &h->config->http.server : &h->config->server;
    struct http_server_options o = node_http_server_options(&h->node, c);

    h->http.pages.on_page = second ? answer_second_form : answer_first_form;
    return page_server_listen(&h->http, &h->node, &o, &c->tls, err);
}

static int start(struct node *node, struct error *err)
{
    struct health_check *h = health_of(node);
    bool second = is_second_form(h->config);
    struct view_total total;

    status_total(node->host, &total);
    h->refusals = total.refusals;
    if ((!second || h->config->http.on) && listen_http(h, err) != 0)
        return err->code;
    if (h->config->grpc.on && health_rpc_listen(h, err) != 0)
        return err->code;
    if (second || h->config->check_collector_pipeline.enabled)
        clock_start(&node->host->loop->clock, &h->timer, LOOK_EVERY, on_tick);
    return 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct health_check *h = health_of(node);

    h->on_stopped = done;
    h->open = 2;
    health_rpc_stopping(h);
    page_server_stop(&h->http, node, deadline, on_server_stopped);
    page_server_stop(&h->grpc, node, deadline, on_server_stopped);
}

static void hurry(struct node *node)
{
    page_server_hurry(&health_of(node)->http);
    page_server_hurry(&health_of(node)->grpc);
}

static void destroy(struct node *node)
{
    struct health_check *h = health_of(node);

    clock_stop(&node->host->loop->clock, &h->timer);
    page_server_close(&h->http);
    page_server_close(&h->grpc);
}

/* ---- what the configuration may say ---- */

static void check_path(const char *path, const char *at, struct check *ck)
{
    if (path[0] != '/')
        check_fail(ck, at, "path must start with /");
}

static void check_second_form(const struct health_check_config *c, struct check *ck)
{
    static const char *const first[] = { "endpoint", "path", "response_body", "check_collector_pipeline" };

    if (!c->http.on && !c->grpc.on)
        check_fail(ck, "use_v2", "must specify at least one protocol: write a block http: or grpc:");
    if (c->http.on) {
        page_server_check(&c->http.server, "http::endpoint", "http endpoint required", ck);
        check_path(c->http.status.path, "http::status::path", ck);
        check_path(c->http.config.path, "http::config::path", ck);
    }
    if (c->grpc.on)
        endpoint_check_option("grpc::endpoint", c->grpc.server.endpoint, c->grpc.server.transport, ck);
    if (c->grpc.on && c->grpc.server.tls.on)
        tls_check(&c->grpc.server.tls, TLS_SERVER, "grpc::tls", ck);
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        if (check_was_set(ck, first[i]))
            check_warn(ck, first[i], "has no effect beside use_v2, http or grpc: remove it, or those");
}

static void check(const void *config, struct check *ck)
{
    const struct health_check_config *c = config;

    if (is_second_form(c)) {
        check_second_form(c, ck);
        return;
    }
    page_server_check(&c->server, "endpoint", "http endpoint required", ck);
    check_path(c->path, "path", ck);
    if (check_was_set(ck, "component_health"))
        check_warn(ck, "component_health", "has no effect without use_v2 and a block http or grpc");
}

static void claim(const void *config, struct claims *claims)
{
    const struct health_check_config *c = config;

    if (!is_second_form(c))
        claim_address(claims, "endpoint", c->server.endpoint, c->server.transport);
    if (c->http.on)
        claim_address(claims, "http::endpoint", c->http.server.endpoint, c->http.server.transport);
    if (c->grpc.on)
        claim_address(claims, "grpc::endpoint", c->grpc.server.endpoint, c->grpc.server.transport);
}

static const struct option response_body_rows[] = {
    OPT_STRING(struct response_body_config, healthy, "", "Body of a good answer, in place of the JSON."),
    OPT_STRING(struct response_body_config, unhealthy, "", "Body of a bad answer, in place of the JSON."),
    OPT_END,
};

static const struct option pipeline_check_rows[] = {
    OPT_BOOL(struct pipeline_check_config, enabled, "false",
             "Answer 503, with the reasons, also while an exporter keeps failing, or a queue's disk or the memory "
             "budget refuses. Not for a probe that restarts what fails: a restart makes no peer well."),
    OPT_DURATION(struct pipeline_check_config, interval, "5m", "0s", NULL,
                 "An exporter's failures count when the last one is younger than this."),
    OPT_UINT(struct pipeline_check_config, exporter_failure_threshold, "5", "1", NULL,
             "Attempts of an exporter that have to fail in a row."),
    OPT_END,
};

static const struct option component_health_rows[] = {
    OPT_BOOL(struct component_health_config, include_permanent_errors, "false",
             "A component whose work was refused for good is not healthy."),
    OPT_BOOL(struct component_health_config, include_recoverable_errors, "false",
             "A component that has failed for longer than recovery_duration is not healthy."),
    OPT_DURATION(struct component_health_config, recovery_duration, "5m", "0s", NULL,
                 "How long a failure that may pass does no harm."),
    OPT_END,
};

static const struct option status_rows[] = {
    OPT_BOOL(struct status_page_config, enabled, "true", "Serve the status page."),
    OPT_STRING(struct status_page_config, path, "/status", "Its path."),
    OPT_BOOL(struct status_page_config, verbose, "false",
             "Always with all components; else only when asked for, by ?verbose."),
    OPT_IGNORED("include_attributes", "a status has no attributes here"),
    OPT_END,
};

static const struct option config_rows[] = {
    OPT_BOOL(struct config_page_config, enabled, "false",
             "Serve the effective configuration as JSON, without secrets."),
    OPT_STRING(struct config_page_config, path, "/config", "Its path."),
    OPT_END,
};

static const struct option http_rows[] = {
    PAGE_SERVER_ROWS(struct health_http_config, server, "localhost:13133"),
    OPT_GROUP(struct health_http_config, status, struct status_page_config, status_rows, GROUP_PLAIN,
              "The status of all, or with ?pipeline=ID of one pipeline, as JSON."),
    OPT_GROUP(struct health_http_config, config, struct config_page_config, config_rows, GROUP_PLAIN,
              "What runs, as a page."),
    OPT_END,
};

static const struct option grpc_rows[] = {
    GRPC_SERVER_ROWS(struct health_grpc_config, server, "localhost:13132"),
    OPT_END,
};

static const struct option options[] = {
    PAGE_SERVER_ROWS(struct health_check_config, server, "localhost:13133"),
    OPT_STRING(struct health_check_config, path, "/", "The path that is answered; / is every path."),
    OPT_GROUP(struct health_check_config, response_body, struct response_body_config, response_body_rows, GROUP_PLAIN,
              "Texts in place of the JSON bodies."),
    OPT_GROUP(struct health_check_config, check_collector_pipeline, struct pipeline_check_config, pipeline_check_rows,
              GROUP_PLAIN, "Whether what the pipelines do counts."),
    OPT_BOOL(struct health_check_config, use_v2, "false",
             "The second form: a page with the status of each component, and gRPC's health service. A block http or "
             "grpc says so too."),
    OPT_GROUP(struct health_check_config, http, struct health_http_config, http_rows, GROUP_DEFAULT,
              "The second form's pages."),
    OPT_GROUP(struct health_check_config, grpc, struct health_grpc_config, grpc_rows, GROUP_DEFAULT,
              "The second form as gRPC's health service (grpc.health.v1): \"\" is the whole, else a pipeline's id."),
    OPT_GROUP(struct health_check_config, component_health, struct component_health_config, component_health_rows,
              GROUP_PLAIN, "Which failures of components make the second form's answer a bad one."),
    OPT_END,
};

static const char *const aliases[] = { "healthcheckv2", NULL };

extern const struct component health_check_extension;
const struct component health_check_extension = {
    COMPONENT_TYPE("health_check", COMPONENT_EXTENSION, .aliases = aliases, .stability = "beta"),
    .spread = SPREAD_FRONT,
    .summary = "Says over HTTP, and gRPC, whether the collector runs, and how its components are.",
    COMPONENT_CONFIG(struct health_check_config, options, .check = check, .claim = claim),
    COMPONENT_NODE(struct health_check, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
