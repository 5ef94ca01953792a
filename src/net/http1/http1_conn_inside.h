/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a server's HTTP/1.1 connection: what its two files share. */
#ifndef NET_HTTP1_CONN_INSIDE_H
#define NET_HTTP1_CONN_INSIDE_H

#include "net/http1/http1.h"
#include "net/http1/http1_conn.h"

#define DISCARD_MAX (64 * 1024ul) /* of a body nobody wants, to keep the connection */

enum http1_phase {
    HEAD, /* reading, or waiting for, a request's head */
    BODY, /* its body */
    DONE, /* the request is complete, the answer is not */
};

struct http1 {
    struct conn_io *io;
    struct request *request; /* NULL: none, or answered and gone while its body is still thrown away */
    enum http1_phase phase;  /* changed by enter_phase() */
    struct http1_scan scan;
    struct buf head; /* what has come of the head, when it did not come at once; charged to the budget */
    struct http1_body body;
    struct buf out;
    struct budget_waiter room;
    uint64_t discarded;
    unsigned blank; /* bytes of empty lines seen before the head */
    int minor;      /* HTTP version of the request */
    bool served;    /* a first request has come */
    bool keep;      /* the connection goes on after this answer */
    bool expects;   /* the peer waits for 100 Continue before its body */
    bool chunked;   /* the answer is */
    bool pass;      /* read once although the budget is overdrawn */
    bool ended;     /* the peer will send no more */
    bool finished;
    bool broken;
};

/* http1_response.c */
extern const struct stream_ops http1_stream_ops;
struct buf *http1_out(struct http1 *h); /* where answers are put; what it has leaves at the end of the turn */

#endif
