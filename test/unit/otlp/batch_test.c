/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/batch.h"

#include "base/loop/turn.h"
#include "codec/pb.h"
#include "otlp/fields.h"

#include <check.h>
#include <stdlib.h>

static struct turn turn;
static struct budget budget;

static void setup(void)
{
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
}

static struct batch *batch_with(struct buf *request)
{
    struct block *block = block_force(&budget, request->len);

    memcpy(block->data, request->data, request->len);
    return batch_new(SIGNAL_PROFILES, block, bytes_of(block->data, request->len), 3, 7);
}

static void assert_extended(struct buf *request, const char *wanted)
{
    struct buf fields = { 0 }, merged = { 0 };
    struct batch *b = batch_with(request);
    struct bytes dictionary;

    pb_put_str(&fields, OTLP_DICTIONARY_STRINGS, "new");
    b = batch_extend_dictionary(b, buf_bytes(&fields), &budget);
    ck_assert_uint_eq(b->items, 3);
    ck_assert_uint_eq(b->arrival, 7);
    ck_assert_uint_eq(b->n_segments, 1);
    dictionary = batch_dictionary(b, &merged);
    ck_assert_uint_eq(merged.len, 0); /* it is one */
    fields.len = 0;
    for (const char *p = wanted; *p != '\0'; p++)
        pb_put_bytes(&fields, OTLP_DICTIONARY_STRINGS, bytes_of(p, 1));
    pb_put_str(&fields, OTLP_DICTIONARY_STRINGS, "new");
    ck_assert(bytes_equal(dictionary, buf_bytes(&fields)));
    batch_unref(b);
    buf_free(&fields);
    buf_free(request);
    ck_assert_uint_eq(budget.used, 0);
}

static void put_part(struct buf *request, const char *string)
{
    size_t mark = pb_begin(request, OTLP_REQUEST_DICTIONARY);

    pb_put_str(request, OTLP_DICTIONARY_STRINGS, string);
    pb_end(request, mark);
}

START_TEST(a_dictionary_gets_fields_at_its_end)
{
    struct buf request = { 0 };

    pb_put_str(&request, OTLP_REQUEST_RESOURCES, "");
    put_part(&request, "a");
    pb_put_str(&request, OTLP_REQUEST_RESOURCES, "");
    assert_extended(&request, "a");
}
END_TEST

START_TEST(one_that_comes_in_parts_is_all_of_them)
{
    struct buf request = { 0 }, merged = { 0 };
    struct batch *b;

    put_part(&request, "a");
    pb_put_str(&request, OTLP_REQUEST_RESOURCES, "");
    put_part(&request, "b");
    put_part(&request, "c");
    b = batch_with(&request);
    ck_assert_uint_eq(batch_dictionary(b, &merged).len, 9);
    buf_free(&merged);
    batch_unref(b);
    assert_extended(&request, "abc");
}
END_TEST

START_TEST(where_there_is_none_one_is_made)
{
    struct buf request = { 0 };

    pb_put_str(&request, OTLP_REQUEST_RESOURCES, "");
    assert_extended(&request, "");
}
END_TEST

START_TEST(merged_ones_are_in_order_when_all_of_them_are)
{
    for (unsigned i = 0; i < 4; i++) {
        struct batch *parts[2], *whole;

        for (unsigned k = 0; k < 2; k++) {
            parts[k] = batch_new(SIGNAL_LOGS, block_force(&budget, 0), bytes_of(NULL, 0), 1, 7);
            ck_assert(!parts[k]->ordered); /* nobody has said so */
            parts[k]->ordered = (i >> k & 1) != 0;
        }
        whole = batch_merge(parts, 2);
        ck_assert(whole->ordered == (i == 3));
        batch_unref(whole);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *c = tcase_create("dictionary");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, a_dictionary_gets_fields_at_its_end);
    tcase_add_test(c, one_that_comes_in_parts_is_all_of_them);
    tcase_add_test(c, where_there_is_none_one_is_made);
    tcase_add_test(c, merged_ones_are_in_order_when_all_of_them_are);
    suite_add_tcase(suite, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
