/* SPDX-License-Identifier: Apache-2.0 */
/* The client on memory, against a peer whose frames are written byte by byte. */
#include "net/http2/http2_client_inside.h"

#include "support/frames.h"
#include "support/memory_client.h"

#define LARGE (1024 * 1024ul)

static struct memory_client m;
static struct buf in;
static uint8_t *body;
static struct bytes part;

static void set_up(void)
{
    in = (struct buf){ 0 };
    body = mem_alloc(LARGE);
    memset(body, 'b', LARGE);
    part = bytes_of(body, LARGE);
}

static void tear_down(void)
{
    memory_client_close(&m);
    buf_free(&in);
    free(body);
}

static void hear(void)
{
    memory_client_hear(&m, buf_bytes(&in));
    in.len = 0;
}

static void forget_output(void)
{
    m.out.len = 0;
}

/* The peer's SETTINGS have come, and ours are agreed; what was said so far is out of the way. */
static void open_client(void)
{
    memory_client_open(&m, http2_client_open);
    put_frame(&in, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
    put_frame(&in, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, bytes_of(NULL, 0));
    hear();
    forget_output();
}

static void put_answer_head(uint32_t id, const char *status, bool end)
{
    struct buf block = { 0 };

    put_field(&block, ":status", status);
    put_field(&block, "content-type", "application/grpc");
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0), id,
              buf_bytes(&block));
    buf_free(&block);
}

static void put_text(uint32_t id, const char *text, bool end)
{
    put_frame(&in, NGHTTP2_DATA, end ? NGHTTP2_FLAG_END_STREAM : 0, id, bytes_str(text));
}

static void put_trailer(uint32_t id, const char *name, const char *value)
{
    struct buf block = { 0 };

    put_field(&block, name, value);
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, buf_bytes(&block));
    buf_free(&block);
}

static void put_goaway(uint32_t last, uint32_t code, const char *debug)
{
    struct buf payload = { 0 };

    put_u32(&payload, last);
    put_u32(&payload, code);
    buf_puts(&payload, debug);
    put_frame(&in, NGHTTP2_GOAWAY, 0, 0, buf_bytes(&payload));
    buf_free(&payload);
}

static void answer(uint32_t id)
{
    put_answer_head(id, "200", true);
    hear();
}

static void expect_reset(uint32_t id, uint32_t code)
{
    struct frame f;

    ck_assert_msg(find_frame(&m.out, NGHTTP2_RST_STREAM, id, 0, &f), "no RST_STREAM on %u", id);
    ck_assert_uint_eq(u32_at(f.payload, 0), code);
}

static size_t sent_body(uint32_t id)
{
    struct bytes rest = buf_bytes(&m.out);
    struct frame f;
    size_t n = 0;

    while (take_frame(&rest, &f))
        if (f.type == NGHTTP2_DATA && f.id == id)
            n += f.payload.len;
    return n;
}

static void expect_failure(const struct memory_call *c, enum http_failure failure, enum call_chance chance,
                           const char *why)
{
    ck_assert_uint_eq(c->told, 1);
    ck_assert(c->failed);
    ck_assert_int_eq(c->end.failure, failure);
    ck_assert_int_eq(c->end.chance, chance);
    ck_assert_msg(strstr(c->why, why) != NULL, "\"%s\" is not in \"%s\"", why, c->why);
}

START_TEST(no_call_begins_before_the_peer_has_said_what_it_allows)
{
    struct memory_call c = { .told = 0 };

    memory_client_open(&m, http2_client_open);
    ck_assert(memcmp(m.out.data, PREFACE, strlen(PREFACE)) == 0);
    ck_assert(!memory_client_start(&m, &c));
    ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_GREETS);
    put_setting(&in, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2);
    hear();
    ck_assert_uint_eq(m.io.ops->room(&m.io), 2);
    ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_RESTS);
    ck_assert(memory_client_start(&m, &c));
    ck_assert_uint_eq(m.io.ops->room(&m.io), 1);
    put_setting(&in, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0); /* and may say otherwise later */
    hear();
    ck_assert_uint_eq(m.io.ops->room(&m.io), 0);
    answer(1);
    ck_assert_int_eq(c.status, 200);
}
END_TEST

