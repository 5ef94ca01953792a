/* SPDX-License-Identifier: Apache-2.0 */
/* The scrape endpoints: who serves `/metrics` where.
 *
 * Several sources may name one address (the prometheus exporter and our own telemetry, both on 8888): they
 * share the listener and one exposition. A scrape is streamed in slices between turns of the loop, so that a million
 * series do not stall the receivers. Families never repeat in one exposition: `target_info` of all sources is one
 * family, written first; a family that an earlier source has already written is left out of a later one and counted. */
#ifndef PROM_SCRAPE_ENDPOINT_H
#define PROM_SCRAPE_ENDPOINT_H

#include "base/error.h"
#include "base/metrics.h"
#include "net/http/http_server.h"
#include "prom/exposition/exposition_source.h"

struct scrape_endpoints;

/* One set of them per service. listeners: as in http_server_options. */
struct scrape_endpoints *scrape_endpoints_new(struct loop *loop, struct budget *budget, struct metrics *metrics,
                                              struct log_sink *log, struct listener_shared *listeners);
void scrape_endpoints_free(struct scrape_endpoints *all); /* after every source was removed */

/* Serve `source` on the endpoint. An address equal to one that is served already (after resolving; also when one of
 * them is the wildcard of the other's port) shares its listener, which is then bound as widely as either asks, with
 * the more generous of each HTTP option, and TLS where one of them asks for it, by the first one's certificate; who is
 * taken out takes along what he alone has asked for.
 * Anything but GET and HEAD of /metrics gets 404 or 405, unless there is a site for it, a seventeenth scrape at a time
 * 503, unless one of the sixteen is not read by its peer: that is cut off. Sources of one address have the same
 * gatekeeper, or the second one is not let in. */
int scrape_endpoints_add(struct scrape_endpoints *all, const struct http_server_options *options,
                         struct exposition_source *source, struct error *err);

/* Who answers what is not /metrics where `source` is served: from now on, and until the source is taken out. A request
 * that it was given stays its own until on_close. One site for all sources; it lives as long as the endpoints. */
void scrape_endpoints_set_site(struct scrape_endpoints *all, const struct exposition_source *source,
                               struct http_service *site);

/* All rows of what the endpoints count, NULL-terminated; for the reference. */
extern const struct metric_row *const endpoint_metric_rows[];

/* An endpoint as it is seen: who has asked last, and when. Its texts are valid for as long as the call. */
struct scrape_seen {
    const char *address;    /* "127.0.0.1:8889" */
    size_t n_sources;       /* who is served there */
    const char *const *ids; /* n_sources of them: "prometheus/2", "telemetry" */
    uint64_t scrapes;       /* GET of /metrics that were begun */
    uint64_t last, before;  /* wall ns: the last one, and the one before it; 0: none */
    const char *peer;       /* of the last: "10.1.2.3:5678"; "" = none */
    const char *user_agent; /* likewise: any bytes, cut to what fits */
};

void scrape_endpoints_each(const struct scrape_endpoints *all, void (*visit)(const struct scrape_seen *seen, void *arg),
                           void *arg);

/* The port that the source is served on (for port 0). */
int scrape_endpoints_port(const struct scrape_endpoints *all, const struct exposition_source *source);

/* Take a source out; its listener closes with its last source. done() when no scrape of it runs any more. */
void scrape_endpoints_remove(struct scrape_endpoints *all, struct exposition_source *source, uint64_t deadline,
                             void (*done)(void *arg), void *arg);
/* Between scrape_endpoints_remove() and its done(): the deadline is now. */
void scrape_endpoints_hurry(struct scrape_endpoints *all, const struct exposition_source *source);

#endif
