/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/trace_state.h"

#include <check.h>
#include <stdlib.h>

START_TEST(a_probability_becomes_the_threshold_that_rejects_the_rest)
{
    static const struct {
        double p;
        unsigned precision;
        const char *text;
    } rows[] = {
        { 1, 4, "0" },
        { 0.5, 4, "8" },
        { 0.25, 4, "c" },
        { 0.333, 4, "aac1" },
        { 0.333, 14, "aac083126e978c" },
        { 0.01, 4, "fd70a" },
        { 0.001, 4, "ffbe77" },
        { 0.75, 1, "4" },
        { 0.9999, 4, "00068dc" },
        { 0x1p-56, 4, "ffffffffffffff" },
    };
    char text[SAMPLING_DIGITS + 1];
    uint64_t threshold, again;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert(threshold_of_probability(rows[i].p, rows[i].precision, &threshold));
        threshold_text(threshold, text);
        ck_assert_str_eq(text, rows[i].text);
        ck_assert(threshold_read(bytes_str(text), &again));
        ck_assert_uint_eq(again, threshold);
    }
    ck_assert(!threshold_of_probability(0, 4, &threshold));
    ck_assert(!threshold_of_probability(0x1p-57, 4, &threshold));
    ck_assert(!threshold_of_probability(1.1, 4, &threshold));
    ck_assert_uint_eq(threshold_text(SAMPLING_NEVER, text), 0);
}
END_TEST

START_TEST(a_trace_state_is_read_and_written_with_ot_in_front)
{
    static const struct {
        const char *in, *out; /* NULL: malformed */
    } rows[] = {
        { "", "" },
        { "a=b", "a=b" },
        { "ot=th:8", "ot=th:8" },
        { "ot=th:C0", "ot=th:c" },
        { "ot=x:y;th:8;rv:0123456789abcd;z:", "ot=rv:0123456789abcd;th:8;x:y;z:" },
        { " a=b ,\t, ot=th:0 ,c@d=e", "ot=th:0,a=b,c@d=e" },
        { "ot=th:8,ot=x:y", "ot=x:y" },
        { "ot=rv:123", NULL },
        { "ot=th:", NULL },
        { "ot=th:123456789012345", NULL },
        { "ot=th:g", NULL },
        { "ot=th", NULL },
        { "ot=", NULL },
        { "ot=th:8;", NULL },
        { "ot=X:1", NULL },
        { "ot=x:!", NULL },
        { "A=b", NULL },
        { "a", NULL },
        { "a=", NULL },
        { "a=b=c", NULL },
        { "@a=b", NULL },
        { "a=\x7f", NULL },
    };
    static struct trace_state s;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = { 0 };

        ck_assert_msg(trace_state_read(&s, bytes_str(rows[i].in)) == (rows[i].out != NULL), "%s", rows[i].in);
        if (rows[i].out != NULL) {
            trace_state_put(&out, &s);
            ck_assert_str_eq(buf_cstr(&out), rows[i].out);
        }
        buf_free(&out);
    }
}
END_TEST

START_TEST(what_is_larger_than_the_standard_allows_is_refused)
{
    static struct trace_state s;
    char text[1100] = "a=";

    memset(text + 2, 'x', 256);
    ck_assert(trace_state_read(&s, bytes_str(text)));
    text[258] = 'x';
    ck_assert(!trace_state_read(&s, bytes_str(text)));
    memset(text, ',', 1024);
    ck_assert(trace_state_read(&s, bytes_of(text, 1024)));
    ck_assert(!trace_state_read(&s, bytes_of(text, 1025)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_state");
    TCase *tc = tcase_create("trace_state");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_probability_becomes_the_threshold_that_rejects_the_rest);
    tcase_add_test(tc, a_trace_state_is_read_and_written_with_ot_in_front);
    tcase_add_test(tc, what_is_larger_than_the_standard_allows_is_refused);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
