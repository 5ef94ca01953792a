/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_recent.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct log_sink sink;
static struct logger logger = { .sink = &sink };

static void setup(void)
{
    log_sink_init(&sink);
    sink.fd = -1;
    log_keep_recent(&sink);
}

static void teardown(void)
{
    log_sink_close(&sink);
}

START_TEST(warnings_and_errors_are_kept_newest_first_and_nothing_else)
{
    log_info(&logger, "no");
    log_warn(&logger, "first", F_STR("a", "b\"c"));
    log_error(&logger, "second");
    ck_assert_uint_eq(sink.recent->total, 2);
    ck_assert(
        bytes_is(bytes_of(log_recent_line(sink.recent, 0)->text, log_recent_line(sink.recent, 0)->len), "second"));
    ck_assert(bytes_is(bytes_of(log_recent_line(sink.recent, 1)->text, log_recent_line(sink.recent, 1)->len),
                       "first {\"a\": \"b\\\"c\"}"));
    ck_assert_ptr_null(log_recent_line(sink.recent, 2));
}
END_TEST

START_TEST(the_oldest_goes_and_a_long_one_is_cut)
{
    char *text = malloc(5000);

    memset(text, 'x', 4999);
    text[4999] = '\0';
    for (unsigned i = 0; i < LOG_RECENT_MAX; i++)
        log_warn(&logger, "old");
    log_warn(&logger, "new", F_STR("text", text));
    ck_assert(log_recent_line(sink.recent, 0)->cut);
    ck_assert_uint_eq(log_recent_line(sink.recent, 0)->len, sizeof(log_recent_line(sink.recent, 0)->text));
    ck_assert_ptr_nonnull(log_recent_line(sink.recent, LOG_RECENT_MAX - 1));
    ck_assert_ptr_null(log_recent_line(sink.recent, LOG_RECENT_MAX));
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log_recent");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, warnings_and_errors_are_kept_newest_first_and_nothing_else);
    tcase_add_test(tc, the_oldest_goes_and_a_long_one_is_cut);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
