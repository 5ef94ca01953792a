/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http2/http2_server.h"

#include "net/http2/http2_session.h"
#include "support/frames.h"
#include "support/http_recorder.h"
#include "support/memory_conn.h"

static struct memory_conn m;
static struct recorder r;
static struct http_server_options options;
static struct buf in;

static void set_up(void)
{
    options = (struct http_server_options){ .expect_http2 = true };
    recorder_init(&r);
    in = (struct buf){ 0 };
}

static void tear_down(void)
{
    memory_close(&m);
    ck_assert_uint_eq(r.open, 0);
    buf_free(&r.log);
    buf_free(&in);
}

static void send_in(void)
{
    memory_send(&m, buf_bytes(&in));
    in.len = 0;
}

/* The client's preface and SETTINGS; ours are acknowledged and out of the way. */
static void start(void)
{
    memory_open(&m, &options, &r.service, http2_open);
    buf_puts(&in, PREFACE);
    put_frame(&in, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
    put_frame(&in, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, bytes_of(NULL, 0));
    send_in();
}

static void start_clean(void)
{
    start();
    m.out.len = 0;
}

static void expect_log(const char *log)
{
    ck_assert_str_eq(buf_cstr(&r.log), log);
    r.log.len = 0;
}

static void expect_reset(uint32_t id, uint32_t code)
{
    struct frame f;

    ck_assert_msg(find_frame(&m.out, NGHTTP2_RST_STREAM, id, 0, &f), "no RST_STREAM on %u", id);
    ck_assert_uint_eq(u32_at(f.payload, 0), code);
}

static void expect_goaway(unsigned nth, uint32_t last, uint32_t code, const char *debug)
{
    struct frame f;

    ck_assert_msg(find_frame(&m.out, NGHTTP2_GOAWAY, 0, nth, &f), "no GOAWAY %u", nth);
    ck_assert_uint_eq(u32_at(f.payload, 0), last);
    ck_assert_uint_eq(u32_at(f.payload, 4), code);
    ck_assert(debug == NULL || bytes_is(bytes_of(f.payload.data + 8, f.payload.len - 8), debug));
}

START_TEST(settings_tell_the_limits)
{
    struct frame f;

    options.max_concurrent_streams = 7;
    options.initial_window = 1 << 20;
    options.max_header_bytes = 8192;
    start();
    ck_assert(find_frame(&m.out, NGHTTP2_SETTINGS, 0, 0, &f));
    ck_assert_uint_eq(f.payload.len, 24);
    ck_assert_uint_eq(u32_at(f.payload, 2), 7);
    ck_assert_uint_eq(u32_at(f.payload, 8), 1 << 20);
    ck_assert_uint_eq(u32_at(f.payload, 14), 8192);
    ck_assert_uint_eq(u32_at(f.payload, 20), HTTP2_FRAME_MAX);
}
END_TEST

START_TEST(data_comes_in_large_frames_and_nothing_else_does)
{
    static const uint8_t types[] = { NGHTTP2_PING, NGHTTP2_SETTINGS, NGHTTP2_GOAWAY, NGHTTP2_WINDOW_UPDATE, 0x42 };
    uint8_t *zeros = calloc(1, 16385);

    options.initial_window = 1 << 20;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    put_data(&in, 1, HTTP2_FRAME_MAX, true);
    send_in();
    expect_log("POST /;body 262144;end;close;");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        memory_close(&m);
        start_clean();
        put_frame(&in, types[i], 0, 0, bytes_of(zeros, 16385));
        in.len -= 16385; /* its head is enough */
        send_in();
        expect_goaway(0, 0, NGHTTP2_FRAME_SIZE_ERROR, "frame too large");
        ck_assert_int_eq(m.fate, HTTP_FINISHED);
    }
    free(zeros);
}
END_TEST

