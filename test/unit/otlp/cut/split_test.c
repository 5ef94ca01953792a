/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/turn.h"
#include "codec/pb.h"
#include "otlp/batch.h"
#include "otlp/cut/cutter.h"
#include "otlp/validate.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct turn turn;
static struct budget budget;
static struct buf b;
static unsigned serial; /* each item carries its number, so that order can be seen */

static void put_name(uint32_t field, const char *kind, unsigned i)
{
    char text[32];

    snprintf(text, sizeof(text), "%s-%u", kind, i);
    pb_put_str(&b, field, text);
}

static void put_item(enum signal s)
{
    size_t item = pb_begin(&b, s == SIGNAL_METRICS ? 1 : 2);

    pb_put_fixed64(&b, s == SIGNAL_TRACES ? 7 : s == SIGNAL_METRICS ? 3 : 1, ++serial);
    pb_end(&b, item);
}

static void put_scope(enum signal s, unsigned r, unsigned i, unsigned items)
{
    size_t scope = pb_begin(&b, 2), head = pb_begin(&b, 1);

    put_name(1, "scope", i);
    pb_end(&b, head);
    for (unsigned k = 0; k < items; k++) {
        size_t metric = 0, data = 0;

        if (s == SIGNAL_METRICS) { /* two points in each metric */
            static const uint32_t kinds[] = { 5, 7, 9, 10, 11 };

            metric = pb_begin(&b, 2);
            put_name(1, "metric", k);
            data = pb_begin(&b, kinds[(r + k) % 5]);
            put_item(s);
            if ((r + k) % 5 != 0 && (r + k) % 5 != 4)
                pb_put_uint(&b, 2, 2);
        }
        put_item(s);
        if (s == SIGNAL_METRICS) {
            pb_end(&b, data);
            pb_end(&b, metric);
        }
    }
    pb_put_str(&b, 3, "schema");
    pb_end(&b, scope);
}

static struct batch *make(enum signal s, unsigned resources, unsigned scopes, unsigned items)
{
    struct validation v;
    struct block *block;

    b.len = 0;
    for (unsigned r = 0; r < resources; r++) {
        size_t resource = pb_begin(&b, 1), head = pb_begin(&b, 1);

        pb_put_uint(&b, 2, r + 1);
        pb_end(&b, head);
        for (unsigned i = 0; i < scopes; i++)
            put_scope(s, r, i, items);
        pb_put_str(&b, 3, "resource-schema");
        pb_end(&b, resource);
    }
    ck_assert_msg(otlp_validate(s, buf_bytes(&b), &v), "%s", v.fault);
    block = block_force(&budget, b.len);
    memcpy(block->data, b.data, b.len);
    return batch_new(s, block, bytes_of(block->data, b.len), v.items, 7);
}

/* The items' numbers, in order, each with a hash of all that stands above it. */
static void collect(struct bytes message, enum signal s, unsigned level, uint64_t above, struct buf *out)
{
    unsigned depth = s == SIGNAL_METRICS ? 4 : 2;
    struct pb_reader r = pb_reader(message);
    struct pb_field f;

    for (int pass = 0; pass < 2; pass++) {
        r = pb_reader(message);
        while (pb_next(&r, &f)) {
            bool child = f.wire == PB_LEN && (level == 0 || level == 4 ? f.number == 1
                                              : level == 3             ? f.number >= 5 && f.number <= 11
                                                                       : f.number == 2);

            if (pass == 0 && !child && level <= depth)
                above = above * 31 + bytes_hash(bytes_of(f.start, (size_t)(r.p - f.start)));
            if (pass == 1 && child && level < depth)
                collect(f.bytes, s, level + 1, above * 31 + f.number, out);
            if (pass == 1 && child && level == depth)
                buf_printf(out, "%llx %llu\n", (unsigned long long)above,
                           (unsigned long long)pb_load64(f.bytes.data + 1));
        }
    }
}

static void collect_batch(const struct batch *batch, struct buf *out)
{
    uint64_t items = 0;

    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct validation v;
        struct bytes data = bytes_of(batch->segments[i].data, batch->segments[i].len);

        ck_assert_msg(otlp_validate(batch->signal, data, &v), "%s", v.fault);
        items += v.items;
        collect(data, batch->signal, 0, 0, out);
    }
    ck_assert_uint_eq(items, batch->items);
}

