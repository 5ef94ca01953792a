/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/series/series_top.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct metrics registry;
static struct budget budget;
static struct turn turn;
static struct series_top *top;

static void setup(void)
{
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    metrics_init(&registry);
    top = series_top_new(&registry, (struct metric_label){ "exporter", "e" }, &budget);
}

static void teardown(void)
{
    series_top_free(top);
    metrics_free(&registry);
    ck_assert_uint_eq(budget.used, 0);
}

static const struct metric *find(const struct metric_row *row, const char *name)
{
    for (size_t f = 0; f < registry.families.n; f++)
        for (size_t i = 0; registry.families.v[f]->row == row && i < registry.families.v[f]->members.n; i++) {
            const struct metric *m = registry.families.v[f]->members.v[i];

            if (strcmp(m->labels[1].value, name) == 0 && m->touched)
                return m;
        }
    return NULL;
}

static void make(unsigned metric, unsigned n)
{
    char name[24];

    snprintf(name, sizeof(name), "m%u", metric);
    for (unsigned i = 0; i < n; i++)
        series_top_made(top, bytes_str(name));
}

START_TEST(the_ten_largest_metrics_are_shown_and_those_that_shrink_no_more)
{
    for (unsigned i = 1; i <= 15; i++)
        make(i, 10 * i);
    series_top_collect(top);
    ck_assert_double_eq(find(&series_top_metrics_row, "m15")->value, 150);
    ck_assert_double_eq(find(&series_top_metrics_row, "m6")->value, 60);
    ck_assert_ptr_null(find(&series_top_metrics_row, "m5"));
    for (unsigned i = 0; i < 150; i++)
        series_top_gone(top, bytes_str("m15"));
    series_top_collect(top);
    ck_assert_ptr_null(find(&series_top_metrics_row, "m15"));
    ck_assert_double_eq(find(&series_top_metrics_row, "m5")->value, 50);
}
END_TEST

START_TEST(values_of_a_label_are_estimated)
{
    char value[24];

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(value, sizeof(value), "user-%u", i);
        series_top_label(top, bytes_str("user"), bytes_str(value));
        snprintf(value, sizeof(value), "%u", i % 10);
        series_top_label(top, bytes_str("code"), bytes_str(value));
    }
    series_top_labels(top, bytes_str("zone=\"a\""));
    series_top_collect(top);
    ck_assert_double_ge(find(&series_top_labels_row, "user")->value, 60000);
    ck_assert_double_le(find(&series_top_labels_row, "user")->value, 140000);
    ck_assert_double_ge(find(&series_top_labels_row, "code")->value, 6);
    ck_assert_double_le(find(&series_top_labels_row, "code")->value, 12);
    ck_assert_double_eq(find(&series_top_labels_row, "zone")->value, 1);
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters)
{
    static const char end[] = "\xc3\xa4\xc3\xa4";
    char name[128 + sizeof(end)], shown[128];

    memset(name, 'x', 126);
    memcpy(name + 126, end, sizeof(end));
    series_top_made(top, bytes_str(name));
    series_top_label(top, bytes_str(name), bytes_str("v"));
    series_top_collect(top);
    memset(shown, 'x', 126);
    shown[126] = '\0';
    ck_assert_ptr_nonnull(find(&series_top_metrics_row, shown));
    ck_assert_ptr_nonnull(find(&series_top_labels_row, shown));
    series_top_gone(top, bytes_str(name));
}
END_TEST

START_TEST(names_without_end_take_no_more_than_their_share)
{
    char name[24];

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        series_top_made(top, bytes_str(name));
        series_top_label(top, bytes_str(name), bytes_str("x"));
        if (i % 1000 == 0)
            series_top_collect(top);
    }
    ck_assert_uint_lt(budget.used, 1u << 20);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        series_top_gone(top, bytes_str(name));
    }
}
END_TEST

static struct series_top_look seen;
static unsigned n_looks;

static void keep_look(const struct series_top_look *look, void *arg)
{
    (void)arg;
    seen = *look;
    n_looks++;
}

static void look_at(uint64_t seconds)
{
    n_looks = 0;
    series_top_each(seconds * 1000000000, keep_look, NULL);
    ck_assert_uint_eq(n_looks, 1);
}

START_TEST(a_look_has_the_newest_series_first)
{
    char value[300], shown[300];

    for (unsigned i = 0; i < 40; i++) {
        snprintf(value, sizeof(value), "v%u", i);
        series_top_made(top, bytes_str("m"));
        series_top_label(top, bytes_str("k"), bytes_str(value));
        series_top_label(top, bytes_str("l"), bytes_str("w"));
    }
    look_at(1);
    ck_assert_uint_eq(seen.n_newest, SERIES_TOP_NEWEST);
    ck_assert(bytes_is(seen.newest[0], "m k=v39 l=w"));
    ck_assert(bytes_is(seen.newest[SERIES_TOP_NEWEST - 1], "m k=v24 l=w"));
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    series_top_made(top, bytes_str("m"));
    series_top_label(top, bytes_str(value), bytes_str(value));
    look_at(2);
    snprintf(shown, sizeof(shown), "m %.252s", value);
    ck_assert(bytes_is(seen.newest[0], shown));
    ck_assert(bytes_is(seen.newest[1], "m k=v39 l=w"));
}
END_TEST

START_TEST(attributes_are_shown_as_text)
{
    static const char attributes[] = "\x0a\x0a\x0a\x01k\x12\x05\x0a\x03one"
                                     "\x0a\x07\x0a\x01n\x12\x02\x18\x07"
                                     "\x0a\x03\x0a\x01"
                                     "e";

    series_top_made(top, bytes_str("m"));
    series_top_attributes(top, bytes_of(attributes, sizeof(attributes) - 1), 1);
    look_at(1);
    ck_assert(bytes_is(seen.newest[0], "m k=one n=7 e="));
    ck_assert_uint_eq(seen.n_labels, 3);
}
END_TEST

static void give_values(const char *label, unsigned from, unsigned n)
{
    char value[24];

    for (unsigned i = from; i < from + n; i++) {
        snprintf(value, sizeof(value), "%u", i);
        series_top_label(top, bytes_str(label), bytes_str(value));
    }
}

START_TEST(growth_is_what_came_since_a_look_of_one_or_two_minutes_ago)
{
    give_values("user", 0, 100);
    give_values("zone", 0, 3);
    look_at(10);
    ck_assert_uint_eq(seen.n_labels, 2);
    ck_assert(bytes_is(seen.labels[0].name, "user"));
    ck_assert_uint_eq(seen.n_growing, 0);
    give_values("user", 100, 50);
    look_at(20);
    ck_assert_uint_eq(seen.n_growing, 1);
    ck_assert(bytes_is(seen.growing[0].name, "user"));
    ck_assert_double_ge(seen.growing[0].value, 25);
    ck_assert_double_eq(seen.growing_seconds, 10);
    look_at(75);
    look_at(140);
    ck_assert_uint_eq(seen.n_growing, 0);
    ck_assert_double_eq(seen.growing_seconds, 65);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("series_top");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_ten_largest_metrics_are_shown_and_those_that_shrink_no_more);
    tcase_add_test(tc, values_of_a_label_are_estimated);
    tcase_add_test(tc, a_long_name_is_cut_between_characters);
    tcase_add_test(tc, names_without_end_take_no_more_than_their_share);
    tcase_add_test(tc, a_look_has_the_newest_series_first);
    tcase_add_test(tc, attributes_are_shown_as_text);
    tcase_add_test(tc, growth_is_what_came_since_a_look_of_one_or_two_minutes_ago);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