START_TEST(a_request_is_told_and_answered_wherever_the_bytes_are_cut)
{
    struct buf all = { 0 };

    buf_puts(&all, PREFACE);
    put_frame(&all, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
    put_request(&all, 1, "POST", "/a?b", false);
    put_data(&all, 1, 3, false);
    put_data(&all, 1, 2, true);
    for (size_t cut = 0; cut <= all.len; cut++) {
        r.quiet = true;
        memory_open(&m, &options, &r.service, http2_open);
        memory_send(&m, bytes_of(all.data, cut));
        memory_send(&m, bytes_of(all.data + cut, all.len - cut));
        ck_assert_uint_eq(r.requests, cut + 1);
        ck_assert_uint_eq(r.body_bytes, 5 * (cut + 1));
        ck_assert_uint_eq(r.open, 0);
        ck_assert_uint_eq(r.aborted, 0);
        if (cut < all.len)
            memory_close(&m);
    }
    buf_free(&all);
}
END_TEST

START_TEST(an_answer_without_a_body_is_one_frame)
{
    struct frame f;

    r.body = bytes_of(NULL, 0);
    start_clean();
    put_request(&in, 1, "POST", "/", true);
    send_in();
    expect_log("POST /;end;close;");
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 0, &f));
    ck_assert(f.flags & NGHTTP2_FLAG_END_STREAM);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_DATA), 0);
}
END_TEST

START_TEST(trailers_end_the_stream_after_the_data)
{
    static const struct http_header status = { BYTES_LIT("grpc-status"), BYTES_LIT("0") };
    struct frame f;

    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", true);
    send_in();
    http_respond_begin(r.last, 200, NULL, 0);
    ck_assert(http_respond_write(r.last, bytes_str("abc")));
    http_respond_end(r.last, &status, 1);
    expect_log("POST /;end;");
    turn_run(&m.loop.turn);
    expect_log("close;");
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 0, &f) && !(f.flags & NGHTTP2_FLAG_END_STREAM));
    ck_assert(find_frame(&m.out, NGHTTP2_DATA, 1, 0, &f) && f.payload.len == 3 && f.flags == 0);
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 1, &f) && (f.flags & NGHTTP2_FLAG_END_STREAM));
}
END_TEST

START_TEST(an_early_answer_stops_the_sender_without_an_error)
{
    r.at_once = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    put_data(&in, 1, 10, false);
    send_in();
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_RST_STREAM), 0);
    clock_advance(&m.loop.clock, NS_PER_S); /* it does not end by itself */
    turn_run(&m.loop.turn);
    expect_reset(1, NGHTTP2_NO_ERROR);
    expect_log("POST /;close;");
    m.out.len = 0;
    put_data(&in, 1, 1000, false); /* was on its way */
    put_request(&in, 3, "POST", "/", true);
    send_in();
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_RST_STREAM), 0);
    expect_log("POST /;close;");
}
END_TEST

START_TEST(an_early_answer_leaves_a_sender_in_peace_that_ends_soon)
{
    r.at_once = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    put_data(&in, 1, 10, true);
    send_in();
    expect_log("POST /;close;");
    clock_advance(&m.loop.clock, NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_RST_STREAM), 0);
}
END_TEST

START_TEST(a_sender_that_waits_for_a_grant_is_stopped_at_once)
{
    options.initial_window = 100;
    r.at_once = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    put_data(&in, 1, 100, false);
    send_in();
    expect_reset(1, NGHTTP2_NO_ERROR);
    expect_log("POST /;close;");
}
END_TEST

START_TEST(frames_on_a_stream_that_both_have_ended_are_refused)
{
    start_clean();
    put_request(&in, 1, "POST", "/", true);
    send_in();
    put_data(&in, 1, 4, false);
    send_in();
    expect_reset(1, NGHTTP2_STREAM_CLOSED);
    put_request(&in, 1, "POST", "/", true);
    send_in();
    expect_goaway(0, 1, NGHTTP2_STREAM_CLOSED, NULL);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
}
END_TEST

