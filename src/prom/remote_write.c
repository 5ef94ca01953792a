/* SPDX-License-Identifier: Apache-2.0 */
/* Batches walked and their points written, each into the message of its shard. */
#include "prom/remote_write.h"

#include "prom/exemplar.h"
#include "prom/number.h"
#include "prom/remote_write_message.h"
#include "prom/streams.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SERIES 0 /* the only kind of entry */
#define TICK (10 * NS_PER_S)
#define METADATA_INTERVAL (60 * NS_PER_S)
#define NAMES_MAX 50000u
#define NAMES_BYTES ((size_t)4 * 1024 * 1024)
#define SWEEP_SLOTS 4096
#define SLACK_MAX ((size_t)64 * 1024)
#define ZERO_THRESHOLD 1e-128 /* of native histograms that say none */
#define EXEMPLARS_MAX 16      /* of one series in one message */

/* One of a known series' own labels. Values mostly are the bytes of the attributes as they came, so they are not kept
 * twice: a value is where it lies behind the beginning of the raw attributes, or behind these structs. */
struct own_label {
    uint16_t name; /* in remote_write.names */
    uint16_t at, len;
};

/* The head of a known series; its labels are own_labels, and the text of values that the attributes do not have. */
struct entry {
    struct known known;
    uint16_t n_labels;
    uint32_t shard_hash;
    uint32_t seen;  /* tick */
    uint32_t batch; /* which batch brought its newest sample, and when that was */
    int64_t time;   /* ms */
};

/* What hangs from a stream. */
struct stream_labels {
    struct buf fields;                  /* of __name__ and of what all series of the origin have in common */
    struct buf name;                    /* field of __name__ alone */
    label_field_list common, only_name; /* the same, taken apart */
    uint64_t metadata_sent;             /* mono ns */
};

/* A resource of the batch that has a target_info. */
struct target {
    struct resource_entry *resource; /* kept */
    uint64_t newest;                 /* ns; of its points */
};

/* A point that waits to be put in order. */
struct waiting {
    struct stream *stream;
    struct bytes point;
    uint64_t identity;
    int64_t time;
    uint32_t position;
};

struct remote_write {
    struct remote_write_options options;
    struct streams streams;
    struct message *messages; /* one for each shard */
    struct remote_write_result *result;
    uint32_t tick, batch;
    size_t swept; /* slots of the table, in this round */
    uint32_t sweep_tick;
    bool disorder; /* the batch has to be put in order first */
    VEC(struct waiting) waiting;
    VEC(struct target) targets;
    uint64_t newest; /* ns; of the metric's points */
    size_t slack;
    struct symbols names; /* of own labels, as long as we live: NAMES_MAX at most */
    /* Scratch. */
    label_field_list labels, base, own;
    struct buf fields, own_fields, suffixed, gathered, packed;
    struct reading reading;
    struct exemplar_reader exemplar_reader;
    struct exemplar_store *exemplars;
    size_t exemplars_cap;
    const struct expo_exemplar *exemplar_list[EXEMPLARS_MAX];
    struct span_list positive, negative;
    VEC(uint64_t) counts; /* of an explicit histogram, each bucket by itself */
    struct message_sample sample;
    struct remote_metadata metadata;
};

/* ---- drops ---- */

static void drop(struct remote_write *rw, const char *reason, const struct stream *stream, uint64_t items)
{
    struct remote_write_result *r = rw->result;
    size_t i = 0;

    while (i < r->n_drops && strcmp(r->drops[i].reason, reason) != 0)
        i++;
    assert(i < ARRAY_LEN(r->drops));
    if (i == r->n_drops) {
        r->drops[i] = (struct remote_write_drop){ .reason = reason };
        if (stream != NULL)
            snprintf(r->drops[i].example, sizeof(r->drops[i].example), "%.*s", (int)stream_name(stream).len,
                     (const char *)stream_name(stream).data);
        r->n_drops++;
    }
    r->drops[i].items += items;
}

/* ---- streams and series ---- */

static size_t cost_of(const struct stream_labels *l)
{
    return sizeof(*l) + l->fields.cap + l->name.cap + (l->common.cap + l->only_name.cap) * sizeof(struct label_field);
}

static void on_stream_gone(struct streams *s, struct stream *stream)
{
    struct stream_labels *l = stream->user;

    if (l == NULL)
        return;
    budget_give(s->budget, cost_of(l));
    buf_free(&l->fields);
    buf_free(&l->name);
    vec_free(&l->common);
    vec_free(&l->only_name);
    free(l);
    stream->user = NULL;
}

