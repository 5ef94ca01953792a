/* SPDX-License-Identifier: Apache-2.0 */
/* The prometheus exporter: keeps the newest value of every series and serves them to scrapes.
 *
 * A batch is merged within consume() or, when it brings many new series, in slices: SAFE means that the next scrape
 * shows it. Points that can never be shown are rejected and counted, by reason; the rest of their batch is taken. */
#include "base/mem.h"
#include "config/server_rows.h"
#include "net/socket/endpoint.h"
#include "pipeline/limit_health.h"
#include "pipeline/node_server.h"
#include "pipeline/node_tls.h"
#include "prom/endpoint/scrape_endpoint.h"
#include "prom/endpoint/series_source.h"
#include "prom/series/translation_config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct prometheus_config {
    struct http_server_config http;
    struct translation_config translation;
    struct string_map const_labels;
    bool send_timestamps;
    duration metric_expiration;
    bool enable_open_metrics;
    bool without_scope_info;
    uint64_t max_series;
};

static const struct option options[] = {
    HTTP_LISTEN_ROWS(struct prometheus_config, http, ""),
    OPT_IGNORED("include_metadata", "a scrape brings no data"),
    OPT_IGNORED("max_request_body_size", "a scrape is a GET without a body"),
    OPT_IGNORED("compression_algorithms",
                "a scrape is a GET without a body; answers are compressed as the scraper asks"),
    HTTP_CORS_ROW(struct prometheus_config, http),
    HTTP_RESPONSE_HEADERS_ROW(struct prometheus_config, http),
    HTTP_CONNECTION_ROWS(struct prometheus_config, http, "1m", "30s", "1m"),
    TRANSLATION_ROWS(struct prometheus_config, translation),
    OPT_MAP(struct prometheus_config, const_labels, "Labels that every series gets, where it has none of that name."),
    OPT_BOOL(struct prometheus_config, send_timestamps, "false", "Show the time of each point. Best left off."),
    OPT_DURATION(struct prometheus_config, metric_expiration, "5m", "0s", NULL,
                 "A series that nothing arrives for within this time is gone; 0s keeps series for ever."),
    OPT_BOOL(struct prometheus_config, enable_open_metrics, "false",
             "Serve OpenMetrics, with exemplars, to scrapers that ask for it."),
    OPT_BOOL(struct prometheus_config, without_scope_info, "false", "Leave the otel_scope_* labels out."),
    OPT_UINT(struct prometheus_config, max_series, "0", NULL, NULL, SERIES_LIMIT_HELP),
    OPT_REFUSED("sending_queue", "a scrape endpoint has nothing to queue, for it merges at once: remove this block"),
    OPT_END,
};

static const struct metric_row row_series =
    METRIC_ROW("otelcd_prometheus_series", METRIC_GAUGE, "{series}", "Series that the scrape endpoint holds.");
static const struct metric_row row_bytes =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_prometheus_series_memory", METRIC_GAUGE, "By",
                  "Memory that these series take, as charged to the budget, without tables.");
static const struct metric_row row_expired =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_prometheus_series_expired", METRIC_COUNTER, "{series}",
                  "Series that went because nothing arrived for them.");
static const struct metric_row row_ended =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_prometheus_series_ended", METRIC_COUNTER, "{series}",
                  "Series that their senders ended (a point with no recorded value).");
static const struct metric_row row_rejected = METRIC_ROW("otelcd_prometheus_points_rejected", METRIC_COUNTER,
                                                         "{datapoints}", "Points that could not be shown, by reason.");
static const struct metric_row *const metric_rows[] = {
    &row_series, &row_bytes, &row_expired, &row_ended, &row_rejected, COLLISION_ROWS, SERIES_LIMIT_ROWS, NULL,
};

struct prometheus_node {
    struct node node;
    const struct prometheus_config *config;
    struct series_options options;
    struct configured_translation translation;
    struct series_store store;
    struct limit_health limit_health;
    struct collisions collisions;
    struct series_source source;
    bool serving;
    struct metric_hook hook;
    struct metric *series, *bytes, *expired, *ended;
    uint64_t seen_expired, seen_ended;
    struct rejection {
        const char *reason;
        struct metric *points;
        struct complaint complaint;
    } rejections[SERIES_REASONS];
    struct list waiting; /* batches that need more than a slice, and those behind them */
    uint64_t turn;       /* mono: the loop's turn that `left` is of */
    int64_t left;        /* units of work that this turn may still take */
    struct clock_timer timer;
    void (*stopped)(struct node *node);
};

