/* SPDX-License-Identifier: Apache-2.0 */
/* A page of protobuf is a row of families, each with its length in front: its fields are read, then its metrics one by
 * one, then the buckets of each, so that a step may end between any two of them. A series has no text there, so its
 * line is known by what stands for it: the family's name, the labels as they are sent, what part it is of its metric,
 * and the bound. Classic histograms and summaries are taken apart into the series that text would have, for relabelling
 * sees each; what they say is put together again behind it.
 *
 * What can go wrong: a message that is cut short or does not parse fails the page; so do types that nobody knows, and a
 * native histogram whose spans do not fit its buckets. */
#include "codec/utf8.h"
#include "otlp/digest.h"
#include "prom/exposition/protobuf_fields.h"
#include "prom/intake/intake_inside.h"
#include "prom/intake/native_reading.h"
#include "prom/model/number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define LONG_KEY ((size_t)256)           /* bytes of name and labels; of more a digest stands for them */
#define STEP_BYTES ((size_t)32 * 1024)   /* metrics of more than that together are no one step */
#define FIELDS_MOST ((size_t)200 * 1000) /* of a metric and of what is in it */

/* The labels of a metric are read once for each of its buckets that is not known: a small page could make as much work
 * as a very large one of text. So many bytes of them are read. */
#define SPREAD_MIN (128u << 20)
#define SPREAD_RATIO 64u /* times the size of the page, beside that */

#define HISTOGRAM_MESSAGES                                                                                             \
    (1u << PROTO_HISTOGRAM_BUCKET | 1u << PROTO_HISTOGRAM_NEGATIVE_SPAN | 1u << PROTO_HISTOGRAM_POSITIVE_SPAN |        \
     1u << PROTO_HISTOGRAM_CREATED | 1u << PROTO_HISTOGRAM_EXEMPLAR)

static const struct {
    enum page_type type;
    uint32_t value;
    uint32_t created;  /* its field in the value; 0: it has none */
    uint32_t messages; /* which fields of the value are messages: bits */
} types[] = {
    [PROTO_TYPE_COUNTER] = { PAGE_COUNTER, PROTO_METRIC_COUNTER, PROTO_COUNTER_CREATED,
                             1u << PROTO_COUNTER_EXEMPLAR | 1u << PROTO_COUNTER_CREATED },
    [PROTO_TYPE_GAUGE] = { PAGE_GAUGE, PROTO_METRIC_GAUGE, 0, 0 },
    [PROTO_TYPE_SUMMARY] = { PAGE_SUMMARY, PROTO_METRIC_SUMMARY, PROTO_SUMMARY_CREATED,
                             1u << PROTO_SUMMARY_QUANTILE | 1u << PROTO_SUMMARY_CREATED },
    [PROTO_TYPE_UNTYPED] = { PAGE_UNKNOWN, PROTO_METRIC_UNTYPED, 0, 0 },
    [PROTO_TYPE_HISTOGRAM] = { PAGE_HISTOGRAM, PROTO_METRIC_HISTOGRAM, PROTO_HISTOGRAM_CREATED, HISTOGRAM_MESSAGES },
    [PROTO_TYPE_GAUGE_HISTOGRAM] = { PAGE_GAUGE_HISTOGRAM, PROTO_METRIC_HISTOGRAM, PROTO_HISTOGRAM_CREATED,
                                     HISTOGRAM_MESSAGES },
};

/* ---- labels of a series that is not known ---- */

static const char *put_pairs(struct take *t, struct bytes metric)
{
    struct pb_reader r = pb_reader(metric);

    for (struct bytes pair; message_next(&r, PROTO_METRIC_LABEL, &pair);) {
        struct bytes name = pb_find_bytes(pair, PROTO_LABEL_NAME), value = pb_find_bytes(pair, PROTO_LABEL_VALUE);

        if (t->proto.spread < name.len + value.len)
            return "there are too long labels for so many buckets";
        t->proto.spread -= name.len + value.len;
        if (value.len > 0) {
            page_add_label(&t->labels, name, value, false);
        } else {
            buf_put(&t->empty, name);
            buf_putc(&t->empty, '\0');
        }
    }
    return page_sort_labels(&t->labels);
}

