/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/series/series.h"
#include "support/rig/series_rig.h"

#include <check.h>
#include <stdlib.h>

/* JSON put together of macros and literals: clang-format does not come to rest over it. */
/* clang-format off */

static struct series_rig r;

static void setup(void)
{
    series_rig_init(&r);
}

static void teardown(void)
{
    series_rig_close(&r);
}

#define SHOWS(text) ck_assert_str_eq(series_rig_lines(&r), text)

#define A(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define AT(t) "'timeUnixNano':'" #t "'"
#define FROM(s, t) "'startTimeUnixNano':'" #s "'," AT(t)
#define GAUGE(name, points) "{'name':'" name "','gauge':{'dataPoints':[" points "]}}"
#define SUM(name, rest, points) "{'name':'" name "','sum':{" rest ",'dataPoints':[" points "]}}"
#define CUMULATIVE "'aggregationTemporality':2,'isMonotonic':true"
#define DELTA "'aggregationTemporality':1,'isMonotonic':true"
#define HISTOGRAM(name, temporality, points)                                                                           \
    "{'name':'" name "','histogram':{'aggregationTemporality':" #temporality ",'dataPoints':[" points "]}}"
#define EXPONENTIAL(name, temporality, points)                                                                         \
    "{'name':'" name "','exponentialHistogram':{'aggregationTemporality':" #temporality ",'dataPoints':[" points "]}}"
#define SUMMARY(name, points) "{'name':'" name "','summary':{'dataPoints':[" points "]}}"

START_TEST(a_point_is_shown_with_its_attributes_as_labels)
{
    series_rig_metric(&r,
                      GAUGE("disk.free", "{" AT(5) ",'asInt':'7','attributes':[" A("b", "2") "," A("a.c", "1") "]}"));
    SHOWS("disk_free{a_c=\"1\",b=\"2\"} 7\n");
}
END_TEST

START_TEST(the_newest_point_stays_whatever_order_they_arrive_in)
{
    series_rig_metric(&r, GAUGE("g", "{" AT(5) ",'asInt':'1'},{" AT(7) ",'asInt':'2'},{" AT(6) ",'asInt':'3'}"));
    SHOWS("g 2\n");
    series_rig_metric(&r, GAUGE("g", "{" AT(7) ",'asDouble':2.5}"));
    SHOWS("g 2.5\n");
}
END_TEST

START_TEST(the_order_of_attributes_makes_no_series)
{
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1','attributes':[" A("a", "x") "," A("b", "y") "]}"));
    series_rig_metric(&r, GAUGE("g", "{" AT(2) ",'asInt':'2','attributes':[" A("b", "y") "," A("a", "x") "]}"));
    series_rig_metric(&r, GAUGE("g", "{" AT(3) ",'asInt':'3','attributes':[" A("b", "y") "," A("a", "x") "]}"));
    SHOWS("g{a=\"x\",b=\"y\"} 3\n");
    ck_assert_uint_eq(r.store.n_series, 1);
    ck_assert_uint_eq(r.store.streams.n_cached, 2);
}
END_TEST

START_TEST(names_and_resources_that_become_equal_are_one_series)
{
    series_rig_metric(&r, GAUGE("a.b", "{" AT(1) ",'asInt':'1'}"));
    series_rig_metric(&r, GAUGE("a_b", "{" AT(2) ",'asInt':'2'}"));
    series_rig_take(
        &r, "{'resourceMetrics':[{'resource':{'attributes':[" A(
                "host.name", "h") "]},'scopeMetrics':[{'metrics':[" GAUGE("a.b", "{" AT(3) ",'asInt':'3'}") "]}]}]}");
    SHOWS("a_b 3\n");
    ck_assert_uint_eq(r.store.n_series, 1);
}
END_TEST

#define FROM_HOST(host, metric)                                                                                        \
    "{'resourceMetrics':[{'resource':{'attributes':[" A("host.name", host) "]},'scopeMetrics':[{'metrics':[" metric    \
    "]}]}]}"

START_TEST(senders_that_share_a_series_are_counted_and_the_last_writer_wins)
{
    for (int round = 1; round < 4; round++) {
        char json[512];

        snprintf(json, sizeof(json), FROM_HOST("web-1", GAUGE("g", "{'timeUnixNano':'%d','asInt':'1'}")), round);
        series_rig_take(&r, json);
        ck_assert_uint_eq(r.result.rejected, 0);
        snprintf(json, sizeof(json), FROM_HOST("web-2", GAUGE("g", "{'timeUnixNano':'%d','asInt':'2'}")), round);
        series_rig_take(&r, json);
        ck_assert_uint_eq(series_rig_rejected(&r, "collision"), 1);
        SHOWS("g 2\n");
    }
}
END_TEST

START_TEST(senders_in_turn_collide_from_the_second_time_on)
{
    series_rig_take(&r, FROM_HOST("web-1", GAUGE("g", "{" AT(10) ",'asInt':'1'}")));
    series_rig_take(&r, FROM_HOST("web-2", GAUGE("g", "{" AT(13) ",'asInt':'2'}")));
    ck_assert_uint_eq(r.result.rejected, 0);
    series_rig_take(&r, FROM_HOST("web-1", GAUGE("g", "{" AT(20) ",'asInt':'1'}")));
    ck_assert_uint_eq(r.result.rejected, 0);
    series_rig_take(&r, FROM_HOST("web-2", GAUGE("g", "{" AT(23) ",'asInt':'2'}")));
    ck_assert_uint_eq(series_rig_rejected(&r, "collision"), 1);
    SHOWS("g 2\n");
}
END_TEST

START_TEST(a_sender_that_follows_another_is_no_collision)
{
    series_rig_take(&r, FROM_HOST("before", GAUGE("g", "{" AT(10) ",'asInt':'1'}")));
    for (int t = 20; t < 60; t += 10) {
        char json[512];

        snprintf(json, sizeof(json), FROM_HOST("after", GAUGE("g", "{'timeUnixNano':'%d','asInt':'%d'}")), t, t);
        series_rig_take(&r, json);
        ck_assert_uint_eq(r.result.rejected, 0);
    }
    SHOWS("g 50\n");
}
END_TEST