struct waiting {
    struct list link;
    struct batch *batch;
    struct ack *ack;
    struct series_taking taking;
};

static struct prometheus_node *prometheus_of(struct node *node)
{
    return container_of(node, struct prometheus_node, node);
}

/* ---- what comes in ---- */

/* What is kept of each reason, from its first time on. */
static struct rejection *rejection_of(struct prometheus_node *n, const char *reason)
{
    const struct metric_label labels[] = { { "exporter", n->node.id }, { "reason", reason } };
    size_t i = 0;

    while (i + 1 < SERIES_REASONS && n->rejections[i].reason != NULL && strcmp(n->rejections[i].reason, reason) != 0)
        i++;
    if (n->rejections[i].reason == NULL) {
        n->rejections[i].reason = reason;
        n->rejections[i].points = metrics_get(n->node.host->metrics, &row_rejected, labels, ARRAY_LEN(labels));
    }
    return &n->rejections[i];
}

/* What a user can do about it. */
static const char *advice_for(const char *reason)
{
    static const struct {
        const char *reason, *text;
    } texts[] = {
        { COLLISION, COLLISION_ADVICE },
        { SERIES_LIMIT, SERIES_LIMIT_ADVICE },
        { "type_conflict",
          "another series of that name has another type, and the first one stays: rename one of them" },
        { "series_budget", "the memory budget has no room for new series: raise it, or send fewer attributes" },
        { "temporality",
          "only cumulative points and monotonic delta sums can be shown: change the sender's temporality" },
        { "not_newer", "a delta's end is not later than what is counted already: it was sent twice, or several senders "
                       "share one identity" },
        { "bad_label", "an attribute's name leaves no label name, or is reserved (__): rename it" },
        { TRANSLATE_TOO_LONG, TRANSLATE_TOO_LONG_ADVICE },
        { DISTRIBUTION_TOO_LARGE, DISTRIBUTION_TOO_LARGE_ADVICE },
        { "bad_name", "nothing of the metric's name can stand in a Prometheus name: rename it" },
        { "scale", "an exponential histogram's scale is below -4, the least that Prometheus has" },
        { "malformed", "a histogram's buckets do not fit together" },
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].reason, reason) == 0)
            return texts[i].text;
    return reason;
}

static void complain_rejected(struct prometheus_node *n, const struct series_result *r)
{
    for (size_t i = 0; i < r->n_reasons; i++) {
        struct rejection *x = rejection_of(n, r->reasons[i].reason);

        metric_add(x->points, r->reasons[i].n);
        if (strcmp(r->reasons[i].reason, COLLISION) == 0 || strcmp(r->reasons[i].reason, SERIES_LIMIT) == 0)
            continue; /* has been told, with more than is known here */
        if (complaint_due(&x->complaint, &n->node.host->loop->clock))
            log_warn(&n->node.log, "Points rejected", F_STR("reason", r->reasons[i].reason),
                     F_STR("metric", r->reasons[i].example), F_STR("because", advice_for(r->reasons[i].reason)),
                     F_UINT("points", r->reasons[i].n), F_UINT("repeated", complaint_taken(&x->complaint)));
    }
}

static void answer_rejected(struct ack *ack, const struct series_result *r)
{
    struct outcome o = { .verdict = VERDICT_SAFE };

    for (size_t i = 0; i < r->n_reasons; i++)
        outcome_reject(&o, r->reasons[i].n, r->reasons[i].reason, "%s: %s (%s)", r->reasons[i].example,
                       advice_for(r->reasons[i].reason), r->reasons[i].reason);
    ack_settle(ack, &o);
}

static void settle_batch(struct prometheus_node *n, struct batch *batch, struct ack *ack,
                         const struct series_result *result)
{
    batch_unref(batch);
    if (result->rejected == 0) {
        ack_safe(ack);
        return;
    }
    complain_rejected(n, result);
    answer_rejected(ack, result);
}

