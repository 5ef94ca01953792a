/* SPDX-License-Identifier: Apache-2.0 */
/* One end of an HTTP/2 connection, whichever it is: frames in and out through memory, and what either end needs against
 * a stranger at the other.
 *
 * nghttp2 does frames and header compression. The connection's window is given back as bytes arrive (while the byte
 * budget is overdrawn it waits, at most a second), a stream's by the side that owns the session. Frames that cost us
 * and bring nothing (resets, pings, settings, empty DATA, refused streams) are counted in a bucket of 1000 that empties
 * by 100 a second; full, the connection ends with ENHANCE_YOUR_CALM, as it does for a header block in too many
 * pieces or of too many bytes.
 *
 * A session is open, killed (a GOAWAY with an error is on its way out, whatever arrives is thrown away) or broken
 * (nobody is there to tell). Nothing but `sent` and `closed` is called on one that is not open. */
#ifndef NET_HTTP2_SESSION_H
#define NET_HTTP2_SESSION_H

#include "base/budget.h"
#include "base/bytes.h"
#include "base/loop/loop.h"

#include <nghttp2/nghttp2.h>

struct http2_session;

/* What a side makes of what arrives, and of what has left. */
struct http2_side {
    void (*begin_headers)(struct http2_session *s, const nghttp2_headers *frame);
    /* `size` as RFC 9113 6.5.2 counts it. */
    void (*header)(struct http2_session *s, const nghttp2_headers *frame, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
                   size_t size);
    void (*frame)(struct http2_session *s, const nghttp2_frame *frame); /* it is whole */
    void (*data)(struct http2_session *s, int32_t stream_id, struct bytes data);
    void (*sent)(struct http2_session *s, const nghttp2_frame *frame);
    void (*closed)(struct http2_session *s, int32_t stream_id, uint32_t error_code);
    void (*block)(struct http2_session *s); /* `block_arrived` may be another; may be NULL */
    void (*kick)(struct http2_session *s);  /* there is output */
    void (*complain)(struct http2_session *s, const char *reason);
    bool strict; /* HEADERS on a stream that is closed end the connection */
};

/* Payload of a DATA frame: what we say that we take, and the most that we send where the peer takes as much. Fewer
 * frames are less work, and with TLS fewer bytes that have to be put together for a record. */
#define HTTP2_FRAME_MAX 262144u

enum http2_state { HTTP2_OPEN, HTTP2_KILLED, HTTP2_BROKEN };

struct http2_session {
    const struct http2_side *side;
    nghttp2_session *ng;
    struct loop *loop;
    struct budget *budget; /* NULL: credit is never withheld */
    enum http2_state state;
    size_t header_limit;    /* bytes that a header block may have, four times over, before the connection ends */
    bool greeted;           /* the peer's SETTINGS have come */
    bool settings_agreed;   /* ours are acknowledged */
    bool in_headers;        /* a header block has begun and not ended */
    unsigned continuations; /* of this header block */
    size_t block_bytes;     /* header bytes of this block, kept or not */
    size_t block_arrived;   /* of its frames, while they come: nghttp2 keeps what is no whole field yet */
    uint8_t frame[9];       /* the header of the frame that is arriving */
    size_t frame_seen;      /* bytes of it */
    size_t frame_left;      /* bytes of the payload (a server's first: of the preface) still to come */
    int32_t last_stream;    /* the highest that a client has begun */
    struct {
        int32_t stream;
        uint64_t late; /* what has come for it since */
    } resets[64];      /* the streams that we reset last; a ring */
    unsigned n_resets;
    /* the connection's window */
    uint32_t window;
    uint64_t arrived; /* bytes since `window_since` */
    uint64_t window_since;
    uint64_t withheld; /* credit that waits for room in the budget */
    struct budget_waiter room;
    struct clock_timer patience;
    /* limits */
    uint64_t nuisance, nuisance_at; /* the bucket, in thousandths, and when it was last emptied */
    uint64_t last_read;             /* mono ns */
    bool ping_out;                  /* one that asks whether the peer is there */
    uint64_t pinged_at;
};

/* What all sessions of one side can share: give back with nghttp2's functions. */
void http2_session_kit(nghttp2_session_callbacks **callbacks, nghttp2_option **option);

/* All fields but side, loop, budget and header_limit are zero; `ng` is made by nghttp2 with a kit, for this session. */
void http2_session_open(struct http2_session *s);
void http2_session_close(struct http2_session *s);

static inline bool http2_session_is_open(const struct http2_session *s)
{
    return s->state == HTTP2_OPEN;
}

void http2_session_input(struct http2_session *s, struct bytes data);

/* What is to be written next, valid until the next call of nghttp2's; empty when there is nothing for now. */
struct bytes http2_session_output(struct http2_session *s);

/* Too much waits to go out for more to be read. */
bool http2_session_is_choked(const struct http2_session *s);

/* GOAWAY with an error. `debug` is what the peer reads; the log says `reason`. */
void http2_session_kill(struct http2_session *s, uint32_t code, const char *debug, const char *reason);
void http2_session_break(struct http2_session *s);

/* ---- http2_session_limits.c ---- */

void http2_session_annoy(struct http2_session *s, unsigned weight, const char *reason);
void http2_session_credit(struct http2_session *s, size_t n); /* n DATA bytes have arrived */

/* Ping a peer that has said nothing for `time`, and break with one that does not answer within `timeout`. Returns after
 * how many ns to look again. */
uint64_t http2_session_look_alive(struct http2_session *s, uint64_t time, uint64_t timeout);

/* As above. */
void http2_session_open_limits(struct http2_session *s);
void http2_session_close_limits(struct http2_session *s);

#endif