START_TEST(points_of_one_request_that_become_one_sample_are_told_apart)
{
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'3','attributes':[{'key':'a','value':{'intValue':'1'}}]},"
                                     "{" AT(1) ",'asInt':'9','attributes':[" A("a", "1") "]}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "collision"), 1);
    series_rig_metric(&r, GAUGE("x.y", "{" AT(1) ",'asInt':'1'}"));
    series_rig_metric(&r, GAUGE("x_y", "{" AT(1) ",'asInt':'2'}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "collision"), 1);
    series_rig_metric(&r, GAUGE("z", "{" AT(1) ",'asInt':'1','attributes':[" A("a", "x") "," A("b", "y") "]}"));
    series_rig_metric(&r, GAUGE("z", "{" AT(1) ",'asInt':'1','attributes':[" A("b", "y") "," A("a", "x") "]}"));
    ck_assert_uint_eq(r.result.rejected, 0); /* another order of the same */
}
END_TEST

START_TEST(deltas_of_senders_that_share_a_series_are_added)
{
    series_rig_take(&r, FROM_HOST("web-1", SUM("d", DELTA, "{" FROM(1, 2) ",'asInt':'5'}")));
    series_rig_take(&r, FROM_HOST("web-2", SUM("d", DELTA, "{" FROM(1, 2) ",'asInt':'7'}")));
    series_rig_take(&r, FROM_HOST("web-1", SUM("d", DELTA, "{" FROM(2, 3) ",'asInt':'1'}")));
    ck_assert_uint_eq(r.result.rejected, 0);
    series_rig_take(&r, FROM_HOST("web-2", SUM("d", DELTA, "{" FROM(1, 2) ",'asInt':'7'}")));
    ck_assert_uint_eq(series_rig_rejected(&r, "not_newer"), 1);
    SHOWS("d_total 13\n");
}
END_TEST

START_TEST(byte_orders_of_one_series_are_remembered_only_so_many)
{
    char json[512];

    for (int i = 0; i < 100; i++) {
        /* A repeated key: the last one stays, so all are one series. */
        snprintf(json, sizeof(json),
                 GAUGE("g", "{" AT(1) ",'asInt':'%d','attributes':[{'key':'a','value':{'intValue':'%d'}},"
                                      "{'key':'a','value':{'intValue':'1'}}]}"),
                 i, i);
        series_rig_metric(&r, json);
    }
    SHOWS("g{a=\"1\"} 99\n");
    ck_assert_uint_eq(r.store.n_series, 1);
    ck_assert_uint_le(r.store.streams.n_cached, 17);
}
END_TEST

START_TEST(attributes_that_become_one_label_are_joined_by_the_order_of_their_keys)
{
    series_rig_metric(
        &r, GAUGE("g", "{" AT(1) ",'asInt':'1','attributes':[" A("a.b", "x") "," A("a_b", "y") "," A("a-b", "z") "]}"));
    SHOWS("g{a_b=\"z;x;y\"} 1\n");
}
END_TEST

START_TEST(a_point_whose_attribute_can_be_no_label_is_rejected_alone)
{
    series_rig_metric(
        &r, GAUGE("g", "{" AT(1) ",'asInt':'1','attributes':[" A(
                           "___", "x") "]},"
                                       "{" AT(1) ",'asInt':'2','attributes':[" A(
                                           "__name__", "x") "]},"
                                                            "{" AT(1) ",'asInt':'3','attributes':[" A("a", "x") "]}"));
    SHOWS("g{a=\"x\"} 3\n");
    ck_assert_uint_eq(r.result.rejected, 2);
    ck_assert_uint_eq(series_rig_rejected(&r, "bad_label"), 2);
}
END_TEST

START_TEST(a_metric_without_a_name_is_rejected)
{
    series_rig_metric(&r, GAUGE("___", "{" AT(1) ",'asInt':'1'},{" AT(1) ",'asInt':'1'}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "bad_name"), 2);
    SHOWS("");
    ck_assert_uint_eq(r.store.streams.table.n, 0);
}
END_TEST

START_TEST(the_first_type_of_a_name_stays_while_it_has_series)
{
    series_rig_metric(&r, SUM("x", CUMULATIVE, "{" AT(1) ",'asInt':'1'}"));
    series_rig_metric(&r, GAUGE("x.total", "{" AT(2) ",'asInt':'2','attributes':[" A("a", "b") "]}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "type_conflict"), 1);
    ck_assert_str_eq(r.result.reasons[0].example, "x_total");
    SHOWS("x_total 1\n");
    clock_advance(&r.rig.loop.clock, 400 * NS_PER_S);
    series_rig_metric(&r, GAUGE("x.total", "{" AT(2) ",'asInt':'2'}"));
    ck_assert_uint_eq(r.result.rejected, 0);
    SHOWS("x_total 2\n");
}
END_TEST

START_TEST(the_first_help_of_a_name_stays)
{
    series_rig_metric(&r, "{'name':'g','description':'one','gauge':{'dataPoints':[{'asInt':'1'}]}}");
    series_rig_metric(&r, "{'name':'g','description':'two','gauge':{'dataPoints':[{'asInt':'2'}]}}");
    ck_assert_str_eq(series_rig_show(&r, ENCODER_TEXT, 1000), "# HELP g one\n# TYPE g gauge\ng 2\n");
}
END_TEST

START_TEST(a_delta_sum_is_added_whenever_its_end_is_newer)
{
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(1, 2) ",'asInt':'5'}"));
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(2, 3) ",'asInt':'7'}"));
    SHOWS("d_total 12\n");
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(3, 4) ",'asDouble':0.5}"));
    SHOWS("d_total 12.5\n");
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(6, 7) ",'asInt':'2'}")); /* nothing happened in between */
    SHOWS("d_total 14.5\n");
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(5, 8) ",'asInt':'1'}")); /* overlaps */
    SHOWS("d_total 15.5\n");
    series_rig_metric(&r, SUM("d", DELTA, "{" AT(9) ",'asInt':'1'}")); /* without a start */
    SHOWS("d_total 16.5\n");
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(10, 10) ",'asInt':'1'}"));
    SHOWS("d_total 17.5\n");
    ck_assert_uint_eq(r.result.rejected, 0);
}
END_TEST

