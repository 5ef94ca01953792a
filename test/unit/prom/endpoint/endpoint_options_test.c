/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/endpoint/endpoint_options.h"

#include "config/server_rows.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(what_is_kept_is_the_listeners_own)
{
    char text[] = "https://a.example";
    const char *texts[] = { text };
    const struct http_cors_config cors = { .on = true, .allowed_origins = { texts, 1 }, .max_age = 7 };
    struct string_pair pair = { "x-a", text };
    const struct string_map headers = { &pair, 1 };
    const struct strings parameters = { texts, 1 };
    struct http_server_options o = { .cors = &cors, .response_headers = &headers, .gate_parameters = &parameters };
    struct arena memory = { 0 };

    http_options_keep(&o, &memory);
    memset(text, 'z', sizeof(text) - 1);
    texts[0] = NULL;
    pair.key = NULL;
    ck_assert_str_eq(o.cors->allowed_origins.v[0], "https://a.example");
    ck_assert_int_eq(o.cors->max_age, 7);
    ck_assert_str_eq(o.response_headers->v[0].key, "x-a");
    ck_assert_str_eq(o.response_headers->v[0].value, "https://a.example");
    ck_assert_str_eq(o.gate_parameters->v[0], "https://a.example");
    arena_free(&memory);
}
END_TEST

START_TEST(what_is_not_there_stays_away)
{
    struct http_server_options o = { 0 };
    struct arena memory = { 0 };

    http_options_keep(&o, &memory);
    ck_assert_ptr_null(o.cors);
    ck_assert_ptr_null(o.response_headers);
    ck_assert_ptr_null(o.gate_parameters);
    arena_free(&memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("endpoint_options");
    TCase *tc = tcase_create("endpoint_options");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, what_is_kept_is_the_listeners_own);
    tcase_add_test(tc, what_is_not_there_stays_away);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