START_TEST(a_call_is_told_whole_wherever_the_answer_is_cut)
{
    struct http_header own[] = { { BYTES_LIT("te"), BYTES_LIT("trailers") },
                                 { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") } };
    struct bytes parts[] = { BYTES_LIT("fir"), BYTES_LIT(""), BYTES_LIT("st") };
    struct buf all = { 0 };
    size_t cut = 0;

    do {
        struct memory_call c = {
            .call = { .headers = own, .n_headers = 2, .parts = parts, .n_parts = 3, .path = "/svc/Export" }
        };
        struct frame f;

        open_client();
        ck_assert(memory_client_start(&m, &c));
        ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 1, 0, &f) && !(f.flags & NGHTTP2_FLAG_END_STREAM));
        ck_assert(find_frame(&m.out, NGHTTP2_DATA, 1, 0, &f) && (f.flags & NGHTTP2_FLAG_END_STREAM));
        ck_assert(bytes_is(f.payload, "first"));
        put_answer_head(1, "200", false);
        put_text(1, "ans", false);
        put_text(1, "wer", false);
        put_trailer(1, "grpc-status", "0");
        all.len = 0;
        buf_put(&all, buf_bytes(&in));
        in.len = 0;
        memory_client_hear(&m, bytes_of(all.data, cut));
        ck_assert_uint_eq(c.told, 0);
        memory_client_hear(&m, bytes_of(all.data + cut, all.len - cut));
        ck_assert_uint_eq(c.told, 1);
        ck_assert(!c.failed && c.status == 200 && c.n_headers == 1 && c.n_trailers == 1);
        ck_assert_str_eq(c.body, "answer");
        ck_assert_str_eq(c.field, "grpc-status: 0");
        ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_RESTS);
        if (++cut < all.len)
            memory_client_close(&m);
    } while (cut < all.len);
    buf_free(&all);
}
END_TEST

START_TEST(an_answer_of_trailers_alone_has_them_as_headers)
{
    struct memory_call c = { .told = 0 };
    struct buf block = { 0 };

    open_client();
    memory_client_start(&m, &c);
    put_field(&block, ":status", "200");
    put_field(&block, "grpc-status", "14");
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, buf_bytes(&block));
    hear();
    ck_assert_uint_eq(c.told, 1);
    ck_assert_uint_eq(c.n_headers, 1);
    ck_assert_uint_eq(c.n_trailers, 0);
    ck_assert_str_eq(c.field, "grpc-status: 14");
    buf_free(&block);
}
END_TEST

START_TEST(a_body_leaves_as_the_windows_of_the_peer_allow)
{
    struct memory_call c = { .call = { .parts = &part, .n_parts = 1 } };

    open_client();
    memory_client_start(&m, &c);
    ck_assert_uint_eq(sent_body(1), 65535);
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 1, 100000);
    hear();
    ck_assert_uint_eq(sent_body(1), 165535);
    put_setting(&in, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0); /* below zero, in mid-stream */
    hear();
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 1, 65535);
    hear();
    ck_assert_uint_eq(sent_body(1), 165535);
    put_setting(&in, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2 * LARGE);
    hear();
    ck_assert_uint_eq(sent_body(1), LARGE);
    answer(1);
    ck_assert_int_eq(c.status, 200);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_RST_STREAM), 0);
}
END_TEST

START_TEST(frames_are_as_large_as_the_peer_takes_them_up_to_a_limit)
{
    static const uint32_t takes[] = { 16384, 100000, 1 << 24, 16384 };

    for (int i = 0; i < 4; i++) {
        struct memory_call c = { .call = { .parts = &part, .n_parts = 1 } };
        uint32_t most = takes[i] < HTTP2_FRAME_MAX ? takes[i] : HTTP2_FRAME_MAX;
        struct frame f;

        open_client();
        put_setting(&in, NGHTTP2_SETTINGS_MAX_FRAME_SIZE, takes[i] < 1 << 24 ? takes[i] : (1 << 24) - 1);
        put_setting(&in, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2 * LARGE);
        put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
        hear();
        memory_client_start(&m, &c);
        ck_assert_uint_eq(sent_body(1), LARGE);
        ck_assert(find_frame(&m.out, NGHTTP2_DATA, 1, 0, &f));
        ck_assert_uint_eq(f.payload.len, most);
        ck_assert_uint_le(count_frames(&m.out, NGHTTP2_DATA), LARGE / most + 2);
        answer(1);
        ck_assert_int_eq(c.status, 200);
        if (i < 3)
            memory_client_close(&m);
    }
}
END_TEST

