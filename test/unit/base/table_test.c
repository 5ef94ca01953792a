/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <check.h>
#include <stdlib.h>

static struct budget budget;
static struct turn turn;
static struct table table;

static void setup(void)
{
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
}

static void teardown(void)
{
    table_free(&table);
    ck_assert_uint_eq(budget.used, 0);
}

struct entry {
    uint64_t hash, key;
};

static uint64_t hash_of(const void *entry)
{
    return ((const struct entry *)entry)->hash;
}

static bool same(const void *entry, const void *key)
{
    return ((const struct entry *)entry)->key == *(const uint64_t *)key;
}

static uint64_t mixed(uint64_t key)
{
    return bytes_hash(bytes_of(&key, sizeof(key)));
}

START_TEST(every_entry_is_found_while_the_table_grows_and_shrinks)
{
    const uint64_t n = 20000;
    struct entry *all = calloc(n, sizeof(*all));

    table_init(&table, hash_of, &budget);
    for (uint64_t i = 0; i < n; i++) {
        all[i] = (struct entry){ mixed(i), i };
        ck_assert(table_insert(&table, &all[i], all[i].hash));
        if (i % 3 == 0)
            table_remove(&table, &all[i], all[i].hash);
        for (uint64_t k = i > 20 ? i - 20 : 0; k <= i; k++)
            ck_assert_ptr_eq(table_find(&table, mixed(k), same, &k), k % 3 == 0 ? NULL : &all[k]);
    }
    for (uint64_t k = 0; k < n; k++)
        ck_assert_ptr_eq(table_find(&table, mixed(k), same, &k), k % 3 == 0 ? NULL : &all[k]);
    ck_assert_uint_eq(table.n, n - (n + 2) / 3);
    for (uint64_t k = 0; k < n; k++)
        if (k % 3 != 0)
            table_remove(&table, &all[k], all[k].hash);
    ck_assert_uint_eq(table.n, 0);
    free(all);
}
END_TEST

START_TEST(after_a_burst_the_table_gets_small_again_and_may_grow_meanwhile)
{
    const uint64_t n = 40000, stay = 100;
    struct entry *all = calloc(2 * n, sizeof(*all));
    uint64_t after;

    table_init(&table, hash_of, &budget);
    for (uint64_t i = 0; i < 2 * n; i++)
        all[i] = (struct entry){ mixed(i), i };
    for (uint64_t i = 0; i < n; i++)
        ck_assert(table_insert(&table, &all[i], all[i].hash));
    for (uint64_t i = stay; i < n; i++)
        table_remove(&table, &all[i], all[i].hash);
    for (int i = 0; i < (_i == 0 ? 2000 : 10); i++)
        table_settle(&table, 256);
    after = table_size(&table);
    if (_i == 0)
        ck_assert_uint_le(after, 4096 * sizeof(uint64_t));
    for (uint64_t i = n; i < 2 * n; i++) /* the next burst, while it shrinks */
        ck_assert(table_insert(&table, &all[i], all[i].hash));
    for (uint64_t i = 0; i < 2 * n; i++)
        ck_assert_ptr_eq(table_find(&table, mixed(i), same, &i), i < stay || i >= n ? &all[i] : NULL);
    free(all);
}
END_TEST

START_TEST(coming_and_going_does_not_make_the_table_larger)
{
    static struct entry all[300];

    table_init(&table, hash_of, &budget);
    for (uint64_t i = 0; i < 100000; i++) {
        struct entry *e = &all[i % 300];

        if (i >= 300)
            table_remove(&table, e, e->hash);
        *e = (struct entry){ mixed(i), i };
        ck_assert(table_insert(&table, e, e->hash));
    }
    ck_assert_uint_le(table.mask + 1, 2048);
}
END_TEST

START_TEST(a_crowded_place_refuses_and_the_others_go_on)
{
    static struct entry all[TABLE_PROBES + 10];
    uint64_t refused = 0;
    struct entry other = { mixed(7), 7 };

    table_init(&table, hash_of, &budget);
    for (uint64_t i = 0; i < TABLE_PROBES + 10; i++) {
        all[i] = (struct entry){ 42, i + 100 };
        refused += !table_insert(&table, &all[i], 42);
    }
    ck_assert_uint_ge(refused, 1);
    ck_assert(table_insert(&table, &other, other.hash));
    ck_assert_ptr_eq(table_find(&table, other.hash, same, &other.key), &other);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("table");
    TCase *t = tcase_create("table");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60); /* the machine may have other work */
    tcase_add_test(t, every_entry_is_found_while_the_table_grows_and_shrinks);
    tcase_add_loop_test(t, after_a_burst_the_table_gets_small_again_and_may_grow_meanwhile, 0, 2);
    tcase_add_test(t, coming_and_going_does_not_make_the_table_larger);
    tcase_add_test(t, a_crowded_place_refuses_and_the_others_go_on);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
