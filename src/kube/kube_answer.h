/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server of Kubernetes answers, read into a store: pages of a list, lines of a watch, and why not. */
#ifndef KUBE_ANSWER_H
#define KUBE_ANSWER_H

#include "base/vec.h"
#include "kube/kube_store.h"

#define KUBE_MAX_TEXT 512 /* bytes of a resource version */

/* An object that is in no store. */
struct kube_item {
    struct json_node *root;
    struct arena memory;
};

/* Of a list: zeroed at first. Its objects are read from the text, and then taken into the store one after another. */
struct kube_page {
    char version[KUBE_MAX_TEXT]; /* of the list: where a watch begins; "": it was not told */
    struct buf next;             /* what the next page is asked with; empty: this was the last */
    bool changed;                /* the store has other objects now */
    VEC(struct kube_item) items;
    size_t taken;  /* of them */
    uint64_t size; /* bytes of those that are not */
    uint64_t most; /* that size may be; 0: KUBE_PAGE_MOST */
};

#define KUBE_PAGE_MOST ((uint64_t)64 << 20) /* of size */

/* All of it, or what is in front of a fault: false and `err`, whose code is UV_EMSGSIZE for too much that would be
 * kept. It touches nothing but the page, so it may be called on a thread. */
bool kube_page_read(struct bytes text, const struct json_tree_rules *rules, struct kube_page *page, struct error *err);
/* The next object. False: there is none, or it was refused, with err's code. */
bool kube_page_take(struct kube_page *page, struct kube_store *s, struct error *err);
void kube_page_free(struct kube_page *page);

/* Of a watch: read from its line, and then taken into the store. */
struct kube_event {
    enum kube_event_type { EVENT_OTHER, EVENT_PUT, EVENT_DELETED, EVENT_BOOKMARK, EVENT_ERROR } type;
    char version[KUBE_MAX_TEXT]; /* of its object: where a watch goes on; "": it was not told */
    bool changed;                /* the store has other objects now */
    int code;                    /* not 0: the watch is over, by this status; `err` has what was said */
    struct kube_item item;
};

/* False and `err`: it is none, or, with the code UV_EMSGSIZE, keeps more than the rules' max_memory. It touches nothing
 * but the event, as with a page. */
bool kube_event_read(struct bytes line, const struct json_tree_rules *rules, struct kube_event *e, struct error *err);
/* Once. False and `err`: its object was refused. */
bool kube_event_take(struct kube_event *e, struct kube_store *s, struct error *err);
void kube_event_free(struct kube_event *e);

/* The message of a Status, cut to cap, without control characters; "" where there is none. */
void kube_status_read(struct bytes text, char *out, size_t cap);

#endif
