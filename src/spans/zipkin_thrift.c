/* SPDX-License-Identifier: Apache-2.0 */
/* Zipkin's first version has no kind, no service and no tags: a span has annotations (a text at a time, by a host) and
 * binary annotations (a typed value under a key). Core annotations ("cs": client send) say what kind it is and which
 * host is its own, and are gone then; the others are events. Binary annotations are attributes, but for those that say
 * the status. Spans are read one by one into one struct and written at once.
 *
 * What can go wrong: it does not parse, or a span has very many annotations. That fails the list. */
#include "spans/zipkin_thrift.h"

#include "codec/base64.h"
#include "codec/thrift.h"
#include "otlp/fields.h"
#include "spans/zipkin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <uv.h>

enum {
    SPAN_TRACE_ID = 1,
    SPAN_NAME = 3,
    SPAN_ID = 4,
    SPAN_PARENT_ID = 5,
    SPAN_ANNOTATIONS = 6,
    SPAN_BINARY = 8,
    SPAN_TIME = 10,
    SPAN_DURATION = 11,
    SPAN_TRACE_ID_HIGH = 12,
};
enum { ANNOTATION_TIME = 1, ANNOTATION_VALUE = 2, ANNOTATION_HOST = 3 };
enum { HOST_IPV4 = 1, HOST_PORT = 2, HOST_SERVICE = 3, HOST_IPV6 = 4 };
enum { BINARY_KEY = 1, BINARY_VALUE = 2, BINARY_TYPE = 3, BINARY_HOST = 4 };
enum { TYPE_BOOL, TYPE_BYTES, TYPE_I16, TYPE_I32, TYPE_I64, TYPE_DOUBLE, TYPE_STRING };

#define NO_SERVICE "unknown-service"

struct first_span {
    struct zipkin_span z; /* annotations: those that are events */
    bool has_host, has_kind, has_time, has_annotation;
    uint64_t kind;                    /* OTLP's */
    int64_t time, duration;           /* us */
    int64_t earliest, latest;         /* of annotations */
    struct bytes fallback, component; /* the service's name, where no host says it */
    /* What says the status. */
    bool has_census, has_code, has_http, is_error;
    int64_t census, code, http;
    struct bytes census_text, code_text, http_text;
};

static void clear_span(struct first_span *s)
{
    struct zipkin_span z = s->z;

    zipkin_span_clear(&z);
    *s = (struct first_span){ .z = z };
}

/* ---- hosts ---- */

static void read_address(struct bytes address, char *to)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (address.len == 16 && memcmp(address.data, mapped, sizeof(mapped)) == 0)
        address = bytes_skip(address, sizeof(mapped));
    if (address.len == 4 || address.len == 16)
        (void)inet_ntop(address.len == 4 ? AF_INET : AF_INET6, address.data, to, ZIPKIN_ADDRESS_SIZE);
}

static void read_host(struct thrift_reader *r, struct zipkin_endpoint *e)
{
    *e = (struct zipkin_endpoint){ .port = 0 };
    for (struct thrift_field f; thrift_next(r, &f);) {
        if (f.id == HOST_IPV4 && f.type == THRIFT_I32) {
            uint32_t ip = htonl((uint32_t)thrift_int(r, f.type));

            if (ip != 0)
                (void)inet_ntop(AF_INET, &ip, e->ipv4, ZIPKIN_ADDRESS_SIZE);
        } else if (f.id == HOST_PORT && f.type == THRIFT_I16) {
            e->port = (uint64_t)thrift_int(r, f.type) & 0xffff;
        } else if (f.id == HOST_SERVICE && f.type == THRIFT_STRING) {
            e->service = thrift_string(r);
        } else if (f.id == HOST_IPV6 && f.type == THRIFT_STRING) {
            read_address(thrift_string(r), e->ipv6);
        } else {
            thrift_skip(r, f.type);
        }
    }
}

/* ---- annotations ---- */

/* OTLP's kind that a core annotation stands for; 0: it is none. */
static uint64_t kind_of(struct bytes value)
{
    static const struct {
        const char *name;
        uint64_t kind;
    } core[] = { { "cs", 3 }, { "cr", 3 }, { "sr", 2 }, { "ss", 2 }, { "ms", 4 }, { "mr", 5 } };

    for (size_t i = 0; i < ARRAY_LEN(core); i++)
        if (bytes_is(value, core[i].name))
            return core[i].kind;
    return 0;
}

