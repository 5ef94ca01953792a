/* SPDX-License-Identifier: Apache-2.0 */
/* A block is written in the shortest of three ways: with codes of its own, which it begins with; with those that the
 * format has once and for all; or as it is. What each takes is known from the frequencies before a bit is written.
 *
 * Nothing can go wrong: room for the block as it is, which is the most it takes, is made before. */
#include "codec/deflate_block.h"

#include "codec/huffman.h"

#include <assert.h>
#include <string.h>

enum {
    END = 256, /* the symbol that ends a block */
    SYMBOLS = 286,
    FIXED_SYMBOLS = 288, /* the fixed codes have two that are never used */
    LENGTH_CODES = SYMBOLS - END - 1,
    CODE_MAX = 14, /* bits of a symbol: so that four literals fit what is held */
    HEAD_SYMBOLS = 19,
    HEAD_MAX = 7,
    STORED_MAX = 65535,
};

enum { STORED, FIXED, DYNAMIC };

static const uint8_t head_order[HEAD_SYMBOLS] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };

/* What a length (less 3) has: which code, and how many bits behind it. */
static unsigned length_code(unsigned l)
{
    unsigned extra = l < 8 ? 0 : 29 - (unsigned)__builtin_clz(l);

    return l == DEFLATE_LONGEST - DEFLATE_SHORTEST ? LENGTH_CODES - 1 : l < 8 ? l : extra * 4 + (l >> extra);
}

static unsigned length_extra(unsigned code)
{
    return code < 8 || code == LENGTH_CODES - 1 ? 0 : code / 4 - 1;
}

static unsigned distance_extra(unsigned code)
{
    return code < 4 ? 0 : code / 2 - 1;
}

/* The codes of a block. */
struct codes {
    uint8_t symbol_len[FIXED_SYMBOLS];
    uint16_t symbol[FIXED_SYMBOLS];
    uint8_t distance_len[DEFLATE_DISTANCES];
    uint16_t distance[DEFLATE_DISTANCES];
};

/* The lengths of both alphabets in one row, shortened (3.2.7). */
struct head {
    unsigned symbols, distances; /* how many lengths are given */
    unsigned runs;
    uint8_t run[SYMBOLS + DEFLATE_DISTANCES];
    uint8_t extra[SYMBOLS + DEFLATE_DISTANCES];
    uint8_t len[HEAD_SYMBOLS];
    uint16_t code[HEAD_SYMBOLS];
    unsigned lens; /* how many of `len`, in head_order */
};

void deflate_block_clear(struct deflate_block *b)
{
    b->pieces = 0;
    b->covered = 0;
    memset(b->literal, 0, sizeof(b->literal));
    memset(b->length, 0, sizeof(b->length));
    memset(b->distance, 0, sizeof(b->distance));
}

/* --- bits --- */

static inline void put_bits(struct deflate_bits *b, uint64_t v, unsigned n)
{
    b->held |= v << b->n;
    b->n += n;
}

/* Whole bytes go out. There is room for 8. */
static inline uint8_t *flush_bits(struct deflate_bits *b, uint8_t *to)
{
    uint64_t held = b->held;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    held = __builtin_bswap64(held);
#endif
    memcpy(to, &held, sizeof(held));
    to += b->n >> 3;
    b->held >>= b->n & ~7u;
    b->n &= 7;
    return to;
}

/* --- which coding --- */

/* How often each symbol of the first alphabet is there: literals, the end, codes of lengths. */
static void count_symbols(const struct deflate_block *b, uint32_t *freq)
{
    memcpy(freq, b->literal, sizeof(b->literal));
    freq[END] = 1;
    memset(freq + END + 1, 0, sizeof(*freq) * (FIXED_SYMBOLS - END - 1));
    for (unsigned l = 0; l < DEFLATE_LENGTHS; l++)
        freq[END + 1 + length_code(l)] += b->length[l];
}

static uint64_t body_bits(const uint32_t *freq, const struct deflate_block *b, const struct codes *c)
{
    uint64_t bits = 0;

    for (unsigned s = 0; s < SYMBOLS; s++)
        bits += (uint64_t)freq[s] * (c->symbol_len[s] + (s > END ? length_extra(s - END - 1) : 0));
    for (unsigned d = 0; d < DEFLATE_DISTANCES; d++)
        bits += (uint64_t)b->distance[d] * (c->distance_len[d] + distance_extra(d));
    return bits;
}

