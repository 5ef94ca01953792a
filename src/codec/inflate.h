/* SPDX-License-Identifier: Apache-2.0 */
/* What the inflaters share, inside codec/ only: where their output goes, and how it is bounded.
 *
 * Output is written straight into a block charged to the budget. The block starts at an estimate and grows
 * geometrically; it never holds more than `max` bytes and one page, which is enough to tell that a content is too
 * large. What the estimate took too much goes back when the content is complete. */
#ifndef CODEC_INFLATE_H
#define CODEC_INFLATE_H

#include "base/block.h"
#include "base/error.h"
#include "codec/compress.h"

enum { INFLATE_PAGE = 4096 };

struct inflate_out {
    struct block *block; /* NULL until inflate_start */
    size_t len;          /* bytes of content in the block */
    size_t max;          /* more than this is UV_EFBIG */
    struct budget *budget;
    const char *coding; /* for error texts */
};

/* The first block: `estimate` bytes if that is allowed and there is room for it, else less. 0 or UV_ENOMEM. */
int inflate_start(struct inflate_out *o, size_t estimate, struct error *err);

/* Room for at least one more byte at block->data + len. 0, UV_EFBIG or UV_ENOMEM. */
int inflate_room(struct inflate_out *o, struct error *err);

/* UV_EFBIG with its text when the content is past the limit, else 0. */
int inflate_check(const struct inflate_out *o, struct error *err);

/* UV_EINVAL with "<coding>: <what>". */
int inflate_bad(const struct inflate_out *o, struct error *err, const char *what);

/* Twice the room, if it is allowed and the budget has it; what is in the block stays. */
bool inflate_double(struct inflate_out *o);

/* gzip and zlib (RFC 1952 and 1950). Each reader and each writer is whole, so that each can be tested alone. */
struct gzip_reader {
    const char *name;
    int (*inflate)(enum coding c, struct bytes in, struct inflate_out *out, struct error *err);
};

/* A stream is reusable: after `end` it begins anew. */
struct gzip_writer {
    const char *name;
    void *(*stream_new)(enum coding c, int level); /* never NULL */
    void (*stream_write)(void *stream, struct bytes in, bool end, struct buf *out);
    void (*stream_free)(void *stream);
};

extern const struct gzip_reader gzip_reader_zlib, gzip_reader_libdeflate;
extern const struct gzip_writer gzip_writer_own; /* its streams have one level; `level` is not looked at */

/* Appends a content whole; level 1 to 9. */
void gzip_deflate_whole(enum coding c, int level, struct bytes in, struct buf *out);

/* For inflate_members(): one member by zlib. */
int zlib_inflate_member(enum coding c, struct bytes *in, struct inflate_out *o, struct error *err);

/* Members of gzip one after another, or the one stream of zlib. `member` reads one to its end, and leaves in *in what
 * lies behind. */
int inflate_members(enum coding c, struct bytes in, struct inflate_out *o,
                    int (*member)(enum coding c, struct bytes *in, struct inflate_out *o, struct error *err),
                    struct error *err);

int zstd_inflate(struct bytes in, struct inflate_out *out, struct error *err);
bool zstd_is_one_frame(struct bytes packed);
int zstd_deflate(int level, const struct bytes *parts, size_t n, struct buf *out, struct error *err);

int lz4_inflate(struct bytes in, struct inflate_out *out, struct error *err);
int lz4_deflate(const struct bytes *parts, size_t n, struct buf *out, struct error *err);

bool snappy_is_framed(struct bytes in);
int snappy_inflate_block(struct bytes in, struct inflate_out *out, struct error *err);
int snappy_inflate_framed(struct bytes in, struct inflate_out *out, struct error *err);
void snappy_deflate_block(struct bytes in, struct buf *out);
void snappy_deflate_framed(struct bytes in, struct buf *out);

#endif
