/* SPDX-License-Identifier: Apache-2.0 */
/* An event of an item begins with a line that says what it is and when, then the item as otlp/text/item_text.h writes
 * it, two columns in, with what came in and what came out marked. What would act on a terminal is shown as escapes. */
#include "page/tap/tap_inside.h"

#include "base/loop/loop.h"
#include "otlp/json.h"
#include "otlp/text/item_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void put_time(const struct tap *t, struct buf *out)
{
    uint64_t wall = clock_wall(&t->set->host->loop->clock);
    time_t seconds = (time_t)(wall / NS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    buf_printf(out, " at %02d:%02d:%02d.%03u UTC\n", tm.tm_hour, tm.tm_min, tm.tm_sec,
               (unsigned)(wall % NS_PER_S / NS_PER_MS));
}

static void put_head(const struct tap *t, const char *what, struct buf *out)
{
    buf_printf(out, "%s ", what);
    log_put_visible(out, bytes_str(t->request.node != NULL ? t->request.node : t->request.pipeline));
    put_time(t, out);
}

/* Whether there was room for it or not, the item has been asked for. */
static void put_item(struct tap *t, struct bytes event, uint64_t items)
{
    if (event.len > TAP_EVENT_MAX)
        t->counts.large += items;
    else if (tap_put(t, "item", event))
        tap_count_shown(t, items);
    else
        t->counts.missed += items;
}

/* ---- one side ---- */

static void show_json(struct tap *t, struct batch *picked, uint64_t items)
{
    struct buf wire = { 0 }, json = { 0 }, line = { 0 };

    for (uint32_t i = 0; i < picked->n_segments; i++)
        buf_append(&wire, picked->segments[i].data, picked->segments[i].len);
    if (wire_to_json(signal_table[picked->signal].request, buf_bytes(&wire), &json, NULL) == 0) {
        log_put_visible(&line,
                        buf_bytes(&json)); /* what it escapes stands in strings, where JSON has the same escapes */
        put_item(t, buf_bytes(&line), items);
    }
    buf_free(&wire);
    buf_free(&json);
    buf_free(&line);
}

static const char *side_of(const struct tap_request *r)
{
    return r->role == VIEW_RECEIVER   ? "seen from"
           : r->role == VIEW_EXPORTER ? "seen before"
           : r->side == TAP_BEFORE    ? "seen before"
                                      : "seen behind";
}

static void show_texts(struct tap *t, const struct item_texts *texts)
{
    struct buf event = { 0 };

    for (size_t i = 0; i < texts->v.n && !t->over; i++) {
        event.len = 0;
        put_head(t, side_of(&t->request), &event);
        item_text_print(texts->v.v[i], "  ", &event);
        put_item(t, buf_bytes(&event), 1);
    }
    buf_free(&event);
}

void tap_show_picked(struct tap *t, struct batch *picked, uint64_t items)
{
    struct item_texts texts = { 0 };
    struct error err;

    if (t->request.json) {
        show_json(t, picked, items);
        return;
    }
    if (item_texts_add(&texts, picked, t->budget, &err))
        show_texts(t, &texts);
    else
        t->counts.large += items;
    item_texts_free(&texts);
}

/* ---- both ---- */

static void put_difference(const char *before, const char *after, struct buf *out)
{
    struct item_texts a = { 0 }, b = { 0 };

    *vec_push(&a.v) = before;
    *vec_push(&b.v) = after;
    item_texts_diff(&a, &b, 2, out); /* two, where they have little in common */
    vec_free(&a.v);
    vec_free(&b.v);
}

void tap_show_pair(struct tap *t, const char *before, const char *after, enum tap_fate fate)
{
    static const char *const words[] = { [TAP_CAME_OUT] = "changed by",
                                         [TAP_LEFT_OUT] = "left out by",
                                         [TAP_KEPT] = "not come out so far of",
                                         [TAP_TOO_LARGE] = "changed, and now too large to be shown, by",
                                         [TAP_UNPAIRED] = "went in, among too many to find what came of it, to" };
    bool same = fate == TAP_CAME_OUT && strcmp(before, after) == 0;
    struct buf event = { 0 };

    if (t->over)
        return;
    put_head(t, same ? "unchanged by" : words[fate], &event);
    if (same)
        item_text_print(before, "  ", &event);
    else if (fate == TAP_CAME_OUT)
        put_difference(before, after, &event);
    else
        item_text_print(before, fate == TAP_KEPT || fate == TAP_UNPAIRED ? "  " : "- ", &event);
    put_item(t, buf_bytes(&event), 1);
    buf_free(&event);
}
