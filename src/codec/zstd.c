/* SPDX-License-Identifier: Apache-2.0 */
/* zstd by libzstd, always whole at once: the output is one run of bytes, so the decoder needs no window of its own and
 * a frame that asks for a window of gigabytes costs nothing. */
#include "codec/inflate.h"

#include "base/mem.h"
#include "base/loop/thread.h"

#include <stdlib.h>
#include <uv.h>
#include <zstd.h>
#include <zstd_errors.h>

/* zstd's own default is 3. On OTLP 1 is nearly as small, and -1 larger than that by 4 %, at half of its work. */
enum { FASTEST_GOOD = -1 };

static void free_decoder(void *d)
{
    ZSTD_freeDCtx(d);
}

static ZSTD_DCtx *kept_decoder(void)
{
    static _Thread_local ZSTD_DCtx *kept;

    if (kept == NULL)
        kept = thread_keep(ZSTD_createDCtx(), free_decoder);
    return kept;
}

static void free_encoder(void *c)
{
    ZSTD_freeCCtx(c);
}

static ZSTD_CCtx *kept_encoder(void)
{
    static _Thread_local ZSTD_CCtx *kept;

    if (kept == NULL)
        kept = thread_keep(ZSTD_createCCtx(), free_encoder);
    return kept;
}

/* The first frame's word for its size where it gives one (of several frames that is too little, and grows), else a
 * guess. A header that promises more than 1000 times the input is not believed, only tried. */
static int estimate_size(struct bytes in, const struct inflate_out *o, size_t *size, struct error *err)
{
    unsigned long long content = ZSTD_getFrameContentSize(in.data, in.len);

    if (content == ZSTD_CONTENTSIZE_ERROR)
        return inflate_bad(o, err, "this is not the beginning of a frame");
    if (content == ZSTD_CONTENTSIZE_UNKNOWN) {
        *size = in.len > o->max / 8 ? o->max : in.len * 8;
        return 0;
    }
    if (content > o->max)
        return error_set(err, UV_EFBIG, "%s: the content is larger than the limit of %zu bytes", o->coding, o->max);
    *size = content / 1000 > in.len ? in.len * 8 : (size_t)content;
    return 0;
}

static int frame_fault(const struct inflate_out *o, size_t rc, struct error *err)
{
    if (ZSTD_getErrorCode(rc) == ZSTD_error_srcSize_wrong)
        return inflate_bad(o, err, "the data is cut short, or followed by what is not another frame");
    return inflate_bad(o, err, ZSTD_getErrorName(rc));
}

int zstd_inflate(struct bytes in, struct inflate_out *o, struct error *err)
{
    size_t size = 0;
    int rc = estimate_size(in, o, &size, err);

    if (rc == 0)
        rc = inflate_start(o, size, err);
    while (rc == 0) {
        size_t got = ZSTD_decompressDCtx(kept_decoder(), o->block->data, o->block->cap, in.data, in.len);

        if (!ZSTD_isError(got)) {
            o->len = got;
            return 0;
        }
        if (ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall)
            return frame_fault(o, got, err);
        o->len = o->block->cap; /* begin anew with twice the room: a run that fails costs no more than one that works */
        rc = inflate_room(o, err);
    }
    return rc;
}

bool zstd_is_one_frame(struct bytes packed)
{
    return ZSTD_findFrameCompressedSize(packed.data, packed.len) == packed.len;
}

static int deflate_whole(int level, struct bytes in, struct buf *out, struct error *err)
{
    size_t room = ZSTD_compressBound(in.len);
    size_t got = ZSTD_compressCCtx(kept_encoder(), buf_reserve(out, room), room, in.data, in.len, level);

    if (ZSTD_isError(got))
        return error_set(err, UV_EINVAL, "zstd: %s", ZSTD_getErrorName(got));
    out->len += got;
    return 0;
}

/* One part, and with the last one the frame's end. 0 or zstd's error. */
static size_t deflate_part(ZSTD_CCtx *z, struct bytes part, bool last, struct buf *out)
{
    ZSTD_inBuffer in = { part.data, part.len, 0 };
    size_t left;

    do {
        ZSTD_outBuffer to = { buf_reserve(out, ZSTD_CStreamOutSize()), out->cap - out->len, 0 };

        left = ZSTD_compressStream2(z, &to, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        out->len += to.pos;
        if (ZSTD_isError(left))
            return left;
    } while (last ? left > 0 : in.pos < in.size);
    return 0;
}

int zstd_deflate(int level, const struct bytes *parts, size_t n, struct buf *out, struct error *err)
{
    ZSTD_CCtx *z = kept_encoder();
    size_t total = 0, rc = 0;

    level = level == 0 ? FASTEST_GOOD : level;
    if (n <= 1)
        return deflate_whole(level, n > 0 ? parts[0] : bytes_of("", 0), out, err);
    for (size_t i = 0; i < n; i++)
        total += parts[i].len;
    ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setPledgedSrcSize(z, total);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = deflate_part(z, parts[i], i + 1 == n, out);
    return rc == 0 ? 0 : error_set(err, UV_EINVAL, "zstd: %s", ZSTD_getErrorName(rc));
}
