/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a client: what its pool (http_client.c) and its connections (http_connection.c) share. Nothing else includes
 * this. */
#ifndef NET_HTTP_CLIENT_INSIDE_H
#define NET_HTTP_CLIENT_INSIDE_H

#include "net/http/http_client.h"
#include "net/http/http_origin.h"
#include "net/message/client_io.h"
#include "net/socket/dial.h"

struct http_client {
    struct client_shared shared;
    struct http_client_options options;
    struct socket_shared sockets;
    struct http_origin origin;
    struct list connections; /* the newest first */
    struct list waiting;     /* calls for which no connection is free */
    size_t n_idle;
    bool closing;
    struct http_client_stats stats;
};

enum connection_state { CONN_DIALING, CONN_IDLE, CONN_BUSY, CONN_CLOSED };

struct http_connection {
    struct client_io io;
    struct list link;
    struct http_client *client;
    enum connection_state state; /* changed by move() */
    struct dial *dial;
    struct socket *socket;   /* NULL: none yet */
    struct http_call *first; /* that it was dialled for, until it begins */
    struct list calls;
    bool retiring; /* takes no more calls */
    bool mute;     /* the peer reads no more; what it said may still be there to be read */
    struct clock_timer idle;
    struct turn_task flush;
};

/* ---- http_connection.c ---- */

void http_connection_open(struct http_client *client, struct http_call *first);
bool http_connection_has_room(struct http_connection *c);
void http_connection_start(struct http_connection *c, struct http_call *call);
void http_connection_pause(struct http_connection *c, struct http_call *call, bool on);
/* The call is over, whatever its protocol or the dialling has come to; nothing is told of it. */
void http_connection_leave(struct http_connection *c, struct http_call *call);
void http_connection_close(struct http_connection *c); /* it has no calls */

static inline struct http_connection *http_connection_of(const struct http_call *call)
{
    return call->io != NULL ? container_of(call->io, struct http_connection, io) : NULL;
}

/* ---- http_client.c ---- */

void http_client_serve(struct http_client *c);  /* there is room for calls that wait */
void http_client_forget(struct http_client *c); /* a connection has gone */
void http_client_answered(struct http_call *call, struct http_response *a);
void http_client_failed(struct http_call *call, const struct call_failure *f);
void http_client_not_connected(struct http_call *call, enum http_failure failure, const char *why);

#endif
