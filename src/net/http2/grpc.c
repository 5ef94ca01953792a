/* SPDX-License-Identifier: Apache-2.0 */
/* Each function is one table or one rule of gRPC's description of itself; none keeps state. */
#include "net/http2/grpc.h"

#include "codec/pb.h"

#define RETRY_INFO_URL "type.googleapis.com/google.rpc.RetryInfo"

bool grpc_content_type(struct bytes value)
{
    static const struct bytes base = BYTES_LIT("application/grpc");

    if (value.len < base.len || !bytes_equal_nocase(bytes_of(value.data, base.len), base))
        return false;
    return value.len == base.len || value.data[base.len] == '+' || value.data[base.len] == ';';
}

bool grpc_timeout_parse(struct bytes value, uint64_t *ns)
{
    static const char units[] = "HMSmun";
    static const uint64_t unit_ns[] = { 3600000000000ull, 60000000000ull, 1000000000ull, 1000000ull, 1000ull, 1ull };
    uint64_t n;
    const char *unit;

    if (value.len < 2 || value.len > 9 || !bytes_decimal(bytes_of(value.data, value.len - 1), &n))
        return false;
    unit = memchr(units, value.data[value.len - 1], sizeof(units) - 1);
    if (unit == NULL)
        return false;
    *ns = n > UINT64_MAX / unit_ns[unit - units] ? UINT64_MAX : n * unit_ns[unit - units];
    return true;
}

void grpc_message_encode(struct bytes text, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c >= 0x20 && c <= 0x7e && c != '%') {
            buf_putc(out, (char)c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

void grpc_status_pack(enum grpc_status code, struct bytes message, uint64_t retry_after_ms, struct buf *out)
{
    if (code != GRPC_OK)
        pb_put_uint(out, RPC_STATUS_CODE, (uint64_t)code);
    if (message.len > 0)
        pb_put_bytes(out, RPC_STATUS_MESSAGE, message);
    if (retry_after_ms > 0) {
        size_t any = pb_begin(out, RPC_STATUS_DETAILS);
        size_t value, delay;

        pb_put_str(out, RPC_ANY_TYPE_URL, RETRY_INFO_URL);
        value = pb_begin(out, RPC_ANY_VALUE);
        delay = pb_begin(out, RPC_RETRY_INFO_DELAY);
        if (retry_after_ms >= 1000)
            pb_put_uint(out, RPC_DURATION_SECONDS, retry_after_ms / 1000);
        if (retry_after_ms % 1000 != 0)
            pb_put_uint(out, RPC_DURATION_NANOS, retry_after_ms % 1000 * 1000000);
        pb_end(out, delay);
        pb_end(out, value);
        pb_end(out, any);
    }
}

int grpc_status_to_http(enum grpc_status code)
{
    switch (code) {
    case GRPC_OK:
        return 200;
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_ABORTED:
    case GRPC_OUT_OF_RANGE:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
        return 503;
    case GRPC_RESOURCE_EXHAUSTED:
        return 429;
    case GRPC_INVALID_ARGUMENT:
        return 400;
    case GRPC_UNAUTHENTICATED:
        return 401;
    case GRPC_PERMISSION_DENIED:
        return 403;
    case GRPC_UNIMPLEMENTED:
        return 404;
    default:
        return 500;
    }
}
