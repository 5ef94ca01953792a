/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the HTTP server: one accepted connection, from its first bytes to its last. */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H

#include "base/list.h"
#include "base/loop/slicer.h"
#include "net/http/http_server.h"
#include "net/message/conn_io.h"
#include "net/socket/listener.h"
#include "net/socket/socket.h"

#define HTTP_TLS_SHAKING (48 * 1024ul) /* about what a connection over TLS holds during its handshake */
#define HTTP2_HOLDS (16 * 1024ul)      /* and one of HTTP/2 for its session, whatever is asked on it */

struct http_conn;

struct http_server {
    struct server_shared shared;
    struct socket_shared sockets;
    struct listener listener;
    struct list conns;            /* of struct http_conn, the newest first */
    struct list put_off;          /* those whose input waits for a later turn */
    struct slicer *feeding;       /* of put_off; NULL: there has been none */
    uint64_t fed_turn, fed_since; /* the turn that took input last, and when it began with that (uv_hrtime) */
    bool crowded, had_to_wait;    /* somebody had to wait in the turn before that one; in that one */
    struct complaint full;        /* out of file descriptors */
    struct complaint strangers;   /* who are not of the own user */
    struct complaint tls;         /* TLS on this plain port; handshakes that fail */
    struct clock_timer deadline;  /* of stopping */
    bool listener_closed;
    void (*done)(struct http_server *s, void *arg);
    void *arg;
};

struct http_conn *http_conn_open(struct http_server *s, int fd); /* takes the fd; NULL: it is closed */
void http_conn_take_over(struct http_server *s, struct resting *r);
void http_conn_drain(struct http_conn *c); /* end when the running requests have */
void http_conn_cut(struct http_conn *c);   /* end now */

void http_server_each(struct http_server *s, void (*call)(struct http_conn *c)); /* which may close it */
/* May a connection from that peer keep so many bytes more? Those that are idle give way to it. False: close it. */
bool http_server_make_room(struct http_server *s, const struct peer *peer, uint64_t bytes);
void http_server_forget(struct http_server *s); /* a connection has closed */

#endif
