/* SPDX-License-Identifier: Apache-2.0 */
/* Where the workers are called: sockets that the front process listens on for them. Who calls is given to the worker
 * that has fewest connections, so that a few that last for days are shared evenly too.
 *
 * Those who were given lately count twice. Where all callers come again at once, a worker that is slow to notice that
 * they had gone would get none of them, and the others all, for as long as they stay.
 *
 * A caller stays the front's as well until a worker has said that it has taken him: one that ends before has not lost
 * him, another gets him. Where no worker can take one he waits in the backlog, as with one process that is busy. */
#ifndef SERVICE_DOORS_H
#define SERVICE_DOORS_H

#include "base/list.h"
#include "base/loop/loop.h"
#include "service/workers/channel.h"

#define DOOR_OWED 16 /* callers that a worker was given by one door and has not taken yet */

/* Doors that nobody outside can come to begin so: by them the front itself calls a worker (doors_give). This one is the
 * worker's own, others are those of its components (VIEW_INSIDE). */
#define DOOR_INSIDE "@otelcd-inside"

struct doors {
    struct loop *loop;
    struct list all;
    bool keeps; /* a door without takers stays open: they will come again */
    bool shut;  /* nobody is let in any more */
};

/* What a worker is to the doors. Zeroed at first. */
struct door_taker {
    int64_t connections; /* that it has, as it says */
    uint64_t given;      /* callers, ever */
    uint64_t since;      /* mono ns: the beginning of a while in which it was given ... */
    uint32_t recent;     /* so many */
    uint32_t owed;       /* of these, not taken yet */
    uint32_t taken;      /* the others, as far as that is heard of */
};

void doors_init(struct doors *d, struct loop *loop);

/* A worker asks for a door (CHANNEL_OPEN), which the first one of them opens. The answer is CHANNEL_OPENED, and what
 * callers come by, which becomes the caller's; -1: none, and answer->number says why. */
int doors_attach(struct doors *d, struct door_taker *t, const char *asked, struct channel_message *answer);
void doors_detach(struct doors *d, struct door_taker *t, uint32_t id); /* CHANNEL_CLOSE */

/* It has so many connections, after it has taken so many callers. */
void doors_count(struct door_taker *t, int64_t connections, uint32_t taken);

/* It has ended. What it was given and has not taken goes to others. */
void doors_leave(struct doors *d, struct door_taker *t);

/* A socket for that inside door of the worker; it becomes the doors'. False: it has none, or takes no more. */
bool doors_give(struct doors *d, struct door_taker *t, const char *door, int fd);

void doors_keep(struct doors *d, bool keeps); /* false: those without takers are closed now */
void doors_shut(struct doors *d);             /* all are closed; what was given stays given */
void doors_close(struct doors *d);            /* nobody takes any more; the loop frees them */

#endif
