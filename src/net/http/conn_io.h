/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the HTTP server: what its connections share, what a protocol needs of its connection, and the request as
 * the protocols see it. Nothing outside net/ and its tests includes this.
 *
 * http_conn.c owns a socket and drives one protocol on it, http1_conn.c or http2.c, through struct conn_ops:
 * bytes in, bytes out. The protocols know the connection as a struct conn_io only, so they also run on memory. */
#ifndef NET_CONN_IO_H
#define NET_CONN_IO_H

#include "net/http/http_server.h"

#include <nghttp2/nghttp2.h>

struct request;

/* What all connections of a server share. */
struct server_shared {
    struct http_server *server;         /* NULL on memory */
    struct http_server_options options; /* defaults filled in */
    struct http_service *service;
    struct clock *clock;
    struct turn *turn;
    struct budget *budget;
    const struct logger *log;
    void (*on_mismatch)(struct http_service *, struct http_request *);
    struct http_server_stats stats;
    struct complaint bad_peers;
    struct request *spare; /* requests for the next who needs one */
    size_t n_spare;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    uint64_t date_second; /* which second `date` spells */
    char date[32];
    struct buf spare_out; /* HTTP/1: an answer's buffer, for the next who answers */
    bool stopping;
};

void server_shared_init(struct server_shared *shared); /* the fields up to on_mismatch are set */
void server_shared_close(struct server_shared *shared);
struct bytes server_shared_date(struct server_shared *shared); /* for the Date header, IMF-fixdate */

enum http_deadline {
    DEADLINE_READ,      /* the peer must have sent something: a preface, a head */
    DEADLINE_WRITE,     /* the peer must have taken what was written */
    DEADLINE_IDLE,      /* without requests */
    DEADLINE_AGE,       /* the connection has lived long enough; then the grace */
    DEADLINE_KEEPALIVE, /* ping, or its answer */
    DEADLINE_DRAIN,     /* the second GOAWAY */
    DEADLINE_BUDGET,    /* credit is held back no longer than this */
    DEADLINE_LINGER,    /* after our end of the stream, the peer's */
    DEADLINES
};

struct conn_io {
    struct server_shared *shared;
    const struct conn_ops *ops;       /* NULL until the first bytes have told */
    void *state;                      /* the protocol's */
    void (*kick)(struct conn_io *io); /* there may be output, room to read, or a reason to close: look at turn's end */
    const char *(*peer)(struct conn_io *io);
    void (*on_deadline)(struct conn_io *io, enum http_deadline which);
    struct clock_timer timer;
    uint64_t deadlines[DEADLINES]; /* mono ns; 0 = none */
    uint64_t last_read;            /* mono ns */
    bool mismatch_told;
};

/* Moving a deadline to later costs nothing: the timer then fires early and looks again. */
void conn_io_expect(struct conn_io *io, enum http_deadline which, uint64_t after); /* ns from now; 0 = never */
void conn_io_close(struct conn_io *io);                                            /* no deadline fires any more */
/* Count a peer's breach of the protocol, and log it if it is time to. */
void conn_io_complain(struct conn_io *io, const char *reason);

enum http_fate {
    HTTP_GOES_ON,
    HTTP_FINISHED, /* close once everything is flushed, politely */
    HTTP_BROKEN,   /* close at once */
};

/* A protocol on a connection; `io` is embedded by the connection, the protocol's state hangs from it. */
struct conn_ops {
    /* Take bytes. Returns how many; fewer than data.len only when the rest must wait for an answer to be written. */
    size_t (*input)(struct conn_io *io, struct bytes data);
    void (*output)(struct conn_io *io, struct buf *to); /* append what can go out now */
    void (*flushed)(struct conn_io *io);                /* all that output() gave has been handed to the socket */
    size_t (*room)(struct conn_io *io, size_t most);    /* bytes wanted from the socket at once; 0 = stop reading */
    enum http_fate (*fate)(struct conn_io *io);
    void (*on_end)(struct conn_io *io); /* the peer will send no more */
    void (*on_deadline)(struct conn_io *io, enum http_deadline which);
    void (*drain)(struct conn_io *io); /* end gracefully */
    void (*close)(struct conn_io *io); /* the connection has gone: every request gets its on_close */
};

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
    void *conn; /* the protocol's connection */
    struct request *next, *prev;
    struct clock_timer timer; /* read_timeout, then write_timeout */
    int32_t stream_id;
    bool announced;    /* the service knows of it */
    bool body_ended;   /* the peer's side is complete */
    bool answer_ended; /* ours is, as far as the service is concerned */
    bool answer_sent;  /* and it has left */
    bool cut;          /* reset: nothing more from or to the service but on_close */
    bool too_large;    /* headers beyond the limit: 431 */
    bool head_only;    /* HEAD: answer without body */
    bool want_writable;
    uint64_t allowed; /* body bytes the peer may still send */
    size_t header_bytes;
    uint64_t charged; /* to the budget, for an unusually large head */
    struct http_header *headers;
    size_t cap_headers;
    VEC(nghttp2_rcbuf *) refs; /* HTTP/2: what the headers point into */
    struct buf head;           /* HTTP/1: what the headers point into */
    struct buf body;           /* HTTP/2: answer bytes that wait for the window */
    size_t body_sent;
    struct buf trailers; /* HTTP/2 */
};

struct request *request_new(struct conn_io *io, const struct stream_ops *ops, void *conn);
struct http_header *request_add_header(struct request *r); /* room for one more, not counted yet */
void request_charge_head(struct request *r);
void request_split_path(struct request *r, struct bytes target);

bool request_is_framing(struct bytes name); /* a header that is the protocol's own: a service's is left out */

/* Tell the service. Each does nothing when the service must not hear of it (any more). */
void request_announce(struct request *r);
void request_body(struct request *r, struct bytes data);
void request_end(struct request *r);
void request_writable(struct request *r);
void request_close(struct request *r, bool aborted); /* on_close, and the request is free */

/* HTTP/2: the answer has left before the body was whole. A peer that ends it soon is left in peace; one that goes on,
 * or waits for a grant, is stopped with RST_STREAM(NO_ERROR). */
void request_dismiss(struct request *r);

/* The server stops: what has not come of the body has a moment left. */
void request_hurry(struct request *r);

/* Answer in the server's own name, with one line of text. */
void request_refuse(struct request *r, int status, const char *text);

#endif
