/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/remote_write/remote_write.h"

#include "support/remote_write_text.h"
#include "support/rig/series_rig.h"

#include <check.h>
#include <stdlib.h>

/* JSON put together of macros and literals: clang-format does not come to rest over it. */
/* clang-format off */

#define A(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define AT(t) "'timeUnixNano':'17000000000" #t "000000'" /* ms behind 1700000000 s: two digits and one */
#define POINT(t, value) "{" AT(t) ",'asInt':'" #value "'}"
#define OF(key, t, value) "{" AT(t) ",'asInt':'" #value "','attributes':[" A("k", key) "]}"
#define GAUGE(name, points) "{'name':'" name "','gauge':{'dataPoints':[" points "]}}"
#define SUM(name, temporality, points)                                                                                 \
    "{'name':'" name "','sum':{'isMonotonic':true,'aggregationTemporality':" #temporality ",'dataPoints':[" points "]}}"
#define HISTOGRAM(name, points)                                                                                        \
    "{'name':'" name "','histogram':{'aggregationTemporality':2,'dataPoints':[" points "]}}"
#define METRICS(list) "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[" list "]}]}]}"
#define OF_SERVICE(list)                                                                                               \
    "{'resourceMetrics':[{'resource':{'attributes':[" A("service.name", "s") "," A("service.instance.id", "i") ","       \
    A("region", "eu") "]},'scopeMetrics':[{'metrics':[" list "]}]}]}"

static struct turn turn;
static struct clock the_clock;
static struct budget budget;
static struct translation translation;
static struct remote_write_options options;
static struct remote_write *rw;
static struct remote_write_result result;
static struct buf text;
static uint64_t items, requests;
static uint32_t shards_used, first_series;

static void setup(void)
{
    turn_init(&turn);
    clock_init(&the_clock, true);
    budget_init(&budget, UINT64_MAX, &turn);
    translation = (struct translation){ .target_by_either = true };
    options = (struct remote_write_options){ .translation = &translation,
                                             .shards = 1,
                                             .max_bytes = 1 << 20,
                                             .expiration = 600 * NS_PER_S,
                                             .clock = &the_clock,
                                             .budget = &budget };
    rw = NULL;
    text = (struct buf){ 0 };
}

static void teardown(void)
{
    if (rw != NULL)
        remote_write_free(rw);
    ck_assert_uint_eq(budget.used, 0);
    clock_free(&the_clock);
    buf_free(&text);
}

static struct remote_write_request *first_request(void)
{
    return list_first(&result.requests, struct remote_write_request, link);
}

/* What the requests say, in their order. */
static const char *encode(const char *json)
{
    struct batch *b = series_rig_batch(json);

    if (rw == NULL)
        rw = remote_write_new(&options);
    remote_write_encode(rw, b, &result);
    batch_unref(b);
    text.len = items = requests = shards_used = first_series = 0;
    if (!list_empty(&result.requests))
        first_series = first_request()->units.v[0].series;
    list_each (struct remote_write_request, r, &result.requests, link) {
        remote_write_text(&text, r);
        items += r->items;
        requests++;
        shards_used |= 1u << r->shard;
        remote_write_request_free(r);
    }
    return buf_cstr(&text);
}

static uint64_t dropped(const char *reason)
{
    for (size_t i = 0; i < result.n_drops; i++)
        if (strcmp(result.drops[i].reason, reason) == 0)
            return result.drops[i].items;
    return 0;
}

START_TEST(a_point_is_a_sample_in_either_version)
{
    static const char wanted[] = "disk_free{k=\"a\"} 7 1700000000010\n";

    ck_assert_str_eq(encode(METRICS(GAUGE("disk.free", OF("a", 10, 7)))), wanted);
    ck_assert_uint_eq(items, 1);
    remote_write_free(rw);
    rw = NULL;
    options.version = REMOTE_WRITE_2;
    ck_assert_str_eq(encode(METRICS(GAUGE("disk.free", OF("a", 10, 7)))), wanted);
}
END_TEST

