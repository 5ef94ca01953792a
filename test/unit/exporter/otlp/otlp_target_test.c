/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/otlp/otlp_target.h"

#include "base/mem.h"

#include <check.h>

static struct otlp_target t;
static struct error err;

static void setup(void)
{
    err = (struct error){ 0 };
}

static void teardown(void)
{
    otlp_target_free(&t);
}

static const struct {
    const char *endpoint, *dial, *url, *address, *port;
    bool tls, secure;
} good[] = {
    { "collector:4317", "collector:4317", "http://collector:4317", "collector", "4317", false, false },
    { "http://collector:4317", "collector:4317", "http://collector:4317", "collector", "4317", false, false },
    { "https://collector:4317", "collector:4317", "https://collector:4317", "collector", "4317", false, true },
    { "collector:4317", "collector:4317", "https://collector:4317", "collector", "4317", true, true },
    { "http://collector:4317", "collector:4317", "https://collector:4317", "collector", "4317", true, true },
    { "unix:c.sock", "unix:c.sock", "https://localhost", "c.sock", "", true, true },
    { "dns:///collector:4317", "dns:///collector:4317", "http://collector:4317", "collector", "4317", false, false },
    { "passthrough:///10.0.0.1:1", "passthrough:///10.0.0.1:1", "http://10.0.0.1:1", "10.0.0.1", "1", false, false },
    { "[::1]:4317", "[::1]:4317", "http://[::1]:4317", "::1", "4317", false, false },
    { ":4317", "localhost:4317", "http://localhost:4317", "localhost", "4317", false, false },
    { "unix:///run/c.sock", "unix:///run/c.sock", "http://localhost", "/run/c.sock", "", false, false },
    { "unix:c.sock", "unix:c.sock", "http://localhost", "c.sock", "", false, false },
};

START_TEST(the_forms_of_a_grpc_endpoint_are_known)
{
    ck_assert_msg(otlp_target_grpc(&t, good[_i].endpoint, good[_i].tls, &err) == 0, "%s", err.text);
    ck_assert_str_eq(t.dial, good[_i].dial);
    ck_assert_str_eq(t.url, good[_i].url);
    ck_assert_str_eq(t.address, good[_i].address);
    ck_assert_str_eq(t.port, good[_i].port);
    ck_assert_int_eq(t.secure, good[_i].secure);
}
END_TEST

static const struct {
    const char *endpoint, *words;
} bad[] = {
    { "", "requires a non-empty \"endpoint\"" },
    { "http://", "requires a non-empty \"endpoint\"" },
    { "dns:///", "requires a non-empty \"endpoint\"" },
    { "collector", "the port is missing" },
    { "[::1]", "the port is missing" },
    { "::1", "is not a port" },
    { "collector:otlp", "\"otlp\" is not a port" },
    { "collector:0", "\"0\" is not a port" },
    { "http://collector:4317/v1/traces", "\"4317/v1/traces\" is not a port" },
    { "unix://", "write unix:///absolute/path" },
    { "dns://8.8.8.8/collector:4317", "write dns:///" },
};

START_TEST(a_grpc_endpoint_that_cannot_be_dialled_says_why)
{
    ck_assert_int_ne(otlp_target_grpc(&t, bad[_i].endpoint, true, &err), 0);
    ck_assert_msg(strstr(err.text, bad[_i].words) != NULL, "%s", err.text);
}
END_TEST

static const struct {
    const char *endpoint, *own;
    enum signal signal;
    const char *url, *address, *port, *path;
} urls[] = {
    { "http://c:4318", "", SIGNAL_TRACES, "http://c:4318/v1/traces", "c", "4318", "/v1/traces" },
    { "http://c:4318/", "", SIGNAL_METRICS, "http://c:4318/v1/metrics", "c", "4318", "/v1/metrics" },
    { "http://c/otlp", "", SIGNAL_LOGS, "http://c/otlp/v1/logs", "c", "80", "/otlp/v1/logs" },
    { "http://c/api/", "", SIGNAL_PROFILES, "http://c/api/v1development/profiles", "c", "80",
      "/api/v1development/profiles" },
    { "http://c:4318", "http://d/x?y=1", SIGNAL_TRACES, "http://d/x?y=1", "d", "80", "/x" },
    { "", "https://d", SIGNAL_LOGS, "https://d", "d", "443", "/" },
};

START_TEST(each_signal_has_its_url)
{
    ck_assert_msg(otlp_target_http(&t, urls[_i].endpoint, urls[_i].own, urls[_i].signal, &err) == 0, "%s", err.text);
    ck_assert_str_eq(t.url, urls[_i].url);
    ck_assert_str_eq(t.address, urls[_i].address);
    ck_assert_str_eq(t.port, urls[_i].port);
    ck_assert_str_eq(t.path, urls[_i].path);
}
END_TEST

START_TEST(a_signal_without_url_is_an_error)
{
    ck_assert_int_ne(otlp_target_http(&t, "", "", SIGNAL_TRACES, &err), 0);
    ck_assert_str_eq(err.text, "either endpoint or traces_endpoint must be specified");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("otlp_target");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, the_forms_of_a_grpc_endpoint_are_known, 0, (int)ARRAY_LEN(good));
    tcase_add_loop_test(tc, a_grpc_endpoint_that_cannot_be_dialled_says_why, 0, (int)ARRAY_LEN(bad));
    tcase_add_loop_test(tc, each_signal_has_its_url, 0, (int)ARRAY_LEN(urls));
    tcase_add_test(tc, a_signal_without_url_is_an_error);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
