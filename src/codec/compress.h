/* SPDX-License-Identifier: Apache-2.0 */
/* Compression by content coding: gzip, zlib (what HTTP calls deflate too), zstd, snappy (block, and framed),
 * lz4 (its frames).
 * Pure functions; inflating is bounded while it happens, never after. */
#ifndef CODEC_COMPRESS_H
#define CODEC_COMPRESS_H

#include "base/block.h"
#include "base/buf.h"
#include "base/error.h"

enum coding {
    CODING_IDENTITY,
    CODING_GZIP,
    CODING_ZLIB, /* RFC 1950; "zlib", "deflate" */
    CODING_ZSTD,
    CODING_SNAPPY,        /* block format; a body that begins with the stream header is read as framed */
    CODING_SNAPPY_FRAMED, /* "x-snappy-framed" */
    CODING_LZ4,
    CODING_COUNT,
    CODING_UNKNOWN = CODING_COUNT,
};

/* By the name used in Content-Encoding and grpc-encoding, without case; "" and "identity" are identity. */
enum coding coding_by_name(struct bytes name);
const char *coding_name(enum coding c);

/* What does the coding's work is there, which for snappy is a library that is loaded when it is needed
 * (base/library.h): 0, or UV_ENOENT and a sentence. To be asked where a configuration can still be refused; the rest
 * ask by themselves. */
int coding_load(enum coding c, struct error *err);

/* Inflate `in` whole into a new block charged to `budget`.
 *
 * 0: *out is a block whose first *len bytes are the content. UV_EFBIG: the content is larger than `max` (at most
 * max + a page has been produced). UV_ENOMEM: the budget has no room now. UV_ENOENT: see coding_load. UV_EINVAL:
 * corrupt, cut short, or followed by what is not another member. Several gzip members, or frames of zstd or lz4, in a
 * row are one content.
 */
int inflate_block(enum coding c, struct bytes in, size_t max, struct budget *budget, struct block **out, size_t *len,
                  struct error *err);

/* Whether every reader takes these bytes, which inflate_block has made `len` bytes of, for one content: gzip of one
 * member, zstd of one frame. False for the other codings. */
bool coding_is_single(enum coding c, struct bytes packed, size_t len);

/* Compress whole. level 0 = the fastest that is good (gzip: our own writer, small contents by
 * libdeflate's level 1; zstd: -1); 1-9 libdeflate's, zstd's own for zstd. Appends to `out`. */
int deflate_buf(enum coding c, int level, struct bytes in, struct buf *out, struct error *err);

/* The same of a content that lies in `n` parts, which nobody has to put together first. */
int deflate_parts(enum coding c, int level, const struct bytes *parts, size_t n, struct buf *out, struct error *err);

/* A gzip stream written piece by piece: for scrapes. */
struct gzip_stream;
struct gzip_stream *gzip_stream_new(void);
void gzip_stream_write(struct gzip_stream *s, struct bytes in, struct buf *out);
void gzip_stream_end(struct gzip_stream *s, struct buf *out); /* trailer; then only free */
void gzip_stream_free(struct gzip_stream *s);

#endif
