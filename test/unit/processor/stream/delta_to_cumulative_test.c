/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component delta_to_cumulative_processor;

static struct processor_rig rig;

static void begin(const char *yaml)
{
    processor_rig_init(&rig, &delta_to_cumulative_processor, SIGNAL_METRICS, SIGNAL_METRICS, yaml);
}

/* A point of the stream `key`; `value` is a field and its value. */
static void send_point(unsigned key, unsigned start, unsigned time, const char *value)
{
    char *json = mem_printf("{'name':'m','sum':{'aggregationTemporality':1,'dataPoints':[{'startTimeUnixNano':'%u',"
                            "'timeUnixNano':'%u',%s,'attributes':[{'key':'k','value':{'intValue':'%u'}}]}]}}",
                            start, time, value, key);

    processor_rig_send_metric(&rig, json);
    free(json);
}

static void send_data(const char *kind, unsigned time, const char *measured)
{
    char *json = mem_printf("{'name':'h','%s':{'aggregationTemporality':1,'dataPoints':[{'startTimeUnixNano':'1',"
                            "'timeUnixNano':'%u',%s}]}}",
                            kind, time, measured);

    processor_rig_send_metric(&rig, json);
    free(json);
}

static bool sent(const char *text)
{
    const char *out = processor_rig_out(&rig);

    if (strstr(out, text) == NULL)
        fprintf(stderr, "%s\n", out);
    return strstr(out, text) != NULL;
}

START_TEST(numbers_are_added_up_from_the_first_start)
{
    begin("{}");
    send_point(0, 1, 2, "'asInt':'5'");
    ck_assert(sent(
        "\"startTimeUnixNano\":\"1\",\"timeUnixNano\":\"2\",\"asInt\":\"5\",\"attributes\":[{\"key\":\"k\",\"value\":{"
        "\"intValue\":\"0\"}}]"));
    send_point(0, 2, 3, "'asInt':'-7'");
    ck_assert(sent("\"asInt\":\"-2\""));
    send_point(1, 2, 3, "'asDouble':1.5");
    send_point(1, 3, 4, "'asDouble':2.25,'exemplars':[{'asDouble':9}]");
    ck_assert(
        sent("\"startTimeUnixNano\":\"2\",\"timeUnixNano\":\"4\",\"asDouble\":3.75,\"exemplars\":[{\"asDouble\":9}]"));
    send_point(1, 4, 5, "'asDouble':2.25");
    ck_assert(sent("\"asDouble\":6"));
    send_point(0, 3, 4, "'asDouble':0.5");
    ck_assert(sent("\"asDouble\":-1.5"));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(what_is_not_newer_is_dropped_with_its_reason)
{
    begin("{}");
    send_point(0, 5, 6, "'asInt':'1'");
    send_point(0, 5, 6, "'asInt':'1'");
    send_point(0, 4, 7, "'asInt':'1'");
    send_point(0, 6, 7, "'flags':1");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "out_of_order"), 1);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "older_start"), 1);
    ck_assert_uint_eq(processor_rig_dropped(&rig, "no_recorded_value"), 1);
    ck_assert_double_eq(
        rig_metric(&rig.rig, "otelcol_deltatocumulative_datapoints", "error", "delta.ErrOutOfOrder", NULL), 1);
    ck_assert_double_eq(rig_metric(&rig.rig, "otelcol_deltatocumulative_datapoints", NULL), 1);
    send_point(0, 6, 7, "'asInt':'1'");
    ck_assert(sent("\"asInt\":\"2\""));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(histograms_are_added_up_and_other_bounds_begin_anew)
{
    begin("{}");
    send_data("histogram", 2, "'count':3,'sum':4,'min':1,'max':2,'bucketCounts':[1,2],'explicitBounds':[1]");
    ck_assert(sent("\"min\":1"));
    send_data("histogram", 3, "'count':4,'sum':6,'max':5,'bucketCounts':[3,1],'explicitBounds':[1]");
    ck_assert(sent("\"count\":\"7\",\"sum\":10,\"bucketCounts\":[\"4\",\"3\"],\"explicitBounds\":[1],\"max\":5}"));
    send_data("histogram", 4, "'count':1,'bucketCounts':[1,0],'explicitBounds':[2]");
    ck_assert(sent("\"count\":\"1\",\"bucketCounts\":[\"1\",\"0\"],\"explicitBounds\":[2]"));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(exponential_histograms_are_added_up_at_the_coarser_scale)
{
    begin("{}");
    send_data("exponentialHistogram", 2, "'count':3,'scale':2,'positive':{'offset':4,'bucketCounts':[1,2]}");
    ck_assert(sent("\"scale\":2"));
    send_data("exponentialHistogram", 3,
              "'count':5,'scale':1,'zeroCount':1,'positive':{'offset':2,'bucketCounts':[4]}");
    ck_assert(
        sent("\"count\":\"8\",\"scale\":1,\"zeroCount\":\"1\",\"positive\":{\"offset\":2,\"bucketCounts\":[\"7\"]}"));
    send_data("exponentialHistogram", 4, "'count':1,'scale':1,'positive':{'offset':1000,'bucketCounts':[1]}");
    ck_assert(sent("\"count\":\"9\",\"scale\":-2,"));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_malformed_point_leaves_nothing_behind)
{
    begin("{}");
    send_data("exponentialHistogram", 5, "'count':1,'positive':{'offset':2147483647,'bucketCounts':[1,1]}");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "malformed"), 1);
    send_data("exponentialHistogram", 4, "'count':3,'scale':6,'positive':{'offset':4,'bucketCounts':[1,2]}");
    ck_assert(sent("\"count\":\"3\",\"scale\":6,"));
    processor_rig_close(&rig);
}
END_TEST