static const char *read_proto_labels(struct take *t, const struct sample *s)
{
    static const char *const suffixes[] = {
        [PART_ALL] = "", [PART_COUNT] = "_count", [PART_SUM] = "_sum", [PART_BUCKET] = "_bucket", [PART_QUANTILE] = ""
    };
    const struct proto_series *p = s->from;
    char text[NUMBER_MAX];
    const char *fault;

    label_set_reset(&t->labels);
    t->empty.len = t->name.len = 0;
    fault = put_pairs(t, p->metric);
    if (fault != NULL)
        return fault;
    buf_put(&t->name, p->family->name);
    buf_puts(&t->name, suffixes[p->part]);
    if (label_set_get(&t->labels, bytes_str("__name__")).len > 0)
        return "a label stands there twice";
    label_set_copy(&t->labels, bytes_str("__name__"), buf_bytes(&t->name));
    if (p->part == PART_BUCKET || p->part == PART_QUANTILE)
        label_set_copy(&t->labels, bytes_str(p->part == PART_BUCKET ? "le" : "quantile"),
                       bytes_of(text, number_put_om(text, p->bound)));
    return NULL;
}

/* ---- series ---- */

static void take_series(struct take *t, const struct proto_metric *m, const struct proto_series *p, struct sample *s)
{
    struct line *predicted = line_predicted(t);

    t->key.len = m->key_len;
    buf_putc(&t->key, (char)(s->native.data != NULL ? 'n' : (int)p->part));
    buf_append(&t->key, &p->bound, sizeof(p->bound));
    s->key = buf_bytes(&t->key);
    s->has_time = m->has_time;
    s->time_ms = m->time_ms;
    s->start_ns = m->start_ns;
    s->read_labels = read_proto_labels;
    s->from = p;
    if (predicted != NULL && predicted->text_len == s->key.len) {
        struct digest d = digest_plain(s->key);

        d = line_digest(t->in, &d);
        if (!digest_equal(&d, &predicted->digest))
            predicted = NULL;
    } else {
        predicted = NULL;
    }
    sample_take(t, s, predicted);
}

static int64_t sample_time(const struct take *t, const struct proto_metric *m)
{
    return m->has_time && t->in->rules->honor_timestamps ? m->time_ms : (int64_t)t->time_ms;
}

static void take_part(struct take *t, const struct proto_metric *m, struct proto_series *p, enum proto_part part,
                      double value)
{
    struct sample s = { .value = value };

    p->part = part;
    take_series(t, m, p, &s);
}

static double read_double(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    double v = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number && f.wire == PB_FIXED64)
            v = pb_double(f.u64);
    return v;
}

static void take_number(struct take *t, const struct proto_metric *m, struct proto_series *p, bool counter)
{
    struct sample s = { .value = read_double(m->value, PROTO_VALUE) };
    struct bytes exemplar = counter ? pb_find_bytes(m->value, PROTO_COUNTER_EXEMPLAR) : bytes_of(NULL, 0);
    bool has_time;

    if (exemplar.data != NULL)
        s.exemplar = exemplar_of_message(t, exemplar, sample_time(t, m), &has_time);
    take_series(t, m, p, &s);
}

/* Count and sum, which histograms and summaries begin with; a count may be a float. */
static void take_totals(struct take *t, const struct proto_metric *m, struct proto_series *p, double *count)
{
    struct pb_reader r = pb_reader(m->value);
    double sum = 0, real = 0;
    uint64_t whole = 0;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == PROTO_SAMPLE_COUNT && f.wire == PB_VARINT)
            whole = f.u64;
        if (f.number == PROTO_SAMPLE_SUM && f.wire == PB_FIXED64)
            sum = pb_double(f.u64);
        if (f.number == PROTO_HISTOGRAM_COUNT_FLOAT && f.wire == PB_FIXED64)
            real = pb_double(f.u64);
    }
    *count = real != 0 ? real : (double)whole;
    take_part(t, m, p, PART_COUNT, *count);
    take_part(t, m, p, PART_SUM, sum);
}

