/* SPDX-License-Identifier: Apache-2.0 */
#include "spans/zipkin.h"

#include "otlp/view.h"
#include "support/random_message.h"
#include "support/span_forms.h"

#include <check.h>
#include <stdlib.h>
#include <uv.h>

static struct buf request, list;
static struct error err;

static void clear(void)
{
    request.len = list.len = 0;
    error_clear(&err);
}

static void teardown(void)
{
    buf_free(&request);
    buf_free(&list);
}

static int read_json(const char *json)
{
    request.len = 0;
    return zipkin_read(ZIPKIN_JSON, bytes_str(json), 1 << 20, &request, &err);
}

#define SPAN "\"traceId\":\"463ac35c9f6413ad48485a3953bb6124\",\"id\":\"4848\""
#define GROUP(resource, scope, span)                                                                                   \
    "{\"resourceSpans\":[{\"resource\":{" resource "},\"scopeSpans\":[{\"scope\":{" scope "},\"spans\":[{" span        \
    "}]}]}]}"
#define IDS "\"traceId\":\"463ac35c9f6413ad48485a3953bb6124\",\"spanId\":\"0000000000004848\""
#define ABSENT "{\"key\":\"otel.zipkin.absentField.startTime\",\"value\":{\"boolValue\":true}}"
#define TEXT(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define INT(key, value) "{\"key\":\"" key "\",\"value\":{\"intValue\":\"" value "\"}}"

static const struct {
    const char *zipkin, *otlp;
} readings[] = {
    { "[{" SPAN "}]", GROUP("", "", IDS ",\"attributes\":[" ABSENT "]") },
    { " [ { \"traceId\" : \"1\", \"id\" : \"2\", \"parentId\": \"2\", \"duration\": 3, \"timestamp\": 1700000000000000 "
      "} ] ",
      GROUP("", "",
            "\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000002\","
            "\"startTimeUnixNano\":\"1700000000000000000\",\"endTimeUnixNano\":\"1700000000000003000\"") },
    { "[{" SPAN ",\"id\":\"31\",\"timestamp\":1}]",
      GROUP("", "",
            "\"traceId\":\"463ac35c9f6413ad48485a3953bb6124\",\"spanId\":\"0000000000000031\","
            "\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"1000\"") },
    { "[{" SPAN
      ",\"parentId\":\"a\",\"name\":\"GET /x\",\"kind\":\"CLIENT\",\"timestamp\":1,\"shared\":true,\"debug\":true,"
      "\"localEndpoint\":{\"serviceName\":\"Front\",\"ipv4\":\"10.0.0.1\",\"port\":80},"
      "\"remoteEndpoint\":{\"serviceName\":\"back\",\"ipv6\":\"2001:DB8::1\",\"port\":81},"
      "\"tags\":{\"http.status_code\":\"500\",\"error\":\"boom\",\"n\":12,\"b\":true,\"host.name\":\"h1\",\"x\":null}}"
      "]",
      GROUP(
          "\"attributes\":[" TEXT("service.name", "Front") "," TEXT("host.name", "h1") "]", "",
          IDS
          ",\"parentSpanId\":\"000000000000000a\",\"name\":\"GET /x\",\"kind\":3,\"startTimeUnixNano\":\"1000\","
          "\"endTimeUnixNano\":\"1000\",\"attributes\":[" TEXT("http.status_code", "500") "," TEXT("error", "boom") "," TEXT("n", "12") "," TEXT(
              "b",
              "true") "," TEXT("network.local.address",
                               "10.0.0.1") "," INT("net.host.port",
                                                   "80") "," TEXT("network.peer.address",
                                                                  "2001:db8::1") "," INT("net.peer.port",
                                                                                         "81") "," TEXT("service.peer."
                                                                                                        "name",
                                                                                                        "back") "],"
                                                                                                                "\"stat"
                                                                                                                "us\":{"
                                                                                                                "\"code"
                                                                                                                "\":"
                                                                                                                "2}") },
    { "[{" SPAN ",\"timestamp\":1,\"tags\":{\"span.kind\":\"internal\",\"otel.status_code\":\"STATUS_CODE_OK\","
      "\"otel.status_description\":\"fine\",\"otel.scope.name\":\"lib\",\"otel.scope.version\":\"2\",\"w3c."
      "tracestate\":\"a=b\"}}]",
      GROUP("", "\"name\":\"lib\",\"version\":\"2\"",
            IDS ",\"traceState\":\"a=b\",\"kind\":1,\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"1000\","
                "\"status\":{\"message\":\"fine\",\"code\":1}") },
    { "[{" SPAN ",\"timestamp\":1,\"localEndpoint\":{\"serviceName\":\"f\"},"
      "\"tags\":{\"otlp.service.name.source\":\"faas.name\",\"error\":\"true\"}}]",
      GROUP("\"attributes\":[" TEXT("faas.name", "f") "]", "",
            IDS ",\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"1000\",\"status\":{\"code\":2}") },
    { "[{" SPAN ",\"timestamp\":1,\"tags\":{\"otlp.link.0\":\"0102030405060708090a0b0c0d0e0f10|0102030405060708|s=t|{"
      "\\\"k\\\":\\\"a|b\\\"}|3\","
      "\"otlp.link.1\":\"zz|y|x|{}|0\"}}]",
      GROUP("", "",
            IDS ",\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"1000\",\"attributes\":[" TEXT(
                "otlp.link.1", "zz|y|x|{}|0") "],"
                                              "\"links\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"
                                              "\"0102030405060708\",\"traceState\":\"s=t\","
                                              "\"attributes\":[" TEXT("k", "a|b") "],\"droppedAttributesCount\":3}]") },
    { "[{" SPAN ",\"timestamp\":1,\"annotations\":[{\"timestamp\":2,\"value\":\"a|b\"},"
      "{\"timestamp\":3,\"value\":\"ev|{\\\"k\\\":1,\\\"d\\\":1.5}|2\"},{\"timestamp\":4,\"value\":\"GET|{bad|x\"}]}]",
      GROUP("", "",
            IDS ",\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"1000\",\"events\":["
                "{\"timeUnixNano\":\"2000\",\"name\":\"a|b\"},"
                "{\"timeUnixNano\":\"3000\",\"name\":\"ev\",\"attributes\":[" INT(
                    "k", "1") ",{\"key\":\"d\",\"value\":{\"doubleValue\":1.5}}],"
                              "\"droppedAttributesCount\":2},{\"timeUnixNano\":\"4000\",\"name\":\"GET|{bad|x\"}]") },
};

