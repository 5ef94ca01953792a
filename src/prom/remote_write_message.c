/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/remote_write_message.h"

#include "codec/pb.h"
#include "prom/exemplar.h"
#include "prom/labels.h"

#include <endian.h>
#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Field numbers: prometheus.WriteRequest, and io.prometheus.write.v2.Request. */
enum { V1_SERIES = 1, V1_METADATA = 3, V2_SYMBOLS = 4, V2_SERIES = 5 };
enum { V1_LABELS = 1, V1_SAMPLES = 2, V1_EXEMPLARS = 3, V1_HISTOGRAMS = 4 };
enum { V2_REFS = 1, V2_SAMPLES = 2, V2_HISTOGRAMS = 3, V2_EXEMPLARS = 4, V2_METADATA = 5 };
enum { SAMPLE_VALUE = 1, SAMPLE_TIME = 2, SAMPLE_START = 3 };
enum { LABEL_NAME = 1, LABEL_VALUE = 2 };
enum { EXEMPLAR_LABELS = 1, EXEMPLAR_VALUE = 2, EXEMPLAR_TIME = 3 };
enum {
    NATIVE_COUNT = 1,
    NATIVE_SUM = 3,
    NATIVE_SCHEMA = 4,
    NATIVE_ZERO_THRESHOLD = 5,
    NATIVE_ZERO_COUNT = 6,
    NATIVE_NEGATIVE_SPANS = 8,
    NATIVE_NEGATIVE_DELTAS = 9,
    NATIVE_POSITIVE_SPANS = 11,
    NATIVE_POSITIVE_DELTAS = 12,
    NATIVE_RESET_HINT = 14,
    NATIVE_TIME = 15,
    NATIVE_CUSTOM_VALUES = 16,
    NATIVE_START = 17,
};

/* ---- labels ---- */

static size_t string_size(size_t len)
{
    return 1 + pb_varint_len(len) + len;
}

size_t label_field_size(size_t name_len, size_t value_len)
{
    return string_size(string_size(name_len) + string_size(value_len));
}

static uint8_t *put_string(uint8_t *p, uint8_t tag, struct bytes s)
{
    *p++ = tag;
    if (s.len < 0x80)
        *p++ = (uint8_t)s.len;
    else
        p += pb_put_varint_at(p, s.len);
    if (s.len > 0)
        memcpy(p, s.data, s.len);
    return p + s.len;
}

static uint8_t *put_label(uint8_t *p, struct bytes name, struct bytes value)
{
    *p++ = PB_TAG(V1_LABELS, PB_LEN);
    p += pb_put_varint_at(p, string_size(name.len) + string_size(value.len));
    p = put_string(p, PB_TAG(LABEL_NAME, PB_LEN), name);
    return put_string(p, PB_TAG(LABEL_VALUE, PB_LEN), value);
}

void label_field_put(struct buf *out, struct bytes name, struct bytes value)
{
    uint8_t *p = buf_reserve(out, label_field_size(name.len, value.len));

    out->len = (size_t)(put_label(p, name, value) - out->data);
}

void label_fields_put(struct buf *out, struct bytes rendered)
{
    struct buf name = { 0 }, value = { 0 };

    for (struct label l; labels_next(&rendered, &l);) {
        name.len = value.len = 0;
        labels_put_unescaped(&name, l.name);
        labels_put_unescaped(&value, l.value);
        if (value.len > 0)
            label_field_put(out, buf_bytes(&name), buf_bytes(&value));
    }
    buf_free(&name);
    buf_free(&value);
}

/* A field of our own writing, the tag left out. */
static const uint8_t *read_string(const uint8_t *p, struct bytes *s)
{
    uint64_t len = *p++;

    if (len >= 0x80) {
        p--;
        (void)pb_varint(&p, p + 10, &len);
    }
    *s = bytes_of(p, (size_t)len);
    return p + len;
}

bool label_field_next(struct bytes *rest, struct label_field *f)
{
    const uint8_t *p = rest->data, *end;
    struct bytes label;

    if (rest->len == 0)
        return false;
    end = read_string(p + 1, &label);
    read_string(read_string(label.data + 1, &f->name) + 1, &f->value);
    f->field = bytes_of(p, (size_t)(end - p));
    *rest = bytes_of(end, rest->len - (size_t)(end - p));
    return true;
}

