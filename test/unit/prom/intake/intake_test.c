/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/intake/intake.h"
#include "prom/relabel/relabel.h"
#include "support/rig/intake_rig.h"

#include <check.h>
#include <stdlib.h>

static struct intake_rig r;

static void setup(void)
{
    intake_rig_init(&r);
}

static void teardown(void)
{
    intake_rig_close(&r);
}

#define TEXT(page, shown) ck_assert_str_eq(intake_rig_text(&r, page), shown)
#define OPENMETRICS(page, shown) ck_assert_str_eq(intake_rig_openmetrics(&r, page), shown)
#define GOOD() ck_assert_msg(r.result.error.code == 0, "%s", r.result.error.text)
#define BAD(text) ck_assert_msg(strstr(intake_rig_error(&r), text) != NULL, "%s", intake_rig_error(&r))

START_TEST(types_become_those_of_otlp)
{
    TEXT("# HELP c_total Many \\\\ things\\n.\n# TYPE c_total counter\nc_total{b=\"2\",a=\"1\"} 3\n"
         "# TYPE g gauge\ng -1.5\n# TYPE u untyped\nu 1\nnothing_said 2e3\n",
         "# c_total counter: Many \\ things\n.\nc_total{a=1,b=2} 3\n# g gauge: \ng{} -1.5\nu{} 1\nnothing_said{} "
         "2000\n");
    GOOD();
    ck_assert_uint_eq(r.result.scraped, 4);
    ck_assert_uint_eq(r.result.added, 4);
    TEXT(
        "# HELP c_total Many \\\\ things\\n.\n# TYPE c_total counter\nc_total{b=\"2\",a=\"1\"} 4\n"
        "# TYPE g gauge\ng -2.5\n# TYPE u untyped\nu 2\nnothing_said NaN\n",
        "# c_total counter: Many \\ things\n.\nc_total{a=1,b=2} 4\n# g gauge: \ng{} -2.5\nu{} 2\nnothing_said{} NaN\n");
    ck_assert_uint_eq(r.result.added, 0);
}
END_TEST

START_TEST(lines_of_a_histogram_are_one_point)
{
    static const char page[] = "# TYPE h histogram\nh_bucket{a=\"x\",le=\"0.5\"} 1\nh_bucket{a=\"x\",le=\"1\"} 3\n"
                               "h_bucket{a=\"x\",le=\"+Inf\"} 6\nh_sum{a=\"x\"} 4.25\nh_count{a=\"x\"} 6\n";
    static const char shown[] = "# h histogram: \nh{a=x} count=6 sum=4.25 0.5:1 1:2 +Inf:3\n";

    TEXT(page, shown);
    ck_assert_uint_eq(r.result.scraped, 5);
    TEXT(page, shown);
}
END_TEST

START_TEST(buckets_are_sorted_and_none_but_the_count_is_needed)
{
    TEXT("# TYPE h histogram\nh_count 6\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"0.5\"} 1\n# TYPE i histogram\ni_count 2\n"
         "# TYPE k histogram\nk_bucket{le=\"1\"} 3\nk_sum 3\n",
         "# h histogram: \nh{} count=6 0.5:1 1:2 +Inf:3\n# i histogram: \ni{} count=2 +Inf:2\n");
    ck_assert_uint_eq(r.result.unfit, 0);
}
END_TEST

START_TEST(a_summary_has_its_quantiles_in_order)
{
    TEXT("# TYPE s summary\ns{quantile=\"0.9\"} 5\ns{quantile=\"0.5\"} NaN\ns_sum 10\ns_count 3\n",
         "# s summary: \ns{} count=3 sum=10 q0.5:NaN q0.9:5\n");
}
END_TEST

START_TEST(a_bucket_without_a_bound_is_counted_and_left_out)
{
    TEXT("# TYPE h histogram\nh_bucket 1\nh_bucket{le=\"x\"} 1\nh_count 1\n", "# h histogram: \nh{} count=1 +Inf:1\n");
    GOOD();
    ck_assert_uint_eq(r.result.unfit, 2);
    ck_assert_uint_eq(r.result.kept, 3);
}
END_TEST

