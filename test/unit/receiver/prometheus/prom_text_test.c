/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/prometheus/prom_text.h"

#include "base/loop/clock.h"

#include <check.h>

static const struct {
    const char *text;
    uint64_t ns;
    const char *printed; /* NULL: as it was */
} durations[] = {
    { "15s", 15 * NS_PER_S, NULL },
    { "1m", 60 * NS_PER_S, NULL },
    { "1h30m", 5400 * NS_PER_S, NULL },
    { "90s", 90 * NS_PER_S, "1m30s" },
    { "500ms", 500 * NS_PER_MS, NULL },
    { "1d2h", 26 * 3600ull * NS_PER_S, NULL },
    { "1w", 7 * 86400ull * NS_PER_S, NULL },
    { "8d", 8 * 86400ull * NS_PER_S, NULL },
    { "1y", 365 * 86400ull * NS_PER_S, NULL },
    { "1y1w1d1h1m1s1ms", (365 + 8) * 86400ull * NS_PER_S + 3661 * NS_PER_S + NS_PER_MS, "373d1h1m1s1ms" },
    { "0", 0, "0s" },
    { "0s", 0, NULL },
};

START_TEST(durations_are_read_as_prometheus_reads_them)
{
    struct buf out = { 0 };
    uint64_t ns;

    ck_assert(prom_duration_parse(durations[_i].text, &ns));
    ck_assert_uint_eq(ns, durations[_i].ns);
    prom_duration_print(ns, &out);
    ck_assert_str_eq(buf_cstr(&out), durations[_i].printed != NULL ? durations[_i].printed : durations[_i].text);
    buf_free(&out);
}
END_TEST

static const char *const no_durations[] = { "",     "90",     "1.5s", "-1s", "s",     "1s1m", "1m1m",
                                            "1 s",  "1sx",    "1u",   "1ns", "1us",   "0x1s", "99999999999999999999s",
                                            "300y", "292y1y", "1s ",  " 1s", "1h 1m", "1S" };

START_TEST(what_is_no_duration_of_prometheus_is_refused)
{
    uint64_t ns;

    ck_assert(!prom_duration_parse(no_durations[_i], &ns));
}
END_TEST

static const struct {
    const char *text;
    uint64_t bytes;
} sizes[] = {
    { "0", 0 },           { "10B", 10 },          { "1KB", 1024 },       { "512KiB", 512 * 1024ull },
    { "10MB", 10 << 20 }, { "2GiB", 2ull << 30 }, { "7EB", 7ull << 60 },
};

START_TEST(sizes_are_powers_of_1024)
{
    uint64_t bytes;

    ck_assert(prom_size_parse(sizes[_i].text, &bytes));
    ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

static const char *const no_sizes[] = { "", "10", "MB", "-1B", "1.5MB", "10MBx", "10 MB", "8EB", "1mb", "1XB", "1i" };

START_TEST(what_is_no_size_is_refused)
{
    uint64_t bytes;

    ck_assert(!prom_size_parse(no_sizes[_i], &bytes));
}
END_TEST

#define N(table) (sizeof(table) / sizeof(*(table)))

int main(void)
{
    Suite *s = suite_create("prom_text");
    TCase *tc = tcase_create("prom_text");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(tc, durations_are_read_as_prometheus_reads_them, 0, N(durations));
    tcase_add_loop_test(tc, what_is_no_duration_of_prometheus_is_refused, 0, N(no_durations));
    tcase_add_loop_test(tc, sizes_are_powers_of_1024, 0, N(sizes));
    tcase_add_loop_test(tc, what_is_no_size_is_refused, 0, N(no_sizes));
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
