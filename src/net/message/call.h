/* SPDX-License-Identifier: Apache-2.0 */
/* A call of ours to a peer, whichever protocol carries it: a request, and how it ended.
 *
 * What a peer sends is bounded. Of an answer's body `max_response` bytes are kept; heads, trailers and what stands
 * before an answer (1xx) have limits of their own, beyond which the call fails (net/http1/response_reader.h,
 * net/http2/http2_client.h). A redirect is an answer, and never followed. */
#ifndef NET_CALL_H
#define NET_CALL_H

#include "base/budget.h"
#include "base/loop/clock.h"
#include "base/list.h"
#include "base/loop/turn.h"
#include "net/message/message.h"

enum http_failure {
    HTTP_ANSWERED,        /* none: there is a status */
    HTTP_NOT_RESOLVED,    /* the host's name has no address */
    HTTP_NOT_CONNECTED,   /* no address answered */
    HTTP_TIMED_OUT,       /* the call's time was over */
    HTTP_CLOSED,          /* the connection broke */
    HTTP_BROKEN_RESPONSE, /* what came is no HTTP */
    HTTP_REFUSED,         /* the peer says that it has not looked at the request */
    HTTP_WRONG_PROTOCOL,  /* the peer speaks another one: `spoken` */
};

/* What the first bytes of a peer are. */
enum http_spoken {
    HTTP_SPOKEN_NOTHING, /* they could still become several things */
    HTTP_SPOKEN_HTTP1,
    HTTP_SPOKEN_HTTP2,
    HTTP_SPOKEN_TLS,
    HTTP_SPOKEN_OTHER,
};

enum http_spoken http_spoken_by(struct bytes first);

struct http_response {
    enum http_failure failure;
    const char *why; /* a sentence that names address and phase; "" when answered */
    bool ambiguous;  /* failed, but the peer may have read the request */
    int status;
    const struct http_header *headers;
    size_t n_headers;
    const struct http_header *trailers;
    size_t n_trailers;
    struct bytes body;       /* its beginning: at most max_response bytes; empty where on_body had it */
    bool cut;                /* there was more, of the body or, over HTTP/2, of the fields */
    enum http_spoken spoken; /* HTTP_WRONG_PROTOCOL: by the peer */
    uint32_t h2_error;       /* HTTP_CLOSED over HTTP/2: the code of RFC 9113 7, where the peer told one; else 0 */
    uint64_t retry_after_ms; /* Retry-After, seconds or a date; 0 = none */
};

/* The header's value, or NULL. `name` in lower case. */
const struct bytes *http_response_header(const struct http_response *a, const char *name);

struct http_client;
struct client_io;

/* The caller's memory until on_done or http_call_cancel. */
struct http_call {
    const char *method;
    const char *path;                  /* NULL: the client's URL says it */
    const struct http_header *headers; /* beside the client's; names in lower case */
    size_t n_headers;
    const struct bytes *parts; /* the body, in pieces that are not copied: they stay in place until on_done */
    size_t n_parts;
    uint64_t timeout; /* ns, from http_call_start to the answer's end; 0 = none */
    size_t max_response;
    bool repeatable; /* may be sent twice: a kept connection that turns out to be dead is replaced */
    /* NULL, or told each run of the body as it comes, which is then not kept. More than max_response bytes are no
     * answer. It may pause, or cancel, the call. `status` is set before. */
    void (*on_body)(struct http_call *call, struct bytes data);
    int status;
    /* From the loop, never from inside http_call_start. The answer is valid until it returns. */
    void (*on_done)(struct http_call *call, const struct http_response *answer);

    /* The client's. */
    struct http_client *client;
    struct client_io *io; /* whose protocol has it; NULL: it waits, or is over */
    struct list link;     /* among those that wait, or those of its connection */
    struct clock_timer timer;
    struct turn_task task;
    void *stream; /* HTTP/2's */
    bool waiting, ambiguous;
    unsigned repeats;
    char why[240];
    enum http_failure failure;
    enum http_spoken spoken;
    uint32_t h2_error;
};

/* Of an answer so many bytes are kept whatever the budget says: who does not hear one has to send the request again,
 * though the peer may have taken it. */
#define CALL_ANSWER_SURE (16 * 1024ul)

/* Charges n more bytes that are kept of an answer; `charged`: how many are already, for who gives them back. False:
 * there is no room. budget NULL: nobody is charged. */
bool call_charge_answer(struct budget *budget, uint64_t *charged, uint64_t n);

#endif
