/* SPDX-License-Identifier: Apache-2.0 */
/* Remote writes taken in, slice by slice, on a clock and a budget that the test has in its hand. What they become is in
 * test/integration/prom/test_remote_write_receiver.py. */
#include "base/loop/clock.h"
#include "codec/pb.h"
#include "prom/intake/write_intake.h"
#include "prom/model/remote_write_fields.h"

#include <check.h>
#include <stdio.h>

static struct budget budget;
static struct clock the_clock;
static struct turn turn;
static struct write_intake *intake;
static struct buf message;
static struct write_result result;
static enum write_version version;

static void open_intake(uint64_t max_series)
{
    intake = write_intake_new(
        &(struct write_intake_options){ .budget = &budget, .clock = &the_clock, .max_series = max_series });
}

static void setup(void)
{
    turn_init(&turn);
    clock_init(&the_clock, true);
    budget_init(&budget, 1u << 26, &turn);
    open_intake(0);
    version = WRITE_1;
}

static void teardown(void)
{
    write_intake_free(intake);
    ck_assert_uint_eq(budget.used, 0);
    buf_free(&message);
    message = (struct buf){ 0 };
    clock_free(&the_clock);
}

static void put_label(const char *name, const char *value)
{
    size_t mark = pb_begin(&message, V1_LABELS);

    pb_put_str(&message, LABEL_NAME, name);
    pb_put_str(&message, LABEL_VALUE, value);
    pb_end(&message, mark);
}

/* A series of one sample. */
static void put_series(const char *name, const char *id)
{
    size_t series = pb_begin(&message, V1_SERIES), sample;

    put_label("__name__", name);
    put_label("id", id);
    put_label("job", "j");
    sample = pb_begin(&message, V1_SAMPLES);
    pb_put_double(&message, SAMPLE_VALUE, 1);
    pb_put_uint(&message, SAMPLE_TIME, 1700000000000u);
    pb_end(&message, sample);
    pb_end(&message, series);
}

/* Version 2: that text, so often, as one symbol. */
static void put_symbol(const char *text, unsigned times)
{
    size_t symbol = pb_begin(&message, V2_SYMBOLS);

    for (unsigned i = 0; i < times; i++)
        buf_puts(&message, text);
    pb_end(&message, symbol);
}

/* Of these symbols, with one sample or none; `help`: 0, or the number of what is said of it. */
static void put_numbers(const unsigned *numbers, size_t n, bool sample, unsigned help)
{
    size_t series = pb_begin(&message, V2_SERIES), mark = pb_begin(&message, V2_REFS);

    for (size_t i = 0; i < n; i++)
        pb_put_varint(&message, numbers[i]);
    pb_end(&message, mark);
    if (sample) {
        mark = pb_begin(&message, V2_SAMPLES);
        pb_put_double(&message, SAMPLE_VALUE, 1);
        pb_put_uint(&message, SAMPLE_TIME, 1700000000000u);
        pb_end(&message, mark);
    }
    if (help > 0) {
        mark = pb_begin(&message, V2_METADATA);
        pb_put_uint(&message, V2_METADATA_HELP, help);
        pb_end(&message, mark);
    }
    pb_end(&message, series);
}

static void put_many(unsigned from, unsigned n)
{
    char id[24];

    for (unsigned i = from; i < from + n; i++) {
        snprintf(id, sizeof(id), "%u", i);
        put_series("m", id);
    }
}

/* Returns how many steps it took; the message is gone. */
static unsigned take(enum write_step expected, size_t most)
{
    struct write_reading *r = write_reading_new(intake, version, buf_bytes(&message), most);
    enum write_step step;
    unsigned n = 1;

    while ((step = write_reading_step(r)) == WRITE_MORE)
        n++;
    ck_assert_int_eq(step, expected);
    result = (struct write_result){ 0 };
    if (step == WRITE_WHOLE)
        write_reading_end(r, &result);
    write_reading_free(r);
    message.len = 0;
    return n;
}

static uint64_t take_points(void)
{
    uint64_t n;

    take(WRITE_WHOLE, 1u << 26);
    n = result.batch != NULL ? result.batch->items : 0;
    if (result.batch != NULL)
        batch_unref(result.batch);
    return n;
}