static struct stream_labels *labels_of(struct remote_write *rw, struct stream *stream)
{
    struct stream_labels *l = stream->user;

    if (l != NULL)
        return l;
    l = mem_zalloc(sizeof(*l));
    label_field_put(&l->name, bytes_str("__name__"), stream_name(stream));
    label_fields_list(&l->only_name, buf_bytes(&l->name));
    rw->fields.len = 0;
    label_fields_put(&rw->fields, origin_labels(stream_origin(stream)));
    rw->own.n = 0;
    label_fields_list(&rw->own, buf_bytes(&rw->fields));
    label_fields_merge(&rw->base, &l->only_name, &rw->own);
    for (size_t i = 0; i < rw->base.n; i++)
        buf_put(&l->fields, rw->base.v[i].field);
    label_fields_list(&l->common, buf_bytes(&l->fields));
    budget_charge(rw->streams.budget, cost_of(l));
    stream->user = l;
    return l;
}

static uint32_t hash_labels(const label_field_list *labels)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < labels->n; i++)
        hash = (hash ^ bytes_hash(labels->v[i].name) ^ bytes_hash(labels->v[i].value) * 3) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(hash >> 32);
}

/* rw->labels, from rw->own: all labels of a series, but not yet those of its parts (`le`). */
static void join_labels(struct remote_write *rw, const struct stream_labels *l, bool whole)
{
    label_fields_merge(&rw->labels, whole ? &l->only_name : &l->common, &rw->own);
}

/* A known series' own labels, into rw->own. */
static void unpack(struct remote_write *rw, const struct entry *x)
{
    const uint8_t *base = (const uint8_t *)x + x->known.id.raw_at;
    struct bytes packed = known_labels(&x->known);

    rw->own.n = 0;
    for (size_t i = 0; i < x->n_labels; i++) {
        struct own_label o;
        struct label_field *f = vec_push(&rw->own);

        memcpy(&o, packed.data + i * sizeof(o), sizeof(o));
        f->name = symbols_text(&rw->names, o.name);
        f->value = bytes_of(base + o.at, o.len);
        f->field = bytes_of(NULL, label_field_size(f->name.len, f->value.len));
    }
}

/* rw->own as it is kept behind `raw`, in rw->packed. False: there is no room for it in 16 bits. */
static bool pack(struct remote_write *rw, struct bytes raw)
{
    size_t list = rw->own.n * sizeof(struct own_label);
    struct buf *out = &rw->packed;

    out->len = 0;
    (void)buf_reserve(out, list);
    out->len = list;
    for (size_t i = 0; i < rw->own.n; i++) {
        const struct label_field *f = &rw->own.v[i];
        const uint8_t *at = memmem(raw.data, raw.len, f->value.data, f->value.len);
        size_t from = at != NULL ? (size_t)(at - raw.data) : raw.len + out->len;
        uint32_t name;
        struct own_label o;

        if (from + f->value.len > UINT16_MAX || rw->names.fields.len > NAMES_BYTES || rw->names.ends.n >= NAMES_MAX)
            return false;
        name = symbols_number(&rw->names, f->name);
        o = (struct own_label){ (uint16_t)name, (uint16_t)from, (uint16_t)f->value.len };
        memcpy(out->data + i * sizeof(o), &o, sizeof(o));
        if (at == NULL)
            buf_put(out, f->value);
    }
    return true;
}

struct found {
    struct entry *entry; /* NULL: not kept */
    uint32_t shard;
};

static struct entry *keep_series(struct remote_write *rw, struct stream *stream, const struct identity_key *key,
                                 bool whole)
{
    struct entry *x;

    if (rw->own.n > UINT16_MAX || !pack(rw, key->raw))
        return NULL;
    x = (struct entry *)streams_add(&rw->streams, stream, key, SERIES, sizeof(*x), buf_bytes(&rw->packed), whole);
    if (x == NULL)
        return NULL;
    x->n_labels = (uint16_t)rw->own.n;
    x->shard_hash = hash_labels(&rw->labels);
    x->time = INT64_MIN;
    return x;
}

/* The series of a point, its labels in rw->labels. NULL, or why it has none. */
static const char *find_series(struct remote_write *rw, struct stream *stream, const struct identity_key *key,
                               struct found *out)
{
    struct entry *x = (struct entry *)identity_find(&rw->streams.table, key);
    const struct stream_labels *l = labels_of(rw, stream);
    struct bytes rendered;
    const char *reason;
    bool whole;

