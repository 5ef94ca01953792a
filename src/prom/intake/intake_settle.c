/* SPDX-License-Identifier: Apache-2.0 */
/* What a take leaves behind. The lines of a page that was taken become those of the intake, in its order, and the
 * others go; the lines of one that was not are put behind those that were there, unless they become many. Points go
 * when the last line has left them, and what points were in with them. Each function does a step's worth. */
#include "base/mem.h"
#include "prom/intake/intake_inside.h"

#define SPARE_LINES 1000u /* of pages that were not taken */

/* Where the next step begins and ends, of n things. */
static size_t step_until(const struct take *t, size_t n, size_t step)
{
    return n - t->at > step ? t->at + step : n;
}

bool lines_keep(struct take *t)
{
    struct intake *in = t->in;
    size_t cap = in->lines.cap, until = step_until(t, t->lines.n, MANY_A_STEP);

    for (; t->at < until; t->at++)
        if (!line_is_listed(t->lines.v[t->at])) {
            t->lines.v[t->at]->flags |= LINE_LISTED;
            *vec_push(&in->lines) = t->lines.v[t->at];
        }
    budget_charge(in->store->budget, (in->lines.cap - cap) * sizeof(*in->lines.v));
    return t->at < t->lines.n;
}

bool lines_end(struct take *t)
{
    struct intake *in = t->in;
    size_t until = step_until(t, in->n_good, SOME_A_STEP * 4);

    for (; t->at < until; t->at++) {
        struct line *l = in->lines.v[t->at];

        if ((t->left || l->seen != in->pass) && (l->flags & LINE_TRACKED))
            line_finish(t, l);
    }
    return t->at < in->n_good;
}

/* The lines of this page, in its order. */
static void set_lines(struct take *t)
{
    struct intake *in = t->in;

    if (!t->diverged) {
        in->lines.n = t->n_lines;
        return;
    }
    budget_give(in->store->budget, in->lines.cap * sizeof(*in->lines.v));
    free(in->lines.v);
    in->lines.n = t->lines.n;
    in->lines.cap = t->lines.n + 1;
    in->lines.v = mem_realloc(t->lines.v, in->lines.cap * sizeof(*in->lines.v));
    budget_charge(in->store->budget, in->lines.cap * sizeof(*in->lines.v));
    t->lines.v = NULL;
    t->lines.n = t->lines.cap = 0;
}

bool lines_drop(struct take *t)
{
    struct intake *in = t->in;
    size_t until;

    if (!t->diverged && t->at < t->n_lines)
        t->at = t->n_lines;
    until = step_until(t, in->lines.n, SOME_A_STEP * 2);
    for (; t->at < until; t->at++) {
        struct line *l = in->lines.v[t->at];

        if (l->seen == in->pass)
            continue;
        if (l->point != NULL)
            *vec_push(&t->released) = l->point;
        l->point = NULL;
        line_drop(in, l);
    }
    if (t->at < in->lines.n)
        return true;
    set_lines(t);
    in->n_good = in->n_taken = in->lines.n;
    in->good_pass = in->pass;
    return false;
}

bool points_release(struct take *t)
{
    for (unsigned i = 0; i < SOME_A_STEP * 2 && t->released.n > 0; i++)
        out_point_release(t->in, t->released.v[--t->released.n]);
    return t->released.n > 0;
}

bool lines_drop_spare(struct take *t)
{
    struct intake *in = t->in;

    if (t->at == 0 && t->kind != TAKE_LAST && in->lines.n <= 2 * in->n_taken + SPARE_LINES)
        return false;
    if (t->kind == TAKE_LAST)
        in->n_taken = 0;
    t->at = 1; /* it has begun */
    for (unsigned i = 0; i < SOME_A_STEP * 2 && in->lines.n > in->n_taken; i++)
        line_drop(in, in->lines.v[--in->lines.n]);
    return in->lines.n > in->n_taken;
}
