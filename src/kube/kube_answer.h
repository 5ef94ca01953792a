/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server of Kubernetes answers, read into a store: pages of a list, lines of a watch, and why not. */
#ifndef KUBE_ANSWER_H
#define KUBE_ANSWER_H

#include "kube/kube_store.h"

#define KUBE_MAX_TEXT 512 /* bytes of a resource version */

/* A zeroed one; the same for all pages of a listing. */
struct kube_page {
    char version[KUBE_MAX_TEXT]; /* of the list: where a watch begins; "": it was not told */
    struct buf next;             /* what the next page is asked with; empty: this was the last */
    size_t n;                    /* objects of it */
    bool changed;                /* the store has other objects now; stays set */
};

/* Puts the objects of a list into the store, up to a fault: false and `err`. */
bool kube_page_read(struct bytes text, const struct json_tree_rules *rules, struct kube_store *s,
                    struct kube_page *page, struct error *err);

struct kube_event {
    char version[KUBE_MAX_TEXT]; /* of its object: where a watch goes on; "": it was not told */
    bool changed;                /* the store has other objects now */
    int code;                    /* not 0: the watch is over, by this status; `err` has what was said */
};

/* One line of a watch. False and `err`: it is none, or its object was refused. */
bool kube_event_read(struct bytes line, const struct json_tree_rules *rules, struct kube_store *s, struct kube_event *e,
                     struct error *err);

/* The message of a Status, cut to cap, without control characters; "" where there is none. */
void kube_status_read(struct bytes text, char *out, size_t cap);

#endif
