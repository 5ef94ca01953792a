/* SPDX-License-Identifier: Apache-2.0 */
/* From a series of remote write to points: each of its samples and histograms is a point with its labels as attributes.
 *
 * Each series is a metric of its own, the parts of a classic histogram too: they come in requests of their own, in any
 * order, and what one request has of a histogram need not be all of it. A value that says that the series has ended is
 * a point without value.
 *
 * What can go wrong: a time before 1970, a native histogram that does not add up, no room for one more series or for
 * the bytes: each is counted, and said of the first. */
#include "codec/utf8.h"
#include "prom/intake/intake_inside.h"
#include "prom/intake/native_reading.h"
#include "prom/intake/write_inside.h"
#include "prom/model/exponential.h"
#include "prom/model/remote_write_fields.h"

#include <stdio.h>

#define NS_PER_MS_OF_WALL 1000000u
#define POINT_COST 256u     /* about what a point takes beside its bytes, until the batch is made */
#define SAMPLES_MOST 20000u /* of one series in one request */

static const uint32_t attribute_fields[WRITE_KINDS] = { OTLP_NUMBER_ATTRIBUTES, OTLP_NUMBER_ATTRIBUTES,
                                                        OTLP_EXPONENTIAL_ATTRIBUTES, OTLP_HISTOGRAM_ATTRIBUTES };
static const uint32_t exemplar_fields[WRITE_KINDS] = { OTLP_NUMBER_EXEMPLARS, OTLP_NUMBER_EXEMPLARS,
                                                       OTLP_EXPONENTIAL_EXEMPLARS, OTLP_HISTOGRAM_EXEMPLARS };
static const uint32_t flag_fields[WRITE_KINDS] = { OTLP_NUMBER_FLAGS, OTLP_NUMBER_FLAGS, OTLP_EXPONENTIAL_FLAGS,
                                                   OTLP_HISTOGRAM_FLAGS };

/* ---- a point ---- */

static bool may_be(struct write_reading *r, struct series_place *p)
{
    if (!p->admitted && !p->refused) {
        p->admitted = series_admit(r->w, &p->key, &r->labels);
        p->refused = !p->admitted;
    }
    return p->admitted;
}

/* What is wrong with the series; later ones of the request go on. */
static void leave_out(struct write_reading *r, uint64_t *count, const char *why)
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

static void open_metric(struct write_reading *r, struct series_place *p, enum write_kind kind)
{
    p->data[kind] = place_data(r, p, kind);
    attributes_encode(r, attribute_fields[kind]);
    p->attributes[kind] = bytes_keep(r, buf_bytes(&r->attributes));
}

/* The point that was begun. False: it was left out. */
static bool put_point(struct write_reading *r, struct series_place *p, enum write_kind kind)
{
    struct bytes fields = buf_bytes(&r->point);
    struct message *point;

    if (!may_be(r, p)) {
        leave_out(r, &r->result.refused, SERIES_LIMIT_ADVICE);
        return false;
    }
    if (p->data[kind] == NULL)
        open_metric(r, p, kind);
    if (!room_take(r, POINT_COST + fields.len + p->attributes[kind].len))
        return false;
    point = assembly_add(&r->assembly, p->data[kind], OTLP_DATA_POINTS);
    assembly_put(&r->assembly, point, assembly_keep(&r->assembly, fields));
    assembly_put(&r->assembly, point, p->attributes[kind]);
    point->user = (void *)(uintptr_t)&exemplar_fields[kind];
    assembly_know(&r->assembly, &p->key, point);
    r->points++;
    return true;
}

/* When it was, and since when it counts. False: it was left out. */
static bool begin_point(struct write_reading *r, struct series_place *p, enum write_kind kind, int64_t time,
                        int64_t start)
{
    struct buf *b = &r->point;

    if (time < 0 || (uint64_t)time > UINT64_MAX / NS_PER_MS_OF_WALL) {
        leave_out(r, &r->result.invalid, "a time is before 1970 or after 2554");
        return false;
    }
    if (start == 0)
        start = (int64_t)p->created_ms;
    b->len = 0;
    if (start > 0 && (kind != WRITE_GAUGE || p->type == PAGE_HISTOGRAM || p->type == PAGE_SUMMARY) &&
        (uint64_t)start <= UINT64_MAX / NS_PER_MS_OF_WALL)
        pb_put_fixed64(b, OTLP_POINT_START, (uint64_t)start * NS_PER_MS_OF_WALL);
    pb_put_fixed64(b, OTLP_POINT_TIME, (uint64_t)time * NS_PER_MS_OF_WALL);
    return true;
}

