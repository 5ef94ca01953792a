/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/site_rig.h"

#include <check.h>
#include <stdlib.h>

static struct site_rig rig;

static void begin(size_t write_buffer)
{
    site_rig_open(&rig, &(struct http_server_options){ .write_buffer_size = write_buffer });
}

static void teardown(void)
{
    site_rig_close(&rig);
    ck_assert_uint_eq(rig.site.n_watchers, 0);
}

static void ask(const char *path, const char *more)
{
    char text[400];

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, more);
    rig.conn.out.len = 0;
    memory_send(&rig.conn, bytes_str(text));
}

static bool says(const char *text)
{
    return memmem(rig.conn.out.data, rig.conn.out.len, text, strlen(text)) != NULL;
}

static size_t count_events(void)
{
    size_t n = 0;

    for (const char *p = buf_cstr(&rig.conn.out); (p = strstr(p, "data: {")) != NULL; p++)
        n++;
    return n;
}

START_TEST(who_reads_gets_an_event_each_second)
{
    begin(0);
    ask("/api/v1/events", "");
    ck_assert(says("text/event-stream"));
    for (int i = 0; i < 20; i++)
        site_rig_tick(&rig);
    ck_assert_uint_eq(count_events(), 21);
    ck_assert_uint_eq(rig.site.n_watchers, 1);
    ck_assert_int_eq(rig.conn.fate, HTTP_GOES_ON);
}
END_TEST

START_TEST(who_does_not_read_is_left_and_nothing_is_kept_for_him)
{
    size_t most;

    begin(512); /* less than one event has */
    ask("/api/v1/events", "");
    most = rig.conn.out.len;
    rig.conn.stuck = true;
    for (int i = 0; i < 9; i++)
        site_rig_tick(&rig);
    ck_assert_uint_eq(rig.site.n_watchers, 1);
    rig.conn.stuck = false; /* what waits is one event, not nine */
    rig.conn.out.len = 0;
    turn_defer(&rig.conn.loop.turn, &rig.conn.flush);
    turn_run(&rig.conn.loop.turn);
    ck_assert_uint_gt(rig.conn.out.len, 0);
    ck_assert_uint_lt(rig.conn.out.len, 2 * most);
    ck_assert_uint_eq(count_events(), 1);

    rig.conn.stuck = true;
    for (int i = 0; i < 13; i++)
        site_rig_tick(&rig);
    rig.conn.fate = rig.conn.io.ops->fate(&rig.conn.io);
    ck_assert_int_ne(rig.conn.fate, HTTP_GOES_ON);
}
END_TEST

START_TEST(what_strangers_wrote_is_shown_and_not_run)
{
    static const char *const paths[] = { "/", "/panels", "/api/v1/status?format=text" };

    begin(0);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ask(paths[i], "");
        ck_assert(says("alert(1)"));
        ck_assert(!says("\033"));
        if (i < 2)
            ck_assert(!says("<script>"));
    }
    ask("/api/v1/status", "");
    ck_assert(says("alert(1)"));
    ck_assert(!says("\033"));
}
END_TEST

START_TEST(what_another_site_asks_for_is_refused)
{
    begin(0);
    ask("/panels", "Sec-Fetch-Site: cross-site\r\n");
    ck_assert(says("HTTP/1.1 403"));
    ck_assert(!says("alert"));
    ask("/api/v1/series", "Origin: http://elsewhere\r\n");
    ck_assert(says("HTTP/1.1 403"));
    ask("/api/v1/series", "Sec-Fetch-Site: same-origin\r\n");
    ck_assert(says("HTTP/1.1 200"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("site");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, who_reads_gets_an_event_each_second);
    tcase_add_test(tc, who_does_not_read_is_left_and_nothing_is_kept_for_him);
    tcase_add_test(tc, what_strangers_wrote_is_shown_and_not_run);
    tcase_add_test(tc, what_another_site_asks_for_is_refused);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