START_TEST(who_leaves_in_mid_body_takes_his_memory_with_him)
{
    struct memory_call c = { .call = { .parts = &part, .n_parts = 1 } }, other = { .told = 0 };
    struct frame f;

    open_client();
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
    put_setting(&in, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 24);
    hear();
    m.stuck = true;
    memory_client_start(&m, &c);
    ck_assert_uint_ge(outbox_waiting(&m.io.out), 256 * 1024ul);
    ck_assert_uint_lt(outbox_waiting(&m.io.out), 300 * 1024ul);
    memory_client_leave(&m, &c);
    memset(body, 'x', LARGE);
    m.stuck = false;
    memory_client_start(&m, &other);
    ck_assert_ptr_null(memmem(m.out.data, m.out.len, "xxxx", 4));
    expect_reset(1, NGHTTP2_CANCEL);
    ck_assert(find_frame(&m.out, NGHTTP2_HEADERS, 3, 0, &f));
    answer(3);
    ck_assert_int_eq(other.status, 200);
    ck_assert_uint_eq(c.told, 0);
}
END_TEST

START_TEST(an_answer_before_the_request_is_whole_ends_both)
{
    struct memory_call c = { .call = { .parts = &part, .n_parts = 1 } };

    open_client();
    memory_client_start(&m, &c);
    put_answer_head(1, "413", true);
    hear();
    ck_assert_int_eq(c.status, 413);
    expect_reset(1, NGHTTP2_CANCEL);
    memset(body, 'x', LARGE);
    put_word_frame(&in, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
    hear();
    ck_assert_ptr_null(memmem(m.out.data, m.out.len, "xxxx", 4));
    ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_RESTS);
}
END_TEST

START_TEST(a_stream_that_is_refused_was_not_seen)
{
    struct memory_call refused = { .told = 0 }, reset = { .told = 0 };

    open_client();
    memory_client_start(&m, &refused);
    memory_client_start(&m, &reset);
    put_word_frame(&in, NGHTTP2_RST_STREAM, 1, NGHTTP2_REFUSED_STREAM);
    put_word_frame(&in, NGHTTP2_RST_STREAM, 3, NGHTTP2_INTERNAL_ERROR);
    hear();
    expect_failure(&refused, HTTP_REFUSED, CALL_UNSEEN, "REFUSED_STREAM");
    expect_failure(&reset, HTTP_CLOSED, CALL_MAYBE_DONE, "INTERNAL_ERROR");
    ck_assert_uint_eq(reset.end.h2_error, NGHTTP2_INTERNAL_ERROR);
}
END_TEST

START_TEST(a_goaway_ends_what_was_not_seen_and_lets_the_rest_finish)
{
    struct memory_call c[3] = { { .told = 0 } };

    open_client();
    for (size_t i = 0; i < 3; i++)
        memory_client_start(&m, &c[i]);
    put_goaway(INT32_MAX, NGHTTP2_NO_ERROR, "max_age");
    hear();
    ck_assert_uint_eq(m.io.ops->room(&m.io), 0);
    ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_LEAVES);
    ck_assert_uint_eq(c[0].told + c[1].told + c[2].told, 0);
    put_goaway(3, NGHTTP2_NO_ERROR, "max_age");
    hear();
    expect_failure(&c[2], HTTP_REFUSED, CALL_UNSEEN, "ends the connection");
    ck_assert_uint_eq(c[0].told + c[1].told, 0);
    answer(1);
    ck_assert_int_eq(c[0].status, 200);
    ck_assert(!m.dead);
    answer(3);
    ck_assert_int_eq(c[1].status, 200);
    ck_assert(m.dead);
}
END_TEST