/* So many attributes, from that one on, each before or behind what the stream has (__name__, job, instance). */
static void put_many_attributes(struct buf *b, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++)
        buf_printf(b, "%s" A("%c%02u", "v"), i > from ? "," : "", "Akz"[i % 3], i);
}

START_TEST(labels_are_in_order_whatever_those_of_the_series_before_were)
{
    static const unsigned numbers[] = { 1, 1, 1, 2, 2, 30, 0, 24, 25 };
    struct buf points = { 0 }, request = { 0 };
    char *first;

    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
        buf_printf(&points, "%s{" AT(10) ",'asInt':'7','attributes':[", i > 0 ? "," : "");
        put_many_attributes(&points, i, numbers[i]);
        buf_puts(&points, "]}");
    }
    buf_printf(&request, OF_SERVICE("{'name':'g','gauge':{'dataPoints':[%s]}}"), buf_cstr(&points));
    options.target_info = false;
    first = mem_strdup(encode(buf_cstr(&request))); /* which aborts where labels are not in order */
    ck_assert_uint_eq(items, ARRAY_LEN(numbers));
    ck_assert_str_eq(encode(buf_cstr(&request)), first); /* now all are known */
    free(first);
    buf_free(&points);
    buf_free(&request);
}
END_TEST

START_TEST(the_samples_of_a_series_come_out_in_order)
{
    encode(METRICS(GAUGE("g", OF("b", 20, 1) "," OF("a", 30, 2) "," OF("b", 10, 3)) "," GAUGE("g", OF("a", 10, 4))));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&text), "g{k=\"b\"} 3 1700000000010\n"));
    ck_assert(strstr(buf_cstr(&text), "g{k=\"b\"} 3 ") < strstr(buf_cstr(&text), "g{k=\"b\"} 1 "));
    ck_assert(strstr(buf_cstr(&text), "g{k=\"a\"} 4 ") < strstr(buf_cstr(&text), "g{k=\"a\"} 2 "));
    ck_assert_uint_eq(items, 4);
    ck_assert_uint_eq(result.n_drops, 0);
}
END_TEST

START_TEST(of_samples_at_one_time_the_last_stays)
{
    ck_assert_str_eq(encode(METRICS(GAUGE("g", POINT(10, 1) "," POINT(10, 2) "," POINT(10, 3)))),
                     "g 3 1700000000010\n");
    ck_assert_uint_eq(items, 1);
    ck_assert_uint_eq(dropped("duplicate_timestamp"), 2);
    ck_assert_str_eq(result.drops[0].example, "g");
}
END_TEST

START_TEST(numbers_of_one_series_share_a_time_series)
{
    ck_assert_str_eq(encode(METRICS(GAUGE("g", POINT(10, 1) "," POINT(30, 3)) "," GAUGE("g", POINT(20, 2)))),
                     "g 1 1700000000010\ng 2 1700000000020\ng 3 1700000000030\n");
    ck_assert_uint_eq(requests, 1);
    ck_assert_uint_eq(items, 3);
    ck_assert_str_eq(encode(METRICS(SUM("c", 2, "{" AT(10) ",'asInt':'1','startTimeUnixNano':'1'}," POINT(30, 3)))),
                     "c_total 1 1700000000010\nc_total 3 1700000000030\n");
}
END_TEST

/* What OTLP tells apart and Prometheus does not: two points of one time, and the second one later. The text helper sees
 * to it that no message has a series twice. */
#define INT_OF(key, t, value) "{" AT(t) ",'asInt':'" #value "','attributes':[{'key':'" key "','value':{'intValue':'1'}}]}"
#define OF2(a, b, t, value) "{" AT(t) ",'asInt':'" #value "','attributes':[" A(a, "1") "," A(b, "2") "]}"
#define RESOURCE(host, list)                                                                                           \
    "{'resource':{'attributes':[" A("host.name", host) "]},'scopeMetrics':[{'metrics':[" list "]}]}"
#define SCOPE(name, list) "{'scope':{'name':'" name "'},'metrics':[" list "]}"