START_TEST(openmetrics_has_units_starts_and_exemplars)
{
    static const char page[] =
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds \\\"A\\\"\n"
        "a_seconds_total{x=\"1\"} 3.0 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",b=\"c\"} 0.5 1700000001.25\n"
        "a_seconds_created{x=\"1\"} 1600000000.5\n"
        "# TYPE h histogram\nh_bucket{le=\"1.0\"} 2 # {span_id=\"00f067aa0ba902b7\"} 0.75\nh_bucket{le=\"+Inf\"} 3\n"
        "h_count 3\nh_sum 4.25\nh_created 1600000001\n# EOF\n";
    static const char shown[] =
        "# a_seconds_total s counter: \"A\"\n"
        "a_seconds_total{x=1} 3 from=1600000000500000000 {4bf92f3577b34da6a3ce929d0e0e4736b=c=0.5@1700000001250}\n"
        "# h histogram: \nh{} count=3 sum=4.25 1:2 +Inf:1 from=1600000001000000000 {/00f067aa0ba902b7=0.75@%llu}\n";
    char expected[600];

    for (int i = 0; i < 2; i++) {
        const char *got = intake_rig_openmetrics(&r, page);

        snprintf(expected, sizeof(expected), shown, (unsigned long long)r.time_ms);
        ck_assert_str_eq(got, expected);
        ck_assert_uint_eq(r.result.scraped, 7);
        ck_assert_uint_eq(r.result.added, i == 0 ? 7 : 0);
    }
}
END_TEST

START_TEST(info_and_stateset_are_sums_that_may_fall)
{
    OPENMETRICS("# TYPE i info\ni_info{v=\"1\"} 1\n# TYPE s stateset\ns{s=\"on\"} 1\n# TYPE g gaugehistogram\n"
                "g_bucket{le=\"1\"} 2\ng_gcount 2\ng_gsum 3\n# EOF\n",
                "# i info sum: \ni{v=1} 1\n# s stateset sum: \ns{s=on} 1\n# g gaugehistogram: \ng{le=1} 2\n"
                "g_gcount{} 2\ng_gsum{} 3\n");
}
END_TEST

START_TEST(a_series_that_is_gone_has_ended_once)
{
    TEXT("a 1\nb{x=\"y\"} 2\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n# TYPE s summary\n"
         "s{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n",
         "a{} 1\nb{x=y} 2\n# h histogram: \nh{} count=1 sum=1 1:1 +Inf:0\n# s summary: \ns{} count=1 sum=1 q0.5:1\n");
    TEXT("a 1\n", "a{} 1\nb{x=y} ended\n# h histogram: \nh{} 1:0 +Inf:0 ended\n# s summary: \ns{} q0.5:0 ended\n");
    TEXT("a 1\n", "a{} 1\n");
    TEXT("a 1\nb{x=\"y\"} 2\n", "a{} 1\nb{x=y} 2\n");
    ck_assert_uint_eq(r.result.added, 1);
}
END_TEST

START_TEST(after_a_failed_page_everything_has_ended_and_is_known_when_it_comes_back)
{
    r.with_reports = true;
    TEXT("a 1\nb 2\n", "a{} 1\nb{} 2\n# up gauge: The scraping was successful\nup{} 1\n"
                       "# scrape_duration_seconds s gauge: Duration of the scrape\nscrape_duration_seconds{} 0.25\n"
                       "# scrape_samples_scraped gauge: The number of samples the target exposed\n"
                       "scrape_samples_scraped{} 2\n"
                       "# scrape_samples_post_metric_relabeling gauge: The number of samples remaining after metric "
                       "relabeling was applied\nscrape_samples_post_metric_relabeling{} 2\n"
                       "# scrape_series_added gauge: The approximate number of new series in this scrape\n"
                       "scrape_series_added{} 2\n");
    r.with_reports = false;
    TEXT("a 1\nb x\n", "a{} ended\nb{} ended\n");
    BAD("line 2: the value is not a number: `b x`");
    ck_assert_uint_eq(r.result.scraped, 1);
    ck_assert_str_eq(intake_rig_fail(&r), "");
    TEXT("a 1\nb 3\n", "a{} 1\nb{} 3\n");
    ck_assert_uint_eq(r.result.added, 0);
    ck_assert_str_eq(intake_rig_fail(&r), "a{} ended\nb{} ended\n");
}
END_TEST

START_TEST(a_page_without_samples_is_good_and_ends_all)
{
    TEXT("a 1\n", "a{} 1\n");
    TEXT("", "a{} ended\n");
    GOOD();
    TEXT("a 1\n", "a{} 1\n");
    ck_assert_uint_eq(r.result.added, 0);
}
END_TEST

START_TEST(when_the_target_goes_its_report_ends_too)
{
    TEXT("a 1\n", "a{} 1\n");
    r.with_reports = true;
    ck_assert_ptr_nonnull(
        strstr(intake_rig_end(&r), "a{} ended\n# up gauge: The scraping was successful\nup{} ended\n"));
}
END_TEST

