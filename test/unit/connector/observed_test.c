/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/observed.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "otlp/view.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct budget budget;
static struct observed o;
static struct observed_shape shape;

static void begin(uint32_t max_buckets)
{
    budget_init(&budget, UINT64_MAX, NULL);
    shape = (struct observed_shape){ .exponential = true, .max_buckets = max_buckets, .budget = &budget };
    observed_init(&o, &shape);
}

static void end(void)
{
    observed_free(&o, &shape);
}

/* Every value's bucket has it between its bounds, and nothing is lost. */
static void check_value(double value)
{
    double low = exp2(ldexp((double)o.first, -o.scale)), high = exp2(ldexp((double)(o.first + (int32_t)o.n), -o.scale));

    ck_assert_msg(value > low * (1 - 1e-9) && value <= high * (1 + 1e-9), "%g not in (%g, %g]", value, low, high);
}

static uint64_t total(void)
{
    uint64_t n = o.zeros;

    for (uint32_t i = 0; i < o.n; i++)
        n += o.buckets[i];
    return n;
}

START_TEST(one_value_is_at_the_finest_scale)
{
    begin(160);
    observed_add(&o, &shape, 3.5, 1);
    ck_assert_int_eq(o.scale, 20);
    ck_assert_uint_eq(o.n, 1);
    check_value(3.5);
    end();
}
END_TEST

START_TEST(powers_of_two_are_at_the_upper_bound_of_their_bucket)
{
    begin(2);
    observed_add(&o, &shape, 1, 1);
    observed_add(&o, &shape, 4, 1);
    ck_assert_int_eq(o.scale, -1);
    ck_assert_int_eq(o.first, -1);
    ck_assert_uint_eq(o.n, 2);
    end();
}
END_TEST

START_TEST(any_values_fit_into_the_buckets_that_there_are)
{
    for (uint32_t most = 2; most < 70; most += 3) {
        unsigned seed = most;

        begin(most);
        for (unsigned i = 1; i <= 2000; i++) {
            double value = exp2((double)(rand_r(&seed) % 120000) / 1000 - 60);

            observed_add(&o, &shape, value, 2);
            ck_assert_uint_le(o.n, most);
            check_value(value);
            ck_assert_uint_eq(total(), 2ull * i);
        }
        check_value(o.min);
        check_value(o.max);
        end();
    }
}
END_TEST

START_TEST(zeros_are_apart)
{
    struct buf out = { 0 };
    struct exponential_view v;

    begin(160);
    observed_add(&o, &shape, 0, 3);
    observed_put(&out, &o, &shape);
    v = exponential_view(buf_bytes(&out));
    ck_assert_uint_eq(v.zero_count, 3);
    ck_assert_uint_eq(v.count, 3);
    ck_assert_int_eq(v.scale, 0);
    buf_free(&out);
    end();
}
END_TEST

START_TEST(what_was_reset_begins_anew)
{
    begin(8);
    observed_add(&o, &shape, 0, 1);
    observed_reset(&o, &shape);
    ck_assert_uint_eq(total(), 0);
    observed_add(&o, &shape, 1e-9, 1);
    observed_add(&o, &shape, 1e9, 1);
    observed_reset(&o, &shape);
    ck_assert_uint_eq(total(), 0);
    observed_add(&o, &shape, 5, 1);
    ck_assert_int_eq(o.scale, 20);
    ck_assert_uint_eq(total(), 1);
    ck_assert_double_eq(o.min, 5);
    end();
}
END_TEST

START_TEST(a_value_is_in_the_first_bucket_whose_bound_it_does_not_pass)
{
    static const double bounds[] = { 1, 2, 5 };

    budget_init(&budget, UINT64_MAX, NULL);
    shape = (struct observed_shape){ .bounds = bounds, .n_bounds = 3, .budget = &budget };
    observed_init(&o, &shape);
    observed_add(&o, &shape, 0, 1);
    observed_add(&o, &shape, 2, 1);
    observed_add(&o, &shape, 2.1, 1);
    observed_add(&o, &shape, 9, 4);
    ck_assert_uint_eq(o.buckets[0], 1);
    ck_assert_uint_eq(o.buckets[1], 1);
    ck_assert_uint_eq(o.buckets[2], 1);
    ck_assert_uint_eq(o.buckets[3], 4);
    ck_assert_double_eq(o.sum, 40.1);
    end();
}
END_TEST

START_TEST(durations_are_read_in_a_unit)
{
    const char *const texts[] = { "1ms", "1.5s", "soon" };
    double bounds[3];
    size_t bad;

    ck_assert(observed_bounds(bounds, texts, 2, 1e6, &bad));
    ck_assert_double_eq(bounds[0], 1);
    ck_assert_double_eq(bounds[1], 1500);
    ck_assert(!observed_bounds(bounds, texts, 3, 1e6, &bad));
    ck_assert_uint_eq(bad, 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("observed");
    TCase *t = tcase_create("observed");
    SRunner *runner;
    int failed;

    tcase_add_test(t, one_value_is_at_the_finest_scale);
    tcase_add_test(t, powers_of_two_are_at_the_upper_bound_of_their_bucket);
    tcase_add_test(t, any_values_fit_into_the_buckets_that_there_are);
    tcase_add_test(t, zeros_are_apart);
    tcase_add_test(t, what_was_reset_begins_anew);
    tcase_add_test(t, a_value_is_in_the_first_bucket_whose_bound_it_does_not_pass);
    tcase_add_test(t, durations_are_read_in_a_unit);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
