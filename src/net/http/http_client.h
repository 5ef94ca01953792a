/* SPDX-License-Identifier: Apache-2.0 */
/* A client on the loop, for one origin: connections kept alive, and calls on them (net/message/call.h).
 *
 * HTTP/1.1: a pool of connections that each carry one call at a time. Names are looked up anew for each; of several
 * addresses each is tried in turn.
 *
 * HTTP/2: one connection that carries many calls (pick_first: to the first address that answers), or one to each
 * address that the name has, which take calls in turn (round_robin). The name is looked up again when a connection
 * goes. Calls wait while a connection comes about, and for as long as the peer allows no more of them at a time. When
 * nobody can be reached they fail, and so do those that come within a second of it; with wait_for_ready they wait for
 * as long as their time allows. A call that the peer says it has not looked at is repeated, three times at most. A
 * connection that a peer ends by GOAWAY, as its age demands, finishes what is under way while a new one takes the new
 * calls.
 *
 * Either, as the peer chooses by ALPN when TLS begins: the first connection is made as those of HTTP/2 are, and what
 * was agreed on decides how it goes on; a peer that chooses differently later is followed. In plain text it is
 * HTTP/1.1.
 *
 * https, and HTTP/2 to an address that has no scheme, go over TLS with the options that say how.
 *
 * A proxy in the way is asked for the whole URL over http; all else goes through it by CONNECT (net/http/tunnel.h), to
 * the origin's name, of which it then knows the addresses. One of SOCKS 5 opens a tunnel for either. The way to a proxy
 * at https is TLS of its own, within which the origin's may run.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/budget.h"
#include "base/loop/loop.h"
#include "net/http/url.h"
#include "net/message/call.h"

struct http_client;

enum http_version {
    HTTP_VERSION_1,
    HTTP_VERSION_2,    /* by prior knowledge */
    HTTP_VERSION_ALPN, /* the peer chooses; `tls` offers "h2,http/1.1" */
};

struct resolver;
struct tls;

struct http_client_options {
    const char *url;       /* where calls go; its userinfo is sent as basic authorization */
    const char *proxy_url; /* NULL or "": by the environment (net/http/proxy.h); HTTP/2's is that of https */
    const struct http_header *proxy_headers; /* of CONNECT alone; copied */
    size_t n_proxy_headers;
    bool direct; /* without a proxy_url there is none, whatever the environment says */
    const char *user_agent;
    const struct http_header *headers; /* sent with every call; copied. A `host` among them takes Host's place */
    size_t n_headers;
    uint64_t connect_timeout; /* ns, for each address; 0 = 10 s */
    uint64_t idle_timeout;    /* ns; a kept connection closes after it; 0 = never */
    size_t max_idle;          /* connections kept; 0 = none */
    size_t max_connections;   /* at one time; further calls wait. 0 = no limit */
    bool cookies;             /* keep what the peer sets, and send it again (net/http/cookie_jar.h) */
    struct budget *budget;    /* is charged with what is kept of answers; NULL: nobody is */
    struct tls *tls;          /* net/socket/tls.h: speak it; a reference is taken. NULL: plain text */
    struct tls *proxy_tls;    /* for a proxy at https, offering "http/1.1"; a reference is taken */
    enum http_version version;
    const char *target; /* who is dialled, as gRPC names it (net/http/target.h); NULL: the URL's host and port.
                         * HTTP/1.1: a unix socket alone */
    /* HTTP/2, which knows neither max_idle nor max_connections. The peer may choose it only where
     * connections are kept (max_idle). */
    const char *authority; /* NULL: a `host` among the headers, or the URL's */
    bool round_robin;      /* else pick_first */
    bool wait_for_ready;
    uint64_t keepalive_time;              /* ns; a peer that is quiet for so long is pinged. 0 = never */
    uint64_t keepalive_timeout;           /* ns, for its answer; 0 = 20 s */
    bool keepalive_permit_without_stream; /* else only while calls are under way */
    const struct resolver *resolver;      /* NULL: the system's */
};

/* Whether the way of these options leads to a proxy at https. */
bool http_client_needs_proxy_tls(const struct http_client_options *o);

/* NULL and `err` when the URL is none that can be called. */
struct http_client *http_client_new(struct loop *loop, const struct http_client_options *o, struct error *err);

/* No call is under way, but one whose on_done runs. Connections close; the memory goes when the last one has. */
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
    bool clock_known;    /* an answer had a Date */
    int64_t clock_ahead; /* seconds by which the peer's clock is ahead of ours, by the last one that was looked at */
};

const struct http_client_stats *http_client_stats(struct http_client *c);

/* The origin, without userinfo and query. */
const char *http_client_name(const struct http_client *c);

#endif
