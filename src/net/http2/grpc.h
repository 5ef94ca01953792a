/* SPDX-License-Identifier: Apache-2.0 */
/* What gRPC adds to HTTP/2, as pure functions: message prefix, status, timeout (gRPC's
 * PROTOCOL-HTTP2). Used by the server side now and by the client side later. */
#ifndef NET_GRPC_H
#define NET_GRPC_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* google.rpc.Code */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

/* google.rpc.Status, and what may be among its details: field numbers. */
enum { RPC_STATUS_CODE = 1, RPC_STATUS_MESSAGE = 2, RPC_STATUS_DETAILS = 3 };
enum { RPC_ANY_TYPE_URL = 1, RPC_ANY_VALUE = 2 };
enum { RPC_RETRY_INFO_DELAY = 1 };
enum { RPC_DURATION_SECONDS = 1, RPC_DURATION_NANOS = 2 };

#define GRPC_PREFIX_LEN 5u

/* The length a prefix announces (big-endian bytes 1..4). */
static inline uint32_t grpc_prefix_len(const uint8_t p[GRPC_PREFIX_LEN])
{
    return (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
}

static inline void grpc_prefix_put(uint8_t p[GRPC_PREFIX_LEN], bool compressed, uint32_t len)
{
    p[0] = compressed;
    p[1] = (uint8_t)(len >> 24);
    p[2] = (uint8_t)(len >> 16);
    p[3] = (uint8_t)(len >> 8);
    p[4] = (uint8_t)len;
}

/* "application/grpc", alone or followed by "+..." or ";...". */
bool grpc_content_type(struct bytes value);

/* `grpc-timeout`: 1-8 digits and a unit. False when malformed. */
bool grpc_timeout_parse(struct bytes value, uint64_t *ns);

/* `grpc-message`: percent-encoded. */
void grpc_message_encode(struct bytes text, struct buf *out);

/* A serialised google.rpc.Status; with retry_after_ms > 0 it carries a google.rpc.RetryInfo. */
void grpc_status_pack(enum grpc_status code, struct bytes message, uint64_t retry_after_ms, struct buf *out);

/* Which HTTP status a gRPC code becomes for an OTLP/HTTP client. */
int grpc_status_to_http(enum grpc_status code);

#endif