START_TEST(of_a_series_that_comes_twice_the_first_counts)
{
    TEXT("a 1\na 2\nb 1\n", "a{} 1\nb{} 1\n");
    ck_assert_uint_eq(r.result.duplicates, 1);
    ck_assert_uint_eq(r.result.kept, 3);
    TEXT("b{x=\"1\",y=\"2\"} 1\nb{y=\"2\",x=\"1\"} 2\n", "b{x=1,y=2} 2\nb{} ended\na{} ended\n");
}
END_TEST

START_TEST(times_are_kept_and_such_series_do_not_end)
{
    TEXT("a 1 1699999999000\nb 2 99999999999999\n", "a{} 1 @1699999999000\n");
    ck_assert_uint_eq(r.result.too_far, 1);
    TEXT("a 1 1699999999000\nb 2 1700000000000000000\n", "a{} 1 @1699999999000\n");
    ck_assert_uint_eq(r.result.too_far, 1);
    TEXT("c 1\n", "c{} 1\n");
    OPENMETRICS("a 1 1699999998.5\n# EOF\n", "a{} 1 @1699999998500\nc{} ended\n");
}
END_TEST

START_TEST(times_may_be_left_to_the_scrape)
{
    r.rules.honor_timestamps = false;
    TEXT("a 1 1699999999000\n", "a{} 1\n");
    TEXT("", "a{} ended\n");
}
END_TEST

START_TEST(series_with_times_end_if_that_is_wanted)
{
    r.rules.track_timestamps_staleness = true;
    TEXT("a 1 1699999999000\n", "a{} 1 @1699999999000\n");
    TEXT("b 1\n", "b{} 1\na{} ended\n");
}
END_TEST

START_TEST(labels_of_the_target_win_unless_those_of_the_page_are_honored)
{
    label_set_copy(&r.target, bytes_str("env"), bytes_str("prod"));
    r.with_resources = true;
    TEXT("a{job=\"k\",exported_job=\"m\",env=\"dev\"} 1\n",
         "[service.name=j,server.address=host,service.instance.id=host:80,server.port=80,url.scheme=http]\n"
         "a{env=prod,exported_env=dev,exported_exported_job=k,exported_job=m} 1\n");
}
END_TEST

START_TEST(honored_labels_decide_the_resource)
{
    label_set_copy(&r.target, bytes_str("env"), bytes_str("prod"));
    r.rules.honor_labels = true;
    r.with_resources = r.with_reports = true;
    ck_assert_ptr_nonnull(strstr(
        intake_rig_text(&r, "a{job=\"k\",instance=\"localhost\",env=\"\"} 1\n"),
        "[service.name=k,service.instance.id=localhost,server.port=,url.scheme=http]\na{} 1\n"
        "[service.name=j,server.address=host,service.instance.id=host:80,server.port=80,url.scheme=http]\n# up"));
}
END_TEST

START_TEST(target_info_is_of_the_resource_and_scope_labels_of_the_scope)
{
    r.with_resources = true;
    TEXT("target_info{a_b=\"1\",url_scheme=\"x\",service_version=\"2\"} 1\n"
         "x{otel_scope_name=\"lib\",otel_scope_version=\"3\",otel_scope_k=\"v\",otel_scope_schema_url=\"u\",z=\"1\"} "
         "1\n",
         "[service.name=j,server.address=host,service.instance.id=host:80,server.port=80,url.scheme=http,a_b=1,"
         "service_version=2,url_scheme=x]\n<lib 3 uk=v>\nx{z=1} 1\n");
    ck_assert_uint_eq(r.result.added, 2);
}
END_TEST

#define OF_HOST "[service.name=j,server.address=host,service.instance.id=host:80,server.port=80,url.scheme=http"

START_TEST(what_ends_with_target_info_ends_in_the_resource_that_it_was_of)
{
    r.with_resources = true;
    intake_rig_text(&r, "target_info{a=\"1\"} 1\nx 1\ny 1\n");
    TEXT("target_info{a=\"2\"} 1\nx 1\n", OF_HOST ",a=2]\nx{} 1\ny{} ended\n");
    ck_assert_str_eq(intake_rig_fail(&r), OF_HOST ",a=2]\nx{} ended\n");
    ck_assert_str_eq(intake_rig_fail(&r), OF_HOST "]\n");
}
END_TEST

