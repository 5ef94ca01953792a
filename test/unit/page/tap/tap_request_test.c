/* SPDX-License-Identifier: Apache-2.0 */
#include "page/tap/tap_request.h"

#include "support/seen_service.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct seen_service seen;
static struct tap_request r;
static struct tap_fault fault;

static void setup(void)
{
    seen_service_init(&seen);
}

static void teardown(void)
{
    tap_request_free(&r);
}

static void take(const char *query)
{
    tap_request_free(&r);
    ck_assert_msg(tap_request_read(&r, bytes_str(query), &seen.view, &fault), "%s", fault.text);
}

static void refuse(const char *query, const char *parameter, const char *words)
{
    tap_request_free(&r);
    ck_assert(!tap_request_read(&r, bytes_str(query), &seen.view, &fault));
    ck_assert_str_eq(fault.parameter, parameter);
    ck_assert_msg(strstr(fault.text, words) != NULL, "%s", fault.text);
}

START_TEST(a_point_is_the_longest_pipeline_that_it_begins_with_and_a_processor)
{
    take("point=logs");
    ck_assert_str_eq(r.pipeline, "logs");
    ck_assert_ptr_null(r.node);
    take("point=logs/2");
    ck_assert_str_eq(r.pipeline, "logs/2");
    take("point=logs%2F2%2fp/2");
    ck_assert_str_eq(r.pipeline, "logs/2");
    ck_assert_str_eq(r.node, "p/2");
    take("point=logs/p");
    ck_assert_str_eq(r.node, "p");
    refuse("point=logs/2/2", "point", "it has p, p/2, holds");
    refuse("point=log", "point", "take one of logs, logs/2, traces, metrics");
    refuse("", "point", "take one of");
}
END_TEST

START_TEST(what_is_not_said_is_what_one_would_want_to_see)
{
    take("point=logs/p");
    ck_assert_int_eq(r.side, TAP_BOTH);
    ck_assert_uint_eq(r.rate, 10);
    ck_assert_uint_eq(r.count, 0);
    take("point=logs/p&format=json");
    ck_assert_int_eq(r.side, TAP_AFTER);
    take("point=logs");
    ck_assert_int_eq(r.side, TAP_BEFORE);
    ck_assert(r.holds);
    take("point=logs/p");
    ck_assert(!r.holds);
    take("point=logs&exporter=out");
    ck_assert_int_eq(r.role, VIEW_EXPORTER);
    ck_assert_int_eq(r.side, TAP_BEFORE);
}
END_TEST

START_TEST(a_condition_is_about_what_the_pipeline_carries)
{
    take("point=traces&condition=span.name == \"a\"");
    ck_assert_ptr_nonnull(r.condition);
    take("point=metrics&condition=metric.name == \"a\"");
    take("point=logs&condition=resource.attributes[\"a\"] == nil");
    take("point=logs&condition=true");
    refuse("point=logs&condition=span.name == 1", "condition", "");
    ck_assert_uint_eq(fault.line, 1);
    refuse("point=logs&condition=true and%0a log.nothing == 1", "condition", "nothing");
    ck_assert_uint_eq(fault.line, 2);
    ck_assert_uint_eq(fault.column, 2);
    refuse("point=traces&condition=spanevent.name == \"a\"", "condition", "spanevent");
    refuse("point=logs&condition=true%00", "condition", "NUL");
}
END_TEST

START_TEST(what_says_nothing_sensible_is_refused_with_what_does)
{
    refuse("point=logs&rate=1x", "rate", "whole number");
    refuse("point=logs&rate=%200", "rate", "whole number");
    refuse("point=logs&count=99999999999999999999", "count", "whole number");
    refuse("point=logs&side=left", "side", "before, after, both");
    refuse("point=logs&format=xml", "format", "text, json");
    refuse("point=logs/p&side=both&format=json", "side", "before or after");
    refuse("point=logs&receiver=out", "receiver", "it has in");
    refuse("point=logs&receiver=in&side=after", "side", "leave it out");
    refuse("point=logs/p&exporter=out", "exporter", "leave out all but one");
    refuse("point=logs&exporter=out&receiver=in", "exporter", "leave out all but one");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tap_request");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_point_is_the_longest_pipeline_that_it_begins_with_and_a_processor);
    tcase_add_test(tc, what_is_not_said_is_what_one_would_want_to_see);
    tcase_add_test(tc, a_condition_is_about_what_the_pipeline_carries);
    tcase_add_test(tc, what_says_nothing_sensible_is_refused_with_what_does);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
