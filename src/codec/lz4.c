/* SPDX-License-Identifier: Apache-2.0 */
/* lz4's frame format by liblz4. A frame says how large its blocks are, 4 MiB at most, and the decoder takes as much
 * memory beside the content, for as long as it decodes: a block that does not fit into the room that is there is
 * decoded apart. */
#include "codec/inflate.h"

#include "base/loop/thread.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <uv.h>

#define BEST_RATIO 255

static int frame_fault(const struct inflate_out *o, size_t rc, struct error *err)
{
    return inflate_bad(o, err, LZ4F_getErrorName(rc));
}

/* Reads the first frame's head, which may say how much it holds: believed where that is possible. */
static int begin_frame(LZ4F_dctx *d, struct bytes *in, struct inflate_out *o, struct error *err)
{
    size_t used = in->len, rc, usual = in->len > o->max / 4 ? o->max : in->len * 4;
    LZ4F_frameInfo_t info = { 0 };

    if (in->len < LZ4F_MIN_SIZE_TO_KNOW_HEADER_LENGTH)
        return inflate_bad(o, err, "the data is cut short");
    rc = LZ4F_getFrameInfo(d, &info, in->data, &used);
    if (LZ4F_isError(rc))
        return frame_fault(o, rc, err);
    *in = bytes_skip(*in, used);
    if (info.contentSize > o->max)
        return error_set(err, UV_EFBIG, "%s: the content is larger than the limit of %zu bytes", o->coding, o->max);
    if (info.contentSize > 0 && info.contentSize / BEST_RATIO <= in->len)
        usual = (size_t)info.contentSize + 1; /* room for one byte more: the end is then seen without growing */
    return inflate_start(o, usual, err);
}

/* One run of the decoder. *going: it wants to be called again. */
static int decode_run(LZ4F_dctx *d, struct bytes *in, struct inflate_out *o, bool *going, struct error *err)
{
    size_t room = o->block->cap - o->len, used = in->len;
    size_t rc = LZ4F_decompress(d, o->block->data + o->len, &room, in->data, &used, NULL);

    if (LZ4F_isError(rc))
        return frame_fault(o, rc, err);
    o->len += room;
    *in = bytes_skip(*in, used);
    *going = rc > 0 || in->len > 0;
    if (*going && room == 0 && used == 0)
        return inflate_bad(o, err, "the data is cut short");
    return 0;
}

int lz4_inflate(struct bytes in, struct inflate_out *o, struct error *err)
{
    LZ4F_dctx *d = NULL;
    bool going = true;
    int rc;

    if (LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)))
        abort();
    rc = begin_frame(d, &in, o, err);
    while (rc == 0 && going) {
        rc = inflate_room(o, err);
        if (rc == 0)
            rc = decode_run(d, &in, o, &going, err);
    }
    LZ4F_freeDecompressionContext(d);
    return rc;
}

static void free_encoder(void *c)
{
    LZ4F_freeCompressionContext(c);
}

static LZ4F_cctx *kept_encoder(void)
{
    static _Thread_local LZ4F_cctx *kept;

    if (kept == NULL) {
        if (LZ4F_isError(LZ4F_createCompressionContext(&kept, LZ4F_VERSION)))
            abort();
        thread_at_end(free_encoder, kept);
    }
    return kept;
}

int lz4_deflate(const struct bytes *parts, size_t n, struct buf *out, struct error *err)
{
    LZ4F_cctx *c = kept_encoder();
    LZ4F_preferences_t how = { .frameInfo = { .blockSizeID = LZ4F_max256KB,
                                              .contentChecksumFlag = LZ4F_contentChecksumEnabled } };
    size_t rc;

    for (size_t i = 0; i < n; i++)
        how.frameInfo.contentSize += parts[i].len;
    rc = LZ4F_compressBegin(c, buf_reserve(out, LZ4F_HEADER_SIZE_MAX), LZ4F_HEADER_SIZE_MAX, &how);
    for (size_t i = 0; i < n && !LZ4F_isError(rc); i++) {
        size_t room = LZ4F_compressBound(parts[i].len, &how);

        out->len += rc;
        rc = LZ4F_compressUpdate(c, buf_reserve(out, room), room, parts[i].data, parts[i].len, NULL);
    }
    if (!LZ4F_isError(rc)) {
        size_t room = LZ4F_compressBound(0, &how);

        out->len += rc;
        rc = LZ4F_compressEnd(c, buf_reserve(out, room), room, NULL);
    }
    if (LZ4F_isError(rc))
        return error_set(err, UV_EINVAL, "lz4: %s", LZ4F_getErrorName(rc));
    out->len += rc;
    return 0;
}
