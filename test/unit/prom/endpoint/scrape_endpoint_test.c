/* SPDX-License-Identifier: Apache-2.0 */
/* The scrape endpoints over loopback, against sources that are made up. The test is its own client, on the same thread:
 * step() lets the loop turn once and reads what has come for the clients that read. */
#include "prom/endpoint/scrape_endpoint.h"

#include "base/mem.h"
#include "codec/compress.h"
#include "support/rig/rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS_MAX 200000
#define WIDE_PORTS_MAX 20

struct fake {
    struct exposition_source source;
    const char *family;
    int series; /* of the family */
    int open;   /* cursors */
    int writes;
};

struct cursor {
    int at;
    bool claimed;
};

static struct rig rig;
static struct scrape_endpoints *endpoints;
static int turns;

static void *fake_open(struct exposition_source *s)
{
    ((struct fake *)s)->open++;
    return calloc(1, sizeof(struct cursor));
}

static void fake_close(struct exposition_source *s, void *cursor)
{
    ((struct fake *)s)->open--;
    free(cursor);
}

static bool fake_write(struct exposition_source *s, void *cursor, struct encoder *e, size_t want,
                       bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    struct fake *f = (struct fake *)s;
    struct cursor *c = cursor;
    size_t stop = e->out->len + want;
    bool again = c->claimed;

    f->writes++;
    if (!again && !claim(arg, bytes_str(f->family), FAMILY_GAUGE))
        return false;
    c->claimed = true;
    encoder_family_begin(e, bytes_str(f->family), FAMILY_GAUGE, bytes_str("Fake."), bytes_str(""), again);
    while (c->at < f->series && e->out->len < stop) {
        char labels[64];

        snprintf(labels, sizeof(labels), "a=\"some longer text\",i=\"%d\"", c->at);
        encoder_value(e, bytes_str(labels), c->at++, NULL);
    }
    encoder_family_end(e);
    return c->at < f->series;
}

static struct fake fake(const char *family, int series)
{
    return (struct fake){ { family, false, fake_open, NULL, fake_write, fake_close }, family, series, 0, 0 };
}

static char *expected(const struct fake *f)
{
    struct buf out = { 0 };

    buf_printf(&out, "# HELP %s Fake.\n# TYPE %s gauge\n", f->family, f->family);
    for (int i = 0; i < f->series; i++)
        buf_printf(&out, "%s{a=\"some longer text\",i=\"%d\"} %d\n", f->family, i, i);
    (void)buf_cstr(&out);
    return (char *)out.data;
}

/* --- the client --- */

struct client {
    int fd;
    bool reads, ended;
    struct buf in;
};

static struct client *clients[32];

