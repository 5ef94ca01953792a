/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: known texts, and the round trip of random messages of every type. */
#include "otlp/json.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "otlp/common.pb-c.h"
#include "otlp/json_type.h"
#include "otlp/metrics.pb-c.h"
#include "otlp/signal.h"
#include "otlp/trace.pb-c.h"
#include "otlp/trace_service.pb-c.h"
#include "prom/prometheus_client.pb-c.h"
#include "rpc/rpc_status.pb-c.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <uv.h>

#define ANY_VALUE &otlp__any_value__descriptor
#define SPAN &otlp__span__descriptor
#define HISTOGRAM &otlp__histogram_data_point__descriptor
#define STATUS &rpc__status__descriptor
#define RETRY &rpc__retry_info__descriptor

static struct error err;

static void from_hex(const char *hex, struct buf *b)
{
    for (; hex[0] != '\0'; hex += 2) {
        char pair[3] = { hex[0], hex[1], '\0' };

        buf_putc(b, (char)strtoul(pair, NULL, 16));
    }
}

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *hex;
    const char *json;
} written[] = {
    { SPAN, "", "{}" },
    { SPAN,
      "0a105b8efff798038103d269b633813fc60c1208eee19b7ec3c1b1742a01733002390048"
      "59e3faeb6f15410012f41efbeb6f15",
      "{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",\"name\":\"s\",\"kind\":2,"
      "\"startTimeUnixNano\":\"1544712660000000000\",\"endTimeUnixNano\":\"1544712661000000000\"}" },
    { SPAN, "30002a00", "{}" },                                      /* zeros that need not be there */
    { SPAN, "30022a016230032a0161", "{\"name\":\"a\",\"kind\":3}" }, /* any order; the last counts */
    { SPAN, "5a0312016130015a03120162", "{\"kind\":1,\"events\":[{\"name\":\"a\"},{\"name\":\"b\"}]}" },
    { SPAN, "7a0312016130017a021802", "{\"kind\":1,\"status\":{\"message\":\"a\",\"code\":2}}" }, /* merged */
    { SPAN, "7a00", "{\"status\":{}}" },
    { SPAN, "a206017858010000", NULL },
    { SPAN, "a20601783001", "{\"kind\":1}" }, /* unknown field 100 */
    { SPAN, "30ffffffffffffffffff01", "{\"kind\":-1}" },
    { SPAN, "2a09225c0a0001e282ac7f", "{\"name\":\"\\\"\\\\\\n\\u0000\\u0001\xe2\x82\xac\x7f\"}" },
    { SPAN, "2a01ff", NULL },
    { SPAN, "2a0561", NULL },
    { SPAN, "2801", NULL },
    { ANY_VALUE, "0a00", "{\"stringValue\":\"\"}" },
    { ANY_VALUE, "1000", "{\"boolValue\":false}" },
    { ANY_VALUE, "1800", "{\"intValue\":\"0\"}" },
    { ANY_VALUE, "18ffffffffffffffffff01", "{\"intValue\":\"-1\"}" },
    { ANY_VALUE,
      "18808080808080808080"
      "01",
      "{\"intValue\":\"-9223372036854775808\"}" },
    { ANY_VALUE, "210000000000000000", "{\"doubleValue\":0}" },
    { ANY_VALUE, "210000000000000080", "{\"doubleValue\":-0}" },
    { ANY_VALUE, "219a9999999999b93f", "{\"doubleValue\":0.1}" },
    { ANY_VALUE, "21000000000000f87f", "{\"doubleValue\":\"NaN\"}" },
    { ANY_VALUE, "21000000000000f0ff", "{\"doubleValue\":\"-Infinity\"}" },
    { ANY_VALUE, "2a0a0a0218010a000a020a00",
      "{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{},{\"stringValue\":"
      "\"\"}]}}" },
    { ANY_VALUE, "3200", "{\"kvlistValue\":{}}" },
    { ANY_VALUE, "3a03fbff00", "{\"bytesValue\":\"+/8A\"}" },
    { ANY_VALUE, "18010a0178", "{\"stringValue\":\"x\"}" },
    { ANY_VALUE, "0a01781801", "{\"intValue\":\"1\"}" },
    { ANY_VALUE, "0a017818010a0179", "{\"stringValue\":\"y\"}" },
    { HISTOGRAM, "2900000000000000003210010000000000000002000000000000003a1000000000000000000000000000000440",
      "{\"sum\":0,\"bucketCounts\":[\"1\",\"2\"],\"explicitBounds\":[0,2.5]}" },
    /* packed, unpacked and packed again; a run of nothing */
    { HISTOGRAM,
      "32080100000000000000"
      "310200000000000000"
      "32080300000000000000"
      "3a00",
      "{\"bucketCounts\":[\"1\",\"2\",\"3\"]}" },
    { HISTOGRAM, "320701000000000000", NULL },
    { &otlp__exponential_histogram_data_point__descriptor, "3001420712050801ac02", NULL },
    { &otlp__exponential_histogram_data_point__descriptor, "300142070805120301ac02",
      "{\"scale\":-1,\"positive\":{\"offset\":-3,\"bucketCounts\":[\"1\",\"300\"]}}" },
    { &otlp__export_trace_service_response__descriptor, "0a0708031203626164",
      "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"bad\"}}" },
    { STATUS,
      "080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f1204"
      "0a020805",
      "{\"code\":14,\"message\":\"busy\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
      "\"retryDelay\":\"5s\"}]}" },
    { STATUS, "1a090a03782f79120268691a00", "{\"details\":[{\"@type\":\"x/y\",\"value\":\"aGk=\"},{}]}" },
    { RETRY, "0a1608ffffffffffffffffff011080b6ca91feffffffff01", "{\"retryDelay\":\"-1.500s\"}" },
    { RETRY, "0a021001", "{\"retryDelay\":\"0.000000001s\"}" },
    { RETRY, "0a0310e807", "{\"retryDelay\":\"0.000001s\"}" },
    { RETRY, "0a00", "{\"retryDelay\":\"0s\"}" },
    { RETRY, "0a061080a8d6b907", NULL }, /* 2 000 000 000 ns */
};