START_TEST(a_connection_whose_numbers_are_used_up_makes_room_for_another)
{
    struct memory_call c[2] = { { .told = 0 } };

    open_client();
    nghttp2_session_set_next_stream_id(((struct http2_client *)m.io.state)->session.ng, INT32_MAX - 2);
    memory_client_start(&m, &c[0]);
    ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_GOES_ON);
    memory_client_start(&m, &c[1]);
    ck_assert_int_eq(m.io.ops->fate(&m.io), CLIENT_LEAVES);
    answer(INT32_MAX - 2);
    ck_assert(!m.dead);
    answer(INT32_MAX);
    ck_assert_int_eq(c[1].status, 200);
    ck_assert(m.dead);
}
END_TEST

START_TEST(a_goaway_with_an_error_says_so_when_the_connection_goes)
{
    struct memory_call c = { .told = 0 };

    open_client();
    memory_client_start(&m, &c);
    put_goaway(1, NGHTTP2_INTERNAL_ERROR, "out of\x1b[2J \"luck\"");
    hear();
    m.io.ops->end(&m.io, "the peer closed the connection", 0);
    expect_failure(&c, HTTP_CLOSED, CALL_MAYBE_DONE, "GOAWAY INTERNAL_ERROR \"out of?[2J ?luck?\"");
}
END_TEST

START_TEST(a_connection_that_goes_takes_its_calls_with_it)
{
    struct memory_call sent = { .told = 0 }, unsent = { .told = 0 };

    open_client();
    memory_client_start(&m, &sent);
    m.stuck = true;
    list_push(&m.calls, &unsent.link);
    unsent.call.method = "POST";
    m.io.ops->start(&m.io, &unsent.call);
    ck_assert_int_eq(m.io.ops->progress(&m.io, &sent.call), CALL_SENT);
    ck_assert_int_eq(m.io.ops->progress(&m.io, &unsent.call), CALL_QUEUED);
    m.io.ops->end(&m.io, "connection reset by peer", -1);
    expect_failure(&sent, HTTP_CLOSED, CALL_MAYBE_DONE, "connection reset by peer");
    expect_failure(&unsent, HTTP_CLOSED, CALL_UNSEEN, "connection reset by peer");
}
END_TEST

START_TEST(another_protocol_is_named)
{
    static const struct {
        struct bytes said;
        enum http_spoken spoken;
        const char *why;
    } peers[] = {
        { BYTES_LIT("HTTP/1.1 400 Bad Request\r\n\r\n"), HTTP_SPOKEN_HTTP1, "speaks HTTP/1.1" },
        { BYTES_LIT("\x15\x03\x01\0\2\2\x46"), HTTP_SPOKEN_TLS, "speaks TLS" },
        { BYTES_LIT("220 smtp.example ESMTP\r\n"), HTTP_SPOKEN_OTHER, "not HTTP/2" },
        { BYTES_LIT("\0\0\10\6\0\0\0\0\0"), HTTP_SPOKEN_OTHER, "not HTTP/2" },
    };

    for (size_t i = 0; i < ARRAY_LEN(peers); i++)
        for (size_t cut = 0; cut < peers[i].said.len; cut++) {
            const struct call_failure *f;

            memory_client_open(&m, http2_client_open);
            memory_client_hear(&m, bytes_of(peers[i].said.data, cut));
            memory_client_hear(&m, bytes_skip(peers[i].said, cut));
            ck_assert(m.dead);
            f = m.io.ops->why(&m.io);
            ck_assert_int_eq(f->failure, HTTP_WRONG_PROTOCOL);
            ck_assert_int_eq(f->spoken, peers[i].spoken);
            ck_assert_msg(strstr(f->why, peers[i].why) != NULL, "%s", f->why);
            if (i + 1 < ARRAY_LEN(peers) || cut + 1 < peers[i].said.len)
                memory_client_close(&m);
        }
}
END_TEST