START_TEST(a_delta_that_would_be_counted_twice_is_left_out_and_counted)
{
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(1, 2) ",'asInt':'5'}"));
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(2, 3) ",'asInt':'7'}"));
    series_rig_metric(&r, SUM("d", DELTA, "{" FROM(2, 3) ",'asInt':'7'},{" FROM(1, 2) ",'asInt':'5'}"));
    SHOWS("d_total 12\n");
    ck_assert_uint_eq(series_rig_rejected(&r, "not_newer"), 2);
    series_rig_metric(&r, HISTOGRAM("h", 1, "{" FROM(2, 4) ",'count':'5'}"));
    series_rig_metric(&r, HISTOGRAM("h", 1, "{" FROM(2, 4) ",'count':'5'}"));
    SHOWS("d_total 12\nh_bucket{le=\"+Inf\"} 5\nh_count 5\n");
    ck_assert_uint_eq(series_rig_rejected(&r, "not_newer"), 1);
}
END_TEST

START_TEST(deltas_without_times_are_all_added)
{
    series_rig_metric(&r, SUM("d", DELTA, "{'asInt':'5'}"));
    series_rig_metric(&r, SUM("d", DELTA, "{'asInt':'7'}"));
    SHOWS("d_total 12\n");
    ck_assert_uint_eq(r.result.rejected, 0);
}
END_TEST

