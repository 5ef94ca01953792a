/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/series/series_limit.h"

#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

static struct rig rig;
static struct logger logger;
static struct series_limit limit;
static struct series_sender *sender;
static unsigned told, over;

static void on_turned(struct series_limit_watch *w, bool refuses)
{
    (void)w;
    told += refuses;
    over += !refuses;
}

static struct series_limit_watch watch = { on_turned };

static void setup(void)
{
    rig_init(&rig, 1);
    rig.budget.limit = 1 << 20;
    logger = (struct logger){ .sink = &rig.log };
    told = over = 0;
    series_limit_init(&limit, &rig.budget);
    limit.max = 10;
    series_limit_tell(&limit, &rig.metrics, (struct metric_label){ "exporter", "e" }, &logger, &rig.loop.clock, &watch);
    sender = series_sender_hold(&limit, 1, bytes_str("job"));
}

static void teardown(void)
{
    while (limit.series > 0)
        series_limit_uncount(&limit, sender, 1);
    series_sender_release(&limit, sender);
    series_limit_free(&limit);
    rig_close(&rig);
}

static bool ask(void)
{
    return series_limit_admits(&limit, sender, bytes_str("m"), bytes_str("{a=\"b\"}"));
}

static void fill(void)
{
    while (ask())
        series_limit_count(&limit, sender, 1);
}

START_TEST(who_watches_hears_while_new_series_are_refused_and_once_when_there_is_room)
{
    fill();
    ck_assert_uint_eq(told, 1);
    for (int s = 0; s < 5; s++) {
        ck_assert(!ask());
        ck_assert(!ask());
        rig_step(&rig, NS_PER_S);
    }
    ck_assert_uint_eq(told, 6); /* once a second */
    rig_step(&rig, NS_PER_S);
    rig_step(&rig, NS_PER_S);
    ck_assert_uint_eq(told, 6); /* nobody has asked for more than a second */
    ck_assert_uint_eq(over, 0);
    while (limit.series > 5)
        series_limit_uncount(&limit, sender, 1);
    rig_step(&rig, NS_PER_S);
    ck_assert_uint_eq(over, 1);
    rig_step(&rig, 10 * NS_PER_S);
    ck_assert_uint_eq(over, 1);
    fill();
    ck_assert_uint_eq(told, 7);
}
END_TEST

START_TEST(a_limit_that_nothing_meets_any_more_refuses_no_longer)
{
    fill();
    for (uint64_t s = 0; s < SERIES_LIMIT_QUIET / NS_PER_S - 1; s++)
        rig_step(&rig, NS_PER_S);
    ck_assert_uint_eq(over, 0);
    rig_step(&rig, NS_PER_S);
    ck_assert_uint_eq(over, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("series_limit");
    TCase *tc = tcase_create("all");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, who_watches_hears_while_new_series_are_refused_and_once_when_there_is_room);
    tcase_add_test(tc, a_limit_that_nothing_meets_any_more_refuses_no_longer);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
