/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/regex_steps.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct regex *compile(const char *pattern)
{
    struct error err;
    struct regex *r = regex_new(pattern, &err);

    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

START_TEST(a_search_costs_by_pattern_and_subject)
{
    struct regex *small = compile("a"), *large = compile("(a|b|c){20}x");
    uint64_t few, many;

    ck_assert(regex_price(small, bytes_str("abc"), 0, &few));
    ck_assert(regex_price(large, bytes_str("abcabcabcabcabcabcabcabcabc"), 0, &many));
    ck_assert_uint_lt(few, many);
    regex_free(small);
    regex_free(large);
}
END_TEST

START_TEST(an_item_has_so_many_steps_and_no_more)
{
    struct regex *r = compile("(x+x+)+y");
    struct regex_meter m = { 0 };
    unsigned searches = 0;

    regex_meter_begin(&m);
    ck_assert(regex_meter_spend(&m, REGEX_ITEM_STEPS - 10000));
    while (!m.over && searches < 10000) {
        ck_assert(!regex_meter_search(&m, r, bytes_str("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")));
        searches++;
    }
    ck_assert(m.over);
    ck_assert_uint_gt(searches, 100);
    ck_assert(!regex_meter_spend(&m, 1));
    regex_meter_begin(&m);
    ck_assert(regex_meter_search(&m, r, bytes_str("xxy")));
    regex_free(r);
}
END_TEST

START_TEST(a_search_that_may_cost_more_than_all_steps_is_not_made)
{
    struct regex *r = compile("(a|b|c|d){100}[a-z]{200}x");
    struct regex_meter m = { 0 };
    size_t len = 1u << 20;
    uint8_t *text = malloc(len);

    memset(text, 'a', len);
    ck_assert(!regex_meter_search(&m, r, bytes_of(text, len)));
    ck_assert(m.over);
    free(text);
    regex_free(r);
}
END_TEST

START_TEST(a_long_search_within_the_steps_costs_its_time)
{
    struct regex *r = compile("needle");
    struct bytes found[1];
    struct regex_meter m = { 0 };
    size_t len = 1u << 20;
    uint8_t *text = malloc(len);

    memset(text, 'a', len);
    memcpy(text + len - 6, "needle", 6);
    ck_assert(regex_meter_find(&m, r, bytes_of(text, len), 0, found));
    ck_assert_uint_eq(found[0].len, 6);
    ck_assert(m.taken > 0 && !m.over);
    free(text);
    regex_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("regex_steps");
    TCase *tc = tcase_create("regex_steps");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_test(tc, a_search_costs_by_pattern_and_subject);
    tcase_add_test(tc, an_item_has_so_many_steps_and_no_more);
    tcase_add_test(tc, a_search_that_may_cost_more_than_all_steps_is_not_made);
    tcase_add_test(tc, a_long_search_within_the_steps_costs_its_time);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
