/* SPDX-License-Identifier: Apache-2.0 */
/* A take: the page's samples become points in assemblies; then lines that did not come are ended, gathered points are
 * written, the report is added, and the assemblies become batches. Lines that did not come are forgotten. Each phase
 * goes through something in steps; between two of them the loop may do other things, but to this store.
 *
 * What can go wrong: a fault anywhere. The assemblies are emptied, and what had been there with the last page is ended;
 * lines are kept for the next page, unless they have become many. A page that gives a counter a start for the first
 * time is read once more, since its values may have been written without it. */
#include "prom/intake/intake.h"

#include "base/mem.h"
#include "prom/intake/intake_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_KEPT ((size_t)1 << 20)

void take_fail(struct take *t, const char *fmt, ...)
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

/* ---- phases ---- */

#define PHASE(p) (1u << (p))

static const uint16_t allowed[TAKE_PHASES] = {
    [TAKE_IDLE] = PHASE(TAKE_READ) | PHASE(TAKE_KEEP),
    [TAKE_READ] = PHASE(TAKE_FAULT) | PHASE(TAKE_KEEP) | PHASE(TAKE_END) | PHASE(TAKE_IDLE),
    [TAKE_FAULT] = PHASE(TAKE_KEEP) | PHASE(TAKE_IDLE),
    [TAKE_KEEP] = PHASE(TAKE_READ) | PHASE(TAKE_END) | PHASE(TAKE_IDLE),
    [TAKE_END] = PHASE(TAKE_MOVED) | PHASE(TAKE_IDLE),
    [TAKE_MOVED] = PHASE(TAKE_GATHER) | PHASE(TAKE_IDLE),
    [TAKE_GATHER] = PHASE(TAKE_FINISH) | PHASE(TAKE_IDLE),
    [TAKE_FINISH] = PHASE(TAKE_DROP) | PHASE(TAKE_RELEASE) | PHASE(TAKE_IDLE),
    [TAKE_DROP] = PHASE(TAKE_RELEASE),
    [TAKE_RELEASE] = PHASE(TAKE_FAMILIES),
    [TAKE_FAMILIES] = PHASE(TAKE_SPARE),
    [TAKE_SPARE] = PHASE(TAKE_IDLE),
};

static void enter_phase(struct take *t, enum take_phase to)
{
    assert(allowed[t->phase] & PHASE(to));
    t->phase = to;
    t->at = 0;
}

/* ---- a pass ---- */

static void begin_pass(struct take *t)
{
    t->in->pass++;
    pieces_clear(t);
    infos_forget(t);
    t->gathered.n = t->lines.n = 0;
    t->moved.n = t->left ? t->moved.n : 0;
    t->diverged = t->again = t->over_limit = t->over_buckets = false;
    t->n_lines = t->predicted = 0;
    t->open = NULL;
    t->open_metric = NULL;
    t->room = t->room_end = NULL;
    t->n_appended = 0;
}

static void begin_reading(struct take *t)
{
    enter_phase(t, TAKE_READ);
    if (t->format == INTAKE_PROTOBUF)
        protobuf_begin(t);
    else
        text_begin(t);
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
    if (t->released.cap * sizeof(*t->released.v) > SCRATCH_KEPT)
        vec_free(&t->released);
    if (t->moved.cap * sizeof(*t->moved.v) > SCRATCH_KEPT)
        vec_free(&t->moved);
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        if (bufs[i]->cap > SCRATCH_KEPT)
            buf_free(bufs[i]);
    trim_labels(&t->labels);
    trim_labels(&t->exemplar_labels);
}

/* ---- from phase to phase ---- */

static void leave_page(struct take *t)
{
    if (take_failed(t))
        error_set(&t->result->error, -EINVAL, "%s", t->fault);
    t->left = true;
    enter_phase(t, TAKE_KEEP);
}

static void end_reading(struct take *t)
{
    bool at_fault = take_failed(t) && t->format != INTAKE_PROTOBUF;

    if (!take_failed(t) && !t->again && t->over_limit)
        take_fail(t, "sample limit exceeded");
    if (!take_failed(t) && !t->again && t->over_buckets)
        take_fail(t, "histogram bucket limit exceeded");
    if (at_fault)
        enter_phase(t, TAKE_FAULT);
    else if (take_failed(t))
        leave_page(t);
    else
        enter_phase(t, t->again ? TAKE_KEEP : TAKE_END);
}

static void end_keeping(struct take *t)
{
    begin_pass(t);
    if (!t->left) { /* again */
        *t->result = (struct intake_result){ 0 };
        text_end(t);
        begin_reading(t);
        return;
    }
    enter_phase(t, TAKE_END);
}

