/* SPDX-License-Identifier: Apache-2.0 */
/* A page that is fetched again and again from one URL: redirects are followed, the body is inflated, and neither time
 * nor memory goes beyond what is allowed. */
#ifndef RECEIVER_FETCH_H
#define RECEIVER_FETCH_H

#include "base/block.h"
#include "pipeline/authorized_call.h"
#include "receiver/prometheus/scrape_caller.h"

enum fetch_fault {
    FETCH_DONE,
    FETCH_UNREACHED, /* no address, no connection, it broke, or what came is no HTTP */
    FETCH_TIMEOUT,
    FETCH_STATUS,    /* another answer than 200 */
    FETCH_REDIRECTS, /* too many, or to nowhere */
    FETCH_TOO_LARGE, /* as much as the limit, or more */
    FETCH_NO_ROOM,   /* the memory budget is taken */
    FETCH_CODING,    /* it cannot be inflated */
    FETCH_FAULTS
};

struct fetch {
    /* The owner's. */
    struct scrape_caller *caller;
    const char *url; /* stays */
    uint64_t timeout;
    uint64_t limit;                       /* bytes of the body, inflated: as many are too many */
    const char *accept;                   /* stays */
    bool gzip;                            /* ask for it */
    bool url_changes;                     /* from start to start, to others of the same origin that have a path */
    bool extra_is_secret;                 /* it goes to no other host */
    const char *extra_name, *extra_value; /* one more header; stays */
    const char *kept_name;                /* a header of the answer that is kept; NULL: none */
    struct scrape_way way;                /* of the client at home */
    /* From the loop. The body may be taken out of `block`. */
    void (*on_done)(struct fetch *f);

    /* The answer, valid until the next start. */
    enum fetch_fault fault;
    char why[300];
    struct bytes type; /* Content-Type; empty: none */
    char kept[64];     /* the header's value; "": there was none, or a longer one */
    struct bytes body;

    /* Its own; zeroed at first. */
    struct http_client *client; /* of the URL's origin, kept */
    struct http_client *away;   /* of where it was redirected to; NULL: not away */
    struct http_call call;
    struct authorized_call authorized; /* what is said, and who says it */
    struct turn_task failing;
    struct block *block;
    struct inflating *inflating; /* NULL: no thread does */
    size_t len, usual;           /* bytes that have come; and that came the last time */
    uint64_t deadline;           /* mono ns */
    unsigned redirects;
    char *redirected, *type_memory; /* the URL after a redirect */
    bool running;
    bool trusted; /* the call goes to the first host */
};

/* Not while it runs. */
void fetch_start(struct fetch *f);
void fetch_cancel(struct fetch *f);  /* on_done does not come; no effect on one that does not run */
void fetch_release(struct fetch *f); /* the body's memory */
/* A piece of it, from the end, where it is large: nobody reads it any more. False: fetch_release() is next. */
bool fetch_release_some(struct fetch *f);
void fetch_free(struct fetch *f); /* it does not run */

/* Where a Location leads from `base`, appended to `out`. False: nowhere that http leads to. */
bool fetch_resolve(const char *base, struct bytes location, struct buf *out);

#endif
