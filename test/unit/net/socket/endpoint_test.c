/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/endpoint.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *transport, *address; /* NULL = refused */
} rows[] = {
    { "127.0.0.1:4317", "tcp", "127.0.0.1:4317" },
    { "0.0.0.0:1", "tcp", "[::]:1" }, /* both families, as in Go */
    { "[::]:1", "tcp", "[::]:1" },
    { "0.0.0.0:1", "tcp4", "0.0.0.0:1" },
    { "[::]:1", "tcp6", "[::]:1" },
    { "localhost:1", "tcp", "127.0.0.1:1" },
    { "localhost:1", "tcp4", "127.0.0.1:1" },
    { "localhost:1", "tcp6", "[::1]:1" },
    { "[::1]:65535", "tcp", "[::1]:65535" },
    { "[::ffff:10.0.0.1]:7", "tcp", "10.0.0.1:7" },
    { ":4317", "tcp", "[::]:4317" },
    { ":4317", "tcp4", "0.0.0.0:4317" },
    { "/run/x.sock", "unix", "/run/x.sock" },
    { "x", "unix", "x" },
    { "@name", "unix", "@name" },
    { "", "tcp", NULL },
    { "127.0.0.1", "tcp", NULL },
    { "127.0.0.1:", "tcp", NULL },
    { "127.0.0.1:x", "tcp", NULL },
    { "127.0.0.1:-1", "tcp", NULL },
    { "127.0.0.1: 1", "tcp", NULL },
    { "127.0.0.1:65536", "tcp", NULL },
    { "127.0.0.1:99999999999999999999", "tcp", NULL },
    { "::1:4317", "tcp", NULL },
    { "[::1]", "tcp", NULL },
    { "[::1:1", "tcp", NULL },
    { "[]:x", "tcp", NULL },
    { " 127.0.0.1:4318", "tcp", NULL },
    { "127.0.0.1 :4318", "tcp", NULL },
    { "0.0.0.0.8889", "tcp", NULL },
    { "0.0.0.0.8889:1", "tcp", NULL },
    { "0.0.0.0:99999", "tcp", NULL },
    { ":8889x", "tcp", NULL },
    { "127.0.0.256:1", "tcp", NULL },
    { "[localhost]:1", "tcp", NULL },
    { "", "unix", NULL },
    { "127.0.0.1:1", "udp", NULL },
};

START_TEST(an_endpoint_is_read_or_refused_with_a_reason)
{
    char text[ENDPOINT_TEXT];
    struct endpoint e;
    struct error err = { 0 };
    int rc = endpoint_parse(&e, rows[_i].text, rows[_i].transport, &err);

    if (rows[_i].address == NULL) {
        ck_assert_msg(rc != 0, "%s was accepted", rows[_i].text);
        ck_assert_int_gt((int)strlen(err.text), 10);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", rows[_i].text, err.text);
    endpoint_format(&e.addr, e.len, text, sizeof(text));
    ck_assert_str_eq(text, rows[_i].address);
}
END_TEST

START_TEST(what_is_refused_is_refused_without_asking_anybody)
{
    struct error err = { 0 };

    if (strcmp(rows[_i].transport, "udp") != 0)
        ck_assert_int_eq(endpoint_check(rows[_i].text, rows[_i].transport, &err) == 0, rows[_i].address != NULL);
}
END_TEST

START_TEST(a_dot_for_the_colon_is_told_so)
{
    struct error err;

    ck_assert_int_ne(endpoint_check("0.0.0.0.8889", "tcp", &err), 0);
    ck_assert_str_eq(err.text, "\"0.0.0.0.8889\" has no port; did you mean 0.0.0.0:8889?");
}
END_TEST

START_TEST(names_and_paths_have_their_limits)
{
    char text[400];
    struct endpoint e;
    struct error err;

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_ne(endpoint_parse(&e, text, "unix", &err), 0);
    text[300] = ':';
    strcpy(text + 301, "1");
    ck_assert_int_ne(endpoint_parse(&e, text, "tcp", &err), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("endpoint");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, an_endpoint_is_read_or_refused_with_a_reason, 0, sizeof(rows) / sizeof(*rows));
    tcase_add_loop_test(tc, what_is_refused_is_refused_without_asking_anybody, 0, sizeof(rows) / sizeof(*rows));
    tcase_add_test(tc, a_dot_for_the_colon_is_told_so);
    tcase_add_test(tc, names_and_paths_have_their_limits);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