static void finish_points(struct take *t)
{
    if (t->left)
        t->in->n_good = 0;
    if (t->kind == TAKE_FAILURE)
        error_set(&t->result->error, -EIO, "there was no page");
    if (t->kind == TAKE_LAST)
        reports_end(t);
    else
        reports_put(t, &t->scrape);
    point_close_open(t);
    infos_put(t);
    t->result->points = pieces_detach(t);
    enter_phase(t, t->left ? TAKE_RELEASE : TAKE_DROP);
}

static void end_take(struct take *t)
{
    text_end(t);
    pieces_clear(t);
    t->gathered.n = t->moved.n = 0;
    trim_scratch(t);
    enter_phase(t, TAKE_IDLE);
    t->in = NULL;
}

static bool read_some(struct take *t)
{
    return t->format == INTAKE_PROTOBUF ? protobuf_read_some(t) : text_read_some(t);
}

/* What each phase does until there is no more of it, and then: how it is left, or else the next phase. */
static const struct {
    bool (*work)(struct take *t); /* false: no more. NULL: nothing but the end */
    void (*leave)(struct take *t);
    enum take_phase next;
} phases[TAKE_PHASES] = {
    [TAKE_READ] = { .work = read_some, .leave = end_reading },
    [TAKE_FAULT] = { .work = text_locate_fault, .leave = leave_page },
    [TAKE_KEEP] = { .work = lines_keep, .leave = end_keeping },
    [TAKE_END] = { .work = lines_end, .next = TAKE_MOVED },
    [TAKE_MOVED] = { .work = points_end_moved, .next = TAKE_GATHER },
    [TAKE_GATHER] = { .work = points_put_gathered, .next = TAKE_FINISH },
    [TAKE_FINISH] = { .leave = finish_points },
    [TAKE_DROP] = { .work = lines_drop, .next = TAKE_RELEASE },
    [TAKE_RELEASE] = { .work = points_release, .next = TAKE_FAMILIES },
    [TAKE_FAMILIES] = { .work = families_expire, .next = TAKE_SPARE },
    [TAKE_SPARE] = { .work = lines_drop_spare, .leave = end_take },
};

bool intake_work(struct intake_store *s)
{
    struct take *t = &s->take;
    enum take_phase phase = t->phase;

    if (phase == TAKE_IDLE || (phases[phase].work != NULL && phases[phase].work(t)))
        return t->phase == TAKE_IDLE;
    if (phases[phase].leave != NULL)
        phases[phase].leave(t);
    else
        enter_phase(t, phases[phase].next);
    return t->phase == TAKE_IDLE;
}

/* ---- takes ---- */

static struct take *begin_take(struct intake *in, enum take_kind kind, const struct intake_scrape *scrape,
                               struct intake_result *result)
{
    struct take *t = &in->store->take;

    assert(t->phase == TAKE_IDLE);
    *result = (struct intake_result){ 0 };
    t->in = in;
    t->kind = kind;
    t->scrape = *scrape;
    t->time_ms = scrape->time_ms;
    t->result = result;
    t->fault[0] = '\0';
    t->left = false;
    t->family = NULL;
    begin_pass(t);
    t->first_pass = in->pass;
    return t;
}

void intake_begin_page(struct intake *in, enum intake_format format, struct bytes body,
                       const struct intake_scrape *scrape, struct intake_result *result)
{
    struct take *t = begin_take(in, TAKE_PAGE, scrape, result);

    t->format = format;
    t->body = body;
    if (body.len > 0)
        begin_reading(t);
    else
        leave_page(t);
}

void intake_begin_failure(struct intake *in, const struct intake_scrape *scrape, struct intake_result *result)
{
    leave_page(begin_take(in, TAKE_FAILURE, scrape, result));
}

void intake_begin_end(struct intake *in, uint64_t time_ms, struct intake_result *result)
{
    leave_page(begin_take(in, TAKE_LAST, &(struct intake_scrape){ .time_ms = time_ms }, result));
}

void intake_cancel(struct intake *in)
{
    struct take *t = &in->store->take;

    if (t->in != in)
        return;
    if (t->phase > TAKE_FINISH) { /* what is left is the intake's own */
        while (!intake_work(in->store))
            ;
        intake_points_free(t->result->points);
        t->result->points = NULL;
        return;
    }
    infos_forget(t);
    if (t->phase != TAKE_KEEP)
        t->at = 0;
    while (lines_keep(t))
        ;
    while (points_release(t))
        ;
    end_take(t);
}

static void work_to_end(struct intake *in)
{
    while (!intake_work(in->store))
        ;
}

void intake_take(struct intake *in, enum intake_format format, struct bytes body, const struct intake_scrape *scrape,
                 struct intake_result *result)
{
    intake_begin_page(in, format, body, scrape, result);
    work_to_end(in);
}

void intake_fail(struct intake *in, const struct intake_scrape *scrape, struct intake_result *result)
{
    intake_begin_failure(in, scrape, result);
    work_to_end(in);
}

void intake_end(struct intake *in, uint64_t time_ms, struct intake_result *result)
{
    intake_begin_end(in, time_ms, result);
    work_to_end(in);
}
