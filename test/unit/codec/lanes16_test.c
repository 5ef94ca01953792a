/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen bytes at once say what one byte after another says; and so does the instruction for CRC-32C. */
#include "codec/lanes16.h"

#include "codec/crc32c.h"
#include "codec/utf8.h"

#include <check.h>

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

#ifdef HAVE_LANES16

START_TEST(lanes_of_a_mask_are_the_bytes_it_was_made_of)
{
    uint32_t state = 1;
    uint8_t bytes[16];

    for (int round = 0; round < 100000; round++) {
        uint64_t stop = 0, high = 0, mask;
        lanes16 v;

        for (unsigned i = 0; i < 16; i++) {
            uint32_t r = next_random(&state);
            uint64_t lane = (((uint64_t)1 << LANE16_BITS) - 1) << i * LANE16_BITS;

            bytes[i] = r % 4 == 0 ? (uint8_t)(r >> 4) : (uint8_t)(' ' + (r >> 4) % 90);
            if (bytes[i] == '"' || bytes[i] == '\\' || bytes[i] < 0x20 || bytes[i] >= 0x80)
                stop |= lane;
            if (bytes[i] >= 0x80)
                high |= lane;
        }
        v = lanes16_load(bytes);
        mask =
            lanes16_mask(lanes16_or(lanes16_or(lanes16_equal(v, '"'), lanes16_equal(v, '\\')), lanes16_unprintable(v)));
        ck_assert_uint_eq(mask, stop);
        ck_assert_uint_eq(lanes16_mask(v), high);
        if (stop != 0)
            ck_assert(lanes16_first(stop) < 16 && (lanes16_below(lanes16_first(stop)) & stop) == 0);
    }
    ck_assert_uint_eq(lanes16_below(0), 0);
    memset(bytes, 0xff, sizeof(bytes));
    ck_assert_uint_eq(lanes16_below(16) & lanes16_mask(lanes16_load(bytes)), lanes16_mask(lanes16_load(bytes)));
}
END_TEST

#endif

START_TEST(utf8_is_judged_the_same_with_and_without_bytes_behind_it)
{
    uint32_t state = 2;

    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[64];
        size_t n = next_random(&state) % 40;

        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = next_random(&state) % 8 == 0 ? (uint8_t)next_random(&state) : 'a';
        ck_assert_int_eq(utf8_valid_in(bytes, n, bytes + sizeof(bytes)), utf8_valid_slow(bytes, n));
        ck_assert_int_eq(utf8_valid_in(bytes, n, bytes + n), utf8_valid_slow(bytes, n));
    }
}
END_TEST

/* The first value is the check value of the polynomial's definition. */
START_TEST(crc32c_by_instruction_is_that_by_table)
{
    static uint8_t bytes[5000];
    uint32_t state = 3;

    ck_assert_uint_eq(crc32c(0, bytes_str("123456789")), 0xe3069283u);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)next_random(&state);
    for (size_t n = 0; n < sizeof(bytes); n += 1 + n / 8) {
        struct bytes all = { bytes, n }, half = { bytes, n / 3 };

        ck_assert_uint_eq(crc32c(0, all), crc32c_portable(0, all));
        ck_assert_uint_eq(crc32c(crc32c(0, half), bytes_skip(all, n / 3)), crc32c_portable(0, all));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lanes16");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

#ifdef HAVE_LANES16
    tcase_add_test(tc, lanes_of_a_mask_are_the_bytes_it_was_made_of);
#endif
    tcase_add_test(tc, utf8_is_judged_the_same_with_and_without_bytes_behind_it);
    tcase_add_test(tc, crc32c_by_instruction_is_that_by_table);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
