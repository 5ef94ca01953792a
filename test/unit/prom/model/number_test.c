/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/model/number.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    double v;
    const char *text, *om;
} table[] = {
    { 0, "0", "0.0" },
    { -0.0, "0", "0.0" },
    { 1, "1", "1.0" },
    { -1, "-1", "-1.0" },
    { 10, "10", "10.0" },
    { 100000, "100000", "100000.0" },
    { 999999, "999999", "999999.0" },
    { 999999.5, "999999.5", "999999.5" },
    { 1000000, "1e+06", "1e+06" },
    { 1234567, "1.234567e+06", "1.234567e+06" },
    { 1458255915, "1.458255915e+09", "1.458255915e+09" },
    { -1458255915, "-1.458255915e+09", "-1.458255915e+09" },
    { 0.0001, "0.0001", "0.0001" },
    { 0.00012, "0.00012", "0.00012" },
    { 0.00001, "1e-05", "1e-05" },
    { 5e-324, "5e-324", "5e-324" },
    { 2.2250738585072014e-308, "2.2250738585072014e-308", "2.2250738585072014e-308" },
    { 1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308" },
    { 9007199254740993.0, "9.007199254740992e+15", "9.007199254740992e+15" },
    { 9007199254740991.0, "9.007199254740991e+15", "9.007199254740991e+15" },
    { 0.001, "0.001", "0.001" },
    { 0.01, "0.01", "0.01" },
    { 0.1, "0.1", "0.1" },
    { 0.9, "0.9", "0.9" },
    { 0.95, "0.95", "0.95" },
    { 0.99, "0.99", "0.99" },
    { 0.999, "0.999", "0.999" },
    { 1.7, "1.7", "1.7" },
    { 1e10, "1e+10", "1e+10" },
    { 1e-10, "1e-10", "1e-10" },
    { 1e-9, "1e-09", "1e-09" },
    { 1e100, "1e+100", "1e+100" },
    { 0.1 + 0.2, "0.30000000000000004", "0.30000000000000004" },
    { 1.0 / 3, "0.3333333333333333", "0.3333333333333333" },
    { 12345.678, "12345.678", "12345.678" },
    { 123456.7, "123456.7", "123456.7" },
    { 8.486912e+07, "8.486912e+07", "8.486912e+07" },
    { NAN, "NaN", "NaN" },
    { INFINITY, "+Inf", "+Inf" },
    { -INFINITY, "-Inf", "-Inf" },
};

START_TEST(numbers_are_written_as_go_writes_them)
{
    char at[NUMBER_MAX + 1];

    at[number_put(at, table[_i].v)] = 0;
    ck_assert_str_eq(at, table[_i].text);
    at[number_put_om(at, table[_i].v)] = 0;
    ck_assert_str_eq(at, table[_i].om);
}
END_TEST

START_TEST(any_double_reads_back_from_at_most_NUMBER_MAX_bytes)
{
    uint64_t state = 88172645463325252u;

    for (int i = 0; i < 1000000; i++) {
        char at[NUMBER_MAX + 1];
        size_t n;
        double v;

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(&v, &state, sizeof(v));
        n = number_put(at, v);
        ck_assert_uint_le(n, NUMBER_MAX);
        at[n] = 0;
        ck_assert_msg(isnan(v) || strtod(at, NULL) == v, "%a written as %s", v, at);
    }
}
END_TEST

START_TEST(seconds_keep_every_digit)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {
        { 1700000000500000000, "1700000000.5" },
        { 1700000001250000000, "1700000001.25" },
        { 1700000002000000000, "1700000002.0" },
        { 1700000002000000001, "1700000002.000000001" },
        { 1, "0.000000001" },
        { UINT64_MAX, "18446744073.709551615" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char at[NUMBER_MAX + 1];

        at[number_put_seconds(at, rows[i].ns)] = 0;
        ck_assert_str_eq(at, rows[i].text);
    }
}
END_TEST

START_TEST(numbers_are_read_as_go_reads_them)
{
    static const struct {
        const char *text;
        double v;
    } good[] = {
        { "0", 0 },
        { "-0", -0.0 },
        { "+1", 1 },
        { "1.", 1 },
        { ".5", .5 },
        { "00012", 12 },
        { "1e3", 1000 },
        { "1E+3", 1000 },
        { "1e-3", .001 },
        { "123456789012345678", 123456789012345678.0 },
        { "4.9351e-05", 4.9351e-05 },
        { "7.424100000000001e-05", 7.424100000000001e-05 },
        { "1.7976931348623157e308", 1.7976931348623157e308 },
        { "5e-324", 5e-324 },
        { "1e-400", 0 },
        { "0.000000000000000000000000000001", 1e-30 },
        { "100000000000000000000000000000", 1e29 },
        { "Inf", INFINITY },
        { "+INFINITY", INFINITY },
        { "-inf", -INFINITY },
    };
    static const char *const bad[] = { "",    ".",     "-",    "+",     "e5",   "1e",   "1e+",
                                       "1_0", "0x1p3", "0x10", "1 ",    " 1",   "nanx", "+NaN",
                                       "in",  "1e999", "--1",  "1.2.3", "1e5.", "true", "NaN(1)" };
    double v;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(number_read(bytes_str(good[i].text), &v), "%s", good[i].text);
        ck_assert_msg(v == good[i].v && !signbit(v) == !signbit(good[i].v), "%s is %.17g", good[i].text, v);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!number_read(bytes_str(bad[i]), &v), "%s", bad[i]);
    ck_assert(number_read(bytes_str("nAn"), &v) && isnan(v));
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    char text[NUMBER_MAX];
    uint64_t bits = 88172645463325252u;
    double v, back;

    for (int i = 0; i < 200000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&v, &bits, sizeof(v));
        if (i % 2 == 0)
            v = (double)(bits % 100000000) / 1000;
        if (isnan(v) || isinf(v))
            continue;
        ck_assert(number_read(bytes_of(text, number_put(text, v)), &back));
        ck_assert_msg(back == v, "%.17g %.17g", back, v);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("number");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, numbers_are_written_as_go_writes_them, 0, (int)(sizeof(table) / sizeof(table[0])));
    tcase_add_test(tc, any_double_reads_back_from_at_most_NUMBER_MAX_bytes);
    tcase_add_test(tc, seconds_keep_every_digit);
    tcase_add_test(tc, numbers_are_read_as_go_reads_them);
    tcase_add_test(tc, what_is_written_is_read_back);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
