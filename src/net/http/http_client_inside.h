/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a client: what its pool (http_client.c), its connections (http_connection.c) and what keeps those of HTTP/2
 * alive (http_balancer.c) share. Nothing else includes this. */
#ifndef NET_HTTP_CLIENT_INSIDE_H
#define NET_HTTP_CLIENT_INSIDE_H

#include "net/http/cookie_jar.h"
#include "net/http/http_client.h"
#include "net/http/http_origin.h"
#include "net/http/target.h"
#include "net/http/tunnel.h"
#include "net/message/client_io.h"
#include "net/socket/dial.h"

/* HTTP/2: to whom connections go, and when. */
struct http_balancer {
    struct target target;
    const struct resolver *resolver;
    struct lookup *lookup; /* NULL: none is under way */
    struct clock_timer again;
    unsigned failures;       /* one after the other */
    uint64_t quiet_until;    /* mono ns; calls do not make us dial before */
    struct call_failure end; /* how the last attempt failed; its `why` is `why` */
    char why[240];
};

struct http_client {
    struct client_shared shared;
    struct http_client_options options;
    struct socket_shared sockets;
    struct http_origin origin;
    struct http_balancer balancer;
    struct cookie_jar jar;   /* empty without options.cookies */
    struct buf cookie;       /* what shared.head has */
    struct list connections; /* HTTP/1.1: the newest first. HTTP/2: the next in turn first */
    struct list waiting;     /* calls for which no connection is free */
    size_t n_idle;
    bool pooled; /* calls have connections dialled for them, as HTTP/1.1 needs it; else the balancer has */
    bool closing;
    bool held; /* it does not go with its last connection */
    struct http_client_stats stats;
    uint64_t clock_due; /* mono: when the next Date is looked at */
};

/* The peer greets when it has to speak first: HTTP/2's SETTINGS. */
enum connection_state { CONN_DIALING, CONN_GREETING, CONN_IDLE, CONN_BUSY, CONN_CLOSED };

struct http_connection {
    struct client_io io;
    struct list link;
    struct http_client *client;
    enum connection_state state; /* changed by enter_state() */
    struct dial *dial;
    struct tunnel *tunnel;   /* behind the dial, where a proxy is in the way */
    struct socket *socket;   /* NULL: none yet */
    bool http2;              /* what is spoken, once that is known */
    struct http_call *first; /* that it was dialled for, until it begins; NULL: the balancer had it dialled */
    struct list calls;
    struct address to; /* HTTP/2, round_robin: the one address that it is for; else len is 0 */
    bool retiring;     /* takes no more calls */
    bool served;       /* has answered one */
    bool mute;         /* the peer reads no more; what it said may still be there to be read */
    struct clock_timer timer;
    struct turn_task flush;
};

/* ---- http_connection.c ---- */

/* Dialled for this call. */
void http_connection_open(struct http_client *client, struct http_call *first);
/* For no call: to the first of these addresses that answers. */
void http_connection_open_to(struct http_client *client, const struct address *to, size_t n);
bool http_connection_has_room(struct http_connection *c);
bool http_connection_is_live(struct http_connection *c); /* takes calls, or may come to it */
void http_connection_start(struct http_connection *c, struct http_call *call);
void http_connection_pause(struct http_connection *c, struct http_call *call, bool on);
/* The call is over, whatever its protocol or the dialling has come to; nothing is told of it. */
void http_connection_leave(struct http_connection *c, struct http_call *call);
void http_connection_retire(struct http_connection *c); /* what is under way ends, and nothing new begins */
void http_connection_close(struct http_connection *c);  /* it has no calls */

static inline struct http_connection *http_connection_of(const struct http_call *call)
{
    return call->io != NULL ? container_of(call->io, struct http_connection, io) : NULL;
}

/* ---- http_balancer.c ---- */

int http_balancer_init(struct http_client *c, struct error *err);
void http_balancer_free(struct http_client *c);
struct http_connection *http_balancer_pick(struct http_client *c); /* NULL: none has room */
/* A call waits. False: it need not, for nobody can be reached: balancer.end says why. */
bool http_balancer_want(struct http_client *c);
/* A connection has ended for this reason; `served`: it has answered a call. */
void http_balancer_lost(struct http_client *c, bool served, const struct call_failure *why);

/* ---- http_client.c ---- */

void http_client_serve(struct http_client *c);       /* there is room for calls that wait */
void http_client_wait_first(struct http_call *call); /* it is the next in line */
void http_client_forget(struct http_client *c);      /* a connection has gone */
void http_client_bake(struct http_call *call);       /* the cookies of a call that begins */
void http_client_answered(struct http_call *call, struct http_response *a);
void http_client_failed(struct http_call *call, const struct call_failure *f);
void http_client_fail(struct http_call *call, const struct call_failure *f); /* and is not repeated */

#endif
