/* SPDX-License-Identifier: Apache-2.0 */
/* Inside HTTP/2: the state that http2_server.c (frames in and out), http2_server_response.c (the service's calls) and
 * http2_server_guard.c (limits in time and number) share. */
#ifndef NET_HTTP2_SERVER_INSIDE_H
#define NET_HTTP2_SERVER_INSIDE_H

#include "net/http2/http2_server.h"

enum http2_phase {
    HTTP2_SERVING,
    HTTP2_NOTICED,  /* GOAWAY(2^31-1) and a ping are out; streams in flight are still taken */
    HTTP2_DRAINING, /* the second GOAWAY is out; running streams may end */
    HTTP2_KILLED,   /* a GOAWAY with an error is out; whatever arrives is thrown away */
    HTTP2_BROKEN,   /* nobody is there to tell */
};

struct http2 {
    struct conn_io *io;
    nghttp2_session *session;
    struct request *open; /* all streams that have a request */
    size_t n_open;
    enum http2_phase phase; /* changed by http2_move() */
    const char *reason;     /* of the GOAWAY: "max_age", "max_idle", "graceful_stop" */
    bool greeted;           /* the client's SETTINGS have come */
    bool settings_told;     /* our SETTINGS frame has left */
    bool settings_agreed;   /* and is acknowledged */
    bool in_headers;        /* a header block has begun and not ended */
    bool writable_due;      /* some request has on_writable coming */
    unsigned continuations; /* of this header block */
    size_t block_bytes;     /* header bytes of this block, kept or not */
    uint8_t frame[9];       /* the header of the frame that is arriving */
    size_t frame_seen;      /* bytes of it */
    size_t frame_left;      /* bytes of the payload (first: of the preface) still to come */
    int32_t last_stream;    /* the highest a request has begun on */
    int32_t resets[64];     /* the streams that we reset last; a ring */
    unsigned n_resets;
    /* connection window */
    uint32_t window;
    uint64_t arrived; /* bytes since `window_since` */
    uint64_t window_since;
    uint64_t withheld; /* credit that waits for room in the budget */
    struct budget_waiter room;
    /* limits */
    uint64_t nuisance, nuisance_at; /* the bucket, in thousandths, and when it was last emptied */
    uint64_t last_client_ping;
    unsigned strikes;
    bool strikes_forgiven; /* we have sent HEADERS or DATA since the last ping */
    bool ping_out;
    uint64_t pinged_at;
};

/* http2_server_response.c */
extern const struct stream_ops http2_stream_ops;
/* Bring the stream's window up to what the service allows. Padding has used some of it without being body. */
void http2_sync_window(struct http2 *h, struct request *r);

/* http2_server_guard.c */
void http2_move(struct http2 *h, enum http2_phase to);
void http2_guard_open(struct http2 *h);
void http2_guard_close(struct http2 *h);
void http2_annoy(struct http2 *h, unsigned weight, const char *reason);
void http2_note_ping(struct http2 *h, const nghttp2_ping *frame);
void http2_credit(struct http2 *h, size_t n); /* n DATA bytes have arrived */
void http2_on_deadline(struct conn_io *io, enum http_deadline which);
void http2_drain(struct http2 *h, const char *reason);
/* GOAWAY with an error, then the end. `debug` is what the peer reads; the log says `reason`. */
void http2_kill(struct http2 *h, uint32_t code, const char *debug, const char *reason);

#endif
