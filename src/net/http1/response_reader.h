/* SPDX-License-Identifier: Apache-2.0 */
/* One answer to a request, read as it comes: interim heads (1xx), which are skipped, the head, the body. No I/O.
 *
 * What a peer sends is bounded: 64 KiB of head, sixteen interim answers, sixteen trailers, and of the body the first
 * `max_body` bytes are kept and a megabyte more is read. A body may also be passed on as it comes, instead of being
 * kept; then more than max_body bytes are a fault. */
#ifndef NET_RESPONSE_READER_H
#define NET_RESPONSE_READER_H

#include "net/http1/http1.h"

#define RESPONSE_TRAILERS 16

enum response_progress { RESPONSE_GOES_ON, RESPONSE_DONE, RESPONSE_BROKEN };

/* Zeroed at first; its buffers stay from one answer to the next. */
struct response_reader {
    struct http1_head head; /* whole once has_head */
    struct buf head_bytes, body;
    struct http1_scan scan;
    struct http_header headers[HTTP1_MAX_HEADERS];
    struct http1_body reader;
    struct buf trailer_bytes;
    struct http_header trailers[RESPONSE_TRAILERS]; /* whole once the answer is */
    size_t n_trailers;
    void (*on_body)(void *arg, struct bytes data); /* NULL: the body is kept */
    void *arg;
    bool left; /* whoever is passed the body wants no more of it: said from on_body */
    uint64_t passed;
    bool has_head;
    bool heard; /* anything at all */
    size_t max_body;
    unsigned interim;
    uint64_t thrown; /* bytes of the body that were not kept */
};

void response_reader_free(struct response_reader *a);
void response_reader_begin(struct response_reader *a, size_t max_body, void (*on_body)(void *arg, struct bytes data),
                           void *arg);

/* More bytes. DONE: head and body stand, and the connection may be kept if response_reader_reusable says so. BROKEN:
 * *why is a sentence. No more bytes may be taken after either. */
enum response_progress response_reader_take(struct response_reader *a, struct bytes data, const char **why);

/* The peer has ended the connection: DONE when that is where the answer ends, else BROKEN. */
enum response_progress response_reader_end(struct response_reader *a);

bool response_reader_reusable(const struct response_reader *a);

/* Milliseconds that a Retry-After asks for (RFC 9110 10.2.3), at the wall time `now` ns; 0 = it says nothing sensible.
 */
uint64_t http_retry_after(struct bytes value, uint64_t now);

/* Seconds since 1970 of a Date (RFC 9110 5.6.7, its preferred form). False: it is none. */
bool http_date(struct bytes value, int64_t *seconds);

#endif
