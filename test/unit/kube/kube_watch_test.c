/* SPDX-License-Identifier: Apache-2.0 */
/* A watch against a server that the test plays, on real sockets of the loopback and a clock in its hand. */
#include "kube/kube_watch.h"

#include "support/rig/rig.h"
#include "support/until.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS 8
#define ANSWERS 8

static struct rig rig;
static struct node node;
static struct kube_api api;
static struct kube_watch *watch;
static int listener, peers[PEERS], last; /* last: who has asked last */
static size_t n_peers, n_answers, n_asked;
static const char *answers[ANSWERS];
static struct buf asked, heard[PEERS], failures; /* asked: a line for each request */
static unsigned n_changed, n_works;
static bool metadata_only;
static struct buf accepts;

static void put_headers(void *owner, struct call_headers *h)
{
    (void)owner;
    call_headers_add(h, bytes_str("authorization"), bytes_str("Bearer us"));
}

static void on_changed(void *owner)
{
    (void)owner;
    n_changed++;
}

static void on_works(void *owner)
{
    (void)owner;
    n_works++;
}

static void on_failed(void *owner, const char *path, const char *why)
{
    (void)owner;
    buf_printf(&failures, "%s: %s\n", path, why);
}

/* ---- the server ---- */

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* A request that is whole gets the next answer; without one the peer waits. */
static void serve_peer(size_t i)
{
    char text[4096];
    ssize_t n = recv(peers[i], text, sizeof(text), MSG_DONTWAIT);
    char *request, *end;

    if (n <= 0)
        return;
    buf_append(&heard[i], text, (size_t)n);
    request = (char *)(uintptr_t)buf_cstr(&heard[i]);
    if (strstr(request, "\r\n\r\n") == NULL)
        return;
    ck_assert_ptr_nonnull(strstr(request, "authorization: Bearer us\r\n"));
    end = strstr(request, " HTTP/1.1\r\n");
    ck_assert_ptr_nonnull(end);
    buf_puts(&accepts, strstr(request, "as=PartialObjectMetadataList,") != NULL ? "list "
                       : strstr(request, "as=PartialObjectMetadata,") != NULL   ? "object "
                                                                                : "all ");
    buf_append(&asked, request, (size_t)(end - request));
    buf_putc(&asked, '\n');
    heard[i].len = 0;
    last = peers[i];
    if (n_asked < n_answers)
        say(peers[i], answers[n_asked]);
    n_asked++;
}

static void step(void)
{
    int fd = accept(listener, NULL, NULL);

    if (fd >= 0) {
        ck_assert_uint_lt(n_peers, PEERS);
        peers[n_peers++] = fd;
    }
    for (size_t k = 0; k < n_peers; k++)
        serve_peer(k);
    rig_step(&rig, 0);
}

/* Longer than the first ones are. */
static void rest_is_over(void)
{
    clock_advance(&rig.loop.clock, 5 * NS_PER_S);
}

#define POD(name_) "{\"metadata\":{\"name\":\"" name_ "\",\"namespace\":\"s\",\"resourceVersion\":\"9\"}}"
#define ITEMS(more, list) "{\"metadata\":{\"resourceVersion\":\"7\"" more "},\"items\":[" list "]}"

/* An answer with the length of its body; kept until the test has ended. */
static void will_answer(const char *status, const char *body)
{
    static char texts[ANSWERS][1024];

    ck_assert_uint_lt(n_answers, ANSWERS);
    snprintf(texts[n_answers], sizeof(texts[0]), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body),
             body);
    answers[n_answers] = texts[n_answers];
    n_answers++;
}

/* An answer that does not end, until the test says so. */
static void will_watch(void)
{
    answers[n_answers++] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
}

static void say_event(const char *type, const char *object)
{
    char text[512], chunk[600];

    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"object\":%s}\n", type, object);
    snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
    say(last, chunk);
}

/* ---- the rig ---- */

static void set_up(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(in);
    struct error err;
    char url[64];

    rig_init(&rig, 1);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(listener, PEERS), 0);
    getsockname(listener, (struct sockaddr *)&in, &len);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(in.sin_port));
    node = (struct node){ .host = &rig.host };
    api = (struct kube_api){ .node = &node, .prefix = "/cluster", .put_headers = put_headers };
    api.http = http_client_new(&rig.loop,
                               &(struct http_client_options){ .url = url, .user_agent = "t/1", .direct = true }, &err);
    ck_assert_msg(api.http != NULL, "%s", err.text);
    n_peers = n_answers = n_asked = 0;
    n_changed = n_works = 0;
    metadata_only = false;
    asked = failures = (struct buf){ 0 };
    memset(heard, 0, sizeof(heard));
}

