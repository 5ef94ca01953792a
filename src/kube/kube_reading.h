/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of an API server on their way into a store. What is long is read on a thread, and the objects of a page are
 * taken in slices of the loop's turns, so that neither holds anybody up. One at a time. */
#ifndef KUBE_READING_H
#define KUBE_READING_H

#include "kube/kube_answer.h"

struct loop;
struct kube_reading;

#define KUBE_LONG (64 * 1024ul) /* bytes: a quarter of a millisecond to read */

struct kube_reading_options {
    struct loop *loop;
    struct kube_store *store; /* nobody else changes it meanwhile */
    const struct json_tree_rules *rules;
    /* From the loop; of a short page from inside kube_reading_page(). err's code 0: all of it is in the store, and
     * where it was the last page, what was not listed is not. The page is valid until it returns. Another may be begun.
     */
    void (*page_done)(void *owner, struct kube_page *page, const struct error *err);
    /* Likewise. The event has been taken where the code is 0 and it is no error. */
    void (*event_done)(void *owner, const struct kube_event *e, const struct error *err);
    void *owner;
};

struct kube_reading *kube_reading_new(const struct kube_reading_options *o);
void kube_reading_free(struct kube_reading *r); /* not from inside a callback. NULL is none */

/* Takes the text over, and what was charged for it to the store's budget. */
void kube_reading_page(struct kube_reading *r, struct buf *text, uint64_t charged);
void kube_reading_event(struct kube_reading *r, struct buf *line, uint64_t charged);
bool kube_reading_is_busy(const struct kube_reading *r);
/* What is under way is left: nobody hears of it. */
void kube_reading_stop(struct kube_reading *r);

#endif