    if (x != NULL) {
        unpack(rw, x);
        join_labels(rw, l, x->known.whole);
        *out = (struct found){ x, x->shard_hash % rw->options.shards };
        return NULL;
    }
    reason = streams_translate(&rw->streams, stream, key->raw, &rendered, &whole);
    if (reason != NULL)
        return reason;
    rw->own_fields.len = rw->own.n = 0;
    label_fields_put(&rw->own_fields, rendered);
    label_fields_list(&rw->own, buf_bytes(&rw->own_fields));
    join_labels(rw, l, whole);
    x = keep_series(rw, stream, key, whole);
    *out = (struct found){ x, (x != NULL ? x->shard_hash : hash_labels(&rw->labels)) % rw->options.shards };
    return NULL;
}

/* ---- messages ---- */

static void finish(struct remote_write *rw, struct message *m)
{
    struct remote_write_request *r = message_end(m);

    *rw->result->last = r;
    rw->result->last = &r->next;
}

static struct message *message_for(struct remote_write *rw, uint32_t shard, bool is_item)
{
    struct message *m = &rw->messages[shard];

    if (m->request != NULL && message_size(m) + rw->slack >= rw->options.max_bytes)
        finish(rw, m);
    if (m->request == NULL)
        message_begin(m, shard);
    message_unit(m, is_item);
    return m;
}

static enum remote_write_type type_of(const struct stream *stream)
{
    switch (stream->type) {
    case EXPO_COUNTER:
        return REMOTE_COUNTER;
    case EXPO_GAUGE:
        return REMOTE_GAUGE;
    case EXPO_HISTOGRAM:
        return REMOTE_HISTOGRAM;
    case EXPO_SUMMARY:
        return REMOTE_SUMMARY;
    case EXPO_INFO:
        return REMOTE_INFO;
    case EXPO_STATESET:
        return REMOTE_STATESET;
    default:
        return REMOTE_UNKNOWN;
    }
}

static void put_value(struct remote_write *rw, struct message *m, const label_field_list *labels, uint64_t bits)
{
    rw->sample.labels = labels;
    rw->sample.bits = bits;
    message_put(m, &rw->sample);
}

/* The series' labels with another end of the name and, where `label` is not NULL, one more label: in rw->base. */
static const label_field_list *part_labels(struct remote_write *rw, struct stream *stream, const char *suffix,
                                           const char *label, double value)
{
    char text[NUMBER_PLAIN_MAX];
    size_t at;
    struct bytes rest;

    rw->suffixed.len = rw->fields.len = 0;
    buf_put(&rw->suffixed, stream_name(stream));
    buf_puts(&rw->suffixed, suffix);
    label_field_put(&rw->fields, bytes_str("__name__"), buf_bytes(&rw->suffixed));
    at = rw->fields.len;
    if (label != NULL)
        label_field_put(&rw->fields, bytes_str(label), bytes_of(text, number_put_plain(text, value)));
    rw->base.n = 0;
    rest = bytes_of(rw->fields.data + at, rw->fields.len - at);
    for (size_t i = 0; i < rw->labels.n; i++) {
        struct label_field f = rw->labels.v[i], extra;

        if (bytes_is(f.name, "__name__")) {
            struct bytes name = bytes_of(rw->fields.data, at);

            label_field_next(&name, &f);
        }
        if (rest.len > 0) {
            struct bytes peek = rest;
            int order;

            label_field_next(&peek, &extra);
            order = bytes_compare(extra.name, f.name);
            if (order <= 0) {
                *vec_push(&rw->base) = extra;
                rest = peek;
            }
            if (order == 0)
                continue;
        }
        *vec_push(&rw->base) = f;
    }
    if (rest.len > 0) {
        struct label_field extra;

        label_field_next(&rest, &extra);
        *vec_push(&rw->base) = extra;
    }
    return &rw->base;
}

/* ---- exemplars ---- */

static void read_exemplars(struct remote_write *rw, const struct stream *stream, const struct point *p,
                           struct expo_extra *extra)
{
    size_t size;

    *extra = (struct expo_extra){ 0 };
    if (!p->has_exemplars)
        return;
    exemplars_read(&rw->exemplar_reader, rw->options.translation->strategy, stream->kind, p->bytes,
                   rw->reading.bounds.v, stream->kind == METRIC_EXPLICIT ? rw->reading.bounds.n : 0);
    if (rw->exemplar_reader.found.n == 0)
        return;
    size = exemplars_size(&rw->exemplar_reader);
    if (size > rw->exemplars_cap) {
        free(rw->exemplars);
        rw->exemplars = mem_alloc(size);
        rw->exemplars_cap = size;
    }
    rw->exemplars->cap = (uint32_t)size;
    exemplars_fill(rw->exemplars, &rw->exemplar_reader);
    extra->exemplars = rw->exemplars->v;
    extra->n_exemplars = rw->exemplars->n;
}

