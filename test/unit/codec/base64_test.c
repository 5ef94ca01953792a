/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *plain, *padded, *bare;
} pairs[] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" }, /* RFC 4648, section 10 */
    { "\xfb\xff\xbf", "+/+/", "+/+/" },
};

static void assert_is(struct buf *b, const char *want)
{
    ck_assert_str_eq(buf_cstr(b), want);
    b->len = 0;
}

START_TEST(bytes_go_there_and_back)
{
    struct buf b = { 0 };

    base64_encode(bytes_str(pairs[_i].plain), true, &b);
    assert_is(&b, pairs[_i].padded);
    base64_encode(bytes_str(pairs[_i].plain), false, &b);
    assert_is(&b, pairs[_i].bare);
    ck_assert(base64_decode(bytes_str(pairs[_i].padded), &b));
    assert_is(&b, pairs[_i].plain);
    ck_assert(base64_decode(bytes_str(pairs[_i].bare), &b));
    assert_is(&b, pairs[_i].plain);
    buf_free(&b);
}
END_TEST

START_TEST(the_alphabet_of_urls_is_read_too)
{
    struct buf b = { 0 };

    ck_assert(base64_decode(bytes_str("-_-_"), &b));
    assert_is(&b, "\xfb\xff\xbf");
    ck_assert(base64_decode(bytes_str("-_8="), &b));
    assert_is(&b, "\xfb\xff");
    ck_assert(base64_decode(bytes_str("-_8"), &b));
    assert_is(&b, "\xfb\xff");
    buf_free(&b);
}
END_TEST

START_TEST(what_is_not_base64_is_refused_and_leaves_nothing)
{
    static const char *const bad[] = { "=",    "==",   "====",  "Z",     "Z===", "Zg=",
                                       "Zg=v", "Z g=", "Zm9v=", "Zm9vZ", "Zm9.", "Zm9v,w" };
    struct buf b = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(!base64_decode(bytes_str(bad[i]), &b), "%s", bad[i]);
        ck_assert_uint_eq(b.len, 0);
    }
    buf_free(&b);
}
END_TEST

START_TEST(hex_is_read_in_either_case_and_written_in_lower)
{
    struct buf b = { 0 };
    uint8_t at[4] = { 0 };

    ck_assert(hex_decode(bytes_str("00fFaB91"), at));
    hex_encode(bytes_of(at, 4), &b);
    ck_assert_str_eq(buf_cstr(&b), "00ffab91");
    ck_assert(!hex_decode(bytes_str("0"), at));
    ck_assert(!hex_decode(bytes_str("0g"), at));
    ck_assert(!hex_decode(bytes_str("@0"), at));
    ck_assert(hex_decode(bytes_str(""), at));
    buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base64");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, bytes_go_there_and_back, 0, ARRAY_LEN(pairs));
    tcase_add_test(tc, the_alphabet_of_urls_is_read_too);
    tcase_add_test(tc, what_is_not_base64_is_refused_and_leaves_nothing);
    tcase_add_test(tc, hex_is_read_in_either_case_and_written_in_lower);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
