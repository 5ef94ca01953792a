/* SPDX-License-Identifier: Apache-2.0 */
/* What the otlp receiver counts of itself. */
#include "receiver/otlp/otlp.h"

#include "pipeline/receiver_items.h"

static const char *const transport_names[] = { "grpc", "http" };

static const struct metric_row rejected_row = {
    .name = "otelcd_receiver_rejected_requests",
    .type = METRIC_COUNTER,
    .level = LEVEL_BASIC,
    .unit = "{requests}",
    .help = "Requests that never became a batch, by reason. Reason nothing_in_it: the body has fields, but none of "
            "OTLP's; it was answered with a success, as OTLP demands.",
};

static const struct metric_row waits_row = {
    .name = "otelcd_receiver_budget_waits",
    .type = METRIC_COUNTER,
    .level = LEVEL_NORMAL,
    .unit = "{requests}",
    .help = "Requests whose body had to wait for room in the memory budget.",
};

static const struct metric_row repaired_row = {
    .name = "otelcd_receiver_repaired_strings",
    .type = METRIC_COUNTER,
    .level = LEVEL_BASIC,
    .unit = "{strings}",
    .help = "Strings that were not UTF-8: the bytes that are none have been replaced by U+FFFD.",
};

static const struct metric_row connections_row = {
    .name = "otelcd_receiver_connections",
    .type = METRIC_GAUGE,
    .level = LEVEL_NORMAL,
    .unit = "{connections}",
    .help = "Open connections on the port of that transport.",
};

static const struct metric_row broken_row = {
    .name = "otelcd_receiver_broken_connections",
    .type = METRIC_COUNTER,
    .level = LEVEL_BASIC,
    .unit = "{connections}",
    .help =
        "Connections, or requests of them, that were ended or not taken. Reason tls: the client speaks TLS to this "
        "plain-text port; protocol: what it sent is not HTTP as it should be; timeout: it did not send or take in "
        "time; pings: too many of them; accept: no file descriptor was left; crowded: it was idle and gave way to a "
        "new one where descriptors are scarce.",
};

const struct metric_row *const otlp_receiver_metrics[] = {
    &receiver_item_rows[SIGNAL_TRACES][0],
    &receiver_item_rows[SIGNAL_TRACES][1],
    &receiver_item_rows[SIGNAL_TRACES][2],
    &receiver_item_rows[SIGNAL_METRICS][0],
    &receiver_item_rows[SIGNAL_METRICS][1],
    &receiver_item_rows[SIGNAL_METRICS][2],
    &receiver_item_rows[SIGNAL_LOGS][0],
    &receiver_item_rows[SIGNAL_LOGS][1],
    &receiver_item_rows[SIGNAL_LOGS][2],
    &receiver_item_rows[SIGNAL_PROFILES][0],
    &receiver_item_rows[SIGNAL_PROFILES][1],
    &receiver_item_rows[SIGNAL_PROFILES][2],
    &rejected_row,
    &waits_row,
    &repaired_row,
    &connections_row,
    &broken_row,
    NULL,
};

static const char *const rejection_names[REJECTED_COUNT] = {
    [REJECTED_MESSAGE] = "malformed_message",
    [REJECTED_ENCODING] = "bad_encoding",
    [REJECTED_TOO_LARGE] = "too_large",
    [REJECTED_PROTOCOL] = "bad_protocol",
    [REJECTED_UNKNOWN] = "unknown_path",
    [REJECTED_BUDGET] = "memory_budget",
    [REJECTED_ABORTED] = "aborted",
    [REJECTED_NOTHING] = "nothing_in_it",
    [REJECTED_SLOW] = "too_slow",
    [REJECTED_STRANGER] = "unauthenticated",
    [REJECTED_BUSY] = "authentication_busy",
};

static const char *const broken_names[BROKEN_COUNT] = { "tls", "protocol", "timeout", "pings", "accept", "crowded" };

