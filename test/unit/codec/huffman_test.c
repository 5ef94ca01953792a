/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/huffman.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static uint32_t random_state = 12345;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * below >> 32);
}

/* Every run of bits is the beginning of exactly one code. */
static void check_complete(const uint8_t *len, unsigned n, unsigned limit)
{
    uint64_t used = 0;

    for (unsigned s = 0; s < n; s++) {
        ck_assert_uint_le(len[s], limit);
        used += len[s] > 0 ? 1ull << (limit - len[s]) : 0;
    }
    ck_assert_uint_eq(used, 1ull << limit);
}

static uint64_t weigh(const uint32_t *freq, const uint8_t *len, unsigned n)
{
    uint64_t sum = 0;

    for (unsigned s = 0; s < n; s++) {
        ck_assert(freq[s] == 0 || len[s] > 0);
        sum += (uint64_t)freq[s] * len[s];
    }
    return sum;
}

/* The sum of the best code without a limit: that of all inner nodes, the two lightest of which are joined each time. */
static uint64_t best_sum(const uint32_t *freq, unsigned n)
{
    uint64_t nodes[HUFFMAN_SYMBOLS], sum = 0;
    unsigned left = 0;

    for (unsigned s = 0; s < n; s++)
        if (freq[s] > 0)
            nodes[left++] = freq[s];
    while (left > 1) {
        for (unsigned k = 0; k < 2; k++) /* the lightest two to the end */
            for (unsigned i = 0; i + 1 < left - k; i++)
                if (nodes[i] < nodes[i + 1]) {
                    uint64_t swap = nodes[i];

                    nodes[i] = nodes[i + 1];
                    nodes[i + 1] = swap;
                }
        left--;
        nodes[left - 1] += nodes[left];
        sum += nodes[left - 1];
    }
    return sum;
}

START_TEST(codes_are_complete_and_as_short_as_can_be)
{
    static const unsigned sizes[] = { 2, 3, 19, 30, 257, 286, 288 };
    uint32_t freq[HUFFMAN_SYMBOLS];
    uint8_t len[HUFFMAN_SYMBOLS];

    for (unsigned round = 0; round < 700; round++) {
        unsigned n = sizes[round % ARRAY_LEN(sizes)], used = 0;
        uint32_t most = 1u << draw(12);

        for (unsigned s = 0; s < n; s++) {
            freq[s] = draw(4) > 0 ? draw(most) : 0;
            used += freq[s] > 0;
        }
        huffman_lengths(freq, n, 25, len);
        check_complete(len, n, 25);
        if (used >= 2)
            ck_assert_uint_eq(weigh(freq, len, n), best_sum(freq, n));
    }
}
END_TEST

START_TEST(no_code_is_longer_than_the_limit)
{
    uint32_t freq[HUFFMAN_SYMBOLS] = { 0 };
    uint8_t len[HUFFMAN_SYMBOLS];

    for (unsigned i = 0, a = 1, b = 1; i < 25; i++) { /* the tree of these is a chain */
        freq[i * 11 % 25] = a;
        b += a;
        a = b - a;
    }
    for (unsigned limit = 5; limit <= 15; limit++) {
        huffman_lengths(freq, 25, limit, len);
        check_complete(len, 25, limit);
        (void)weigh(freq, len, 25);
    }
    for (unsigned s = 0; s < 288; s++)
        freq[s] = s == 7 ? HUFFMAN_FREQ_MAX - 1 : 1;
    huffman_lengths(freq, 288, 9, len);
    check_complete(len, 288, 9);
}
END_TEST

START_TEST(two_symbols_have_a_code_whatever_is_used)
{
    uint32_t freq[30] = { 0 };
    uint8_t len[30];

    huffman_lengths(freq, 30, 14, len);
    check_complete(len, 30, 14);
    for (unsigned s = 0; s < 30; s++) {
        memset(freq, 0, sizeof(freq));
        freq[s] = 9;
        huffman_lengths(freq, 30, 14, len);
        check_complete(len, 30, 14);
        ck_assert_uint_eq(len[s], 1);
    }
}
END_TEST

/* The example of RFC 1951, 3.2.2. */
START_TEST(codes_are_those_of_the_format)
{
    static const uint8_t len[] = { 3, 3, 3, 3, 3, 2, 4, 4 };
    static const uint16_t want[] = { 02, 06, 01, 05, 03, 0, 07, 017 }; /* 010 011 100 101 110 00 1110 1111, turned */
    uint16_t code[8];

    huffman_codes(len, 8, code);
    for (unsigned s = 0; s < 8; s++)
        ck_assert_uint_eq(code[s], want[s]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("huffman");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, codes_are_complete_and_as_short_as_can_be);
    tcase_add_test(tc, no_code_is_longer_than_the_limit);
    tcase_add_test(tc, two_symbols_have_a_code_whatever_is_used);
    tcase_add_test(tc, codes_are_those_of_the_format);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
