/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/crowd.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MOST 4000

struct conn {
    struct crowd_member member;
    enum crowd_rank rank;
    uint64_t since;
    unsigned host;
    bool here, gave_way;
};

static struct crowd crowd;
static struct conn conns[MOST];
static size_t n_conns;

static struct peer peer_from(unsigned host)
{
    struct peer p = { .family = AF_INET };

    memcpy(&p.address.s6_addr[12], &host, sizeof(host));
    return p;
}

static enum crowd_rank rank(struct crowd_member *m, uint64_t *since)
{
    struct conn *c = container_of(m, struct conn, member);

    *since = c->since;
    return c->rank;
}

static void give_way(struct crowd_member *m)
{
    struct conn *c = container_of(m, struct conn, member);

    c->gave_way = true;
    c->here = false;
    crowd_keep(&crowd, m, 0);
    crowd_leave(&crowd, m);
}

static struct conn *join(unsigned host, enum crowd_rank is, uint64_t since)
{
    struct conn *c = &conns[n_conns++];
    struct peer p = peer_from(host);

    *c = (struct conn){
        .member = { .rank = rank, .give_way = give_way }, .rank = is, .since = since, .host = host, .here = true
    };
    crowd_join(&crowd, &c->member, &p);
    return c;
}

static bool make_room(unsigned host)
{
    struct peer p = peer_from(host);

    return crowd_make_room(&crowd, &p);
}

static void set_up(void)
{
    n_conns = 0;
    crowd_init(&crowd);
}

static void tear_down(void)
{
    for (size_t i = 0; i < n_conns; i++)
        crowd_leave(&crowd, &conns[i].member);
    crowd_free(&crowd);
}

START_TEST(the_oldest_of_the_host_with_most_connections_gives_way)
{
    struct conn *few = join(1, CROWD_IDLE, 1), *late = join(2, CROWD_IDLE, 9), *early = join(2, CROWD_IDLE, 5);

    join(2, CROWD_BUSY, 2);
    ck_assert(make_room(3));
    ck_assert(early->gave_way && !late->gave_way && !few->gave_way);
}
END_TEST

START_TEST(what_has_shown_least_goes_first)
{
    struct conn *unfinished = join(1, CROWD_UNFINISHED, 1), *idle = join(1, CROWD_IDLE, 2);
    struct conn *stranger = join(1, CROWD_STRANGER, 8), *ending = join(1, CROWD_ENDING, 9);
    struct conn *order[] = { ending, stranger, idle, unfinished };

    join(1, CROWD_BUSY, 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(make_room(2));
        ck_assert(order[i]->gave_way);
    }
    ck_assert(!make_room(2)); /* nobody loses an answer */
}
END_TEST

START_TEST(half_a_request_is_not_lost_to_one_s_like)
{
    struct conn *first;

    join(1, CROWD_UNFINISHED, 1);
    join(2, CROWD_UNFINISHED, 2);
    ck_assert(!make_room(3));
    first = join(1, CROWD_UNFINISHED, 3);
    ck_assert(!make_room(1));
    ck_assert(make_room(3));
    ck_assert(conns[0].gave_way && !first->gave_way);
}
END_TEST

START_TEST(who_is_busy_does_not_hide_the_others)
{
    struct conn *idle;

    for (unsigned i = 0; i < 1000; i++)
        join(1, CROWD_BUSY, i);
    idle = join(1, CROWD_IDLE, 0);
    for (unsigned i = 0; i < 4 && !idle->gave_way; i++)
        make_room(2);
    ck_assert(idle->gave_way);
}
END_TEST

