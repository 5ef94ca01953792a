/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 client on the loop, for one origin: a pool of connections kept alive, and calls that each use one
 * (net/message/call.h).
 *
 * Names are looked up anew for each connection, in libuv's pool; of several addresses each is tried in turn. https is
 * refused. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/budget.h"
#include "base/loop.h"
#include "net/http/url.h"
#include "net/message/call.h"

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