START_TEST(writes)
{
    struct buf wire = { 0 }, text = { 0 };
    int rc;

    from_hex(written[_i].hex, &wire);
    rc = wire_to_json(written[_i].type, buf_bytes(&wire), &text, &err);
    if (written[_i].json == NULL) {
        ck_assert_msg(rc == UV_EINVAL, "%s: %s", written[_i].hex, buf_cstr(&text));
    } else {
        ck_assert_msg(rc == 0, "%s: %s", written[_i].hex, err.text);
        ck_assert_str_eq(buf_cstr(&text), written[_i].json);
    }
    buf_free(&wire);
    buf_free(&text);
}
END_TEST

static const struct {
    double v;
    const char *text;
} doubles[] = {
    { 1, "1" },
    { 1e20, "100000000000000000000" },
    { 1e21, "1e+21" },
    { 1.5e300, "1.5e+300" },
    { 123456.789, "123456.789" },
    { 1e-6, "0.000001" },
    { 1e-7, "1e-7" },
    { 1.25e-7, "1.25e-7" },
    { 5e-324, "5e-324" },
    { 1.7976931348623157e308, "1.7976931348623157e+308" },
    { 0.30000000000000004, "0.30000000000000004" },
    { -2.5, "-2.5" },
    { 9007199254740993.0, "9007199254740992" },
};

START_TEST(doubles_are_written_with_the_fewest_digits_that_read_back)
{
    struct buf wire = { 0 }, text = { 0 };

    pb_put_double(&wire, 4, doubles[_i].v);
    ck_assert_int_eq(wire_to_json(ANY_VALUE, buf_bytes(&wire), &text, &err), 0);
    text.len--;
    ck_assert_str_eq(buf_cstr(&text) + strlen("{\"doubleValue\":"), doubles[_i].text);
    buf_free(&wire);
    buf_free(&text);
}
END_TEST

