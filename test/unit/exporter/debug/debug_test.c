/* SPDX-License-Identifier: Apache-2.0 */
/* The debug exporter's text against what the Go collector prints for the same requests (test/data/debug). */
#include "base/mem.h"
#include "exporter/debug/debug_text.h"
#include "otlp/json.h"
#include "otlp/validate.h"
#include "pipeline/ledger/ledger_tap.h"
#include "queue/sender_rows.h"
#include "support/rig/rig.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct component debug_exporter;

/* As in debug.c. */
struct debug_config {
    int verbosity;
    int64_t sampling_initial, sampling_thereafter;
    bool use_internal_logger;
    struct strings output_paths;
    struct sending_queue_config sending_queue;
};

static struct rig rig;
static struct ledger ledger;
static struct debug_config config;
static const char *outputs[1];
static char output[64];
static struct node *node;
static struct consumer *tap;
static int settled;

static void on_settled(struct ack *a, const struct outcome *o)
{
    (void)a;
    ck_assert_int_eq(o->verdict, VERDICT_SAFE);
    settled++;
}

static void setup(void)
{
    int fd;

    rig_init(&rig, 1);
    strcpy(output, "/tmp/debug_test.XXXXXX");
    fd = mkstemp(output);
    ck_assert_int_ge(fd, 0);
    close(fd);
    outputs[0] = output;
    config = (struct debug_config){ .sampling_initial = 1000, .output_paths = { outputs, 1 } };
    settled = 0;
}

static void begin(enum signal signal)
{
    ledger_init(&ledger, "exporter", "debug", signal);
    node = rig_node(&rig, &debug_exporter, &config, signal, &ledger, NULL);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &node->in);
}

static void end(void)
{
    bool stopped = false;

    rig_stop(node, 0, &stopped);
    uv_run(&rig.loop.uv, UV_RUN_DEFAULT);
    turn_run(&rig.loop.turn);
    ck_assert(stopped);
    ck_assert(ledger_sums(&ledger));
    ck_assert_uint_eq(ledger.held, 0);
    rig_destroy(node);
    ledger_tap_free(tap);
    ledger_free(&ledger);
}

static void teardown(void)
{
    unlink(output);
    rig_close(&rig);
}

static void read_all(const char *path, struct buf *to)
{
    FILE *f = fopen(path, "r");
    size_t n;

    ck_assert_msg(f != NULL, "%s", path);
    while ((n = fread(buf_reserve(to, 65536), 1, 65536, f)) > 0)
        to->len += n;
    fclose(f);
}

static struct batch *batch_from(const char *name, enum signal signal)
{
    char *path = mem_printf("test/data/debug/%s.json", name);
    struct buf json = { 0 }, wire = { 0 };
    struct error err = { 0 };
    struct validation v;
    struct block *b;

    read_all(path, &json);
    ck_assert_msg(json_to_wire(signal_table[signal].request, buf_bytes(&json), 1 << 20, &wire, &err) == 0, "%s: %s",
                  path, err.text);
    ck_assert_msg(otlp_validate(signal, buf_bytes(&wire), &v), "%s: %s", path, v.fault);
    b = block_force(&rig.budget, wire.len);
    memcpy(b->data, wire.data, wire.len);
    buf_free(&json);
    buf_free(&wire);
    free(path);
    return batch_new(signal, b, bytes_of(b->data, b->cap), v.items, 0);
}

static void print(struct batch *b)
{
    struct ack ack;

    ack_init(&ack, &rig.loop.turn, NULL, b->items, true, on_settled);
    consumer_send(tap, b, &ack);
    uv_run(&rig.loop.uv, UV_RUN_DEFAULT);
    turn_run(&rig.loop.turn);
}

static void print_file(const char *name, enum signal signal)
{
    begin(signal);
    print(batch_from(name, signal));
    end();
}

START_TEST(its_text_is_the_go_collectors_with_controls_as_escapes)
{
    static const char *const forms[] = { "basic", "normal", "detailed" };
    char *path = mem_printf("test/data/debug/%s.txt", forms[_i]);
    struct buf expected = { 0 }, got = { 0 };

    config.verbosity = _i;
    print_file("traces1", SIGNAL_TRACES);
    print_file("traces2", SIGNAL_TRACES);
    print_file("logs1", SIGNAL_LOGS);
    print_file("logs2", SIGNAL_LOGS);
    print_file("metrics1", SIGNAL_METRICS);
    print_file("metrics2", SIGNAL_METRICS);
    print_file("profiles", SIGNAL_PROFILES);
    ck_assert_int_eq(settled, 7);
    read_all(path, &expected);
    read_all(output, &got);
    ck_assert_str_eq(buf_cstr(&got), buf_cstr(&expected));
    buf_free(&expected);
    buf_free(&got);
    free(path);
}
END_TEST

static size_t count_lines(void)
{
    struct buf got = { 0 };
    size_t n = 0;

    read_all(output, &got);
    for (size_t i = 0; i < got.len; i++)
        n += got.data[i] == '\n';
    buf_free(&got);
    return n;
}

START_TEST(sampling_prints_the_first_of_each_second_and_then_every_so_many_th)
{
    config.sampling_initial = 2;
    config.sampling_thereafter = 3;
    begin(SIGNAL_LOGS);
    for (int i = 0; i < 10; i++)
        print(rig_logs(&rig, 0, 1));
    ck_assert_uint_eq(count_lines(), 4); /* 1, 2, 5, 8 */
    clock_advance(&rig.loop.clock, NS_PER_S);
    for (int i = 0; i < 2; i++)
        print(rig_logs(&rig, 0, 1));
    ck_assert_uint_eq(count_lines(), 6);
    ck_assert_uint_eq(ledger.delivered, 12);
    end();
}
END_TEST

/* A pipe whose reader does not read: batches are answered all the same, and what was left out is counted. */
START_TEST(a_reader_that_stopped_reading_does_not_hold_up_the_data)
{
    char path[32];
    struct ack acks[40];
    int pipes[2], left;

    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(pipes), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[1]);
    outputs[0] = path;
    config.verbosity = 2;
    begin(SIGNAL_LOGS);
    for (int i = 0; i < 40; i++) {
        ack_init(&acks[i], &rig.loop.turn, NULL, 1000, true, on_settled);
        consumer_send(tap, rig_logs(&rig, 0, 1000), &acks[i]);
    }
    for (left = 0; left < 400 && settled < 40; left++) {
        uv_run(&rig.loop.uv, UV_RUN_DEFAULT);
        turn_run(&rig.loop.turn);
        clock_advance(&rig.loop.clock, 50 * NS_PER_MS);
    }
    ck_assert_int_eq(settled, 40);
    ck_assert_double_gt(rig_metric(&rig, "otelcd_exporter_debug_unprinted_batches", "exporter", "debug", NULL), 10);
    close(pipes[0]); /* the end does not wait for a reader that has gone */
    end();
    close(pipes[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("debug");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, its_text_is_the_go_collectors_with_controls_as_escapes, 0, 3);
    tcase_add_test(tc, sampling_prints_the_first_of_each_second_and_then_every_so_many_th);
    tcase_add_test(tc, a_reader_that_stopped_reading_does_not_hold_up_the_data);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
