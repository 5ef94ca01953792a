/* SPDX-License-Identifier: Apache-2.0 */
#include "spans/jaeger.h"

#include "otlp/view.h"
#include "support/random_message.h"
#include "support/span_forms.h"

#include <check.h>
#include <stdlib.h>
#include <uv.h>

static struct buf request, span;
static struct error err;

static void clear(void)
{
    request.len = span.len = 0;
    error_clear(&err);
}

static void teardown(void)
{
    buf_free(&request);
    buf_free(&span);
}

/* Writes the first span of the request; false: its first scope has none. */
static bool write_first(enum jaeger_form form)
{
    struct bytes group = pb_find_bytes(buf_bytes(&request), OTLP_REQUEST_RESOURCES);
    struct bytes scopes = pb_find_bytes(group, OTLP_RESOURCE_GROUP_SCOPES);

    struct bytes first = pb_find_bytes(scopes, OTLP_SCOPE_GROUP_ITEMS);

    struct jaeger_span kept = { .flags = 0 };

    for (int i = 0; i < 2; i++) { /* the second time resource and scope are known */
        span.len = 0;
        jaeger_write(form, &kept, resource_group_view(group).resource, scope_group_view(scopes).scope, first, &span);
    }
    jaeger_span_free(&kept);
    return first.len > 0;
}

static int read_span(enum jaeger_form form, struct bytes bytes)
{
    request.len = 0;
    return jaeger_read(form, bytes, &request, &err);
}

#define SPAN "\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"spanId\":\"AAAAAAAAAAI=\""
#define GROUP(resource, scope, span)                                                                                   \
    "{\"resourceSpans\":[{\"resource\":{" resource "},\"scopeSpans\":[{\"scope\":{" scope "},\"spans\":[{" span        \
    "}]}]}]}"
#define IDS "\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000002\""
#define TEXT(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define INT(key, value) "{\"key\":\"" key "\",\"value\":{\"intValue\":\"" value "\"}}"
#define TAG(key, value) "{\"key\":\"" key "\",\"vStr\":\"" value "\"}"
#define TRUE_TAG(key) "{\"key\":\"" key "\",\"vType\":\"BOOL\",\"vBool\":true}"
#define LONG_TAG(key, value) "{\"key\":\"" key "\",\"vType\":\"INT64\",\"vInt64\":\"" value "\"}"
#define FOLLOWS "{\"key\":\"opentracing.ref_type\",\"value\":{\"stringValue\":\"follows_from\"}}"

