/* SPDX-License-Identifier: Apache-2.0 */
#include "service/control/control_socket.h"

#include "base/mem.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[64];
static struct buf found;
static struct error err;

static void setup(void)
{
    strcpy(directory, "/tmp/otelcd-place.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    setenv("RUNTIME_DIRECTORY", directory, 1);
    unsetenv("XDG_RUNTIME_DIR");
    err = (struct error){ 0 };
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
    buf_free(&found);
}

/* A socket of that name; it listens, or its process is gone. Returns its descriptor. */
static int put_socket(const char *name, bool listens)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", directory, name);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    if (listens)
        ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static bool is_there(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

START_TEST(the_one_that_answers_is_found)
{
    char path[128];

    put_socket("77.sock", true);
    put_socket("88.sock", false);
    put_socket("other.sock", true);
    put_socket("99.sock.old", true);
    ck_assert(control_find(NULL, &found, &err));
    snprintf(path, sizeof(path), "%s/77.sock", directory);
    ck_assert_str_eq(buf_cstr(&found), path);
}
END_TEST

START_TEST(of_several_the_user_has_to_say_which)
{
    put_socket("77.sock", true);
    put_socket("78.sock", true);
    ck_assert(!control_find(NULL, &found, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "--socket"));
    ck_assert_ptr_nonnull(strstr(err.text, "77.sock"));
    ck_assert_ptr_nonnull(strstr(err.text, "78.sock"));
}
END_TEST

START_TEST(where_none_answers_it_says_what_to_do)
{
    ck_assert(!control_find(NULL, &found, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "service::telemetry::control"));
    put_socket("77.sock", false);
    ck_assert(!control_find(NULL, &found, &err));
    ck_assert(!control_find("/nowhere/x.sock", &found, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/x.sock"));
}
END_TEST

START_TEST(sockets_of_processes_that_are_gone_are_removed_and_no_others)
{
    char own[32];

    snprintf(own, sizeof(own), "%ld.sock", (long)getppid());
    put_socket("4194000.sock", false); /* above pid_max's default */
    put_socket(own, false);
    put_socket("name.sock", false);
    put_socket("4194001.sock", true);
    ck_assert(control_directory(&found, &err));
    ck_assert_str_eq(buf_cstr(&found), directory);
    ck_assert(!is_there("4194000.sock"));
    ck_assert(is_there(own));
    ck_assert(is_there("name.sock"));
    ck_assert(is_there("4194001.sock"));
}
END_TEST

START_TEST(the_directory_is_made_and_one_that_cannot_be_is_told)
{
    char below[96];

    snprintf(below, sizeof(below), "%s/made:/another", directory);
    setenv("RUNTIME_DIRECTORY", below, 1);
    ck_assert(control_directory(&found, &err));
    ck_assert(is_there("made"));
    setenv("RUNTIME_DIRECTORY", "/nowhere/at/all", 1);
    ck_assert(!control_directory(&found, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "RUNTIME_DIRECTORY"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control_socket");
    TCase *tc = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_one_that_answers_is_found);
    tcase_add_test(tc, of_several_the_user_has_to_say_which);
    tcase_add_test(tc, where_none_answers_it_says_what_to_do);
    tcase_add_test(tc, sockets_of_processes_that_are_gone_are_removed_and_no_others);
    tcase_add_test(tc, the_directory_is_made_and_one_that_cannot_be_is_told);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
