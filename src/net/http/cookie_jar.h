/* SPDX-License-Identifier: Apache-2.0 */
/* The cookies that one host has set (RFC 6265), for what is asked of it next: at most 50 of at most 4 KiB each, the
 * oldest of which make room. Session cookies live as long as the jar. */
#ifndef NET_COOKIE_JAR_H
#define NET_COOKIE_JAR_H

#include "base/buf.h"
#include "base/list.h"

struct cookie_jar {
    struct list cookies; /* the oldest first */
    size_t n;
};

/* A request: to whom, without port and query, and how. */
struct cookie_request {
    struct bytes host, path;
    bool secure;
};

void cookie_jar_init(struct cookie_jar *jar);
void cookie_jar_free(struct cookie_jar *jar);

/* The value of a Set-Cookie in the answer to `r`, at the wall time `now` in ns. What is malformed, too large or of
 * another domain is left out. */
void cookie_jar_take(struct cookie_jar *jar, struct bytes set_cookie, const struct cookie_request *r, uint64_t now);

/* Append the value of the Cookie that `r` carries: "a=1; b=2", or nothing. What has ended is forgotten. */
void cookie_jar_put(struct cookie_jar *jar, const struct cookie_request *r, uint64_t now, struct buf *out);

#endif
