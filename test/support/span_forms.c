/* SPDX-License-Identifier: Apache-2.0 */
/* Random requests have short lists of attributes, drawn from names that mean something to other formats and from some
 * that do not. */
#include "support/span_forms.h"

#include "otlp/any_value.h"
#include "otlp/fields.h"
#include "otlp/json.h"
#include "otlp/signal.h"
#include "otlp/validate.h"
#include "support/random_message.h"

#include <check.h>

static const ProtobufCMessageDescriptor *type_of_request(void)
{
    return signal_table[SIGNAL_TRACES].request;
}

const char *request_json(const struct buf *request, uint64_t spans)
{
    static struct buf text;
    struct validation check;
    struct error err = { 0 };

    ck_assert_msg(otlp_validate(SIGNAL_TRACES, buf_bytes(request), &check), "at %zu: %s", check.fault_offset,
                  check.fault);
    ck_assert_uint_eq(check.items, spans);
    buf_free(&text);
    ck_assert_int_eq(wire_to_json(type_of_request(), buf_bytes(request), &text, &err), 0);
    return buf_cstr(&text);
}

void put_request(struct buf *out, const char *json)
{
    struct error err = { 0 };

    ck_assert_msg(json_to_wire(type_of_request(), bytes_str(json), 1 << 20, out, &err) == 0, "%s", err.text);
}

static const char *const names[] = { "service.name",
                                     "faas.name",
                                     "host.name",
                                     "hostname",
                                     "jaeger.version",
                                     "cloud.resource_id",
                                     "error",
                                     "http.status_code",
                                     "http.response.status_code",
                                     "otel.status_code",
                                     "network.peer.address",
                                     "net.peer.port",
                                     "net.host.port",
                                     "peer.service",
                                     "span.kind",
                                     "otel.scope.name",
                                     "w3c.tracestate",
                                     "otlp.link.0",
                                     "event",
                                     "a",
                                     "b",
                                     "",
                                     "ä|{" };
static const char *const texts[] = { "",          "x",   "true",   "404",        "ERROR",
                                     "127.0.0.1", "::1", "client", "a|b|c|{}|0", "größe\n\"" };

static const char *draw(const char *const *from, size_t n, uint64_t *state)
{
    return from[random_below(state, n)];
}

#define DRAW(from, state) draw(from, sizeof(from) / sizeof((from)[0]), state)

static void put_attributes(struct buf *out, uint32_t number, uint64_t *state)
{
    size_t first = random_below(state, sizeof(names) / sizeof(names[0])), n = random_below(state, 5);

    for (size_t i = 0; i < n; i++) {
        size_t pair = pb_begin(out, number), content;
        struct value v = { .type = (enum value_type)random_below(state, VALUE_ARRAY) };

        if (v.type == VALUE_STRING)
            v.bytes = bytes_str(DRAW(texts, state));
        else if (v.type != VALUE_EMPTY)
            v.integer = (int64_t)random_below(state, 2);
        if (v.type == VALUE_DOUBLE)
            v.number = (double)random_below(state, 100) / 8;
        pb_put_str(out, OTLP_KEY_VALUE_KEY, names[(first + i) % (sizeof(names) / sizeof(names[0]))]);
        content = pb_begin(out, OTLP_KEY_VALUE_VALUE);
        value_put(out, &v);
        pb_end(out, content);
        pb_end(out, pair);
    }
}

static void put_id(struct buf *out, uint32_t number, size_t size, uint64_t *state)
{
    uint8_t id[16] = { 0 };

    for (size_t i = random_below(state, 2) * 8 % size; i < size; i++)
        id[i] = (uint8_t)(1 + random_below(state, 3));
    pb_put_bytes(out, number, bytes_of(id, size));
}

static void put_event(struct buf *out, uint64_t *state)
{
    size_t mark = pb_begin(out, OTLP_SPAN_EVENTS);

    pb_put_fixed64(out, OTLP_EVENT_TIME, 1000000000000000 + 1000 * random_below(state, 1000));
    pb_put_str(out, OTLP_EVENT_NAME, DRAW(texts, state));
    put_attributes(out, OTLP_EVENT_ATTRIBUTES, state);
    pb_end(out, mark);
}

static void put_link(struct buf *out, uint64_t *state)
{
    size_t mark = pb_begin(out, OTLP_SPAN_LINKS);

    put_id(out, OTLP_LINK_TRACE_ID, 16, state);
    put_id(out, OTLP_LINK_SPAN_ID, 8, state);
    put_attributes(out, OTLP_LINK_ATTRIBUTES, state);
    pb_end(out, mark);
}

static void put_span(struct buf *out, uint64_t *state)
{
    uint64_t start = 1000000000000000 + 1000 * random_below(state, 1000);
    size_t mark;

    put_id(out, OTLP_SPAN_TRACE_ID, 16, state);
    put_id(out, OTLP_SPAN_SPAN_ID, 8, state);
    if (random_below(state, 2) > 0)
        put_id(out, OTLP_SPAN_PARENT_ID, 8, state);
    pb_put_str(out, OTLP_SPAN_NAME, DRAW(texts, state));
    pb_put_uint(out, OTLP_SPAN_KIND, random_below(state, 6));
    pb_put_fixed64(out, OTLP_SPAN_START, start);
    pb_put_fixed64(out, OTLP_SPAN_END, start + 1000 * random_below(state, 1000000));
    put_attributes(out, OTLP_SPAN_ATTRIBUTES, state);
    for (uint64_t n = random_below(state, 3); n > 0; n--)
        put_event(out, state);
    for (uint64_t n = random_below(state, 3); n > 0; n--)
        put_link(out, state);
    mark = pb_begin(out, OTLP_SPAN_STATUS);
    pb_put_str(out, OTLP_STATUS_MESSAGE, DRAW(texts, state));
    pb_put_uint(out, OTLP_STATUS_CODE, random_below(state, 3));
    pb_end(out, mark);
}

static uint64_t put_scope(struct buf *out, uint64_t *state)
{
    uint64_t n = random_below(state, 4);
    size_t scopes = pb_begin(out, OTLP_RESOURCE_GROUP_SCOPES), scope = pb_begin(out, OTLP_SCOPE_GROUP_SCOPE);

    pb_put_str(out, OTLP_SCOPE_NAME, DRAW(texts, state));
    pb_put_str(out, OTLP_SCOPE_VERSION, DRAW(texts, state));
    pb_end(out, scope);
    for (uint64_t i = 0; i < n; i++) {
        size_t span = pb_begin(out, OTLP_SCOPE_GROUP_ITEMS);

        put_span(out, state);
        pb_end(out, span);
    }
    pb_end(out, scopes);
    return n;
}

uint64_t put_random_request(struct buf *out, uint64_t *state)
{
    uint64_t spans = 0;

    for (uint64_t groups = random_below(state, 4); groups > 0; groups--) {
        size_t group = pb_begin(out, OTLP_REQUEST_RESOURCES), resource = pb_begin(out, OTLP_RESOURCE_GROUP_RESOURCE);

        put_attributes(out, OTLP_RESOURCE_ATTRIBUTES, state);
        pb_end(out, resource);
        for (uint64_t n = random_below(state, 3); n > 0; n--)
            spans += put_scope(out, state);
        pb_end(out, group);
    }
    return spans;
}
