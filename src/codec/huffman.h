/* SPDX-License-Identifier: Apache-2.0 */
/* Huffman codes of limited length, as deflate has them (RFC 1951, 3.2.2). */
#ifndef CODEC_HUFFMAN_H
#define CODEC_HUFFMAN_H

#include <stdint.h>

enum {
    HUFFMAN_SYMBOLS = 288,     /* of one alphabet, at most */
    HUFFMAN_FREQ_MAX = 1 << 18 /* a frequency is below it */
};

/* How long the code of each of the n symbols is, by how often each is used: 0 where never, at most `limit` (with
 * 1 << limit >= n), and as short in the sum as that allows, or a little longer where the limit is in the way. Two
 * symbols at least have a code, whether they are used or not: some readers take no code of one symbol. */
void huffman_lengths(const uint32_t *freq, unsigned n, unsigned limit, uint8_t *len);

/* The codes to those lengths, the first bit of each the lowest one. */
void huffman_codes(const uint8_t *len, unsigned n, uint16_t *code);

#endif
