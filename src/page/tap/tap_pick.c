/* SPDX-License-Identifier: Apache-2.0 */
/* The rewriter (otlp/rewrite.h) walks over the items, and drops all that are not wanted: what is left is few, so little
 * is copied. A walk that has what it wants, or no time left, only passes over the rest. */
#include "page/tap/tap_pick.h"

#include <time.h>

struct picking {
    struct tap_picker *p;
    const struct tap_question *q;
    struct tap_found *found;
    uint32_t position;
    size_t bytes; /* picked so far */
    bool enough;
    bool profiles;
};

void tap_picker_free(struct tap_picker *p)
{
    rewriter_free(&p->rewriter);
    ottl_evaluation_free(p->evaluation);
    *p = (struct tap_picker){ 0 };
}

uint64_t tap_cpu_now(void)
{
    struct timespec t = { 0 };

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t size_of(const struct visit *at)
{
    return at->message.len + visit_resource(at).len + visit_scope(at).len;
}

static bool is_held(struct picking *x, const struct visit *at)
{
    struct error err = { 0 };
    bool held = false;

    if (x->q->condition == NULL)
        return true;
    ottl_begin_visited(x->p->evaluation, at, x->q->now);
    if (!ottl_test(x->p->evaluation, x->q->condition, &held, &err) && x->found->failed++ == 0)
        x->found->why = err;
    return held;
}

/* There is room for it. */
static bool has_room(struct picking *x, size_t size)
{
    if (size > TAP_ITEM_MAX) {
        x->found->large++;
        return false;
    }
    x->enough = x->bytes > 0 && x->bytes + size > x->q->bytes;
    x->bytes += x->enough ? 0 : size;
    return !x->enough;
}

static enum rewrite_verdict ask_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct picking *x = arg;
    uint32_t position = x->position++;

    (void)edit;
    if (position % TAP_LOOK_AGAIN == TAP_LOOK_AGAIN - 1 && tap_cpu_now() > x->q->until)
        x->enough = true;
    if (x->enough)
        return REWRITE_DROP;
    x->found->looked++;
    if (!is_held(x, at))
        return REWRITE_DROP;
    x->found->matched++;
    if (!has_room(x, size_of(at)))
        return REWRITE_DROP;
    *vec_push(&x->found->positions) = position;
    x->enough = x->found->positions.n >= x->q->most;
    return REWRITE_PASS;
}

static enum rewrite_verdict ask_profile(void *arg, const struct visit *at, struct pieces *edit)
{
    struct picking *x = arg;

    (void)edit;
    x->found->looked++;
    if (x->found->matched == 0 && is_held(x, at))
        x->found->matched = 1;
    return REWRITE_PASS;
}

static struct batch *pick_profiles(struct picking *x, struct batch *b)
{
    struct rewrite_visitor visitor = { .item = ask_profile, .arg = x };
    uint64_t dropped;
    struct batch *same = rewrite_batch(&x->p->rewriter, b, &visitor, x->q->budget, &dropped);

    batch_unref(same);
    if (x->found->matched == 0 || !has_room(x, b->bytes))
        return NULL;
    *vec_push(&x->found->positions) = 0;
    return batch_ref(b);
}

struct batch *tap_pick(struct tap_picker *p, struct batch *b, const struct tap_question *q, struct tap_found *found)
{
    struct picking x = { .p = p, .q = q, .found = found };
    struct rewrite_visitor visitor = { .item = ask_item, .arg = &x };
    uint64_t dropped;

    *found = (struct tap_found){ 0 };
    if (p->evaluation == NULL)
        p->evaluation = ottl_evaluation_new();
    ottl_begin_batch(p->evaluation, b->items);
    return b->signal == SIGNAL_PROFILES ? pick_profiles(&x, b)
                                        : rewrite_batch(&p->rewriter, b, &visitor, q->budget, &dropped);
}

/* ---- by position ---- */

struct placing {
    const tap_positions *wanted;
    tap_positions got;
    size_t next;
    uint32_t position;
    size_t bytes;
};

static enum rewrite_verdict ask_position(void *arg, const struct visit *at, struct pieces *edit)
{
    struct placing *x = arg;
    uint32_t position = x->position++;
    size_t size;

    (void)edit;
    if (x->next == x->wanted->n || x->wanted->v[x->next] != position)
        return REWRITE_DROP;
    x->next++;
    size = size_of(at);
    if (size > TAP_ITEM_MAX || x->bytes + size > TAP_PICK_MAX)
        return REWRITE_DROP;
    x->bytes += size;
    *vec_push(&x->got) = position;
    return REWRITE_PASS;
}

struct batch *tap_pick_positions(struct tap_picker *p, struct batch *b, tap_positions *positions, struct budget *budget)
{
    struct placing x = { .wanted = positions };
    struct rewrite_visitor visitor = { .item = ask_position, .arg = &x };
    struct batch *picked = NULL;
    uint64_t dropped;

    if (positions->n > 0 && b->signal != SIGNAL_PROFILES)
        picked = rewrite_batch(&p->rewriter, b, &visitor, budget, &dropped);
    else if (positions->n > 0 && b->bytes <= TAP_ITEM_MAX)
        picked = batch_ref(b);
    if (b->signal == SIGNAL_PROFILES) {
        positions->n = picked != NULL;
        return picked;
    }
    vec_free(positions);
    positions->v = x.got.v;
    positions->n = x.got.n;
    positions->cap = x.got.cap;
    return picked;
}
