/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/kafka/kafka_decode.h"

#include "otlp/any_value.h"
#include "otlp/fields.h"
#include "otlp/view.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

static struct rig rig;
static struct error err;
static uint64_t need;

static void setup(void)
{
    rig_init(&rig, 1);
}

static void teardown(void)
{
    rig_close(&rig);
}

static struct kafka_request decoded;

static enum kafka_decoded decode(enum kafka_reading reading, struct bytes value)
{
    struct kafka_value v = { .signal = SIGNAL_LOGS, .reading = reading, .bytes = value, .most = 1 << 20, .now = 7 };

    error_clear(&err);
    return kafka_decode(&v, &rig.budget, &decoded, &need, &err);
}

static struct log_view only_record(void)
{
    struct bytes group = pb_find_bytes(decoded.bytes, OTLP_REQUEST_RESOURCES);
    struct bytes scope = pb_find_bytes(group, OTLP_RESOURCE_GROUP_SCOPES);

    ck_assert_uint_eq(decoded.items, 1);
    return log_view(pb_find_bytes(scope, OTLP_SCOPE_GROUP_ITEMS));
}

static void expect_body(const char *json)
{
    struct buf text = { 0 };

    any_value_put(&text, only_record().body);
    ck_assert_str_eq(buf_cstr(&text), json);
    buf_free(&text);
    block_unref(decoded.block);
}

START_TEST(test_a_text_is_a_string_and_was_observed_now)
{
    ck_assert_int_eq(decode(KAFKA_READ_TEXT, bytes_str("hello")), KAFKA_DECODED);
    ck_assert_uint_eq(only_record().observed_time, 7);
    expect_body("hello");
}
END_TEST

START_TEST(test_a_text_that_is_no_utf8_is_mended)
{
    ck_assert_int_eq(decode(KAFKA_READ_TEXT, bytes_str("caf\xe9")), KAFKA_DECODED);
    expect_body("caf\xef\xbf\xbd");
}
END_TEST

START_TEST(test_raw_is_bytes_without_a_time)
{
    ck_assert_int_eq(decode(KAFKA_READ_RAW, bytes_of("\0\xff", 2)), KAFKA_DECODED);
    ck_assert_uint_eq(only_record().observed_time, 0);
    expect_body("AP8=");
}
END_TEST

START_TEST(test_json_is_a_map_whose_numbers_are_doubles)
{
    ck_assert_int_eq(decode(KAFKA_READ_JSON_BODY, bytes_str("{\"a\": {\"b\": [1, \"two\", true, null]}}")),
                     KAFKA_DECODED);
    expect_body("{\"a\":{\"b\":[1,\"two\",true,null]}}");
}
END_TEST

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000000000"

START_TEST(test_a_number_is_read_to_its_last_digit)
{
    ck_assert_int_eq(
        decode(KAFKA_READ_JSON_BODY, bytes_str("{\"a\":1" ZEROS ",\"b\":0." ZEROS "5,\"c\":2.5" ZEROS "e3}")),
        KAFKA_DECODED);
    expect_body("{\"a\":1e+70,\"b\":5e-71,\"c\":2500}");
}
END_TEST

