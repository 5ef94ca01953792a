/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server on the loop: HTTP/1.1 and HTTP/2 (prior knowledge) on one port, told apart by the first bytes.
 *
 * A service gets requests as events and answers when it likes, from any later callback. The server knows nothing of
 * OTLP or gRPC; trailers and bodies of unknown length are enough for both. One request is one stream of HTTP/2
 * or one exchange of HTTP/1.1.
 *
 * The life of a request: on_request (headers are complete; respond at once, or set req->context and go on), then
 * on_body for each run of body bytes, on_end when the body is whole. The service answers with http_respond*() at any
 * time from on_request on. on_close comes exactly once, last: the answer has been handed to the socket, or the peer
 * has gone (then `aborted`); the request is dead after it. A service that still waits for something then (an ack)
 * keeps its own struct and forgets the pointer.
 *
 * Flow control is by hand: the server grants a peer the body bytes that http_request_grant() allows (HTTP/2
 * stream window; HTTP/1: reading stops). A new request may send `initial_window` bytes ungranted. What arrives is
 * passed on at once and never stored here. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/budget.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <uv.h>

struct http_server;
struct http_request;
struct listener_handover;

struct http_header {
    struct bytes name; /* lower case */
    struct bytes value;
};

struct http_service {
    void (*on_request)(struct http_service *s, struct http_request *req);
    void (*on_body)(struct http_request *req, struct bytes data);
    void (*on_end)(struct http_request *req); /* body complete; trailers, if any, are not kept */
    void (*on_close)(struct http_request *req, bool aborted);
    void (*on_writable)(struct http_request *req); /* after http_respond_write said false; may be NULL */
};

struct http_server_options {
    const char *endpoint;  /* "host:port" ("0.0.0.0:4317", "[::1]:0", "localhost:4317", ":4317"), or a path */
    const char *transport; /* "tcp", "tcp4", "tcp6", "unix" (endpoint is a path; "@name" abstract) */
    struct listener_handover *handover; /* net/socket/listener.h: sockets kept over a reload; may be NULL */
    bool expect_http2; /* what clients are supposed to speak here; the other is served too, see on_mismatch */
    uint32_t max_concurrent_streams; /* per HTTP/2 connection; 0 = 1000 */
    size_t initial_window;           /* bytes a new request may send before a grant; 0 = 65535 */
    size_t read_buffer_size;         /* most bytes read from a socket at once; 0 = 512 KiB */
    size_t write_buffer_size;        /* bytes of an answer that may wait for the peer; 0 = 256 KiB */
    size_t max_header_bytes;         /* of one request; 0 = 64 KiB. 431 beyond */
    /* All in ns, 0 = never. */
    uint64_t read_header_timeout; /* from the first byte of a request to the end of its headers. Before the first
                                   * request of a connection the server waits at most 60 s all the same */
    uint64_t read_timeout;        /* to the end of its body */
    uint64_t write_timeout;       /* for the answer to be taken by the peer */
    uint64_t idle_timeout;        /* between requests (HTTP/1 keep-alive) */
    bool no_keep_alive;           /* HTTP/1: close after each answer */
    /* HTTP/2 connections. */
    uint64_t max_connection_idle, max_connection_age, max_connection_age_grace;
    uint64_t keepalive_time, keepalive_timeout; /* server pings */
    uint64_t keepalive_min_time;                /* of client pings; 0 = 5 min */
    bool keepalive_permit_without_stream;
    bool enforce_keepalive;
};

struct http_server_stats {
    uint64_t connections;         /* open */
    uint64_t accepted;            /* in all */
    uint64_t protocol_errors;     /* connections or requests ended for what the peer sent */
    uint64_t tls_on_plain;        /* connections whose first bytes were a TLS ClientHello */
    uint64_t accept_failures;     /* EMFILE and the like; accepting pauses and comes again */
    uint64_t ping_strikes;        /* connections closed with too_many_pings */
    uint64_t timeouts;            /* connections or requests ended by one of the timeouts */
    uint64_t bytes_in, bytes_out; /* on the socket */
};

/* Bind and listen. The service, options (copied), clock, turn, budget and logger outlive the server.
 * Several complaints are logged with back-off: TLS on this plain port, protocol errors, a full table of file
 * descriptors. on_mismatch (may be NULL) is called for the first request of each connection that speaks the other
 * protocol than expect_http2 says. */
int http_server_listen(struct http_server **out, uv_loop_t *loop, const struct http_server_options *options,
                       struct http_service *service, struct clock *clock, struct turn *turn, struct budget *budget,
                       const struct logger *log, void (*on_mismatch)(struct http_service *, struct http_request *),
                       struct error *err);

int http_server_port(const struct http_server *s);            /* the bound port; 0 for unix sockets */
const char *http_server_address(const struct http_server *s); /* "127.0.0.1:4317", "[::]:4317", "/run/x.sock" */
const struct http_server_stats *http_server_stats(const struct http_server *s);

/* Stop accepting, close idle connections, GOAWAY twice, let running requests end. done() once all are closed, or
 * `deadline` (mono ns) has passed and the rest was cut. The server is freed after done() by http_server_free. */
void http_server_stop(struct http_server *s, uint64_t deadline, void (*done)(struct http_server *, void *arg),
                      void *arg);
void http_server_hurry(struct http_server *s); /* while it stops: the deadline is now */
void http_server_free(struct http_server *s);

/* --- the request --- */

struct http_request {
    struct http_service *service;
    void *context; /* the service's own */
    bool http2;
    bool responded;                   /* an answer has begun */
    struct bytes method, path, query; /* path without query; "/v1/traces". Valid until on_close */
    struct bytes authority;
    const struct http_header *headers;
    size_t n_headers;
    int64_t content_length; /* -1 when not announced */
};

/* The first header of that name (lower case). NULL when there is none. */
const struct bytes *http_request_header(const struct http_request *req, const char *name);
const char *http_request_peer(const struct http_request *req); /* "10.1.2.3:5678", "unix" */
struct http_server *http_request_server(const struct http_request *req);

/* Let the peer send up to n more body bytes than it was allowed before. */
void http_request_grant(struct http_request *req, size_t n);

/* --- the answer --- Bytes given to these are copied before they return. Header names are lower case.
 *
 * An answer given before the body is whole: the rest of the body is discarded, neither on_body nor on_end come for it.
 * HTTP/2 sends RST_STREAM(NO_ERROR) after the answer if the peer does not end the body soon; HTTP/1 discards a small
 * rest or closes after the answer. */

/* Whole answer. Content-Length is added. */
void http_respond(struct http_request *req, int status, const struct http_header *headers, size_t n, struct bytes body);

/* In pieces: begin, write*, end. No Content-Length: chunked on HTTP/1.1. trailers only reach HTTP/2 peers.
 * http_respond_write returns false when more than write_buffer_size wait for the peer: stop until on_writable. */
void http_respond_begin(struct http_request *req, int status, const struct http_header *headers, size_t n);
bool http_respond_write(struct http_request *req, struct bytes data);
void http_respond_end(struct http_request *req, const struct http_header *trailers, size_t n);

/* Give up on this request alone: RST_STREAM with that HTTP/2 error code, or close the HTTP/1 connection. */
void http_request_reset(struct http_request *req, uint32_t error_code);

#endif
