/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

#define SECOND 1000000000ull
#define PAIR(k, v) "{'key':'" k "','value':{'stringValue':'" v "'}}"
#define EVENT(type)                                                                                                    \
    "{'timeUnixNano':'5','name':'exception','attributes':[" PAIR("exception.type",                                     \
                                                                 type) "," PAIR("exception.stacktrace", "at x") "]}"
#define SPAN(name, events)                                                                                             \
    "{'traceId':'00000000000000000000000000000007','spanId':'0000000000000007','name':'" name                          \
    "','kind':2,'status':{'code':2},'attributes':[" PAIR("http.route", "/") "," PAIR(                                  \
        "span.name", "other") "],'events':[" events "]}"
#define REQUEST(spans)                                                                                                 \
    "{'resourceSpans':[{'resource':{'attributes':[" PAIR("service.name", "shop") "," PAIR(                             \
        "region", "eu") "]},'scopeSpans':[{'scope':{'name':'lib'},'spans':[" spans "]}]}]}"

extern const struct component exceptions_connector;

static struct processor_rig rig;

static void begin(enum signal to, const char *yaml)
{
    processor_rig_init(&rig, &exceptions_connector, SIGNAL_TRACES, to, yaml);
}

static void pass(uint64_t ns)
{
    processor_rig_settle(&rig, ns);
}

START_TEST(exceptions_are_counted_by_type_and_message)
{
    const char *out;

    begin(SIGNAL_METRICS, "{}");
    processor_rig_send(&rig, REQUEST(SPAN("x", EVENT("A") "," EVENT("A") "," EVENT("B") ",{'name':'note'}")));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"name\":\"exceptions\"") != NULL && strstr(out, "exceptionsconnector") != NULL, "%s",
                  out);
    ck_assert_uint_eq(occurrences(out, "\"asInt\":\"2\""), 1);
    ck_assert_uint_eq(occurrences(out, "\"asInt\":\"1\""), 1);
    ck_assert_uint_eq(occurrences(out, "SPAN_KIND_SERVER"), 2);
    ck_assert_uint_eq(occurrences(out, "STATUS_CODE_ERROR"), 2);
    ck_assert_ptr_null(strstr(out, "exception.message"));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(metrics_are_sent_once_a_second_at_most)
{
    begin(SIGNAL_METRICS, "{}");
    for (unsigned i = 0; i < 5; i++)
        processor_rig_send(&rig, REQUEST(SPAN("x", EVENT("A"))));
    pass(0);
    ck_assert_uint_eq(rig.sink.batches, 1);
    (void)processor_rig_out(&rig);
    pass(SECOND);
    ck_assert_uint_eq(rig.sink.batches, 2);
    ck_assert(strstr(processor_rig_out(&rig), "\"asInt\":\"5\"") != NULL);
    pass(10 * SECOND);
    ck_assert_uint_eq(rig.sink.batches, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(dimensions_are_of_the_span_the_event_or_the_resource)
{
    const char *out;

    begin(SIGNAL_METRICS,
          "{dimensions: [{name: http.route}, {name: region}, {name: exception.type}, {name: x, default: y}], "
          "exemplars: {enabled: true}}");
    processor_rig_send(&rig, REQUEST(SPAN("x", EVENT("A"))));
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "{\"key\":\"http.route\",\"value\":{\"stringValue\":\"/\"}}") != NULL &&
                      strstr(out, "{\"key\":\"region\",\"value\":{\"stringValue\":\"eu\"}}") != NULL &&
                      strstr(out, "{\"key\":\"x\",\"value\":{\"stringValue\":\"y\"}}") != NULL &&
                      strstr(out, "\"asDouble\":1") != NULL,
                  "%s", out);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(too_many_series_are_one)
{
    begin(SIGNAL_METRICS, "{max_series: 1}");
    processor_rig_send(&rig, REQUEST(SPAN("x", EVENT("A") "," EVENT("B") "," EVENT("C"))));
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "otel.metric.overflow"), 1);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_exceptions_overflow", "connector", "exceptions", NULL), 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(each_exception_becomes_a_record)
{
    const char *out;

    begin(SIGNAL_LOGS, "{}");
    processor_rig_send(&rig, REQUEST(SPAN("x", EVENT("A") "," EVENT("B")) "," SPAN("y", "")));
    ck_assert_uint_eq(rig.sink.items, 2);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(occurrences(out, "\"severityText\":\"ERROR\""), 2);
    ck_assert_uint_eq(occurrences(out, "\"traceId\":\"00000000000000000000000000000007\""), 2);
    ck_assert_uint_eq(occurrences(out, "\"key\":\"span.name\""), 2);
    ck_assert_uint_eq(occurrences(out, "{\"key\":\"span.name\",\"value\":{\"stringValue\":\"x\"}}"), 2);
    ck_assert_uint_eq(occurrences(out, "{\"key\":\"exception.stacktrace\",\"value\":{\"stringValue\":\"at x\"}}"), 2);
    ck_assert_uint_eq(occurrences(out, "\"scope\":{\"name\":\"lib\"}"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(the_sender_hears_how_the_records_fared)
{
    begin(SIGNAL_LOGS, "{}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "away" };
    processor_rig_send(&rig, REQUEST(SPAN("x", EVENT("A"))));
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    processor_rig_send(&rig, REQUEST(SPAN("x", "")));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_close(&rig);
}
END_TEST

/* Each of a thousand records would have the attribute again. */
START_TEST(records_that_would_be_too_large_are_left_out)
{
    struct buf json = { 0 };

    begin(SIGNAL_LOGS, "{}");
    rig.rig.budget.limit = 64u << 20;
    buf_puts(&json, "{'resourceSpans':[{'resource':{'attributes':[" PAIR(
                        "service.name", "shop") "]},'scopeSpans':[{'spans':[{"
                                                "'attributes':[{'key':'a','value':{'stringValue':'");
    for (unsigned i = 0; i < 100000; i++)
        buf_puts(&json, "x");
    buf_puts(&json, "'}}],'events':[");
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&json, "%s{'name':'exception'}", i > 0 ? "," : "");
    buf_puts(&json, "]}]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_lt(rig.sink.items, 200);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcd_exceptions_left_out", "connector", "exceptions", NULL),
                     1000 - (int)rig.sink.items);
    rig.rig.budget.limit = UINT64_MAX;
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("exceptions");
    TCase *t = tcase_create("exceptions");
    SRunner *runner;
    int failed;

    tcase_add_test(t, exceptions_are_counted_by_type_and_message);
    tcase_add_test(t, metrics_are_sent_once_a_second_at_most);
    tcase_add_test(t, dimensions_are_of_the_span_the_event_or_the_resource);
    tcase_add_test(t, too_many_series_are_one);
    tcase_add_test(t, each_exception_becomes_a_record);
    tcase_add_test(t, the_sender_hears_how_the_records_fared);
    tcase_add_test(t, records_that_would_be_too_large_are_left_out);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