START_TEST(interim_answers_are_skipped_and_end_somewhere)
{
    struct memory_call good = { .told = 0 }, bad = { .told = 0 };

    open_client();
    memory_client_start(&m, &good);
    for (int i = 0; i < 16; i++)
        put_answer_head(1, "103", false);
    put_answer_head(1, "204", true);
    hear();
    ck_assert_int_eq(good.status, 204);
    ck_assert_uint_eq(good.n_headers, 1);
    memory_client_start(&m, &bad);
    for (int i = 0; i < 17; i++)
        put_answer_head(3, "100", false);
    hear();
    expect_failure(&bad, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "one 1xx after another");
    expect_reset(3, NGHTTP2_CANCEL);
    ck_assert(!m.dead);
}
END_TEST

/* A literal field whose value is longer than 126 bytes. */
static void put_long_field(struct buf *block, const char *name, size_t len)
{
    size_t rest = len - 127;

    buf_putc(block, 0x10);
    buf_putc(block, (char)strlen(name));
    buf_puts(block, name);
    buf_putc(block, 127);
    for (; rest >= 128; rest >>= 7)
        buf_putc(block, (char)(128 | (rest & 127)));
    buf_putc(block, (char)rest);
    memset(buf_reserve(block, len), 'v', len);
    block->len += len;
}

static void put_block(uint32_t id, struct bytes block)
{
    bool first = true;

    while (first || block.len > 0) {
        size_t n = block.len < 16384 ? block.len : 16384;

        put_frame(&in, first ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                  (first ? NGHTTP2_FLAG_END_STREAM : 0) | (n == block.len ? NGHTTP2_FLAG_END_HEADERS : 0), id,
                  bytes_of(block.data, n));
        block = bytes_skip(block, n);
        first = false;
    }
}

START_TEST(of_very_many_or_long_fields_the_first_are_kept)
{
    struct memory_call many = { .told = 0 }, longs = { .told = 0 };
    struct buf block = { 0 };

    open_client();
    memory_client_start(&m, &many);
    put_field(&block, ":status", "200");
    put_field(&block, "grpc-status", "14");
    for (int i = 0; i < 1000; i++)
        put_field(&block, "x", "");
    put_block(1, buf_bytes(&block));
    hear();
    ck_assert_int_eq(many.status, 200);
    ck_assert(many.cut);
    ck_assert_uint_eq(many.n_headers, 256);

    memory_client_start(&m, &longs);
    block.len = 0;
    put_field(&block, ":status", "200");
    put_field(&block, "grpc-status", "14");
    put_long_field(&block, "grpc-message", 60000);
    put_long_field(&block, "grpc-message", 60000);
    put_block(3, buf_bytes(&block));
    hear();
    ck_assert_int_eq(longs.status, 200);
    ck_assert(longs.cut);
    ck_assert_uint_eq(longs.n_headers, 2);
    ck_assert(!m.dead);
    buf_free(&block);
}
END_TEST

START_TEST(the_status_of_grpc_is_kept_whatever_stands_before_it)
{
    struct memory_call many = { .told = 0 }, longs = { .told = 0 };
    struct buf block = { 0 };

    open_client();
    memory_client_start(&m, &many);
    put_field(&block, ":status", "200");
    for (int i = 0; i < 300; i++)
        put_field(&block, "x", "");
    for (int i = 0; i < 10; i++)
        put_field(&block, "grpc-status", "3"); /* but not as often as the peer likes */
    put_block(1, buf_bytes(&block));
    hear();
    ck_assert(many.cut);
    ck_assert_uint_eq(many.n_headers, 257);
    ck_assert_str_eq(many.field, "grpc-status: 3");

    memory_client_start(&m, &longs);
    block.len = 0;
    put_field(&block, ":status", "200");
    put_long_field(&block, "grpc-message", 60000);
    put_long_field(&block, "grpc-message", 60000);
    put_field(&block, "grpc-status", "3");
    put_block(3, buf_bytes(&block));
    hear();
    ck_assert_uint_eq(longs.n_headers, 2);
    ck_assert_str_eq(longs.field, "grpc-status: 3");
    buf_free(&block);
}
END_TEST

