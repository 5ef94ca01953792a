/* SPDX-License-Identifier: Apache-2.0 */
/* One answer to a request, read as it comes: interim heads (1xx), which are skipped, the head, the body. No I/O.
 *
 * What a peer sends is bounded: 64 KiB of head, sixteen interim answers, and of the body the first `max_body` bytes are
 * kept and a megabyte more is read. */
#ifndef NET_HTTP1_ANSWER_H
#define NET_HTTP1_ANSWER_H

#include "net/http1/http1.h"

enum answer_progress { ANSWER_GOES_ON, ANSWER_DONE, ANSWER_BROKEN };

/* Zeroed at first; its buffers stay from one answer to the next. */
struct http1_answer {
    struct http1_head head; /* whole once has_head */
    struct buf head_bytes, body;
    struct http1_scan scan;
    struct http_header headers[HTTP1_MAX_HEADERS];
    struct http1_body reader;
    bool has_head;
    bool heard; /* anything at all */
    size_t max_body;
    unsigned interim;
    uint64_t thrown; /* bytes of the body that were not kept */
};

void http1_answer_free(struct http1_answer *a);
void http1_answer_begin(struct http1_answer *a, size_t max_body);

/* More bytes. DONE: head and body stand, and the connection may be kept if http1_answer_reusable says so. BROKEN: *why
 * is a sentence. No more bytes may be taken after either. */
enum answer_progress http1_answer_take(struct http1_answer *a, struct bytes data, const char **why);

/* The peer has ended the connection: DONE when that is where the answer ends, else BROKEN. */
enum answer_progress http1_answer_end(struct http1_answer *a);

bool http1_answer_reusable(const struct http1_answer *a);

/* Milliseconds that a Retry-After asks for (RFC 9110 10.2.3), at the wall time `now` ns; 0 = it says nothing sensible.
 */
uint64_t http_retry_after(struct bytes value, uint64_t now);

#endif
