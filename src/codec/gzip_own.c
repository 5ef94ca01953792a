/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and zlib written by ourselves: smaller than zlib's level 1 and about as fast as ISA-L, for contents that consist
 * of records like one another, beyond some kilobytes (decision 22).
 *
 * The content is copied into a window. When that is full, or the content ends, what is new in it is walked through. At
 * each place a copy of what was before is looked for: first where the last one was found, at the same distance, which
 * in a list of like things is where most of the next field is; then where the next eight bytes were met last. It is
 * made as long as it goes, to both sides. The beginning of a content, of which little is known, is walked through
 * thoroughly: byte by byte, and four bytes are enough to be looked for. Behind it every other place is skipped; what
 * begins there is found by its second byte, and by going back. What was found becomes a block (codec/deflate_block.h).
 * Of the window the last 32 KiB stay for the next round.
 *
 * Places are remembered by their lowest 16 bits, and nothing is forgotten. An old one is therefore taken for a place
 * that is nearer, or lies before the window. That is no harm: there is memory to be read, and only where it has the
 * same bytes it is asked whether it may be copied from. */
#include "codec/inflate.h"

#include "base/mem.h"
#include "codec/deflate_block.h"

#include <libdeflate.h>
#include <stdlib.h>

enum {
    NEW_MAX = 7 * DEFLATE_WINDOW, /* bytes walked through at once */
    AHEAD = 8,                    /* bytes read from a place, at most */
    SHORTEST = 4,                 /* copies that are looked for */
    NEAR_BITS = 13,
    FAR_BITS = 14,
    THOROUGH = 64 * 1024, /* bytes at the beginning of a content */
    BEFORE = 1 << 16,     /* so far back a remembered place may seem to be */
};

_Static_assert((int)NEW_MAX <= (int)DEFLATE_BLOCK_MAX, "a block holds one walk");

/* `thorough` is a constant wherever it is given, and what depends on it is left out where it is false. */
#define MIX 0x9e3779b185ebca87u /* odd, and its bits without order */
#define INLINE inline __attribute__((always_inline))

struct stream {
    enum coding coding;
    bool begun;
    uint32_t sum;    /* of all content: crc32 or adler32 */
    uint64_t walked; /* bytes of it */
    struct deflate_bits bits;
    size_t old;                    /* bytes of the window that are written; they may be copied from */
    size_t len;                    /* bytes in the window */
    size_t distance;               /* of the last copy */
    uint16_t base;                 /* of the window's first byte, as it is remembered */
    uint16_t near[1 << NEAR_BITS]; /* where four bytes were met last, by their hash; only at the beginning */
    uint16_t far[1 << FAR_BITS];   /* and eight bytes */
    struct deflate_block block;
    uint8_t space[BEFORE + DEFLATE_WINDOW + NEW_MAX]; /* the window, behind zeros */
};

/* A walk through what is new in the window. */
struct walk {
    struct stream *stream;
    const uint8_t *window, *end;
    const uint8_t *p;
    const uint8_t *literals; /* what comes before p and is in no copy */
    const uint8_t *block;    /* where the one that is gathered begins */
    size_t distance;
};

/* ---- bytes ---- */

