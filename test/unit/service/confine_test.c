/* SPDX-License-Identifier: Apache-2.0 */
/* Each test confines its own process, which Check forks for it. */
#include "service/confine.h"

#include "base/mem.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char root[128];
static struct log_sink sink;
static struct logger log_;
static struct confinement confinement;
static const char *writes[8];
static struct config config = { .writes = writes };

static char *path_of(const char *below)
{
    static char paths[8][192];
    static unsigned next;
    char *p = paths[next++ % 8];

    snprintf(p, sizeof(paths[0]), "%s/%s", root, below);
    return p;
}

/* In the process that is not confined. */
static void make_root(void)
{
    strcpy(root, "/tmp/confine_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    char *command = mem_printf("rm -rf %s", root);

    ck_assert_int_eq(system(command), 0);
    free(command);
}

static void set_up(void)
{
    strcat(strcat(root, "/"), strrchr(mkdtemp(path_of("XXXXXX")), '/') + 1); /* a folder for each test */
    ck_assert_int_eq(mkdir(path_of("in"), 0700), 0);
    ck_assert_int_eq(mkdir(path_of("out"), 0700), 0);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    log_.sink = &sink;
    config.n_writes = 0;
}

static void may_write(const char *below)
{
    static char paths[ARRAY_LEN(writes)][192];
    static size_t next;
    char *path = paths[next++ % ARRAY_LEN(writes)];

    strcpy(path, path_of(below));
    writes[config.n_writes++] = path;
}

/* 0 or the errno. */
static int make(const char *below)
{
    int fd = open(path_of(below), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static void *make_outside(void *arg)
{
    *(int *)arg = make("out/by-a-thread");
    return NULL;
}

static int in_thread(void)
{
    pthread_t thread;
    int rc = -1;

    ck_assert_int_eq(pthread_create(&thread, NULL, make_outside, &rc), 0);
    pthread_join(thread, NULL);
    return rc;
}

static bool confined(void)
{
    confine(&confinement, &config, NULL, false, &log_);
    if (!confinement.files)
        fprintf(stderr, "skipped: no Landlock here\n");
    return confinement.files;
}

START_TEST(files_are_made_where_the_configuration_says_and_nowhere_else)
{
    may_write("in");
    if (!confined())
        return;
    ck_assert_int_eq(make("in/a"), 0);
    ck_assert_int_eq(make("in/a"), 0);
    ck_assert_int_eq(mkdir(path_of("in/d"), 0700), 0);
    ck_assert_int_eq(make("in/d/b"), 0);
    ck_assert_int_eq(rename(path_of("in/d/b"), path_of("in/d/c")), 0);
    ck_assert_int_eq(unlink(path_of("in/d/c")), 0);
    ck_assert_int_eq(make("out/a"), EACCES);
    ck_assert_int_eq(in_thread(), EACCES);
    ck_assert_int_eq(mkdir(path_of("out/d"), 0700), -1);
    ck_assert_int_eq(symlink("/etc", path_of("in/link")), -1);
    ck_assert_int_ge(open(path_of("out"), O_RDONLY | O_DIRECTORY), 0); /* reading is as before */
}
END_TEST

START_TEST(a_file_may_be_replaced_and_one_that_is_not_there_yet_be_made)
{
    ck_assert_int_eq(make("in/there"), 0);
    may_write("in/there");
    may_write("out/not/yet/there");
    if (!confined())
        return;
    ck_assert_int_eq(rename(path_of("in/there"), path_of("in/there.1")), 0);
    ck_assert_int_eq(make("in/there"), 0);
    ck_assert_int_eq(mkdir(path_of("out/not"), 0700), 0);
    ck_assert_int_eq(make("beside"), EACCES);
}
END_TEST

START_TEST(no_program_is_run)
{
    char *argv[] = { "true", NULL };

    if (!confined())
        return;
    ck_assert_int_eq(execv("/bin/true", argv), -1);
    ck_assert_int_eq(errno, EACCES);
}
END_TEST

START_TEST(privileges_of_root_are_given_up_but_two)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[2];

    confine(&confinement, &config, NULL, false, &log_);
    ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    ck_assert_int_eq(syscall(SYS_capget, &head, caps), 0);
    ck_assert_uint_eq(caps[0].permitted & ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_NET_BIND_SERVICE), 0);
    ck_assert_uint_eq(caps[0].inheritable | caps[1].permitted, 0);
}
END_TEST

START_TEST(what_a_later_configuration_lacks_is_named)
{
    may_write("in/queue");
    may_write("in/logs/a");
    if (!confined())
        return;
    ck_assert_ptr_null(confinement_lacks(&confinement, &config));
    config.n_writes = 0;
    may_write("in/another");
    ck_assert_ptr_null(confinement_lacks(&confinement, &config));
    may_write("in2");
    ck_assert_str_eq(confinement_lacks(&confinement, &config), path_of("in2"));
}
END_TEST

START_TEST(a_process_that_was_not_confined_lacks_nothing)
{
    may_write("out/x");
    ck_assert_ptr_null(confinement_lacks(&confinement, &config));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("confine");
    TCase *tc = tcase_create("confine");
    SRunner *r;
    int failed;

    tcase_add_unchecked_fixture(tc, make_root, remove_root);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, files_are_made_where_the_configuration_says_and_nowhere_else);
    tcase_add_test(tc, a_file_may_be_replaced_and_one_that_is_not_there_yet_be_made);
    tcase_add_test(tc, no_program_is_run);
    tcase_add_test(tc, privileges_of_root_are_given_up_but_two);
    tcase_add_test(tc, what_a_later_configuration_lacks_is_named);
    tcase_add_test(tc, a_process_that_was_not_confined_lacks_nothing);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
