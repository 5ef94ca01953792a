/* SPDX-License-Identifier: Apache-2.0 */
/* The request as the protocols see it: what has come of it, what has left of its answer, and what a protocol does for
 * it. Nothing outside net/ and its tests includes this. */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "base/list.h"
#include "base/vec.h"
#include "net/message/conn_io.h"

struct gate;

/* What a protocol does for a request. */
struct stream_ops {
    void (*grant)(struct request *r, size_t n);
    /* The answer's head. `whole`: r->body and nothing more follows. */
    void (*begin)(struct request *r, int status, const struct http_header *headers, size_t n, bool whole);
    void (*more)(struct request *r, struct bytes data);
    void (*end)(struct request *r);
    size_t (*waiting)(struct request *r); /* bytes of the answer that the peer has not taken */
    void (*reset)(struct request *r, uint32_t error_code);
};

struct request {
    struct http_request pub;
    const struct stream_ops *ops;
    struct conn_io *io;
    void *conn;               /* the protocol's connection */
    struct list link;         /* HTTP/2: of the connection's; of one that is not in use: in `spare` */
    struct clock_timer timer; /* read_timeout, then write_timeout */
    int32_t stream_id;
    bool announced;    /* the service knows of it; not before it has been let in */
    bool body_ended;   /* the peer's side is complete */
    bool answer_ended; /* ours is, as far as the service is concerned */
    bool answer_sent;  /* and it has left */
    bool cut;          /* reset: nothing more from or to the service but on_close */
    bool too_large;    /* headers beyond the limit: 431 */
    bool no_room;      /* in the budget for its headers: 503 */
    bool head_only;    /* HEAD: answer without body */
    bool want_writable;
    uint64_t allowed; /* body bytes the peer may still send */
    size_t header_bytes;
    uint64_t charged;      /* to the budget: for itself, and a head of unusual size ... */
    uint64_t head_charged; /* ... so much of it */
    struct http_header *headers;
    size_t cap_headers;
    VEC(nghttp2_rcbuf *) refs; /* HTTP/2: what the headers point into */
    struct buf head;           /* HTTP/1: what the headers point into */
    struct buf body;           /* HTTP/2: answer bytes that wait for the window */
    size_t body_sent;
    struct buf trailers; /* HTTP/2 */
    struct gate *gate;   /* it has not been let in yet; NULL else */
};

struct request *request_new(struct conn_io *io, const struct stream_ops *ops, void *conn);
void request_free_spares(struct server_shared *shared);
struct http_header *request_add_header(struct request *r); /* room for one more, not counted yet */
void request_split_path(struct request *r, struct bytes target);

bool request_is_framing(struct bytes name); /* a header that is the protocol's own: a service's is left out */

/* The service hears of it, and of what has come of its body; `ended`: all of it. */
void request_tell(struct request *r, struct bytes body, bool ended);

/* Tell the service, once the gatekeeper has let it in. Each does nothing when the service must not hear of it (any
 * more). */
void request_body(struct request *r, struct bytes data);
void request_end(struct request *r);
void request_writable(struct request *r);
void request_peer_end(struct request *r);
void request_close(struct request *r, bool aborted); /* on_close, and the request is free */

/* HTTP/2: the answer has left before the body was whole. A peer that ends it soon is left in peace; one that goes on,
 * or waits for a grant, is stopped with RST_STREAM(NO_ERROR). */
void request_dismiss(struct request *r);

/* The server stops: what has not come of the body has a moment left. */
void request_hurry(struct request *r);

/* Answer in the server's own name, with one line of text. */
void request_refuse(struct request *r, int status, const char *text);

/* A header more has come: charge what is unusual. False: there is no room for it (or was none), or it is too large;
 * then it is not kept. */
bool request_charge_head(struct request *r);

/* The head is whole: charge it and tell the service, or refuse it where there is no room. */
void request_begin(struct request *r);

#endif
