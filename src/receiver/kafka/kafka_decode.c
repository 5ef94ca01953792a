/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_proto is copied once, into the block that it will be used from; the others are written to a buffer first, and so
 * is what gets headers as attributes. Then all of it is validated, as what comes by OTLP is.
 *
 * What can go wrong: it is not what it is said to be; a string in it is no UTF-8 (mended: one bad string costs that
 * string only); there is no room for it now. */
#include "receiver/kafka/kafka_decode.h"

#include "base/mem.h"
#include "codec/json_tree.h"
#include "otlp/any_value.h"
#include "otlp/fields.h"
#include "otlp/json.h"
#include "otlp/profile_strings.h"
#include "otlp/repair.h"
#include "otlp/validate.h"
#include "spans/jaeger.h"
#include "spans/zipkin.h"
#include "spans/zipkin_thrift.h"

#include <string.h>
#include <strings.h>
#include <uv.h>

#define BODY_DEPTH 30 /* of JSON in a body: a message of OTLP may be nested 100 levels, and an object takes three */
#define BODY_NODES 100000

enum kafka_reading kafka_reading_of(const char *encoding, enum signal signal)
{
    static const struct {
        const char *name;
        enum kafka_reading reading;
        unsigned signals;
    } rows[] = {
        { "otlp_proto", KAFKA_READ_PROTO, SIGNAL_ALL },
        { "otlp_json", KAFKA_READ_JSON, SIGNAL_ALL },
        { "text", KAFKA_READ_TEXT, SIGNAL_BIT(SIGNAL_LOGS) },
        { "text_utf-8", KAFKA_READ_TEXT, SIGNAL_BIT(SIGNAL_LOGS) },
        { "text_utf8", KAFKA_READ_TEXT, SIGNAL_BIT(SIGNAL_LOGS) },
        { "raw", KAFKA_READ_RAW, SIGNAL_BIT(SIGNAL_LOGS) },
        { "json", KAFKA_READ_JSON_BODY, SIGNAL_BIT(SIGNAL_LOGS) },
        { "jaeger_proto", KAFKA_READ_JAEGER_PROTO, SIGNAL_BIT(SIGNAL_TRACES) },
        { "jaeger_json", KAFKA_READ_JAEGER_JSON, SIGNAL_BIT(SIGNAL_TRACES) },
        { "zipkin_proto", KAFKA_READ_ZIPKIN_PROTO, SIGNAL_BIT(SIGNAL_TRACES) },
        { "zipkin_json", KAFKA_READ_ZIPKIN_JSON, SIGNAL_BIT(SIGNAL_TRACES) },
        { "zipkin_thrift", KAFKA_READ_ZIPKIN_THRIFT, SIGNAL_BIT(SIGNAL_TRACES) },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcasecmp(rows[i].name, encoding) == 0 && (rows[i].signals & SIGNAL_BIT(signal)))
            return rows[i].reading;
    return KAFKA_READINGS;
}

/* ---- bodies of logs ---- */

static bool put_json_body(struct bytes text, struct buf *out, struct error *err)
{
    static const struct json_tree_rules rules = { .max_nodes = BODY_NODES, .max_depth = BODY_DEPTH };
    struct arena a = { 0 };
    const struct json_node *n = json_tree_parse(text, &a, &rules, err);
    bool good = n != NULL && n->kind == JSON_OBJECT;

    if (good)
        any_value_put_json(out, n, JSON_NUMBERS_DOUBLE); /* as Go reads them */
    else if (n != NULL)
        error_set(err, UV_EINVAL, "it is no JSON object");
    arena_free(&a);
    return good;
}

static bool put_body(const struct kafka_value *v, struct buf *out, struct error *err)
{
    if (v->reading == KAFKA_READ_JSON_BODY)
        return put_json_body(v->bytes, out, err);
    pb_put_bytes(out, v->reading == KAFKA_READ_RAW ? OTLP_ANY_BYTES : OTLP_ANY_STRING, v->bytes);
    return true;
}

