/* SPDX-License-Identifier: Apache-2.0 */
/* What several workers tell, as one. */
#include "service/workers/totals.h"

#include "base/mem.h"

#include <check.h>
#include <string.h>

static const double bounds[] = { 1, 2 };
static const struct metric_row counter = METRIC_ROW("t_counter", METRIC_COUNTER, "", "a counter");
static const struct metric_row gauge = METRIC_ROW("t_gauge", METRIC_GAUGE, "", "a gauge");
static const struct metric_row most = METRIC_ROW("t_most", METRIC_GAUGE, "", "the largest", .sum = SHOW_MOST);
static const struct metric_row least = METRIC_ROW("t_least", METRIC_GAUGE, "", "the smallest", .sum = SHOW_LEAST);
static const struct metric_row front = METRIC_ROW("t_front", METRIC_GAUGE, "", "the front's", .sum = SHOW_FRONT);
static const struct metric_row workers = METRIC_ROW("t_workers", METRIC_GAUGE, "", "theirs", .sum = SHOW_WORKERS);
static const struct metric_row histogram = METRIC_ROW("t_histogram", METRIC_HISTOGRAM, "s", "", METRIC_BOUNDS(bounds));
static const struct metric_row *const rows[] = { &counter, &gauge, &most, &least, &front, &workers };

static struct metrics own;
static struct totals totals;

