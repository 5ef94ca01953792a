/* SPDX-License-Identifier: Apache-2.0 */
/* A line that was read anew and became another point, because its family is said to be of another type. What it was has
 * ended, a moment before: the series of Prometheus may be the same, and it goes on. A number has ended at once, in
 * front of its successor; of a histogram or summary it is known only at the end of the page that no line of it is left.
 */
#include "prom/intake/intake_inside.h"

/* The same metric of OTLP, whatever the page calls its type. */
static bool is_same_metric(const struct out_point *a, const struct out_point *b)
{
    const struct out_metric *x = a->metric, *y = b->metric;

    return x->kind == y->kind && (x->kind != METRIC_SUM || (x->type == PAGE_COUNTER) == (y->type == PAGE_COUNTER)) &&
           bytes_equal(bytes_skip(identity_raw(&x->id), 2), bytes_skip(identity_raw(&y->id), 2));
}

void point_leave(struct take *t, struct line *l, const struct out_point *to)
{
    struct out_point *p = l->point;
    bool good = t->in->n_good > 0 && l->seen == t->in->good_pass && (l->flags & LINE_TRACKED) != 0;

    if (!good || p == to || (to != NULL && is_same_metric(p, to)) || l->role == LINE_INFO)
        return;
    if (p->gathered) {
        *vec_push(&t->moved) = p;
        return;
    }
    t->time_ms--;
    line_finish(t, l);
    t->time_ms++;
}

bool points_end_moved(struct take *t)
{
    t->time_ms--;
    for (unsigned i = 0; i < SOME_A_STEP && t->moved.n > 0; i++) {
        struct out_point *p = t->moved.v[--t->moved.n];

        if (p->seen != t->in->pass)
            point_end_gathered(t, p);
    }
    t->time_ms++;
    return t->moved.n > 0;
}
