/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/prometheus/fetch.h"

#include <check.h>
#include <string.h>

static const struct {
    const char *base, *location, *to; /* NULL: nowhere */
} places[] = {
    { "http://a:1/x/y?q=1", "http://b/z", "http://b/z" },
    { "http://a:1/x/y?q=1", "HTTPS://b/z#part", "HTTPS://b/z" },
    { "http://a:1/x/y?q=1", "//b:2/z", "http://b:2/z" },
    { "https://a/x/y", "//b/z", "https://b/z" },
    { "http://a:1/x/y?q=1", "/z?r=2", "http://a:1/z?r=2" },
    { "http://a:1/x/y?q=/1/2", "z", "http://a:1/x/z" },
    { "http://a:1", "z", "http://a:1/z" },
    { "http://a:1/x/y?q=1", "?r=2", "http://a:1/x/y?r=2" },
    { "http://[::1]:9/x", "/z", "http://[::1]:9/z" },
    { "http://me:secret@a:1/x", "/z", "http://a:1/z" },
    { "http://a:1/x/y?q=1", "", "http://a:1/x/y" },
    { "http://a:1/x", "gopher://b/", NULL },
    { "http://a:1/x", "/a b", NULL },
    { "http://a:1/x", "/a\r\nx: y", NULL },
};

START_TEST(a_location_is_read_from_where_it_was_told)
{
    struct buf out = { 0 };
    bool good = fetch_resolve(places[_i].base, bytes_str(places[_i].location), &out);

    ck_assert_int_eq(good, places[_i].to != NULL);
    if (good)
        ck_assert_str_eq(buf_cstr(&out), places[_i].to);
    buf_free(&out);
}
END_TEST

START_TEST(a_large_body_is_given_back_in_pieces)
{
    struct fetch f = { .block = block_force(NULL, 20u << 20), .len = 20u << 20 };
    unsigned pieces = 0;

    memset(f.block->data, 1, f.len);
    while (fetch_release_some(&f)) {
        pieces++;
        ck_assert_uint_ge(f.block->cap, (20u - pieces) << 20);
    }
    ck_assert_uint_eq(pieces, 19);
    fetch_release(&f);
    ck_assert_ptr_null(f.block);
}
END_TEST

START_TEST(a_small_body_or_one_that_another_has_is_given_back_at_once)
{
    struct fetch f = { .block = block_force(NULL, 1u << 20) };
    struct block *other;

    ck_assert(!fetch_release_some(&f));
    fetch_release(&f);
    f.block = block_force(NULL, 4u << 20);
    other = block_ref(f.block);
    ck_assert(!fetch_release_some(&f));
    fetch_release(&f);
    block_unref(other);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fetch");
    TCase *tc = tcase_create("fetch");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(tc, a_location_is_read_from_where_it_was_told, 0, sizeof(places) / sizeof(*places));
    tcase_add_test(tc, a_large_body_is_given_back_in_pieces);
    tcase_add_test(tc, a_small_body_or_one_that_another_has_is_given_back_at_once);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
