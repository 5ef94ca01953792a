/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/model/exponential.h"

#include "codec/pb.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* "offset: counts" */
static void set(struct exponential_side *s, const char *text)
{
    struct buf wire = { 0 };
    long offset;
    int used;

    ck_assert_int_eq(sscanf(text, "%ld:%n", &offset, &used), 1);
    pb_put_uint(&wire, 1, pb_zigzag(offset));
    for (const char *p = text + used; *p != '\0';) {
        char *end;

        pb_put_uint(&wire, 2, strtoull(p, &end, 10));
        p = end;
    }
    ck_assert(exponential_read_side(s, buf_bytes(&wire)));
    buf_free(&wire);
}

static const char *text_of(const struct exponential_side *s)
{
    static char text[512];
    size_t at = (size_t)snprintf(text, sizeof(text), "%lld:", (long long)s->offset);

    for (size_t i = 0; i < s->counts.n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, " %llu", (unsigned long long)s->counts.v[i]);
    return text;
}

static const char *spans_of(const struct exponential_side *s)
{
    static char text[512];
    struct span_list list = { 0 };
    size_t at = 0;

    exponential_spans(s->offset, s->counts.v, s->counts.n, &list);
    for (size_t i = 0; i < list.spans.n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "{%d,%u}", list.spans.v[i].offset, list.spans.v[i].length);
    for (size_t i = 0; i < list.deltas.n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, " %lld", (long long)list.deltas.v[i]);
    text[at] = '\0';
    vec_free(&list.spans);
    vec_free(&list.deltas);
    return text;
}

static const struct {
    int32_t scale;
    const char *counts, *spans;
} shown[] = {
    { 0, "3: 10 0 0 20 5 2", "{4,6} 10 -10 0 20 -15 -3" },
    { 0, "-2: 4 2 0 0 0 0 1", "{-1,2}{4,1} 4 -2 -1" },
    { 0, "1: 0 2", "{3,1} 2" },
    { 10, "-5: 1 2 3 4 5 6 7", "{-1,3} 1 13 -1" },
    { 9, "0: 1 0 0 0 5 7", "{1,3} 1 -1 12" },
    { 20, "0: 1 1", "{1,1} 2" },
    { 1000, "-3: 1 1 1 1 1", "{0,2} 3 -1" },
    { 0, "5: 0 0 0", "" },
};

START_TEST(buckets_become_spans_and_deltas)
{
    struct exponential x = { .scale = shown[_i].scale };

    set(&x.positive, shown[_i].counts);
    exponential_downscale(&x, EXPONENTIAL_SCALE_MAX);
    ck_assert_str_eq(spans_of(&x.positive), shown[_i].spans);
    exponential_free(&x);
}
END_TEST

static const struct {
    int32_t scale_a, scale_b;
    const char *a, *b, *sum;
} added[] = {
    { 0, 0, "0: 1 2", "0: 3 4", "0: 4 6" },        { 0, 0, "0: 1 2", "3: 3 4", "0: 1 2 0 3 4" },
    { 0, 0, "3: 1 2", "0: 3 4", "0: 3 4 0 1 2" },  { 0, 0, "3: 0", "-7: 3 4", "-7: 3 4" },
    { 0, 0, "-7: 3 4", "3: 0", "-7: 3 4" },        { 1, 0, "0: 1 2 3", "1: 1 2 3", "0: 3 4 2 3" },
    { 0, 2, "-1: 1", "-4: 1 1 1 1 1", "-1: 5 1" },
};

START_TEST(histograms_are_added_at_the_smaller_scale)
{
    struct exponential a = { .scale = added[_i].scale_a }, b = { .scale = added[_i].scale_b };

    set(&a.negative, added[_i].a);
    set(&b.negative, added[_i].b);
    ck_assert(exponential_add(&a, &b));
    ck_assert_str_eq(text_of(&a.negative), added[_i].sum);
    exponential_free(&a);
    exponential_free(&b);
}
END_TEST

START_TEST(what_lies_below_the_larger_zero_threshold_goes_to_zero)
{
    struct exponential a = { .zero_threshold = 1e-4, .zero_count = 1 }, b = { .zero_threshold = 1.5, .zero_count = 2 };

    set(&a.positive, "-10: 1 2 3"); /* up to 2^-7 */
    set(&b.positive, "0: 4 1");     /* (1, 2], (2, 4]: the first lies across 1.5 */
    ck_assert(exponential_add(&a, &b));
    ck_assert_str_eq(text_of(&a.positive), "1: 1");
    ck_assert_uint_eq(a.zero_count, 13);
    ck_assert_double_eq(a.zero_threshold, 2);
    ck_assert_uint_eq(exponential_count(&a), 14);
    exponential_free(&a);
    exponential_free(&b);
}
END_TEST

START_TEST(histograms_far_apart_are_scaled_down_until_they_fit_or_refused)
{
    struct exponential a = { .scale = 8 }, b = { .scale = 8 };

    set(&a.positive, "-100000: 1");
    set(&b.positive, "100000: 2");
    ck_assert(exponential_add(&a, &b));
    ck_assert_uint_le(a.positive.counts.n, EXPONENTIAL_BUCKETS_MAX);
    ck_assert_int_lt(a.scale, 8);
    ck_assert_uint_eq(exponential_count(&a), 3);
    a.scale = b.scale = 0;
    set(&a.positive, "-2000000000: 1");
    set(&b.positive, "2000000000: 2");
    ck_assert(!exponential_add(&a, &b));
    exponential_free(&a);
    exponential_free(&b);
}
END_TEST

START_TEST(indices_beyond_32_bits_are_refused)
{
    struct exponential_side s = { 0 };
    struct buf wire = { 0 };

    pb_put_uint(&wire, 1, pb_zigzag(INT32_MAX));
    pb_put_uint(&wire, 2, 1);
    ck_assert(!exponential_read_side(&s, buf_bytes(&wire)));
    vec_free(&s.counts);
    buf_free(&wire);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("exponential");
    TCase *t = tcase_create("exponential");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(t, buckets_become_spans_and_deltas, 0, ARRAY_LEN(shown));
    tcase_add_loop_test(t, histograms_are_added_at_the_smaller_scale, 0, ARRAY_LEN(added));
    tcase_add_test(t, what_lies_below_the_larger_zero_threshold_goes_to_zero);
    tcase_add_test(t, histograms_far_apart_are_scaled_down_until_they_fit_or_refused);
    tcase_add_test(t, indices_beyond_32_bits_are_refused);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
