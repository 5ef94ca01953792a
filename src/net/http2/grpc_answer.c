/* SPDX-License-Identifier: Apache-2.0 */
/* A good answer is headers, messages, each with a prefix of five bytes, and trailers with the status; a bad one has the
 * status in its headers and ends there. */
#include "net/http2/grpc_answer.h"

#include "base/decimal.h"
#include "base/mem.h"
#include "codec/base64.h"

#include <string.h>

#define H(n, v)                                                                                                        \
    {                                                                                                                  \
        BYTES_LIT(n), BYTES_LIT(v)                                                                                     \
    }

static const struct http_header response_headers[] = { H("content-type", "application/grpc") };

void grpc_answer_begin(struct http_request *req)
{
    http_respond_begin(req, 200, response_headers, ARRAY_LEN(response_headers));
}

void grpc_answer_message(struct http_request *req, struct bytes message)
{
    uint8_t frame[256];
    struct buf big = { 0 };

    if (message.len <= sizeof(frame) - GRPC_PREFIX_LEN) {
        grpc_prefix_put(frame, false, (uint32_t)message.len);
        if (message.len > 0)
            memcpy(frame + GRPC_PREFIX_LEN, message.data, message.len);
        http_respond_write(req, bytes_of(frame, GRPC_PREFIX_LEN + message.len));
        return;
    }
    grpc_prefix_put(buf_reserve(&big, GRPC_PREFIX_LEN), false, (uint32_t)message.len);
    big.len = GRPC_PREFIX_LEN;
    buf_put(&big, message);
    http_respond_write(req, buf_bytes(&big));
    buf_free(&big);
}

static struct bytes number_text(char *at, uint64_t n)
{
    return bytes_of(at, decimal_put_uint(at, n));
}

void grpc_answer_end(struct http_request *req, enum grpc_status code, const char *text)
{
    struct http_header trailers[2];
    char number[DECIMAL_UINT_MAX];
    size_t n = 0;

    trailers[n++] = (struct http_header){ bytes_str("grpc-status"), number_text(number, (uint64_t)code) };
    if (text != NULL)
        trailers[n++] = (struct http_header){ bytes_str("grpc-message"), bytes_str(text) };
    http_respond_end(req, trailers, n);
}

void grpc_answer_unary(struct http_request *req, struct bytes message)
{
    grpc_answer_begin(req);
    grpc_answer_message(req, message);
    grpc_answer_end(req, GRPC_OK, NULL);
}

void grpc_answer_fault(struct http_request *req, int http_status, enum grpc_status code, const char *message,
                       uint64_t retry_after_ms)
{
    struct buf text = { 0 }, details = { 0 }, packed = { 0 };
    struct http_header h[5];
    char number[DECIMAL_UINT_MAX];
    size_t n = 0;

    grpc_message_encode(bytes_str(message), &text);
    h[n++] = response_headers[0];
    h[n++] = (struct http_header){ bytes_str("grpc-status"), number_text(number, (uint64_t)code) };
    h[n++] = (struct http_header){ bytes_str("grpc-message"), buf_bytes(&text) };
    if (code == GRPC_UNIMPLEMENTED)
        h[n++] = (struct http_header){ bytes_str("grpc-accept-encoding"), bytes_str(GRPC_ACCEPT_ENCODINGS) };
    if (retry_after_ms > 0) {
        grpc_status_pack(code, bytes_str(message), retry_after_ms, &packed);
        base64_encode(buf_bytes(&packed), false, &details); /* as in all `-bin` headers */
        h[n++] = (struct http_header){ bytes_str("grpc-status-details-bin"), buf_bytes(&details) };
    }
    http_respond(req, http_status, h, n, bytes_of(NULL, 0)); /* Trailers-Only */
    buf_free(&text);
    buf_free(&details);
    buf_free(&packed);
}
