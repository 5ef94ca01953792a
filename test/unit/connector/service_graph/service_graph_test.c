/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND 1000000000ull
#define MINUTE (60 * SECOND)

extern const struct component service_graph_connector;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &service_graph_connector, SIGNAL_TRACES, SIGNAL_METRICS, yaml);
}

static void pass(uint64_t ns)
{
    processor_rig_settle(&rig, ns);
}

/* A span of that kind; `id` is its own as a client's, and its parent's as a server's. */
static void send_span(const char *service, unsigned kind, unsigned id)
{
    struct buf json = { 0 };

    buf_printf(&json,
               "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'%s'}}]},"
               "'scopeSpans':[{'spans':[{'traceId':'%032x','%s':'%016x','name':'x','kind':%u,'startTimeUnixNano':'1',"
               "'endTimeUnixNano':'1000001'}]}]}]}",
               service, 7, kind == 3 || kind == 4 ? "spanId" : "parentSpanId", id, kind);
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

static int counted(const char *what)
{
    struct buf name = { 0 };
    double v;

    buf_printf(&name, "otelcol_connector_servicegraph_%s", what);
    v = rig_metric(&rig.rig, buf_cstr(&name), NULL);
    buf_free(&name);
    return (int)v;
}

START_TEST(a_request_is_counted_when_both_sides_have_come)
{
    const char *out;

    begin("{}");
    send_span("web", 3, 1);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    send_span("shop", 2, 1);
    pass(MINUTE);
    out = processor_rig_out(&rig);
    ck_assert_msg(strstr(out, "\"stringValue\":\"web\"") != NULL && strstr(out, "\"asInt\":\"1\"") != NULL, "%s", out);
    ck_assert_uint_eq(occurrences(out, "\"count\":\"1\""), 2);
    ck_assert_int_eq(counted("total_edges"), 1);
    ck_assert_int_le(counted("expired_edges"), 0);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_side_that_waits_in_vain_is_a_request_to_nobody_known)
{
    begin("{virtual_node_extra_label: true}");
    send_span("web", 3, 1);
    pass(4 * SECOND);
    ck_assert_int_eq(counted("expired_edges"), 1);
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"stringValue\":\"unknown\""), 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_finds_no_place_to_wait_is_counted)
{
    begin("{store: {max_items: 2}}");
    for (unsigned i = 1; i <= 5; i++)
        send_span("web", 3, i);
    ck_assert_int_eq(counted("dropped_spans"), 3);
    ck_assert_int_eq(counted("total_edges"), 2);
    send_span("shop", 2, 1);
    send_span("web", 3, 9);
    ck_assert_int_eq(counted("dropped_spans"), 3);
    processor_rig_close(&rig);
}
END_TEST