START_TEST(test_a_list_in_json_is_a_request)
{
    ck_assert_msg(read_json(readings[_i].zipkin) == 0, "%s", err.text);
    ck_assert_str_eq(request_json(&request, 1), readings[_i].otlp);
}
END_TEST

START_TEST(test_an_empty_list_is_an_empty_request)
{
    ck_assert_int_eq(read_json(" [ ] "), 0);
    ck_assert_uint_eq(request.len, 0);
    ck_assert_int_eq(zipkin_read(ZIPKIN_PROTO, (struct bytes){ NULL, 0 }, 1, &request, &err), 0);
    ck_assert_uint_eq(request.len, 0);
}
END_TEST

START_TEST(test_spans_of_one_service_share_a_resource_unless_their_tags_differ)
{
    ck_assert_int_eq(read_json("[{\"traceId\":\"1\",\"id\":\"1\",\"timestamp\":1,\"tags\":{\"host.name\":\"a\"}},"
                               "{\"traceId\":\"1\",\"id\":\"2\",\"timestamp\":1,\"tags\":{\"host.name\":\"a\"}},"
                               "{\"traceId\":\"1\",\"id\":\"3\",\"timestamp\":1,\"tags\":{\"host.name\":\"b\"}}]"),
                     0);
    ck_assert_str_eq(
        request_json(&request, 3),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[" TEXT(
            "host.name", "a") "]},\"scopeSpans\":[{\"scope\":{},\"spans\":["
                              "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000001\","
                              "\"startTimeUnixNano\":\"1000\","
                              "\"endTimeUnixNano\":\"1000\"},"
                              "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000002\","
                              "\"startTimeUnixNano\":\"1000\","
                              "\"endTimeUnixNano\":\"1000\"}]}]},"
                              "{\"resource\":{\"attributes\":[" TEXT(
                                  "host.name", "b") "]},\"scopeSpans\":[{\"scope\":{},\"spans\":["
                                                    "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":"
                                                    "\"0000000000000003\",\"startTimeUnixNano\":\"1000\","
                                                    "\"endTimeUnixNano\":\"1000\"}]}]}]}");
}
END_TEST

