/* SPDX-License-Identifier: Apache-2.0 */
/* From a series of remote write to points: each of its samples and histograms is a point with its labels as attributes.
 *
 * Each series is a metric of its own, the parts of a classic histogram too: they come in requests of their own, in any
 * order, and what one request has of a histogram need not be all of it. A value that says that the series has ended is
 * a point without value.
 *
 * What can go wrong: a time before 1970, a native histogram that does not add up, no room for one more series or for
 * the bytes: each is counted, and said of the first. */
#include "prom/intake/intake_inside.h"
#include "prom/intake/native_reading.h"
#include "prom/intake/write_inside.h"
#include "prom/model/exponential.h"
#include "prom/model/remote_write_fields.h"

#include <stdio.h>

#define SAMPLES_MOST 20000u /* of one series in one request */

static const uint32_t attribute_fields[WRITE_KINDS] = { OTLP_NUMBER_ATTRIBUTES, OTLP_NUMBER_ATTRIBUTES,
                                                        OTLP_EXPONENTIAL_ATTRIBUTES, OTLP_HISTOGRAM_ATTRIBUTES };
static const uint32_t flag_fields[WRITE_KINDS] = { OTLP_NUMBER_FLAGS, OTLP_NUMBER_FLAGS, OTLP_EXPONENTIAL_FLAGS,
                                                   OTLP_HISTOGRAM_FLAGS };

/* ---- a point ---- */

static bool may_be(struct write_reading *r, struct series_parents *p)
{
    if (!p->admitted && !p->refused) {
        p->admitted = series_admit(r->w, &p->key, &r->labels);
        p->refused = !p->admitted;
    }
    return p->admitted;
}

/* What is wrong with the series; later ones of the request go on. */
void series_leave_out(struct write_reading *r, uint64_t *count, const char *why)
{
    struct bytes name = r->labels.name;

    (*count)++;
    if (r->result.why[0] != '\0')
        return;
    if (name.len > 0)
        snprintf(r->result.why, sizeof(r->result.why), "series %.*s: %s", (int)(name.len < 100 ? name.len : 100),
                 (const char *)name.data, why);
    else
        snprintf(r->result.why, sizeof(r->result.why), "a series: %s", why);
}

/* Its fields, and its labels behind them. */
static struct bytes keep_point(struct write_reading *r, struct series_parents *p, enum write_kind kind)
{
    struct bytes fields = buf_bytes(&r->point);
    uint8_t *to;

    if (attribute_fields[p->encoded] != attribute_fields[kind])
        attributes_encode(r, attribute_fields[kind]);
    p->encoded = kind;
    if (!room_take(r, POINT_COST + fields.len + r->attributes.len))
        return bytes_of(NULL, 0);
    to = arena_alloc_bytes(&r->assembly.arena, fields.len + r->attributes.len);
    memcpy(to, fields.data, fields.len);
    if (r->attributes.len > 0)
        memcpy(to + fields.len, r->attributes.data, r->attributes.len);
    return bytes_of(to, fields.len + r->attributes.len);
}

/* The point that was begun. False: it was left out. */
static bool put_point(struct write_reading *r, struct series_parents *p, enum write_kind kind)
{
    struct bytes point;

    if (!may_be(r, p)) {
        series_leave_out(r, &r->result.refused, SERIES_LIMIT_ADVICE);
        return false;
    }
    point = keep_point(r, p, kind);
    if (point.len == 0)
        return false;
    if (p->data[kind] == NULL)
        p->data[kind] = parents_data(r, p, kind);
    p->point = assembly_put_field(&r->assembly, p->data[kind], OTLP_DATA_POINTS, point);
    p->point_kind = kind;
    *vec_push(&r->points) = (struct write_point){ p->key, p->point, kind };
    return true;
}

