/* SPDX-License-Identifier: Apache-2.0 */
/* Any content into our own writer of gzip, in pieces of any size: both readers give back what went in. The input is a
 * recipe, so that a few bytes make a content that fills the window several times: literals, and copies of any length
 * from any distance. */
#include "base/mem.h"
#include "codec/inflate.h"

#include <stdlib.h>

enum { MOST = 300000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static unsigned take(struct bytes *in, unsigned n)
{
    unsigned v = 0;

    for (; n > 0 && in->len > 0; n--, *in = bytes_skip(*in, 1))
        v = v << 8 | in->data[0];
    return v;
}

/* One step of the recipe: the bytes of the input as they are, or a copy, short or long. */
static void cook(struct bytes *in, struct buf *content)
{
    unsigned what = take(in, 1), n = what & 63;

    if (what < 64) {
        n = n < in->len ? n : (unsigned)in->len;
        buf_put(content, bytes_of(in->data, n));
        *in = bytes_skip(*in, n);
        return;
    }
    if (what >= 128)
        n = take(in, 2);
    for (size_t distance = 1 + take(in, 2); n > 0 && content->len > 0 && content->len < MOST; n--)
        buf_putc(content, (char)content->data[content->len - (distance < content->len ? distance : content->len)]);
}

static void read_back(const struct gzip_reader *reader, enum coding c, struct bytes packed, struct bytes content)
{
    struct inflate_out o = { .max = content.len, .coding = coding_name(c) };
    struct error err;

    require(reader->inflate(c, packed, &o, &err) == 0);
    require(bytes_equal(bytes_of(o.block->data, o.len), content));
    block_unref(o.block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    enum coding c = take(&in, 1) & 1 ? CODING_ZLIB : CODING_GZIP;
    size_t piece = 1 + take(&in, 2);
    struct buf content = { 0 }, packed = { 0 };
    void *stream = gzip_writer_own.stream_new(c, 0);

    while (in.len > 0 && content.len < MOST)
        cook(&in, &content);
    for (unsigned round = 0; round < 2; round++) { /* a stream is reusable after its end */
        packed.len = 0;
        for (size_t at = 0; at < content.len; at += piece)
            gzip_writer_own.stream_write(
                stream, bytes_of(content.data + at, piece < content.len - at ? piece : content.len - at), false,
                &packed);
        gzip_writer_own.stream_write(stream, bytes_of(NULL, 0), true, &packed);
    }
    require(packed.len <= content.len + content.len / 1000 + 64);
    read_back(&gzip_reader_zlib, c, buf_bytes(&packed), buf_bytes(&content));
    read_back(&gzip_reader_libdeflate, c, buf_bytes(&packed), buf_bytes(&content));
    gzip_writer_own.stream_free(stream);
    buf_free(&content);
    buf_free(&packed);
    return 0;
}
