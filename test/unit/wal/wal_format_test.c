/* SPDX-License-Identifier: Apache-2.0 */
/* What a state says of records that are settled in part. */
#include "wal/wal_format.h"

#include <check.h>
#include <stdlib.h>

static struct wal_state state, back;
static struct buf record;

static void set_up(void)
{
    state = (struct wal_state){ .last = 1000 };
    back = (struct wal_state){ 0 };
    record = (struct buf){ 0 };
    state.totals.appended = 100000;
}

static void tear_down(void)
{
    wal_state_free(&state);
    wal_state_free(&back);
    buf_free(&record);
}

static void settle(uint64_t seq, uint64_t first, uint64_t last)
{
    wal_state_settle_piece(&state, &(struct wal_piece){ seq, first, last });
}

static void check_pieces(const struct wal_state *s, const struct wal_piece *expected, size_t n)
{
    ck_assert_uint_eq(s->pieces.n, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(s->pieces.v[i].seq, expected[i].seq);
        ck_assert_uint_eq(s->pieces.v[i].first, expected[i].first);
        ck_assert_uint_eq(s->pieces.v[i].last, expected[i].last);
    }
}

static struct bytes content(void)
{
    struct wal_record r;

    record.len = 0;
    wal_state_put(&record, &state);
    ck_assert(wal_record_peek(&r, record.data, record.len));
    ck_assert(wal_record_intact(&r, record.data));
    return bytes_of(record.data + WAL_RECORD_HEAD, r.length - WAL_RECORD_HEAD);
}

START_TEST(of_some_records_those_that_are_held_are_counted)
{
    set_up();
    wal_state_settle(&state, 1, 10);
    wal_state_settle(&state, 20, 29);
    wal_state_settle(&state, 40, 40);
    ck_assert_uint_eq(wal_state_held_in(&state, 1, 10), 0);
    ck_assert_uint_eq(wal_state_held_in(&state, 5, 12), 2);
    ck_assert_uint_eq(wal_state_held_in(&state, 15, 24), 5);
    ck_assert_uint_eq(wal_state_held_in(&state, 22, 45), 15);
    ck_assert_uint_eq(wal_state_held_in(&state, 1, 5000), wal_state_held(&state));
    tear_down();
}
END_TEST

START_TEST(pieces_of_a_record_join_and_go_when_it_is_settled)
{
    static const struct wal_piece apart[] = { { 4, 2, 3 }, { 7, 0, 0 }, { 7, 5, 6 }, { 9, 1, 1 } };
    static const struct wal_piece joined[] = { { 4, 2, 3 }, { 7, 0, 8 }, { 9, 1, 1 } };
    static const struct wal_piece left[] = { { 4, 2, 3 }, { 9, 1, 1 } };
    size_t n;

    set_up();
    settle(9, 1, 1);
    settle(7, 5, 6);
    settle(4, 2, 3);
    settle(7, 0, 0);
    check_pieces(&state, apart, 4);
    ck_assert_uint_eq(wal_state_piece_items(&state, 5, 8), 3);
    settle(7, 7, 8);
    settle(7, 1, 4);
    check_pieces(&state, joined, 3);
    ck_assert_ptr_eq(wal_state_pieces(&state, 7, &n), &state.pieces.v[1]);
    ck_assert_uint_eq(n, 1);
    ck_assert_ptr_null(wal_state_pieces(&state, 8, &n));
    ck_assert_uint_eq(n, 0);
    wal_state_settle(&state, 5, 8);
    check_pieces(&state, left, 2);
    wal_state_settle(&state, 1, 1000);
    ck_assert_uint_eq(state.pieces.n, 0);
    tear_down();
}
END_TEST

START_TEST(a_state_says_which_items_are_settled)
{
    static const struct wal_piece pieces[] = { { 40, 2, 3 }, { 70, 5, 6 } };

    set_up();
    wal_state_settle(&state, 1, 30);
    wal_state_settle(&state, 50, 60);
    settle(40, 2, 3);
    settle(70, 5, 6);
    state.totals.delivered = 500;
    ck_assert(wal_state_read(&back, content()));
    check_pieces(&back, pieces, 2);
    ck_assert_uint_eq(back.floor, 30);
    ck_assert_uint_eq(back.settled.n, 1);
    ck_assert_uint_eq(back.totals.delivered, 500);
    tear_down();
}
END_TEST

