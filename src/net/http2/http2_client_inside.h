/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the client's side of HTTP/2: what http2_client.c (the connection) and http2_client_stream.c (one call on it)
 * share. */
#ifndef NET_HTTP2_CLIENT_INSIDE_H
#define NET_HTTP2_CLIENT_INSIDE_H

#include "base/vec.h"
#include "net/http2/http2_client.h"
#include "net/http2/http2_session.h"

#define HTTP2_WHY 240

struct http2_client {
    struct http2_session session;
    struct client_io *io;
    struct list streams; /* the oldest first */
    size_t n_calls;
    uint8_t first[9]; /* what the peer said first, until it is told from other protocols */
    size_t n_first;
    bool known;    /* it is HTTP/2 */
    bool leaving;  /* no more calls begin: the peer has sent GOAWAY */
    bool goodbye;  /* the session was killed, and what it says at the end has been pulled */
    bool is_wrong; /* another protocol is spoken: there is nobody to say anything to */
    struct clock_timer alive;
    uint64_t doubt; /* ns: how long a ping may take that asks whether the peer is there at all; 0: nobody asks */
    struct call_failure end; /* why it is at its end; its `why` is `why` */
    char why[HTTP2_WHY];
};

/* A call's, from its start until nghttp2 closes the stream, which may be after the call is over. */
struct http2_stream {
    struct list link; /* of the connection's */
    struct http2_client *h;
    struct http_call *call; /* NULL: it is over */
    int32_t id;
    bool sent;  /* its HEADERS have left */
    bool heard; /* a field of the answer has come */
    bool has_head;
    bool ended;      /* the peer's side is whole */
    bool reset;      /* by us */
    bool cut;        /* fields, or bytes of the body, were left out */
    bool cut_status; /* a grpc-status was kept beyond what is kept of fields */
    bool paused;
    unsigned interim;
    /* What is sent. */
    size_t total, at;     /* bytes of the body; how many have gone into frames */
    size_t part, part_at; /* where that is */
    /* What has come. */
    int status;
    size_t header_bytes;
    size_t n_headers;                /* of the fields; behind them are the trailers */
    size_t block_fields, block_refs; /* where the header block that comes begins */
    VEC(struct http_header) fields;
    VEC(nghttp2_rcbuf *) refs; /* what they point into */
    struct buf body;
    uint64_t arrived;  /* bytes of it */
    size_t unconsumed; /* of it: while it is paused */
    uint64_t charged;
};

static inline struct http2_client *http2_client_of(struct http2_session *s)
{
    return container_of(s, struct http2_client, session);
}

/* ---- http2_client_stream.c ---- */

/* False: nghttp2 can begin no more streams on this connection. */
bool http2_stream_start(struct http2_client *h, struct http_call *call);
void http2_stream_begin_headers(struct http2_stream *s);
void http2_stream_header(struct http2_stream *s, nghttp2_rcbuf *name, nghttp2_rcbuf *value, size_t size);
void http2_stream_headers_end(struct http2_stream *s, bool end_stream);
void http2_stream_data(struct http2_stream *s, struct bytes data);
void http2_stream_end(struct http2_stream *s); /* the answer is whole */
void http2_stream_pause(struct http2_stream *s, bool on);
void http2_stream_leave(struct http2_stream *s); /* its call is over, and the peer is told */
void http2_stream_fail(struct http2_stream *s, const struct call_failure *f);
void http2_stream_free(struct http2_stream *s);

/* nghttp2's, for the kit. */
int http2_stream_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                           nghttp2_data_source *source, void *user);
ssize_t http2_stream_frame_size(nghttp2_session *ng, uint8_t type, int32_t stream_id, int32_t connection_window,
                                int32_t stream_window, uint32_t peer_max, void *user);

#endif