START_TEST(a_series_goes_on_where_a_label_that_is_dropped_changes)
{
    struct relabel_config drop = {
        .separator = ";", .regex = "build", .target_label = "", .replacement = "$1", .action = RELABEL_LABELDROP
    };
    struct option_list rules = { .v = &drop, .n = 1 };
    struct relabel *relabel = relabel_new(&rules, true);

    r.rules.relabel = relabel;
    TEXT("a{build=\"1\",k=\"v\"} 1\n", "a{k=v} 1\n");
    ck_assert_uint_eq(r.result.added, 1);
    TEXT("a{build=\"2\",k=\"v\"} 2\n", "a{k=v} 2\n"); /* and no end of the one before */
    TEXT("a{build=\"2\",k=\"v\"} 3\n", "a{k=v} 3\n");
    TEXT("", "a{k=v} ended\n");
    intake_rig_close(&r);
    relabel_free(relabel);
    intake_rig_init(&r);
}
END_TEST

START_TEST(a_label_that_is_too_long_for_the_patterns_fails_the_page)
{
    struct relabel_config keep = { .source_labels = { (const char *[]){ "k" }, 1 },
                                   .separator = ";",
                                   .regex = "(a|b|c|d){100}[a-z]{200}x",
                                   .target_label = "",
                                   .replacement = "$1",
                                   .action = RELABEL_DROP };
    struct option_list rules = { .v = &keep, .n = 1 };
    struct relabel *relabel = relabel_new(&rules, true);
    struct buf page = { 0 };

    r.rules.relabel = relabel;
    TEXT("a{k=\"v\"} 1\n", "a{k=v} 1\n");
    buf_puts(&page, "a{k=\"v\"} 2\nb{k=\"");
    while (page.len < 300000)
        buf_putc(&page, 'a');
    buf_puts(&page, "\"} 1\n");
    TEXT(buf_cstr(&page), "a{k=v} ended\n");
    BAD("too long for the patterns of metric_relabel_configs");
    buf_free(&page);
    intake_rig_close(&r);
    relabel_free(relabel);
    intake_rig_init(&r);
}
END_TEST

START_TEST(what_a_page_says_of_reports_changes_nothing)
{
    r.rules.report_more = r.with_reports = true;
    intake_rig_openmetrics(&r, "# TYPE a counter\na_total 1\na_created 1\n# TYPE scrape_sample_limit counter\n"
                               "scrape_sample_limit 5\nup 7\n# EOF\n");
    GOOD();
    for (int i = 0; i < 3; i++) {
        intake_rig_text(&r, i == 1 ? "c 1\nup 9\n" : "b 1\n");
        ck_assert_ptr_nonnull(strstr(buf_cstr(&r.text), "\nup{} 1\n"));
        ck_assert_ptr_nonnull(strstr(buf_cstr(&r.text), "\nscrape_sample_limit{} 0\n"));
    }
    intake_rig_text(&r, "up 9\n");
    ck_assert_ptr_nonnull(strstr(intake_rig_fail(&r), "\nup{} 0\n"));
}
END_TEST

START_TEST(external_labels_are_on_all_points)
{
    struct label_set external = { 0 };

    label_set_copy(&external, bytes_str("region"), bytes_str("eu"));
    r.rules.external_labels = &external;
    OPENMETRICS("# TYPE c counter\nc_total 1 # {a=\"b\"} 1 1\n# EOF\n",
                "# c_total counter: \nc_total{region=eu} 1 {a=b=1@1000}\n");
    label_set_free(&external);
}
END_TEST

START_TEST(limits_fail_the_page)
{
    r.rules.sample_limit = 2;
    r.rules.label_limit = 4;
    r.rules.label_name_length_limit = 8;
    r.rules.label_value_length_limit = 10;
    TEXT("a 1\nb 1\n", "a{} 1\nb{} 1\n");
    TEXT("a 1\nb 1\nc 1\nd 1\n", "a{} ended\nb{} ended\n");
    BAD("sample limit exceeded");
    ck_assert_uint_eq(r.result.scraped, 4);
    TEXT("a{x=\"1\",y=\"2\"} 1\n", "");
    BAD("line 1: label_limit exceeded (metric: a, number of labels: 5, limit: 4)");
    TEXT("a{abcdefghi=\"1\"} 1\n", "");
    BAD("label_name_length_limit exceeded (metric: a, label name: abcdefghi, length: 9, limit: 8)");
    TEXT("a{b=\"01234567890\"} 1\n", "");
    BAD("label_value_length_limit exceeded (metric: a, label name: b, value: \"01234567890\", length: 11, limit: 10)");
}
END_TEST