START_TEST(a_large_request_takes_many_slices)
{
    put_many(0, 5000);
    ck_assert_uint_gt(take(WRITE_WHOLE, 1u << 26), 10);
    ck_assert_uint_eq(result.batch->items, 5000);
    ck_assert_uint_eq(result.samples, 5000);
    batch_unref(result.batch);
}
END_TEST

/* A series that has an exemplar and no sample. */
static void put_exemplar(const char *name, const char *id)
{
    size_t series = pb_begin(&message, V1_SERIES), mark;

    put_label("__name__", name);
    put_label("id", id);
    put_label("job", "j");
    mark = pb_begin(&message, V1_EXEMPLARS);
    put_label("trace_id", "0123456789abcdef0123456789abcdef");
    pb_put_double(&message, EXEMPLAR_VALUE, 1);
    pb_put_uint(&message, EXEMPLAR_TIME, 1700000000000u);
    pb_end(&message, mark);
    pb_end(&message, series);
}

START_TEST(exemplars_that_came_before_their_points_are_put_there_in_slices)
{
    unsigned with, without;
    char id[24];

    for (unsigned i = 0; i < 2; i++) { /* the second time all series are known */
        put_many(0, 5000);
        without = take(WRITE_WHOLE, 1u << 26);
        batch_unref(result.batch);
    }
    for (unsigned i = 0; i < 5001; i++) {
        snprintf(id, sizeof(id), "%u", i);
        put_exemplar("m", id);
    }
    put_many(0, 5000); /* the last one waits in vain */
    with = take(WRITE_WHOLE, 1u << 26);
    ck_assert_uint_eq(result.exemplars, 5000);
    ck_assert_uint_eq(result.lost, 1);
    ck_assert_uint_ge(with, without + 6); /* a thousand a step */
    batch_unref(result.batch);
}
END_TEST

START_TEST(exemplars_behind_their_points_are_put_there_too)
{
    char id[24];

    put_many(0, 300);
    for (unsigned i = 0; i < 600; i++) { /* each twice, between points that come again */
        snprintf(id, sizeof(id), "%u", i % 300);
        put_exemplar("m", id);
        if (i % 100 == 0)
            put_series("m", id);
    }
    put_exemplar("nothing", "1");
    take(WRITE_WHOLE, 1u << 26);
    ck_assert_uint_eq(result.batch->items, 306);
    ck_assert_uint_eq(result.exemplars, 600);
    ck_assert_uint_eq(result.lost, 1);
    batch_unref(result.batch);
}
END_TEST

START_TEST(what_would_take_more_than_it_may_is_too_large)
{
    put_many(0, 5000);
    take(WRITE_TOO_LARGE, 100000);
}
END_TEST

START_TEST(what_many_say_with_one_symbol_takes_room_for_each)
{
    version = WRITE_2;
    put_symbol("__name__", 1);
    put_symbol("word", 15000);
    for (unsigned i = 2; i < 302; i++) {
        char name[24];

        snprintf(name, sizeof(name), "m%u", i);
        put_symbol(name, 1);
        put_numbers((unsigned[]){ 0, i }, 2, true, 1);
    }
    take(WRITE_TOO_LARGE, 1u << 20);
}
END_TEST

START_TEST(a_description_beyond_all_measure_is_none)
{
    version = WRITE_2;
    put_symbol("__name__", 1);
    put_symbol("m", 1);
    put_symbol("word", 20000);
    put_numbers((unsigned[]){ 0, 1 }, 2, true, 2);
    ck_assert_uint_eq(take_points(), 1);
    ck_assert_str_eq(result.why, "");
}
END_TEST

START_TEST(labels_that_make_no_point_are_looked_at_within_bounds)
{
    version = WRITE_2;
    put_symbol("__name__", 1);
    put_symbol("m", 1);
    put_symbol("word", 25000);
    for (unsigned i = 0; i < 1000; i++)
        put_numbers((unsigned[]){ 0, 1, 1, 2 }, 4, false, 0);
    take(WRITE_TOO_LARGE, 1u << 20);
}
END_TEST