static void attach_all(struct remote_write *rw, const struct expo_extra *extra)
{
    size_t n = extra->n_exemplars < EXEMPLARS_MAX ? extra->n_exemplars : EXEMPLARS_MAX;

    for (size_t i = 0; i < n; i++)
        rw->exemplar_list[i] = &extra->exemplars[i];
    rw->sample.exemplars = rw->exemplar_list;
    rw->sample.n_exemplars = n;
}

static void attach_between(struct remote_write *rw, const struct expo_extra *extra, double low, double high)
{
    rw->exemplar_list[0] = exemplar_between(extra, low, high);
    rw->sample.exemplars = rw->exemplar_list;
    rw->sample.n_exemplars = rw->exemplar_list[0] != NULL;
}

/* ---- points ---- */

static uint64_t bits_of(const struct point *p)
{
    return p->is_int ? pb_bits((double)(int64_t)p->value) : p->value;
}

static void put_number(struct remote_write *rw, struct message *m, struct stream *stream, const struct point *p)
{
    struct expo_extra extra = { 0 };
    bool stale = (p->flags & POINT_NO_VALUE) != 0;

    if (p->has_exemplars && stream->kind == METRIC_SUM && stream->monotonic) {
        read_exemplars(rw, stream, p, &extra);
        attach_all(rw, &extra);
    }
    put_value(rw, m, &rw->labels, stale ? STALE_NAN : bits_of(p));
}

static uint64_t count_bits(bool stale, double v)
{
    return stale ? STALE_NAN : pb_bits(v);
}

static void put_sum_and_count(struct remote_write *rw, struct message *m, struct stream *stream, bool stale)
{
    const struct reading *r = &rw->reading;

    rw->sample.n_exemplars = 0;
    if (r->has_sum || stale)
        put_value(rw, m, part_labels(rw, stream, "_sum", NULL, 0), count_bits(stale, r->sum));
    put_value(rw, m, part_labels(rw, stream, "_count", NULL, 0), count_bits(stale, (double)r->count));
}

static void put_explicit(struct remote_write *rw, struct message *m, struct stream *stream, const struct point *p,
                         bool with_exemplars)
{
    const struct reading *r = &rw->reading;
    bool stale = (p->flags & POINT_NO_VALUE) != 0;
    struct expo_extra extra = { 0 };
    double low = -INFINITY;

    if (with_exemplars)
        read_exemplars(rw, stream, p, &extra);
    for (size_t i = 0; i < r->bounds.n; low = r->bounds.v[i++]) {
        attach_between(rw, &extra, low, r->bounds.v[i]);
        put_value(rw, m, part_labels(rw, stream, "_bucket", "le", r->bounds.v[i]),
                  count_bits(stale, (double)r->counts.v[i]));
    }
    attach_between(rw, &extra, low, INFINITY);
    put_value(rw, m, part_labels(rw, stream, "_bucket", "le", INFINITY), count_bits(stale, (double)r->count));
    put_sum_and_count(rw, m, stream, stale);
}

static void put_summary(struct remote_write *rw, struct message *m, struct stream *stream, const struct point *p)
{
    const struct reading *r = &rw->reading;
    bool stale = (p->flags & POINT_NO_VALUE) != 0;

    for (size_t i = 0; i < r->quantiles.n; i++)
        put_value(rw, m, part_labels(rw, stream, "", "quantile", r->quantiles.v[i].quantile),
                  count_bits(stale, r->quantiles.v[i].value));
    put_sum_and_count(rw, m, stream, stale);
}

/* With what rw->positive and rw->negative say of the buckets. */
static void put_buckets(struct remote_write *rw, struct message *m, struct stream *stream, const struct point *p,
                        struct expo_native *h)
{
    struct expo_extra extra;

