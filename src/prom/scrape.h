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
#include "net/http_server.h"
#include "prom/expo.h"

struct scrape_hub;

struct scrape_source {
    const char *name; /* for logs: the component's id, "telemetry" */
    bool enable_open_metrics; /* may OpenMetrics be negotiated? One source that allows it is enough */
    /* Called once when a scrape begins. Returns the scrape's cursor (may be NULL if none is needed). */
    void *(*open)(struct scrape_source *s);
    /* Give the rendered labels of each target_info series to emit(). The hub writes them (once each, whatever
     * number of sources name them). emit() false: taken, but enough for this slice; return true and go on at the next
     * call. Returns false when there are no more. NULL where the source has none (a target_info with a namespace
     * in front is an ordinary family of write()). */
    bool (*targets)(struct scrape_source *s, void *cursor, bool (*emit)(void *arg, struct bytes labels), void *arg);
    /* Write about `want` bytes more of the other families. True while there is more to come. claim(arg, name, type) must
     * be asked once before a family is begun for the first time: false says that its name, or the name of one of
     * its series (`x_count` beside a histogram `x`), is in this exposition already: leave the family out. A family is
     * ended before write() returns and begun `again` at the next call when it is not done. */
    bool (*write)(struct scrape_source *s, void *cursor, struct expo *e, size_t want,
                  bool (*claim)(void *arg, struct bytes name, enum expo_type type), void *arg);
    void (*close)(struct scrape_source *s, void *cursor);
};

/* One hub per service. */
struct scrape_hub *scrape_hub_new(uv_loop_t *loop, struct clock *clock, struct turn *turn, struct budget *budget,
                                  struct metrics *metrics, struct log_sink *log);
void scrape_hub_free(struct scrape_hub *h); /* after every source was removed */

/* Serve `source` on the endpoint. An address equal to one that is served already (after resolving; also when one of
 * them is the wildcard of the other's port) shares its listener, if the HTTP options other than the endpoint
 * are equal or default; the error says which differ otherwise. */
int scrape_hub_add(struct scrape_hub *h, const struct http_server_options *options, struct scrape_source *source,
                   struct error *err);

/* The port that the source is served on (for port 0). */
int scrape_hub_port(const struct scrape_hub *h, const struct scrape_source *source);

/* Take a source out; its listener closes with its last source. done() when no scrape of it runs any more. */
void scrape_hub_remove(struct scrape_hub *h, struct scrape_source *source, uint64_t deadline, void (*done)(void *arg),
                       void *arg);

#endif
