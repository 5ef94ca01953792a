/* SPDX-License-Identifier: Apache-2.0 */
/* What answers mean: the tables of the OTLP specification, row by row, and what strangers may put into an answer. */
#include "exporter/otlp/otlp_answer.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/compress.h"
#include "codec/pb.h"
#include "exporter/otlp/peer_status.h"
#include "net/http2/grpc.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct otlp_question question;
static struct http_response response;
static struct http_header headers[4], trailers[4];
static struct otlp_answer answer;
static struct buf body, details;

static void setup(void)
{
    question = (struct otlp_question){ .peer = "peer", .items = 10, .size = 1000 };
    response = (struct http_response){ .why = "", .status = 200, .headers = headers, .trailers = trailers };
}

static void teardown(void)
{
    buf_free(&body);
    buf_free(&details);
}

static void add_header(const char *name, const char *value)
{
    headers[response.n_headers++] = (struct http_header){ bytes_str(name), bytes_str(value) };
}

static void add_trailer(const char *name, const char *value)
{
    trailers[response.n_trailers++] = (struct http_header){ bytes_str(name), bytes_str(value) };
}

static void ask(void)
{
    response.body = buf_bytes(&body);
    otlp_answer_read(&answer, &question, &response);
}

/* ---- gRPC ---- */

static const struct {
    int code;
    enum otlp_fate fate, with_retry_info;
} codes[] = {
    { 1, OTLP_RETRY, OTLP_RETRY },      { 2, OTLP_REFUSED, OTLP_REFUSED },  { 3, OTLP_REFUSED, OTLP_REFUSED },
    { 4, OTLP_RETRY, OTLP_RETRY },      { 5, OTLP_REFUSED, OTLP_REFUSED },  { 6, OTLP_REFUSED, OTLP_REFUSED },
    { 7, OTLP_REFUSED, OTLP_REFUSED },  { 8, OTLP_REFUSED, OTLP_RETRY },    { 9, OTLP_REFUSED, OTLP_REFUSED },
    { 10, OTLP_RETRY, OTLP_RETRY },     { 11, OTLP_RETRY, OTLP_RETRY },     { 12, OTLP_REFUSED, OTLP_REFUSED },
    { 13, OTLP_REFUSED, OTLP_REFUSED }, { 14, OTLP_RETRY, OTLP_RETRY },     { 15, OTLP_RETRY, OTLP_RETRY },
    { 16, OTLP_REFUSED, OTLP_REFUSED }, { 17, OTLP_REFUSED, OTLP_REFUSED },
};

static void answer_code(int code, uint64_t retry_after_ms)
{
    char text[12];

    setup();
    question.grpc = true;
    snprintf(text, sizeof(text), "%d", code);
    add_trailer("grpc-status", text);
    if (retry_after_ms > 0) {
        struct buf wire = { 0 };

        details.len = 0;
        grpc_status_pack((enum grpc_status)code, bytes_str("later"), retry_after_ms, &wire);
        base64_encode(buf_bytes(&wire), false, &details);
        add_trailer("grpc-status-details-bin", buf_cstr(&details));
        buf_free(&wire);
    }
    ask();
}

START_TEST(every_grpc_code_has_the_fate_that_otlp_gives_it)
{
    answer_code(codes[_i].code, 0);
    ck_assert_int_eq(answer.fate, codes[_i].fate);
    ck_assert_uint_eq(answer.retry_after_ms, 0);
    answer_code(codes[_i].code, 2500);
    ck_assert_int_eq(answer.fate, codes[_i].with_retry_info);
    ck_assert_uint_eq(answer.retry_after_ms, codes[_i].with_retry_info == OTLP_RETRY ? 2500 : 0);
    ck_assert_ptr_nonnull(answer.reason);
}
END_TEST

START_TEST(a_size_that_is_refused_is_told_apart_from_a_lack_of_room)
{
    question.grpc = true;
    add_header("grpc-status", _i == 0 ? "8" : "11");
    add_header("grpc-message", "received message larger than max (5000000 vs. 4194304)");
    ask();
    ck_assert_int_eq(answer.fate, OTLP_TOO_LARGE);
    ck_assert_uint_eq(answer.limit, 4194304);
}
END_TEST