static void fill(struct metrics *m, double value, const char *label)
{
    const struct metric_label labels[] = { { "who", label } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metric_set(metrics_get(m, rows[i], labels, 1), value);
    metric_observe(metrics_get(m, &histogram, labels, 1), value);
}

static struct buf tell(double value, const char *label)
{
    struct told_process p = { .resident = 100, .cpu = 1.5, .used = 10, .signals = { 1, 2, 3, 4 } };
    struct metrics m;
    struct buf out = { 0 };

    metrics_init(&m);
    fill(&m, value, label);
    told_write(&out, &p, &m, NULL);
    metrics_free(&m);
    return out;
}

static const struct metric *find(const char *name, const char *label)
{
    for (size_t i = 0; i < totals.merged.families.n; i++) {
        const struct metric_family *f = totals.merged.families.v[i];

        for (size_t k = 0; strcmp(f->row->name, name) == 0 && k < f->members.n; k++)
            if (strcmp(f->members.v[k]->labels[0].value, label) == 0 && f->members.v[k]->touched)
                return f->members.v[k];
    }
    return NULL;
}

static double shown(const char *name, const char *label)
{
    const struct metric *m = find(name, label);

    return m != NULL ? m->value : -1;
}

static void setup(void)
{
    metrics_init(&own);
    totals_init(&totals, &own);
}

static void teardown(void)
{
    totals_free(&totals);
    metrics_free(&own);
}

START_TEST(each_row_is_summed_by_its_own_rule)
{
    struct buf a = tell(1, "x"), b = tell(5, "x");
    struct told_process p;

    fill(&own, 100, "x");
    for (int i = 0; i < 2; i++) { /* each time anew */
        totals_begin(&totals, NULL);
        ck_assert(totals_add(&totals, NULL, buf_bytes(&a), false, &p));
        totals_take(&totals, &p);
        ck_assert(totals_add(&totals, NULL, buf_bytes(&b), false, &p));
        totals_take(&totals, &p);
    }
    ck_assert_double_eq(shown("t_counter", "x"), 106);
    ck_assert_double_eq(shown("t_gauge", "x"), 106);
    ck_assert_double_eq(shown("t_most", "x"), 100);
    ck_assert_double_eq(shown("t_least", "x"), 1);
    ck_assert_double_eq(shown("t_front", "x"), 100);
    ck_assert_double_eq(shown("t_workers", "x"), 6);
    ck_assert_uint_eq(find("t_histogram", "x")->count, 3);
    ck_assert_uint_eq(find("t_histogram", "x")->buckets[0], 1);
    ck_assert_uint_eq(find("t_histogram", "x")->buckets[2], 2);
    ck_assert_uint_eq(totals.process.resident, 200);
    ck_assert_uint_eq(totals.process.signals[1], 4);
    ck_assert_double_eq(totals.process.cpu, 3);
    buf_free(&a);
    buf_free(&b);
}
END_TEST

START_TEST(series_of_one_worker_stand_for_themselves_and_go_with_it)
{
    struct buf a = tell(1, "x"), b = tell(5, "y");
    struct told_process p;

    totals_begin(&totals, NULL);
    ck_assert(totals_add(&totals, NULL, buf_bytes(&a), false, &p));
    ck_assert(totals_add(&totals, NULL, buf_bytes(&b), false, &p));
    ck_assert_double_eq(shown("t_gauge", "x"), 1);
    ck_assert_double_eq(shown("t_gauge", "y"), 5);
    totals_begin(&totals, NULL);
    ck_assert(totals_add(&totals, NULL, buf_bytes(&a), false, &p));
    ck_assert_double_eq(shown("t_gauge", "y"), -1);
    buf_free(&a);
    buf_free(&b);
}
END_TEST

START_TEST(counters_of_one_that_is_gone_stay_and_its_gauges_do_not)
{
    struct buf a = tell(3, "x"), b = tell(4, "x");
    struct told_process p;

    totals_retire(&totals, buf_bytes(&a));
    totals_begin(&totals, NULL);
    ck_assert(totals_add(&totals, NULL, buf_bytes(&b), false, &p));
    ck_assert_double_eq(shown("t_counter", "x"), 7);
    ck_assert_double_eq(shown("t_gauge", "x"), 4);
    ck_assert_uint_eq(find("t_histogram", "x")->count, 2);
    totals_take(&totals, &p);
    ck_assert_double_eq(totals.process.cpu, 3);
    ck_assert_uint_eq(totals.process.resident, 100);
    buf_free(&a);
    buf_free(&b);
}
END_TEST

START_TEST(gauges_of_one_that_has_died_are_not_shown_and_what_it_held_is)
{
    static const struct metric_row held =
        METRIC_ROW("otelcd_pipeline_held_items", METRIC_GAUGE, "{item}", "what a ledger holds");
    const struct metric_label label = { "who", "x" };
    struct told_process p = { 0 };
    struct metrics m;
    struct buf a = { 0 };

    metrics_init(&m);
    fill(&m, 3, "x");
    metric_set(metrics_get(&m, &held, &label, 1), 5);
    told_write(&a, &p, &m, NULL);
    metrics_free(&m);
    totals_begin(&totals, NULL);
    ck_assert(totals_add(&totals, NULL, buf_bytes(&a), true, &p));
    ck_assert_double_eq(shown("t_counter", "x"), 3);
    ck_assert_double_eq(shown("t_gauge", "x"), -1);
    ck_assert_double_eq(shown("otelcd_pipeline_held_items", "x"), 5);
    buf_free(&a);
}
END_TEST

START_TEST(a_row_that_the_front_has_later_is_the_one_that_workers_have_told)
{
    struct buf a = tell(3, "x");
    struct told_process p;

    totals_begin(&totals, NULL);
    ck_assert(totals_add(&totals, NULL, buf_bytes(&a), false, &p));
    fill(&own, 4, "x");
    totals_begin(&totals, NULL);
    ck_assert(totals_add(&totals, NULL, buf_bytes(&a), false, &p));
    ck_assert_double_eq(shown("t_counter", "x"), 7);
    buf_free(&a);
}
END_TEST

START_TEST(what_ends_early_is_not_read_beyond_its_end)
{
    struct buf a = tell(3, "x");
    struct told_process p;

    for (size_t n = 0; n < a.len; n += 8) {
        struct buf part = { 0 };

        buf_put(&part, bytes_of(a.data, n));
        totals_begin(&totals, NULL);
        ck_assert(!totals_add(&totals, NULL, buf_bytes(&part), false, &p));
        buf_free(&part);
    }
    buf_free(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("totals");
    TCase *t = tcase_create("totals");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, each_row_is_summed_by_its_own_rule);
    tcase_add_test(t, series_of_one_worker_stand_for_themselves_and_go_with_it);
    tcase_add_test(t, counters_of_one_that_is_gone_stay_and_its_gauges_do_not);
    tcase_add_test(t, gauges_of_one_that_has_died_are_not_shown_and_what_it_held_is);
    tcase_add_test(t, a_row_that_the_front_has_later_is_the_one_that_workers_have_told);
    tcase_add_test(t, what_ends_early_is_not_read_beyond_its_end);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
