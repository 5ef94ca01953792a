/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/compress.h"

#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/inflate.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <uv.h>
#include <zlib.h>
#include <zstd.h>

static const enum coding codings[] = { CODING_GZIP,   CODING_ZLIB,          CODING_ZSTD,
                                       CODING_SNAPPY, CODING_SNAPPY_FRAMED, CODING_LZ4 };
static const size_t sizes[] = {
    0, 1, 2, 63, 64, 65, 1000, 4095, 4096, 4097, 32768, 65535, 65536, 65537, 300000, 2000000
};

static const struct gzip_reader *const readers[] = { &gzip_reader_zlib, &gzip_reader_libdeflate };
static const struct gzip_writer *const writers[] = { &gzip_writer_own };

static struct error err;

/* Text that compresses about as well as OTLP does: words with some noise between them. */
static void fill(struct buf *b, size_t len, unsigned noise)
{
    static const char words[] = "service.name http.request.method url.path /api/v1/users ";
    uint32_t seed = 12345 + noise;

    b->len = 0;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        buf_putc(b, (seed >> 24) % 100 < noise ? (char)(seed >> 16) : words[i % (sizeof(words) - 1)]);
    }
}

static void assert_content(struct block *block, size_t len, const struct buf *want)
{
    ck_assert_uint_eq(len, want->len);
    ck_assert(len == 0 || memcmp(block->data, want->data, len) == 0);
}

static void round_trip(enum coding c, int level, const struct buf *content)
{
    struct budget budget;
    struct buf packed = { 0 };
    struct block *block;
    size_t len;

    budget_init(&budget, UINT64_MAX, NULL);
    ck_assert_int_eq(deflate_buf(c, level, buf_bytes(content), &packed, &err), 0);
    ck_assert_msg(inflate_block(c, buf_bytes(&packed), content->len, &budget, &block, &len, &err) == 0, "%s", err.text);
    assert_content(block, len, content);
    ck_assert_uint_le(budget.used, len + len / 16 + 256 + sizeof(struct block));
    ck_assert_uint_le(budget.peak, len + INFLATE_PAGE + sizeof(struct block));
    block_unref(block);
    ck_assert_uint_eq(budget.used, 0);
    buf_free(&packed);
}

START_TEST(a_content_in_parts_deflates_as_one)
{
    struct buf content = { 0 }, packed = { 0 };
    struct bytes parts[40];
    struct budget budget;
    struct block *block;
    size_t len;

    budget_init(&budget, UINT64_MAX, NULL);
    for (unsigned i = 0; i < 60000; i++)
        buf_printf(&content, "%u,", i * i);
    for (size_t i = 0, at = 0, n = content.len / ARRAY_LEN(parts); i < ARRAY_LEN(parts); i++, at += n)
        parts[i] = bytes_of(content.data + at, i + 1 < ARRAY_LEN(parts) ? n : content.len - at);
    parts[3].len = 0;
    parts[4] = bytes_of(parts[2].data + parts[2].len, parts[5].data - parts[2].data - parts[2].len);
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        packed.len = 0;
        ck_assert_int_eq(deflate_parts(codings[i], i == 1 ? 6 : 0, parts, ARRAY_LEN(parts), &packed, &err), 0);
        ck_assert_msg(inflate_block(codings[i], buf_bytes(&packed), content.len, &budget, &block, &len, &err) == 0,
                      "%s: %s", coding_name(codings[i]), err.text);
        assert_content(block, len, &content);
        block_unref(block);
    }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(what_is_deflated_inflates_to_itself_in_every_coding_and_size)
{
    struct buf content = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (unsigned noise = 0; noise <= 100; noise += 50) {
            fill(&content, sizes[i], noise);
            for (size_t c = 0; c < ARRAY_LEN(codings); c++)
                round_trip(codings[c], 0, &content);
            round_trip(CODING_IDENTITY, 0, &content);
        }
    buf_free(&content);
}
END_TEST

START_TEST(every_level_of_gzip_and_zstd_works)
{
    struct buf content = { 0 };

    fill(&content, 50000, 10);
    for (int level = 0; level <= 9; level++) {
        round_trip(CODING_GZIP, level, &content);
        round_trip(CODING_ZLIB, level, &content);
        round_trip(CODING_ZSTD, level, &content);
    }
    ck_assert_int_eq(deflate_buf(CODING_GZIP, 10, buf_bytes(&content), &content, &err), UV_EINVAL);
    ck_assert_str_eq(err.text, "gzip: level 10 is not one of 0 to 9");
    buf_free(&content);
}
END_TEST