START_TEST(a_status_text_of_a_megabyte_ends_the_connection)
{
    struct memory_call c = { .told = 0 };
    struct buf block = { 0 };

    open_client();
    memory_client_start(&m, &c);
    put_field(&block, ":status", "200");
    put_long_field(&block, "grpc-message", 1000000);
    put_block(1, buf_bytes(&block));
    hear();
    ck_assert_uint_eq(c.told, 1);
    ck_assert(c.failed);
    ck_assert(m.dead);
    buf_free(&block);
}
END_TEST

START_TEST(trailers_without_end_end_the_connection)
{
    struct memory_call c = { .told = 0 };
    struct buf block = { 0 };

    open_client();
    memory_client_start(&m, &c);
    put_answer_head(1, "200", false);
    put_field(&block, "x", "y");
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, buf_bytes(&block));
    for (int i = 0; i < 9; i++)
        put_frame(&in, NGHTTP2_CONTINUATION, 0, 1, buf_bytes(&block));
    hear();
    expect_failure(&c, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "CONTINUATION");
    ck_assert(m.dead);
    buf_free(&block);
}
END_TEST

START_TEST(of_a_long_answer_the_beginning_is_kept_and_the_rest_not_read)
{
    struct memory_call c = { .call = { .max_response = 4 } };

    open_client();
    memory_client_start(&m, &c);
    put_answer_head(1, "500", false);
    for (size_t n = 0; n < 2 * LARGE && c.told == 0; n += 16384) {
        put_data(&in, 1, 16384, false);
        hear();
    }
    ck_assert_uint_eq(c.told, 1);
    ck_assert(!c.failed && c.cut);
    ck_assert_uint_eq(c.body_len, 4);
    ck_assert_int_eq(c.status, 500);
    expect_reset(1, NGHTTP2_CANCEL);
}
END_TEST

static size_t passed;

static void on_body(struct http_call *call, struct bytes data)
{
    ck_assert_int_eq(call->status, 200);
    passed += data.len;
}

START_TEST(a_body_is_passed_on_no_faster_than_is_wanted)
{
    struct memory_call c = { .call = { .on_body = on_body, .max_response = 100000 } };
    struct frame f;

    open_client();
    passed = 0;
    memory_client_start(&m, &c);
    put_answer_head(1, "200", false);
    hear();
    m.io.ops->pause(&m.io, &c.call, true);
    for (int i = 0; i < 3; i++)
        put_data(&in, 1, 16384, false);
    hear();
    ck_assert_uint_eq(passed, 3ul * 16384);
    ck_assert(!find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 1, 0, &f));
    m.io.ops->pause(&m.io, &c.call, false);
    turn_run(&m.loop.turn);
    ck_assert(find_frame(&m.out, NGHTTP2_WINDOW_UPDATE, 1, 0, &f));
    for (int i = 0; i < 4; i++)
        put_data(&in, 1, 16384, false);
    hear();
    expect_failure(&c, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "larger than was asked for");
    expect_reset(1, NGHTTP2_CANCEL);
}
END_TEST

START_TEST(what_is_kept_of_an_answer_is_in_the_budget)
{
    static char much[CALL_ANSWER_SURE];
    struct memory_call c = { .told = 0 }, d = { .call = { .max_response = 1 << 20 } };

    open_client();
    m.budget.limit = 10;
    memory_client_start(&m, &c);
    memory_client_start(&m, &d);
    put_answer_head(1, "200", false);
    put_text(1, "12345678", false);
    hear();
    ck_assert_uint_eq(m.budget.used, 12 + 16 + 32 + 8);
    memset(much, 'x', sizeof(much) - 1);
    put_answer_head(3, "200", false);
    put_text(3, much, false);
    hear();
    expect_failure(&d, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "memory budget");
    put_text(1, "9", true); /* a small one has room at all times */
    hear();
    ck_assert_str_eq(c.body, "123456789");
    ck_assert_uint_eq(m.budget.used, 0);
}
END_TEST

START_TEST(an_answer_that_breaks_the_rules_costs_its_call_alone)
{
    struct memory_call c = { .told = 0 }, other = { .told = 0 };
    struct buf block = { 0 };

    open_client();
    memory_client_start(&m, &c);
    memory_client_start(&m, &other);
    put_field(&block, ":status", "200");
    put_field(&block, "content-length", "5");
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, buf_bytes(&block));
    put_text(1, "123456", true);
    hear();
    expect_failure(&c, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "breaks the rules");
    answer(3);
    ck_assert_int_eq(other.status, 200);
    buf_free(&block);
}
END_TEST

