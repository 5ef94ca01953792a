/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: a table of what is accepted, with its wire bytes, and of what is refused, with its text. The rows are what
 * the Go collector 0.158 was seen to do; a row where we differ says so. */
#include "otlp/json.h"

#include "base/mem.h"
#include "codec/json_scan.h"
#include "otlp/common.pb-c.h"
#include "otlp/json_type.h"
#include "otlp/logs.pb-c.h"
#include "otlp/metrics.pb-c.h"
#include "otlp/metrics_service.pb-c.h"
#include "otlp/profiles_service.pb-c.h"
#include "otlp/trace.pb-c.h"
#include "otlp/trace_service.pb-c.h"
#include "rpc/rpc_status.pb-c.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define ID "5b8efff798038103d269b633813fc60c"
#define SPAN &otlp__span__descriptor
#define POINT &otlp__number_data_point__descriptor
#define HISTOGRAM &otlp__histogram_data_point__descriptor
#define EXPONENTIAL &otlp__exponential_histogram_data_point__descriptor
#define METRIC &otlp__metric__descriptor
#define SUM &otlp__sum__descriptor
#define ANY_VALUE &otlp__any_value__descriptor
#define LOG &otlp__log_record__descriptor
#define TRACES &otlp__export_trace_service_request__descriptor
#define STATUS &rpc__status__descriptor

static struct error err;