static const struct {
    const char *same, *later, *series;
} alike[] = {
    { METRICS(GAUGE("g", "{" AT(10) ",'asInt':'3','attributes':[" A("a", "1") "]}," INT_OF("a", 10, 9))),
      METRICS(GAUGE("g", "{" AT(10) ",'asInt':'3','attributes':[" A("a", "1") "]}," INT_OF("a", 20, 9))),
      "g{a=\"1\"}" },
    { METRICS(GAUGE("g", OF2("a", "b", 10, 3) ",{" AT(10) ",'asInt':'9','attributes':[" A("b", "2") "," A("a", "1") "]}")),
      METRICS(GAUGE("g", OF2("a", "b", 10, 3) ",{" AT(20) ",'asInt':'9','attributes':[" A("b", "2") "," A("a", "1") "]}")),
      "g{a=\"1\",b=\"2\"}" },
    { METRICS(GAUGE("x.y", POINT(10, 3)) "," GAUGE("x_y", POINT(10, 9))),
      METRICS(GAUGE("x.y", POINT(10, 3)) "," GAUGE("x_y", POINT(20, 9))), "x_y" },
    { METRICS(GAUGE("g", "{" AT(10) ",'asInt':'3','attributes':[" A("a", "") "]}," POINT(10, 9))),
      METRICS(GAUGE("g", "{" AT(10) ",'asInt':'3','attributes':[" A("a", "") "]}," POINT(20, 9))), "g" },
    { "{'resourceMetrics':[" RESOURCE("web-1", GAUGE("g", POINT(10, 3))) "," RESOURCE("web-2", GAUGE("g", POINT(10, 9))) "]}",
      "{'resourceMetrics':[" RESOURCE("web-1", GAUGE("g", POINT(10, 3))) "," RESOURCE("web-2", GAUGE("g", POINT(20, 9))) "]}",
      "g" },
    { "{'resourceMetrics':[{'scopeMetrics':[" SCOPE("a", GAUGE("g", POINT(10, 3))) "," SCOPE("b", GAUGE("g", POINT(10, 9))) "]}]}",
      "{'resourceMetrics':[{'scopeMetrics':[" SCOPE("a", GAUGE("g", POINT(10, 3))) "," SCOPE("b", GAUGE("g", POINT(20, 9))) "]}]}",
      "g" },
};

static const char *two_samples(const char *series, bool both)
{
    static char wanted[200];

    snprintf(wanted, sizeof(wanted), both ? "%s 3 1700000000010\n%s 9 1700000000020\n" : "%s 9 1700000000010\n", series,
             series);
    return wanted;
}

START_TEST(series_that_are_one_to_prometheus_are_one_in_a_message)
{
    for (int round = 0; round < 2; round++) { /* new, and known by now */
        ck_assert_str_eq(encode(alike[_i].same), two_samples(alike[_i].series, false));
        ck_assert_uint_eq(items, 1);
        ck_assert_uint_eq(dropped("duplicate_timestamp"), 1);
        ck_assert_str_eq(encode(alike[_i].later), two_samples(alike[_i].series, true));
        ck_assert_uint_eq(items, 2);
        ck_assert_uint_eq(result.n_drops, 0);
    }
}
END_TEST

START_TEST(values_that_differ_behind_a_nul_are_two_series)
{
    encode(METRICS(GAUGE("g", OF("a\\u0000b", 10, 1) "," OF("a\\u0000c", 10, 2))));
    ck_assert_uint_eq(requests, 1);
    ck_assert_uint_eq(items, 2);
    ck_assert_uint_eq(result.n_drops, 0);
}
END_TEST

START_TEST(series_without_room_are_one_in_a_message_too)
{
    budget_init(&budget, 21700, &turn); /* the tables, and a metric or two */
    ck_assert_str_eq(encode(alike[0].same), two_samples(alike[0].series, false));
    ck_assert_uint_eq(remote_write_series(rw), 0);
    ck_assert_uint_eq(dropped("duplicate_timestamp"), 1);
}
END_TEST