START_TEST(the_message_of_a_peer_is_one_line_without_controls_and_cut)
{
    struct buf long_text = { 0 };

    question.grpc = true;
    for (int i = 0; i < 100000; i++)
        buf_puts(&long_text, "%1B[2J%0A%FF");
    add_header("grpc-status", "14");
    add_header("grpc-message", buf_cstr(&long_text));
    ask();
    ck_assert_int_eq(answer.fate, OTLP_RETRY);
    ck_assert_uint_lt(strlen(answer.text), sizeof(answer.text));
    for (const char *p = answer.text; *p != '\0'; p++)
        ck_assert_int_ge((unsigned char)*p, ' ');
    ck_assert_ptr_nonnull(strstr(answer.text, "peer answered UNAVAILABLE: \\u001b[2J\\n"));
    buf_free(&long_text);
}
END_TEST

static void put_partial(int64_t rejected, const char *message)
{
    size_t mark;

    body.len = 0;
    if (question.grpc)
        buf_append(&body, "\0\0\0\0\0", 5);
    mark = pb_begin(&body, 1);
    if (rejected != 0)
        pb_put_uint(&body, 1, (uint64_t)rejected);
    pb_put_str(&body, 2, message);
    pb_end(&body, mark);
    if (question.grpc)
        grpc_prefix_put(body.data, false, (uint32_t)body.len - 5);
}

START_TEST(a_partial_success_says_how_many_and_why)
{
    question.grpc = _i == 1;
    add_header("content-type", _i == 1 ? "application/grpc" : "application/x-protobuf");
    add_trailer("grpc-status", "0");
    put_partial(3, "too old");
    ask();
    ck_assert_int_eq(answer.fate, OTLP_TAKEN);
    ck_assert_uint_eq(answer.rejected, 3);
    ck_assert_str_eq(answer.text, "too old");
    ck_assert_str_eq(answer.reason, "rejected_by_peer");
    put_partial(11, "more than there were");
    ask();
    ck_assert_uint_eq(answer.rejected, 10);
    put_partial(-1, "less than none");
    ask();
    ck_assert_uint_eq(answer.rejected, 0);
    put_partial(0, "a warning");
    ask();
    ck_assert_uint_eq(answer.rejected, 0);
    ck_assert_str_eq(answer.text, "a warning");
}
END_TEST

START_TEST(a_success_without_a_message_is_one)
{
    question.grpc = _i == 1;
    add_trailer("grpc-status", "0");
    ask();
    ck_assert_int_eq(answer.fate, OTLP_TAKEN);
    ck_assert_uint_eq(answer.rejected, 0);
    ck_assert_str_eq(answer.text, "");
}
END_TEST

START_TEST(a_message_that_is_no_response_is_refused)
{
    question.grpc = _i == 1;
    add_header("content-type", "application/x-protobuf");
    add_trailer("grpc-status", "0");
    buf_append(&body, _i == 1 ? "\0\0\0\0\2\xff\xff" : "\xff\xff", _i == 1 ? 7 : 2);
    ask();
    ck_assert_int_eq(answer.fate, OTLP_REFUSED);
    ck_assert_str_eq(answer.reason, "bad_answer");
}
END_TEST

static void put_bomb(enum coding coding, struct buf *out)
{
    struct buf zeros = { 0 };
    struct error err;

    memset(buf_reserve(&zeros, 64 << 20), 0, 64 << 20);
    zeros.len = 64 << 20;
    ck_assert_int_eq(deflate_buf(coding, 0, buf_bytes(&zeros), out, &err), 0);
    buf_free(&zeros);
}

START_TEST(an_answer_that_inflates_too_far_is_a_success_unread)
{
    question.grpc = _i == 1;
    add_header("content-type", "application/x-protobuf");
    add_header(_i == 1 ? "grpc-encoding" : "content-encoding", "gzip");
    add_trailer("grpc-status", "0");
    if (_i == 1)
        buf_append(&body, "\1\0\0\0\0", 5);
    put_bomb(CODING_GZIP, &body);
    if (_i == 1)
        grpc_prefix_put(body.data, true, (uint32_t)body.len - 5);
    ask();
    ck_assert_int_eq(answer.fate, OTLP_TAKEN); /* that it was taken is known */
    ck_assert_str_eq(answer.reason, "answer_too_large");
    ck_assert_uint_eq(answer.rejected, 0);
    ck_assert_ptr_nonnull(strstr(answer.text, "larger than 4 MiB"));
}
END_TEST

