/* SPDX-License-Identifier: Apache-2.0 */
/* Codings by their names. inflate_block() has one reader for each coding write into a block that is charged to the
 * budget: it begins with an estimate, grows as the reader asks for room (inflate_room()), and is cut to size at the
 * end. deflate_parts() goes the other way, from parts into a buffer.
 *
 * What can go wrong: the content is larger than its limit, or the budget has no room: each is told as such before more
 * memory is taken, and the page behind the limit is all that was made too much. An estimate that came from the sender
 * is believed only as far as the coding could hold it. What is cut short, broken, or followed by something else is
 * refused with its coding's name. */
#include "codec/compress.h"

#include "base/library.h"
#include "base/mem.h"
#include "base/loop/thread.h"
#include "codec/inflate.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#define WHOLE_MAX (16 * 1024ul) /* up to here libdeflate is as fast as our own writer, and smaller */

static const struct {
    const char *name;
    enum coding coding;
} names[] = {
    { "identity", CODING_IDENTITY },
    { "gzip", CODING_GZIP },
    { "deflate", CODING_ZLIB },
    { "zstd", CODING_ZSTD },
    { "snappy", CODING_SNAPPY },
    { "x-snappy-framed", CODING_SNAPPY_FRAMED },
    { "lz4", CODING_LZ4 },
    /* What follows is read, never written. */
    { "zlib", CODING_ZLIB },
    { "x-gzip", CODING_GZIP },
    { "", CODING_IDENTITY },
};

enum coding coding_by_name(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal_nocase(name, bytes_str(names[i].name)))
            return names[i].coding;
    return CODING_UNKNOWN;
}

const char *coding_name(enum coding c)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].coding == c)
            return names[i].name;
    return "unknown";
}

/* Saturating: a limit of SIZE_MAX is no limit. */
static size_t most_bytes(const struct inflate_out *o)
{
    return o->max > SIZE_MAX / 4 ? SIZE_MAX / 4 : o->max + INFLATE_PAGE;
}

static int no_room(const struct inflate_out *o, struct error *err, size_t size)
{
    return error_set(err, UV_ENOMEM, "%s: no memory left in the budget for %zu bytes of content", o->coding, size);
}

int inflate_start(struct inflate_out *o, size_t estimate, struct error *err)
{
    size_t cap = estimate < most_bytes(o) ? estimate : most_bytes(o);

    if (cap < 64)
        cap = 64;
    o->block = block_new(o->budget, cap);
    if (o->block == NULL && cap > INFLATE_PAGE) { /* the estimate may be wrong: begin small */
        cap = INFLATE_PAGE;
        o->block = block_new(o->budget, cap);
    }
    return o->block != NULL ? 0 : no_room(o, err, cap);
}

int inflate_check(const struct inflate_out *o, struct error *err)
{
    if (o->len <= o->max)
        return 0;
    return error_set(err, UV_EFBIG, "%s: the content is larger than the limit of %zu bytes", o->coding, o->max);
}

int inflate_room(struct inflate_out *o, struct error *err)
{
    size_t cap = o->block->cap, least = cap + 1;
    struct block *grown;

    if (inflate_check(o, err) != 0)
        return UV_EFBIG;
    if (o->len < cap)
        return 0;
    cap += cap < INFLATE_PAGE ? INFLATE_PAGE : cap;
    if (cap > most_bytes(o))
        cap = most_bytes(o);
    if (cap < least) /* only where the limit itself is past what can be addressed */
        return no_room(o, err, least);
    grown = block_grow(o->block, cap, false);
    if (grown == NULL && cap - o->len > INFLATE_PAGE)
        grown = block_grow(o->block, o->len + INFLATE_PAGE, false);
    if (grown == NULL)
        return no_room(o, err, cap);
    o->block = grown;
    return 0;
}

bool inflate_double(struct inflate_out *o)
{
    size_t cap = 2 * o->block->cap < most_bytes(o) ? 2 * o->block->cap : most_bytes(o);
    struct block *grown = cap > o->block->cap ? block_grow(o->block, cap, false) : NULL;

    if (grown != NULL)
        o->block = grown;
    return grown != NULL;
}