START_TEST(twins_go_one_by_one)
{
    encode(METRICS(GAUGE("g", INT_OF("a", 10, 1))));
    clock_advance(&the_clock, 400 * NS_PER_S);
    encode(METRICS(GAUGE("g", OF("x", 10, 1) ",{" AT(10) ",'asInt':'3','attributes':[" A("a", "1") "]}")));
    ck_assert_uint_eq(remote_write_series(rw), 3);
    clock_advance(&the_clock, 400 * NS_PER_S);
    for (int i = 0; i < 100; i++)
        remote_write_sweep(rw);
    ck_assert_uint_eq(remote_write_series(rw), 2); /* the one that was in the index is gone */
    encode(alike[0].same);
    ck_assert_uint_eq(dropped("duplicate_timestamp"), 1);
    clock_advance(&the_clock, 700 * NS_PER_S);
    for (int i = 0; i < 100; i++)
        remote_write_sweep(rw);
    ck_assert_uint_eq(remote_write_series(rw), 0);
}
END_TEST

#define COUNTS(t, a, b) "{" AT(t) ",'count':'2','sum':5,'explicitBounds':[1],'bucketCounts':['" #a "','" #b "']}"

START_TEST(later_histograms_of_a_series_come_in_later_messages)
{
    encode(METRICS(HISTOGRAM("h", COUNTS(10, 1, 1) "," COUNTS(30, 2, 0) "," COUNTS(20, 0, 2)) "," GAUGE("g", POINT(10, 1))));
    ck_assert_uint_eq(requests, 3);
    ck_assert_uint_eq(items, 4);
    ck_assert(strstr(buf_cstr(&text), "h_count 2 1700000000020") < strstr(buf_cstr(&text), "h_count 2 1700000000030"));
}
END_TEST

START_TEST(metrics_of_several_kinds_may_give_one_series)
{
    encode(METRICS(HISTOGRAM("h", COUNTS(10, 1, 1)) "," GAUGE("h.sum", POINT(10, 9)) "," GAUGE("h_count", POINT(20, 7))));
    ck_assert_uint_eq(items, 1);
    ck_assert_uint_eq(dropped("type_conflict"), 2);
    encode(METRICS(GAUGE("h_sum", POINT(30, 9)) "," HISTOGRAM("h", COUNTS(30, 1, 1))));
    ck_assert_uint_eq(items, 1);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&text), "h_sum 5 1700000000030\n"));
    encode(METRICS(GAUGE("h_sum", POINT(40, 9))));
    ck_assert_str_eq(buf_cstr(&text), "h_sum 9 1700000000040\n");
}
END_TEST

START_TEST(a_metric_called_target_info_is_no_second_one)
{
    options.target_info = true;
    encode(OF_SERVICE(GAUGE("target.info", "{" AT(10) ",'asInt':'5','attributes':[" A("region", "eu") "]}")));
    ck_assert_uint_eq(items, 1);
    ck_assert_str_eq(buf_cstr(&text), "target_info{instance=\"i\",job=\"s\",region=\"eu\"} 5 1700000000010\n");
}
END_TEST

START_TEST(a_unit_of_several_samples_is_cut_between_them)
{
    struct batch *b = series_rig_batch(METRICS(GAUGE("g", POINT(10, 1) "," POINT(20, 2) "," POINT(30, 3))));
    struct remote_write_request *front, *back;

    options.version = _i == 0 ? REMOTE_WRITE_1 : REMOTE_WRITE_2;
    rw = remote_write_new(&options);
    remote_write_encode(rw, b, &result);
    batch_unref(b);
    ck_assert_uint_eq(first_request()->units.n, 1);
    ck_assert_uint_eq(first_request()->items, 3);
    front = remote_write_cut_items(first_request(), 0, 1);
    back = remote_write_cut_items(first_request(), 1, 3);
    remote_write_text(&text, front);
    ck_assert_str_eq(buf_cstr(&text), "g 1 1700000000010\n");
    text.len = 0;
    remote_write_text(&text, back);
    ck_assert_str_eq(buf_cstr(&text), "g 2 1700000000020\ng 3 1700000000030\n");
    ck_assert_uint_eq(back->items, 2);
    ck_assert_uint_eq(back->samples, 2);
    remote_write_request_free(front);
    remote_write_request_free(back);
    remote_write_request_free(first_request());
}
END_TEST