/* One log record in a request of its own. */
static bool put_record(const struct kafka_value *v, struct buf *out, struct error *err)
{
    size_t group = pb_begin(out, OTLP_REQUEST_RESOURCES), scope, record, body;
    bool good;

    pb_put_bytes(out, OTLP_RESOURCE_GROUP_RESOURCE, (struct bytes){ NULL, 0 });
    scope = pb_begin(out, OTLP_RESOURCE_GROUP_SCOPES);
    record = pb_begin(out, OTLP_SCOPE_GROUP_ITEMS);
    body = pb_begin(out, OTLP_LOG_BODY);
    good = put_body(v, out, err);
    pb_end(out, body);
    if (v->reading != KAFKA_READ_RAW)
        pb_put_fixed64(out, OTLP_LOG_OBSERVED_TIME, v->now);
    pb_end(out, record);
    pb_end(out, scope);
    pb_end(out, group);
    return good;
}

/* ---- headers as attributes ---- */

#define HEADER_PREFIX "kafka.header."

static bool is_header(struct bytes key, const struct kafka_value *v)
{
    const size_t prefix = sizeof(HEADER_PREFIX) - 1;

    if (key.len < prefix || memcmp(key.data, HEADER_PREFIX, prefix) != 0)
        return false;
    for (size_t i = 0; i < v->n_headers; i++)
        if (bytes_equal(bytes_skip(key, prefix), v->headers[i].name))
            return true;
    return false;
}

/* Without attributes of these names that are there, and with those of the record. */
static bool put_resource(struct bytes resource, const struct kafka_value *v, struct buf *out)
{
    struct pb_reader r = pb_reader(resource);
    size_t mark = pb_begin(out, OTLP_RESOURCE_GROUP_RESOURCE);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != OTLP_RESOURCE_ATTRIBUTES || f.wire != PB_LEN || !is_header(attribute_of(f.bytes).key, v))
            buf_append(out, f.start, (size_t)(r.p - f.start));
    for (size_t i = 0; i < v->n_headers; i++) {
        size_t pair = pb_begin(out, OTLP_RESOURCE_ATTRIBUTES), key = pb_begin(out, OTLP_KEY_VALUE_KEY), value;

        buf_puts(out, HEADER_PREFIX);
        buf_put(out, v->headers[i].name);
        pb_end(out, key);
        value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
        pb_put_bytes(out, OTLP_ANY_STRING, v->headers[i].value);
        pb_end(out, value);
        pb_end(out, pair);
    }
    pb_end(out, mark);
    return !r.bad;
}

static bool put_group(struct bytes group, const struct kafka_value *v, struct buf *out)
{
    struct pb_reader r = pb_reader(group);
    size_t mark = pb_begin(out, OTLP_REQUEST_RESOURCES);
    struct bytes resource = pb_find_bytes(group, OTLP_RESOURCE_GROUP_RESOURCE);
    bool good = put_resource(resource, v, out);

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != OTLP_RESOURCE_GROUP_RESOURCE)
            buf_append(out, f.start, (size_t)(r.p - f.start));
    pb_end(out, mark);
    return good && !r.bad;
}

/* False: the bytes are no message, which nobody has looked at yet, or it comes out with more than v->most bytes: a
 * header goes into each resource, and these may be many. */
static bool put_headers(struct bytes request, const struct kafka_value *v, struct buf *out)
{
    struct pb_reader r = pb_reader(request);
    bool good = true;

    for (struct pb_field f; good && out->len <= v->most && pb_next(&r, &f);)
        if (f.number == OTLP_REQUEST_RESOURCES && f.wire == PB_LEN)
            good = put_group(f.bytes, v, out);
        else
            buf_append(out, f.start, (size_t)(r.p - f.start));
    return good && out->len <= v->most && !r.bad;
}

/* ---- all of it ---- */

static enum kafka_decoded fill_block(struct bytes bytes, struct budget *budget, struct kafka_request *out,
                                     uint64_t *need)
{
    out->block = block_new(budget, bytes.len);
    if (out->block == NULL) {
        *need = bytes.len + sizeof(struct block);
        return KAFKA_NO_ROOM;
    }
    if (bytes.len > 0)
        memcpy(out->block->data, bytes.data, bytes.len);
    out->bytes = bytes_of(out->block->data, bytes.len);
    return KAFKA_DECODED;
}

static enum kafka_decoded fault_of(const struct validation *check, struct error *err)
{
    error_set(err, UV_EINVAL, "at byte %zu: %s", check->fault_offset, check->fault);
    return KAFKA_BAD;
}