int inflate_bad(const struct inflate_out *o, struct error *err, const char *what)
{
    return error_set(err, UV_EINVAL, "%s: %s", o->coding, what);
}

/* A first guess of the size of what `in` holds. gzip ends with the content's size (of the last member, modulo 2^32). It
 * is a stranger's word: believed when deflate, whose best ratio is 1032, could hold that much. Without it, and for
 * zlib, a ratio usual for OTLP. */
static size_t gzip_estimate(enum coding c, struct bytes in, size_t max)
{
    size_t usual = in.len > max / 6 ? max : in.len * 6;
    uint32_t size;

    if (c != CODING_GZIP || in.len < 18)
        return usual;
    memcpy(&size, in.data + in.len - 4, 4);
    if (size < in.len / 2 || size / 1032 > in.len || size > max)
        return usual;
    return (size_t)size + 1; /* room for one byte more: the end is then seen without growing */
}

int inflate_members(enum coding c, struct bytes in, struct inflate_out *o,
                    int (*member)(enum coding c, struct bytes *in, struct inflate_out *o, struct error *err),
                    struct error *err)
{
    int rc = inflate_start(o, gzip_estimate(c, in, o->max), err);

    while (rc == 0) {
        rc = member(c, &in, o, err);
        if (rc != 0 || in.len == 0)
            break;
        if (c == CODING_ZLIB)
            return inflate_bad(o, err, "bytes follow the end of the data");
        if (in.len < 2 || in.data[0] != 0x1f || in.data[1] != 0x8b)
            return inflate_bad(o, err, "what follows the data is not another gzip member");
    }
    return rc;
}

static int copy_whole(struct bytes in, struct inflate_out *o, struct error *err)
{
    o->len = in.len;
    if (inflate_check(o, err) != 0)
        return UV_EFBIG;
    o->block = block_new(o->budget, in.len);
    if (o->block == NULL)
        return no_room(o, err, in.len);
    if (in.len > 0)
        memcpy(o->block->data, in.data, in.len);
    return 0;
}

int coding_load(enum coding c, struct error *err)
{
    return c == CODING_SNAPPY || c == CODING_SNAPPY_FRAMED ? library_load(LIBRARY_SNAPPY, err) : 0;
}

static int inflate_coded(enum coding c, struct bytes in, struct inflate_out *o, struct error *err)
{
    if (c == CODING_IDENTITY)
        return copy_whole(in, o, err);
    if (c >= CODING_COUNT)
        return inflate_bad(o, err, "this coding cannot be read here; send gzip, deflate, zstd, snappy or lz4");
    if (in.len == 0)
        return inflate_bad(o, err, "there are no bytes, not even of an empty content");
    if (coding_load(c, err) != 0)
        return UV_ENOENT;
    switch (c) {
    case CODING_ZSTD:
        return zstd_inflate(in, o, err);
    case CODING_LZ4:
        return lz4_inflate(in, o, err);
    case CODING_SNAPPY:
        return snappy_is_framed(in) ? snappy_inflate_framed(in, o, err) : snappy_inflate_block(in, o, err);
    case CODING_SNAPPY_FRAMED:
        return snappy_inflate_framed(in, o, err);
    default:
        return gzip_reader_libdeflate.inflate(c, in, o, err);
    }
}

int inflate_block(enum coding c, struct bytes in, size_t max, struct budget *budget, struct block **out, size_t *len,
                  struct error *err)
{
    struct inflate_out o = { .max = max, .budget = budget, .coding = coding_name(c) };
    int rc = inflate_coded(c, in, &o, err);

    if (rc == 0)
        rc = inflate_check(&o, err);
    if (rc != 0) {
        if (o.block != NULL)
            block_unref(o.block);
        return rc;
    }
    assert(o.block != NULL); /* every coding makes one, for empty input too */
    /* What a batch pins is charged: an estimate that was far off does not stay. */
    if (o.block->cap - o.len > o.len / 16 + 256)
        o.block = block_shrink(o.block, o.len);
    *out = o.block;
    *len = o.len;
    return 0;
}

