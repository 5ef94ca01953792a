/* SPDX-License-Identifier: Apache-2.0 */
/* What our own scrape endpoint shows of OTLP, taken in again, shows the same: in each format, for metrics of all kinds
 * that chance makes. */
#include "support/rig/intake_rig.h"
#include "support/random_message.h"
#include "support/rig/series_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&seed, n);
}

/* ---- random requests ---- */

static void put_attributes(struct buf *b, unsigned i)
{
    static const char *const values[] = { "x", "a b", "q\\\\u", "\\\"", "\\n", "é" };

    buf_printf(b, "'attributes':[{'key':'n','value':{'stringValue':'%u'}}", i);
    if (below(2))
        buf_printf(b, ",{'key':'a.b','value':{'stringValue':'%s'}}", values[below(6)]);
    buf_puts(b, "]");
}

static void put_point(struct buf *b, unsigned i)
{
    buf_printf(b, "%s{'timeUnixNano':'1700000000000000000','startTimeUnixNano':'1600000000000000000',",
               i > 0 ? "," : "");
    put_attributes(b, i);
}

static void put_numbers(struct buf *b)
{
    static const char *const values[] = { "0", "1", "-2.5", "1e300", "0.1", "'NaN'", "'Infinity'", "12345678" };

    for (unsigned i = 0; i <= below(3); i++) {
        put_point(b, i);
        buf_printf(b, ",'asDouble':%s}", values[below(8)]);
    }
}

static void put_counters(struct buf *b)
{
    for (unsigned i = 0; i <= below(3); i++) {
        put_point(b, i);
        buf_printf(b, ",'asInt':'%u'}", below(100000));
    }
}

static void put_histograms(struct buf *b)
{
    for (unsigned i = 0; i <= below(3); i++) {
        unsigned counts[3] = { below(9), below(9), below(9) };

        put_point(b, i);
        buf_printf(b, ",'count':'%u','sum':%u.5,'bucketCounts':['%u','%u','%u'],'explicitBounds':[0.25,1e6]}",
                   counts[0] + counts[1] + counts[2], below(100), counts[0], counts[1], counts[2]);
    }
}

static void put_exponentials(struct buf *b)
{
    for (unsigned i = 0; i <= below(3); i++) {
        unsigned counts[3] = { 1 + below(9), below(9), 1 + below(9) };

        put_point(b, i);
        buf_printf(b,
                   ",'count':'%u','sum':%u.5,'scale':%u,'zeroCount':'1','zeroThreshold':0.001,"
                   "'positive':{'offset':%d,'bucketCounts':['%u','%u','%u']}}",
                   1 + counts[0] + counts[1] + counts[2], below(100), below(5), (int)below(20) - 10, counts[0],
                   counts[1], counts[2]);
    }
}

static void put_summaries(struct buf *b)
{
    for (unsigned i = 0; i <= below(3); i++) {
        put_point(b, i);
        buf_printf(b,
                   ",'count':'%u','sum':%u.5,'quantileValues':[{'quantile':0.5,'value':%u},{'quantile':1,'value':7}]}",
                   below(100), below(100), below(10));
    }
}

static void put_metric(struct buf *b, unsigned i)
{
    static const struct {
        const char *begin, *unit;
        void (*points)(struct buf *b);
    } kinds[] = {
        { "'gauge':{", "s", put_numbers },
        { "'gauge':{", "", put_numbers },
        { "'sum':{'aggregationTemporality':2,'isMonotonic':true,", "By", put_counters },
        { "'sum':{'aggregationTemporality':2,", "", put_numbers },
        { "'histogram':{'aggregationTemporality':2,", "ms", put_histograms },
        { "'exponentialHistogram':{'aggregationTemporality':2,", "", put_exponentials },
        { "'summary':{", "", put_summaries },
    };
    unsigned k = below(7);

    buf_printf(b, "%s{'name':'m.%c%u','description':'%s','unit':'%s',%s'dataPoints':[", i > 0 ? "," : "",
               (int)('a' + k), i, below(2) ? "About \\\"it\\\" \\\\ \\n." : "", kinds[k].unit, kinds[k].begin);
    kinds[k].points(b);
    buf_puts(b, "]}}");
}

static void put_request(struct buf *b)
{
    buf_puts(b,
             "{'resourceMetrics':[{'resource':{'attributes':[{'key':'service.name','value':{'stringValue':'svc'}},"
             "{'key':'service.instance.id','value':{'stringValue':'in-1'}},"
             "{'key':'host.name','value':{'stringValue':'h'}}]},'scopeMetrics':[{'scope':{'name':'lib','version':'2'},"
             "'metrics':[");
    for (unsigned i = 0; i < 5; i++)
        put_metric(b, i);
    buf_puts(b, "]}]}]}");
}