static const struct {
    const char *json, *named;
} faults[] = {
    { "", "at byte 0: expected a list of spans" },
    { "{}", "expected a list of spans" },
    { "[1]", "at byte 1: expected an object" },
    { "[{\"traceId\":\"1\"}]", "valid span id required" },
    { "[{\"id\":\"0\"}]", "valid span id required" },
    { "[{\"id\":\"0123456789abcdef0\"}]", "id: \"0123456789abcdef0\" is not an id of up to 16" },
    { "[{\"id\":\"1g\"}]", "id: \"1g\" is not an id in hexadecimal digits" },
    { "[{\"id\":\"1\",\"kind\":\"FOO\"}]", "kind: \"FOO\" is not CLIENT" },
    { "[{\"id\":\"1\",\"timestamp\":-1}]", "timestamp: \"-1\" is not a number that is not negative" },
    { "[{\"id\":\"1\",\"localEndpoint\":{\"ipv4\":\"300.1.1.1\"}}]", "ipv4: \"300.1.1.1\" is not an address" },
    { "[{\"id\":\"1\",\"tags\":{\"a\":{}}}]", "is not a string" },
    { "[{\"id\":\"1\"}", "a comma or the end of the list" },
    { "[{\"id\":\"1\"}] x", "expected nothing more" },
};

START_TEST(test_what_is_no_list_is_named)
{
    ck_assert_int_eq(read_json(faults[_i].json), UV_EINVAL);
    ck_assert_msg(strstr(err.text, faults[_i].named) != NULL, "%s", err.text);
}
END_TEST

START_TEST(test_of_protobuf_ids_have_their_lengths)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *named;
    } rows[] = {
        { "\x0a\x03\x0a\x01x", 5, "a trace id has 16 bytes" }, { "\x0a\x03\x1a\x01x", 5, "an id has 8 bytes" },
        { "\x0a\x00", 2, "valid span id required" },           { "\x0a\x05x", 3, "no message of protobuf" },
        { "\x0a\x04\x42\x02\x12\x01", 6, "an endpoint" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(zipkin_read(ZIPKIN_PROTO, bytes_of(rows[i].bytes, rows[i].n), 1000, &request, &err),
                         UV_EINVAL);
        ck_assert_msg(strstr(err.text, rows[i].named) != NULL, "%s", err.text);
    }
}
END_TEST

/* An annotation of two bytes becomes many more in memory. */
START_TEST(test_a_span_of_protobuf_has_no_more_values_than_one_of_json)
{
    static const uint8_t ids[] = { 0x1a, 8, 0, 0, 0, 0, 0, 0, 0, 1 };

    for (uint32_t n = ZIPKIN_VALUES; n <= ZIPKIN_VALUES + 1; n++) {
        size_t mark;
        int rc;

        clear();
        mark = pb_begin(&list, 1);
        buf_append(&list, ids, sizeof(ids));
        for (uint32_t i = 0; i < n; i++)
            pb_put_bytes(&list, 10, (struct bytes){ NULL, 0 });
        pb_end(&list, mark);
        rc = zipkin_read(ZIPKIN_PROTO, buf_bytes(&list), 16 << 20, &request, &err);
        ck_assert_msg(rc == (n > ZIPKIN_VALUES ? UV_EINVAL : 0), "%u: %s", n, err.text);
    }
    ck_assert_msg(strstr(err.text, "more than 100000 annotations and tags") != NULL, "%s", err.text);
}
END_TEST

/* They are read one by one: what one of them took is not kept for the next. */
START_TEST(test_attributes_of_many_events_take_the_memory_of_one)
{
    struct zipkin_span z = { .start = 1 };
    struct span_groups groups = { .out = &request };
    struct buf value = { 0 }, scratch = { 0 };

    buf_puts(&value, "event|{\"list\":[0");
    for (int i = 0; i < 5000; i++)
        buf_puts(&value, ",0");
    buf_puts(&value, "]}|0");
    for (int i = 0; i < 100; i++)
        *vec_push(&z.annotations) = (struct zipkin_annotation){ 1, buf_bytes(&value) };
    zipkin_to_otlp(&z, &groups, &scratch);
    span_groups_end(&groups);
    ck_assert_msg(z.arena.total < 2 << 20, "%zu", z.arena.total);
    ck_assert_uint_gt(request.len, 100 * 5000);
    zipkin_span_free(&z);
    buf_free(&value);
    buf_free(&scratch);
}
END_TEST

START_TEST(test_a_request_that_grows_too_large_is_none)
{
    ck_assert_int_eq(zipkin_read(ZIPKIN_JSON, bytes_str("[{\"id\":\"1\"},{\"id\":\"2\"}]"), 50, &request, &err),
                     UV_E2BIG);
    ck_assert_str_eq(err.text, "as OTLP it has more than 50 bytes");
}
END_TEST

#define KEYS(n) "\"traceId\":\"000000000000000000000000000000" n "\",\"spanId\":\"00000000000000" n "\""