static int run(const struct gzip_reader *e, enum coding c, struct bytes in, size_t max, struct inflate_out *o)
{
    int rc;

    *o = (struct inflate_out){ .max = max, .coding = coding_name(c) };
    rc = e->inflate(c, in, o, &err);

    return rc != 0 ? rc : inflate_check(o, &err);
}

/* Fails when the reader does not give `want`. */
static void expect(const struct gzip_reader *e, enum coding c, struct bytes in, const struct buf *want)
{
    struct inflate_out o;

    ck_assert_msg(run(e, c, in, want->len, &o) == 0, "%s: %s", e->name, err.text);
    assert_content(o.block, o.len, want);
    block_unref(o.block);
}

static void expect_fault(const struct gzip_reader *e, enum coding c, struct bytes in, size_t max, int code)
{
    struct inflate_out o;
    int rc = run(e, c, in, max, &o);

    ck_assert_msg(rc == code, "%s: %d instead of %d: %s", e->name, rc, code, err.text);
    if (o.block != NULL) {
        ck_assert_uint_le(o.block->cap, max + INFLATE_PAGE);
        block_unref(o.block);
    }
}

START_TEST(each_reader_of_gzip_reads_what_each_writer_writes)
{
    struct buf content = { 0 }, packed = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t w = 0; w < ARRAY_LEN(writers); w++)
            for (int zlib = 0; zlib < 2; zlib++) {
                enum coding c = zlib ? CODING_ZLIB : CODING_GZIP;
                void *stream = writers[w]->stream_new(c, 0);

                fill(&content, sizes[i], 20);
                for (int again = 0; again < 2; again++) { /* a stream is reusable after its end */
                    packed.len = 0;
                    writers[w]->stream_write(stream, buf_bytes(&content), true, &packed);
                    for (size_t r = 0; r < ARRAY_LEN(readers); r++)
                        expect(readers[r], c, buf_bytes(&packed), &content);
                }
                writers[w]->stream_free(stream);
            }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(several_gzip_members_in_a_row_are_one_content)
{
    struct buf content = { 0 }, packed = { 0 }, all = { 0 };

    for (unsigned i = 0; i < 40; i++) {
        fill(&content, i * 37 % 500, i);
        buf_put(&all, buf_bytes(&content));
        ck_assert_int_eq(deflate_buf(CODING_GZIP, (int)i % 3, buf_bytes(&content), &packed, &err), 0);
    }
    for (size_t e = 0; e < ARRAY_LEN(readers); e++) {
        expect(readers[e], CODING_GZIP, buf_bytes(&packed), &all);
        expect_fault(readers[e], CODING_GZIP, buf_bytes(&packed), all.len - 1, UV_EFBIG);
    }
    buf_free(&content);
    buf_free(&packed);
    buf_free(&all);
}
END_TEST

START_TEST(gzip_headers_with_every_optional_part_are_read)
{
    struct buf content = { 0 };
    uint8_t packed[2000], extra[300] = { 1, 2, 3 };
    gz_header header = { .extra = extra,
                         .extra_len = sizeof(extra),
                         .name = (Bytef *)"a name",
                         .hcrc = 1,
                         .comment = (Bytef *)"a comment",
                         .os = 3,
                         .time = 1 };
    z_stream z = { 0 };

    fill(&content, 3000, 0);
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0), Z_OK);
    ck_assert_int_eq(deflateSetHeader(&z, &header), Z_OK);
    z.next_in = content.data;
    z.avail_in = (unsigned)content.len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    for (size_t e = 0; e < ARRAY_LEN(readers); e++)
        expect(readers[e], CODING_GZIP, bytes_of(packed, z.total_out), &content);
    deflateEnd(&z);
    buf_free(&content);
}
END_TEST