static void put_time(struct buf *b, unsigned field, uint64_t ms)
{
    uint8_t *to = buf_reserve(b, 9);
    uint64_t ns = ms * NS_PER_MS;

    to[0] = (uint8_t)PB_TAG(field, PB_FIXED64);
    memcpy(to + 1, &ns, 8);
    b->len += 9;
}

/* When it was, and since when it counts. False: it was left out. */
static bool begin_point(struct write_reading *r, struct series_parents *p, enum write_kind kind, int64_t time,
                        int64_t start)
{
    struct buf *b = &r->point;

    if (time < 0 || (uint64_t)time > UINT64_MAX / NS_PER_MS) {
        series_leave_out(r, &r->result.invalid, "a time is before 1970 or after 2554");
        return false;
    }
    if (start == 0)
        start = (int64_t)p->created_ms;
    b->len = 0;
    if (start > 0 && (kind != WRITE_GAUGE || p->type == PAGE_HISTOGRAM || p->type == PAGE_SUMMARY) &&
        (uint64_t)start <= UINT64_MAX / NS_PER_MS)
        put_time(b, OTLP_POINT_START, (uint64_t)start);
    put_time(b, OTLP_POINT_TIME, (uint64_t)time);
    return true;
}

static const char *take_float(struct write_reading *r, struct series_parents *p, struct bytes sample)
{
    struct pb_reader fields = pb_reader(sample);
    int64_t time = 0, start = 0;
    uint64_t bits = 0;

    for (struct pb_field f; pb_next(&fields, &f);) {
        if (f.number == SAMPLE_VALUE && f.wire == PB_FIXED64)
            bits = f.u64;
        if (f.number == SAMPLE_TIME && f.wire == PB_VARINT)
            time = (int64_t)f.u64;
        if (f.number == SAMPLE_START && f.wire == PB_VARINT)
            start = (int64_t)f.u64;
    }
    if (fields.bad)
        return "a sample does not parse";
    if (!begin_point(r, p, p->number_kind, time, start))
        return NULL;
    if (bits == STALE_NAN)
        pb_put_uint(&r->point, flag_fields[p->number_kind], 1);
    else
        pb_put_fixed64(&r->point, OTLP_NUMBER_DOUBLE, bits);
    r->result.samples += put_point(r, p, p->number_kind);
    return NULL;
}

struct native_head {
    int64_t time, start;
    int32_t schema;
    uint64_t sum;
};

static bool read_head(struct bytes histogram, struct native_head *h)
{
    struct pb_reader r = pb_reader(histogram);

    *h = (struct native_head){ 0 };
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == NATIVE_TIME && f.wire == PB_VARINT)
            h->time = (int64_t)f.u64;
        if (f.number == NATIVE_START && f.wire == PB_VARINT)
            h->start = (int64_t)f.u64;
        if (f.number == NATIVE_SCHEMA && f.wire == PB_VARINT)
            h->schema = (int32_t)pb_unzigzag(f.u64);
        if (f.number == NATIVE_SUM && f.wire == PB_FIXED64)
            h->sum = f.u64;
    }
    return !r.bad;
}

static const char *take_native(struct write_reading *r, struct series_parents *p, struct bytes histogram)
{
    enum write_kind kind;
    struct native_head h;
    const char *fault = NULL;

    if (!read_head(histogram, &h))
        return "a histogram does not parse";
    kind = h.schema == NATIVE_CUSTOM ? WRITE_EXPLICIT : WRITE_EXPONENTIAL;
    if (!begin_point(r, p, kind, h.time, h.start))
        return NULL;
    if (h.sum == STALE_NAN)
        pb_put_uint(&r->point, flag_fields[kind], 1);
    else if (kind == WRITE_EXPLICIT)
        fault = native_read_custom(&native_of_remote_write, histogram, &r->point);
    else
        fault = native_read(&native_of_remote_write, histogram, EXPONENTIAL_SCALE_MAX, 0, &r->point);
    if (fault == NULL)
        r->result.histograms += put_point(r, p, kind);
    return fault;
}

