/* SPDX-License-Identifier: Apache-2.0 */
/* The span of a call, while somebody wants own spans: from its headers to its answer, the name and the counts of the Go
 * collector's. The sender's span is its parent. */
#include "receiver/otlp/otlp.h"

#include <stdio.h>

static const char *const words[SIGNAL_COUNT] = { "TraceDataReceived", "MetricsReceived", "LogsReceived",
                                                 "ProfilesReceived" };

void call_trace_begin(struct otlp_call *call)
{
    const struct node *node = &call->receiver->node;

    if (traced_wanted(node))
        traced_begin(node, &call->traced, http_request_header(call->req, "traceparent"));
}

void call_trace_end(struct otlp_call *call, uint64_t refused, const char *error)
{
    const struct node *node = &call->receiver->node;
    char name[128], keys[3][48];
    const char *items = signal_table[call->signal].items;
    const struct log_field attributes[] = {
        F_STR("transport", call->transport == TRANSPORT_GRPC ? "grpc" : "http"),
        F_STR("format", call->json ? "json" : "protobuf"),
        F_UINT(keys[0], call->items - refused),
        F_UINT(keys[1], refused),
        F_UINT(keys[2], 0),
        F_STR("network.peer.address", call->req != NULL ? http_request_peer(call->req) : ""),
    };

    if (call->traced.start == 0)
        return;
    snprintf(name, sizeof(name), "receiver/%s/%s", node->id, words[call->signal]);
    snprintf(keys[0], sizeof(keys[0]), "accepted_%s", items);
    snprintf(keys[1], sizeof(keys[1]), "refused_%s", items);
    snprintf(keys[2], sizeof(keys[2]), "failed_%s", items);
    traced_end(node, &call->traced,
               &(struct traced_end){ name, TRACED_SERVER, attributes,
                                     ARRAY_LEN(attributes) - (call->req == NULL ? 1 : 0), error });
}
