/* SPDX-License-Identifier: Apache-2.0 */
/* How a gRPC server answers: messages with their prefix, trailers, faults. */
#ifndef NET_GRPC_ANSWER_H
#define NET_GRPC_ANSWER_H

#include "net/http2/grpc.h"
#include "net/message/message.h"

#define GRPC_ACCEPT_ENCODINGS "gzip,deflate,zstd,snappy,identity"

void grpc_answer_begin(struct http_request *req);
void grpc_answer_message(struct http_request *req, struct bytes message); /* on an answer that has begun */
void grpc_answer_end(struct http_request *req, enum grpc_status code,
                     const char *text); /* text: plain words, or NULL */

void grpc_answer_unary(struct http_request *req, struct bytes message); /* the whole of a good answer */

/* The whole of a bad one (Trailers-Only). With retry_after_ms > 0 it carries a google.rpc.RetryInfo. */
void grpc_answer_fault(struct http_request *req, int http_status, enum grpc_status code, const char *message,
                       uint64_t retry_after_ms);

#endif
