/* SPDX-License-Identifier: Apache-2.0 */
/* A batch passes the first edge: if something may be shown, its items are asked for, and those that are found are
 * shown.
 *
 * Of both sides: they are kept until whoever is behind has returned. What he has sent on meanwhile passed the second
 * edge; the items of both are paired, and each is shown with what became of it. One without a pair was left out, or is
 * kept: where a processor answers before what is behind it, it waits here, with others, for what comes out later.
 *
 * What can go wrong: too many items to find the pairs of in the time that there is. They are shown as they went in. */
#include "page/tap/tap_inside.h"

#include "base/loop/loop.h"
#include "base/mem.h"
#include "otlp/text/item_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- one batch ---- */

/* How many of its items may be shown now. */
static uint64_t count_passing(struct tap *t, const struct batch *b)
{
    t->counts.passed += b->items;
    t->counts.missed += t->out.len + TAP_ITEM_MAX > TAP_BYTES ? b->items : 0;
    return b->items > 0 ? tap_allowance(t) : 0;
}

/* It may have words of the item in it. */
static void tell_failure(struct tap *t)
{
    struct buf text = { 0 };

    t->failure_told = true;
    log_put_visible(&text, bytes_str(t->found.why.text));
    (void)tap_put(t, "note", buf_bytes(&text));
    buf_free(&text);
}

/* The first `most` of its items that are asked for; NULL: there are none. */
static struct batch *find_items(struct tap *t, struct batch *b, uint64_t most, uint64_t began)
{
    struct tap_question q;
    struct batch *picked;

    q = (struct tap_question){ .condition = t->request.condition,
                               .most = most,
                               .bytes = t->request.json ? TAP_JSON_MAX : TAP_PICK_MAX,
                               .until = tap_until(t, began),
                               .now = (int64_t)clock_wall(&t->set->host->loop->clock),
                               .budget = t->budget };
    picked = tap_pick(&t->picker, b, &q, &t->found);
    t->counts.looked += t->found.looked;
    t->counts.matched += t->found.matched;
    t->counts.large += t->found.large;
    t->counts.failed += t->found.failed;
    if (t->found.failed > 0 && !t->failure_told)
        tell_failure(t);
    if (picked == NULL)
        vec_free(&t->found.positions);
    return picked;
}

static void see_one_side(struct edge_viewer *v, struct batch *b)
{
    struct tap *t = container_of(v, struct tap_view, viewer)->tap;
    uint64_t most = t->over ? 0 : count_passing(t, b), began;
    struct batch *picked;

    if (most == 0)
        return;
    began = tap_cpu_now();
    picked = find_items(t, b, most, began);
    if (picked != NULL) {
        tap_show_picked(t, picked, t->found.positions.n);
        batch_unref(picked);
        vec_free(&t->found.positions);
    }
    tap_spend(t, began);
}

static void see_before(struct edge_viewer *v, struct batch *b)
{
    struct tap *t = container_of(v, struct tap_view, viewer)->tap;
    uint64_t most = t->over || t->in != NULL ? 0 : count_passing(t, b), began;

    if (most == 0)
        return;
    began = tap_cpu_now();
    t->picked = find_items(t, b, most, began);
    if (t->picked != NULL)
        t->in = batch_ref(b);
    tap_spend(t, began);
}

/* ---- those that wait ---- */

/* It is in the list no more. */
static void forget_waiting(struct tap *t, struct tap_waiting *w)
{
    size_t bytes = strlen(w->text);

    t->n_waiting--;
    t->waiting_bytes -= bytes;
    budget_give(t->budget, bytes);
    free(w->text);
    free(w);
}

static void give_up(struct tap *t, struct tap_waiting *w)
{
    tap_show_pair(t, w->text, NULL, TAP_KEPT);
    forget_waiting(t, w);
}

void tap_give_up_waiting(struct tap *t, uint64_t since)
{
    struct tap_waiting *w;

    while ((w = list_pop(&t->waiting, struct tap_waiting, link)) != NULL) {
        if (w->since > since) {
            list_push_front(&t->waiting, &w->link);
            return;
        }
        give_up(t, w);
    }
}