void label_fields_list(label_field_list *out, struct bytes fields)
{
    for (struct label_field f; label_field_next(&fields, &f);)
        *vec_push(out) = f;
}

void label_fields_merge(label_field_list *out, const label_field_list *a, const label_field_list *b)
{
    size_t i = 0, j = 0;

    out->n = 0;
    while (i < a->n && j < b->n) {
        int order = bytes_compare(a->v[i].name, b->v[j].name);

        *vec_push(out) = order < 0 ? a->v[i] : b->v[j];
        i += order <= 0;
        j += order >= 0;
    }
    while (i < a->n)
        *vec_push(out) = a->v[i++];
    while (j < b->n)
        *vec_push(out) = b->v[j++];
}

/* ---- symbols ---- */

#define SYMBOLS_FIRST 1024

static void put_slot(struct symbols *s, uint64_t hash, uint32_t number)
{
    size_t mask = s->slots.n - 1, at = hash & mask;

    while (s->slots.v[at] != 0)
        at = (at + 1) & mask;
    s->slots.v[at] = (hash >> 32 << 32) | (number + 1);
}

struct bytes symbols_text(const struct symbols *s, uint32_t number)
{
    return bytes_of(s->fields.data + s->starts.v[number], s->ends.v[number] - s->starts.v[number]);
}

static void set_slots(struct symbols *s, size_t n)
{
    free(s->slots.v);
    s->slots.v = mem_zalloc(n * sizeof(*s->slots.v));
    s->slots.n = s->slots.cap = n;
    for (uint32_t i = 0; i < s->ends.n; i++)
        put_slot(s, bytes_hash(symbols_text(s, i)), i);
}

static uint32_t add_symbol(struct symbols *s, uint64_t hash, struct bytes string)
{
    uint32_t number = (uint32_t)s->ends.n;

    if (s->ends.n * 2 >= s->slots.n)
        set_slots(s, s->slots.n * 2);
    pb_put_tag(&s->fields, V2_SYMBOLS, PB_LEN);
    pb_put_varint(&s->fields, string.len);
    *vec_push(&s->starts) = (uint32_t)s->fields.len;
    buf_put(&s->fields, string);
    *vec_push(&s->ends) = (uint32_t)s->fields.len;
    put_slot(s, hash, number);
    return number;
}

void symbols_clear(struct symbols *s)
{
    s->fields.len = 0;
    s->starts.n = s->ends.n = 0;
    if (s->slots.n == 0)
        set_slots(s, SYMBOLS_FIRST);
    else
        memset(s->slots.v, 0, s->slots.n * sizeof(*s->slots.v));
    add_symbol(s, bytes_hash(bytes_of("", 0)), bytes_of("", 0));
}

void symbols_free(struct symbols *s)
{
    vec_free(&s->slots);
    vec_free(&s->starts);
    vec_free(&s->ends);
    buf_free(&s->fields);
}

uint32_t symbols_number(struct symbols *s, struct bytes string)
{
    uint64_t hash = bytes_hash(string);
    size_t mask = s->slots.n - 1;

    for (size_t at = hash & mask; s->slots.v[at] != 0; at = (at + 1) & mask)
        if (s->slots.v[at] >> 32 == hash >> 32 && bytes_equal(symbols_text(s, (uint32_t)s->slots.v[at] - 1), string))
            return (uint32_t)s->slots.v[at] - 1;
    return add_symbol(s, hash, string);
}

/* ---- the message ---- */

void message_free(struct message *m)
{
    if (m->request != NULL)
        remote_write_request_free(m->request);
    symbols_free(&m->symbols);
    buf_free(&m->scratch);
}

void message_begin(struct message *m, uint32_t shard)
{
    assert(m->request == NULL);
    m->request = mem_zalloc(sizeof(*m->request));
    m->request->version = m->version;
    m->request->shard = shard;
    m->request->newest = INT64_MIN;
    if (m->version == REMOTE_WRITE_2)
        symbols_clear(&m->symbols);
}