static void check_all_cuts(enum signal s)
{
    struct batch *parts[3] = { make(s, 2, 2, 3), make(s, 1, 1, 1), make(s, 1, 3, 5) };
    struct batch *whole = batch_merge(parts, 3);
    struct buf want = { 0 }, got = { 0 };

    collect_batch(whole, &want);
    for (uint64_t at = 1; at < whole->items; at++) {
        struct batch *head, *tail;

        got.len = 0;
        batch_split(whole, at, at, &budget, &head, &tail);
        ck_assert_uint_eq(head->items, at);
        ck_assert_uint_eq(head->arrival, 7);
        collect_batch(head, &got);
        collect_batch(tail, &got);
        ck_assert_str_eq(buf_cstr(&got), buf_cstr(&want));
        batch_unref(head);
        batch_unref(tail);
    }
    batch_unref(whole);
    buf_free(&want);
    buf_free(&got);
}

static void setup(void)
{
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
}

static void teardown(void)
{
    ck_assert_uint_eq(budget.used, 0);
    buf_free(&b);
}

START_TEST(every_cut_keeps_all_items_their_order_and_what_stands_above_them)
{
    check_all_cuts((enum signal)_i);
}
END_TEST

START_TEST(cutting_again_by_the_same_number_copies_nothing_more)
{
    struct batch *rest = make(SIGNAL_LOGS, 1, 1, 1000);
    uint64_t used = 0;

    for (int i = 0; i < 99; i++) {
        struct batch *head, *tail;

        batch_split(rest, 10, 10, &budget, &head, &tail);
        batch_unref(rest);
        batch_unref(head);
        rest = tail;
        if (i > 0)
            ck_assert_uint_lt(budget.used, used);
        used = budget.used;
    }
    ck_assert_uint_eq(rest->items, 10);
    batch_unref(rest);
}
END_TEST

/* Items `first` to `last`, and the one behind the next, are left out. */
static void check_without(struct batch *whole, uint64_t first, uint64_t last, const struct buf *lines)
{
    struct item_range out[] = { { first, last }, { last + 2, last + 2 } };
    size_t n = last + 2 < whole->items ? 2 : 1;
    struct buf want = { 0 }, got = { 0 };
    const char *line = buf_cstr((struct buf *)(uintptr_t)lines);
    struct batch *left = batch_without(batch_ref(whole), out, n, &budget);

    for (uint64_t i = 0; i < whole->items; i++) {
        size_t length = strcspn(line, "\n") + 1;

        if (i < first || (i > last && (n == 1 || i != last + 2)))
            buf_append(&want, line, length);
        line += length;
    }
    if (left != NULL)
        collect_batch(left, &got);
    ck_assert_str_eq(buf_cstr(&got), buf_cstr(&want));
    ck_assert(left != NULL || want.len == 0);
    if (left != NULL)
        batch_unref(left);
    buf_free(&want);
    buf_free(&got);
}

START_TEST(what_is_left_out_is_gone_and_nothing_else)
{
    enum signal s = (enum signal)_i;
    struct batch *parts[2] = { make(s, 2, 1, 3), make(s, 1, 2, 2) };
    struct batch *whole = batch_merge(parts, 2);
    struct buf lines = { 0 };

    collect_batch(whole, &lines);
    for (uint64_t first = 0; first < whole->items; first++)
        for (uint64_t last = first; last < whole->items; last++)
            check_without(whole, first, last, &lines);
    batch_unref(whole);
    buf_free(&lines);
}
END_TEST

/* Every part fits, or is one item; together they are what they were cut from. */
static void check_cut(struct batch *whole, uint64_t most, const struct buf *want, struct buf *got)
{
    batch_parts parts = { 0 };

    got->len = 0;
    batch_cut(whole, most, &budget, &parts);
    for (size_t i = 0; i < parts.n; i++) {
        ck_assert(parts.v[i]->bytes <= most || parts.v[i]->items == 1);
        ck_assert_uint_eq(parts.v[i]->arrival, 7);
        collect_batch(parts.v[i], got);
        batch_unref(parts.v[i]);
    }
    ck_assert_str_eq(buf_cstr(got), buf_cstr((struct buf *)(uintptr_t)want));
    vec_free(&parts);
}

