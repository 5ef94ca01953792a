/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/ledger_book.h"

#include <check.h>
#include <stdlib.h>

static struct ledger_book book;
static struct ledger first, second;

static void setup(void)
{
    book = (struct ledger_book){ 0 };
    ledger_init(&first, "exporter", "e", SIGNAL_LOGS);
    ledger_init(&second, "exporter", "e", SIGNAL_LOGS);
}

static void teardown(void)
{
    ledger_book_free(&book);
    ledger_free(&first);
    ledger_free(&second);
}

static void expect_sum(uint64_t received, uint64_t delivered, uint64_t held, uint64_t refused, uint64_t dropped)
{
    struct ledger sum;

    ledger_book_sum(&book, &second, &sum);
    ck_assert(ledger_sums(&sum));
    ck_assert_uint_eq(sum.received, received);
    ck_assert_uint_eq(sum.delivered, delivered);
    ck_assert_uint_eq(sum.held, held);
    ck_assert_uint_eq(ledger_reasons_total(&sum.refused), refused);
    ck_assert_uint_eq(ledger_reasons_total(&sum.dropped), dropped);
    ledger_free(&sum);
}

/* 10 received: 4 delivered, 1 refused, 2 dropped, 3 held. */
static void fill(struct ledger *l)
{
    ledger_receive(l, 10);
    ledger_deliver(l, 4);
    ledger_refuse(l, 1, "full");
    ledger_drop(l, 2, "lost");
}

START_TEST(of_one_that_is_not_in_the_book_it_knows_what_that_one_has)
{
    fill(&second);
    expect_sum(10, 4, 3, 1, 2);
}
END_TEST

START_TEST(what_leaves_and_what_takes_its_place_are_one)
{
    ledger_book_add(&book, &first);
    fill(&first);
    ledger_book_add(&book, &second);
    ledger_receive(&second, 5);
    expect_sum(15, 4, 8, 1, 2);
    ledger_withdraw(&first, 3);
    ledger_receive(&second, 3);
    expect_sum(15, 4, 8, 1, 2);
    ledger_book_end(&book, &first);
    ledger_deliver(&second, 8);
    expect_sum(15, 12, 0, 1, 2);
    ledger_book_end(&book, &second);
    expect_sum(15, 12, 0, 1, 2);
}
END_TEST

START_TEST(other_signals_kinds_and_names_are_others)
{
    static const struct {
        const char *kind, *id;
        enum signal signal;
    } others[] = { { "pipeline", "e", SIGNAL_LOGS },
                   { "exporter", "f", SIGNAL_LOGS },
                   { "exporter", "e", SIGNAL_TRACES } };

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct ledger other;

        ledger_init(&other, others[i].kind, others[i].id, others[i].signal);
        ledger_book_add(&book, &other);
        fill(&other);
        ledger_book_end(&book, &other);
        ledger_free(&other);
    }
    ledger_book_add(&book, &second);
    expect_sum(0, 0, 0, 0, 0);
    ledger_book_end(&book, &second);
}
END_TEST

START_TEST(what_was_left_on_a_disk_is_counted_by_who_opens_it)
{
    const struct ledger *left;

    ledger_book_add(&book, &first);
    fill(&first);
    first.disk = 7;
    ledger_book_end(&book, &first);
    expect_sum(7, 4, 0, 1, 2); /* the 3 that wait there are nobody's */
    ledger_book_add(&book, &second);
    expect_sum(7, 4, 0, 1, 2);
    second.disk = 7;
    left = ledger_book_left(&book, &second);
    ck_assert(left != NULL && left->delivered == 4 && left->held == 0);
    ledger_receive(&second, 9); /* as the disk has it: without what was refused */
    ledger_deliver(&second, 4);
    ledger_drop(&second, 2, "lost");
    expect_sum(10, 4, 3, 1, 2);
    ledger_deliver(&second, 3);
    ledger_book_end(&book, &second);
    expect_sum(10, 7, 0, 1, 2);
}
END_TEST

START_TEST(another_disk_is_not_the_one_that_was_left)
{
    ledger_book_add(&book, &first);
    fill(&first);
    first.disk = 7;
    ledger_book_end(&book, &first);
    second.disk = 9;
    ledger_book_add(&book, &second);
    ck_assert_ptr_null(ledger_book_left(&book, &second));
    ledger_receive(&second, 5);
    expect_sum(12, 4, 5, 1, 2);
    ledger_book_end(&book, &second);
}
END_TEST

static unsigned visited;

static void count_visit(const struct ledger *l, void *arg)
{
    ck_assert(ledger_sums(l));
    *(uint64_t *)arg += l->received;
    visited++;
}

START_TEST(each_is_visited_once)
{
    uint64_t received = 0;

    visited = 0;
    ledger_book_add(&book, &first);
    fill(&first);
    first.disk = 7;
    ledger_book_end(&book, &first);
    ledger_book_each(&book, count_visit, &received);
    ck_assert_uint_eq(received, 7);
    second.disk = 7;
    ledger_receive(&second, 9);
    ledger_book_add(&book, &second);
    received = visited = 0;
    ledger_book_each(&book, count_visit, &received);
    ck_assert_uint_eq(visited, 2); /* it, and what was refused before */
    ck_assert_uint_eq(received, 10);
    ledger_book_end(&book, &second);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ledger_book");
    TCase *tc = tcase_create("all");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, of_one_that_is_not_in_the_book_it_knows_what_that_one_has);
    tcase_add_test(tc, what_leaves_and_what_takes_its_place_are_one);
    tcase_add_test(tc, other_signals_kinds_and_names_are_others);
    tcase_add_test(tc, what_was_left_on_a_disk_is_counted_by_who_opens_it);
    tcase_add_test(tc, another_disk_is_not_the_one_that_was_left);
    tcase_add_test(tc, each_is_visited_once);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
