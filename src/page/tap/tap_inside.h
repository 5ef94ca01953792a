/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a tap, for those who look and those who show.
 *
 *     tap.c        its life, its bounds, what waits
 *     tap_look.c   a batch passes: which of its items are shown
 *     tap_show.c   an item as an event
 *     tap_pick.c   finding them, and taking them out
 *     tap_pair.c   which of those behind is which of those before */
#ifndef PAGE_TAP_INSIDE_H
#define PAGE_TAP_INSIDE_H

#include "base/list.h"
#include "page/tap/tap.h"
#include "page/tap/tap_pick.h"
#include "pipeline/edge.h"

#define TAP_CAME_MAX 16u         /* batches that come out of a processor for one that goes in, and are looked at */
#define TAP_SMALL ((size_t)4096) /* room that is kept for what is no item */
#define TAP_EVENT_MAX (TAP_BYTES - TAP_SMALL)
#define TAP_JSON_MAX ((size_t)32768) /* bytes of what becomes one event of JSON, which is some times as long */
#define TAP_WAITING_MAX 256u         /* items that have not come out yet */
#define TAP_PAIRS_MAX 16384u         /* items on either side of a processor among which pairs are looked for */
#define TAP_PAIRS_TIME (2 * NS_PER_MS)

struct tap_counts {
    uint64_t passed;  /* items */
    uint64_t looked;  /* of those: whether they are asked for */
    uint64_t matched; /* they are */
    uint64_t shown;
    uint64_t missed; /* they had no room, for the reader is slow */
    uint64_t large;  /* too large to be shown */
    uint64_t failed; /* the condition failed on them */
};

struct tap_view {
    struct edge_viewer viewer;
    struct tap *tap;
};

/* What has gone in and not come out. */
struct tap_waiting {
    struct list link;
    uint64_t since; /* mono ns */
    struct tap_key key;
    char *text;
};

struct tap {
    struct list link; /* in the set's */
    struct tap_set *set;
    struct tap_request request;
    struct tap_view before[VIEW_EDGES_MAX], behind[VIEW_EDGES_MAX]; /* of one side: before */
    struct tap_picker picker;
    struct tap_counts counts;
    uint64_t shown_this_second;
    bool failure_told;

    struct buf out; /* events that wait; charged to: */
    struct budget *budget;
    bool over;
    struct turn_task wake;
    void (*ready)(void *arg);
    void *arg;

    /* Both sides: while a batch is behind the first edge. */
    struct batch *in, *picked;
    struct tap_found found;
    struct batch *came[TAP_CAME_MAX];
    size_t n_came;
    struct list waiting; /* the oldest first */
    size_t n_waiting, waiting_bytes;
};

/* tap.c */

/* How many items may be shown now; 0: none, this second, or as there is no time or room. */
uint64_t tap_allowance(struct tap *t);
uint64_t tap_until(const struct tap *t, uint64_t began); /* when a look that began then has to end */
void tap_spend(struct tap *t, uint64_t began);

/* An event; its data may have several lines. False: there is no room for it. */
bool tap_put(struct tap *t, const char *event, struct bytes data);
void tap_count_shown(struct tap *t, uint64_t items);

/* tap_look.c */

void tap_look_begin(struct tap *t); /* its viewers are set */
/* Those that wait for longer than this are shown as they are. */
void tap_give_up_waiting(struct tap *t, uint64_t since);
void tap_forget_waiting(struct tap *t);

/* tap_show.c */

/* One side. */
void tap_show_picked(struct tap *t, struct batch *picked, uint64_t items);
/* What has become of what went in: the other one, or nothing. */
enum tap_fate { TAP_CAME_OUT, TAP_LEFT_OUT, TAP_KEPT, TAP_TOO_LARGE, TAP_UNPAIRED };

void tap_show_pair(struct tap *t, const char *before, const char *after, enum tap_fate fate);

#endif
