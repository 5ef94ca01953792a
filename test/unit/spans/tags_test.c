/* SPDX-License-Identifier: Apache-2.0 */
#include "spans/tags.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct tags tags;

static void teardown(void)
{
    tags_free(&tags);
}

static void put(const char *key, const char *text)
{
    tags_put_text(&tags, bytes_str(key), bytes_str(text));
}

START_TEST(test_of_a_key_that_comes_twice_the_last_value_counts_in_the_first_place)
{
    struct buf out = { 0 };

    put("a", "1");
    put("b", "2");
    put("a", "3");
    tags_write(&tags, 9, &out);
    ck_assert(bytes_equal(buf_bytes(&out), bytes_of("\x4a\x08\x0a\x01"
                                                    "a\x12\x03\x0a\x01"
                                                    "3\x4a\x08\x0a\x01"
                                                    "b\x12\x03\x0a\x01"
                                                    "2",
                                                    20)));
    buf_free(&out);
}
END_TEST

START_TEST(test_what_is_taken_is_gone_until_it_is_put_again)
{
    struct bytes text = { NULL, 0 };

    ck_assert_ptr_null(tags_find(&tags, "a"));
    put("a", "1");
    ck_assert(tags_take_text(&tags, "a", &text) && bytes_is(text, "1"));
    ck_assert(!tags_take_text(&tags, "a", &text));
    ck_assert_ptr_null(tags_find(&tags, "a"));
    put("a", "2");
    ck_assert_ptr_nonnull(tags_find(&tags, "a"));
}
END_TEST

START_TEST(test_very_many_are_found_and_forgotten)
{
    static char keys[5000][8];

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
            put(keys[i], keys[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            ck_assert(bytes_is(tags_find(&tags, keys[i])->value.bytes, keys[i]));
        tags_clear(&tags);
        ck_assert_ptr_null(tags_find(&tags, "k1"));
    }
}
END_TEST

START_TEST(test_what_was_put_behind_a_mark_goes_and_what_was_changed_comes_back)
{
    static char keys[5000][8];
    struct bytes text;

    put("a", "1");
    put("b", "2");
    tags_mark(&tags);
    for (int round = 0; round < 3; round++) {
        put("a", "other");
        ck_assert(tags_take_text(&tags, "b", &text));
        for (size_t i = 0; i < (round == 1 ? ARRAY_LEN(keys) : 3); i++) {
            snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
            put(keys[i], "x");
            ck_assert_ptr_nonnull(tags_find(&tags, keys[i]));
        }
        tags_rewind(&tags);
        ck_assert_uint_eq(tags.list.n, 2);
        ck_assert_uint_le(tags.n_slots, 1024);
        ck_assert_ptr_null(tags_find(&tags, "k0"));
        ck_assert(bytes_is(tags_find(&tags, "a")->value.bytes, "1"));
        ck_assert(bytes_is(tags_find(&tags, "b")->value.bytes, "2"));
    }
    tags_clear(&tags);
    tags_rewind(&tags);
    ck_assert_uint_eq(tags.list.n, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tags");
    TCase *t = tcase_create("tags");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, test_of_a_key_that_comes_twice_the_last_value_counts_in_the_first_place);
    tcase_add_test(t, test_what_is_taken_is_gone_until_it_is_put_again);
    tcase_add_test(t, test_very_many_are_found_and_forgotten);
    tcase_add_test(t, test_what_was_put_behind_a_mark_goes_and_what_was_changed_comes_back);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
