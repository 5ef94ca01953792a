/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 client on the loop, for one origin: a pool of connections kept alive, and calls that each use one.
 *
 * Names are looked up anew for each connection, in libuv's pool; of several addresses each is tried in turn. A call
 * never follows a redirect: a 3xx is an answer. What a peer sends is bounded (net/http1/response_reader.h); beyond that
 * the connection closes. https is refused. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/budget.h"
#include "base/loop.h"
#include "net/message/message.h"
#include "net/http/url.h"

struct http_client;

struct http_client_options {
    const char *url;       /* where calls go; its userinfo is sent as basic authorization */
    const char *proxy_url; /* NULL or "": by the environment (net/http/proxy.h) */
    const char *user_agent;
    const struct http_header *headers; /* sent with every call; copied. A `host` among them takes Host's place */
    size_t n_headers;
    uint64_t connect_timeout; /* ns, for each address; 0 = 10 s */
    uint64_t idle_timeout;    /* ns; a kept connection closes after it; 0 = never */
    size_t max_idle;          /* connections kept; 0 = none */
    size_t max_connections;   /* at one time; further calls wait. 0 = no limit */
    struct budget *budget;    /* is charged with what is kept of answers; NULL: nobody is */
};

enum http_failure {
    HTTP_ANSWERED,        /* none: there is a status */
    HTTP_NOT_RESOLVED,    /* the host's name has no address */
    HTTP_NOT_CONNECTED,   /* no address answered */
    HTTP_TIMED_OUT,       /* the call's time was over */
    HTTP_CLOSED,          /* the connection broke */
    HTTP_BROKEN_RESPONSE, /* what came is no HTTP */
};

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
    uint64_t retry_after_ms; /* Retry-After, seconds or a date; 0 = none */
};

/* The header's value, or NULL. `name` in lower case. */
const struct bytes *http_response_header(const struct http_response *a, const char *name);

/* The caller's memory until on_done or http_call_cancel. */
struct http_call {
    const char *method;
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
    struct http_connection *connection;
    struct http_call *next;
    struct clock_timer timer;
    struct turn_task task;
    bool waiting, repeated;
    char why[240];
    enum http_failure failure;
};

/* NULL and `err` when the URL is none that can be called. */
struct http_client *http_client_new(struct loop *loop, const struct http_client_options *o, struct error *err);

/* No call is under way. Connections close; the memory goes when the last one has. */
void http_client_close(struct http_client *c);

void http_call_start(struct http_client *c, struct http_call *call);
/* Read no more of the answer for now, beyond what has been read already (64 KiB at most); go on. The call's time runs.
 */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
void http_call_cancel(struct http_call *call); /* on_done does not come any more */

struct http_client_stats {
    uint64_t connections; /* open */
    uint64_t opened;      /* in all */
    uint64_t bytes_in, bytes_out;
};

const struct http_client_stats *http_client_stats(struct http_client *c);

/* The origin, without userinfo and query. */
const char *http_client_name(const struct http_client *c);

#endif
