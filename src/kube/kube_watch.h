/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one kind, kept as the API server has them: listed page by page, and then watched from the list's version
 * on. What was known stays while the server cannot be asked. */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include "kube/kube_api.h"
#include "kube/kube_store.h"

struct kube_watch;

struct kube_watch_options {
    const struct kube_api *api;   /* outlives it, and may change meanwhile */
    const char *path;             /* "/api/v1/namespaces/shop/pods"; copied */
    const char *labels, *fields;  /* selectors; NULL or "": none; copied */
    struct json_tree_rules rules; /* what is kept of an object; metadata's name, namespace and resourceVersion are */
    struct budget *budget;        /* is charged with objects and answers */
    struct kube_observer told;    /* .put not NULL: who keeps the objects himself (kube/kube_store.h) */
    bool metadata_only;           /* the rules keep nothing else, so the server need not send it */
    void (*changed)(void *owner); /* other objects, or the first list is complete. From the loop */
    void (*works)(void *owner);   /* after failed(): the server answers again; may be NULL */
    void (*failed)(void *owner, const char *path, const char *why); /* it will be tried again */
    void *owner;
};

struct kube_watch *kube_watch_new(const struct kube_watch_options *o); /* asks at once */
void kube_watch_free(struct kube_watch *w);                            /* NULL is none */

/* To be looked at, and walked through, alone. */
struct kube_store *kube_watch_store(struct kube_watch *w);
bool kube_watch_is_synced(const struct kube_watch *w); /* there was a complete list */

#endif