size_t message_size(const struct message *m)
{
    return m->request->message.len + (m->version == REMOTE_WRITE_2 ? m->symbols.fields.len : 0);
}

void message_unit(struct message *m, bool is_item)
{
    struct remote_write_request *r = m->request;

    *vec_push(&r->units) = (uint32_t)r->message.len | (is_item ? 0 : REMOTE_WRITE_NO_ITEM);
    r->items += is_item;
}

struct remote_write_request *message_end(struct message *m)
{
    struct remote_write_request *r = m->request;
    size_t front = m->symbols.fields.len;

    m->request = NULL;
    if (m->version == REMOTE_WRITE_1)
        return r;
    (void)buf_reserve(&r->message, front);
    memmove(r->message.data + front, r->message.data, r->message.len);
    memcpy(r->message.data, m->symbols.fields.data, front);
    r->message.len += front;
    for (size_t i = 0; i < r->units.n; i++)
        r->units.v[i] += (uint32_t)front;
    return r;
}

static uint8_t *put_double(uint8_t *p, uint32_t field, uint64_t bits)
{
    *p++ = (uint8_t)PB_TAG(field, PB_FIXED64);
    memcpy(p, &bits, 8);
    return p + 8;
}

static uint8_t *put_int(uint8_t *p, uint32_t field, int64_t v)
{
    *p++ = (uint8_t)PB_TAG(field, PB_VARINT);
    return p + pb_put_varint_at(p, (uint64_t)v);
}

#define SAMPLE_MAX (2 + 9 + 11 + 11)

/* The sample's field: number 2 in both versions. */
static size_t put_sample(uint8_t *at, const struct message_sample *s, bool with_start)
{
    uint8_t *p = at + 2;

    p = put_double(p, SAMPLE_VALUE, s->bits);
    if (s->time != 0)
        p = put_int(p, SAMPLE_TIME, s->time);
    if (with_start && s->start != 0)
        p = put_int(p, SAMPLE_START, s->start);
    at[0] = PB_TAG(V1_SAMPLES, PB_LEN);
    at[1] = (uint8_t)(p - at - 2);
    return (size_t)(p - at);
}

static void put_spans(struct buf *b, uint32_t field, const struct expo_span *spans, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t mark = pb_begin(b, field);

        if (spans[i].offset != 0)
            pb_put_uint(b, 1, pb_zigzag(spans[i].offset));
        if (spans[i].length != 0)
            pb_put_uint(b, 2, spans[i].length);
        pb_end(b, mark);
    }
}

static void put_deltas(struct buf *b, uint32_t field, const int64_t *deltas, size_t n)
{
    size_t mark;

    if (n == 0)
        return;
    mark = pb_begin(b, field);
    for (size_t i = 0; i < n; i++)
        pb_put_varint(b, pb_zigzag(deltas[i]));
    pb_end(b, mark);
}

static void put_doubles(struct buf *b, uint32_t field, const double *v, size_t n)
{
    size_t mark;

    if (n == 0)
        return;
    mark = pb_begin(b, field);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = htole64(pb_bits(v[i]));

        buf_append(b, &bits, sizeof(bits));
    }
    pb_end(b, mark);
}

static void put_native(struct buf *b, uint32_t field, const struct message_sample *s, bool with_start)
{
    const struct expo_native *h = s->native;
    size_t mark = pb_begin(b, field);

    pb_put_uint(b, NATIVE_COUNT, s->stale ? 0 : h->count);
    pb_put_fixed64(b, NATIVE_SUM, s->stale ? STALE_NAN : pb_bits(h->sum));
    if (h->schema != 0)
        pb_put_uint(b, NATIVE_SCHEMA, pb_zigzag(h->schema));
    if (h->schema != NATIVE_CUSTOM)
        pb_put_double(b, NATIVE_ZERO_THRESHOLD, h->zero_threshold);
    pb_put_uint(b, NATIVE_ZERO_COUNT, s->stale ? 0 : h->zero_count);
    if (!s->stale) {
        put_spans(b, NATIVE_NEGATIVE_SPANS, h->negative_spans, h->n_negative_spans);
        put_deltas(b, NATIVE_NEGATIVE_DELTAS, h->negative_deltas, h->n_negative_deltas);
        put_spans(b, NATIVE_POSITIVE_SPANS, h->positive_spans, h->n_positive_spans);
        put_deltas(b, NATIVE_POSITIVE_DELTAS, h->positive_deltas, h->n_positive_deltas);
    }
    if (s->time != 0)
        pb_put_uint(b, NATIVE_TIME, (uint64_t)s->time);
    if (!s->stale)
        put_doubles(b, NATIVE_CUSTOM_VALUES, h->custom_values, h->n_custom_values);
    if (with_start && s->start != 0)
        pb_put_uint(b, NATIVE_START, (uint64_t)s->start);
    pb_end(b, mark);
}

