/* SPDX-License-Identifier: Apache-2.0 */
/* A file of kubectl that changes: the api changes with it, and the old server's client goes when nobody uses it. */
#include "kube/kube_file.h"

#include "support/files.h"
#include "support/rig/rig.h"
#include "support/until.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct rig rig;
static struct node node;
static struct kube_file file;
static char folder[40], path[80];
static uv_idle_t awake; /* a loop with nothing to do does not hear that files change */

static void step(void)
{
    rig_step(&rig, 20 * NS_PER_MS);
}

/* Whole from one moment to the next. */
static void replace_file(const char *name, const char *text)
{
    char at[80], fresh[84];

    snprintf(at, sizeof(at), "%s/%s", folder, name);
    snprintf(fresh, sizeof(fresh), "%s.new", at);
    file_put(fresh, text);
    ck_assert_int_eq(rename(fresh, at), 0);
}

static void write_config(const char *server, const char *user)
{
    char text[400];

    snprintf(text, sizeof(text),
             "current-context: c\n"
             "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
             "clusters: [{name: k, cluster: {server: \"%s\"}}]\n"
             "users: [{name: u, user: {%s}}]\n",
             server, user);
    replace_file("config", text);
}

static void on_awake(uv_idle_t *idle)
{
    (void)idle;
}

static void set_up(void)
{
    rig_init(&rig, 1);
    uv_idle_init(&rig.loop.uv, &awake);
    uv_idle_start(&awake, on_awake);
    node = (struct node){ .host = &rig.host, .log = { .sink = &rig.log } };
    snprintf(folder, sizeof(folder), "/tmp/kube_file_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/config", folder);
}

static void tear_down(void)
{
    char token[80];

    kube_file_close(&file);
    uv_close((uv_handle_t *)&awake, NULL);
    for (int i = 0; i < 20; i++)
        step();
    snprintf(token, sizeof(token), "%s/token", folder);
    (void)unlink(token);
    (void)unlink(path);
    rmdir(folder);
    rig_close(&rig);
}

/* Who we are, for the next request. */
static const char *who(void)
{
    static char text[80];
    struct call_headers h = { 0 };

    text[0] = '\0';
    file.api.put_headers(file.api.owner, &h);
    for (size_t i = 0; i < h.list.n; i++)
        if (bytes_is(h.list.v[i].name, "authorization"))
            snprintf(text, sizeof(text), "%.*s", (int)h.list.v[i].value.len, (const char *)h.list.v[i].value.data);
    call_headers_free(&h);
    return text;
}

static void open_file(void)
{
    struct error err;

    ck_assert_msg(kube_file_open(&file, &node, path, "", &err) == 0, "%s", err.text);
}

START_TEST(what_changes_counts_from_the_next_request_on)
{
    struct http_client *first;

    write_config("http://127.0.0.1:1/a", "token: one");
    open_file();
    first = file.api.http;
    ck_assert_str_eq(who(), "Bearer one");
    ck_assert_str_eq(file.api.prefix, "/a");
    write_config("http://127.0.0.1:2/b/", "username: us, password: two");
    UNTIL(file.api.http != first);
    ck_assert_str_eq(who(), "Basic dXM6dHdv");
    ck_assert_str_eq(file.api.prefix, "/b");
    ck_assert_uint_eq(file.api.generation, 2);
}
END_TEST

START_TEST(what_cannot_be_used_changes_nothing)
{
    write_config("http://127.0.0.1:1/a", "token: one");
    open_file();
    write_config("http://127.0.0.1:1/a", "exec: {command: x}");
    for (int i = 0; i < 100; i++)
        step();
    write_config("gopher://a", "token: two");
    for (int i = 0; i < 100; i++)
        step();
    ck_assert_uint_eq(file.api.generation, 1);
    ck_assert_str_eq(who(), "Bearer one");
    write_config("http://127.0.0.1:1/a", "token: three");
    UNTIL(file.api.generation == 2);
    ck_assert_str_eq(who(), "Bearer three");
}
END_TEST

START_TEST(a_token_beside_it_is_read_again_too)
{
    replace_file("token", "one\n");
    write_config("http://127.0.0.1:1", "tokenFile: token");
    open_file();
    ck_assert_str_eq(who(), "Bearer one");
    replace_file("token", "two\n");
    UNTIL(strcmp(who(), "Bearer two") == 0);
    ck_assert_uint_eq(file.api.generation, 1); /* the same server */
}
END_TEST

START_TEST(an_old_server_is_left_when_its_last_request_is_over)
{
    unsigned *calls;

    write_config("http://127.0.0.1:1", "token: one");
    open_file();
    calls = file.api.calls;
    ++*calls; /* one is under way */
    write_config("http://127.0.0.1:2", "token: two");
    UNTIL(file.api.generation == 2);
    ck_assert(file.api.calls != calls && *file.api.calls == 0);
    clock_advance(&rig.loop.clock, 100 * NS_PER_S);
    step();
    ck_assert(!list_empty(&file.old));
    ck_assert_uint_eq(*calls, 1);
    --*calls;
    clock_advance(&rig.loop.clock, 100 * NS_PER_S);
    step();
    ck_assert(list_empty(&file.old));
}
END_TEST

START_TEST(old_servers_are_left_though_the_file_changes_all_the_time)
{
    char server[40];

    write_config("http://127.0.0.1:1", "token: one");
    open_file();
    for (unsigned i = 2; i <= 6; i++) {
        snprintf(server, sizeof(server), "http://127.0.0.1:%u", i);
        write_config(server, "token: one");
        UNTIL(file.api.generation == i);
        clock_advance(&rig.loop.clock, 40 * NS_PER_S);
        step();
    }
    ck_assert(list_empty(&file.old) || file.old.next == file.old.prev); /* the last one at most */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kube_file");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, what_changes_counts_from_the_next_request_on);
    tcase_add_test(tc, what_cannot_be_used_changes_nothing);
    tcase_add_test(tc, a_token_beside_it_is_read_again_too);
    tcase_add_test(tc, an_old_server_is_left_when_its_last_request_is_over);
    tcase_add_test(tc, old_servers_are_left_though_the_file_changes_all_the_time);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
