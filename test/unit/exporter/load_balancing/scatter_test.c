/* SPDX-License-Identifier: Apache-2.0 */
/* Random requests are taken apart at random. What each item is, and what it is in, must be found again in its part, in
 * the order that it had. */
#include "exporter/load_balancing/scatter.h"

#include "base/loop/turn.h"
#include "otlp/view.h"
#include "otlp/validate.h"
#include "support/random_message.h"

#include <check.h>
#include <stdlib.h>

#define PARTS 4

typedef VEC(uint64_t) prints;

static struct turn turn;
static struct budget budget;
static struct scatter scatter;
static uint64_t state;

/* ---- what an item is ---- */

struct noting {
    prints parts[PARTS]; /* by where it goes */
    size_t n;
    uint64_t dropped;
};

static uint64_t mix(uint64_t print, struct bytes b)
{
    return (print ^ bytes_hash(b) ^ b.len) * 0x9e3779b97f4a7c15;
}

static uint64_t print_of(const struct scatter_item *item)
{
    struct resource_group_view r = resource_group_view(item->resource_group);
    struct scope_group_view s = scope_group_view(item->scope_group);
    struct metric_view m = metric_view(item->metric);
    struct data_view d = data_view(m.data);
    uint64_t print = mix(mix(mix(mix(mix(1, item->item), r.resource), r.schema_url), s.scope), s.schema_url);

    print = mix(mix(mix(print, m.name), m.unit), m.description);
    return print * 31 + d.temporality * 7 + d.monotonic * 3 + item->data;
}

static uint32_t note(void *arg, const struct scatter_item *item)
{
    struct noting *n = arg;
    uint32_t to = n->n == 1 ? 0 : (uint32_t)random_below(&state, n->n + 1);

    if (to == n->n) {
        n->dropped++;
        return SCATTER_DROP;
    }
    *vec_push(&n->parts[to]) = print_of(item);
    return to;
}

static void clear(struct noting *n)
{
    for (size_t i = 0; i < PARTS; i++)
        vec_free(&n->parts[i]);
}

/* ---- requests ---- */

static struct batch *random_batch(enum signal signal)
{
    struct batch *parts[2];

    for (size_t i = 0; i < 2; i++) {
        struct buf raw = { 0 }, b = { 0 };
        struct block *block;

        random_message_put(&raw, signal_table[signal].request, &state, 3, 7);
        canonical_put(&b, signal_table[signal].request, buf_bytes(&raw));
        block = block_force(&budget, b.len);
        if (b.len > 0)
            memcpy(block->data, b.data, b.len);
        parts[i] = batch_new(signal, block, bytes_of(block->data, b.len), path_count(buf_bytes(&b), 0, signal), 5);
        buf_free(&raw);
        buf_free(&b);
    }
    return batch_merge(parts, 2);
}

static void check_part(const struct batch *part, const prints *want)
{
    struct noting got = { .n = 1 };
    struct scatter again = { 0 };
    struct batch *same;

    ck_assert_uint_eq(part->items, want->n);
    ck_assert_uint_eq(part->arrival, 5);
    scatter_batch(&again, (struct batch *)(uintptr_t)part, 1, note, &got, &budget, &same);
    ck_assert_ptr_eq(same, part);
    batch_unref(same);
    ck_assert_uint_eq(got.parts[0].n, want->n);
    ck_assert(memcmp(got.parts[0].v, want->v, want->n * sizeof(*want->v)) == 0);
    clear(&got);
    scatter_free(&again);
}

static void take_apart(enum signal signal)
{
    struct batch *b = random_batch(signal), *out[PARTS];
    struct noting want = { .n = PARTS };
    uint64_t items = 0;

    scatter_batch(&scatter, b, PARTS, note, &want, &budget, out);
    ck_assert_uint_eq(scatter.dropped, want.dropped);
    for (size_t i = 0; i < PARTS; i++) {
        ck_assert_int_eq(out[i] != NULL, want.parts[i].n > 0);
        if (out[i] == NULL)
            continue;
        items += out[i]->items;
        check_part(out[i], &want.parts[i]);
        batch_unref(out[i]);
    }
    ck_assert_uint_eq(items + want.dropped, b->items);
    clear(&want);
    batch_unref(b);
}