/* The first one's hash. */
static uint32_t series_in(const char *json)
{
    encode(json);
    return first_series;
}

static bool is_other_than(const struct remote_write_unit *unit, void *arg)
{
    return unit->series != *(const uint32_t *)arg;
}

START_TEST(series_are_taken_out_of_a_message_by_their_hash)
{
    struct batch *b = series_rig_batch(METRICS(GAUGE("g", OF("a", 10, 1) "," OF("b", 10, 2) "," OF("c", 10, 3))));
    struct remote_write_request *whole, *some;
    uint32_t none = 0, second;

    options.version = _i == 0 ? REMOTE_WRITE_1 : REMOTE_WRITE_2;
    rw = remote_write_new(&options);
    remote_write_encode(rw, b, &result);
    batch_unref(b);
    whole = first_request();
    second = whole->units.v[1].series;
    ck_assert_uint_ne(second, whole->units.v[0].series);
    some = remote_write_select(whole, is_other_than, &second);
    remote_write_text(&text, some);
    ck_assert_str_eq(buf_cstr(&text), "g{k=\"a\"} 1 1700000000010\ng{k=\"c\"} 3 1700000000010\n");
    ck_assert_uint_eq(some->items, 2);
    ck_assert_uint_eq(some->samples, 2);
    text.len = 0;
    remote_write_name(&text, some, 1);
    ck_assert_str_eq(buf_cstr(&text), "g{k=\"c\"}");
    remote_write_request_free(some);
    for (size_t i = 0; i < 3; i++)
        whole->units.v[i].series = none;
    ck_assert_ptr_null(remote_write_select(whole, is_other_than, &none));
    remote_write_request_free(whole);
    ck_assert_uint_eq(series_in(METRICS(GAUGE("g", OF("b", 20, 1)))), second);
    ck_assert_uint_eq(series_in(METRICS(GAUGE("g", OF("b", 30, 1) "," OF("b", 40, 1)))), second); /* put in order */
}
END_TEST

START_TEST(what_remote_write_cannot_carry_is_dropped_by_its_reason)
{
    ck_assert_str_eq(encode(METRICS(SUM("d", 1, POINT(10, 1) "," POINT(20, 1)) "," SUM("u", 0, POINT(10, 1)) ","
                                    SUM("c", 2, POINT(10, 1)))),
                     "c_total 1 1700000000010\n");
    ck_assert_uint_eq(dropped("delta_temporality"), 2);
    ck_assert_uint_eq(dropped("no_temporality"), 1);
    ck_assert_uint_eq(items, 1);
}
END_TEST

START_TEST(a_histogram_is_one_item_of_many_samples)
{
    ck_assert_str_eq(encode(METRICS(HISTOGRAM("h", "{" AT(10) ",'count':'3','sum':5,'explicitBounds':[1,2],"
                                                   "'bucketCounts':['1','0','2']}"))),
                     "h_bucket{le=\"1\"} 1 1700000000010\nh_bucket{le=\"2\"} 1 1700000000010\n"
                     "h_bucket{le=\"+Inf\"} 3 1700000000010\nh_sum 5 1700000000010\nh_count 3 1700000000010\n");
    ck_assert_uint_eq(items, 1);
}
END_TEST

START_TEST(a_point_without_a_value_ends_its_series)
{
    ck_assert_str_eq(encode(METRICS(GAUGE("g", "{" AT(10) ",'flags':1}"))), "g stale 1700000000010\n");
}
END_TEST

