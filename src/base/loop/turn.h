/* SPDX-License-Identifier: Apache-2.0 */
/* Work put off to the end of the loop's turn.
 *
 * Callbacks that could surprise whoever is above them on the stack (settled acks, budget room) are queued
 * here and run just before the loop sleeps, from one uv_prepare handle; in tests, whenever the test says
 * so. Tasks queued while the queue runs are run too, so the queue is empty when turn_run returns. */
#ifndef BASE_TURN_H
#define BASE_TURN_H

#include <stdbool.h>

struct turn_task {
    struct turn_task *next;
    void (*run)(struct turn_task *task);
    bool queued;
};

struct turn {
    struct turn_task *head;
    struct turn_task **tail;
};

void turn_init(struct turn *t);

/* Queue `task` (its .run set, its memory the caller's). No effect when it is queued already. */
void turn_defer(struct turn *t, struct turn_task *task);

/* Take `task` out again, if it is queued: before its memory goes. */
void turn_cancel(struct turn *t, struct turn_task *task);

void turn_run(struct turn *t);

#endif
