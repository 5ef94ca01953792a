/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a name, by whoever resolves names: the system's resolver, or a test's. */
#ifndef NET_LOOKUP_H
#define NET_LOOKUP_H

#include "base/loop/loop.h"

#include <sys/socket.h>

#define LOOKUP_MAX 64 /* addresses of a name; the rest are left out */

struct address {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* n > 0, or why there is none ("look up db: no such host"). From the loop, never from inside start(). The lookup is
 * gone when it returns. */
typedef void lookup_done(void *arg, const struct address *found, size_t n, const char *why);

struct lookup;

struct resolver {
    struct lookup *(*start)(struct loop *loop, const char *host, const char *port, lookup_done *done, void *arg);
    void (*cancel)(struct lookup *l); /* `done` does not come any more */
};

extern const struct resolver resolver_system; /* base/loop/name_lookup.h */

#endif
