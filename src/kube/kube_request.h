/* SPDX-License-Identifier: Apache-2.0 */
/* A request to an API server, as who we are there; again and again in the same memory. */
#ifndef KUBE_REQUEST_H
#define KUBE_REQUEST_H

#include "kube/kube_api.h"
#include "pipeline/authorized_call.h"

/* Zeroed at first. */
struct kube_request {
    struct http_call call; /* set before it is started: timeout, max_response and the callbacks */
    struct authorized_call authorized;
    struct buf target; /* its path and parameters, likewise */
    unsigned *calls;   /* where it is counted; NULL: nowhere */
    uint64_t began;    /* mono ns: when it was sent */
    const struct kube_api *api;
    struct clock_timer turn;
};

/* The target: `path` below the server's, and the first parameters. */
void kube_request_begin(struct kube_request *r, const struct kube_api *api, const char *path, const char *query);
void kube_request_parameter(struct kube_request *r, const char *name, struct bytes value); /* an empty value: none */

/* At once, or where there is a pace (kube_pace.h) when it is its turn. */
void kube_request_start(struct kube_request *r, const struct kube_api *api, const char *accept);
/* on_done() has come ... */
void kube_request_over(struct kube_request *r);
void kube_request_cancel(struct kube_request *r); /* ... or does not come any more */
void kube_request_free(struct kube_request *r);   /* none is under way */

#endif