START_TEST(nobody_sends_more_than_was_granted)
{
    struct frame f;

    options.initial_window = 1000;
    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    put_data(&in, 1, 1000, false);
    send_in();
    ck_assert(!find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 1, 0, &f));
    http_request_grant(r.last, 500);
    http_request_grant(r.last, 20);
    turn_run(&m.loop.turn);
    ck_assert(find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 1, 0, &f) && u32_at(f.payload, 0) == 500);
    ck_assert(find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 1, 1, &f) && u32_at(f.payload, 0) == 20);
    put_data(&in, 1, 520, false);
    send_in();
    expect_log("POST /;body 1000;body 520;");
    put_data(&in, 1, 1, false);
    send_in();
    ck_assert(find_frame(&m.out, NGHTTP2_RST_STREAM, 1, 0, &f) || find_frame(&m.out, NGHTTP2_GOAWAY, 0, 0, &f));
}
END_TEST

START_TEST(padding_does_not_eat_the_grant)
{
    struct buf padded = { 0 };
    struct frame f;

    options.initial_window = 1000;
    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    buf_putc(&padded, (char)200);
    memset(buf_reserve(&padded, 300), 0, 300);
    padded.len += 300; /* 100 of data, 200 of padding, 1 for its length */
    put_frame(&in, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, buf_bytes(&padded));
    send_in();
    ck_assert_uint_eq(r.body_bytes, 100);
    ck_assert(find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 1, 0, &f));
    ck_assert_uint_eq(u32_at(f.payload, 0), 201);
    buf_free(&padded);
}
END_TEST

START_TEST(the_connections_credit_returns_without_the_service)
{
    struct frame f;
    uint64_t credit = 65535;

    options.initial_window = 64 << 20;
    r.by_hand = r.quiet = true;
    start();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    for (int i = 0; i < 3000; i++) {
        put_data(&in, 1, 16384, false);
        if (i % 30 == 29)
            send_in();
    }
    ck_assert_uint_eq(r.body_bytes, 3000ul * 16384);
    for (unsigned i = 0; find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 0, i, &f); i++)
        credit += u32_at(f.payload, 0);
    ck_assert_uint_gt(credit, r.body_bytes);
    ck_assert_uint_le(credit, r.body_bytes + (16 << 20));
    ck_assert_uint_lt(count_frames(&m.out, NGHTTP2_WINDOW_UPDATE), 40);
}
END_TEST

START_TEST(an_overdrawn_budget_holds_credit_back_but_not_for_good)
{
    uint64_t held;

    options.initial_window = 64 << 20;
    r.by_hand = r.quiet = true;
    start();
    m.budget.limit = 10000;
    budget_charge(&m.budget, 20000);
    put_request(&in, 1, "POST", "/", false);
    for (int i = 0; i < 60; i++)
        put_data(&in, 1, 16384, false);
    m.out.len = 0;
    send_in();
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_WINDOW_UPDATE), 0);
    held = m.loop.clock.mono;
    clock_advance(&m.loop.clock, NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(m.loop.clock.mono - held, NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_WINDOW_UPDATE), 1);
    for (int i = 0; i < 60; i++)
        put_data(&in, 1, 16384, false);
    send_in();
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_WINDOW_UPDATE), 1);
    budget_give(&m.budget, 20000);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_WINDOW_UPDATE), 2);
}
END_TEST

START_TEST(streams_past_the_limit_are_refused_alone)
{
    options.max_concurrent_streams = 2;
    r.by_hand = true;
    start_clean();
    for (uint32_t id = 1; id <= 5; id += 2)
        put_request(&in, id, "POST", "/", false);
    send_in();
    expect_reset(5, NGHTTP2_REFUSED_STREAM);
    ck_assert_uint_eq(r.open, 2);
    put_word_frame(&in, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    put_request(&in, 7, "POST", "/", false);
    send_in();
    ck_assert_uint_eq(r.open, 2);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
}
END_TEST

START_TEST(large_headers_are_431_and_huge_ones_end_the_connection)
{
    struct buf block = { 0 };
    char value[120];
    struct frame f;

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    options.max_header_bytes = 1000;
    start_clean();
    put_request_block(&block, "POST", "/");
    for (int i = 0; i < 12; i++)
        put_field(&block, "name", value);
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, buf_bytes(&block));
    send_in();
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 0, &f));
    ck_assert_uint_eq(r.requests, 0);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    for (int i = 0; i < 40; i++)
        put_field(&block, "name", value);
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3, buf_bytes(&block));
    send_in();
    expect_goaway(0, 3, NGHTTP2_ENHANCE_YOUR_CALM, NULL);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    buf_free(&block);
}
END_TEST

