/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 messages: reading heads and bodies, writing heads. No I/O, no allocation, no state but the caller's.
 *
 * The reader is strict (RFC 9112): where two readers could disagree about where a message ends, this one refuses.
 * Lines end in CR LF and nothing else, header lines are not folded, a name touches its colon, a length is digits, and
 * a message has one framing. */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "base/buf.h"
#include "base/bytes.h"
#include "net/message/message.h"

#include <sys/types.h>

#define HTTP1_MAX_HEADERS 256

struct http1_fault {
    int status;       /* what to answer: 400, 417, 431, 501, 505 */
    const char *text; /* one line for the peer's developer */
    bool foreign;     /* the first line names no version of HTTP: an answer would only confuse who sent it */
};

/* --- heads --- */

/* How far a head has been searched; zeroed before the first byte of a message. */
struct http1_scan {
    size_t line; /* where the current line begins */
    size_t seen; /* bytes known to hold no further line end */
    size_t lines;
};

/* The length of the head that `data` begins with, its blank line included; 0 when it goes on; -1 when a line
 * ends in a bare LF or the first byte cannot begin a message. Call it again with the same bytes and more. */
ssize_t http1_scan(struct http1_scan *scan, struct bytes data);

struct http1_head {
    struct bytes method, path, query; /* of a request */
    struct bytes authority;           /* from an absolute target, or Host */
    int status;                       /* of a response */
    int minor;                        /* HTTP/1.minor, 0 or 1 */
    struct http_header *headers;      /* the caller's array; names in lower case */
    size_t n_headers;
    int64_t content_length; /* -1: none announced */
    bool chunked;
    bool keep_alive;
    bool expect_continue;
};

/* Read the head that http1_scan found (`len` is what it returned). Names are folded to lower case in place; the
 * result points into `data`. `headers` has room for `max`; more lines than that are 431. 0, or -1 and a fault. */
int http1_parse_request(struct http1_head *out, uint8_t *data, size_t len, struct http_header *headers, size_t max,
                        struct http1_fault *fault);
int http1_parse_response(struct http1_head *out, uint8_t *data, size_t len, struct http_header *headers, size_t max,
                         struct http1_fault *fault);

/* Read the lines that http1_body.trailers has gathered, as those of a head. The number of them, or -1. */
int http1_parse_trailers(uint8_t *data, size_t len, struct http_header *headers, size_t max);

/* --- bodies --- */

enum http1_framing { HTTP1_EMPTY, HTTP1_LENGTH, HTTP1_CHUNKED, HTTP1_UNTIL_CLOSE };

struct http1_body {
    enum http1_framing framing;
    int state; /* of the chunk reader */
    bool done;
    uint64_t left;        /* of the body or the chunk */
    uint32_t digits;      /* of the chunk size */
    uint32_t overhead;    /* extension and trailer bytes so far; bounded */
    struct buf *trailers; /* where the trailers' lines go; NULL: nowhere. Set after http1_body_init() */
};

void http1_body_init(struct http1_body *b, enum http1_framing framing, uint64_t length);

/* Read on: returns how many bytes of `in` were used, sets `run` to the body bytes among them (one run, maybe
 * empty), and b->done when the message has ended. -1 for a broken chunk. Call until it uses nothing or is done. */
ssize_t http1_body_read(struct http1_body *b, struct bytes in, struct bytes *run, struct http1_fault *fault);

/* --- writing --- */

const char *http1_reason(int status);
void http1_put_status(struct buf *to, int minor, int status);
/* CR, LF and NUL in a value are written as spaces, so that no value can end its line. */
void http1_put_header(struct buf *to, struct bytes name, struct bytes value);
void http1_put_end(struct buf *to);
void http1_put_chunk(struct buf *to, struct bytes data); /* nothing for empty data */
void http1_put_last_chunk(struct buf *to);

#endif
