/* SPDX-License-Identifier: Apache-2.0 */
/* Log records of one byte of body each: batches of different sizes into the batcher, what it makes of them out. */
#include "pipeline/batcher.h"

#include "codec/pb.h"
#include "otlp/metadata.h"
#include "pipeline/ack.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

#define ENTRIES 8

static struct rig rig;
static struct batcher batcher;
static struct batcher_entry entries[ENTRIES];
static slices taken;
static unsigned next_item; /* the body of the next record that is put */

static void set_up(void)
{
    rig_init(&rig, 1);
    batcher_init(&batcher);
    next_item = 0;
}

static void tear_down(void)
{
    struct batcher_entry *e;

    while ((e = batcher_remove(&batcher)) != NULL)
        batch_unref(e->rest);
    batcher_free(&batcher);
    vec_free(&taken);
    rig_close(&rig);
}

static void put_for(int entry, uint64_t items, struct metadata *m)
{
    struct batch *b = rig_logs(&rig, next_item, items);

    b->metadata = metadata_ref(m);
    next_item += (unsigned)items;
    batcher_put(&batcher, &entries[entry], b);
}

static void put(int entry, uint64_t items)
{
    put_for(entry, items, NULL);
}

static struct batch *take(const struct batcher_limits *l)
{
    taken.n = 0;
    return batcher_take(&batcher, l, &rig.budget, &taken);
}

static struct batch *take_items(uint64_t least, uint64_t most)
{
    return take(&(struct batcher_limits){ .least = least, .most = most });
}

static struct batch *take_bytes(uint64_t least, uint64_t most)
{
    return take(&(struct batcher_limits){ .in_bytes = true, .least = least, .most = most });
}

static struct batch *take_whole(uint64_t bytes, uint64_t requests)
{
    taken.n = 0;
    return batcher_take_whole(&batcher, bytes, requests, &taken);
}

/* What was taken has these items, in slices of one entry after another from `first` on; it is given back. */
static void expect_items(struct batch *b, uint64_t items, size_t n_slices, int first)
{
    uint64_t sum = 0;

    ck_assert_uint_eq(b->items, items);
    ck_assert_uint_eq(taken.n, n_slices);
    for (size_t i = 0; i < taken.n; i++) {
        ck_assert_ptr_eq(taken.v[i].entry, &entries[(size_t)first + i]);
        sum += taken.v[i].items;
    }
    ck_assert_uint_eq(sum, items);
    batch_unref(b);
}

static void expect_waiting(uint64_t requests, uint64_t items)
{
    ck_assert_uint_eq(batcher.waiting.requests, requests);
    ck_assert_uint_eq(batcher.waiting.items, items);
    ck_assert(requests > 0 || batcher.waiting.bytes == 0);
}

/* The bodies of all records of `b` are `first` and those that follow, in this order. */
static void expect_bodies(const struct batch *b, unsigned first)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < b->n_segments; i++)
        for (size_t at = 0; at + 1 < b->segments[i].len; at++) /* field 7 of an AnyValue: 3a 01 XX */
            if (at + 2 < b->segments[i].len && b->segments[i].data[at] == 0x3a && b->segments[i].data[at + 1] == 1)
                ck_assert_uint_eq(b->segments[i].data[at + 2], (first + n++) & 0xff);
    ck_assert_uint_eq(n, b->items);
}

/* ---- gathering ---- */

START_TEST(whole_entries_are_gathered_until_they_are_enough)
{
    for (int i = 0; i < 4; i++)
        put(i, 10);
    expect_items(take_items(20, 0), 20, 2, 0);
    expect_items(take_items(11, 0), 20, 2, 2);
    expect_waiting(0, 0);
}
END_TEST

START_TEST(what_is_not_enough_goes_out_too)
{
    put(0, 3);
    put(1, 4);
    expect_items(take_items(100, 0), 7, 2, 0);
    expect_waiting(0, 0);
}
END_TEST