START_TEST(a_refusal_of_head_has_no_body)
{
    struct buf block = { 0 };
    char value[120];
    struct frame f;

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    value[0] = '/'; /* a path too */
    options.max_header_bytes = 250;
    start_clean();
    for (uint32_t id = 1; id < 5; id += 2) {
        block.len = 0;
        if (id == 3)
            put_field(&block, ":path", value); /* too large before the method has come */
        put_field(&block, ":method", "HEAD");
        put_field(&block, ":scheme", "http");
        put_field(&block, ":authority", "x");
        if (id == 1)
            put_field(&block, ":path", "/");
        put_field(&block, "name", value);
        put_field(&block, "name", value);
        put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, buf_bytes(&block));
        send_in();
        ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, id, 0, &f) && (f.flags & NGHTTP2_FLAG_END_STREAM));
        ck_assert(!find_frame(&m.out, NGHTTP2_DATA, id, 0, &f));
    }
    ck_assert_uint_eq(r.requests, 0);
    buf_free(&block);
}
END_TEST

/* What a peer repeats to be a nuisance; each kind must end the connection before it has cost much. */
static void put_nuisance(int kind, uint32_t n)
{
    switch (kind) {
    case 0: /* rapid reset */
        put_request(&in, 2 * n + 1, "POST", "/", false);
        put_word_frame(&in, NGHTTP2_RST_STREAM, 2 * n + 1, NGHTTP2_CANCEL);
        break;
    case 1:
        put_ping(&in, false);
        break;
    case 2:
        put_frame(&in, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
        break;
    case 3: /* empty DATA */
        if (n == 0)
            put_request(&in, 1, "POST", "/", false);
        put_data(&in, 1, 0, false);
        break;
    case 4: /* CONTINUATION without end */
        if (n == 0)
            put_frame(&in, NGHTTP2_HEADERS, 0, 1, bytes_of(NULL, 0));
        put_frame(&in, NGHTTP2_CONTINUATION, 0, 1, bytes_of(NULL, 0));
        break;
    default: /* streams that are refused */
        put_request(&in, 2 * n + 1, "POST", "/", false);
    }
}

START_TEST(floods_end_the_connection)
{
    struct frame f;
    uint32_t n = 0;

    options.max_concurrent_streams = 10;
    r.by_hand = r.quiet = true;
    start_clean();
    for (; n < 5000 && m.fate == HTTP_GOES_ON; n++) {
        put_nuisance(_i, n);
        if (n % 100 == 99)
            send_in();
    }
    ck_assert_uint_lt(n, 2000);
    ck_assert(find_frame(&m.out, NGHTTP2_GOAWAY, 0, 0, &f));
    ck_assert_uint_eq(u32_at(f.payload, 4), NGHTTP2_ENHANCE_YOUR_CALM);
}
END_TEST

START_TEST(a_few_resets_a_second_are_no_nuisance)
{
    r.by_hand = r.quiet = true;
    start_clean();
    for (uint32_t n = 0; n < 5000; n++) {
        put_nuisance(0, n);
        send_in();
        clock_advance(&m.loop.clock, 20 * NS_PER_MS);
    }
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    ck_assert_uint_eq(r.aborted, 5000);
}
END_TEST

START_TEST(a_peer_that_reads_nothing_is_not_read_from)
{
    options.max_concurrent_streams = 5000;
    r.quiet = true;
    start_clean();
    m.stuck = true;
    for (uint32_t n = 0; n < 2000; n++)
        put_request(&in, 2 * n + 1, "GET", "/", true);
    send_in();
    ck_assert_uint_eq(m.io.ops->room(&m.io, 1000), 0);
    m.stuck = false;
    m.io.kick(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(m.io.ops->room(&m.io, 1000), 1000);
}
END_TEST

/* --- keepalive --- */

static void ping_after(uint64_t seconds)
{
    clock_advance(&m.loop.clock, seconds * NS_PER_S);
    put_ping(&in, false);
    send_in();
}

START_TEST(the_third_ping_that_comes_too_soon_is_the_last)
{
    options.enforce_keepalive = options.keepalive_permit_without_stream = true;
    options.keepalive_min_time = 10 * NS_PER_S;
    start_clean();
    ping_after(1);
    ping_after(10); /* in time */
    ping_after(9);
    ping_after(9);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 4);
    ping_after(9);
    expect_goaway(0, 0, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(m.shared.stats.ping_strikes, 1);
}
END_TEST

START_TEST(without_streams_two_hours_are_asked_for)
{
    options.enforce_keepalive = true;
    options.keepalive_min_time = 10 * NS_PER_S;
    options.idle_timeout = 1000000 * NS_PER_S;
    start_clean();
    for (int i = 0; i < 3; i++)
        ping_after(7199);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    ping_after(7199);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
}
END_TEST

START_TEST(what_we_send_forgives_strikes)
{
    options.enforce_keepalive = options.keepalive_permit_without_stream = true;
    options.keepalive_min_time = 10 * NS_PER_S;
    start_clean();
    for (uint32_t n = 0; n < 20; n++) {
        put_request(&in, 2 * n + 1, "GET", "/", true);
        send_in();
        ping_after(1);
        ping_after(1);
    }
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
}
END_TEST

START_TEST(a_silent_peer_is_pinged_and_given_up)
{
    options.keepalive_time = 100 * NS_PER_S;
    options.keepalive_timeout = 5 * NS_PER_S;
    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    clock_advance(&m.loop.clock, 101 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 1);
    put_ping(&in, true);
    clock_advance(&m.loop.clock, NS_PER_S);
    send_in();
    clock_advance(&m.loop.clock, 50 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 60 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_BROKEN);
    ck_assert_uint_eq(m.shared.stats.timeouts, 1);
}
END_TEST

/* --- the end --- */

START_TEST(ending_gracefully_takes_what_is_in_flight)
{
    struct http_request *first;

    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    first = r.last;
    m.io.ops->drain(&m.io);
    turn_run(&m.loop.turn);
    expect_goaway(0, INT32_MAX, NGHTTP2_NO_ERROR, "");
    put_request(&in, 3, "POST", "/", true); /* was in flight */
    put_frame(&in, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, bytes_of("goodbye", 8));
    send_in();
    expect_goaway(1, 3, NGHTTP2_NO_ERROR, "graceful_stop");
    put_request(&in, 5, "POST", "/", true); /* too late */
    send_in();
    ck_assert_uint_eq(r.requests, 2);
    recorder_answer(r.last);
    turn_run(&m.loop.turn);
    put_data(&in, 1, 10, true);
    send_in();
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    recorder_answer(first);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(r.aborted, 0);
}
END_TEST

START_TEST(after_the_last_answer_the_connection_is_over)
{
    start_clean();
    m.io.ops->drain(&m.io);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, NS_PER_S); /* the ping is not answered */
    turn_run(&m.loop.turn);
    expect_goaway(1, 0, NGHTTP2_NO_ERROR, "graceful_stop");
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
}
END_TEST

START_TEST(idle_and_old_connections_are_told_to_go)
{
    options.max_connection_idle = 100 * NS_PER_S;
    start_clean();
    clock_advance(&m.loop.clock, 60 * NS_PER_S);
    put_request(&in, 1, "GET", "/", true);
    send_in();
    clock_advance(&m.loop.clock, 99 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_GOAWAY), 0);
    clock_advance(&m.loop.clock, 7 * NS_PER_S);
    turn_run(&m.loop.turn);
    expect_goaway(1, 1, NGHTTP2_NO_ERROR, "max_idle");
    memory_close(&m);

    options =
        (struct http_server_options){ .max_connection_age = 100 * NS_PER_S, .max_connection_age_grace = 50 * NS_PER_S };
    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", true);
    send_in();
    clock_advance(&m.loop.clock, 89 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_GOAWAY), 0);
    clock_advance(&m.loop.clock, 27 * NS_PER_S);
    turn_run(&m.loop.turn);
    expect_goaway(1, 1, NGHTTP2_NO_ERROR, "max_age");
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 50 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_BROKEN);
}
END_TEST

