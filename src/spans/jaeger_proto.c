/* SPDX-License-Identifier: Apache-2.0 */
/* A span of Jaeger's as jaeger.api_v2.Span, read and written field by field. Texts and bytes are not copied when they
 * are read: they lie in the message. Tags, logs and references become entries of lists.
 *
 * What can go wrong: it does not parse, or an id has another length than ids have: then nothing is known of the span,
 * and the fault says up to which byte. Entries take much more memory than the bytes they come from, so there is a bound
 * to them, and a span with more is refused. A time that does not fit is 0. */
#include "spans/jaeger.h"

#include <stdlib.h>
#include <uv.h>

enum {
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID = 2,
    SPAN_NAME = 3,
    SPAN_REFERENCES = 4,
    SPAN_FLAGS = 5,
    SPAN_START = 6,
    SPAN_DURATION = 7,
    SPAN_TAGS = 8,
    SPAN_LOGS = 9,
    SPAN_PROCESS = 10,
};
enum { TAG_KEY = 1, TAG_TYPE = 2, TAG_STRING = 3, TAG_BOOL = 4, TAG_INT = 5, TAG_DOUBLE = 6, TAG_BINARY = 7 };
enum { TYPE_STRING, TYPE_BOOL, TYPE_INT, TYPE_DOUBLE, TYPE_BINARY };
enum { LOG_TIME = 1, LOG_FIELDS = 2 };
enum { REFERENCE_TRACE_ID = 1, REFERENCE_SPAN_ID = 2, REFERENCE_TYPE = 3 };
enum { PROCESS_SERVICE = 1, PROCESS_TAGS = 2 };
enum { TIME_SECONDS = 1, TIME_NANOS = 2 }; /* Timestamp and Duration */

#define SECOND 1000000000

/* ---- reading ---- */

static const char bad_message[] = "it is no message of protobuf";

static const char *read_id(struct bytes id, uint8_t *to, size_t size)
{
    if (id.len == size)
        memcpy(to, id.data, size);
    else if (size == 16 && id.len == 8)
        memcpy(to + 8, id.data, 8);
    else if (id.len != 0)
        return size == 16 ? "invalid length for TraceID: 16 or 8 bytes" : "invalid length for SpanID: 8 bytes";
    return NULL;
}

/* In ns; what a long has no room for is 0. */
static int64_t read_time(struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    int64_t seconds = 0, nanos = 0, ns;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == TIME_SECONDS && f.wire == PB_VARINT)
            seconds = (int64_t)f.u64;
        if (f.number == TIME_NANOS && f.wire == PB_VARINT)
            nanos = (int32_t)f.u64;
    }
    return __builtin_mul_overflow(seconds, (int64_t)SECOND, &ns) || __builtin_add_overflow(ns, nanos, &ns) ? 0 : ns;
}

struct raw_value {
    uint64_t type, boolean, integer, real;
    struct bytes string, binary;
};

static struct value value_of(const struct raw_value *raw)
{
    switch (raw->type) {
    case TYPE_BOOL:
        return (struct value){ .type = VALUE_BOOL, .boolean = raw->boolean != 0 };
    case TYPE_INT:
        return (struct value){ .type = VALUE_INT, .integer = (int64_t)raw->integer };
    case TYPE_DOUBLE:
        return (struct value){ .type = VALUE_DOUBLE, .number = pb_double(raw->real) };
    case TYPE_BINARY:
        return (struct value){ .type = VALUE_BYTES, .bytes = raw->binary };
    default:
        return (struct value){ .type = VALUE_STRING, .bytes = raw->string };
    }
}

static const char *read_tag(struct bytes message, struct tag *tag)
{
    struct pb_reader r = pb_reader(message);
    struct raw_value raw = { .type = TYPE_STRING };

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire == PB_LEN && f.number == TAG_KEY)
            tag->key = f.bytes;
        else if (f.wire == PB_LEN && f.number == TAG_STRING)
            raw.string = f.bytes;
        else if (f.wire == PB_LEN && f.number == TAG_BINARY)
            raw.binary = f.bytes;
        else if (f.wire == PB_VARINT && f.number == TAG_TYPE)
            raw.type = f.u64;
        else if (f.wire == PB_VARINT && f.number == TAG_BOOL)
            raw.boolean = f.u64;
        else if (f.wire == PB_VARINT && f.number == TAG_INT)
            raw.integer = f.u64;
        else if (f.wire == PB_FIXED64 && f.number == TAG_DOUBLE)
            raw.real = f.u64;
    }
    tag->value = value_of(&raw);
    return r.bad ? bad_message : NULL;
}