START_TEST(a_state_of_version_1_is_read_and_has_no_pieces)
{
    struct bytes c;

    set_up();
    wal_state_settle(&state, 1, 30);
    c = content();
    c.len -= 8;
    *vec_push(&back.pieces) = (struct wal_piece){ 1, 1, 1 };
    ck_assert(wal_state_read(&back, c));
    ck_assert_uint_eq(back.floor, 30);
    ck_assert_uint_eq(back.pieces.n, 0);
    tear_down();
}
END_TEST

/* They come again after a crash, and are held again: nothing is counted twice. */
START_TEST(what_a_state_has_no_room_for_is_not_in_its_sums)
{
    set_up();
    state.totals.delivered = 10;
    wal_totals_drop(&state.totals, "bad", 1000);
    for (uint64_t i = 0; i < WAL_PIECES_MAX + 10; i++)
        settle(2 + i, 1, 2);
    ck_assert(wal_state_read(&back, content()));
    ck_assert_uint_eq(back.pieces.n, WAL_PIECES_MAX);
    ck_assert_uint_eq(back.totals.delivered, 0);
    ck_assert_uint_eq(back.totals.dropped[0].items, 990);
    ck_assert_uint_eq(state.totals.delivered, 10);
    tear_down();
}
END_TEST

/* The largest state has to leave a half of a segment's reserve, 16 KiB, free. */
START_TEST(a_state_is_bounded)
{
    char reason[] = "a";

    set_up();
    for (; reason[0] < 'a' + WAL_REASONS + 2; reason[0]++)
        wal_totals_drop(&state.totals, reason, 1);
    for (uint64_t i = 0; i < 2000; i++) {
        wal_state_settle(&state, 10 + 2 * i, 10 + 2 * i);
        settle(11 + 2 * i, 1, 2);
    }
    ck_assert_uint_lt(content().len + WAL_RECORD_HEAD, 13 * 1024ul);
    ck_assert(wal_state_read(&back, content()));
    tear_down();
}
END_TEST

static void write64(struct bytes c, size_t at, uint64_t v)
{
    memcpy((uint8_t *)(uintptr_t)c.data + at, &v, sizeof(v));
}

/* Behind 24 bytes and a count: record, first, last of each. */
START_TEST(a_state_whose_pieces_cannot_be_is_none)
{
    static const struct {
        size_t at;
        uint64_t value;
    } wrong[] = {
        { 24, 3 },               /* more than there are */
        { 24, UINT64_MAX / 24 }, /* a length that overflows */
        { 32, 0 },               /* no record */
        { 32, 8 },               /* behind the next one */
        { 40, 4 },               /* ends before it begins */
        { 48, 5 },               /* goes into the next one */
        { 72, UINT64_MAX },      /* more items than a record has bytes */
    };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct bytes c;

        set_up();
        settle(7, 2, 3);
        settle(7, 5, 6);
        c = content();
        ck_assert_uint_eq(c.len, 32 + 48);
        write64(c, wrong[i].at, wrong[i].value);
        ck_assert_msg(!wal_state_read(&back, c), "case %zu was taken", i);
        tear_down();
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wal_format");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, of_some_records_those_that_are_held_are_counted);
    tcase_add_test(tc, pieces_of_a_record_join_and_go_when_it_is_settled);
    tcase_add_test(tc, a_state_says_which_items_are_settled);
    tcase_add_test(tc, a_state_of_version_1_is_read_and_has_no_pieces);
    tcase_add_test(tc, what_a_state_has_no_room_for_is_not_in_its_sums);
    tcase_add_test(tc, a_state_is_bounded);
    tcase_add_test(tc, a_state_whose_pieces_cannot_be_is_none);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