static const char *take_float(struct write_reading *r, struct series_place *p, struct bytes sample)
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

static const char *take_native(struct write_reading *r, struct series_place *p, struct bytes histogram)
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

/* ---- exemplars ---- */

/* The content of one of OTLP, into r->point. NULL, or what is wrong with it. */
static const char *encode_exemplar(struct write_reading *r, struct bytes exemplar)
{
    struct pb_reader fields = pb_reader(exemplar);
    struct buf *b = &r->point;
    uint64_t bits = 0;
    int64_t time = 0;
    const char *fault = pairs_read(r, exemplar, &r->exemplar_labels);

    for (struct pb_field f; pb_next(&fields, &f);) {
        if (f.number == EXEMPLAR_VALUE && f.wire == PB_FIXED64)
            bits = f.u64;
        if (f.number == EXEMPLAR_TIME && f.wire == PB_VARINT)
            time = (int64_t)f.u64;
    }
    if (fields.bad || fault != NULL)
        return fault != NULL ? fault : "an exemplar does not parse";
    if (time < 0 || (uint64_t)time > UINT64_MAX / NS_PER_MS_OF_WALL)
        return "the time of an exemplar is before 1970 or after 2554";
    b->len = 0;
    pb_put_fixed64(b, OTLP_EXEMPLAR_TIME, (uint64_t)time * NS_PER_MS_OF_WALL);
    pb_put_fixed64(b, OTLP_EXEMPLAR_DOUBLE, bits);
    for (size_t i = 0; i < r->exemplar_labels.all.n; i++)
        exemplar_put_label(b, r->exemplar_labels.all.v[i].name, r->exemplar_labels.all.v[i].value);
    return NULL;
}

static bool put_exemplar(struct write_reading *r, const struct digest *series, struct bytes content)
{
    struct message *point = assembly_known(&r->assembly, series);

    if (point == NULL)
        return false;
    assembly_put_field(&r->assembly, point, *(const uint32_t *)point->user, content);
    r->result.exemplars++;
    return true;
}

static void take_exemplar(struct write_reading *r, const struct series_place *p, struct bytes exemplar)
{
    const char *fault = encode_exemplar(r, exemplar);
    struct bytes content;

    if (fault != NULL) {
        leave_out(r, &r->result.invalid, fault);
        return;
    }
    if (!room_take(r, POINT_COST / 2 + r->point.len))
        return;
    content = assembly_keep(&r->assembly, buf_bytes(&r->point));
    if (!put_exemplar(r, &p->key, content))
        *vec_push(&r->pending) = (struct pending_exemplar){ p->key, content };
}