static const struct {
    const char *otlp, *zipkin;
} writings[] = {
    { GROUP(
          "\"attributes\":[" TEXT("service.name", "Front") "," TEXT("cloud.resource_id", "arn") "," TEXT("h", "1") "]",
          "\"name\":\"lib\",\"version\":\"2\",\"attributes\":[" TEXT("s", "x") "]",
          KEYS("01") ",\"parentSpanId\":\"0000000000000002\",\"traceState\":\"a=b\",\"name\":\"GET /X\",\"kind\":3,"
                     "\"startTimeUnixNano\":\"1700000000000000500\",\"endTimeUnixNano\":\"1700000000000001999\","
                     "\"attributes\":[" TEXT("h", "2") "," INT("http.response.status_code", "500") "," TEXT(
                         "network.local.address",
                         "10.0.0.1") "," INT("net.host.port",
                                             "80") "," TEXT("peer.service",
                                                            "Back") "," TEXT("network.peer.address",
                                                                             "2001:db8::1") "," INT("net.peer.port",
                                                                                                    "99999") "],"
                                                                                                             "\"status"
                                                                                                             "\":{"
                                                                                                             "\"code\":"
                                                                                                             "2,"
                                                                                                             "\"message"
                                                                                                             "\":"
                                                                                                             "\"no\"}"),
      "[{\"timestamp\":1700000000000001,\"duration\":1,\"traceId\":\"0000000000000001\",\"id\":\"0000000000000001\","
      "\"parentId\":\"0000000000000002\",\"name\":\"get /x\",\"kind\":\"CLIENT\","
      "\"localEndpoint\":{\"serviceName\":\"front\",\"ipv4\":\"10.0.0.1\",\"port\":80},"
      "\"remoteEndpoint\":{\"serviceName\":\"back\",\"ipv6\":\"2001:db8::1\"},"
      "\"tags\":{\"h\":\"2\",\"faas.id\":\"arn\",\"s\":\"x\",\"otel.library.name\":\"lib\",\"otel.library.version\":"
      "\"2\","
      "\"http.response.status_code\":\"500\",\"net.peer.port\":\"99999\",\"http.status_code\":\"500\",\"w3c."
      "tracestate\":\"a=b\","
      "\"error\":\"true\",\"otel.status_code\":\"STATUS_CODE_ERROR\",\"otel.status_description\":\"no\"}}]" },
    { GROUP("", "",
            KEYS("01") ",\"kind\":1,\"startTimeUnixNano\":\"0\",\"endTimeUnixNano\":\"5\",\"attributes\":[" TEXT(
                "error", "no") "],"
                               "\"events\":[{\"timeUnixNano\":\"1000\",\"name\":\"e\"},{\"timeUnixNano\":\"2000\","
                               "\"name\":\"f\",\"attributes\":[" INT(
                                   "k", "1") "],"
                                             "\"droppedAttributesCount\":2}],\"links\":[{\"traceId\":"
                                             "\"00000000000000000000000000000002\","
                                             "\"spanId\":\"0000000000000003\"}],\"status\":{\"code\":1}"),
      "[{\"duration\":1,\"traceId\":\"0000000000000001\",\"id\":\"0000000000000001\","
      "\"localEndpoint\":{\"serviceName\":\"otlpresourcenoservicename\"},"
      "\"annotations\":[{\"timestamp\":1,\"value\":\"e\"},{\"timestamp\":2,\"value\":\"f|{\\\"k\\\":1}|2\"}],"
      "\"tags\":{\"span.kind\":\"internal\",\"otel.status_code\":\"STATUS_CODE_OK\","
      "\"otlp.link.0\":\"00000000000000000000000000000002|0000000000000003||{}|0\"}}]" },
    { GROUP("\"attributes\":[" TEXT("k8s.deployment.name", "d") "]", "", "\"name\":\"none\""), "[]" },
};

START_TEST(test_a_request_is_a_list_in_json)
{
    uint64_t left_out;

    put_request(&request, writings[_i].otlp);
    ck_assert(zipkin_write(ZIPKIN_JSON, buf_bytes(&request), 1 << 20, &list, &left_out));
    ck_assert_uint_eq(left_out, list.len == 2);
    ck_assert_str_eq(buf_cstr(&list), writings[_i].zipkin);
}
END_TEST

START_TEST(test_a_list_that_grows_too_large_is_given_up)
{
    uint64_t left_out;

    put_request(&request, writings[0].otlp);
    ck_assert(!zipkin_write(ZIPKIN_JSON, buf_bytes(&request), 100, &list, &left_out));
    ck_assert_uint_gt(list.len, 100);
}
END_TEST

