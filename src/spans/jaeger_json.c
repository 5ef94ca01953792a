/* SPDX-License-Identifier: Apache-2.0 */
/* jaeger.api_v2.Span as protobuf's JSON has it: ids and binaries in base64, times by RFC 3339, durations like "1.5s",
 * integers as strings. Names are taken as JSON or the .proto file write them; what is not known is passed over.
 *
 * What can go wrong: it is no JSON, no object, has more values than a span has need of; an id, a time or a number is
 * none. */
#include "codec/base64.h"
#include "codec/json_tree.h"
#include "codec/json_write.h"
#include "spans/jaeger.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#define SPAN_VALUES 400000
#define SPAN_DEPTH 12
#define SECOND 1000000000

static const char *const types[] = { "STRING", "BOOL", "INT64", "FLOAT64", "BINARY" };
enum { TYPE_STRING, TYPE_BOOL, TYPE_INT, TYPE_DOUBLE, TYPE_BINARY };

/* ---- reading ---- */

struct jaeger_json {
    struct jaeger_span *span;
    struct error *err;
};

static bool has_name(const struct json_node *n, const char *json_name, const char *proto_name)
{
    return bytes_is(n->key, json_name) || bytes_is(n->key, proto_name);
}

static bool read_id(struct jaeger_json *r, const struct json_node *n, uint8_t *to, size_t size)
{
    struct buf id = { 0 };
    bool good = n->kind == JSON_NULL || (n->kind == JSON_STRING && n->text.len <= 64 && base64_decode(n->text, &id));

    if (good && id.len == size)
        memcpy(to, id.data, size);
    else if (good && size == 16 && id.len == 8)
        memcpy(to + 8, id.data, 8);
    else
        good = good && id.len == 0;
    buf_free(&id);
    return good ||
           json_node_refuse(n, size == 16 ? "a trace id of 16 bytes in base64" : "an id of 8 bytes in base64", r->err);
}

static bool read_long(const struct json_node *n, int64_t *v)
{
    const char *text = (const char *)n->text.data;
    char *end = NULL;

    if ((n->kind != JSON_STRING && n->kind != JSON_NUMBER) || n->text.len == 0 || n->text.len > 20)
        return false;
    errno = 0;
    *v = strtoll(text, &end, 10);
    return errno == 0 && end == text + n->text.len;
}

/* Up to nine digits behind a point, as ns. */
static bool read_fraction(const char **p, int64_t *ns)
{
    int64_t digit = SECOND / 10;

    *ns = 0;
    if (**p != '.')
        return true;
    for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, digit /= 10)
        *ns += (**p - '0') * digit;
    return (*p)[-1] != '.';
}

/* RFC 3339; before 1970, and where ns have no room for it, 0. */
static bool read_time(const struct json_node *n, uint64_t *wall)
{
    const char *p = (const char *)n->text.data;
    int length = 0, hours = 0, minutes = 0;
    struct tm tm = { 0 };
    int64_t ns, at;

    if (n->kind != JSON_STRING || n->text.len > 40 ||
        sscanf(p, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &length) != 6)
        return false;
    p += length;
    if (!read_fraction(&p, &ns))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (tm.tm_mon < 0 || tm.tm_mon > 11)
        return false;
    at = timegm(&tm);
    if ((*p == '+' || *p == '-') && sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &length) == 2) {
        at -= (*p == '-' ? -60 : 60) * ((int64_t)hours * 60 + minutes);
        p += 1 + length;
    } else if (*p == 'Z') {
        p++;
    } else {
        return false;
    }
    *wall = at < 0 || at >= INT64_MAX / SECOND ? 0 : (uint64_t)at * SECOND + (uint64_t)ns;
    return *p == '\0' && p == (const char *)n->text.data + n->text.len;
}

/* "-1.5s" */
static bool read_duration(const struct json_node *n, int64_t *duration)
{
    const char *p = (const char *)n->text.data;
    bool negative = n->text.len > 0 && *p == '-';
    int64_t seconds = 0, ns;

    if (n->kind != JSON_STRING || n->text.len > 40)
        return false;
    p += negative;
    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        seconds = seconds < INT64_MAX / SECOND / 10 ? seconds * 10 + (*p - '0') : INT64_MAX / SECOND - 1;
    if (!read_fraction(&p, &ns) || *p != 's' || p + 1 != (const char *)n->text.data + n->text.len)
        return false;
    *duration = (negative ? -1 : 1) * (seconds * SECOND + ns);
    return true;
}

