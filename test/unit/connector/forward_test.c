/* SPDX-License-Identifier: Apache-2.0 */
/* Components without a create(): what their table names takes their batches. */
#include "support/rig/rig.h"
#include "support/sink.h"

#include <check.h>

extern const struct component forward_connector, nop_exporter;

static struct rig rig;
static struct sink behind;
static struct outcome answer;

static void on_settled(struct ack *ack, const struct outcome *o)
{
    (void)ack;
    answer = *o;
}

/* The answer is there afterwards. */
static void send_through(const struct component *component, uint64_t items)
{
    struct node *node = rig_node(&rig, component, NULL, SIGNAL_LOGS, NULL, &behind.in);
    struct ack ack;

    ack_init(&ack, &rig.loop.turn, NULL, items, true, on_settled);
    consumer_send(&node->in, rig_logs(&rig, 0, items), &ack);
    turn_run(&rig.loop.turn);
    rig_destroy(node);
}

static void setup(void)
{
    rig_init(&rig, 1);
    sink_init(&behind);
    answer = (struct outcome){ .verdict = VERDICT_RETRY, .reason = "none" };
}

static void teardown(void)
{
    sink_close(&behind);
    rig_close(&rig);
}

START_TEST(what_comes_to_forward_goes_on_and_is_answered_by_what_is_behind)
{
    behind.answer = (struct outcome){ .verdict = VERDICT_REJECT, .reason = "failed" };
    send_through(&forward_connector, 7);
    ck_assert_uint_eq(behind.items, 7);
    ck_assert_int_eq(answer.verdict, VERDICT_REJECT);
    ck_assert_str_eq(answer.reason, "failed");
}
END_TEST

START_TEST(what_comes_to_nop_is_safe_at_once_and_goes_nowhere)
{
    send_through(&nop_exporter, 7);
    ck_assert_uint_eq(behind.items, 0);
    ck_assert_int_eq(answer.verdict, VERDICT_SAFE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_comes_to_forward_goes_on_and_is_answered_by_what_is_behind);
    tcase_add_test(tc, what_comes_to_nop_is_safe_at_once_and_goes_nowhere);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
