/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/inflate.h"

#include "base/mem.h"
#include "codec/deflate_block.h"
#include "codec/pb.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static struct error err;
static struct buf content, packed;
static uint32_t random_state;

static void setup(void)
{
    random_state = 4711;
}

static void teardown(void)
{
    buf_free(&content);
    buf_free(&packed);
}

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * below >> 32);
}

static void put_noise(size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_putc(&content, (char)draw(256));
}

/* n bytes of what was `distance` before. */
static void put_copy(size_t distance, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_putc(&content, (char)content.data[content.len - distance]);
}

static void read_back(enum coding c)
{
    static const struct gzip_reader *const readers[] = { &gzip_reader_zlib, &gzip_reader_libdeflate };

    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        struct inflate_out o = { .max = content.len, .coding = coding_name(c) };

        ck_assert_msg(readers[i]->inflate(c, buf_bytes(&packed), &o, &err) == 0, "%s: %s", readers[i]->name, err.text);
        ck_assert(bytes_equal(bytes_of(o.block->data, o.len), buf_bytes(&content)));
        block_unref(o.block);
    }
}

static void write_whole(enum coding c)
{
    void *stream = gzip_writer_own.stream_new(c, 0);

    packed.len = 0;
    gzip_writer_own.stream_write(stream, buf_bytes(&content), true, &packed);
    gzip_writer_own.stream_free(stream);
}