START_TEST(nesting_is_bounded)
{
    struct buf wire = { 0 }, inner = { 0 }, text = { 0 };

    for (int n = 0; n < 200; n++) { /* an array in an array: two messages more */
        ck_assert_int_eq(wire_to_json(ANY_VALUE, buf_bytes(&wire), &text, &err), 1 + 2 * n <= 100 ? 0 : UV_EINVAL);
        inner.len = 0;
        pb_put_bytes(&inner, 1, buf_bytes(&wire));
        wire.len = 0;
        pb_put_bytes(&wire, 5, buf_bytes(&inner));
    }
    buf_free(&wire);
    buf_free(&inner);
    buf_free(&text);
}
END_TEST

/* ---- random messages in canonical form: fields in order, packed, no needless zeros */

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static unsigned below(unsigned n)
{
    return (unsigned)(next() % n);
}

/* Small, large and odd ones alike. */
static uint64_t random_bits(void)
{
    static const uint64_t edges[] = { 0, 1, 127, 128, UINT32_MAX, 1ull << 53, INT64_MAX, 1ull << 63, UINT64_MAX };

    switch (below(3)) {
    case 0:
        return edges[below(ARRAY_LEN(edges))];
    case 1:
        return below(1000);
    default:
        return next();
    }
}

static double random_double(void)
{
    static const double edges[] = { 0, -0.0, 1, -1, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308 };
    double v = pb_double(next());

    switch (below(4)) {
    case 0:
        return edges[below(ARRAY_LEN(edges))];
    case 1:
        return below(3) ? INFINITY : -INFINITY;
    case 2:
        return (double)next() / 1024;
    default:
        return isnan(v) ? NAN : v;
    }
}

static uint64_t random_scalar(ProtobufCType type)
{
    float f;
    uint32_t word;

    switch (type) {
    case PROTOBUF_C_TYPE_DOUBLE:
        return pb_bits(random_double());
    case PROTOBUF_C_TYPE_FLOAT:
        f = (float)below(100000) / 64;
        memcpy(&word, &f, 4);
        return word;
    case PROTOBUF_C_TYPE_BOOL:
        return below(2);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SINT32: /* any 32 bits are some zigzag */
        return (uint32_t)random_bits();
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return (uint64_t)(int64_t)(int32_t)random_bits();
    default:
        return random_bits();
    }
}

static void random_text(struct buf *b)
{
    static const char *const pieces[] = { "a",
                                          "key",
                                          "\"",
                                          "\\",
                                          "\n",
                                          "\x01",
                                          "\x7f",
                                          "\xc3\xa9",
                                          "\xe2\x82\xac",
                                          "\xf0\x9f\x98\x80",
                                          "service.name",
                                          "\xef\xbf\xbd",
                                          "/",
                                          "a longer run of text" };

    b->len = 0;
    for (unsigned n = below(6); n > 0; n--) {
        unsigned i = below(ARRAY_LEN(pieces) + 1);

        if (i < ARRAY_LEN(pieces))
            buf_puts(b, pieces[i]);
        else
            buf_putc(b, '\0');
    }
}

static void random_bytes(struct buf *b, const struct json_field *f)
{
    b->len = 0;
    for (unsigned n = f->id_len > 0 ? (below(3) ? f->id_len : 0) : below(20); n > 0; n--)
        buf_putc(b, (char)next());
}

static void put_scalar(struct buf *out, ProtobufCType type, uint64_t v)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        buf_append(out, &v, 8);
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        buf_append(out, &v, 4);
        break;
    default:
        pb_put_varint(out, v);
    }
}

static enum pb_wire wire_of(ProtobufCType type)
{
    struct buf b = { 0 };
    size_t len;

    put_scalar(&b, type, 0);
    len = b.len;
    buf_free(&b);
    return len == 8 ? PB_FIXED64 : len == 4 ? PB_FIXED32 : PB_VARINT;
}

