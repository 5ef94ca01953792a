/* SPDX-License-Identifier: Apache-2.0 */
/* message_begin(), then for each point message_unit() and message_put() for its series, then message_end(). Version 1
 * is written front to back. Version 2's symbols are gathered aside and moved in front when the message ends, and the
 * places of the units with them. A unit that wrote nothing is taken back (message_drop_empty). */
#include "prom/remote_write/remote_write_message.h"

#include "codec/pb.h"
#include "prom/model/exemplar.h"
#include "prom/model/remote_write_fields.h"

#include <assert.h>
#include <stdlib.h>

#define USUAL_MAX (1024 * 1024ul) /* bytes that a message has room for from its beginning */

void message_free(struct write_message *m)
{
    if (m->request != NULL)
        remote_write_request_free(m->request);
    symbols_free(&m->symbols);
    buf_free(&m->scratch);
}

void message_begin(struct write_message *m, uint32_t shard)
{
    assert(m->request == NULL);
    m->request = mem_zalloc(sizeof(*m->request));
    m->request->version = m->version;
    m->request->shard = shard;
    m->request->newest = INT64_MIN;
    if (m->usual > 0)
        (void)buf_reserve(&m->request->message, m->usual);
    if (m->version == REMOTE_WRITE_2)
        symbols_clear(&m->symbols);
}

size_t message_size(const struct write_message *m)
{
    return m->request->message.len + (m->version == REMOTE_WRITE_2 ? m->symbols.fields.len : 0);
}

void message_unit(struct write_message *m, uint32_t items, uint32_t series)
{
    struct remote_write_request *r = m->request;

    *vec_push(&r->units) = (struct remote_write_unit){ (uint32_t)r->message.len, items, series };
    r->items += items;
}

bool message_drop_empty(struct write_message *m)
{
    struct remote_write_request *r = m->request;
    const struct remote_write_unit *last = &r->units.v[r->units.n - 1];

    if (last->at < r->message.len)
        return false;
    r->items -= last->items;
    r->units.n--;
    return true;
}

struct remote_write_request *message_end(struct write_message *m)
{
    struct remote_write_request *r = m->request;
    size_t front = m->symbols.fields.len;

