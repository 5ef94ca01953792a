/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and zlib by zlib: what libdeflate cannot read at once, or finds fault with. */
#include "codec/inflate.h"

#include "base/loop/thread.h"
#include "base/mem.h"
#include "base/unconst.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <uv.h>
#include <zlib.h>

enum { WINDOW_BITS = 15, GZIP_WRAPPER = 16 };

static int window_bits(enum coding c)
{
    return c == CODING_GZIP ? WINDOW_BITS + GZIP_WRAPPER : WINDOW_BITS;
}

static unsigned clamp_size(size_t n)
{
    return n > INT_MAX ? INT_MAX : (unsigned)n;
}

static void free_inflater(void *z)
{
    inflateEnd(z);
    free(z);
}

static z_stream *kept_inflater(enum coding c)
{
    static _Thread_local z_stream *kept;
    int rc = Z_OK;

    if (kept == NULL) {
        kept = mem_zalloc(sizeof(*kept));
        rc = inflateInit2(kept, window_bits(c));
        thread_at_end(free_inflater, kept);
    } else {
        rc = inflateReset2(kept, window_bits(c));
    }
    assert(rc == Z_OK); /* fails for lack of 7 kB or by wrong arguments only */
    return kept;
}

/* One call into zlib. Returns what it did, and says how far it came. */
static int inflate_step(z_stream *z, struct bytes *in, struct inflate_out *o)
{
    unsigned give = clamp_size(in->len), room = clamp_size(o->block->cap - o->len);
    int rc;

    z->next_in = unconst(in->data);
    z->avail_in = give;
    z->next_out = o->block->data + o->len;
    z->avail_out = room;
    rc = inflate(z, Z_NO_FLUSH);
    *in = bytes_skip(*in, give - z->avail_in);
    o->len += room - z->avail_out;
    return rc;
}

/* Read one member to its end; *in is then what lies behind. */
int zlib_inflate_member(enum coding c, struct bytes *in, struct inflate_out *o, struct error *err)
{
    z_stream *z = kept_inflater(c);

    for (;;) {
        int rc = inflate_room(o, err);

        if (rc != 0)
            return rc;
        switch (inflate_step(z, in, o)) {
        case Z_STREAM_END:
            return 0;
        case Z_OK:
        case Z_BUF_ERROR:
            if (in->len == 0 && z->avail_out > 0)
                return inflate_bad(o, err, "the data is cut short");
            break;
        case Z_NEED_DICT:
            return inflate_bad(o, err, "the data needs a preset dictionary");
        default:
            return inflate_bad(o, err, z->msg != NULL ? z->msg : "corrupt data");
        }
    }
}

static int zlib_inflate(enum coding c, struct bytes in, struct inflate_out *o, struct error *err)
{
    return inflate_members(c, in, o, zlib_inflate_member, err);
}

const struct gzip_reader gzip_reader_zlib = { "zlib", zlib_inflate };
