/* SPDX-License-Identifier: Apache-2.0 */
/* A finished message, divided into others (by its units, by a choice of them, or inside of one series by its samples)
 * and named for people. A part takes the bytes of its units as they are; of version 2 it takes all symbols along, so
 * that their numbers stay, but without the texts of those that no one in it uses. What it holds is counted anew.
 *
 * Nothing can go wrong: the message is one that we have written. */
#include "prom/remote_write/remote_write.h"

#include "codec/pb.h"
#include "prom/model/labels.h"
#include "prom/model/remote_write_fields.h"
#include "prom/remote_write/remote_write_labels.h"

#include <assert.h>
#include <stdlib.h>

void remote_write_request_free(struct remote_write_request *r)
{
    buf_free(&r->message);
    vec_free(&r->units);
    free(r);
}

static size_t unit_at(const struct remote_write_request *r, size_t i)
{
    return i < r->units.n ? r->units.v[i].at : r->message.len;
}

/* The numbers of version 2's labels in one packed field. */
static void mark_refs(struct bytes packed, uint8_t *used, size_t n)
{
    const uint8_t *p = packed.data, *end = bytes_end(packed);

    for (uint64_t v; p < end && pb_varint(&p, end, &v);)
        if (v < n)
            used[v] = 1;
}

static void mark_used(struct bytes series, uint8_t *used, size_t n)
{
    struct pb_reader r = pb_reader(series);

    for (struct pb_field f; pb_next(&r, &f);) {
        struct pb_reader inner = pb_reader(f.wire == PB_LEN ? f.bytes : bytes_of(NULL, 0));

        if (f.number == V2_REFS && f.wire == PB_LEN)
            mark_refs(f.bytes, used, n);
        for (struct pb_field g; (f.number == V2_EXEMPLARS || f.number == V2_METADATA) && pb_next(&inner, &g);) {
            if (f.number == V2_EXEMPLARS && g.number == EXEMPLAR_LABELS && g.wire == PB_LEN)
                mark_refs(g.bytes, used, n);
            else if (f.number == V2_METADATA && (g.number == 3 || g.number == 4) && g.wire == PB_VARINT && g.u64 < n)
                used[g.u64] = 1;
        }
    }
}

/* The symbols, without the text of those that `series` does not use: the numbers stay. */
static void put_used_symbols(struct buf *out, struct bytes symbols, struct bytes series)
{
    uint8_t *used = mem_zalloc(symbols.len / 2 + 1);
    struct pb_reader r = pb_reader(series), s = pb_reader(symbols);
    size_t i = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.wire == PB_LEN)
            mark_used(f.bytes, used, symbols.len / 2);
    for (struct pb_field f; pb_next(&s, &f); i++)
        pb_put_bytes(out, V2_SYMBOLS, used[i] ? f.bytes : bytes_of(NULL, 0));
    free(used);
}

static void count_series(struct remote_write_request *r, struct bytes series)
{
    struct pb_reader s = pb_reader(series);
    bool second = r->version == REMOTE_WRITE_2;

    for (struct pb_field f; pb_next(&s, &f);) {
        r->samples += f.number == V1_SAMPLES;
        r->histograms += f.number == (second ? V2_HISTOGRAMS : V1_HISTOGRAMS);
        r->exemplars += f.number == (second ? V2_EXEMPLARS : V1_EXEMPLARS);
    }
}

static void count_message(struct remote_write_request *r)
{
    struct pb_reader m = pb_reader(buf_bytes(&r->message));

    for (struct pb_field f; pb_next(&m, &f);) {
        if (f.wire != PB_LEN)
            continue;
        if (f.number == (r->version == REMOTE_WRITE_2 ? V2_SERIES : V1_SERIES))
            count_series(r, f.bytes);
        else if (f.number == V1_METADATA)
            r->metadata++;
    }
}

/* A request like r, with the symbols of `part`. */
static struct remote_write_request *begin_cut(const struct remote_write_request *r, struct bytes part)
{
    struct remote_write_request *out = mem_zalloc(sizeof(*out));

    out->version = r->version;
    out->shard = r->shard;
    out->newest = r->newest;
    if (r->version == REMOTE_WRITE_2)
        put_used_symbols(&out->message, bytes_of(r->message.data, unit_at(r, 0)), part);
    return out;
}

struct remote_write_request *remote_write_cut(const struct remote_write_request *r, size_t from, size_t to)
{
    size_t at = unit_at(r, from), shift;
    struct bytes part = bytes_of(r->message.data + at, unit_at(r, to) - at);
    struct remote_write_request *out = begin_cut(r, part);

    assert(from < to && to <= r->units.n);
    shift = out->message.len;
    buf_put(&out->message, part);
    for (size_t i = from; i < to; i++) {
        *vec_push(&out->units) = r->units.v[i];
        out->units.v[i - from].at = (uint32_t)(unit_at(r, i) - at + shift);
        out->items += r->units.v[i].items;
    }
    count_message(out);
    return out;
}

