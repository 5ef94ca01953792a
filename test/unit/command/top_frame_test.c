/* SPDX-License-Identifier: Apache-2.0 */
#include "command/top_frame.h"

#include "base/arena.h"
#include "command/top_screen.h"

#include <check.h>
#include <string.h>

static struct arena arena;
static struct buf out;

static const struct json_node *status_of(const char *members)
{
    static const struct json_tree_rules rules = { .max_nodes = 1000, .max_depth = 16 };
    struct buf text = { 0 };
    struct error err = { 0 };
    const struct json_node *n;

    buf_printf(&text, "{\"service\": {\"version\": \"1\", \"pid\": 7, \"phase\": \"running\", %s}", members);
    n = json_tree_parse(bytes_of(arena_strndup(&arena, text.data, text.len), text.len), &arena, &rules, &err);
    buf_free(&text);
    ck_assert_msg(n != NULL, "%s", err.text);
    return n;
}

static const char *frame_of(const struct json_node *now, const struct json_node *before)
{
    out.len = 0;
    top_frame_put(&out, now, before);
    return buf_cstr(&out);
}

static void set_up(void)
{
    arena = (struct arena){ 0 };
    out = (struct buf){ 0 };
}

static void tear_down(void)
{
    arena_free(&arena);
    buf_free(&out);
}

static void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

#define WORKERS(time, cpu, state)                                                                                      \
    "\"time\": " time "}, \"well\": false, \"workers\": [{\"number\": 1, \"pid\": 11, \"state\": \"running\", "        \
    "\"connections\": 5, \"restarts\": 0, \"cpu_seconds\": " cpu ", \"resident_bytes\": 4194304}, "                    \
    "{\"number\": 2, \"pid\": 0, \"state\": \"" state "\", \"connections\": 0, \"restarts\": 3, "                      \
    "\"cpu_seconds\": 0, \"resident_bytes\": 0}]"

START_TEST(each_worker_has_a_row_and_who_is_down_stands_out)
{
    const struct json_node *before = status_of(WORKERS("100", "1.0", "running"));
    const char *text = frame_of(status_of(WORKERS("102", "2.0", "waiting")), before);

    assert_has(text, "!worker 2 does not run: waiting, started again 3 times\n");
    assert_has(text, "*WORKER STATE ");
    assert_has(text, " 1      running            11           5          4.0     50.0         0\n");
    assert_has(text, "!2      waiting             0           0          0.0      0.0         3\n");
}
END_TEST

START_TEST(where_there_is_one_process_there_are_no_rows_of_workers)
{
    ck_assert_ptr_null(strstr(frame_of(status_of("\"time\": 1}, \"pipelines\": []"), NULL), "WORKER"));
}
END_TEST

#define ERROR(time, times, reason)                                                                                     \
    "{\"time\": " time ", \"first\": 1, \"times\": " times ", \"state\": \"failing\", \"reason\": \"" reason "\"}"
#define FAILED                                                                                                         \
    "\"time\": 100}, \"well\": true, \"pipelines\": [{\"id\": \"logs\", \"nodes\": [{\"kind\": \"exporter\", "         \
    "\"id\": \"otlp\", \"state\": \"failing\", \"failing_seconds\": 4, \"failures\": 2, \"reason\": \"now\", "         \
    "\"errors\": [" ERROR("99", "2", "now") ", " ERROR(                                                                \
        "40", "3",                                                                                                     \
        "\\u001b[2J<b>\\u009b before") "]}, "                                                                          \
                                       "{\"kind\": \"receiver\", \"id\": \"otlp\", \"state\": \"ok\", \"errors\": "    \
                                       "[" ERROR("70", "1",                                                            \
                                                 "shared") "]}]}, "                                                    \
                                                           "{\"id\": \"traces\", \"nodes\": [{\"kind\": "              \
                                                           "\"receiver\", \"id\": \"otlp\", \"state\": \"ok\", "       \
                                                           "\"errors\": [" ERROR(                                      \
                                                               "70", "1",                                              \
                                                               "shared") "]}, {\"kind\": \"exporter\", \"id\": "       \
                                                                         "\"load_balancing\", "                        \
                                                                         "\"state\": \"ok\", \"members\": "            \
                                                                         "[{\"endpoint\": \"a:1\", \"member\": "       \
                                                                         "\"here\", \"state\": \"failing\", "          \
                                                                         "\"reason\": \"away\", \"errors\": [" ERROR(  \
                                                                             "98", "9",                                \
                                                                             "away") ", " ERROR("90", "1",             \
                                                                                                "full") "]}]}]}]"

START_TEST(what_has_failed_is_told_once_the_newest_first_and_harmless)
{
    const char *text = frame_of(status_of(FAILED), NULL), *full, *shared, *before;

    full = strstr(text, " traces: exporter load_balancing a:1 failed 10s ago (1x): full\n");
    shared = strstr(text, " logs: receiver otlp failed 30s ago (1x): shared\n");
    before = strstr(text, " logs: exporter otlp failed 1m0s ago (3x): ");
    ck_assert_msg(full != NULL && shared != NULL && before != NULL, "%s", text);
    ck_assert(full < shared && shared < before);
    ck_assert_ptr_null(strstr(strchr(shared, '\n'), ": shared"));
    assert_has(text, "!logs: exporter otlp fails for 4s (2 in a row): now\n");
    ck_assert_ptr_null(strstr(text, "failed 1s ago")); /* it fails with it now */
    ck_assert_ptr_null(strchr(text, '\033'));
    ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
    assert_has(text, "[2J<b>");
}
END_TEST

START_TEST(a_member_that_fails_stands_below_its_exporter)
{
    assert_has(frame_of(status_of(FAILED), NULL), "!    a:1 here  failing: away\n");
}
END_TEST

START_TEST(a_row_is_cut_at_a_character)
{
    struct buf lines = { 0 };

    buf_puts(&lines, "!\xc3\xa4\xc3\xb6\xc3\xbc\n second\n third\n");
    top_screen_put(&out, buf_bytes(&lines), 2, 2);
    ck_assert_str_eq(buf_cstr(&out), "\033[31m\xc3\xa4\xc3\xb6\033[0m\033[K\r\nse\033[0m\033[K\033[J");
    buf_free(&lines);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("top_frame");
    TCase *tc = tcase_create("top_frame");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, each_worker_has_a_row_and_who_is_down_stands_out);
    tcase_add_test(tc, where_there_is_one_process_there_are_no_rows_of_workers);
    tcase_add_test(tc, what_has_failed_is_told_once_the_newest_first_and_harmless);
    tcase_add_test(tc, a_member_that_fails_stands_below_its_exporter);
    tcase_add_test(tc, a_row_is_cut_at_a_character);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
