/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1/http1_conn.h"

#include "support/http_recorder.h"
#include "support/memory_conn.h"

#include <check.h>

static struct memory_conn m;
static struct recorder r;
static struct http_server_options options;

static void set_up(void)
{
    options = (struct http_server_options){ 0 };
    recorder_init(&r);
}

static void tear_down(void)
{
    memory_close(&m);
    ck_assert_uint_eq(r.open, 0);
    buf_free(&r.log);
}

static void start(void)
{
    memory_open(&m, &options, &r.service, http1_open);
}

static void say(const char *text)
{
    memory_send(&m, bytes_str(text));
}

static void expect_log(const char *log)
{
    ck_assert_str_eq(buf_cstr(&r.log), log);
    r.log.len = 0;
}

/* What was answered since last asked, without its dates. */
static void expect_answer(const char *answer)
{
    static const char date[] = "Date: Tue, 14 Nov 2023 22:";
    struct buf said = { 0 };
    const char *text = buf_cstr(&m.out);

    for (const char *at; (at = strstr(text, date)) != NULL; text = strstr(at, "\r\n") + 2)
        buf_append(&said, text, (size_t)(at - text));
    buf_puts(&said, text);
    ck_assert_str_eq(buf_cstr(&said), answer);
    buf_free(&said);
    m.out.len = 0;
}

#define OK "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define OK_CLOSE "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
#define POST "POST /x HTTP/1.1\r\nHost: x\r\n"

START_TEST(requests_are_served_in_order_wherever_the_bytes_are_cut)
{
    static const char wire[] = "\r\n" POST "Content-Length: 5\r\n\r\nabcde" POST
                               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\n\r\n"
                               "GET /y HTTP/1.1\r\nHost: x\r\n\r\n";

    r.quiet = true;
    for (size_t cut = 0; cut < sizeof(wire); cut++) {
        start();
        memory_send(&m, bytes_of(wire, cut));
        memory_send(&m, bytes_of(wire + cut, sizeof(wire) - 1 - cut));
        ck_assert_uint_eq(r.requests, 3 * (cut + 1));
        ck_assert_uint_eq(r.body_bytes, 8 * (cut + 1));
        ck_assert_uint_eq(r.open, 0);
        expect_answer(OK OK OK);
        if (cut < sizeof(wire) - 1)
            memory_close(&m);
    }
}
END_TEST

START_TEST(one_byte_at_a_time_is_served_too)
{
    static const char wire[] = POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" POST "\r\n";

    start();
    for (size_t i = 0; i < sizeof(wire) - 1; i++)
        memory_send(&m, bytes_of(wire + i, 1));
    expect_answer(OK OK);
    expect_log("POST /x;body 1;body 1;body 1;end;close;POST /x;end;close;");
}
END_TEST

