/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of deflate (RFC 1951, 3.2.3 to 3.2.7): what a content was found to consist of, literals and copies of what was
 * before, as bits. */
#ifndef CODEC_DEFLATE_BLOCK_H
#define CODEC_DEFLATE_BLOCK_H

#include "base/buf.h"

enum {
    DEFLATE_SHORTEST = 3, /* copies that deflate can say: of so many bytes, */
    DEFLATE_LONGEST = 258,
    DEFLATE_WINDOW = 32768,            /* from so far before */
    DEFLATE_BLOCK_MAX = (1 << 18) - 2, /* bytes of content in one block here */
    DEFLATE_PIECES_MAX = 1 << 13,      /* and pieces of it */
    DEFLATE_DISTANCES = 30,
    DEFLATE_LITERALS = 256,
    DEFLATE_LENGTHS = DEFLATE_LONGEST - DEFLATE_SHORTEST + 1,
};

/* Some literals, and then a copy. */
struct deflate_piece {
    uint32_t literals;
    uint16_t length;   /* bytes copied, less DEFLATE_SHORTEST */
    uint16_t distance; /* from where, less 1 */
};

/* A block as it is gathered: deflate_put() for each piece, with the literals behind the last one left over. */
struct deflate_block {
    unsigned pieces;
    size_t covered; /* bytes of content in them */
    struct deflate_piece piece[DEFLATE_PIECES_MAX];
    uint32_t literal[DEFLATE_LITERALS]; /* how often each occurs */
    uint32_t length[DEFLATE_LENGTHS];
    uint32_t distance[DEFLATE_DISTANCES];
};

/* What is not a whole byte yet. */
struct deflate_bits {
    uint64_t held;
    unsigned n; /* below 8 between two calls */
};

void deflate_block_clear(struct deflate_block *b);

/* Which of the 30 codes a distance (less 1) has. */
static inline unsigned deflate_distance_code(unsigned d)
{
    unsigned high = d < 2 ? 0 : 31 - (unsigned)__builtin_clz(d);

    return d < 2 ? d : 2 * high + (d >> (high - 1) & 1);
}

static inline void deflate_put(struct deflate_block *b, const uint8_t *literals, uint32_t n, unsigned length,
                               unsigned distance)
{
    for (uint32_t i = 0; i < n; i++)
        b->literal[literals[i]]++;
    b->piece[b->pieces++] =
        (struct deflate_piece){ n, (uint16_t)(length - DEFLATE_SHORTEST), (uint16_t)(distance - 1) };
    b->covered += n + length;
    b->length[length - DEFLATE_SHORTEST]++;
    b->distance[deflate_distance_code(distance - 1)]++;
}

/* Appends the block of `content`, which its pieces and the literals behind them are, in the coding that is shortest,
 * and clears it. After the `last` one whole bytes are out. */
void deflate_block_write(struct deflate_block *b, struct bytes content, bool last, struct deflate_bits *bits,
                         struct buf *out);

#endif