START_TEST(nothing_is_cut_without_a_largest_size)
{
    put(0, 100000);
    put(1, 1);
    expect_items(take_items(1, 0), 100000, 1, 0);
    expect_waiting(1, 1);
    put(2, 50);
    expect_items(take_bytes(1u << 20, 0), 51, 2, 1);
}
END_TEST

START_TEST(items_leave_in_the_order_in_which_they_came)
{
    struct batch *b;
    unsigned first = 0;

    put(0, 7);
    put(1, 20);
    put(2, 5);
    while (!list_empty(&batcher.entries)) {
        b = take_items(UINT64_MAX, 6);
        expect_bodies(b, first);
        first += (unsigned)b->items;
        batch_unref(b);
    }
    ck_assert_uint_eq(first, 32);
}
END_TEST

/* ---- cutting ---- */

START_TEST(no_batch_has_more_items_than_the_largest_size)
{
    put(0, 4);
    put(1, 25);
    expect_items(take_items(UINT64_MAX, 10), 10, 2, 0); /* 4 and the first 6 */
    expect_waiting(1, 19);
    expect_items(take_items(UINT64_MAX, 10), 10, 1, 1);
    expect_items(take_items(UINT64_MAX, 10), 9, 1, 1);
    expect_waiting(0, 0);
}
END_TEST

START_TEST(no_batch_has_more_bytes_than_the_largest_size)
{
    uint64_t items = 0;

    put(0, 100);
    put(1, 300);
    while (!list_empty(&batcher.entries)) {
        struct batch *b = take_bytes(UINT64_MAX, 256);

        ck_assert_uint_le(b->bytes, 256);
        ck_assert_uint_gt(b->bytes, !list_empty(&batcher.entries) ? 128 : 0); /* and it is not all crumbs */
        items += b->items;
        batch_unref(b);
    }
    ck_assert_uint_eq(items, 400);
}
END_TEST

START_TEST(gathering_stops_at_what_is_enough_though_more_would_fit)
{
    put(0, 10);
    put(1, 10);
    expect_items(take_items(10, 15), 10, 1, 0);
    expect_waiting(1, 10);
}
END_TEST

START_TEST(a_single_item_that_is_too_large_goes_alone)
{
    uint64_t one;

    put(0, 1);
    one = batcher.waiting.bytes;
    put(1, 3);
    expect_items(take_bytes(UINT64_MAX, one - 1), 1, 1, 0);
    for (int i = 0; i < 3; i++)
        expect_items(take_bytes(UINT64_MAX, 3), 1, 1, 1);
    expect_waiting(0, 0);
}
END_TEST

/* Of a byte each, under a resource of so many; the last record has a large body. */
static void put_headed(int entry, size_t head, unsigned items, size_t large)
{
    size_t group, resource, scope, record;
    struct block *block;
    struct buf b = { 0 }, text = { 0 };

    memset(buf_reserve(&text, head + large), 'x', head + large);
    group = pb_begin(&b, 1);
    resource = pb_begin(&b, 1);
    pb_put_bytes(&b, 333, bytes_of(text.data, head));
    pb_end(&b, resource);
    scope = pb_begin(&b, 2);
    for (unsigned i = 0; i < items; i++) {
        record = pb_begin(&b, 2);
        pb_put_bytes(&b, 333, bytes_of(text.data, i + 1 < items ? 10 : large));
        pb_end(&b, record);
    }
    pb_end(&b, scope);
    pb_end(&b, group);
    block = block_force(&rig.budget, b.len);
    memcpy(block->data, b.data, b.len);
    batcher_put(&batcher, &entries[entry], batch_new(SIGNAL_LOGS, block, bytes_of(block->data, b.len), items, 0));
    buf_free(&b);
    buf_free(&text);
}

START_TEST(a_batch_by_bytes_is_full_though_the_large_items_come_last)
{
    struct batch *b;

    put_headed(0, 10, 1000, 100000);
    b = take_bytes(UINT64_MAX, 5000); /* of the average size there would be room for 40 */
    ck_assert_uint_gt(b->bytes, 4800);
    ck_assert_uint_le(b->bytes, 5000);
    batch_unref(b);
}
END_TEST

