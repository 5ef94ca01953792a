/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and zlib by libdeflate, which wants the whole at once, and is fast for it. Where the size of a content is known
 * or guessed well enough it is read in one go. When it does not fit, the block is doubled and the member read anew, as
 * long as the budget allows doubling.
 *
 * What can go wrong: the budget does not, or the data is not good. Then zlib reads the member once more, which gets by
 * with a page at a time, and can say what is wrong. So what zlib would not take is taken by nobody, and the other way
 * round. */
#include "codec/inflate.h"

#include "base/loop/thread.h"
#include "base/mem.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>

#define LEVELS 10

static void free_decompressor(void *d)
{
    libdeflate_free_decompressor(d);
}

static struct libdeflate_decompressor *kept_decompressor(void)
{
    static _Thread_local struct libdeflate_decompressor *kept;

    if (kept == NULL)
        kept = thread_keep(libdeflate_alloc_decompressor(), free_decompressor);
    return kept;
}

static void free_compressor(void *c)
{
    libdeflate_free_compressor(c);
}

static struct libdeflate_compressor *kept_compressor(int level)
{
    static _Thread_local struct libdeflate_compressor *kept[LEVELS];

    if (kept[level] == NULL)
        kept[level] = thread_keep(libdeflate_alloc_compressor(level), free_compressor);
    return kept[level];
}

/* --- reading --- */

static enum libdeflate_result read_member(enum coding c, struct bytes *in, struct inflate_out *o)
{
    uint8_t *to = o->block->data + o->len;
    size_t room = o->block->cap - o->len, used, got;
    enum libdeflate_result r;

    if (c == CODING_GZIP)
        r = libdeflate_gzip_decompress_ex(kept_decompressor(), in->data, in->len, to, room, &used, &got);
    else
        r = libdeflate_zlib_decompress_ex(kept_decompressor(), in->data, in->len, to, room, &used, &got);
    if (r != LIBDEFLATE_SUCCESS)
        return r;
    *in = bytes_skip(*in, used);
    o->len += got;
    return r;
}

static int inflate_member(enum coding c, struct bytes *in, struct inflate_out *o, struct error *err)
{
    enum libdeflate_result r;

    do
        r = read_member(c, in, o);
    while (r == LIBDEFLATE_INSUFFICIENT_SPACE && inflate_double(o));
    return r == LIBDEFLATE_SUCCESS ? inflate_check(o, err) : zlib_inflate_member(c, in, o, err);
}

static int inflate_whole(enum coding c, struct bytes in, struct inflate_out *o, struct error *err)
{
    return inflate_members(c, in, o, inflate_member, err);
}

const struct gzip_reader gzip_reader_libdeflate = { "libdeflate", inflate_whole };

/* --- writing --- */

void gzip_deflate_whole(enum coding c, int level, struct bytes in, struct buf *out)
{
    struct libdeflate_compressor *z = kept_compressor(level);
    size_t room =
        c == CODING_GZIP ? libdeflate_gzip_compress_bound(z, in.len) : libdeflate_zlib_compress_bound(z, in.len);
    uint8_t *to = buf_reserve(out, room);
    size_t got = c == CODING_GZIP ? libdeflate_gzip_compress(z, in.data, in.len, to, room)
                                  : libdeflate_zlib_compress(z, in.data, in.len, to, room);

    assert(got > 0); /* there was room */
    out->len += got;
}