static const struct {
    const char *jaeger, *otlp;
} readings[] = {
    { "{" SPAN "}", GROUP("", "", IDS) },
    { "{" SPAN
      ",\"operationName\":\"op\",\"flags\":1,\"startTime\":\"2023-11-14T22:13:20.5Z\",\"duration\":\"1.000000001s\","
      "\"process\":{\"serviceName\":\"svc\",\"tags\":[" TAG("hostname", "h") "," TAG("jaeger.version", "Go-2.3") "]}}",
      GROUP("\"attributes\":[" TEXT("service.name", "svc") "," TEXT("host.name", "h") "," TEXT(
                "opencensus.exporterversion", "Jaeger-Go-2.3") "]",
            "",
            IDS ",\"name\":\"op\",\"startTimeUnixNano\":\"1700000000500000000\",\"endTimeUnixNano\":"
                "\"1700000001500000001\",\"flags\":1") },
    { "{" SPAN ",\"references\":[{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"spanId\":\"AAAAAAAAAAc=\",\"refType\":"
      "\"FOLLOWS_FROM\"},"
      "{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"spanId\":\"AAAAAAAAAAg=\"}]}",
      GROUP("", "",
            IDS ",\"parentSpanId\":\"0000000000000008\",\"links\":[{\"traceId\":\"00000000000000000000000000000001\","
                "\"spanId\":\"0000000000000007\",\"attributes\":[" FOLLOWS "]}]") },
    { "{" SPAN
      ",\"references\":[{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"spanId\":\"AAAAAAAAAAc=\",\"refType\":1}]}",
      GROUP("", "",
            IDS ",\"parentSpanId\":\"0000000000000007\",\"links\":[{\"traceId\":\"00000000000000000000000000000001\","
                "\"spanId\":\"0000000000000007\",\"attributes\":[" FOLLOWS "]}]") },
    { "{" SPAN ",\"tags\":[" TAG("span.kind", "client") "," TRUE_TAG("error") "," TAG("http.status_message", "no") "]}",
      GROUP("", "",
            IDS ",\"kind\":3,\"attributes\":[" TEXT("http.status_message",
                                                    "no") "],\"status\":{\"message\":\"no\",\"code\":2}") },
    { "{" SPAN ",\"tags\":[" TAG("error", "true") "," TAG("span.kind", "weird") "]}",
      GROUP("", "", IDS ",\"attributes\":[" TEXT("error", "true") "]") },
    { "{" SPAN ",\"tags\":[" LONG_TAG("http.response.status_code", "404") "," TAG("span.kind", "server") "]}",
      GROUP("", "", IDS ",\"kind\":2,\"attributes\":[" INT("http.status_code", "404") "]") },
    { "{" SPAN ",\"tags\":[" TAG("http.status_code", "399") "," TAG("otel.scope.name", "lib") "," TAG(
          "otel.scope.version", "1") "," TAG("w3c.tracestate", "a=b") "]}",
      GROUP("", "\"name\":\"lib\",\"version\":\"1\"",
            IDS
            ",\"traceState\":\"a=b\",\"attributes\":[" TEXT("http.status_code", "399") "],\"status\":{\"code\":2}") },
    { "{" SPAN ",\"tags\":[" TAG("otel.status_code", "ok") "," TAG("otel.status_description",
                                                                   "fine") "," TAG("a", "1") "," TAG("a", "2") "]}",
      GROUP("", "", IDS ",\"attributes\":[" TEXT("a", "2") "],\"status\":{\"message\":\"fine\",\"code\":1}") },
    { "{\"trace_id\":\"AAAAAAAAAAE=\",\"span_id\":\"AAAAAAAAAAI=\",\"unknown\":[1],\"warnings\":null,\"logs\":[{"
      "\"timestamp\":\"1970-01-01T01:00:01+01:00\","
      "\"fields\":[" TAG("event", "e") ",{\"key\":\"d\",\"v_type\":3,\"v_float64\":1.5},{\"key\":\"b\",\"vType\":"
                                       "\"BINARY\",\"vBinary\":\"AP8=\"}]},{}]}",
      GROUP("", "",
            IDS ",\"events\":[{\"timeUnixNano\":\"1000000000\",\"name\":\"e\",\"attributes\":[{\"key\":\"d\",\"value\":"
                "{\"doubleValue\":1.5}},"
                "{\"key\":\"b\",\"value\":{\"bytesValue\":\"AP8=\"}}]},{}]") },
};

START_TEST(test_a_span_in_json_is_a_request)
{
    ck_assert_msg(read_span(JAEGER_JSON, bytes_str(readings[_i].jaeger)) == 0, "%s", err.text);
    ck_assert_str_eq(request_json(&request, 1), readings[_i].otlp);
}
END_TEST

START_TEST(test_a_blank_span_is_nothing)
{
    ck_assert_int_eq(read_span(JAEGER_JSON, bytes_str("{}")), 0);
    ck_assert_uint_eq(request.len, 0);
    ck_assert_int_eq(read_span(JAEGER_PROTO, (struct bytes){ NULL, 0 }), 0);
    ck_assert_uint_eq(request.len, 0);
}
END_TEST

START_TEST(test_a_span_of_which_there_is_anything_is_one)
{
    ck_assert_int_eq(read_span(JAEGER_JSON, bytes_str("{\"duration\":\"1s\"}")), 0);
    ck_assert_uint_gt(request.len, 0);
    ck_assert_int_eq(read_span(JAEGER_JSON, bytes_str("{\"flags\":1}")), 0);
    ck_assert_uint_gt(request.len, 0);
}
END_TEST

/* A field of two bytes becomes many more in memory, wherever it stands. */
START_TEST(test_a_span_of_protobuf_has_only_so_many_values)
{
    static const struct {
        uint32_t outer, inner; /* 0: fields of the span */
    } rows[] = { { 0, 4 }, { 0, 9 }, { 9, 2 } };

    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        for (uint32_t n = JAEGER_VALUES - 1; n <= JAEGER_VALUES + 1; n += 2) {
            size_t mark = 0;
            int rc;

            clear();
            if (rows[k].outer != 0)
                mark = pb_begin(&span, rows[k].outer);
            for (uint32_t i = 0; i < n; i++)
                pb_put_bytes(&span, rows[k].inner, (struct bytes){ NULL, 0 });
            if (rows[k].outer != 0)
                pb_end(&span, mark);
            rc = read_span(JAEGER_PROTO, buf_bytes(&span));
            ck_assert_msg(rc == (n > JAEGER_VALUES ? UV_EINVAL : 0), "%zu: %u: %s", k, n, err.text);
        }
    ck_assert_msg(strstr(err.text, "more than 100000 tags, logs and references") != NULL, "%s", err.text);
}
END_TEST