/* All batches of one turn share a slice's work. True when this one is in. */
static bool take_some(struct prometheus_node *n, struct series_taking *taking)
{
    uint64_t now = clock_mono(&n->node.host->loop->clock);
    bool done;

    if (n->turn != now) {
        n->turn = now;
        n->left = SERIES_SLICE;
    }
    done = series_taking_some(taking, n->left);
    n->left = taking->units;
    return done;
}

/* The oldest batch that waits. */
static void take_first(struct prometheus_node *n, bool to_the_end)
{
    struct waiting *w = list_first(&n->waiting, struct waiting, link);

    if (to_the_end ? !series_taking_some(&w->taking, INT64_MAX) : !take_some(n, &w->taking))
        return;
    series_taking_end(&w->taking);
    settle_batch(n, w->batch, w->ack, &w->taking.result);
    list_remove(&w->link);
    assert(n->waiting.next != &w->link);
    free(w);
}

static void on_turn(struct clock_timer *timer)
{
    struct prometheus_node *n = container_of(timer, struct prometheus_node, timer);

    do
        take_first(n, false);
    while (!list_empty(&n->waiting) && n->left > 0);
    if (!list_empty(&n->waiting))
        clock_start(&n->node.host->loop->clock, timer, 1, on_turn);
}

static void wait_for_turn(struct prometheus_node *n, struct batch *batch, struct ack *ack,
                          const struct series_taking *taking)
{
    struct waiting *w = mem_alloc(sizeof(*w));

    *w = (struct waiting){ .batch = batch, .ack = ack, .taking = *taking };
    list_push(&n->waiting, &w->link);
    if (!clock_armed(&n->timer))
        clock_start(&n->node.host->loop->clock, &n->timer, 1, on_turn);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct prometheus_node *n = prometheus_of(container_of(self, struct node, in));
    struct series_taking taking;

    series_taking_begin(&taking, &n->store, batch);
    if (!list_empty(&n->waiting) || !take_some(n, &taking)) {
        wait_for_turn(n, batch, ack, &taking); /* order is kept: deltas need it */
        return;
    }
    series_taking_end(&taking);
    settle_batch(n, batch, ack, &taking.result);
}

/* ---- configuration ---- */

/* What the server block has for receivers. */
static void check(const void *config, struct check *ck)
{
    const struct prometheus_config *c = config;

    if (c->http.endpoint[strspn(c->http.endpoint, " \t")] == '\0')
        check_fail(ck, "endpoint", "expecting a non-blank address to run the Prometheus metrics handler");
    else
        endpoint_check_option("endpoint", c->http.endpoint, c->http.transport, ck);
    if (c->http.tls.on)
        tls_check(&c->http.tls, TLS_SERVER, "tls", ck);
    http_cors_check(&c->http.cors, "cors", ck);
    translation_check(&c->translation, ck);
    translation_check_constants(&c->const_labels, "const_labels", ck);
}

static void set_options(struct prometheus_node *n)
{
    const struct prometheus_config *c = n->config;

    translation_configure(&n->translation, &c->translation, !c->without_scope_info, &c->const_labels);
    n->options = (struct series_options){
        .translation = n->translation.translation,
        .expiration = (uint64_t)c->metric_expiration.ns,
        .max_series = c->max_series,
        .send_timestamps = c->send_timestamps,
    };
}

/* ---- own telemetry ---- */

static void collect(struct metric_hook *hook)
{
    struct prometheus_node *n = container_of(hook, struct prometheus_node, hook);

    metric_set(n->series, (double)n->store.n_series);
    metric_set(n->bytes, (double)(n->store.bytes + n->store.streams.bytes));
    metric_add_since(n->expired, &n->seen_expired, n->store.expired);
    series_limit_collect(&n->store.streams.limit);
    collisions_displaced(&n->collisions, n->store.streams.translator.displaced);
    metric_add_since(n->ended, &n->seen_ended, n->store.ended);
}