void tap_forget_waiting(struct tap *t)
{
    struct tap_waiting *w;

    while ((w = list_pop(&t->waiting, struct tap_waiting, link)) != NULL)
        forget_waiting(t, w);
}

static void wait_for(struct tap *t, const struct tap_key *key, const char *text)
{
    struct tap_waiting *w = mem_zalloc(sizeof(*w)), *oldest;

    w->since = clock_mono(&t->set->host->loop->clock);
    w->key = *key;
    w->key.other = 0;
    w->text = mem_strdup(text);
    list_push(&t->waiting, &w->link);
    budget_charge(t->budget, strlen(text));
    t->waiting_bytes += strlen(text);
    t->n_waiting++;
    while ((t->n_waiting > TAP_WAITING_MAX || t->waiting_bytes > TAP_BYTES) &&
           (oldest = list_pop(&t->waiting, struct tap_waiting, link)) != NULL)
        give_up(t, oldest);
}

static struct tap_waiting *find_waiting(struct tap *t, const struct tap_key *key)
{
    for (int k = 0; k < TAP_KEYS - 1; k++)
        list_each (struct tap_waiting, w, &t->waiting, link)
            if (w->key.by[k] == key->by[k])
                return w;
    return NULL;
}

static void show_one_waiting(struct tap *t, struct batch *b, struct tap_waiting *w, uint32_t position)
{
    tap_positions positions = { 0 };
    struct item_texts text = { 0 };
    struct error err;
    struct batch *one;

    *vec_push(&positions) = position;
    one = tap_pick_positions(&t->picker, b, &positions, t->budget);
    if (one != NULL && item_texts_add(&text, one, t->budget, &err) && text.v.n == 1)
        tap_show_pair(t, w->text, text.v.v[0], TAP_CAME_OUT);
    else
        tap_show_pair(t, w->text, NULL, TAP_TOO_LARGE);
    if (one != NULL)
        batch_unref(one);
    item_texts_free(&text);
    vec_free(&positions);
    list_remove(&w->link);
    forget_waiting(t, w);
}

/* Those that wait and come out in this batch, as far as there is time. */
static void look_for_waiting(struct tap *t, struct batch *b, uint64_t until)
{
    tap_keys keys = { 0 };

    (void)tap_keys_add(&t->picker, b, until, t->budget, &keys);
    for (size_t i = 0; i < keys.n && t->n_waiting > 0 && tap_cpu_now() < until; i++) {
        struct tap_waiting *w = find_waiting(t, &keys.v[i]);

        if (w != NULL)
            show_one_waiting(t, b, w, keys.v[i].position);
    }
    vec_free(&keys);
}

static void see_behind(struct edge_viewer *v, struct batch *b)
{
    struct tap *t = container_of(v, struct tap_view, viewer)->tap;
    uint64_t began;

    if (t->over)
        return;
    if (t->in != NULL && t->n_came < TAP_CAME_MAX)
        t->came[t->n_came++] = batch_ref(b);
    if (t->n_waiting == 0 || t->set->time_left <= 0)
        return;
    began = tap_cpu_now();
    look_for_waiting(t, b, began + TAP_PAIRS_TIME);
    tap_spend(t, began);
}

/* ---- pairs ---- */