START_TEST(items_that_cannot_be_in_a_smaller_batch_go_together)
{
    unsigned n = 0;

    put_headed(0, 100000, 20000, 0);
    for (; !list_empty(&batcher.entries); n++)
        batch_unref(take_bytes(UINT64_MAX, 50000));
    ck_assert_uint_le(n, 4);
    ck_assert_uint_eq(rig.budget.used, 0);
}
END_TEST

START_TEST(what_is_behind_a_cut_by_bytes_is_copied_once)
{
    uint64_t used;

    put_headed(0, 1000, 20000, 0);
    batch_unref(take_bytes(UINT64_MAX, 20000));
    used = rig.budget.used;
    while (!list_empty(&batcher.entries)) {
        batch_unref(take_bytes(UINT64_MAX, 20000));
        ck_assert_uint_le(rig.budget.used, used);
        used = rig.budget.used;
    }
}
END_TEST

START_TEST(what_does_not_fit_any_more_waits_for_the_next_batch)
{
    uint64_t first;

    put(0, 20);
    first = batcher.waiting.bytes;
    put(1, 2);
    expect_items(take_bytes(UINT64_MAX, first + 5), 20, 1, 0); /* not even one of the other */
    expect_items(take_bytes(UINT64_MAX, first + 5), 2, 1, 1);
}
END_TEST

START_TEST(a_cut_entry_has_its_tail_as_rest_until_it_is_used_up)
{
    put(0, 10);
    put(1, 1);
    expect_items(take_items(UINT64_MAX, 4), 4, 1, 0);
    ck_assert_ptr_eq(list_first(&batcher.entries, struct batcher_entry, link), &entries[0]);
    ck_assert_ptr_nonnull(entries[0].rest);
    ck_assert_uint_eq(entries[0].rest->items, 6);
    expect_waiting(2, 7);
    expect_items(take_items(UINT64_MAX, 6), 6, 1, 0);
    ck_assert_ptr_null(entries[0].rest);
    expect_waiting(1, 1);
}
END_TEST

START_TEST(who_puts_again_stands_behind_the_tail)
{
    put(0, 4);
    expect_items(take_items(UINT64_MAX, 3), 3, 1, 0);
    put(1, 2);
    expect_items(take_items(UINT64_MAX, 3), 3, 2, 0);
    expect_waiting(0, 0);
    put(2, 2); /* the line works after it was empty */
    expect_items(take_items(UINT64_MAX, 3), 2, 1, 2);
}
END_TEST

/* ---- told apart again ---- */

START_TEST(each_entry_gets_its_share_of_what_became_of_a_batch)
{
    struct outcome sent = { 0 }, sums[2] = { { 0 } };
    uint64_t rejected = 0;

    put(0, 4);
    put(1, 25);
    for (int round = 0; !list_empty(&batcher.entries); round++) {
        batch_unref(take_items(UINT64_MAX, 10));
        outcome_clear(&sent);
        if (round == 0)
            outcome_reject(&sent, 6, "bad", "six of the ten");
        for (size_t i = 0; i < taken.n; i++)
            outcome_add_part(&sums[taken.v[i].entry - entries], &sent, taken.v[i].items);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(sums[i].verdict, VERDICT_SAFE);
        ck_assert_uint_eq(losses_total(&sums[i].lost), sums[i].rejected);
        rejected += sums[i].rejected;
    }
    ck_assert_uint_eq(rejected, 6);
    ck_assert_uint_le(sums[0].rejected, 4);
}
END_TEST

START_TEST(a_slice_that_fails_makes_its_whole_entry_fail)
{
    struct outcome sent = { 0 }, sum = { 0 };

    put(0, 8);
    batch_unref(take_items(UINT64_MAX, 5));
    outcome_add_part(&sum, &sent, taken.v[0].items);
    ck_assert_int_eq(sum.verdict, VERDICT_SAFE);
    batch_unref(take_items(UINT64_MAX, 5));
    sent.verdict = VERDICT_RETRY;
    sent.reason = "unavailable";
    outcome_add_part(&sum, &sent, taken.v[0].items);
    ck_assert_int_eq(sum.verdict, VERDICT_RETRY);
    ck_assert_str_eq(sum.reason, "unavailable");
}
END_TEST