/* A valid request; of profiles with texts for numbers of them. */
static enum kafka_decoded take_request(const struct kafka_value *v, struct bytes bytes, struct budget *budget,
                                       struct kafka_request *out, uint64_t *need)
{
    struct buf resolved = { 0 };
    bool texts = v->signal == SIGNAL_PROFILES && profile_strings_resolve(bytes, v->most, &resolved);
    enum kafka_decoded d = fill_block(texts ? buf_bytes(&resolved) : bytes, budget, out, need);

    buf_free(&resolved);
    return d;
}

static enum kafka_decoded check_request(const struct kafka_value *v, struct bytes bytes, struct budget *budget,
                                        struct kafka_request *out, uint64_t *need, struct error *err)
{
    struct validation check;
    struct buf mended = { 0 };
    enum kafka_decoded d = KAFKA_DECODED;

    if (otlp_validate(v->signal, bytes, &check)) {
        d = take_request(v, bytes, budget, out, need);
    } else if (!check.is_text || otlp_repair(v->signal, bytes, &mended) == 0 ||
               !otlp_validate(v->signal, buf_bytes(&mended), &check)) {
        d = fault_of(&check, err);
    } else {
        d = take_request(v, buf_bytes(&mended), budget, out, need);
    }
    out->items = check.items;
    buf_free(&mended);
    return d;
}

/* As wire bytes, where they are not that already. */
static bool write_request(const struct kafka_value *v, struct buf *out, struct error *err)
{
    struct text_repairs repairs = { 0 };

    switch (v->reading) {
    case KAFKA_READ_PROTO:
        return true;
    case KAFKA_READ_JSON:
        return json_request_to_wire(signal_table[v->signal].request, v->bytes, v->most, out, &repairs, err) == 0;
    case KAFKA_READ_JAEGER_PROTO:
        return jaeger_read(JAEGER_PROTO, v->bytes, out, err) == 0;
    case KAFKA_READ_JAEGER_JSON:
        return jaeger_read(JAEGER_JSON, v->bytes, out, err) == 0;
    case KAFKA_READ_ZIPKIN_PROTO:
        return zipkin_read(ZIPKIN_PROTO, v->bytes, v->most, out, err) == 0;
    case KAFKA_READ_ZIPKIN_JSON:
        return zipkin_read(ZIPKIN_JSON, v->bytes, v->most, out, err) == 0;
    case KAFKA_READ_ZIPKIN_THRIFT:
        return zipkin_thrift_read(v->bytes, v->most, out, err) == 0;
    default:
        return put_record(v, out, err);
    }
}

/* As large as what the otlp receiver unpacks in a job: a millisecond or two. */
#define LARGE_WIRE ((size_t)2048 * 1024)
#define LARGE_TEXT ((size_t)256 * 1024)

bool kafka_value_is_large(const struct kafka_value *v)
{
    bool wire = v->reading == KAFKA_READ_PROTO || v->reading == KAFKA_READ_TEXT || v->reading == KAFKA_READ_RAW;

    return v->bytes.len >= (wire && v->n_headers == 0 ? LARGE_WIRE : LARGE_TEXT);
}

enum kafka_decoded kafka_decode(const struct kafka_value *v, struct budget *budget, struct kafka_request *out,
                                uint64_t *need, struct error *err)
{
    struct buf wire = { 0 }, with_headers = { 0 };
    struct bytes bytes = v->bytes;
    enum kafka_decoded d = KAFKA_BAD;

    *out = (struct kafka_request){ 0 };
    if (!write_request(v, &wire, err)) {
        buf_free(&wire);
        return KAFKA_BAD;
    }
    if (v->reading != KAFKA_READ_PROTO)
        bytes = buf_bytes(&wire);
    if (v->n_headers == 0) {
        d = check_request(v, bytes, budget, out, need, err);
    } else if (put_headers(bytes, v, &with_headers)) {
        d = check_request(v, buf_bytes(&with_headers), budget, out, need, err);
    } else if (with_headers.len > v->most) {
        error_set(err, UV_E2BIG, "with its headers as attributes of each resource it has more than %zu bytes", v->most);
    } else {
        error_set(err, UV_EINVAL, "it is no message of protobuf");
    }
    buf_free(&wire);
    buf_free(&with_headers);
    return d;
}