static void set_metrics(struct prometheus_node *n)
{
    struct metrics *m = n->node.host->metrics;
    const struct metric_label label = { "exporter", n->node.id };

    n->series = metrics_get(m, &row_series, &label, 1);
    n->bytes = metrics_get(m, &row_bytes, &label, 1);
    n->expired = metrics_get(m, &row_expired, &label, 1);
    n->ended = metrics_get(m, &row_ended, &label, 1);
    n->hook.collect = collect;
    metrics_hook(m, &n->hook);
}

/* ---- life ---- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct prometheus_node *n = prometheus_of(node);

    (void)err;
    node->in.consume = consume;
    n->config = config;
    list_init(&n->waiting);
    set_options(n);
    series_store_init(&n->store, &n->options, &node->host->loop->clock, node->host->budget);
    collisions_init(&n->collisions, node->host->metrics, node->id, &node->log, &node->host->loop->clock);
    n->store.collisions = &n->collisions;
    series_limit_tell(&n->store.streams.limit, node->host->metrics, (struct metric_label){ "exporter", node->id },
                      &node->log, &node->host->loop->clock, limit_health_init(&n->limit_health, node));
    series_source_init(&n->source, node->id, &n->store);
    n->source.source.enable_open_metrics = n->config->enable_open_metrics;
    set_metrics(n);
    return 0;
}

static void claim(const void *config, struct claims *claims)
{
    const struct prometheus_config *c = config;

    claim_shared_address(claims, "endpoint", &c->http);
}

static int start(struct node *node, struct error *err)
{
    struct prometheus_node *n = prometheus_of(node);
    const struct http_server_config *c = &n->config->http;
    struct http_server_options o = node_http_server_options(node, c);
    int rc;

    if (c->tls.on) {
        o.tls = node_tls(node, &c->tls, TLS_SERVER, "h2,http/1.1", err);
        if (o.tls == NULL)
            return err->code;
    }
    rc = scrape_endpoints_add(node->host->scrape_endpoints, &o, &n->source.source, err);
    tls_unref(o.tls);
    if (rc != 0)
        return err->code;
    n->serving = true;
    log_info(&node->log, "Serving /metrics", F_STR("endpoint", c->endpoint),
             F_INT("port", scrape_endpoints_port(node->host->scrape_endpoints, &n->source.source)));
    return 0;
}

static void on_removed(void *arg)
{
    struct prometheus_node *n = arg;

    n->serving = false;
    n->stopped(&n->node);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct prometheus_node *n = prometheus_of(node);

    n->stopped = done;
    while (!list_empty(&n->waiting))
        take_first(n, true);
    clock_stop(&node->host->loop->clock, &n->timer);
    if (n->serving)
        scrape_endpoints_remove(node->host->scrape_endpoints, &n->source.source, deadline, on_removed, n);
    else
        done(node);
}

static void hurry(struct node *node)
{
    scrape_endpoints_hurry(node->host->scrape_endpoints, &prometheus_of(node)->source.source);
}

static void destroy(struct node *node)
{
    struct prometheus_node *n = prometheus_of(node);

    clock_stop(&node->host->loop->clock, &n->timer);
    list_each (struct waiting, w, &n->waiting, link) { /* never stopped */
        series_taking_end(&w->taking);
        batch_unref(w->batch);
        free(w);
    }
    collect(&n->hook);
    metric_set(n->series, 0);
    metric_set(n->bytes, 0);
    metrics_unhook(node->host->metrics, &n->hook);
    series_store_free(&n->store);
    collisions_free(&n->collisions);
    translation_free(&n->translation);
}

extern const struct component prometheus_exporter;
const struct component prometheus_exporter = {
    COMPONENT_TYPE("prometheus", COMPONENT_EXPORTER, .signals = SIGNAL_BIT(SIGNAL_METRICS), .stability = "beta"),
    .alone = "it has the series that one scrape shows",
    .summary = "Keeps the newest value of every series and serves them to Prometheus' scrapes, on /metrics.",
    .safe = "Merged into the series that the next scrape shows.",
    COMPONENT_CONFIG(struct prometheus_config, options, .check = check, .claim = claim),
    .metrics = metric_rows,
    COMPONENT_NODE(struct prometheus_node, .create = create, .start = start, .stop = stop, .hurry = hurry,
                   .destroy = destroy),
};