START_TEST(headers_that_do_not_end_in_time_end_the_connection)
{
    struct buf block = { 0 };

    options.read_header_timeout = 10 * NS_PER_S;
    start_clean();
    clock_advance(&m.loop.clock, 800 * NS_PER_S); /* an idle connection is none of that timeout's business */
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    put_request_block(&block, "POST", "/");
    put_frame(&in, NGHTTP2_HEADERS, 0, 1, buf_bytes(&block));
    send_in();
    clock_advance(&m.loop.clock, 11 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(m.shared.stats.timeouts, 1); /* one thing, counted once */
    ck_assert_uint_eq(m.shared.stats.protocol_errors, 0);
    buf_free(&block);
}
END_TEST

START_TEST(headers_that_are_refused_have_ended_too)
{
    struct buf block = { 0 };

    options.read_header_timeout = 10 * NS_PER_S;
    r.at_once = true;
    start_clean();
    put_request_block(&block, "POST", "/");
    buf_append(&block, "\0\5X-Bad\1x", 9);
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, bytes_of(block.data, block.len - 4));
    put_frame(&in, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, bytes_of(block.data + block.len - 4, 4));
    send_in();
    expect_reset(1, NGHTTP2_PROTOCOL_ERROR);
    clock_advance(&m.loop.clock, 11 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    ck_assert_uint_eq(m.shared.stats.timeouts, 0);
    put_request(&in, 3, "GET", "/", true);
    send_in();
    ck_assert_uint_eq(r.requests, 1);
    buf_free(&block);
}
END_TEST

START_TEST(strangers_have_a_minute_for_headers_and_answers_and_a_quarter_of_an_hour_for_nothing)
{
    struct buf block = { 0 };

    start_clean(); /* nothing is set */
    put_request_block(&block, "POST", "/");
    put_frame(&in, NGHTTP2_HEADERS, 0, 1, buf_bytes(&block));
    send_in();
    clock_advance(&m.loop.clock, 59 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 2 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    buf_free(&block);
    memory_close(&m);

    r.at_once = true; /* a window of nothing holds the answer, and with it the request */
    start_clean();
    put_frame(&in, NGHTTP2_SETTINGS, 0, 0, bytes_of("\0\4\0\0\0\0", 6));
    put_request(&in, 1, "GET", "/", true);
    send_in();
    ck_assert_uint_eq(r.open, 1);
    clock_advance(&m.loop.clock, 61 * NS_PER_S);
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(r.open, 0);
    expect_reset(1, NGHTTP2_CANCEL);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    clock_advance(&m.loop.clock, 14 * (60 * NS_PER_S));
    turn_run(&m.loop.turn);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_GOAWAY), 0);
    clock_advance(&m.loop.clock, 2 * (60 * NS_PER_S));
    turn_run(&m.loop.turn);
    ck_assert_uint_gt(count_frames(&m.out, NGHTTP2_GOAWAY), 0);
}
END_TEST

