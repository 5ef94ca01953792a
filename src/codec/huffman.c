/* SPDX-License-Identifier: Apache-2.0 */
/* The symbols in use are sorted by frequency, and a tree is built of two queues: the leaves, and the inner nodes, which
 * come about in the order of their weight. How deep the leaves are is counted per depth. What is deeper than the limit
 * is brought up to it, for which shallower leaves go down until the codes fit again; then the rarest symbols get the
 * longest codes. */
#include "codec/huffman.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { DIGIT = 9, DIGITS = 1 << DIGIT, MOST_DEEP = 32 };

struct leaf {
    uint32_t freq;
    uint32_t symbol;
};

/* One pass of a radix sort, by the digit at `shift`. */
static void sort_by_digit(const struct leaf *from, struct leaf *to, unsigned n, unsigned shift)
{
    uint16_t start[DIGITS + 1] = { 0 };

    for (unsigned i = 0; i < n; i++)
        start[((from[i].freq >> shift) & (DIGITS - 1)) + 1]++;
    for (unsigned i = 1; i < DIGITS; i++)
        start[i] = (uint16_t)(start[i] + start[i - 1]);
    for (unsigned i = 0; i < n; i++)
        to[start[(from[i].freq >> shift) & (DIGITS - 1)]++] = from[i];
}

/* The symbols that get a code, the rarest first. Returns how many. */
static unsigned sort_used(const uint32_t *freq, unsigned n, struct leaf *leaves)
{
    struct leaf other[HUFFMAN_SYMBOLS];
    unsigned used = 0;

    for (unsigned s = 0; s < n; s++) {
        assert(freq[s] < HUFFMAN_FREQ_MAX);
        if (freq[s] > 0)
            leaves[used++] = (struct leaf){ freq[s], s };
    }
    for (unsigned s = 0; used < 2; s++)
        if (freq[s] == 0)
            leaves[used++] = (struct leaf){ 1, s };
    sort_by_digit(leaves, other, used, 0);
    sort_by_digit(other, leaves, used, DIGIT);
    return used;
}

/* How many leaves are how deep. Of node i, a leaf where it is below n, the parent is a later one. */
static void count_depths(const struct leaf *leaves, unsigned n, unsigned *at_depth)
{
    uint16_t parent[2 * HUFFMAN_SYMBOLS] = { 0 };
    uint32_t weight[HUFFMAN_SYMBOLS];
    uint8_t depth[HUFFMAN_SYMBOLS];
    unsigned leaf = 0, inner = 0;

    for (unsigned made = 0; made + 1 < n; made++) {
        weight[made] = 0;
        for (unsigned k = 0; k < 2; k++) {
            bool take_leaf = leaf < n && (inner == made || leaves[leaf].freq <= weight[inner]);

            weight[made] += take_leaf ? leaves[leaf].freq : weight[inner];
            parent[take_leaf ? leaf++ : n + inner++] = (uint16_t)made;
        }
    }
    depth[n - 2] = 0;
    for (unsigned i = n - 2; i-- > 0;)
        depth[i] = (uint8_t)(depth[parent[n + i]] + 1);
    for (unsigned i = 0; i < n; i++)
        at_depth[depth[parent[i]] + 1]++;
}

/* Frequencies of Fibonacci's kind would make the tree as deep as they are many; with a sum below 2^27 it is not deeper
 * than MOST_DEEP + 6, which `at_depth` has room for. */
static void limit_depths(unsigned *at_depth, unsigned deepest, unsigned limit)
{
    uint64_t room = 1ull << limit, used = 0;

    for (unsigned d = limit + 1; d <= deepest; d++) {
        at_depth[limit] += at_depth[d];
        at_depth[d] = 0;
    }
    for (unsigned d = 1; d <= limit; d++)
        used += (uint64_t)at_depth[d] << (limit - d);
    for (; used > room; used--) { /* a leaf goes one down, and takes one of the deepest for its brother */
        unsigned d = limit - 1;

        while (at_depth[d] == 0)
            d--;
        at_depth[d]--;
        at_depth[d + 1] += 2;
        at_depth[limit]--;
    }
}

void huffman_lengths(const uint32_t *freq, unsigned n, unsigned limit, uint8_t *len)
{
    enum { DEEPEST = MOST_DEEP + 7 };
    struct leaf leaves[HUFFMAN_SYMBOLS];
    unsigned at_depth[DEEPEST + 1] = { 0 }, used, next = 0;

    assert(n >= 2 && n <= HUFFMAN_SYMBOLS && 1u << limit >= n);
    used = sort_used(freq, n, leaves);
    count_depths(leaves, used, at_depth);
    limit_depths(at_depth, DEEPEST, limit);
    memset(len, 0, n);
    for (unsigned d = limit; d > 0; d--)
        for (unsigned k = 0; k < at_depth[d]; k++)
            len[leaves[next++].symbol] = (uint8_t)d;
    assert(next == used);
}

static uint16_t reverse_bits(unsigned code, unsigned n)
{
    unsigned out = 0;

    for (; n > 0; n--, code >>= 1)
        out = out << 1 | (code & 1);
    return (uint16_t)out;
}

void huffman_codes(const uint8_t *len, unsigned n, uint16_t *code)
{
    unsigned of_length[16] = { 0 }, next[16] = { 0 };

    for (unsigned s = 0; s < n; s++)
        of_length[len[s]]++;
    of_length[0] = 0;
    for (unsigned bits = 1; bits < 16; bits++)
        next[bits] = (next[bits - 1] + of_length[bits - 1]) << 1;
    for (unsigned s = 0; s < n; s++)
        code[s] = len[s] > 0 ? reverse_bits(next[len[s]]++, len[s]) : 0;
}
