/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_write.h"

#include <check.h>
#include <stdlib.h>

START_TEST(members_have_commas_between_them)
{
    struct buf b = { 0 };
    struct json_writer w = { .out = &b };

    json_begin(&w, NULL, '{');
    json_write_uint(&w, "n", UINT64_MAX);
    json_begin(&w, "empty", '[');
    json_end(&w, ']');
    json_begin(&w, "list", '[');
    json_write_bool(&w, NULL, true);
    json_write_null(&w, NULL);
    json_begin(&w, NULL, '{');
    json_write_double(&w, "x", 0.1);
    json_end(&w, '}');
    json_end(&w, ']');
    json_write_text(&w, "text", bytes_str("a\"\\\n"));
    json_end(&w, '}');
    ck_assert_str_eq(buf_cstr(&b), "{\"n\":18446744073709551615,\"empty\":[],\"list\":[true,null,{\"x\":0.1}],"
                                   "\"text\":\"a\\\"\\\\\\u000a\"}");
    buf_free(&b);
}
END_TEST

START_TEST(text_of_anybody_is_a_string)
{
    struct buf b = { 0 };
    struct json_writer w = { .out = &b };

    json_begin(&w, NULL, '{');
    json_write_member(&w, bytes_str("\xff\"\x1b"), 7);
    json_end(&w, '}');
    ck_assert_str_eq(buf_cstr(&b), "{\"\\ufffd\\\"\\u001b\":7}");
    buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json_write");
    TCase *t = tcase_create("all");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, members_have_commas_between_them);
    tcase_add_test(t, text_of_anybody_is_a_string);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