static const char *read_reference(struct bytes message, struct jaeger_span *j)
{
    struct pb_reader r = pb_reader(message);
    struct jaeger_reference ref = { .follows = false };
    const char *why = NULL;

    for (struct pb_field f; why == NULL && pb_next(&r, &f);) {
        if (f.number == REFERENCE_TRACE_ID && f.wire == PB_LEN)
            why = read_id(f.bytes, ref.trace_id, sizeof(ref.trace_id));
        if (f.number == REFERENCE_SPAN_ID && f.wire == PB_LEN)
            why = read_id(f.bytes, ref.span_id, sizeof(ref.span_id));
        if (f.number == REFERENCE_TYPE && f.wire == PB_VARINT)
            ref.follows = f.u64 != 0;
    }
    *vec_push(&j->references) = ref;
    return r.bad ? bad_message : why;
}

static const char too_many[] = "it has more than 100000 tags, logs and references";

/* They take much more memory than bytes of the message. */
static bool is_large(const struct jaeger_span *j)
{
    return j->references.n + j->logs.n + j->fields.n + j->tags.list.n + j->process.list.n > JAEGER_VALUES;
}

static const char *read_log(struct bytes message, struct jaeger_span *j)
{
    struct pb_reader r = pb_reader(message);
    struct jaeger_log log = { .first = j->fields.n };
    const char *why = NULL;

    for (struct pb_field f; why == NULL && pb_next(&r, &f);) {
        struct tag tag = { .taken = false };

        if (f.number == LOG_TIME && f.wire == PB_LEN) {
            int64_t time = read_time(f.bytes);

            log.time = time > 0 ? (uint64_t)time : 0;
        }
        if (f.number != LOG_FIELDS || f.wire != PB_LEN)
            continue;
        why = is_large(j) ? too_many : read_tag(f.bytes, &tag);
        *vec_push(&j->fields) = tag;
    }
    log.n = j->fields.n - log.first;
    *vec_push(&j->logs) = log;
    return r.bad ? bad_message : why;
}

static const char *put_tag(struct bytes message, struct tags *to)
{
    struct tag tag = { .taken = false };
    const char *why = read_tag(message, &tag);

    tags_put(to, tag.key, tag.value);
    return why;
}

static const char *read_process(struct bytes message, struct jaeger_span *j)
{
    struct pb_reader r = pb_reader(message);
    const char *why = NULL;

    for (struct pb_field f; why == NULL && pb_next(&r, &f);) {
        if (f.number == PROCESS_SERVICE && f.wire == PB_LEN)
            j->service = f.bytes;
        if (f.number == PROCESS_TAGS && f.wire == PB_LEN)
            why = is_large(j) ? too_many : put_tag(f.bytes, &j->process);
    }
    return r.bad ? bad_message : why;
}

static const char *read_field(const struct pb_field *f, struct jaeger_span *j)
{
    int64_t time;

    switch (f->number) {
    case SPAN_TRACE_ID:
        return read_id(f->bytes, j->trace_id, sizeof(j->trace_id));
    case SPAN_SPAN_ID:
        return read_id(f->bytes, j->span_id, sizeof(j->span_id));
    case SPAN_NAME:
        j->name = f->bytes;
        return NULL;
    case SPAN_REFERENCES:
        return read_reference(f->bytes, j);
    case SPAN_START:
        time = read_time(f->bytes);
        j->start = time > 0 ? (uint64_t)time : 0;
        return NULL;
    case SPAN_DURATION:
        j->duration = read_time(f->bytes);
        return NULL;
    case SPAN_TAGS:
        return put_tag(f->bytes, &j->tags);
    case SPAN_LOGS:
        return read_log(f->bytes, j);
    case SPAN_PROCESS:
        return read_process(f->bytes, j);
    default:
        return NULL;
    }
}

bool jaeger_proto_read(struct bytes message, struct jaeger_span *j, struct error *err)
{
    struct pb_reader r = pb_reader(message);
    const char *why = NULL;

    for (struct pb_field f; why == NULL && pb_next(&r, &f);) {
        if (f.wire == PB_LEN)
            why = is_large(j) ? too_many : read_field(&f, j);
        else if (f.number == SPAN_FLAGS && f.wire == PB_VARINT)
            j->flags = (uint32_t)f.u64;
    }
    if (r.bad)
        why = bad_message;
    if (why == NULL && is_large(j))
        why = too_many;
    if (why != NULL)
        error_set(err, UV_EINVAL, "the span, up to byte %zu: %s", message.len > 0 ? (size_t)(r.p - message.data) : 0,
                  why);
    return why == NULL;
}

