/* SPDX-License-Identifier: Apache-2.0 */
/* Who a gRPC client dials, as gRPC names it: "host:port", "[::1]:4317", "dns:///host:port", "passthrough:///host:port",
 * "unix:path", "unix:///absolute/path", "unix-abstract:name". */
#ifndef NET_TARGET_H
#define NET_TARGET_H

#include "base/error.h"
#include "net/socket/lookup.h"

#include <stdbool.h>

struct target {
    char *host, *port; /* NULL for a unix socket */
    bool is_unix;
    struct address address; /* of a unix socket */
};

/* UV_EINVAL and a sentence; target_free() all the same. */
int target_parse(struct target *to, const char *text, struct error *err);
void target_free(struct target *to);

#endif
