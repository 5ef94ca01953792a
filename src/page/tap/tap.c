/* SPDX-License-Identifier: Apache-2.0 */
/* A tap looks from tap_open() on. What is found becomes events in `out`; at the end of the turn its owner is told, and
 * takes them when his peer reads.
 *
 * What can go wrong: a peer that does not read. `out` is full then, nothing is looked at any more, and what passes is
 * counted as missed. A condition that is true of a lot, or costs a lot: the set's time is refilled by 3 % of
 * what the loop spends, and who has none left does not look. */
#include "page/tap/tap_inside.h"

#include "base/loop/loop.h"
#include "base/mem.h"
#include "codec/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY NS_PER_S
#define TIME_SHARE 32              /* one part in so many of the loop's time on the processor */
#define IDLE_SHARE 200             /* at least that of all time */
#define TIME_MOST (10 * NS_PER_MS) /* that may be saved up */
#define REFILL_EVERY NS_PER_MS
#define LOOK_MOST (5 * NS_PER_MS) /* of one look: others wait for it */
#define LOOK_COST 1500            /* ns to ask for the time */
#define KEPT_MOST (60 * NS_PER_S) /* who waits for an item to come out */

static void tick_set(struct clock_timer *timer);

static uint64_t mono_of(const struct tap_set *s)
{
    return clock_mono(&s->host->loop->clock);
}

/* ---- bounds ---- */

static uint64_t smaller_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of what the loop has spent on the processor meanwhile or, where that is little, of the time that has passed. */
static void refill_time(struct tap_set *s)
{
    uint64_t now = mono_of(s), passed = now - s->refilled, cpu, gained;

    if (passed < REFILL_EVERY)
        return;
    cpu = tap_cpu_now();
    gained = smaller_of(cpu - s->cpu, NS_PER_S) / TIME_SHARE;
    if (gained < smaller_of(passed, NS_PER_S) / IDLE_SHARE)
        gained = smaller_of(passed, NS_PER_S) / IDLE_SHARE;
    s->cpu = cpu;
    s->refilled = now;
    s->time_left += (int64_t)gained;
    if (s->time_left > (int64_t)TIME_MOST)
        s->time_left = (int64_t)TIME_MOST;
}

uint64_t tap_allowance(struct tap *t)
{
    const struct tap_request *r = &t->request;
    uint64_t most = UINT64_MAX;

    if (t->over || t->out.len + TAP_ITEM_MAX > TAP_BYTES)
        return 0;
    refill_time(t->set);
    if (t->set->time_left <= 0)
        return 0;
    if (r->rate > 0)
        most = r->rate > t->shown_this_second ? r->rate - t->shown_this_second : 0;
    if (r->count > 0 && r->count - t->counts.shown < most)
        most = r->count - t->counts.shown;
    return most;
}

uint64_t tap_until(const struct tap *t, uint64_t began)
{
    return began + smaller_of((uint64_t)t->set->time_left, LOOK_MOST);
}

void tap_spend(struct tap *t, uint64_t began)
{
    t->set->time_left -= (int64_t)(tap_cpu_now() - began) + LOOK_COST;
}

/* ---- events ---- */

static void on_wake(struct turn_task *task)
{
    struct tap *t = container_of(task, struct tap, wake);

    t->ready(t->arg);
}

static void put_lines(struct buf *out, struct bytes data)
{
    while (data.len > 0) {
        const uint8_t *end = memchr(data.data, '\n', data.len);
        size_t len = end != NULL ? (size_t)(end - data.data) : data.len;

        buf_puts(out, "data: ");
        buf_append(out, data.data, len);
        buf_putc(out, '\n');
        data = bytes_skip(data, len + (end != NULL));
    }
}

static void put_event(struct tap *t, const char *event, struct bytes data)
{
    size_t before = t->out.len;

    buf_printf(&t->out, "event: %s\n", event);
    put_lines(&t->out, data);
    buf_putc(&t->out, '\n');
    budget_charge(t->budget, t->out.len - before);
    turn_defer(&t->set->host->loop->turn, &t->wake);
}

bool tap_put(struct tap *t, const char *event, struct bytes data)
{
    if (t->over || t->out.len + data.len + TAP_SMALL > TAP_BYTES || budget_room(t->budget) < data.len + TAP_SMALL)
        return false;
    put_event(t, event, data);
    return true;
}

static void put_counts(struct tap *t)
{
    const struct tap_counts *c = &t->counts;
    struct buf json = { 0 };
    struct json_writer w = { .out = &json };

    json_begin(&w, NULL, '{');
    json_write_uint(&w, "passed", c->passed);
    json_write_uint(&w, "looked", c->looked);
    json_write_uint(&w, "matched", c->matched);
    json_write_uint(&w, "shown", c->shown);
    json_write_uint(&w, "missed", c->missed);
    json_write_uint(&w, "large", c->large);
    json_write_uint(&w, "failed", c->failed);
    json_end(&w, '}');
    if (t->out.len <= TAP_BYTES)
        put_event(t, "count", buf_bytes(&json));
    else
        turn_defer(&t->set->host->loop->turn, &t->wake);
    buf_free(&json);
}

void tap_end(struct tap *t, const char *sentence)
{
    if (t->over)
        return;
    put_counts(t);
    put_event(t, "end", bytes_str(sentence));
    t->over = true;
}