static bool read_type(const struct json_node *n, size_t *type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_is(n->text, types[i]) ||
            (n->kind == JSON_NUMBER && n->text.len == 1 && n->text.data[0] == (uint8_t)('0' + i))) {
            *type = i;
            return true;
        }
    return false;
}

static bool read_double(const struct json_node *n, double *v)
{
    const char *text = (const char *)n->text.data;
    char *end = NULL;

    if ((n->kind != JSON_STRING && n->kind != JSON_NUMBER) || n->text.len == 0)
        return false;
    *v = strtod(text, &end); /* "NaN" and "Infinity" too */
    return end == text + n->text.len;
}

static bool read_binary(struct jaeger_json *r, const struct json_node *n, struct bytes *v)
{
    struct buf binary = { 0 };
    bool good = n->kind == JSON_STRING && base64_decode(n->text, &binary);
    uint8_t *copy = arena_alloc_bytes(&r->span->arena, binary.len + 1);

    if (binary.len > 0)
        memcpy(copy, binary.data, binary.len);
    *v = bytes_of(copy, binary.len);
    buf_free(&binary);
    return good;
}

static const struct json_node *find_member(const struct json_node *n, const char *json_name, const char *proto_name)
{
    const struct json_node *found = NULL;

    json_each (m, n)
        if (has_name(m, json_name, proto_name) && m->kind != JSON_NULL)
            found = m;
    return found;
}

static bool read_value(struct jaeger_json *r, const struct json_node *n, size_t type, struct value *v)
{
    static const char *const names[][2] = { { "vStr", "v_str" },
                                            { "vBool", "v_bool" },
                                            { "vInt64", "v_int64" },
                                            { "vFloat64", "v_float64" },
                                            { "vBinary", "v_binary" } };
    static const enum value_type kinds[] = { VALUE_STRING, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_BYTES };
    const struct json_node *m = find_member(n, names[type][0], names[type][1]);
    bool good = true;

    *v = (struct value){ .type = kinds[type] };
    if (m == NULL)
        return true;
    if (type == TYPE_STRING)
        v->bytes = m->text;
    else if (type == TYPE_BOOL)
        v->boolean = bytes_is(m->text, "true");
    else if (type == TYPE_INT)
        good = read_long(m, &v->integer);
    else if (type == TYPE_DOUBLE)
        good = read_double(m, &v->number);
    else
        good = read_binary(r, m, &v->bytes);
    return good || json_node_refuse(m, "a value of its type", r->err);
}

static bool read_tag(struct jaeger_json *r, const struct json_node *n, struct tag *tag)
{
    const struct json_node *named = find_member(n, "vType", "v_type");
    size_t type = TYPE_STRING;

    tag->key = json_text_at(n, "key");
    if (named != NULL && !read_type(named, &type))
        return json_node_refuse(named, "STRING, BOOL, INT64, FLOAT64 or BINARY", r->err);
    return read_value(r, n, type, &tag->value);
}

static bool read_tags(struct jaeger_json *r, const struct json_node *list, struct tags *to)
{
    json_each (n, list) {
        struct tag tag = { .taken = false };

        if (!read_tag(r, n, &tag))
            return false;
        tags_put(to, tag.key, tag.value);
    }
    return true;
}

static bool read_logs(struct jaeger_json *r, const struct json_node *list)
{
    struct jaeger_span *j = r->span;

    json_each (n, list) {
        struct jaeger_log log = { .first = j->fields.n };
        const struct json_node *time = find_member(n, "timestamp", "timestamp");

        if (time != NULL && !read_time(time, &log.time))
            return json_node_refuse(time, "a time like 2026-01-31T12:00:00.5Z", r->err);
        json_each (f, json_at(n, "fields")) {
            struct tag tag = { .taken = false };

            if (!read_tag(r, f, &tag))
                return false;
            *vec_push(&j->fields) = tag;
        }
        log.n = j->fields.n - log.first;
        *vec_push(&j->logs) = log;
    }
    return true;
}