START_TEST(known_series_go_on_when_there_are_as_many_as_there_may_be)
{
    r.max_series = 2;
    TEXT("a 1\nb 1\nc 1\n", "a{} 1\nb{} 1\n");
    GOOD();
    ck_assert_uint_eq(r.result.refused, 1);
    TEXT("c 1\nb 2\na 2\n", "b{} 2\na{} 2\n");
    TEXT("b 2\n", "b{} 2\na{} ended\n");
    TEXT("c 1\nb 2\n", "c{} 1\nb{} 2\n");
}
END_TEST

START_TEST(what_is_said_of_a_family_later_holds_from_then_on)
{
    TEXT("a_total 1\n", "a_total{} 1\n");
    TEXT("# TYPE a_total counter\na_total 2\n", "a_total{} @1700000014999 ended\n# a_total counter: \na_total{} 2\n");
    TEXT("# TYPE a_total counter\n# HELP a_total x\na_total 2\n", "# a_total counter: x\na_total{} 2\n");
    ck_assert_uint_eq(r.result.added, 0);
    TEXT("a_total 2\n", "# a_total counter: x\na_total{} 2\n");
    for (int i = 0; i < 11; i++)
        intake_rig_text(&r, "a_total 2\n");
    TEXT("a_total 2\n", "a_total{} 2\n");
}
END_TEST

START_TEST(a_family_of_another_type_has_ended_as_what_it_was)
{
    TEXT("# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 1\n", "# a counter: \na{x=1} 1\na{x=2} 1\n");
    TEXT("# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 1\n",
         "# a counter: \na{x=1} @1700000014999 ended\na{x=2} @1700000014999 ended\n# a gauge: \na{x=1} 1\na{x=2} 1\n");
    TEXT("# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} 1\n", "# a gauge: \na{x=1} 2\na{x=2} 1\n");
    TEXT("# TYPE a untyped\na{x=\"1\"} 2\na{x=\"2\"} 1\n", "a{x=1} 2\na{x=2} 1\n");
}
END_TEST

START_TEST(a_histogram_that_is_none_any_more_has_ended)
{
    TEXT("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n", "# h histogram: \nh{} count=1 1:1 +Inf:0\n");
    TEXT("# TYPE h gauge\nh_bucket{le=\"1\"} 1\nh_count 1\n",
         "h_bucket{le=1} 1\nh_count{} 1\n# h histogram: \nh{} 1:0 +Inf:0 @1700000014999 ended\n");
    TEXT("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n",
         "h_bucket{le=1} @1700000029999 ended\nh_count{} @1700000029999 ended\n# h histogram: \nh{} count=1 1:1 "
         "+Inf:0\n");
}
END_TEST

START_TEST(what_is_said_in_the_middle_of_a_page_holds_from_the_next_on)
{
    TEXT("# HELP a x\na{b=\"1\"} 1\n# HELP a y\na{b=\"2\"} 2\n", "# a unknown: x\na{b=1} 1\na{b=2} 2\n");
    TEXT("# HELP a y\na{b=\"1\"} 1\na{b=\"2\"} 2\n", "# a unknown: y\na{b=1} 1\na{b=2} 2\n");
}
END_TEST

START_TEST(suffixes_and_units_are_taken_off_names_if_wanted)
{
    r.rules.trim_suffixes = true;
    OPENMETRICS("# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n",
                "# a s counter: \na{} 1\n");
}
END_TEST

START_TEST(names_may_be_any_text_in_quotes)
{
    TEXT("# TYPE \"a.b\" gauge\n{\"a.b\",\"c.d\"=\"x\",e=\"y\"} 1\n", "# a.b gauge: \na.b{c.d=x,e=y} 1\n");
    r.rules.legacy_names = true;
    TEXT("{\"a.c\"} 1\n", "# a.b gauge: \na.b{c.d=x,e=y} ended\n");
    BAD("invalid metric name or label names");
}
END_TEST

START_TEST(classic_histograms_count_once_where_they_are_taken_as_custom_ones)
{
    r.rules.classic_to_custom = true;
    TEXT("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n",
         "# h histogram: \nh{} count=2 sum=3 1:1 +Inf:1\n");
    ck_assert_uint_eq(r.result.scraped, 1);
    ck_assert_uint_eq(r.result.kept, 1);
    ck_assert_uint_eq(r.result.added, 1);
}
END_TEST