static void take_annotation(struct first_span *s, int64_t time, struct bytes value, const struct zipkin_endpoint *host)
{
    uint64_t kind = kind_of(value);

    if (value.len == 0)
        return;
    if (!s->has_annotation || time < s->earliest)
        s->earliest = time;
    if (!s->has_annotation || time > s->latest)
        s->latest = time;
    s->has_annotation = true;
    if (kind == 0) {
        *vec_push(&s->z.annotations) = (struct zipkin_annotation){ time > 0 ? (uint64_t)time : 0, value };
        return;
    }
    if (!s->has_host && host->service.len > 0 && !bytes_is(host->service, NO_SERVICE)) {
        s->has_host = true;
        s->z.local = *host;
    }
    if (!s->has_kind)
        s->kind = kind;
    s->has_kind = true;
}

static void read_annotation(struct thrift_reader *r, struct first_span *s)
{
    struct zipkin_endpoint host = { .port = 0 };
    struct bytes value = { NULL, 0 };
    int64_t time = 0;

    for (struct thrift_field f; thrift_next(r, &f);) {
        if (f.id == ANNOTATION_TIME && f.type == THRIFT_I64)
            time = thrift_int(r, f.type);
        else if (f.id == ANNOTATION_VALUE && f.type == THRIFT_STRING)
            value = thrift_string(r);
        else if (f.id == ANNOTATION_HOST && f.type == THRIFT_STRUCT)
            read_host(r, &host);
        else
            thrift_skip(r, f.type);
    }
    take_annotation(s, time, value, &host);
}

/* ---- binary annotations ---- */

static struct value text_value(struct first_span *s, struct buf *text)
{
    struct value v = { .type = VALUE_STRING };

    v.bytes = bytes_of(arena_strndup(&s->z.arena, text->data, text->len), text->len);
    buf_free(text);
    return v;
}

/* A number of `size` bytes, as its bits; what is behind it is not looked at. */
static bool read_bits(struct bytes value, size_t size, uint64_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < size && i < value.len; i++)
        *bits = *bits << 8 | value.data[i];
    return value.len >= size;
}

static struct value number_of(struct first_span *s, int64_t type, struct bytes value)
{
    static const size_t sizes[] = { [TYPE_I16] = 2, [TYPE_I32] = 4, [TYPE_I64] = 8, [TYPE_DOUBLE] = 8 };
    struct value v = { .type = VALUE_INT };
    struct buf text = { 0 };
    uint64_t bits;

    if (!read_bits(value, sizes[type], &bits)) {
        buf_puts(&text, "<not enough bytes representing the number>");
        return text_value(s, &text);
    }
    v.integer = type == TYPE_I16 ? (int16_t)bits : type == TYPE_I32 ? (int32_t)bits : (int64_t)bits;
    if (type == TYPE_DOUBLE) {
        v.type = VALUE_DOUBLE;
        memcpy(&v.number, &bits, sizeof(v.number));
    }
    return v;
}

static struct value value_of(struct first_span *s, int64_t type, struct bytes value)
{
    struct buf text = { 0 };

    switch (type) {
    case TYPE_BOOL:
        return (struct value){ .type = VALUE_BOOL, .boolean = value.len == 1 && value.data[0] == 1 };
    case TYPE_STRING:
        return (struct value){ .type = VALUE_STRING, .bytes = value };
    case TYPE_I16:
    case TYPE_I32:
    case TYPE_I64:
    case TYPE_DOUBLE:
        return number_of(s, type, value);
    case TYPE_BYTES:
        base64_encode(value, true, &text);
        break;
    default:
        buf_printf(&text, "<unknown zipkin v1 binary annotation type (%lld)>", (long long)type);
    }
    return text_value(s, &text);
}

/* An integer of 32 bits, or its decimal text. */
static bool read_code(const struct value *v, int64_t *code)
{
    bool minus = v->type == VALUE_STRING && v->bytes.len > 1 && v->bytes.data[0] == '-';
    bool plus = v->type == VALUE_STRING && v->bytes.len > 1 && v->bytes.data[0] == '+';
    uint64_t n;

    if (v->type == VALUE_INT)
        *code = v->integer;
    else if (v->type == VALUE_STRING && bytes_decimal(bytes_skip(v->bytes, minus || plus), &n) && n <= INT32_MAX)
        *code = minus ? -(int64_t)n : (int64_t)n;
    else
        return false;
    return *code >= INT32_MIN && *code <= INT32_MAX;
}

static struct bytes string_in(const struct value *v)
{
    return v->type == VALUE_STRING ? v->bytes : (struct bytes){ NULL, 0 };
}