static bool read_references(struct jaeger_json *r, const struct json_node *list)
{
    json_each (n, list) {
        struct jaeger_reference ref = { .follows = false };
        const struct json_node *trace = find_member(n, "traceId", "trace_id"),
                               *span = find_member(n, "spanId", "span_id");
        const struct json_node *type = find_member(n, "refType", "ref_type");

        if ((trace != NULL && !read_id(r, trace, ref.trace_id, sizeof(ref.trace_id))) ||
            (span != NULL && !read_id(r, span, ref.span_id, sizeof(ref.span_id))))
            return false;
        ref.follows = type != NULL && !bytes_is(type->text, "CHILD_OF") && !bytes_is(type->text, "0");
        *vec_push(&r->span->references) = ref;
    }
    return true;
}

static bool read_member(struct jaeger_json *r, const struct json_node *n)
{
    struct jaeger_span *j = r->span;
    int64_t flags;

    if (n->kind == JSON_NULL)
        return true;
    if (has_name(n, "traceId", "trace_id"))
        return read_id(r, n, j->trace_id, sizeof(j->trace_id));
    if (has_name(n, "spanId", "span_id"))
        return read_id(r, n, j->span_id, sizeof(j->span_id));
    if (has_name(n, "startTime", "start_time"))
        return read_time(n, &j->start) || json_node_refuse(n, "a time like 2026-01-31T12:00:00.5Z", r->err);
    if (has_name(n, "duration", "duration"))
        return read_duration(n, &j->duration) || json_node_refuse(n, "a duration like 1.5s", r->err);
    if (has_name(n, "references", "references"))
        return read_references(r, n);
    if (has_name(n, "tags", "tags"))
        return read_tags(r, n, &j->tags);
    if (has_name(n, "logs", "logs"))
        return read_logs(r, n);
    if (has_name(n, "operationName", "operation_name")) {
        j->name = n->text;
    } else if (has_name(n, "flags", "flags")) {
        if (!read_long(n, &flags))
            return json_node_refuse(n, "a number", r->err);
        j->flags = (uint32_t)flags;
    } else if (has_name(n, "process", "process")) {
        const struct json_node *service = find_member(n, "serviceName", "service_name");

        j->service = service != NULL ? service->text : (struct bytes){ NULL, 0 };
        return read_tags(r, json_at(n, "tags"), &j->process);
    }
    return true;
}

static const struct json_node *read_tree(struct json_scan *in, struct arena *a)
{
    static const struct json_tree_rules rules = { .max_nodes = SPAN_VALUES, .max_depth = SPAN_DEPTH };
    const struct json_node *n = NULL;

    if (json_peek(in) != '{')
        in->fault = "an object, as a span is";
    else
        n = json_tree_read(in, a, &rules);
    if (n != NULL && !json_is_over(in)) {
        in->fault = "nothing more";
        n = NULL;
    }
    return n;
}

bool jaeger_json_read(struct bytes text, struct jaeger_span *j, struct error *err)
{
    struct json_scan in = { .p = text.data, .end = bytes_end(text), .repairs = true };
    struct jaeger_json r = { .span = j, .err = err };
    const struct json_node *n = read_tree(&in, &j->arena);
    bool good = n != NULL;

    if (!good)
        error_set(err, UV_EINVAL, "at byte %zu: expected %s", text.len > 0 ? (size_t)(in.p - text.data) : 0, in.fault);
    json_each (m, n)
        good = good && read_member(&r, m);
    buf_free(&in.scratch);
    buf_free(&in.mended);
    return good;
}

/* ---- writing ---- */

static void write_base64(struct json_writer *w, const char *key, struct bytes bytes)
{
    struct buf text = { 0 };

    base64_encode(bytes, true, &text);
    json_write_text(w, key, buf_bytes(&text));
    buf_free(&text);
}

/* No digits, or three, six or nine. */
static int put_fraction(char *to, size_t size, uint64_t ns)
{
    if (ns == 0)
        return 0;
    if (ns % 1000000 == 0)
        return snprintf(to, size, ".%03" PRIu64, ns / 1000000);
    if (ns % 1000 == 0)
        return snprintf(to, size, ".%06" PRIu64, ns / 1000);
    return snprintf(to, size, ".%09" PRIu64, ns);
}

static void write_time(struct json_writer *w, const char *key, uint64_t wall)
{
    time_t seconds = (time_t)(wall / SECOND);
    char text[64];
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)put_fraction(text + len, sizeof(text) - len, wall % SECOND);
    snprintf(text + len, sizeof(text) - len, "Z");
    json_write_text(w, key, bytes_str(text));
}

