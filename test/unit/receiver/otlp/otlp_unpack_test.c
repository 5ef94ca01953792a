/* SPDX-License-Identifier: Apache-2.0 */
/* Large bodies while the pool is stuck: what is given up leaves nothing behind. (The rest is in
 * test_large_requests.py.) What is said of the order of fields is so of the batch that is handed on. */
#include "base/mem.h"
#include "codec/pb.h"
#include "otlp/validate.h"
#include "receiver/otlp/otlp.h"
#include "support/rig/rig.h"
#include "support/sink.h"
#include "support/stuck.h"

#include <check.h>
#include <stdlib.h>

#define LONG (1024ul * 1024)

static struct rig rig;
static struct otlp receiver;
static struct metric waits;
static struct http_request requests[4];
static struct stuck stuck;

static void setup(void)
{
    rig_init(&rig, 1);
    rig.budget.limit = 1u << 30;
    receiver = (struct otlp){ .node.host = &rig.host, .bodies.waits = &waits };
    calls_init(&receiver);
    stuck_begin(&stuck, &rig.loop, JOB_CPU);
}

static void teardown(void)
{
    struct otlp_call *call;

    while ((call = list_pop(&receiver.idle, struct otlp_call, link)) != NULL)
        free(call);
    rig_close(&rig);
}

/* A call whose body, LONG bytes of JSON, is whole. */
static struct otlp_call *take_call(struct http_request *req)
{
    struct otlp_call *call = call_new(&receiver, req, TRANSPORT_HTTP, SIGNAL_LOGS);

    call->json = true;
    call->body.limit = 16 * LONG;
    call->body.keeper = &receiver.bodies;
    call->body.budget = &rig.budget;
    call->body.block = block_new(&rig.budget, LONG);
    call->body.len = LONG;
    call->body.ended = true;
    memset(call->body.block->data, ' ', LONG);
    call_unpack(call);
    return call;
}

START_TEST(what_is_given_up_while_the_pool_is_stuck_leaves_nothing_behind)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        take_call(&requests[i])->req = NULL; /* the peers have left */
    list_each (struct otlp_call, call, &receiver.calls, link)
        ck_assert_int_eq(call->state, CALL_UNPACKING);
    ck_assert_uint_eq(receiver.jobs, 2);
    ck_assert_uint_gt(rig.budget.used, (4 + 2 * 2) * LONG);
    unpack_abandon(&receiver);
    ck_assert(list_empty(&receiver.calls));
    ck_assert_uint_eq(rig.budget.used, 0); /* none had begun */
    stuck_end(&stuck, &rig.loop);
}
END_TEST

START_TEST(a_job_begins_only_when_the_budget_has_room_for_all_that_it_may_need)
{
    struct otlp_call *call;

    rig.budget.limit = 17 * LONG;
    budget_charge(&rig.budget, 15 * LONG);
    call = take_call(&requests[0]);
    ck_assert_int_eq(call->state, CALL_BODY);
    ck_assert_uint_eq(receiver.jobs, 0);
    budget_give(&rig.budget, 15 * LONG);
    turn_run(&rig.loop.turn); /* who waits is called */
    ck_assert_int_eq(call->state, CALL_UNPACKING);
    ck_assert_uint_eq(receiver.jobs, 1);
    call->req = NULL;
    unpack_abandon(&receiver);
    ck_assert_uint_eq(rig.budget.used, 0);
    stuck_end(&stuck, &rig.loop);
}
END_TEST

/* A request of profiles with one attribute of its resource: a value, and behind it the number of its key. */
static struct block *profiles_with(uint32_t key_field, size_t *len)
{
    struct buf b = { 0 };
    size_t group = pb_begin(&b, 1), part = pb_begin(&b, 1), attribute = pb_begin(&b, 1);
    struct block *block;

    pb_put_bytes(&b, 2, bytes_str("\x0a\x01v"));
    pb_put_uint(&b, key_field, 1);
    pb_end(&b, attribute);
    pb_end(&b, part);
    pb_put_bytes(&b, 2, bytes_of("\x12\x02\x12\x00", 4)); /* a profile, a sample */
    pb_end(&b, group);
    pb_put_bytes(&b, 2, bytes_of("\x2a\x00\x2a\x03key", 7)); /* texts */
    block = block_force(&rig.budget, b.len);
    memcpy(block->data, b.data, b.len);
    *len = b.len;
    buf_free(&b);
    return block;
}

static void check_order(struct sink *sink, const struct batch *b)
{
    struct validation v;

    ck_assert(otlp_validate(b->signal, bytes_of(b->segments[0].data, b->segments[0].len), &v));
    ck_assert(!b->ordered || v.ordered);
    *(bool *)sink->arg = b->ordered;
}

START_TEST(fields_are_in_order_in_the_batch_that_is_said_to_be)
{
    static const uint32_t key_fields[] = { 3, 100 }; /* what nobody knows stays */
    struct sink sink;
    bool ordered;

    sink_init(&sink);
    sink.on_batch = check_order;
    sink.arg = &ordered;
    receiver.node.out[SIGNAL_PROFILES] = &sink.in;
    receiver.accepted[SIGNAL_PROFILES][TRANSPORT_HTTP] = receiver.refused[SIGNAL_PROFILES][TRANSPORT_HTTP] =
        receiver.failed[SIGNAL_PROFILES][TRANSPORT_HTTP] = &waits;
    for (size_t i = 0; i < ARRAY_LEN(key_fields); i++) {
        struct otlp_call *call = call_new(&receiver, &requests[0], TRANSPORT_HTTP, SIGNAL_PROFILES);

        call->req = NULL; /* nobody waits for the answer */
        call->body.limit = LONG;
        call->body.keeper = &receiver.bodies;
        call->body.budget = &rig.budget;
        call->body.block = profiles_with(key_fields[i], &call->body.len);
        call->body.ended = true;
        call_unpack(call);
        ck_assert_uint_eq(sink.items, i + 1);
        ck_assert(ordered == (i == 1));
        turn_run(&rig.loop.turn);
    }
    ck_assert(list_empty(&receiver.calls));
    stuck_end(&stuck, &rig.loop);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("otlp_unpack");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_given_up_while_the_pool_is_stuck_leaves_nothing_behind);
    tcase_add_test(tc, a_job_begins_only_when_the_budget_has_room_for_all_that_it_may_need);
    tcase_add_test(tc, fields_are_in_order_in_the_batch_that_is_said_to_be);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
