/* SPDX-License-Identifier: Apache-2.0 */
/* metric_walk_next() goes down from segment to resource, scope and metric as each is used up, and stops at each
 * metric's data. The head is read apart from it, as bytes that are the same in every request (the key of the identity
 * cache), with kind, temporality and monotonicity behind them. point_read() then reads one point: SDKs' usual order at
 * once, any other field by field.
 *
 * The batch has been validated, so nothing here can be malformed; a metric without data or of a later kind is passed
 * over. */
#include "prom/model/metric.h"

#include "otlp/any_value.h"
#include "otlp/fields.h"

/* Field numbers of the kinds in Metric, and of the attributes and exemplars in their points. */
static const struct {
    uint32_t metric, attributes, exemplars;
} fields[] = {
    [METRIC_NUMBER_GAUGE] = { OTLP_METRIC_GAUGE, OTLP_NUMBER_ATTRIBUTES, OTLP_NUMBER_EXEMPLARS },
    [METRIC_SUM] = { OTLP_METRIC_SUM, OTLP_NUMBER_ATTRIBUTES, OTLP_NUMBER_EXEMPLARS },
    [METRIC_EXPLICIT] = { OTLP_METRIC_HISTOGRAM, OTLP_HISTOGRAM_ATTRIBUTES, OTLP_HISTOGRAM_EXEMPLARS },
    [METRIC_EXPONENTIAL] = { OTLP_METRIC_EXPONENTIAL, OTLP_EXPONENTIAL_ATTRIBUTES, OTLP_EXPONENTIAL_EXEMPLARS },
    [METRIC_SUMMARY] = { OTLP_METRIC_SUMMARY, OTLP_SUMMARY_ATTRIBUTES, 0 },
};

uint32_t point_attributes_field(enum metric_kind kind)
{
    return fields[kind].attributes;
}

static enum metric_kind kind_of_field(uint32_t number)
{
    for (enum metric_kind k = METRIC_NUMBER_GAUGE; k <= METRIC_SUMMARY; k++)
        if (fields[k].metric == number)
            return k;
    return METRIC_EMPTY;
}

void metric_walk_init(struct metric_walk *w, const struct batch *batch)
{
    *w = (struct metric_walk){ .batch = batch };
}

void metric_walk_free(struct metric_walk *w)
{
    buf_free(&w->head_raw);
}

static bool next_message(struct pb_reader *r, uint32_t number, struct bytes *message)
{
    for (struct pb_field f; pb_next(r, &f);)
        if (f.number == number && f.wire == PB_LEN) {
            *message = f.bytes;
            return true;
        }
    return false;
}

static bool next_resource(struct metric_walk *w)
{
    struct bytes message;

    while (!next_message(&w->resources, OTLP_REQUEST_RESOURCES, &message)) {
        if (w->segment == w->batch->n_segments)
            return false;
        w->resources = pb_reader(bytes_of(w->batch->segments[w->segment].data, w->batch->segments[w->segment].len));
        w->segment++;
    }
    w->resource = pb_find_bytes(message, OTLP_RESOURCE_GROUP_RESOURCE);
    w->resource_n++;
    w->scopes = pb_reader(message);
    return true;
}

static bool next_scope(struct metric_walk *w)
{
    struct bytes message;

    while (!next_message(&w->scopes, OTLP_RESOURCE_GROUP_SCOPES, &message))
        if (!next_resource(w))
            return false;
    w->scope = pb_find_bytes(message, OTLP_SCOPE_GROUP_SCOPE);
    w->schema_url = pb_find_bytes(message, OTLP_SCOPE_GROUP_SCHEMA_URL);
    w->scope_n++;
    w->metrics = pb_reader(message);
    return true;
}

/* All fields but the data, as they are, in their order. */
static void read_head(struct metric_walk *w, struct bytes metric)
{
    struct pb_reader r = pb_reader(metric);

    w->head = (struct metric_head){ .kind = METRIC_EMPTY };
    w->head_raw.len = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire != PB_LEN || kind_of_field(f.number) != METRIC_EMPTY)
            continue;
        buf_append(&w->head_raw, f.start, (size_t)(r.p - f.start));
        if (f.number == OTLP_METRIC_NAME) {
            w->head.name = f.bytes;
        } else if (f.number == OTLP_METRIC_DESCRIPTION) {
            w->head.description = f.bytes;
        } else if (f.number == OTLP_METRIC_UNIT) {
            w->head.unit = f.bytes;
        } else if (f.number == OTLP_METRIC_METADATA) {
            struct attribute a = attribute_of(f.bytes);

            if (bytes_is(a.key, "prometheus.type"))
                w->head.type_hint = a.value;
        }
    }
}

/* The data's own fields, which belong to the head; points are counted. */
static void read_data(struct metric_walk *w, enum metric_kind kind, struct bytes data)
{
    struct pb_reader r = pb_reader(data);
    uint8_t tail[3];

    w->head.kind = kind;
    w->head.temporality = TEMPORALITY_UNSPECIFIED;
    w->head.monotonic = false;
    w->points = data;
    w->n_points = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_DATA_POINTS && f.wire == PB_LEN)
            w->n_points++;
        else if (f.number == OTLP_DATA_TEMPORALITY && f.wire == PB_VARINT)
            w->head.temporality = f.u64 <= TEMPORALITY_CUMULATIVE ? (enum temporality)f.u64 : TEMPORALITY_UNSPECIFIED;
        else if (f.number == OTLP_DATA_MONOTONIC && f.wire == PB_VARINT)
            w->head.monotonic = f.u64 != 0;
    }
    tail[0] = (uint8_t)kind;
    tail[1] = (uint8_t)w->head.temporality;
    tail[2] = w->head.monotonic;
    buf_append(&w->head_raw, tail, sizeof(tail));
}