static void client_open_from(struct client *c, uint32_t source, int port, const char *request)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(source) };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int small = 4096;
    size_t i = 0;

    *c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .reads = true };
    ck_assert_int_ge(c->fd, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ck_assert_int_eq(bind(c->fd, (struct sockaddr *)&from, sizeof(from)), 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    ck_assert_int_eq(send(c->fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while (clients[i] != NULL)
        i++;
    clients[i] = c;
}

static void client_open(struct client *c, int port, const char *request)
{
    client_open_from(c, INADDR_LOOPBACK, port, request);
}

static void client_close(struct client *c)
{
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        if (clients[i] == c)
            clients[i] = NULL;
    close(c->fd);
    buf_free(&c->in);
}

static void client_read(struct client *c)
{
    while (c->reads && !c->ended) {
        ssize_t n = recv(c->fd, buf_reserve(&c->in, 65536), 65536, MSG_DONTWAIT);

        if (n > 0)
            c->in.len += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            c->ended = true;
    }
}

static void step(void)
{
    rig_step(&rig, 0);
    turns++;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        if (clients[i] != NULL)
            client_read(clients[i]);
}

static void until_ended(struct client *c)
{
    for (int i = 0; !c->ended; i++) {
        ck_assert_int_lt(i, STEPS_MAX);
        step();
    }
}

#define GET "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"

/* The body, out of its chunks, which end as they should. */
static struct buf body(struct client *c)
{
    struct buf out = { 0 };
    char *p = strstr((char *)(uintptr_t)buf_cstr(&c->in), "\r\n\r\n") + 4;
    size_t n;

    ck_assert_ptr_nonnull(strstr((char *)c->in.data, "chunked"));
    while ((n = strtoul(p, &p, 16)) != 0) {
        buf_append(&out, p + 2, n);
        p += n + 4;
    }
    ck_assert_str_eq(p, "\r\n\r\n");
    (void)buf_cstr(&out);
    return out;
}

static bool says(struct client *c, const char *text)
{
    return strstr(buf_cstr(&c->in), text) != NULL;
}

static void check_served(int port, const char *want)
{
    struct client c;
    struct buf got;

    client_open(&c, port, GET "\r\n");
    until_ended(&c);
    got = body(&c);
    ck_assert_str_eq((char *)got.data, want);
    buf_free(&got);
    client_close(&c);
}

/* --- */

static void set_up(void)
{
    rig_init(&rig, 1);
    endpoints = scrape_endpoints_new(&rig.loop, &rig.budget, &rig.metrics, &rig.log, NULL);
    turns = 0;
}

static void count_done(void *arg)
{
    ++*(int *)arg;
}

static int try_add(struct fake *f, const char *endpoint, struct error *err)
{
    struct http_server_options options = { .endpoint = endpoint, .transport = "tcp" };

    return scrape_endpoints_add(endpoints, &options, &f->source, err);
}

static int add(struct fake *f, const char *endpoint)
{
    struct error err = { 0 };
    int rc = try_add(f, endpoint, &err);

    ck_assert_msg(rc == 0, "%s", err.text);
    return scrape_endpoints_port(endpoints, &f->source);
}

static void take_out(struct fake *f)
{
    static int done;

    done = 0;
    scrape_endpoints_remove(endpoints, &f->source, clock_mono(&rig.loop.clock) + NS_PER_S, count_done, &done);
    for (int i = 0; i < STEPS_MAX && done == 0; i++)
        step();
    ck_assert_int_eq(done, 1);
    ck_assert_int_eq(f->open, 0);
}

static void tear_down(void)
{
    scrape_endpoints_free(endpoints);
    for (int i = 0; uv_run(&rig.loop.uv, UV_RUN_NOWAIT) != 0; i++) {
        ck_assert_int_lt(i, 1000);
        turn_run(&rig.loop.turn);
    }
    rig_close(&rig);
}

START_TEST(a_scrape_is_streamed_in_slices_one_a_turn)
{
    struct fake f = fake("big", 100000);
    char *want = expected(&f);
    struct client c;
    struct buf got;

    set_up();
    client_open(&c, add(&f, "127.0.0.1:0"), GET "\r\n");
    until_ended(&c);
    got = body(&c);
    ck_assert(strcmp((char *)got.data, want) == 0);
    ck_assert(says(&c, "HTTP/1.1 200"));
    ck_assert(says(&c, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores\r\n"));
    ck_assert_int_gt(f.writes, 40);
    ck_assert_int_ge(turns, f.writes);
    client_close(&c);
    buf_free(&got);
    free(want);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(a_scrape_is_compressed_when_that_is_asked_for)
{
    struct fake f = fake("big", 20000);
    char *want = expected(&f);
    struct client c;
    struct buf got;
    struct block *inflated;
    struct error err;
    size_t len;

    set_up();
    client_open(&c, add(&f, "127.0.0.1:0"), GET "Accept-Encoding: gzip\r\n\r\n");
    until_ended(&c);
    ck_assert(says(&c, "gzip\r\n"));
    got = body(&c);
    ck_assert_uint_lt(got.len * 4, strlen(want));
    ck_assert_int_eq(inflate_block(CODING_GZIP, buf_bytes(&got), 10000000, NULL, &inflated, &len, &err), 0);
    ck_assert_uint_eq(len, strlen(want));
    ck_assert_mem_eq(inflated->data, want, len);
    block_unref(inflated);
    client_close(&c);
    buf_free(&got);
    free(want);
    take_out(&f);
    tear_down();
}
END_TEST

/* The port, first at a narrow address, then at every one. A port that is free at the first may be somebody else's at
 * another address: then another port is tried. */
static int add_narrow_and_wide(struct fake *narrow, struct fake *wide)
{
    for (int i = 0; i < WIDE_PORTS_MAX; i++) {
        int port = add(narrow, "localhost:0"), rc;
        struct error err = { 0 };
        char endpoint[32];

        snprintf(endpoint, sizeof(endpoint), "0.0.0.0:%d", port); /* wider: bound anew */
        rc = try_add(wide, endpoint, &err);
        if (rc == 0)
            return port;
        ck_assert_msg(rc == UV_EADDRINUSE, "%s", err.text);
        take_out(narrow);
    }
    ck_abort_msg("every port is in use at another address");
    return -1;
}

START_TEST(sources_at_one_address_share_the_listener)
{
    struct fake a = fake("a", 1), b = fake("b", 1), again = fake("a", 2);
    char endpoint[32], *want_a = expected(&a), *want_b = expected(&b);
    struct buf both = { 0 };
    int port;

    set_up();
    port = add_narrow_and_wide(&a, &b);
    ck_assert_int_eq(scrape_endpoints_port(endpoints, &b.source), port);
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", port);
    ck_assert_int_eq(add(&again, endpoint), port); /* its family is left out */
    buf_printf(&both, "%s%s", want_a, want_b);
    check_served(port, buf_cstr(&both));
    take_out(&a);
    buf_free(&both);
    free(want_a);
    want_a = expected(&again);
    buf_printf(&both, "%s%s", want_b, want_a);
    check_served(port, buf_cstr(&both));
    take_out(&b);
    take_out(&again);
    buf_free(&both);
    free(want_a);
    free(want_b);
    tear_down();
}
END_TEST

START_TEST(who_leaves_an_address_takes_along_what_he_alone_has_asked_for)
{
    struct string_pair pair = { .key = "x-of-b", .value = "yes" };
    struct string_map headers = { &pair, 1 };
    struct fake a = fake("a", 1), b = fake("b", 1);
    struct http_server_options more = { .transport = "tcp", .response_headers = &headers };
    struct error err = { 0 };
    struct client c;
    char endpoint[32];
    int port;

    set_up();
    port = add(&a, "127.0.0.1:0");
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", port);
    more.endpoint = endpoint;
    ck_assert_msg(scrape_endpoints_add(endpoints, &more, &b.source, &err) == 0, "%s", err.text);
    client_open(&c, port, GET "\r\n");
    until_ended(&c);
    ck_assert(says(&c, "x-of-b: yes"));
    client_close(&c);
    take_out(&b);
    client_open(&c, port, GET "\r\n");
    until_ended(&c);
    ck_assert(!says(&c, "x-of-b") && says(&c, "HTTP/1.1 200"));
    client_close(&c);
    take_out(&a);
    tear_down();
}
END_TEST

START_TEST(what_is_no_scrape_is_told_what_would_be_one)
{
    static const struct {
        const char *request, *status, *text;
    } rows[] = {
        { "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 404", "the metrics are at /metrics" },
        { "GET /metrics/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 404", "/metrics" },
        { "POST /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 405",
          "GET, HEAD" },
        { "HEAD /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", "escaping=underscores" },
        { "GET /metrics?x=y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", "one{a=" },
    };
    struct fake f = fake("one", 1);
    int port;

    set_up();
    port = add(&f, "127.0.0.1:0");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c;

        client_open(&c, port, rows[i].request);
        until_ended(&c);
        ck_assert_msg(says(&c, rows[i].status) && says(&c, rows[i].text), "%s gives %s", rows[i].request,
                      buf_cstr(&c.in));
        ck_assert(strncmp(rows[i].request, "HEAD", 4) != 0 || !says(&c, "one{"));
        client_close(&c);
    }
    take_out(&f);
    tear_down();
}
END_TEST

static void steps(int n)
{
    for (int i = 0; i < n; i++)
        step();
}

START_TEST(a_reader_that_stops_holds_little_and_hinders_nobody)
{
    struct fake f = fake("big", 400000); /* 16 MB */
    char *want = expected(&f);
    struct client slow;
    struct buf got;
    int port, writes;

    set_up();
    port = add(&f, "127.0.0.1:0");
    client_open(&slow, port, GET "\r\n");
    slow.reads = false;
    steps(2000);
    writes = f.writes;
    steps(2000);
    ck_assert_int_eq(f.writes, writes);
    ck_assert_uint_lt(rig.budget.used, 1024 * 1024);
    check_served(port, want);
    ck_assert_int_eq(f.open, 1);
    slow.reads = true;
    until_ended(&slow);
    got = body(&slow);
    ck_assert(strcmp((char *)got.data, want) == 0);
    client_close(&slow);
    buf_free(&got);
    free(want);
    take_out(&f);
    tear_down();
}
END_TEST

/* They vanish, and what was theirs is let go. */
static void leave(struct fake *f, struct client *c, int n)
{
    for (int i = 0; i < n; i++)
        client_close(&c[i]);
    for (int i = 0; f->open > 0; i++) {
        ck_assert_int_lt(i, STEPS_MAX);
        step();
    }
}

START_TEST(a_seventeenth_scrape_is_told_to_come_again)
{
    struct fake f = fake("big", 400000);
    struct client c[17];
    int port;

    set_up();
    port = add(&f, "127.0.0.1:0");
    for (int i = 0; i < 17; i++) {
        client_open_from(&c[i], INADDR_LOOPBACK + (uint32_t)i, port, GET "\r\n");
        c[i].reads = i == 16;
        steps(5);
    }
    until_ended(&c[16]);
    ck_assert(says(&c[16], "HTTP/1.1 503"));
    ck_assert(says(&c[16], "etry-"));
    ck_assert_int_eq(f.open, 16);
    leave(&f, c, 17);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(a_peer_that_scrapes_as_often_as_it_can_leaves_places_to_the_others)
{
    struct fake f = fake("big", 400000);
    struct client c[12];
    int port;

    set_up();
    port = add(&f, "127.0.0.1:0");
    for (int i = 0; i < 9; i++) {
        client_open(&c[i], port, GET "\r\n");
        c[i].reads = i == 8;
        steps(5);
    }
    until_ended(&c[8]);
    ck_assert(says(&c[8], "HTTP/1.1 503"));
    ck_assert_int_eq(f.open, 8);
    for (int i = 9; i < 12; i++) {
        client_open_from(&c[i], INADDR_LOOPBACK + 1, port, GET "\r\n");
        c[i].reads = false;
        steps(5);
    }
    ck_assert_int_eq(f.open, 11);
    leave(&f, c, 12);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(readers_that_do_not_read_make_room_for_one_that_does)
{
    struct fake f = fake("big", 400000);
    char *want = expected(&f);
    struct client c[16];
    int port;

    set_up();
    port = add(&f, "127.0.0.1:0");
    for (int i = 0; i < 16; i++) {
        client_open_from(&c[i], INADDR_LOOPBACK + (uint32_t)i, port, GET "\r\n");
        c[i].reads = false;
        steps(100);
    }
    clock_advance(&rig.loop.clock, NS_PER_S);
    for (int i = 0; i < 3; i++)
        check_served(port, want);
    ck_assert_int_ge(f.open, 13);
    leave(&f, c, 16);
    free(want);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(readers_of_one_address_that_do_not_read_make_room_for_another_behind_it)
{
    struct fake f = fake("big", 400000);
    char *want = expected(&f);
    struct client c[8];
    int port;

    set_up();
    port = add(&f, "127.0.0.1:0");
    for (int i = 0; i < 8; i++) {
        client_open(&c[i], port, GET "\r\n");
        c[i].reads = false;
        steps(100);
    }
    clock_advance(&rig.loop.clock, NS_PER_S);
    check_served(port, want);
    ck_assert_int_eq(f.open, 7);
    leave(&f, c, 8);
    free(want);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(a_reader_that_takes_no_slice_for_ten_seconds_is_cut_off)
{
    struct fake f = fake("big", 400000);
    struct client c;

    set_up();
    client_open(&c, add(&f, "127.0.0.1:0"), GET "\r\n");
    c.reads = false;
    steps(1000);
    clock_advance(&rig.loop.clock, 9 * NS_PER_S);
    steps(10);
    ck_assert_int_eq(f.open, 1);
    clock_advance(&rig.loop.clock, 2 * NS_PER_S);
    steps(10);
    ck_assert_int_eq(f.open, 0);
    client_close(&c);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(a_reader_whose_time_is_up_is_cut_off)
{
    struct fake f = fake("big", 400000);
    struct client c;

    set_up();
    client_open(&c, add(&f, "127.0.0.1:0"), GET "X-Prometheus-Scrape-Timeout-Seconds: 5\r\n\r\n");
    c.reads = false;
    steps(1000);
    ck_assert_int_eq(f.open, 1);
    clock_advance(&rig.loop.clock, 7 * NS_PER_S);
    steps(10);
    ck_assert_int_eq(f.open, 0);
    c.reads = true;
    until_ended(&c);
    ck_assert(!says(&c, "\r\n0\r\n\r\n"));
    client_close(&c);
    take_out(&f);
    tear_down();
}
END_TEST

START_TEST(a_source_is_let_go_when_nobody_reads_it_any_more)
{
    struct fake f = fake("big", 400000), stays = fake("small", 1);
    char endpoint[32];
    struct client c;
    int port, done = 0;

    set_up();
    port = add(&f, "127.0.0.1:0");
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", port);
    add(&stays, endpoint);
    client_open(&c, port, GET "\r\n");
    c.reads = false;
    steps(1000);
    scrape_endpoints_remove(endpoints, &f.source, clock_mono(&rig.loop.clock) + NS_PER_S, count_done, &done);
    steps(100);
    ck_assert_int_eq(done, 0);
    ck_assert_int_eq(f.open, 1);
    clock_advance(&rig.loop.clock, 2 * NS_PER_S);
    steps(10);
    ck_assert_int_eq(done, 1);
    ck_assert_int_eq(f.open, 0);
    client_close(&c);
    take_out(&stays);
    tear_down();
}
END_TEST

START_TEST(a_port_in_use_is_an_error_that_names_it)
{
    struct fake f = fake("one", 1);
    int taken = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);
    struct http_server_options options = { .transport = "tcp" };
    struct error err = { 0 };
    char endpoint[32];

    set_up();
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(taken, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(taken, 1), 0);
    getsockname(taken, (struct sockaddr *)&at, &len);
    snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d", ntohs(at.sin_port));
    options.endpoint = endpoint;
    ck_assert_int_eq(scrape_endpoints_add(endpoints, &options, &f.source, &err), UV_EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(err.text, endpoint));
    close(taken);
    tear_down();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scrape");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_scrape_is_streamed_in_slices_one_a_turn);
    tcase_add_test(tc, a_scrape_is_compressed_when_that_is_asked_for);
    tcase_add_test(tc, sources_at_one_address_share_the_listener);
    tcase_add_test(tc, who_leaves_an_address_takes_along_what_he_alone_has_asked_for);
    tcase_add_test(tc, what_is_no_scrape_is_told_what_would_be_one);
    tcase_add_test(tc, a_reader_that_stops_holds_little_and_hinders_nobody);
    tcase_add_test(tc, a_seventeenth_scrape_is_told_to_come_again);
    tcase_add_test(tc, a_peer_that_scrapes_as_often_as_it_can_leaves_places_to_the_others);
    tcase_add_test(tc, readers_that_do_not_read_make_room_for_one_that_does);
    tcase_add_test(tc, readers_of_one_address_that_do_not_read_make_room_for_another_behind_it);
    tcase_add_test(tc, a_reader_that_takes_no_slice_for_ten_seconds_is_cut_off);
    tcase_add_test(tc, a_reader_whose_time_is_up_is_cut_off);
    tcase_add_test(tc, a_source_is_let_go_when_nobody_reads_it_any_more);
    tcase_add_test(tc, a_port_in_use_is_an_error_that_names_it);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
