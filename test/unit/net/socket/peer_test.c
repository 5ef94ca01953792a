/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

static struct peer at(sa_family_t family, const char *address)
{
    struct peer p = { .family = family, .port = 7 };

    ck_assert_int_eq(inet_pton(AF_INET6, address, &p.address), 1);
    return p;
}

static const struct {
    sa_family_t family;
    const char *address, *text;
} rows[] = {
    { AF_INET, "::ffff:10.0.0.1", "10.0.0.1:7" },
    { AF_INET6, "2001:db8::1", "[2001:db8::1]:7" },
    { AF_UNIX, "::", "unix" },
    { 0, "::", "unknown" },
};

START_TEST(a_peer_is_written_as_people_write_addresses)
{
    struct peer p = at(rows[_i].family, rows[_i].address);
    char text[PEER_TEXT];

    peer_format(&p, text, sizeof(text));
    ck_assert_str_eq(text, rows[_i].text);
}
END_TEST

START_TEST(one_host_has_many_ports_and_a_network_of_ipv6_addresses)
{
    struct peer four = at(AF_INET, "::ffff:10.0.0.1"), next = at(AF_INET, "::ffff:10.0.0.2");
    struct peer six = at(AF_INET6, "2001:db8::1"), near = at(AF_INET6, "2001:db8::ffff:1");
    struct peer far = at(AF_INET6, "2001:db8:0:1::1");
    struct peer same = four;

    same.port = 9;
    ck_assert(peer_same_host(&four, &same));
    ck_assert(!peer_same_host(&four, &next));
    ck_assert(!peer_same_host(&four, &six));
    ck_assert(peer_same_host(&six, &near));
    ck_assert(!peer_same_host(&six, &far));
}
END_TEST

START_TEST(a_socket_knows_its_peer)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
    struct peer p;

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    p = peer_of(fd);
    ck_assert_int_eq(p.family, AF_INET);
    ck_assert_uint_eq(p.port, ntohs(in.sin_port));
    close(fd);
    close(listener);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(peer_of(pair[0]).family, AF_UNIX);
    close(pair[0]);
    close(pair[1]);
    ck_assert_int_eq(peer_of(-1).family, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peer");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, a_peer_is_written_as_people_write_addresses, 0, sizeof(rows) / sizeof(*rows));
    tcase_add_test(tc, one_host_has_many_ports_and_a_network_of_ipv6_addresses);
    tcase_add_test(tc, a_socket_knows_its_peer);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
