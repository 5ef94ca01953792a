/* SPDX-License-Identifier: Apache-2.0 */
#include "support/remote_write_text.h"

#include "codec/pb.h"
#include "prom/model/labels.h"
#include "prom/model/number.h"

#include <stdio.h>
#include <stdlib.h>

struct decoder {
    bool second;
    VEC(struct bytes) symbols;
    struct buf name, labels;
    struct buf last;      /* the label before */
    VEC(struct buf) seen; /* all series, as text: by length, for a label may have a NUL in it */
};

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "remote write: %s\n", what);
    abort();
}

static void take_label(struct decoder *d, struct bytes name, struct bytes value, bool of_series)
{
    require(name.len > 0 && value.len > 0, "an empty label");
    require(d->last.len == 0 || bytes_compare(buf_bytes(&d->last), name) < 0, "labels out of order, or one twice");
    d->last.len = 0;
    buf_put(&d->last, name);
    if (of_series && bytes_is(name, "__name__"))
        buf_put(&d->name, value);
    else
        labels_put(&d->labels, name, value);
}

static void take_refs(struct decoder *d, struct bytes packed, bool of_series)
{
    const uint8_t *p = packed.data, *end = bytes_end(packed);
    uint64_t a, b;

    while (p < end) {
        require(pb_varint(&p, end, &a) && pb_varint(&p, end, &b), "an odd number of references");
        require(a < d->symbols.n && b < d->symbols.n, "a reference that leads nowhere");
        take_label(d, d->symbols.v[a], d->symbols.v[b], of_series);
    }
}

static void take_field_label(struct decoder *d, struct bytes label, bool of_series)
{
    struct bytes name = { 0 }, value = { 0 };
    struct pb_reader r = pb_reader(label);

    for (struct pb_field f; pb_next(&r, &f);)
        *(f.number == 1 ? &name : &value) = f.bytes;
    require(!r.bad, "a label that does not parse");
    take_label(d, name, value, of_series);
}

static void put_series(struct decoder *d, struct buf *out)
{
    buf_put(out, buf_bytes(&d->name));
    if (d->labels.len > 0) {
        buf_putc(out, '{');
        buf_put(out, buf_bytes(&d->labels));
        buf_putc(out, '}');
    }
}

static void put_sample(struct decoder *d, struct buf *out, struct bytes sample)
{
    struct pb_reader r = pb_reader(sample);
    uint64_t bits = 0;
    int64_t time = 0;
    char number[NUMBER_MAX];

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == 1)
            bits = f.u64;
        else if (f.number == 2)
            time = (int64_t)f.u64;
    }
    require(!r.bad, "a sample that does not parse");
    put_series(d, out);
    if (bits == 0x7ff0000000000002ull)
        buf_puts(out, " stale");
    else
        buf_printf(out, " %.*s", (int)number_put(number, pb_double(bits)), number);
    buf_printf(out, " %lld\n", (long long)time);
}

static void put_histogram(struct decoder *d, struct buf *out, struct bytes histogram)
{
    struct pb_reader r = pb_reader(histogram);
    uint64_t count = 0, sum = 0, spans = 0, deltas = 0;
    int64_t time = 0;
    bool has_count = false, has_zero = false;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == 1)
            count = f.u64, has_count = true;
        else if (f.number == 3)
            sum = f.u64;
        else if (f.number == 6)
            has_zero = true;
        else if (f.number == 15)
            time = (int64_t)f.u64;
        if (f.number == 8 || f.number == 11) {
            struct pb_reader s = pb_reader(f.bytes);

            for (struct pb_field g; pb_next(&s, &g);)
                spans += g.number == 2 ? g.u64 : 0;
        } else if (f.number == 9 || f.number == 12) {
            const uint8_t *p = f.bytes.data;

            for (uint64_t v; p < bytes_end(f.bytes) && pb_varint(&p, bytes_end(f.bytes), &v);)
                deltas++;
        }
    }
    require(!r.bad && has_count && has_zero, "a histogram without its counts");
    require(spans == deltas, "spans and deltas of different lengths");
    put_series(d, out);
    buf_printf(out, " {count=%llu sum=%g} %lld\n", (unsigned long long)count, pb_double(sum), (long long)time);
}