static void to_hex(const struct buf *b, char *text, size_t size)
{
    ck_assert_uint_lt(b->len * 2, size);
    text[0] = '\0';
    for (size_t i = 0; i < b->len; i++)
        snprintf(text + 2 * i, 3, "%02x", b->data[i]);
}

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *json;
    const char *hex;
} accepted[] = {
    /* strings */
    { SPAN, "{\"name\":\"a\"}", "2a0161" },
    { SPAN, "{\"name\":\"\"}", "" },
    { SPAN, "{\"name\":null}", "" },
    { SPAN, "{\"name\":\"a\",\"name\":\"b\"}", "2a0162" },
    { SPAN, "{\"name\":\"a\",\"name\":null}", "" },
    { SPAN, "{\"name\":\"a\",\"name\":\"\"}", "" },
    { SPAN, "{\"name\":\"a\",\"kind\":2,\"name\":\"bc\"}", "30022a026263" },
    { SPAN, "{\"kind\":3,\"name\":\"a\",\"traceState\":\"s\",\"kind\":2,\"name\":\"bc\"}", "1a017330022a026263" },
    { SPAN, "{\"na\\u006de\":\"x\"}", "2a0178" },
    { SPAN, "{\"name\":\"a\\ud83d\\ude00b\"}", "2a0661f09f988062" },
    { SPAN, "{\"name\":\"\xf0\x9f\x98\x80\"}", "2a04f09f9880" },
    { SPAN, "{\"name\":\"\\ud83d\"}", "2a03efbfbd" },
    { SPAN, "{\"name\":\"\\ude00\"}", "2a03efbfbd" },
    { SPAN, "{\"name\":\"\\ud83dx\"}", "2a04efbfbd78" },
    { SPAN, "{\"name\":\"\\ud83d\\u0041\"}", "2a04efbfbd41" },
    { SPAN, "{\"name\":\"\\ud83d\\ud83d\\ude00\"}", "2a07efbfbdf09f9880" }, /* Go: three U+FFFD */
    { SPAN, "{\"name\":\"\\u0000\"}", "2a0100" },
    { SPAN, "{\"name\":\"\x7f\"}", "2a017f" },
    { SPAN, "{\"name\":\"\\u00e9\\u20AC\"}", "2a05c3a9e282ac" },
    { SPAN, "{\"name\":\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"}", "2a082f080c0a0d09225c" },
    { SPAN, "{\"name\":\"0123456789abcdef0123456789\\n\"}",
      "2a1b30313233343536373839616263646566303132333435363738390a" },
    /* keys */
    { SPAN, "{\"Name\":\"a\",\"NAME\":\"a\"}", "" },
    { SPAN, "{\"start_time_unix_nano\":5}", "390500000000000000" },
    { SPAN, "{\"start_timeUnixNano\":5,\"startTimeUnixnano\":5}", "" },
    { SPAN, "{\"startTimeUnixNano\":1,\"start_time_unix_nano\":2}", "390200000000000000" },
    { SPAN, "{\"unknown\":{\"a\":[1,{\"b\":null}],\"c\":{},\"d\":[],\"e\":-1.5e-3,\"f\":\"\\ud800\"},\"kind\":1}",
      "3001" },
    { SPAN, "{\"\":1}", "" }, /* Go refuses an empty key */
    { SPAN, " {\t\"kind\" :\r\n 1 } ", "3001" },
    /* enums */
    { SPAN, "{\"kind\":2}", "3002" },
    { SPAN, "{\"kind\":\"SPAN_KIND_SERVER\"}", "3002" },
    { SPAN, "{\"kind\":99}", "3063" },
    { SPAN, "{\"kind\":-1}", "30ffffffffffffffffff01" },
    { SPAN, "{\"kind\":2,\"kind\":0}", "" },
    { SPAN, "{\"kind\":null}", "" }, /* Go refuses null for all that is not a string, message or array */
    { SPAN, "{\"status\":{\"code\":\"STATUS_CODE_ERROR\",\"message\":\"m\"}}", "7a05180212016d" },
    { LOG, "{\"severityNumber\":\"SEVERITY_NUMBER_INFO\"}", "1009" },
    /* integers */
    { SPAN, "{\"startTimeUnixNano\":1}", "390100000000000000" },
    { SPAN, "{\"startTimeUnixNano\":\"1\"}", "390100000000000000" },
    { SPAN, "{\"startTimeUnixNano\":\"01\"}", "390100000000000000" },
    { SPAN, "{\"startTimeUnixNano\":18446744073709551615}", "39ffffffffffffffff" },
    { SPAN, "{\"startTimeUnixNano\":\"18446744073709551615\"}", "39ffffffffffffffff" },
    { SPAN, "{\"startTimeUnixNano\":-0}", "" }, /* Go: 500 */
    { SPAN, "{\"startTimeUnixNano\":1544712660000000001}",
      "390148"
      "59e3faeb6f15" },
    { SPAN, "{\"startTimeUnixNano\":\"1.0\"}", "390100000000000000" }, /* Go refuses all of these */
    { SPAN, "{\"startTimeUnixNano\":1e3}", "39e803000000000000" },
    { SPAN, "{\"startTimeUnixNano\":\"1e3\"}", "39e803000000000000" },
    { SPAN, "{\"startTimeUnixNano\":1.7e18}", "3900002a36fe9c9717" },
    { SPAN, "{\"startTimeUnixNano\":1.50E+1}", "390f00000000000000" },
    { SPAN, "{\"startTimeUnixNano\":150000e-4}", "390f00000000000000" },
    { SPAN, "{\"startTimeUnixNano\":18446744073709551615.000}", "39ffffffffffffffff" },
    { SPAN, "{\"startTimeUnixNano\":0.0e99}", "" },
    { SPAN, "{\"kind\":2.0}", "3002" },
    { POINT, "{\"asInt\":5.0}", "310500000000000000" },
    { POINT, "{\"asInt\":-9223372036854775808.0}", "310000000000000080" },
    { SPAN, "{\"flags\":257}", "850101010000" },
    { SPAN, "{\"flags\":\"257\"}", "850101010000" },
    { SPAN, "{\"droppedAttributesCount\":4294967295}", "50ffffffff0f" },
    { POINT, "{\"asInt\":\"-5\"}", "31fbffffffffffffff" },
    { POINT, "{\"asInt\":-9223372036854775808}", "310000000000000080" },
    { ANY_VALUE, "{\"intValue\":\"9223372036854775807\"}", "18ffffffffffffffff7f" },
    { ANY_VALUE, "{\"intValue\":\"-0\"}", "1800" },
    { EXPONENTIAL, "{\"scale\":-1,\"positive\":{\"offset\":-3,\"bucketCounts\":[\"1\",300]},\"zeroThreshold\":0.5}",
      "300142070805120301ac0271000000000000e03f" },
    /* doubles */
    { POINT, "{\"asDouble\":1}", "21000000000000f03f" },
    { POINT, "{\"asDouble\":1.5}", "21000000000000f83f" },
    { POINT, "{\"asDouble\":\"1e3\"}", "210000000000408f40" },
    { POINT, "{\"asDouble\":0}", "210000000000000000" },
    { POINT, "{\"asDouble\":-0.0}", "210000000000000080" },
    { POINT, "{\"asDouble\":1e-400}", "210000000000000000" },
    { POINT, "{\"asDouble\":0.1}", "219a9999999999b93f" },
    { POINT, "{\"asDouble\":0.30000000000000004}", "21343333333333d33f" },
    { POINT, "{\"asDouble\":9007199254740993}", "210000000000004043" },
    { POINT, "{\"asDouble\":123456789012345678901234567890}", "213e376cff90eef845" },
    { POINT, "{\"asDouble\":\"NaN\"}", "21000000000000f87f" },
    { POINT, "{\"asDouble\":\"nan\"}", "21000000000000f87f" },
    { POINT, "{\"asDouble\":\"Infinity\"}", "21000000000000f07f" },
    { POINT, "{\"asDouble\":\"-Infinity\"}", "21000000000000f0ff" },
    { POINT, "{\"asDouble\":\"-inf\"}", "21000000000000f0ff" },
    { POINT, "{\"asDouble\":\"+Inf\"}", "21000000000000f07f" },
    { POINT, "{\"asDouble\":\"+1.5\"}", "21000000000000f83f" },
    { POINT, "{\"asDouble\":\".5\"}", "21000000000000e03f" },
    { POINT, "{\"asDouble\":\"5.\"}", "210000000000001440" },
    { HISTOGRAM, "{\"sum\":0,\"min\":0,\"max\":\"1.5\"}", "29000000000000000059000000000000000061000000000000f83f" },
    { HISTOGRAM, "{\"sum\":null,\"count\":\"0\"}", "" },
    /* ids */
    { SPAN, "{\"traceId\":\"" ID "\"}", "0a10" ID },
    { SPAN, "{\"trace_id\":\"5B8EFFF798038103D269B633813FC60C\"}", "0a10" ID },
    { SPAN, "{\"traceId\":\"\",\"parentSpanId\":\"\"}", "" },
    { SPAN, "{\"spanId\":\"eee19b7ec3c1b174\"}", "1208eee19b7ec3c1b174" },
    { &otlp__profile__descriptor, "{\"profileId\":\"" ID "\"}", "3a10" ID },
    { &otlp__profile__descriptor, "{\"profileId\":\"W47/95gDgQPSabYzgT/GDA==\"}", "3a10" ID },
    /* bytes */
    { ANY_VALUE, "{\"bytesValue\":\"aGk=\"}", "3a026869" },
    { ANY_VALUE, "{\"bytesValue\":\"aGl=\"}", "3a026869" },
    { ANY_VALUE, "{\"bytesValue\":\"+/8=\"}", "3a02fbff" },
    { ANY_VALUE, "{\"bytesValue\":\"+\\/8=\"}", "3a02fbff" }, /* as PHP writes it; Go refuses escapes here */
    { ANY_VALUE, "{\"bytesValue\":\"\"}", "3a00" },
    /* oneofs have presence, and the last member wins */
    { ANY_VALUE, "{}", "" },
    { ANY_VALUE, "{\"stringValue\":\"\"}", "0a00" },
    { ANY_VALUE, "{\"boolValue\":false}", "1000" },
    { ANY_VALUE, "{\"intValue\":0}", "1800" },
    { ANY_VALUE, "{\"doubleValue\":0}", "210000000000000000" },
    { ANY_VALUE, "{\"arrayValue\":{}}", "2a00" },
    { ANY_VALUE, "{\"kvlistValue\":{}}", "3200" },
    { ANY_VALUE, "{\"stringValue\":null}", "" }, /* Go: an empty string */
    { ANY_VALUE, "{\"stringValue\":\"x\",\"intValue\":null}", "0a0178" },
    { ANY_VALUE, "{\"intValue\":\"1\",\"stringValue\":\"x\"}", "0a0178" },
    { ANY_VALUE, "{\"arrayValue\":{\"values\":[{\"intValue\":1}]},\"stringValue\":\"z\"}", "0a017a" },
    { ANY_VALUE, "{\"arrayValue\":{\"values\":[{\"intValue\":1}]},\"arrayValue\":{\"values\":[{\"intValue\":2}]}}",
      "2a040a021802" },
    { ANY_VALUE, "{\"arrayValue\":{\"values\":[{\"intValue\":1},{},null]}}", "2a080a0218010a000a00" },
    { ANY_VALUE, "{\"kvlist_value\":{\"values\":[{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}}]}}",
      "32090a070a016112021801" },
    { POINT, "{\"asInt\":5,\"flags\":1,\"asDouble\":1.5}", "400121000000000000f83f" },
    { METRIC, "{\"name\":\"m\",\"gauge\":{},\"sum\":{\"isMonotonic\":true}}", "0a016d3a021801" },
    { METRIC, "{\"gauge\":{\"dataPoints\":[{\"asInt\":1}]},\"unit\":\"s\",\"gauge\":{}}", "1a01732a00" },
    { SUM, "{\"aggregationTemporality\":\"AGGREGATION_TEMPORALITY_DELTA\",\"isMonotonic\":false}", "1001" },
    /* messages and arrays */
    { SPAN, "{\"status\":{}}", "7a00" },
    { SPAN, "{\"status\":null}", "" },
    { SPAN, "{\"status\":{\"message\":\"a\"},\"status\":{\"code\":1}}", "7a021801" }, /* Go merges the two */
    { SPAN, "{\"attributes\":null,\"events\":[]}", "" },
    { SPAN, "{\"attributes\":[null,{}]}", "4a004a00" },
    { SPAN, "{\"events\":[{\"name\":\"a\"}],\"kind\":1,\"events\":[{\"name\":\"b\"}]}", "5a0312016130015a03120162" },
    { HISTOGRAM, "{\"bucketCounts\":[],\"explicitBounds\":null}", "" },
    { HISTOGRAM, "{\"bucketCounts\":[\"1\",2],\"explicitBounds\":[0,\"2.5\"]}",
      "321001000000000000000200000000000000"
      "3a1000000000000000000000000000000440" },
    { &otlp__entity_ref__descriptor, "{\"idKeys\":[\"a\",\"\",null]}", "1a01611a001a00" },
    /* the document */
    { TRACES, "{}", "" },
    { TRACES, "null", "" },
    { TRACES, "{\"resourceSpans\":null}", "" },
    { TRACES, "{\"resourceSpans\":[{\"schemaUrl\":\"a\"}],\"resource_spans\":[{\"schema_url\":\"b\"}]}",
      "0a031a01610a031a0162" },
    /* error bodies */
    { STATUS,
      "{\"code\":14,\"message\":\"busy\",\"details\":[{\"retryDelay\":\"5s\",\"@type\":\"type.googleapis.com/"
      "google.rpc.RetryInfo\"}]}",
      "080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f1204"
      "0a020805" },
    { ANY_VALUE, "{\"bytesValue\":\"aGk\"}", "3a026869" },
    { ANY_VALUE, "{\"bytesValue\":\"-_8=\"}", "3a02fbff" },
    { ANY_VALUE, "{\"bytesValue\":\"-_8\"}", "3a02fbff" },
    { &otlp__profile__descriptor, "{\"profileId\":\"W47_95gDgQPSabYzgT_GDA\"}",
      "3a105b8efff798038103d269b633813fc60c" },
    { STATUS, "{\"details\":[{\"@type\":\"x/y\",\"value\":\"aGk=\",\"z\":1},{}]}", "1a090a03782f79120268691a00" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":\"-1.5s\"}", "0a1608ffffffffffffffffff011080b6ca91feffffffff01" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":\"0.000000001s\"}", "0a021001" },
};

