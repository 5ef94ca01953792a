/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/clients.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clients clients;

static void setup(void)
{
    clients = (struct clients){ 0 };
}

static void teardown(void)
{
    clients_free(&clients);
}

static const struct client *find(const char *address)
{
    for (size_t i = 0; i < clients.n; i++)
        if (strcmp(clients.v[i].address, address) == 0)
            return &clients.v[i];
    return NULL;
}

START_TEST(connections_of_one_address_are_one_sender)
{
    clients_broke(&clients, "10.0.0.1:5000", "http", 1, "tls", "it speaks TLS");
    clients_broke(&clients, "[::1]:5000", "http", 2, "tls", "it speaks TLS");
    clients_broke(&clients, "10.0.0.1:5001", "http", 3, "protocol", "no HTTP");
    clients_broke(&clients, "unix", "http", 4, "tls", "it speaks TLS");
    ck_assert_uint_eq(clients.n, 3);
    ck_assert_uint_eq(find("10.0.0.1")->refused, 2);
    ck_assert_uint_eq(find("10.0.0.1")->requests, 0);
    ck_assert_uint_eq(find("10.0.0.1")->erred, 3);
    ck_assert_str_eq(find("10.0.0.1")->reason, "protocol");
    ck_assert_str_eq(find("10.0.0.1")->error, "no HTTP");
    ck_assert_ptr_nonnull(find("[::1]"));
    ck_assert_ptr_nonnull(find("unix"));
}
END_TEST

START_TEST(each_sender_is_asked_for_its_time_once_a_second)
{
    ck_assert(!clients_dating(&clients, 1)); /* nobody has sent */
    clients_broke(&clients, "10.0.0.1:1", "http", 5000000000, "tls", "");
    ck_assert(clients_dating(&clients, 5000000000));
    ck_assert(!clients_dating(&clients, 5999999999));
    clients_broke(&clients, "10.0.0.2:1", "http", 5999999999, "tls", "");
    ck_assert(clients_dating(&clients, 5999999999)); /* another one */
    clients_broke(&clients, "10.0.0.1:2", "http", 6000000000, "tls", "");
    ck_assert(clients_dating(&clients, 6000000000));
}
END_TEST

START_TEST(who_was_quiet_longest_makes_room)
{
    char peer[40];

    for (unsigned i = 0; i < CLIENTS_MOST; i++) {
        snprintf(peer, sizeof(peer), "10.0.0.%u:1", i);
        clients_broke(&clients, peer, "http", 100 + i, "tls", "");
    }
    clients_broke(&clients, "10.0.0.0:2", "http", 1000, "tls", "");
    clients_broke(&clients, "10.9.9.9:1", "http", 1001, "tls", "");
    ck_assert_uint_eq(clients.n, CLIENTS_MOST);
    ck_assert_uint_eq(clients.forgotten, 1);
    ck_assert_uint_eq(find("10.0.0.0")->refused, 2);
    ck_assert_ptr_null(find("10.0.0.1"));
    ck_assert_uint_eq(find("10.9.9.9")->refused, 1);
}
END_TEST

START_TEST(a_long_text_is_cut_and_found_again)
{
    char peer[400], why[1000];

    memset(peer, 'x', sizeof(peer));
    memcpy(peer + sizeof(peer) - 3, ":1", 3);
    memset(why, 'y', sizeof(why));
    why[sizeof(why) - 1] = '\0';
    for (int i = 0; i < 3; i++)
        clients_broke(&clients, peer, "grpc", 1, "handshake", why);
    ck_assert_uint_eq(clients.n, 1);
    ck_assert_uint_eq(clients.v[0].refused, 3);
    ck_assert_uint_eq(strlen(clients.v[0].address), sizeof(clients.v[0].address) - 1);
    ck_assert_uint_eq(strlen(clients.v[0].error), sizeof(clients.v[0].error) - 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("clients");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, connections_of_one_address_are_one_sender);
    tcase_add_test(tc, each_sender_is_asked_for_its_time_once_a_second);
    tcase_add_test(tc, who_was_quiet_longest_makes_room);
    tcase_add_test(tc, a_long_text_is_cut_and_found_again);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