START_TEST(floods_of_frames_that_bring_nothing_end_the_connection)
{
    for (int kind = 0; kind < 3; kind++) {
        struct memory_call c = { .told = 0 };

        open_client();
        memory_client_start(&m, &c);
        for (int i = 0; i < 1200; i++) {
            if (kind == 0)
                put_setting(&in, NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
            else if (kind == 1)
                put_ping(&in, false);
            else
                put_goaway(1, NGHTTP2_NO_ERROR, "again");
            hear();
        }
        expect_failure(&c, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "too many");
        ck_assert(m.dead);
        if (kind < 2)
            memory_client_close(&m);
    }
}
END_TEST

static void pass_time(uint64_t ns)
{
    clock_advance(&m.loop.clock, ns);
    turn_run(&m.loop.turn);
}

static void open_with_keepalive(bool without_stream)
{
    open_client();
    m.shared.keepalive_time = 10 * NS_PER_S;
    m.shared.keepalive_timeout = 5 * NS_PER_S;
    m.shared.keepalive_permit_without_stream = without_stream;
}

START_TEST(a_peer_that_is_quiet_is_pinged_and_given_up_when_it_stays_so)
{
    struct memory_call c = { .told = 0 };
    struct frame f;

    open_with_keepalive(false);
    pass_time(60 * NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 0); /* nobody waits for anything */
    put_ping(&in, true);
    hear();
    memory_client_start(&m, &c);
    pass_time(9 * NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 0);
    pass_time(2 * NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 1);
    ck_assert(find_frame(&m.out, NGHTTP2_PING, 0, 0, &f));
    put_frame(&in, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.payload);
    hear();
    pass_time(6 * NS_PER_S);
    ck_assert_uint_eq(c.told, 0);
    pass_time(5 * NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 2);
    pass_time(6 * NS_PER_S);
    expect_failure(&c, HTTP_CLOSED, CALL_MAYBE_DONE, "keepalive ping within 5 s");
    ck_assert(m.dead);
}
END_TEST

START_TEST(a_call_without_an_answer_has_the_peer_asked_whether_it_is_there)
{
    struct memory_call c = { .told = 0 }, next = { .told = 0 };
    struct frame f;

    open_client();
    m.shared.keepalive_timeout = 20 * NS_PER_S;
    memory_client_start(&m, &c);
    pass_time(3 * NS_PER_S);
    m.io.ops->doubt(&m.io, 2 * NS_PER_S);
    memory_client_leave(&m, &c);
    pass_time(NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 1);
    ck_assert(find_frame(&m.out, NGHTTP2_PING, 0, 0, &f));
    put_frame(&in, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.payload); /* it is slow, no more */
    hear();
    pass_time(60 * NS_PER_S);
    ck_assert(!m.dead);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 1);
    memory_client_start(&m, &next);
    m.io.ops->doubt(&m.io, 2 * NS_PER_S);
    pass_time(NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 2);
    pass_time(2 * NS_PER_S);
    expect_failure(&next, HTTP_CLOSED, CALL_MAYBE_DONE, "not answered a ping within 2 s");
    ck_assert(m.dead);
}
END_TEST

START_TEST(what_has_come_meanwhile_is_an_answer_too)
{
    struct memory_call c = { .told = 0 };

    open_client();
    memory_client_start(&m, &c);
    pass_time(3 * NS_PER_S);
    put_ping(&in, true);
    hear();
    m.io.ops->doubt(&m.io, 2 * NS_PER_S);
    pass_time(10 * NS_PER_S);
    ck_assert_uint_eq(count_frames(&m.out, NGHTTP2_PING), 0);
    ck_assert(!m.dead);
    memory_client_leave(&m, &c);
}
END_TEST