START_TEST(fields_are_counted_however_small_they_are)
{
    struct buf block = { 0 };
    struct frame f;

    start_clean();
    put_request_block(&block, "POST", "/");
    buf_append(&block, "\x40\6cookie\1a", 10); /* into the table */
    for (int i = 0; i < 255; i++)
        buf_putc(&block, (char)0xbe); /* and out of it, a byte each */
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, buf_bytes(&block));
    send_in();
    ck_assert_uint_eq(r.requests, 1);
    buf_putc(&block, (char)0xbe);
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3, buf_bytes(&block));
    send_in();
    ck_assert_uint_eq(r.requests, 1);
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 3, 0, &f));
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
    buf_free(&block);
}
END_TEST

START_TEST(large_headers_need_room_in_the_budget)
{
    struct buf block = { 0 };
    char value[120];

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    r.by_hand = true;
    start_clean();
    put_request_block(&block, "POST", "/");
    for (int i = 0; i < 100; i++)
        put_field(&block, "name", value);
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, buf_bytes(&block));
    send_in();
    ck_assert_uint_eq(r.requests, 1);
    ck_assert_uint_gt(m.budget.used, 100 * sizeof(value));
    m.budget.limit = m.budget.used - 1;
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3, buf_bytes(&block));
    send_in();
    ck_assert_uint_eq(r.requests, 1);
    put_request(&in, 5, "POST", "/", false); /* small ones are the service's to judge */
    send_in();
    ck_assert_uint_eq(r.requests, 2);
    buf_free(&block);
}
END_TEST

