/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a tunnel: what it and the relay that it may become share. Nothing else includes this. */
#ifndef NET_TUNNEL_INSIDE_H
#define NET_TUNNEL_INSIDE_H

#include "net/http/socks.h"
#include "net/http/tunnel.h"
#include "net/http1/http1.h"
#include "net/socket/socket.h"

struct tunnel {
    struct socket_shared shared;
    struct socket *socket; /* to the proxy */
    struct clock_timer timer;
    struct loop *loop;
    tunnel_done *done; /* NULL: it has been told, or nobody wants to know */
    void *arg;
    struct buf head; /* what has come and was not used yet */
    struct http1_scan scan;
    struct socks socks;
    struct tunnel_options options;
    bool ready; /* no handshake is under way */
    /* As a relay. */
    struct socket *inner; /* whose other end was given away; NULL: there is none */
    struct buf held[2];   /* for the inner socket and the proxy, which are still being written to */
    bool ended;           /* the proxy says nothing any more */
    bool left;            /* the inner end was closed */
    bool closed;          /* both were */
    bool owned;           /* tunnel_cancel() is still to come */
    unsigned open;        /* sockets */
};

void tunnel_socket_gone(struct tunnel *t); /* one of both: with the last of them goes the tunnel, unless it is owned */

/* The tunnel stands: make it a relay. The descriptor for whoever asked for it, or -1. */
int tunnel_relay_begin(struct tunnel *t);
void tunnel_relay_close(struct tunnel *t);
/* What happens at the proxy's end then. */
void tunnel_relay_read(struct tunnel *t, struct bytes data);
void tunnel_relay_end(struct tunnel *t, int error);
void tunnel_relay_written(struct tunnel *t, int error);

#endif