static const struct {
    enum jaeger_form form;
    const char *text, *named;
} faults[] = {
    { JAEGER_JSON, "", "at byte 0: expected an object" },
    { JAEGER_JSON, "[]", "expected an object" },
    { JAEGER_JSON, "{} {}", "expected nothing more" },
    { JAEGER_JSON, "{\"traceId\":\"AQ==\"}", "traceId: \"AQ==\" is not a trace id of 16 bytes" },
    { JAEGER_JSON, "{\"spanId\":\"!\"}", "is not an id of 8 bytes" },
    { JAEGER_JSON, "{\"startTime\":\"yesterday\"}", "is not a time like" },
    { JAEGER_JSON, "{\"startTime\":\"2023-11-14T22:13:20\"}", "is not a time like" },
    { JAEGER_JSON, "{\"duration\":\"1.5\"}", "is not a duration like" },
    { JAEGER_JSON, "{\"tags\":[{\"vType\":\"WHAT\"}]}", "is not STRING, BOOL" },
    { JAEGER_JSON, "{\"tags\":[{\"vType\":\"INT64\",\"vInt64\":\"1.5\"}]}", "is not a value of its type" },
    { JAEGER_JSON, "{\"tags\":[{\"vType\":4,\"vBinary\":\"AP8$\"}]}", "is not a value of its type" },
    { JAEGER_PROTO, "\x0a\x01x", "invalid length for TraceID" },
    { JAEGER_PROTO, "\x12\x01x", "invalid length for SpanID" },
    { JAEGER_PROTO, "\x1a\x05x", "no message of protobuf" },
};

START_TEST(test_what_is_no_span_is_named)
{
    ck_assert_int_eq(read_span(faults[_i].form, bytes_str(faults[_i].text)), UV_EINVAL);
    ck_assert_msg(strstr(err.text, faults[_i].named) != NULL, "%s", err.text);
}
END_TEST

static const struct {
    const char *otlp, *jaeger;
} writings[] = {
    { GROUP("\"attributes\":[" TEXT("service.name", "svc") "," TEXT("h", "1") "]", "\"name\":\"lib\",\"version\":\"2\"",
            IDS ",\"parentSpanId\":\"0000000000000008\",\"traceState\":\"a=b\",\"name\":\"op\",\"kind\":3,"
                "\"startTimeUnixNano\":\"1700000000000000500\",\"endTimeUnixNano\":\"1700000001500000500\","
                "\"attributes\":[" INT(
                    "http.response.status_code",
                    "500") ",{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"}]}}}],"
                           "\"events\":[{\"timeUnixNano\":\"1000\",\"name\":\"e\"}],\"status\":{\"code\":2,\"message\":"
                           "\"no\"},\"flags\":257"),
      "{" SPAN ",\"operationName\":\"op\",\"references\":[{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"spanId\":"
      "\"AAAAAAAAAAg=\"}],\"flags\":1,"
      "\"startTime\":\"2023-11-14T22:13:20.000000500Z\",\"duration\":\"1.500s\",\"tags\":[" TAG(
          "otel.scope.name",
          "li"
          "b") "," TAG("otel.scope.version",
                       "2") "," LONG_TAG("http.status_code",
                                         "500") "," TAG("l",
                                                        "[1]") "," TAG("span.kind",
                                                                       "client") "," TAG("otel.status_code",
                                                                                         "ERROR") "," TRUE_TAG("error") "," TAG("otel.status_description",
                                                                                                                                "no") "," TAG("w3c.tracestate",
                                                                                                                                              "a=b") "],"
                                                                                                                                                     "\"logs\":[{"
                                                                                                                                                     "\"timestamp\":"
                                                                                                                                                     "\"1970-01-"
                                                                                                                                                     "01T00:00:00."
                                                                                                                                                     "000001Z\","
                                                                                                                                                     "\"fields\":"
                                                                                                                                                     "[" TAG(
                                                                                                                                                         "event",
                                                                                                                                                         "e") "]}],"
                                                                                                                                                              "\"proc"
                                                                                                                                                              "ess\":"
                                                                                                                                                              "{\"ser"
                                                                                                                                                              "viceNa"
                                                                                                                                                              "me\":"
                                                                                                                                                              "\"svc"
                                                                                                                                                              "\","
                                                                                                                                                              "\"tags"
                                                                                                                                                              "\":"
                                                                                                                                                              "[" TAG(
                                                                                                                                                                  "h",
                                                                                                                                                                  "1") "]}}" },
    { GROUP("", "",
            IDS
            ",\"parentSpanId\":\"0000000000000008\",\"endTimeUnixNano\":\"5\",\"links\":["
            "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000008\"},"
            "{\"traceId\":\"00000000000000000000000000000003\",\"spanId\":\"0000000000000008\",\"attributes\":[" TEXT(
                "opentracing.ref_type", "child_of") "]}]"),
      "{" SPAN ",\"references\":[{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAQ==\",\"spanId\":\"AAAAAAAAAAg=\",\"refType\":"
      "\"FOLLOWS_FROM\"},"
      "{\"traceId\":\"AAAAAAAAAAAAAAAAAAAAAw==\",\"spanId\":\"AAAAAAAAAAg=\"}],\"startTime\":\"1970-01-01T00:00:00Z\","
      "\"duration\":\"0.000000005s\",\"tags\":[],\"process\":{\"serviceName\":\"OTLPResourceNoServiceName\",\"tags\":[]"
      "}}" },
};