/* Small points that are added to a stream with as many buckets as there can be. */
static void send_many(unsigned from, unsigned n)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'name':'h','exponentialHistogram':{'aggregationTemporality':1,'dataPoints':[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s{'startTimeUnixNano':'1','timeUnixNano':'%u','count':1,'zeroCount':1}", i > 0 ? "," : "",
                   from + i);
    buf_puts(&json, "]}}");
    processor_rig_send_metric(&rig, buf_cstr(&json));
    buf_free(&json);
}

static void send_wide(void)
{
    struct buf json = { 0 };

    buf_puts(&json, "'count':9,'positive':{'bucketCounts':[");
    for (unsigned i = 0; i < 160; i++)
        buf_printf(&json, "%s'9223372036854775807'", i > 0 ? "," : "");
    buf_puts(&json, "]}");
    send_data("exponentialHistogram", 2, buf_cstr(&json));
    buf_free(&json);
}

START_TEST(sums_that_the_budget_has_no_room_for_are_refused)
{
    uint64_t used;

    begin("{}");
    send_wide();
    used = rig.rig.budget.used;
    rig.rig.budget.peak = used;
    budget_set_limit(&rig.rig.budget, used + 2000000);
    send_many(3, 10000);
    ck_assert_int_eq(rig.verdict, VERDICT_RETRY);
    ck_assert_uint_le(rig.rig.budget.peak, rig.rig.budget.limit);
    ck_assert_uint_eq(rig.rig.budget.used, used);
    budget_set_limit(&rig.rig.budget, UINT64_MAX);
    send_many(20000, 10000);
    ck_assert_int_eq(rig.verdict, VERDICT_SAFE);
    processor_rig_close(&rig);
}
END_TEST

START_TEST(streams_beyond_max_streams_are_dropped_and_stale_ones_make_room)
{
    begin("{max_streams: 2, max_stale: 1m}");
    for (unsigned key = 0; key < 3; key++)
        send_point(key, 1, 2, "'asInt':'1'");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "stream_limit"), 1);
    processor_rig_pass(&rig, 70 * NS_PER_S);
    send_point(2, 1, 2, "'asInt':'1'");
    ck_assert_uint_eq(processor_rig_dropped(&rig, "stream_limit"), 1);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("delta_to_cumulative");
    TCase *t = tcase_create("delta_to_cumulative");
    SRunner *runner;
    int failed;

    tcase_add_test(t, numbers_are_added_up_from_the_first_start);
    tcase_add_test(t, what_is_not_newer_is_dropped_with_its_reason);
    tcase_add_test(t, histograms_are_added_up_and_other_bounds_begin_anew);
    tcase_add_test(t, exponential_histograms_are_added_up_at_the_coarser_scale);
    tcase_add_test(t, a_malformed_point_leaves_nothing_behind);
    tcase_add_test(t, sums_that_the_budget_has_no_room_for_are_refused);
    tcase_add_test(t, streams_beyond_max_streams_are_dropped_and_stale_ones_make_room);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