static void begin(void)
{
    watch = kube_watch_new(&(struct kube_watch_options){ .api = &api,
                                                         .path = "/api/v1/pods",
                                                         .labels = "app=a b",
                                                         .rules = { .max_nodes = 100, .max_depth = 8 },
                                                         .budget = &rig.budget,
                                                         .changed = on_changed,
                                                         .failed = on_failed,
                                                         .works = on_works,
                                                         .metadata_only = metadata_only });
}

static void tear_down(void)
{
    kube_watch_free(watch);
    http_client_close(api.http);
    for (int i = 0; i < 20; i++)
        step();
    for (size_t i = 0; i < n_peers; i++) {
        close(peers[i]);
        buf_free(&heard[i]);
    }
    close(listener);
    buf_free(&asked);
    buf_free(&accepts);
    buf_free(&failures);
    rig_close(&rig);
}

static bool was_asked(const char *what)
{
    return strstr(buf_cstr(&asked), what) != NULL;
}

static const char *names(void)
{
    static char text[200];
    size_t n = 0;

    text[0] = '\0';
    list_each (const struct kube_object, o, &kube_watch_store(watch)->objects, link)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s ", (int)o->key.len, (const char *)o->key.data);
    return text;
}

static void list_two(void)
{
    will_answer("200 OK", ITEMS(",\"continue\":\"c 1\"", POD("a")));
    will_answer("200 OK", ITEMS("", POD("b")));
}

/* ---- tests ---- */

START_TEST(all_pages_are_listed_and_then_it_is_watched)
{
    list_two();
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    ck_assert(was_asked("GET /cluster/api/v1/pods?limit=500&labelSelector=app%3Da%20b\n"));
    ck_assert(was_asked("&labelSelector=app%3Da%20b&continue=c%201\n"));
    ck_assert(was_asked("watch=true&allowWatchBookmarks=true&timeoutSeconds=") && was_asked("&resourceVersion=7\n"));
    ck_assert(kube_watch_is_synced(watch));
    ck_assert_uint_eq(n_changed, 1);
    ck_assert_str_eq(names(), "s/a s/b ");
    say_event("ADDED", POD("c"));
    say_event("DELETED", POD("a"));
    UNTIL(n_changed == 3);
    ck_assert_str_eq(names(), "s/b s/c ");
    ck_assert_uint_eq(n_asked, 3);
    ck_assert_uint_eq(failures.len, 0);
}
END_TEST

START_TEST(a_version_that_is_too_old_is_listed_anew)
{
    list_two();
    will_watch();
    will_answer("200 OK", ITEMS("", POD("b")));
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    say_event("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}");
    UNTIL((clock_advance(&rig.loop.clock, 100 * NS_PER_MS), n_asked == 5));
    ck_assert_str_eq(names(), "s/b ");
    ck_assert_uint_eq(n_changed, 2);
    ck_assert_uint_eq(failures.len, 0); /* servers forget all the time */
}
END_TEST

START_TEST(a_server_that_refuses_is_asked_again_and_what_was_known_stays)
{
    list_two();
    will_answer("500 Oh", "{\"kind\":\"Status\",\"message\":\"no leader\"}");
    will_watch();
    begin();
    UNTIL(failures.len > 0);
    ck_assert_str_eq(buf_cstr(&failures), "/api/v1/pods: the server answered with status 500: no leader\n");
    ck_assert_str_eq(names(), "s/a s/b ");
    ck_assert_uint_eq(n_asked, 3);
    rest_is_over();
    UNTIL(n_asked == 4);
    ck_assert_uint_eq(n_works, 0);
    say_event("ADDED", POD("c"));
    UNTIL(n_changed == 2);
    ck_assert_str_eq(names(), "s/a s/b s/c ");
    ck_assert_uint_eq(n_works, 1);
    ck_assert_str_eq(buf_cstr(&accepts), "all all all all ");
}
END_TEST

START_TEST(a_watch_that_stalls_is_ended_and_goes_on_from_its_version)
{
    list_two();
    will_watch();
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    asked.len = 0;
    clock_advance(&rig.loop.clock, 700 * NS_PER_S); /* longer than any watch is asked for, and what it may be late */
    UNTIL((clock_advance(&rig.loop.clock, 100 * NS_PER_MS), n_asked == 4));
    ck_assert(was_asked("watch=true") && was_asked("&resourceVersion=7\n"));
    ck_assert_str_eq(names(), "s/a s/b ");
    ck_assert_uint_eq(failures.len, 0);
    say_event("ADDED", POD("c"));
    UNTIL(n_changed == 2);
}
END_TEST