bool metric_walk_next(struct metric_walk *w)
{
    for (;;) {
        for (struct pb_field f; pb_next(&w->data, &f);) {
            enum metric_kind kind = f.wire == PB_LEN ? kind_of_field(f.number) : METRIC_EMPTY;

            if (kind == METRIC_EMPTY)
                continue;
            if (w->head.kind != METRIC_EMPTY)
                w->head_raw.len -= 3; /* of the data before, of a metric that has several */
            read_data(w, kind, f.bytes);
            return true;
        }
        while (!next_message(&w->metrics, OTLP_SCOPE_GROUP_ITEMS, &w->metric))
            if (!next_scope(w))
                return false;
        read_head(w, w->metric);
        w->data = pb_reader(w->metric);
    }
}

/* What SDKs write: start, time, value, attributes, in this order and nothing else; what was scraped mostly has no
 * start. */
static bool read_usual_number(struct point *p, struct bytes b)
{
    const uint8_t *at = b.data, *end = at + b.len, *attributes;
    bool starts = b.len >= 27 && at[0] == PB_TAG(OTLP_POINT_START, PB_FIXED64);

    at += starts ? 9 : 0;
    if (end - at < 18 || at[0] != PB_TAG(OTLP_POINT_TIME, PB_FIXED64) ||
        (at[9] != PB_TAG(OTLP_NUMBER_INT, PB_FIXED64) && at[9] != PB_TAG(OTLP_NUMBER_DOUBLE, PB_FIXED64)))
        return false;
    attributes = at + 18;
    for (const uint8_t *a = attributes; a < end;) {
        if (end - a < 2 || a[0] != PB_TAG(OTLP_NUMBER_ATTRIBUTES, PB_LEN) || a[1] >= 0x80 || a[1] > end - a - 2)
            return false;
        a += 2 + a[1];
    }
    p->start = starts ? pb_load64(b.data + 1) : 0;
    p->time = pb_load64(at + 1);
    p->value = pb_load64(at + 10);
    p->has_value = true;
    p->is_int = at[9] == PB_TAG(OTLP_NUMBER_INT, PB_FIXED64);
    p->attributes = bytes_of(attributes, (size_t)(end - attributes));
    return true;
}

static void read_number(struct point *p, const struct pb_field *f)
{
    if ((f->number == OTLP_NUMBER_DOUBLE || f->number == OTLP_NUMBER_INT) && f->wire == PB_FIXED64) {
        p->value = f->u64;
        p->has_value = true;
        p->is_int = f->number == OTLP_NUMBER_INT;
    }
}

_Static_assert((int)OTLP_HISTOGRAM_FLAGS == (int)OTLP_EXPONENTIAL_FLAGS, "one number for both");
_Static_assert((int)OTLP_NUMBER_FLAGS == (int)OTLP_SUMMARY_FLAGS, "one number for both");

static void read_any(struct point *p, enum metric_kind kind, struct bytes bytes)
{
    uint32_t attributes = fields[kind].attributes, exemplars = fields[kind].exemplars;
    uint32_t flags = kind == METRIC_EXPLICIT || kind == METRIC_EXPONENTIAL ? OTLP_HISTOGRAM_FLAGS : OTLP_NUMBER_FLAGS;
    struct pb_reader r = pb_reader(bytes);
    const uint8_t *first = bytes.data, *last = bytes.data;
    bool apart = false;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == attributes && f.wire == PB_LEN) {
            apart = apart || (last != first && last != f.start);
            first = last == first ? f.start : first;
            last = r.p;
        } else if (f.number == OTLP_POINT_START && f.wire == PB_FIXED64) {
            p->start = f.u64;
        } else if (f.number == OTLP_POINT_TIME && f.wire == PB_FIXED64) {
            p->time = f.u64;
        } else if (f.number == flags && f.wire == PB_VARINT) {
            p->flags = (uint32_t)f.u64;
        } else if (f.number == exemplars && f.wire == PB_LEN) {
            p->has_exemplars = true;
        } else if (kind <= METRIC_SUM) {
            read_number(p, &f);
        }
    }
    p->attributes = apart ? bytes_of(NULL, 0) : bytes_of(first, (size_t)(last - first));
}

void point_read(struct point *p, enum metric_kind kind, struct bytes bytes)
{
    *p = (struct point){ .bytes = bytes };
    if (kind > METRIC_SUM || !read_usual_number(p, bytes))
        read_any(p, kind, bytes);
}

void point_gather(struct buf *out, enum metric_kind kind, struct bytes point)
{
    struct pb_reader r = pb_reader(point);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == fields[kind].attributes && f.wire == PB_LEN)
            buf_append(out, f.start, (size_t)(r.p - f.start));
}
