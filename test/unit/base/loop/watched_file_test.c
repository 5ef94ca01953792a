/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/watched_file.h"

#include "base/loop/loop.h"
#include "support/files.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop loop;
static char dir[64], path[128];
static struct buf content;
static struct {
    char text[64];
    unsigned changes, faults;
} told;

static void on_change(void *owner, struct bytes c)
{
    ck_assert_ptr_eq(owner, &told);
    ck_assert_uint_lt(c.len, sizeof(told.text));
    memcpy(told.text, c.data, c.len);
    told.text[c.len] = '\0';
    told.changes++;
    loop_stop(&loop);
}

static void on_fault(void *owner, const char *why)
{
    ck_assert_ptr_eq(owner, &told);
    ck_assert_ptr_nonnull(strstr(why, path));
    told.faults++;
    loop_stop(&loop);
}

static void put(const char *name, const char *text)
{
    char full[160];

    snprintf(full, sizeof(full), "%s/%s", dir, name);
    file_put(full, text);
}

static void move(const char *from, const char *to)
{
    char a[160], b[160];

    snprintf(a, sizeof(a), "%s/%s", dir, from);
    snprintf(b, sizeof(b), "%s/%s", dir, to);
    ck_assert_int_eq(rename(a, b), 0);
}

static void set_up(void)
{
    snprintf(dir, sizeof(dir), "/tmp/a-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/file", dir);
    memset(&told, 0, sizeof(told));
    loop_init(&loop, false);
}

static void tear_down(void)
{
    char command[128];

    buf_free(&content);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct watched_file *open_file(struct error *err)
{
    struct watched_file_options o = {
        .path = path, .limit = 32, .on_change = on_change, .on_fault = on_fault, .owner = &told
    };

    content.len = 0;
    return watched_file_open(&loop, &o, &content, err);
}

START_TEST(a_file_that_is_replaced_by_a_rename_is_told_anew)
{
    struct error err = { 0 };
    struct watched_file *f;

    put("file", "one");
    f = open_file(&err);
    ck_assert_ptr_nonnull(f);
    ck_assert(bytes_is(buf_bytes(&content), "one"));
    put("new", "two");
    move("new", "file");
    loop_run(&loop);
    ck_assert_str_eq(told.text, "two");
    put("file", "three"); /* and in place */
    loop_run(&loop);
    ck_assert_str_eq(told.text, "three");
    ck_assert_uint_eq(told.changes, 2);
    ck_assert_uint_eq(told.faults, 0);
    watched_file_close(f);
}
END_TEST

START_TEST(a_link_that_is_turned_in_another_directory_is_followed)
{
    struct error err = { 0 };
    struct watched_file *f;
    char link[160], target[160];

    put("one", "1");
    put("two", "2");
    snprintf(link, sizeof(link), "%s/data", dir);
    ck_assert_int_eq(symlink("one", link), 0);
    snprintf(target, sizeof(target), "%s/../%s/data", dir, strrchr(dir, '/') + 1);
    ck_assert_int_eq(symlink(target, path), 0);
    f = open_file(&err);
    ck_assert(bytes_is(buf_bytes(&content), "1"));
    snprintf(link, sizeof(link), "%s/data2", dir);
    ck_assert_int_eq(symlink("two", link), 0);
    move("data2", "data");
    loop_run(&loop);
    ck_assert_str_eq(told.text, "2");
    watched_file_close(f);
}
END_TEST

START_TEST(a_file_that_goes_is_a_fault_once_and_comes_back)
{
    struct error err = { 0 };
    struct watched_file *f;

    put("file", "one");
    f = open_file(&err);
    ck_assert_int_eq(unlink(path), 0);
    loop_run(&loop);
    ck_assert_uint_eq(told.faults, 1);
    put("file", "two");
    loop_run(&loop);
    ck_assert_str_eq(told.text, "two");
    ck_assert_uint_eq(told.faults, 1);
    watched_file_close(f);
}
END_TEST

START_TEST(what_is_no_small_regular_file_is_not_read)
{
    struct error err = { 0 };

    ck_assert_ptr_null(open_file(&err));
    ck_assert_ptr_nonnull(strstr(err.text, "no such file"));
    put("file", "more than the thirty-two bytes that it may have");
    ck_assert_ptr_null(open_file(&err));
    ck_assert_ptr_nonnull(strstr(err.text, "larger than 32 bytes"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(open_file(&err));
    ck_assert_ptr_nonnull(strstr(err.text, "no regular file"));
}
END_TEST

START_TEST(a_file_may_be_closed_while_it_is_read)
{
    struct error err = { 0 };

    put("file", "one");
    for (int i = 0; i < 20; i++) {
        struct watched_file *f = open_file(&err);

        watched_file_look(f);
        for (int k = 0; k < i; k++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        watched_file_close(f);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("watched_file");
    TCase *tc = tcase_create("watched_file");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 20);
    tcase_add_test(tc, a_file_that_is_replaced_by_a_rename_is_told_anew);
    tcase_add_test(tc, a_link_that_is_turned_in_another_directory_is_followed);
    tcase_add_test(tc, a_file_that_goes_is_a_fault_once_and_comes_back);
    tcase_add_test(tc, what_is_no_small_regular_file_is_not_read);
    tcase_add_test(tc, a_file_may_be_closed_while_it_is_read);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
