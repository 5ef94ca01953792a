/* SPDX-License-Identifier: Apache-2.0 */
/* What of a list of Zipkin's first version becomes what is held to the Go collector in
 * test/integration/tiers/test_kafka_spans.py: here is what is not its way, and what is no list. */
#include "spans/zipkin_thrift.h"

#include "otlp/json.h"
#include "otlp/signal.h"
#include "otlp/validate.h"

#include <check.h>
#include <stdlib.h>
#include <uv.h>

static struct buf list, request;
static struct error err;

static void teardown(void)
{
    buf_free(&list);
    buf_free(&request);
}

#define PUT(text) buf_append(&list, text, sizeof(text) - 1)
#define ONE_SPAN "\x0c\x00\x00\x00\x01"

static int read_list(size_t most)
{
    error_clear(&err);
    request.len = 0;
    return zipkin_thrift_read(buf_bytes(&list), most, &request, &err);
}

/* As JSON. */
static const char *read_text(void)
{
    static struct buf json;

    ck_assert_int_eq(read_list(1 << 20), 0);
    json.len = 0;
    ck_assert_int_eq(wire_to_json(signal_table[SIGNAL_TRACES].request, buf_bytes(&request), &json, &err), 0);
    return buf_cstr(&json);
}

START_TEST(test_ports_and_small_numbers_are_what_they_were_meant_to_be)
{
    PUT(ONE_SPAN "\x0f\x00\x06\x0c\x00\x00\x00\x01" /* an annotation: sr of host s, port 40000 */
                 "\x0b\x00\x02\x00\x00\x00\x02sr\x0c\x00\x03\x06\x00\x02\x9c\x40\x0b\x00\x03\x00\x00\x00\x01s\x00\x00"
                 "\x0f\x00\x08\x0c\x00\x00\x00\x01" /* k is -5, of 16 bits */
                 "\x0b\x00\x01\x00\x00\x00\x01k\x0b\x00\x02\x00\x00\x00\x02\xff\xfb\x08\x00\x03\x00\x00\x00\x02\x00"
                 "\x00");
    ck_assert_str_eq(read_text(), "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
                                  "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"s\"}},"
                                  "{\"key\":\"port\",\"value\":{\"stringValue\":\"40000\"}}]},"
                                  "\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"kind\":2,"
                                  "\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"-5\"}}]}]}]}]}");
}
END_TEST

START_TEST(test_an_empty_list_is_an_empty_request)
{
    PUT("\x0c\x00\x00\x00\x00");
    ck_assert_int_eq(read_list(1 << 20), 0);
    ck_assert_uint_eq(request.len, 0);
}
END_TEST

START_TEST(test_what_is_no_list_is_named)
{
    ck_assert_int_eq(read_list(1 << 20), UV_EINVAL);
    ck_assert_str_eq(err.text, "the list of spans, up to byte 0: it is no list of Thrift's binary protocol");
    PUT("\x0c\x00\x00\x00\x02\x0a\x00\x01"
        "12345678"
        "\x00");
    ck_assert_int_eq(read_list(1 << 20), UV_EINVAL); /* there is one span, not two */
}
END_TEST

START_TEST(test_a_request_that_grows_too_large_is_none)
{
    PUT("\x0c\x00\x00\x00\x64");
    for (int i = 0; i < 100; i++)
        PUT("\x0b\x00\x03\x00\x00\x00\x04name\x00");
    ck_assert_int_eq(read_list(200), UV_E2BIG);
    ck_assert_int_eq(read_list(1 << 20), 0);
}
END_TEST

START_TEST(test_a_span_has_only_so_many_annotations)
{
    for (uint32_t n = 100000; n <= 100001; n++) {
        const uint8_t number[4] = { 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

        list.len = 0;
        PUT(ONE_SPAN "\x0f\x00\x06\x0c");
        buf_append(&list, number, sizeof(number));
        for (uint32_t i = 0; i < n; i++)
            PUT("\x0b\x00\x02\x00\x00\x00\x01x\x00");
        PUT("\x00");
        ck_assert_int_eq(read_list(1 << 24), n > 100000 ? UV_EINVAL : 0);
    }
    ck_assert_ptr_nonnull(strstr(err.text, "a span has more than 100000 annotations"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zipkin_thrift");
    TCase *t = tcase_create("zipkin_thrift");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, test_ports_and_small_numbers_are_what_they_were_meant_to_be);
    tcase_add_test(t, test_an_empty_list_is_an_empty_request);
    tcase_add_test(t, test_what_is_no_list_is_named);
    tcase_add_test(t, test_a_request_that_grows_too_large_is_none);
    tcase_add_test(t, test_a_span_has_only_so_many_annotations);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