static size_t size_by_zlib(void)
{
    z_stream z = { .next_in = content.data, .avail_in = (unsigned)content.len };
    size_t most = content.len + 1000;

    ck_assert_int_eq(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    packed.len = 0;
    z.next_out = buf_reserve(&packed, most);
    z.avail_out = (unsigned)most;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

START_TEST(what_repeats_at_any_distance_and_length_reads_back)
{
    static const size_t distances[] = { 1, 2, 3, 4, 5, 7, 8, 9, 255, 4096, 32767, 32768, 32769, 65536, 65537, 100000 };

    for (unsigned round = 0; round < 60; round++) {
        content.len = 0;
        put_noise(1 + draw(100));
        while (content.len < 400000) {
            size_t distance = distances[draw(ARRAY_LEN(distances))];

            if (draw(3) == 0)
                put_noise(draw(40));
            if (distance <= content.len)
                put_copy(distance, 1 + draw(draw(20) == 0 ? 70000 : 300));
        }
        write_whole(round % 2 ? CODING_ZLIB : CODING_GZIP);
        read_back(round % 2 ? CODING_ZLIB : CODING_GZIP);
    }
}
END_TEST

/* A fifth of it is 32 KiB away from where it was. */
START_TEST(copies_go_as_far_as_the_format_has_it_and_no_farther)
{
    size_t far;

    put_noise(DEFLATE_WINDOW);
    put_copy(DEFLATE_WINDOW, 8000);
    write_whole(CODING_GZIP);
    read_back(CODING_GZIP);
    ck_assert_uint_lt(packed.len, DEFLATE_WINDOW + 1000);
    content.len = 0;
    put_noise(DEFLATE_WINDOW + 1);
    put_copy(DEFLATE_WINDOW + 1, 8000);
    write_whole(CODING_GZIP);
    read_back(CODING_GZIP);
    far = packed.len;
    ck_assert_uint_gt(far, content.len);
}
END_TEST

START_TEST(noise_grows_by_a_few_bytes_in_each_64_kib)
{
    static const size_t sizes[] = { 0, 1, 7, 8, 1000, 65535, 65536, 98304, 98305, 1000000 };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        content.len = 0;
        put_noise(sizes[i]);
        write_whole(CODING_GZIP);
        read_back(CODING_GZIP);
        ck_assert_uint_le(packed.len, content.len + 18 + 2 * 6 * (content.len / 65536 + 1));
    }
}
END_TEST

START_TEST(one_byte_again_and_again_is_next_to_nothing)
{
    for (size_t n = 100000; n <= 100016; n++) {
        content.len = 0;
        memset(buf_reserve(&content, n), 'x', n);
        content.len = n;
        write_whole(CODING_GZIP);
        read_back(CODING_GZIP);
        ck_assert_uint_lt(packed.len, 300);
    }
}
END_TEST

START_TEST(a_content_in_pieces_of_any_size_has_the_same_bytes_as_whole)
{
    void *stream = gzip_writer_own.stream_new(CODING_GZIP, 0);
    struct buf pieces = { 0 };

    for (unsigned i = 0; i < 60000; i++)
        buf_printf(&content, "%u,", i * i);
    write_whole(CODING_GZIP);
    for (size_t most = 1; most < 1u << 20; most *= 7) {
        pieces.len = 0;
        for (size_t at = 0; at < content.len;) {
            size_t n = 1 + draw((uint32_t)most);

            n = n < content.len - at ? n : content.len - at;
            gzip_writer_own.stream_write(stream, bytes_of(content.data + at, n), at + n == content.len, &pieces);
            at += n;
        }
        ck_assert(bytes_equal(buf_bytes(&pieces), buf_bytes(&packed)));
    }
    gzip_writer_own.stream_free(stream);
    buf_free(&pieces);
}
END_TEST

/* More pieces than a block has room for: copies of four bytes, one after another. */
START_TEST(a_block_that_is_full_is_followed_by_another)
{
    put_noise(256);
    while (content.len < 300000)
        put_copy(4 * (1 + (size_t)draw(64)), 4);
    write_whole(CODING_GZIP);
    read_back(CODING_GZIP);
}
END_TEST

/* What it was made for: records of the same fields, with ids, numbers and times that differ. */
static void put_records(unsigned n)
{
    static const char *const keys[] = { "order.id",  "payment.provider", "code.function",
                                        "thread.id", "user.email",       "http.route" };
    static const char *const values[] = { NULL, "adyen", "AcceptOrder", NULL, NULL, "/orders" };

    for (unsigned i = 0; i < n; i++) {
        size_t record = pb_begin(&content, 2), any;
        char text[64];

        pb_put_fixed64(&content, 1, 1760000000000000000u + i * 1000000u + draw(1000000));
        pb_put_uint(&content, 2, 9);
        pb_put_str(&content, 3, "INFO");
        any = pb_begin(&content, 5);
        snprintf(text, sizeof(text), "order %u accepted, payment handed to provider", draw(1000000));
        pb_put_str(&content, 1, text);
        pb_end(&content, any);
        for (unsigned k = 0; k < ARRAY_LEN(keys); k++) {
            size_t pair = pb_begin(&content, 6);

            pb_put_str(&content, 1, keys[k]);
            any = pb_begin(&content, 2);
            snprintf(text, sizeof(text), "user%u@example.com", draw(100000));
            pb_put_str(&content, 1, values[k] != NULL ? values[k] : text);
            pb_end(&content, any);
            pb_end(&content, pair);
        }
        for (unsigned k = 0; k < 3; k++)
            pb_put_fixed64(&content, 20 + k, (uint64_t)draw(UINT32_MAX) << 32 | draw(UINT32_MAX));
        pb_end(&content, record);
    }
}

START_TEST(records_are_no_larger_than_by_zlib_at_its_level_1)
{
    size_t size;

    for (unsigned n = 100; n <= 10000; n *= 10) {
        content.len = 0;
        put_records(n);
        write_whole(CODING_GZIP);
        read_back(CODING_GZIP);
        size = packed.len;
        ck_assert_uint_le(size, size_by_zlib());
    }
}
END_TEST

START_TEST(what_was_written_before_changes_nothing)
{
    void *stream = gzip_writer_own.stream_new(CODING_GZIP, 0);
    struct buf again = { 0 };

    put_records(500);
    for (unsigned round = 0; round < 3; round++) {
        again.len = 0;
        gzip_writer_own.stream_write(stream, buf_bytes(&content), true, &again);
    }
    write_whole(CODING_GZIP);
    ck_assert(bytes_equal(buf_bytes(&again), buf_bytes(&packed)));
    gzip_writer_own.stream_free(stream);
    buf_free(&again);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gzip_own");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, what_repeats_at_any_distance_and_length_reads_back);
    tcase_add_test(tc, copies_go_as_far_as_the_format_has_it_and_no_farther);
    tcase_add_test(tc, noise_grows_by_a_few_bytes_in_each_64_kib);
    tcase_add_test(tc, one_byte_again_and_again_is_next_to_nothing);
    tcase_add_test(tc, a_content_in_pieces_of_any_size_has_the_same_bytes_as_whole);
    tcase_add_test(tc, a_block_that_is_full_is_followed_by_another);
    tcase_add_test(tc, records_are_no_larger_than_by_zlib_at_its_level_1);
    tcase_add_test(tc, what_was_written_before_changes_nothing);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
