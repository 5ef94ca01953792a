/* SPDX-License-Identifier: Apache-2.0 */
/* A take: the page's samples become points in the assembly; then lines that did not come are ended, gathered points are
 * written, the report is added, and the assembly becomes a batch. Lines that did not come are forgotten.
 *
 * What can go wrong: a fault anywhere. The assembly is emptied, and what had been there with the last page is ended;
 * lines are kept for the next page, unless they have become many. A page that gives a counter a start for the first
 * time is read once more, since its values may have been written without it. */
#include "prom/intake/intake.h"

#include "base/mem.h"
#include "prom/intake/intake_inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SPARE_LINES 1000u /* of pages that were not taken */
#define SCRATCH_KEPT ((size_t)1 << 20)

void fail_take(struct take *t, const char *fmt, ...)
{
    va_list args;

    if (take_failed(t))
        return;
    va_start(args, fmt);
    vsnprintf(t->fault, sizeof(t->fault), fmt, args);
    va_end(args);
}

/* ---- formats ---- */

bool intake_format_of(struct bytes content_type, enum intake_format fallback, enum intake_format *format)
{
    static const struct {
        const char *type;
        enum intake_format format;
    } types[] = {
        { "text/plain", INTAKE_TEXT },
        { "application/openmetrics-text", INTAKE_OPENMETRICS },
        { "application/vnd.google.protobuf", INTAKE_PROTOBUF },
    };
    const uint8_t *end = content_type.len > 0 ? memchr(content_type.data, ';', content_type.len) : NULL;
    struct bytes type = end != NULL ? bytes_of(content_type.data, (size_t)(end - content_type.data)) : content_type;

    type = bytes_trim(type);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_equal_nocase(type, bytes_str(types[i].type))) {
            *format = types[i].format;
            return true;
        }
    *format = fallback;
    return false;
}

/* ---- text ---- */

static const char *read_text_labels(struct take *t, const struct sample *s)
{
    const struct page *g = s->from;

    return page_read_series(s->key, g->openmetrics, &t->labels, &t->empty);
}

static void take_page_sample(struct take *t, struct page *g, struct line *predicted)
{
    struct sample s = { .key = g->series,
                        .value = g->value,
                        .has_time = g->has_time,
                        .time_ms = g->time_ms,
                        .read_labels = read_text_labels,
                        .from = g };

    if (g->has_exemplar)
        s.exemplar = exemplar_of_text(t, &g->exemplar,
                                      g->has_time && t->in->rules->honor_timestamps ? g->time_ms : (int64_t)t->time_ms);
    take_sample(t, &s, g->expected ? predicted : NULL);
}

/* False: the page ends here. */
static bool take_entry(struct take *t, struct page *g)
{
    struct line *predicted = take_predicted(t);
    struct page_series expected = { 0 };

    if (predicted != NULL)
        expected = (struct page_series){ predicted->text_len, line_digest(t->in, &predicted->digest) };
    switch (page_next(g, &expected)) {
    case PAGE_SAMPLE:
        take_page_sample(t, g, predicted);
        return true;
    case PAGE_TYPE:
        family_say_type(t, g->name, g->type);
        return true;
    case PAGE_HELP:
        family_say_help(t, g->name, g->text);
        return true;
    case PAGE_UNIT:
        family_say_unit(t, g->name, g->text);
        return true;
    case PAGE_BAD:
        fail_take(t, "%s", g->fault);
        return false;
    case PAGE_END:
        break;
    }
    return false;
}

static void take_text(struct take *t, struct bytes body, bool openmetrics)
{
    struct page g;
    struct bytes some;
    char fault[sizeof(t->fault)];
    size_t line;

    page_init(&g, body, openmetrics);
    while (!take_failed(t) && !t->again && take_entry(t, &g))
        ;
    if (take_failed(t)) {
        line = page_line(&g, &some);
        memcpy(fault, t->fault, sizeof(fault));
        t->fault[0] = '\0';
        fail_take(t, "line %zu: %s: `%.*s`", line, fault, (int)some.len, (const char *)some.data);
    }
    page_free(&g);
}

/* ---- a pass ---- */

static void begin_pass(struct take *t)
{
    t->in->pass++;
    assembly_clear(&t->assembly);
    t->gathered.n = t->lines.n = 0;
    for (size_t i = 0; i < t->informed.n; i++)
        t->informed.v[i]->infos.n = 0;
    t->informed.n = 0;
    t->diverged = t->again = t->over_limit = t->over_buckets = false;
    t->n_lines = t->predicted = 0;
    t->open = NULL;
    t->open_metric = NULL;
    t->room = t->room_end = NULL;
    t->n_points = t->n_appended = 0;
}

static void begin_take(struct take *t, struct intake *in, uint64_t time_ms, struct intake_result *result)
{
    *result = (struct intake_result){ 0 };
    t->in = in;
    t->time_ms = time_ms;
    t->result = result;
    t->fault[0] = '\0';
    begin_pass(t);
    t->first_pass = in->pass;
}

static void trim_labels(struct label_set *s)
{
    label_set_reset(s);
    if (s->memory.total > SCRATCH_KEPT)
        label_set_free(s);
}

/* Memory that one large page needed is not kept for ever. */
static void trim_scratch(struct take *t)
{
    struct buf *const bufs[] = { &t->scratch, &t->attributes, &t->empty, &t->name, &t->key, &t->native };

    if (t->lines.cap * sizeof(*t->lines.v) > SCRATCH_KEPT)
        vec_free(&t->lines);
    if (t->gathered.cap * sizeof(*t->gathered.v) > SCRATCH_KEPT)
        vec_free(&t->gathered);
    if (t->fields.cap * sizeof(*t->fields.v) > SCRATCH_KEPT)
        vec_free(&t->fields);
    if (t->released.cap * sizeof(*t->released.v) > SCRATCH_KEPT)
        vec_free(&t->released);
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        if (bufs[i]->cap > SCRATCH_KEPT)
            buf_free(bufs[i]);
    trim_labels(&t->labels);
    trim_labels(&t->exemplar_labels);
}