START_TEST(each_item_is_in_its_part_with_all_that_it_was_in)
{
    state = 42;
    for (unsigned i = 0; i < 1000; i++)
        for (enum signal s = SIGNAL_TRACES; s <= SIGNAL_LOGS; s++)
            take_apart(s);
    scatter_free(&scatter);
    ck_assert_uint_eq(budget.used, 0);
}
END_TEST

static uint32_t choose_second(void *arg, const struct scatter_item *item)
{
    (void)arg;
    (void)item;
    return 1;
}

START_TEST(what_goes_to_one_part_is_not_copied)
{
    struct batch *b, *out[2];

    state = 7;
    do
        b = random_batch(SIGNAL_LOGS);
    while (b->items == 0 && (batch_unref(b), true));
    scatter_batch(&scatter, b, 2, choose_second, NULL, &budget, out);
    ck_assert_ptr_null(out[0]);
    ck_assert_ptr_eq(out[1], b);
    ck_assert_uint_eq(scatter.used.n, 1);
    ck_assert_uint_eq(scatter.used.v[0], 1);
    batch_unref(b);
    batch_unref(b);
    scatter_free(&scatter);
}
END_TEST

static uint32_t choose_in_turn(void *arg, const struct scatter_item *item)
{
    (void)item;
    return (*(uint32_t *)arg)++;
}

/* One resource of 10000 bytes, 50 spans. */
static struct batch *heavy_batch(void)
{
    static const char schema[10000] = "s";
    struct buf b = { 0 };
    size_t group = pb_begin(&b, OTLP_REQUEST_RESOURCES), scope;
    struct block *block;

    pb_put_bytes(&b, OTLP_RESOURCE_GROUP_SCHEMA_URL, bytes_of(schema, sizeof(schema)));
    scope = pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES);
    for (int i = 0; i < 50; i++)
        pb_put_bytes(&b, OTLP_SCOPE_GROUP_ITEMS, (struct bytes){ NULL, 0 });
    pb_end(&b, scope);
    pb_end(&b, group);
    block = block_force(&budget, b.len);
    memcpy(block->data, b.data, b.len);
    buf_free(&b);
    return batch_new(SIGNAL_TRACES, block, bytes_of(block->data, block->cap), 50, 5);
}

START_TEST(parts_that_repeat_much_need_room)
{
    struct batch *b = heavy_batch(), *out[50];
    uint64_t limit = budget.limit;
    uint32_t next = 0;

    budget_set_limit(&budget, 400000);
    ck_assert_uint_gt(scatter_batch(&scatter, b, 50, choose_in_turn, &next, &budget, out), 500000);
    for (size_t i = 0; i < 50; i++)
        ck_assert_ptr_null(out[i]);
    budget_set_limit(&budget, 2000000);
    next = 0;
    ck_assert_uint_eq(scatter_batch(&scatter, b, 50, choose_in_turn, &next, &budget, out), 0);
    ck_assert_uint_gt(budget.used, 500000);
    for (size_t i = 0; i < 50; i++)
        batch_unref(out[i]);
    batch_unref(b);
    scatter_free(&scatter);
    ck_assert_uint_eq(budget.used, 0);
    budget_set_limit(&budget, limit);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scatter");
    TCase *t = tcase_create("scatter");
    SRunner *runner;
    int failed;

    turn_init(&turn);
    budget_init(&budget, 1ull << 30, &turn);
    tcase_add_test(t, each_item_is_in_its_part_with_all_that_it_was_in);
    tcase_add_test(t, what_goes_to_one_part_is_not_copied);
    tcase_add_test(t, parts_that_repeat_much_need_room);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
