/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/metadata_table.h"

#include "base/mem.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MANY 300

struct thing {
    struct metadata_member member;
    int number;
};

static const char *const names[] = { "X-Tenant", "x-zone", NULL };
static const struct strings keys = { .v = (const char **)(uintptr_t)names, .n = 2 };
static struct metadata_table table;
static struct thing things[MANY];

static void set_up(void)
{
    metadata_table_init(&table, &keys);
    for (int i = 0; i < MANY; i++)
        things[i] = (struct thing){ .number = i };
}

static void tear_down(void)
{
    list_each (struct thing, t, &table.members, member.link)
        metadata_table_remove(&table, &t->member);
    metadata_table_free(&table);
}

static struct metadata *client(const char *tenant, const char *zone, const char *other)
{
    const struct metadata_entry e[] = {
        { bytes_str("other"), bytes_str(other) },
        { bytes_str("x-tenant"), bytes_str(tenant) },
        { bytes_str("x-zone"), bytes_str(zone) },
    };

    return metadata_new(e, 3);
}

static struct metadata *numbered(int i)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", i);
    return client(text, "a", text);
}

static struct thing *find(struct metadata *m)
{
    struct metadata_member *member = metadata_table_find(&table, m);

    metadata_unref(m);
    return member != NULL ? container_of(member, struct thing, member) : NULL;
}

static void add(struct thing *t, struct metadata *m)
{
    ck_assert_ptr_null(metadata_table_find(&table, m));
    metadata_table_add(&table, &t->member, m);
    metadata_unref(m);
}

START_TEST(members_are_found_by_the_values_of_the_keys_and_by_nothing_else)
{
    ck_assert_ptr_null(find(client("1", "a", "x")));
    add(&things[0], client("1", "a", "x"));
    add(&things[1], client("1", "b", "x"));
    add(&things[2], NULL); /* a client that says nothing is one of its own */
    ck_assert_ptr_eq(find(client("1", "a", "y")), &things[0]);
    ck_assert_ptr_eq(find(client("1", "b", "z")), &things[1]);
    ck_assert_ptr_null(find(client("1a", "", "x")));
    ck_assert_ptr_eq(find(NULL), &things[2]);
    ck_assert_ptr_null(things[2].member.metadata);
}
END_TEST

START_TEST(a_member_has_these_keys_of_the_metadata_and_no_others)
{
    const struct metadata *m;
    uint32_t at = 0;

    add(&things[0], client("1", "a", "x"));
    m = things[0].member.metadata;
    ck_assert_uint_eq(m->n, 2);
    ck_assert(bytes_is(metadata_find(m, bytes_str("x-tenant"), &at)->value, "1"));
    at = 0;
    ck_assert_ptr_null(metadata_find(m, bytes_str("other"), &at));
}
END_TEST

START_TEST(whoever_leaves_hides_nobody_else)
{
    for (int i = 0; i < MANY; i++)
        add(&things[i], numbered(i));
    for (int i = 0; i < MANY; i += 3)
        metadata_table_remove(&table, &things[i].member);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(find(numbered(i)), i % 3 == 0 ? NULL : &things[i]);
    ck_assert_uint_eq(table.n, MANY - MANY / 3);
    for (int i = 0; i < MANY; i += 3)
        add(&things[i], numbered(i));
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(find(numbered(i)), &things[i]);
}
END_TEST

START_TEST(members_stand_in_the_order_in_which_they_came)
{
    int before = -1;

    for (int i = 0; i < 20; i++)
        add(&things[i], numbered(i));
    metadata_table_remove(&table, &things[5].member);
    list_each (struct thing, t, &table.members, member.link) {
        ck_assert_int_gt(t->number, before);
        before = t->number;
    }
    ck_assert_int_eq(before, 19);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metadata_table");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, members_are_found_by_the_values_of_the_keys_and_by_nothing_else);
    tcase_add_test(tc, a_member_has_these_keys_of_the_metadata_and_no_others);
    tcase_add_test(tc, whoever_leaves_hides_nobody_else);
    tcase_add_test(tc, members_stand_in_the_order_in_which_they_came);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