static void write_alone(struct bytes resource, struct bytes scope, struct bytes span, struct buf *to)
{
    struct buf one = { 0 };
    size_t group = pb_begin(&one, OTLP_REQUEST_RESOURCES), scopes;
    uint64_t left_out;

    pb_put_bytes(&one, OTLP_RESOURCE_GROUP_RESOURCE, resource);
    scopes = pb_begin(&one, OTLP_RESOURCE_GROUP_SCOPES);
    pb_put_bytes(&one, OTLP_SCOPE_GROUP_SCOPE, scope);
    pb_put_bytes(&one, OTLP_SCOPE_GROUP_ITEMS, span);
    pb_end(&one, scopes);
    pb_end(&one, group);
    ck_assert(zipkin_write(ZIPKIN_PROTO, buf_bytes(&one), 1 << 24, to, &left_out));
    buf_free(&one);
}

START_TEST(test_a_span_is_the_same_behind_others_of_its_scope_as_alone)
{
    uint64_t state = 11, left_out;
    struct bytes group, scopes, span;

    for (int i = 0; i < 500; i++) {
        struct pb_reader groups, in_group, in_scope;
        struct buf alone = { 0 };

        clear();
        put_random_request(&request, &state);
        ck_assert(zipkin_write(ZIPKIN_PROTO, buf_bytes(&request), 1 << 24, &list, &left_out));
        groups = pb_reader(buf_bytes(&request));
        while (message_next(&groups, OTLP_REQUEST_RESOURCES, &group)) {
            in_group = pb_reader(group);
            while (message_next(&in_group, OTLP_RESOURCE_GROUP_SCOPES, &scopes)) {
                in_scope = pb_reader(scopes);
                while (message_next(&in_scope, OTLP_SCOPE_GROUP_ITEMS, &span))
                    write_alone(resource_group_view(group).resource, scope_group_view(scopes).scope, span, &alone);
            }
        }
        ck_assert(bytes_equal(buf_bytes(&list), buf_bytes(&alone)));
        buf_free(&alone);
    }
}
END_TEST

static void write_list(enum zipkin_form form, struct buf *of, struct buf *to, uint64_t spans)
{
    uint64_t left_out;

    ck_assert(zipkin_write(form, buf_bytes(of), 1 << 24, to, &left_out));
    ck_assert_uint_eq(left_out, 0);
    of->len = 0;
    ck_assert_msg(zipkin_read(form, buf_bytes(to), 1 << 24, of, &err) == 0, "%s", err.text);
    request_json(of, spans);
}

/* What Zipkin has no types and no order for is gone after the first way, and what was an attribute of a span may have
 * become one of the resource, and the name of its service; then nothing changes any more. */
START_TEST(test_what_has_been_a_list_a_few_times_stays_as_it_is)
{
    static const enum zipkin_form forms[] = { ZIPKIN_PROTO, ZIPKIN_JSON };
    uint64_t state = 7;

    for (int i = 0; i < 2000; i++) {
        struct buf last = { 0 };
        uint64_t spans;

        clear();
        spans = put_random_request(&request, &state);
        for (int k = 0; k < 5; k++) {
            last.len = 0;
            write_list(forms[i % 2], &request, &last, spans);
        }
        write_list(forms[i % 2], &request, &list, spans);
        ck_assert(bytes_equal(buf_bytes(&list), buf_bytes(&last)));
        buf_free(&last);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zipkin");
    TCase *t = tcase_create("zipkin");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, clear, teardown);
    tcase_add_loop_test(t, test_a_list_in_json_is_a_request, 0, ARRAY_LEN(readings));
    tcase_add_test(t, test_an_empty_list_is_an_empty_request);
    tcase_add_test(t, test_spans_of_one_service_share_a_resource_unless_their_tags_differ);
    tcase_add_loop_test(t, test_what_is_no_list_is_named, 0, ARRAY_LEN(faults));
    tcase_add_test(t, test_of_protobuf_ids_have_their_lengths);
    tcase_add_test(t, test_a_span_of_protobuf_has_no_more_values_than_one_of_json);
    tcase_add_test(t, test_attributes_of_many_events_take_the_memory_of_one);
    tcase_add_test(t, test_a_request_that_grows_too_large_is_none);
    tcase_add_loop_test(t, test_a_request_is_a_list_in_json, 0, ARRAY_LEN(writings));
    tcase_add_test(t, test_a_list_that_grows_too_large_is_given_up);
    tcase_add_test(t, test_a_span_is_the_same_behind_others_of_its_scope_as_alone);
    tcase_add_test(t, test_what_has_been_a_list_a_few_times_stays_as_it_is);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
