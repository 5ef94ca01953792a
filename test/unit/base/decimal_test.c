/* SPDX-License-Identifier: Apache-2.0 */
#include "base/decimal.h"

#include "base/mem.h"

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The slow way: more and more digits until they read back. */
static struct decimal by_trying(double v)
{
    struct decimal d = { 0, 0 };
    char text[40];
    int p = 0;

    do {
        snprintf(text, sizeof(text), "%.*e", p, v);
    } while (strtod(text, NULL) != v && ++p <= 16);
    for (char *c = text; *c != 'e'; c++)
        if (*c != '.')
            d.digits = d.digits * 10 + (uint64_t)(*c - '0');
    d.exponent = atoi(strchr(text, 'e') + 1) - p;
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

static void check_one(double v)
{
    struct decimal want = by_trying(v), got = decimal_shortest(v);
    char text[48];

    /* printf rounds to nearest, which at a power of two may miss a shorter one that reads back: fewer is right too. */
    ck_assert_msg((got.digits == want.digits && got.exponent == want.exponent) ||
                      decimal_digits(got.digits) < decimal_digits(want.digits),
                  "%a: %" PRIu64 "e%d, not %" PRIu64 "e%d", v, got.digits, got.exponent, want.digits, want.exponent);
    snprintf(text, sizeof(text), "%" PRIu64 "e%d", got.digits, got.exponent);
    ck_assert_msg(strtod(text, NULL) == v, "%a does not read back from %s", v, text);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

START_TEST(doubles_of_any_bits_get_the_fewest_digits_that_read_back)
{
    uint64_t state = 88172645463325252u;

    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next(&state) & 0x7fffffffffffffff;
        double v;

        memcpy(&v, &bits, sizeof(v));
        if (isfinite(v) && v > 0)
            check_one(v);
    }
}
END_TEST

START_TEST(numbers_as_people_write_them_come_back_as_written)
{
    uint64_t state = 2463534242u;

    for (int i = 0; i < 200000; i++) {
        double n = (double)(next(&state) % 10000000 + 1);

        check_one(n / pow(10, (double)(next(&state) % 12)));
        check_one(n * pow(10, (double)(next(&state) % 12)));
        check_one(n / 3);
    }
}
END_TEST

START_TEST(powers_of_two_and_their_neighbours_are_exact)
{
    for (int e = -1074; e <= 1023; e++) {
        double v = ldexp(1, e);

        check_one(v);
        if (e > -1074)
            check_one(nextafter(v, 0));
        check_one(nextafter(v, INFINITY));
    }
}
END_TEST

START_TEST(powers_of_ten_are_one_digit)
{
    for (int e = -307; e <= 308; e++) {
        char text[16];
        struct decimal d;

        snprintf(text, sizeof(text), "1e%d", e);
        d = decimal_shortest(strtod(text, NULL));
        ck_assert_uint_eq(d.digits, 1);
        ck_assert_int_eq(d.exponent, e);
    }
}
END_TEST

START_TEST(unsigned_integers_are_written_as_printf_does)
{
    uint64_t state = 362436069u;

    for (int i = 0; i < 100000; i++) {
        uint64_t v = i < 64 ? UINT64_MAX >> i : next(&state) >> (i % 64);
        char want[32], got[32];
        size_t n = decimal_put_uint(got, v);

        got[n] = 0;
        snprintf(want, sizeof(want), "%" PRIu64, v);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

static const struct {
    double v;
    const char *plain, *go, *go_short, *json;
} layouts[] = {
    { 0, "0", "0", "0", "0" },
    { -0.0, "-0", "-0", "-0", "-0" },
    { 1, "1", "1", "1", "1" },
    { -1.5, "-1.5", "-1.5", "-1.5", "-1.5" },
    { 123456, "123456", "123456", "123456", "123456" },
    { 1234567, "1234567", "1234567", "1.234567e+06", "1234567" },
    { 1e6, "1000000", "1000000", "1e+06", "1000000" },
    { 0.0001, "0.0001", "0.0001", "0.0001", "0.0001" },
    { 0.000012, "0.000012", "1.2e-05", "1.2e-05", "0.000012" },
    { 0.000001, "0.000001", "1e-06", "1e-06", "0.000001" },
    { 1.25e-7, "0.000000125", "1.25e-07", "1.25e-07", "1.25e-7" },
    { 1.5e20, "150000000000000000000", "150000000000000000000", "1.5e+20", "150000000000000000000" },
    { 1e21, "1000000000000000000000", "1e+21", "1e+21", "1e+21" },
    { 1e100, NULL, "1e+100", "1e+100", "1e+100" },
    { INFINITY, "+Inf", "+Inf", "+Inf", "+Inf" },
    { -INFINITY, "-Inf", "-Inf", "-Inf", "-Inf" },
    { NAN, "NaN", "NaN", "NaN", "NaN" },
};

START_TEST(each_layout_has_its_own_place_for_the_exponent)
{
    const char *const wanted[] = { layouts[_i].plain, layouts[_i].go, layouts[_i].go_short, layouts[_i].json };

    for (int layout = DECIMAL_PLAIN; layout <= DECIMAL_JSON; layout++) {
        struct buf out = { 0 };

        decimal_put(&out, layouts[_i].v, (enum decimal_layout)layout);
        if (wanted[layout] != NULL)
            ck_assert_str_eq(buf_cstr(&out), wanted[layout]);
        else
            ck_assert_uint_eq(out.len, 101);
        buf_free(&out);
    }
}
END_TEST

static void *print_one(void *arg)
{
    struct decimal d = decimal_shortest(5e-324); /* needs the table */

    (void)arg;
    ck_assert_uint_eq(d.digits, 5);
    ck_assert_int_eq(d.exponent, -324);
    return NULL;
}

/* What the thread sanitizer watches. */
START_TEST(the_first_numbers_may_be_printed_on_several_threads)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, print_one, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("decimal");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, doubles_of_any_bits_get_the_fewest_digits_that_read_back);
    tcase_add_test(tc, numbers_as_people_write_them_come_back_as_written);
    tcase_add_test(tc, powers_of_two_and_their_neighbours_are_exact);
    tcase_add_test(tc, powers_of_ten_are_one_digit);
    tcase_add_test(tc, the_first_numbers_may_be_printed_on_several_threads);
    tcase_add_test(tc, unsigned_integers_are_written_as_printf_does);
    tcase_add_loop_test(tc, each_layout_has_its_own_place_for_the_exponent, 0, ARRAY_LEN(layouts));
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