START_TEST(an_answer_of_four_mebibytes_is_a_success_unread)
{
    question.grpc = _i == 1;
    add_header("content-type", "application/json");
    add_trailer("grpc-status", "0");
    memset(buf_reserve(&body, OTLP_ANSWER_MAX), ' ', OTLP_ANSWER_MAX);
    body.len = OTLP_ANSWER_MAX;
    ask();
    ck_assert_int_eq(answer.fate, OTLP_TAKEN); /* that it was taken is known */
    ck_assert_str_eq(answer.reason, "answer_too_large");
    ck_assert_uint_eq(answer.rejected, 0);
    ck_assert_ptr_nonnull(strstr(answer.text, "larger than 4 MiB"));
}
END_TEST

START_TEST(a_compressed_answer_is_read)
{
    struct buf plain;
    struct error err;

    question.grpc = _i == 1;
    add_header("content-type", "application/x-protobuf");
    add_header(_i == 1 ? "grpc-encoding" : "content-encoding", "gzip");
    add_trailer("grpc-status", "0");
    put_partial(2, "two");
    plain = body;
    body = (struct buf){ 0 };
    if (_i == 1)
        buf_append(&body, "\1\0\0\0\0", 5);
    ck_assert_int_eq(deflate_buf(CODING_GZIP, 0, bytes_skip(buf_bytes(&plain), _i == 1 ? 5 : 0), &body, &err), 0);
    if (_i == 1)
        grpc_prefix_put(body.data, true, (uint32_t)body.len - 5);
    ask();
    ck_assert_uint_eq(answer.rejected, 2);
    buf_free(&plain);
}
END_TEST