static void fixed_lengths(struct codes *c)
{
    memset(c->symbol_len, 8, 144);
    memset(c->symbol_len + 144, 9, 256 - 144);
    memset(c->symbol_len + 256, 7, 280 - 256);
    memset(c->symbol_len + 280, 8, FIXED_SYMBOLS - 280);
    memset(c->distance_len, 5, sizeof(c->distance_len));
}

static void put_run(struct head *h, uint32_t *freq, unsigned symbol, unsigned extra)
{
    h->run[h->runs] = (uint8_t)symbol;
    h->extra[h->runs++] = (uint8_t)extra;
    freq[symbol]++;
}

/* So many times the same length. */
static void put_lengths(struct head *h, uint32_t *freq, unsigned len, unsigned n)
{
    if (len > 0) {
        put_run(h, freq, len, 0);
        n--;
    }
    while (n >= 3) {
        unsigned most = len > 0 ? 6 : 138, take = n < most ? n : most;

        if (len > 0)
            put_run(h, freq, 16, take - 3);
        else if (take <= 10)
            put_run(h, freq, 17, take - 3);
        else
            put_run(h, freq, 18, take - 11);
        n -= take;
    }
    for (; n > 0; n--)
        put_run(h, freq, len, 0);
}

static unsigned used_of(const uint8_t *len, unsigned n, unsigned least)
{
    while (n > least && len[n - 1] == 0)
        n--;
    return n;
}

/* Returns how many bits the head takes. */
static uint64_t make_head(struct head *h, const struct codes *c)
{
    static const uint8_t extra_bits[3] = { 2, 3, 7 };
    uint8_t row[SYMBOLS + DEFLATE_DISTANCES];
    uint32_t freq[HEAD_SYMBOLS] = { 0 };
    uint64_t bits = 5 + 5 + 4;
    unsigned n;

    h->runs = 0;
    h->symbols = used_of(c->symbol_len, SYMBOLS, END + 1);
    h->distances = used_of(c->distance_len, DEFLATE_DISTANCES, 1);
    n = h->symbols + h->distances;
    memcpy(row, c->symbol_len, h->symbols);
    memcpy(row + h->symbols, c->distance_len, h->distances);
    for (unsigned i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && row[end] == row[i]; end++)
            ;
        put_lengths(h, freq, row[i], end - i);
    }
    huffman_lengths(freq, HEAD_SYMBOLS, HEAD_MAX, h->len);
    huffman_codes(h->len, HEAD_SYMBOLS, h->code);
    for (h->lens = HEAD_SYMBOLS; h->lens > 4 && h->len[head_order[h->lens - 1]] == 0; h->lens--)
        ;
    for (unsigned s = 0; s < HEAD_SYMBOLS; s++)
        bits += (uint64_t)freq[s] * (h->len[s] + (s >= 16 ? extra_bits[s - 16] : 0u));
    return bits + 3 * (uint64_t)h->lens;
}

/* --- writing --- */

static uint8_t *write_head(const struct head *h, struct deflate_bits *bits, uint8_t *to)
{
    static const uint8_t extra_bits[3] = { 2, 3, 7 };

    put_bits(bits, h->symbols - 257, 5);
    put_bits(bits, h->distances - 1, 5);
    put_bits(bits, h->lens - 4, 4);
    to = flush_bits(bits, to);
    for (unsigned i = 0; i < h->lens; i++) {
        put_bits(bits, h->len[head_order[i]], 3);
        to = flush_bits(bits, to);
    }
    for (unsigned i = 0; i < h->runs; i++) {
        put_bits(bits, h->code[h->run[i]], h->len[h->run[i]]);
        if (h->run[i] >= 16)
            put_bits(bits, h->extra[i], extra_bits[h->run[i] - 16]);
        to = flush_bits(bits, to);
    }
    return to;
}

/* A code with what follows it, so that it is written at once. */
struct word {
    uint32_t bits;
    uint32_t n;
};

static void make_lengths(const struct codes *c, struct word *words)
{
    unsigned first[LENGTH_CODES];

    for (unsigned l = DEFLATE_LENGTHS; l-- > 0;)
        first[length_code(l)] = l;
    for (unsigned l = 0; l < DEFLATE_LENGTHS; l++) {
        unsigned code = length_code(l), s = END + 1 + code;

        words[l].bits = c->symbol[s] | (l - first[code]) << c->symbol_len[s];
        words[l].n = c->symbol_len[s] + length_extra(code);
    }
}