/* A client's span, `ms` long. */
static void send_call(unsigned id, unsigned ms, bool failed)
{
    struct buf json = { 0 };

    buf_printf(&json,
               "{'resourceSpans':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'web'}}]},"
               "'scopeSpans':[{'spans':[{'traceId':'%032x','spanId':'%016x','kind':3,'startTimeUnixNano':'1000000',"
               "'endTimeUnixNano':'%u000000','status':{'code':%u}}]}]}]}",
               7, id, ms + 1, failed ? 2 : 0);
    processor_rig_send(&rig, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(the_same_side_twice_is_one_request)
{
    const char *out;

    begin("{}");
    send_call(1, 1, true);
    send_call(1, 4, false);
    send_span("shop", 2, 1);
    send_span("shop", 2, 1);
    ck_assert_int_eq(counted("total_edges"), 2);
    pass(MINUTE);
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(rig.sink.items, 4);
    ck_assert_msg(occurrences(out, "\"asInt\":\"1\"") == 2 && occurrences(out, "\"boolValue\":true") == 4, "%s", out);
    ck_assert_msg(occurrences(out, "\"sum\":0.004,") == 1 && occurrences(out, "\"sum\":0.001,") == 1, "%s", out);
    ck_assert_int_eq(counted("expired_edges"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(the_same_side_again_does_not_wait_longer)
{
    begin("{store_expiration_loop: 1s}");
    send_call(1, 1, false);
    pass(SECOND + SECOND / 2);
    send_call(1, 1, false);
    pass(SECOND + SECOND / 2);
    ck_assert_int_eq(counted("expired_edges"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(too_many_series_are_one)
{
    char name[8];

    begin("{max_series: 2}");
    for (unsigned i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "s%u", i);
        send_span(name, 4, i + 1);
        send_span("worker", 5, i + 1);
    }
    ck_assert_int_eq(
        (int)rig_metric(&rig.rig, "otelcd_service_graph_overflow_requests", "connector", "service_graph", NULL), 3);
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "otel.metric.overflow"), 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(series_that_nobody_uses_are_forgotten)
{
    begin("{}");
    send_span("web", 3, 1);
    send_span("shop", 2, 1);
    pass(15 * MINUTE);
    ck_assert_str_ne(processor_rig_out(&rig), "");
    pass(2 * MINUTE);
    (void)processor_rig_out(&rig);
    pass(MINUTE);
    ck_assert_str_eq(processor_rig_out(&rig), "");
    processor_rig_close(&rig);
}
END_TEST

START_TEST(without_an_interval_metrics_follow_each_batch)
{
    begin("{metrics_flush_interval: 0s}");
    send_span("web", 3, 1);
    pass(0);
    ck_assert_uint_eq(rig.sink.batches, 0);
    send_span("shop", 2, 1);
    pass(0);
    ck_assert_uint_eq(rig.sink.batches, 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(times_are_moved_by_the_offset)
{
    begin("{metrics_timestamp_offset: 10s}");
    send_span("web", 3, 1);
    send_span("shop", 2, 1);
    pass(MINUTE);
    ck_assert_uint_eq(occurrences(processor_rig_out(&rig), "\"timeUnixNano\":\"1700000050000000000\""), 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(at_the_end_everything_is_sent)
{
    begin("{}");
    send_span("web", 3, 1);
    send_span("shop", 2, 1);
    send_span("web", 3, 2);
    processor_rig_stop(&rig);
    ck_assert_uint_eq(rig.sink.items, 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(without_memory_nothing_waits)
{
    begin("{}");
    rig.rig.budget.limit = 1;
    send_span("web", 3, 1);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert_int_eq(counted("dropped_spans"), 1);
    rig.rig.budget.limit = UINT64_MAX;
    processor_rig_close(&rig);
}
END_TEST

START_TEST(names_are_cut_at_1024_bytes)
{
    char name[2001];
    struct buf cut = { 0 };
    const char *out;

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    begin("{}");
    send_span(name, 3, 1);
    send_span("b", 2, 1);
    pass(MINUTE);
    out = processor_rig_out(&rig);
    buf_printf(&cut, "\"%.1024s\"", name);
    ck_assert_ptr_nonnull(strstr(out, buf_cstr(&cut)));
    ck_assert_ptr_null(strstr(out, name));
    buf_free(&cut);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("service_graph");
    TCase *t = tcase_create("service_graph");
    SRunner *runner;
    int failed;

    tcase_add_test(t, a_request_is_counted_when_both_sides_have_come);
    tcase_add_test(t, a_side_that_waits_in_vain_is_a_request_to_nobody_known);
    tcase_add_test(t, what_finds_no_place_to_wait_is_counted);
    tcase_add_test(t, the_same_side_twice_is_one_request);
    tcase_add_test(t, the_same_side_again_does_not_wait_longer);
    tcase_add_test(t, too_many_series_are_one);
    tcase_add_test(t, series_that_nobody_uses_are_forgotten);
    tcase_add_test(t, without_an_interval_metrics_follow_each_batch);
    tcase_add_test(t, times_are_moved_by_the_offset);
    tcase_add_test(t, at_the_end_everything_is_sent);
    tcase_add_test(t, without_memory_nothing_waits);
    tcase_add_test(t, names_are_cut_at_1024_bytes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
