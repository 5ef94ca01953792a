/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheusremotewrite receiver: takes Prometheus' remote write, 1.0 and 2.0, and answers when the pipelines have.
 * What becomes of one request is in remote_write_call.c. */
#include "receiver/prometheus_remote_write/remote_write_receiver.h"

#include "net/socket/endpoint.h"
#include "net/socket/tls.h"
#include "pipeline/node_server.h"
#include "pipeline/receiver_items.h"
#include "prom/series/series_limit.h"

/* ---- what it counts ---- */

static const struct metric_row left_out_row = METRIC_ROW(
    "otelcd_receiver_left_out", METRIC_COUNTER, "{samples}",
    "Samples, histograms and exemplars of remote writes that were left out, by reason: invalid (their series "
    "or themselves are not as the protocol has them; the sender was told), series_limit (max_series; the "
    "sender was told), exemplar (of a series that has no sample in its request).");

static const struct metric_row *const metric_rows[] = {
    &receiver_item_rows[SIGNAL_METRICS][RECEIVER_ACCEPTED],
    &receiver_item_rows[SIGNAL_METRICS][RECEIVER_REFUSED],
    &receiver_rejected_row,
    &receiver_waits_row,
    &receiver_connections_row,
    &receiver_broken_row,
    &left_out_row,
    SERIES_LIMIT_ROWS,
    NULL,
};

static void collect(struct metric_hook *hook)
{
    struct write_receiver *r = container_of(hook, struct write_receiver, hook);

    receiver_requests_collect(&r->requests, r->server);
    write_intake_collect(r->intake);
}

static void init_metrics(struct write_receiver *r)
{
    static const char *const reasons[] = { "invalid", "series_limit", "exemplar" };
    struct metrics *m = r->node.host->metrics;
    struct metric_label labels[] = { { "receiver", r->node.id }, { "transport", "http" } };

    r->node.clients = &r->clients;
    receiver_requests_init(&r->requests, &r->node, "http");
    r->accepted = metrics_get(m, &receiver_item_rows[SIGNAL_METRICS][RECEIVER_ACCEPTED], labels, 2);
    r->refused = metrics_get(m, &receiver_item_rows[SIGNAL_METRICS][RECEIVER_REFUSED], labels, 2);
    r->bodies.waits = metrics_get(m, &receiver_waits_row, labels, 1);
    for (size_t i = 0; i < LEFT_REASONS; i++) {
        labels[1] = (struct metric_label){ "reason", reasons[i] };
        r->left_out[i] = metrics_get(m, &left_out_row, labels, 2);
    }
    r->hook.collect = collect;
    metrics_hook(m, &r->hook);
}

/* ---- the component ---- */

static struct write_receiver *receiver_of(struct node *node)
{
    return container_of(node, struct write_receiver, node);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct write_receiver *r = receiver_of(node);
    const struct write_receiver_config *c = config;
    const struct strings *codings = &c->server.compression_algorithms;
    const struct write_intake_options o = {
        .budget = host_budget(node->host, SIGNAL_METRICS),
        .max_series = c->max_series,
        .clock = &node->host->loop->clock,
        .metrics = node->host->metrics,
        .receiver = node->id,
        .log = &node->log,
        .watch = limit_health_init(&r->limit_health, node),
    };

    (void)err;
    r->config = c;
    r->max_body = (size_t)http_body_limit(&c->server);
    r->service = write_receiver_service;
    r->stopped = true;
    for (size_t i = 0; i < codings->n; i++)
        r->coding_allowed[coding_by_name(bytes_str(codings->v[i]))] = true;
    write_calls_init(r);
    r->intake = write_intake_new(&o);
    init_metrics(r);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct write_receiver *r = receiver_of(node);
    const struct tls_config *tls = &r->config->server.tls;
    struct http_server_options o = node_http_server_options(node, &r->config->server);

    o.initial_window = BODY_WINDOW;
    if (node_server_listen(&r->server, node, &o, tls, &r->service, NULL, err) != 0)
        return err->code;
    r->stopped = false;
    log_info(&node->log, "Starting HTTP server", F_STR("endpoint", http_server_address(r->server)),
             F_BOOL("tls", tls->on));
    return 0;
}

void write_receiver_idle(struct write_receiver *r)
{
    void (*done)(struct node *) = r->on_stopped;

    if (done == NULL || !r->stopped || !list_empty(&r->calls))
        return;
    r->on_stopped = NULL;
    done(&r->node);
}

static void on_server_stopped(struct http_server *s, void *arg)
{
    struct write_receiver *r = arg;

    (void)s;
    r->stopped = true;
    write_receiver_idle(r);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct write_receiver *r = receiver_of(node);

    r->on_stopped = done;
    if (r->server != NULL)
        http_server_stop(r->server, deadline, on_server_stopped, r);
    write_receiver_idle(r);
}

static void hurry(struct node *node)
{
    struct write_receiver *r = receiver_of(node);

    if (r->server != NULL && !r->stopped)
        http_server_hurry(r->server);
}

static void destroy(struct node *node)
{
    struct write_receiver *r = receiver_of(node);

    r->on_stopped = NULL;
    if (r->server != NULL)
        http_server_free(r->server);
    write_calls_abandon(r);
    slicer_free(r->slicer);
    body_keeper_close(&r->bodies);
    if (r->hook.collect != NULL)
        metrics_unhook(node->host->metrics, &r->hook);
    write_intake_free(r->intake);
    clients_free(&r->clients);
}

/* ---- what the configuration may say ---- */

static void check(const void *config, struct check *ck)
{
    const struct http_server_config *c = &((const struct write_receiver_config *)config)->server;
    struct error err;

    endpoint_check_option("endpoint", c->endpoint, c->transport, ck);
    if (c->tls.on)
        tls_check(&c->tls, TLS_SERVER, "tls", ck);
    for (size_t i = 0; i < c->compression_algorithms.n; i++)
        if (coding_by_name(bytes_str(c->compression_algorithms.v[i])) == CODING_UNKNOWN)
            check_fail(ck, "compression_algorithms",
                       "\"%s\" is not a compression this receiver knows; it knows snappy, x-snappy-framed, zstd, gzip, "
                       "zlib, deflate and lz4",
                       c->compression_algorithms.v[i]);
    http_cors_check(&c->cors, "cors", ck);
    if (coding_load(CODING_SNAPPY, &err) != 0) /* which they all write with */
        check_fail(ck, "", "%s", err.text);
}

static void claim(const void *config, struct claims *claims)
{
    const struct http_server_config *c = &((const struct write_receiver_config *)config)->server;

    claim_address(claims, "endpoint", c->endpoint, c->transport);
}

static const struct option options[] = {
    HTTP_SERVER_ROWS(struct write_receiver_config, server, "localhost:9090", "0s", "0s", "0s"),
    OPT_UINT(struct write_receiver_config, max_series, "0", NULL, NULL, SERIES_LIMIT_HELP),
    OPT_END,
};

static const char *const aliases[] = { "prometheus_remote_write", NULL };

extern const struct component prometheus_remote_write_receiver;
const struct component prometheus_remote_write_receiver = {
    COMPONENT_TYPE("prometheusremotewrite", COMPONENT_RECEIVER, .aliases = aliases,
                   .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Takes Prometheus' remote write, 1.0 and 2.0, over HTTP.",
    COMPONENT_CONFIG(struct write_receiver_config, options, .check = check, .claim = claim),
    .metrics = metric_rows,
    COMPONENT_NODE(struct write_receiver, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
