/* SPDX-License-Identifier: Apache-2.0 */
/* Check and List are calls with one answer; a Watch stays open and is told of each change, until the server stops. */
#include "net/http2/grpc_health.h"

#include "codec/pb.h"

enum grpc_health_method grpc_health_method(struct bytes path)
{
    if (bytes_is(path, "/grpc.health.v1.Health/Check"))
        return GRPC_HEALTH_CHECK;
    if (bytes_is(path, "/grpc.health.v1.Health/Watch"))
        return GRPC_HEALTH_WATCH;
    return bytes_is(path, "/grpc.health.v1.Health/List") ? GRPC_HEALTH_LIST : GRPC_HEALTH_NONE;
}

bool grpc_health_parse(struct bytes message, struct bytes *service)
{
    struct pb_reader reader = pb_reader(message);
    struct pb_field f;

    *service = bytes_of(NULL, 0);
    while (pb_next(&reader, &f))
        if (f.number == 1 && f.wire == PB_LEN)
            *service = f.bytes;
    return !reader.bad;
}

static void put_serving(struct buf *out, enum grpc_serving serving)
{
    pb_put_uint(out, 1, serving); /* HealthCheckResponse.status */
}

void grpc_health_tell(struct http_request *req, enum grpc_serving serving)
{
    struct buf message = { 0 };

    put_serving(&message, serving);
    grpc_answer_message(req, buf_bytes(&message));
    buf_free(&message);
}

void grpc_health_answer_watch(struct http_request *req, enum grpc_serving serving)
{
    grpc_answer_begin(req);
    grpc_health_tell(req, serving);
}

void grpc_health_answer_check(struct http_request *req, enum grpc_serving serving)
{
    if (serving == GRPC_SERVICE_UNKNOWN) {
        grpc_answer_fault(req, 200, GRPC_NOT_FOUND, "unknown service", 0);
        return;
    }
    grpc_health_answer_watch(req, serving);
    grpc_answer_end(req, GRPC_OK, NULL);
}

void grpc_health_tell_stopping(struct http_request *req)
{
    grpc_health_tell(req, GRPC_NOT_SERVING);
    grpc_answer_end(req, GRPC_UNAVAILABLE, "the collector is shutting down");
}

void grpc_health_put_entry(struct buf *out, struct bytes service, enum grpc_serving serving)
{
    size_t entry = pb_begin(out, 1), value;

    pb_put_bytes(out, 1, service);
    value = pb_begin(out, 2);
    put_serving(out, serving);
    pb_end(out, value);
    pb_end(out, entry);
}