START_TEST(data_cut_short_anywhere_is_refused)
{
    struct buf content = { 0 }, packed = { 0 };

    fill(&content, 700, 10);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        packed.len = 0;
        ck_assert_int_eq(deflate_buf(codings[c], 0, buf_bytes(&content), &packed, &err), 0);
        for (size_t len = 0; len < packed.len; len++) {
            struct block *block;
            size_t got;

            if (codings[c] == CODING_SNAPPY_FRAMED && len == 10)
                continue; /* the stream header alone is a whole stream of nothing */
            ck_assert_msg(inflate_block(codings[c], bytes_of(packed.data, len), 1 << 20, NULL, &block, &got, &err) ==
                              UV_EINVAL,
                          "%s cut to %zu of %zu", coding_name(codings[c]), len, packed.len);
            if (codings[c] == CODING_GZIP && len > 0)
                for (size_t e = 0; e < ARRAY_LEN(readers); e++)
                    expect_fault(readers[e], CODING_GZIP, bytes_of(packed.data, len), 1 << 20, UV_EINVAL);
        }
    }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(bytes_after_the_end_are_refused)
{
    struct buf content = { 0 }, packed = { 0 };
    struct block *block;
    size_t len;

    fill(&content, 700, 10);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++)
        for (size_t more = 1; more < 40; more += 3) {
            packed.len = 0;
            ck_assert_int_eq(deflate_buf(codings[c], 0, buf_bytes(&content), &packed, &err), 0);
            memset(buf_reserve(&packed, more), 'x', more);
            packed.len += more;
            ck_assert_int_eq(inflate_block(codings[c], buf_bytes(&packed), 1 << 20, NULL, &block, &len, &err),
                             UV_EINVAL);
            for (size_t e = 0; e < ARRAY_LEN(readers) && c < 2; e++)
                expect_fault(readers[e], codings[c], buf_bytes(&packed), 1 << 20, UV_EINVAL);
        }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(a_wrong_checksum_is_refused)
{
    struct buf content = { 0 }, packed = { 0 };

    fill(&content, 700, 10);
    for (size_t c = 0; c < 2; c++) {
        packed.len = 0;
        ck_assert_int_eq(deflate_buf(codings[c], 0, buf_bytes(&content), &packed, &err), 0);
        packed.data[packed.len - 4] ^= 1;
        for (size_t e = 0; e < ARRAY_LEN(readers); e++)
            expect_fault(readers[e], codings[c], buf_bytes(&packed), 1 << 20, UV_EINVAL);
    }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(a_bomb_stops_a_page_after_the_limit)
{
    enum { MAX = 1 << 20 };
    struct buf zeros = { 0 }, packed = { 0 };
    struct budget budget;
    struct block *block;
    size_t len;

    memset(buf_reserve(&zeros, 64 * MAX), 0, 64 * MAX);
    zeros.len = 64 * MAX;
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        packed.len = 0;
        budget_init(&budget, UINT64_MAX, NULL);
        ck_assert_int_eq(deflate_buf(codings[c], 0, buf_bytes(&zeros), &packed, &err), 0);
        ck_assert_int_eq(inflate_block(codings[c], buf_bytes(&packed), MAX, &budget, &block, &len, &err), UV_EFBIG);
        ck_assert_uint_le(budget.peak, MAX + INFLATE_PAGE + sizeof(struct block));
        ck_assert_uint_eq(budget.used, 0);
        for (size_t e = 0; e < ARRAY_LEN(readers) && c < 2; e++)
            expect_fault(readers[e], codings[c], buf_bytes(&packed), MAX, UV_EFBIG);
    }
    ck_assert_int_eq(inflate_block(CODING_IDENTITY, buf_bytes(&zeros), MAX, NULL, &block, &len, &err), UV_EFBIG);
    ck_assert_str_eq(err.text, "identity: the content is larger than the limit of 1048576 bytes");
    buf_free(&zeros);
    buf_free(&packed);
}
END_TEST

