/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker is given to run. */
#include "service/workers/worker_config.h"

#include "base/mem.h"
#include "support/files.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/otelcd-worker-config-XXXXXX";

static char *read_key(const struct config_sources *s)
{
    struct faults faults = { 0 };
    struct arena arena = { 0 };
    const struct yaml_node *n = source_read(&arena, s, &faults);
    char *text = mem_strdup(n != NULL && faults.n_errors == 0 ? yaml_get(n, "key")->text : "a fault");

    faults_free(&faults);
    arena_free(&arena);
    return text;
}

START_TEST(a_worker_reads_what_the_front_has_read_whatever_the_files_say_now)
{
    const char *uris[] = { path, "yaml:key: ${file:/nowhere/at/all}" };
    const char *sets[] = { "other=1" };
    struct config_sources s = { .uris = uris, .n_uris = 1, .sets = sets, .n_sets = 1 };
    struct source_record record = { 0 };
    struct worker_config c;
    struct buf text = { 0 };
    char *key;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    file_put(path, "key: before\n");
    source_record(&record);
    free(read_key(&s));
    s.n_uris = 2;
    free(read_key(&s)); /* a file that is not there is noted too */
    source_record(NULL);
    s.n_uris = 1;
    worker_config_write(&text, &s, &record, "an-id");
    source_record_free(&record);
    file_put(path, "key: after\n");
    ck_assert(worker_config_read(&c, &text));
    ck_assert_str_eq(c.instance_id, "an-id");
    ck_assert_uint_eq(c.sources.n_sets, 1);
    ck_assert_str_eq(c.sources.sets[0], "other=1");
    ck_assert_uint_eq(c.record.files.n, 2);
    ck_assert_str_eq(c.record.files.v[1].path, "/nowhere/at/all");
    ck_assert_str_ne(c.record.files.v[1].why, "");
    source_replay(&c.record);
    key = read_key(&c.sources);
    source_replay(NULL);
    ck_assert_str_eq(key, "before");
    free(key);
    worker_config_free(&c);
    unlink(path);
}
END_TEST

START_TEST(what_ends_early_is_none)
{
    const char *uris[] = { "yaml:key: 1" };
    struct config_sources s = { .uris = uris, .n_uris = 1 };
    struct source_record record = { 0 };
    struct buf whole = { 0 };

    worker_config_write(&whole, &s, &record, "id");
    for (size_t n = 0; n < whole.len; n++) {
        struct buf part = { 0 };
        struct worker_config c;

        buf_put(&part, bytes_of(whole.data, n));
        ck_assert(!worker_config_read(&c, &part));
        worker_config_free(&c);
    }
    buf_free(&whole);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("worker_config");
    TCase *t = tcase_create("worker_config");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, a_worker_reads_what_the_front_has_read_whatever_the_files_say_now);
    tcase_add_test(t, what_ends_early_is_none);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
