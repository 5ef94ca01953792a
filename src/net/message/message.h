/* SPDX-License-Identifier: Apache-2.0 */
/* A request and its response, whichever protocol carries them, as a service sees them: events, and calls.
 *
 * A service gets requests as events and answers when it likes, from any later callback. Trailers and bodies of unknown
 * length are enough for gRPC too. One request is one stream of HTTP/2 or one exchange of HTTP/1.1.
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
#ifndef NET_MESSAGE_H
#define NET_MESSAGE_H

#include "base/vec.h"
#include "base/buf.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_request;

struct http_header {
    struct bytes name; /* lower case */
    struct bytes value;
};

/* Why a request was not let in. */
struct gate_refusal {
    bool busy;             /* nobody can say now: it may come again. Else its credentials are missing or wrong */
    const char *why;       /* a constant text, in which nothing is secret */
    const char *challenge; /* of WWW-Authenticate */
};

struct http_service {
    void (*on_request)(struct http_service *s, struct http_request *req);
    void (*on_body)(struct http_request *req, struct bytes data); /* NULL: bodies mean nothing, and are passed over */
    void (*on_end)(struct http_request *req); /* body complete; trailers, if any, are not kept. May be NULL */
    void (*on_close)(struct http_request *req, bool aborted);
    void (*on_writable)(struct http_request *req); /* after http_respond_write said false; may be NULL */
    /* HTTP/1.1: the peer has ended its side of the connection while it waits for the answer. Most that do so have gone;
     * one that has only said all it has to say waits on. May be NULL. */
    void (*on_peer_end)(struct http_request *req);
    /* Where the server has a gatekeeper (net/message/gate.h). May be NULL. */
    void (*on_refused)(struct http_service *s, struct http_request *req, const struct gate_refusal *refusal); /* answer
                                                      it; nothing else is called for this request */
    /* A connection ends without a request that is served: the client speaks TLS to a port of plain text ("tls"), its
     * handshake failed ("handshake"), or it breaks the rules of HTTP ("protocol"). May be NULL. */
    void (*on_broken)(struct http_service *s, const char *peer, const char *reason, const char *why);
};

typedef VEC(struct http_header) http_headers;

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
    int64_t content_length;               /* -1 when not announced */
    const struct http_header *attributes; /* who has sent it, as the gatekeeper knows; valid in on_request alone */
    size_t n_attributes;
};

/* The first header of that name (lower case). NULL when there is none. */
const struct bytes *http_request_header(const struct http_request *req, const char *name);

/* For on_close: the service's own, which the request is without from here on. */
static inline void *http_request_leave(struct http_request *req)
{
    void *context = req->context;

    req->context = NULL;
    return context;
}

const char *http_request_peer(const struct http_request *req); /* "10.1.2.3:5678", "unix" */

/* What tells its peer's host from others: an IPv4 address, an IPv6 /64, all of a unix socket. */
#define HTTP_NETWORK 16
const uint8_t *http_request_network(const struct http_request *req);

/* Let the peer send up to n more body bytes than it was allowed before. */
void http_request_grant(struct http_request *req, size_t n);

/* --- the answer --- Bytes given to these are copied before they return. Header names are lower case.
 *
 * An answer given before the body is whole: the rest of the body is discarded, neither on_body nor on_end come for it.
 * HTTP/2 sends RST_STREAM(NO_ERROR) after the answer if the peer does not end the body soon; HTTP/1 discards a small
 * rest or closes after the answer. */

/* The header that belongs on the answer to a refused request: WWW-Authenticate with 401, Retry-After with 503. */
struct http_header gate_refusal_header(const struct gate_refusal *refusal);

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