static void take_bucket(struct take *t, const struct proto_metric *m, struct proto_series *p, struct bytes bucket)
{
    struct pb_reader r = pb_reader(bucket);
    struct sample s = { 0 };
    uint64_t whole = 0;
    bool has_time;

    p->part = PART_BUCKET;
    p->bound = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == PROTO_BUCKET_COUNT && f.wire == PB_VARINT)
            whole = f.u64;
        if (f.number == PROTO_BUCKET_BOUND && f.wire == PB_FIXED64)
            p->bound = pb_double(f.u64);
        if (f.number == PROTO_BUCKET_COUNT_FLOAT && f.wire == PB_FIXED64)
            s.value = pb_double(f.u64);
        if (f.number == PROTO_BUCKET_EXEMPLAR && f.wire == PB_LEN)
            s.exemplar = exemplar_of_message(t, f.bytes, sample_time(t, m), &has_time);
    }
    if (s.value == 0)
        s.value = (double)whole;
    take_series(t, m, p, &s);
}

/* A classic histogram or a summary: its buckets or quantiles come one by one. */
static void enter_stage(struct proto_reading *r, enum proto_stage to)
{
    static const uint8_t allowed[] = {
        [PROTO_MESSAGE] = 1 << PROTO_FIELDS,
        [PROTO_FIELDS] = 1 << PROTO_METRICS | 1 << PROTO_MESSAGE, /* it has none, or a fault */
        [PROTO_METRICS] = 1 << PROTO_BUCKETS | 1 << PROTO_MESSAGE,
        [PROTO_BUCKETS] = 1 << PROTO_METRICS,
    };

    assert(allowed[r->stage] & 1 << to);
    r->stage = to;
}

static void begin_buckets(struct take *t)
{
    struct proto_reading *r = &t->proto;

    take_totals(t, &r->metric, &r->series, &r->count);
    r->series.bound = 0;
    r->buckets = pb_reader(r->metric.value);
    enter_stage(r, PROTO_BUCKETS);
}

/* False: that was the last. */
static bool take_next_bucket(struct take *t)
{
    struct proto_reading *r = &t->proto;
    struct bytes bucket;

    if (!message_next(&r->buckets, PROTO_HISTOGRAM_BUCKET, &bucket)) {
        r->series.bound = INFINITY;
        take_part(t, &r->metric, &r->series, PART_BUCKET, r->count);
        return false;
    }
    take_bucket(t, &r->metric, &r->series, bucket);
    return !(isinf(r->series.bound) && r->series.bound > 0);
}

static bool take_next_quantile(struct take *t)
{
    struct proto_reading *r = &t->proto;
    struct bytes quantile;

    if (!message_next(&r->buckets, PROTO_SUMMARY_QUANTILE, &quantile))
        return false;
    r->series.bound = read_double(quantile, PROTO_QUANTILE);
    take_part(t, &r->metric, &r->series, PART_QUANTILE, read_double(quantile, PROTO_QUANTILE_VALUE));
    return true;
}

/* ---- native histograms ---- */

/* Those that have a time; of the histogram itself, or where it has none, of its buckets. */
static void put_exemplars(struct take *t, const struct proto_metric *m)
{
    struct pb_reader r = pb_reader(m->value);
    bool own = pb_find_bytes(m->value, PROTO_HISTOGRAM_EXEMPLAR).data != NULL, has_time;

    for (struct pb_field f; pb_next(&r, &f);) {
        struct bytes x = f.number == PROTO_HISTOGRAM_EXEMPLAR && f.wire == PB_LEN ? f.bytes : bytes_of(NULL, 0);

        if (!own && f.number == PROTO_HISTOGRAM_BUCKET && f.wire == PB_LEN)
            x = pb_find_bytes(f.bytes, PROTO_BUCKET_EXEMPLAR);
        if (x.data == NULL)
            continue;
        x = exemplar_of_message(t, x, (int64_t)t->time_ms, &has_time);
        if (has_time)
            pb_put_bytes(&t->native, OTLP_EXPONENTIAL_EXEMPLARS, x);
    }
}

static void take_native(struct take *t, const struct proto_metric *m, struct proto_series *p)
{
    const struct intake_rules *rules = t->in->rules;
    struct sample s = { 0 };
    const char *fault;

    p->part = PART_ALL;
    p->bound = 0;
    t->native.len = 0;
    fault = native_read(&native_of_page, m->value, rules->max_schema, rules->bucket_limit, &t->native);
    if (fault == native_over_limit) {
        t->over_buckets = true;
        t->result->scraped++;
        t->result->kept++;
        return;
    }
    if (fault != NULL) {
        take_fail(t, "histogram %.*s: %s", p->family->name.len < 100 ? (int)p->family->name.len : 100,
                  (const char *)p->family->name.data, fault);
        return;
    }
    put_exemplars(t, m);
    s.native = buf_bytes(&t->native);
    take_series(t, m, p, &s);
}

