/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd healthcheck`: is a running otelcd alive? For Docker's HEALTHCHECK and for scripts: asks the scrape endpoint
 * of its own telemetry, or whatever URL it is given, with one HTTP request (command/daemon.h). */
#include "command/daemon.h"

#include <stdio.h>

int command_healthcheck(const struct arguments *a)
{
    struct daemon_address p = { .path = "/metrics" };
    struct daemon_answer r;
    int code = daemon_find(a, &p);

    if (code != 0)
        return code;
    daemon_ask(&p, "HEAD", p.path, sizeof(r.line) - 1, &r);
    buf_free(&r.text);
    if (r.status == 200)
        return 0;
    fprintf(stderr, "otelcd healthcheck: %s://%s:%s%s: %s%s\n", r.tls ? "https" : "http", p.host, p.port, p.path,
            r.status != 0 ? r.line : r.why,
            r.status != 0 ? "" : "; is otelcd running, and does it listen there? --config or --endpoint say where");
    return 1;
}