    h->count = rw->reading.count;
    h->sum = rw->reading.sum;
    h->positive_spans = rw->positive.spans.v;
    h->n_positive_spans = rw->positive.spans.n;
    h->positive_deltas = rw->positive.deltas.v;
    h->n_positive_deltas = rw->positive.deltas.n;
    h->negative_spans = rw->negative.spans.v;
    h->n_negative_spans = rw->negative.spans.n;
    h->negative_deltas = rw->negative.deltas.v;
    h->n_negative_deltas = rw->negative.deltas.n;
    read_exemplars(rw, stream, p, &extra);
    attach_all(rw, &extra);
    rw->sample.labels = &rw->labels;
    rw->sample.native = h;
    rw->sample.stale = (p->flags & POINT_NO_VALUE) != 0;
    message_put(m, &rw->sample);
    rw->sample.native = NULL;
    rw->sample.stale = false;
    rw->sample.n_exemplars = 0;
}

static void clear_buckets(struct remote_write *rw)
{
    rw->positive.spans.n = rw->positive.deltas.n = rw->negative.spans.n = rw->negative.deltas.n = 0;
}

static void put_native(struct remote_write *rw, struct message *m, struct stream *stream, const struct point *p)
{
    const struct exponential *e = &rw->reading.exponential;
    struct expo_native h = {
        .schema = e->scale,
        .zero_threshold = e->zero_threshold > 0 ? e->zero_threshold : ZERO_THRESHOLD,
        .zero_count = e->zero_count,
    };

    clear_buckets(rw);
    exponential_spans(e->positive.offset, e->positive.counts.v, e->positive.counts.n, &rw->positive);
    exponential_spans(e->negative.offset, e->negative.counts.v, e->negative.counts.n, &rw->negative);
    put_buckets(rw, m, stream, p, &h);
}

/* The counts of an explicit histogram add up from bucket to bucket; the last one has the rest. */
static void put_custom(struct remote_write *rw, struct message *m, struct stream *stream, const struct point *p)
{
    const struct reading *r = &rw->reading;
    struct expo_native h = { .schema = NATIVE_CUSTOM, .custom_values = r->bounds.v, .n_custom_values = r->bounds.n };
    uint64_t before = 0;

    rw->counts.n = 0;
    for (size_t i = 0; i < r->bounds.n; before = r->counts.v[i++])
        *vec_push(&rw->counts) = r->counts.v[i] - before;
    *vec_push(&rw->counts) = r->count - before;
    clear_buckets(rw);
    exponential_spans(-1, rw->counts.v, rw->counts.n, &rw->positive); /* numbered from 0 */
    put_buckets(rw, m, stream, p, &h);
}

static void put_unit(struct remote_write *rw, struct stream *stream, const struct point *p, uint32_t shard)
{
    struct message *m = message_for(rw, shard, true);
    bool custom;

    rw->sample = (struct message_sample){
        .metadata = &rw->metadata,
        .time = (int64_t)(p->time / NS_PER_MS),
        .start = stream->kind == METRIC_NUMBER_GAUGE ? 0 : (int64_t)(p->start / NS_PER_MS),
    };
    switch (stream->kind) {
    case METRIC_EXPLICIT:
        custom = rw->options.custom_buckets && rw->options.version == REMOTE_WRITE_2;
        if (custom)
            put_custom(rw, m, stream, p);
        if (!custom || rw->options.keep_classic)
            put_explicit(rw, m, stream, p, !custom);
        break;
    case METRIC_EXPONENTIAL:
        put_native(rw, m, stream, p);
        break;
    case METRIC_SUMMARY:
        put_summary(rw, m, stream, p);
        break;
    default:
        put_number(rw, m, stream, p);
    }
}

/* Not the first sample of its series in this batch, and not later than the one before. */
static bool comes_late(const struct remote_write *rw, const struct entry *x, int64_t time)
{
    return x->batch == rw->batch && time <= x->time;
}

static void take_point(struct remote_write *rw, struct stream *stream, const struct point *p,
                       const struct identity_key *key)
{
    int64_t time = (int64_t)(p->time / NS_PER_MS);
    struct found series = { 0 };
    const char *reason = find_series(rw, stream, key, &series);

    if (reason == NULL && stream->kind >= METRIC_EXPLICIT)
        reason = reading_read(&rw->reading, stream->kind, p->bytes);
    if (reason != NULL) {
        drop(rw, reason, stream, 1);
        return;
    }
    if (p->time > rw->newest)
        rw->newest = p->time;
    if (series.entry != NULL) {
        if (comes_late(rw, series.entry, time)) {
            rw->disorder = true;
            return;
        }
        series.entry->seen = rw->tick;
        series.entry->batch = rw->batch;
        series.entry->time = time;
    }
    put_unit(rw, stream, p, series.shard);
}

/* ---- a batch ---- */