struct pairing {
    tap_keys before, after;
    tap_positions wanted; /* of those that came out */
    tap_positions shown;  /* those of them that have a text */
    bool whole;           /* all were looked at */
    struct item_texts in, out;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Texts of the wanted ones among those that came; positions count over all batches. */
static void read_after(struct tap *t, struct pairing *x)
{
    uint32_t first = 0;
    size_t next = 0;
    struct error err;

    if (x->wanted.n > 1)
        qsort(x->wanted.v, x->wanted.n, sizeof(*x->wanted.v), by_number);
    for (size_t i = 0; i < t->n_came; i++) {
        uint32_t n = t->came[i]->signal == SIGNAL_PROFILES ? 1 : (uint32_t)t->came[i]->items;
        tap_positions here = { 0 };
        struct batch *picked;

        for (; next < x->wanted.n && x->wanted.v[next] < first + n; next++)
            *vec_push(&here) = x->wanted.v[next] - first;
        picked = tap_pick_positions(&t->picker, t->came[i], &here, t->budget);
        if (picked != NULL && item_texts_add(&x->out, picked, t->budget, &err))
            for (size_t k = 0; k < here.n; k++)
                *vec_push(&x->shown) = here.v[k] + first;
        if (picked != NULL)
            batch_unref(picked);
        vec_free(&here);
        first += n;
    }
}

static const char *text_at(const struct pairing *x, uint32_t position)
{
    for (size_t i = 0; i < x->shown.n && i < x->out.v.n; i++)
        if (x->shown.v[i] == position)
            return x->out.v.v[i];
    return NULL;
}

static void show_came_out(struct tap *t, const char *before, const char *after)
{
    tap_show_pair(t, before, after, after != NULL ? TAP_CAME_OUT : TAP_TOO_LARGE);
}

static void show_item(struct tap *t, struct pairing *x, const char *text, uint32_t position)
{
    const struct tap_key *key = position < x->before.n ? &x->before.v[position] : NULL;

    if (!x->whole)
        tap_show_pair(t, text, NULL, TAP_UNPAIRED);
    else if (key != NULL && key->other > 0)
        show_came_out(t, text, text_at(x, key->other - 1));
    else if (key != NULL && t->request.holds)
        wait_for(t, key, text);
    else
        tap_show_pair(t, text, NULL, TAP_LEFT_OUT);
}

/* All of both sides, or none: who is left out of a part may be in the rest. */
static void find_pairs(struct tap *t, struct pairing *x, uint64_t until)
{
    uint64_t came = 0;

    for (size_t i = 0; i < t->n_came; i++)
        came += t->came[i]->items;
    x->whole = t->in->items <= TAP_PAIRS_MAX && came <= TAP_PAIRS_MAX &&
               tap_keys_add(&t->picker, t->in, until, t->budget, &x->before);
    for (size_t i = 0; i < t->n_came && x->whole; i++)
        x->whole = tap_keys_add(&t->picker, t->came[i], until, t->budget, &x->after);
    if (x->whole)
        tap_keys_pair(&x->before, &x->after, t->request.holds);
    for (size_t i = 0; i < t->found.positions.n && x->whole; i++) {
        uint32_t position = t->found.positions.v[i];

        if (position < x->before.n && x->before.v[position].other > 0)
            *vec_push(&x->wanted) = x->before.v[position].other - 1;
    }
}

static void show_pairs(struct tap *t, uint64_t until)
{
    struct pairing x = { 0 };
    struct error err;

    find_pairs(t, &x, until);
    if (x.whole)
        read_after(t, &x);
    if (item_texts_add(&x.in, t->picked, t->budget, &err))
        for (size_t i = 0; i < x.in.v.n && i < t->found.positions.n && !t->over; i++)
            show_item(t, &x, x.in.v.v[i], t->found.positions.v[i]);
    vec_free(&x.before);
    vec_free(&x.after);
    vec_free(&x.wanted);
    vec_free(&x.shown);
    item_texts_free(&x.in);
    item_texts_free(&x.out);
}

static void see_end(struct edge_viewer *v)
{
    struct tap *t = container_of(v, struct tap_view, viewer)->tap;
    uint64_t began;

    if (t->in == NULL)
        return;
    began = tap_cpu_now();
    if (!t->over)
        show_pairs(t, began + TAP_PAIRS_TIME);
    batch_unref(t->in);
    batch_unref(t->picked);
    for (size_t i = 0; i < t->n_came; i++)
        batch_unref(t->came[i]);
    vec_free(&t->found.positions);
    t->in = t->picked = NULL;
    t->n_came = 0;
    tap_spend(t, began);
}

void tap_look_begin(struct tap *t)
{
    bool both = t->request.side == TAP_BOTH;

    for (size_t i = 0; i < VIEW_EDGES_MAX; i++) {
        t->before[i] = (struct tap_view){ { .begin = both ? see_before : see_one_side }, t };
        t->before[i].viewer.end = both ? see_end : NULL;
        t->behind[i] = (struct tap_view){ { .begin = see_behind }, t };
    }
}
