/* SPDX-License-Identifier: Apache-2.0 */
/* What the Go collector 0.158 answers to each of these, except where a comment
 * says that we differ. */
#include "prom/exposition/accept.h"

#include <check.h>
#include <stdlib.h>

#define TEXT "text/plain; version=0.0.4; charset=utf-8; escaping="
#define OM "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
#define OM001 "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping="
#define PROTO "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping="
#define ASK_PROTO "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"

static const struct {
    const char *header, *plain, *with_om;
} table[] = {
    { "", TEXT "underscores", TEXT "underscores" },
    { "*/*", TEXT "underscores", TEXT "underscores" },
    { "*/*;q=0.9, application/openmetrics-text;version=1.0.0;q=0.5", TEXT "underscores", OM "underscores" },
    { "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", TEXT "underscores",
      TEXT "underscores" },
    { "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
      "openmetrics-text;version=0.0.1;"
      "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      TEXT "allow-utf-8", OM "allow-utf-8" },
    { ASK_PROTO ";encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
      PROTO "underscores", PROTO "underscores" },
    { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      TEXT "underscores", OM "underscores" },
    { "application/openmetrics-text;version=0.0.1", TEXT "underscores", OM001 "underscores" },
    { "application/openmetrics-text", TEXT "underscores", OM001 "underscores" },
    { "application/openmetrics-text;version=2.0.0", TEXT "underscores", TEXT "underscores" },
    { "text/plain;version=0.0.4;escaping=bogus", TEXT "underscores", TEXT "underscores" },
    { "text/plain;version=0.0.4;escaping=dots", TEXT "dots", TEXT "dots" },
    { "text/plain;version=0.0.4;escaping=values", TEXT "values", TEXT "values" },
    { "text/plain;version=9", TEXT "underscores", TEXT "underscores" },
    { "text/plain", TEXT "underscores", TEXT "underscores" },
    { "text/*", TEXT "underscores", TEXT "underscores" },
    { "text/plain;escaping=dots;q=0.9,application/json;escaping=values;q=1", TEXT "dots", TEXT "dots" },
    { "application/json;escaping=values;q=1", TEXT "values", TEXT "values" },
    { ASK_PROTO, TEXT "underscores", TEXT "underscores" },
    { "application/vnd.google.protobuf;proto=other;encoding=delimited", TEXT "underscores", TEXT "underscores" },
    { "text/plain;q=abc,application/openmetrics-text;q=0.1", TEXT "underscores", OM001 "underscores" },
    { "application/openmetrics-text;q=2,text/plain;q=1", TEXT "underscores", OM001 "underscores" },
    { "application/openmetrics-text;q=0.1;version=1.0.0", TEXT "underscores", OM "underscores" },
    { ";;;,,,", TEXT "underscores", TEXT "underscores" },
    { "text/plain;charset=utf-8;version=0.0.4", TEXT "underscores", TEXT "underscores" },
    { "text/plain;escaping=allow-utf-8;charset=utf-8", TEXT "allow-utf-8", TEXT "allow-utf-8" },
    /* Ours: a refusal is one; media types and parameters have no case; values may be quoted. */
    { "application/openmetrics-text;version=1.0.0;q=0", TEXT "underscores", TEXT "underscores" },
    { "application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0", TEXT "underscores", TEXT "underscores" },
    { "application/openmetrics-text;version=1.0.0;q=0.000,text/plain;q=0.001", TEXT "underscores", TEXT "underscores" },
    { "TEXT/PLAIN;VERSION=0.0.4;ESCAPING=ALLOW-UTF-8", TEXT "allow-utf-8", TEXT "allow-utf-8" },
    { "Application/OpenMetrics-Text; Version=1.0.0", TEXT "underscores", OM "underscores" },
    { "application/openmetrics-text; version=\"1.0.0\"; escaping=\"allow-utf-8\"", TEXT "allow-utf-8",
      OM "allow-utf-8" },
    { "application/openmetrics-text;x=\",;\";version=1.0.0", TEXT "underscores", OM "underscores" },
};

static void check(int i, bool open_metrics, const char *want)
{
    struct accept a = accept_negotiate(bytes_str(table[i].header), open_metrics);
    struct buf out = { 0 };

    accept_content_type(&a, &out);
    ck_assert_str_eq(buf_cstr(&out), want);
    buf_free(&out);
}

START_TEST(the_scraper_gets_what_it_wants_most)
{
    check(_i, false, table[_i].plain);
    check(_i, true, table[_i].with_om);
}
END_TEST

static const struct {
    const char *header;
    bool gzip;
} codings[] = {
    { "", false },
    { "gzip", true },
    { "gzip;q=0", false },
    { "gzip;q=0.000", false },
    { "gzip, deflate, br, zstd", true },
    { "*", false },
    { "identity", false },
    { "gzip;q=0.5, identity", false },
    { "identity;q=0.5, gzip", true },
    { "gzip,identity", false },
    { "identity;q=0, gzip;q=0.1", true },
    { "*;q=0.5, gzip", true },
    { "gzip;q=0,*", false },
    { "zstd", false },
    { "identity;q=0", false },
    { "*;q=0", false },
    { "x-gzip", false },
    { "deflate, gzip;q=1.0, *;q=0.5", true },
    { "GZIP", true }, /* ours: content codings have no case */
};

START_TEST(gzip_is_used_when_it_is_wanted_more_than_nothing)
{
    ck_assert_int_eq(accept_gzip(bytes_str(codings[_i].header)), codings[_i].gzip);
}
END_TEST

START_TEST(a_header_of_a_thousand_clauses_is_read_in_part)
{
    struct buf header = { 0 };
    struct accept a;

    for (int i = 0; i < 1000; i++)
        buf_puts(&header, "a/b;q=0.5,");
    buf_puts(&header, "text/plain;escaping=dots");
    a = accept_negotiate(buf_bytes(&header), true);
    ck_assert_int_eq(a.format, ENCODER_TEXT);
    ck_assert_int_eq(a.escaping, NAME_ESCAPE_UNDERSCORES);
    buf_free(&header);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("accept");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, the_scraper_gets_what_it_wants_most, 0, (int)(sizeof(table) / sizeof(table[0])));
    tcase_add_loop_test(tc, gzip_is_used_when_it_is_wanted_more_than_nothing, 0,
                        (int)(sizeof(codings) / sizeof(codings[0])));
    tcase_add_test(tc, a_header_of_a_thousand_clauses_is_read_in_part);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
