/* SPDX-License-Identifier: Apache-2.0 */
/* Making a connection: the addresses of host:port, or some that are known, one after another, until one answers. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/socket/lookup.h"

#include <stdbool.h>

struct dial;

/* fd: the socket, the callee's, not blocking; or -1 and why ("connect to 10.0.0.1:9090: connection refused"). From the
 * loop, never from inside dial_start. The dial is gone when it returns. */
typedef void dial_done(void *arg, int fd, bool resolved, const char *why);

/* `timeout` in ns for each address. */
struct dial *dial_start(struct loop *loop, const char *host, const char *port, uint64_t timeout, dial_done *done,
                        void *arg);
/* The same to the n addresses (at least one, at most LOOKUP_MAX; copied) of `name`, tcp or unix. */
struct dial *dial_start_at(struct loop *loop, const char *name, const struct address *to, size_t n, uint64_t timeout,
                           dial_done *done, void *arg);
void dial_cancel(struct dial *d); /* `done` does not come any more */

#endif
