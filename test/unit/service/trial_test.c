/* SPDX-License-Identifier: Apache-2.0 */
#include "service/trial.h"

#include "base/log.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

/* resource_logs { scope_logs { log_records { severity_number: 9 } } } */
static const uint8_t one_log[] = { 0x0a, 6, 0x12, 4, 0x12, 2, 0x10, 9 };

static struct config *config;
static struct log_sink sink;
static struct trial *trial;

static void begin(const char *yaml)
{
    struct error err = { 0 };

    config =
        config_load(&(struct config_sources){ .uris = (const char *const[]){ yaml }, .n_uris = 1 }, component_registry);
    ck_assert_msg(config->faults.n_errors == 0, "%s", config->faults.list.v[0].text);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    trial = trial_new(config, false, &sink, &err);
    ck_assert_msg(trial != NULL, "%s", err.text);
}

static void end(void)
{
    trial_free(trial);
    log_sink_close(&sink);
    config_free(config);
}

static const struct trial_verdict *send_log(const char *to)
{
    const struct trial_verdict *v = NULL;
    struct batch *b = NULL;
    struct error err = { 0 };

    ck_assert(trial_batch(trial, SIGNAL_LOGS, bytes_of(one_log, sizeof(one_log)), &b, &err));
    ck_assert_uint_eq(b->items, 1);
    return trial_send(trial, to, b, &v) ? v : NULL;
}

static uint64_t take_all(const char *from, enum signal signal)
{
    uint64_t items = 0;

    for (struct batch *b; (b = trial_take(trial, from, signal)) != NULL; batch_unref(b))
        items += b->items;
    return items;
}

#define BATCHED                                                                                                        \
    "yaml:{receivers: {otlp: {protocols: {grpc: }}}, processors: {batch: {timeout: 1s}}, exporters: {debug: }, "       \
    "service: {pipelines: {logs: {receivers: [otlp], processors: [batch], exporters: [debug]}}}}"

START_TEST(time_stands_still_until_it_is_moved)
{
    uint64_t wall;

    begin(BATCHED);
    wall = trial_wall(trial);
    ck_assert_int_eq(send_log("otlp")->answer, TRIAL_ACCEPTED);
    ck_assert_uint_eq(trial_ledger(trial, "logs")->held, 1);
    trial_advance(trial, 999 * MS);
    ck_assert_uint_eq(take_all("debug", SIGNAL_LOGS), 0);
    trial_advance(trial, MS);
    ck_assert_uint_eq(take_all("debug", SIGNAL_LOGS), 1);
    ck_assert_uint_eq(take_all("debug", SIGNAL_LOGS), 0);
    ck_assert_uint_eq(trial_ledger(trial, "logs")->held, 0);
    ck_assert_uint_eq(trial_wall(trial), wall + 1000 * MS);
    end();
}
END_TEST

START_TEST(what_is_held_is_handed_on_at_the_end_and_nothing_is_taken_after_it)
{
    begin(BATCHED);
    send_log("otlp");
    trial_stop(trial);
    ck_assert_uint_eq(take_all("debug", SIGNAL_LOGS), 1);
    ck_assert_ptr_null(send_log("otlp"));
    end();
}
END_TEST

START_TEST(what_is_left_is_forgotten_without_a_leak)
{
    begin(BATCHED);
    send_log("otlp");
    send_log("otlp");
    end();
}
END_TEST

START_TEST(who_is_not_there_gets_and_gives_nothing)
{
    begin(BATCHED);
    ck_assert_ptr_null(send_log("otlp/2"));
    ck_assert_uint_eq(take_all("debug/2", SIGNAL_LOGS), 0);
    ck_assert_uint_eq(take_all("debug", SIGNAL_TRACES), 0);
    ck_assert_ptr_null(trial_ledger(trial, "traces"));
    end();
}
END_TEST

START_TEST(bytes_that_are_no_request_make_no_batch)
{
    struct batch *b = NULL;
    struct error err = { 0 };

    begin(BATCHED);
    ck_assert(!trial_batch(trial, SIGNAL_LOGS, bytes_of(one_log, 5), &b, &err));
    ck_assert_ptr_null(b);
    ck_assert_str_ne(err.text, "");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trial");
    TCase *tc = tcase_create("trial");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, time_stands_still_until_it_is_moved);
    tcase_add_test(tc, what_is_held_is_handed_on_at_the_end_and_nothing_is_taken_after_it);
    tcase_add_test(tc, what_is_left_is_forgotten_without_a_leak);
    tcase_add_test(tc, who_is_not_there_gets_and_gives_nothing);
    tcase_add_test(tc, bytes_that_are_no_request_make_no_batch);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
