/* SPDX-License-Identifier: Apache-2.0 */
/* A token by OAuth 2's client credentials, fetched when a call needs one, and renewed: what the extension oauth2client
 * is, and what a component has that asks for tokens of its own. */
#ifndef OAUTH2_H
#define OAUTH2_H

#include "config/client_rows.h"
#include "net/http/http_client.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"
#include "pipeline/file_value.h"

struct oauth2_config {
    const char *client_id, *client_id_file;
    struct secret client_secret;
    const char *client_secret_file;
    const char *token_url;
    struct strings scopes;
    struct string_map endpoint_params;
    duration timeout, expiry_buffer;
    int grant_type;
    struct tls_config tls;
};

enum oauth2_result { OAUTH2_TOKEN, OAUTH2_FAILED, OAUTH2_RESULTS };

extern const struct metric_row oauth2_fetches_row;

struct oauth2 {
    struct client_authenticator client; /* who is asked, from oauth2_open() on */

    /* Its own. */
    const struct node *node; /* NULL: it is closed */
    const struct oauth2_config *config;
    struct file_value id, secret;
    struct http_client *http;

    /* The token. */
    char *value; /* Authorization's; NULL: none */
    uint64_t generation;
    uint64_t ends;   /* mono ns; UINT64_MAX: never */
    bool used;       /* since it was fetched */
    uint64_t forgot; /* mono ns: when one was given up last */
    struct clock_timer renewal;

    /* A fetch. */
    bool fetching;
    bool in_form; /* the endpoint wants our name in the form */
    bool known;   /* which of both it wants */
    struct http_call call;
    struct http_header headers[3];
    struct buf form, authorization, answer;
    struct bytes part;
    struct list waiting; /* of struct auth_request */
    size_t n_waiting;

    /* The last failure. */
    uint64_t failed; /* mono ns; 0: the last fetch has succeeded */
    char why[160];
    struct complaint failing;
    struct metric *fetches[OAUTH2_RESULTS];
};

/* The node and the configuration outlive it. */
void oauth2_init(struct oauth2 *o, const struct node *node, const struct oauth2_config *c);
/* Reads its files. `way`: how the token endpoint is reached, which is what it says of proxies. A negative errno and
 * `err` when something cannot be used. */
int oauth2_open(struct oauth2 *o, const struct http_client_options *way, struct error *err);
void oauth2_close(struct oauth2 *o); /* nobody waits; also of one that is zeroed */

#endif
