/* SPDX-License-Identifier: Apache-2.0 */
/* Where a client's calls go: the origin, the proxy in front of it (HTTP/1.1 in plain text is asked of it, all else goes
 * through it by CONNECT), and what is the same in each request's head. */
#ifndef NET_HTTP_ORIGIN_H
#define NET_HTTP_ORIGIN_H

#include "base/buf.h"
#include "base/vec.h"
#include "net/http/http_client.h"

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
    struct url proxy;
    /* Through the proxy by CONNECT: host:port, and the proxy's authorization or NULL. Both NULL: no tunnel. */
    char *tunnel_to, *tunnel_authorization;
    struct buf tunnel_lines; /* of what CONNECT says besides */
};

/* UV_EINVAL and `err` when the URL, or the proxy's, is none that can be called; http_origin_free() all the same. */
int http_origin_init(struct http_origin *to, const struct http_client_options *o, struct error *err);
void http_origin_free(struct http_origin *to);

#endif
