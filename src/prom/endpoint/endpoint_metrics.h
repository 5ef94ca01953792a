/* SPDX-License-Identifier: Apache-2.0 */
/* What the scrape endpoints count of themselves, by the address they listen on. */
#ifndef PROM_ENDPOINT_METRICS_H
#define PROM_ENDPOINT_METRICS_H

#include "base/metrics.h"
#include "net/http/http_server.h"

/* How a request ended. */
enum endpoint_outcome {
    ENDPOINT_OK,
    ENDPOINT_ABORTED,      /* the peer went away */
    ENDPOINT_TIMEOUT,      /* it took longer than the peer allows, or was not read, perhaps while others waited */
    ENDPOINT_BUSY,         /* 503: too many at once */
    ENDPOINT_NOT_FOUND,    /* 404 */
    ENDPOINT_BAD_METHOD,   /* 405 */
    ENDPOINT_UNAUTHORIZED, /* 401 */
    ENDPOINT_OUTCOMES
};

struct endpoint_counters {
    struct metric *requests[ENDPOINT_OUTCOMES];
    struct metric *running, *duration, *sent_bytes;
    struct metric *connections, *protocol_errors;
};

void endpoint_counters_init(struct endpoint_counters *c, struct metrics *m, const char *endpoint);

/* A family of `source` has been left out. */
void endpoint_count_left_out(struct metrics *m, const char *endpoint, const char *source);

/* Copy what the server counts. */
void endpoint_counters_update(struct endpoint_counters *c, const struct http_server_stats *stats);

#endif
