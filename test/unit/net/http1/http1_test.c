/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1/http1.h"

#include <check.h>
#include <stdlib.h>

/* --- heads --- */

static const struct {
    const char *head;
    int status; /* of the refusal; 0 = accepted */
} heads[] = {
    { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { "GET / HTTP/1.0\r\n\r\n", 0 },
    { "GET / HTTP/1.7\r\nhost:x\r\n\r\n", 0 },
    { "GET http://x/y?z HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
    { "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", 0 },
    { "G!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 0 },
    { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA:\t b \t\r\nB: \xc3\xa4\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA:\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n", 0 },
    { "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
    { "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", 400 },
    { "GET http://a@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 }, /* two spaces */
    { "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
    { "GET /\tHTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/1.1\rHost: x\r\n\r\n", 400 }, /* a bare CR ends no line */
    { "GET /\r\n\r\n", 400 },
    { "GET / http/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
    { "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505 },
    { "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
    { "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400 }, /* a space before the colon */
    { "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400 }, /* folded */
    { "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: x\r\nA\xc3: b\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
    { "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501 },
    { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\x0b"
      "chunked\r\n\r\n",
      400 },
    { "POST / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n", 417 },
};

/* A head that comes in two pieces, as the server sees it: 0 or the refusal's status. */
static int read_in_two(const char *text, size_t cut, struct http1_head *head)
{
    static struct http_header headers[HTTP1_MAX_HEADERS];
    static uint8_t copy[4096];
    struct http1_scan scan = { 0 };
    struct http1_fault fault = { 0 };
    size_t len = strlen(text);
    ssize_t n;

    memcpy(copy, text, len);
    n = http1_scan(&scan, bytes_of(copy, cut));
    if (n == 0)
        n = http1_scan(&scan, bytes_of(copy, len));
    if (n < 0)
        return 400;
    ck_assert_msg((size_t)n == len, "\"%s\" cut at %zu: the head ends at %zd", text, cut, n);
    return http1_parse_request(head, copy, len, headers, HTTP1_MAX_HEADERS, &fault) == 0 ? 0 : fault.status;
}

START_TEST(a_head_is_accepted_or_refused_wherever_it_is_cut)
{
    struct http1_head head;

    for (size_t cut = 0; cut <= strlen(heads[_i].head); cut++)
        ck_assert_msg(read_in_two(heads[_i].head, cut, &head) == heads[_i].status, "\"%s\" cut at %zu gives %d",
                      heads[_i].head, cut, read_in_two(heads[_i].head, cut, &head));
}
END_TEST

START_TEST(bare_line_feeds_and_binary_bytes_end_the_search_at_once)
{
    static const char *const bad[] = { "GET / HTTP/1.1\nHost: x\r\n\r\n",
                                       "GET / HTTP/1.1\r\nHost: x\n\r\n",
                                       "GET / HTTP/1.1\r\nHost: x\r\n\n",
                                       "\x16\x03\x01",
                                       " GET",
                                       "\n" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct http1_scan scan = { 0 };

        ck_assert_msg(http1_scan(&scan, bytes_str(bad[i])) < 0, "%s", bad[i]);
    }
}
END_TEST

START_TEST(a_head_says_what_it_holds)
{
    struct http1_head h;

    ck_assert_int_eq(read_in_two("POST http://h:1/p%20q?a=b?c HTTP/1.1\r\nHOST: other\r\ncontent-LENGTH: 017\r\n"
                                 "Expect: 100-continue\r\nX-Y:  v w \r\n\r\n",
                                 9, &h),
                     0);
    ck_assert(bytes_is(h.method, "POST") && bytes_is(h.path, "/p%20q") && bytes_is(h.query, "a=b?c"));
    ck_assert(bytes_is(h.authority, "h:1"));
    ck_assert_int_eq(h.content_length, 17);
    ck_assert(h.keep_alive && h.expect_continue && !h.chunked);
    ck_assert_uint_eq(h.n_headers, 4);
    ck_assert(bytes_is(h.headers[0].name, "host") && bytes_is(h.headers[3].name, "x-y"));
    ck_assert(bytes_is(h.headers[3].value, "v w"));
}
END_TEST

START_TEST(close_wins_over_keep_alive)
{
    static const struct {
        const char *head;
        bool keep;
    } rows[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: a , CLOSE\r\n\r\n", false },
        { "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false },
        { "GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true },
        { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
        { "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", false },
        { "GET / HTTP/1.0\r\n\r\n", false },
    };
    struct http1_head h;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        ck_assert_int_eq(read_in_two(rows[i].head, 0, &h), 0);
        ck_assert_msg(h.keep_alive == rows[i].keep, "%s", rows[i].head);
    }
}
END_TEST

START_TEST(more_lines_than_there_is_room_for_are_431)
{
    char head[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n";
    struct http_header headers[2];
    struct http1_fault fault;
    struct http1_head h;

    ck_assert_int_eq(http1_parse_request(&h, (uint8_t *)head, strlen(head), headers, 2, &fault), -1);
    ck_assert_int_eq(fault.status, 431);
}
END_TEST

START_TEST(what_names_no_version_of_http_is_foreign)
{
    char head[] = "INVALID CONNECTION PREFACE\r\n\r\n", near[] = "GET / HTTP/x\r\n\r\n";
    struct http1_fault fault;
    struct http1_head h;

    ck_assert_int_eq(http1_parse_request(&h, (uint8_t *)head, strlen(head), NULL, 0, &fault), -1);
    ck_assert(fault.foreign);
    ck_assert_int_eq(http1_parse_request(&h, (uint8_t *)near, strlen(near), NULL, 0, &fault), -1);
    ck_assert(!fault.foreign);
}
END_TEST

START_TEST(responses_are_read_as_strictly)
{
    static const struct {
        const char *head;
        int status; /* 0 = refused */
    } rows[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200 },
        { "HTTP/1.1 503 \r\n\r\n", 503 },
        { "HTTP/1.0 404\r\n\r\n", 404 },
        { "HTTP/1.1 99 x\r\n\r\n", 0 },
        { "HTTP/1.1 2000 x\r\n\r\n", 0 },
        { "HTTP/1.1 200 a\rb\r\n\r\n", 0 },
        { "HTTP/2.0 200 OK\r\n\r\n", 0 },
        { "ICY 200 OK\r\n\r\n", 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_header headers[4];
        struct http1_fault fault;
        struct http1_head h;
        char copy[64];
        int rc;

        strcpy(copy, rows[i].head);
        rc = http1_parse_response(&h, (uint8_t *)copy, strlen(copy), headers, 4, &fault);
        ck_assert_msg(rc == 0 ? h.status == rows[i].status : rows[i].status == 0, "%s", rows[i].head);
    }
}
END_TEST

/* --- bodies --- */

static const struct {
    const char *wire, *body; /* body NULL = refused */
} chunked[] = {
    { "0\r\n\r\n", "" },
    { "3\r\nabc\r\n0\r\n\r\n", "abc" },
    { "3\r\nabc\r\n00002\r\nde\r\n000\r\n\r\n", "abcde" },
    { "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789" },
    { "3;x=y\r\nabc\r\n0;z\r\n\r\n", "abc" },
    { "3\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r" },
    { "1\r\na\r\n0\r\nT: v\r\nU: w\r\n\r\n", "a" },
    { "000000000000003\r\nabc\r\n0\r\n\r\n", "abc" },
    { "\r\n", NULL },
    { "g\r\n", NULL },
    { " 3\r\n", NULL },
    { "3 \r\n", NULL },
    { "+3\r\n", NULL },
    { "0x3\r\n", NULL },
    { "-1\r\n", NULL },
    { "3\nabc", NULL },
    { "3\r\r", NULL },
    { "3\r\nabcd", NULL },
    { "3\r\nabc\n", NULL },
    { "3\r\nabc\r\r", NULL },
    { "3;a\nb\r\n", NULL },
    { "0\r\n\r\r", NULL },
    { "0\r\nT: v\n", NULL },
    { "0\r\n folded\r\n", NULL },
    { "0000000000000003\r\nabc", NULL },
    { "ffffffffffffffff\r\n", NULL },
};

/* Feed in pieces of `step` bytes. The body, or false. */
static bool read_body(const char *wire, size_t step, struct buf *body)
{
    struct http1_fault fault;
    struct http1_body b;
    size_t len = strlen(wire), at = 0;

    http1_body_init(&b, HTTP1_CHUNKED, 0);
    while (at < len && !b.done) {
        size_t end = at + step < len ? at + step : len;

        while (at < end && !b.done) {
            struct bytes run;
            ssize_t n = http1_body_read(&b, bytes_of(wire + at, end - at), &run, &fault);

            if (n < 0)
                return false;
            ck_assert_int_gt(n, 0);
            buf_put(body, run);
            at += (size_t)n;
        }
    }
    ck_assert_msg(b.done && at == len, "%s does not end", wire);
    return true;
}

START_TEST(a_chunked_body_is_the_same_in_pieces_of_any_size)
{
    for (size_t step = 1; step <= strlen(chunked[_i].wire); step++) {
        struct buf body = { 0 };
        bool ok = read_body(chunked[_i].wire, step, &body);

        ck_assert_msg(ok == (chunked[_i].body != NULL), "%s in steps of %zu", chunked[_i].wire, step);
        ck_assert(!ok || bytes_is(buf_bytes(&body), chunked[_i].body));
        buf_free(&body);
    }
}
END_TEST

START_TEST(extensions_and_trailers_are_bounded)
{
    struct bytes run;
    struct http1_fault fault;

    for (int trailer = 0; trailer < 2; trailer++) {
        struct http1_body b;
        size_t n = 0;

        http1_body_init(&b, HTTP1_CHUNKED, 0);
        ck_assert_int_gt(http1_body_read(&b, bytes_str(trailer ? "0\r\n" : "1;"), &run, &fault), 0);
        while (http1_body_read(&b, bytes_str("x"), &run, &fault) == 1)
            n++;
        ck_assert_uint_gt(n, 4096);
        ck_assert_uint_lt(n, 65536);
    }
}
END_TEST

START_TEST(a_body_by_length_ends_where_it_must)
{
    struct http1_fault fault;
    struct http1_body b;
    struct bytes run;

    http1_body_init(&b, HTTP1_LENGTH, 5);
    ck_assert_int_eq(http1_body_read(&b, bytes_str("abc"), &run, &fault), 3);
    ck_assert(!b.done);
    ck_assert_int_eq(http1_body_read(&b, bytes_str("defg"), &run, &fault), 2);
    ck_assert(b.done && bytes_is(run, "de"));
    ck_assert_int_eq(http1_body_read(&b, bytes_str("fg"), &run, &fault), 0);
    http1_body_init(&b, HTTP1_LENGTH, 0);
    ck_assert(b.done);
    http1_body_init(&b, HTTP1_UNTIL_CLOSE, 0);
    ck_assert_int_eq(http1_body_read(&b, bytes_str("abc"), &run, &fault), 3);
    ck_assert(!b.done && run.len == 3);
}
END_TEST

/* --- writing --- */

START_TEST(no_value_can_end_its_line)
{
    struct buf b = { 0 };

    http1_put_status(&b, 1, 503);
    http1_put_header(&b, bytes_str("a"), bytes_of("x\r\nb: c\0d", 9));
    http1_put_end(&b);
    ck_assert_str_eq(buf_cstr(&b), "HTTP/1.1 503 Service Unavailable\r\na: x  b: c d\r\n\r\n");
    buf_free(&b);
}
END_TEST

START_TEST(an_empty_chunk_is_not_written)
{
    struct buf b = { 0 };

    http1_put_chunk(&b, bytes_str(""));
    http1_put_chunk(&b, bytes_str("0123456789abcdef0"));
    http1_put_last_chunk(&b);
    ck_assert_str_eq(buf_cstr(&b), "11\r\n0123456789abcdef0\r\n0\r\n\r\n");
    buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http1");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, a_head_is_accepted_or_refused_wherever_it_is_cut, 0, sizeof(heads) / sizeof(*heads));
    tcase_add_test(tc, bare_line_feeds_and_binary_bytes_end_the_search_at_once);
    tcase_add_test(tc, a_head_says_what_it_holds);
    tcase_add_test(tc, close_wins_over_keep_alive);
    tcase_add_test(tc, more_lines_than_there_is_room_for_are_431);
    tcase_add_test(tc, what_names_no_version_of_http_is_foreign);
    tcase_add_test(tc, responses_are_read_as_strictly);
    tcase_add_loop_test(tc, a_chunked_body_is_the_same_in_pieces_of_any_size, 0, sizeof(chunked) / sizeof(*chunked));
    tcase_add_test(tc, extensions_and_trailers_are_bounded);
    tcase_add_test(tc, a_body_by_length_ends_where_it_must);
    tcase_add_test(tc, no_value_can_end_its_line);
    tcase_add_test(tc, an_empty_chunk_is_not_written);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
