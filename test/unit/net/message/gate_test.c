/* SPDX-License-Identifier: Apache-2.0 */
/* Requests before a gatekeeper that says what the test wants, at once or later. */
#include "config/server_rows.h"
#include "net/message/gate.h"

#include "support/frames.h"
#include "support/http_recorder.h"
#include "support/memory_conn.h"

#include <check.h>

static struct memory_conn m;
static struct recorder r;
static struct {
    struct gatekeeper gatekeeper;
    enum gate_verdict says;
    struct gate_question *waits;
    unsigned asked, forgotten;
    char credential[64];
    char name[64]; /* what the service was told */
} keeper;
static struct strings parameters;
static struct http_cors_config cors;

static enum gate_verdict ask(struct gatekeeper *g, struct gate_question *q)
{
    struct bytes value = gate_credential(q, "authorization");

    ck_assert_ptr_eq(g, &keeper.gatekeeper);
    keeper.asked++;
    snprintf(keeper.credential, sizeof(keeper.credential), "%.*s", (int)value.len, (const char *)value.data);
    q->why = "who are you";
    q->challenge = "Basic realm=\"x\"";
    snprintf(q->name, sizeof(q->name), "somebody");
    q->attributes[0] = (struct http_header){ BYTES_LIT("username"), bytes_str(q->name) };
    q->n_attributes = 1;
    keeper.waits = keeper.says == GATE_LATER ? q : NULL;
    return keeper.says;
}

static void forget(struct gatekeeper *g, struct gate_question *q)
{
    (void)g;
    ck_assert_ptr_eq(q, keeper.waits);
    keeper.waits = NULL;
    keeper.forgotten++;
}

static void on_request(struct http_service *s, struct http_request *req)
{
    if (req->n_attributes > 0)
        snprintf(keeper.name, sizeof(keeper.name), "%.*s", (int)req->attributes[0].value.len,
                 (const char *)req->attributes[0].value.data);
    recorder_on_request(s, req);
}

static void set_up(void)
{
    struct http_server_options options = {
        .cors = &cors,
        .gatekeeper = &keeper.gatekeeper,
        .gate_parameters = &parameters,
    };

    memset(&keeper, 0, sizeof(keeper));
    keeper.gatekeeper = (struct gatekeeper){ ask, forget };
    parameters = (struct strings){ 0 };
    cors = (struct http_cors_config){ .on = true };
    recorder_init(&r);
    r.service.on_request = on_request;
    memory_open(&m, &options, &r.service, http1_open);
}

static void tear_down(void)
{
    memory_close(&m);
    ck_assert_uint_eq(r.open, 0);
    buf_free(&r.log);
}

static void say(const char *text)
{
    memory_send(&m, bytes_str(text));
}

static void answer(enum gate_verdict v)
{
    struct gate_question *q = keeper.waits;

    keeper.waits = NULL;
    q->answered(q, v);
    turn_run(&m.loop.turn);
}

static void expect_log(const char *log)
{
    ck_assert_str_eq(buf_cstr(&r.log), log);
}

static void expect_said(const char *part)
{
    ck_assert_msg(strstr(buf_cstr(&m.out), part) != NULL, "%s", buf_cstr(&m.out));
}

#define POST "POST /x HTTP/1.1\r\nHost: x\r\nAuthorization: me\r\nContent-Length: 5\r\n\r\n"

START_TEST(who_is_let_in_at_once_is_served_as_ever)
{
    say(POST "hello");
    expect_log("POST /x;body 5;end;close;");
    expect_said("HTTP/1.1 200");
    ck_assert_str_eq(keeper.credential, "me");
    ck_assert_str_eq(keeper.name, "somebody");
}
END_TEST

START_TEST(who_is_not_let_in_is_answered_before_the_body_and_the_service_never_hears_of_it)
{
    keeper.says = GATE_DENIED;
    say(POST);
    expect_said("HTTP/1.1 401");
    expect_said("\r\nwww-authenticate: Basic realm=\"x\"\r\n");
    expect_said("401 who are you\n");
    say("hello");
    expect_log("");
    ck_assert_uint_eq(m.budget.used, 0);
}
END_TEST

START_TEST(when_too_many_ask_a_request_may_come_again)
{
    keeper.says = GATE_BUSY;
    say(POST "hello");
    expect_said("HTTP/1.1 503");
    expect_said("\r\nretry-after: 1\r\n");
    expect_log("");
}
END_TEST