static void take_histogram(struct take *t, const struct proto_metric *m, struct proto_series *p)
{
    bool native = t->in->rules->native_histograms && native_is(m->value);

    if (native)
        take_native(t, m, p);
    if (!native || (t->in->rules->classic_too && pb_find_bytes(m->value, PROTO_HISTOGRAM_BUCKET).data != NULL))
        begin_buckets(t);
}

/* ---- metrics and families ---- */

/* It parses, and so do those of its fields that are messages (bits); `most`: so many fields the metric may still have,
 * for it is read in one turn of the loop. */
static bool parses_whole(struct bytes message, uint32_t messages, size_t *most)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; *most > 0 && pb_next(&r, &f);) {
        struct pb_reader inner = pb_reader(
            f.wire == PB_LEN && f.number < 32 && (messages >> f.number & 1) != 0 ? f.bytes : bytes_of(NULL, 0));

        --*most;
        for (struct pb_field g; *most > 0 && pb_next(&inner, &g);)
            --*most;
        if (inner.bad)
            return false;
    }
    return !r.bad;
}

/* Its labels are put behind the family's name in the take's key. */
static bool read_metric(struct take *t, const struct proto_family *family, struct proto_metric *m)
{
    struct pb_reader r = pb_reader(m->message);
    struct bytes created;
    size_t most = FIELDS_MOST;

    t->key.len = 0;
    buf_put(&t->key, family->name);
    buf_putc(&t->key, (char)0xff);
    for (struct pb_field f; most > 0 && pb_next(&r, &f);) {
        most--;
        if (f.wire == PB_LEN &&
            !parses_whole(f.bytes, f.number == types[family->type].value ? types[family->type].messages : 0, &most))
            return false;
        if (f.number == PROTO_METRIC_LABEL && f.wire == PB_LEN) {
            buf_append(&t->key, f.start, (size_t)(r.p - f.start));
        } else if (f.number == types[family->type].value && f.wire == PB_LEN) {
            m->value = f.bytes;
        } else if (f.number == PROTO_METRIC_TIME && f.wire == PB_VARINT) {
            m->time_ms = (int64_t)f.u64;
            m->has_time = m->time_ms != 0;
        }
    }
    if (t->key.len > LONG_KEY) { /* each of the series would compare, hash and keep all of it */
        struct digest d = digest_bytes((struct digest){ 0, 0 }, buf_bytes(&t->key));

        t->key.len = 0;
        buf_append(&t->key, &d, sizeof(d));
    }
    m->key_len = t->key.len;
    if (types[family->type].created != 0) {
        created = pb_find_bytes(m->value, types[family->type].created);
        if (created.data != NULL && !protobuf_time(created, &m->start_ns))
            m->start_ns = 0;
    }
    return !r.bad && most > 0;
}

static void take_metric(struct take *t, struct bytes message)
{
    struct proto_reading *r = &t->proto;
    const struct bytes *name = &r->family.name;

    r->metric = (struct proto_metric){ .message = message };
    r->series = (struct proto_series){ .family = &r->family, .metric = message };
    if (!read_metric(t, &r->family, &r->metric)) {
        take_fail(t, "a metric of %.*s does not parse, or has more than 200000 fields",
                  name->len < 100 ? (int)name->len : 100, (const char *)name->data);
        return;
    }
    switch (r->family.type) {
    case PROTO_TYPE_SUMMARY:
        begin_buckets(t);
        break;
    case PROTO_TYPE_HISTOGRAM:
    case PROTO_TYPE_GAUGE_HISTOGRAM:
        take_histogram(t, &r->metric, &r->series);
        break;
    default:
        take_number(t, &r->metric, &r->series, r->family.type == PROTO_TYPE_COUNTER);
        break;
    }
}

