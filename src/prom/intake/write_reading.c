/* SPDX-License-Identifier: Apache-2.0 */
/* A request is read from its first byte to its last, a slice a turn: of version 2 the symbols first, which stand in
 * front of the series but need not; then series by series; then exemplars that came before their point. What comes of
 * it is gathered in an assembly of its own, whose growth is charged, and becomes a batch in the end, in slices too.
 *
 * What can go wrong: the message is none: then nothing of it counts. It has more symbols, or would make more bytes,
 * than may be. There is no room in the budget. */
#include "base/mem.h"
#include "codec/utf8.h"
#include "prom/intake/write_inside.h"
#include "prom/model/remote_write_fields.h"

#include <assert.h>
#include <stdlib.h>

#define SLICE ((size_t)32 * 1024) /* bytes read and made */
#define SERIES_WORK 1024u         /* a series that is new costs as much as so many of them */
#define SYMBOLS_MOST 500000u
#define TEXT_RATIO 8u /* text may be looked at for so many times the bytes that points may take */
#define PENDING_A_STEP 1000u
#define TEXT_CHEAPER 4 /* than bytes that are read and made */

struct write_reading *write_reading_new(struct write_intake *w, enum write_version version, struct bytes message,
                                        size_t most)
{
    struct write_reading *r = mem_zalloc(sizeof(*r));

    r->w = w;
    r->version = version;
    r->phase = version == WRITE_2 ? READ_SYMBOLS : READ_SERIES;
    r->message = message;
    r->reader = pb_reader(message);
    r->most = most;
    r->texts = most < SIZE_MAX / TEXT_RATIO ? TEXT_RATIO * most : SIZE_MAX;
    assembly_init(&r->assembly);
    return r;
}

void write_reading_free(struct write_reading *r)
{
    budget_give(r->w->budget, r->charged);
    assembly_make_cancel(&r->making);
    assembly_free(&r->assembly);
    vec_free(&r->points);
    free(r->index);
    vec_free(&r->symbols);
    vec_free(&r->labels.pairs.all);
    vec_free(&r->exemplar_labels.all);
    vec_free(&r->pending);
    buf_free(&r->attributes);
    buf_free(&r->scope);
    buf_free(&r->last_scope);
    buf_free(&r->point);
    buf_free(&r->scratch);
    free(r);
}

const char *write_reading_fault(const struct write_reading *r)
{
    return r->fault;
}

static enum write_step fail_reading(struct write_reading *r, enum write_step how, const char *why)
{
    r->fault = why;
    return how;
}

/* ---- what it may take ---- */

static bool take_of(struct write_reading *r, size_t *left, size_t n)
{
    if (n > *left) {
        r->over = true;
        return false;
    }
    *left -= n;
    return true;
}

bool room_take(struct write_reading *r, size_t n)
{
    return take_of(r, &r->most, n);
}

bool texts_take(struct write_reading *r, size_t n)
{
    return take_of(r, &r->texts, n);
}

struct bytes bytes_keep(struct write_reading *r, struct bytes b)
{
    return room_take(r, b.len) ? assembly_keep(&r->assembly, b) : bytes_of(NULL, 0);
}

/* ---- phases ---- */

static void enter_phase(struct write_reading *r, enum write_phase to)
{
    static const uint8_t allowed[] = {
        [READ_SYMBOLS] = 1 << READ_SERIES,
        [READ_SERIES] = 1 << READ_PENDING | 1 << READ_MAKE,
        [READ_PENDING] = 1 << READ_MAKE,
        [READ_MAKE] = 0,
    };

    assert(allowed[r->phase] & 1 << to);
    r->phase = to;
}

/* ---- the parts of a message ---- */

static const char *take_metadata(struct write_reading *r, struct bytes metadata)
{
    struct pb_reader fields = pb_reader(metadata);
    struct write_family family = { 0 };
    struct bytes name = { NULL, 0 };

    for (struct pb_field f; pb_next(&fields, &f);) {
        if (f.number == V1_METADATA_TYPE && f.wire == PB_VARINT && f.u64 < PAGE_TYPE_COUNT)
            family.type = (enum page_type)f.u64;
        if (f.number == V1_METADATA_FAMILY && f.wire == PB_LEN)
            name = f.bytes;
        if (f.number == V1_METADATA_HELP && f.wire == PB_LEN)
            family.help = f.bytes;
        if (f.number == V1_METADATA_UNIT && f.wire == PB_LEN)
            family.unit = f.bytes;
    }
    if (fields.bad)
        return "what is said of a metric does not parse";
    if (!utf8_valid(family.help) || !utf8_valid(family.unit))
        family.help = family.unit = bytes_of(NULL, 0);
    families_remember(r->w, name, &family);
    r->result.metadata++;
    return NULL;
}

/* Each version skips the other's series as fields that it does not know, and would have all written that it lost. */
static const char other_version[] = "the message is of the other version of remote write than its Content-Type says";