START_TEST(who_makes_us_reset_streams_is_no_better_than_who_resets_them)
{
    int n = 0;

    r.by_hand = true;
    start_clean();
    for (; n < 3000 && m.fate == HTTP_GOES_ON; n++) {
        put_request(&in, (uint32_t)(2 * n + 1), "POST", "/", false);
        put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, (uint32_t)(2 * n + 1), INT32_MAX);
        send_in();
    }
    ck_assert_int_lt(n, 600); /* each counts as a malformed frame, too */
    expect_goaway(0, (uint32_t)(2 * n - 1), NGHTTP2_ENHANCE_YOUR_CALM, NULL);
}
END_TEST

START_TEST(a_slow_body_is_answered_with_408)
{
    struct frame f;

    options.read_timeout = 10 * NS_PER_S;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    send_in();
    for (int i = 0; i < 11; i++) {
        put_data(&in, 1, 1, false);
        send_in();
        clock_advance(&m.loop.clock, NS_PER_S);
        turn_run(&m.loop.turn);
    }
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 0, &f));
    ck_assert_uint_eq(m.shared.stats.timeouts, 1);
    ck_assert_uint_eq(r.open, 0);
    ck_assert_int_eq(m.fate, HTTP_GOES_ON);
}
END_TEST

START_TEST(a_reader_that_opens_no_window_is_told_by_false_and_then_cut_off)
{
    static uint8_t piece[200 * 1024];

    options.write_timeout = 30 * NS_PER_S;
    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "GET", "/", true);
    send_in();
    http_respond_begin(r.last, 200, NULL, 0);
    ck_assert(http_respond_write(r.last, bytes_of(piece, sizeof(piece))));
    turn_run(&m.loop.turn);
    ck_assert(!http_respond_write(r.last, bytes_of(piece, sizeof(piece))));
    turn_run(&m.loop.turn);
    expect_log("GET /;end;");
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 1, 10 << 20);
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 0, 240 * 1024);
    send_in();
    expect_log("writable;");
    http_respond_end(r.last, NULL, 0);
    turn_run(&m.loop.turn);
    clock_advance(&m.loop.clock, 31 * NS_PER_S);
    turn_run(&m.loop.turn);
    expect_log("close aborted;");
    expect_reset(1, NGHTTP2_CANCEL);
}
END_TEST

START_TEST(the_service_may_reset_one_request)
{
    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "POST", "/", false);
    put_request(&in, 3, "POST", "/", false);
    send_in();
    http_request_reset(r.last, NGHTTP2_CANCEL);
    ck_assert_uint_eq(r.open, 2); /* never from inside a call */
    put_data(&in, 3, 5, false);
    send_in();
    expect_reset(3, NGHTTP2_CANCEL);
    expect_log("POST /;POST /;close aborted;");
    ck_assert_uint_eq(r.open, 1);
}
END_TEST