/* ---- whole entries ---- */

START_TEST(whole_entries_of_one_metadata_go_together_as_far_as_they_fit)
{
    uint64_t each;

    put(0, 5);
    each = batcher.waiting.bytes;
    for (int i = 1; i < 6; i++)
        put(i, 5);
    expect_items(take_whole(2 * each, 0), 10, 2, 0);
    expect_items(take_whole(100 * each, 3), 15, 3, 2);
    expect_items(take_whole(0, 0), 5, 1, 5); /* 0 bytes: one by one */
}
END_TEST

START_TEST(the_first_whole_entry_goes_in_any_case)
{
    put(0, 1000);
    put(1, 1);
    expect_items(take_whole(10, 0), 1000, 1, 0);
    expect_waiting(1, 1);
}
END_TEST

START_TEST(whole_entries_of_other_metadata_stay_apart)
{
    const struct metadata_entry e = { bytes_str("x-tenant"), bytes_str("a") };
    struct metadata *a = metadata_new(&e, 1), *same_values = metadata_new(&e, 1);

    put_for(0, 1, a);
    put_for(1, 2, a);
    put_for(2, 4, same_values); /* another one, whatever it says */
    put(3, 8);
    expect_items(take_whole(1000, 0), 3, 2, 0);
    expect_items(take_whole(1000, 0), 4, 1, 2);
    expect_items(take_whole(1000, 0), 8, 1, 3);
    metadata_unref(a);
    metadata_unref(same_values);
}
END_TEST

/* ---- removing ---- */

START_TEST(an_entry_that_is_removed_brings_its_rest)
{
    put(0, 10);
    put(1, 2);
    batch_unref(take_items(UINT64_MAX, 4));
    ck_assert_ptr_eq(batcher_remove(&batcher), &entries[0]);
    ck_assert_uint_eq(entries[0].rest->items, 6);
    expect_waiting(1, 2);
    batch_unref(entries[0].rest);
    batch_unref(take_items(1, 0));
    ck_assert_ptr_null(batcher_remove(&batcher));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("batcher");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, whole_entries_are_gathered_until_they_are_enough);
    tcase_add_test(tc, what_is_not_enough_goes_out_too);
    tcase_add_test(tc, nothing_is_cut_without_a_largest_size);
    tcase_add_test(tc, items_leave_in_the_order_in_which_they_came);
    tcase_add_test(tc, no_batch_has_more_items_than_the_largest_size);
    tcase_add_test(tc, no_batch_has_more_bytes_than_the_largest_size);
    tcase_add_test(tc, gathering_stops_at_what_is_enough_though_more_would_fit);
    tcase_add_test(tc, a_single_item_that_is_too_large_goes_alone);
    tcase_add_test(tc, a_batch_by_bytes_is_full_though_the_large_items_come_last);
    tcase_add_test(tc, items_that_cannot_be_in_a_smaller_batch_go_together);
    tcase_add_test(tc, what_is_behind_a_cut_by_bytes_is_copied_once);
    tcase_add_test(tc, what_does_not_fit_any_more_waits_for_the_next_batch);
    tcase_add_test(tc, a_cut_entry_has_its_tail_as_rest_until_it_is_used_up);
    tcase_add_test(tc, who_puts_again_stands_behind_the_tail);
    tcase_add_test(tc, each_entry_gets_its_share_of_what_became_of_a_batch);
    tcase_add_test(tc, a_slice_that_fails_makes_its_whole_entry_fail);
    tcase_add_test(tc, whole_entries_of_one_metadata_go_together_as_far_as_they_fit);
    tcase_add_test(tc, the_first_whole_entry_goes_in_any_case);
    tcase_add_test(tc, whole_entries_of_other_metadata_stay_apart);
    tcase_add_test(tc, an_entry_that_is_removed_brings_its_rest);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
