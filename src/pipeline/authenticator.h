/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions that know who may come in, and extensions that know what to say of ourselves.
 *
 * A server's side is a gatekeeper (net/message/gate.h): a server's options name it, by gatekeeper_set().
 *
 * A client's side writes into the headers of each call before it is made. It may need time for that (a token has to be
 * fetched) or fail, and then the call is made later: a failure of it is one that may pass, unless it says otherwise. */
#ifndef PIPELINE_AUTHENTICATOR_H
#define PIPELINE_AUTHENTICATOR_H

#include "base/arena.h"
#include "base/list.h"
#include "base/vec.h"
#include "config/server_rows.h"
#include "net/message/server_shared.h"
#include "net/message/gate.h"
#include "otlp/metadata.h"

struct node;

/* From start(): what a server's `auth` block says goes into its options. */
void gatekeeper_set(const struct node *node, const struct server_auth_config *auth, struct http_server_options *o);

/* The headers of one call. Zeroed is empty. Names are in lower case. */
struct call_headers {
    VEC(struct http_header) list; /* what the call gets; valid until the next change */
    struct arena memory;
};

void call_headers_free(struct call_headers *h);
void call_headers_reset(struct call_headers *h); /* empty, for the next call */

/* Copies. The name may have capitals. */
void call_headers_add(struct call_headers *h, struct bytes name, struct bytes value); /* whatever there is */
void call_headers_set(struct call_headers *h, struct bytes name, struct bytes value); /* in place of all of that name */
void call_headers_remove(struct call_headers *h, struct bytes name);
bool call_headers_have(const struct call_headers *h, struct bytes name); /* one that is not empty */

enum auth_verdict {
    AUTH_GRANTED, /* the headers are complete */
    AUTH_LATER,   /* r->done() comes */
    AUTH_FAILED,  /* r->why says why */
};

struct client_authenticator;

/* For one call. The caller's memory, zeroed but for what it sets, until the answer. */
struct auth_request {
    const struct metadata *metadata;                           /* of the batch that is sent; NULL: none */
    struct call_headers *headers;                              /* what the call says already */
    void (*done)(struct auth_request *r, enum auth_verdict v); /* after AUTH_LATER, from the loop: not that again */

    /* The answer. */
    char why[200];           /* AUTH_FAILED: a sentence, in which nothing is secret */
    bool permanent;          /* AUTH_FAILED: this batch can never go */
    uint64_t retry_after_ms; /* AUTH_FAILED: not before; 0: whenever */
    uint64_t generation;     /* of the credential, for authenticator_refused() */

    struct client_authenticator *by; /* while it has not answered */
    struct list link;                /* likewise, the authenticator's */
};

struct client_authenticator {
    enum auth_verdict (*ask)(struct client_authenticator *a, struct auth_request *r);
    void (*cancel)(struct client_authenticator *a, struct auth_request *r); /* NULL where ask() never says later */
    bool (*refused)(struct client_authenticator *a, uint64_t generation);   /* NULL: another try helps nobody */
    bool secure_only;     /* what it says is for TLS alone: gRPC clients on plain text do not start with it */
    struct strings reads; /* what of the metadata becomes headers: batches that differ in it are not sent as one */
};

enum auth_verdict authenticator_ask(struct client_authenticator *a, struct auth_request *r);

/* After AUTH_LATER: done() does not come any more. No effect on one that is not waiting. */
void authenticator_cancel(struct auth_request *r);

/* For authenticators: r->done(), after AUTH_LATER. */
void authenticator_answer(struct auth_request *r, enum auth_verdict v);

/* The peer did not accept what this request said (401, UNAUTHENTICATED). True: it was out of date, or has been given
 * up now; the same call may be made again. */
bool authenticator_refused(struct client_authenticator *a, const struct auth_request *r);

#endif