START_TEST(a_peer_that_objects_to_pings_gets_half_as_many)
{
    open_with_keepalive(true);
    put_goaway(0, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
    hear();
    ck_assert_uint_eq(m.shared.keepalive_time, 20 * NS_PER_S);
    ck_assert(m.dead);
}
END_TEST

START_TEST(frames_for_a_call_that_has_left_are_expected)
{
    struct memory_call c = { .told = 0 }, next = { .told = 0 };

    open_client();
    memory_client_start(&m, &c);
    memory_client_leave(&m, &c);
    put_answer_head(1, "200", false);
    put_data(&in, 1, 10000, false);
    put_trailer(1, "grpc-status", "0");
    hear();
    ck_assert(!m.dead);
    memory_client_start(&m, &next);
    answer(3);
    ck_assert_int_eq(next.status, 200);
}
END_TEST

START_TEST(but_not_for_ever)
{
    for (int kind = 0; kind < 2; kind++) {
        struct memory_call c = { .told = 0 }, next = { .told = 0 };
        unsigned frames = 0;

        open_client();
        memory_client_start(&m, &c);
        memory_client_leave(&m, &c);
        memory_client_start(&m, &next);
        for (; !m.dead && frames < 4000; frames++) {
            if (kind == 0)
                put_answer_head(1, "103", false);
            else
                put_data(&in, 1, 16384, false);
            hear();
        }
        ck_assert_uint_gt(frames, 1000); /* as many as could have been on their way */
        expect_failure(&next, HTTP_BROKEN_RESPONSE, CALL_MAYBE_DONE, "stream that was reset");
        if (kind == 0)
            memory_client_close(&m);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http2_client");
    TCase *tc = tcase_create("http2_client");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, no_call_begins_before_the_peer_has_said_what_it_allows);
    tcase_add_test(tc, a_call_is_told_whole_wherever_the_answer_is_cut);
    tcase_add_test(tc, an_answer_of_trailers_alone_has_them_as_headers);
    tcase_add_test(tc, a_body_leaves_as_the_windows_of_the_peer_allow);
    tcase_add_test(tc, frames_are_as_large_as_the_peer_takes_them_up_to_a_limit);
    tcase_add_test(tc, who_leaves_in_mid_body_takes_his_memory_with_him);
    tcase_add_test(tc, an_answer_before_the_request_is_whole_ends_both);
    tcase_add_test(tc, a_stream_that_is_refused_was_not_seen);
    tcase_add_test(tc, a_goaway_ends_what_was_not_seen_and_lets_the_rest_finish);
    tcase_add_test(tc, a_connection_whose_numbers_are_used_up_makes_room_for_another);
    tcase_add_test(tc, a_goaway_with_an_error_says_so_when_the_connection_goes);
    tcase_add_test(tc, a_connection_that_goes_takes_its_calls_with_it);
    tcase_add_test(tc, another_protocol_is_named);
    tcase_add_test(tc, interim_answers_are_skipped_and_end_somewhere);
    tcase_add_test(tc, of_very_many_or_long_fields_the_first_are_kept);
    tcase_add_test(tc, the_status_of_grpc_is_kept_whatever_stands_before_it);
    tcase_add_test(tc, a_status_text_of_a_megabyte_ends_the_connection);
    tcase_add_test(tc, trailers_without_end_end_the_connection);
    tcase_add_test(tc, of_a_long_answer_the_beginning_is_kept_and_the_rest_not_read);
    tcase_add_test(tc, a_body_is_passed_on_no_faster_than_is_wanted);
    tcase_add_test(tc, what_is_kept_of_an_answer_is_in_the_budget);
    tcase_add_test(tc, an_answer_that_breaks_the_rules_costs_its_call_alone);
    tcase_add_test(tc, floods_of_frames_that_bring_nothing_end_the_connection);
    tcase_add_test(tc, a_peer_that_is_quiet_is_pinged_and_given_up_when_it_stays_so);
    tcase_add_test(tc, a_call_without_an_answer_has_the_peer_asked_whether_it_is_there);
    tcase_add_test(tc, what_has_come_meanwhile_is_an_answer_too);
    tcase_add_test(tc, a_peer_that_objects_to_pings_gets_half_as_many);
    tcase_add_test(tc, frames_for_a_call_that_has_left_are_expected);
    tcase_add_test(tc, but_not_for_ever);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
