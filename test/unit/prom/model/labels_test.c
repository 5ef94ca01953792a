/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/model/labels.h"

#include <check.h>
#include <stdlib.h>

static struct bytes raw(struct buf *b, struct bytes s)
{
    b->len = 0;
    labels_put_unescaped(b, s);
    return buf_bytes(b);
}

START_TEST(labels_come_back_as_they_were_put)
{
    static const char *const pairs[][2] = {
        { "a", "b" },
        { "a.b", "x" },
        { "b", "" },
        { "c", "quote \" back \\ lf \n end\\" },
        { "d\"e", "," },
        { "e\\", "\\\"" },
        { "f=\"g", ",\"h\"=" },
        { "é", "ü=\"" },
        { "g,", "{}" },
        { ":", "::" },
    };
    struct buf list = { 0 }, scratch = { 0 };
    struct bytes rest;
    struct label l;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        labels_put(&list, bytes_str(pairs[i][0]), bytes_str(pairs[i][1]));
    rest = buf_bytes(&list);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        ck_assert(labels_next(&rest, &l));
        ck_assert(bytes_is(raw(&scratch, l.name), pairs[i][0]));
        ck_assert(bytes_is(raw(&scratch, l.value), pairs[i][1]));
    }
    ck_assert(!labels_next(&rest, &l));
    ck_assert_uint_eq(rest.len, 0);
    buf_free(&list);
    buf_free(&scratch);
}
END_TEST

START_TEST(what_is_no_list_of_labels_ends_the_walk)
{
    static const char *const bad[] = { "a", "a=", "a=\"", "a=\"\\\"", "\"a", "\"a\"", "\"a\"=", ",", "a=b", "=" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes rest = bytes_str(bad[i]);
        struct label l;

        ck_assert_msg(!labels_next(&rest, &l), "%s was taken", bad[i]);
    }
}
END_TEST

START_TEST(a_quoted_name_is_told_from_the_end_of_a_value)
{
    ck_assert(labels_are_legacy(bytes_str("")));
    ck_assert(labels_are_legacy(bytes_str("a=\"b\",c=\"d\"")));
    ck_assert(labels_are_legacy(bytes_str("a=\"b,\",c=\",\"")));
    ck_assert(!labels_are_legacy(bytes_str("\"a.b\"=\"b\"")));
    ck_assert(!labels_are_legacy(bytes_str("a=\"b,\",\"c.d\"=\"d\"")));
}
END_TEST

static const struct {
    enum name_escaping escaping;
    const char *in, *out;
} peers[] = {
    { NAME_ESCAPE_NONE, "\"a.b\"=\"x\",c=\"y\"", "\"a.b\"=\"x\",c=\"y\"" },
    { NAME_ESCAPE_UNDERSCORES, "\"a.b\"=\"x\",c=\"y\"", "a_b=\"x\",c=\"y\"" },
    { NAME_ESCAPE_DOTS, "\"a.b\"=\"x\",a_c=\"y\"", "a_c=\"y\",a_dot_b=\"x\"" },
    { NAME_ESCAPE_VALUES, "\"a.b\"=\"x\",c=\"y\"", "U__a_2e_b=\"x\",c=\"y\"" },
    /* Two that become one, and a third between them that does not. */
    { NAME_ESCAPE_UNDERSCORES, "\"a-b\"=\"1\",\"a.b\"=\"2\",a_b=\"3\",\"é\"=\"\\\"\"", "_=\"\\\"\",a_b=\"1;2;3\"" },
    { NAME_ESCAPE_UNDERSCORES, "\"a:b\"=\"1\"", "a_b=\"1\"" },
    { NAME_ESCAPE_UNDERSCORES, "", "" },
};

START_TEST(names_are_escaped_and_merged_for_the_peer)
{
    struct buf copy = { 0 };
    struct bytes out = labels_for_peer(&copy, peers[_i].escaping, bytes_str(peers[_i].in));

    ck_assert_msg(bytes_is(out, peers[_i].out), "%.*s", (int)out.len, (const char *)out.data);
    buf_free(&copy);
}
END_TEST

START_TEST(characters_are_counted_as_code_points_without_escapes)
{
    ck_assert_uint_eq(labels_count_characters(bytes_str("")), 0);
    ck_assert_uint_eq(labels_count_characters(bytes_str("ab=\"cd\"")), 4);
    ck_assert_uint_eq(labels_count_characters(bytes_str("a=\"\\\"\\\\\\n\",\"é.\"=\"名前\"")), 8);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("labels");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, labels_come_back_as_they_were_put);
    tcase_add_test(tc, what_is_no_list_of_labels_ends_the_walk);
    tcase_add_test(tc, a_quoted_name_is_told_from_the_end_of_a_value);
    tcase_add_loop_test(tc, names_are_escaped_and_merged_for_the_peer, 0, (int)(sizeof(peers) / sizeof(peers[0])));
    tcase_add_test(tc, characters_are_counted_as_code_points_without_escapes);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