static void put_exemplar_labels(struct message *m, struct buf *b, struct bytes rendered)
{
    struct buf fields = { 0 };
    struct label_field f;
    size_t mark;

    label_fields_put(&fields, rendered);
    if (m->version == REMOTE_WRITE_1) {
        buf_put(b, buf_bytes(&fields)); /* an exemplar's labels have the number that a series' have */
    } else {
        struct bytes rest = buf_bytes(&fields);

        mark = pb_begin(b, EXEMPLAR_LABELS);
        while (label_field_next(&rest, &f)) {
            pb_put_varint(b, symbols_number(&m->symbols, f.name));
            pb_put_varint(b, symbols_number(&m->symbols, f.value));
        }
        pb_end(b, mark);
    }
    buf_free(&fields);
}

static void put_exemplars(struct message *m, struct buf *b, uint32_t field, const struct message_sample *s)
{
    for (size_t i = 0; i < s->n_exemplars; i++) {
        const struct expo_exemplar *x = s->exemplars[i];
        size_t mark;

        if (x->time_ns == 0 || !exemplar_fits(x))
            continue;
        mark = pb_begin(b, field);
        put_exemplar_labels(m, b, x->labels);
        pb_put_double(b, EXEMPLAR_VALUE, x->value);
        pb_put_uint(b, EXEMPLAR_TIME, x->time_ns / NS_PER_MS);
        pb_end(b, mark);
        m->request->exemplars++;
    }
}

/* What comes behind the labels and is not a plain sample goes into the scratch. */
static void put_rest(struct message *m, const struct message_sample *s)
{
    bool second = m->version == REMOTE_WRITE_2;
    struct buf *b = &m->scratch;
    size_t mark;

    b->len = 0;
    if (s->native != NULL)
        put_native(b, second ? V2_HISTOGRAMS : V1_HISTOGRAMS, s, second);
    if (s->n_exemplars > 0)
        put_exemplars(m, b, second ? V2_EXEMPLARS : V1_EXEMPLARS, s);
    if (second) {
        mark = pb_begin(b, V2_METADATA);
        if (s->metadata->type != REMOTE_UNKNOWN)
            pb_put_uint(b, 1, s->metadata->type);
        if (s->metadata->help.len > 0)
            pb_put_uint(b, 3, symbols_number(&m->symbols, s->metadata->help));
        if (s->metadata->unit.len > 0)
            pb_put_uint(b, 4, symbols_number(&m->symbols, s->metadata->unit));
        pb_end(b, mark);
    }
}

static void put_first(struct message *m, const struct message_sample *s, struct bytes sample)
{
    struct buf *out = &m->request->message;
    size_t len = sample.len + m->scratch.len;
    uint8_t *p;

    for (size_t i = 0; i < s->labels->n; i++)
        len += s->labels->v[i].field.len;
    p = buf_reserve(out, len + 6);
    *p++ = PB_TAG(V1_SERIES, PB_LEN);
    p += pb_put_varint_at(p, len);
    for (size_t i = 0; i < s->labels->n; i++) {
        const struct label_field *f = &s->labels->v[i];

        if (f->field.data == NULL) {
            p = put_label(p, f->name, f->value);
        } else {
            memcpy(p, f->field.data, f->field.len);
            p += f->field.len;
        }
    }
    memcpy(p, sample.data, sample.len);
    p += sample.len;
    if (m->scratch.len > 0)
        memcpy(p, m->scratch.data, m->scratch.len);
    out->len = (size_t)(p + m->scratch.len - out->data);
}