/* True: it says nothing but the status, and is no attribute. */
static bool take_status(struct first_span *s, struct bytes key, const struct value *v)
{
    if (bytes_is(key, "census.status_code")) {
        s->has_census |= read_code(v, &s->census);
    } else if (bytes_is(key, "census.status_description") || bytes_is(key, "opencensus.status_description")) {
        s->census_text = string_in(v);
    } else if (bytes_is(key, "otel.status_code")) {
        s->has_code |= read_code(v, &s->code);
    } else if (bytes_is(key, "otel.status_description")) {
        s->code_text = string_in(v);
    } else if (bytes_is(key, "error")) {
        s->is_error = true;
    } else {
        if (bytes_is(key, "http.status_code") || bytes_is(key, "http.response.status_code"))
            s->has_http |= read_code(v, &s->http);
        if (bytes_is(key, "http.status_message"))
            s->http_text = string_in(v);
        return false;
    }
    return true;
}

static void read_binary(struct thrift_reader *r, struct first_span *s)
{
    struct zipkin_endpoint host = { .port = 0 };
    struct bytes key = { NULL, 0 }, content = { NULL, 0 };
    int64_t type = TYPE_BOOL;
    struct value v;

    for (struct thrift_field f; thrift_next(r, &f);) {
        if (f.id == BINARY_KEY && f.type == THRIFT_STRING) {
            key = thrift_string(r);
        } else if (f.id == BINARY_VALUE && f.type == THRIFT_STRING) {
            content = thrift_string(r);
        } else if (f.id == BINARY_TYPE && f.type == THRIFT_I32) {
            type = thrift_int(r, f.type);
        } else if (f.id == BINARY_HOST && f.type == THRIFT_STRUCT) {
            read_host(r, &host);
            s->fallback = host.service;
        } else {
            thrift_skip(r, f.type);
        }
    }
    if (bytes_is(key, "lc")) {
        key = bytes_str("component");
        s->component = content;
    }
    v = value_of(s, type, content);
    if (!take_status(s, key, &v))
        tags_put(&s->z.tags, key, v);
}

/* ---- spans ---- */

static void put_number(uint8_t *to, uint64_t v)
{
    for (int i = 8; i-- > 0; v >>= 8)
        to[i] = (uint8_t)v;
}

static bool is_large(const struct first_span *s)
{
    return s->z.annotations.n + s->z.tags.list.n > ZIPKIN_VALUES;
}

static void read_list(struct thrift_reader *r, struct first_span *s,
                      void (*read)(struct thrift_reader *r, struct first_span *s))
{
    uint8_t type;

    for (uint32_t n = thrift_list(r, &type); n > 0 && !r->bad && !is_large(s); n--)
        read(r, s);
}

static void read_number(struct thrift_reader *r, struct first_span *s, int16_t id)
{
    int64_t v = thrift_int(r, THRIFT_I64);

    switch (id) {
    case SPAN_TRACE_ID:
        put_number(s->z.trace_id + 8, (uint64_t)v);
        break;
    case SPAN_TRACE_ID_HIGH:
        put_number(s->z.trace_id, (uint64_t)v);
        break;
    case SPAN_ID:
        put_number(s->z.id, (uint64_t)v);
        break;
    case SPAN_PARENT_ID:
        put_number(s->z.parent_id, (uint64_t)v);
        break;
    case SPAN_TIME:
        s->has_time = true;
        s->time = v;
        break;
    case SPAN_DURATION:
        s->duration = v;
        break;
    default:
        break;
    }
}

static void read_span(struct thrift_reader *r, struct first_span *s)
{
    for (struct thrift_field f; !is_large(s) && thrift_next(r, &f);) {
        if (f.type == THRIFT_I64)
            read_number(r, s, f.id);
        else if (f.id == SPAN_NAME && f.type == THRIFT_STRING)
            s->z.name = thrift_string(r);
        else if (f.id == SPAN_ANNOTATIONS && f.type == THRIFT_LIST)
            read_list(r, s, read_annotation);
        else if (f.id == SPAN_BINARY && f.type == THRIFT_LIST)
            read_list(r, s, read_binary);
        else
            thrift_skip(r, f.type);
    }
}

/* ---- as OTLP ---- */

static void put_resource(const struct first_span *s, struct buf *out)
{
    const struct zipkin_endpoint *e = &s->z.local;
    struct bytes service = e->service;
    char port[8];

    if (!s->has_host)
        service = s->fallback.len > 0 ? s->fallback : s->component.len > 0 ? s->component : bytes_str(NO_SERVICE);
    attribute_write_text(out, OTLP_RESOURCE_ATTRIBUTES, "service.name", service);
    if (e->ipv4[0] != '\0')
        attribute_write_text(out, OTLP_RESOURCE_ATTRIBUTES, "ipv4", bytes_str(e->ipv4));
    if (e->ipv6[0] != '\0')
        attribute_write_text(out, OTLP_RESOURCE_ATTRIBUTES, "ipv6", bytes_str(e->ipv6));
    snprintf(port, sizeof(port), "%u", (unsigned)e->port);
    if (e->port != 0)
        attribute_write_text(out, OTLP_RESOURCE_ATTRIBUTES, "port", bytes_str(port));
}