/* ---- comparing ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_own(const char *line)
{
    return strstr(line, "target_info") != NULL || strstr(line, "scrape_") != NULL || strncmp(line, "up", 2) == 0 ||
           strstr(line, " up ") != NULL;
}

/* Its lines in order, without those that tell of the scrape. */
static void sort_lines(const char *text, struct buf *out)
{
    char *copy = mem_strdup(text), *rest = copy;
    VEC(char *) lines = { 0 };

    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (!is_own(line))
            *vec_push(&lines) = line;
    if (lines.n > 1)
        qsort(lines.v, lines.n, sizeof(*lines.v), by_text);
    out->len = 0;
    for (size_t i = 0; i < lines.n; i++)
        buf_printf(out, "%s\n", lines.v[i]);
    vec_free(&lines);
    free(copy);
}

static void init_series(struct series_rig *r)
{
    series_rig_init(r);
    r->options.translation.strategy = NAME_UNDERSCORES_WITH_SUFFIXES;
    r->options.translation.scope_labels = true;
}

/* The page that is shown in the one format, taken in and shown by another store. */
static void check_round(enum encoder_format shown, enum intake_format taken, const char *request)
{
    struct series_rig first, second;
    struct intake_rig in;
    struct intake_scrape scrape = { .time_ms = INTAKE_RIG_TIME };
    struct buf before = { 0 }, after = { 0 };
    struct batch *batch;

    init_series(&first);
    init_series(&second);
    intake_rig_init(&in);
    in.rules.honor_labels = in.rules.native_histograms = true;
    intake_rig_text(&in, "");
    series_rig_show(&second, ENCODER_TEXT, 100); /* opens it */
    series_rig_take(&first, request);
    for (int i = 0; i < 2; i++) { /* the second time all lines are known */
        series_rig_show(&first, shown, 100);
        intake_take(in.intake, taken, buf_bytes(&first.text), &scrape, &in.result);
        scrape.time_ms += 1000;
        ck_assert_msg(in.result.error.code == 0, "%s", in.result.error.text);
        ck_assert_uint_eq(in.result.unfit + in.result.duplicates + in.result.refused, 0);
        batch = intake_points_next(&in.result.points);
        ck_assert_ptr_null(in.result.points);
        series_store_take(&second.store, batch, &second.result);
        ck_assert_uint_eq(second.result.n_reasons, 0);
        batch_unref(batch);
    }
    for (int format = ENCODER_TEXT; format <= ENCODER_OPENMETRICS && format <= (int)shown;
         format++) { /* text has no units */
        sort_lines(series_rig_show(&first, (enum encoder_format)format, 100), &before);
        sort_lines(series_rig_show(&second, (enum encoder_format)format, 100), &after);
        ck_assert_str_eq(buf_cstr(&after), buf_cstr(&before));
    }
    buf_free(&before);
    buf_free(&after);
    intake_rig_close(&in);
    series_rig_close(&first);
    series_rig_close(&second);
}

static const struct {
    enum encoder_format shown;
    enum intake_format taken;
} formats[] = {
    { ENCODER_TEXT, INTAKE_TEXT },
    { ENCODER_OPENMETRICS, INTAKE_OPENMETRICS },
    { ENCODER_PROTOBUF, INTAKE_PROTOBUF },
};

START_TEST(what_is_shown_and_taken_in_again_shows_the_same)
{
    struct buf request = { 0 };

    seed = 7;
    for (int i = 0; i < 200; i++) {
        request.len = 0;
        put_request(&request);
        check_round(formats[_i].shown, formats[_i].taken, buf_cstr(&request));
    }
    buf_free(&request);
}
END_TEST

START_TEST(an_info_is_shown_under_the_name_that_it_was_scraped_under)
{
    static const char page[] =
        "# TYPE build info\nbuild_info{v=\"1\"} 1\n# TYPE phase stateset\nphase{phase=\"on\"} 1\n# EOF\n";
    struct intake_scrape scrape = { .time_ms = INTAKE_RIG_TIME };
    struct series_rig shown;
    struct intake_rig in;
    struct batch *batch;

    init_series(&shown);
    intake_rig_init(&in);
    intake_rig_text(&in, "");
    series_rig_show(&shown, ENCODER_TEXT, 100); /* opens it */
    intake_take(in.intake, INTAKE_OPENMETRICS, bytes_str(page), &scrape, &in.result);
    batch = intake_points_next(&in.result.points);
    series_store_take(&shown.store, batch, &shown.result);
    batch_unref(batch);
    series_rig_show(&shown, ENCODER_OPENMETRICS, 100);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&shown.text), "# TYPE build info\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&shown.text), "\nbuild_info{"));
    intake_rig_close(&in);
    series_rig_close(&shown);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("intake_round");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, an_info_is_shown_under_the_name_that_it_was_scraped_under);
    tcase_add_loop_test(tc, what_is_shown_and_taken_in_again_shows_the_same, 0, 3);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