static void collect(struct metric_hook *hook)
{
    struct otlp *r = container_of(hook, struct otlp, hook);

    for (int t = 0; t < TRANSPORT_COUNT; t++) {
        const struct http_server_stats *s = r->ports[t].server != NULL ? http_server_stats(r->ports[t].server) : NULL;

        if (s == NULL)
            continue;
        const uint64_t now[BROKEN_COUNT] = { s->tls_on_plain, s->protocol_errors, s->timeouts,
                                             s->ping_strikes, s->accept_failures, s->gave_way };

        metric_set(r->connections[t], (double)s->connections);
        for (int i = 0; i < BROKEN_COUNT; i++) {
            metric_add(r->broken[t][i], now[i] - r->broken_seen[t][i]);
            r->broken_seen[t][i] = now[i];
        }
    }
}

void receiver_metrics_init(struct otlp *r)
{
    struct metrics *m = r->node.host->metrics;

    for (int t = 0; t < TRANSPORT_COUNT; t++) {
        struct metric_label labels[] = { { "receiver", r->node.id }, { "transport", transport_names[t] }, { 0 } };

        for (int s = 0; s < SIGNAL_COUNT; s++) {
            r->accepted[s][t] = metrics_get(m, &receiver_item_rows[s][0], labels, 2);
            r->refused[s][t] = metrics_get(m, &receiver_item_rows[s][1], labels, 2);
            r->failed[s][t] = metrics_get(m, &receiver_item_rows[s][2], labels, 2);
        }
        for (int i = 0; i < REJECTED_COUNT; i++) {
            labels[2] = (struct metric_label){ "reason", rejection_names[i] };
            r->rejected[t][i] = metrics_get(m, &rejected_row, labels, 3);
        }
        for (int i = 0; i < BROKEN_COUNT; i++) {
            labels[2] = (struct metric_label){ "reason", broken_names[i] };
            r->broken[t][i] = metrics_get(m, &broken_row, labels, 3);
        }
        r->connections[t] = metrics_get(m, &connections_row, labels, 2);
        r->repaired[t] = metrics_get(m, &repaired_row, labels, 2);
    }
    r->bodies.waits = metrics_get(m, &waits_row, &(struct metric_label){ "receiver", r->node.id }, 1);
    r->hook.collect = collect;
    metrics_hook(m, &r->hook);
}

void receiver_metrics_close(struct otlp *r)
{
    if (r->hook.collect != NULL)
        metrics_unhook(r->node.host->metrics, &r->hook);
}

void receiver_count_rejected(struct otlp *r, enum transport transport, enum rejection why, struct http_request *req,
                             const char *text)
{
    metric_add(r->rejected[transport][why], 1);
    if (complaint_due(&r->rejected_log[why], &r->node.host->loop->clock))
        log_warn(&r->node.log,
                 why == REJECTED_NOTHING ? "Request with nothing in it that OTLP knows" : "Request rejected",
                 F_STR("reason", rejection_names[why]), F_STR("transport", transport_names[transport]),
                 F_STR("error", text), F_STR("peer", req != NULL ? http_request_peer(req) : "gone"),
                 F_UINT("requests", complaint_taken(&r->rejected_log[why])));
}

void receiver_count_repaired(struct otlp *r, const struct otlp_call *call, const struct text_repairs *repairs)
{
    metric_add(r->repaired[call->transport], repairs->strings);
    if (complaint_due(&r->repaired_log, &r->node.host->loop->clock))
        log_warn(&r->node.log, "Strings that are not UTF-8 were repaired with U+FFFD",
                 F_STR("transport", transport_names[call->transport]), F_STR("first", repairs->first.text),
                 F_UINT("strings", repairs->strings),
                 F_STR("peer", call->req != NULL ? http_request_peer(call->req) : "gone"),
                 F_UINT("requests", complaint_taken(&r->repaired_log)));
}