static void end_take(struct take *t)
{
    const struct intake_store *s = t->in->store;

    put_gathered(t);
    close_open(t);
    put_infos(t);
    if (t->n_points > 0)
        t->result->batch = assembly_batch(&t->assembly, SIGNAL_METRICS, s->budget, t->n_points,
                                          s->clock != NULL ? clock_mono(s->clock) : 0);
    assembly_clear(&t->assembly);
    for (size_t i = 0; i < t->released.n; i++)
        out_point_release(t->in, t->released.v[i]);
    t->released.n = 0;
    trim_scratch(t);
    t->in = NULL;
}

/* ---- lines that did not come ---- */

static void end_lines(struct take *t, bool all)
{
    struct intake *in = t->in;

    for (size_t i = 0; i < in->n_good; i++) {
        struct line *l = in->lines.v[i];

        if ((all || l->seen != in->pass) && (l->flags & LINE_TRACKED))
            end_line(t, l);
    }
}

/* The lines of this page are those of the intake from now on; the others go. */
static void settle_lines(struct take *t)
{
    struct intake *in = t->in;

    if (!t->diverged && t->n_lines == in->lines.n)
        return;
    for (size_t i = t->diverged ? 0 : t->n_lines; i < in->lines.n; i++)
        if (in->lines.v[i]->seen != in->pass) {
            if (in->lines.v[i]->point != NULL)
                *vec_push(&t->released) = in->lines.v[i]->point;
            in->lines.v[i]->point = NULL;
            line_drop(in, in->lines.v[i]);
        }
    if (!t->diverged) {
        in->lines.n = t->n_lines;
        return;
    }
    budget_give(in->store->budget, in->lines.cap * sizeof(*in->lines.v));
    in->lines.v = mem_realloc(in->lines.v, (t->n_lines + 1) * sizeof(*in->lines.v));
    in->lines.cap = t->n_lines + 1;
    budget_charge(in->store->budget, in->lines.cap * sizeof(*in->lines.v));
    in->lines.n = t->n_lines;
    for (size_t i = 0; i < t->n_lines; i++) {
        in->lines.v[i] = t->lines.v[i];
        in->lines.v[i]->flags |= LINE_LISTED;
    }
}

/* The lines of before stay, and those of this page are put behind them. */
static void keep_lines(struct take *t)
{
    struct intake *in = t->in;
    size_t cap = in->lines.cap;

    for (size_t i = 0; i < t->lines.n; i++)
        if (!(t->lines.v[i]->flags & LINE_LISTED)) {
            t->lines.v[i]->flags |= LINE_LISTED;
            *vec_push(&in->lines) = t->lines.v[i];
        }
    budget_charge(in->store->budget, (in->lines.cap - cap) * sizeof(*in->lines.v));
}

/* Nobody has come for them in a page that was taken, and they are too many. */
static void drop_spare_lines(struct intake *in)
{
    if (in->lines.n <= 2 * in->n_taken + SPARE_LINES)
        return;
    while (in->lines.n > in->n_taken)
        line_drop(in, in->lines.v[--in->lines.n]);
}

/* ---- takes ---- */

/* Nothing of the page counts. */
static void leave_page(struct take *t)
{
    struct intake *in = t->in;

    keep_lines(t);
    begin_pass(t);
    end_lines(t, true);
    in->n_good = 0;
    if (in->n_families > 4 * (in->lines.n + SPARE_LINES))
        families_expire(in);
}

static void read_page(struct take *t, enum intake_format format, struct bytes body)
{
    if (format == INTAKE_PROTOBUF)
        take_protobuf(t, body);
    else
        take_text(t, body, format == INTAKE_OPENMETRICS);
    if (!take_failed(t) && !t->again && t->over_limit)
        fail_take(t, "sample limit exceeded");
    if (!take_failed(t) && !t->again && t->over_buckets)
        fail_take(t, "histogram bucket limit exceeded");
}

static void settle_page(struct take *t)
{
    struct intake *in = t->in;

    end_lines(t, false);
    put_gathered(t);
    settle_lines(t);
    in->n_good = in->n_taken = in->lines.n;
    families_expire(in);
}

void intake_take(struct intake *in, enum intake_format format, struct bytes body, const struct intake_scrape *scrape,
                 struct intake_result *result)
{
    struct take *t = &in->store->take;

    begin_take(t, in, scrape->time_ms, result);
    if (body.len > 0)
        read_page(t, format, body);
    if (t->again) {
        keep_lines(t);
        *result = (struct intake_result){ 0 };
        begin_pass(t);
        read_page(t, format, body);
    }
    if (take_failed(t))
        error_set(&result->error, -EINVAL, "%s", t->fault);
    if (take_failed(t) || body.len == 0)
        leave_page(t);
    else
        settle_page(t);
    put_reports(t, scrape);
    end_take(t);
    drop_spare_lines(in);
}

void intake_fail(struct intake *in, const struct intake_scrape *scrape, struct intake_result *result)
{
    struct take *t = &in->store->take;

    begin_take(t, in, scrape->time_ms, result);
    leave_page(t);
    error_set(&result->error, -EIO, "there was no page");
    put_reports(t, scrape);
    end_take(t);
}

void intake_end(struct intake *in, uint64_t time_ms, struct intake_result *result)
{
    struct take *t = &in->store->take;

    begin_take(t, in, time_ms, result);
    leave_page(t);
    end_reports(t);
    end_take(t);
}
