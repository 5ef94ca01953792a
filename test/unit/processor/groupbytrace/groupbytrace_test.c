/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

#define SECOND 1000000000ull
#define SPAN(trace, name) "{'traceId':'000000000000000000000000000000" trace "','name':'" name "'}"
#define RESOURCE(name, spans)                                                                                          \
    "{'resource':{'attributes':[{'key':'r','value':{'stringValue':'" name "'}}]},'schemaUrl':'u','scopeSpans':["       \
    "{'scope':{'name':'s'},'spans':[" spans "]}]}"
#define REQUEST(resources) "{'resourceSpans':[" resources "]}"

extern const struct component groupbytrace_processor;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &groupbytrace_processor, SIGNAL_TRACES, SIGNAL_TRACES, yaml);
}

START_TEST(a_trace_leaves_whole_and_by_itself)
{
    const char *out;

    begin("{}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "x1") "," SPAN("02", "y1") "," SPAN("01", "x2"))));
    processor_rig_pass(&rig, SECOND / 2);
    processor_rig_send(&rig, REQUEST(RESOURCE("b", SPAN("01", "x3"))));
    ck_assert_uint_eq(rig.sink.batches, 0);
    ck_assert_uint_eq(rig.ledger.held, 4);
    processor_rig_pass(&rig, SECOND / 2);
    ck_assert_uint_eq(rig.sink.batches, 2);
    ck_assert_uint_eq(rig.ledger.delivered, 4);
    out = processor_rig_out(&rig);
    ck_assert_uint_eq(occurrences(out, "\n"), 2);
    ck_assert_uint_eq(occurrences(out, "\"schemaUrl\":\"u\""), 3);
    ck_assert(strstr(out, "x3") < strchr(out, '\n') && strstr(out, "x2") < strchr(out, '\n'));
    ck_assert(strstr(out, "y1") > strchr(out, '\n'));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(later_spans_wait_anew)
{
    begin("{}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "x"))));
    processor_rig_pass(&rig, SECOND);
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "y"))));
    ck_assert_uint_eq(rig.sink.batches, 1);
    processor_rig_pass(&rig, SECOND);
    ck_assert_uint_eq(rig.sink.batches, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(past_num_traces_the_oldest_leaves_early)
{
    begin("{num_traces: 2, wait_duration: 1h}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "x") "," SPAN("02", "y") "," SPAN("03", "z"))));
    processor_rig_pass(&rig, 0);
    ck_assert_uint_eq(rig.sink.batches, 1);
    ck_assert(strstr(processor_rig_out(&rig), "\"x\"") != NULL);
    ck_assert_int_eq((int)rig_metric(&rig.rig, "otelcol_processor_groupbytrace_incomplete_releases", NULL), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(past_max_bytes_the_oldest_leave_early)
{
    begin("{max_bytes: 1, wait_duration: 1h}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "x") "," SPAN("02", "y"))));
    processor_rig_pass(&rig, 0);
    ck_assert_uint_eq(rig.sink.items, 2);
    processor_rig_close(&rig);
}
END_TEST

/* 1001 traces, of which one cannot leave. */
START_TEST(when_nothing_can_leave_senders_come_again)
{
    struct buf json = { 0 };

    begin("{num_traces: 1, wait_duration: 0s}");
    rig.sink.hold = true;
    buf_puts(&json, "{'resourceSpans':[{'scopeSpans':[{'spans':[");
    for (unsigned i = 1; i <= 1002; i++)
        buf_printf(&json, "%s{'traceId':'%032x'}", i > 1 ? "," : "", i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_uint_eq(rig.sink.held.n, 1000);
    processor_rig_send(&rig, buf_cstr(&json));
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_uint_eq(rig.rig.budget.refusals, 1);
    while (rig.sink.held.n > 0)
        sink_settle(&rig.sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    rig.sink.hold = false;
    processor_rig_pass(&rig, 0);
    processor_rig_pass(&rig, SECOND);
    ck_assert_uint_eq(rig.ledger.delivered, 1002);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_is_refused_behind_is_dropped)
{
    begin("{}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_REJECT, .reason = "type" };
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "x"))));
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_pass(&rig, SECOND);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "type"), 1);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(at_the_end_all_leave)
{
    begin("{wait_duration: 1h}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", SPAN("01", "x") "," SPAN("02", "y"))));
    processor_rig_stop(&rig);
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(spans_without_an_id_are_a_trace)
{
    begin("{}");
    processor_rig_send(&rig, REQUEST(RESOURCE("a", "{'name':'x'},{'name':'y'}")));
    processor_rig_pass(&rig, SECOND);
    ck_assert_uint_eq(rig.sink.batches, 1);
    processor_rig_close(&rig);
}
END_TEST

/* Each trace takes its resource along: of 5 MB ones four are on their way at most, which is the first to pass 16. */
START_TEST(what_is_on_its_way_is_bounded_in_bytes)
{
    struct buf json = { 0 };

    begin("{}");
    rig.sink.hold = true;
    buf_puts(&json, "{'resourceSpans':[{'resource':{'attributes':[{'key':'r','value':{'stringValue':'");
    for (unsigned i = 0; i < 5000000; i++)
        buf_putc(&json, 'x');
    buf_puts(&json, "'}}]},'scopeSpans':[{'spans':[");
    for (unsigned i = 1; i <= 6; i++)
        buf_printf(&json, "%s{'traceId':'%032x'}", i > 1 ? "," : "", i);
    buf_puts(&json, "]}]}]}");
    processor_rig_send(&rig, buf_cstr(&json));
    processor_rig_pass(&rig, SECOND);
    ck_assert_uint_eq(rig.sink.held.n, 4);
    rig.sink.hold = false;
    while (rig.sink.held.n > 0)
        sink_settle(&rig.sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    processor_rig_pass(&rig, 0);
    processor_rig_pass(&rig, SECOND);
    ck_assert_uint_eq(rig.ledger.delivered, 6);
    processor_rig_send(&rig, buf_cstr(&json));
    processor_rig_stop(&rig);
    ck_assert_uint_eq(rig.ledger.delivered, 12);
    buf_free(&json);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("groupbytrace");
    TCase *t = tcase_create("groupbytrace");
    SRunner *runner;
    int failed;

    tcase_add_test(t, a_trace_leaves_whole_and_by_itself);
    tcase_add_test(t, later_spans_wait_anew);
    tcase_add_test(t, past_num_traces_the_oldest_leaves_early);
    tcase_add_test(t, past_max_bytes_the_oldest_leave_early);
    tcase_add_test(t, when_nothing_can_leave_senders_come_again);
    tcase_add_test(t, what_is_refused_behind_is_dropped);
    tcase_add_test(t, at_the_end_all_leave);
    tcase_add_test(t, spans_without_an_id_are_a_trace);
    tcase_add_test(t, what_is_on_its_way_is_bounded_in_bytes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