START_TEST(test_a_request_is_a_span_in_json)
{
    put_request(&request, writings[_i].otlp);
    write_first(JAEGER_JSON);
    ck_assert_str_eq(buf_cstr(&span), writings[_i].jaeger);
}
END_TEST

START_TEST(test_a_span_that_ends_before_it_begins_comes_back_so)
{
    put_request(&request,
                GROUP("", "", IDS ",\"startTimeUnixNano\":\"5000000000\",\"endTimeUnixNano\":\"2500000000\""));
    write_first(JAEGER_JSON);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&span), "\"duration\":\"-2.500s\""));
    ck_assert_int_eq(read_span(JAEGER_JSON, buf_bytes(&span)), 0);
    ck_assert_str_eq(request_json(&request, 1),
                     GROUP("", "", IDS ",\"startTimeUnixNano\":\"5000000000\",\"endTimeUnixNano\":\"2500000000\""));
}
END_TEST

/* Both forms say the same, and what Jaeger has no place for is gone after the first way. */
START_TEST(test_both_forms_say_the_same_and_nothing_changes_any_more)
{
    uint64_t state = 11;

    for (int i = 0; i < 3000; i++) {
        struct buf by_proto = { 0 }, last = { 0 };

        clear();
        put_random_request(&request, &state);
        if (!write_first(JAEGER_PROTO))
            continue;
        ck_assert_int_eq(read_span(JAEGER_PROTO, buf_bytes(&span)), 0);
        for (int k = 0; k < 3; k++) {
            write_first(JAEGER_PROTO);
            ck_assert_int_eq(read_span(JAEGER_PROTO, buf_bytes(&span)), 0);
        }
        buf_put(&by_proto, buf_bytes(&request));
        buf_put(&last, buf_bytes(&span));
        write_first(JAEGER_JSON);
        ck_assert_msg(read_span(JAEGER_JSON, buf_bytes(&span)) == 0, "%s", err.text);
        request_json(&request, 1);
        ck_assert(bytes_equal(buf_bytes(&request), buf_bytes(&by_proto)));
        write_first(JAEGER_PROTO);
        ck_assert(bytes_equal(buf_bytes(&span), buf_bytes(&last)));
        buf_free(&by_proto);
        buf_free(&last);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jaeger");
    TCase *t = tcase_create("jaeger");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, clear, teardown);
    tcase_add_loop_test(t, test_a_span_in_json_is_a_request, 0, ARRAY_LEN(readings));
    tcase_add_test(t, test_a_blank_span_is_nothing);
    tcase_add_test(t, test_a_span_of_which_there_is_anything_is_one);
    tcase_add_test(t, test_a_span_of_protobuf_has_only_so_many_values);
    tcase_add_loop_test(t, test_what_is_no_span_is_named, 0, ARRAY_LEN(faults));
    tcase_add_loop_test(t, test_a_request_is_a_span_in_json, 0, ARRAY_LEN(writings));
    tcase_add_test(t, test_a_span_that_ends_before_it_begins_comes_back_so);
    tcase_add_test(t, test_both_forms_say_the_same_and_nothing_changes_any_more);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
