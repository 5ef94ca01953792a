/* SPDX-License-Identifier: Apache-2.0 */
#include "command/migrate/yaml_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entry at a path of keys and numbers ("a/b/0"). */
static struct span *at_path(const struct yaml_text *t, const char *path)
{
    struct span *s = t->root;

    while (s != NULL && *path != '\0') {
        char key[32];
        size_t n = strcspn(path, "/");

        memcpy(key, path, n);
        key[n] = '\0';
        s = s->kind == YAML_LIST ? s->kids[strtoul(key, NULL, 10)] : span_get(s, key);
        path += n + (path[n] == '/');
    }
    return s;
}

static const struct {
    const char *text, *paths, *after; /* paths: what is taken out, with blanks between; after: NULL, it cannot be */
} taken[] = {
    { "a: 1\nb: 2\n", "a", "# otelcd: why\n# a: 1\nb: 2\n" },
    { "a:\n  b: 1\n\n  # c\n  d: |\n    x\n    y\n\ne: 2\n", "a/d",
      "a:\n  b: 1\n\n  # c\n  # otelcd: why\n  # d: |\n  #   x\n  #   y\n\ne: 2\n" },
    { "a:\n- x\n- y: 1\n  z: 2\n- w\n", "a/1", "a:\n- x\n# otelcd: why\n# - y: 1\n#   z: 2\n- w\n" },
    { "a:\n- x: 1\n", "a/0/x", "a:\n# otelcd: why\n# - x: 1\n" },
    { "a:\n- x: 1\n  y: 2\n", "a/0/x", NULL },
    { "a:\n- x: 1\n  y: 2\n", "a/0/y", "a:\n- x: 1\n  # otelcd: why\n  # y: 2\n" },
    { "a: [x, y, z]\n", "a/0", "a: [y, z]\n" },
    { "a: [x, y, z]\n", "a/1", "a: [x, z]\n" },
    { "a: [x, y, z]\n", "a/1 a/2", "a: [x]\n" },
    { "a: [x, y, z]\n", "a/2 a/0 a/1", "a: []\n" },
    { "a: {x: 1, y: [2, 3], z: 4}\n", "a/y a/y/0", "a: {x: 1, z: 4}\n" },
    { "a:\n  - b\n  -\n  - c\n", "a/1", "a:\n  - b\n  # otelcd: why\n  # -\n  - c\n" },
    { "a:\n  b:\n  c: 1\n", "a/b", "a:\n  # otelcd: why\n  # b:\n  c: 1\n" },
    { "a: &x\n  b: 1\nc: *x\n", "a", NULL },
    { "a: &x\n  b: 1\nc: *x\n", "c", "a: &x\n  b: 1\n# otelcd: why\n# c: *x\n" },
    { "a:\n  k: \"x\n    y\"\n  l: 1", "a/k a/l",
      "a:\n  # otelcd: why\n  # k: \"x\n  #   y\"\n  # otelcd: why\n  # l: 1" },
    { "\xc3\xa9: 1\r\nb:\r\n  c: 2\r\n  d: 3\r\n", "b/c",
      "\xc3\xa9: 1\r\nb:\r\n  # otelcd: why\n  # c: 2\r\n  d: 3\r\n" },
};

START_TEST(what_is_taken_out_leaves_the_rest_where_it_was)
{
    struct arena a = { 0 };
    struct buf out = { 0 };
    struct yaml_text t;
    char paths[64];
    bool good = true;

    yaml_text_read(&t, &a, bytes_str(taken[_i].text));
    ck_assert_ptr_nonnull(t.root);
    snprintf(paths, sizeof(paths), "%s", taken[_i].paths);
    for (char *p = strtok(paths, " "); p != NULL; p = strtok(NULL, " "))
        good = yaml_text_take_out(&t, at_path(&t, p), "why") && good;
    ck_assert_int_eq(good, taken[_i].after != NULL);
    yaml_text_write(&t, &out);
    ck_assert_str_eq(buf_cstr(&out), good ? taken[_i].after : taken[_i].text);
    buf_free(&out);
    yaml_text_free(&t);
    arena_free(&a);
}
END_TEST

START_TEST(changes_are_made_where_they_belong_whatever_their_order)
{
    struct arena a = { 0 };
    struct buf out = { 0 };
    struct yaml_text t;
    struct span *b;

    yaml_text_read(&t, &a, bytes_str("a: {b: 'x:1', c: 2}\nd: 3 # e\n"));
    b = at_path(&t, "a/b");
    yaml_text_replace(&t, at_path(&t, "d")->from, at_path(&t, "d")->to, "4");
    ck_assert(yaml_text_substitute(&t, b, ":1", ":2"));
    ck_assert(!yaml_text_substitute(&t, b, ":3", ":4"));
    yaml_text_replace(&t, b->key_from, b->key_to, "bb");
    ck_assert(yaml_text_take_out(&t, at_path(&t, "a/c"), NULL));
    yaml_text_replace(&t, at_path(&t, "a/c")->from, at_path(&t, "a/c")->to, "forgotten");
    yaml_text_write(&t, &out);
    ck_assert_str_eq(buf_cstr(&out), "a: {bb: 'x:2'}\nd: 4 # e\n");
    ck_assert_int_eq(yaml_text_line(&t, at_path(&t, "d")->begin), 2);
    buf_free(&out);
    yaml_text_free(&t);
    arena_free(&a);
}
END_TEST

START_TEST(what_is_no_map_has_no_root)
{
    static const char *const texts[] = { "", "- a\n", "a", "{a: b", "a: b\n---\nc: d\n", "? [a]\n: b\n" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct arena a = { 0 };
        struct yaml_text t;

        yaml_text_read(&t, &a, bytes_str(texts[i]));
        ck_assert_ptr_null(t.root);
        yaml_text_free(&t);
        arena_free(&a);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yaml_text");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, what_is_taken_out_leaves_the_rest_where_it_was, 0, sizeof(taken) / sizeof(*taken));
    tcase_add_test(tc, changes_are_made_where_they_belong_whatever_their_order);
    tcase_add_test(tc, what_is_no_map_has_no_root);
    suite_add_tcase(suite, tc);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
