/* SPDX-License-Identifier: Apache-2.0 */
/* What a protocol needs of its connection, and a connection of its protocol.
 *
 * http_conn.c owns a socket and drives one protocol on it, http1_conn.c or http2_server.c, through struct conn_ops:
 * bytes in, bytes out. The protocols know the connection as a struct conn_io only, so they also run on memory. */
#ifndef NET_CONN_IO_H
#define NET_CONN_IO_H

#include "net/message/server_shared.h"
#include "net/socket/crowd.h"

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
    struct crowd_member *member;      /* NULL where the server has no crowd */
    const struct conn_ops *ops;       /* NULL until the first bytes have told */
    void *state;                      /* the protocol's */
    void (*kick)(struct conn_io *io); /* there may be output, room to read, or a reason to close: look at turn's end */
    const char *(*peer)(struct conn_io *io);
    void (*on_deadline)(struct conn_io *io, enum http_deadline which);
    struct clock_timer timer;
    uint64_t deadlines[DEADLINES]; /* mono ns; 0 = none */
    uint64_t last_read;            /* mono ns */
    uint64_t at_rest;              /* mono ns: since when no request is under way, if none is */
    uint8_t network[HTTP_NETWORK]; /* the peer's, peer_network() */
    uint64_t kept;                 /* bytes that the connection itself is charged with */
    bool mismatch_told;
    bool counted; /* why it ends has been counted: a deadline has passed, or it has pinged too often */
};

/* Moving a deadline to later costs nothing: the timer then fires early and looks again. */
void conn_io_expect(struct conn_io *io, enum http_deadline which, uint64_t after); /* ns from now; 0 = never */
void conn_io_close(struct conn_io *io);                                            /* no deadline fires any more */
/* Count a peer's breach of the protocol (unless it is `counted` already), and log it if it is time to. */
void conn_io_complain(struct conn_io *io, const char *reason);
/* The service hears of a connection that ends without a request. */
void conn_io_tell_broken(struct conn_io *io, const char *reason, const char *why);
void conn_io_late(struct conn_io *io); /* count it */

/* What its requests hold in memory: counted for it, and charged to the budget. */
void conn_io_hold(struct conn_io *io, uint64_t bytes);
void conn_io_release(struct conn_io *io, uint64_t bytes);
bool conn_io_may_hold(const struct conn_io *io);
/* What the connection itself holds from now on, whatever is asked on it. */
void conn_io_keep(struct conn_io *io, uint64_t bytes);

enum http_fate {
    HTTP_GOES_ON,
    HTTP_RESTS,    /* nothing is under way, and the server stops: hand the connection over, or close it politely */
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
    enum crowd_rank (*rank)(struct conn_io *io);
    void (*on_end)(struct conn_io *io); /* the peer will send no more */
    void (*on_deadline)(struct conn_io *io, enum http_deadline which);
    void (*unread)(struct conn_io *io, struct buf *to); /* at rest: append what has come of the next request */
    void (*drain)(struct conn_io *io);                  /* end gracefully */
    void (*close)(struct conn_io *io);                  /* the connection has gone: every request gets its on_close */
};

#endif