START_TEST(what_is_said_of_a_target_again_and_again_takes_room)
{
    version = WRITE_2;
    put_symbol("__name__", 1);
    put_symbol("target_info", 1);
    put_symbol("word", 15000);
    put_symbol("job", 1);
    put_numbers((unsigned[]){ 0, 3, 3, 3 }, 4, true, 0);
    for (unsigned i = 0; i < 100; i++)
        put_numbers((unsigned[]){ 0, 1, 3, 3, 1, 2 }, 6, true, 0);
    take(WRITE_TOO_LARGE, 1u << 20);
}
END_TEST

START_TEST(without_room_in_the_budget_nothing_is_taken)
{
    put_many(0, 5000);
    budget_charge(&budget, (1u << 26) - 100000);
    take(WRITE_NO_ROOM, 1u << 26);
    budget_give(&budget, (1u << 26) - 100000);
}
END_TEST

START_TEST(a_series_for_which_nothing_came_for_a_while_makes_room)
{
    write_intake_free(intake);
    open_intake(10);
    put_many(0, 15);
    ck_assert_uint_eq(take_points(), 10);
    ck_assert_uint_eq(result.refused, 5);
    clock_advance(&the_clock, 540 * NS_PER_S);
    put_many(0, 5);
    ck_assert_uint_eq(take_points(), 5);
    clock_advance(&the_clock, 120 * NS_PER_S);
    put_many(10, 15);
    ck_assert_uint_eq(take_points(), 5);
}
END_TEST

START_TEST(families_are_bounded_and_the_oldest_go)
{
    char name[24];

    for (unsigned i = 0; i < 20010; i++) {
        size_t mark = pb_begin(&message, V1_METADATA);

        snprintf(name, sizeof(name), "f%u", i);
        pb_put_uint(&message, V1_METADATA_TYPE, 2);
        pb_put_str(&message, V1_METADATA_FAMILY, name);
        pb_put_str(&message, V1_METADATA_HELP, "What it is.");
        pb_end(&message, mark);
    }
    ck_assert_uint_eq(take_points(), 0);
    ck_assert_uint_eq(result.metadata, 20010);
    put_series("f0", "1");
    put_series("f20009", "1");
    take(WRITE_WHOLE, 1u << 26);
    ck_assert_ptr_nonnull(memmem(result.batch->segments[0].data, result.batch->segments[0].len, "What it is.", 11));
    ck_assert_uint_eq(result.batch->items, 2);
    batch_unref(result.batch);
}
END_TEST

START_TEST(a_description_that_is_no_text_is_none)
{
    size_t mark = pb_begin(&message, V1_METADATA);

    pb_put_uint(&message, V1_METADATA_TYPE, 2);
    pb_put_str(&message, V1_METADATA_FAMILY, "m");
    pb_put_str(&message, V1_METADATA_HELP, "not \xff text");
    pb_put_str(&message, V1_METADATA_UNIT, "\xc3");
    pb_end(&message, mark);
    put_series("m", "1");
    take(WRITE_WHOLE, 1u << 26);
    ck_assert_ptr_null(memchr(result.batch->segments[0].data, 0xff, result.batch->segments[0].len));
    batch_unref(result.batch);
}
END_TEST

/* A label of which one half, or both, is not there. */
static void put_half_a_label(unsigned number)
{
    size_t series = pb_begin(&message, V1_SERIES), mark;

    put_label("__name__", "m");
    mark = pb_begin(&message, V1_LABELS);
    if (number > 0)
        pb_put_str(&message, number, "half");
    pb_end(&message, mark);
    mark = pb_begin(&message, V1_SAMPLES);
    pb_put_uint(&message, SAMPLE_TIME, 1700000000000u);
    pb_end(&message, mark);
    pb_end(&message, series);
}

START_TEST(a_label_without_a_value_is_none_and_without_a_name_is_bad)
{
    put_half_a_label(LABEL_NAME);
    put_half_a_label(LABEL_VALUE);
    put_half_a_label(0);
    ck_assert_uint_eq(take_points(), 1);
    ck_assert_uint_eq(result.invalid, 2);
    ck_assert_str_eq(result.why, "a series: a label has no name");
}
END_TEST