static bool is_sendable(struct remote_write *rw, const struct metric_walk *w, const struct stream *stream)
{
    bool has_temporality =
        w->head.kind == METRIC_SUM || w->head.kind == METRIC_EXPLICIT || w->head.kind == METRIC_EXPONENTIAL;

    if (!has_temporality || w->head.temporality == TEMPORALITY_CUMULATIVE)
        return true;
    drop(rw, w->head.temporality == TEMPORALITY_DELTA ? "delta_temporality" : "no_temporality", stream, w->n_points);
    return false;
}

static struct identity_key key_of(struct remote_write *rw, struct stream *stream, struct point *p)
{
    if (p->attributes.data == NULL) {
        rw->gathered.len = 0;
        point_gather(&rw->gathered, stream->kind, p->bytes);
        p->attributes = buf_bytes(&rw->gathered);
    }
    return streams_key(stream, p->attributes);
}

static void set_metadata(struct remote_write *rw, const struct stream *stream)
{
    rw->metadata =
        (struct remote_metadata){ type_of(stream), stream_name(stream), stream_help(stream), stream_unit(stream) };
}

static void put_metadata(struct remote_write *rw, struct stream *stream)
{
    struct stream_labels *l = labels_of(rw, stream);
    uint64_t now = clock_mono(rw->options.clock);

    if (!rw->options.send_metadata || rw->options.version != REMOTE_WRITE_1 ||
        (l->metadata_sent != 0 && now - l->metadata_sent < METADATA_INTERVAL))
        return;
    l->metadata_sent = now;
    message_put_metadata(message_for(rw, 0, false), &rw->metadata);
}

static bool next_point(struct pb_reader *points, struct bytes *point)
{
    for (struct pb_field f; pb_next(points, &f);)
        if (f.number == 1 && f.wire == PB_LEN) {
            *point = f.bytes;
            return true;
        }
    return false;
}

#define GROUP 8 /* points whose memory is on its way at one time */

static void take_points(struct remote_write *rw, struct stream *stream, struct bytes bytes)
{
    struct pb_reader points = pb_reader(bytes);
    struct point group[GROUP];
    struct identity_key keys[GROUP];
    size_t n;

    do {
        struct bytes point;

        for (n = 0; n < GROUP && !rw->disorder && next_point(&points, &point); n++) {
            point_read(&group[n], stream->kind, point);
            keys[n] = (struct identity_key){ 0 };
            if (group[n].attributes.data == NULL)
                continue; /* its key is made when its turn comes, for there is one buffer */
            keys[n] = streams_key(stream, group[n].attributes);
            table_prefetch(&rw->streams.table, keys[n].hash);
        }
        for (size_t i = 0; i < n; i++) {
            const char *guess = group[i].attributes.data != NULL ? table_guess(&rw->streams.table, keys[i].hash) : NULL;

            if (guess != NULL) {
                __builtin_prefetch(guess, 1);
                __builtin_prefetch(guess + 64);
                __builtin_prefetch(guess + 128);
            }
        }
        for (size_t i = 0; i < n && !rw->disorder; i++) {
            if (group[i].attributes.data == NULL)
                keys[i] = key_of(rw, stream, &group[i]);
            take_point(rw, stream, &group[i], &keys[i]);
        }
    } while (n == GROUP);
}

/* Point by point into the list of those that wait for their order. */
static void keep_points(struct remote_write *rw, struct stream *stream, struct bytes bytes)
{
    struct pb_reader points = pb_reader(bytes);

    for (struct bytes point; next_point(&points, &point);) {
        struct point p;
        struct identity_key key;

        point_read(&p, stream->kind, point);
        if (p.time > rw->newest)
            rw->newest = p.time;
        key = key_of(rw, stream, &p);
        *vec_push(&rw->waiting) =
            (struct waiting){ stream, point, key.hash, (int64_t)(p.time / NS_PER_MS), (uint32_t)rw->waiting.n };
        stream->children++; /* so that it stays */
    }
}

/* ---- target_info ---- */

