/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/endpoint/own_metrics_source.h"

#include "prom/exposition/exposition.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const double bounds[] = { 10, 1000000 };
static const struct metric_row sent = METRIC_ROW("otelcol_exporter_sent_spans", METRIC_COUNTER, "{span}", "Sent.");
static const struct metric_row uptime = METRIC_ROW("otelcol_process_uptime", METRIC_COUNTER, "s", "Up.");
static const struct metric_row rss = METRIC_ROW("otelcol_process_memory_rss", METRIC_GAUGE, "By", "Memory.");
static const struct metric_row size =
    METRIC_ROW_AT(LEVEL_DETAILED, "otelcol_batch_size_bytes", METRIC_HISTOGRAM, "By", "Size.", METRIC_BOUNDS(bounds));

static const struct own_metrics_attribute resource[] = {
    { BYTES_LIT("service.version"), BYTES_LIT("1.2") },
    { BYTES_LIT("service.name"), BYTES_LIT("otel\"cd") },
    { BYTES_LIT("my.attr"), BYTES_LIT("x") },
    { BYTES_LIT("exporter"), BYTES_LIT("of the resource") },
};

static const struct own_metrics_options usual = {
    .level = LEVEL_NORMAL,
    .without_units = true,
    .without_type_suffix = true,
    .without_scope_info = true,
    .version = "1.2",
    .resource = resource,
    .n_resource = 4,
};

static void record(struct metrics *m)
{
    struct metric_label a = { "exporter", "b" }, b = { "exporter", "a" }, c = { "exporter", "never" };
    struct metric *h = metrics_get(m, &size, NULL, 0);

    metric_add(metrics_get(m, &sent, &a, 1), 7);
    metric_add(metrics_get(m, &sent, &b, 1), 0);
    (void)metrics_get(m, &sent, &c, 1);
    metric_set(metrics_get(m, &uptime, NULL, 0), 4.5);
    metric_set(metrics_get(m, &rss, NULL, 0), 8486912);
    metric_observe(h, 5);
    metric_observe(h, 10);
    metric_observe(h, 11);
    metric_observe(h, 2e6);
}

static char *shown(const struct own_metrics_options *options, const char *accept)
{
    struct accept a = accept_negotiate(bytes_str(accept), true);
    struct metrics m;
    struct own_metrics_source *s;
    struct exposition_source *source;
    struct exposition *x;
    struct buf out = { 0 };

    metrics_init(&m);
    record(&m);
    s = own_metrics_source_new(&m, options);
    source = own_metrics_source_base(s);
    x = exposition_new(&source, 1, &a, NULL, NULL);
    while (exposition_write(x, &out, 1))
        ;
    exposition_free(x);
    own_metrics_source_free(s);
    metrics_free(&m);
    (void)buf_cstr(&out);
    return (char *)out.data;
}

static void check(const struct own_metrics_options *options, const char *accept, const char *want)
{
    char *text = shown(options, accept);

    ck_assert_str_eq(text, want);
    free(text);
}

START_TEST(instruments_show_under_the_names_of_their_rows)
{
    check(&usual, "",
          "# HELP target_info Target metadata\n"
          "# TYPE target_info gauge\n"
          "target_info{exporter=\"of the resource\",my_attr=\"x\",service_name=\"otel\\\"cd\",service_version=\"1.2\"} "
          "1\n"
          "# HELP otelcol_exporter_sent_spans Sent.\n"
          "# TYPE otelcol_exporter_sent_spans counter\n"
          "otelcol_exporter_sent_spans{exporter=\"a\"} 0\n"
          "otelcol_exporter_sent_spans{exporter=\"b\"} 7\n"
          "# HELP otelcol_process_memory_rss Memory.\n"
          "# TYPE otelcol_process_memory_rss gauge\n"
          "otelcol_process_memory_rss 8.486912e+06\n"
          "# HELP otelcol_process_uptime Up.\n"
          "# TYPE otelcol_process_uptime counter\n"
          "otelcol_process_uptime 4.5\n");
}
END_TEST

START_TEST(units_and_type_suffixes_come_when_either_is_asked_for)
{
    struct own_metrics_options o = usual;
    char *a, *b;

    o.without_units = false;
    a = shown(&o, "");
    o.without_units = true;
    o.without_type_suffix = false;
    b = shown(&o, "");
    ck_assert_str_eq(a, b);
    ck_assert_ptr_nonnull(strstr(a, "\notelcol_exporter_sent_spans_total{exporter=\"b\"} 7\n"));
    ck_assert_ptr_nonnull(strstr(a, "\notelcol_process_memory_rss_bytes 8.486912e+06\n"));
    ck_assert_ptr_nonnull(strstr(a, "\notelcol_process_uptime_seconds_total 4.5\n"));
    free(a);
    free(b);
}
END_TEST

START_TEST(detailed_rows_show_at_their_own_level_only)
{
    struct own_metrics_options o = usual;
    char *text;

    o.level = LEVEL_DETAILED;
    text = shown(&o, "");
    ck_assert_ptr_nonnull(strstr(text, "# TYPE otelcol_batch_size_bytes histogram\n"
                                       "otelcol_batch_size_bytes_bucket{le=\"10\"} 2\n"
                                       "otelcol_batch_size_bytes_bucket{le=\"1e+06\"} 3\n"
                                       "otelcol_batch_size_bytes_bucket{le=\"+Inf\"} 4\n"
                                       "otelcol_batch_size_bytes_sum 2.000026e+06\n"
                                       "otelcol_batch_size_bytes_count 4\n"));
    free(text);
}
END_TEST

START_TEST(scope_and_resource_become_labels_when_asked_for)
{
    static const char *const included[] = { "service.*", "exp?rter" }, *const excluded[] = { "*version" };
    struct own_metrics_options o = usual;
    char *text;

    o.without_scope_info = false;
    o.included = included;
    o.n_included = 2;
    o.excluded = excluded;
    o.n_excluded = 1;
    text = shown(&o, "text/plain;escaping=allow-utf-8");
    ck_assert_ptr_nonnull(strstr(text,
                                 "\notelcol_process_uptime{exporter=\"of the resource\",otel_scope_name=\"otelcd\","
                                 "otel_scope_schema_url=\"\",otel_scope_version=\"1.2\","
                                 "\"service.name\"=\"otel\\\"cd\"} 4.5\n"));
    /* The instrument's own label wins. */
    ck_assert_ptr_nonnull(strstr(text, "\notelcol_exporter_sent_spans{exporter=\"b\",otel_scope_name="));
    free(text);
}
END_TEST

START_TEST(all_but_the_excluded_become_labels_when_only_those_are_given)
{
    static const char *const excluded[] = { "service.*", "exporter" };
    struct own_metrics_options o = usual;
    char *text;

    o.excluded = excluded;
    o.n_excluded = 2;
    text = shown(&o, "");
    ck_assert_ptr_nonnull(strstr(text, "\notelcol_process_uptime{my_attr=\"x\"} 4.5\n"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("self");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, instruments_show_under_the_names_of_their_rows);
    tcase_add_test(tc, units_and_type_suffixes_come_when_either_is_asked_for);
    tcase_add_test(tc, detailed_rows_show_at_their_own_level_only);
    tcase_add_test(tc, scope_and_resource_become_labels_when_asked_for);
    tcase_add_test(tc, all_but_the_excluded_become_labels_when_only_those_are_given);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