/* ---- a series ---- */

static bool ends_with(struct bytes name, const char *end)
{
    size_t n = strlen(end);

    return name.len > n && memcmp(name.data + name.len - n, end, n) == 0;
}

static bool has_label(const struct write_reading *r, const char *name)
{
    for (size_t i = 0; i < r->labels.pairs.all.n; i++)
        if (bytes_is(r->labels.pairs.all.v[i].name, name))
            return true;
    return false;
}

/* Of a series of which nothing is said: what its name and labels say. */
static enum page_type guess_type(const struct write_reading *r)
{
    if (ends_with(r->labels.name, "_total"))
        return PAGE_COUNTER;
    return ends_with(r->labels.name, "_bucket") && has_label(r, "le") ? PAGE_HISTOGRAM : PAGE_UNKNOWN;
}

/* A counter without `_total` gets another name on its way out to Prometheus. What is said in a request of its own must
 * not make one of what was none before. */
static void settle_type(struct write_reading *r, struct series_parents *p)
{
    p->type = r->family.type;
    if (p->type == PAGE_COUNTER && r->version == WRITE_1 && !ends_with(r->labels.name, "_total"))
        p->type = PAGE_UNKNOWN;
    if (p->type == PAGE_UNKNOWN)
        p->type = guess_type(r);
    p->number_kind = p->type == PAGE_COUNTER ? WRITE_COUNTER : WRITE_GAUGE;
}

static bool find_text(const struct write_reading *r, uint64_t number, struct bytes *text, bool *is_text)
{
    const struct write_symbol *symbol = symbol_find(r, number);

    if (symbol == NULL)
        return false;
    *text = symbol->len <= TEXT_MOST ? bytes_of(symbol->data, symbol->len) : bytes_of(NULL, 0);
    *is_text = symbol->is_text || text->len == 0;
    return true;
}

static const char *read_metadata(struct write_reading *r, struct bytes metadata)
{
    struct pb_reader fields = pb_reader(metadata);
    bool help_is = true, unit_is = true;

    for (struct pb_field f; pb_next(&fields, &f);) {
        if (f.wire != PB_VARINT)
            continue;
        if (f.number == V2_METADATA_TYPE && f.u64 < PAGE_TYPE_COUNT)
            r->family.type = (enum page_type)f.u64;
        if ((f.number == V2_METADATA_HELP && !find_text(r, f.u64, &r->family.help, &help_is)) ||
            (f.number == V2_METADATA_UNIT && !find_text(r, f.u64, &r->family.unit, &unit_is)))
            return "its metadata is the number of a symbol that is not there";
    }
    if (!help_is || !unit_is)
        return "its metadata is not UTF-8";
    return fields.bad ? "its metadata does not parse" : NULL;
}

/* What was said of the name, in this request or before: most have the same name as the one before. */
static void recall_family(struct write_reading *r)
{
    if (r->taught == r->w->taught && r->family_of.len > 0 && bytes_equal(r->family_of, r->labels.name))
        return;
    r->family = (struct write_family){ 0 };
    families_find(r->w, r->labels.name, &r->family);
    r->family_of = r->labels.name;
    r->taught = r->w->taught;
}

/* What is said of the whole series, before any of its points. `rest`: its fields behind the labels. */
static const char *read_family(struct write_reading *r, struct bytes rest, uint64_t *created)
{
    struct pb_reader fields = pb_reader(rest);
    const char *fault = NULL;

    if (r->version == WRITE_1) {
        recall_family(r);
        return NULL;
    }
    r->family = (struct write_family){ 0 };
    for (struct pb_field f; fault == NULL && pb_next(&fields, &f);) {
        if (f.number == V2_METADATA && f.wire == PB_LEN)
            fault = read_metadata(r, f.bytes);
        if (f.number == V2_CREATED && f.wire == PB_VARINT)
            *created = f.u64 <= INT64_MAX ? f.u64 : 0;
    }
    (void)texts_take(r, r->family.help.len + r->family.unit.len);
    return fault;
}