START_TEST(test_what_is_not_what_it_should_be_is_named)
{
    static const struct {
        enum kafka_reading reading;
        const char *text, *named;
    } rows[] = {
        { KAFKA_READ_JSON_BODY, "[1]", "no JSON object" },
        { KAFKA_READ_JSON_BODY, "{", "" },
        { KAFKA_READ_JSON, "{\"resourceLogs\": 1}", "" },
        { KAFKA_READ_PROTO, "\xff\xff", "at byte 0" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(decode(rows[i].reading, bytes_str(rows[i].text)), KAFKA_BAD);
        ck_assert_msg(err.text[0] != '\0' && strstr(err.text, rows[i].named) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(test_headers_take_the_place_of_attributes_of_their_name)
{
    const struct kafka_header header = { bytes_str("tenant"), bytes_str("blue") };
    struct kafka_value v = { .signal = SIGNAL_LOGS,
                             .reading = KAFKA_READ_TEXT,
                             .bytes = bytes_str("x"),
                             .headers = &header,
                             .n_headers = 1,
                             .most = 1000 };
    struct kafka_request first;

    ck_assert_int_eq(kafka_decode(&v, &rig.budget, &first, &need, &err), KAFKA_DECODED);
    v.reading = KAFKA_READ_PROTO;
    v.bytes = first.bytes;
    ck_assert_int_eq(kafka_decode(&v, &rig.budget, &decoded, &need, &err), KAFKA_DECODED);
    ck_assert(bytes_equal(first.bytes, decoded.bytes));
    block_unref(first.block);
    block_unref(decoded.block);
}
END_TEST

START_TEST(test_headers_of_many_resources_have_a_limit)
{
    char long_value[1000] = "";
    struct buf request = { 0 };
    struct kafka_header header = { bytes_str("tenant"), bytes_of(long_value, sizeof(long_value)) };
    struct kafka_value v = {
        .signal = SIGNAL_LOGS, .reading = KAFKA_READ_PROTO, .headers = &header, .n_headers = 1, .most = 100000
    };

    for (size_t i = 0; i < 2000; i++)
        pb_put_bytes(&request, OTLP_REQUEST_RESOURCES, (struct bytes){ NULL, 0 });
    v.bytes = buf_bytes(&request);
    error_clear(&err);
    ck_assert_int_eq(kafka_decode(&v, &rig.budget, &decoded, &need, &err), KAFKA_BAD);
    ck_assert_str_eq(err.text, "with its headers as attributes of each resource it has more than 100000 bytes");
    buf_free(&request);
}
END_TEST

START_TEST(test_without_room_it_says_how_much_is_wanted)
{
    uint64_t used;

    budget_set_limit(&rig.budget, 1000);
    used = budget_room(&rig.budget);
    ck_assert(budget_take(&rig.budget, used));
    ck_assert_int_eq(decode(KAFKA_READ_TEXT, bytes_str("hello")), KAFKA_NO_ROOM);
    ck_assert_uint_gt(need, 5);
    budget_give(&rig.budget, used);
    ck_assert_int_eq(decode(KAFKA_READ_TEXT, bytes_str("hello")), KAFKA_DECODED);
    block_unref(decoded.block);
}
END_TEST

START_TEST(test_bodies_are_of_logs_alone_and_spans_of_traces)
{
    ck_assert_int_eq(kafka_reading_of("text", SIGNAL_LOGS), KAFKA_READ_TEXT);
    ck_assert_int_eq(kafka_reading_of("text", SIGNAL_TRACES), KAFKA_READINGS);
    ck_assert_int_eq(kafka_reading_of("otlp_json", SIGNAL_TRACES), KAFKA_READ_JSON);
    ck_assert_int_eq(kafka_reading_of("zipkin_json", SIGNAL_TRACES), KAFKA_READ_ZIPKIN_JSON);
    ck_assert_int_eq(kafka_reading_of("zipkin_json", SIGNAL_LOGS), KAFKA_READINGS);
    ck_assert_int_eq(kafka_reading_of("zipkin_thrift", SIGNAL_TRACES), KAFKA_READ_ZIPKIN_THRIFT);
    ck_assert_int_eq(kafka_reading_of("zipkin_thrift", SIGNAL_LOGS), KAFKA_READINGS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kafka_decode");
    TCase *t = tcase_create("values");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_a_text_is_a_string_and_was_observed_now);
    tcase_add_test(t, test_a_text_that_is_no_utf8_is_mended);
    tcase_add_test(t, test_raw_is_bytes_without_a_time);
    tcase_add_test(t, test_json_is_a_map_whose_numbers_are_doubles);
    tcase_add_test(t, test_a_number_is_read_to_its_last_digit);
    tcase_add_test(t, test_what_is_not_what_it_should_be_is_named);
    tcase_add_test(t, test_headers_take_the_place_of_attributes_of_their_name);
    tcase_add_test(t, test_headers_of_many_resources_have_a_limit);
    tcase_add_test(t, test_without_room_it_says_how_much_is_wanted);
    tcase_add_test(t, test_bodies_are_of_logs_alone_and_spans_of_traces);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