static size_t work_since(const struct write_reading *r, const struct write_reading *before, uint64_t made)
{
    return (size_t)(r->reader.p - before->reader.p) + (before->most - r->most) +
           (before->texts - r->texts) / TEXT_CHEAPER + (size_t)(r->w->made - made) * SERIES_WORK;
}

/* Several parts, until the slice is full or the message has ended. */
static enum write_step read_series(struct write_reading *r)
{
    const struct write_reading before = { .reader = r->reader, .most = r->most, .texts = r->texts };
    uint64_t made = r->w->made;
    struct pb_field f;

    while (work_since(r, &before, made) < SLICE && !r->over) {
        const char *fault = NULL;

        if (!pb_next(&r->reader, &f))
            return r->reader.bad ? fail_reading(r, WRITE_MALFORMED, "the message is no protobuf") : WRITE_WHOLE;
        if (f.wire != PB_LEN)
            continue;
        if (f.number == (r->version == WRITE_1 ? V2_SERIES : V1_SERIES))
            fault = other_version;
        else if (f.number == (r->version == WRITE_1 ? V1_SERIES : V2_SERIES))
            points_take(r, f.bytes);
        else if (f.number == V1_METADATA && r->version == WRITE_1)
            fault = take_metadata(r, f.bytes);
        if (fault != NULL)
            return fail_reading(r, WRITE_MALFORMED, fault);
    }
    return r->over ? fail_reading(r, WRITE_TOO_LARGE, "its labels would take more memory than a request may")
                   : WRITE_MORE;
}

static enum write_step read_symbols(struct write_reading *r)
{
    const uint8_t *from = r->reader.p;
    size_t n = r->symbols.n;
    struct pb_field f;

    while ((size_t)(r->reader.p - from) < 8 * SLICE && r->symbols.n - n < SLICE / 8) {
        if (!pb_next(&r->reader, &f)) {
            if (r->reader.bad)
                return fail_reading(r, WRITE_MALFORMED, "the message is no protobuf");
            enter_phase(r, READ_SERIES);
            r->reader = pb_reader(r->message);
            return WRITE_MORE;
        }
        if (f.number != V2_SYMBOLS || f.wire != PB_LEN)
            continue;
        if (r->symbols.n >= SYMBOLS_MOST)
            return fail_reading(r, WRITE_MALFORMED, "the message has more than 500000 symbols");
        *vec_push(&r->symbols) = (struct write_symbol){
            .data = f.bytes.data,
            .len = f.bytes.len & SIZE_MAX >> 1,
            .is_text = utf8_valid_in(f.bytes.data, f.bytes.len, bytes_end(r->message)),
        };
    }
    return WRITE_MORE;
}

/* ---- steps ---- */

/* What it has taken until now. False: that is more than there is room for. */
static bool charge_reading(struct write_reading *r)
{
    uint64_t now = assembly_size(&r->assembly) + r->symbols.cap * sizeof(*r->symbols.v) +
                   r->points.cap * sizeof(*r->points.v) + r->n_slots * sizeof(*r->index) +
                   r->pending.cap * sizeof(*r->pending.v);

    if (now > r->charged && !budget_take(r->w->budget, now - r->charged))
        return false;
    r->charged = now > r->charged ? now : r->charged;
    return true;
}

/* From phase to phase, where this one is done. */
static enum write_step next_phase(struct write_reading *r)
{
    if (r->phase < READ_PENDING && r->pending.n > 0) {
        enter_phase(r, READ_PENDING);
        return WRITE_MORE;
    }
    if (r->phase == READ_MAKE || r->points.n == 0)
        return WRITE_WHOLE;
    enter_phase(r, READ_MAKE);
    assembly_make_begin(&r->assembly, &r->making);
    return WRITE_MORE;
}

static enum write_step work_some(struct write_reading *r)
{
    switch (r->phase) {
    case READ_SYMBOLS:
        return read_symbols(r);
    case READ_SERIES:
        return read_series(r);
    case READ_PENDING:
        return exemplars_settle(r, PENDING_A_STEP) ? WRITE_MORE : WRITE_WHOLE;
    case READ_MAKE:
        return assembly_make_some(&r->assembly, &r->making, r->w->budget, 4 * SLICE) ? WRITE_WHOLE : WRITE_MORE;
    }
    return WRITE_MALFORMED;
}

enum write_step write_reading_step(struct write_reading *r)
{
    enum write_step step = work_some(r);

    if (step == WRITE_WHOLE)
        step = next_phase(r);
    if ((step == WRITE_MORE || step == WRITE_WHOLE) && !charge_reading(r))
        return fail_reading(r, WRITE_NO_ROOM, "no room in the memory budget for this request; send it again later");
    return step;
}

void write_reading_end(struct write_reading *r, struct write_result *result)
{
    *result = r->result;
    series_expire(r->w);
    if (r->points.n > 0)
        result->batch = assembly_make_end(&r->making, SIGNAL_METRICS, r->points.n, clock_mono(r->w->clock));
}