/* A hundred series of one metric. */
static const char *hundred(struct buf *json, int ms)
{
    json->len = 0;
    buf_puts(json, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'g','gauge':{'dataPoints':[");
    for (int i = 0; i < 100; i++)
        buf_printf(json,
                   "%s{'timeUnixNano':'17000000000%02d000000','asInt':'1','attributes':[{'key':'k','value':{"
                   "'stringValue':'series number %d'}}]}",
                   i > 0 ? "," : "", ms, i);
    buf_puts(json, "]}}]}]}]}");
    return buf_cstr(json);
}

START_TEST(a_series_keeps_to_its_shard_and_all_shards_have_some)
{
    struct buf json = { 0 };
    char *first;

    options.shards = 4;
    first = bytes_dup(bytes_str(encode(hundred(&json, 10)))); /* shard after shard, so equal texts are equal shards */
    ck_assert_uint_eq(shards_used, 15);
    ck_assert_uint_eq(requests, 4);
    ck_assert_uint_eq(items, 100);
    ck_assert_uint_eq(remote_write_series(rw), 100);
    ck_assert_str_eq(encode(hundred(&json, 10)), first); /* known by now */
    free(first);
    buf_free(&json);
}
END_TEST

START_TEST(a_message_ends_when_it_is_long_enough)
{
    struct buf json = { 0 };

    options.max_bytes = 1000;
    encode(hundred(&json, 10));
    ck_assert_uint_eq(items, 100);
    ck_assert_uint_gt(requests, 5);
    ck_assert_uint_lt(requests, 20);
    buf_free(&json);
}
END_TEST

START_TEST(series_without_room_in_the_budget_are_sent_all_the_same)
{
    struct buf json = { 0 };

    budget_init(&budget, 25200, &turn);
    encode(hundred(&json, 10));
    ck_assert_uint_eq(items, 100);
    ck_assert_uint_gt(remote_write_series(rw), 0);
    ck_assert_uint_lt(remote_write_series(rw), 100);
    remote_write_free(rw);
    rw = NULL;
    budget_init(&budget, 1000, &turn);
    encode(hundred(&json, 10));
    ck_assert_uint_eq(dropped("series_budget"), 100); /* not even the metric has room */
    buf_free(&json);
}
END_TEST

START_TEST(beyond_max_series_new_ones_are_dropped_and_known_ones_go_on)
{
    struct buf json = { 0 };

    options.max_series = 40;
    for (int round = 0; round < 2; round++) {
        encode(hundred(&json, 10));
        ck_assert_uint_eq(items, 40);
        ck_assert_uint_eq(dropped("series_limit"), 60);
        json.len = 0;
    }
    buf_free(&json);
}
END_TEST

START_TEST(the_cache_takes_half_of_the_budget_and_what_is_beyond_is_sent_all_the_same)
{
    struct buf json = { 0 };

    budget_init(&budget, 37000, &turn);
    encode(hundred(&json, 10));
    ck_assert_uint_eq(items, 100);
    ck_assert_uint_gt(remote_write_series(rw), 0);
    ck_assert_uint_lt(remote_write_series(rw), 100);
    ck_assert_uint_lt(budget.used, 40000);
    buf_free(&json);
}
END_TEST

START_TEST(series_that_are_not_seen_are_forgotten)
{
    struct buf json = { 0 };

    encode(hundred(&json, 10));
    clock_advance(&the_clock, 500 * NS_PER_S);
    encode(METRICS(GAUGE("g", OF("series number 7", 20, 1))));
    clock_advance(&the_clock, 200 * NS_PER_S);
    for (int i = 0; i < 100; i++)
        remote_write_sweep(rw);
    ck_assert_uint_eq(remote_write_series(rw), 1);
    ck_assert_str_eq(encode(METRICS(GAUGE("g", OF("series number 8", 30, 2)))),
                     "g{k=\"series number 8\"} 2 1700000000030\n");
    buf_free(&json);
}
END_TEST

START_TEST(series_are_forgotten_though_none_comes_that_would_end_the_growth_of_their_table)
{
    struct buf json = { 0 };

    for (int i = 0; i < 400; i++) { /* the table has 512 slots, and has begun to grow */
        json.len = 0;
        buf_printf(&json, METRICS(GAUGE("g", OF("series %d", 10, 1))), i);
        encode(buf_cstr(&json));
    }
    clock_advance(&the_clock, 700 * NS_PER_S);
    for (int i = 0; i < 100; i++)
        remote_write_sweep(rw);
    ck_assert_uint_eq(remote_write_series(rw), 0);
    buf_free(&json);
}
END_TEST

START_TEST(a_resource_has_one_target_info_at_its_newest_time)
{
    options.target_info = true;
    ck_assert_str_eq(encode(OF_SERVICE(GAUGE("g", POINT(10, 1)) "," GAUGE("f", POINT(20, 1)))),
                     "g{instance=\"i\",job=\"s\"} 1 1700000000010\nf{instance=\"i\",job=\"s\"} 1 1700000000020\n"
                     "target_info{instance=\"i\",job=\"s\",region=\"eu\"} 1 1700000000020\n");
    ck_assert_uint_eq(items, 2);
    ck_assert_str_eq(encode(OF_SERVICE(GAUGE("h", POINT(15, 1)))), "h{instance=\"i\",job=\"s\"} 1 1700000000015\n");
    encode(OF_SERVICE(GAUGE("h", POINT(30, 1))));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&text), "target_info{instance=\"i\",job=\"s\",region=\"eu\"} 1 1700000000030"));
}
END_TEST