START_TEST(who_needs_metadata_alone_asks_for_no_more)
{
    metadata_only = true;
    list_two();
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    ck_assert_str_eq(buf_cstr(&accepts), "list list object ");
    ck_assert_str_eq(names(), "s/a s/b ");
    ck_assert_uint_eq(n_works, 0);
}
END_TEST

START_TEST(requests_wait_for_their_turn_where_there_is_a_pace)
{
    static struct kube_pace pace;

    kube_pace_init(&pace, 0.1, 1);
    api.pace = &pace;
    list_two();
    begin();
    UNTIL(n_asked == 1);
    for (int i = 0; i < 50; i++)
        step();
    ck_assert_uint_eq(n_asked, 1);
    clock_advance(&rig.loop.clock, 10 * NS_PER_S);
    UNTIL(n_asked == 2);
    UNTIL(kube_watch_is_synced(watch)); /* and ends while the watch waits */
    ck_assert_uint_eq(n_asked, 2);
    ck_assert_uint_eq(failures.len, 0);
}
END_TEST

START_TEST(a_list_that_does_not_end_is_a_fault)
{
    will_answer("200 OK", ITEMS(",\"continue\":\"c\"", ""));
    begin();
    UNTIL(failures.len > 0);
    ck_assert_str_eq(buf_cstr(&failures), "/api/v1/pods: the list does not end\n");
    ck_assert(!kube_watch_is_synced(watch));
    ck_assert_uint_eq(n_changed, 0);
}
END_TEST

START_TEST(what_a_list_has_changed_that_broke_is_told_with_the_next)
{
    list_two();
    will_watch();
    will_answer("200 OK", ITEMS(",\"continue\":\"c\"", POD("c")));
    will_answer("500 Oh", "{}");
    will_answer("200 OK", ITEMS("", POD("a") "," POD("b") "," POD("c")));
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    say_event("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}");
    UNTIL((clock_advance(&rig.loop.clock, 100 * NS_PER_MS), n_asked == 7));
    ck_assert_str_eq(names(), "s/a s/b s/c ");
    ck_assert_uint_eq(n_changed, 2);
}
END_TEST

START_TEST(a_long_event_is_taken_though_the_watch_ends_with_it)
{
    struct buf text = { 0 }, chunk = { 0 };

    list_two();
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    buf_puts(
        &text,
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"c\",\"namespace\":\"s\",\"resourceVersion\":\"9\","
        "\"long\":\"");
    for (unsigned i = 0; i < 10000; i++)
        buf_puts(&text, "too long ");
    buf_puts(&text, "\"}}}\n");
    buf_printf(&chunk, "%zx\r\n%s\r\n0\r\n\r\n", text.len, buf_cstr(&text));
    say(last, buf_cstr(&chunk));
    UNTIL(n_changed == 2);
    ck_assert_str_eq(names(), "s/a s/b s/c ");
    asked.len = 0;
    rest_is_over();
    UNTIL(n_asked == 4);
    ck_assert(was_asked("watch=true") && was_asked("&resourceVersion=9\n"));
    ck_assert_uint_eq(failures.len, 0);
    buf_free(&text);
    buf_free(&chunk);
}
END_TEST

START_TEST(an_event_that_nobody_can_read_begins_it_anew)
{
    list_two();
    will_watch();
    will_answer("200 OK", ITEMS("", POD("b") "," POD("d")));
    will_watch();
    begin();
    UNTIL(n_asked == 3);
    say(last, "5\r\nwhat\n\r\n");
    UNTIL(failures.len > 0);
    ck_assert_str_eq(names(), "s/a s/b ");
    rest_is_over();
    UNTIL(n_asked == 5);
    ck_assert_str_eq(names(), "s/b s/d ");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kube_watch");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, all_pages_are_listed_and_then_it_is_watched);
    tcase_add_test(tc, a_version_that_is_too_old_is_listed_anew);
    tcase_add_test(tc, a_server_that_refuses_is_asked_again_and_what_was_known_stays);
    tcase_add_test(tc, a_watch_that_stalls_is_ended_and_goes_on_from_its_version);
    tcase_add_test(tc, who_needs_metadata_alone_asks_for_no_more);
    tcase_add_test(tc, requests_wait_for_their_turn_where_there_is_a_pace);
    tcase_add_test(tc, a_list_that_does_not_end_is_a_fault);
    tcase_add_test(tc, what_a_list_has_changed_that_broke_is_told_with_the_next);
    tcase_add_test(tc, a_long_event_is_taken_though_the_watch_ends_with_it);
    tcase_add_test(tc, an_event_that_nobody_can_read_begins_it_anew);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