START_TEST(accepts)
{
    struct buf out = { 0 };
    char hex[1024];
    int rc = json_to_wire(accepted[_i].type, bytes_str(accepted[_i].json), 1000, &out, &err);

    ck_assert_msg(rc == 0, "%s: %s", accepted[_i].json, err.text);
    to_hex(&out, hex, sizeof(hex));
    ck_assert_msg(strcmp(hex, accepted[_i].hex) == 0, "%s: %s instead of %s", accepted[_i].json, hex, accepted[_i].hex);
    buf_free(&out);
}
END_TEST

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *json;
    const char *text;
} refused[] = {
    { SPAN, "{\"name\":1}", "line 1 column 9: name: 1 is not a string" },
    { SPAN, "{\"name\":{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}}",
      "line 1 column 9: name: {\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,1... is not a string" },
    { SPAN, "{\"name\":\"\x01\"}",
      "line 1 column 10: name: a control character in a string must be written as an escape" },
    { SPAN, "{\"name\":\"\\x\"}", "line 1 column 11: name: no such escape in a string" },
    { SPAN, "{\"name\":\"\\u12\"}", "line 1 column 12: name: \\u wants four hex digits" },
    { SPAN, "{\"name\":\"\\", "line 1 column 11: name: the text ends within a string" },
    { SPAN, "{\"name\":\"abc", "line 1 column 13: name: the text ends within a string" },
    { SPAN, "{\"name\":\"\xff\"}", "line 1 column 10: name: the string is not UTF-8" }, /* Go lets these pass */
    { SPAN, "{\"name\":\"\xed\xa0\x80\"}", "line 1 column 10: name: the string is not UTF-8" },
    { SPAN, "{\"x\":\"\xff\"}", "line 1 column 7: the string is not UTF-8" },
    { SPAN, "{\"\xff\":1}", "line 1 column 3: the string is not UTF-8" },
    { SPAN, "{\"name\":\"a\",}", "line 1 column 13: a key in quotes is wanted here" },
    { SPAN, "{\"name\" \"a\"}", "line 1 column 9: name: a colon is wanted after the key" },
    { SPAN, "{\"kind\":2 \"name\":\"b\"}", "line 1 column 11: a comma or } is wanted here" },
    { SPAN, "{name:1}", "line 1 column 2: a key in quotes is wanted here" },
    { SPAN, "{\"name\":\"a\"/*c*/}", "line 1 column 12: a comma or } is wanted here" },
    { SPAN, "{\"kind\":\"SERVER\"}", "line 1 column 9: kind: \"SERVER\" is not a number or name of this enum" },
    { SPAN, "{\"kind\":\"2\"}", "line 1 column 9: kind: \"2\" is not a number or name of this enum" },
    { SPAN, "{\"kind\":4294967296}", "line 1 column 9: kind: 4294967296 is not a number or name of this enum" },
    { SPAN, "{\"kind\":true}", "line 1 column 9: kind: true is not a number or name of this enum" },
    { SPAN, "{\"startTimeUnixNano\":\"\"}",
      "line 1 column 22: startTimeUnixNano: \"\" is not an integer of 0 to 18446744073709551615" },
    { SPAN, "{\"startTimeUnixNano\":1.5}", "startTimeUnixNano: 1.5 is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":15e-1}", "startTimeUnixNano: 15e-1 is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\"1.\"}", "startTimeUnixNano: \"1.\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\".5\"}", "startTimeUnixNano: \".5\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\"1e\"}", "startTimeUnixNano: \"1e\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\"1e+\"}", "startTimeUnixNano: \"1e+\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\"1e3x\"}", "startTimeUnixNano: \"1e3x\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":1.9e19}", "startTimeUnixNano: 1.9e19 is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":1e99999999999999999999}", "is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":1e-99999999999999999999}", "is not an integer" },
    { POINT, "{\"asInt\":9223372036854775808.0}", "asInt: 9223372036854775808.0 is not an integer of 64 bits" },
    { SPAN, "{\"startTimeUnixNano\":-1}", "startTimeUnixNano: -1 is not an integer of 0" },
    { SPAN, "{\"startTimeUnixNano\":\"-1\"}", "startTimeUnixNano: \"-1\" is not an integer of 0" },
    { SPAN, "{\"startTimeUnixNano\":18446744073709551616}",
      "startTimeUnixNano: 18446744073709551616 is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\"18446744073709551616\"}", "is not an integer of 0 to 18446744073709551615" },
    { SPAN, "{\"startTimeUnixNano\":\" 1\"}", "startTimeUnixNano: \" 1\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":\"+1\"}", "startTimeUnixNano: \"+1\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":01}", "line 1 column 22: startTimeUnixNano: a number may not begin with 0" },
    { SPAN, "{\"startTimeUnixNano\":\"0x1\"}", "startTimeUnixNano: \"0x1\" is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":true}", "startTimeUnixNano: true is not an integer" },
    { SPAN, "{\"startTimeUnixNano\":nul}", "line 1 column 22: startTimeUnixNano: neither true, false nor null" },
    { SPAN, "{\"startTimeUnixNano\":", "line 1 column 22: startTimeUnixNano: the end of the text is not an integer" },
    { SPAN, "{\"flags\":4294967296}", "flags: 4294967296 is not an integer of 0 to 4294967295" },
    { SPAN, "{\"flags\":-1}", "flags: -1 is not an integer of 0 to 4294967295" },
    { POINT, "{\"asInt\":9223372036854775808}", "asInt: 9223372036854775808 is not an integer of 64 bits" },
    { POINT, "{\"asInt\":\"-9223372036854775809\"}", "asInt: \"-9223372036854775809\" is not an integer of 64 bits" },
    { ANY_VALUE, "{\"intValue\":\"--1\"}", "intValue: \"--1\" is not an integer of 64 bits" },
    { EXPONENTIAL, "{\"scale\":2147483648}", "scale: 2147483648 is not an integer of -2147483648 to 2147483647" },
    { POINT, "{\"asDouble\":1e400}", "asDouble: 1e400 is not a number that fits into a double" },
    { POINT, "{\"asDouble\":\"1e400\"}", "asDouble: \"1e400\" is not a number" },
    { POINT, "{\"asDouble\":\"\"}", "asDouble: \"\" is not a number" },
    { POINT, "{\"asDouble\":\" 1\"}", "asDouble: \" 1\" is not a number" },
    { POINT, "{\"asDouble\":\"1e\"}", "asDouble: \"1e\" is not a number" },
    { POINT, "{\"asDouble\":\"0x1p4\"}", "asDouble: \"0x1p4\" is not a number" }, /* Go takes these two */
    { POINT, "{\"asDouble\":\"1_0\"}", "asDouble: \"1_0\" is not a number" },
    { POINT, "{\"asDouble\":\"nan(1)\"}", "asDouble: \"nan(1)\" is not a number" },
    { POINT, "{\"asDouble\":NaN}", "asDouble: NaN is not a number" },
    { POINT, "{\"asDouble\":5.}", "line 1 column 15: asDouble: a number wants a digit after the point" },
    { POINT, "{\"asDouble\":true}", "asDouble: true is not a number" },
    { SUM, "{\"isMonotonic\":\"true\"}", "isMonotonic: \"true\" is not true or false" },
    { SUM, "{\"isMonotonic\":1}", "isMonotonic: 1 is not true or false" },
    { SPAN, "{\"traceId\":\"5b8\"}", "line 1 column 12: traceId: \"5b8\" is not 16 bytes of hex" },
    { SPAN, "{\"traceId\":\"zz8efff798038103d269b633813fc60c\"}", "is not 16 bytes of hex" },
    { SPAN, "{\"traceId\":\"W47/95gDgQPSabYzgT/GDA==\"}", "is not 16 bytes of hex" },
    { SPAN, "{\"traceId\":5}", "traceId: 5 is not a string of hex" },
    { SPAN, "{\"spanId\":\"" ID "\"}", "is not 8 bytes of hex" },
    { SPAN, "{\"links\":[{},{\"traceId\":\"5b\"}]}",
      "line 1 column 25: links[1].traceId: \"5b\" is not 16 bytes of hex" },
    { &otlp__profile__descriptor, "{\"profileId\":\"W47/95gDgQPSabYzgT/GDAAA\"}", "is not 16 bytes of hex or base64" },
    { ANY_VALUE, "{\"bytesValue\":\"a Gk=\"}", "is not base64" },
    { ANY_VALUE, "{\"bytesValue\":\"aG\\nk=\"}", "is not base64" },
    { ANY_VALUE, "{\"bytesValue\":\"====\"}", "is not base64" },
    { ANY_VALUE, "{\"bytesValue\":[1]}", "bytesValue: [1] is not a string of base64" },
    { ANY_VALUE, "\"plain\"", "line 1 column 1: \"plain\" is not an object" },
    { ANY_VALUE, "{\"arrayValue\":[]}", "arrayValue: [] is not an object" },
    { SPAN, "{\"attributes\":{}}", "line 1 column 15: attributes: {} is not an array" },
    { SPAN, "{\"attributes\":[1]}", "attributes[0]: 1 is not an object" },
    { SPAN, "{\"attributes\":[{}{}]}", "line 1 column 18: attributes: a comma or ] is wanted here" },
    { SPAN, "{\"attributes\":[{},]}", "attributes[1]: ] is not an object" },
    { SPAN, "{\"attributes\":[{}", "attributes: a comma or ] is wanted here" },
    { HISTOGRAM, "{\"bucketCounts\":[null]}", "bucketCounts[0]: null is not an integer" },
    { HISTOGRAM, "{\"bucketCounts\":[1,1.5]}", "bucketCounts[1]: 1.5 is not an integer" },
    { SPAN, "{\"unknown\":{\"a\":[1,{\"b\":nul}]}}", "line 1 column 25: neither true, false nor null" },
    { SPAN, "{\"unknown\":{\"a\":1,}}", "line 1 column 19: a key in quotes is wanted here" },
    { SPAN, "{\"unknown\":[1,]}", "line 1 column 15: a value is wanted here" },
    { SPAN, "{\"unknown\":[1}}", "line 1 column 14: a comma or ] is wanted here" },
    { SPAN, "{\"unknown\":-}", "line 1 column 13: a number wants a digit here" },
    { SPAN, "{\"unknown\":.5}", "line 1 column 12: a value is wanted here" },
    { SPAN, "{\"unknown\":01}", "line 1 column 12: a number may not begin with 0" },
    { SPAN, "{\"unknown\":\"\\q\"}", "no such escape" },
    { TRACES, "{}}}garbage", "line 1 column 3: the document has ended, but something stands behind it" },
    { TRACES, "{}\n {}", "line 2 column 2: a second document begins here; send one in a request" },
    { TRACES, "null 1", "line 1 column 6: the document has ended" },
    { TRACES, "", "line 1 column 1: there is no JSON document" },
    { TRACES, " \n ", "line 2 column 2: there is no JSON document" },
    { TRACES, "[]", "line 1 column 1: [] is not an object" },
    { TRACES, "1", "1 is not an object" },
    { TRACES, "x", "is not an object" },
    { TRACES, "\xef\xbb\xbf{}", "line 1 column 1: a byte order mark does not belong into JSON" },
    { TRACES, "\x0b{}", "line 1 column 1: ?" },
    { TRACES, "{", "line 1 column 2: a key in quotes is wanted here" },
    { TRACES, "{\"a\"", "line 1 column 5: a colon is wanted after the key" },
    { TRACES, "{\"a\":", "line 1 column 6: the text ends where a value is wanted" },
    { TRACES, "{\"resourceSpans\":[", "resourceSpans[0]: the end of the text is not an object" },
    { TRACES, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[\n{},\n{},{\"traceId\":\"5b8\"}]}]}]}",
      "line 3 column 15: resourceSpans[0].scopeSpans[0].spans[2].traceId: \"5b8\" is not 16 bytes of hex" },
    { STATUS, "{\"details\":[{\"@type\":1}]}", "details[0]: 1 is not a type's URL" },
    { STATUS, "{\"details\":[{\"@type\":\"x\",}]}", "details[0]: a key in quotes is wanted here" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":\"5\"}", "retryDelay: \"5\" is not a duration like \"1.5s\"" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":\"5.s\"}", "is not a duration" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":\"s\"}", "is not a duration" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":\"999999999999s\"}", "is not a duration" },
    { &rpc__retry_info__descriptor, "{\"retryDelay\":{}}", "{} is not a duration" },
};

START_TEST(refuses)
{
    struct buf out = { 0 };
    int rc;

    err.text[0] = '\0';
    rc = json_to_wire(refused[_i].type, bytes_str(refused[_i].json), 1000, &out, &err);
    ck_assert_msg(rc == UV_EINVAL, "%s: %d", refused[_i].json, rc);
    ck_assert_msg(strstr(err.text, refused[_i].text) != NULL, "%s: \"%s\" instead of \"%s\"", refused[_i].json,
                  err.text, refused[_i].text);
    ck_assert_int_eq(json_to_wire(refused[_i].type, bytes_str(refused[_i].json), 1000, &out, NULL), UV_EINVAL);
    buf_free(&out);
}
END_TEST

static const char gauge[] = "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
                            "{\"stringValue\":\"a\"}}]},\n \"scopeMetrics\":[{\"metrics\":[{\"name\":\"m\",\"gauge\":"
                            "{\"dataPoints\":[{\"timeUnixNano\":\"1000000000\",\"asInt\":\"5\"}]}}]}]}]}";
static const char span[] = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
                           "\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":\"EEE19B7EC3C1B174\",\"name\":\"s\","
                           "\"kind\":2,\n\"startTimeUnixNano\":\"1544712660000000000\",\"endTimeUnixNano\":"
                           "\"1544712661000000000\"}]}]}]}";

static void assert_wire(const ProtobufCMessageDescriptor *type, const char *json, const char *want)
{
    struct buf out = { 0 };
    char hex[512];

    ck_assert_msg(json_to_wire(type, bytes_str(json), 1000, &out, &err) == 0, "%s", err.text);
    to_hex(&out, hex, sizeof(hex));
    ck_assert_str_eq(hex, want);
    buf_free(&out);
}

START_TEST(whole_requests_have_their_known_bytes)
{
    assert_wire(&otlp__export_metrics_service_request__descriptor, gauge,
                "0a340a150a130a0c736572766963652e6e616d6512030a0161121b12190a016d2a140a121900ca9a3b000000003105"
                "00000000000000");
    assert_wire(TRACES, span,
                "0a37123512330a105b8efff798038103d269b633813fc60c1208eee19b7ec3c1b1742a01733002390048"
                "59e3faeb6f15410012f41efbeb6f15");
}
END_TEST

/* {"arrayValue":{"values":[{"arrayValue":... n times. */
static void nest(struct buf *b, unsigned n)
{
    b->len = 0;
    for (unsigned i = 0; i < n; i++)
        buf_puts(b, "{\"arrayValue\":{\"values\":[");
    buf_puts(b, "{}");
    for (unsigned i = 0; i < n; i++)
        buf_puts(b, "]}}");
}

START_TEST(nesting_is_bounded_where_validation_bounds_it)
{
    struct buf text = { 0 }, out = { 0 };

    nest(&text, 49); /* two messages each, one inside and one outside: 99 */
    ck_assert_int_eq(json_to_wire(ANY_VALUE, buf_bytes(&text), SIZE_MAX, &out, &err), 0);
    nest(&text, 50);
    ck_assert_int_eq(json_to_wire(ANY_VALUE, buf_bytes(&text), SIZE_MAX, &out, &err), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, ": nested deeper than 100 messages"));
    nest(&text, 100000);
    ck_assert_int_eq(json_to_wire(ANY_VALUE, buf_bytes(&text), SIZE_MAX, &out, &err), UV_EINVAL);
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(nesting_under_an_unknown_key_is_bounded_too)
{
    struct buf text = { 0 }, out = { 0 };

    for (size_t n = JSON_SKIP_DEPTH - 1; n <= 100000; n = n < JSON_SKIP_DEPTH + 1 ? n + 1 : n + 90000) {
        text.len = 0;
        buf_puts(&text, "{\"x\":");
        memset(buf_reserve(&text, n), '[', n);
        text.len += n;
        memset(buf_reserve(&text, n), ']', n);
        text.len += n;
        buf_puts(&text, "}");
        ck_assert_int_eq(json_to_wire(SPAN, buf_bytes(&text), SIZE_MAX, &out, &err),
                         n <= JSON_SKIP_DEPTH ? 0 : UV_EINVAL);
    }
    ck_assert_str_eq(err.text, "line 1 column 10006: nested too deep");
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(a_document_cut_short_anywhere_is_refused)
{
    struct buf out = { 0 };

    for (size_t len = 0; len < sizeof(gauge) - 2; len++) {
        char *exact = malloc(len + 1); /* a sanitizer sees what is read behind it */

        memcpy(exact, gauge, len);
        ck_assert_int_eq(
            json_to_wire(&otlp__export_metrics_service_request__descriptor, bytes_of(exact, len), 1000, &out, &err),
            UV_EINVAL);
        free(exact);
    }
    buf_free(&out);
}
END_TEST

START_TEST(the_wire_form_is_bounded)
{
    struct buf out = { 0 };

    buf_puts(&out, "before");
    for (size_t max = 0; max < 54; max++) {
        out.len = 6;
        ck_assert_int_eq(
            json_to_wire(&otlp__export_metrics_service_request__descriptor, bytes_str(gauge), max, &out, &err),
            UV_E2BIG);
    }
    out.len = 6;
    ck_assert_int_eq(json_to_wire(&otlp__export_metrics_service_request__descriptor, bytes_str(gauge), 54, &out, &err),
                     0);
    ck_assert_uint_eq(out.len, 60);
    ck_assert_mem_eq(out.data, "before\x0a\x34", 8);
    /* Eight bytes for each of two in the text: refused while it grows, not after. */
    struct buf text = { 0 };

    buf_puts(&text, "{\"bucketCounts\":[1");
    for (int i = 0; i < 1000000; i++)
        buf_puts(&text, ",1");
    buf_free(&out);
    ck_assert_int_eq(json_to_wire(HISTOGRAM, buf_bytes(&text), 10000, &out, &err), UV_E2BIG);
    ck_assert_uint_le(out.len, 10020);
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(keys_that_come_again_and_again_cost_no_more_than_a_move)
{
    struct buf text = { 0 }, out = { 0 };

    /* A large field behind a small one that comes a hundred thousand times. */
    buf_puts(&text, "{\"name\":\"a\",\"attributes\":[{}");
    for (int i = 0; i < 300000; i++)
        buf_puts(&text, ",{}");
    buf_puts(&text, "]");
    for (int i = 0; i < 100000; i++)
        buf_puts(&text, ",\"name\":\"b\",\"kind\":2,\"status\":{}");
    buf_puts(&text, "}");
    ck_assert_int_eq(json_to_wire(SPAN, buf_bytes(&text), SIZE_MAX, &out, &err), 0);
    ck_assert_uint_eq(out.len, 300001 * 2 + 3 + 2 + 2);
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(documents_behind_one_another_are_one_request)
{
    static const char one[] = "{\"resourceSpans\":[{\"schemaUrl\":\"a\"}]}";
    struct buf text = { 0 }, out = { 0 };
    struct text_repairs repairs;
    char hex[256];

    buf_printf(&text, "%s\n%s%s \n", one, one, one);
    ck_assert_int_eq(json_request_to_wire(TRACES, buf_bytes(&text), 1000, &out, &repairs, &err), 0);
    to_hex(&out, hex, sizeof(hex));
    ck_assert_str_eq(hex, "0a031a01610a031a01610a031a0161");
    buf_puts(&text, "garbage");
    ck_assert_int_eq(json_request_to_wire(TRACES, buf_bytes(&text), 1000, &out, &repairs, &err), UV_EINVAL);
    ck_assert_str_eq(err.text, "line 3 column 1: the document has ended, but something stands behind it");
    text.len = 0;
    buf_puts(&text, "{}\n{}"); /* of profiles each has a dictionary of its own */
    ck_assert_int_eq(json_request_to_wire(&otlp__export_profiles_service_request__descriptor, buf_bytes(&text), 1000,
                                          &out, &repairs, &err),
                     UV_EINVAL);
    ck_assert_str_eq(err.text, "line 2 column 1: a second document begins here; send one in a request");
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(a_string_that_is_not_utf8_costs_that_string_only)
{
    static const char json[] = "{\"resourceSpans\":[{\"\xff\":\"\xff\",\"schemaUrl\":\"a\xff\xfe b\\n\xe9\"},"
                               "{\"schemaUrl\":\"\xc3\xa9\"},{\"schemaUrl\":\"\xff\"}]}";
    struct buf out = { 0 };
    struct text_repairs repairs;
    char hex[256];

    ck_assert_int_eq(json_request_to_wire(TRACES, bytes_str(json), 1000, &out, &repairs, &err), 0);
    to_hex(&out, hex, sizeof(hex));
    ck_assert_str_eq(hex, "0a0c1a0a61efbfbd20620aefbfbd0a041a02c3a90a051a03efbfbd");
    ck_assert_uint_eq(repairs.strings, 2);
    ck_assert_str_eq(repairs.first.text, "line 1 column 40: resourceSpans[0].schemaUrl");
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, accepts, 0, ARRAY_LEN(accepted));
    tcase_add_loop_test(tc, refuses, 0, ARRAY_LEN(refused));
    tcase_add_test(tc, whole_requests_have_their_known_bytes);
    tcase_add_test(tc, nesting_is_bounded_where_validation_bounds_it);
    tcase_add_test(tc, nesting_under_an_unknown_key_is_bounded_too);
    tcase_add_test(tc, a_document_cut_short_anywhere_is_refused);
    tcase_add_test(tc, the_wire_form_is_bounded);
    tcase_add_test(tc, documents_behind_one_another_are_one_request);
    tcase_add_test(tc, a_string_that_is_not_utf8_costs_that_string_only);
    tcase_add_test(tc, keys_that_come_again_and_again_cost_no_more_than_a_move);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