START_TEST(metadata_goes_once_a_minute)
{
    options.send_metadata = true;
    ck_assert_ptr_nonnull(strstr(encode(METRICS(SUM("c", 2, POINT(10, 1)))), "# c_total 1\n"));
    ck_assert_uint_eq(items, 1);
    ck_assert_ptr_null(strstr(encode(METRICS(SUM("c", 2, POINT(20, 1)))), "# "));
    clock_advance(&the_clock, 61 * NS_PER_S);
    ck_assert_ptr_nonnull(strstr(encode(METRICS(SUM("c", 2, POINT(30, 1)))), "# c_total 1\n"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote_write");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_point_is_a_sample_in_either_version);
    tcase_add_test(tc, the_samples_of_a_series_come_out_in_order);
    tcase_add_test(tc, labels_are_in_order_whatever_those_of_the_series_before_were);
    tcase_add_test(tc, of_samples_at_one_time_the_last_stays);
    tcase_add_test(tc, numbers_of_one_series_share_a_time_series);
    tcase_add_loop_test(tc, series_that_are_one_to_prometheus_are_one_in_a_message, 0, ARRAY_LEN(alike));
    tcase_add_test(tc, values_that_differ_behind_a_nul_are_two_series);
    tcase_add_test(tc, series_without_room_are_one_in_a_message_too);
    tcase_add_test(tc, twins_go_one_by_one);
    tcase_add_test(tc, later_histograms_of_a_series_come_in_later_messages);
    tcase_add_test(tc, metrics_of_several_kinds_may_give_one_series);
    tcase_add_test(tc, a_metric_called_target_info_is_no_second_one);
    tcase_add_loop_test(tc, a_unit_of_several_samples_is_cut_between_them, 0, 2);
    tcase_add_loop_test(tc, series_are_taken_out_of_a_message_by_their_hash, 0, 2);
    tcase_add_test(tc, what_remote_write_cannot_carry_is_dropped_by_its_reason);
    tcase_add_test(tc, a_histogram_is_one_item_of_many_samples);
    tcase_add_test(tc, a_point_without_a_value_ends_its_series);
    tcase_add_test(tc, a_series_keeps_to_its_shard_and_all_shards_have_some);
    tcase_add_test(tc, a_message_ends_when_it_is_long_enough);
    tcase_add_test(tc, series_without_room_in_the_budget_are_sent_all_the_same);
    tcase_add_test(tc, beyond_max_series_new_ones_are_dropped_and_known_ones_go_on);
    tcase_add_test(tc, the_cache_takes_half_of_the_budget_and_what_is_beyond_is_sent_all_the_same);
    tcase_add_test(tc, series_that_are_not_seen_are_forgotten);
    tcase_add_test(tc, series_are_forgotten_though_none_comes_that_would_end_the_growth_of_their_table);
    tcase_add_test(tc, a_resource_has_one_target_info_at_its_newest_time);
    tcase_add_test(tc, metadata_goes_once_a_minute);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