START_TEST(a_cut_by_bytes_fits_everywhere_and_loses_nothing)
{
    enum signal s = (enum signal)_i;
    struct batch *parts[3] = { make(s, 2, 2, 3), make(s, 1, 1, 1), make(s, 1, 3, 5) };
    struct batch *whole = batch_merge(parts, 3);
    struct buf want = { 0 }, got = { 0 };

    collect_batch(whole, &want);
    for (uint64_t most = 1; most <= whole->bytes; most++)
        check_cut(whole, most, &want, &got);
    batch_unref(whole);
    buf_free(&want);
    buf_free(&got);
}
END_TEST

START_TEST(a_cut_by_bytes_shares_what_fits_and_fills_its_parts)
{
    struct batch *parts[3] = { make(SIGNAL_LOGS, 1, 1, 10), make(SIGNAL_LOGS, 1, 1, 10), make(SIGNAL_LOGS, 1, 1, 10) };
    struct batch *whole = batch_merge(parts, 3);
    uint64_t used = budget.used, each = whole->segments[0].len;
    batch_parts cut = { 0 };

    batch_cut(whole, 2 * each, &budget, &cut);
    ck_assert_uint_eq(budget.used, used);
    ck_assert_uint_eq(cut.n, 2);
    ck_assert_uint_eq(cut.v[0]->items, 20);
    for (size_t i = 0; i < cut.n; i++)
        batch_unref(cut.v[i]);
    cut.n = 0;
    batch_cut(whole, each - 1, &budget, &cut); /* each of the three is cut in two */
    ck_assert_uint_le(cut.n, 6);
    for (size_t i = 0; i < cut.n; i++)
        batch_unref(cut.v[i]);
    vec_free(&cut);
    batch_unref(whole);
}
END_TEST

/* After `asked` parts one by one, the rest at once; or nothing, and all memory is given back. */
static void check_cutter(struct batch *whole, uint64_t most, size_t asked, bool rest, const struct buf *want)
{
    struct batch_cutter *c = batch_cutter_new(whole, most, UINT64_MAX, &budget);
    struct buf got = { 0 };
    uint64_t used = budget.used, items = 0;

    for (size_t i = 0; i <= asked && batch_cutter_left(c) > 0; i++) {
        struct batch *part = i < asked ? batch_cutter_next(c) : rest ? batch_cutter_rest(c) : NULL;

        if (part == NULL)
            break;
        items += part->items;
        ck_assert_uint_eq(batch_cutter_left(c), whole->items - items);
        collect_batch(part, &got);
        batch_unref(part);
    }
    if (batch_cutter_left(c) == 0) {
        ck_assert_ptr_null(batch_cutter_next(c));
        ck_assert_str_eq(buf_cstr(&got), buf_cstr((struct buf *)(uintptr_t)want));
    } else {
        ck_assert(!rest);
    }
    batch_cutter_free(c);
    ck_assert_uint_eq(budget.used, used);
    buf_free(&got);
}

START_TEST(what_is_cut_part_by_part_may_be_left_or_taken_whole_at_any_time)
{
    enum signal s = (enum signal)_i;
    struct batch *parts[3] = { make(s, 2, 2, 3), make(s, 1, 1, 1), make(s, 1, 3, 5) };
    struct batch *whole = batch_merge(parts, 3);
    struct buf want = { 0 };

    collect_batch(whole, &want);
    for (uint64_t most = 1; most <= whole->bytes; most += 17)
        for (size_t asked = 0; asked <= whole->items; asked++)
            for (int rest = 0; rest < 2; rest++)
                check_cutter(whole, most, asked, rest, &want);
    batch_unref(whole);
    buf_free(&want);
}
END_TEST

START_TEST(of_a_large_batch_no_more_is_copied_than_is_asked_for)
{
    struct batch *whole = make(SIGNAL_LOGS, 1, 1, 10000), *part;
    uint64_t used = budget.used, most = whole->bytes / 100;
    struct batch_cutter *c = batch_cutter_new(whole, most, UINT64_MAX, &budget);

    part = batch_cutter_next(c);
    ck_assert_uint_le(budget.used - used, 2 * most + 256);
    batch_unref(part);
    batch_cutter_free(c);
    batch_unref(whole);
}
END_TEST

/* Each piece begins with what stands above its items: who looked for that among all of them would not come to an
 * end. */
