/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component cumulative_to_delta_processor;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &cumulative_to_delta_processor, SIGNAL_METRICS, SIGNAL_METRICS, yaml);
}

/* A cumulative point of the stream `key`. */
static void send_point(unsigned key, unsigned time, unsigned value)
{
    char *json = mem_printf("{'name':'m','sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':["
                            "{'startTimeUnixNano':'1','timeUnixNano':'%u','asInt':'%u','attributes':["
                            "{'key':'k','value':{'intValue':'%u'}}]}]}}",
                            time, value, key);

    processor_rig_send_metric(&rig, json);
    free(json);
}

static bool sent(const char *text)
{
    return strstr(processor_rig_out(&rig), text) != NULL;
}

START_TEST(streams_beyond_max_streams_are_dropped_and_known_ones_go_on)
{
    begin("{max_streams: 2}");
    for (unsigned key = 0; key < 4; key++)
        send_point(key, 2, 10);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "initial"), 2);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "stream_limit"), 2);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_cumulativetodelta_streams_tracked", NULL), 2);
    send_point(1, 3, 14);
    ck_assert(sent("\"asInt\":\"4\""));
    send_point(3, 3, 14);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "stream_limit"), 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_stream_that_nothing_comes_for_is_forgotten)
{
    begin("{max_staleness: 1m}");
    send_point(0, 2, 10);
    send_point(1, 2, 10);
    for (unsigned i = 0; i < 4; i++) {
        processor_rig_pass(&rig, 30 * NS_PER_S);
        send_point(0, 3 + i, 11 + i);
        ck_assert(sent("\"asInt\":\"1\""));
    }
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_cumulativetodelta_streams_tracked", NULL), 1);
    processor_rig_pass(&rig, 70 * NS_PER_S);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_cumulativetodelta_streams_tracked", NULL), 0);
    send_point(0, 9, 20);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "initial"), 3);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(with_max_staleness_0_nothing_is_forgotten)
{
    begin("{max_staleness: 0s}");
    send_point(0, 2, 10);
    processor_rig_pass(&rig, 1000000 * NS_PER_S);
    send_point(0, 3, 11);
    ck_assert(sent("\"asInt\":\"1\""));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(without_room_in_the_budget_new_streams_are_dropped)
{
    begin("{}");
    send_point(0, 2, 10);
    budget_set_limit(&rig.rig.budget, rig.rig.budget.used + 200);
    for (unsigned key = 1; key < 20; key++)
        send_point(key, 2, 10);
    ck_assert_uint_gt(processor_rig_dropped(&rig, "stream_limit"), 15);
    send_point(0, 3, 11);
    ck_assert(sent("\"asInt\":\"1\""));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(histograms_are_given_back_to_the_budget)
{
    begin("{initial_value: keep}");
    for (unsigned i = 1; i < 4; i++) {
        char *json =
            mem_printf("{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{'timeUnixNano':'%u',"
                       "'count':'%u','sum':%u,'bucketCounts':['%u','%u'],'explicitBounds':[1]}]}}",
                       i, 3 * i, i, i, 2 * i);

        processor_rig_send_metric(&rig, json);
        free(json);
        ck_assert(sent("\"bucketCounts\":[\"1\",\"2\"]"));
    }
    processor_rig_close(&rig);
}
END_TEST

static void send_histogram(unsigned time, unsigned count, const char *more)
{
    char *json = mem_printf("{'name':'h','exponentialHistogram':{'aggregationTemporality':2,'dataPoints':["
                            "{'startTimeUnixNano':'1','timeUnixNano':'%u','count':'%u','zeroCount':'%u'%s}]}}",
                            time, count, count, more);

    processor_rig_send_metric(&rig, json);
    free(json);
}

START_TEST(a_histogram_behind_one_that_could_not_be_remembered_is_not_measured_from_nothing)
{
    begin("{}");
    send_histogram(2, 1000, ",'positive':{'offset':2147483647,'bucketCounts':['1','1']}");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "bucket_mismatch"), 1);
    send_histogram(3, 1001, "");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "initial"), 1);
    send_histogram(4, 1003, "");
    ck_assert(sent("\"count\":\"2\""));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(data_that_other_data_stands_behind_is_dropped_and_counted)
{
    begin("{initial_value: keep}");
    processor_rig_send_two_data(&rig, "m");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "overwritten"), 1);
    ck_assert(sent("\"asInt\":\"5\""));
    processor_rig_close(&rig);
}
END_TEST