/* *exemplars: it has some. */
static const char *take_points(struct write_reading *r, struct series_parents *p, struct bytes rest, bool *exemplars)
{
    struct pb_reader fields = pb_reader(rest);
    const uint32_t histograms = r->version == WRITE_1 ? V1_HISTOGRAMS : V2_HISTOGRAMS;
    const char *fault = NULL;
    uint32_t n = 0;

    for (struct pb_field f; fault == NULL && !r->over && pb_next(&fields, &f);) {
        if (f.wire != PB_LEN || (f.number != V1_SAMPLES && f.number != histograms)) {
            *exemplars |= f.wire == PB_LEN && f.number != V1_LABELS;
            continue;
        }
        if (++n > SAMPLES_MOST)
            return "it has more than 20000 samples in one request";
        fault = f.number == V1_SAMPLES ? take_float(r, p, f.bytes) : take_native(r, p, f.bytes);
    }
    return fault != NULL || !fields.bad ? fault : "it does not parse";
}

static void take_exemplars(struct write_reading *r, const struct series_parents *p, struct bytes rest)
{
    struct pb_reader fields = pb_reader(rest);
    const uint32_t number = r->version == WRITE_1 ? V1_EXEMPLARS : V2_EXEMPLARS;

    for (struct bytes exemplar; !r->over && message_next(&fields, number, &exemplar);)
        exemplar_take(r, p, exemplar);
}

/* Of target_info the last sample counts: has the series ended? */
static void take_info(struct write_reading *r, struct bytes rest)
{
    struct pb_reader fields = pb_reader(rest);
    uint64_t n = 0, bits = 0;

    for (struct bytes sample; message_next(&fields, V1_SAMPLES, &sample); n++) {
        struct pb_reader in = pb_reader(sample);

        for (struct pb_field f; pb_next(&in, &f);)
            if (f.number == SAMPLE_VALUE && f.wire == PB_FIXED64)
                bits = f.u64;
    }
    if (n == 0)
        return;
    target_take(r, bits == STALE_NAN);
    r->result.samples += n;
}

/* Samples and histograms of which it is known what became. */
static uint64_t known_points(const struct write_reading *r)
{
    return r->result.samples + r->result.histograms + r->result.invalid + r->result.refused;
}

/* The series is left out, from the sample on that is bad: all that it still had. */
static void leave_rest_out(struct write_reading *r, struct bytes series, uint64_t known, const char *fault)
{
    const uint32_t histograms = r->version == WRITE_1 ? V1_HISTOGRAMS : V2_HISTOGRAMS;
    struct pb_reader fields = pb_reader(series);

    series_leave_out(r, &r->result.invalid, fault);
    for (struct pb_field f; pb_next(&fields, &f);)
        if (f.wire == PB_LEN && (f.number == V1_SAMPLES || f.number == histograms))
            known++;
    if (known > known_points(r))
        r->result.invalid += known - known_points(r);
}

void points_take(struct write_reading *r, struct bytes series)
{
    struct series_parents p;
    struct bytes rest;
    uint64_t created = 0, known = known_points(r);
    const char *fault = labels_read(r, series, &rest);
    bool exemplars = false;

    if (fault == NULL && bytes_is(r->labels.name, "target_info")) {
        take_info(r, rest);
        return;
    }
    if (fault == NULL)
        fault = read_family(r, rest, &created);
    if (fault == NULL) {
        parents_open(r, &p);
        p.created_ms = created;
        settle_type(r, &p);
        fault = take_points(r, &p, rest, &exemplars);
    }
    if (fault != NULL)
        leave_rest_out(r, series, known, fault);
    else if (exemplars)
        take_exemplars(r, &p, rest);
}
