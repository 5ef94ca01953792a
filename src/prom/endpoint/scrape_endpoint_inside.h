/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the scrape endpoints: what their two files share. scrape_endpoint.c has the listeners and who is served
 * there, scrape_request.c looks at requests. */
#ifndef PROM_SCRAPE_ENDPOINT_INSIDE_H
#define PROM_SCRAPE_ENDPOINT_INSIDE_H

#include "base/arena.h"
#include "base/vec.h"
#include "net/socket/endpoint.h"
#include "prom/endpoint/endpoint_run.h"
#include "prom/endpoint/scrape_endpoint.h"

/* Somebody who waits for the last scrape of a source that was taken out. */
struct removal {
    struct list link;
    struct scrape_endpoint *e;
    struct exposition_source *source;
    void (*done)(void *arg);
    void *arg;
    struct clock_timer deadline;
};

/* Who has asked last. */
struct last_scrape {
    uint64_t count, last, before; /* wall ns */
    char peer[64], user_agent[96];
};

/* What one who is served asks for. */
struct endpoint_asked {
    struct http_server_options options; /* as those of the endpoint */
    struct arena memory;
};

/* One listener and who is served there. */
struct scrape_endpoint {
    struct http_service service;
    struct scrape_endpoints *all;
    struct http_server *server;
    struct http_server_options options; /* its strings are the endpoint's */
    struct arena memory;                /* of what the options point to */
    struct endpoint address;
    bool stopping; /* its last source has been taken out */
    VEC(struct exposition_source *) sources;
    VEC(struct endpoint_asked) asked; /* what each of them asks for */
    struct list runs;                 /* of endpoint_run */
    struct list removals;             /* newest first */
    struct endpoint_counters counters;
    struct last_scrape scraped;
    struct complaint left_out, busy, slow, refused;
    struct turn_task settle;
    struct http_service *site;                  /* NULL: there never was one */
    const struct exposition_source *site_owner; /* NULL: it takes nothing new */
};

struct scrape_endpoints {
    struct loop *loop;
    struct budget *budget;
    struct metrics *metrics;
    struct logger log;
    struct listener_shared *listeners;
    struct endpoint_pace pace;
    struct metric_hook hook;
    VEC(struct scrape_endpoint *) list;
};

extern const struct http_service scrape_request_service; /* of the service in struct scrape_endpoint */

#endif