START_TEST(series_that_are_ever_new_take_no_more_memory_than_their_limit)
{
    struct buf page = { 0 };
    uint64_t most = 0;

    r.max_series = 1000;
    for (unsigned scrape = 0; scrape < 6; scrape++) {
        page.len = 0;
        for (unsigned i = 0; i < 5000; i++)
            buf_printf(&page, "# TYPE m_%u_%u gauge\nm_%u_%u{id=\"%u\"} 1\n", scrape, i, scrape, i, i);
        intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
        GOOD();
        ck_assert_uint_ge(r.result.refused, 4000);
        most = r.rig.budget.used > most ? r.rig.budget.used : most;
        ck_assert(scrape < 2 || r.rig.budget.used < 12000000);
    }
    for (int i = 0; i < 12; i++)
        intake_rig_text(&r, "a 1\n");
    ck_assert_uint_lt(r.rig.budget.used, most / 2);
    buf_free(&page);
}
END_TEST

START_TEST(a_label_that_is_larger_than_the_room_is_refused)
{
    struct buf page = { 0 };

    budget_set_limit(&r.rig.budget, 2000000);
    buf_puts(&page, "a 1\nb{c=\"");
    for (size_t i = 0; i < 1000000; i++)
        buf_putc(&page, 'x');
    buf_puts(&page, "\"} 1\n");
    ck_assert_str_eq(intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page)), "a{} 1\n");
    GOOD();
    ck_assert_uint_eq(r.result.refused, 1);
    ck_assert_uint_lt(r.rig.budget.peak, 1000000);
    buf_free(&page);
}
END_TEST

START_TEST(a_long_help_is_not_repeated_without_end)
{
    struct buf page = { 0 };

    budget_set_limit(&r.rig.budget, 8000000);
    buf_puts(&page, "# TYPE a gauge\n# HELP a ");
    for (size_t i = 0; i < 100000; i++)
        buf_putc(&page, 'x');
    buf_putc(&page, '\n');
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&page, "a{otel_scope_name=\"%u\"} 1\n", i);
    intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    GOOD();
    ck_assert_uint_ge(r.result.refused, 900);
    ck_assert_uint_lt(r.rig.budget.used, 5000000);
    buf_free(&page);
}
END_TEST

/* A line of `n` letters between the other texts. */
static void put_long(struct buf *b, const char *before, size_t n, const char *behind)
{
    buf_puts(b, before);
    for (size_t i = 0; i < n; i++)
        buf_putc(b, 'x');
    buf_puts(b, behind);
}

START_TEST(what_all_points_share_is_not_in_memory_for_each)
{
    struct intake_scrape scrape = { .time_ms = INTAKE_RIG_TIME + 1 };
    struct buf page = { 0 };

    intake_rig_text(&r, "b 1\n");
    put_long(&page, "# TYPE a gauge\n# HELP a ", 1100000, "\n");
    for (unsigned i = 0; i < 200; i++)
        buf_printf(&page, "a{i=\"%u\"} 1\n", i);
    intake_begin_page(r.intake, INTAKE_TEXT, buf_bytes(&page), &scrape, &r.result);
    while (!intake_work(r.store))
        ;
    GOOD();
    ck_assert_uint_eq(intake_points_count(r.result.points), 206); /* the end of b, and the report */
    ck_assert_uint_lt(r.rig.budget.peak, 20000000);
    intake_points_free(r.result.points);
    buf_free(&page);
}
END_TEST

START_TEST(a_long_line_is_not_looked_for_at_each_short_one)
{
    struct buf page = { 0 };

    put_long(&page, "b{c=\"", (4u << 20) + 2, "\"} 1\n"); /* its text ends where a short line has its blank */
    intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    GOOD();
    page.len = 0;
    for (unsigned i = 0; i < 1300000; i++)
        buf_puts(&page, "a 1\n");
    intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    GOOD();
    buf_free(&page);
}
END_TEST

START_TEST(what_target_info_says_is_in_memory_once)
{
    struct buf page = { 0 };

    put_long(&page, "target_info{a=\"", 1000000, "\"} 1\n");
    for (unsigned i = 0; i < 40000; i++)
        buf_printf(&page, "a{i=\"%u\"} 1\n", i);
    intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    GOOD();
    ck_assert_uint_gt(r.n_batches, 30);
    ck_assert_uint_lt(r.rig.budget.peak, 25000000);
    buf_free(&page);
}
END_TEST

