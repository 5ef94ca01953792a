/* SPDX-License-Identifier: Apache-2.0 */
/* A queue through `next`; a task knows whether it stands in it, so it cannot be put in twice. It is out before it runs.
 */
#include "base/loop/turn.h"

#include <stddef.h>

void turn_init(struct turn *t)
{
    t->head = NULL;
    t->tail = &t->head;
}

void turn_defer(struct turn *t, struct turn_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    *t->tail = task;
    t->tail = &task->next;
}

void turn_cancel(struct turn *t, struct turn_task *task)
{
    if (!task->queued)
        return;
    for (struct turn_task **at = &t->head; *at != NULL; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            if (t->tail == &task->next)
                t->tail = at;
            break;
        }
    }
    task->queued = false;
}

void turn_run(struct turn *t)
{
    while (t->head != NULL) {
        struct turn_task *task = t->head;

        t->head = task->next;
        if (t->head == NULL)
            t->tail = &t->head;
        task->queued = false;
        task->run(task);
    }
}