static void put_target(struct remote_write *rw, const struct target *t)
{
    static const struct remote_metadata metadata = { .type = REMOTE_GAUGE, .help = BYTES_LIT("Target metadata") };
    struct bytes ns = rw->options.translation->ns;
    struct buf name = { 0 };

    if ((int64_t)(t->newest / NS_PER_MS) <= t->resource->target_time)
        return; /* one that is late would only be refused */
    t->resource->target_time = (int64_t)(t->newest / NS_PER_MS);
    rw->own_fields.len = rw->fields.len = rw->base.n = rw->own.n = 0;
    label_fields_put(&rw->own_fields, resource_target(t->resource));
    if (ns.len > 0) {
        buf_put(&name, ns);
        buf_putc(&name, '_');
    }
    buf_puts(&name, "target_info");
    label_field_put(&rw->fields, bytes_str("__name__"), buf_bytes(&name));
    label_fields_list(&rw->base, buf_bytes(&rw->own_fields));
    label_fields_list(&rw->own, buf_bytes(&rw->fields));
    label_fields_merge(&rw->labels, &rw->base, &rw->own);
    rw->sample = (struct message_sample){
        .labels = &rw->labels,
        .metadata = &metadata,
        .time = (int64_t)(t->newest / NS_PER_MS),
        .bits = pb_bits(1),
    };
    message_put(message_for(rw, hash_labels(&rw->labels) % rw->options.shards, false), &rw->sample);
    buf_free(&name);
}

static void note_target(struct remote_write *rw, struct resource_entry *r)
{
    if (!rw->options.target_info || r->target_len == 0)
        return;
    if (r->mark == 0 || r->mark > rw->targets.n || rw->targets.v[r->mark - 1].resource != r) {
        *vec_push(&rw->targets) = (struct target){ .resource = r };
        r->mark = (uint32_t)rw->targets.n;
        streams_keep_resource(r);
    }
    if (rw->newest > rw->targets.v[r->mark - 1].newest)
        rw->targets.v[r->mark - 1].newest = rw->newest;
}

static void put_targets(struct remote_write *rw, bool really)
{
    for (size_t i = 0; i < rw->targets.n; i++) {
        if (really)
            put_target(rw, &rw->targets.v[i]);
        streams_drop_resource(&rw->streams, rw->targets.v[i].resource);
    }
    rw->targets.n = 0;
}

/* ---- both ways ---- */

typedef void take_fn(struct remote_write *rw, struct stream *stream, struct bytes points);

static void walk(struct remote_write *rw, const struct batch *b, take_fn *take)
{
    struct stream_place place = { 0 };
    struct metric_walk w;

    metric_walk_init(&w, b);
    while (!rw->disorder && metric_walk_next(&w)) {
        const char *reason;
        struct stream *stream;

        if (w.n_points == 0)
            continue;
        stream = streams_enter(&rw->streams, &place, &w, rw->tick, &reason);
        if (stream == NULL) {
            drop(rw, reason, NULL, w.n_points);
            continue;
        }
        if (is_sendable(rw, &w, stream)) {
            set_metadata(rw, stream);
            if (take == take_points)
                put_metadata(rw, stream);
            rw->newest = 0;
            take(rw, stream, w.points);
            note_target(rw, place.resource);
        }
        streams_leave(&rw->streams, stream);
    }
    streams_finish(&rw->streams, &place);
    metric_walk_free(&w);
}

static void give_up_messages(struct remote_write *rw)
{
    for (uint32_t i = 0; i < rw->options.shards; i++)
        if (rw->messages[i].request != NULL) {
            remote_write_request_free(rw->messages[i].request);
            rw->messages[i].request = NULL;
        }
    for (struct remote_write_request *r; (r = rw->result->first) != NULL;) {
        rw->result->first = r->next;
        remote_write_request_free(r);
    }
    rw->result->last = &rw->result->first;
    rw->result->n_drops = 0;
}

static int by_series_and_time(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;

    if (x->identity != y->identity)
        return x->identity < y->identity ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->position < y->position ? -1 : 1;
}

static void take_waiting(struct remote_write *rw)
{
    rw->batch++;
    for (size_t i = 0; i < rw->waiting.n; i++) {
        struct waiting *x = &rw->waiting.v[i];
        struct identity_key key;
        struct point p;

        if (i + 1 < rw->waiting.n && x[1].identity == x->identity && x[1].time == x->time) {
            drop(rw, "duplicate_timestamp", x->stream, 1);
            continue;
        }
        point_read(&p, x->stream->kind, x->point);
        key = key_of(rw, x->stream, &p);
        set_metadata(rw, x->stream);
        take_point(rw, x->stream, &p, &key);
        if (rw->disorder) { /* two byte forms of one set of attributes cannot come here; two streams can */
            rw->disorder = false;
            drop(rw, "duplicate_timestamp", x->stream, 1);
        }
    }
}

