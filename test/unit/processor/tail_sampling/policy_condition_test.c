/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component tail_sampling_processor;

static struct processor_rig rig;

START_TEST(a_condition_on_events_knows_which_of_its_span_each_is)
{
    processor_rig_init(&rig, &tail_sampling_processor, SIGNAL_TRACES, SIGNAL_TRACES,
                       "{decision_wait: 1s, policies: [{name: second, type: ottl_condition, ottl_condition: "
                       "{spanevent: ['event_index == 1']}}]}");
    processor_rig_send(&rig, "{'resourceSpans':[{'scopeSpans':[{'spans':["
                             "{'traceId':'01000000000000000000000000000001','name':'two','events':[{},{}]},"
                             "{'traceId':'01000000000000000000000000000002','name':'one','events':[{}]}]}]}]}");
    processor_rig_pass(&rig, 2 * NS_PER_S);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    ck_assert_ptr_nonnull(strstr(processor_rig_out(&rig), "\"two\""));
    processor_rig_close(&rig);
}
END_TEST

START_TEST(a_condition_knows_the_schema_urls_that_its_span_came_with)
{
    processor_rig_init(&rig, &tail_sampling_processor, SIGNAL_TRACES, SIGNAL_TRACES,
                       "{decision_wait: 1s, policies: [{name: p, type: ottl_condition, ottl_condition: "
                       "{span: ['resource.schema_url == \"r\" and scope.schema_url == \"s\"']}}]}");
    processor_rig_send(&rig, "{'resourceSpans':[{'schemaUrl':'r','scopeSpans':["
                             "{'spans':[{'traceId':'01000000000000000000000000000001','name':'none'}]},"
                             "{'schemaUrl':'s','spans':["
                             "{'traceId':'01000000000000000000000000000002','name':'both'}]}]}]}");
    processor_rig_pass(&rig, 2 * NS_PER_S);
    ck_assert_uint_eq(rig.ledger.delivered, 1);
    ck_assert_ptr_nonnull(strstr(processor_rig_out(&rig), "\"both\""));
    processor_rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy_condition");
    TCase *t = tcase_create("policy_condition");
    SRunner *runner;
    int failed;

    tcase_add_test(t, a_condition_on_events_knows_which_of_its_span_each_is);
    tcase_add_test(t, a_condition_knows_the_schema_urls_that_its_span_came_with);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