/* gzip ends with the length of its last member, modulo 2^32. */
static bool is_one_member(struct bytes packed, size_t len)
{
    uint32_t last;

    if (packed.len < 18)
        return false;
    memcpy(&last, bytes_end(packed) - sizeof(last), sizeof(last));
    return last == (uint32_t)len;
}

bool coding_is_single(enum coding c, struct bytes packed, size_t len)
{
    return (c == CODING_GZIP && is_one_member(packed, len)) || (c == CODING_ZSTD && zstd_is_one_frame(packed));
}

/* Streams are kept: making one costs more than a small body does. */
static void deflate_stream(enum coding c, const struct bytes *parts, size_t n, struct buf *out)
{
    static _Thread_local void *kept[2];
    void **stream = &kept[c == CODING_ZLIB];

    if (*stream == NULL) {
        *stream = gzip_writer_own.stream_new(c, 0);
        thread_at_end(gzip_writer_own.stream_free, *stream);
    }
    for (size_t i = 0; i + 1 < n; i++)
        gzip_writer_own.stream_write(*stream, parts[i], false, out);
    gzip_writer_own.stream_write(*stream, parts[n - 1], true, out);
}

/* What is a matter of whole runs. */
static void deflate_joined(enum coding c, int level, const struct bytes *parts, size_t n, struct buf *out)
{
    struct buf joined = { 0 };
    struct bytes in = n > 0 ? parts[0] : bytes_of(NULL, 0);

    if (n > 1) {
        for (size_t i = 0; i < n; i++)
            buf_put(&joined, parts[i]);
        in = buf_bytes(&joined);
    }
    if (c == CODING_GZIP || c == CODING_ZLIB)
        gzip_deflate_whole(c, level > 0 ? level : 1, in, out);
    else if (c == CODING_SNAPPY)
        snappy_deflate_block(in, out);
    else
        snappy_deflate_framed(in, out);
    buf_free(&joined);
}

static bool is_small(const struct bytes *parts, size_t n)
{
    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += parts[i].len;
    return total <= WHOLE_MAX;
}

int deflate_buf(enum coding c, int level, struct bytes in, struct buf *out, struct error *err)
{
    return deflate_parts(c, level, &in, 1, out, err);
}

int deflate_parts(enum coding c, int level, const struct bytes *parts, size_t n, struct buf *out, struct error *err)
{
    switch (c) {
    case CODING_IDENTITY:
        for (size_t i = 0; i < n; i++)
            buf_put(out, parts[i]);
        return 0;
    case CODING_GZIP:
    case CODING_ZLIB:
        if (level < 0 || level > 9)
            return error_set(err, UV_EINVAL, "%s: level %d is not one of 0 to 9", coding_name(c), level);
        if (level > 0 || is_small(parts, n))
            deflate_joined(c, level, parts, n, out);
        else
            deflate_stream(c, parts, n, out);
        return 0;
    case CODING_ZSTD:
        return zstd_deflate(level, parts, n, out, err);
    case CODING_LZ4:
        return lz4_deflate(parts, n, out, err);
    case CODING_SNAPPY:
    case CODING_SNAPPY_FRAMED:
        if (coding_load(c, err) != 0)
            return UV_ENOENT;
        deflate_joined(c, 0, parts, n, out);
        return 0;
    default:
        return error_set(err, UV_EINVAL, "%s: this coding cannot be written here", coding_name(c));
    }
}

struct gzip_stream {
    void *stream;
};

struct gzip_stream *gzip_stream_new(void)
{
    struct gzip_stream *s = mem_alloc(sizeof(*s));

    s->stream = gzip_writer_own.stream_new(CODING_GZIP, 0);
    return s;
}

void gzip_stream_write(struct gzip_stream *s, struct bytes in, struct buf *out)
{
    gzip_writer_own.stream_write(s->stream, in, false, out);
}

void gzip_stream_end(struct gzip_stream *s, struct buf *out)
{
    gzip_writer_own.stream_write(s->stream, bytes_of(NULL, 0), true, out);
}

void gzip_stream_free(struct gzip_stream *s)
{
    if (s == NULL)
        return;
    gzip_writer_own.stream_free(s->stream);
    free(s);
}
