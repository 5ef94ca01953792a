/* SPDX-License-Identifier: Apache-2.0 */
/* What the otlp receiver counts of itself. */
#include "receiver/otlp/otlp.h"

#include "pipeline/receiver_items.h"

static const char *const transport_names[] = { "grpc", "http" };

static const struct metric_row repaired_row =
    METRIC_ROW("otelcd_receiver_repaired_strings", METRIC_COUNTER, "{strings}",
               "Strings that were not UTF-8: the bytes that are none have been replaced by U+FFFD.");

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
    &receiver_rejected_row,
    &receiver_waits_row,
    &repaired_row,
    &receiver_connections_row,
    &receiver_broken_row,
    &receiver_odd_times_row,
    NULL,
};

static void collect(struct metric_hook *hook)
{
    struct otlp *r = container_of(hook, struct otlp, hook);

    for (int t = 0; t < TRANSPORT_COUNT; t++)
        receiver_requests_collect(&r->requests[t], r->ports[t].server);
}

void receiver_metrics_init(struct otlp *r)
{
    struct metrics *m = r->node.host->metrics;

    r->node.clients = &r->clients;
    for (int t = 0; t < TRANSPORT_COUNT; t++) {
        struct metric_label labels[] = { { "receiver", r->node.id }, { "transport", transport_names[t] } };

        for (int s = 0; s < SIGNAL_COUNT; s++) {
            r->accepted[s][t] = metrics_get(m, &receiver_item_rows[s][0], labels, 2);
            r->refused[s][t] = metrics_get(m, &receiver_item_rows[s][1], labels, 2);
            r->failed[s][t] = metrics_get(m, &receiver_item_rows[s][2], labels, 2);
        }
        receiver_requests_init(&r->requests[t], &r->node, transport_names[t]);
        r->repaired[t] = metrics_get(m, &repaired_row, labels, 2);
    }
    r->bodies.waits = metrics_get(m, &receiver_waits_row, &(struct metric_label){ "receiver", r->node.id }, 1);
    r->hook.collect = collect;
    metrics_hook(m, &r->hook);
}

void receiver_metrics_close(struct otlp *r)
{
    if (r->hook.collect != NULL)
        metrics_unhook(r->node.host->metrics, &r->hook);
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
