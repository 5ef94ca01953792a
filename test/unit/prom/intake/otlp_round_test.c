/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP -> what our own scrape endpoint shows -> OTLP again: point by point the same, for random requests of what the
 * format can say. OTEL_SEED goes another way than the usual one. */
#include "support/rig/intake_rig.h"
#include "support/metric_lines.h"
#include "support/random_message.h"
#include "support/random_metrics.h"
#include "support/rig/series_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 300

static const struct {
    enum encoder_format shown;
    enum intake_format taken;
    bool units, starts, exemplars, native;
} formats[] = {
    { ENCODER_TEXT, INTAKE_TEXT, false, false, false, false },
    { ENCODER_OPENMETRICS, INTAKE_OPENMETRICS, true, false, true, false },
    { ENCODER_PROTOBUF, INTAKE_PROTOBUF, true, true, true, true },
};

static uint64_t seed;

static uint64_t first_seed(void)
{
    const char *text = getenv("OTEL_SEED");

    return text != NULL ? strtoull(text, NULL, 0) : 11;
}

static void init_series(struct series_rig *r, const struct random_metrics *m)
{
    series_rig_init(r);
    r->options.translation.strategy = m->any_names ? NAME_UTF8_WITHOUT_SUFFIXES : NAME_UNDERSCORES_WITH_SUFFIXES;
    r->options.translation.scope_labels = true;
    r->options.send_timestamps = m->any_times;
}

/* Those that report on the scrape are not asked for. */
static bool is_report(const char *line)
{
    return strstr(line, "} up [") != NULL || strstr(line, "} scrape_") != NULL;
}

static void drop_reports(struct metric_lines *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->all.n; i++)
        if (is_report(l->all.v[i]))
            free(l->all.v[i]);
        else
            l->all.v[n++] = l->all.v[i];
    l->all.n = n;
}

/* The first line that is not in both. */
static void compare(struct metric_lines *given, struct metric_lines *taken)
{
    struct buf a = { 0 }, b = { 0 };
    size_t i = 0;
    int order;

    drop_reports(taken);
    metric_lines_text(given, &a);
    metric_lines_text(taken, &b);
    while (i < given->all.n && i < taken->all.n && strcmp(given->all.v[i], taken->all.v[i]) == 0)
        i++;
    if (i < given->all.n || i < taken->all.n) {
        order = i == given->all.n ? 1 : i == taken->all.n ? -1 : strcmp(given->all.v[i], taken->all.v[i]);
        ck_abort_msg("seed %llu: of %zu points %s: %.3000s", (unsigned long long)seed, given->all.n,
                     order < 0 ? "does not come" : "comes of nothing", order < 0 ? given->all.v[i] : taken->all.v[i]);
    }
    buf_free(&a);
    buf_free(&b);
}

/* One request, through the page. The second time all lines are known. */
static void go_round(struct random_metrics *m, struct series_rig *shown, struct intake_rig *in, int f)
{
    struct intake_scrape scrape = { .time_ms = m->time_ms };
    struct metric_lines given = { 0 }, taken = { 0 };
    struct buf request = { 0 };
    struct batch *batch;

    random_metrics_put(m, &request);
    batch = series_rig_batch(buf_cstr(&request));
    metric_lines_take(&given, batch);
    batch_unref(batch);
    series_rig_take(shown, buf_cstr(&request));
    ck_assert_uint_eq(shown->result.n_reasons, 0);
    series_rig_show(shown, formats[f].shown, 200);
    intake_take(in->intake, formats[f].taken, buf_bytes(&shown->text), &scrape, &in->result);
    ck_assert_msg(in->result.error.code == 0, "seed %llu: %s", (unsigned long long)seed, in->result.error.text);
    ck_assert_uint_eq(in->result.unfit + in->result.duplicates + in->result.refused + in->result.too_far, 0);
    while (in->result.points != NULL) {
        batch = intake_points_next(&in->result.points);
        metric_lines_take(&taken, batch);
        batch_unref(batch);
    }
    compare(&given, &taken);
    metric_lines_free(&given);
    metric_lines_free(&taken);
    buf_free(&request);
}

static void check_seed(int f)
{
    struct random_metrics m = {
        .shape = seed,
        .values = seed + 1,
        .time_ms = INTAKE_RIG_TIME,
        .any_names = seed % 2 == 1,
        .any_times = seed / 2 % 3 == 0,
        .helps = true,
        .units = formats[f].units,
        .starts = formats[f].starts,
        .exemplars = formats[f].exemplars,
        .classic = true,
        .native = formats[f].native,
    };
    struct series_rig shown;
    struct intake_rig in;

    init_series(&shown, &m);
    intake_rig_init(&in);
    in.rules.honor_labels = in.rules.native_histograms = true;
    intake_rig_text(&in, "");
    for (int i = 0; i < 3; i++) {
        m.time_ms += 200000;
        m.ended = i == 2 && !m.any_times;
        go_round(&m, &shown, &in, f);
    }
    intake_rig_close(&in);
    series_rig_close(&shown);
}

START_TEST(what_goes_out_as_a_page_comes_in_as_it_was)
{
    seed = first_seed();
    for (int i = 0; i < ROUNDS; i++, seed++)
        check_seed(_i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("otlp_round");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, what_goes_out_as_a_page_comes_in_as_it_was, 0, 3);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
