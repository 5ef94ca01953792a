/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/retry.h"

#include "base/loop/clock.h"

#include <check.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES 8

static const struct retry_config config = {
    .enabled = true,
    .initial_interval = { 5 * NS_PER_S },
    .max_interval = { 30 * NS_PER_S },
    .randomization_factor = 0.5,
    .multiplier = 1.5,
};

static void waits(struct random *random, uint64_t delays[TRIES])
{
    struct retry r = { 0 };

    for (int i = 0; i < TRIES; i++)
        ck_assert(retry_next(&r, &config, true, 0, 0, 0, random, &delays[i]));
}

/* What a process that has just been started does. */
static void waits_of_another_process(uint64_t delays[TRIES])
{
    int ends[2], status;
    pid_t pid;

    ck_assert_int_eq(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        struct random random;

        random_seed(&random);
        waits(&random, delays);
        _exit(write(ends[1], delays, TRIES * sizeof(*delays)) != (ssize_t)(TRIES * sizeof(*delays)));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(ends[0], delays, TRIES * sizeof(*delays)), (ssize_t)(TRIES * sizeof(*delays)));
    close(ends[0]);
    close(ends[1]);
}

START_TEST(a_fleet_that_starts_together_does_not_retry_together)
{
    uint64_t one[TRIES], other[TRIES];
    int same = 0;

    waits_of_another_process(one);
    waits_of_another_process(other);
    for (int i = 0; i < TRIES; i++)
        same += one[i] == other[i];
    ck_assert_int_lt(same, TRIES);
}
END_TEST

START_TEST(each_wait_is_within_its_share_of_the_interval)
{
    struct random random;
    uint64_t interval = 5 * NS_PER_S, delays[TRIES];

    random_seed(&random);
    for (int round = 0; round < 1000; round++) {
        interval = 5 * NS_PER_S;
        waits(&random, delays);
        for (int i = 0; i < TRIES; i++) {
            ck_assert_uint_ge(delays[i], interval / 2);
            ck_assert_uint_le(delays[i], interval + interval / 2);
            interval = interval + interval / 2 < 30 * NS_PER_S ? interval + interval / 2 : 30 * NS_PER_S;
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("retry");
    TCase *tc = tcase_create("retry");
    SRunner *r;
    int failed;

    tcase_add_test(tc, a_fleet_that_starts_together_does_not_retry_together);
    tcase_add_test(tc, each_wait_is_within_its_share_of_the_interval);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