/* Counters with starts, histograms, summaries, a family that is told late, target_info. */
static void put_mixed_page(struct buf *b, unsigned n)
{
    buf_puts(b, "# TYPE target info\n# TYPE h histogram\n# TYPE c counter\ntarget_info{build=\"7\"} 1\n");
    for (unsigned i = 0; i < n; i++)
        buf_printf(b,
                   "c_total{i=\"%u\"} %u\nc_created{i=\"%u\"} 1\nh_bucket{i=\"%u\",le=\"+Inf\"} 1\nh_sum{i=\"%u\"} 1\n"
                   "h_count{i=\"%u\"} 1\n",
                   i, i, i, i, i, i);
    buf_puts(b, "# EOF\n");
}

START_TEST(a_page_that_is_given_up_at_any_step_leaves_the_next_as_it_was)
{
    struct intake_scrape scrape = { .time_ms = INTAKE_RIG_TIME + 1 };
    struct buf page = { 0 }, expected = { 0 };
    unsigned steps = 0;
    bool done = false;

    r.with_resources = true;
    put_mixed_page(&page, 200);
    intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page));
    buf_puts(&expected, intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page)));
    while (!done) {
        intake_rig_openmetrics(&r, steps % 2 ? "a 1\n# EOF\n" : "a 1\nbad\n");
        intake_begin_page(r.intake, INTAKE_OPENMETRICS, buf_bytes(&page), &scrape, &r.result);
        for (unsigned i = 0; i < steps && !done; i++)
            done = intake_work(r.store);
        intake_cancel(r.intake);
        if (done)
            intake_points_free(r.result.points);
        steps++;
        intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page)); /* what was there in between ends */
        GOOD();
        ck_assert(bytes_is(buf_bytes(&expected), intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page))));
        GOOD();
    }
    ck_assert_uint_gt(steps, 20);
    buf_free(&page);
    buf_free(&expected);
}
END_TEST

START_TEST(a_large_page_leaves_in_batches_that_each_have_their_resource)
{
    struct buf page = { 0 };
    const char *shown;
    size_t resources = 0;

    r.with_resources = true;
    put_mixed_page(&page, 4000);
    shown = intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page));
    GOOD();
    ck_assert_uint_eq(r.result.scraped, 20001);
    ck_assert_uint_eq(r.n_batches, 7); /* their series are new */
    for (const char *at = shown; (at = strstr(at, "build=7")) != NULL; at++)
        resources++;
    ck_assert_uint_eq(resources, r.n_batches);
    intake_rig_take(&r, INTAKE_OPENMETRICS, buf_bytes(&page));
    ck_assert_uint_eq(r.n_batches, 2);
    buf_free(&page);
}
END_TEST

START_TEST(a_series_takes_150_bytes_beside_its_labels)
{
    enum { SERIES = 20000, LABELS = 8 + sizeof("method") - 1 + 3 + 8 + sizeof("path") - 1 + 13 };
    struct buf page = { 0 };
    uint64_t before;

    intake_rig_text(&r, "a 1\n");
    before = r.rig.budget.used;
    for (unsigned i = 0; i < SERIES; i++)
        buf_printf(&page, "b{method=\"GET\",path=\"/items/%06u\"} 1\n", i);
    intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    GOOD();
    ck_assert_uint_eq(r.result.added, SERIES);
    ck_assert_uint_le((r.rig.budget.used - before) / SERIES, 150 + LABELS);
    buf_free(&page);
}
END_TEST

START_TEST(pages_that_always_fail_do_not_pile_up_what_they_name)
{
    struct buf page = { 0 };
    uint64_t after_two = 0;

    for (unsigned scrape = 0; scrape < 12; scrape++) {
        page.len = 0;
        for (unsigned i = 0; i < 3000; i++)
            buf_printf(&page, "# TYPE m_%u_%u gauge\nm_%u_%u 1\n", scrape, i, scrape, i);
        buf_puts(&page, "}\n");
        ck_assert_str_eq(intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page)), "");
        BAD("line 6001: a line begins with a name");
        if (scrape == 1)
            after_two = r.rig.budget.used;
    }
    ck_assert_uint_lt(r.rig.budget.used, 4 * after_two);
    buf_free(&page);
}
END_TEST

/* So many labels, in falling order. */
static void put_labelled(struct buf *page, unsigned n)
{
    page->len = 0;
    buf_puts(page, "a{");
    for (unsigned i = n; i > 0; i--)
        buf_printf(page, "l%05u=\"x\",", i);
    buf_puts(page, "} 1\n");
}

START_TEST(a_series_has_a_thousand_labels_at_most)
{
    struct buf page = { 0 };

    put_labelled(&page, 1023);
    ck_assert_ptr_nonnull(strstr(intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page)), "a{l00001=x,l00002=x,"));
    GOOD();
    put_labelled(&page, 100000);
    intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    BAD("line 1: a series has more than 1024 labels");
    buf_free(&page);
}
END_TEST