static inline uint32_t load4(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load8(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint16_t *near_slot(struct stream *s, const uint8_t *p)
{
    return &s->near[((uint64_t)load4(p) << 32) * MIX >> (64 - NEAR_BITS)];
}

static inline uint16_t *far_slot(struct stream *s, const uint8_t *p)
{
    return &s->far[load8(p) * MIX >> (64 - FAR_BITS)];
}

/* Of two words that are not the same, how many bytes at their beginning are. */
static inline size_t same_in_word(uint64_t differ)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (unsigned)__builtin_clzll(differ) / 8;
#else
    return (unsigned)__builtin_ctzll(differ) / 8;
#endif
}

/* How many bytes are the same at both, up to `end` of the later one. */
static inline size_t count_same(const uint8_t *p, const uint8_t *earlier, const uint8_t *end)
{
    const uint8_t *start = p;

    for (; end - p >= 8; p += 8, earlier += 8) {
        uint64_t differ = load8(p) ^ load8(earlier);

        if (differ != 0)
            return (size_t)(p - start) + same_in_word(differ);
    }
    while (p < end && *p == *earlier)
        p++, earlier++;
    return (size_t)(p - start);
}

/* ---- the walk ---- */

static inline uint16_t position_of(const struct walk *w, const uint8_t *p)
{
    return (uint16_t)(w->stream->base + (p - w->window));
}

static INLINE void remember_position(struct walk *w, const uint8_t *p, bool thorough)
{
    if (w->end - p < AHEAD)
        return;
    *far_slot(w->stream, p) = position_of(w, p);
    if (thorough)
        *near_slot(w->stream, p) = position_of(w, p);
}

static inline bool may_copy(const struct walk *w, size_t distance)
{
    return distance - 1 < DEFLATE_WINDOW && distance <= (size_t)(w->p - w->window);
}

/* From which distance there is a copy for what begins at w->p; 0: none. */
static INLINE size_t find_copy(struct walk *w, bool thorough)
{
    const uint8_t *p = w->p;
    uint16_t *far = far_slot(w->stream, p), *near = thorough ? near_slot(w->stream, p) : far;
    uint16_t here = position_of(w, p);
    size_t d_far = (uint16_t)(here - *far), d_near = (uint16_t)(here - *near);
    uint32_t next = load4(p);
    bool again = load4(p - w->distance) == next, by_far = load4(p - d_far) == next;
    bool by_near = thorough && load4(p - d_near) == next;

    *far = here;
    *near = here;
    if (!(again | by_far | by_near)) /* one branch, for one that cannot be foreseen */
        return 0;
    if (again)
        return w->distance;
    if (!by_far)
        d_far = d_near;
    return may_copy(w, d_far) ? d_far : 0;
}

static void write_block(struct walk *w, const uint8_t *to, bool last, struct buf *out)
{
    struct stream *s = w->stream;

    deflate_block_write(&s->block, bytes_of(w->block, (size_t)(to - w->block)), last, &s->bits, out);
    w->block = to;
}

/* The copy that begins at w->p, from that distance: as long as it is, and from where it can begin. */
static INLINE void take_copy(struct walk *w, size_t distance, bool thorough)
{
    const uint8_t *p = w->p, *end = w->end - p > DEFLATE_LONGEST ? p + DEFLATE_LONGEST : w->end;
    size_t length = SHORTEST + count_same(p + SHORTEST, p + SHORTEST - distance, end);

    for (; p > w->literals && (size_t)(p - w->window) > distance && p[-1] == (p - distance)[-1]; p--)
        length++;
    if (length > DEFLATE_LONGEST)
        length = DEFLATE_LONGEST;
    deflate_put(&w->stream->block, w->literals, (uint32_t)(p - w->literals), (unsigned)length, (unsigned)distance);
    w->distance = distance;
    remember_position(w, p + 2, thorough);
    w->p = w->literals = p + length;
    remember_position(w, w->p - 2, thorough);
}

/* Up to `stop`, from where at least AHEAD bytes can be read. */
static INLINE void walk_to(struct walk *through, const uint8_t *stop, bool thorough, struct buf *out)
{
    struct walk w = *through; /* for the compiler, which keeps it in registers */

    while (w.p < stop) {
        size_t distance = find_copy(&w, thorough);

        if (distance > 0) {
            take_copy(&w, distance, thorough);
            if (w.stream->block.pieces == DEFLATE_PIECES_MAX)
                write_block(&w, w.p, false, out);
        } else if (thorough) {
            w.p++;
        } else {
            remember_position(&w, w.p + 1, false);
            w.p += 2;
        }
    }
    *through = w;
}

static void walk_window(struct stream *s, bool last, struct buf *out)
{
    const uint8_t *window = s->space + BEFORE, *new = window + s->old, *end = window + s->len;
    struct walk w = { s, window, end, new, new, new, s->distance };

    if (s->old == 0 && s->len >= AHEAD) { /* before it there is nothing */
        remember_position(&w, w.p, true);
        w.p++;
    }
    if (s->len - s->old >= AHEAD) {
        const uint8_t *stop = end - AHEAD + 1;
        uint64_t left = s->walked < THOROUGH ? THOROUGH - s->walked : 0;

        walk_to(&w, left < (size_t)(stop - new) ? new + left : stop, true, out);
        walk_to(&w, stop, false, out);
    }
    write_block(&w, end, last, out);
    s->distance = w.distance;
    s->walked += s->len - s->old;
    s->old = s->len;
}

/* ---- streams ---- */

/* Room for what comes: what is too old goes. */
static void shift_window(struct stream *s)
{
    uint8_t *window = s->space + BEFORE;
    size_t gone = s->old > DEFLATE_WINDOW ? s->old - DEFLATE_WINDOW : 0;

    if (gone == 0)
        return;
    memmove(window, window + gone, s->len - gone);
    s->base = (uint16_t)(s->base + gone);
    s->old -= gone;
    s->len -= gone;
}

static void begin_stream(struct stream *s)
{
    s->begun = false;
    s->sum = s->coding == CODING_GZIP ? libdeflate_crc32(0, NULL, 0) : libdeflate_adler32(1, NULL, 0);
    s->bits = (struct deflate_bits){ 0 };
    s->walked = 0;
    s->old = s->len = 0;
    s->distance = 1;
    s->base = 0;
    memset(s->near, 0, sizeof(s->near));
    memset(s->far, 0, sizeof(s->far));
}

static void *stream_new(enum coding c, int level)
{
    struct stream *s = mem_alloc(sizeof(*s));

    (void)level;
    s->coding = c;
    deflate_block_clear(&s->block);
    memset(s->space, 0, BEFORE);
    begin_stream(s);
    return s;
}

static void put_number(struct buf *out, uint32_t v, bool big_endian)
{
    for (unsigned i = 0; i < 4; i++)
        buf_putc(out, (char)(v >> 8 * (big_endian ? 3 - i : i)));
}

static void write_start(struct stream *s, struct buf *out)
{
    static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4 /* fast */, 255 /* by whatever system */ };
    static const uint8_t zlib[] = { 0x78, 0x01 /* a window of 32 KiB, fast */ };

    s->begun = true;
    if (s->coding == CODING_GZIP)
        buf_append(out, gzip, sizeof(gzip));
    else
        buf_append(out, zlib, sizeof(zlib));
}