struct remote_write_request *remote_write_select(const struct remote_write_request *r,
                                                 bool (*wanted)(const struct remote_write_unit *unit, void *arg),
                                                 void *arg)
{
    struct remote_write_request chosen = { 0 }, *out;
    struct buf part = { 0 };

    for (size_t i = 0; i < r->units.n; i++) {
        if (!wanted(&r->units.v[i], arg))
            continue;
        *vec_push(&chosen.units) = r->units.v[i];
        chosen.units.v[chosen.units.n - 1].at = (uint32_t)part.len;
        chosen.items += r->units.v[i].items;
        buf_append(&part, r->message.data + unit_at(r, i), unit_at(r, i + 1) - unit_at(r, i));
    }
    if (chosen.units.n == 0)
        return NULL;
    out = begin_cut(r, buf_bytes(&part));
    for (size_t i = 0; i < chosen.units.n; i++)
        chosen.units.v[i].at += (uint32_t)out->message.len;
    buf_put(&out->message, buf_bytes(&part));
    buf_free(&part);
    out->units.v = chosen.units.v;
    out->units.n = chosen.units.n;
    out->units.cap = chosen.units.cap;
    out->items = chosen.items;
    count_message(out);
    return out;
}

/* The fields of a series, of its samples only those of [from, to). */
static void put_series_cut(struct buf *out, struct bytes series, size_t from, size_t to)
{
    struct pb_reader s = pb_reader(series);
    size_t n = 0;

    for (struct pb_field f; pb_next(&s, &f);) {
        if (f.number == V1_SAMPLES && f.wire == PB_LEN && (n++ < from || n > to))
            continue;
        buf_append(out, f.start, (size_t)(s.p - f.start));
    }
}

struct remote_write_request *remote_write_cut_items(const struct remote_write_request *r, size_t from, size_t to)
{
    size_t at = unit_at(r, 0), mark;
    struct bytes part = bytes_of(r->message.data + at, r->message.len - at);
    struct remote_write_request *out = begin_cut(r, part);
    struct pb_reader m = pb_reader(part);
    struct pb_field f;

    assert(r->units.n == 1 && from < to && to <= r->items);
    *vec_push(&out->units) =
        (struct remote_write_unit){ (uint32_t)out->message.len, (uint32_t)(to - from), r->units.v[0].series };
    out->items = to - from;
    while (pb_next(&m, &f)) { /* but one */
        mark = pb_begin(&out->message, f.number);
        put_series_cut(&out->message, f.bytes, from, to);
        pb_end(&out->message, mark);
    }
    count_message(out);
    return out;
}

/* ---- names for people ---- */

static struct bytes symbol_text(const struct remote_write_request *r, uint64_t number)
{
    struct pb_reader s = pb_reader(bytes_of(r->message.data, unit_at(r, 0)));
    struct pb_field f;

    while (pb_next(&s, &f))
        if (number-- == 0)
            return f.bytes;
    return bytes_of(NULL, 0);
}

static void put_pair(struct buf *name, struct buf *labels, struct bytes key, struct bytes value)
{
    if (bytes_is(key, "__name__")) {
        buf_put(name, value);
        return;
    }
    labels_put(labels, key, value);
}

static void put_pairs(struct buf *name, struct buf *labels, const struct remote_write_request *r, struct bytes series)
{
    struct pb_reader s = pb_reader(series);
    struct bytes one = series;

    for (struct pb_field f; pb_next(&s, &f);) {
        if (f.number != 1 || f.wire != PB_LEN)
            continue;
        if (r->version == REMOTE_WRITE_1) {
            struct label_field x;

            one = bytes_of(f.start, (size_t)(s.p - f.start));
            if (label_field_next(&one, &x))
                put_pair(name, labels, x.name, x.value);
        } else {
            const uint8_t *p = f.bytes.data, *end = bytes_end(f.bytes);

            for (uint64_t a, b; p < end && pb_varint(&p, end, &a) && pb_varint(&p, end, &b);)
                put_pair(name, labels, symbol_text(r, a), symbol_text(r, b));
        }
    }
}

void remote_write_name(struct buf *out, const struct remote_write_request *r, size_t unit)
{
    struct pb_reader m = pb_reader(bytes_skip(buf_bytes(&r->message), unit_at(r, unit)));
    struct buf name = { 0 }, labels = { 0 };
    struct pb_field f;

    if (pb_next(&m, &f) && f.wire == PB_LEN && f.number == (r->version == REMOTE_WRITE_2 ? V2_SERIES : V1_SERIES))
        put_pairs(&name, &labels, r, f.bytes);
    buf_put(out, buf_bytes(&name));
    if (labels.len > 0) {
        buf_putc(out, '{');
        buf_put(out, buf_bytes(&labels));
        buf_putc(out, '}');
    }
    buf_free(&name);
    buf_free(&labels);
}