START_TEST(all_samples_of_a_bad_series_are_left_out)
{
    size_t series = pb_begin(&message, V1_SERIES), sample;

    put_label("__name__", "\xff");
    for (unsigned i = 0; i < 5; i++) {
        sample = pb_begin(&message, V1_SAMPLES);
        pb_put_uint(&message, SAMPLE_TIME, 1700000000000u + i);
        pb_end(&message, sample);
    }
    pb_end(&message, series);
    ck_assert_uint_eq(take_points(), 0);
    ck_assert_uint_eq(result.invalid, 5);
}
END_TEST

START_TEST(the_first_fault_is_said_of_its_own_series)
{
    put_series("good", "1");
    put_series("bad", "\xff");
    take(WRITE_WHOLE, 1u << 26);
    ck_assert_str_eq(result.why, "a series: a label is not UTF-8");
    batch_unref(result.batch);
}
END_TEST

START_TEST(a_message_of_the_other_version_is_refused)
{
    put_many(0, 10);
    version = WRITE_2;
    take(WRITE_MALFORMED, 1u << 26);
    put_symbol("__name__", 1);
    put_symbol("m", 1);
    put_numbers((unsigned[]){ 0, 1 }, 2, true, 0);
    version = WRITE_1;
    take(WRITE_MALFORMED, 1u << 26);
}
END_TEST

START_TEST(descriptions_leave_most_of_the_budget_to_others)
{
    struct buf help = { 0 };
    char name[24];

    for (unsigned i = 0; i < 60000; i++)
        buf_putc(&help, 'x');
    for (unsigned i = 0; i < 1500; i++) {
        size_t mark = pb_begin(&message, V1_METADATA);

        snprintf(name, sizeof(name), "f%u", i);
        pb_put_str(&message, V1_METADATA_FAMILY, name);
        pb_put_bytes(&message, V1_METADATA_HELP, buf_bytes(&help));
        pb_end(&message, mark);
    }
    take_points();
    ck_assert_uint_lt(budget.used, (1u << 26) / 8);
    put_series("f1499", "1");
    take(WRITE_WHOLE, 1u << 26);
    ck_assert_ptr_nonnull(memmem(result.batch->segments[0].data, result.batch->segments[0].len, "xxxxx", 5));
    batch_unref(result.batch);
    buf_free(&help);
}
END_TEST

START_TEST(a_message_that_does_not_parse_leaves_nothing)
{
    put_many(0, 10);
    message.len -= 1;
    take(WRITE_MALFORMED, 1u << 26);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("write_reading");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_large_request_takes_many_slices);
    tcase_add_test(tc, exemplars_that_came_before_their_points_are_put_there_in_slices);
    tcase_add_test(tc, exemplars_behind_their_points_are_put_there_too);
    tcase_add_test(tc, what_would_take_more_than_it_may_is_too_large);
    tcase_add_test(tc, what_many_say_with_one_symbol_takes_room_for_each);
    tcase_add_test(tc, a_description_beyond_all_measure_is_none);
    tcase_add_test(tc, labels_that_make_no_point_are_looked_at_within_bounds);
    tcase_add_test(tc, what_is_said_of_a_target_again_and_again_takes_room);
    tcase_add_test(tc, without_room_in_the_budget_nothing_is_taken);
    tcase_add_test(tc, a_series_for_which_nothing_came_for_a_while_makes_room);
    tcase_add_test(tc, families_are_bounded_and_the_oldest_go);
    tcase_add_test(tc, a_description_that_is_no_text_is_none);
    tcase_add_test(tc, a_label_without_a_value_is_none_and_without_a_name_is_bad);
    tcase_add_test(tc, all_samples_of_a_bad_series_are_left_out);
    tcase_add_test(tc, the_first_fault_is_said_of_its_own_series);
    tcase_add_test(tc, a_message_of_the_other_version_is_refused);
    tcase_add_test(tc, descriptions_leave_most_of_the_budget_to_others);
    tcase_add_test(tc, a_message_that_does_not_parse_leaves_nothing);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