static void end_stream(struct stream *s, struct buf *out)
{
    walk_window(s, true, out);
    put_number(out, s->sum, s->coding == CODING_ZLIB);
    if (s->coding == CODING_GZIP)
        put_number(out, (uint32_t)s->walked, false);
    begin_stream(s);
}

static void stream_write(void *stream, struct bytes in, bool end, struct buf *out)
{
    struct stream *s = stream;

    if (!s->begun)
        write_start(s, out);
    if (in.len > 0 && s->coding == CODING_GZIP)
        s->sum = libdeflate_crc32(s->sum, in.data, in.len);
    else if (in.len > 0)
        s->sum = libdeflate_adler32(s->sum, in.data, in.len);
    while (in.len > 0) {
        size_t room, n;

        if (s->len - s->old == NEW_MAX) {
            walk_window(s, false, out);
            shift_window(s);
        }
        room = NEW_MAX - (s->len - s->old);
        n = in.len < room ? in.len : room;
        memcpy(s->space + BEFORE + s->len, in.data, n);
        s->len += n;
        in = bytes_skip(in, n);
    }
    if (end)
        end_stream(s, out);
}

static void stream_free(void *stream)
{
    free(stream);
}

const struct gzip_writer gzip_writer_own = { "otelcd", stream_new, stream_write, stream_free };