START_TEST(many_target_infos_are_one_resource)
{
    struct buf page = { 0 };
    const char *shown;

    r.with_resources = true;
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&page, "target_info{n%u=\"x\",same=\"%u\"} 1\n", i, i);
    shown = intake_rig_take(&r, INTAKE_TEXT, buf_bytes(&page));
    GOOD();
    ck_assert_ptr_nonnull(strstr(shown, "url.scheme=http,n0=x,n1=x,"));
    ck_assert_ptr_nonnull(strstr(shown, ",n19999=x,same=19999]\n"));
    buf_free(&page);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("intake");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, types_become_those_of_otlp);
    tcase_add_test(tc, lines_of_a_histogram_are_one_point);
    tcase_add_test(tc, buckets_are_sorted_and_none_but_the_count_is_needed);
    tcase_add_test(tc, a_summary_has_its_quantiles_in_order);
    tcase_add_test(tc, a_bucket_without_a_bound_is_counted_and_left_out);
    tcase_add_test(tc, openmetrics_has_units_starts_and_exemplars);
    tcase_add_test(tc, info_and_stateset_are_sums_that_may_fall);
    tcase_add_test(tc, a_series_that_is_gone_has_ended_once);
    tcase_add_test(tc, after_a_failed_page_everything_has_ended_and_is_known_when_it_comes_back);
    tcase_add_test(tc, a_page_without_samples_is_good_and_ends_all);
    tcase_add_test(tc, when_the_target_goes_its_report_ends_too);
    tcase_add_test(tc, of_a_series_that_comes_twice_the_first_counts);
    tcase_add_test(tc, times_are_kept_and_such_series_do_not_end);
    tcase_add_test(tc, times_may_be_left_to_the_scrape);
    tcase_add_test(tc, series_with_times_end_if_that_is_wanted);
    tcase_add_test(tc, labels_of_the_target_win_unless_those_of_the_page_are_honored);
    tcase_add_test(tc, honored_labels_decide_the_resource);
    tcase_add_test(tc, target_info_is_of_the_resource_and_scope_labels_of_the_scope);
    tcase_add_test(tc, a_series_goes_on_where_a_label_that_is_dropped_changes);
    tcase_add_test(tc, what_ends_with_target_info_ends_in_the_resource_that_it_was_of);
    tcase_add_test(tc, a_label_that_is_too_long_for_the_patterns_fails_the_page);
    tcase_add_test(tc, what_a_page_says_of_reports_changes_nothing);
    tcase_add_test(tc, external_labels_are_on_all_points);
    tcase_add_test(tc, limits_fail_the_page);
    tcase_add_test(tc, known_series_go_on_when_there_are_as_many_as_there_may_be);
    tcase_add_test(tc, what_is_said_of_a_family_later_holds_from_then_on);
    tcase_add_test(tc, a_family_of_another_type_has_ended_as_what_it_was);
    tcase_add_test(tc, a_histogram_that_is_none_any_more_has_ended);
    tcase_add_test(tc, what_is_said_in_the_middle_of_a_page_holds_from_the_next_on);
    tcase_add_test(tc, suffixes_and_units_are_taken_off_names_if_wanted);
    tcase_add_test(tc, names_may_be_any_text_in_quotes);
    tcase_add_test(tc, classic_histograms_count_once_where_they_are_taken_as_custom_ones);
    tcase_add_test(tc, series_that_are_ever_new_take_no_more_memory_than_their_limit);
    tcase_add_test(tc, a_label_that_is_larger_than_the_room_is_refused);
    tcase_add_test(tc, a_long_help_is_not_repeated_without_end);
    tcase_add_test(tc, what_all_points_share_is_not_in_memory_for_each);
    tcase_add_test(tc, a_long_line_is_not_looked_for_at_each_short_one);
    tcase_add_test(tc, what_target_info_says_is_in_memory_once);
    tcase_add_test(tc, a_page_that_is_given_up_at_any_step_leaves_the_next_as_it_was);
    tcase_add_test(tc, a_large_page_leaves_in_batches_that_each_have_their_resource);
    tcase_add_test(tc, a_series_takes_150_bytes_beside_its_labels);
    tcase_add_test(tc, pages_that_always_fail_do_not_pile_up_what_they_name);
    tcase_add_test(tc, a_series_has_a_thousand_labels_at_most);
    tcase_add_test(tc, many_target_infos_are_one_resource);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