START_TEST(an_answer_without_a_grpc_status_is_judged_by_its_http_status)
{
    static const struct {
        int status;
        const char *type;
        enum otlp_fate fate;
        const char *reason;
    } rows[] = {
        { 200, "application/grpc", OTLP_RETRY, "no_status" }, { 200, "text/html", OTLP_REFUSED, "not_otlp" },
        { 503, "text/plain", OTLP_RETRY, "unavailable" },     { 429, "text/plain", OTLP_RETRY, "unavailable" },
        { 502, "text/html", OTLP_RETRY, "unavailable" },      { 504, "text/html", OTLP_RETRY, "unavailable" },
        { 401, "text/plain", OTLP_REFUSED, "unauthorized" },  { 403, "text/plain", OTLP_REFUSED, "forbidden" },
        { 404, "text/plain", OTLP_REFUSED, "not_otlp" },      { 415, "text/plain", OTLP_REFUSED, "not_otlp" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setup();
        question.grpc = true;
        response.status = rows[i].status;
        add_header("content-type", rows[i].type);
        ask();
        ck_assert_int_eq(answer.fate, rows[i].fate);
        ck_assert_str_eq(answer.reason, rows[i].reason);
    }
}
END_TEST

/* ---- HTTP ---- */

static const struct {
    int status;
    enum otlp_fate fate;
    int code;
} statuses[] = {
    { 200, OTLP_TAKEN, 0 },    { 202, OTLP_TAKEN, 0 },   { 204, OTLP_TAKEN, 0 },    { 301, OTLP_REFUSED, 2 },
    { 307, OTLP_REFUSED, 2 },  { 400, OTLP_REFUSED, 3 }, { 401, OTLP_REFUSED, 16 }, { 403, OTLP_REFUSED, 7 },
    { 404, OTLP_REFUSED, 12 }, { 405, OTLP_REFUSED, 2 }, { 408, OTLP_REFUSED, 2 },  { 413, OTLP_TOO_LARGE, 3 },
    { 415, OTLP_REFUSED, 2 },  { 429, OTLP_RETRY, 8 },   { 500, OTLP_REFUSED, 2 },  { 501, OTLP_REFUSED, 2 },
    { 502, OTLP_RETRY, 14 },   { 503, OTLP_RETRY, 14 },  { 504, OTLP_RETRY, 14 },   { 505, OTLP_REFUSED, 2 },
};

START_TEST(every_http_status_has_the_fate_that_otlp_gives_it)
{
    response.status = statuses[_i].status;
    response.retry_after_ms = 7000;
    ask();
    ck_assert_int_eq(answer.fate, statuses[_i].fate);
    ck_assert_int_eq(answer.code, statuses[_i].code);
    ck_assert_uint_eq(answer.retry_after_ms, statuses[_i].fate == OTLP_RETRY ? 7000 : 0);
}
END_TEST

START_TEST(a_status_in_the_body_is_read_in_both_forms)
{
    response.status = 503;
    if (_i == 0) {
        add_header("content-type", "application/x-protobuf");
        grpc_status_pack(GRPC_UNAVAILABLE, bytes_str("busy"), 5000, &body);
    } else {
        add_header("content-type", "application/json; charset=utf-8");
        buf_puts(&body, "{\"code\":14,\"message\":\"busy\",\"details\":[{\"@type\":"
                        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"5s\"}]}");
    }
    ask();
    ck_assert_int_eq(answer.fate, OTLP_RETRY);
    ck_assert_str_eq(answer.text, "peer answered 503: busy");
    ck_assert_uint_eq(answer.retry_after_ms, 5000);
}
END_TEST

START_TEST(a_page_of_html_is_no_success)
{
    add_header("content-type", "text/html; charset=utf-8");
    buf_puts(&body, "<html>");
    ask();
    ck_assert_int_eq(answer.fate, OTLP_REFUSED);
    ck_assert_str_eq(answer.reason, "not_otlp");
}
END_TEST

START_TEST(json_that_is_no_response_is_refused_and_an_empty_one_is_fine)
{
    add_header("content-type", "application/json");
    buf_puts(&body, "{}");
    ask();
    ck_assert_int_eq(answer.fate, OTLP_TAKEN);
    body.len = 0;
    buf_puts(&body, "{\"partialSuccess\":{\"rejectedSpans\":\"4\",\"errorMessage\":\"no\"}}");
    ask();
    ck_assert_uint_eq(answer.rejected, 4);
    body.len = 0;
    buf_puts(&body, "[1,");
    ask();
    ck_assert_int_eq(answer.fate, OTLP_REFUSED);
}
END_TEST

/* ---- none ---- */

START_TEST(no_answer_is_a_reason_to_come_again)
{
    response = (struct http_response){ .failure = _i == 0 ? HTTP_TIMED_OUT : HTTP_CLOSED, .why = "it is gone" };
    ask();
    ck_assert_int_eq(answer.fate, OTLP_RETRY);
    ck_assert_str_eq(answer.reason, _i == 0 ? "timeout" : "unreachable");
    ck_assert_str_eq(answer.text, "it is gone");
}
END_TEST

START_TEST(delays_that_make_no_sense_are_none)
{
    struct peer_status status;
    struct buf wire = { 0 };
    size_t any, value, delay;

    any = pb_begin(&wire, 3);
    pb_put_str(&wire, 1, "type.googleapis.com/google.rpc.RetryInfo");
    value = pb_begin(&wire, 2);
    delay = pb_begin(&wire, 1);
    pb_put_uint(&wire, 1, _i == 0 ? UINT64_MAX : _i == 1 ? 1ull << 40 : 1);
    pb_put_uint(&wire, 2, _i == 2 ? 1ull << 40 : 0);
    pb_end(&wire, delay);
    pb_end(&wire, value);
    pb_end(&wire, any);
    ck_assert(peer_status_read(buf_bytes(&wire), &status));
    ck_assert(status.may_retry);
    ck_assert_uint_eq(status.retry_after_ms, _i == 1 ? 86400000 : 0);
    buf_free(&wire);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("otlp_answer");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, every_grpc_code_has_the_fate_that_otlp_gives_it, 0, (int)ARRAY_LEN(codes));
    tcase_add_loop_test(tc, a_size_that_is_refused_is_told_apart_from_a_lack_of_room, 0, 2);
    tcase_add_test(tc, the_message_of_a_peer_is_one_line_without_controls_and_cut);
    tcase_add_loop_test(tc, a_partial_success_says_how_many_and_why, 0, 2);
    tcase_add_loop_test(tc, a_success_without_a_message_is_one, 0, 2);
    tcase_add_loop_test(tc, a_message_that_is_no_response_is_refused, 0, 2);
    tcase_add_loop_test(tc, an_answer_that_inflates_too_far_is_a_success_unread, 0, 2);
    tcase_add_loop_test(tc, an_answer_of_four_mebibytes_is_a_success_unread, 0, 2);
    tcase_add_loop_test(tc, a_compressed_answer_is_read, 0, 2);
    tcase_add_test(tc, an_answer_without_a_grpc_status_is_judged_by_its_http_status);
    tcase_add_loop_test(tc, every_http_status_has_the_fate_that_otlp_gives_it, 0, (int)ARRAY_LEN(statuses));
    tcase_add_loop_test(tc, a_status_in_the_body_is_read_in_both_forms, 0, 2);
    tcase_add_test(tc, a_page_of_html_is_no_success);
    tcase_add_test(tc, json_that_is_no_response_is_refused_and_an_empty_one_is_fine);
    tcase_add_loop_test(tc, no_answer_is_a_reason_to_come_again, 0, 2);
    tcase_add_loop_test(tc, delays_that_make_no_sense_are_none, 0, 3);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
