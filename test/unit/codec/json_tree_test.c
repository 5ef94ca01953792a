/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_tree.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

static void put_node(struct buf *out, const struct json_node *n)
{
    static const char kinds[] = { 'n', 'b', '#', '"', '[', '{' };

    buf_putc(out, kinds[n->kind]);
    buf_put(out, n->text);
    json_each (child, n) {
        buf_put(out, child->key);
        put_node(out, child);
        buf_putc(out, ',');
    }
    if (n->kind >= JSON_LIST)
        buf_printf(out, "%u", n->n);
}

static bool keep(struct bytes parent, struct bytes key)
{
    return bytes_is(parent, "open") || bytes_is(key, "open") || bytes_is(key, "a");
}

#define DEEP4 "[[[[1]]]]"

static const struct {
    const char *text, *found; /* NULL: a fault */
} cases[] = {
    { "null", "n" },
    { " true ", "btrue" },
    { "-1.5e3", "#-1.5e3" },
    { "\"x\\u0041\"", "\"xA" },
    { "{}", "{0" },
    { "[]", "[0" },
    { "[1,\"\",false]", "[#1,\",bfalse,3" },
    { "{\"a\":{\"b\":1,\"open\":{\"c\":\"d\"}},\"z\":[1,2]}", "{a{open{c\"d,1,1,1" },
    { "{\"a\":[{\"a\":1,\"c\":2},{\"c\":[{}]}]}", "{a[{a#1,1,{0,2,1" },
    { "{\"b\":{\"c\":[[[[[[1]]]]]]},\"a\":1}", "{a#1,1" }, /* what is not kept may be deep */
    { "[[[1]]]", "[[[#1,1,1,1" },
    { DEEP4, NULL },
    { "[1,2,3,4,5,6,7,8,9]", "[#1,#2,#3,#4,#5,#6,#7,#8,#9,9" },
    { "[1,2,3,4,5,6,7,8,9,10]", NULL },
    { "", NULL },
    { "{", NULL },
    { "{\"a\"", NULL },
    { "{\"a\":", NULL },
    { "{\"a\":1,}", NULL },
    { "{\"a\":1 \"a\":2}", NULL },
    { "{a:1}", NULL },
    { "{\"b\":}", NULL },
    { "[1,]", NULL },
    { "[,1]", NULL },
    { "[1 2]", NULL },
    { "tru", NULL },
    { "1 2", NULL },
    { "\"a", NULL },
    { "x", NULL },
};

START_TEST(a_value_is_read_or_refused_with_its_place)
{
    const struct json_tree_rules rules = { .max_nodes = 10, .max_depth = 3, .keep = keep };
    size_t len = strlen(cases[_i].text);
    uint8_t *copy = mem_alloc(len + 1); /* exactly as many bytes as there are */
    struct arena a = { 0 };
    struct error err = { 0 };
    struct buf out = { 0 };
    const struct json_node *n;

    memcpy(copy, cases[_i].text, len);
    n = json_tree_parse(bytes_of(copy, len), &a, &rules, &err);
    free(copy);
    ck_assert_msg((n != NULL) == (cases[_i].found != NULL), "%s: %s", cases[_i].text, err.text);
    if (n != NULL)
        put_node(&out, n);
    else
        ck_assert_ptr_nonnull(strstr(err.text, "expected"));
    ck_assert_str_eq(buf_cstr(&out), n != NULL ? cases[_i].found : "");
    buf_free(&out);
    arena_free(&a);
}
END_TEST

START_TEST(a_nul_is_not_the_end)
{
    static const struct json_tree_rules rules = { .max_nodes = 10, .max_depth = 3 };
    struct arena a = { 0 };
    struct error err = { 0 };

    ck_assert_ptr_null(json_tree_parse(bytes_of("{} \0x", 5), &a, &rules, &err));
    ck_assert_msg(strstr(err.text, "at byte 3") != NULL, "%s", err.text);
    ck_assert_ptr_null(json_tree_parse(bytes_of("1\0", 2), &a, &rules, &err));
    ck_assert_ptr_nonnull(json_tree_parse(bytes_of("{} \n", 4), &a, &rules, &err));
    arena_free(&a);
}
END_TEST

START_TEST(fields_are_found_by_their_paths)
{
    static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 8 };
    const char *text = "{\"a\":{\"b\":\"x\",\"n\":5,\"b\":\"y\",\"t\":true,\"o\":{},\"0\":null},\"c\":[1]}";
    struct arena a = { 0 };
    struct error err;
    const struct json_node *n = json_tree_parse(bytes_str(text), &a, &rules, &err);

    ck_assert(bytes_is(json_text_at(n, "a.b"), "y")); /* of two the last */
    ck_assert(bytes_is(json_text_at(n, "a.n"), "5"));
    ck_assert(json_true_at(n, "a.t") && !json_true_at(n, "a.b"));
    ck_assert_uint_eq(json_text_at(n, "a.o").len + json_text_at(n, "a.0").len + json_text_at(n, "c").len, 0);
    ck_assert_ptr_null(json_at(n, "a.b.c"));
    ck_assert_ptr_null(json_at(n, "x"));
    ck_assert_ptr_null(json_at(NULL, "x"));
    ck_assert_ptr_eq(json_at(n, ""), n);
    arena_free(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json_tree");
    TCase *tc = tcase_create("json_tree");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(tc, a_value_is_read_or_refused_with_its_place, 0, sizeof(cases) / sizeof(*cases));
    tcase_add_test(tc, a_nul_is_not_the_end);
    tcase_add_test(tc, fields_are_found_by_their_paths);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