START_TEST(what_comes_of_a_body_before_the_answer_is_held_charged_and_handed_on)
{
    uint64_t without;

    keeper.says = GATE_LATER;
    say(POST);
    without = m.budget.used;
    say("he");
    say("llo");
    ck_assert_uint_eq(m.budget.used, without + 5);
    expect_log("");
    answer(GATE_OPEN);
    expect_log("POST /x;body 5;end;close;");
    expect_said("HTTP/1.1 200");
    ck_assert_str_eq(keeper.name, "somebody");
    ck_assert_uint_eq(m.budget.used, 0);
}
END_TEST

START_TEST(half_a_body_is_handed_on_and_the_rest_follows)
{
    keeper.says = GATE_LATER;
    say(POST "he");
    answer(GATE_OPEN);
    expect_log("POST /x;body 2;");
    say("llo");
    expect_log("POST /x;body 2;body 3;end;close;");
}
END_TEST

START_TEST(who_is_not_let_in_in_the_end_is_refused_as_at_once)
{
    keeper.says = GATE_LATER;
    say(POST "hello");
    answer(GATE_DENIED);
    expect_said("HTTP/1.1 401");
    expect_log("");
}
END_TEST

START_TEST(without_room_for_what_is_held_the_request_may_come_again_and_a_late_answer_is_no_news)
{
    keeper.says = GATE_LATER;
    say(POST);
    budget_set_limit(&m.budget, 1);
    say("hello");
    expect_said("HTTP/1.1 503");
    budget_set_limit(&m.budget, UINT64_MAX);
    if (keeper.waits != NULL)
        answer(GATE_OPEN);
    expect_log("");
}
END_TEST

START_TEST(a_question_is_forgotten_when_its_peer_goes)
{
    keeper.says = GATE_LATER;
    say(POST "he");
    m.io.ops->on_end(&m.io);
    turn_run(&m.loop.turn);
    memory_close(&m);
    ck_assert_uint_eq(keeper.forgotten, 1);
    expect_log("");
    buf_free(&r.log);
    set_up();
}
END_TEST

START_TEST(a_browser_that_asks_what_it_may_do_is_answered_before_it_says_who_it_is)
{
    const char *origin = "https://a.example";

    cors.allowed_origins = (struct strings){ &origin, 1 };
    keeper.says = GATE_DENIED;
    say("OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n");
    expect_said("HTTP/1.1 204");
    ck_assert_uint_eq(keeper.asked, 0);
    expect_log("");
}
END_TEST

START_TEST(a_parameter_counts_as_a_header_only_where_it_is_named)
{
    const char *name = "Authorization";

    say("GET /x?Authorization=Basic+a%3Db&authorization=no HTTP/1.1\r\nHost: x\r\nauthorization: header\r\n\r\n");
    ck_assert_str_eq(keeper.credential, "header");
    parameters = (struct strings){ &name, 1 };
    say("GET /x?a&b=c&Authorization=Basic+a%3Db%&d=e HTTP/1.1\r\nHost: x\r\nauthorization: header\r\n\r\n");
    ck_assert_str_eq(keeper.credential, "Basic a=b%");
    say("GET /x?b=c HTTP/1.1\r\nHost: x\r\nauthorization: header\r\n\r\n");
    ck_assert_str_eq(keeper.credential, "header");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gate");
    TCase *tc = tcase_create("gate");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, who_is_let_in_at_once_is_served_as_ever);
    tcase_add_test(tc, who_is_not_let_in_is_answered_before_the_body_and_the_service_never_hears_of_it);
    tcase_add_test(tc, when_too_many_ask_a_request_may_come_again);
    tcase_add_test(tc, what_comes_of_a_body_before_the_answer_is_held_charged_and_handed_on);
    tcase_add_test(tc, half_a_body_is_handed_on_and_the_rest_follows);
    tcase_add_test(tc, who_is_not_let_in_in_the_end_is_refused_as_at_once);
    tcase_add_test(tc, without_room_for_what_is_held_the_request_may_come_again_and_a_late_answer_is_no_news);
    tcase_add_test(tc, a_question_is_forgotten_when_its_peer_goes);
    tcase_add_test(tc, a_browser_that_asks_what_it_may_do_is_answered_before_it_says_who_it_is);
    tcase_add_test(tc, a_parameter_counts_as_a_header_only_where_it_is_named);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