START_TEST(very_many_items_are_cut_one_by_one)
{
    enum { MANY = 200000 };
    struct batch *whole = make(SIGNAL_LOGS, 1, 1, MANY), *head, *tail;
    struct buf want = { 0 }, got = { 0 };

    collect_batch(whole, &want);
    batch_split(whole, 1, 1, &budget, &head, &tail);
    ck_assert_uint_gt(tail->n_segments, MANY / 20); /* some in each: they are worth what stands above them */
    collect_batch(head, &got);
    collect_batch(tail, &got);
    ck_assert(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
    batch_unref(head);
    batch_unref(tail);
    batch_unref(whole);
    buf_free(&want);
    buf_free(&got);
}
END_TEST

/* A resource of many bytes, and many items that are a few, the last one `large`. */
static struct batch *make_headed(size_t head, unsigned items, size_t large)
{
    static uint8_t text[100000];
    size_t group, resource, scope, item;
    struct block *block;

    b.len = 0;
    group = pb_begin(&b, 1);
    resource = pb_begin(&b, 1);
    pb_put_bytes(&b, 333, bytes_of(text, head));
    pb_end(&b, resource);
    scope = pb_begin(&b, 2);
    for (unsigned i = 0; i < items - (large > 0); i++)
        put_item(SIGNAL_LOGS);
    if (large > 0) {
        item = pb_begin(&b, 2);
        pb_put_fixed64(&b, 1, ++serial);
        pb_put_bytes(&b, 333, bytes_of(text, large));
        pb_end(&b, item);
    }
    pb_end(&b, scope);
    pb_end(&b, group);
    block = block_force(&budget, b.len);
    memcpy(block->data, b.data, b.len);
    return batch_new(SIGNAL_LOGS, block, bytes_of(block->data, b.len), items, 7);
}

/* All parts of `whole` are like it together. Returns how many there are; *bytes: in all of them. */
static size_t count_parts(struct batch *whole, uint64_t most, uint64_t largest, uint64_t *bytes)
{
    struct batch_cutter *c = batch_cutter_new(whole, most, largest, &budget);
    struct buf want = { 0 }, got = { 0 };
    struct batch *part;
    size_t n = 0;

    collect_batch(whole, &want);
    for (*bytes = 0; (part = batch_cutter_next(c)) != NULL; n++) {
        ck_assert(part->bytes <= most || part->items == 1 || part->bytes > largest);
        *bytes += part->bytes;
        collect_batch(part, &got);
        batch_unref(part);
    }
    ck_assert(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
    batch_cutter_free(c);
    buf_free(&want);
    buf_free(&got);
    return n;
}

START_TEST(items_that_cannot_fit_for_what_they_are_in_come_together)
{
    struct batch *whole = make_headed(100000, 20000, 0);
    uint64_t bytes;

    ck_assert_uint_le(count_parts(whole, 50000, 50000, &bytes), 4);
    ck_assert_uint_lt(bytes, 3 * whole->bytes);
    ck_assert_uint_le(count_parts(whole, 50000, 90000, &bytes), 4); /* a peer with less, and it may be more */
    batch_unref(whole);
}
END_TEST

START_TEST(an_item_that_just_fits_is_not_with_those_that_cannot)
{
    struct batch *one = make_headed(1000, 1, 0), *whole = make_headed(1000, 20, 0), *mixed = make_headed(1000, 20, 500);
    uint64_t bytes;

    ck_assert_uint_eq(count_parts(whole, 1, one->bytes, &bytes), 20);
    ck_assert_uint_eq(bytes, 20 * one->bytes);
    ck_assert_uint_lt(count_parts(whole, 1, one->bytes - 1, &bytes), 4);
    ck_assert_uint_eq(count_parts(mixed, one->bytes + 20, one->bytes + 20, &bytes), 11); /* two by two, and the last */
    batch_unref(one);
    batch_unref(whole);
    batch_unref(mixed);
}
END_TEST

START_TEST(every_second_item_is_left_out_in_one_copy)
{
    struct batch *whole = make_headed(10, 20001, 0), *left;
    struct item_range *out = calloc(10000, sizeof(*out));
    uint64_t used = budget.used;

    for (uint64_t i = 0; i < 10000; i++)
        out[i] = (struct item_range){ 2 * i + 1, 2 * i + 1 };
    left = batch_without(batch_ref(whole), out, 10000, &budget);
    ck_assert_uint_eq(left->items, 10001);
    ck_assert_uint_eq(left->n_segments, 1);
    ck_assert_uint_lt(budget.peak - used, whole->bytes);
    batch_unref(left);
    batch_unref(whole);
    free(out);
}
END_TEST

START_TEST(a_cut_by_bytes_in_two_fills_the_first_and_copies_the_rest_once)
{
    struct batch *rest = make_headed(10, 2000, 20000), *head, *tail;
    uint64_t used = 0, items = 0;
    struct buf want = { 0 }, got = { 0 };

    collect_batch(rest, &want);
    ck_assert(!batch_split_bytes(rest, 10, 1000, false, &budget, &head, &tail)); /* not even one */
    for (int i = 0; rest != NULL; i++) {
        ck_assert(batch_split_bytes(rest, 1000, 1000, true, &budget, &head, &tail));
        ck_assert(head->items == 1 || (head->bytes <= 1000 && head->bytes > 980) || tail->items == 1);
        collect_batch(head, &got);
        items += head->items;
        batch_unref(head);
        batch_unref(rest);
        rest = tail;
        ck_assert(i == 0 || budget.used < used + 1000);
        used = budget.used;
        if (rest != NULL && rest->items == 1) {
            collect_batch(rest, &got);
            batch_unref(rest);
            rest = NULL;
        }
    }
    ck_assert_uint_eq(items, 1999);
    ck_assert(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
    buf_free(&want);
    buf_free(&got);
}
END_TEST

/* Each piece of 10,000 bytes would have a few items, or one. */
START_TEST(a_cut_by_bytes_in_two_repeats_no_more_than_it_cuts)
{
    struct batch *rest = make_headed(_i == 0 ? 9900 : 9970, 2000, 0), *head, *tail;
    uint64_t bytes = rest->bytes, used = budget.used;
    struct buf want = { 0 }, got = { 0 };

    collect_batch(rest, &want);
    while (rest != NULL) {
        ck_assert(batch_split_bytes(rest, 10000, 10000, true, &budget, &head, &tail));
        ck_assert_uint_le(head->bytes, 10000);
        ck_assert_uint_lt(budget.used, used + 5 * bytes);
        collect_batch(head, &got);
        batch_unref(head);
        batch_unref(rest);
        rest = tail;
        if (rest != NULL && rest->bytes <= 10000) {
            collect_batch(rest, &got);
            batch_unref(rest);
            rest = NULL;
        }
    }
    ck_assert(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
    buf_free(&want);
    buf_free(&got);
}
END_TEST

START_TEST(what_is_repeated_is_no_more_than_what_is_cut)
{
    struct batch *whole = make_headed(100000, 10000, 0), *head, *tail;

    batch_split(whole, 10, 10, &budget, &head, &tail);
    ck_assert_uint_eq(head->items, 10);
    ck_assert_uint_eq(tail->items, 9990);
    ck_assert_uint_lt(budget.used, 4 * whole->bytes);
    batch_unref(head);
    batch_unref(tail);
    batch_unref(whole);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("split");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, every_cut_keeps_all_items_their_order_and_what_stands_above_them, 0, SIGNAL_PROFILES);
    tcase_add_loop_test(tc, what_is_left_out_is_gone_and_nothing_else, 0, SIGNAL_PROFILES);
    tcase_add_test(tc, cutting_again_by_the_same_number_copies_nothing_more);
    tcase_add_loop_test(tc, a_cut_by_bytes_fits_everywhere_and_loses_nothing, 0, SIGNAL_PROFILES);
    tcase_add_test(tc, a_cut_by_bytes_shares_what_fits_and_fills_its_parts);
    tcase_add_loop_test(tc, what_is_cut_part_by_part_may_be_left_or_taken_whole_at_any_time, 0, SIGNAL_PROFILES);
    tcase_add_test(tc, of_a_large_batch_no_more_is_copied_than_is_asked_for);
    tcase_add_test(tc, very_many_items_are_cut_one_by_one);
    tcase_add_loop_test(tc, a_cut_by_bytes_in_two_repeats_no_more_than_it_cuts, 0, 2);
    tcase_add_test(tc, what_is_repeated_is_no_more_than_what_is_cut);
    tcase_add_test(tc, items_that_cannot_fit_for_what_they_are_in_come_together);
    tcase_add_test(tc, an_item_that_just_fits_is_not_with_those_that_cannot);
    tcase_add_test(tc, every_second_item_is_left_out_in_one_copy);
    tcase_add_test(tc, a_cut_by_bytes_in_two_fills_the_first_and_copies_the_rest_once);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
