/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include "base/mem.h"
#include "support/files.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GIB (1024ull * 1024 * 1024)

static char root[64];

static void setup(void)
{
    strcpy(root, "/tmp/process_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
    char *command = mem_printf("rm -rf %s", root);

    ck_assert_int_eq(system(command), 0);
    free(command);
}

static void put(const char *path, const char *text)
{
    char *name = mem_printf("%s%s", root, path);

    for (char *at = name + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(name, 0700);
        *at = '/';
    }
    file_put(name, text);
    free(name);
}

START_TEST(without_a_cgroup_it_is_the_machines_memory)
{
    put("/proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\n");
    ck_assert_uint_eq(process_memory_total(root), 8 * GIB);
}
END_TEST

START_TEST(the_smallest_limit_of_the_cgroup_and_its_parents_counts)
{
    put("/proc/meminfo", "MemTotal:       8388608 kB\n");
    put("/proc/self/cgroup", "0::/system.slice/otelcd.service\n");
    put("/sys/fs/cgroup/system.slice/otelcd.service/memory.max", "max\n");
    ck_assert_uint_eq(process_memory_total(root), 8 * GIB);
    put("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
    ck_assert_uint_eq(process_memory_total(root), GIB);
    put("/sys/fs/cgroup/system.slice/otelcd.service/memory.max", "536870912\n");
    ck_assert_uint_eq(process_memory_total(root), GIB / 2);
}
END_TEST

START_TEST(inside_a_container_the_root_of_the_namespace_counts)
{
    put("/proc/meminfo", "MemTotal:       8388608 kB\n");
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "268435456\n");
    ck_assert_uint_eq(process_memory_total(root), GIB / 4);
}
END_TEST

START_TEST(what_the_kernel_slows_us_down_at_is_a_limit_too)
{
    put("/proc/meminfo", "MemTotal:       8388608 kB\n");
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/sys/fs/cgroup/a/b/memory.max", "536870912\n");
    put("/sys/fs/cgroup/a/b/memory.high", "max\n");
    put("/sys/fs/cgroup/a/memory.high", "268435456\n");
    ck_assert_uint_eq(process_memory_total(root), GIB / 4);
}
END_TEST

START_TEST(version_1_of_cgroups_is_read_too)
{
    put("/proc/meminfo", "MemTotal:       8388608 kB\n");
    put("/proc/self/cgroup", "3:cpu,cpuacct:/x\n2:memory:/docker/abc\n1:name=systemd:/x\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
    ck_assert_uint_eq(process_memory_total(root), 8 * GIB);
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1073741824\n");
    ck_assert_uint_eq(process_memory_total(root), GIB);
}
END_TEST

START_TEST(where_nothing_can_be_read_it_is_0)
{
    ck_assert_uint_eq(process_memory_total(root), 0);
}
END_TEST

START_TEST(this_process_has_memory_and_has_run)
{
    ck_assert_uint_gt(process_rss(), 100000);
    ck_assert_uint_gt(process_memory_total(""), process_rss());
    ck_assert(process_cpu_seconds() >= 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("process");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, without_a_cgroup_it_is_the_machines_memory);
    tcase_add_test(tc, the_smallest_limit_of_the_cgroup_and_its_parents_counts);
    tcase_add_test(tc, inside_a_container_the_root_of_the_namespace_counts);
    tcase_add_test(tc, what_the_kernel_slows_us_down_at_is_a_limit_too);
    tcase_add_test(tc, version_1_of_cgroups_is_read_too);
    tcase_add_test(tc, where_nothing_can_be_read_it_is_0);
    tcase_add_test(tc, this_process_has_memory_and_has_run);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
