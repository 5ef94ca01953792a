/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen bytes looked at at once, where the processor can: with SSE2, and with NEON, which has no instruction that
 * gathers the top bit of each lane, but one that narrows them to four bits each. HAVE_LANES16 says that it can. */
#ifndef CODEC_LANES16_H
#define CODEC_LANES16_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)

#include <emmintrin.h>

#define HAVE_LANES16 1

enum { LANE16_BITS = 1 };
typedef __m128i lanes16;

static inline lanes16 lanes16_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline lanes16 lanes16_or(lanes16 a, lanes16 b)
{
    return _mm_or_si128(a, b);
}

/* All bits of a lane that is c. */
static inline lanes16 lanes16_equal(lanes16 a, char c)
{
    return _mm_cmpeq_epi8(a, _mm_set1_epi8(c));
}

/* All bits of a lane that is a control character or above ASCII: as signed bytes, what is less than a space. */
static inline lanes16 lanes16_unprintable(lanes16 a)
{
    return _mm_cmplt_epi8(a, _mm_set1_epi8(' '));
}

/* LANE16_BITS bits for each lane, from the lowest, of those whose top bit is set. */
static inline uint64_t lanes16_mask(lanes16 a)
{
    return (unsigned)_mm_movemask_epi8(a);
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

#include <arm_neon.h>

#define HAVE_LANES16 1

enum { LANE16_BITS = 4 };
typedef uint8x16_t lanes16;

static inline lanes16 lanes16_load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline lanes16 lanes16_or(lanes16 a, lanes16 b)
{
    return vorrq_u8(a, b);
}

static inline lanes16 lanes16_equal(lanes16 a, char c)
{
    return vceqq_u8(a, vdupq_n_u8((uint8_t)c));
}

static inline lanes16 lanes16_unprintable(lanes16 a)
{
    return vcltq_s8(vreinterpretq_s8_u8(a), vdupq_n_s8(' '));
}

static inline uint64_t lanes16_mask(lanes16 a)
{
    uint8x16_t top = vreinterpretq_u8_s8(vshrq_n_s8(vreinterpretq_s8_u8(a), 7));

    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(top), 4)), 0);
}

#endif

#ifdef HAVE_LANES16

/* The first lane of a mask that is not 0. */
static inline unsigned lanes16_first(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask) / LANE16_BITS;
}

/* The mask of the first n lanes, n at most 16. */
static inline uint64_t lanes16_below(size_t n)
{
    return n * LANE16_BITS >= 64 ? UINT64_MAX : ((uint64_t)1 << n * LANE16_BITS) - 1;
}

#endif

#endif
