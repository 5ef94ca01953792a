/* SPDX-License-Identifier: Apache-2.0 */
/* Inside HTTP/2: the state that http2_server.c (frames in and out), http2_server_response.c (the service's calls) and
 * http2_server_guard.c (limits in time and number) share. */
#ifndef NET_HTTP2_SERVER_INSIDE_H
#define NET_HTTP2_SERVER_INSIDE_H

#include "base/mem.h"
#include "net/http2/http2_server.h"
#include "net/http2/http2_session.h"

enum http2_phase {
    HTTP2_SERVING,
    HTTP2_NOTICED,  /* GOAWAY(2^31-1) and a ping are out; streams in flight are still taken */
    HTTP2_DRAINING, /* the second GOAWAY is out; running streams may end */
};

struct http2 {
    struct http2_session session;
    struct conn_io *io;
    struct list open; /* all streams that have a request */
    size_t n_open;
    enum http2_phase phase; /* of an open session; changed in http2_server_guard.c */
    const char *reason;     /* of the GOAWAY: "max_age", "max_idle", "graceful_stop" */
    bool settings_told;     /* our SETTINGS frame has left */
    bool writable_due;      /* some request has on_writable coming */
    uint64_t last_client_ping;
    unsigned strikes;
    uint64_t block_held;   /* charged for headers that are still coming */
    bool strikes_forgiven; /* we have sent HEADERS or DATA since the last ping */
};

static inline struct http2 *http2_of(struct http2_session *s)
{
    return container_of(s, struct http2, session);
}

/* http2_server_response.c */
extern const struct stream_ops http2_stream_ops;
/* Bring the stream's window up to what the service allows. Padding has used some of it without being body. */
void http2_sync_window(struct http2 *h, struct request *r);

/* http2_server_guard.c */
void http2_guard_open(struct http2 *h);
void http2_note_ping(struct http2 *h, const nghttp2_ping *frame);
void http2_on_deadline(struct conn_io *io, enum http_deadline which);
void http2_drain(struct http2 *h, const char *reason);

#endif