/* ---- writing ---- */

static void write_time(struct buf *out, uint32_t number, int64_t ns)
{
    size_t mark = pb_begin(out, number);

    if (ns / SECOND != 0)
        pb_put_uint(out, TIME_SECONDS, (uint64_t)(ns / SECOND));
    if (ns % SECOND != 0)
        pb_put_uint(out, TIME_NANOS, (uint64_t)(ns % SECOND));
    pb_end(out, mark);
}

static void write_wall(struct buf *out, uint32_t number, uint64_t ns)
{
    size_t mark = pb_begin(out, number);

    if (ns / SECOND != 0)
        pb_put_uint(out, TIME_SECONDS, ns / SECOND);
    if (ns % SECOND != 0)
        pb_put_uint(out, TIME_NANOS, ns % SECOND);
    pb_end(out, mark);
}

static void write_tag(struct buf *out, uint32_t number, const struct tag *tag)
{
    size_t mark = pb_begin(out, number);

    pb_put_bytes(out, TAG_KEY, tag->key);
    switch (tag->value.type) {
    case VALUE_BOOL:
        pb_put_uint(out, TAG_TYPE, TYPE_BOOL);
        pb_put_uint(out, TAG_BOOL, tag->value.boolean);
        break;
    case VALUE_INT:
        pb_put_uint(out, TAG_TYPE, TYPE_INT);
        pb_put_uint(out, TAG_INT, (uint64_t)tag->value.integer);
        break;
    case VALUE_DOUBLE:
        pb_put_uint(out, TAG_TYPE, TYPE_DOUBLE);
        pb_put_double(out, TAG_DOUBLE, tag->value.number);
        break;
    case VALUE_BYTES:
        pb_put_uint(out, TAG_TYPE, TYPE_BINARY);
        pb_put_bytes(out, TAG_BINARY, tag->value.bytes);
        break;
    default:
        pb_put_bytes(out, TAG_STRING, tag->value.bytes);
    }
    pb_end(out, mark);
}

static void write_references(struct buf *out, const struct jaeger_span *j)
{
    for (size_t i = 0; i < j->references.n; i++) {
        const struct jaeger_reference *ref = &j->references.v[i];
        size_t mark = pb_begin(out, SPAN_REFERENCES);

        pb_put_bytes(out, REFERENCE_TRACE_ID, bytes_of(ref->trace_id, sizeof(ref->trace_id)));
        pb_put_bytes(out, REFERENCE_SPAN_ID, bytes_of(ref->span_id, sizeof(ref->span_id)));
        if (ref->follows)
            pb_put_uint(out, REFERENCE_TYPE, 1);
        pb_end(out, mark);
    }
}

static void write_logs(struct buf *out, const struct jaeger_span *j)
{
    for (size_t i = 0; i < j->logs.n; i++) {
        const struct jaeger_log *log = &j->logs.v[i];
        size_t mark = pb_begin(out, SPAN_LOGS);

        write_wall(out, LOG_TIME, log->time);
        for (size_t k = 0; k < log->n; k++)
            write_tag(out, LOG_FIELDS, &j->fields.v[log->first + k]);
        pb_end(out, mark);
    }
}

void jaeger_proto_write(const struct jaeger_span *j, struct buf *out)
{
    size_t mark;

    pb_put_bytes(out, SPAN_TRACE_ID, bytes_of(j->trace_id, sizeof(j->trace_id)));
    pb_put_bytes(out, SPAN_SPAN_ID, bytes_of(j->span_id, sizeof(j->span_id)));
    pb_put_bytes(out, SPAN_NAME, j->name);
    write_references(out, j);
    if (j->flags != 0)
        pb_put_uint(out, SPAN_FLAGS, j->flags);
    write_wall(out, SPAN_START, j->start);
    write_time(out, SPAN_DURATION, j->duration);
    tags_each (tag, &j->tags)
        write_tag(out, SPAN_TAGS, tag);
    write_logs(out, j);
    mark = pb_begin(out, SPAN_PROCESS);
    pb_put_bytes(out, PROCESS_SERVICE, j->service);
    tags_each (tag, &j->process)
        write_tag(out, PROCESS_TAGS, tag);
    pb_end(out, mark);
}