void tap_count_shown(struct tap *t, uint64_t items)
{
    char text[64];

    t->counts.shown += items;
    t->shown_this_second += items;
    if (t->request.count == 0 || t->counts.shown < t->request.count)
        return;
    snprintf(text, sizeof(text), "%" PRIu64 " items were shown", t->counts.shown);
    tap_end(t, text);
}

/* ---- where it looks ---- */

static void look_no_more(struct tap *t)
{
    for (size_t i = 0; i < VIEW_EDGES_MAX; i++) {
        edge_unview(&t->before[i].viewer);
        edge_unview(&t->behind[i].viewer);
    }
}

static size_t place_views(struct tap *t, struct tap_view *views, bool behind)
{
    const struct service_view *v = t->set->host->view;
    struct view_point point = tap_request_point(&t->request, behind);
    struct edge *edges[VIEW_EDGES_MAX];
    size_t n = v->find_edges(v, &point, edges);

    for (size_t i = 0; i < n; i++)
        edge_view(edges[i], &views[i].viewer);
    return n;
}

static bool look_there(struct tap *t)
{
    enum tap_side side = t->request.side;

    if (place_views(t, t->before, side == TAP_AFTER) > 0 && (side != TAP_BOTH || place_views(t, t->behind, true) > 0))
        return true;
    look_no_more(t);
    return false;
}

void tap_set_renew(struct tap_set *s)
{
    list_each (struct tap, t, &s->taps, link) {
        look_no_more(t);
        if (t->over)
            continue;
        if (look_there(t))
            (void)tap_put(t, "note", bytes_str("another configuration runs: this place is still there"));
        else
            tap_end(t, s->host->view->phase == SERVICE_STOPPING
                           ? "otelcd stops"
                           : "another configuration runs, which has no such place any more");
    }
}

/* ---- life ---- */

static void say_where(struct tap *t)
{
    static const char *const sides[] = { [TAP_BEFORE] = "before ", [TAP_AFTER] = "behind ", [TAP_BOTH] = "" };
    const struct tap_request *r = &t->request;
    struct buf text = { 0 };

    buf_puts(&text, r->role == VIEW_RECEIVER ? "looking at what comes from " : "looking at what passes ");
    buf_puts(&text, r->role == VIEW_PROCESSOR ? sides[r->side] : "");
    log_put_visible(&text, bytes_str(r->node != NULL ? r->node : r->pipeline));
    if (r->node != NULL)
        buf_printf(&text, " of %s", r->pipeline);
    put_event(t, "note", buf_bytes(&text));
    buf_free(&text);
}

static void tick_tap(struct tap *t, uint64_t now)
{
    t->shown_this_second = 0;
    if (!t->over)
        put_counts(t);
    else
        look_no_more(t);
    if (t->out.len > 0) /* also behind the end: whoever does not take that has to be cut off */
        turn_defer(&t->set->host->loop->turn, &t->wake);
    if (now > KEPT_MOST)
        tap_give_up_waiting(t, now - KEPT_MOST);
}

static void tick_set(struct clock_timer *timer)
{
    struct tap_set *s = container_of(timer, struct tap_set, tick);
    uint64_t now = mono_of(s);

    clock_start(&s->host->loop->clock, &s->tick, EVERY, tick_set);
    list_each (struct tap, t, &s->taps, link)
        tick_tap(t, now);
}

void tap_set_init(struct tap_set *s, const struct host *host)
{
    *s = (struct tap_set){ .host = host, .time_left = (int64_t)TIME_MOST };
    list_init(&s->taps);
}

struct tap *tap_open(struct tap_set *s, struct tap_request *request, void (*ready)(void *arg), void *arg,
                     const char **why)
{
    struct tap *t;

    *why = "so many look already that one more would cost too much: end one of them first";
    if (s->n >= TAPS_MAX)
        return NULL;
    t = mem_zalloc(sizeof(*t));
    t->set = s;
    t->request = *request;
    *request = (struct tap_request){ 0 };
    t->budget = host_budget(s->host, t->request.signal);
    t->wake.run = on_wake;
    t->ready = ready;
    t->arg = arg;
    list_init(&t->waiting);
    list_push(&s->taps, &t->link);
    if (s->n++ == 0) {
        s->refilled = mono_of(s);
        s->cpu = tap_cpu_now();
        clock_start(&s->host->loop->clock, &s->tick, EVERY, tick_set);
    }
    tap_look_begin(t);
    if (look_there(t)) {
        say_where(t);
        return t;
    }
    *why = "there is no such place any more";
    tap_close(t);
    return NULL;
}

void tap_close(struct tap *t)
{
    struct tap_set *s = t->set;

    look_no_more(t);
    turn_cancel(&s->host->loop->turn, &t->wake);
    tap_taken(t);
    tap_forget_waiting(t);
    tap_picker_free(&t->picker);
    tap_request_free(&t->request);
    list_remove(&t->link);
    free(t);
    if (--s->n == 0)
        clock_stop(&s->host->loop->clock, &s->tick);
}

struct bytes tap_bytes(const struct tap *t)
{
    return buf_bytes(&t->out);
}

void tap_taken(struct tap *t)
{
    budget_give(t->budget, t->out.len);
    buf_free(&t->out);
}

bool tap_is_over(const struct tap *t)
{
    return t->over;
}
