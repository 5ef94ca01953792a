/* SPDX-License-Identifier: Apache-2.0 */
/* What the scrape endpoints count of themselves, by the address they listen on. */
#ifndef PROM_SCRAPE_METRICS_H
#define PROM_SCRAPE_METRICS_H

#include "base/metrics.h"
#include "net/http/http_server.h"

/* How a request ended. */
enum scrape_outcome {
    SCRAPE_OK,
    SCRAPE_ABORTED,    /* the peer went away */
    SCRAPE_TIMEOUT,    /* it took longer than the peer allows, or was not read */
    SCRAPE_BUSY,       /* 503: too many at once */
    SCRAPE_NOT_FOUND,  /* 404 */
    SCRAPE_BAD_METHOD, /* 405 */
    SCRAPE_OUTCOMES
};

struct scrape_counters {
    struct metric *requests[SCRAPE_OUTCOMES];
    struct metric *running, *duration, *sent_bytes;
    struct metric *connections, *protocol_errors;
};

void scrape_counters_init(struct scrape_counters *c, struct metrics *m, const char *endpoint);

/* A family of `source` has been left out. */
void scrape_count_left_out(struct metrics *m, const char *endpoint, const char *source);

/* Copy what the server counts. */
void scrape_counters_update(struct scrape_counters *c, const struct http_server_stats *stats);

#endif
