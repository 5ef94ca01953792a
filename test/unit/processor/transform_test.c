/* SPDX-License-Identifier: Apache-2.0 */
#include "support/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component transform_processor;

static struct processor_rig rig;

START_TEST(points_of_data_that_other_data_stands_behind_stay)
{
    processor_rig_init(&rig, &transform_processor, SIGNAL_METRICS, SIGNAL_METRICS,
                       "{metric_statements: ['convert_sum_to_gauge() where metric.name == \"m\"']}");
    processor_rig_send_two_data(&rig, "m");
    ck_assert_uint_eq(rig.ledger.delivered, 2);
    ck_assert_uint_eq(rig.sink.items, 2);
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("transform");
    TCase *t = tcase_create("transform");
    SRunner *runner;
    int failed;

    tcase_add_test(t, points_of_data_that_other_data_stands_behind_stay);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
