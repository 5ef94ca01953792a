/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/prometheus/target_group.h"

#include "base/buf.h"

#include <check.h>
#include <stdio.h>

static void put_target(struct buf *out, const struct label_set *s)
{
    for (size_t i = 0; i < s->list.n; i++) {
        buf_put(out, s->list.v[i].name);
        buf_putc(out, '=');
        buf_put(out, s->list.v[i].value);
        buf_putc(out, ' ');
    }
    buf_putc(out, '|');
}

START_TEST(targets_have_the_labels_of_their_group_and_their_own)
{
    struct target_list found = { 0 };
    struct target_group g = { .out = &found };
    struct buf out = { 0 };

    target_group_common(&g, bytes_str("a"), bytes_str("group"));
    target_group_common(&g, bytes_str("b"), bytes_str("group"));
    target_group_label(&g, bytes_str("b"), bytes_str("own"));
    target_group_label(&g, bytes_str("c"), bytes_str(""));
    ck_assert(target_group_add(&g, target_group_address(&g, bytes_str("h"), bytes_str("1"))));
    ck_assert(target_group_add(&g, target_group_address(&g, bytes_str("::1"), bytes_str("2"))));
    target_group_begin(&g);
    ck_assert(target_group_add(&g, target_group_address(&g, bytes_str("h"), bytes_str(""))));
    for (size_t i = 0; i < found.targets.n; i++)
        put_target(&out, &found.targets.v[i]);
    ck_assert_str_eq(buf_cstr(&out),
                     "__address__=h:1 a=group b=own |__address__=[::1]:2 a=group b=group |__address__=h |");
    ck_assert_uint_eq(found.n_pairs, 7);
    buf_free(&out);
    target_group_free(&g);
    target_list_free(&found);
}
END_TEST

START_TEST(texts_that_come_again_are_there_once)
{
    struct target_list found = { 0 };
    struct target_group g = { .out = &found };
    char text[40];

    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof(text), "text %d", i % 1000);
        target_group_label(&g, target_group_name(&g, "x_", bytes_str("a.b-c\xc3\xa4")), bytes_str(text));
        ck_assert(target_group_add(&g, target_group_address(&g, bytes_str("h"), bytes_str("1"))));
    }
    ck_assert_uint_eq(g.n_texts, 1002);
    ck_assert(bytes_is(found.targets.v[7].list.v[1].name, "x_a_b_c_"));
    ck_assert_ptr_eq(found.targets.v[7].list.v[1].value.data, found.targets.v[2007].list.v[1].value.data);
    target_group_free(&g);
    target_list_free(&found);
}
END_TEST

START_TEST(there_are_no_more_targets_than_a_list_may_have)
{
    struct target_list found = { 0 };
    struct target_group g = { .out = &found };

    for (size_t i = 0; i < DISCOVERY_MAX_TARGETS; i++)
        ck_assert(target_group_add(&g, bytes_str("h:1")));
    ck_assert(!target_group_add(&g, bytes_str("h:1")));
    ck_assert_ptr_nonnull(strstr(g.fault, "100000 targets"));
    ck_assert_uint_eq(found.targets.n, DISCOVERY_MAX_TARGETS);
    target_group_free(&g);
    target_list_free(&found);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("target_group");
    TCase *tc = tcase_create("target_group");
    SRunner *sr;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, targets_have_the_labels_of_their_group_and_their_own);
    tcase_add_test(tc, texts_that_come_again_are_there_once);
    tcase_add_test(tc, there_are_no_more_targets_than_a_list_may_have);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
