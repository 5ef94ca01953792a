/* SPDX-License-Identifier: Apache-2.0 */
/* Exemplars of remote write. They stand with their series' samples, or as a series of their own with the same labels,
 * in front of the points or behind them: then the point is looked up, in an index that is made when the first one asks.
 *
 * What can go wrong: it does not parse, or its time is none: it is left out alone. Its series has no point in this
 * request: it is lost, and counted. */
#include "prom/intake/intake_inside.h"
#include "prom/intake/write_inside.h"
#include "prom/model/remote_write_fields.h"

#include <stdlib.h>

static const uint32_t exemplar_fields[WRITE_KINDS] = { OTLP_NUMBER_EXEMPLARS, OTLP_NUMBER_EXEMPLARS,
                                                       OTLP_EXPONENTIAL_EXEMPLARS, OTLP_HISTOGRAM_EXEMPLARS };

/* The content of one of OTLP, into r->point. NULL, or what is wrong with it. */
static const char *encode_exemplar(struct write_reading *r, struct bytes exemplar)
{
    struct pb_reader fields = pb_reader(exemplar);
    struct buf *b = &r->point;
    struct bytes rest;
    uint64_t bits = 0;
    int64_t time = 0;
    const char *fault = pairs_read(r, exemplar, &r->exemplar_labels, &rest);

    for (struct pb_field f; pb_next(&fields, &f);) {
        if (f.number == EXEMPLAR_VALUE && f.wire == PB_FIXED64)
            bits = f.u64;
        if (f.number == EXEMPLAR_TIME && f.wire == PB_VARINT)
            time = (int64_t)f.u64;
    }
    if (fields.bad || fault != NULL)
        return fault != NULL ? fault : "an exemplar does not parse";
    if (time < 0 || (uint64_t)time > UINT64_MAX / NS_PER_MS)
        return "the time of an exemplar is before 1970 or after 2554";
    b->len = 0;
    pb_put_fixed64(b, OTLP_EXEMPLAR_TIME, (uint64_t)time * NS_PER_MS);
    pb_put_fixed64(b, OTLP_EXEMPLAR_DOUBLE, bits);
    for (size_t i = 0; i < r->exemplar_labels.all.n; i++)
        exemplar_put_label(b, r->exemplar_labels.all.v[i].name, r->exemplar_labels.all.v[i].value);
    return NULL;
}

/* ---- their points ---- */

static const struct write_point *look_up(const struct write_reading *r, const struct digest *series, size_t *slot)
{
    size_t at = series->lo & (r->n_slots - 1);

    while (r->index[at] != 0 && !digest_equal(&r->points.v[r->index[at] - 1].series, series))
        at = (at + 1) & (r->n_slots - 1);
    *slot = at;
    return r->index[at] != 0 ? &r->points.v[r->index[at] - 1] : NULL;
}

/* Points that were made since somebody asked last are put in; a series has its last one there. */
static void fill_index(struct write_reading *r)
{
    size_t slots = 64, slot;

    while (slots < 2 * r->points.n)
        slots *= 2;
    if (r->index == NULL || slots > r->n_slots) {
        free(r->index);
        r->index = mem_zalloc(slots * sizeof(*r->index));
        r->n_slots = slots;
        r->n_indexed = 0;
    }
    for (; r->n_indexed < r->points.n; r->n_indexed++) {
        (void)look_up(r, &r->points.v[r->n_indexed].series, &slot);
        r->index[slot] = (uint32_t)r->n_indexed + 1;
    }
}

/* A point that has an exemplar is a message of its own. */
static bool put_exemplar(struct write_reading *r, struct message_part *point, enum write_kind kind,
                         struct bytes content)
{
    struct assembly *a = &r->assembly;

    if (point->child == NULL) {
        struct message *m = assembly_new(a, point->number);

        assembly_put(a, m, point->bytes);
        point->child = m;
    }
    assembly_put_field(a, point->child, exemplar_fields[kind], content);
    r->result.exemplars++;
    return true;
}

static bool put_by_series(struct write_reading *r, const struct digest *series, struct bytes content)
{
    const struct write_point *point;
    size_t slot;

    fill_index(r);
    point = look_up(r, series, &slot);
    return point != NULL && put_exemplar(r, point->part, point->kind, content);
}

void exemplar_take(struct write_reading *r, const struct series_parents *p, struct bytes exemplar)
{
    const char *fault = encode_exemplar(r, exemplar);
    struct bytes content;

    if (fault != NULL) {
        series_leave_out(r, &r->result.invalid, fault);
        return;
    }
    if (!room_take(r, POINT_COST / 2 + r->point.len))
        return;
    content = assembly_keep(&r->assembly, buf_bytes(&r->point));
    if (p->point != NULL)
        (void)put_exemplar(r, p->point, p->point_kind, content);
    else if (!put_by_series(r, &p->key, content))
        *vec_push(&r->pending) = (struct pending_exemplar){ p->key, content };
}

bool exemplars_settle(struct write_reading *r, unsigned most)
{
    for (; most > 0 && r->settled < r->pending.n; most--, r->settled++) {
        const struct pending_exemplar *x = &r->pending.v[r->settled];

        if (!put_by_series(r, &x->series, x->content))
            r->result.lost++;
    }
    return r->settled < r->pending.n;
}
