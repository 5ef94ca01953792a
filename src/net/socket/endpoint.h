/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen or connect, as users write it: "host:port", ":4317", "[::1]:0", "localhost:4317", a path. */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include "base/error.h"
#include "config/option.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ENDPOINT_TEXT 128 /* room for every address as text, its NUL included */

struct endpoint {
    struct sockaddr_storage addr;
    socklen_t len;
    bool any; /* a wildcard or no host, as tcp: [::] for both families; the listener falls back to 0.0.0.0 where there
               * is no IPv6 */
};

/* `transport` is "tcp", "tcp4", "tcp6" or "unix" (text is a path then; "@name" is an abstract socket).
 * "localhost" is 127.0.0.1 (::1 with tcp6) without asking anybody; other names go through the resolver, which may
 * block: this is for start-up. The first IPv4 address of a name wins, as in Go. UV_EINVAL for text that is no
 * endpoint, the resolver's error otherwise. */
int endpoint_parse(struct endpoint *out, const char *text, const char *transport, struct error *err);

/* The wildcard of both families (`any`) becomes that of IPv4. */
void endpoint_narrow(struct endpoint *e);

/* What can be said of the text without asking anybody for an address: for configurations that are only checked. */
int endpoint_check(const char *text, const char *transport, struct error *err);
/* The same for a component's check(): a fault at `path`. */
void endpoint_check_option(const char *path, const char *text, const char *transport, struct check *ck);

/* "127.0.0.1:4317", "[::1]:4317", "/run/x.sock", "@name"; "unix" for an unnamed socket. */
void endpoint_format(const struct sockaddr_storage *addr, socklen_t len, char *out, size_t cap);

#endif