START_TEST(the_next_request_waits_for_the_answer)
{
    r.by_hand = true;
    start();
    say(POST "\r\nGET /y HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_log("POST /x;end;");
    ck_assert_uint_gt(m.held.len, 0);
    recorder_answer(r.last);
    ck_assert_uint_eq(r.open, 1); /* on_close never comes from inside a call */
    turn_run(&m.loop.turn);
    expect_log("close;GET /y;end;");
    recorder_answer(r.last);
    turn_run(&m.loop.turn);
    expect_answer(OK OK);
}
END_TEST

START_TEST(what_is_refused_ends_the_connection)
{
    static const struct {
        const char *wire, *answer;
    } rows[] = {
        { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
        { "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 " },
        { "\r\r\n", "HTTP/1.1 400 " },
        { "\r\n\r\n\r\n", "HTTP/1.1 400 " },
        { "\xff\xff", "HTTP/1.1 400 " },
        { "GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 " },
        { POST "Transfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 " },
        { POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 " },
        { POST "Transfer-Encoding: chunked\r\n\r\nzz", "HTTP/1.1 400 " },
        { "NOT QUITE HTTP\r\n\r\n", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf wire = { 0 };

        start();
        buf_puts(&wire, rows[i].wire);
        buf_puts(&wire, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
        memory_send(&m, buf_bytes(&wire));
        ck_assert_msg(strncmp(buf_cstr(&m.out), rows[i].answer, strlen(rows[i].answer)) == 0, "%s: %s", rows[i].wire,
                      buf_cstr(&m.out));
        ck_assert(rows[i].answer[0] != '\0' || m.out.len == 0);
        ck_assert_int_ne(m.fate, HTTP_GOES_ON);
        ck_assert(strstr(buf_cstr(&r.log), "smuggled") == NULL);
        ck_assert_uint_eq(m.shared.stats.protocol_errors, 1);
        buf_free(&wire);
        if (i < ARRAY_LEN(rows) - 1)
            memory_close(&m);
    }
}
END_TEST

START_TEST(heads_beyond_the_limit_are_431)
{
    options.max_header_bytes = 200;
    start();
    say(POST);
    for (int i = 0; i < 30 && m.fate == HTTP_GOES_ON; i++)
        say("A: bcdefgh\r\n");
    ck_assert(strncmp(buf_cstr(&m.out), "HTTP/1.1 431 ", 13) == 0);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(r.requests, 0);
}
END_TEST

static void expect_no_body(int status)
{
    char begin[24];

    snprintf(begin, sizeof(begin), "HTTP/1.1 %d ", status);
    ck_assert_msg(strncmp(buf_cstr(&m.out), begin, strlen(begin)) == 0, "%s", buf_cstr(&m.out));
    ck_assert_str_eq(buf_cstr(&m.out) + m.out.len - 4, "\r\n\r\n");
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    memory_close(&m);
}

START_TEST(a_refusal_of_head_has_no_body)
{
    static const struct {
        const char *wire;
        int status;
    } rows[] = {
        { "HEAD / HTTP/1.1\r\n\r\n", 400 },
        { "HEAD / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400 },
        { "HEAD / HTTP/1.1\nHost: x\r\n\r\n", 400 },
        { "HEAD / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
        { "HEAD / HTTP/1.1\r\nHost: x\r\nExpect: much\r\n\r\n", 417 },
        { "HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 400 },
    };

    r.by_hand = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        say(rows[i].wire);
        expect_no_body(rows[i].status);
    }
    options.max_header_bytes = 100;
    start();
    say("HEAD / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 20 && m.fate == HTTP_GOES_ON; i++)
        say("A: bcdefgh\r\n");
    expect_no_body(431);
    options.read_header_timeout = NS_PER_S;
    start();
    say("HEAD / HT");
    clock_advance(&m.loop.clock, 2 * NS_PER_S);
    turn_run(&m.loop.turn);
    expect_no_body(408);
    start();
}
END_TEST

START_TEST(a_body_is_asked_for_when_the_peer_waits_for_that)
{
    start();
    say(POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    expect_answer("HTTP/1.1 100 Continue\r\n\r\n");
    say("abc");
    expect_answer(OK);
    say(POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"); /* it did not wait */
    expect_answer(OK);
    say("POST /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    expect_answer("");
}
END_TEST

START_TEST(a_refusal_instead_of_100_ends_the_connection)
{
    r.at_once = true;
    start();
    say(POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    expect_answer(OK_CLOSE);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    expect_log("POST /x;close;");
}
END_TEST

START_TEST(after_an_early_answer_a_small_rest_is_thrown_away)
{
    r.at_once = true;
    start();
    say(POST "Content-Length: 1000\r\n\r\nab");
    expect_answer(OK);
    expect_log("POST /x;close;");
    for (int i = 0; i < 998; i++)
        say("c");
    say("GET /y HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_log("GET /y;close;");
    expect_answer(OK);
}
END_TEST

START_TEST(after_an_early_answer_a_large_or_endless_rest_ends_the_connection)
{
    static const char *const heads[] = { POST "Content-Length: 100000\r\n\r\nab",
                                         POST "Transfer-Encoding: chunked\r\n\r\n" };

    r.at_once = true;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        start();
        say(heads[i]);
        expect_answer(OK_CLOSE);
        ck_assert_int_eq(m.fate, HTTP_FINISHED);
        if (i < ARRAY_LEN(heads) - 1)
            memory_close(&m);
    }
}
END_TEST

START_TEST(versions_and_wishes_decide_whether_the_connection_goes_on)
{
    static const struct {
        const char *wire, *answer;
        bool goes_on;
    } rows[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", OK_CLOSE, false },
        { "GET / HTTP/1.0\r\n\r\n", OK_CLOSE, false },
        { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
          true },
        { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", OK, true },
        { "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
          "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\n", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        say(rows[i].wire);
        expect_answer(rows[i].answer);
        ck_assert_int_eq(m.fate, rows[i].goes_on ? HTTP_GOES_ON : HTTP_FINISHED);
        memory_close(&m);
    }
    options.no_keep_alive = true;
    start();
    say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(OK_CLOSE);
}
END_TEST

START_TEST(answers_in_pieces_are_chunked_or_end_with_the_connection)
{
    static const char *const requests[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
                                            "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" };
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\n\r\n",
    };

    r.by_hand = true;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        start();
        say(requests[i]);
        http_respond_begin(r.last, 200, NULL, 0);
        http_respond_write(r.last, bytes_str("abc"));
        turn_run(&m.loop.turn);
        http_respond_write(r.last, bytes_str(""));
        http_respond_write(r.last, bytes_str("de"));
        http_respond_end(r.last, &(struct http_header){ BYTES_LIT("t"), BYTES_LIT("v") }, 1);
        turn_run(&m.loop.turn);
        expect_answer(answers[i]);
        ck_assert_int_eq(m.fate, i == 1 ? HTTP_FINISHED : HTTP_GOES_ON);
        if (i < ARRAY_LEN(requests) - 1)
            memory_close(&m);
    }
}
END_TEST

START_TEST(answers_that_have_no_body_have_no_length)
{
    static const struct http_header bad[] = { { BYTES_LIT("content-length"), BYTES_LIT("9") },
                                              { BYTES_LIT("connection"), BYTES_LIT("upgrade") },
                                              { BYTES_LIT("x"), BYTES_LIT("a\r\nb: c") } };

    r.by_hand = true;
    start();
    say("OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n");
    http_respond(r.last, 204, bad, 3, bytes_str("never"));
    turn_run(&m.loop.turn);
    expect_answer("HTTP/1.1 204 No Content\r\nx: a  b: c\r\n\r\n");
}
END_TEST

START_TEST(reading_stops_where_the_grant_ends)
{
    options.initial_window = 1000;
    r.by_hand = true;
    start();
    say(POST "Content-Length: 5000\r\n\r\n");
    ck_assert_uint_eq(m.io.ops->room(&m.io, 1 << 20), 1000);
    say("0123456789");
    ck_assert_uint_eq(m.io.ops->room(&m.io, 1 << 20), 990);
    for (int i = 0; i < 99; i++)
        say("0123456789");
    ck_assert_uint_eq(m.io.ops->room(&m.io, 1 << 20), 0);
    http_request_grant(r.last, 300);
    ck_assert_uint_eq(m.io.ops->room(&m.io, 1 << 20), 300);
}
END_TEST

START_TEST(an_overdrawn_budget_stops_reading_but_not_for_good)
{
    r.by_hand = true;
    start();
    say(POST "Content-Length: 5000\r\n\r\n");
    m.budget.limit = 10000;
    budget_charge(&m.budget, 20000);
    ck_assert_uint_eq(m.io.ops->room(&m.io, 100), 0);
    clock_advance(&m.loop.clock, NS_PER_S);
    ck_assert_uint_eq(m.io.ops->room(&m.io, 100), 100);
    say("0123456789");
    ck_assert_uint_eq(m.io.ops->room(&m.io, 100), 0);
    budget_give(&m.budget, 20000);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(m.io.ops->room(&m.io, 100), 100);
}
END_TEST

START_TEST(the_peers_end_does_not_take_the_answer_away)
{
    r.by_hand = true;
    start();
    say(POST "\r\n");
    m.io.ops->on_end(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    recorder_answer(r.last);
    turn_run(&m.loop.turn);
    expect_log("POST /x;end;close;");
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
}
END_TEST

START_TEST(half_a_body_is_an_aborted_request)
{
    start();
    say(POST "Content-Length: 5\r\n\r\nabc");
    m.io.ops->on_end(&m.io);
    m.io.kick(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_BROKEN);
    m.io.ops->close(&m.io);
    expect_log("POST /x;body 3;close aborted;");
    http1_open(&m.io);
}
END_TEST

START_TEST(time_runs_out_for_heads_bodies_and_the_idle)
{
    options.read_header_timeout = 10 * NS_PER_S;
    options.read_timeout = 20 * NS_PER_S;
    options.idle_timeout = 30 * NS_PER_S;
    start();
    say("GET / HT");
    clock_advance(&m.loop.clock, 9 * NS_PER_S);
    say("TP/1.1\r\n"); /* slow bytes do not help */
    clock_advance(&m.loop.clock, 2 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert(strncmp(buf_cstr(&m.out), "HTTP/1.1 408 ", 13) == 0);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(m.shared.stats.timeouts, 1); /* one thing, counted once */
    ck_assert_uint_eq(m.shared.stats.protocol_errors, 0);
    memory_close(&m);

    start();
    say(POST "Content-Length: 100\r\n\r\n");
    for (int i = 0; i < 21; i++) {
        say("x");
        clock_advance(&m.loop.clock, NS_PER_S);
        turn_run(&m.loop.turn);
    }
    ck_assert(strncmp(buf_cstr(&m.out), "HTTP/1.1 408 ", 13) == 0);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    memory_close(&m);

    options.read_header_timeout = 0; /* the time of the whole request is that of its head too */
    start();
    say("GET / HT");
    clock_advance(&m.loop.clock, 21 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert(strncmp(buf_cstr(&m.out), "HTTP/1.1 408 ", 13) == 0);
    memory_close(&m);

    start();
    say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    clock_advance(&m.loop.clock, 29 * NS_PER_S);
    say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    clock_advance(&m.loop.clock, 29 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 2 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(m.shared.stats.timeouts, 0);
}
END_TEST

START_TEST(strangers_have_a_minute_for_a_head_and_a_quarter_of_an_hour_for_nothing)
{
    start(); /* nothing is set */
    for (int i = 0; i < 61; i++) {
        say(i == 0 ? "GET /" : "x");
        clock_advance(&m.loop.clock, NS_PER_S);
        turn_run(&m.loop.turn);
    }
    ck_assert(strncmp(buf_cstr(&m.out), "HTTP/1.1 408 ", 13) == 0);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    memory_close(&m);

    start();
    say(POST "\r\n");
    clock_advance(&m.loop.clock, 14 * 60 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 2 * 60 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
}
END_TEST

START_TEST(stopping_ends_idle_connections_and_lets_requests_end)
{
    r.by_hand = true;
    start();
    say(POST "\r\n");
    m.shared.stopping = true;
    m.io.ops->drain(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    recorder_answer(r.last);
    turn_run(&m.loop.turn);
    expect_answer(OK_CLOSE);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    memory_close(&m);

    start();
    m.shared.stopping = true;
    m.io.ops->drain(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_RESTS);
    memory_close(&m);

    start(); /* the next server goes on with the connection: this answer is not its last */
    say(POST "\r\n");
    m.shared.stopping = m.shared.hands_over = true;
    m.io.ops->drain(&m.io);
    recorder_answer(r.last);
    turn_run(&m.loop.turn);
    expect_answer(OK);
    ck_assert_int_eq(m.fate, HTTP_RESTS);
}
END_TEST

START_TEST(stopping_does_not_wait_for_half_a_head_and_not_long_for_half_a_body)
{
    struct buf unread = { 0 };

    start();
    say("POST / HT");
    m.shared.stopping = true;
    m.io.ops->drain(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_RESTS);
    m.io.ops->unread(&m.io, &unread);
    ck_assert(bytes_is(buf_bytes(&unread), "POST / HT"));
    buf_free(&unread);
    memory_close(&m);

    start();
    say(POST "Content-Length: 100\r\n\r\nab");
    m.shared.stopping = true;
    m.io.ops->drain(&m.io);
    clock_advance(&m.loop.clock, NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 2 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert(strncmp(buf_cstr(&m.out), "HTTP/1.1 408 ", 13) == 0);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
}
END_TEST

START_TEST(a_reset_request_takes_the_connection_with_it)
{
    r.by_hand = true;
    start();
    say(POST "Content-Length: 5\r\n\r\nab");
    http_request_reset(r.last, 0);
    ck_assert_uint_eq(r.open, 1);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_BROKEN);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http1_conn");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, requests_are_served_in_order_wherever_the_bytes_are_cut);
    tcase_add_test(tc, one_byte_at_a_time_is_served_too);
    tcase_add_test(tc, the_next_request_waits_for_the_answer);
    tcase_add_test(tc, what_is_refused_ends_the_connection);
    tcase_add_test(tc, heads_beyond_the_limit_are_431);
    tcase_add_test(tc, a_refusal_of_head_has_no_body);
    tcase_add_test(tc, a_body_is_asked_for_when_the_peer_waits_for_that);
    tcase_add_test(tc, a_refusal_instead_of_100_ends_the_connection);
    tcase_add_test(tc, after_an_early_answer_a_small_rest_is_thrown_away);
    tcase_add_test(tc, after_an_early_answer_a_large_or_endless_rest_ends_the_connection);
    tcase_add_test(tc, versions_and_wishes_decide_whether_the_connection_goes_on);
    tcase_add_test(tc, answers_in_pieces_are_chunked_or_end_with_the_connection);
    tcase_add_test(tc, answers_that_have_no_body_have_no_length);
    tcase_add_test(tc, reading_stops_where_the_grant_ends);
    tcase_add_test(tc, an_overdrawn_budget_stops_reading_but_not_for_good);
    tcase_add_test(tc, the_peers_end_does_not_take_the_answer_away);
    tcase_add_test(tc, half_a_body_is_an_aborted_request);
    tcase_add_test(tc, time_runs_out_for_heads_bodies_and_the_idle);
    tcase_add_test(tc, strangers_have_a_minute_for_a_head_and_a_quarter_of_an_hour_for_nothing);
    tcase_add_test(tc, stopping_ends_idle_connections_and_lets_requests_end);
    tcase_add_test(tc, stopping_does_not_wait_for_half_a_head_and_not_long_for_half_a_body);
    tcase_add_test(tc, a_reset_request_takes_the_connection_with_it);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