START_TEST(a_wrong_preface_ends_the_connection)
{
    memory_open(&m, &options, &r.service, http2_open);
    memory_send(&m, bytes_str("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
    ck_assert_int_eq(m.fate, HTTP_FINISHED);
    ck_assert_uint_eq(m.shared.stats.protocol_errors, 1);
}
END_TEST

START_TEST(a_name_of_framing_does_not_reach_the_wire)
{
    static const struct http_header bad[] = { { BYTES_LIT("connection"), BYTES_LIT("close") },
                                              { BYTES_LIT("content-length"), BYTES_LIT("1") },
                                              { BYTES_LIT("x"), BYTES_LIT("yyyyyyy") } };
    struct frame f;

    r.by_hand = true;
    start_clean();
    put_request(&in, 1, "GET", "/", true);
    send_in();
    http_respond(r.last, 200, bad, 3, bytes_of(NULL, 0));
    turn_run(&m.loop.turn);
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 0, &f));
    ck_assert_uint_lt(f.payload.len, 14); /* :status by index, x: yyyyyyy */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http2");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, settings_tell_the_limits);
    tcase_add_test(tc, data_comes_in_large_frames_and_nothing_else_does);
    tcase_add_test(tc, a_request_is_told_and_answered_wherever_the_bytes_are_cut);
    tcase_add_test(tc, an_answer_without_a_body_is_one_frame);
    tcase_add_test(tc, trailers_end_the_stream_after_the_data);
    tcase_add_test(tc, an_early_answer_stops_the_sender_without_an_error);
    tcase_add_test(tc, an_early_answer_leaves_a_sender_in_peace_that_ends_soon);
    tcase_add_test(tc, a_sender_that_waits_for_a_grant_is_stopped_at_once);
    tcase_add_test(tc, frames_on_a_stream_that_both_have_ended_are_refused);
    tcase_add_test(tc, nobody_sends_more_than_was_granted);
    tcase_add_test(tc, padding_does_not_eat_the_grant);
    tcase_add_test(tc, the_connections_credit_returns_without_the_service);
    tcase_add_test(tc, an_overdrawn_budget_holds_credit_back_but_not_for_good);
    tcase_add_test(tc, streams_past_the_limit_are_refused_alone);
    tcase_add_test(tc, large_headers_are_431_and_huge_ones_end_the_connection);
    tcase_add_test(tc, a_refusal_of_head_has_no_body);
    tcase_add_loop_test(tc, floods_end_the_connection, 0, 6);
    tcase_add_test(tc, a_few_resets_a_second_are_no_nuisance);
    tcase_add_test(tc, a_peer_that_reads_nothing_is_not_read_from);
    tcase_add_test(tc, the_third_ping_that_comes_too_soon_is_the_last);
    tcase_add_test(tc, without_streams_two_hours_are_asked_for);
    tcase_add_test(tc, what_we_send_forgives_strikes);
    tcase_add_test(tc, a_silent_peer_is_pinged_and_given_up);
    tcase_add_test(tc, ending_gracefully_takes_what_is_in_flight);
    tcase_add_test(tc, after_the_last_answer_the_connection_is_over);
    tcase_add_test(tc, idle_and_old_connections_are_told_to_go);
    tcase_add_test(tc, headers_that_do_not_end_in_time_end_the_connection);
    tcase_add_test(tc, headers_that_are_refused_have_ended_too);
    tcase_add_test(tc, a_slow_body_is_answered_with_408);
    tcase_add_test(tc, a_reader_that_opens_no_window_is_told_by_false_and_then_cut_off);
    tcase_add_test(tc, the_service_may_reset_one_request);
    tcase_add_test(tc, a_wrong_preface_ends_the_connection);
    tcase_add_test(tc, a_name_of_framing_does_not_reach_the_wire);
    tcase_add_test(tc, strangers_have_a_minute_for_headers_and_answers_and_a_quarter_of_an_hour_for_nothing);
    tcase_add_test(tc, fields_are_counted_however_small_they_are);
    tcase_add_test(tc, large_headers_need_room_in_the_budget);
    tcase_add_test(tc, who_makes_us_reset_streams_is_no_better_than_who_resets_them);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