/* NULL, or what is wrong. */
static const char *check_family(const struct proto_reading *r)
{
    const struct proto_family *family = &r->family;

    if (r->fields.bad)
        return "it does not parse";
    if (family->name.len == 0 || !utf8_valid(family->name))
        return "its name is missing, or not valid UTF-8";
    if (!utf8_valid(family->help) || !utf8_valid(family->unit))
        return "its help or unit is not valid UTF-8";
    return family->type < sizeof(types) / sizeof(types[0]) ? NULL : "no such type of a metric";
}

static void begin_family(struct take *t)
{
    struct proto_reading *r = &t->proto;
    const struct proto_family *family = &r->family;
    const char *fault = check_family(r);

    enter_stage(r, fault == NULL && family->any ? PROTO_METRICS : PROTO_MESSAGE);
    if (fault != NULL) {
        take_fail(t, "a family (`%.*s`): %s", family->name.len < 100 ? (int)family->name.len : 100,
                  (const char *)family->name.data, fault);
        return;
    }
    if (!family->any)
        return;
    family_say_help(t, family->name, family->help);
    if (family->unit.len > 0)
        family_say_unit(t, family->name, family->unit);
    family_say_type(t, family->name, types[family->type].type);
    r->fields = pb_reader(family->message);
}

/* ---- in steps ---- */

static void read_family_field(struct take *t)
{
    struct proto_family *family = &t->proto.family;
    struct pb_field f;

    if (!pb_next(&t->proto.fields, &f)) {
        begin_family(t);
        return;
    }
    if (f.number == PROTO_FAMILY_NAME && f.wire == PB_LEN)
        family->name = f.bytes;
    if (f.number == PROTO_FAMILY_HELP && f.wire == PB_LEN)
        family->help = f.bytes;
    if (f.number == PROTO_FAMILY_UNIT && f.wire == PB_LEN)
        family->unit = f.bytes;
    if (f.number == PROTO_FAMILY_TYPE && f.wire == PB_VARINT)
        family->type = f.u64;
    family->any |= f.number == PROTO_FAMILY_METRIC && f.wire == PB_LEN;
}

/* False: the page ends here. */
static bool read_message(struct take *t)
{
    struct proto_reading *r = &t->proto;
    uint64_t len;

    if (r->p == r->end)
        return false;
    r->n++;
    if (!pb_varint(&r->p, r->end, &len) || len > (uint64_t)(r->end - r->p)) {
        take_fail(t, "the page is cut short");
        return false;
    }
    r->family = (struct proto_family){ .message = bytes_of(r->p, (size_t)len) };
    r->fields = pb_reader(r->family.message);
    r->p += len;
    enter_stage(r, PROTO_FIELDS);
    return true;
}

static bool read_next(struct take *t)
{
    struct proto_reading *r = &t->proto;
    struct bytes metric;

    switch (r->stage) {
    case PROTO_MESSAGE:
        return read_message(t);
    case PROTO_FIELDS:
        read_family_field(t);
        break;
    case PROTO_METRICS:
        if (message_next(&r->fields, PROTO_FAMILY_METRIC, &metric))
            take_metric(t, metric);
        else
            enter_stage(r, PROTO_MESSAGE);
        break;
    case PROTO_BUCKETS:
        if (!(r->family.type == PROTO_TYPE_SUMMARY ? take_next_quantile(t) : take_next_bucket(t)))
            enter_stage(r, PROTO_METRICS);
        break;
    }
    return true;
}

void protobuf_begin(struct take *t)
{
    t->proto = (struct proto_reading){ .p = t->body.data,
                                       .end = bytes_end(t->body),
                                       .spread = SPREAD_MIN + SPREAD_RATIO * (uint64_t)t->body.len };
}

bool protobuf_read_some(struct take *t)
{
    char fault[sizeof(t->fault)];
    size_t looked = 0;
    bool more = true;

    for (unsigned i = 0; i < SOME_A_STEP && more && looked < STEP_BYTES; i++) {
        const uint8_t *from = t->proto.stage == PROTO_METRICS ? t->proto.fields.p : NULL;

        more = !take_failed(t) && !t->again && read_next(t);
        looked += from != NULL ? (size_t)(t->proto.fields.p - from) : 0;
    }
    if (more || !take_failed(t))
        return more;
    memcpy(fault, t->fault, sizeof(fault));
    t->fault[0] = '\0';
    take_fail(t, "message %zu: %s", t->proto.n, fault);
    return false;
}