bool points_settle(struct write_reading *r, unsigned most)
{
    for (; most > 0 && r->settled < r->pending.n; most--, r->settled++) {
        const struct pending_exemplar *x = &r->pending.v[r->settled];

        if (!put_exemplar(r, &x->series, x->content))
            r->result.lost++;
    }
    return r->settled < r->pending.n;
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
static void settle_type(struct write_reading *r, struct series_place *p)
{
    p->type = r->family.type;
    if (p->type == PAGE_COUNTER && r->version == WRITE_1 && !ends_with(r->labels.name, "_total"))
        p->type = PAGE_UNKNOWN;
    if (p->type == PAGE_UNKNOWN)
        p->type = guess_type(r);
    p->number_kind = p->type == PAGE_COUNTER ? WRITE_COUNTER : WRITE_GAUGE;
}

static const char *read_metadata(struct write_reading *r, struct bytes metadata)
{
    struct pb_reader fields = pb_reader(metadata);

    for (struct pb_field f; pb_next(&fields, &f);) {
        if (f.wire != PB_VARINT)
            continue;
        if (f.number == V2_METADATA_TYPE && f.u64 < PAGE_TYPE_COUNT)
            r->family.type = (enum page_type)f.u64;
        if ((f.number == V2_METADATA_HELP && !symbol_find(r, f.u64, &r->family.help)) ||
            (f.number == V2_METADATA_UNIT && !symbol_find(r, f.u64, &r->family.unit)))
            return "its metadata is the number of a symbol that is not there";
    }
    return fields.bad ? "its metadata does not parse" : NULL;
}

static void forget_long(struct bytes *text)
{
    if (text->len > TEXT_MOST)
        *text = bytes_of(NULL, 0);
}

/* What is said of the whole series, before any of its points. */
static const char *read_family(struct write_reading *r, struct bytes series, uint64_t *created)
{
    struct pb_reader fields = pb_reader(series);
    const char *fault = NULL;

    r->family = (struct write_family){ 0 };
    if (r->version == WRITE_1) {
        families_find(r->w, r->labels.name, &r->family);
        return NULL;
    }
    for (struct pb_field f; fault == NULL && pb_next(&fields, &f);) {
        if (f.number == V2_METADATA && f.wire == PB_LEN)
            fault = read_metadata(r, f.bytes);
        if (f.number == V2_CREATED && f.wire == PB_VARINT)
            *created = f.u64 <= INT64_MAX ? f.u64 : 0;
    }
    forget_long(&r->family.help);
    forget_long(&r->family.unit);
    if (fault == NULL && !texts_take(r, r->family.help.len + r->family.unit.len))
        return NULL;
    if (fault == NULL && (!utf8_valid(r->family.help) || !utf8_valid(r->family.unit)))
        return "its metadata is not UTF-8";
    return fault;
}

static const char *take_points(struct write_reading *r, struct series_place *p, struct bytes series)
{
    struct pb_reader fields = pb_reader(series);
    const uint32_t histograms = r->version == WRITE_1 ? V1_HISTOGRAMS : V2_HISTOGRAMS;
    const char *fault = NULL;
    uint32_t n = 0;

    for (struct pb_field f; fault == NULL && !r->over && pb_next(&fields, &f);) {
        if (f.wire != PB_LEN || (f.number != V1_SAMPLES && f.number != histograms))
            continue;
        if (++n > SAMPLES_MOST)
            return "it has more than 20000 samples in one request";
        fault = f.number == V1_SAMPLES ? take_float(r, p, f.bytes) : take_native(r, p, f.bytes);
    }
    return fault != NULL || !fields.bad ? fault : "it does not parse";
}

static void take_exemplars(struct write_reading *r, const struct series_place *p, struct bytes series)
{
    struct pb_reader fields = pb_reader(series);
    const uint32_t number = r->version == WRITE_1 ? V1_EXEMPLARS : V2_EXEMPLARS;

    for (struct bytes exemplar; !r->over && message_next(&fields, number, &exemplar);)
        take_exemplar(r, p, exemplar);
}

/* Of target_info the last sample counts: has the series ended? */
static void take_info(struct write_reading *r, struct bytes series)
{
    struct pb_reader fields = pb_reader(series);
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

    leave_out(r, &r->result.invalid, fault);
    for (struct pb_field f; pb_next(&fields, &f);)
        if (f.wire == PB_LEN && (f.number == V1_SAMPLES || f.number == histograms))
            known++;
    if (known > known_points(r))
        r->result.invalid += known - known_points(r);
}

void points_take(struct write_reading *r, struct bytes series)
{
    struct series_place p;
    uint64_t created = 0, known = known_points(r);
    const char *fault = labels_read(r, series);

    if (fault == NULL && bytes_is(r->labels.name, "target_info")) {
        take_info(r, series);
        return;
    }
    if (fault == NULL)
        fault = read_family(r, series, &created);
    if (fault == NULL) {
        place_open(r, &p);
        p.created_ms = created;
        settle_type(r, &p);
        fault = take_points(r, &p, series);
    }
    if (fault == NULL)
        take_exemplars(r, &p, series);
    else
        leave_rest_out(r, series, known, fault);
}
