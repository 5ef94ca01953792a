/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies on their way in, over a connection without a socket and a clock that the test moves. */
#include "receiver/otlp/otlp.h"
#include "support/memory_conn.h"
#include "support/sink.h"

#include <check.h>

#define MIB (1024ul * 1024)
#define HEAD "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: "

static struct memory_conn m;
static struct host host;
static struct metrics metrics;
static struct peer_shares peers;
static struct sink sink;
static struct otlp_config config;
static struct otlp receiver;
static const char *plain[] = { "" };

static void setup(void)
{
    struct http_server_options options = { .initial_window = BODY_WINDOW };

    memory_open(&m, &options, &receiver.ports[TRANSPORT_HTTP].service, http1_open);
    metrics_init(&metrics);
    peer_shares_init(&peers);
    sink_init(&sink);
    host = (struct host){ .loop = &m.loop, .budget = &m.budget, .peers = &peers, .metrics = &metrics, .log = &m.sink };
    config = (struct otlp_config){ .protocols.http.on = true };
    config.protocols.http.server.compression_algorithms = (struct strings){ plain, 1 };
    receiver.node = (struct node){ .host = &host, .log = m.log, .id = "otlp", .component = &otlp_receiver };
    receiver.node.out[SIGNAL_LOGS] = &sink.in;
    ck_assert_int_eq(otlp_receiver.create(&receiver.node, &config, NULL), 0);
    receiver.ports[TRANSPORT_HTTP] = (struct otlp_port){
        .service = otlp_service,
        .receiver = &receiver,
        .meant = TRANSPORT_HTTP,
    };
}

static void teardown(void)
{
    memory_close(&m);
    otlp_receiver.destroy(&receiver.node);
    peer_shares_free(&peers);
    metrics_free(&metrics);
    receiver = (struct otlp){ 0 };
}

static void send_text(const char *text)
{
    memory_send(&m, bytes_str(text));
}

static void send_zeros(size_t n)
{
    uint8_t *zeros = mem_zalloc(n);

    memory_send(&m, bytes_of(zeros, n));
    free(zeros);
}

static bool says(const char *text)
{
    return strstr(buf_cstr(&m.out), text) != NULL;
}

static void wait_s(uint64_t s)
{
    clock_advance(&m.loop.clock, s * NS_PER_S);
    turn_run(&m.loop.turn);
}

START_TEST(what_is_announced_costs_nothing_before_it_comes)
{
    send_text(HEAD "20000000\r\n\r\n");
    ck_assert_uint_le(m.budget.used, 8192);
    send_zeros(100);
    ck_assert_uint_le(m.budget.used, 8192);
    send_zeros(100000);
    ck_assert_uint_ge(m.budget.used, 100000);
    ck_assert_uint_le(m.budget.used, 4 * 100000);
}
END_TEST

START_TEST(a_body_below_the_least_rate_is_ended)
{
    send_text(HEAD "1000000\r\n\r\n");
    send_zeros(1000);
    wait_s(21);
    ck_assert_uint_eq(m.out.len, 0);
    wait_s(10);
    ck_assert(says("HTTP/1.1 408 ") && says("did not come in time: 1000 bytes in"));
    ck_assert_uint_eq(m.budget.used, 0);
}
END_TEST

START_TEST(a_body_at_the_least_rate_goes_on)
{
    send_text(HEAD "100000\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        wait_s(2);
        send_zeros(1000);
    }
    ck_assert(says("HTTP/1.1 400 ")); /* whole, and no request */
}
END_TEST

START_TEST(when_no_body_is_on_its_way_no_timer_is_left)
{
    send_text(HEAD "2\r\n\r\n");
    send_zeros(2);
    ck_assert(says("HTTP/1.1 "));
    wait_s(6);
    ck_assert(!clock_armed(&receiver.bodies.watch));
}
END_TEST

START_TEST(the_time_that_a_body_waits_for_the_budget_is_not_its_own)
{
    budget_set_limit(&m.budget, 10 * MIB);
    send_text(HEAD "4000000\r\n\r\n");
    wait_s(18);
    budget_charge(&m.budget, 10 * MIB);
    send_zeros(2000); /* held beyond the limit */
    ck_assert(list_first(&receiver.calls, struct otlp_call, link)->body.over);
    wait_s(4);
    budget_give(&m.budget, 10 * MIB);
    turn_run(&m.loop.turn);
    ck_assert(!list_first(&receiver.calls, struct otlp_call, link)->body.over);
    ck_assert_uint_eq(receiver.bodies.overdrawn, 0);
    wait_s(5);
    ck_assert_uint_eq(m.out.len, 0);
    wait_s(5);
    ck_assert(says("HTTP/1.1 408 "));
}
END_TEST

START_TEST(who_waits_too_long_for_the_budget_is_told_to_come_again)
{
    budget_set_limit(&m.budget, 10 * MIB);
    send_text(HEAD "4000000\r\n\r\n");
    budget_charge(&m.budget, 10 * MIB);
    send_zeros(2000);
    wait_s(5);
    ck_assert(says("HTTP/1.1 503 ") && says("retry-after: 1"));
    budget_give(&m.budget, 10 * MIB);
    ck_assert_uint_eq(m.budget.used, 0);
}
END_TEST

START_TEST(what_is_beyond_the_limit_has_a_limit)
{
    budget_set_limit(&m.budget, 4 * MIB);
    send_text(HEAD "4000000\r\n\r\n");
    budget_charge(&m.budget, 4 * MIB);
    send_zeros(4 * MIB / 32 + 4096);
    ck_assert(says("HTTP/1.1 503 "));
    ck_assert_uint_le(m.budget.peak, 4 * MIB + 4 * MIB / 32 + 4096);
    budget_give(&m.budget, 4 * MIB);
}
END_TEST

START_TEST(a_peer_that_holds_half_of_the_room_gets_no_more)
{
    budget_set_limit(&m.budget, MIB);
    send_text(HEAD "1000000\r\n\r\n");
    for (int i = 0; i < 10 && m.out.len == 0; i++)
        send_zeros(100000);
    ck_assert(says("HTTP/1.1 503 ") && says("more than its share"));
    ck_assert_uint_le(m.budget.peak, MIB / 2 + 4096);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("request_body");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_announced_costs_nothing_before_it_comes);
    tcase_add_test(tc, a_body_below_the_least_rate_is_ended);
    tcase_add_test(tc, a_body_at_the_least_rate_goes_on);
    tcase_add_test(tc, when_no_body_is_on_its_way_no_timer_is_left);
    tcase_add_test(tc, the_time_that_a_body_waits_for_the_budget_is_not_its_own);
    tcase_add_test(tc, who_waits_too_long_for_the_budget_is_told_to_come_again);
    tcase_add_test(tc, what_is_beyond_the_limit_has_a_limit);
    tcase_add_test(tc, a_peer_that_holds_half_of_the_room_gets_no_more);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
