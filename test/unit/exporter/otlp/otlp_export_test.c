/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its way, with a peer that is a list of calls. */
#include "exporter/otlp/otlp_exporter.h"

#include "otlp/validate.h"
#include "support/client.h"

#include <check.h>
#include <sys/resource.h>
#include <stdio.h>

static struct rig rig;
static struct otlp_exporter n;
static struct ledger ledger;
static struct http_call *call; /* under way */
static size_t n_calls;
static struct delivery_config delivery = { /* without a queue */
                                           .retry_on_failure = { .enabled = true,
                                                                 .initial_interval = { (int64_t)NS_PER_S },
                                                                 .max_interval = { (int64_t)NS_PER_S },
                                                                 .multiplier = 1 }
};
static struct string_map headers;
static struct client client;

static void start_call(struct otlp_exporter *to, struct http_call *c)
{
    (void)to;
    ck_assert_ptr_null(call);
    call = c;
    n_calls++;
}

static void cancel_call(struct otlp_exporter *to, struct http_call *c)
{
    (void)to;
    ck_assert_ptr_eq(call, c);
    call = NULL;
}

static const struct otlp_client_port port = { start_call, cancel_call };

static void setup(void)
{
    struct otlp_settings s = { .max_request_bytes = 1 << 20, .delivery = &delivery, .headers = &headers };
    struct error err;

    rig_init(&rig, 1);
    ledger_init(&ledger, "exporter", "otlp_http", SIGNAL_LOGS);
    n = (struct otlp_exporter){ .node = {
                                    .id = "otlp_http", .signal = SIGNAL_LOGS, .host = &rig.host, .ledger = &ledger } };
    n.node.log = (struct logger){ .sink = &rig.log };
    ck_assert_int_eq(otlp_target_http(&n.target, "http://peer", "", SIGNAL_LOGS, &err), 0);
    otlp_exporter_create(&n, &s);
    n.port = &port;
    ck_assert_int_eq(sender_start(n.sender, &err), 0);
    n_calls = 0;
}

static void teardown(void)
{
    otlp_exporter_destroy(&n.node);
    turn_run(&rig.loop.turn);
    ck_assert_ptr_null(call);
    while (rig.budget.used != 0) /* a job that was abandoned still reads its batch */
        uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    ledger_free(&ledger);
    rig_close(&rig);
}

static void send_logs(uint64_t items)
{
    client_send(&client, &rig, &n.node.in, rig_logs(&rig, 0, items));
    turn_run(&rig.loop.turn);
}

/* The items in the body of the call that is under way. */
static uint64_t sent_items(void)
{
    struct validation v = { 0 };
    struct buf body = { 0 };

    ck_assert_ptr_nonnull(call);
    for (size_t i = 0; i < call->n_parts; i++)
        buf_put(&body, call->parts[i]);
    ck_assert(otlp_validate(SIGNAL_LOGS, buf_bytes(&body), &v));
    buf_free(&body);
    return v.items;
}

static void answer(int status, const char *text)
{
    struct http_response a = { .why = "", .status = status, .body = bytes_str(text) };
    struct http_call *c = call;

    ck_assert_ptr_nonnull(c);
    call = NULL;
    c->on_done(c, &a);
    turn_run(&rig.loop.turn);
}

static void wait(uint64_t ns)
{
    clock_advance(&rig.loop.clock, ns);
    turn_run(&rig.loop.turn);
}

static void next_turn(void)
{
    clock_advance(&rig.loop.clock, NS_PER_MS);
    uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    turn_run(&rig.loop.turn);
}

START_TEST(a_batch_that_fits_goes_in_one_call_from_where_it_lies)
{
    struct batch *b = rig_logs(&rig, 0, 10);
    const uint8_t *data = b->segments[0].data;

    client_send(&client, &rig, &n.node.in, b);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(call->n_parts, 1);
    ck_assert_ptr_eq(call->parts[0].data, data);
    answer(200, "");
    ck_assert(client.settled);
    ck_assert_int_eq(client.outcome.verdict, VERDICT_SAFE);
}
END_TEST

START_TEST(parts_go_one_after_another_and_what_was_taken_is_not_sent_again)
{
    uint64_t first, second;

    n.limit.now = 40; /* 7 bytes each, and some around them */
    send_logs(12);
    first = sent_items();
    ck_assert_uint_lt(first, 12);
    answer(200, "");
    second = sent_items();
    answer(503, "busy");
    ck_assert(!client.settled);
    ck_assert_ptr_null(call);
    wait(2 * NS_PER_S);
    ck_assert_uint_eq(sent_items(), second);
    while (call != NULL) {
        first += sent_items();
        answer(200, "");
    }
    ck_assert_uint_eq(first, 12);
    ck_assert(client.settled);
    ck_assert_int_eq(client.outcome.verdict, VERDICT_SAFE);
}
END_TEST