START_TEST(a_content_of_exactly_the_limit_passes_and_one_byte_more_does_not)
{
    struct buf content = { 0 }, packed = { 0 };
    struct block *block;
    size_t len;

    for (size_t i = 1; i < ARRAY_LEN(sizes); i++) {
        fill(&content, sizes[i], 30);
        for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
            packed.len = 0;
            ck_assert_int_eq(deflate_buf(codings[c], 0, buf_bytes(&content), &packed, &err), 0);
            ck_assert_int_eq(inflate_block(codings[c], buf_bytes(&packed), sizes[i], NULL, &block, &len, &err), 0);
            block_unref(block);
            ck_assert_int_eq(inflate_block(codings[c], buf_bytes(&packed), sizes[i] - 1, NULL, &block, &len, &err),
                             UV_EFBIG);
        }
    }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(a_spent_budget_refuses_and_gets_everything_back)
{
    struct buf content = { 0 }, packed = { 0 };

    fill(&content, 100000, 5);
    for (size_t c = 0; c < ARRAY_LEN(codings); c++) {
        packed.len = 0;
        ck_assert_int_eq(deflate_buf(codings[c], 0, buf_bytes(&content), &packed, &err), 0);
        for (uint64_t limit = 0; limit < 100000; limit += 9999) {
            struct budget budget;
            struct block *block;
            size_t len;

            budget_init(&budget, limit, NULL);
            ck_assert_int_eq(inflate_block(codings[c], buf_bytes(&packed), 1 << 20, &budget, &block, &len, &err),
                             UV_ENOMEM);
            ck_assert_uint_eq(budget.used, 0);
        }
    }
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

/* Its size is not known, and to double the block is more than there is. */
START_TEST(a_content_that_just_fits_the_budget_is_read)
{
    struct buf content = { 0 }, packed = { 0 };
    struct budget budget;
    struct block *block;
    size_t len;

    fill(&content, 1000000, 0);
    ck_assert_int_eq(deflate_buf(CODING_ZLIB, 6, buf_bytes(&content), &packed, &err), 0);
    ck_assert_uint_lt(packed.len, content.len / 20);
    budget_init(&budget, content.len + 2 * INFLATE_PAGE, NULL);
    ck_assert_msg(inflate_block(CODING_ZLIB, buf_bytes(&packed), SIZE_MAX, &budget, &block, &len, &err) == 0, "%s",
                  err.text);
    assert_content(block, len, &content);
    block_unref(block);
    ck_assert_uint_eq(budget.used, 0);
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

/* The second needs more room than the first left. */
START_TEST(members_of_unlike_size_are_one_content)
{
    struct buf content = { 0 }, packed = { 0 }, all = { 0 };

    for (size_t i = 0; i < 3; i++) {
        fill(&content, i == 1 ? 900000 : 10, 0);
        buf_put(&all, buf_bytes(&content));
        ck_assert_int_eq(deflate_buf(CODING_GZIP, 9, buf_bytes(&content), &packed, &err), 0);
    }
    for (size_t e = 0; e < ARRAY_LEN(readers); e++)
        expect(readers[e], CODING_GZIP, buf_bytes(&packed), &all);
    buf_free(&content);
    buf_free(&packed);
    buf_free(&all);
}
END_TEST

START_TEST(a_length_that_lies_costs_no_memory)
{
    static const uint8_t snappy_lie[] = { 0xff, 0xff, 0xff, 0x7f, 0x00, 'a' };
    struct buf packed = { 0 };
    struct budget budget;
    struct block *block;
    size_t len;

    budget_init(&budget, UINT64_MAX, NULL);
    ck_assert_int_eq(
        inflate_block(CODING_SNAPPY, bytes_of(snappy_lie, sizeof(snappy_lie)), SIZE_MAX, &budget, &block, &len, &err),
        UV_EINVAL);
    ck_assert_uint_eq(budget.peak, 0);
    /* A member of one byte, then one whose trailer says 2 GiB. */
    ck_assert_int_eq(deflate_buf(CODING_GZIP, 0, bytes_of("x", 1), &packed, &err), 0);
    memcpy(packed.data + packed.len - 4, "\0\0\0\x80", 4);
    ck_assert_int_eq(inflate_block(CODING_GZIP, buf_bytes(&packed), SIZE_MAX, &budget, &block, &len, &err), UV_EINVAL);
    ck_assert_uint_lt(budget.peak, 10000);
    buf_free(&packed);
}
END_TEST

/* What is declared, and is a lie: a size no limit allows, one that so few bytes can hardly hold, windows of gigabytes.
 */
START_TEST(what_a_header_declares_allocates_nothing_that_the_limit_or_the_bytes_do_not_allow)
{
    static const struct {
        enum coding coding;
        size_t len;
        uint8_t bytes[24];
        int code;
    } lies[] = {
        /* zstd: 2^62 bytes of content; one raw block of a byte */
        { CODING_ZSTD, 17, { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 9, 0, 0, 'a' }, UV_EFBIG },
        /* zstd: 900 KiB of content, of the 1 MiB that is allowed; one raw block of a byte */
        { CODING_ZSTD, 13, { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0x10, 0x0e, 0, 9, 0, 0, 'a' }, UV_EINVAL },
        /* zstd: no size, a window of 2^41 bytes */
        { CODING_ZSTD, 10, { 0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 9, 0, 0, 'a' }, UV_EINVAL },
        /* zstd: no size, a window of 2 GiB */
        { CODING_ZSTD, 10, { 0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 9, 0, 0, 'a' }, 0 },
        /* snappy: 4 GiB; 1 GiB; a chunk of 16 MiB in a frame */
        { CODING_SNAPPY, 6, { 0xff, 0xff, 0xff, 0xff, 0x0f, 0 }, UV_EINVAL },
        { CODING_SNAPPY, 6, { 0x80, 0x80, 0x80, 0x80, 0x04, 0 }, UV_EINVAL },
        { CODING_SNAPPY_FRAMED,
          23,
          { 0xff, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y', 0, 9, 0, 0, 1, 2, 3, 4, 0x80, 0x80, 0x80, 8, 0 },
          UV_EINVAL },
    };
    struct budget budget;
    struct block *block;
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        budget_init(&budget, UINT64_MAX, NULL);
        ck_assert_int_eq(
            inflate_block(lies[i].coding, bytes_of(lies[i].bytes, lies[i].len), 1 << 20, &budget, &block, &len, &err),
            lies[i].code);
        ck_assert_uint_le(budget.peak, 8192);
        if (lies[i].code == 0)
            block_unref(block);
    }
}
END_TEST

START_TEST(zstd_frames_in_a_row_and_without_a_size_are_read)
{
    struct buf content = { 0 }, all = { 0 };
    struct block *block;
    size_t len, size = 1 << 20;
    uint8_t *packed = mem_alloc(size);
    ZSTD_outBuffer out = { packed, size, 0 };
    ZSTD_CCtx *z = ZSTD_createCCtx();

    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    for (unsigned i = 0; i < 3; i++) {
        ZSTD_inBuffer in;

        fill(&content, 200000 * i, i);
        buf_put(&all, buf_bytes(&content));
        in = (ZSTD_inBuffer){ content.data, content.len, 0 };
        ck_assert_uint_eq(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
    }
    ck_assert_int_eq(inflate_block(CODING_ZSTD, bytes_of(packed, out.pos), all.len, NULL, &block, &len, &err), 0);
    assert_content(block, len, &all);
    block_unref(block);
    ck_assert_int_eq(inflate_block(CODING_ZSTD, bytes_of(packed, out.pos), all.len - 1, NULL, &block, &len, &err),
                     UV_EFBIG);
    packed[out.pos - 1] ^= 1;
    ck_assert_int_eq(inflate_block(CODING_ZSTD, bytes_of(packed, out.pos), all.len, NULL, &block, &len, &err),
                     UV_EINVAL);
    ZSTD_freeCCtx(z);
    free(packed);
    buf_free(&content);
    buf_free(&all);
}
END_TEST

START_TEST(framed_snappy_follows_its_format)
{
    /* stream, padding, a skippable chunk, "abc" as it is with its masked CRC, stream again */
    static const uint8_t good[] = { 0xff, 6,   0,    0,   's',  'N', 'a', 'P',  'p', 'Y', 0xfe, 2,   0,   0,
                                    0,    0,   0x80, 1,   0,    0,   9,   0x01, 7,   0,   0,    0,   0,   0,
                                    0,    'a', 'b',  'c', 0xff, 6,   0,   0,    's', 'N', 'a',  'P', 'p', 'Y' };
    uint8_t bad[sizeof(good)];
    uint32_t crc = crc32c(0, bytes_of("abc", 3));
    struct block *block;
    size_t len;

    crc = (crc >> 15 | crc << 17) + 0xa282ead8u;
    memcpy(bad, good, sizeof(good));
    memcpy(bad + 25, &crc, 4);
    ck_assert_int_eq(inflate_block(CODING_SNAPPY, bytes_of(bad, sizeof(bad)), 3, NULL, &block, &len, &err), 0);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(block->data, "abc", 3);
    block_unref(block);
    bad[25] ^= 1;
    ck_assert_int_eq(inflate_block(CODING_SNAPPY_FRAMED, bytes_of(bad, sizeof(bad)), 3, NULL, &block, &len, &err),
                     UV_EINVAL);
    ck_assert_str_eq(err.text, "x-snappy-framed: a chunk's checksum is wrong");
    bad[25] ^= 1;
    bad[16] = 0x7f; /* a type that may not be skipped */
    ck_assert_int_eq(inflate_block(CODING_SNAPPY_FRAMED, bytes_of(bad, sizeof(bad)), 3, NULL, &block, &len, &err),
                     UV_EINVAL);
    ck_assert_int_eq(inflate_block(CODING_SNAPPY_FRAMED, bytes_of("abc", 3), 3, NULL, &block, &len, &err), UV_EINVAL);
    ck_assert_str_eq(err.text, "x-snappy-framed: the stream identifier is missing");
}
END_TEST

START_TEST(a_gzip_stream_written_in_pieces_is_one_member)
{
    struct buf content = { 0 }, packed = { 0 };
    struct gzip_stream *s = gzip_stream_new();

    fill(&content, 500000, 15);
    for (size_t at = 0, n = 0; at < content.len; at += n) {
        n = (at * 7 + 1) % 30000;
        if (n > content.len - at)
            n = content.len - at;
        gzip_stream_write(s, bytes_of(content.data + at, n), &packed);
    }
    gzip_stream_end(s, &packed);
    gzip_stream_free(s);
    for (size_t e = 0; e < ARRAY_LEN(readers); e++)
        expect(readers[e], CODING_GZIP, buf_bytes(&packed), &content);
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

START_TEST(several_members_or_frames_are_told_from_one)
{
    static const enum coding both[] = { CODING_GZIP, CODING_ZSTD };
    struct buf content = { 0 };

    fill(&content, 30000, 15);
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct buf packed = { 0 };

        ck_assert_int_eq(deflate_buf(both[i], 0, buf_bytes(&content), &packed, &err), 0);
        ck_assert(coding_is_single(both[i], buf_bytes(&packed), content.len));
        ck_assert(!coding_is_single(CODING_ZLIB, buf_bytes(&packed), content.len));
        ck_assert_int_eq(deflate_buf(both[i], 0, buf_bytes(&content), &packed, &err), 0);
        ck_assert(!coding_is_single(both[i], buf_bytes(&packed), 2 * content.len));
        ck_assert(!coding_is_single(both[i], bytes_of(packed.data, 3), content.len));
        buf_free(&packed);
    }
    buf_free(&content);
}
END_TEST

START_TEST(codings_are_known_by_name_without_case)
{
    ck_assert_int_eq(coding_by_name(bytes_str("GZip")), CODING_GZIP);
    ck_assert_int_eq(coding_by_name(bytes_str("")), CODING_IDENTITY);
    ck_assert_int_eq(coding_by_name(bytes_str("identity")), CODING_IDENTITY);
    ck_assert_int_eq(coding_by_name(bytes_str("deflate")), CODING_ZLIB);
    ck_assert_int_eq(coding_by_name(bytes_str("zlib")), CODING_ZLIB);
    ck_assert_int_eq(coding_by_name(bytes_str("x-snappy-framed")), CODING_SNAPPY_FRAMED);
    ck_assert_int_eq(coding_by_name(bytes_str("br")), CODING_UNKNOWN);
    ck_assert_str_eq(coding_name(CODING_ZLIB), "deflate");
    for (int c = 0; c < CODING_COUNT; c++)
        ck_assert_int_eq(coding_by_name(bytes_str(coding_name((enum coding)c))), c);
}
END_TEST

START_TEST(frames_of_lz4_are_one_content_and_broken_ones_none)
{
    static const uint8_t skipped[] = { 0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z' };
    struct buf content = { 0 }, packed = { 0 };
    struct block *block;
    size_t len, one;

    fill(&content, 700000, 15);
    ck_assert_int_eq(deflate_buf(CODING_LZ4, 0, buf_bytes(&content), &packed, &err), 0);
    one = packed.len;
    buf_append(&packed, skipped, sizeof(skipped));
    ck_assert_int_eq(deflate_buf(CODING_LZ4, 0, buf_bytes(&content), &packed, &err), 0);
    ck_assert_int_eq(inflate_block(CODING_LZ4, buf_bytes(&packed), 1400000, NULL, &block, &len, &err), 0);
    ck_assert_uint_eq(len, 1400000);
    ck_assert_mem_eq(block->data + 700000, content.data, content.len);
    block_unref(block);
    ck_assert_int_eq(inflate_block(CODING_LZ4, buf_bytes(&packed), 1399999, NULL, &block, &len, &err), UV_EFBIG);
    for (size_t cut = 0; cut < one; cut += cut < 40 ? 1 : one / 50)
        ck_assert_int_eq(inflate_block(CODING_LZ4, bytes_of(packed.data, cut), 1400000, NULL, &block, &len, &err),
                         UV_EINVAL);
    packed.data[one - 1] ^= 1; /* the content's checksum */
    ck_assert_int_eq(inflate_block(CODING_LZ4, bytes_of(packed.data, one), 1400000, NULL, &block, &len, &err),
                     UV_EINVAL);
    ck_assert_str_eq(err.text, "lz4: ERROR_contentChecksum_invalid");
    ck_assert_int_eq(inflate_block(CODING_LZ4, bytes_str("abc"), 100, NULL, &block, &len, &err), UV_EINVAL);
    ck_assert_str_eq(err.text, "lz4: the data is cut short");
    buf_free(&content);
    buf_free(&packed);
}
END_TEST

static void *sum_up(void *arg)
{
    (void)arg;
    ck_assert_uint_eq(crc32c_portable(0, bytes_str("123456789")), 0xe3069283u);
    return NULL;
}

/* What the thread sanitizer watches. */
START_TEST(the_first_checksums_may_be_made_on_several_threads)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sum_up, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(crc32c_has_the_known_values)
{
    uint8_t zeros[32] = { 0 };
    struct buf text = { 0 };

    ck_assert_uint_eq(crc32c(0, bytes_str("123456789")), 0xe3069283u); /* RFC 3720's check value */
    ck_assert_uint_eq(crc32c(0, bytes_of(zeros, 32)), 0x8a9136aau);
    ck_assert_uint_eq(crc32c(crc32c(0, bytes_str("1234")), bytes_str("56789")), 0xe3069283u);
    fill(&text, 1003, 50);
    for (size_t len = 0; len < text.len; len += 13)
        ck_assert_uint_eq(crc32c(7, bytes_of(text.data, len)), crc32c_portable(7, bytes_of(text.data, len)));
    buf_free(&text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compress");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_content_in_parts_deflates_as_one);
    tcase_add_test(tc, what_is_deflated_inflates_to_itself_in_every_coding_and_size);
    tcase_add_test(tc, every_level_of_gzip_and_zstd_works);
    tcase_add_test(tc, each_reader_of_gzip_reads_what_each_writer_writes);
    tcase_add_test(tc, several_gzip_members_in_a_row_are_one_content);
    tcase_add_test(tc, gzip_headers_with_every_optional_part_are_read);
    tcase_add_test(tc, data_cut_short_anywhere_is_refused);
    tcase_add_test(tc, bytes_after_the_end_are_refused);
    tcase_add_test(tc, a_wrong_checksum_is_refused);
    tcase_add_test(tc, a_bomb_stops_a_page_after_the_limit);
    tcase_add_test(tc, a_content_of_exactly_the_limit_passes_and_one_byte_more_does_not);
    tcase_add_test(tc, a_spent_budget_refuses_and_gets_everything_back);
    tcase_add_test(tc, a_content_that_just_fits_the_budget_is_read);
    tcase_add_test(tc, members_of_unlike_size_are_one_content);
    tcase_add_test(tc, a_length_that_lies_costs_no_memory);
    tcase_add_test(tc, what_a_header_declares_allocates_nothing_that_the_limit_or_the_bytes_do_not_allow);
    tcase_add_test(tc, zstd_frames_in_a_row_and_without_a_size_are_read);
    tcase_add_test(tc, framed_snappy_follows_its_format);
    tcase_add_test(tc, a_gzip_stream_written_in_pieces_is_one_member);
    tcase_add_test(tc, several_members_or_frames_are_told_from_one);
    tcase_add_test(tc, codings_are_known_by_name_without_case);
    tcase_add_test(tc, frames_of_lz4_are_one_content_and_broken_ones_none);
    tcase_add_test(tc, the_first_checksums_may_be_made_on_several_threads);
    tcase_add_test(tc, crc32c_has_the_known_values);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
