/* SPDX-License-Identifier: Apache-2.0 */
/* Where a client's calls go: the origin, the proxy in front of it (HTTP/1.1 in plain text is asked of one that speaks
 * HTTP, all else goes through it by CONNECT or SOCKS), and what is the same in each request's head. */
#ifndef NET_HTTP_ORIGIN_H
#define NET_HTTP_ORIGIN_H

#include "base/buf.h"
#include "base/vec.h"
#include "net/http/http_client.h"
#include "net/http/proxy.h"
#include "net/http/tunnel.h"

struct http_origin {
    char *name;                  /* the URL, without userinfo and query */
    char *server_name;           /* that the certificate must be valid for */
    char *dial_host, *dial_port; /* the proxy's, where there is one */
    struct buf prefix;           /* of the request line's target: scheme and authority for a proxy */
    struct buf path;             /* and query */
    struct buf fixed;            /* header lines */
    struct buf authority;
    VEC(struct http_header) headers; /* HTTP/2: names in lower case; each has its own memory */
    /* What the urls point into. */
    char *url_text;
    struct url url;
    char *proxy_text; /* NULL: straight to the origin */
    struct proxy proxy;
    char *proxy_name; /* its host */
    /* Through the proxy: host:port, and by CONNECT the proxy's authorization or NULL. Both NULL: no tunnel. */
    char *tunnel_to, *tunnel_authorization;
    struct buf tunnel_lines;                 /* of what CONNECT says besides */
    struct buf tunnel_user, tunnel_password; /* by SOCKS */
};

/* UV_EINVAL and `err` when the URL, or the proxy's, is none that can be called; http_origin_free() all the same. */
int http_origin_init(struct http_origin *to, const struct http_client_options *o, struct error *err);
/* What is said to the proxy to get through; `tls` leads to it. Points into the origin. */
struct tunnel_options http_origin_tunnel(const struct http_origin *to, struct tls *tls, uint64_t timeout);
void http_origin_free(struct http_origin *to);

#endif
