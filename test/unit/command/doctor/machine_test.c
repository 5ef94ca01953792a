/* SPDX-License-Identifier: Apache-2.0 */
#include "command/doctor/machine.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(who_listens_on_a_port_is_found)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct listener_seen seen;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    ck_assert(!machine_listener("127.0.0.1", ntohs(at.sin_port)).taken); /* bound, and nobody is let in yet */
    ck_assert_int_eq(listen(fd, 1), 0);
    seen = machine_listener("127.0.0.1", ntohs(at.sin_port));
    ck_assert(seen.taken);
    ck_assert_int_eq(seen.pid, (long)getpid());
    ck_assert(seen.name[0] != '\0');
    close(fd);
    ck_assert(!machine_listener("127.0.0.1", ntohs(at.sin_port)).taken);
}
END_TEST

/* Listening there, until it is closed. */
static int listen_at(int family, const char *address, uint16_t *port)
{
    struct sockaddr_storage at = { 0 };
    struct sockaddr_in *four = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&at;
    socklen_t len = family == AF_INET ? sizeof(*four) : sizeof(*six);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.ss_family = (sa_family_t)family;
    inet_pton(family, address, family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(family == AF_INET ? four->sin_port : six->sin6_port);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

START_TEST(only_who_listens_on_that_address_is_in_the_way)
{
    uint16_t port;
    int fd = listen_at(AF_INET, "127.0.0.7", &port);

    for (int i = 0; i < 20 && machine_listener("127.0.0.1", port).taken; i++) { /* by somebody else */
        close(fd);
        fd = listen_at(AF_INET, "127.0.0.7", &port);
    }
    ck_assert(machine_listener("127.0.0.7", port).taken);
    ck_assert(!machine_listener("127.0.0.1", port).taken);
    ck_assert(!machine_listener("localhost", port).taken);
    ck_assert(!machine_listener("[::1]", port).taken);
    ck_assert(machine_listener("0.0.0.0", port).taken);
    ck_assert(machine_listener("[::]", port).taken);
    ck_assert(machine_listener("", port).taken);
    ck_assert(machine_listener("a.name.that.may.be.any", port).taken);
    close(fd);
    if (access("/proc/net/if_inet6", R_OK) != 0) /* a kernel without it */
        return;
    fd = listen_at(AF_INET6, "::", &port);
    ck_assert(machine_listener("127.0.0.1", port).taken);
    ck_assert(machine_listener("[::1]", port).taken);
    close(fd);
    fd = listen_at(AF_INET6, "::1", &port);
    ck_assert(machine_listener("[::1]", port).taken);
    ck_assert(!machine_listener("127.0.0.1", port).taken);
    close(fd);
}
END_TEST

START_TEST(descriptors_are_counted)
{
    struct descriptors before = machine_descriptors(getpid()), after;
    int fd = dup(0);

    after = machine_descriptors(getpid());
    ck_assert(before.limit > 0 && before.limit == after.limit);
    ck_assert_uint_eq(after.open, before.open + 1);
    close(fd);
    ck_assert_uint_eq(machine_descriptors(0).limit, 0); /* there is no such process */
}
END_TEST

START_TEST(the_disk_of_a_path_that_is_not_there_yet_is_that_of_its_folder)
{
    struct disk_seen root = machine_disk("/"), deep = machine_disk("/no/such/folder");
    struct stat st;

    ck_assert(root.total > 0 && root.free <= root.total);
    ck_assert_uint_eq(deep.total, root.total);
    ck_assert_int_eq(stat("/", &st), 0);
    ck_assert(root.device == st.st_dev && deep.device == st.st_dev);
    ck_assert_uint_eq(machine_disk("relative").total, 0);
}
END_TEST

START_TEST(only_a_process_of_this_machine_that_is_otelcd_is_looked_into)
{
    ck_assert_int_eq(machine_daemon_pid("collector.example", getpid()), 0);
    ck_assert_int_eq(machine_daemon_pid("localhost", getpid()), 0); /* it is a test */
    ck_assert_int_eq(machine_daemon_pid("localhost", -1), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("machine");
    TCase *tc = tcase_create("machine");
    SRunner *sr;
    int failed;

    tcase_add_test(tc, who_listens_on_a_port_is_found);
    tcase_add_test(tc, only_who_listens_on_that_address_is_in_the_way);
    tcase_add_test(tc, descriptors_are_counted);
    tcase_add_test(tc, the_disk_of_a_path_that_is_not_there_yet_is_that_of_its_folder);
    tcase_add_test(tc, only_a_process_of_this_machine_that_is_otelcd_is_looked_into);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