/* Again, in order. */
static void encode_in_order(struct remote_write *rw, const struct batch *b)
{
    give_up_messages(rw);
    put_targets(rw, false);
    rw->disorder = false;
    rw->waiting.n = 0;
    walk(rw, b, keep_points);
    qsort(rw->waiting.v, rw->waiting.n, sizeof(*rw->waiting.v), by_series_and_time);
    take_waiting(rw);
    for (size_t i = 0; i < rw->waiting.n; i++)
        streams_leave(&rw->streams, rw->waiting.v[i].stream);
    rw->waiting.n = 0;
}

void remote_write_encode(struct remote_write *rw, const struct batch *b, struct remote_write_result *result)
{
    *result = (struct remote_write_result){ .last = &result->first };
    rw->result = result;
    rw->tick = (uint32_t)(clock_mono(rw->options.clock) / TICK);
    rw->batch++;
    rw->disorder = false;
    walk(rw, b, take_points);
    if (rw->disorder)
        encode_in_order(rw, b);
    put_targets(rw, true);
    for (uint32_t i = 0; i < rw->options.shards; i++)
        if (rw->messages[i].request != NULL)
            finish(rw, &rw->messages[i]);
    rw->result = NULL;
}

/* ---- what is known ---- */

void remote_write_sweep(struct remote_write *rw)
{
    struct table *t = &rw->streams.table;
    uint32_t now = (uint32_t)(clock_mono(rw->options.clock) / TICK);
    uint32_t ticks = (uint32_t)((rw->options.expiration + TICK - 1) / TICK);

    if (rw->options.expiration == 0)
        return;
    for (size_t n = 0; n < SWEEP_SLOTS && rw->swept <= t->mask; n++, rw->swept++) {
        uint64_t slot = t->slots[rw->swept];
        struct entry *x = slot > 1 ? table_entry(slot) : NULL;

        if (x != NULL && x > (struct entry *)1 && x->known.id.kind == KNOWN_KIND + SERIES && now - x->seen > ticks)
            streams_drop(&rw->streams, &x->known);
    }
    if (rw->swept > t->mask)
        rw->swept = 0;
}

enum remote_write_version remote_write_version(const struct remote_write *rw)
{
    return rw->options.version;
}

uint64_t remote_write_series(const struct remote_write *rw)
{
    return rw->streams.n_known;
}

uint64_t remote_write_memory(const struct remote_write *rw)
{
    return rw->streams.bytes;
}

struct remote_write *remote_write_new(const struct remote_write_options *o)
{
    struct remote_write *rw = mem_zalloc(sizeof(*rw));

    assert(o->shards > 0);
    rw->options = *o;
    rw->slack = o->max_bytes / 8 < SLACK_MAX ? o->max_bytes / 8 : SLACK_MAX;
    streams_init(&rw->streams, o->translation, o->budget);
    rw->streams.on_stream_gone = on_stream_gone;
    symbols_clear(&rw->names);
    rw->messages = mem_zalloc(o->shards * sizeof(*rw->messages));
    for (uint32_t i = 0; i < o->shards; i++)
        rw->messages[i].version = o->version;
    return rw;
}

/* Every slot of both arrays. */
static void drop_all(struct remote_write *rw, const uint64_t *slots, uint64_t n)
{
    for (uint64_t i = 0; slots != NULL && i < n; i++) {
        struct entry *x = slots[i] > 1 ? table_entry(slots[i]) : NULL;

        if (x != NULL && x > (struct entry *)1 && x->known.id.kind == KNOWN_KIND + SERIES)
            streams_drop(&rw->streams, &x->known);
    }
}

void remote_write_free(struct remote_write *rw)
{
    struct table *t = &rw->streams.table;

    drop_all(rw, t->old, t->old != NULL ? t->old_mask + 1 : 0);
    drop_all(rw, t->slots, t->mask + 1);
    streams_free(&rw->streams);
    for (uint32_t i = 0; i < rw->options.shards; i++)
        message_free(&rw->messages[i]);
    free(rw->messages);
    vec_free(&rw->waiting);
    vec_free(&rw->targets);
    vec_free(&rw->labels);
    vec_free(&rw->base);
    buf_free(&rw->fields);
    buf_free(&rw->own_fields);
    buf_free(&rw->packed);
    vec_free(&rw->own);
    symbols_free(&rw->names);
    buf_free(&rw->suffixed);
    buf_free(&rw->gathered);
    reading_free(&rw->reading);
    exemplar_reader_free(&rw->exemplar_reader);
    free(rw->exemplars);
    vec_free(&rw->counts);
    vec_free(&rw->positive.spans);
    vec_free(&rw->positive.deltas);
    vec_free(&rw->negative.spans);
    vec_free(&rw->negative.deltas);
    free(rw);
}
