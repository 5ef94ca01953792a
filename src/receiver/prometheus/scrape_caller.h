/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of one job, or of one server of discovery, have in common: TLS, who we are, further headers, the
 * proxy. */
#ifndef RECEIVER_SCRAPE_CALLER_H
#define RECEIVER_SCRAPE_CALLER_H

#include "base/vec.h"
#include "net/http/http_client.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"
#include "pipeline/file_value.h"
#include "receiver/prometheus/scrape_config.h"

struct scrape_caller {
    const struct node *node;
    const struct scrape_client_config *config;
    struct tls *tls, *proxy_tls; /* NULL: not needed yet */
    struct file_value username, password, token;
    struct oauth2 oauth2;              /* closed where it is not configured */
    struct client_authenticator *auth; /* NULL: headers say who we are, at once */
    struct file_value *files;          /* of further headers, in the order of the configuration */
    size_t n_files;
    char user_agent[64];
};

/* Reads the files; those of TLS only where it is known that it is spoken (`secure`), else when it is. A negative errno
 * and `err` when one cannot be used; scrape_caller_close() all the same. The configuration outlives it. */
int scrape_caller_open(struct scrape_caller *c, const struct node *node, const struct scrape_client_config *config,
                       bool secure, struct error *err);
void scrape_caller_close(struct scrape_caller *c);

/* How a client's connections are. Zeroed: one, to the URL's host. */
struct scrape_way {
    bool lasting;       /* calls take long: there are as many connections as calls, and quiet peers are pinged */
    const char *target; /* who is dialled (net/http/target.h), a unix socket; stays. NULL: the URL's host */
};

/* A client for the origin of that URL. NULL and `err` when it cannot be called. */
struct http_client *scrape_caller_client(struct scrape_caller *c, const char *url, const struct scrape_way *way,
                                         struct error *err);

/* Add what is sent with each request; `trusted`: also who we are, but for what c->auth says. */
void scrape_caller_headers(const struct scrape_caller *c, bool trusted, struct call_headers *h);

#endif