static inline uint8_t *write_literals(const struct word *literal, const uint8_t *from, uint32_t n,
                                      struct deflate_bits *bits, uint8_t *to)
{
    for (; n >= 4; n -= 4, from += 4) {
        put_bits(bits, literal[from[0]].bits, literal[from[0]].n);
        put_bits(bits, literal[from[1]].bits, literal[from[1]].n);
        put_bits(bits, literal[from[2]].bits, literal[from[2]].n);
        put_bits(bits, literal[from[3]].bits, literal[from[3]].n);
        to = flush_bits(bits, to);
    }
    for (; n > 0; n--, from++)
        put_bits(bits, literal[from[0]].bits, literal[from[0]].n);
    return flush_bits(bits, to);
}

static uint8_t *write_body(const struct deflate_block *b, struct bytes content, const struct codes *c,
                           struct deflate_bits *held, uint8_t *to)
{
    struct word literal[DEFLATE_LITERALS], length[DEFLATE_LENGTHS];
    struct deflate_bits bits = *held;
    const uint8_t *from = content.data;

    for (unsigned s = 0; s < DEFLATE_LITERALS; s++)
        literal[s] = (struct word){ c->symbol[s], c->symbol_len[s] };
    make_lengths(c, length);
    for (unsigned i = 0; i < b->pieces; i++) {
        struct deflate_piece p = b->piece[i];
        unsigned code = deflate_distance_code(p.distance), extra = distance_extra(code);

        to = write_literals(literal, from, p.literals, &bits, to);
        put_bits(&bits, length[p.length].bits, length[p.length].n);
        put_bits(&bits, c->distance[code], c->distance_len[code]);
        put_bits(&bits, p.distance & ((1u << extra) - 1), extra);
        to = flush_bits(&bits, to);
        from += p.literals + p.length + DEFLATE_SHORTEST;
    }
    to = write_literals(literal, from, (uint32_t)(bytes_end(content) - from), &bits, to);
    put_bits(&bits, c->symbol[END], c->symbol_len[END]);
    to = flush_bits(&bits, to);
    *held = bits;
    return to;
}

static uint8_t *write_stored(struct bytes content, bool last, struct deflate_bits *bits, uint8_t *to)
{
    do {
        size_t n = content.len < STORED_MAX ? content.len : STORED_MAX;

        put_bits(bits, last && n == content.len, 1);
        put_bits(bits, STORED, 2);
        bits->n = (bits->n + 7) & ~7u;
        put_bits(bits, n, 16);
        put_bits(bits, ~n & 0xffff, 16);
        to = flush_bits(bits, to);
        memcpy(to, content.data, n);
        to += n;
        content = bytes_skip(content, n);
    } while (content.len > 0);
    return to;
}

static uint64_t stored_bits(size_t len)
{
    return 8 * (uint64_t)len + (len / STORED_MAX + 1) * (3 + 7 + 32);
}

void deflate_block_write(struct deflate_block *b, struct bytes content, bool last, struct deflate_bits *bits,
                         struct buf *out)
{
    struct codes own, fixed;
    struct head head;
    uint32_t freq[FIXED_SYMBOLS];
    uint64_t own_bits, fixed_bits, most = stored_bits(content.len);
    uint8_t *to = buf_reserve(out, most / 8 + 64), *start = to;

    assert(content.len <= DEFLATE_BLOCK_MAX && b->covered <= content.len);
    for (size_t i = b->covered; i < content.len; i++)
        b->literal[content.data[i]]++;
    count_symbols(b, freq);
    huffman_lengths(freq, SYMBOLS, CODE_MAX, own.symbol_len);
    huffman_lengths(b->distance, DEFLATE_DISTANCES, CODE_MAX, own.distance_len);
    own_bits = make_head(&head, &own) + body_bits(freq, b, &own);
    fixed_lengths(&fixed);
    fixed_bits = body_bits(freq, b, &fixed);
    if (most < own_bits && most < fixed_bits) {
        to = write_stored(content, last, bits, to);
    } else {
        struct codes *c = own_bits < fixed_bits ? &own : &fixed;

        put_bits(bits, last, 1);
        put_bits(bits, c == &own ? DYNAMIC : FIXED, 2);
        huffman_codes(c->symbol_len, c == &own ? SYMBOLS : FIXED_SYMBOLS, c->symbol);
        huffman_codes(c->distance_len, DEFLATE_DISTANCES, c->distance);
        if (c == &own)
            to = write_head(&head, bits, to);
        to = write_body(b, content, c, bits, to);
    }
    if (last) {
        bits->n = (bits->n + 7) & ~7u;
        to = flush_bits(bits, to);
    }
    out->len += (size_t)(to - start);
    deflate_block_clear(b);
}