START_TEST(sums_that_cannot_be_shown_are_rejected)
{
    series_rig_metric(&r, SUM("d", "'aggregationTemporality':1", "{" FROM(1, 2) ",'asInt':'5'}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "temporality"), 1);
    series_rig_metric(&r, SUM("d", "'isMonotonic':true", "{" FROM(1, 2) ",'asInt':'5'}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "temporality"), 1);
    series_rig_metric(&r, HISTOGRAM("h", 0, "{" FROM(1, 2) ",'count':'5'}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "temporality"), 1);
    series_rig_metric(&r, SUM("u", "'aggregationTemporality':2", "{" FROM(1, 2) ",'asInt':'5'}"));
    SHOWS("u 5\n");
}
END_TEST

START_TEST(a_histogram_has_cumulative_buckets_sum_and_count)
{
    series_rig_metric(&r, HISTOGRAM("h", 2,
                                    "{" FROM(1, 2) ",'count':'7','sum':9.5,'bucketCounts':['1','2','4'],"
                                                   "'explicitBounds':[0.5,1]}"));
    SHOWS("h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 7\nh_sum 9.5\nh_count 7\n");
}
END_TEST

START_TEST(bounds_out_of_order_are_sorted_and_equal_ones_joined)
{
    series_rig_metric(&r, HISTOGRAM("h", 2,
                                    "{" AT(2) ",'count':'15','bucketCounts':['1','2','4','3','5'],"
                                              "'explicitBounds':[5,1,5,'Infinity']}"));
    SHOWS("h_bucket{le=\"1\"} 2\nh_bucket{le=\"5\"} 7\nh_bucket{le=\"+Inf\"} 15\nh_count 15\n");
    series_rig_metric(&r,
                      HISTOGRAM("h", 2, "{" AT(3) ",'count':'1','bucketCounts':['1','0'],'explicitBounds':['NaN']}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "malformed"), 1);
}
END_TEST

START_TEST(delta_histograms_are_added_over_gaps_and_overlaps)
{
    series_rig_metric(
        &r, HISTOGRAM("h", 1, "{" FROM(1, 2) ",'count':'3','sum':1,'bucketCounts':['1','2'],'explicitBounds':[1]}"));
    series_rig_metric(
        &r, HISTOGRAM("h", 1, "{" FROM(2, 3) ",'count':'5','sum':2,'bucketCounts':['4','1'],'explicitBounds':[1]}"));
    SHOWS("h_bucket{le=\"1\"} 5\nh_bucket{le=\"+Inf\"} 8\nh_sum 3\nh_count 8\n");
    series_rig_metric(
        &r, HISTOGRAM("h", 1, "{" FROM(2, 4) ",'count':'2','sum':1,'bucketCounts':['1','1'],'explicitBounds':[1]}"));
    SHOWS("h_bucket{le=\"1\"} 6\nh_bucket{le=\"+Inf\"} 10\nh_sum 4\nh_count 10\n");
    series_rig_metric(
        &r, HISTOGRAM("h", 1, "{" FROM(9, 10) ",'count':'1','sum':1,'bucketCounts':['1','0'],'explicitBounds':[1]}"));
    SHOWS("h_bucket{le=\"1\"} 7\nh_bucket{le=\"+Inf\"} 11\nh_sum 5\nh_count 11\n");
    series_rig_metric(&r, EXPONENTIAL("x", 1, "{" FROM(1, 2) ",'count':'2','positive':{'bucketCounts':['2']}}"));
    series_rig_metric(&r, EXPONENTIAL("x", 1, "{" FROM(5, 6) ",'count':'3','positive':{'bucketCounts':['3']}}"));
    ck_assert_ptr_nonnull(strstr(series_rig_lines(&r), "x_count 5\n"));
}
END_TEST

START_TEST(a_delta_histogram_with_other_bounds_starts_anew)
{
    series_rig_metric(
        &r, HISTOGRAM("h", 1, "{" FROM(1, 2) ",'count':'3','sum':1,'bucketCounts':['1','2'],'explicitBounds':[1]}"));
    series_rig_metric(
        &r, HISTOGRAM("h", 1, "{" FROM(3, 4) ",'count':'2','sum':7,'bucketCounts':['1','1'],'explicitBounds':[2]}"));
    SHOWS("h_bucket{le=\"2\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 7\nh_count 2\n");
}
END_TEST

START_TEST(a_histogram_that_grows_and_shrinks_stays_right)
{
    for (int i = 0; i < 3; i++) {
        series_rig_metric(&r, HISTOGRAM("h", 2, "{" AT(2) ",'count':'1','bucketCounts':['1'],'explicitBounds':[]}"));
        SHOWS("h_bucket{le=\"+Inf\"} 1\nh_count 1\n");
        series_rig_metric(&r, HISTOGRAM("h", 2,
                                        "{" AT(2) ",'count':'10','bucketCounts':['1','2','3','4'],"
                                                  "'explicitBounds':[1,2,3]}"));
        SHOWS(
            "h_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"3\"} 6\nh_bucket{le=\"+Inf\"} 10\nh_count 10\n");
    }
}
END_TEST

START_TEST(an_exponential_histogram_shows_its_count_in_text)
{
    series_rig_metric(&r, EXPONENTIAL("e", 2,
                                      "{" AT(2) ",'count':'7','sum':3,'scale':1,'zeroCount':'1',"
                                                "'positive':{'offset':3,'bucketCounts':['1','5']}}"));
    SHOWS("e_bucket{le=\"+Inf\"} 7\ne_sum 3\ne_count 7\n");
}
END_TEST

START_TEST(exponential_histograms_that_scrapers_cannot_read_are_rejected)
{
    series_rig_metric(&r, EXPONENTIAL("e", 2, "{" AT(2) ",'count':'1','scale':-5,'positive':{'bucketCounts':['1']}}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "scale"), 1);
    series_rig_metric(&r, EXPONENTIAL("e", 2, "{" AT(2) ",'count':'9','positive':{'bucketCounts':['1']}}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "malformed"), 1);
    series_rig_metric(
        &r, EXPONENTIAL("e", 2, "{" AT(2) ",'count':'1','positive':{'offset':2147483647,'bucketCounts':['1']}}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "malformed"), 1);
    SHOWS("");
    ck_assert_uint_eq(r.store.n_series, 0);
}
END_TEST

START_TEST(a_summary_has_its_quantiles_ascending)
{
    series_rig_metric(&r, SUMMARY("s", "{" AT(2) ",'count':'2','sum':3,'quantileValues':[{'quantile':0.99,'value':1},"
                                                 "{'quantile':0.5,'value':2},{'quantile':0.99,'value':4}]}"));
    SHOWS("s{quantile=\"0.5\"} 2\ns{quantile=\"0.99\"} 4\ns_sum 3\ns_count 2\n");
}
END_TEST

START_TEST(an_attribute_called_like_a_label_of_its_type_is_exported)
{
    series_rig_metric(
        &r, HISTOGRAM("h", 2, "{" AT(2) ",'count':'1','bucketCounts':['1'],'attributes':[" A("le", "x") "]}"));
    series_rig_metric(&r,
                      SUMMARY("s", "{" AT(2) ",'count':'1','attributes':[" A("quantile", "x") "," A("le", "y") "]}"));
    SHOWS("h_bucket{exported_le=\"x\",le=\"+Inf\"} 1\nh_count{exported_le=\"x\"} 1\n"
          "s_sum{exported_quantile=\"x\",le=\"y\"} 0\ns_count{exported_quantile=\"x\",le=\"y\"} 1\n");
}
END_TEST

START_TEST(a_promoted_attribute_called_like_a_label_of_the_type_is_exported_too)
{
    r.options.translation.promote = true;
    series_rig_take(&r, "{'resourceMetrics':[{'resource':{'attributes':[" A("le", "x") "]},'scopeMetrics':[{'metrics':["
                        HISTOGRAM("h", 2, "{" AT(2) ",'count':'1','bucketCounts':['1']}") ","
                        GAUGE("g", "{" AT(2) ",'asInt':'1'}") "]}]}]}");
    SHOWS("g{le=\"x\"} 1\nh_bucket{exported_le=\"x\",le=\"+Inf\"} 1\nh_count{exported_le=\"x\"} 1\n");
}
END_TEST

START_TEST(attributes_called_like_labels_of_the_exporter_keep_their_series_apart)
{
    series_rig_take(&r, "{'resourceMetrics':[{'resource':{'attributes':[" A("service.name", "s")
                        "]},'scopeMetrics':[{'metrics':["
                        GAUGE("g", "{" AT(1) ",'asInt':'3','attributes':[" A("job", "import") "]},"
                                   "{" AT(1) ",'asInt':'9','attributes':[" A("job", "export") "]},"
                                   "{" AT(1) ",'asInt':'4','attributes':[" A("exported_job", "b") "," A("job", "c") "]}")
                        "]}]}]}");
    SHOWS("g{exported_job=\"import\",job=\"s\"} 3\ng{exported_job=\"export\",job=\"s\"} 9\n"
          "g{exported_exported_job=\"c\",exported_job=\"b\",job=\"s\"} 4\n");
}
END_TEST

START_TEST(an_attribute_without_a_key_does_not_cost_its_point)
{
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'3','attributes':[" A("", "x") "," A("a", "b") "]}"));
    SHOWS("g{a=\"b\"} 3\n");
    ck_assert_uint_eq(r.result.rejected, 0);
}
END_TEST

START_TEST(no_recorded_value_ends_that_series_alone)
{
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1','attributes':[" A("a", "1") "]},{" AT(
                                         1) ",'asInt':'2','attributes':[" A("a", "2") "]}"));
    series_rig_metric(&r, GAUGE("g", "{" AT(2) ",'flags':1,'attributes':[" A("a", "1") "]},{" AT(
                                         2) ",'asInt':'3','attributes':[" A("a", "2") "]},{" AT(2) ",'flags':1}"));
    ck_assert_uint_eq(r.result.rejected, 0);
    SHOWS("g{a=\"2\"} 3\n");
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'flags':1,'attributes':[" A("a", "2") "]}"));
    SHOWS("g{a=\"2\"} 3\n");
}
END_TEST

START_TEST(a_series_goes_when_nothing_arrives_for_it)
{
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1','attributes':[" A("a", "1") "]},{" AT(
                                         1) ",'asInt':'2','attributes':[" A("a", "2") "]}"));
    clock_advance(&r.rig.loop.clock, 200 * NS_PER_S);
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1','attributes':[" A("a", "1") "]}"));
    clock_advance(&r.rig.loop.clock, 101 * NS_PER_S);
    SHOWS("g{a=\"1\"} 1\n");
    clock_advance(&r.rig.loop.clock, 300 * NS_PER_S);
    SHOWS("");
    ck_assert_uint_eq(r.store.n_series, 0);
    ck_assert_uint_eq(r.store.expired, 2);
    ck_assert_uint_eq(r.store.streams.table.n, 0);
    ck_assert_uint_eq(r.store.families.n, 0);
}
END_TEST

START_TEST(without_expiration_a_series_stays)
{
    r.options.expiration = 0;
    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1'}"));
    clock_advance(&r.rig.loop.clock, 100000 * NS_PER_S);
    SHOWS("g 1\n");
}
END_TEST

/* Others have all of the budget but for that. */
static uint64_t leave_room(uint64_t bytes)
{
    uint64_t taken;

    r.rig.budget.limit = 1u << 30;
    taken = r.rig.budget.limit - r.rig.budget.used - bytes;
    budget_charge(&r.rig.budget, taken);
    return taken;
}

START_TEST(without_room_new_series_are_rejected_and_known_ones_go_on)
{
    uint64_t taken;

    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1'}"));
    taken = leave_room(0);
    series_rig_metric(&r, GAUGE("g", "{" AT(2) ",'asInt':'2'},{" AT(2) ",'asInt':'2','attributes':[" A("a", "2") "]}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "series_budget"), 1);
    series_rig_metric(&r, GAUGE("h", "{" AT(2) ",'asInt':'2'}"));
    ck_assert_uint_eq(series_rig_rejected(&r, "series_budget"), 1);
    SHOWS("g 2\n");
    budget_give(&r.rig.budget, taken);
    series_rig_metric(&r, GAUGE("h", "{" AT(2) ",'asInt':'2'}"));
    SHOWS("g 2\nh 2\n");
}
END_TEST

/* The budget refuses the k-th time and ever after: nothing is lost, nothing is counted twice. */
START_TEST(whatever_the_budget_refuses_the_store_stays_whole)
{
    uint64_t taken;

    series_rig_metric(&r, GAUGE("g", "{" AT(1) ",'asInt':'1'}"));
    taken = leave_room((uint64_t)_i * 40);
    series_rig_metric(
        &r, HISTOGRAM(
                "h", 1,
                "{" FROM(1, 2) ",'count':'3','bucketCounts':['1','2'],'explicitBounds':[1],"
                               "'exemplars':[{" AT(2) ",'asDouble':1,'traceId':'4bf92f3577b34da6a3ce929d0e0e4736'}]}"));
    series_rig_metric(&r, HISTOGRAM("h", 2,
                                    "{" FROM(1, 3) ",'count':'30','bucketCounts':['1','2','3'],'explicitBounds':[1,2],"
                                                   "'attributes':[" A("a", "b") "]}"));
    series_rig_metric(&r, EXPONENTIAL("e", 2, "{" AT(2) ",'count':'2','positive':{'bucketCounts':['1','1']}}"));
    series_rig_metric(&r, GAUGE("g", "{" AT(2) ",'asInt':'2'}"));
    ck_assert(strstr(series_rig_lines(&r), "g 2\n") != NULL);
    budget_give(&r.rig.budget, taken);
}
END_TEST

START_TEST(what_would_fill_a_page_is_refused)
{
    struct buf json = { 0 };

    buf_puts(&json, "{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{'bucketCounts':[],'explicitBounds':[0");
    for (int i = 1; i <= 1000; i++)
        buf_printf(&json, ",%d", i);
    buf_puts(&json, "]}]}}");
    series_rig_metric(&r, buf_cstr(&json));
    ck_assert_uint_eq(series_rig_rejected(&r, "bucket_limit"), 1);
    json.len = 0;
    buf_puts(&json, "{'name':'h','histogram':{'aggregationTemporality':2,'dataPoints':[{'attributes':[{'key':'a','value':"
                    "{'stringValue':'");
    for (int i = 0; i < 10000; i++)
        buf_putc(&json, 'x');
    buf_puts(&json, "'}}],'bucketCounts':[],'explicitBounds':[0");
    for (int i = 1; i < 60; i++)
        buf_printf(&json, ",%d", i);
    buf_puts(&json, "]}]}}");
    series_rig_metric(&r, buf_cstr(&json)); /* 600 KB of text of 10 KB */
    ck_assert_uint_eq(series_rig_rejected(&r, "bucket_limit"), 1);
    json.len = 0;
    buf_puts(&json, "{'name':'g','gauge':{'dataPoints':[{'asInt':'1','attributes':[{'key':'a','value':{'stringValue':'");
    for (int i = 0; i < 16384; i++)
        buf_putc(&json, 'x');
    buf_puts(&json, "'}}]},{'asInt':'2','attributes':[{'key':'a0','value':{'intValue':'1'}}");
    for (int i = 1; i <= 256; i++)
        buf_printf(&json, ",{'key':'a%d','value':{'intValue':'1'}}", i);
    buf_puts(&json, "]}]}}");
    series_rig_metric(&r, buf_cstr(&json));
    ck_assert_uint_eq(series_rig_rejected(&r, "label_limit"), 2);
    ck_assert_uint_eq(r.store.n_series, 0);
    buf_free(&json);
}
END_TEST

static void many_series(const char *service, unsigned from, unsigned n)
{
    char json[512];

    for (unsigned i = from; i < from + n; i++) {
        snprintf(json, sizeof(json),
                 "{'resourceMetrics':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'%s'}}]},"
                 "'scopeMetrics':[{'metrics':[{'name':'g','gauge':{'dataPoints':[{'asInt':'1','attributes':["
                 "{'key':'fixed','value':{'intValue':'1'}},{'key':'user','value':{'intValue':'%u'}}]}]}}]}]}]}",
                 service, i);
        series_rig_take(&r, json);
    }
}

START_TEST(beyond_max_series_new_ones_are_refused_and_known_ones_go_on)
{
    r.options.max_series = 10;
    many_series("one", 0, 11);
    ck_assert_uint_eq(series_rig_rejected(&r, "series_limit"), 1);
    ck_assert_uint_eq(r.store.n_series, 10);
    many_series("one", 0, 1);
    ck_assert_uint_eq(r.result.rejected, 0);
    clock_advance(&r.rig.loop.clock, 700 * NS_PER_S); /* they expire */
    many_series("one", 11, 1);
    ck_assert_uint_eq(r.result.rejected, 0);
}
END_TEST

START_TEST(one_sender_with_ever_new_series_leaves_room_for_the_others)
{
    r.options.max_series = 100;
    many_series("steady", 0, 3);
    many_series("runaway", 0, 200);
    ck_assert_uint_eq(series_rig_rejected(&r, "series_limit"), 1);
    ck_assert_uint_eq(r.store.n_series, 90);
    many_series("steady", 3, 5);
    ck_assert_uint_eq(r.result.rejected, 0);
    many_series("late", 0, 5);
    ck_assert_uint_eq(r.result.rejected, 0);
}
END_TEST

START_TEST(series_take_half_of_the_budget_at_most)
{
    r.rig.budget.limit = 1u << 20;
    many_series("one", 0, 5000);
    ck_assert_uint_eq(series_rig_rejected(&r, "series_limit"), 1);
    ck_assert_uint_gt(r.store.n_series, 500);
    ck_assert_uint_lt(r.rig.budget.used, (1u << 19) + (64u << 10));
}
END_TEST

START_TEST(resources_give_job_instance_and_target_info)
{
    series_rig_take(
        &r,
        "{'resourceMetrics':[{'resource':{'attributes':[" A("service.name", "s") "," A(
            "service.namespace", "n") "," A("service.instance.id",
                                            "i") "," A("host.name",
                                                       "h") "," A("host_name",
                                                                  "k") "," A("job",
                                                                             "no") "]},'scopeMetrics':[{'metrics':"
                                                                                   "[" GAUGE("g",
                                                                                             "{" AT(1) ",'asInt':'1','"
                                                                                                       "attributes':"
                                                                                                       "[" A("job", "mi"
                                                                                                                    "n"
                                                                                                                    "e") "," A(
                                                                                                           "x",
                                                                                                           "y") "]}") "]}]}]}");
    SHOWS("target_info{exported_job=\"no\",host_name=\"h;k\",instance=\"i\",job=\"n/s\"} 1\n"
          "g{exported_job=\"mine\",instance=\"i\",job=\"n/s\",x=\"y\"} 1\n");
}
END_TEST

START_TEST(of_resources_of_one_job_and_instance_the_newest_is_the_target)
{
#define OF(key, t)                                                                                                     \
    "{'resourceMetrics':[{'resource':{'attributes':[" A("service.name", "s") "," A("service.instance.id", "i") "," A(  \
        key, "h") "]},'scopeMetrics':[{'metrics':[" GAUGE(key, "{" AT(t) ",'asInt':'1'}") "]}]}]}"
    series_rig_take(&r, OF("a", 1));
    clock_advance(&r.rig.loop.clock, 100 * NS_PER_S);
    series_rig_take(&r, OF("b", 1));
    SHOWS("target_info{b=\"h\",instance=\"i\",job=\"s\"} 1\na{instance=\"i\",job=\"s\"} 1\nb{instance=\"i\",job=\"s\"} "
          "1\n");
    clock_advance(&r.rig.loop.clock, 100 * NS_PER_S);
    series_rig_take(&r, OF("a", 2));
    SHOWS("target_info{b=\"h\",instance=\"i\",job=\"s\"} 1\na{instance=\"i\",job=\"s\"} 1\nb{instance=\"i\",job=\"s\"} "
          "1\n");
    clock_advance(&r.rig.loop.clock, 201 * NS_PER_S);
    SHOWS("target_info{a=\"h\",instance=\"i\",job=\"s\"} 1\na{instance=\"i\",job=\"s\"} 1\n");
}
END_TEST

START_TEST(scopes_give_labels_even_when_empty)
{
    r.options.translation.scope_labels = true;
    series_rig_take(
        &r,
        "{'resourceMetrics':[{'scopeMetrics':[{'scope':{'name':'s','attributes':[" A("name", "no") "," A(
            "a.b",
            "x") "]},'schemaUrl':'u','metrics':[" GAUGE("g",
                                                        "{'asInt':'1'}") "]},{'metrics':[" GAUGE("g",
                                                                                                 "{'asInt':'2','"
                                                                                                 "attributes':[" A(
                                                                                                     "otel_scope_name",
                                                                                                     "mine") "]}") "]}]"
                                                                                                                   "}]"
                                                                                                                   "}");
    SHOWS("g{otel_scope_a_b=\"x\",otel_scope_name=\"s\","
          "otel_scope_schema_url=\"u\",otel_scope_version=\"\"} 1\n"
          "g{exported_otel_scope_name=\"mine\",otel_scope_name=\"\",otel_scope_schema_url=\"\",otel_scope_version=\"\"} 2\n");
}
END_TEST

START_TEST(constant_labels_stand_where_there_is_none_of_their_name)
{
    static const struct constant_label constants[] = { { BYTES_LIT("a"), BYTES_LIT("k") },
                                                       { BYTES_LIT("z"), BYTES_LIT("k") } };

    r.options.translation.constants = constants;
    r.options.translation.n_constants = 2;
    series_rig_metric(
        &r, GAUGE("g", "{'asInt':'1','attributes':[" A("a", "x") "]},{'asInt':'2','attributes':[" A("b", "x") "]}"));
    SHOWS("g{a=\"x\",z=\"k\"} 1\ng{a=\"k\",b=\"x\",z=\"k\"} 2\n");
}
END_TEST

START_TEST(promoted_resource_attributes_take_the_name_of_the_points_own)
{
    static const char *const included[] = { "host.*", "?one" }, *const excluded[] = { "*.id" };

    r.options.translation.promote = true;
    r.options.translation.included = included;
    r.options.translation.n_included = 2;
    r.options.translation.excluded = excluded;
    r.options.translation.n_excluded = 1;
    series_rig_take(
        &r,
        "{'resourceMetrics':[{'resource':{'attributes':[" A("host.name", "h") "," A("host.id", "7") "," A("zone", "z") "," A(
            "other",
            "o") "]},'scopeMetrics':[{'metrics':[" GAUGE("g",
                                                         "{'asInt':'1','attributes':[" A("host.name", "mine") "," A(
                                                             "x",
                                                             "y") "]},{'asInt':'2','attributes':[" A("host_name",
                                                                                                     "mine") "]},"
                                                                                                             "{'asInt':"
                                                                                                             "'3'}") "]"
                                                                                                                     "}"
                                                                                                                     "]"
                                                                                                                     "}"
                                                                                                                     "]"
                                                                                                                     "}");
    SHOWS("g{exported_host_name=\"mine\",host_name=\"h\",x=\"y\",zone=\"z\"} 1\ng{host_name=\"h;mine\",zone=\"z\"} "
          "2\ng{host_name=\"h\",zone=\"z\"} 3\n");
}
END_TEST

START_TEST(with_a_namespace_target_info_is_a_family_too)
{
    r.options.translation.ns = bytes_str("n");
    series_rig_take(
        &r, "{'resourceMetrics':[{'resource':{'attributes':[" A("service.name", "s") "," A(
                "service.instance.id", "i") "]},'scopeMetrics':[{'metrics':[" GAUGE("g", "{'asInt':'1'}") "]}]}]}");
    SHOWS("n_target_info{instance=\"i\",job=\"s\"} 1\nn_g{instance=\"i\",job=\"s\"} 1\n");
}
END_TEST

#define TRACE "'traceId':'4bf92f3577b34da6a3ce929d0e0e4736','spanId':'00f067aa0ba902b7'"

START_TEST(exemplars_are_the_newest_of_each_bucket_of_the_newest_point)
{
    series_rig_metric(&r, HISTOGRAM("h", 2,
                                    "{" AT(2) ",'count':'3','sum':1,'bucketCounts':['1','2'],'explicitBounds':[1],"
                                              "'exemplars':[{" AT(2000000000) ",'asDouble':0.5," TRACE "},{" AT(
                                                  1000000000) ",'asDouble':0.7," TRACE "},{'asInt':'4'," TRACE
                                                              ",'filteredAttributes':[" A("user.id", "u") "]}]}"));
    ck_assert(
        strstr(series_rig_show(&r, ENCODER_OPENMETRICS, 100),
               "h_bucket{le=\"1.0\"} 1 # {span_id=\"00f067aa0ba902b7\",trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} "
               "0.5 2.0\nh_bucket{le=\"+Inf\"} 3 # {span_id=\"00f067aa0ba902b7\",trace_id="
               "\"4bf92f3577b34da6a3ce929d0e0e4736\",user_id=\"u\"} 4.0\n") != NULL);
    series_rig_metric(
        &r, HISTOGRAM("h", 2, "{" AT(3) ",'count':'3','sum':1,'bucketCounts':['1','2'],'explicitBounds':[1]}"));
    ck_assert(strstr(series_rig_show(&r, ENCODER_OPENMETRICS, 100), " # {") == NULL);
}
END_TEST

START_TEST(an_exemplar_too_long_for_its_attributes_keeps_its_ids)
{
    series_rig_metric(&r, SUM("c", CUMULATIVE,
                              "{" AT(2) ",'asInt':'3','exemplars':[{'asDouble':1," TRACE
                                        ",'filteredAttributes':[" A("a", "0123456789012345678901234567890123456789"
                                                                         "012345678901234567890123456789") "]}]}"));
    ck_assert(
        strstr(series_rig_show(&r, ENCODER_OPENMETRICS, 100),
               "c_total 3.0 # {span_id=\"00f067aa0ba902b7\",trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 1.0\n") !=
        NULL);
}
END_TEST

START_TEST(a_kind_may_change_within_a_type)
{
    for (int i = 0; i < 2; i++) {
        series_rig_metric(
            &r, HISTOGRAM("h", 2, "{" AT(2) ",'count':'3','sum':1,'bucketCounts':['1','2'],'explicitBounds':[1]}"));
        SHOWS("h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n");
        series_rig_metric(&r, EXPONENTIAL("h", 2, "{" AT(2) ",'count':'2','positive':{'bucketCounts':['1','1']}}"));
        SHOWS("h_bucket{le=\"+Inf\"} 2\nh_sum 0\nh_count 2\n");
        series_rig_metric(&r, GAUGE("z", "{'asInt':'1'}"));
        series_rig_metric(&r, SUM("z", "'aggregationTemporality':2", "{'asInt':'2'}"));
        SHOWS("h_bucket{le=\"+Inf\"} 2\nh_sum 0\nh_count 2\nz 2\n");
        series_rig_metric(&r, GAUGE("z", "{" AT(1) ",'flags':1}"));
    }
}
END_TEST

static bool claim(void *arg, struct bytes name, enum family_type type)
{
    (void)arg, (void)name, (void)type;
    return true;
}

static void put_gauge(int name, int attribute, const char *rest)
{
    char json[256];

    snprintf(json, sizeof(json), GAUGE("g%d", "{" AT(1) "%s,'attributes':[" A("a", "%d") "]}"), name, rest, attribute);
    series_rig_metric(&r, json);
}

static unsigned count_of(const char *text, const char *line)
{
    unsigned n = 0;

    for (; (text = strstr(text, line)) != NULL; text++)
        n++;
    return n;
}

#define MANY 300

/* Each slice makes series and ends others under the scrape. */
START_TEST(a_scrape_shows_every_series_that_stays_once_whatever_comes_and_goes)
{
    struct exposition_source *s = &r.source.source;
    struct buf text = { 0 };
    bool more = true;
    struct encoder e;
    void *cursor;
    char line[64];

    for (int i = 0; i < MANY; i++)
        put_gauge(i % 7, i, ",'asInt':'1'");
    cursor = s->open(s);
    encoder_init(&e, ENCODER_TEXT, NAME_ESCAPE_NONE, &text);
    for (int i = 0; more; i++) {
        more = s->write(s, cursor, &e, 1, claim, NULL);
        put_gauge(i % 11, MANY + i, ",'asInt':'1'");
        put_gauge(i * 3 % MANY % 7, i * 3 % MANY, ",'flags':1");
    }
    s->close(s, cursor);
    for (int i = 0; i < MANY; i++) {
        snprintf(line, sizeof(line), "g%d{a=\"%d\"} 1\n", i % 7, i);
        ck_assert_uint_le(count_of(buf_cstr(&text), line), 1);
        if (i % 3 != 0)
            ck_assert_msg(count_of(buf_cstr(&text), line) == 1, "%s", line);
    }
    encoder_free(&e);
    buf_free(&text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("series");
    TCase *t = tcase_create("series");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_point_is_shown_with_its_attributes_as_labels);
    tcase_add_test(t, the_newest_point_stays_whatever_order_they_arrive_in);
    tcase_add_test(t, the_order_of_attributes_makes_no_series);
    tcase_add_test(t, names_and_resources_that_become_equal_are_one_series);
    tcase_add_test(t, senders_that_share_a_series_are_counted_and_the_last_writer_wins);
    tcase_add_test(t, senders_in_turn_collide_from_the_second_time_on);
    tcase_add_test(t, a_sender_that_follows_another_is_no_collision);
    tcase_add_test(t, points_of_one_request_that_become_one_sample_are_told_apart);
    tcase_add_test(t, deltas_of_senders_that_share_a_series_are_added);
    tcase_add_test(t, byte_orders_of_one_series_are_remembered_only_so_many);
    tcase_add_test(t, attributes_that_become_one_label_are_joined_by_the_order_of_their_keys);
    tcase_add_test(t, a_point_whose_attribute_can_be_no_label_is_rejected_alone);
    tcase_add_test(t, a_metric_without_a_name_is_rejected);
    tcase_add_test(t, the_first_type_of_a_name_stays_while_it_has_series);
    tcase_add_test(t, the_first_help_of_a_name_stays);
    tcase_add_test(t, a_delta_sum_is_added_whenever_its_end_is_newer);
    tcase_add_test(t, a_delta_that_would_be_counted_twice_is_left_out_and_counted);
    tcase_add_test(t, deltas_without_times_are_all_added);
    tcase_add_test(t, sums_that_cannot_be_shown_are_rejected);
    tcase_add_test(t, a_histogram_has_cumulative_buckets_sum_and_count);
    tcase_add_test(t, bounds_out_of_order_are_sorted_and_equal_ones_joined);
    tcase_add_test(t, delta_histograms_are_added_over_gaps_and_overlaps);
    tcase_add_test(t, a_delta_histogram_with_other_bounds_starts_anew);
    tcase_add_test(t, a_histogram_that_grows_and_shrinks_stays_right);
    tcase_add_test(t, an_exponential_histogram_shows_its_count_in_text);
    tcase_add_test(t, exponential_histograms_that_scrapers_cannot_read_are_rejected);
    tcase_add_test(t, a_summary_has_its_quantiles_ascending);
    tcase_add_test(t, an_attribute_called_like_a_label_of_its_type_is_exported);
    tcase_add_test(t, a_promoted_attribute_called_like_a_label_of_the_type_is_exported_too);
    tcase_add_test(t, attributes_called_like_labels_of_the_exporter_keep_their_series_apart);
    tcase_add_test(t, an_attribute_without_a_key_does_not_cost_its_point);
    tcase_add_test(t, no_recorded_value_ends_that_series_alone);
    tcase_add_test(t, a_series_goes_when_nothing_arrives_for_it);
    tcase_add_test(t, without_expiration_a_series_stays);
    tcase_add_test(t, what_would_fill_a_page_is_refused);
    tcase_add_test(t, beyond_max_series_new_ones_are_refused_and_known_ones_go_on);
    tcase_add_test(t, one_sender_with_ever_new_series_leaves_room_for_the_others);
    tcase_add_test(t, series_take_half_of_the_budget_at_most);
    tcase_add_test(t, without_room_new_series_are_rejected_and_known_ones_go_on);
    tcase_add_loop_test(t, whatever_the_budget_refuses_the_store_stays_whole, 0, 60);
    tcase_add_test(t, resources_give_job_instance_and_target_info);
    tcase_add_test(t, of_resources_of_one_job_and_instance_the_newest_is_the_target);
    tcase_add_test(t, scopes_give_labels_even_when_empty);
    tcase_add_test(t, constant_labels_stand_where_there_is_none_of_their_name);
    tcase_add_test(t, promoted_resource_attributes_take_the_name_of_the_points_own);
    tcase_add_test(t, with_a_namespace_target_info_is_a_family_too);
    tcase_add_test(t, exemplars_are_the_newest_of_each_bucket_of_the_newest_point);
    tcase_add_test(t, an_exemplar_too_long_for_its_attributes_keeps_its_ids);
    tcase_add_test(t, a_kind_may_change_within_a_type);
    tcase_add_test(t, a_scrape_shows_every_series_that_stays_once_whatever_comes_and_goes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
