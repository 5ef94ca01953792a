/* SPDX-License-Identifier: Apache-2.0 */
/* A way from one node to the next, or from a tap to what stands behind it, that can be turned while it is in use: a
 * reload gives what it keeps other neighbours. Who sends knows the edge for as long as he lives, and keeps nothing of
 * what is behind it. Answers do not come back this way: they go by the ack. */
#ifndef PIPELINE_EDGE_H
#define PIPELINE_EDGE_H

#include "base/list.h"
#include "pipeline/consumer.h"

struct edge;

/* Who looks at what passes an edge, and neither changes nor holds it up. begin() is called before a batch goes on, and
 * end() when whoever is behind has returned: what he has sent on at once passed other edges between the two. None of
 * them puts a viewer on an edge or takes one off. */
struct edge_viewer {
    struct edge_viewer *next;
    struct edge *edge; /* NULL: of none, or of one that is gone */
    void (*begin)(struct edge_viewer *v, struct batch *batch);
    void (*end)(struct edge_viewer *v); /* may be NULL */
};

struct edge {
    struct consumer in;
    struct consumer *to; /* NULL: what comes waits, or is refused once the edge has ended */
    bool ended;
    struct edge_viewer *viewers; /* NULL: nobody looks */
    struct list waiting;         /* in the order it came */
};

/* It leads nowhere yet: what comes waits. */
void edge_init(struct edge *e);

/* From now on to `to`, which gets first what waits here; NULL: what comes waits. What is under way stays where it is.
 */
void edge_lead(struct edge *e, struct consumer *to);

/* What waits here goes to `to`, and leaves the ledger that it was booked in as if it had never come: `to` books it. */
void edge_give(struct edge *e, struct consumer *to);

/* What waits here, and what comes from now on, is answered RETRY "shutdown". */
void edge_end(struct edge *e);

/* begin and end are set. */
void edge_view(struct edge *e, struct edge_viewer *v);
void edge_unview(struct edge_viewer *v); /* no effect when it looks at none */

/* Forgets what waits: nobody listens for the answers any more. Viewers look at none any more. */
void edge_free(struct edge *e);

#endif
