/* SPDX-License-Identifier: Apache-2.0 */
/* The node: what comes while a job is writing, and what becomes of it when the node stops or goes. */
#include "exporter/file/file.c"

#include "support/client.h"

#include <check.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 200

static struct rig rig;
static char directory[32], path[64];
static struct file_config config;
static struct node *node;
static struct client clients[MANY];

static void set_up(void)
{
    rig_init(&rig, 1);
    strcpy(directory, "/tmp/file_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/out", directory);
    config = (struct file_config){ .path = path, .mode = "0640", .directory_permissions = "" };
    memset(clients, 0, sizeof(clients));
    node = rig_node(&rig, &file_exporter, &config, SIGNAL_LOGS, NULL, NULL);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(directory);
    rig_close(&rig);
}

static void send_some(struct client *c, uint64_t items)
{
    client_send(c, &rig, &node->in, rig_logs(&rig, 0, items));
}

static void run_loop(void)
{
    uv_run(&rig.loop.uv, UV_RUN_DEFAULT);
    turn_run(&rig.loop.turn);
}

static void stop_node(void)
{
    bool stopped = false;

    rig_stop(node, clock_mono(&rig.loop.clock) + 10 * NS_PER_S, &stopped);
    run_loop();
    ck_assert(stopped);
}

static size_t lines_written(void)
{
    FILE *f = fopen(path, "r");
    size_t n = 0;

    ck_assert_ptr_nonnull(f);
    for (int c; (c = fgetc(f)) != EOF;)
        n += c == '\n';
    fclose(f);
    return n;
}

START_TEST(what_comes_while_a_job_writes_is_written_by_the_next)
{
    for (int i = 0; i < MANY; i++) {
        send_some(&clients[i], 1 + (uint64_t)i % 7);
        if (i % 20 == 19)
            uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    }
    run_loop();
    for (int i = 0; i < MANY; i++)
        ck_assert(clients[i].settled && clients[i].outcome.verdict == VERDICT_SAFE);
    ck_assert_uint_eq(lines_written(), MANY);
    stop_node();
    rig_destroy(node);
}
END_TEST

START_TEST(a_node_that_stops_writes_first_what_waits)
{
    for (int i = 0; i < MANY; i++)
        send_some(&clients[i], 5);
    stop_node();
    for (int i = 0; i < MANY; i++)
        ck_assert(clients[i].settled && clients[i].outcome.verdict == VERDICT_SAFE);
    ck_assert_uint_eq(lines_written(), MANY);
    rig_destroy(node);
}
END_TEST

START_TEST(who_waits_when_the_time_is_over_is_told_to_retry)
{
    bool stopped = false;
    int told = 0;

    for (int i = 0; i < MANY; i++)
        send_some(&clients[i], 2000); /* more than one job takes */
    rig_stop(node, 0, &stopped);
    clock_advance(&rig.loop.clock, 1);
    run_loop();
    ck_assert(stopped);
    for (int i = 0; i < MANY; i++) {
        ck_assert(clients[i].settled);
        told += clients[i].outcome.verdict == VERDICT_RETRY;
    }
    ck_assert_int_gt(told, 0);
    rig_destroy(node);
}
END_TEST

START_TEST(a_node_may_go_while_its_job_writes)
{
    for (int i = 0; i < MANY; i++) {
        send_some(&clients[i], 1000);
        ack_cancel(&clients[i].ack);
    }
    rig_destroy(node);
    run_loop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, what_comes_while_a_job_writes_is_written_by_the_next);
    tcase_add_test(tc, a_node_that_stops_writes_first_what_waits);
    tcase_add_test(tc, who_waits_when_the_time_is_over_is_told_to_retry);
    tcase_add_test(tc, a_node_may_go_while_its_job_writes);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
