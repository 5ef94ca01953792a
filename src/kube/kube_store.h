/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one kind, as an API server of Kubernetes told them: of each the fields that are wanted, as a tree. They
 * are paid for to the budget, and there is a limit to their number. */
#ifndef KUBE_STORE_H
#define KUBE_STORE_H

#include "base/budget.h"
#include "base/error.h"
#include "base/list.h"
#include "base/table.h"
#include "codec/json_tree.h"

#define KUBE_MAX_OBJECTS 100000u /* of one store */

struct kube_object {
    struct list link;
    struct bytes key; /* "namespace/name", or "name" for what is in none */
    struct bytes uid, version;
    struct json_node *root; /* NULL where it was told (below) */
    struct arena memory;    /* all of it; of what was told none */
    uint64_t charged;
    uint64_t listed; /* the listing that had it last */
};

/* Who keeps of the objects what he wants himself. put() may refuse, with `err`; `renewed`: the object was there, in
 * another version. gone() comes also for one whose name another has now. Neither comes from kube_store_free(). */
struct kube_observer {
    bool (*put)(void *owner, const struct json_node *root, bool renewed, struct error *err);
    void (*gone)(void *owner, const struct kube_object *object);
    void *owner;
};

struct kube_store {
    struct kube_observer told; /* .put not NULL: objects are told, and their trees are not kept; set before the first */
    struct list objects;       /* one that changes stays where it is, new ones are last */
    struct table table;
    struct budget *budget;
    size_t n;
    uint64_t listing;
    struct list *sweep; /* where kube_store_sweep() goes on */
    struct list *walk;  /* and kube_store_next() */
};

void kube_store_init(struct kube_store *s, struct budget *budget);
void kube_store_free(struct kube_store *s);

const struct kube_object *kube_store_find(const struct kube_store *s, struct bytes key);
/* Of that namespace and that name. */
const struct kube_object *kube_store_get(const struct kube_store *s, struct bytes ns, struct bytes name);

/* A walk through all of them; what comes between two steps is met at its end, and what changes where it stands: as it
 * is then, or not again. One at a time. NULL: that was all. */
void kube_store_walk(struct kube_store *s);
const struct kube_object *kube_store_next(struct kube_store *s);

enum kube_put { KUBE_CHANGED, KUBE_SAME, KUBE_REFUSED };

/* Takes the tree and its memory over. SAME: that version of it was there. REFUSED, with `err`: it has no name, or there
 * is no room for it. */
enum kube_put kube_store_put(struct kube_store *s, struct json_node *root, struct arena *memory, struct error *err);
bool kube_store_remove(struct kube_store *s, const struct json_node *root); /* false: it was not there */

void kube_store_begin(struct kube_store *s); /* a listing begins ... */
/* ... and has ended: what it did not have goes, in steps; `gone` grows by it. False: that was all. Nothing else changes
 * the store between them. */
bool kube_store_sweep(struct kube_store *s, size_t *gone);

#endif
