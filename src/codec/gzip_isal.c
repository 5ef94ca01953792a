/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and zlib by ISA-L: several times as fast as zlib, for the level that otelcd uses unless told otherwise. */
#include "codec/inflate.h"

#ifdef HAVE_ISAL

#include "base/mem.h"
#include "base/loop/thread.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <uv.h>

enum { LEVEL = 1, LEVEL_BUF = ISAL_DEF_LVL1_DEFAULT, MOST_AT_ONCE = 1 << 30 };

static uint32_t clamp(size_t n)
{
    return n > MOST_AT_ONCE ? MOST_AT_ONCE : (uint32_t)n;
}

static const char *fault_of(int rc)
{
    switch (rc) {
    case ISAL_INVALID_WRAPPER:
        return "incorrect header";
    case ISAL_UNSUPPORTED_METHOD:
        return "the header names a method that is not deflate";
    case ISAL_INCORRECT_CHECKSUM:
        return "incorrect checksum or length at the end";
    case ISAL_NEED_DICT:
        return "the data needs a preset dictionary";
    case ISAL_INVALID_LOOKBACK:
        return "a distance reaches back before the beginning";
    default:
        return "corrupt data";
    }
}

static struct inflate_state *kept_inflater(enum coding c)
{
    static _Thread_local struct inflate_state *kept;

    if (kept == NULL) {
        kept = mem_alloc(sizeof(*kept));
        isal_inflate_init(kept);
        thread_at_end(free, kept);
    }
    isal_inflate_reset(kept);
    kept->crc_flag = c == CODING_GZIP ? ISAL_GZIP : ISAL_ZLIB;
    return kept;
}

/* One call into ISA-L; *in loses what was taken, o grows by what came out. */
static int inflate_step(struct inflate_state *s, struct bytes *in, struct inflate_out *o)
{
    uint32_t give = clamp(in->len), room = clamp(o->block->cap - o->len);
    int rc;

    s->next_in = (uint8_t *)(uintptr_t)in->data;
    s->avail_in = give;
    s->next_out = o->block->data + o->len;
    s->avail_out = room;
    rc = isal_inflate(s);
    *in = bytes_skip(*in, give - s->avail_in);
    o->len += room - s->avail_out;
    return rc;
}

/* Read one member to its end; *in is then what lies behind. */
static int inflate_member(enum coding c, struct bytes *in, struct inflate_out *o, struct error *err)
{
    struct inflate_state *s = kept_inflater(c);

    for (;;) {
        size_t in_before = in->len, out_before;
        int rc = inflate_room(o, err);

        if (rc != 0)
            return rc;
        out_before = o->len;
        rc = inflate_step(s, in, o);
        if (rc < 0 || rc == ISAL_NEED_DICT)
            return inflate_bad(o, err, fault_of(rc));
        if (s->block_state == ISAL_BLOCK_FINISH)
            break;
        if (s->avail_out > 0 && (in->len == 0 || (in->len == in_before && o->len == out_before)))
            return inflate_bad(o, err, "the data is cut short");
    }
    /* Whole bytes that it read ahead belong to what follows; they are the last ones it took. */
    size_t ahead = (size_t)s->read_in_length / 8;

    *in = bytes_of(in->data - ahead, in->len + ahead);
    return 0;
}

static int isal_inflate_all(enum coding c, struct bytes in, struct inflate_out *o, struct error *err)
{
    return inflate_members(c, in, o, inflate_member, err);
}

struct stream {
    struct isal_zstream z;
    enum coding coding;
    uint8_t level_buf[LEVEL_BUF];
};

static void begin_stream(struct stream *s)
{
    isal_deflate_reset(&s->z);
    s->z.level = LEVEL;
    s->z.level_buf = s->level_buf;
    s->z.level_buf_size = LEVEL_BUF;
    s->z.gzip_flag = s->coding == CODING_GZIP ? IGZIP_GZIP : IGZIP_ZLIB;
    s->z.flush = NO_FLUSH;
    s->z.end_of_stream = 0;
}

static void *stream_new(enum coding c, int level)
{
    struct stream *s = mem_alloc(sizeof(*s));

    (void)level;
    s->coding = c;
    isal_deflate_init(&s->z);
    begin_stream(s);
    return s;
}

static void stream_write(void *stream, struct bytes in, bool end, struct buf *out)
{
    struct stream *s = stream;

    do {
        uint32_t give = clamp(in.len), room;
        int rc;

        s->z.next_out = buf_reserve(out, give / 8 + 1024);
        s->z.avail_out = room = clamp(out->cap - out->len);
        s->z.next_in = (uint8_t *)(uintptr_t)in.data;
        s->z.avail_in = give;
        s->z.end_of_stream = end && give == in.len;
        rc = isal_deflate(&s->z);
        assert(rc == COMP_OK);
        in = bytes_skip(in, give - s->z.avail_in);
        out->len += room - s->z.avail_out;
    } while (in.len > 0 || s->z.avail_out == 0 || (end && s->z.internal_state.state != ZSTATE_END));
    if (end)
        begin_stream(s);
}

static void stream_free(void *stream)
{
    free(stream);
}

const struct gzip_engine gzip_isal = { "ISA-L", isal_inflate_all, stream_new, stream_write, stream_free };

#else

typedef int no_isal_here; /* a translation unit may not be empty */

#endif
