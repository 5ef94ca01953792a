/* SPDX-License-Identifier: Apache-2.0 */
#include "config/decode.h"

#include <check.h>
#include <stdlib.h>

struct inner {
    bool on;
    uint64_t n;
};

struct sample {
    bool flag;
    double ratio;
    duration wait;
    const char *name;
    int mode;
    struct strings list;
    struct string_map map;
    struct inner group;
    struct option_list items;
    const struct yaml_node *any;
};

static const char *const modes[] = { "fast", "slow", NULL };

static const struct option inner_rows[] = {
    OPT_UINT(struct inner, n, "7", NULL, NULL, "A number."),
    OPT_END,
};

static const struct option rows[] = {
    OPT_BOOL(struct sample, flag, "true", "A flag."),
    OPT_DOUBLE(struct sample, ratio, "0.5", "0", "1", "A ratio."),
    OPT_DURATION(struct sample, wait, "200ms", "0s", "1h", "A wait."),
    OPT_STRING(struct sample, name, "x", "A name."),
    OPT_ENUM(struct sample, mode, modes, "fast", "A mode."),
    OPT_STRINGS(struct sample, list, "[a, b]", "A list."),
    OPT_MAP(struct sample, map, "A map."),
    OPT_GROUP(struct sample, group, struct inner, inner_rows, GROUP_DEFAULT, "A group."),
    OPT_LIST(struct sample, items, struct inner, inner_rows, "Items."),
    OPT_NODE(struct sample, any, "Anything."),
    OPT_END,
};

static uint64_t fingerprint_of(const char *text)
{
    struct arena arena = { 0 };
    struct faults faults = { 0 };
    struct sample s = { 0 };
    uint64_t h;

    decode_struct(&arena, rows, yaml_read(&arena, bytes_str(text), "f", 1, 1, &faults), "", &s, &faults);
    ck_assert_uint_eq(faults.list.n, 0);
    h = fingerprint_struct(rows, &s);
    arena_free(&arena);
    return h;
}

static const struct {
    const char *a, *b;
} same[] = {
    { "", "{}" },
    { "{wait: 1s, name: y}", "name: 'y' # a comment\n\n\nwait: 1000ms\n" },
    { "{flag: true, ratio: 0.5}", "{}" }, /* the defaults, written out */
    { "{map: {a: b, c: d}}", "{map: {c: d, a: b}}" },
    { "{any: {a: [1, {b: c, d: e}]}}", "any:\n  a: [1, {d: e, b: c}]" },
    { "{group: {enabled: false, n: 5}}", "{}" },
};

START_TEST(the_order_of_keys_comments_and_spelling_change_nothing)
{
    ck_assert_uint_eq(fingerprint_of(same[_i].a), fingerprint_of(same[_i].b));
}
END_TEST

static const struct {
    const char *a, *b;
} other[] = {
    { "{flag: false}", "{}" },
    { "{ratio: 0.25}", "{}" },
    { "{wait: 201ms}", "{}" },
    { "{name: y}", "{}" },
    { "{name: ''}", "{}" },
    { "{mode: slow}", "{}" },
    { "{list: [b, a]}", "{list: [a, b]}" },
    { "{list: [ab]}", "{list: [a, b]}" },
    { "{map: {a: b}}", "{map: {b: a}}" },
    { "{map: {a: d, c: b}}", "{map: {a: b, c: d}}" },
    { "{group: }", "{}" },
    { "{group: {n: 8}}", "{group: }" },
    { "{items: [{n: 1}, {n: 2}]}", "{items: [{n: 2}, {n: 1}]}" },
    { "{items: [{}]}", "{}" },
    { "{any: 5}", "{any: '5'}" },
    { "{any: [1, 2]}", "{any: [2, 1]}" },
    { "{any: {}}", "{any: []}" },
    { "{any: }", "{any: {}}" },
};

START_TEST(a_value_that_differs_changes_it)
{
    ck_assert_uint_ne(fingerprint_of(other[_i].a), fingerprint_of(other[_i].b));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fingerprint");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, the_order_of_keys_comments_and_spelling_change_nothing, 0, sizeof(same) / sizeof(*same));
    tcase_add_loop_test(tc, a_value_that_differs_changes_it, 0, sizeof(other) / sizeof(*other));
    suite_add_tcase(suite, tc);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