START_TEST(a_request_that_is_too_large_is_cut_down_to_the_item_at_fault)
{
    send_logs(16);
    while (call != NULL) {
        uint64_t items = sent_items();

        /* the peer takes no more than three, and not the first one at all */
        if (items > 3 || (items == 1 && n_calls < 8))
            answer(413, "");
        else
            answer(200, "");
    }
    ck_assert(client.settled);
    ck_assert_int_eq(client.outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_lt(n_calls, 24);
    ck_assert_uint_lt(n.limit.now, 1 << 20);
}
END_TEST

START_TEST(refusals_of_parts_add_up_and_the_others_are_safe)
{
    uint64_t refused = 0;

    n.limit.now = 40;
    send_logs(12);
    for (int i = 0; call != NULL; i++) {
        if (i % 2 == 0) {
            refused += sent_items();
            answer(400, "bad");
        } else {
            answer(200, "");
        }
    }
    ck_assert(client.settled);
    ck_assert_int_eq(client.outcome.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(client.outcome.rejected, refused);
    ck_assert_ptr_nonnull(strstr(client.outcome.why, "answered 400: bad"));
}
END_TEST

START_TEST(when_every_part_is_refused_the_batch_is)
{
    n.limit.now = 40;
    send_logs(12);
    while (call != NULL)
        answer(401, "who");
    ck_assert(client.settled);
    ck_assert_int_eq(client.outcome.verdict, VERDICT_REJECT);
    ck_assert_int_eq(client.outcome.grpc_status, 16);
    ck_assert_str_eq(client.outcome.reason, "unauthorized");
}
END_TEST

START_TEST(a_code_that_would_make_the_sender_come_again_is_not_passed_on)
{
    n.settings.grpc = true;
    send_logs(1);
    static const struct http_header status = { BYTES_LIT("grpc-status"), BYTES_LIT("8") };
    struct http_response a = { .why = "", .status = 200, .trailers = &status, .n_trailers = 1 };
    struct http_call *c = call;

    call = NULL;
    c->on_done(c, &a);
    turn_run(&rig.loop.turn);
    ck_assert(client.settled);
    ck_assert_int_eq(client.outcome.verdict, VERDICT_REJECT);
    ck_assert_int_eq(client.outcome.grpc_status, 0);
}
END_TEST

START_TEST(many_items_that_are_too_large_as_json_are_dropped_without_a_stack_of_them)
{
    struct rlimit stack;

    ck_assert_int_eq(getrlimit(RLIMIT_STACK, &stack), 0);
    stack.rlim_cur = 1 << 20; /* 52 bytes an item */
    ck_assert_int_eq(setrlimit(RLIMIT_STACK, &stack), 0);
    n.settings.json = true;
    request_limit_init(&n.limit, 40); /* wire bytes of a few items, JSON of none */
    send_logs(20000);
    ck_assert(!client.settled); /* not in one turn */
    while (!client.settled)
        next_turn();
    ck_assert_int_eq(client.outcome.verdict, VERDICT_REJECT);
    ck_assert_str_eq(client.outcome.reason, "too_large");
    ck_assert_uint_eq(n_calls, 0);
}
END_TEST

START_TEST(what_is_under_way_at_the_end_is_cancelled_and_given_back)
{
    n.settings.coding = _i == 0 ? CODING_IDENTITY : CODING_ZSTD;
    n.settings.json = _i == 2;
    send_logs(_i == 2 ? 20000 : 10); /* as JSON on a thread, whose job is abandoned */
    ck_assert(_i == 2 || call != NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("otlp_export");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_batch_that_fits_goes_in_one_call_from_where_it_lies);
    tcase_add_test(tc, parts_go_one_after_another_and_what_was_taken_is_not_sent_again);
    tcase_add_test(tc, a_request_that_is_too_large_is_cut_down_to_the_item_at_fault);
    tcase_add_test(tc, refusals_of_parts_add_up_and_the_others_are_safe);
    tcase_add_test(tc, when_every_part_is_refused_the_batch_is);
    tcase_add_test(tc, a_code_that_would_make_the_sender_come_again_is_not_passed_on);
    tcase_add_test(tc, many_items_that_are_too_large_as_json_are_dropped_without_a_stack_of_them);
    tcase_add_loop_test(tc, what_is_under_way_at_the_end_is_cancelled_and_given_back, 0, 3);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
