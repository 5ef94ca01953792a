/* SPDX-License-Identifier: Apache-2.0 */
/* The processor that asks nobody: the address goes on the resource, and what has it goes on as it came. */
#include "otlp/metadata.h"
#include "support/rig/processor_rig.h"

#include <check.h>
#include <stdlib.h>

extern const struct component k8s_attributes_processor;

#define SPANS(attributes)                                                                                              \
    "{'resourceSpans':[{'resource':{'attributes':[" attributes "]},'scopeSpans':[{'spans':[{'name':'a'}]}]}]}"
#define IP "{'key':'ip','value':{'stringValue':'10.0.0.1'}}"
#define POD_IP "{'key':'k8s.pod.ip','value':{'stringValue':'10.0.0.1'}}"

static struct processor_rig r;

START_TEST(an_address_on_the_resource_becomes_that_of_the_pod)
{
    processor_rig_init(&r, &k8s_attributes_processor, SIGNAL_TRACES, SIGNAL_TRACES, "passthrough: true");
    ck_assert(r.node->wants_client_address);
    processor_rig_send(&r, SPANS(IP));
    ck_assert_uint_eq(occurrences(processor_rig_out(&r), "k8s.pod.ip"), 1);
    processor_rig_send(&r, SPANS("")); /* no client is known here */
    ck_assert_uint_eq(occurrences(processor_rig_out(&r), "k8s.pod.ip"), 0);
    processor_rig_close(&r);
}
END_TEST

static const struct batch *came;

static void on_came(struct sink *s, const struct batch *b)
{
    (void)s;
    came = b;
}

START_TEST(a_resource_that_has_it_goes_on_by_reference)
{
    static const uint8_t wire[] = "\x0a\x20\x0a\x1c\x0a\x1a\x0a\x0ak8s.pod.ip\x12\x0c\x0a\x0a"
                                  "10.0.0.100\x12\x00";
    struct batch *b;
    struct block *block;

    processor_rig_init(&r, &k8s_attributes_processor, SIGNAL_TRACES, SIGNAL_TRACES, "passthrough: true");
    r.sink.on_batch = on_came;
    block = block_force(&r.rig.budget, sizeof(wire) - 1);
    memcpy(block->data, wire, sizeof(wire) - 1);
    b = batch_new(SIGNAL_TRACES, block, bytes_of(block->data, sizeof(wire) - 1), 0, 0);
    batch_ref(b);
    processor_rig_send_batch(&r, b);
    ck_assert_ptr_eq(came, b);
    batch_unref(b);
    processor_rig_close(&r);
}
END_TEST

START_TEST(who_does_not_ask_for_the_client_is_not_told)
{
    processor_rig_init(&r, &k8s_attributes_processor, SIGNAL_LOGS, SIGNAL_LOGS,
                       "{passthrough: true, pod_association: [{sources: [{from: resource_attribute, name: a}]}]}");
    ck_assert(!r.node->wants_client_address);
    processor_rig_close(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("k8s_attributes");
    TCase *tc = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_test(tc, an_address_on_the_resource_becomes_that_of_the_pod);
    tcase_add_test(tc, a_resource_that_has_it_goes_on_by_reference);
    tcase_add_test(tc, who_does_not_ask_for_the_client_is_not_told);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
