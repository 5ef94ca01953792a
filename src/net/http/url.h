/* SPDX-License-Identifier: Apache-2.0 */
/* An absolute URL of http or https, as configurations name peers (RFC 3986, no fragments). */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/bytes.h"
#include "base/error.h"

struct url {
    bool secure;           /* https */
    struct bytes userinfo; /* "user:password", still escaped; empty = none */
    struct bytes host;     /* a name, or an address without brackets */
    struct bytes port;     /* as written; empty = the scheme's */
    struct bytes target;   /* path and query, "/" when there is none; points into the text or to a constant */
};

/* Points into `text`. UV_EINVAL and a sentence otherwise, without the userinfo. */
int url_parse(struct url *out, struct bytes text, struct error *err);

/* The same of another scheme, "socks5://"; `secure` stays false. */
int url_parse_behind(struct url *out, struct bytes text, const char *scheme, struct error *err);

/* "80", "443", or what was written. */
struct bytes url_port(const struct url *u);

/* Append the URL without userinfo and query: what logs and labels may show. */
struct buf;
void url_put_safe(struct buf *out, const struct url *u);

/* Append host and, where it was written, port: as in a Host header. */
void url_put_authority(struct buf *out, const struct url *u);

/* Append `s` with %XX for all but letters, digits and what is in `plain`, "-._~" for a part of a query. */
void url_put_escaped(struct buf *out, struct bytes s, const char *plain);

/* Append `s` with %XX taken back. */
void url_put_unescaped(struct buf *out, struct bytes s);

#endif