static void random_message(struct buf *out, const ProtobufCMessageDescriptor *type, unsigned depth);

static void random_value(struct buf *out, const struct json_field *f, bool keep_empty, unsigned depth)
{
    const ProtobufCFieldDescriptor *pb = f->pb;
    struct buf b = { 0 };
    uint64_t v;

    if (pb->type == PROTOBUF_C_TYPE_MESSAGE) {
        size_t mark = pb_begin(out, pb->id);

        random_message(out, pb->descriptor, depth + 1);
        pb_end(out, mark);
    } else if (pb->type == PROTOBUF_C_TYPE_STRING || pb->type == PROTOBUF_C_TYPE_BYTES) {
        if (pb->type == PROTOBUF_C_TYPE_STRING)
            random_text(&b);
        else
            random_bytes(&b, f);
        if (b.len > 0 || keep_empty)
            pb_put_bytes(out, pb->id, buf_bytes(&b));
        buf_free(&b);
    } else {
        v = random_scalar(pb->type);
        if (v != 0 || keep_empty) {
            pb_put_tag(out, pb->id, wire_of(pb->type));
            put_scalar(out, pb->type, v);
        }
    }
}

static void random_repeated(struct buf *out, const struct json_field *f, unsigned depth)
{
    unsigned n = below(depth > 6 ? 2 : 4);
    size_t mark;

    if (!f->packable) {
        while (n-- > 0)
            random_value(out, f, true, depth);
        return;
    }
    if (n == 0)
        return;
    mark = pb_begin(out, f->pb->id);
    while (n-- > 0)
        put_scalar(out, f->pb->type, random_scalar(f->pb->type));
    pb_end(out, mark);
}

static void random_message(struct buf *out, const ProtobufCMessageDescriptor *type, unsigned depth)
{
    const struct json_type *t = json_type_of(type);
    uint32_t done = 0;

    if (t->special != JSON_PLAIN)
        return;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const struct json_field *f = &t->fields[i];
        bool message = f->pb->type == PROTOBUF_C_TYPE_MESSAGE;

        if ((done & f->rivals) != 0 || below(3) == 0 || (message && depth > 12))
            continue;
        done |= f->bit;
        if (f->repeated)
            random_repeated(out, f, depth);
        else
            random_value(out, f, f->oneof, depth);
    }
}

static void round_trip(const ProtobufCMessageDescriptor *type)
{
    struct buf wire = { 0 }, text = { 0 }, again = { 0 };

    random_message(&wire, type, 1);
    ck_assert_msg(wire_to_json(type, buf_bytes(&wire), &text, &err) == 0, "%s: %s", type->name, err.text);
    ck_assert_msg(json_to_wire(type, buf_bytes(&text), wire.len, &again, &err) == 0, "%s: %s\n%s", type->name, err.text,
                  buf_cstr(&text));
    ck_assert_msg(bytes_equal(buf_bytes(&wire), buf_bytes(&again)), "%s", buf_cstr(&text));
    buf_free(&wire);
    buf_free(&text);
    buf_free(&again);
}

START_TEST(every_random_message_comes_back_as_the_same_bytes)
{
    static const ProtobufCMessageDescriptor *const more[] = { ANY_VALUE, HISTOGRAM, STATUS,
                                                              &prom__metric_family__descriptor };

    state = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 300; i++) {
        for (int s = 0; s < SIGNAL_COUNT; s++)
            round_trip(signal_table[s].request);
        for (size_t m = 0; m < ARRAY_LEN(more); m++)
            round_trip(more[m]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json_write");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, writes, 0, ARRAY_LEN(written));
    tcase_add_loop_test(tc, doubles_are_written_with_the_fewest_digits_that_read_back, 0, ARRAY_LEN(doubles));
    tcase_add_test(tc, nesting_is_bounded);
    tcase_add_test(tc, every_random_message_comes_back_as_the_same_bytes);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