static uint64_t to_ns(int64_t us)
{
    return us > 0 && us <= INT64_MAX / 1000 ? (uint64_t)us * 1000 : 0;
}

static void put_times(const struct first_span *s, struct buf *out)
{
    int64_t last = 0;
    uint64_t start = to_ns(s->has_time ? s->time : s->earliest), end;

    if (s->has_time && __builtin_add_overflow(s->time, s->duration, &last))
        last = s->time;
    end = to_ns(s->has_time ? last : s->latest);
    if (start > 0)
        pb_put_fixed64(out, OTLP_SPAN_START, start);
    if (end > 0)
        pb_put_fixed64(out, OTLP_SPAN_END, end);
}

/* The nearer to the instrumentation first. */
static void put_status(const struct first_span *s, struct buf *out)
{
    struct bytes message = s->code_text;
    int64_t code = s->code;

    if (s->has_census) {
        code = s->census == 0 ? 1 : 2;
        message = s->census_text;
    } else if (!s->has_code && s->is_error) {
        code = 2;
        message = s->census_text.len > 0 ? s->census_text : s->code_text;
    } else if (!s->has_code && s->has_http) {
        code = s->http >= 100 && s->http < 400 ? 0 : 2;
        message = s->http_text;
    } else if (!s->has_code) {
        return;
    }
    status_write(out, (uint64_t)code, message);
}

static void put_id(struct buf *out, uint32_t number, const uint8_t *id, size_t size)
{
    static const uint8_t none[16];

    if (memcmp(id, none, size) != 0)
        pb_put_bytes(out, number, bytes_of(id, size));
}

static void put_span(const struct first_span *s, struct buf *out)
{
    put_id(out, OTLP_SPAN_TRACE_ID, s->z.trace_id, sizeof(s->z.trace_id));
    put_id(out, OTLP_SPAN_SPAN_ID, s->z.id, sizeof(s->z.id));
    put_id(out, OTLP_SPAN_PARENT_ID, s->z.parent_id, sizeof(s->z.parent_id));
    pb_put_bytes(out, OTLP_SPAN_NAME, s->z.name);
    if (s->kind != 0)
        pb_put_uint(out, OTLP_SPAN_KIND, s->kind);
    put_times(s, out);
    tags_write(&s->z.tags, OTLP_SPAN_ATTRIBUTES, out);
    for (size_t i = 0; i < s->z.annotations.n; i++) {
        const struct zipkin_annotation *a = &s->z.annotations.v[i];
        size_t mark = pb_begin(out, OTLP_SPAN_EVENTS);

        pb_put_fixed64(out, OTLP_EVENT_TIME, to_ns((int64_t)a->time));
        pb_put_bytes(out, OTLP_EVENT_NAME, a->value);
        pb_end(out, mark);
    }
    put_status(s, out);
}

static const char *why_not(const struct thrift_reader *r, const struct first_span *s)
{
    if (r->bad)
        return "it is no list of Thrift's binary protocol";
    return is_large(s) ? "a span has more than 100000 annotations" : NULL;
}

int zipkin_thrift_read(struct bytes list, size_t most, struct buf *request, struct error *err)
{
    struct thrift_reader r = thrift_reader(list);
    struct span_groups groups = { .out = request };
    struct first_span s = { .kind = 0 };
    struct buf span = { 0 };
    uint8_t type;
    uint32_t n = thrift_list(&r, &type);
    const char *why = why_not(&r, &s);

    for (; n > 0 && why == NULL && request->len <= most; n--) {
        clear_span(&s);
        read_span(&r, &s);
        why = why_not(&r, &s);
        span.len = 0;
        put_resource(&s, &groups.resource);
        put_span(&s, &span);
        span_groups_put(&groups, buf_bytes(&span));
    }
    span_groups_end(&groups);
    zipkin_span_free(&s.z);
    buf_free(&span);
    if (why != NULL)
        return error_set(err, UV_EINVAL, "the list of spans, up to byte %zu: %s", (size_t)(r.p - list.data), why);
    if (request->len > most)
        return error_set(err, UV_E2BIG, "as OTLP it has more than %zu bytes", most);
    return 0;
}
