/* SPDX-License-Identifier: Apache-2.0 */
/* The scrape endpoints: who serves `/metrics` where.
 *
 * Several sources may name one address (the prometheus exporter and our own telemetry, both on 8888): they
 * share the listener and one exposition. A scrape is streamed in slices between turns of the loop, so that a million
 * series do not stall the receivers. Families never repeat in one exposition: `target_info` of all sources is one
 * family, written first; a family that an earlier source has already written is left out of a later one and counted. */
#ifndef PROM_SCRAPE_H
#define PROM_SCRAPE_H

#include "base/error.h"
#include "base/metrics.h"
#include "net/http/http_server.h"
#include "prom/exposition/scrape_source.h"

struct scrape_hub;

/* One hub per service. handover: as in http_server_options. */
struct scrape_hub *scrape_hub_new(uv_loop_t *loop, struct clock *clock, struct turn *turn, struct budget *budget,
                                  struct metrics *metrics, struct log_sink *log, struct listener_handover *handover);
void scrape_hub_free(struct scrape_hub *h); /* after every source was removed */

/* Serve `source` on the endpoint. An address equal to one that is served already (after resolving; also when one of
 * them is the wildcard of the other's port) shares its listener, which is then bound as widely as either asks, with
 * the more generous of each HTTP option. Anything but GET and HEAD of /metrics gets 404 or 405, a seventeenth scrape at
 * a time 503. */
int scrape_hub_add(struct scrape_hub *h, const struct http_server_options *options, struct scrape_source *source,
                   struct error *err);

/* All rows of what the endpoints count, NULL-terminated; for the reference. */
extern const struct metric_row *const scrape_metric_rows[];

/* The port that the source is served on (for port 0). */
int scrape_hub_port(const struct scrape_hub *h, const struct scrape_source *source);

/* Take a source out; its listener closes with its last source. done() when no scrape of it runs any more. */
void scrape_hub_remove(struct scrape_hub *h, struct scrape_source *source, uint64_t deadline, void (*done)(void *arg),
                       void *arg);
/* Between scrape_hub_remove() and its done(): the deadline is now. */
void scrape_hub_hurry(struct scrape_hub *h, const struct scrape_source *source);

#endif