static void write_duration(struct json_writer *w, const char *key, int64_t ns)
{
    uint64_t all = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    char text[64];
    int len = snprintf(text, sizeof(text), "%s%" PRIu64, ns < 0 ? "-" : "", all / SECOND);

    len += put_fraction(text + len, sizeof(text) - (size_t)len, all % SECOND);
    snprintf(text + len, sizeof(text) - (size_t)len, "s");
    json_write_text(w, key, bytes_str(text));
}

static void write_number(struct json_writer *w, const char *key, double v)
{
    if (isfinite(v))
        json_write_double(w, key, v);
    else
        json_write_text(w, key, bytes_str(isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity"));
}

static void write_tag(struct json_writer *w, const struct tag *tag)
{
    char number[32];

    json_begin(w, NULL, '{');
    json_write_text(w, "key", tag->key);
    switch (tag->value.type) {
    case VALUE_BOOL:
        json_write_text(w, "vType", bytes_str(types[TYPE_BOOL]));
        json_write_bool(w, "vBool", tag->value.boolean);
        break;
    case VALUE_INT:
        snprintf(number, sizeof(number), "%" PRId64, tag->value.integer);
        json_write_text(w, "vType", bytes_str(types[TYPE_INT]));
        json_write_text(w, "vInt64", bytes_str(number));
        break;
    case VALUE_DOUBLE:
        json_write_text(w, "vType", bytes_str(types[TYPE_DOUBLE]));
        write_number(w, "vFloat64", tag->value.number);
        break;
    case VALUE_BYTES:
        json_write_text(w, "vType", bytes_str(types[TYPE_BINARY]));
        write_base64(w, "vBinary", tag->value.bytes);
        break;
    default:
        json_write_text(w, "vStr", tag->value.bytes);
    }
    json_end(w, '}');
}

static void write_tags(struct json_writer *w, const struct tags *tags)
{
    json_begin(w, "tags", '[');
    tags_each (tag, tags)
        write_tag(w, tag);
    json_end(w, ']');
}

static void write_references(struct json_writer *w, const struct jaeger_span *j)
{
    json_begin(w, "references", '[');
    for (size_t i = 0; i < j->references.n; i++) {
        const struct jaeger_reference *ref = &j->references.v[i];

        json_begin(w, NULL, '{');
        write_base64(w, "traceId", bytes_of(ref->trace_id, sizeof(ref->trace_id)));
        write_base64(w, "spanId", bytes_of(ref->span_id, sizeof(ref->span_id)));
        if (ref->follows)
            json_write_text(w, "refType", bytes_str("FOLLOWS_FROM"));
        json_end(w, '}');
    }
    json_end(w, ']');
}

static void write_logs(struct json_writer *w, const struct jaeger_span *j)
{
    json_begin(w, "logs", '[');
    for (size_t i = 0; i < j->logs.n; i++) {
        const struct jaeger_log *log = &j->logs.v[i];

        json_begin(w, NULL, '{');
        write_time(w, "timestamp", log->time);
        json_begin(w, "fields", '[');
        for (size_t k = 0; k < log->n; k++)
            write_tag(w, &j->fields.v[log->first + k]);
        json_end(w, ']');
        json_end(w, '}');
    }
    json_end(w, ']');
}

void jaeger_json_write(const struct jaeger_span *j, struct buf *out)
{
    struct json_writer w = { .out = out };

    json_begin(&w, NULL, '{');
    write_base64(&w, "traceId", bytes_of(j->trace_id, sizeof(j->trace_id)));
    write_base64(&w, "spanId", bytes_of(j->span_id, sizeof(j->span_id)));
    if (j->name.len > 0)
        json_write_text(&w, "operationName", j->name);
    if (j->references.n > 0)
        write_references(&w, j);
    if (j->flags != 0)
        json_write_uint(&w, "flags", j->flags);
    write_time(&w, "startTime", j->start);
    write_duration(&w, "duration", j->duration);
    write_tags(&w, &j->tags);
    if (j->logs.n > 0)
        write_logs(&w, j);
    json_begin(&w, "process", '{');
    json_write_text(&w, "serviceName", j->service);
    write_tags(&w, &j->process);
    json_end(&w, '}');
    json_end(&w, '}');
}