    m->request = NULL;
    m->usual = r->message.len + front < USUAL_MAX ? r->message.len + front : USUAL_MAX;
    if (m->version == REMOTE_WRITE_1)
        return r;
    (void)buf_reserve(&r->message, front);
    memmove(r->message.data + front, r->message.data, r->message.len);
    memcpy(r->message.data, m->symbols.fields.data, front);
    r->message.len += front;
    for (size_t i = 0; i < r->units.n; i++)
        r->units.v[i].at += (uint32_t)front;
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
static inline size_t put_sample(uint8_t *at, int64_t time, int64_t start, uint64_t bits)
{
    uint8_t *p = at + 2;

    p = put_double(p, SAMPLE_VALUE, bits);
    if (time != 0)
        p = put_int(p, SAMPLE_TIME, time);
    if (start != 0)
        p = put_int(p, SAMPLE_START, start);
    at[0] = PB_TAG(V1_SAMPLES, PB_LEN);
    at[1] = (uint8_t)(p - at - 2);
    return (size_t)(p - at);
}

static void put_spans(struct buf *b, uint32_t field, const struct native_span *spans, size_t n)
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

/* As they are in memory, the lowest byte first: see codec/pb.h. */
static void put_doubles(struct buf *b, uint32_t field, const double *v, size_t n)
{
    if (n > 0)
        pb_put_bytes(b, field, bytes_of(v, n * sizeof(*v)));
}

static void put_native(struct buf *b, uint32_t field, const struct message_sample *s, bool with_start)
{
    const struct native_histogram *h = s->native;
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

static void put_exemplar_labels(struct write_message *m, struct buf *b, struct bytes rendered)
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

static void put_exemplars(struct write_message *m, struct buf *b, uint32_t field, const struct message_sample *s)
{
    for (size_t i = 0; i < s->n_exemplars; i++) {
        const struct exemplar *x = s->exemplars[i];
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
static void put_rest(struct write_message *m, const struct message_sample *s)
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

static uint8_t *put_bytes(uint8_t *p, struct bytes b)
{
    if (b.len > 0)
        memcpy(p, b.data, b.len);
    return p + b.len;
}

/* Fields that lie one behind another are copied in one go. */
static uint8_t *put_labels(uint8_t *p, const label_field_list *labels)
{
    for (size_t i = 0; i < labels->n; i++) {
        const struct label_field *f = &labels->v[i];
        struct bytes run = f->field;

        if (f->field.data == NULL) {
            p = label_field_write(p, f->name, f->value);
            continue;
        }
        for (; i + 1 < labels->n && labels->v[i + 1].field.data == bytes_end(run); i++)
            run.len += labels->v[i + 1].field.len;
        p = put_bytes(p, run);
    }
    return p;
}

static void put_first(struct write_message *m, const struct message_sample *s, struct bytes sample)
{
    struct buf *out = &m->request->message;
    size_t len = s->earlier.len + sample.len + m->scratch.len;
    uint8_t *p;

    for (size_t i = 0; i < s->labels->n; i++)
        len += s->labels->v[i].field.len;
    p = buf_reserve(out, len + 6);
    *p++ = PB_TAG(V1_SERIES, PB_LEN);
    p += pb_put_varint_at(p, len);
    p = put_labels(p, s->labels);
    p = put_bytes(put_bytes(p, s->earlier), sample);
    p = put_bytes(p, buf_bytes(&m->scratch));
    out->len = (size_t)(p - out->data);
}

static void put_second(struct write_message *m, const struct message_sample *s, struct bytes sample)
{
    struct buf *out = &m->request->message;
    size_t refs_len = 0, len;
    size_t rest = s->earlier.len + sample.len + m->scratch.len;
    uint8_t *p = buf_reserve(out, 32 + s->labels->n * 10 + rest), *refs;

    /* The references come first into the place where they would stand behind the longest heads. */
    refs = p + 16;
    for (size_t i = 0; i < s->labels->n; i++) {
        refs_len += pb_put_varint_at(refs + refs_len, symbols_number(&m->symbols, s->labels->v[i].name));
        refs_len += pb_put_varint_at(refs + refs_len, symbols_number(&m->symbols, s->labels->v[i].value));
    }
    len = 1 + pb_varint_len(refs_len) + refs_len + rest;
    *p++ = PB_TAG(V2_SERIES, PB_LEN);
    p += pb_put_varint_at(p, len);
    *p++ = PB_TAG(V2_REFS, PB_LEN);
    p += pb_put_varint_at(p, refs_len);
    memmove(p, refs, refs_len);
    p += refs_len;
    p = put_bytes(put_bytes(p, s->earlier), sample);
    p = put_bytes(p, buf_bytes(&m->scratch));
    out->len = (size_t)(p - out->data);
}

void message_value(struct buf *out, enum remote_write_version version, int64_t time, int64_t start, uint64_t bits)
{
    uint8_t *p = buf_reserve(out, SAMPLE_MAX);

    out->len += put_sample(p, time, version == REMOTE_WRITE_2 ? start : 0, bits);
}

void message_put(struct write_message *m, const struct message_sample *s)
{
    uint8_t sample[SAMPLE_MAX];
    int64_t start = m->version == REMOTE_WRITE_2 ? s->start : 0;
    size_t len = s->native == NULL ? put_sample(sample, s->time, start, s->bits) : 0;
    struct remote_write_request *r = m->request;

    m->scratch.len = 0;
    if (m->version == REMOTE_WRITE_2 || s->native != NULL || s->n_exemplars > 0)
        put_rest(m, s);
    if (m->version == REMOTE_WRITE_1)
        put_first(m, s, bytes_of(sample, len));
    else
        put_second(m, s, bytes_of(sample, len));
    r->samples += (s->native == NULL) + s->n_earlier;
    r->histograms += s->native != NULL;
    if (s->time > r->newest)
        r->newest = s->time;
}

void message_put_metadata(struct write_message *m, const struct remote_metadata *x)
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
