/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in a file: whole or not at all, whatever fails. */
#include "base/mem.h"
#include "exporter/file/file_output.h"
#include "exporter/file/file_rotate.h"
#include "support/files.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[80];
static atomic_bool cancelled;
static struct file_rotation rotation;
static struct file_output output;
static struct error err;

static void setup(void)
{
    strcpy(folder, "/tmp/file_output_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/o.json", folder);
    rotation = (struct file_rotation){ 0 };
    atomic_store(&cancelled, false);
    output = (struct file_output){
        .path = path, .fd = -1, .lines = true, .mode = 0640, .rotation = &rotation, .cancelled = &cancelled
    };
    signal(SIGXFSZ, SIG_IGN);
}

static void teardown(void)
{
    char *command = mem_printf("rm -r %s", folder);

    file_output_close(&output);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

static int put(const char *text)
{
    return file_output_write(&output, bytes_str(text), &err);
}

static void has(const char *file, const char *text)
{
    char found[256] = "";
    FILE *f = fopen(file, "r");

    ck_assert_msg(f != NULL, "%s", file);
    found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
    fclose(f);
    ck_assert_str_eq(found, text);
}

static void limit(rlim_t size)
{
    struct rlimit l;

    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = size;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static size_t count_files(void)
{
    DIR *d = opendir(folder);
    size_t n = 0;

    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

START_TEST(a_write_that_fails_in_the_middle_leaves_nothing)
{
    int rc;

    ck_assert_int_eq(put("one\n"), 0);
    limit(6);
    rc = put("two\n");
    limit(RLIM_INFINITY); /* a failed check writes files too */
    ck_assert_int_eq(rc, -EFBIG);
    has(path, "one\n");
    ck_assert_int_eq(put("three\n"), 0);
    has(path, "one\nthree\n");
}
END_TEST

START_TEST(what_could_not_be_taken_back_is_before_the_next_write)
{
    FILE *f;

    ck_assert_int_eq(put("one\n"), 0);
    f = fopen(path, "a");
    fputs("tor", f);
    fclose(f);
    output.torn = true;
    output.begin = 4;
    ck_assert_int_eq(put("two\n"), 0);
    has(path, "one\ntwo\n");
}
END_TEST

START_TEST(and_at_the_latest_when_the_file_is_closed)
{
    ck_assert_int_eq(put("one\ntor"), 0);
    output.torn = true;
    output.begin = 4;
    file_output_close(&output);
    has(path, "one\n");
}
END_TEST

START_TEST(a_file_that_somebody_cut_is_not_made_longer)
{
    ck_assert_int_eq(put("one\n"), 0);
    ck_assert_int_eq(truncate(path, 0), 0);
    file_output_take_back(&output, 4);
    ck_assert_int_eq(put("two\n"), 0);
    has(path, "two\n");
}
END_TEST

START_TEST(a_line_without_an_end_gets_one)
{
    file_put(path, "old");
    ck_assert_int_eq(put("new\n"), 0);
    has(path, "old\nnew\n");
    output.lines = false;
    file_output_close(&output);
    ck_assert_int_eq(truncate(path, 3), 0);
    ck_assert_int_eq(put("new"), 0);
    has(path, "oldnew");
}
END_TEST

START_TEST(a_removed_file_is_made_anew)
{
    ck_assert_int_eq(put("one\n"), 0);
    unlink(path);
    ck_assert_int_eq(put("two\n"), 0);
    has(path, "two\n");
}
END_TEST

START_TEST(a_file_is_renamed_before_it_is_too_large)
{
    rotation = (struct file_rotation){ .max_bytes = 10 };
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(put("12345"), 0);
    has(path, "1234512345");
    ck_assert_uint_eq(output.rotated, 2);
    ck_assert_uint_eq(count_files(), 3);
    ck_assert_int_eq(put("larger than ten"), 0);
    has(path, "larger than ten");
    ck_assert_int_eq(put("x"), 0);
    has(path, "x");
    ck_assert_uint_eq(count_files(), 5);
}
END_TEST

START_TEST(only_so_many_backups_stay)
{
    rotation = (struct file_rotation){ .max_bytes = 1, .max_backups = 2 };
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(put("x"), 0);
    ck_assert_uint_eq(count_files(), 3);
}
END_TEST

static void touch(const char *name)
{
    char *file = mem_printf("%s/%s", folder, name);

    close(open(file, O_CREAT | O_WRONLY, 0600));
    free(file);
}

START_TEST(old_backups_go_and_what_is_none_stays)
{
    touch("o-2020-01-02T03-04-05.678-size.json");
    touch("o-2020-01-02T03-04-05.678.json");
    touch("o-2999-01-02T03-04-05.678-size.json");
    touch("o-2020-01-02T03-04-05.678x.json");
    touch("o-2020-01-02T03-04-05.67-size.json");
    touch("o.json");
    rotation = (struct file_rotation){ .max_bytes = 1, .max_days = 1 };
    file_remove_backups(path, &rotation);
    ck_assert_uint_eq(count_files(), 4);
}
END_TEST

START_TEST(names_without_directory_or_extension_rotate_too)
{
    char *old = getcwd(NULL, 0);

    ck_assert_int_eq(chdir(folder), 0);
    rotation = (struct file_rotation){ .max_bytes = 1, .max_backups = 1, .localtime = true };
    output.path = (char *)"plain";
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(put("x"), 0);
    ck_assert_uint_eq(count_files(), 2);
    ck_assert_int_eq(chdir(old), 0);
    free(old);
}
END_TEST

START_TEST(a_rename_that_fails_is_a_write_that_fails)
{
    rotation = (struct file_rotation){ .max_bytes = 1 };
    ck_assert_int_eq(put("1"), 0);
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* our file has no name any more, and its name is taken */
    ck_assert_int_lt(put("2"), 0);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(put("3"), 0);
    has(path, "3");
}
END_TEST

START_TEST(a_pipe_is_waited_for_until_that_is_cancelled)
{
    char *big = mem_alloc(200000);
    char got[4096];
    ssize_t n;
    int reader;

    memset(big, 'x', 200000);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(put("no reader\n"), -ENXIO);
    reader = open(path, O_RDONLY | O_NONBLOCK);
    atomic_store(&cancelled, true);
    ck_assert_int_eq(file_output_write(&output, bytes_of(big, 200000), &err), -ECANCELED);
    while (read(reader, got, sizeof(got)) > 0)
        ;
    atomic_store(&cancelled, false);
    ck_assert_int_eq(put("next\n"), 0);
    n = read(reader, got, sizeof(got));
    ck_assert_int_eq(n, 6);
    ck_assert_int_eq(memcmp(got, "\nnext\n", 6), 0);
    close(reader);
    free(big);
}
END_TEST

START_TEST(a_full_device_says_so)
{
    output.path = (char *)"/dev/full";
    ck_assert_int_eq(put("x"), -ENOSPC);
    ck_assert_ptr_nonnull(strstr(err.text, "write /dev/full: No space left on device"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file_output");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    signal(SIGPIPE, SIG_IGN);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_write_that_fails_in_the_middle_leaves_nothing);
    tcase_add_test(t, what_could_not_be_taken_back_is_before_the_next_write);
    tcase_add_test(t, and_at_the_latest_when_the_file_is_closed);
    tcase_add_test(t, a_file_that_somebody_cut_is_not_made_longer);
    tcase_add_test(t, a_line_without_an_end_gets_one);
    tcase_add_test(t, a_removed_file_is_made_anew);
    tcase_add_test(t, a_file_is_renamed_before_it_is_too_large);
    tcase_add_test(t, only_so_many_backups_stay);
    tcase_add_test(t, old_backups_go_and_what_is_none_stays);
    tcase_add_test(t, names_without_directory_or_extension_rotate_too);
    tcase_add_test(t, a_rename_that_fails_is_a_write_that_fails);
    tcase_add_test(t, a_pipe_is_waited_for_until_that_is_cancelled);
    tcase_add_test(t, a_full_device_says_so);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
