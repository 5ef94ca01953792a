/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include <check.h>
#include <stdlib.h>

struct thing {
    int number;
    struct list link;
};

static struct list things, others;
static struct thing all[6];

static void set_up(void)
{
    list_init(&things);
    list_init(&others);
    for (int i = 0; i < 6; i++)
        all[i] = (struct thing){ .number = i };
}

/* The numbers in order, as decimal digits. */
static int digits(struct list *head)
{
    int n = 0;

    list_each (struct thing, t, head, link)
        n = 10 * n + t->number;
    return n;
}

START_TEST(members_stand_in_the_order_in_which_they_came)
{
    ck_assert(list_empty(&things));
    ck_assert_ptr_null(list_first(&things, struct thing, link));
    list_push(&things, &all[2].link);
    list_push(&things, &all[3].link);
    list_push_front(&things, &all[1].link);
    list_insert(&all[3].link, &all[5].link);
    ck_assert_int_eq(digits(&things), 1253);
    ck_assert_ptr_eq(list_first(&things, struct thing, link), &all[1]);
}
END_TEST

START_TEST(the_first_leaves_and_is_in_no_list)
{
    ck_assert_ptr_null(list_pop(&things, struct thing, link));
    list_push(&things, &all[1].link);
    list_push(&things, &all[2].link);
    ck_assert_ptr_eq(list_pop(&things, struct thing, link), &all[1]);
    ck_assert(!list_linked(&all[1].link));
    ck_assert_int_eq(digits(&things), 2);
    ck_assert_ptr_eq(list_pop(&things, struct thing, link), &all[2]);
    ck_assert(list_empty(&things));
    ck_assert_ptr_null(list_pop(&things, struct thing, link));
}
END_TEST

START_TEST(a_member_leaves_from_anywhere_and_may_leave_twice)
{
    for (int i = 1; i < 6; i++)
        list_push(&things, &all[i].link);
    list_remove(&all[3].link);
    list_remove(&all[3].link);
    list_remove(&all[0].link); /* was in none */
    ck_assert(!list_linked(&all[3].link) && list_linked(&all[4].link));
    list_remove(&all[1].link);
    list_remove(&all[5].link);
    ck_assert_int_eq(digits(&things), 24);
    list_remove(&all[2].link);
    list_remove(&all[4].link);
    ck_assert(list_empty(&things));
}
END_TEST

START_TEST(who_walks_the_list_may_take_members_out)
{
    for (int i = 1; i < 6; i++)
        list_push(&things, &all[i].link);
    list_each (struct thing, t, &things, link)
        if (t->number % 2 == 0)
            list_remove(&t->link);
    ck_assert_int_eq(digits(&things), 135);
}
END_TEST

START_TEST(break_and_continue_work_as_in_any_loop)
{
    int seen = 0;

    for (int i = 1; i < 6; i++)
        list_push(&things, &all[i].link);
    list_each (struct thing, t, &things, link) {
        if (t->number == 2)
            continue;
        if (t->number == 4)
            break;
        seen = 10 * seen + t->number;
    }
    ck_assert_int_eq(seen, 13);
}
END_TEST

START_TEST(a_list_moves_to_the_end_of_another)
{
    list_move(&things, &others);
    ck_assert(list_empty(&things));
    list_push(&others, &all[3].link);
    list_push(&others, &all[4].link);
    list_move(&things, &others);
    ck_assert(list_empty(&others));
    list_push(&others, &all[5].link);
    list_move(&things, &others);
    ck_assert_int_eq(digits(&things), 345);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("list");
    TCase *tc = tcase_create("list");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, members_stand_in_the_order_in_which_they_came);
    tcase_add_test(tc, the_first_leaves_and_is_in_no_list);
    tcase_add_test(tc, a_member_leaves_from_anywhere_and_may_leave_twice);
    tcase_add_test(tc, who_walks_the_list_may_take_members_out);
    tcase_add_test(tc, break_and_continue_work_as_in_any_loop);
    tcase_add_test(tc, a_list_moves_to_the_end_of_another);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
