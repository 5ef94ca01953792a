/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/target.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>
#include <sys/un.h>

START_TEST(a_target_names_host_and_port)
{
    static const struct {
        const char *text, *host, *port;
    } cases[] = {
        { "db:4317", "db", "4317" },
        { "dns:///db.example:1", "db.example", "1" },
        { "passthrough:///10.0.0.1:65535", "10.0.0.1", "65535" },
        { "[::1]:4317", "::1", "4317" },
        { "dns:53", "dns", "53" }, /* a host of that name */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target t;
        struct error err;

        ck_assert_msg(target_parse(&t, cases[i].text, &err) == 0, "%s: %s", cases[i].text, err.text);
        ck_assert_str_eq(t.host, cases[i].host);
        ck_assert_str_eq(t.port, cases[i].port);
        ck_assert(!t.is_unix);
        target_free(&t);
    }
}
END_TEST

START_TEST(or_a_unix_socket)
{
    struct target t;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&t.address.addr;

    ck_assert_int_eq(target_parse(&t, "unix:///run/otel.sock", NULL), 0);
    ck_assert(t.is_unix);
    ck_assert_str_eq(un->sun_path, "/run/otel.sock");
    ck_assert_int_eq(target_parse(&t, "unix:otel.sock", NULL), 0);
    ck_assert_str_eq(un->sun_path, "otel.sock");
    ck_assert_uint_eq(t.address.len, offsetof(struct sockaddr_un, sun_path) + 10);
    ck_assert_int_eq(target_parse(&t, "unix-abstract:otel", NULL), 0);
    ck_assert_int_eq(un->sun_path[0], '\0');
    ck_assert_str_eq(un->sun_path + 1, "otel");
    ck_assert_uint_eq(t.address.len, offsetof(struct sockaddr_un, sun_path) + 5);
    target_free(&t);
}
END_TEST

START_TEST(what_is_neither_is_told_what_to_write)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "write host:port" },
        { ":4317", "write host:port" },
        { "[::1", "write host:port" },
        { "db", "the port is missing" },
        { "[::1]", "the port is missing" },
        { "db:", "not a port" },
        { "db:http", "not a port" },
        { "db:0", "not a port" },
        { "db:65536", "not a port" },
        { "db:4317/v1", "not a port" },
        { "dns://8.8.8.8/db:4317", "write dns:///" },
        { "xds:///db:4317", "dns:///host:port" },
        { "unix:", "has a path" },
        { "unix://run/x.sock", "unix:///absolute/path" },
        { "unix:///"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaa",
          "at most" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target t;
        struct error err;

        ck_assert_int_ne(target_parse(&t, cases[i].text, &err), 0);
        ck_assert_msg(strstr(err.text, cases[i].why) != NULL, "%s", err.text);
        target_free(&t);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("target");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, a_target_names_host_and_port);
    tcase_add_test(tc, or_a_unix_socket);
    tcase_add_test(tc, what_is_neither_is_told_what_to_write);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