static void put_second(struct message *m, const struct message_sample *s, struct bytes sample)
{
    struct buf *out = &m->request->message;
    size_t refs_len = 0, len;
    uint8_t *p = buf_reserve(out, 32 + s->labels->n * 10 + sample.len + m->scratch.len), *refs;

    /* The references come first into the place where they would stand behind the longest heads. */
    refs = p + 16;
    for (size_t i = 0; i < s->labels->n; i++) {
        refs_len += pb_put_varint_at(refs + refs_len, symbols_number(&m->symbols, s->labels->v[i].name));
        refs_len += pb_put_varint_at(refs + refs_len, symbols_number(&m->symbols, s->labels->v[i].value));
    }
    len = string_size(refs_len) + sample.len + m->scratch.len;
    *p++ = PB_TAG(V2_SERIES, PB_LEN);
    p += pb_put_varint_at(p, len);
    *p++ = PB_TAG(V2_REFS, PB_LEN);
    p += pb_put_varint_at(p, refs_len);
    memmove(p, refs, refs_len);
    p += refs_len;
    memcpy(p, sample.data, sample.len);
    p += sample.len;
    if (m->scratch.len > 0)
        memcpy(p, m->scratch.data, m->scratch.len);
    out->len = (size_t)(p + m->scratch.len - out->data);
}

void message_put(struct message *m, const struct message_sample *s)
{
    uint8_t sample[SAMPLE_MAX];
    size_t len = s->native == NULL ? put_sample(sample, s, m->version == REMOTE_WRITE_2) : 0;
    struct remote_write_request *r = m->request;

    m->scratch.len = 0;
    if (m->version == REMOTE_WRITE_2 || s->native != NULL || s->n_exemplars > 0)
        put_rest(m, s);
    if (m->version == REMOTE_WRITE_1)
        put_first(m, s, bytes_of(sample, len));
    else
        put_second(m, s, bytes_of(sample, len));
    r->samples += s->native == NULL;
    r->histograms += s->native != NULL;
    if (s->time > r->newest)
        r->newest = s->time;
}

void message_put_metadata(struct message *m, const struct remote_metadata *x)
{
    struct buf *b = &m->request->message;
    size_t mark = pb_begin(b, V1_METADATA);

    if (x->type != REMOTE_UNKNOWN)
        pb_put_uint(b, 1, x->type);
    pb_put_bytes(b, 2, x->family);
    if (x->help.len > 0)
        pb_put_bytes(b, 4, x->help);
    if (x->unit.len > 0)
        pb_put_bytes(b, 5, x->unit);
    pb_end(b, mark);
    m->request->metadata++;
}

/* ---- finished requests ---- */

void remote_write_request_free(struct remote_write_request *r)
{
    buf_free(&r->message);
    vec_free(&r->units);
    free(r);
}

static size_t unit_at(const struct remote_write_request *r, size_t i)
{
    return i < r->units.n ? r->units.v[i] & ~REMOTE_WRITE_NO_ITEM : r->message.len;
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

static void count(struct remote_write_request *r)
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

struct remote_write_request *remote_write_cut(const struct remote_write_request *r, size_t from, size_t to)
{
    struct remote_write_request *out = mem_zalloc(sizeof(*out));
    size_t at = unit_at(r, from), shift;
    struct bytes part = bytes_of(r->message.data + at, unit_at(r, to) - at);

    assert(from < to && to <= r->units.n);
    out->version = r->version;
    out->shard = r->shard;
    out->newest = r->newest;
    if (r->version == REMOTE_WRITE_2)
        put_used_symbols(&out->message, bytes_of(r->message.data, unit_at(r, 0)), part);
    shift = out->message.len;
    buf_put(&out->message, part);
    for (size_t i = from; i < to; i++) {
        uint32_t no_item = r->units.v[i] & REMOTE_WRITE_NO_ITEM;

        *vec_push(&out->units) = (uint32_t)(unit_at(r, i) - at + shift) | no_item;
        out->items += no_item == 0;
    }
    count(out);
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
