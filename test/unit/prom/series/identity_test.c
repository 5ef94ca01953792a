/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/series/identity.h"

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

START_TEST(an_identity_is_its_parent_and_its_bytes)
{
    static struct {
        struct identity id;
        uint8_t raw[4];
    } parent, child;
    struct identity_key key = { .raw = bytes_str("abcd") };

    table_init(&table, identity_hash_of, &budget);
    key.hash = identity_hash(9, key.raw);
    parent.id = child.id = (struct identity){ .hash = key.hash, .raw_len = 4, .raw_at = sizeof(struct identity) };
    child.id.parent = &parent.id;
    memcpy(parent.raw, "abcd", 4);
    memcpy(child.raw, "abcd", 4);
    ck_assert(table_insert(&table, &child, key.hash));
    ck_assert_ptr_null(identity_find(&table, &key));
    key.parent = &parent.id;
    ck_assert_ptr_eq(identity_find(&table, &key), &child.id);
    key.raw = bytes_str("abce"); /* the same hash: other bytes all the same */
    ck_assert_ptr_null(identity_find(&table, &key));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("identity");
    TCase *t = tcase_create("identity");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_identity_is_its_parent_and_its_bytes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