/* What the sender sends again is what it was made of: the difference to the point before is sent, not to itself. */
START_TEST(a_batch_that_is_refused_for_now_is_the_same_delta_when_it_comes_again)
{
    begin("{initial_value: drop}");
    send_point(0, 2, 10);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "initial"), 1);
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full" };
    for (unsigned i = 0; i < 3; i++) {
        send_point(0, 3, 14);
        ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
        ck_assert(sent("\"asInt\":\"4\""));
        ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_processor_outgoing_items", "otel_signal", "metrics",
                                       "processor", "cumulative_to_delta", NULL),
                            i + 1);
    }
    rig.sink.answer = (struct outcome){ 0 };
    send_point(0, 3, 14);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    ck_assert(sent("\"asInt\":\"4\""));
    send_point(0, 4, 15);
    ck_assert(sent("\"asInt\":\"1\""));
    send_point(0, 3, 14);
    ck_assert(!sent("\"asInt\":\"4\""));
    processor_rig_close(&rig);
}
END_TEST

#define MIXED                                                                                                          \
    "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'m','sum':{'aggregationTemporality':2,'isMonotonic':"    \
    "true,'dataPoints':[{'startTimeUnixNano':'1','timeUnixNano':'2','asInt':'10'}]}},{'name':'g','gauge':{"            \
    "'dataPoints':[{'asInt':'7'}]}}]}]}]}"

/* What was dropped of it is each time; and what nobody comes for again does not pile up. */
START_TEST(what_is_kept_of_refused_batches_is_limited_and_its_losses_are_counted)
{
    begin("{initial_value: drop}");
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full" };
    processor_rig_send(&rig, MIXED);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "initial"), 1);
    for (unsigned i = 0; i < 10; i++)
        processor_rig_send(&rig, MIXED);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "initial"), 11);
    budget_set_limit(&rig.rig.budget, 1u << 20);
    for (unsigned i = 0; i < 200; i++)
        send_point(1 + i, 2, 1);
    for (unsigned i = 0; i < 200; i++)
        send_point(1 + i, 3, 2);
    ck_assert_uint_le(rig.rig.budget.used, 1u << 18);
    rig.sink.answer = (struct outcome){ 0 };
    processor_rig_send(&rig, MIXED);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_close(&rig);
}
END_TEST

/* A sender that comes after five minutes has given up before; what was made for it is given back. */
START_TEST(what_is_kept_of_a_refused_batch_is_forgotten_after_five_minutes)
{
    uint64_t before;

    begin("{initial_value: drop}");
    send_point(0, 2, 10);
    before = rig.rig.budget.used;
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full" };
    send_point(0, 3, 14);
    ck_assert(sent("\"asInt\":\"4\""));
    rig.sink.answer = (struct outcome){ 0 };
    send_point(1, 3, 14);
    ck_assert_uint_gt(rig.rig.budget.used, before);
    processor_rig_pass(&rig, 300 * NS_PER_S);
    send_point(0, 3, 14);
    ck_assert(!sent("\"asInt\":\"4\""));
    processor_rig_close(&rig);
}
END_TEST

/* What goes on is a hundredth of a request that stays as a whole. */
START_TEST(what_is_kept_of_refused_batches_is_limited_by_what_it_is_in)
{
    char *padding = mem_printf("%0800000d", 0);

    begin("{initial_value: drop}");
    budget_set_limit(&rig.rig.budget, 32u << 20);
    rig.sink.answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "queue_full" };
    for (unsigned i = 0; i < 10; i++) {
        char *json =
            mem_printf("{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'m%u','description':'%s','sum':"
                       "{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[{'timeUnixNano':'2',"
                       "'asInt':'10'}]}}]}]},{'scopeMetrics':[{'metrics':[{'name':'g','description':'%.8000s',"
                       "'gauge':{'dataPoints':[{'asInt':'7'}]}}]}]}]}",
                       i, padding, padding);

        processor_rig_send(&rig, json);
        ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
        free(json);
    }
    ck_assert_uint_le(rig.rig.budget.used, 3u << 20);
    processor_rig_close(&rig);
    free(padding);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cumulative_to_delta");
    TCase *t = tcase_create("cumulative_to_delta");
    SRunner *runner;
    int failed;

    tcase_add_test(t, streams_beyond_max_streams_are_dropped_and_known_ones_go_on);
    tcase_add_test(t, a_stream_that_nothing_comes_for_is_forgotten);
    tcase_add_test(t, with_max_staleness_0_nothing_is_forgotten);
    tcase_add_test(t, without_room_in_the_budget_new_streams_are_dropped);
    tcase_add_test(t, histograms_are_given_back_to_the_budget);
    tcase_add_test(t, a_histogram_behind_one_that_could_not_be_remembered_is_not_measured_from_nothing);
    tcase_add_test(t, data_that_other_data_stands_behind_is_dropped_and_counted);
    tcase_add_test(t, a_batch_that_is_refused_for_now_is_the_same_delta_when_it_comes_again);
    tcase_add_test(t, what_is_kept_of_refused_batches_is_limited_and_its_losses_are_counted);
    tcase_add_test(t, what_is_kept_of_refused_batches_is_limited_by_what_it_is_in);
    tcase_add_test(t, what_is_kept_of_a_refused_batch_is_forgotten_after_five_minutes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