static void take_exemplar(struct decoder *d, struct bytes exemplar)
{
    struct pb_reader r = pb_reader(exemplar);

    d->last.len = 0;
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == 1) {
            struct buf labels = d->labels;

            d->labels = (struct buf){ 0 };
            if (d->second)
                take_refs(d, f.bytes, false);
            else
                take_field_label(d, f.bytes, false);
            buf_free(&d->labels);
            d->labels = labels;
        }
    require(!r.bad, "an exemplar that does not parse");
}

static void note_series(struct decoder *d)
{
    struct buf text = { 0 };

    put_series(d, &text);
    *vec_push(&d->seen) = text;
}

static void take_series(struct decoder *d, struct buf *out, struct bytes series)
{
    uint32_t samples = 2, histograms = d->second ? 3 : 4, exemplars = d->second ? 4 : 3;
    struct pb_reader r = pb_reader(series);
    size_t n = 0;

    d->name.len = d->labels.len = d->last.len = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        require(f.wire == PB_LEN, "a series with a field of another wire type");
        if (f.number == 1 && d->second)
            take_refs(d, f.bytes, true);
        else if (f.number == 1)
            take_field_label(d, f.bytes, true);
        else if (f.number == samples)
            put_sample(d, out, f.bytes);
        else if (f.number == histograms)
            put_histogram(d, out, f.bytes);
        else if (f.number == exemplars)
            take_exemplar(d, f.bytes);
        n += f.number == samples || f.number == histograms;
    }
    require(!r.bad && n >= 1 && d->name.len > 0, "a series without a name or a sample");
    note_series(d);
}

static int by_text(const void *a, const void *b)
{
    return bytes_compare(buf_bytes(a), buf_bytes(b));
}

static void require_once_each(struct decoder *d)
{
    if (d->seen.n > 0)
        qsort(d->seen.v, d->seen.n, sizeof(*d->seen.v), by_text);
    for (size_t i = 1; i < d->seen.n; i++)
        require(by_text(&d->seen.v[i - 1], &d->seen.v[i]) != 0, "a series twice in one message");
    for (size_t i = 0; i < d->seen.n; i++)
        buf_free(&d->seen.v[i]);
    vec_free(&d->seen);
}

static void take_metadata(struct buf *out, struct bytes metadata)
{
    struct pb_reader r = pb_reader(metadata);
    struct bytes name = { 0 };
    uint64_t type = 0;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == 1)
            type = f.u64;
        else if (f.number == 2)
            name = f.bytes;
    }
    buf_printf(out, "# %.*s %llu\n", (int)name.len, (const char *)name.data, (unsigned long long)type);
}

void remote_write_text(struct buf *out, const struct remote_write_request *r)
{
    struct decoder d = { .second = r->version == REMOTE_WRITE_2 };
    struct pb_reader m = pb_reader(buf_bytes(&r->message));

    for (struct pb_field f; pb_next(&m, &f);) {
        require(f.wire == PB_LEN, "a message with a field of another wire type");
        if (d.second && f.number == 4)
            *vec_push(&d.symbols) = f.bytes;
        else if (f.number == (d.second ? 5u : 1u))
            take_series(&d, out, f.bytes);
        else if (!d.second && f.number == 3)
            take_metadata(out, f.bytes);
        else
            require(false, "a message with an unknown field");
    }
    require(!m.bad, "a message that does not parse");
    require(!d.second || (d.symbols.n > 0 && d.symbols.v[0].len == 0), "symbols that do not begin with none");
    require_once_each(&d);
    vec_free(&d.symbols);
    buf_free(&d.name);
    buf_free(&d.labels);
    buf_free(&d.last);
}
