/* SPDX-License-Identifier: Apache-2.0 */
/* The span of a call, while somebody wants own spans: from its headers to its answer, the name and the counts of the Go
 * collector's. The sender's span is its parent. */
#include "receiver/otlp/otlp.h"

#include "pipeline/trace/receipt.h"

void call_trace_begin(struct otlp_call *call)
{
    const struct node *node = &call->receiver->node;

    if (traced_wanted(node))
        traced_begin(node, &call->traced, http_request_header(call->req, "traceparent"));
}

void call_trace_end(struct otlp_call *call, uint64_t refused, const char *error)
{
    if (call->traced.start == 0)
        return;
    receipt_end(&call->receiver->node, &call->traced, call->signal,
                &(struct receipt){ .kind = TRACED_SERVER,
                                   .transport = call->transport == TRANSPORT_GRPC ? "grpc" : "http",
                                   .format = call->json ? "json" : "protobuf",
                                   .from_key = "network.peer.address",
                                   .from = call->req != NULL ? http_request_peer(call->req) : NULL,
                                   .accepted = call->items - refused,
                                   .refused = refused,
                                   .error = error });
}
