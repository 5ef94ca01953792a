/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a server of discovery is read: a short one at once, a long one on a thread, where it holds nobody up.
 * Whoever asks has a struct that begins with this one, and in it all that the thread needs. */
#ifndef RECEIVER_ANSWER_H
#define RECEIVER_ANSWER_H

#include "base/loop/job.h"
#include "receiver/prometheus/fetch.h"

struct answer {
    /* The owner's. */
    void (*read)(struct answer *a); /* of `text`; what is wrong goes into `err`. It touches nothing but this struct */
    void (*done)(struct answer *a); /* on the loop; the text has gone. Another answer may be taken */
    void (*free)(struct answer *a); /* on the loop: all of it, when it is dropped */
    void *owner;

    struct bytes text;
    struct error err; /* code 0: it was read */

    /* Its own; zeroed at first. */
    struct job job;
    struct block *block;
    bool busy; /* a thread has it */
};

/* The body of a fetch that is done; the fetch is released. done() comes now or later, once. */
void answer_take(struct answer *a, struct fetch *f, struct loop *l);
void answer_drop(
    struct answer *a); /* it will not be done; free() comes now or when the thread leaves it. NULL is none */

#endif
