/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel through a proxy: CONNECT on a connection to it (RFC 9110 9.3.6), and its answer, of which 16 KiB of head are
 * read; or the same by SOCKS 5 (net/http/socks.h). The way to the proxy of CONNECT may be TLS. */
#ifndef NET_TUNNEL_H
#define NET_TUNNEL_H

#include "base/bytes.h"
#include "base/loop/loop.h"
#include "net/socket/tls.h"

struct tunnel;

/* fd: the connection through the proxy, the callee's, and what the origin has said on it already, valid during the
 * call; or -1 and a sentence. From the loop, never from inside tunnel_start. The tunnel is gone when it returns; but
 * where TLS leads to the proxy, it stands behind the descriptor as `relay` (else NULL), until tunnel_cancel(). */
typedef void tunnel_done(void *arg, int fd, struct tunnel *relay, struct bytes early, const char *why);

struct tunnel_options {
    const char *to;            /* host:port of the origin */
    const char *authorization; /* Proxy-Authorization's value; NULL: none */
    struct bytes lines;        /* further lines of the request's head, each with its end */
    uint64_t timeout;          /* ns, for all of it */
    struct tls *tls;           /* to the proxy; NULL: plain text */
    const char *proxy_name;    /* that its certificate must be valid for */
    bool socks;                /* SOCKS 5, with these; no TLS and no lines */
    struct bytes host, port, user, password;
};

/* Takes `fd` over, a connection to the proxy. The texts, and `tls`, stay while it runs. NULL: the socket cannot be
 * used, and nothing is told. */
struct tunnel *tunnel_start(struct loop *loop, int fd, const struct tunnel_options *o, tunnel_done *done, void *arg);
void tunnel_cancel(struct tunnel *t); /* `done` does not come any more, and a relay takes nothing more */

#endif