START_TEST(requests_hold_a_quarter_of_the_room_and_more_only_for_who_holds_little)
{
    struct conn *a = join(1, CROWD_BUSY, 0), *b;

    ck_assert(crowd_may_hold(&crowd, &a->member, 1000));
    crowd_hold(&crowd, &a->member, 251);
    ck_assert(!crowd_may_hold(&crowd, &a->member, 1000));
    b = join(2, CROWD_BUSY, 0);
    ck_assert(!crowd_may_hold(&crowd, &a->member, 1000));
    ck_assert(crowd_may_hold(&crowd, &b->member, 1000));
    crowd_hold(&crowd, &b->member, 240);
    ck_assert(crowd_may_hold(&crowd, &b->member, 1000));
    crowd_hold(&crowd, &b->member, 10);
    ck_assert(!crowd_may_hold(&crowd, &b->member, 1000)); /* half of it is the bodies' in any case */
    crowd_release(&crowd, &a->member, 251);
    ck_assert(crowd_may_hold(&crowd, &a->member, 1000));
    crowd_release(&crowd, &b->member, 250);
}
END_TEST

/* Against a count by hand: the largest host is known whatever comes and goes. */
START_TEST(the_largest_host_is_known_among_thousands)
{
    unsigned counts[600] = { 0 };

    srandom(7);
    for (int i = 0; i < 20000; i++) {
        unsigned most = 0;
        struct conn *c;

        if (n_conns < MOST && random() % 5 > 1) {
            c = join((unsigned)(random() % 600), CROWD_IDLE, (uint64_t)i);
            counts[c->host]++;
        } else if (n_conns > 0) {
            c = &conns[(size_t)random() % n_conns];
            counts[c->host] -= c->here;
            c->here = false;
            crowd_leave(&crowd, &c->member);
        }
        for (unsigned h = 0; h < 600; h++)
            most = counts[h] > most ? counts[h] : most;
        ck_assert_uint_eq(crowd.heap.n > 0 ? crowd.heap.v[0]->n : 0, most);
    }
}
END_TEST

START_TEST(connections_keep_a_quarter_for_themselves_and_one_is_always_let_in)
{
    ck_assert(crowd_may_keep(&crowd, 500, 1000));
    struct conn *c = join(1, CROWD_IDLE, 1);

    ck_assert(crowd_may_keep(&crowd, 500, 1000));
    crowd_keep(&crowd, &c->member, 200);
    ck_assert(crowd_may_keep(&crowd, 50, 1000));
    ck_assert(!crowd_may_keep(&crowd, 51, 1000));
    crowd_keep(&crowd, &c->member, 0);
    ck_assert_uint_eq(crowd.kept, 0);
}
END_TEST

START_TEST(who_keeps_nothing_does_not_give_way_to_who_keeps_something)
{
    struct peer p = peer_from(2);
    struct conn *keeps[3];

    for (unsigned i = 0; i < 1000; i++)
        join(1, CROWD_ENDING, i);
    for (unsigned i = 0; i < 3; i++) {
        keeps[i] = join(i % 2 + 1, i == 2 ? CROWD_BUSY : CROWD_IDLE, i);
        crowd_keep(&crowd, &keeps[i]->member, 100);
    }
    ck_assert(crowd_make_room_to_keep(&crowd, &p, 50, 1200));
    ck_assert(keeps[0]->gave_way && !keeps[1]->gave_way);
    ck_assert(crowd_make_room_to_keep(&crowd, &p, 100, 1000));
    ck_assert(keeps[1]->gave_way);
    ck_assert(!crowd_make_room_to_keep(&crowd, &p, 200, 1000)); /* the last one is busy */
    for (unsigned i = 0; i < 1000; i++)
        ck_assert(!conns[i].gave_way);
    crowd_keep(&crowd, &keeps[2]->member, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("crowd");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, the_oldest_of_the_host_with_most_connections_gives_way);
    tcase_add_test(tc, what_has_shown_least_goes_first);
    tcase_add_test(tc, half_a_request_is_not_lost_to_one_s_like);
    tcase_add_test(tc, who_is_busy_does_not_hide_the_others);
    tcase_add_test(tc, requests_hold_a_quarter_of_the_room_and_more_only_for_who_holds_little);
    tcase_add_test(tc, the_largest_host_is_known_among_thousands);
    tcase_add_test(tc, connections_keep_a_quarter_for_themselves_and_one_is_always_let_in);
    tcase_add_test(tc, who_keeps_nothing_does_not_give_way_to_who_keeps_something);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
